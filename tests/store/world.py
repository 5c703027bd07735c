"""A small town for store tests: a county of two towns, two villages in the first, and grid cells on a shared edge."""

from __future__ import annotations

from typing import Any

import psycopg

# (code, name, kind, parent, west, south, east, north)
REGIONS = [
    ("331100000000", "山水市", "city", None, 120.0, 28.0, 120.4, 28.4),
    ("331101000000", "北溪县", "county", "331100000000", 120.0, 28.0, 120.4, 28.4),
    ("331101100000", "古埠镇", "town", "331101000000", 120.0, 28.0, 120.2, 28.4),
    ("331101101000", "新桥镇", "town", "331101000000", 120.2, 28.0, 120.4, 28.4),
    ("331101100201", "上村", "village", "331101100000", 120.0, 28.0, 120.1, 28.4),
    ("331101100202", "下村", "village", "331101100000", 120.1, 28.0, 120.2, 28.4),
]
CELLS = [
    ("33110110020101", "general", "上村第一网格", 120.0, 28.0, 120.05, 28.2),
    ("33110110020102", "general", "上村第二网格", 120.05, 28.0, 120.1, 28.2),
    ("33110110000001", "unit", "古埠单元网格", 120.0, 28.0, 120.2, 28.2),
]


def build(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Fill an empty centre; the owner's connection. Returns region ids by code."""
    for code, name, kind, parent, w, s, e, n in REGIONS:
        conn.execute(
            """
            INSERT INTO region (code, name, kind, parent_id, geom, search)
            VALUES (%s, %s, %s, (SELECT region_id FROM region WHERE code = %s),
                    ST_Multi(ST_MakeEnvelope(%s, %s, %s, %s, 4326)), %s)
            """,
            (code, name, kind, parent, w, s, e, n, name),
        )
    conn.execute(
        "INSERT INTO region (code, name, kind, parent_id, members, search)"
        " SELECT '3311H1', '江湾新区', 'zone', region_id, '{331101100000}', '江湾新区'"
        " FROM region WHERE code = '331100000000'"
    )
    conn.execute("SELECT ioc_rebuild_region_closure()")
    for code, kind, name, w, s, e, n in CELLS:
        conn.execute(
            "INSERT INTO grid_cell (source, code, kind, name, geom) VALUES ('t', %s, %s, %s,"
            " ST_Multi(ST_MakeEnvelope(%s, %s, %s, %s, 4326)))",
            (code, kind, name, w, s, e, n),
        )
    found = conn.execute("SELECT code, region_id FROM region").fetchall()
    return {row["code"]: row["region_id"] for row in found}
