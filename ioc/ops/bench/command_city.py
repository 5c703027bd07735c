"""What emergency command stands on, in the city of `ioc.ops.bench.city`: grid cells, villages, people, buildings,
targets, forces with positions, stations that speak, plans. Seeded; by COPY and SQL, plans by `ioc import`.

Counts are those of a large prefecture: 30,000 grid cells, 1,200 villages, 250,000 buildings, 20,000 targets, 3,000
resources, and every rain and water gauge among the devices with its newest value.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from ioc import geo
from ioc.ops.bench import city
from ioc.ops.bench.rig import Rig

TOWNS = city.COLUMNS * city.ROWS
TABLES = ("region", "region_closure", "grid_cell", "population_unit", "building", "target", "resource", "resource_live",
          "resource_capacity", "datastream", "latest")  # fmt: skip
_STEP_M = 30.0  # buildings stand on a lattice: none on another
_DEGREE_M = 111_320.0


@dataclass(frozen=True)
class Size:
    """How much of everything. `side`: a town has side x side grid cells."""

    side: int = 25
    villages: int = 5  # a town has so many squared
    buildings: int = 250_000
    targets: int = 20_000
    resources: int = 3_000
    plans: int = 200

    @property
    def cells(self) -> int:
        return TOWNS * self.side**2


QUICK = Size(side=4, villages=2, buildings=3_000, targets=300, resources=200, plans=10)


def fill(rig: Rig, now: dt.datetime, size: Size, seed: int = 7) -> None:
    """On a rig whose city is loaded (`city.load`). The statistics of all tables are fresh afterwards."""
    rng = np.random.default_rng(seed)
    srid = geo.metre_srid(city.WEST + city.WIDTH / 2)
    with rig.owner() as conn:
        with conn.transaction():
            given: dict[str, Any] = {"srid": srid, "now": now, "town": city.FIRST_TOWN}
            _villages(conn, size.villages)
            _cells(conn, size.side, given)
            _people(conn, given)
            _buildings(conn, rng, size.buildings, srid, given)
            places = spread(rng, size.targets)
            _copy(conn, "place", ("i", "town", "lon", "lat"), [np.arange(len(places[0])), *places])
            conn.execute(_TARGETS, given)
            places = spread(rng, size.resources)
            _copy(conn, "place", ("i", "town", "lon", "lat"), [np.arange(len(places[0])), *places])
            for statement in (_RESOURCES, _LIVE, _CAPACITY, _STREAMS, _LATEST):
                conn.execute(statement, given)
            _editions(conn, now)
        for table in TABLES:
            conn.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
    for kind, name, content in (
        ("plans", "plans.json", json.dumps({"plans": plans(size.plans)}, ensure_ascii=False)),
        ("rosters", "rosters.csv", roster(now)),
    ):
        file = Path(rig.root) / name
        file.write_text(content)
        rig.command("import", kind, str(file))
        file.unlink()


# ------------------------------------------------------------ places of chance


def _weights() -> NDArray[np.float64]:
    found = 1.0 / np.sqrt(np.arange(1, TOWNS + 1))
    return found / found.sum()


def spread(rng: np.random.Generator, count: int) -> tuple[NDArray[np.int32], Any, Any]:
    """Town, lon, lat of things that stand where people live: half in the middle of a town, half over its area."""
    town = city.busiest()[rng.choice(TOWNS, size=count, p=_weights())].astype(np.int32)
    half_w, half_h = city.WIDTH / city.COLUMNS / 2, city.HEIGHT / city.ROWS / 2
    wide = np.where(rng.random(count) < 0.5, 0.2, 0.45)
    dx, dy = (np.clip(rng.normal(0, wide), -0.99, 0.99) for _ in range(2))
    lon = city.WEST + (town % city.COLUMNS + 0.5) * 2 * half_w + dx * half_w
    lat = city.SOUTH + (town // city.COLUMNS + 0.5) * 2 * half_h + dy * half_h
    return town, lon, lat


def _copy(conn: psycopg.Connection[Any], table: LiteralString, names: Sequence[str], columns: Sequence[Any]) -> None:
    """A temporary table of numbers, one row an index of the columns."""
    kinds = [sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL("int" if np.asarray(c).dtype.kind == "i" else "float8"))
             for n, c in zip(names, columns, strict=True)]  # fmt: skip
    name = sql.Identifier(table)
    conn.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(name))
    conn.execute(sql.SQL("CREATE TEMP TABLE {} ({})").format(name, sql.SQL(", ").join(kinds)))
    with conn.cursor() as cur, cur.copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
        for row in zip(*(np.asarray(c).tolist() for c in columns), strict=True):
            copy.write_row(row)


# ------------------------------------------------------------ villages, grid cells, people


_VILLAGE: LiteralString = """
INSERT INTO region (code, name, kind, parent_id, geom, center, search, origin)
SELECT left(t.code, 9) || lpad((i * %(n)s + j + 1)::text, 3, '0'), t.name || (i * %(n)s + j + 1) || '村', 'village',
       t.region_id, ST_Multi(e), ST_Centroid(e), '', 'demo'
