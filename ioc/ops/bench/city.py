"""A seeded square city of any size for measuring: one city, 4 counties, 48 towns, devices around town centres.

Loaded by binary COPY in H3 order (neighbours on the map are neighbours on disk). Names no place; one seed, one city.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from ioc.geo import metre_srid, to_metres
from ioc.store.cells import rebuild_device_cells

WEST, SOUTH, WIDTH, HEIGHT = 111.3, 21.4, 1.2, 1.0
COLUMNS, ROWS = 8, 6  # towns; a county is 4 x 3 of them
CITY_ID, FIRST_COUNTY, FIRST_TOWN = 1, 2, 6
CITY_CODE = "449900000000"
_CHUNK = 200_000

Places = NDArray[np.void]


def town_code(town: int) -> str:
    """Code of town 0-47."""
    return f"44990{county(town) + 1}{100 + town:03d}000"


def town_centre(town: int) -> tuple[float, float]:
    """Lon, lat of the middle of town 0-47, where its devices are densest."""
    column, row = town % COLUMNS, town // COLUMNS
    return WEST + WIDTH * (column + 0.5) / COLUMNS, SOUTH + HEIGHT * (row + 0.5) / ROWS


def busiest(seed: int = 7) -> NDArray[np.int64]:
    """Towns in the order of how much stands in them."""
    return np.random.default_rng(seed).permutation(COLUMNS * ROWS)


def load(
    conn: psycopg.Connection[Any],
    devices: int,
    seed: int = 7,
    *,
    cones: bool = False,
    known_at: dt.datetime | None = None,
) -> None:
    """Regions and `devices` devices (5 of 7 cameras) on the owner's autocommit connection, with their aggregates.

    `cones`: of two in five cameras the range is known too, so that they see places. `known_at`: since when they are
    known as they are, for replay.

    Indexes are made after the rows, which is four times faster; so only for a database of one's own.
    """
    with conn.transaction():
        _regions(conn)
        indexes = _drop_indexes(conn)
        conn.execute(
            "CREATE TEMP TABLE place (i int4, town int4, h3 int8, lon float8, lat float8, x float8, y float8)"
            " ON COMMIT DROP"
        )
        with conn.cursor() as cur, cur.copy("COPY place FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for chunk in _chunks(devices, seed):
                copy.write(chunk.tobytes())
            copy.write(b"\xff\xff")
        conn.execute(
            _INSERT, {"srid": metre_srid(WEST + WIDTH / 2), "first": FIRST_TOWN, "cones": cones, "known_at": known_at}
        )
        for definition in indexes:
            conn.execute(sql.SQL(definition))  # pyright: ignore[reportArgumentType] - the server's own text
        rebuild_device_cells(conn)
    for table in ("device", "device_cell", "region", "region_closure"):
        conn.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))


_INSERT = """
INSERT INTO device (source, external_id, kind, class, name, status, exceeded, status_at, geom, geom_m, h3_10, region_id,
                    search, origin, azimuth_deg, fov_deg, attributes, known_at)
SELECT 'bench', 'B' || lpad(i::text, 8, '0'),
       CASE WHEN i %% 7 < 5 THEN 'camera' WHEN i %% 997 = 0 THEN 'weather'
            ELSE (ARRAY['water_level', 'rain', 'noise', 'smoke', 'manhole', 'bin'])[1 + i %% 6] END,
       CASE WHEN i %% 7 < 5 THEN 'camera' ELSE 'sensor' END,
       '第' || town || '镇 ' || i || ' 号点位', CASE WHEN i %% 41 = 0 THEN 'offline' ELSE 'online' END,
       i %% 7 >= 5 AND i %% 97 = 0, '2026-10-01T00:00:00Z', ST_SetSRID(ST_MakePoint(lon, lat), 4326),
       ST_SetSRID(ST_MakePoint(x, y), %(srid)s), h3, %(first)s + town,
       '第' || town || '镇 ' || i || ' 号点位 b' || lpad(i::text, 8, '0'), 'demo', i %% 360, 60,
       CASE WHEN %(cones)s AND i %% 7 < 2 THEN '{"view_range_m": 120}'::jsonb ELSE '{}' END,
       %(known_at)s
