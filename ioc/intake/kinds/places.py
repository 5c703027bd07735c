"""Regions of four levels and functional zones, and grid cells with their officers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.errors import Reason
from ioc.intake import fields
from ioc.intake.columns import GRIDS, REGIONS
from ioc.intake.event_input import Reader, choice
from ioc.intake.kinds import Context, Kind, Values
from ioc.intake.reasons import Refuse, reason
from ioc.store import gridding
from ioc.store.merge import Target
from ioc.store.pool import Conn

_SPLIT = re.compile(r"[,，;；、|\s]+")
_ZONE = re.compile(r"[0-9A-Za-z\-]{3,20}")

REGION = Target(
    table="region",
    id="region_id",
    key=("code",),
    columns={
        "code": "text",
        "name": "text",
        "name_en": "text",
        "kind": "text",
        "members": "text[]",
        "sketch": "boolean",
        "population": "int",
        "search": "text",
        "source": "text",
        "attributes": "jsonb",
    },
    shape="area",
)
GRID = Target(
    table="grid_cell",
    id="grid_cell_id",
    key=("source", "kind", "code"),
    columns={
        "source": "text",
        "kind": "text",
        "code": "text",
        "name": "text",
        "region_id": "int",
        "department": "text",
        "officers": "jsonb",
        "private_to": "text",
        "sensitivity": "smallint",
        "search": "text",
        "attributes": "jsonb",
    },
    shape="area",
)


def region_code(value: Any) -> str:
    """12 digits; 6 and 9 digits are filled up; anything else only as a zone's own code."""
    word = fields.text(value, 50)
    if re.fullmatch(r"\d{12}|\d{9}|\d{6}", word):
        return word.ljust(12, "0")
    if not _ZONE.fullmatch(word):
        raise Refuse("bad_code")
    return word


def level_of(code: str) -> str | None:
    if not re.fullmatch(r"\d{12}", code):
        return None
    if code.endswith("00000000"):
        return "city"
    return "county" if code.endswith("000000") else "town" if code.endswith("000") else "village"


def upper_code(code: str, kind: str) -> str:
    """The code of the level above, as GB/T 2260 and GB/T 10114 build codes; only to find a parent nobody named."""
    kept = {"village": 9, "town": 6, "county": 4}.get(kind, 0)
    return code[:kept].ljust(12, "0") if kept and len(code) == 12 else ""


def check_region(r: Reader, context: Context, extra: dict[str, Any]) -> Values | None:
    code = r.required("code", region_code)
    name = r.required("name", lambda v: fields.text(v, 100))
    kind = r.optional("kind", choice(context.words, "region_kind", "unknown_kind"), "") or (level_of(code or "") or "")
    if code and not kind and not r.reasons:
        r.reasons.append(reason("kind", "missing_field"))
    if code and kind and kind != "zone" and len(code) != 12:
        r.refuse("code", "bad_code", code)
    parent = r.optional("parent", region_code, "")
    members = r.optional("members", lambda v: [region_code(m) for m in _SPLIT.split(fields.text(v, 20_000)) if m], [])
    out: Values = {
        "code": code,
        "name": name,
        "kind": kind,
        "name_en": r.optional("name_en", lambda v: fields.text(v, 200), ""),
        "members": members,
        "population": r.optional("population", _population, None),
        "sketch": r.optional("sketch", fields.flag, False),
        "source": context.source,
    }
    if r.reasons or not code:
        return None
    if parent and parent not in context.codes:
        r.refuse("parent", "unknown_parent", parent, parent=parent)
    unknown = [m for m in members if m not in context.codes]
    if unknown:
        r.refuse("members", "unknown_region", " ".join(unknown))
    if r.reasons:
        return None
    inferred = upper_code(code, kind)
    up = parent or (inferred if inferred in context.codes and inferred != code else "")
    out["attributes"] = {**extra, "parent": up}
    out["search"] = f"{name} {out['name_en']} {code}"
    return out


def _population(value: Any) -> int | None:
    return fields.integer(value, 0, 2_000_000_000)


def region_columns(context: Context) -> Sequence[str]:
    given = [n for n in ("name_en", "members", "population", "sketch") if n in context.present]
    return ("code", "name", "kind", "search", "source", "attributes", *given)