FROM region t, generate_series(0, %(n)s - 1) i, generate_series(0, %(n)s - 1) j,
     LATERAL (SELECT ST_XMin(t.geom) AS x, ST_YMin(t.geom) AS y, (ST_XMax(t.geom) - ST_XMin(t.geom)) / %(n)s AS w,
                     (ST_YMax(t.geom) - ST_YMin(t.geom)) / %(n)s AS h) s,
     LATERAL (SELECT ST_MakeEnvelope(x + i * w, y + j * h, x + (i + 1) * w, y + (j + 1) * h, 4326) AS e) b
WHERE t.kind = 'town'
"""


def _villages(conn: psycopg.Connection[Any], side: int) -> None:
    conn.execute("SELECT setval(pg_get_serial_sequence('region', 'region_id'), (SELECT max(region_id) FROM region))")
    conn.execute(_VILLAGE, {"n": side})
    conn.execute("SELECT ioc_rebuild_region_closure()")


# Cells are small in the middle of a town and large at its edge.
_CELLS: LiteralString = """
INSERT INTO grid_cell (source, code, kind, name, geom, region_id, search, origin)
SELECT 'bench', lpad((town * 1000 + n)::text, 8, '0'), 'general', '第' || town || '镇 ' || n || ' 号网格',
       ST_Multi(ST_MakeEnvelope(west, south, east, north, 4326)), %(town)s + town, '', 'demo' FROM cell
"""


def _cells(conn: psycopg.Connection[Any], side: int, given: Mapping[str, Any]) -> None:
    edge = np.linspace(-1, 1, side + 1)
    edge = np.sign(edge) * np.abs(edge) ** 1.4
    i, j = (v.ravel() for v in np.meshgrid(np.arange(side), np.arange(side)))
    half_w, half_h = city.WIDTH / city.COLUMNS / 2, city.HEIGHT / city.ROWS / 2
    columns: list[list[Any]] = []
    for town in range(TOWNS):
        lon, lat = city.town_centre(town)
        columns.append([np.full(side**2, town), np.arange(side**2), lon + edge[i] * half_w, lat + edge[j] * half_h,
                        lon + edge[i + 1] * half_w, lat + edge[j + 1] * half_h])  # fmt: skip
    joined = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    _copy(conn, "cell", ("town", "n", "west", "south", "east", "north"), joined)
    conn.execute(_CELLS, given)


# A layer by grid cell and one by village, as a statistics office and a police force deliver them. 5 million people.
_GRID_PEOPLE: LiteralString = """
INSERT INTO population_unit (source, level, code, name, keyed_by, total, groups, shown, method, as_of, digest, geom,
                             geom_m, area_m2, region_id, origin, recorded_at)
