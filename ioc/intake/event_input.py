"""An event as it is reported: every field checked, every reason given. Pure; used by REST and by files alike."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ioc import geo
from ioc.errors import Reason
from ioc.intake import fields
from ioc.intake.fields import TimeRules, blank
from ioc.intake.reasons import Refuse, reason
from ioc.intake.vocabulary import Vocabulary

T = TypeVar("T")
# A report may come in late (a paper log is typed in); events are kept for the retention of histories.
SOURCE_NAME = re.compile(r"^[^\x00-\x1f/\\]{1,100}$")
# In JSON text: the escape itself, not one that is escaped.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
STATUSES = ("open", "closed", "void")


class CategoryIn(BaseModel):
    """A code of a category table: `gbt30428` (GB/T 30428.2), `gbt35561`, `12345`, or one of the centre's own."""

    scheme: str = Field(examples=["gbt30428"])
    code: str = Field(examples=["0505"])


class EventIn(BaseModel):
    """The body of `POST /api/v1/events`. Fields that are not listed are kept under `attributes`."""

    model_config = ConfigDict(extra="allow")

    source: str = Field(max_length=100, description="name of the reporting system", examples=["grid-app"])
    source_id: str = Field(max_length=200, description="its own id; together with `source` the natural key")
    title: str = Field(max_length=200)
    description: str = Field(default="", max_length=4000)
    category: CategoryIn | None = None
    urgency: str = Field(description="routine 一般, urgent 紧急, critical 特急", examples=["urgent"])
    incident_level: int | None = Field(default=None, description="1-4 (Ⅰ–Ⅳ): 初判级别 of a 突发事件")
    status: str | None = Field(default=None, description="open (default), closed, void")
    suspected: bool = Field(default=False, description="疑似: counted apart until verified")
    lon: float | None = Field(default=None, description="x: longitude, or easting for a projected crs")
    lat: float | None = Field(default=None, description="y: latitude, or northing for a projected crs")
    crs: str | None = Field(default=None, description="of lon/lat: EPSG:4490, EPSG:4326, EPSG:4546, GCJ-02, BD-09")
    region: str | None = Field(default=None, description="region code; only where no lon/lat is known")
    address: str = Field(default="", max_length=500)
    occurred_at: str | int = Field(description="ISO 8601, or epoch milliseconds")
    device: str | None = Field(default=None, description="external or national id of the device that reported it")
    sensitivity: int = Field(default=0, ge=0, le=2, description="0 public, 1 internal, 2 sensitive")
    department: str | None = Field(default=None, description="restricts the event to one department")
    attributes: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventDraft:
    """A checked event, located in space by coordinates (degrees, as stored) but not yet in regions."""

    source: str
    source_id: str
    title: str
    description: str
    category_scheme: str
    category_code: str
    urgency: str
    incident_level: int | None
    status: str | None
    suspected: bool
    occurred_at: dt.datetime
    address: str
    lon: float | None
    lat: float | None
    x_orig: float | None
    y_orig: float | None
    crs_orig: str | None
    region_code: str | None
    device: str | None
    sensitivity: int
    private_to: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


_FIELDS = frozenset(EventIn.model_fields)


