"""Reading a case for a step, and recording the step. The caller's transaction; who asks is in the predicate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.scope import Scope
from ioc.store import dispatch
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]


def read(conn: Conn, scope: Scope, case_id: int, *, lock: bool) -> Row | None:
    """The case, if `scope` sees it; with `lock` until the transaction ends."""
    seen, params = visible(scope, "c")
    query = sql.SQL("SELECT c.* FROM cases c WHERE c.case_id = %(id)s AND {} {}").format(
        seen, sql.SQL("FOR UPDATE" if lock else "")
    )
    return conn.execute(query, {**params, "id": case_id}).fetchone()


def read_many(conn: Conn, scope: Scope, case_ids: Sequence[int]) -> Sequence[Row]:
    """Those of these cases that `scope` sees, unlocked, in the order asked."""
    seen, params = visible(scope, "c")
    query = sql.SQL(
        "SELECT c.* FROM cases c WHERE c.case_id = ANY (%(ids)s::bigint[]) AND {}"
        " ORDER BY array_position(%(ids)s::bigint[], c.case_id)"
    ).format(seen)
    return conn.execute(query, {**params, "ids": list(case_ids)}).fetchall()


def since(conn: Conn, case_id: int, version: int) -> Sequence[Row]:
    """Steps after `version`, oldest first: what the other officer did meanwhile."""
    return conn.execute(
        "SELECT version, step, stage_after, actor_name, at, given FROM case_step"
        " WHERE case_id = %s AND version > %s ORDER BY version",
        (case_id, version),
    ).fetchall()


def record(conn: Conn, case: Row, step: Mapping[str, Any], now: dt.datetime) -> None:
    """`step` has step, stage_before, stage_after, actor, actor_name and given; `case` is the row before it."""
    conn.execute(
        "INSERT INTO case_step (case_id, version, step, stage_before, stage_after, actor, actor_name, at, given,"
        " region_id, private_to, sensitivity, origin, recorded_at)"
        " VALUES (%(case_id)s, %(version)s, %(step)s, %(stage_before)s, %(stage_after)s, %(actor)s, %(actor_name)s,"
        " %(now)s, %(given)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s, %(now)s)",
        {
            **step,
            "given": Jsonb(step["given"]),
            "now": now,
            "case_id": case["case_id"],
            "version": case["version"] + 1,
            **{k: case[k] for k in ("region_id", "private_to", "sensitivity", "origin")},
        },
    )


def last_of(conn: Conn, case_id: int, steps: Sequence[str]) -> dt.datetime | None:
    """When one of `steps` was last taken; None: never."""
    row = conn.execute(
        "SELECT max(at) AS at FROM case_step WHERE case_id = %s AND step = ANY (%s)", (case_id, list(steps))
    ).fetchone()
    return row["at"] if row else None


def only(conn: Conn, case_id: int, version: int, actor: str) -> bool:
    """Whether everything after `version` was written by `actor`."""
    row = conn.execute(
        "SELECT coalesce(bool_and(actor = %s), false) AS yes FROM case_history WHERE case_id = %s AND version > %s",
        (actor, case_id, version),
    ).fetchone()
    return bool(row and row["yes"])


def place(conn: Conn, case_id: int, lon: float, lat: float, x_m: float, y_m: float, srid: int) -> None:
    """A corrected place; the history of the case keeps the old one."""
    conn.execute(
        "UPDATE cases SET geom = ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326),"
        " geom_m = ST_SetSRID(ST_MakePoint(%(x_m)s, %(y_m)s), %(srid)s) WHERE case_id = %(id)s",
        {"lon": lon, "lat": lat, "x_m": x_m, "y_m": y_m, "srid": srid, "id": case_id},
    )


def next_number(conn: Conn, day: dt.date) -> str:
    """A number of our own: 20261122-000123. Imported cases keep theirs."""
    row = conn.execute("SELECT nextval('case_number') AS n").fetchone()
    return f"{day:%Y%m%d}-{row['n'] if row else 0:06d}"


def departments(conn: Conn) -> list[str]:
    """What a form offers: the centre's table of departments; without one, those cases and accounts name."""
    if named := [str(d["name"]) for d in dispatch.departments(conn)]:
        return named
    rows = conn.execute(
        "SELECT DISTINCT department AS name FROM cases WHERE department <> ''"
        " UNION SELECT unnest(departments) FROM account WHERE NOT disabled ORDER BY name LIMIT 500"
    )
    return [str(r["name"]) for r in rows]


def read_event(conn: Conn, scope: Scope, event_id: int) -> Row | None:
    """The event with its place in degrees and metres, locked, if `scope` sees it."""
    seen, params = visible(scope, "e")
    query = sql.SQL(
        "SELECT e.*, ST_X(e.geom) AS lon, ST_Y(e.geom) AS lat, ST_X(e.geom_m) AS x_m, ST_Y(e.geom_m) AS y_m,"
        " nullif(ST_SRID(e.geom_m), 0) AS srid FROM event e WHERE e.event_id = %(id)s AND {} FOR UPDATE"
    ).format(seen)
    return conn.execute(query, {**params, "id": event_id}).fetchone()