SELECT '统计局', 'grid', c.code, c.name, 'grid', t.n, g.j, g.j, '常住人口', %(now)s - interval '1 year', md5(c.code),
       c.geom, m.g, ST_Area(m.g), c.region_id, 'demo', %(now)s - interval '60 days'
FROM grid_cell c, LATERAL (SELECT ST_Transform(c.geom, %(srid)s::int) AS g) m,
     LATERAL (SELECT 20 + (c.grid_cell_id * 7919) %% 300 AS n) t,
     LATERAL (SELECT jsonb_build_object('elderly', 5 * (t.n / 40), 'child', 5 * (t.n / 30), 'disabled', 5) AS j) g
"""
_VILLAGE_PEOPLE: LiteralString = """
INSERT INTO population_unit (source, level, code, name, keyed_by, total, groups, shown, method, as_of, digest, geom,
                             geom_m, area_m2, region_id, origin, recorded_at)
SELECT '公安局', 'village', r.code, r.name, 'region', 4000, '{}', '{}', '户籍人口', %(now)s - interval '30 days',
       md5(r.code), r.geom, m.g, ST_Area(m.g), r.region_id, 'demo', %(now)s - interval '30 days'
FROM region r, LATERAL (SELECT ST_Transform(r.geom, %(srid)s::int) AS g) m WHERE r.kind = 'village'
"""


def _people(conn: psycopg.Connection[Any], given: Mapping[str, Any]) -> None:
    conn.execute(_GRID_PEOPLE, given)
    conn.execute(_VILLAGE_PEOPLE, given)


# ------------------------------------------------------------ buildings

_BUILDINGS: LiteralString = """
INSERT INTO building (source, code, name, use, floors, height_m, height_from, dwellings, as_of, digest, geom, geom_m,
                      area_m2, region_id, origin, recorded_at)
SELECT '住建局', 'F' || i, '', u.use, floors, floors * 3, 'floors',
       CASE WHEN u.use = 'residential' THEN floors * 2 END, %(now)s - interval '1 year', '',
       ST_Multi(ST_MakeEnvelope(lon - w / k.kx, lat - h / 111320, lon + w / k.kx, lat + h / 111320, 4326)),
       ST_Multi(ST_MakeEnvelope(x - w, y - h, x + w, y + h, %(srid)s::int)), 4 * w * h, %(town)s + town, 'demo',
       %(now)s - interval '60 days'
FROM house, LATERAL (SELECT 111320 * cos(radians(lat)) AS kx) k,
     LATERAL (SELECT (ARRAY['residential', 'residential', 'residential', 'residential', 'mixed', 'office', 'commercial',
                            'industrial', ''])[1 + (i * 7919) %% 9] AS use) u
"""


def _buildings(
    conn: psycopg.Connection[Any], rng: np.random.Generator, count: int, srid: int, given: Mapping[str, Any]
) -> None:
    """Rectangles of 10 to 26 m with 1 to 30 floors, lower towards the edge of a town."""
    town, lon, lat = spread(rng, 2 * count)
    x, y = geo.to_metres(lon, lat, srid)
    at = np.stack([np.round(x / _STEP_M), np.round(y / _STEP_M)], axis=1).astype(np.int64)
    _, own = np.unique(at, axis=0, return_index=True)
    own = np.sort(own)[:count]
    n = len(own)
    x, y = at[own, 0] * _STEP_M, at[own, 1] * _STEP_M
    lon, lat = geo.to_wgs84(x, y, f"EPSG:{srid}")
    floors = np.clip(rng.gamma(1.6, 4.0, n).astype(np.int64) + 1, 1, 30)
    w, h = rng.uniform(5, 13, n).round(1), rng.uniform(5, 13, n).round(1)
    _copy(conn, "house", ("i", "town", "lon", "lat", "x", "y", "w", "h", "floors"),
          [np.arange(n), town[own].astype(np.int64), lon, lat, x, y, w, h, floors])  # fmt: skip
    conn.execute(_BUILDINGS, given)


# ------------------------------------------------------------ targets, forces, stations

_TARGETS: LiteralString = """
INSERT INTO target (source, external_id, kind, name, geom, region_id, level, headcount, occupied, inspected_on,
                    hazards_open, search, origin, recorded_at, updated_at)
