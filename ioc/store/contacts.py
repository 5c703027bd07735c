"""Whom to call for an incident: posts of its command, who is on duty from its place up, departments with a contact."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]


def place_of(conn: Conn, scope: Scope, case_id: int) -> Row | None:
    """The incident's number, region, department and attributes."""
    seen, params = visible(scope, "c")
    query = sql.SQL(
        "SELECT c.case_id, c.number, c.region_id, c.department, c.co_department, c.attributes, c.origin FROM cases c"
        " WHERE c.case_id = %(id)s AND {}"
    ).format(seen)
    return conn.execute(query, {**params, "id": case_id}).fetchone()


def regions_up(conn: Conn, region_id: int | None) -> Sequence[Row]:
    """The region and everything above it, finest first."""
    return conn.execute(
        "SELECT r.region_id, r.code, r.name, r.name_en, r.kind FROM region_closure u"
        " JOIN region r ON r.region_id = u.ancestor_id WHERE u.descendant_id = %s ORDER BY u.depth, r.code",
        (region_id,),
    ).fetchall()


def posts(conn: Conn, case_id: int, now: dt.datetime) -> Sequence[Row]:
    """总指挥, 现场指挥官 and other posts held at `now`."""
    return conn.execute(
        "SELECT role, title, person, login, department, phone, from_at, to_at FROM incident_post"
        " WHERE case_id = %(id)s AND from_at <= %(now)s AND (to_at IS NULL OR to_at > %(now)s)"
        " ORDER BY array_position(ARRAY['chief', 'field', 'other'], role), from_at, post_id",
        {"id": case_id, "now": now},
    ).fetchall()


def departments(conn: Conn, names: Sequence[str]) -> Sequence[Row]:
    """Contacts of these departments, of the table in force."""
    return conn.execute(
        "SELECT d.* FROM department d WHERE d.name = ANY (%s) AND d.version = ("
        "SELECT max(v.version) FROM dispatch_version v WHERE v.kind = 'departments') ORDER BY d.name",
        (list(names),),
    ).fetchall()


def newest_roster(conn: Conn) -> Row | None:
    """Which rosters the panel rests on: the newest that came in."""
    return conn.execute(
        "SELECT published_at, file_name, origin FROM duty_roster ORDER BY roster_id DESC LIMIT 1"
    ).fetchone()


def officers_at(conn: Conn, scope: Scope, lon: float, lat: float) -> Sequence[Row]:
    """Grid cells of every kind that cover the place (EPSG:4326 degrees), with their officers."""
    seen, params = visible(scope, "g")
    query = sql.SQL(
        "SELECT g.code, g.name, g.officers, g.origin FROM grid_cell g"
        " WHERE g.geom && ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)"
        " AND ST_Covers(g.geom, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)) AND {} ORDER BY g.kind, g.code"
    ).format(seen)
    return conn.execute(query, {**params, "lon": lon, "lat": lat}).fetchall()