FROM place ORDER BY h3
"""


def county(town: Any) -> Any:
    """County 0-3 of town 0-47, or of an array of towns."""
    column, row = town % COLUMNS, town // COLUMNS
    return (column // 4) + 2 * (row // 3)


def _regions(conn: psycopg.Connection[Any]) -> None:
    def add(region_id: int, code: str, name: str, kind: str, parent: int | None, box: tuple[float, ...]) -> None:
        conn.execute(
            "INSERT INTO region (region_id, code, name, kind, parent_id, geom, center, search, origin)"
            " SELECT %s, %s, %s, %s, %s, ST_Multi(e), ST_Centroid(e), %s, 'demo'"
            " FROM (SELECT ST_MakeEnvelope(%s, %s, %s, %s, 4326) AS e) b",
            (region_id, code, name, kind, parent, name, *box),
        )

    add(CITY_ID, CITY_CODE, "测试市", "city", None, (WEST, SOUTH, WEST + WIDTH, SOUTH + HEIGHT))
    for n in range(4):
        w, s = WEST + WIDTH / 2 * (n % 2), SOUTH + HEIGHT / 2 * (n // 2)
        code = f"44990{n + 1}000000"
        add(FIRST_COUNTY + n, code, f"第{n + 1}县", "county", CITY_ID, (w, s, w + WIDTH / 2, s + HEIGHT / 2))
    for town in range(COLUMNS * ROWS):
        w, s = WEST + WIDTH / COLUMNS * (town % COLUMNS), SOUTH + HEIGHT / ROWS * (town // COLUMNS)
        box = (w, s, w + WIDTH / COLUMNS, s + HEIGHT / ROWS)
        add(FIRST_TOWN + town, town_code(town), f"第{town}镇", "town", FIRST_COUNTY + county(town), box)
    conn.execute("SELECT ioc_rebuild_region_closure()")


def _drop_indexes(conn: psycopg.Connection[Any]) -> list[str]:
    rows = conn.execute(
        "SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'device'::regclass AND NOT i.indisunique"
    ).fetchall()
    for row in rows:
        conn.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(row["name"])))
    return [row["definition"] for row in rows]


def _chunks(devices: int, seed: int) -> list[Places]:
    """Rows of `place` as PostgreSQL reads them in binary: a field count, then length and big-endian value of each."""
    rng = np.random.default_rng(seed)
    towns = COLUMNS * ROWS
    weight = 1.0 / np.arange(1, towns + 1)
    order = rng.permutation(towns)  # as `busiest` has it
    town = order[rng.choice(towns, size=devices, p=weight / weight.sum())].astype(np.int32)
    half_w, half_h = WIDTH / COLUMNS / 2, HEIGHT / ROWS / 2
    # half of a town's devices in its middle, the rest over its area; folded back so that none leaves it
    spread = np.where(rng.random(devices) < 0.5, 0.12, 0.45)
    dx = np.clip(rng.normal(0, spread), -0.999, 0.999) * half_w
    dy = np.clip(rng.normal(0, spread), -0.999, 0.999) * half_h
    lon = WEST + (town % COLUMNS + 0.5) * 2 * half_w + dx
    lat = SOUTH + (town // COLUMNS + 0.5) * 2 * half_h + dy
    x, y = to_metres(lon, lat, metre_srid(WEST + WIDTH / 2))
    cells = np.fromiter(
        (h3.latlng_to_cell(a, o, 10) for a, o in zip(lat.tolist(), lon.tolist(), strict=True)), np.int64, devices
    )
    fields = [(np.arange(devices), "i4"), (town, "i4"), (cells, "i8"), (lon, "f8"), (lat, "f8"), (x, "f8"), (y, "f8")]
    layout = [("count", ">i2")] + [e for k, (_, t) in enumerate(fields) for e in ((f"n{k}", ">i4"), (f"v{k}", f">{t}"))]
    rows = np.empty(devices, dtype=layout)
    rows["count"] = len(fields)
    for k, (values, kind) in enumerate(fields):
        rows[f"n{k}"], rows[f"v{k}"] = int(kind[1]), values
    return [rows[at : at + _CHUNK] for at in range(0, devices, _CHUNK)]