SELECT 'bench', 'T' || i, k.kinds[1 + i %% cardinality(k.kinds)], '目标' || i,
       CASE WHEN i %% 20 = 0 THEN ST_MakeEnvelope(lon - 0.001, lat - 0.001, lon + 0.001, lat + 0.001, 4326)
            WHEN i %% 33 = 0 THEN ST_MakeLine(p.at, ST_Translate(p.at, 0.004, 0.002)) ELSE p.at END,
       %(town)s + town, CASE WHEN i %% 17 = 0 THEN 1 + i %% 4 END, CASE WHEN i %% 3 = 0 THEN 50 + i %% 900 END,
       CASE WHEN i %% 3 = 0 THEN '{"hours": [[480, 1080]], "days": [1, 2, 3, 4, 5]}'::jsonb ELSE '{}' END,
       %(now)s::date - i %% 300, i %% 5, '', 'demo', %(now)s, %(now)s
FROM place, LATERAL (SELECT ST_SetSRID(ST_MakePoint(lon, lat), 4326) AS at) p,
     (SELECT array_agg(code ORDER BY code) AS kinds FROM dictionary_now WHERE dict = 'target_kind') k
"""
_RESOURCES: LiteralString = """
INSERT INTO resource (source, external_id, kind, name, geom, region_id, capacity, status, status_at, carried, people,
                      vehicle_class, observed_at, search, origin, recorded_at, updated_at)
SELECT 'bench', 'F' || i, k.kind, '资源' || i, ST_SetSRID(ST_MakePoint(lon, lat), 4326), %(town)s + town,
       CASE WHEN k.kind = 'shelter' THEN '{"value": 800}'::jsonb ELSE '{}' END, 'available', %(now)s,
       '[{"name": "液压破拆器", "amount": 2, "unit": ""}]', CASE WHEN k.kind IN ('team', 'fire_station') THEN 20 END,
       CASE WHEN k.kind = 'vehicle' THEN (ARRAY['fire_engine', 'ambulance', 'police_car', 'truck'])[1 + i / 20 %% 4]
            ELSE '' END, %(now)s, '', 'demo', %(now)s, %(now)s
FROM place, LATERAL (SELECT (ARRAY['vehicle', 'vehicle', 'vehicle', 'vehicle', 'vehicle', 'vehicle', 'vehicle', 'team',
  'team', 'team', 'fire_station', 'police', 'police', 'warehouse', 'equipment', 'hospital', 'hospital', 'shelter',
  'shelter', 'shelter'])[1 + i %% 20] AS kind) k
"""
_LIVE: LiteralString = """
INSERT INTO resource_live (resource_id, observed_at, received_at, geom, speed_kmh, heading_deg, accuracy_m, region_id,
                           origin)
SELECT resource_id, %(now)s, %(now)s, ST_Translate(geom, 0.002, 0.001), 30, 90, 8, region_id, 'demo'
FROM resource WHERE kind = 'vehicle'
"""
_CAPACITY: LiteralString = """
INSERT INTO resource_capacity (resource_id, what, observed_at, figures, reported_by, received_at, region_id, origin)
SELECT resource_id, CASE kind WHEN 'hospital' THEN 'beds' ELSE 'places' END, %(now)s,
       CASE kind WHEN 'hospital' THEN '{"total": {"general": 200, "icu": 10}, "free": {"general": 31, "icu": 2}}'::jsonb
                 ELSE '{"total": 800, "free": 760}' END, 'bench', %(now)s, region_id, 'demo'