def survey_regions(rows: Sequence[Mapping[str, Any]], context: Context) -> None:
    """Codes of the file itself count as parents, whatever the order of its rows."""
    for row in rows:
        try:
            context.codes.add(region_code(row.get("code", "")))
        except Refuse:
            continue  # refused with its reason when its own turn comes


def orphans(conn: Conn, rows: Sequence[Values], context: Context) -> Mapping[int, Reason]:
    """Rows whose named parent was itself refused, and theirs in turn."""
    there = {row["code"] for row in conn.execute("SELECT code FROM region").fetchall()}
    left = dict(enumerate(rows))
    out: dict[int, Reason] = {}
    while True:
        known = there | {row["code"] for row in left.values()}
        lost = {i: r for i, r in left.items() if r["attributes"]["parent"] and r["attributes"]["parent"] not in known}
        if not lost:
            return out
        for i, row in lost.items():
            parent = row["attributes"]["parent"]
            out[i] = reason("parent", "unknown_parent", parent, parent=parent)
            del left[i]


_PARENTS = """
UPDATE region t SET parent_id = p.region_id FROM done d, region p
WHERE d.id = t.region_id AND p.code = nullif(t.attributes ->> 'parent', '')
  AND t.parent_id IS DISTINCT FROM p.region_id
"""
# The middle for labels and fly-to: always inside the polygon.
_CENTRES = """
UPDATE region t SET center = ST_PointOnSurface(t.geom) FROM done d
WHERE d.id = t.region_id AND t.geom IS NOT NULL
"""


def after_regions(conn: Conn, context: Context) -> None:
    conn.execute(_PARENTS)
    conn.execute(_CENTRES)
    conn.execute("SELECT ioc_rebuild_region_closure()")


def after_grids(conn: Conn, context: Context) -> None:
    context.touched = gridding.join(context.touched, gridding.touched(conn))


def check_grid(r: Reader, context: Context, extra: dict[str, Any]) -> Values | None:
    code = r.required("code", lambda v: fields.text(v, 50))
    kind = r.optional("kind", choice(context.words, "grid_kind", "unknown_kind"), "general")
    name = r.optional("name", lambda v: fields.text(v, 200), code or "")
    officers = _officers(r)
    out: Values = {
        "source": context.source,
        "code": code,
        "kind": kind,
        "name": name,
        "officers": officers,
        "department": r.optional("department", _text, None),
        "private_to": r.optional("private_to", _text, None),
        "sensitivity": r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), 0),
    }
    if r.reasons:
        return None
    given = r.optional("region_given", lambda v: fields.text(v, 50), "")
    out["attributes"] = {**extra, **({"region_given": given} if given else {})}
    out["search"] = " ".join([name, code or "", *(o["name"] for o in officers)])
    return out


def _text(value: Any) -> str | None:
    return fields.text(value, 100)


def _officers(r: Reader) -> list[dict[str, str]]:
    """One or several names in a cell, phone numbers beside them in the same order; phones are masked at once."""
    names = r.optional("officer", lambda v: [n for n in _SPLIT.split(fields.text(v, 500)) if n], [])
    phones = r.optional("phone", lambda v: [p for p in re.split(r"[,，;；、|\s]+", fields.text(v, 500)) if p], [])
    role = r.optional("role", lambda v: fields.text(v, 50), "")
    return [
        {"name": name, "phone_masked": fields.mask_phone(phones[i]) if i < len(phones) else "", "role": role}
        for i, name in enumerate(names)
    ]


def grid_columns(context: Context) -> Sequence[str]:
    given = [n for n in ("department", "private_to", "sensitivity") if n in context.present]
    people = ["officers"] if "officer" in context.present else []
    return ("source", "code", "kind", "name", "region_id", "search", "attributes", *given, *people)


REGIONS_KIND = Kind(
    key="regions",
    fields=REGIONS,
    place="optional_polygon",
    target=REGION,
    required=("code", "name"),
    check=check_region,
    columns=region_columns,
    layers=lambda context: ("region",),
    classes=("region",),
    id_field="code",
    before=orphans,
    after=after_regions,
    survey=survey_regions,
)
GRIDS_KIND = Kind(
    key="grids",
    fields=GRIDS,
    place="polygon",
    target=GRID,
    required=("code",),
    check=check_grid,
    columns=grid_columns,
    layers=lambda context: ("grid_cell",),
    classes=("grid_cell",),
    id_field="code",
    after=after_grids,
)
