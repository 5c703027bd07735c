"""A small city for the map's tests: two counties of two towns each, a zone, devices with every scope mark, work, areas.

Town boxes are 0.04 x 0.04 degrees from (111.5, 21.8). Devices: 400 seeded, and six with a purpose (`SPECIAL`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.fold import fold, fold_all
from ioc.scope import SENSITIVE, Scope
from ioc.store.cells import rebuild_device_cells
from ioc.store.cluster import PrivateCluster
from tests.conftest import Database, clone, drop

W, S, STEP = 111.5, 21.8, 0.04
CITY, COUNTIES, TOWNS, ZONE = 1, (2, 3), (4, 5, 6, 7), 8
CODES = {1: "440100000000", 2: "440101000000", 3: "440102000000", 4: "440101001000", 5: "440101002000",
         6: "440102001000", 7: "440102002000", 8: "4401Z1"}  # fmt: skip
NAMES = {1: "示例市", 2: "东江区", 3: "西岭县", 4: "沿江街道", 5: "塱岗镇", 6: "西平镇", 7: "高滘镇", 8: "滨海试验区"}
ALL = frozenset({"map.view", "device.view", "event.view", "case.view", "resource.view", "grid.view", "indicator.view"})
SPOT = (W + 0.021, S + 0.023)
SPECIAL = {"private": 1001, "sensitive": 1002, "nowhere": 1003, "gauge": 1004, "edge": 1005, "named": 1006}


def city_scope(sensitivity: int = SENSITIVE, departments: frozenset[str] | None = None) -> Scope:
    return Scope("city", ALL, whole=True, departments=departments, sensitivity=sensitivity)


def town_scope(town: int = 4, departments: frozenset[str] | None = frozenset(), sensitivity: int = 1) -> Scope:
    return Scope("town", ALL, region_ids=frozenset({town}), departments=departments, sensitivity=sensitivity)


def town_box(town: int) -> tuple[float, float, float, float]:
    n = town - 4
    west, south = W + STEP * (n % 2), S + STEP * (n // 2)
    return west, south, west + STEP, south + STEP


def build(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    """Everything, on the owner's connection."""
    with conn.transaction():
        _regions(conn)
        _devices(conn, now)
        _observations(conn, now)
        _areas(conn)
        _work(conn, now)
        rebuild_device_cells(conn)
        for table, column in (("device", "device_id"), ("event", "event_id"), ("cases", "case_id")):
            conn.execute("SELECT setval(pg_get_serial_sequence(%s, %s), 100000)", (table, column))
        for table, column in (("resource", "resource_id"), ("grid_cell", "grid_cell_id")):
            conn.execute("SELECT setval(pg_get_serial_sequence(%s, %s), 100000)", (table, column))


def put(conn: psycopg.Connection[Any], table: str, **values: Any) -> None:
    """One row. `geom` and `center` are WKT; dicts and lists of dicts become jsonb."""
    shaped = ("geom", "center")
    marks = [
        sql.SQL("ST_GeomFromText({}, 4326)").format(sql.Placeholder(k)) if k in shaped else sql.Placeholder(k)
        for k in values
    ]
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(marks)
    )
    plain = {k: Jsonb(v) if isinstance(v, dict) or (v and isinstance(v, list) and isinstance(v[0], dict)) else v
             for k, v in values.items()}  # fmt: skip
    conn.execute(query, plain)


def point(lon: float, lat: float) -> str:
    return f"POINT({lon!r} {lat!r})"


def box(w: float, s: float, e: float, n: float) -> str:
    return f"MULTIPOLYGON((({w} {s}, {e} {s}, {e} {n}, {w} {n}, {w} {s})))"


