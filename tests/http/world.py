"""A small centre with two counties, so that every leak from one to the other is seen: names of the far side say so."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import h3.api.basic_int as h3
import psycopg
from psycopg.types.json import Jsonb

from ioc.store.cells import rebuild_device_cells

CITY, NEAR, FAR = "990000000000", "990100000000", "990200000000"
NEAR_TOWN, FAR_TOWN = "990101000000", "990201000000"
NEAR_VILLAGE, FAR_VILLAGE = "990101001000", "990201001000"
ZONE = "Z01"
# Every row of the far side carries this word in its name and title, so one search of an answer finds any leak.
SECRET = "远方秘密"


@dataclass
class World:
    now: dt.datetime
    regions: dict[str, int] = field(default_factory=dict[str, int])
    near: dict[str, int] = field(default_factory=dict[str, int])
    far: dict[str, int] = field(default_factory=dict[str, int])


def _square(x: float, y: float, size: float) -> str:
    pts = [(x, y), (x + size, y), (x + size, y + size), (x, y + size), (x, y)]
    return "MULTIPOLYGON(((" + ",".join(f"{a} {b}" for a, b in pts) + ")))"


def build(conn: psycopg.Connection[Any], now: dt.datetime) -> World:
    """Fill an owner's connection. The near county lies at 111.0-111.5 E, the far one at 111.5-112.0 E."""
    world = World(now)
    rows = [
        (CITY, "试验市", "city", None, _square(111.0, 21.5, 1.0), []),
        (NEAR, "近县", "county", CITY, _square(111.0, 21.5, 0.5), []),
        (FAR, f"{SECRET}县", "county", CITY, _square(111.5, 21.5, 0.5), []),
        (NEAR_TOWN, "近镇", "town", NEAR, _square(111.1, 21.6, 0.2), []),
        (FAR_TOWN, f"{SECRET}镇", "town", FAR, _square(111.6, 21.6, 0.2), []),
        (NEAR_VILLAGE, "近村", "village", NEAR_TOWN, _square(111.1, 21.6, 0.1), []),
        (FAR_VILLAGE, f"{SECRET}村", "village", FAR_TOWN, _square(111.6, 21.6, 0.1), []),
        (ZONE, "新区", "zone", CITY, _square(111.1, 21.6, 0.2), [NEAR_TOWN]),
    ]
    for code, name, kind, parent, geom, members in rows:
        found = conn.execute(
            "INSERT INTO region (code, name, kind, parent_id, members, geom, center, search)"
            " VALUES (%(c)s, %(n)s, %(k)s, (SELECT region_id FROM region WHERE code = %(p)s), %(m)s,"
            " ST_GeomFromText(%(g)s, 4326), ST_Centroid(ST_GeomFromText(%(g)s, 4326)), %(n)s) RETURNING region_id",
            {"c": code, "n": name, "k": kind, "p": parent, "m": members, "g": geom},
        ).fetchone()
        world.regions[code] = found["region_id"]
    conn.execute("SELECT ioc_rebuild_region_closure()")
    conn.execute(
        "INSERT INTO source (source_key, title, title_en, classes, last_data_at, state)"
        " VALUES ('sensors', '传感器', 'Sensors', '{sensor}', %s, 'live')",
        (now,),
    )
    world.near = _side(conn, world.regions[NEAR_VILLAGE], "近", 111.15, 21.65, now)
    world.far = _side(conn, world.regions[FAR_VILLAGE], SECRET, 111.65, 21.65, now)
    with conn.transaction():
        rebuild_device_cells(conn)
    return world


def _side(
    conn: psycopg.Connection[Any], region: int, word: str, lon: float, lat: float, now: dt.datetime
) -> dict[str, int]:
    cell = h3.latlng_to_cell(lat, lon, 10)
    at = {"region": region, "lon": lon, "lat": lat, "cell": cell, "word": word, "now": now}
    out: dict[str, int] = {}
    for key, query in _ROWS.items():
        found = conn.execute(query, at).fetchone()
        out[key] = next(iter(found.values()))
    conn.execute(
        "INSERT INTO datastream (device_id, property, unit, region_id) VALUES (%s, 'water_level', 'm', %s)",
        (out["sensor"], region),
    )
    stages = [{"stage": "accepted", "entered_at": now.isoformat(), "by": word}]
    conn.execute("UPDATE cases SET stages = %s WHERE case_id = %s", (Jsonb(stages), out["case"]))
    return out


_AT = "ST_Point(%(lon)s, %(lat)s, 4326), %(cell)s, %(region)s"
_ROWS = {
    "camera": f"""
        INSERT INTO device (source, external_id, kind, class, name, status, search, geom, h3_10, region_id)
        VALUES ('video', %(word)s || '-c1', 'camera', 'camera', %(word)s || '摄像机', 'online',
                %(word)s || '摄像机', {_AT}) RETURNING device_id""",
    "sensor": f"""
        INSERT INTO device (source, external_id, kind, class, name, status, exceeded, search, geom, h3_10, region_id)
        VALUES ('sensors', %(word)s || '-s1', 'water_level', 'sensor', %(word)s || '水位', 'offline', true,
                %(word)s || '水位', {_AT}) RETURNING device_id""",
    "grid": """
        INSERT INTO grid_cell (source, code, kind, name, geom, region_id, search)
        VALUES ('files', %(word)s || '1', 'general', %(word)s || '网格',
                ST_Multi(ST_Expand(ST_Point(%(lon)s, %(lat)s, 4326), 0.01)), %(region)s, %(word)s || '网格')
        RETURNING grid_cell_id""",
    "resource": f"""
        INSERT INTO resource (source, external_id, kind, name, search, geom, h3_10, region_id)
        VALUES ('files', %(word)s || 'r', 'hospital', %(word)s || '医院', %(word)s || '医院', {_AT})
        RETURNING resource_id""",
    "event": f"""
        INSERT INTO event (source, source_id, title, urgency, occurred_at, received_at, search, geom, h3_10, region_id)
        VALUES ('hotline', %(word)s || 'e1', %(word)s || '积水', 'urgent', %(now)s::timestamptz - interval '10 min',
                %(now)s, %(word)s || '积水', {_AT}) RETURNING event_id""",
    "case": f"""
        INSERT INTO cases (number, source, source_id, flow, stage, title, urgency, opened_at, due_at, search,
                           geom, h3_10, region_id)
        VALUES (%(word)s || '-001', 'sensors', %(word)s || 'c1', 'grid', 'accepted', %(word)s || '燃气浓度超限',
                'critical', %(now)s::timestamptz - interval '30 min', %(now)s::timestamptz - interval '5 min',
                %(word)s || '燃气浓度超限', {_AT}) RETURNING case_id""",
    "incident": f"""
        INSERT INTO cases (number, source, source_id, flow, stage, title, urgency, incident_level, level_state,
                           opened_at, due_at, due_label, search, geom, h3_10, region_id)
        VALUES (%(word)s || '-TF', 'sensors', %(word)s || 'tf', 'incident', 'handling', %(word)s || '仓库火情',
                'urgent', 3, 'initial', %(now)s::timestamptz - interval '30 min',
                %(now)s::timestamptz + interval '34 min', '续报', %(word)s || '仓库火情', {_AT}) RETURNING case_id""",
}
