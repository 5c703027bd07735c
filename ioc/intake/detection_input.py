"""A detection as video analysis reports it: every field checked, every reason given. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field

from ioc.dictionaries import Dictionary, Entry
from ioc.errors import Reason
from ioc.intake import fields
from ioc.intake.event_input import Reader
from ioc.intake.fields import TimeRules, blank
from ioc.intake.reasons import Refuse, reason
from ioc.intake.vocabulary import Vocabulary

TABLE = "detection_type"
THRESHOLD = 0.8  # where an installation's own type names none
MAX_BOXES = 64
URGENCIES = ("routine", "urgent", "critical")


class DetectionIn(BaseModel):
    """The body of `POST /api/v1/detections`. Fields that are not listed are kept under `attributes`."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(max_length=200, description="the platform's own id; together with the source the natural key")
    source: str | None = Field(default=None, max_length=100, description="only where the token is bound to no source")
    algorithm: str = Field(description="code, name or alias of a detection type", examples=["illegal_parking"])
    confidence: float = Field(ge=0, le=1)
    camera: str | int | None = Field(default=None, description="20-digit national id, external id or our device id")
    occurred_at: str | int = Field(description="ISO 8601, or epoch milliseconds")
    title: str | None = Field(default=None, max_length=200, description="default: the type's name and the camera's")
    description: str = Field(default="", max_length=4000)
    picture: str | None = Field(default=None, description="base64 of a JPEG, PNG or WebP; or a part `picture`")
    picture_url: str | None = Field(default=None, max_length=1000, description="kept as text, never fetched")
    boxes: list[list[float]] = Field(default_factory=list, description="[x, y, width, height], shares of the picture")
    lon: float | None = Field(default=None, description="where it happened; default: the camera's place")
    lat: float | None = None
    crs: str | None = None
    address: str = Field(default="", max_length=500)
    attributes: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DetectionDraft:
    """A checked detection, not yet at a camera."""

    source_id: str
    algorithm: Entry
    confidence: float
    camera: str
    occurred_at: dt.datetime
    title: str
    description: str
    address: str
    place: Mapping[str, Any]  # lon, lat, crs as delivered; empty: the camera's
    boxes: Sequence[Sequence[float]]
    picture_url: str
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def threshold(self) -> float:
        return threshold_of(self.algorithm)


def threshold_of(entry: Entry) -> float:
    """The confidence from which on a detection needs no look before it becomes a suspected event."""
    value = entry.attributes.get("threshold", THRESHOLD)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else THRESHOLD


def urgency_of(entry: Entry) -> str:
    word = str(entry.attributes.get("urgency", "routine"))
    return word if word in URGENCIES else "routine"


def check_detection(payload: Mapping[str, Any], words: Vocabulary, rules: TimeRules) -> DetectionDraft | list[Reason]:
    """The draft, or every reason against the payload. The picture is not looked at here."""
    r = Reader(payload)
    text = fields.text
    source_id = r.required("id", lambda v: text(v, 200))
    algorithm = r.required("algorithm", lambda v: _algorithm(words.tables.get(TABLE, Dictionary([])), v))
    confidence = r.required("confidence", lambda v: fields.number(v, 0, 1))
    occurred = r.required("occurred_at", lambda v: fields.time(v, rules))
    camera = r.optional("camera", lambda v: text(v, 200), "")
    place = {n: payload[n] for n in ("lon", "lat", "crs") if not blank(payload.get(n))}
    if not camera and not place:
        r.reasons.append(reason("camera", "missing_place"))
    rest: dict[str, Any] = {
        "title": r.optional("title", lambda v: text(v, 200), ""),
        "description": r.optional("description", lambda v: text(v, 4000), ""),
        "address": r.optional("address", lambda v: text(v, 500), ""),
        "boxes": r.optional("boxes", _boxes, []),
        "picture_url": r.optional("picture_url", lambda v: text(v, 1000), ""),
        "attributes": {**_extra(payload), **r.optional("attributes", _object, {})},
    }
    if r.reasons or source_id is None or algorithm is None or confidence is None or occurred is None:
        return r.reasons
    return DetectionDraft(source_id, algorithm, confidence, camera, occurred, place=place, **rest)


def _algorithm(table: Dictionary, value: Any) -> Entry:
    entry = table.find(fields.text(value, 100))
    if entry is None or entry.attributes.get("enabled") is False:
        raise Refuse("unknown_algorithm")
    return entry


def _boxes(value: Any) -> list[list[float]]:
    wrong = Refuse("bad_boxes", limit=MAX_BOXES)
    if not isinstance(value, list) or len(cast("list[Any]", value)) > MAX_BOXES:
        raise wrong
    out: list[list[float]] = []
    for box in cast("list[Any]", value):
        if not isinstance(box, list) or len(cast("list[Any]", box)) != 4:
            raise wrong
        try:
            x, y, w, h = (fields.number(v, 0, 1) for v in cast("list[Any]", box))
        except Refuse:
            raise wrong from None
        # a hair beyond the edge is rounding
        if w == 0 or h == 0 or x + w > 1.001 or y + h > 1.001:
            raise wrong
        out.append([round(v, 5) for v in (x, y, w, h)])
    return out


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refuse("bad_object")
    return cast("dict[str, Any]", value)


def _extra(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in payload.items() if k not in DetectionIn.model_fields and not blank(v)}