FROM resource WHERE kind IN ('hospital', 'shelter')
"""
# Gauges tell one thing, weather stations six.
_STREAMS: LiteralString = """
INSERT INTO datastream (device_id, property, unit, interval_s, region_id, origin, recorded_at)
SELECT d.device_id, p.property, p.unit, 3600, d.region_id, 'demo', %(now)s FROM device d JOIN (VALUES
  ('rain', 'rain_1h', 'mm'), ('water_level', 'water_level', 'm'), ('weather', 'wind_speed', 'm/s'),
  ('weather', 'wind_direction', '°'), ('weather', 'temperature', '℃'), ('weather', 'humidity', '%%'),
  ('weather', 'rain_1h', 'mm'), ('weather', 'visibility', 'm')) p (kind, property, unit) USING (kind)
WHERE d.class = 'sensor'
"""
_LATEST: LiteralString = """
INSERT INTO latest (datastream_id, observed_at, received_at, value, quality)
SELECT datastream_id, at, at, datastream_id %% 30, 0
FROM (SELECT datastream_id, %(now)s - interval '1 second' * (datastream_id %% 300) AS at FROM datastream) d
"""
_EDITION: LiteralString = """
INSERT INTO dataset_edition (dataset, source, as_of, rows, actor, origin, recorded_at)
VALUES (%(dataset)s, 'bench', %(now)s, %(rows)s, 'bench', 'demo', %(now)s)
"""


def _editions(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    tables: Mapping[str, LiteralString] = {
        "population": "population_unit", "buildings": "building", "targets": "target", "resources": "resource",
        "capacity": "resource_capacity", "stations": "datastream",
    }  # fmt: skip
    for dataset, table in tables.items():
        row = conn.execute(sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier(table))).fetchone()
        conn.execute(_EDITION, {"dataset": dataset, "now": now, "rows": row["n"] if row else 0})


def roster(now: dt.datetime) -> str:
    """Who is on duty in the city, its counties and towns: three days of four posts each."""
    counties = [f"44990{n + 1}000000" for n in range(4)]
    lines = ["日期,班次,开始,结束,岗位,姓名,账号,电话,区划"]
    for n, code in enumerate([city.CITY_CODE, *counties, *(city.town_code(t) for t in range(TOWNS))]):
        for day in (-1, 0, 1):
            on = (now + dt.timedelta(days=day)).date().isoformat()
            lines += [
                f"{on},全天,08:00,08:00,{post},值守{n}号{post},,138{n:04d}{i:04d},{code}"
                for i, post in enumerate(("带班领导", "值班长", "值班员", "网格值守"))
            ]
    return "\n".join(lines)


def plans(count: int) -> list[dict[str, Any]]:
    """Plans of the four classes, of the whole city and of towns, with two levels of twelve steps each."""
    out: list[dict[str, Any]] = []
    for i in range(count):
        steps = [{"order": n + 1, "what": f"行动{n + 1}", "department": "应急局", "role": "值班员",
                  "deadline_min": 10 * (n + 1), "trigger": "", "receipt": n % 2 == 0} for n in range(12)]  # fmt: skip
        needs = [{"kind": "fire_station", "amount": 2}, {"kind": "shelter", "amount": 3}]
        places = [] if i // 4 % 4 == 0 else [city.town_code(i // 4 % TOWNS)]
        out.append({
            "code": f"HZ-{i:03d}", "title": f"测量预案{i}", "version": "2026-1", "class": 1 + i % 4, "types": [],
            "places": places, "document": f"测府办〔2026〕{i}号", "issuer": "测试市", "valid_from": "2026-01-01",
            "valid_to": "2028-12-31", "levels": {k: {"actions": steps, "resources": needs} for k in ("2", "3")},
        })  # fmt: skip
    return out
