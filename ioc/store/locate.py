"""Where a point lies: the finest region, its ancestors, and one grid cell of each kind.

On a shared boundary the smallest code wins, so that one place has one answer whoever asks. A functional zone is found
through its members; its own polygon counts only where no region of the four levels covers the point.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
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


def locate(conn: Conn, lon: float, lat: float, buffer_m: float) -> Located:
    """Everything that covers one point. With no region in the store, everything is inside."""
    params = {
        "lon": lon,
        "lat": lat,
        "buffer": buffer_m,
        # a box that surely holds the buffer: degrees of longitude shrink with the latitude
        "reach": buffer_m / (_M_PER_DEGREE * max(0.05, math.cos(math.radians(lat)))),
    }
    found = conn.execute(
        """
        SELECT region_id FROM region r, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS p
        WHERE ST_Covers(r.geom, p)
        ORDER BY CASE kind WHEN 'village' THEN 0 WHEN 'town' THEN 1 WHEN 'county' THEN 2 WHEN 'city' THEN 3 ELSE 4 END,
                 code LIMIT 1
        """,
        params,
    ).fetchone()
    if found is None:
        near = conn.execute(
            """
            SELECT NOT EXISTS (SELECT FROM region WHERE geom IS NOT NULL) OR EXISTS (
              SELECT FROM region r, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS p
              WHERE r.geom && ST_Expand(p, %(reach)s) AND ST_DWithin(r.geom::geography, p::geography, %(buffer)s)) AS ok
            """,
            params,
        ).fetchone()
        return Located(None, (), cells_at(conn, lon, lat), bool(near and near["ok"]))
    return Located(found["region_id"], ancestors(conn, found["region_id"]), cells_at(conn, lon, lat), True)


def cells_at(conn: Conn, lon: float, lat: float) -> Sequence[Mapping[str, Any]]:
    """One grid cell of each kind that covers the point."""
    return conn.execute(
        """
        SELECT DISTINCT ON (kind) grid_cell_id, kind, code, name, private_to, sensitivity
        FROM grid_cell WHERE ST_Covers(geom, ST_SetSRID(ST_MakePoint(%s, %s), 4326)) ORDER BY kind, code, grid_cell_id
        """,
        (lon, lat),
    ).fetchall()


def ancestors(conn: Conn, region_id: int) -> Sequence[Mapping[str, Any]]:
    """The region and everything above it, root first."""
    return conn.execute(
        """
        SELECT r.region_id, r.code, r.name, r.kind FROM region_closure c JOIN region r ON r.region_id = c.ancestor_id
        WHERE c.descendant_id = %s ORDER BY c.depth DESC, r.code
        """,
        (region_id,),
    ).fetchall()


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
