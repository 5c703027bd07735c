"""What a map of an after-action report shows: the ground as it is now, and on it what was known at a moment.

The second is asked of the store of that moment (`ioc.store.past`), with the queries of the live screens.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import sql

from ioc.command import marks
from ioc.scope import Scope
from ioc.store import closures, command_rows, incidents, resources
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
Box = tuple[float, float, float, float]  # west, south, east, north in metres of the centre's grid
ROADS_MOST, SHAPES_MOST, NAMES_MOST = 4000, 1500, 40
AREAS, LINES = ("sea", "land", "water"), ("river", "highway", "road", "rail")
# Roads by how far one sees: of the widest maps only those between towns.
_WIDE = ("motorway", "trunk", "primary", "secondary")
_MIDDLE = (*_WIDE, "tertiary", "unclassified", "motorway_link", "trunk_link", "primary_link", "secondary_link", "")

# The box in degrees first, by itself: what asks another row is no condition of an index behind the policies.
_FRAME: LiteralString = """
SELECT ST_XMin(g) AS w, ST_YMin(g) AS s, ST_XMax(g) AS e, ST_YMax(g) AS n FROM (
  SELECT ST_Transform(ST_MakeEnvelope(%s, %s, %s, %s, %s::int), 4326)::box2d::geometry AS g) x
"""
_BORDERS: LiteralString = """
SELECT r.kind, r.name,
       ST_AsGeoJSON(ST_Simplify(ST_ClipByBox2D(ST_Boundary(r.geom), {box}::box2d), %(fine)s), 5)::jsonb AS geometry,
       ST_X(p) AS lon, ST_Y(p) AS lat
FROM region r CROSS JOIN LATERAL (
  SELECT ST_PointOnSurface(ST_Intersection(ST_MakeValid(r.geom), {box})) AS p) c
WHERE r.kind = ANY (%(kinds)s) AND r.geom && {box} AND ST_Intersects(r.geom, {box}) ORDER BY r.kind, r.code LIMIT 400
"""
_BASE: LiteralString = """
SELECT t.base_role AS role, f.name,
       ST_AsGeoJSON(ST_Simplify(ST_ClipByBox2D(f.geom, {box}::box2d), %(fine)s), 5)::jsonb AS geometry
