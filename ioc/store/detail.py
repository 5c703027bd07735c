"""Everything the detail panel shows about one thing, by key: `device:1`, `event:1`, `case:1`, `grid:1`, `resource:1`,
`target:1`, `region:CODE`, `feature:1`, `building:1`, `warning:1`, `alarm:1`, `alarm_group:1`, and `cell:LAYER:H3`
for a cell of the overview.

What lies outside the scope is not found, exactly like what does not exist.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import LiteralString
from zoneinfo import ZoneInfo

from psycopg import sql

from ioc.errors import NotFound
from ioc.scope import Scope
from ioc.store import detail_closure, detail_drone, detail_grid, detail_incident, detail_patrol
from ioc.store import detail_parts as parts
from ioc.store.cells import device_counts
from ioc.store.detail_alarm import alarm, group, with_alarms
from ioc.store.detail_building import building
from ioc.store.detail_device import device
from ioc.store.detail_parts import SHANGHAI, Asked, Part, Row, both, field
from ioc.store.detail_resource import resource
from ioc.store.detail_target import target
from ioc.store.detail_work import case, event
from ioc.store.pool import Conn
from ioc.store.regions import Regions
from ioc.store.where import visible


def detail(conn: Conn, regions: Regions, scope: Scope, key: str, now: dt.datetime, tz: ZoneInfo = SHANGHAI) -> Part:
    """The panel of `key` on one transaction under `scope`. Raises NotFound, and Forbidden for a missing right."""
    kind, _, name = key.partition(":")
    known = _KINDS.get(kind)
    if known is None or not name:
        raise NotFound(key, key)
    permission, build = known
    scope.require(permission)
    asked = Asked(conn, scope, regions, now, tz)
    return {"key": key, "type": kind, **build(asked, name)}


# ---------------------------------------------------------------- grids, features, warnings


def _grid(asked: Asked, name: str) -> Part:
    row = parts.one_row(
        asked,
        "SELECT g.*, ST_X(ST_PointOnSurface(g.geom)) AS lon, ST_Y(ST_PointOnSurface(g.geom)) AS lat,"
        " k.zh, k.en FROM grid_cell g LEFT JOIN dictionary_now k ON k.dict = 'grid_kind' AND k.code = g.kind"
        " WHERE g.grid_cell_id = %(id)s AND {seen}",
        "g",
        name,
    )
    fields = [
        field("kind", parts.named(row, row["kind"])),
        field("code", row["code"]),
        field("department", row["department"]),
        *_sketch(row),
    ]
    walked, patrols = detail_patrol.of_cell(asked, row["grid_cell_id"])
    return {
        **parts.common(asked, row, row["name"]),
        "number": row["code"],
        "icon": "grid",
        "fields": [
            *fields,
            *detail_grid.numbers(asked, row["grid_cell_id"]),
            *_inside(asked, row["grid_cell_id"]),
            *walked,
            *parts.attributes({**row, "attributes": detail_grid.others(row["attributes"])}, asked.scope),
        ],
        "officers": parts.officer_links(row, asked.scope),
        "links": patrols,
    }


def _inside(asked: Asked, grid_cell_id: int) -> list[Part]:
    """Devices standing in the cell, by class."""
    if not asked.scope.can("device.view"):
        return []
    seen, params = visible(asked.scope, "d")
    query = sql.SQL(
        "SELECT count(*) FILTER (WHERE d.class = 'camera') AS cameras,"
        " count(*) FILTER (WHERE d.class = 'sensor') AS sensors"
        " FROM grid_cell g JOIN device d ON d.geom && g.geom AND ST_Covers(g.geom, d.geom)"
        " WHERE g.grid_cell_id = %(id)s AND {}"
    ).format(seen)
    row = asked.conn.execute(query, {**params, "id": grid_cell_id}).fetchone() or {"cameras": 0, "sensors": 0}
    return [field("cameras", row["cameras"]), field("sensors", row["sensors"])]


def _thematic(asked: Asked, name: str) -> Part:
    row = parts.one_row(
        asked,
        "SELECT f.*, t.title AS layer_title, t.title_en AS layer_en, t.source, t.as_of, t.interval_s,"
        " ST_X(ST_PointOnSurface(f.geom)) AS lon, ST_Y(ST_PointOnSurface(f.geom)) AS lat"
        " FROM thematic_feature f JOIN thematic_layer t USING (layer_id) WHERE f.feature_id = %(id)s AND {seen}",
        "f",
        name,
    )
    layer = {"zh": row["layer_title"], "en": row["layer_en"] or row["layer_title"]}
    return {
        **parts.common(asked, row, row["name"] or row["layer_title"]),
        "number": row["external_id"],
        "icon": "layers",
        "source": parts.source_of(asked.conn, row["source"], row["as_of"], row["interval_s"]),
        "fields": [field("layer", layer), *parts.attributes(row, asked.scope)],
    }


def _warning(asked: Asked, name: str) -> Part:
    row = asked.conn.execute(
        "SELECT w.* FROM warning w WHERE w.warning_id = %(id)s AND (%(whole)s OR w.region_ids = '{}'"
        " OR w.region_ids && ARRAY("
        " SELECT u.ancestor_id FROM region_closure u WHERE u.descendant_id = ANY (%(regions)s::int[])))",
        {"id": parts.row_id(name), "whole": asked.scope.whole, "regions": sorted(asked.scope.region_ids)},
    ).fetchone()
    if row is None:
        raise NotFound(name, name)
    return {
        "title": {"zh": row["kind"], "en": row["kind_en"] or row["kind"]},
        "icon": "flag",
        "origin": row["origin"],
        "number": row["source_id"],
        "place": row["area"],
        "colour": row["colour"],
        "fields": [
            field("warning_status", both(f"detail.warning_status_{_warning_state(row, asked.now)}")),
            field("warning_note", {"zh": row["note"], "en": row["note_en"] or row["note"]}),
            *([field("warning_instruction", row["instruction"])] if row["instruction"] else []),
            field("warning_sender", row["sender"]),
            field("onset", row["onset_at"]),
            *([field("event_onset", row["event_onset_at"])] if row["event_onset_at"] else []),
            field("expires", row["expires_at"]),
            *([field("warning_ended", row["ended_at"])] if row["ended_at"] else []),
            *_judged(asked, row),
        ],
        "links": detail_incident.of_warning(asked, row["warning_id"]),
        "in_force": _warning_state(row, asked.now) in ("active", "upcoming"),
        **_to_judge(asked, row),
    }


def _judgeable(row: Row, now: dt.datetime) -> bool:
    return not row["exercise"] and row["status"] != "replaced" and row["onset_at"] <= now


def _judged(asked: Asked, row: Row) -> list[Part]:
    """What became of it (EMG-13), and by whose word."""
    found = asked.conn.execute(
        "SELECT outcome, occurred_at, evidence, actor FROM warning_judged WHERE warning_id = %s", (row["warning_id"],)
    ).fetchone()
    if found is None or not found["outcome"]:
        return [field("warning_check", both("screens.code.outcome.waiting"))] if _judgeable(row, asked.now) else []
    out = [field("warning_check", both(f"screens.code.outcome.{found['outcome']}"))]
    out += [field("warning_happened", found["occurred_at"])] if found["occurred_at"] else []
    return [*out, field("warning_judge", "：".join(p for p in (found["actor"], found["evidence"]) if p))]


def _to_judge(asked: Asked, row: Row) -> Part:
    if not asked.scope.can("incident.confirm") or not _judgeable(row, asked.now):
        return {}
    return {"todo": {"warning_id": row["warning_id"], "number": row["source_id"]}}


def _warning_state(row: Row, now: dt.datetime) -> str:
    """By the clock, not by when somebody looked last."""
    if row["status"] == "active" and row["onset_at"] > now:
        return "upcoming"
    over = row["status"] == "active" and row["expires_at"] is not None and row["expires_at"] <= now
    return "expired" if over else str(row["status"])


# ---------------------------------------------------------------- regions and cells


def _sketch(row: Row) -> list[Part]:
    return [field("sketch", both("detail.sketch_yes"))] if row["sketch"] else []


def _region(asked: Asked, name: str) -> Part:
    # a tile names a region by its row id, everything else by its code
    by_id = asked.regions.tree().by_id.get(int(name)) if name.isascii() and name.isdigit() and len(name) < 10 else None
    name = by_id.code if by_id and name not in asked.regions.tree().by_code else name
    region = asked.regions.find(asked.scope, name)
    ids = asked.regions.ids(asked.scope, name)
    counts = device_counts(asked.conn, asked.scope, ids) if asked.scope.can("device.view") else {}
    fields = [
        field("kind", parts.word(asked.conn, "region_kind", region.kind)),
        field("code", region.code),
        field("population", region.population),
    ]
    for cls, label in (("camera", "cameras"), ("sensor", "sensors")):
        if cls in counts:
            fields.append(field(label, counts[cls].total))
            fields.append(field("offline", counts[cls].offline))
            if cls == "sensor":
                fields.append(field("exceeded", counts[cls].exceeded))
    for table, label, right in _COUNTED:
        if asked.scope.can(right):
            fields.append(field(label, _count(asked, table, ids)))
    if region.sketch:
        fields.append(field("sketch", both("detail.sketch_yes")))
    below = asked.regions.children(asked.scope, name)
    return {
        "title": {"zh": region.name, "en": region.name_en or region.name},
        "number": region.code,
        "icon": "map",
        "origin": region.origin,
        "lon": region.center[0] if region.center else None,
        "lat": region.center[1] if region.center else None,
        "bbox": region.bbox,
        "crumbs": parts.crumbs(asked, region.region_id),
        "fields": fields,
        "links": [{"key": f"region:{c.code}", "icon": "map", "title": c.name, "sub": ""} for c in below],
    }


_COUNTED: tuple[tuple[LiteralString, str, str], ...] = (
    ("cases x WHERE x.closed_at IS NULL", "open_cases", "case.view"),
    ("grid_cell x WHERE true", "grids", "grid.view"),
    ("resource x WHERE true", "resources", "resource.view"),
)


def _count(asked: Asked, table: LiteralString, ids: tuple[int, ...] | None) -> int:
    seen, params = visible(asked.scope, "x")
    inside = sql.SQL("true" if ids is None else "x.region_id = ANY (%(ids)s)")
    query = sql.SQL("SELECT count(*)::int AS n FROM {} AND {} AND {}").format(sql.SQL(table), seen, inside)
    row = asked.conn.execute(query, {**params, "ids": list(ids or ())}).fetchone()
    return int(row["n"]) if row else 0


def _cell(asked: Asked, name: str) -> Part:
    """A cell of the overview: what it sums, by class and kind of the layer that drew it."""
    layer, _, hexed = name.partition(":")
    try:
        cell = int(hexed, 16)
    except ValueError as e:
        raise NotFound(name, name) from e
    if not 0 < cell < 1 << 63:
        raise NotFound(name, name)
    seen, params = visible(asked.scope, "c")
    query = sql.SQL(
        "SELECT c.kind, coalesce(k.zh, c.kind) AS zh, coalesce(k.en, c.kind) AS en, sum(c.total)::int AS n,"
        " sum(c.offline)::int AS off, sum(c.exceeded)::int AS ex,"
        " min(ST_X(c.center)) AS lon, min(ST_Y(c.center)) AS lat, max(c.origin) AS origin FROM device_cell c"
        " LEFT JOIN dictionary_now k ON k.dict = 'device_kind' AND k.code = c.kind"
        " WHERE c.res = %(res)s::smallint AND c.cell = %(cell)s AND (c.class = %(layer)s OR c.kind = %(layer)s) AND {}"
        " GROUP BY c.kind, k.zh, k.en HAVING sum(c.total) > 0 ORDER BY n DESC"
    ).format(seen)
    rows = asked.conn.execute(query, {**params, "cell": cell, "res": (cell >> 52) & 15, "layer": layer}).fetchall()
    if not rows:
        raise NotFound(name, name)
    total = {k: sum(r[k] for r in rows) for k in ("n", "off", "ex")}
    title = parts.word(asked.conn, "device_kind", layer)
    lines: list[Part] = [{"label": {"zh": r["zh"], "en": r["en"]}, "value": r["n"]} for r in rows]
    lines += [field("offline", total["off"]), field("exceeded", total["ex"])]
    return {
        "title": both("detail.density", title=title, n=total["n"]),
        "icon": layer,
        "origin": rows[0]["origin"],
        "lon": rows[0]["lon"],
        "lat": rows[0]["lat"],
        "fields": lines,
    }


_KINDS: Mapping[str, tuple[str, Callable[[Asked, str], Part]]] = {
    "device": ("device.view", lambda a, n: with_alarms(a, device(a, n), parts.row_id(n))),
    "event": ("event.view", event),
    "case": ("case.view", case),
    "grid": ("grid.view", _grid),
    "resource": ("resource.view", resource),
    "target": ("resource.view", target),
    "region": ("map.view", _region),
    "feature": ("map.view", _thematic),
    "building": ("map.view", building),
    "warning": ("map.view", _warning),
    **{kind: ("case.view", detail_incident.of(kind)) for kind in ("incident", "task", "report", "area_notice")},
    "alarm": ("alarm.view", alarm),
    "alarm_group": ("alarm.view", group),
    "cell": ("device.view", _cell),
    "patrol": ("grid.view", detail_patrol.patrol),
    "closure": ("map.view", detail_closure.closure),
    # what is pressed on these layers of the map
    "patrol_coverage": ("grid.view", _grid),
    "patrol_track": ("patrol.track", detail_patrol.patrol),
    "drone": ("resource.view", resource),
    "drone_trace": ("resource.view", resource),
    "drone_track": ("resource.view", detail_drone.flight),
    "drone_photo": ("resource.view", detail_drone.photo),
}
