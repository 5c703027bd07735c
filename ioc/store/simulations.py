"""Runs of 推演: added, never changed, read by who sees the place. Nothing that states facts reads them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
_ADD = """
INSERT INTO simulation (case_id, lon, lat, seed, runs, params, inputs, result, by_actor, by_name, region_id, private_to,
  sensitivity, origin, updated_at)
VALUES (%(case_id)s, %(lon)s, %(lat)s, %(seed)s, %(runs)s, %(params)s, %(inputs)s, %(result)s, %(by_actor)s,
  %(by_name)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s, %(now)s) RETURNING simulation_id
"""


def add(conn: Conn, values: Mapping[str, Any], now: dt.datetime) -> int:
    """Its id."""
    given = {**values, **{n: Jsonb(values[n]) for n in ("params", "inputs", "result")}, "now": now}
    row = conn.execute(_ADD, given).fetchone()
    assert row is not None
    return int(row["simulation_id"])


def one(conn: Conn, scope: Scope, simulation_id: int) -> Row | None:
    seen, params = visible(scope, "s")
    query = sql.SQL("SELECT s.* FROM simulation s WHERE s.simulation_id = %(id)s AND {}").format(seen)
    return conn.execute(query, {**params, "id": simulation_id}).fetchone()


def of_case(conn: Conn, scope: Scope, case_id: int, limit: int = 20) -> Sequence[Row]:
    """Newest first, without inputs."""
    seen, params = visible(scope, "s")
    query = sql.SQL(
        "SELECT s.simulation_id, s.case_id, s.seed, s.runs, s.params, s.result, s.by_name, s.by_actor, s.origin,"
        " s.updated_at FROM simulation s WHERE s.case_id = %(case)s AND {}"
        " ORDER BY s.updated_at DESC, s.simulation_id DESC LIMIT %(most)s"
    ).format(seen)
    return conn.execute(query, {**params, "case": case_id, "most": limit}).fetchall()


def place(conn: Conn, case_id: int) -> Row | None:
    """{lon, lat} of a case, degrees; under the asker's scope."""
    return conn.execute(
        "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM cases WHERE case_id = %s AND geom IS NOT NULL", (case_id,)
    ).fetchone()