class Reader:
    """Reads fields of one record and collects the reasons against it. Shared by every kind of record."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.reasons: list[Reason] = []

    def refuse(self, name: str, code: str, value: object = None, /, **values: object) -> None:
        self.reasons.append(reason(name, code, self.record.get(name) if value is None else value, **values))

    def required(self, name: str, parse: Callable[[Any], T]) -> T | None:
        value = self.record.get(name)
        if blank(value):
            self.reasons.append(reason(name, "missing_field"))
            return None
        return self.parsed(name, value, parse)

    def optional(self, name: str, parse: Callable[[Any], T], default: T) -> T:
        value = self.record.get(name)
        if value is None or value == "" or blank(value):
            return default
        out = self.parsed(name, value, parse)
        return default if out is None else out

    def parsed(self, name: str, value: Any, parse: Callable[[Any], T]) -> T | None:
        try:
            return parse(value)
        except Refuse as e:
            self.reasons.append(e.of(name, value))
            return None


def source_name(value: Any) -> str:
    word = fields.text(value, 100)
    if not SOURCE_NAME.match(word):
        raise Refuse("bad_text")
    return word


def choice(words: Vocabulary, table: str, code: str) -> Callable[[Any], str]:
    return lambda value: words.find(table, fields.text(value, 100), code).code


def check_event(
    payload: Mapping[str, Any], words: Vocabulary, rules: TimeRules, *, default_urgency: str = "", placed: bool = False
) -> EventDraft | list[Reason]:
    """The draft, or every reason against the payload.

    `default_urgency` is for files that have no such column; `placed`: the caller sees to the coordinates.
    """
    r = Reader(payload)
    source = r.required("source", source_name)
    source_id = r.required("source_id", lambda v: fields.text(v, 200))
    title = r.required("title", lambda v: fields.text(v, 200))
    urgency_of = choice(words, "urgency", "unknown_urgency")
    urgency = (
        r.optional("urgency", urgency_of, default_urgency) if default_urgency else r.required("urgency", urgency_of)
    )
    occurred = r.required("occurred_at", lambda v: fields.time(v, rules))
    place = _no_place() if placed else _place(r)
    scheme, code = _category(r, words)
    extra = {k: v for k, v in payload.items() if k not in _FIELDS and not blank(v)}
    text = fields.text
    rest = {
        "description": r.optional("description", lambda v: text(v, 4000), ""),
        "address": r.optional("address", lambda v: text(v, 500), ""),
        "incident_level": r.optional("incident_level", _level, None),
        "status": r.optional("status", _status, None),
        "suspected": r.optional("suspected", fields.flag, False),
        "device": r.optional("device", lambda v: text(v, 200), None),
        "sensitivity": r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), 0),
        "private_to": r.optional("department", lambda v: text(v, 100), None),
        "attributes": {**extra, **r.optional("attributes", _object, {})},
    }
    _storable(r, payload, extra)
    if r.reasons or source is None or source_id is None or title is None or not urgency or occurred is None:
        return r.reasons
    return EventDraft(
        source=source,
        source_id=source_id,
        title=title,
        urgency=urgency,
        occurred_at=occurred,
        category_scheme=scheme,
        category_code=code,
        **place,
        **cast("dict[str, Any]", rest),
    )


def _level(value: Any) -> int | None:
    return fields.level(value)


def _status(value: Any) -> str | None:
    word = fields.text(value, 20)
    if word not in STATUSES:
        raise Refuse("bad_choice", choices=", ".join(STATUSES))
    return word


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refuse("bad_object")
    return cast("dict[str, Any]", value)


def _storable(r: Reader, payload: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
    """PostgreSQL keeps no NUL in text, nor in the text of a JSON value."""
    for name in ("attributes", *extra):
        value = payload.get(name)
        plain = value is None or isinstance(value, bool | int | float)
        if not plain and _NUL.search(json.dumps([name, value], default=str)):
            r.refuse(name, "bad_text", str(value)[:100])


def _category(r: Reader, words: Vocabulary) -> tuple[str, str]:
    given = r.record.get("category")
    if blank(given):
        return "", ""
    if not isinstance(given, dict):
        r.refuse("category", "bad_object")
        return "", ""
    item = cast("dict[str, Any]", given)
    missing = [name for name in ("scheme", "code") if blank(item.get(name))]
    for name in missing:
        r.reasons.append(reason(f"category.{name}", "missing_field"))
    if missing:
        return "", ""
    try:
        return words.category(fields.text(item["scheme"], 50), fields.text(item["code"], 50))
    except Refuse as e:
        where = "category.scheme" if e.code == "unknown_scheme" else "category.code"
        r.reasons.append(e.of(where, item["scheme"] if where.endswith("scheme") else item["code"]))
        return "", ""


def _no_place() -> dict[str, Any]:
    return dict.fromkeys(("lon", "lat", "x_orig", "y_orig", "crs_orig", "region_code"))


def _place(r: Reader) -> dict[str, Any]:
    """Coordinates as stored and as delivered; without any, the region that is named instead."""
    region = r.optional("region", lambda v: fields.text(v, 50), None)
    out: dict[str, Any] = {**_no_place(), "region_code": region}
    if region is not None and blank(r.record.get("lon")) and blank(r.record.get("lat")):
        return out
    x, y = r.required("lon", fields.number), r.required("lat", fields.number)
    system = r.required("crs", fields.crs)
    if x is None or y is None or system is None:
        return out
    wrong = fields.coordinates_fit(x, y, system)
    if wrong:
        r.refuse("lon" if wrong != "out_of_range" else "lat", wrong, f"{x}, {y}", crs=system, low=-90, high=90)
        return out
    lon, lat = geo.to_wgs84(np.array([x]), np.array([y]), system)
    return {**out, "lon": float(lon[0]), "lat": float(lat[0]), "x_orig": x, "y_orig": y, "crs_orig": system}