def _regions(conn: psycopg.Connection[Any]) -> None:
    boxes = {
        1: (W, S, W + 2 * STEP, S + 2 * STEP),
        2: (W, S, W + 2 * STEP, S + STEP),
        3: (W, S + STEP, W + 2 * STEP, S + 2 * STEP),
        8: (W + STEP, S, W + 2 * STEP, S + 2 * STEP),
    } | {t: town_box(t) for t in TOWNS}
    kind = {1: "city", 2: "county", 3: "county", 8: "zone"}
    parent = {1: None, 2: 1, 3: 1, 4: 2, 5: 2, 6: 3, 7: 3, 8: 1}
    for rid in range(1, 9):
        w, s, e, n = boxes[rid]
        put(
            conn, "region", region_id=rid, code=CODES[rid], name=NAMES[rid], name_en=f"R{rid}", sketch=True,
            kind=kind.get(rid, "town"), parent_id=parent[rid], members=[CODES[5], CODES[7]] if rid == ZONE else [],
            geom=box(w, s, e, n), center=point((w + e) / 2, (s + n) / 2), search=fold(NAMES[rid]),
        )  # fmt: skip
    conn.execute("SELECT ioc_rebuild_region_closure()")


def _device(conn: psycopg.Connection[Any], now: dt.datetime, lon: float, lat: float, **row: Any) -> None:
    names = (row["name"], row["external_id"], row.get("national_id"))
    values = {"source": "test", "status": "online", "status_at": now, "search": fold_all(*names), **row}
    put(conn, "device", geom=point(lon, lat), h3_10=h3.latlng_to_cell(lat, lon, 10), fov_deg=60, **values)


