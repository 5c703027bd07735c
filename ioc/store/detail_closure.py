"""A closed road in the detail panel: why, from when until when, for whom, by whom."""

from __future__ import annotations

from ioc.command.roads import VEHICLES
from ioc.errors import NotFound
from ioc.store import closures
from ioc.store import detail_parts as parts
from ioc.store.detail_parts import Asked, Part, both, field


def closure(asked: Asked, name: str) -> Part:
    """Raises NotFound."""
    rows = closures.listed(asked.conn, asked.scope, asked.now, closure_id=parts.row_id(name))
    if not rows:
        raise NotFound(name, name)
    row = rows[0]
    every = len(row["vehicles"]) == len(VEHICLES)
    words = [parts.word(asked.conn, "road_vehicle", v) for v in row["vehicles"]]
    vehicles = {"zh": "、".join(w["zh"] for w in words), "en": ", ".join(w["en"] for w in words)}
    ends = row["ended_at"] or row["valid_to"] or both("detail.closure_open")
    place = row["region_name"]
    return {
        "title": both("detail.closure_title", reason={"zh": row["reason"], "en": row["reason"]}),
        "icon": "warn",
        "origin": row["origin"],
        "number": f"#{row['closure_id']}",
        "place": {"zh": place, "en": place} if place else "",
        "fields": [
            field("closure_from", row["valid_from"]),
            field("closure_until", ends),
            field("closure_vehicles", both("detail.closure_all") if every else vehicles),
            field("closure_edges", row["edges"]),
            field("closure_by", row["actor_name"] or row["actor"]),
        ],
    }
