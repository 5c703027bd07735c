"""Counts beside the layers of the panel: the same rows and predicates as their tiles, under scope and drill-down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import sql

from ioc.declare import Heat, Layer
from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.tiles.closures import CLOSED_NOW
from ioc.store.where import visible

# Table, and what of it the layer shows. `{}` of a device layer is its class or kind.
_COUNTED: Mapping[str, tuple[str, LiteralString]] = {
    "event": ("event", "x.status = 'open' AND x.case_id IS NULL"),
    "case": ("cases", "x.closed_at IS NULL"),
    "heat": ("event", "x.status <> 'void' AND x.occurred_at > %(since)s"),
    "resource": ("resource", "true"),
    "target": ("target", "x.removed_at IS NULL"),
    "grid_cell": ("grid_cell", "true"),
    "thematic": ("thematic_feature", "true"),
    "building": ("building", "x.retired_at IS NULL"),
    "fence": ("fence", "x.deleted_at IS NULL"),
    "crossing": ("alarm", "x.category = 'fence' AND x.ended_at IS NULL AND x.hold = ''"),
    "patrol_track": ("patrol_track", "x.begun_at >= %(week)s"),
    "patrol_coverage": (
        "grid_cell",
        "(EXISTS (SELECT FROM patrol_plan p WHERE p.grid_cell_id = x.grid_cell_id)"
        " OR EXISTS (SELECT FROM patrol p WHERE p.grid_cell_id = x.grid_cell_id AND p.inside > 0"
        " AND p.ended_at IS NOT NULL))",
    ),
}


def counts(
    conn: Conn, scope: Scope, layers: Sequence[Layer], region_ids: Sequence[int] | None, now: dt.datetime
) -> dict[str, int]:
    """Count by layer key. Layers the scope lacks the right for are left out."""
    out: dict[str, int] = {}
    for layer in layers:
        if not scope.can(layer.permission):
            continue
        if layer.query == "device":
            out[layer.key] = _cells(conn, scope, layer, region_ids)
        elif layer.query in _COUNTED:
            out[layer.key] = _rows(conn, scope, layer, region_ids, now)
        elif layer.query == "closure":
            out[layer.key] = _closures(conn, now)
        elif layer.query == "warning":
            out[layer.key] = _warnings(conn, scope, region_ids, now)
        elif layer.query == "region":
            out[layer.key] = _regions(conn, scope, region_ids)
    return out


def _where(layer: Layer, alias: str) -> tuple[list[sql.Composable], dict[str, Any]]:
    parts: list[sql.Composable] = []
    params: dict[str, Any] = {}
    for column, value in layer.where.items():
        parts.append(sql.SQL("{} = {}").format(sql.Identifier(alias, column), sql.Placeholder(f"where_{column}")))
        params[f"where_{column}"] = value
    return parts, params


def _drill(region_ids: Sequence[int] | None) -> sql.SQL:
    return sql.SQL("true" if region_ids is None else "x.region_id = ANY (%(drill)s)")


def _number(conn: Conn, query: sql.Composed, params: Mapping[str, Any]) -> int:
    row = conn.execute(query, params).fetchone()
    return int(row["n"]) if row else 0


def _cells(conn: Conn, scope: Scope, layer: Layer, region_ids: Sequence[int] | None) -> int:
    seen, params = visible(scope, "x")
    parts, values = _where(layer, "x")
    where = sql.SQL(" AND ").join([seen, _drill(region_ids), *parts])
    total = "SELECT coalesce(sum(x.total), 0)::int AS n FROM device_cell x WHERE x.res = 5::smallint AND {}"
    query = sql.SQL(total).format(where)
    return _number(conn, query, {**params, **values, "drill": list(region_ids or ())})


def _rows(conn: Conn, scope: Scope, layer: Layer, region_ids: Sequence[int] | None, now: dt.datetime) -> int:
    table, shown = _COUNTED[layer.query]
    seen, params = visible(scope, "x")
    parts, values = _where(layer, "x")
    # what has no place is on no map, so it is not counted beside one
    placed = sql.SQL("true" if table == "alarm" else "x.geom IS NOT NULL")
    query = sql.SQL("SELECT count(*)::int AS n FROM {} x WHERE {}").format(
        sql.Identifier(table), sql.SQL(" AND ").join([sql.SQL(shown), placed, seen, _drill(region_ids), *parts])
    )
    days = layer.overview.days if isinstance(layer.overview, Heat) else Heat().days
    more = {"drill": list(region_ids or ()), "since": now - dt.timedelta(days=days)}
    more["week"] = now - dt.timedelta(days=7)
    return _number(conn, query, {**params, **values, **more})


def _warnings(conn: Conn, scope: Scope, region_ids: Sequence[int] | None, now: dt.datetime) -> int:
    allowed = sorted(scope.region_ids) if region_ids is None else list(region_ids)
    query = sql.SQL(
        "SELECT count(*)::int AS n FROM warning w WHERE w.status = 'active' AND w.onset_at <= %(now)s"
        " AND (w.expires_at IS NULL OR w.expires_at > %(now)s) AND (%(all)s OR w.region_ids && ARRAY("
        " SELECT u.ancestor_id FROM region_closure u WHERE u.descendant_id = ANY (%(allowed)s::int[])))"
    ).format()
    return _number(conn, query, {"now": now, "all": scope.whole and region_ids is None, "allowed": allowed})


def _closures(conn: Conn, now: dt.datetime) -> int:
    """Everybody's: who drives must know of them wherever they lie."""
    query = sql.SQL("SELECT count(*)::int AS n FROM road_closure c WHERE {}").format(CLOSED_NOW)
    return _number(conn, query, {"now": now})


def _regions(conn: Conn, scope: Scope, region_ids: Sequence[int] | None) -> int:
    allowed = region_ids if region_ids is not None or scope.whole else sorted(scope.region_ids)
    inside = sql.SQL("true" if allowed is None else "x.region_id = ANY (%(allowed)s)")
    query = sql.SQL("SELECT count(*)::int AS n FROM region x WHERE x.geom IS NOT NULL AND {}").format(inside)
    return _number(conn, query, {"allowed": list(allowed or ())})
