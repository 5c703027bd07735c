"""Population by polygon: layers that never overlap themselves, and the units inside areas for the estimate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from psycopg import sql

from ioc.command.people import WHOLLY, Unit
from ioc.command.people import in_force as layer_in_force
from ioc.scope import Scope
from ioc.store.epochs import Kept
from ioc.store.pool import Conn
from ioc.store.where import visible

KEPT = Kept(
    table="population_unit",
    within=("source", "level"),
    key=("code",),
    columns={
        "source": "text", "level": "text", "code": "text", "name": "text", "keyed_by": "text", "total": "float8",
        "groups": "jsonb", "shown": "jsonb", "method": "text",
    },
)  # fmt: skip
# Outlines of one layer may share this much of the smaller one: digitised edges never meet exactly.
OVERLAP = 0.01


@dataclass(frozen=True, slots=True)
class Keyed:
    """A region or grid cell by its code: its outline in degrees, and who may see it."""

    by: str  # region, grid
    level: str
    name: str
    wkb: bytes | None
    region_id: int | None
    private_to: str | None
    sensitivity: int


def keyed(conn: Conn, codes: Sequence[str]) -> dict[str, list[Keyed]]:
    """What the codes mean in this centre; several where regions and grid cells (or kinds of them) share a code."""
    rows = conn.execute(
        """
        SELECT code, 'region' AS by, kind AS level, name, ST_AsBinary(geom) AS wkb, region_id, NULL AS private_to,
               0 AS sensitivity FROM region WHERE code = ANY (%(codes)s)
        UNION ALL
        SELECT code, 'grid', CASE WHEN kind = 'general' THEN 'grid' ELSE 'grid:' || kind END, name, ST_AsBinary(geom),
               region_id, private_to, sensitivity FROM grid_cell WHERE code = ANY (%(codes)s)
        """,
        {"codes": list(codes)},
    ).fetchall()
    out: dict[str, list[Keyed]] = {}
    for r in rows:
        wkb = bytes(r["wkb"]) if r["wkb"] is not None else None
        found = Keyed(r["by"], r["level"], r["name"], wkb, r["region_id"], r["private_to"], r["sensitivity"])
        out.setdefault(str(r["code"]), []).append(found)
    return out


# Bounding boxes first: neighbours that only touch are told apart without cutting their outlines.
_OVERLAPPING = """
SELECT a.n, b.code FROM stage a JOIN LATERAL (
  SELECT s.code, s.geom_m, s.area_m2 FROM stage s
  WHERE s.geom_m && a.geom_m AND s.n < a.n AND (s.source, s.level) = (a.source, a.level)
  UNION ALL
  SELECT u.code, u.geom_m, u.area_m2 FROM population_unit u
  WHERE u.geom_m && a.geom_m AND u.retired_at IS NULL AND (u.source, u.level) = (a.source, a.level)
    AND NOT %(whole)s AND NOT EXISTS (SELECT FROM stage r WHERE r.source = u.source AND r.level = u.level
                                      AND r.code = u.code)) b
  ON (least(ST_XMax(a.geom_m), ST_XMax(b.geom_m)) - greatest(ST_XMin(a.geom_m), ST_XMin(b.geom_m)))
     * (least(ST_YMax(a.geom_m), ST_YMax(b.geom_m)) - greatest(ST_YMin(a.geom_m), ST_YMin(b.geom_m)))
     > %(share)s * least(a.area_m2, b.area_m2)
  AND ST_Area(ST_Intersection(a.geom_m, b.geom_m)) > %(share)s * least(a.area_m2, b.area_m2)
ORDER BY a.n, b.code
"""


def overlapping(conn: Conn, whole: bool) -> dict[int, str]:
    """Staged rows (by number) that cover part of an earlier row of their layer, or of one that stays: with its code."""
    found: dict[int, str] = {}
    for r in conn.execute(_OVERLAPPING, {"share": OVERLAP, "whole": whole}).fetchall():
        found.setdefault(int(r["n"]), str(r["code"]))
    if found:
        conn.execute("DELETE FROM stage WHERE n = ANY (%s)", (list(found),))
    return found


def in_force(conn: Conn) -> Sequence[Mapping[str, Any]]:
    """(source, level, units, people, oldest, newest) of every layer, finest first."""
    return conn.execute(
        "SELECT source, level, count(*) AS units, sum(total) AS people, min(as_of) AS oldest, max(as_of) AS newest"
        " FROM population_unit WHERE retired_at IS NULL GROUP BY 1, 2 ORDER BY avg(area_m2), 1, 2"
    ).fetchall()


def resettle(conn: Conn) -> int:
    """Units keep the region they lie in when regions have changed: their own by its code, else that of a point inside.

    Returns rows changed.
    """
    return conn.execute(
        """
        UPDATE population_unit u SET region_id = f.region_id FROM (
          SELECT p.unit_id, CASE p.keyed_by
            WHEN 'region' THEN
              (SELECT r.region_id FROM region r WHERE r.code IN (p.code, rpad(p.code, 12, '0')) LIMIT 1)
            ELSE (SELECT r.region_id FROM region r WHERE r.geom && p.at AND ST_Covers(r.geom, p.at)
                  ORDER BY array_position(ARRAY['village', 'town', 'county', 'city', 'zone'], r.kind), r.code LIMIT 1)
            END AS region_id
          FROM (SELECT unit_id, keyed_by, code, ST_PointOnSurface(geom) AS at FROM population_unit
                WHERE retired_at IS NULL) p) f
        WHERE f.unit_id = u.unit_id AND f.region_id IS DISTINCT FROM u.region_id
        """
    ).rowcount


# Areas are cut into pieces and walked piece by piece, so that each is prepared once for all the units it meets.
_UNITS = """
WITH area AS MATERIALIZED (
  SELECT n, ST_SetSRID(ST_GeomFromWKB(w), %(srid)s::int) AS g
  FROM unnest(%(areas)s::bytea[]) WITH ORDINALITY AS a(w, n)),
