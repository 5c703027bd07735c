"""Closed roads in the store: drawn, ended, listed as known at a moment; each with its history and a feed record."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import shapely

from ioc.scope import Scope
from ioc.store import outbox
from ioc.store.history import record_entity
from ioc.store.pool import Conn

Row = Mapping[str, Any]
LAYER = "closure"
_COLUMNS = """
SELECT c.closure_id, c.kind, c.reason, c.vehicles, c.valid_from, c.valid_to, c.ended_at, c.ended_by, c.case_id,
       c.exercise, c.origin, c.version, c.actor, c.actor_name, c.recorded_at, c.updated_at, r.code AS region,
       r.name AS region_name, ST_AsGeoJSON(c.geom, 6) AS shape, ST_AsGeoJSON(c.lines, 6) AS lines,
       (SELECT count(*) FROM road_closure_edge x WHERE x.closure_id = c.closure_id) AS edges
FROM road_closure c LEFT JOIN region r USING (region_id)
"""


@dataclass(frozen=True, slots=True)
class New:
    """A closure to be drawn. `shape`: degrees; `vehicles` of `ioc.command.roads.VEHICLES`."""

    kind: Literal["area", "line", "edges"]
    shape: Any
    reason: str
    vehicles: Sequence[str]
    valid_from: dt.datetime
    valid_to: dt.datetime | None
    case_id: int | None
    exercise: bool
    region_id: int | None
    origin: str = "real"


def add(conn: Conn, new: New, srid: int, actor: str, actor_name: str, now: dt.datetime) -> int:
    """Its id. Which stretches it closes is worked out at once."""
    row = conn.execute(
        "INSERT INTO road_closure (kind, geom, reason, vehicles, valid_from, valid_to, case_id, exercise, region_id,"
        " origin, actor, actor_name, recorded_at, updated_at) VALUES (%(kind)s, ST_GeomFromWKB(%(wkb)s, 4326),"
        " %(reason)s, %(vehicles)s, %(from)s, %(to)s, %(case)s, %(exercise)s, %(region)s, %(origin)s, %(actor)s,"
        " %(name)s, %(now)s, %(now)s) RETURNING closure_id",
        {
            "kind": new.kind, "wkb": shapely.to_wkb(new.shape), "reason": new.reason, "vehicles": list(new.vehicles),
            "from": new.valid_from, "to": new.valid_to, "case": new.case_id, "exercise": new.exercise,
            "region": new.region_id, "origin": new.origin, "actor": actor, "name": actor_name, "now": now,
        },
    ).fetchone()  # fmt: skip
    assert row is not None
    closure_id = int(row["closure_id"])
    conn.execute("SELECT ioc_resolve_closures(%s, %s)", ([closure_id], srid))
    _told(conn, closure_id, "new")
    return closure_id


def lock(conn: Conn, closure_id: int) -> Row | None:
    return conn.execute("SELECT c.* FROM road_closure c WHERE c.closure_id = %s FOR UPDATE", (closure_id,)).fetchone()


def end(conn: Conn, closure_id: int, actor: str, actor_name: str, now: dt.datetime) -> None:
    """Open again from `now`; the row stays, so that what was closed when is known."""
    conn.execute(
        "UPDATE road_closure SET ended_at = %(now)s, ended_by = %(name)s, updated_at = %(now)s, version = version + 1,"
        " actor = %(actor)s, actor_name = %(name)s WHERE closure_id = %(id)s",
        {"id": closure_id, "now": now, "actor": actor, "name": actor_name},
    )
    _told(conn, closure_id, "change")


def listed(
    conn: Conn, scope: Scope, at: dt.datetime, case_id: int | None = None, closure_id: int | None = None
) -> Sequence[Row]:
    """Standing and coming closures as known at `at`; with `closure_id` that one whatever its state.

    Everybody may know what is closed; closures of an exercise are shown with the incident of it.
    """
    scope.require("map.view")
    query = _COLUMNS + (
        "WHERE CASE WHEN %(id)s::bigint IS NOT NULL THEN c.closure_id = %(id)s ELSE c.recorded_at <= %(at)s"
        " AND (c.ended_at IS NULL OR c.ended_at > %(at)s) AND (c.valid_to IS NULL OR c.valid_to > %(at)s)"
        " AND (NOT c.exercise OR c.case_id = %(case)s) END ORDER BY c.valid_from, c.closure_id LIMIT 2000"
    )
    return conn.execute(query, {"at": at, "id": closure_id, "case": case_id}).fetchall()  # type: ignore[arg-type]


def shape_of(conn: Conn, edge_ids: Sequence[int]) -> tuple[Any, list[int]]:
    """Chosen stretches as one shape in degrees, and those that are not there."""
    rows = conn.execute(
        "SELECT edge_id, ST_AsBinary(geom) AS wkb FROM road_edge WHERE edge_id = ANY (%s) AND NOT turn",
        (list(edge_ids),),
    ).fetchall()
    have = {int(r["edge_id"]) for r in rows}
    lines: list[Any] = [shapely.from_wkb(bytes(r["wkb"])) for r in rows]
    shape = shapely.MultiLineString(lines)
    return shape, sorted(set(edge_ids) - have)


def placed(conn: Conn, shape: Any) -> int | None:
    """The smallest region that holds all of the shape."""
    row = conn.execute(
        "WITH p AS (SELECT ST_GeomFromWKB(%s, 4326) AS g) SELECT r.region_id FROM region r, p WHERE r.kind <> 'zone'"
        " AND r.geom && p.g AND ST_CoveredBy(p.g, ST_Buffer(r.geom, 0.0003)) ORDER BY ST_Area(r.geom) LIMIT 1",
        (shapely.to_wkb(shape),),
    ).fetchone()
    return int(row["region_id"]) if row else None


def history(conn: Conn, closure_id: int) -> Sequence[Row]:
    """Versions of a closure, newest first."""
    return conn.execute(
        "SELECT recorded_at, op, actor, record FROM entity_history WHERE entity = 'road_closure' AND entity_id = %s"
        " ORDER BY history_id DESC LIMIT 100",
        (str(closure_id),),
    ).fetchall()


def told(row: Row) -> dict[str, Any]:
    """A closure as screens and the API get it."""
    times = {k: row[k].isoformat() if row[k] else None
             for k in ("valid_from", "valid_to", "ended_at", "recorded_at", "updated_at")}  # fmt: skip
    shapes = {k: json.loads(row[k]) if row[k] else None for k in ("shape", "lines")}
    return {
        **{k: row[k] for k in ("closure_id", "kind", "reason", "vehicles", "case_id", "exercise", "origin", "version",
                               "edges", "ended_by")},
        **times, **shapes, "region": row["region"] or "", "region_name": row["region_name"] or "",
        "by": row["actor_name"] or row["actor"],
    }  # fmt: skip


def _told(conn: Conn, closure_id: int, op: Literal["new", "change"]) -> None:
    row = conn.execute((_COLUMNS + "WHERE c.closure_id = %s").encode(), (closure_id,)).fetchone()
    if row is None:
        raise LookupError(closure_id)
    record = told(row)
    record_entity(conn, "road_closure", closure_id, op, row["actor"], row["origin"], record)
    short = {k: record[k] for k in ("closure_id", "reason", "case_id", "exercise", "edges", "ended_at", "by")}
    outbox.put(conn, topic="reload", op="change", entity_id=LAYER, origin=row["origin"],
               payload={"layers": [LAYER], "reason": "closure", "closure": short})  # fmt: skip
    outbox.wake(conn)


_NEAR = """
SELECT e.edge_id, e.name, e.class, e.oneway, e.speed_kmh, e.width_m, e.max_height_m, e.max_weight_t, e.bridge, e.tunnel,
       e.length_m, ST_AsGeoJSON(e.geom, 6) AS shape, ST_Distance(e.geom_m, p.g) AS distance_m
FROM road_edge e, (SELECT ST_Transform(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(srid)s::int) AS g) p
WHERE NOT e.turn AND e.geom_m && ST_Expand(p.g, %(radius)s) AND ST_DWithin(e.geom_m, p.g, %(radius)s)
ORDER BY e.geom_m <-> p.g LIMIT %(limit)s
"""


def near(conn: Conn, scope: Scope, lon: float, lat: float, srid: int, radius_m: float, limit: int) -> Sequence[Row]:
    """Stretches around a place, nearest first, to choose from."""
    scope.require("case.view")
    params = {"lon": lon, "lat": lat, "srid": srid, "radius": radius_m, "limit": limit}
    rows = conn.execute(_NEAR, params).fetchall()
    return [{**r, "shape": json.loads(r["shape"]), "distance_m": round(r["distance_m"], 1)} for r in rows]
