"""Patrols in the detail panel: what a grid cell says of them, and one patrol with what it found. Never a track."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.errors import NotFound
from ioc.patrols.coverage import coverage
from ioc.store import detail_parts as parts
from ioc.store import patrols
from ioc.store.detail_parts import Asked, Part, both, field

RECENT = 5


def of_cell(asked: Asked, grid_cell_id: int) -> tuple[list[Part], list[Part]]:
    """(fields, links) of a grid cell: last patrol, share of the plan, the latest few."""
    rows = patrols.coverage_rows(asked.conn, asked.scope, None, asked.now, cell=grid_cell_id)
    row: Mapping[str, Any] = rows[0] if rows else {"last_at": None, "done": 0, "planned": 0.0, "missed": 0}
    found = coverage(row["last_at"], row["done"], row["planned"], asked.now, asked.tz)
    words = "patrol_of_plan" if found.planned else "patrol_no_plan"
    fields = [
        field("patrol_last", row["last_at"] or both("detail.patrol_never")),
        field("patrol_week", both(f"detail.{words}", done=found.done, planned=f"{found.planned:g}")),
    ]
    if found.days_since is not None:
        fields.insert(1, field("patrol_days", found.days_since, "d"))
    if row["missed"]:
        fields.append(field("patrol_missed", row["missed"]))
    recent = patrols.listed(asked.conn, asked.scope, {"grid_cell_id": grid_cell_id}, RECENT)
    return fields, [_link(asked, r) for r in recent]


def _link(asked: Asked, row: Mapping[str, Any]) -> Part:
    at = row["begun_at"].astimezone(asked.tz)
    person = parts.masked(row["person"], asked.scope)
    sub = both("detail.patrol_line", person=person, at=f"{at:%m-%d %H:%M}", km=f"{row['distance_m'] / 1000:.1f}")
    return {
        "key": f"patrol:{row['patrol_id']}", "icon": "check", "title": both(f"detail.patrol_kind_{row['kind']}"),
        "sub": sub,
    }  # fmt: skip


def patrol(asked: Asked, name: str) -> Part:
    """One patrol. Raises NotFound, also outside the scope."""
    row = patrols.one(asked.conn, asked.scope, parts.row_id(name))
    if row is None:
        raise NotFound(name, name)
    cell = {"zh": row["grid_name"] or "—", "en": row["grid_name"] or "—"}
    sel = f"grid:{row['grid_cell_id']}" if row["grid_cell_id"] is not None else ""
    found = patrols.findings(asked.conn, asked.scope, row["patrol_id"]) if asked.scope.can("event.view") else []
    place = found[0] if found else {"lon": None, "lat": None}
    return {
        **parts.common(asked, {**row, "lon": place["lon"], "lat": place["lat"]}, ""),
        "title": both("detail.patrol_title", kind=both(f"detail.patrol_kind_{row['kind']}"), cell=cell),
        "number": f"#{row['patrol_id']}",
        "icon": "check",
        "source": parts.source_of(asked.conn, "patrol", row["ended_at"] or row["begun_at"], None),
        "fields": [
            field("patrol_person", parts.masked(row["person"], asked.scope)),
            field("patrol_grid", row["grid_code"] or "—", sel=sel),
            field("patrol_begun", row["begun_at"]),
            field("patrol_ended", row["ended_at"] or both("detail.patrol_under_way")),
            field("patrol_distance", f"{row['distance_m'] / 1000:.2f}", "km"),
            field("patrol_points", row["points"]),
            *([field("patrol_jumps", row["jumps"])] if row["jumps"] else []),
            field("patrol_inside", row["inside"]),
            *([field("patrol_visits", row["visits"])] if row["visits"] else []),
            *([field("patrol_note", row["note"])] if row["note"] else []),
        ],
        "links": [
            {"key": f"event:{f['event_id']}", "icon": "pin", "title": f["title"], "sub": f["description"][:60]}
            for f in found
        ],
    }