piece AS MATERIALIZED (SELECT n, ST_Subdivide(g, 300) AS g FROM area),
hit AS (
  SELECT u.unit_id, p.n, sum(CASE WHEN ST_Covers(p.g, u.geom_m) THEN u.area_m2
                                  ELSE ST_Area(ST_Intersection(p.g, u.geom_m)) END) AS m2
  FROM piece p JOIN population_unit u ON u.geom_m && p.g AND ST_Intersects(p.g, u.geom_m)
  WHERE u.recorded_at <= %(at)s AND (u.retired_at IS NULL OR u.retired_at > %(at)s) AND {seen}
  GROUP BY u.unit_id, p.n)
SELECT u.unit_id, u.source, u.level, u.total, u.shown, u.area_m2, u.as_of, u.method, u.origin, h.ns, h.m2s
FROM (SELECT unit_id, array_agg(n) AS ns, array_agg(m2) AS m2s FROM hit GROUP BY unit_id) h
JOIN population_unit u USING (unit_id)
"""
# Floor area lived in (footprint x floors), of buildings by a point inside them; what is said to be no dwelling is left
# out. Only for units that lie partly in an area: for the others it changes nothing.
_FLOORS = """
WITH area AS MATERIALIZED (
  SELECT n, ST_SetSRID(ST_GeomFromWKB(w), %(srid)s::int) AS g
  FROM unnest(%(areas)s::bytea[]) WITH ORDINALITY AS a(w, n)),
lived AS MATERIALIZED (
  SELECT u.unit_id, b.area_m2 * b.floors AS m2, b.spot
  FROM population_unit u JOIN building b ON b.spot && u.geom_m AND ST_Intersects(u.geom_m, b.spot)
  WHERE u.unit_id = ANY (%(units)s) AND b.floors IS NOT NULL AND (b.use = '' OR b.use = ANY (%(uses)s)) AND {seen}
    AND b.recorded_at <= %(at)s AND (b.retired_at IS NULL OR b.retired_at > %(at)s)),
part AS (
  SELECT l.unit_id, a.n, sum(l.m2) AS m2 FROM area a JOIN lived l ON l.spot && a.g AND ST_Intersects(a.g, l.spot)
  GROUP BY 1, 2)
SELECT w.unit_id, w.m2 AS whole, p.ns, p.m2s
FROM (SELECT unit_id, sum(m2) AS m2 FROM lived GROUP BY 1) w
LEFT JOIN (SELECT unit_id, array_agg(n) AS ns, array_agg(m2) AS m2s FROM part GROUP BY 1) p USING (unit_id)
"""


def _spread(row: Mapping[str, Any], areas: int) -> list[float]:
    """m2 by area, 0 where the row says nothing."""
    out = [0.0] * areas
    for n, m2 in zip(row["ns"] or (), row["m2s"] or (), strict=True):
        out[n - 1] = m2
    return out


def units(
    conn: Conn,
    scope: Scope,
    srid: int,
    areas: Sequence[shapely.Geometry],
    at: dt.datetime,
    lived_in: Sequence[str] | None = None,
) -> list[Unit]:
    """Units that touch one of `areas` (metres of `srid`), as known at `at`, with how much of each lies in each area.

    `lived_in`: uses of buildings people live in; with it people are put by floor area where buildings stand.
    """
    seen, params = visible(scope, "u")
    params |= {"srid": srid, "areas": [shapely.to_wkb(a) for a in areas], "at": at}
    rows = conn.execute(sql.SQL(_UNITS).format(seen=seen), params).fetchall()
    found = [
        Unit(r["source"], r["level"], r["total"], r["shown"], r["area_m2"], _spread(r, len(areas)), r["as_of"],
             r["method"], r["origin"])
        for r in rows
    ]  # fmt: skip
    if lived_in is None or not rows:
        return found
    # buildings are looked at for the layer that answers alone: of a coarse one beside it they are many
    layer = layer_in_force(found, int(np.argmax(shapely.area(list(areas)))))
    partly = [
        i for i, (r, u) in enumerate(zip(rows, found, strict=True))
        if u.layer == layer and any(0 < m2 < WHOLLY * r["area_m2"] for m2 in r["m2s"])
    ]  # fmt: skip
    floors = _floors(conn, scope, params, [rows[i]["unit_id"] for i in partly], lived_in) if partly else {}
    for i in partly:
        found[i] = replace(found[i], floors=floors.get(rows[i]["unit_id"]))
    return found


def _floors(
    conn: Conn, scope: Scope, params: Mapping[str, Any], units: Sequence[int], uses: Sequence[str]
) -> dict[int, tuple[float, Sequence[float]]]:
    seen, more = visible(scope, "b")
    rows = conn.execute(
        sql.SQL(_FLOORS).format(seen=seen), {**params, **more, "units": list(units), "uses": list(uses)}
    ).fetchall()
    return {r["unit_id"]: (r["whole"], _spread(r, len(params["areas"]))) for r in rows}