FROM thematic_feature f JOIN thematic_layer t USING (layer_id)
WHERE t.base_role = ANY (%(roles)s) AND f.geom && {box} AND ST_Intersects(f.geom, {box})
ORDER BY t.base_role, f.feature_id LIMIT %(most)s
"""
_ROADS: LiteralString = """
SELECT e.class, ST_AsGeoJSON(ST_Simplify(e.geom, %(fine)s), 5)::jsonb AS geometry FROM road_edge e
WHERE NOT e.turn AND e.geom_m && {metres} AND e.class = ANY (%(classes)s)
ORDER BY e.length_m DESC, e.edge_id LIMIT %(most)s
"""


def ground(conn: Conn, box: Box, srid: int) -> dict[str, Any]:
    """{areas, lines, roads, borders, names, sea, has}: the base of every map of a report, clipped, simplified."""
    found = conn.execute(_FRAME, (*box, srid)).fetchone()
    assert found is not None
    wide_m = box[2] - box[0]
    fine = max((found["e"] - found["w"]) / 2000, 1e-6)
    degrees = sql.SQL("ST_MakeEnvelope({}, 4326)").format(
        sql.SQL(", ").join(sql.Literal(float(found[n])) for n in ("w", "s", "e", "n"))
    )
    metres = sql.SQL("ST_MakeEnvelope({}, {})").format(sql.SQL(", ").join(sql.Literal(float(v)) for v in box),
                                                       sql.Literal(srid))  # fmt: skip
    kinds = ["county", "town", *(["village"] if wide_m < 6000 else [])]
    borders = conn.execute(sql.SQL(_BORDERS).format(box=degrees), {"kinds": kinds, "fine": fine}).fetchall()
    base = conn.execute(
        sql.SQL(_BASE).format(box=degrees), {"roles": [*AREAS, *LINES], "fine": fine, "most": SHAPES_MOST}
    ).fetchall()
    classes = _WIDE if wide_m > 20_000 else _MIDDLE if wide_m > 8000 else _classes(conn)
    given = {"classes": list(classes), "fine": fine, "most": ROADS_MOST}
    roads = conn.execute(sql.SQL(_ROADS).format(metres=metres), given).fetchall()
    smallest = "village" if any(b["kind"] == "village" for b in borders) else "town"
    return {
        "areas": [_shape(r) for r in base if r["role"] in AREAS],
        "lines": [_shape(r) for r in base if r["role"] in LINES and not (roads and r["role"] in ("highway", "road"))],
        "roads": [{"class": r["class"], "geometry": r["geometry"]} for r in roads if r["geometry"]],
        "borders": [{"kind": b["kind"], "geometry": b["geometry"]} for b in borders if b["geometry"]],
        "names": [{"name": b["name"], "lon": round(b["lon"], 6), "lat": round(b["lat"], 6)}
                  for b in borders if b["kind"] == smallest and b["lon"] is not None][:NAMES_MOST],
        "sea": any(r["role"] == "land" for r in base),
        "has": [n for n, there in (("region", borders), ("roads", roads), ("base", base)) if there],
    }  # fmt: skip


def _classes(conn: Conn) -> list[str]:
    rows = conn.execute("SELECT code FROM dictionary_now WHERE dict = 'road_class' ORDER BY code")
    return [*(str(r["code"]) for r in rows), ""]


def _shape(row: Row) -> dict[str, Any]:
    return {"role": row["role"], "geometry": row["geometry"]}


# ------------------------------------------------------------ as it was known


def known(past: Conn, scope: Scope, case_id: int, at: dt.datetime, warned: Sequence[int]) -> dict[str, Any]:
    """{area, marks, closures, warnings, forces}: what was known of an incident on `past`, the store of `at`.

    `warned`: warnings that were linked then. Forces are those bound to the incident, or ordered by a task.
    """
    incident = next(iter(command_rows.known_at(past, "incident", case_id, at)), None)
    drawn = marks.standing(command_rows.known_at(past, "mark", case_id, at))
    shut = closures.listed(past, scope, at, case_id) if scope.can("map.view") else []
    return {
        "area": (incident or {}).get("geometry"),
        "marks": [{n: m[n] for n in ("kind", "zh", "en", "label", "geometry")} for m in drawn],
        "closures": [{"geometry": json.loads(c["lines"] or c["shape"]), "reason": c["reason"]}
                     for c in shut if c["valid_from"] <= at],
        "warnings": [w for i in warned if (w := _warning(past, scope, i))],
        "forces": forces(past, scope, case_id, at) if scope.can("resource.view") else [],
    }  # fmt: skip


def _warning(past: Conn, scope: Scope, warning_id: int) -> dict[str, Any] | None:
    row = incidents.area_warning(past, scope, warning_id)
    if row is None or row["status"] != "active" or not row["geometry"]:
        return None
    return {"colour": row["colour"], "kind": row["kind"], "geometry": row["geometry"]}


_FORCES: LiteralString = """
SELECT r.resource_id, r.name, r.kind, CASE WHEN r.case_id = %(case)s THEN r.status ELSE 'bound' END AS status,
       round(ST_X(h.geom)::numeric, 6)::float8 AS lon, round(ST_Y(h.geom)::numeric, 6)::float8 AS lat,
       h.at AS position_at
FROM resource r CROSS JOIN LATERAL (
  SELECT * FROM (
    SELECT l.geom, l.observed_at AS at FROM resource_live l
    WHERE l.resource_id = r.resource_id AND l.observed_at > %(since)s
    UNION ALL SELECT r.geom, NULL) x ORDER BY x.at DESC NULLS LAST LIMIT 1) h
WHERE (r.case_id = %(case)s OR r.resource_id = ANY (%(ordered)s::bigint[])) AND h.geom IS NOT NULL AND {seen}
ORDER BY r.resource_id LIMIT 400
"""


def forces(past: Conn, scope: Scope, case_id: int, at: dt.datetime) -> list[dict[str, Any]]:
    """Where the forces of an incident stood, by what had been told by `at`; else where their register keeps them."""
    tasks = command_rows.known_at(past, "task", case_id, at)
    ordered = [int(t["to_ref"]) for t in tasks if t["to_kind"] == "resource" and t["state"] != "withdrawn"]
    seen, params = visible(scope, "r")
    given = {"case": case_id, "ordered": ordered, "since": at - resources.LIVE_FOR}
    rows = past.execute(sql.SQL(_FORCES).format(seen=seen), {**params, **given}).fetchall()
    return [{**{n: r[n] for n in ("name", "kind", "status", "lon", "lat")}, "ours": True,
             "position_at": r["position_at"].isoformat() if r["position_at"] else None} for r in rows]  # fmt: skip