def _devices(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    rng = np.random.default_rng(5)
    for i in range(1, 401):
        town = TOWNS[int(rng.integers(4))]
        w, s, e, n = town_box(town)
        camera = i % 4 != 0
        _device(
            conn, now, float(rng.uniform(w, e)), float(rng.uniform(s, n)), device_id=i, external_id=f"D{i:05d}",
            kind="camera" if camera else "water_level", name=f"{NAMES[town]}{'视频' if camera else '水位'}{i}号",
            region_id=town, status="offline" if i % 11 == 0 else "online", exceeded=not camera and i % 3 == 0,
            **{"class": "camera" if camera else "sensor"},
        )  # fmt: skip
    camera = {"kind": "camera", "class": "camera"}
    lon, lat = SPOT
    _device(
        conn,
        now,
        lon,
        lat,
        device_id=1001,
        external_id="P1",
        name="公安专用",
        private_to="police",
        region_id=4,
        **camera,
    )
    _device(
        conn, now, lon, lat, device_id=1002, external_id="S1", name="敏感点位", sensitivity=2, region_id=4, **camera
    )
    _device(conn, now, W + 2.5 * STEP, S - 0.5 * STEP, device_id=1003, external_id="N1", name="海上浮标", **camera)
    secret = {"maker": "甲厂", "ip": "10.0.0.9", "password": "p", "phone": "13800000000"}
    _device(
        conn, now, lon + 0.0001, lat + 0.0001, device_id=1004, external_id="G1", name="漠江水位站", exceeded=True,
        attributes=secret, region_id=4, kind="water_level", **{"class": "sensor"},
    )  # fmt: skip
    # exactly on a tile edge of z 14: it must be in one tile, not in two
    edge = round((W + 0.02 + 180) / 360 * 16384) / 16384 * 360 - 180
    _device(conn, now, edge, S + 0.02, device_id=1005, external_id="E1", name="边缘点位", region_id=4, **camera)
    long_id = "44010200101320000001"
    _device(
        conn, now, W + 1.5 * STEP, S + 1.5 * STEP, device_id=1006, external_id=long_id, national_id=long_id,
        name="陽江灣觀景臺", region_id=7, azimuth_deg=90.0, **camera,
    )  # fmt: skip


def _observations(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    put(
        conn, "datastream", datastream_id=1, device_id=1004, property="water_level", unit="m", limit_high=3.0,
        limit_note="警戒水位", region_id=4,
    )  # fmt: skip
    for i in range(288):
        missing = 100 <= i < 103
        at = now - dt.timedelta(minutes=5 * (287 - i))
        put(
            conn, "observation", datastream_id=1, observed_at=at, value=None if missing else 2.0 + i / 200,
            quality=3 if missing else 0,
        )  # fmt: skip
    put(conn, "latest", datastream_id=1, observed_at=now, received_at=now, value=3.435, exceeded=True)
    put(conn, "device_state_log", device_id=1004, observed_at=now, recorded_at=now, status="online", exceeded=True)


def _areas(conn: psycopg.Connection[Any]) -> None:
    person = {"name": "李小明", "phone_masked": "138****0000", "role": "网格员"}
    cells = ((1, "general", (W, S, W + 0.024, S + 0.024)), (2, "unit", (W + 0.02, S + 0.02, W + 0.024, S + 0.024)))
    for gid, kind, edges in cells:
        put(
            conn, "grid_cell", grid_cell_id=gid, source="test", code=f"W{gid}", kind=kind, name=f"网格{gid}",
            geom=box(*edges), region_id=4, officers=[person], search=f"网格{gid} w{gid}",
        )  # fmt: skip
    for rid, town in ((1, 4), (2, 7)):
        w, s, _, _ = town_box(town)
        put(
            conn, "resource", resource_id=rid, source="test", external_id=f"R{rid}", kind="shelter",
            name=f"避护所{rid}", geom=point(w + 0.012, s + 0.012), region_id=town,
            capacity={"床位": 120}, search=f"避护所{rid}",
        )  # fmt: skip
    put(
        conn, "thematic_layer", layer_id=1, key="pipe", title="燃气管线", theme="管线", geometry="line", sensitivity=1,
        style={"min_zoom": 10},
    )  # fmt: skip
    put(conn, "thematic_layer", layer_id=2, key="ground", title="地", theme="底", geometry="polygon", base_role="land")
    line = f"LINESTRING({W + 0.004} {SPOT[1]}, {W + 0.036} {SPOT[1]})"
    put(
        conn, "thematic_feature", feature_id=1, layer_id=1, external_id="G1", name="中压一线", geom=line, region_id=4,
        sensitivity=1,
    )  # fmt: skip
    ground = box(W, S, W + 2 * STEP, S + 2 * STEP)
    put(conn, "thematic_feature", feature_id=2, layer_id=2, external_id="land", geom=ground)


def _work(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    """120 events, an hour apart going back; every sixth became a case, of which every fourth is closed."""
    rng = np.random.default_rng(9)
    for i in range(1, 121):
        town = TOWNS[i % 4]
        w, s, e, n = town_box(town)
        lon, lat = float(rng.uniform(w, e)), float(rng.uniform(s, n))
        at = now - dt.timedelta(hours=i)
        same: dict[str, Any] = {
            "source": "test", "source_id": f"T{i:04d}", "title": f"{NAMES[town]}垃圾满溢{i}", "geom": point(lon, lat),
            "urgency": "critical" if i % 40 == 0 else "urgent" if i % 13 == 0 else "routine", "region_id": town,
            "h3_10": h3.latlng_to_cell(lat, lon, 10), "search": f"{fold(NAMES[town])}垃圾满溢{i} t{i:04d}",
        }  # fmt: skip
        put(
            conn, "event", event_id=i, occurred_at=at, received_at=at, case_id=i if i % 6 == 0 else None,
            status="closed" if i % 5 == 0 else "open", incident_level=3 if i == 7 else None,
            private_to="police" if i == 9 else None, **same,
        )  # fmt: skip
        if i % 6 == 0:
            stages = [{"stage": "report", "entered_at": at.isoformat(), "by": "网格"}]
            sources = [{"source": "网格上报", "source_id": f"T{i:04d}", "text": "原文"}]
            put(
                conn, "cases", case_id=i, number=f"N{i:04d}", flow="grid", stage="accept", opened_at=at,
                closed_at=at if i % 24 == 0 else None, stages=stages, sources=sources, **same,
            )  # fmt: skip
    for version, urgency in ((1, "routine"), (2, "urgent")):
        put(
            conn, "event_history", event_id=1, version=version, op="new" if version == 1 else "change", actor="demo",
            region_id=5, record={"urgency": urgency, "title": "甲"},
        )  # fmt: skip
    put(
        conn, "warning", warning_id=1, source="test", source_id="W1", kind="暴雨", kind_en="Rainstorm", colour="orange",
        area="全市", region_ids=[1], onset_at=now - dt.timedelta(hours=1),
    )  # fmt: skip


@contextmanager
def standing(cluster: PrivateCluster, now: dt.datetime) -> Iterator[Database]:
    """A database with the city in it, for a whole test module that only reads."""
    database = clone(cluster)
    try:
        with database.owner() as conn:
            build(conn, now)
            conn.execute("ANALYZE")
        yield database
    finally:
        drop(cluster, database)
