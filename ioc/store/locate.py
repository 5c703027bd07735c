"""Where a point lies: the finest region, its ancestors, and one grid cell of each kind.

On a shared boundary the smallest code wins, so that one place has one answer whoever asks. A functional zone is found
through its members; its own polygon counts only where no region of the four levels covers the point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg import sql
from psycopg.types.json import Jsonb

from ioc import geo
from ioc.store.pool import Conn

# Finest first: the rank of a region's kind.
RANK: Mapping[str, int] = {"village": 4, "town": 3, "county": 2, "city": 1, "zone": 0}
_M_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Located:
    """`region_id` None: in no region. `inside` False: beyond the centre's area and its buffer."""

    region_id: int | None
    regions: Sequence[Mapping[str, Any]]
    grid_cells: Sequence[Mapping[str, Any]]
    inside: bool


Points = Sequence[tuple[float, float]]
# Points and boxes are made first, and `&&` is said beside what follows from it: behind row-level security nothing else
# asks the index of places, and no function of another row's column does.
_POINTS = sql.SQL("""
WITH q AS MATERIALIZED (
  SELECT n, p, ST_Expand(p, reach) AS box
  FROM (SELECT n, reach, ST_SetSRID(ST_MakePoint(lon, lat), 4326) AS p
        FROM unnest(%(lon)s::float8[], %(lat)s::float8[], %(reach)s::float8[]) WITH ORDINALITY
             AS g(lon, lat, reach, n)) g)
""")
_FINEST = sql.SQL("""
{points}
SELECT q.n, f.region_id FROM q, LATERAL (
  SELECT region_id FROM region r WHERE r.geom && p AND ST_Covers(r.geom, p)
  ORDER BY CASE kind WHEN 'village' THEN 0 WHEN 'town' THEN 1 WHEN 'county' THEN 2 WHEN 'city' THEN 3 ELSE 4 END, code
  LIMIT 1) AS f
""").format(points=_POINTS)
_NEAR = sql.SQL("""
{points}
SELECT q.n FROM q WHERE NOT EXISTS (SELECT FROM region WHERE geom IS NOT NULL) OR EXISTS (
  SELECT FROM region r
  WHERE r.geom && q.box AND ST_DWithin(r.geom::geography, p::geography, %(buffer)s))
""").format(points=_POINTS)
_CELLS = sql.SQL("""
{points}
SELECT q.n, c.* FROM q, LATERAL (
  SELECT DISTINCT ON (kind) grid_cell_id, kind, code, name, private_to, sensitivity
  FROM grid_cell WHERE geom && p AND ST_Covers(geom, p) ORDER BY kind, code, grid_cell_id) AS c
ORDER BY q.n, c.kind
""").format(points=_POINTS)
_ABOVE = """
SELECT c.descendant_id, r.region_id, r.code, r.name, r.kind FROM region_closure c
JOIN region r ON r.region_id = c.ancestor_id
WHERE c.descendant_id = ANY (%s) ORDER BY c.descendant_id, c.depth DESC, r.code
"""


def locate(conn: Conn, lon: float, lat: float, buffer_m: float) -> Located:
    """Everything that covers one point. With no region in the store, everything is inside."""
    return locate_many(conn, [(lon, lat)], buffer_m)[0]


def locate_many(conn: Conn, points: Points, buffer_m: float) -> list[Located]:
    """`locate` for many points (lon, lat) in four statements, however many they are."""
    if not points:
        return []
    # a box that surely holds the buffer: degrees of longitude shrink with the latitude
    reach = [buffer_m / (_M_PER_DEGREE * max(0.05, math.cos(math.radians(lat)))) for _, lat in points]
    lon, lat = _array(p[0] for p in points), _array(p[1] for p in points)
    params = {"lon": lon, "lat": lat, "reach": _array(reach), "buffer": buffer_m}
    finest = {r["n"]: r["region_id"] for r in conn.execute(_FINEST, params)}
    near: set[int] = set()
    if len(finest) < len(points):
        near = {r["n"] for r in conn.execute(_NEAR, params)}
    cells: dict[int, list[Mapping[str, Any]]] = {}
    for row in conn.execute(_CELLS, params):
        cells.setdefault(row["n"], []).append({k: v for k, v in row.items() if k != "n"})
    above: dict[int, list[Mapping[str, Any]]] = {}
    for row in conn.execute(_ABOVE, (sorted(set(finest.values())),)):
        above.setdefault(row["descendant_id"], []).append({k: v for k, v in row.items() if k != "descendant_id"})
    out: list[Located] = []
    for n in range(1, len(points) + 1):
        region = finest.get(n)
        path = above.get(region, ()) if region is not None else ()
        out.append(Located(region, path, cells.get(n, ()), region is not None or n in near))
    return out


def _array(values: Iterable[float]) -> str:
    """A float8[] as text, written once for the three statements that take it."""
    return "{" + ",".join(map(repr, values)) + "}"


def cells_at(conn: Conn, lon: float, lat: float) -> Sequence[Mapping[str, Any]]:
    """One grid cell of each kind that covers the point."""
    return conn.execute(
        """
        SELECT DISTINCT ON (kind) grid_cell_id, kind, code, name, private_to, sensitivity
        FROM grid_cell, (SELECT ST_SetSRID(ST_MakePoint(%s, %s), 4326) AS p) q
        WHERE geom && p AND ST_Covers(geom, p) ORDER BY kind, code, grid_cell_id
        """,
        (lon, lat),
    ).fetchall()


def ancestors(conn: Conn, region_id: int) -> Sequence[Mapping[str, Any]]:
    """The region and everything above it, root first."""
    rows = conn.execute(_ABOVE, ([region_id],)).fetchall()
    return [{k: v for k, v in row.items() if k != "descendant_id"} for row in rows]


def region_of_code(conn: Conn, code: str) -> int | None:
    row = conn.execute("SELECT region_id FROM region WHERE code = %s", (code,)).fetchone()
    return None if row is None else int(row["region_id"])


def metre_srid(conn: Conn, lon: float | None = None) -> int | None:
    """The one CGCS2000 zone all `geom_m` of this centre are in: of its regions' middle, else of the first thing stored.

    Kept as the setting `metre_srid`, because distances between rows need one system. None: nothing to go by yet.
    """
    kept = conn.execute("SELECT value FROM setting WHERE key = 'metre_srid'").fetchone()
    if kept is not None:
        return int(kept["value"])
    middle = region_middle(conn)
    at = middle if middle is not None else lon
    if at is None or not np.isfinite(at):
        return None
    try:
        srid = geo.metre_srid(at)
    except ValueError:
        return None
    return keep_metre_srid(conn, srid)


def region_middle(conn: Conn) -> float | None:
    """Middle longitude of the centre's regions."""
    row = conn.execute(
        "SELECT (ST_XMin(e) + ST_XMax(e)) / 2 AS lon FROM (SELECT ST_Extent(geom) AS e FROM region) x"
    ).fetchone()
    return None if row is None or row["lon"] is None else float(row["lon"])


def keep_metre_srid(conn: Conn, srid: int) -> int:
    conn.execute(
        "INSERT INTO setting (key, value) VALUES ('metre_srid', %s)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (Jsonb(srid),),
    )
    return srid
