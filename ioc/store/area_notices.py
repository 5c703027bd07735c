"""Whom an area reaches, and who has read what was said to it (EMG-11). System's scope, the asker in the predicate."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.scope import Scope
from ioc.store import notices, outbox
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
# A shared border is no share of the area.
_MEETS = "{0}.geom && a.g AND ST_Intersects({0}.geom, a.g) AND NOT ST_Touches({0}.geom, a.g)"
_AREA = "(SELECT ST_SetSRID(ST_GeomFromGeoJSON(%(area)s), 4326) AS g) a"


def cells(conn: Conn, scope: Scope, area: str) -> Sequence[Row]:
    """Grid cells the area meets that `scope` sees, with their officers. `area`: GeoJSON text."""
    seen, params = visible(scope, "x")
    query = sql.SQL(
        "SELECT x.grid_cell_id, x.kind, x.code, x.name, x.officers, x.region_id, x.source,"
        " x.updated_at, x.origin FROM {area}, grid_cell x"
        " WHERE {meets} AND {seen} ORDER BY x.code, x.grid_cell_id"
    ).format(area=sql.SQL(_AREA), meets=sql.SQL(_MEETS.format("x")), seen=seen)  # pyright: ignore[reportArgumentType]
    return conn.execute(query, {**params, "area": area}).fetchall()


def villages(conn: Conn, scope: Scope, area: str, of_cells: Sequence[int]) -> Sequence[Row]:
    """Villages the area meets, by their own shape or through a cell of theirs, inside the regions of `scope`."""
    query = sql.SQL(
        "SELECT x.region_id, x.code, x.name FROM {area}, region x WHERE x.kind = 'village'"
        " AND ((x.geom IS NOT NULL AND {meets}) OR x.region_id = ANY (%(cells)s::int[]))"
        " AND (%(whole)s OR x.region_id = ANY (%(regions)s::int[])) ORDER BY x.code"
    ).format(area=sql.SQL(_AREA), meets=sql.SQL(_MEETS.format("x")))  # pyright: ignore[reportArgumentType]
    values = {"area": area, "cells": list(of_cells), "whole": scope.whole, "regions": sorted(scope.region_ids)}
    return conn.execute(query, values).fetchall()


def heads(conn: Conn, scope: Scope, region_ids: Sequence[int], duties: Sequence[str]) -> Sequence[Row]:
    """Who answers for these villages as such (no device, no kind of device), in office. `duties` empty: every duty."""
    seen, params = visible(scope, "s")
    query = sql.SQL(
        "SELECT s.name, s.phone, s.login, s.duty, s.region_id FROM steward s WHERE s.region_id = ANY (%(ids)s::int[])"
        " AND s.ended_at IS NULL AND s.device_id IS NULL AND s.kinds = '{{}}'"
        " AND (%(duties)s::text[] = '{{}}' OR s.duty = ANY (%(duties)s::text[])) AND {}"
        " ORDER BY s.region_id, s.steward_id"
    ).format(seen)
    return conn.execute(query, {**params, "ids": list(region_ids), "duties": list(duties)}).fetchall()


_LOGINS = """
SELECT g.n, a.login, coalesce(bool_or(r.code = ANY (a.region_codes)), false) AS theirs
FROM unnest(%(names)s::text[], %(regions)s::int[]) WITH ORDINALITY AS g (name, region_id, n)
JOIN account a ON a.name = g.name AND NOT a.disabled
LEFT JOIN region_closure c ON c.descendant_id = g.region_id
LEFT JOIN region r ON r.region_id = c.ancestor_id
GROUP BY g.n, g.region_id, a.account_id, a.login, a.whole
HAVING a.whole OR g.region_id IS NULL OR bool_or(r.code = ANY (a.region_codes))
ORDER BY g.n, a.login
"""


def logins(conn: Conn, named: Sequence[tuple[str, int | None]]) -> list[list[str]]:
    """For each (name, region) the accounts of that name there, as `dispatch.logins_of` finds them one by one."""
    if not named:
        return []
    values = {"names": [n for n, _ in named], "regions": [r for _, r in named]}
    near: list[list[str]] = [[] for _ in named]
    every: list[list[str]] = [[] for _ in named]
    for row in conn.execute(_LOGINS, values):
        at = int(row["n"]) - 1
        every[at].append(str(row["login"]))
        if row["theirs"]:
            near[at].append(str(row["login"]))
    return [n or e for n, e in zip(near, every, strict=True)]


def common_region(conn: Conn, scope: Scope, region_ids: Sequence[int]) -> int | None:
    """The smallest region that holds them all, inside the scope."""
    row = conn.execute(
        """
        SELECT c.ancestor_id FROM region_closure c JOIN region r ON r.region_id = c.ancestor_id
        WHERE c.descendant_id = ANY (%(ids)s::int[]) AND r.kind <> 'zone'
          AND (%(whole)s OR c.ancestor_id = ANY (%(regions)s::int[]))
        GROUP BY c.ancestor_id HAVING count(DISTINCT c.descendant_id) = cardinality(%(ids)s::int[])
        ORDER BY (SELECT count(*) FROM region_closure d WHERE d.ancestor_id = c.ancestor_id) LIMIT 1
        """,
        {"ids": sorted(set(region_ids)), "whole": scope.whole, "regions": sorted(scope.region_ids)},
    ).fetchone()
    return int(row["ancestor_id"]) if row else None


_COLUMNS = """n.area_notice_id, n.case_id, n.warning_id, n.title, n.body, n.priority, n.villages, n.cells, n.empty,
  n.exercise, n.by_name, n.at, n.reminded, n.reminded_at, n.region_id, n.private_to, n.sensitivity, n.version, n.origin,
  ST_AsGeoJSON(n.area, 6)::jsonb AS geometry"""


def insert(conn: Conn, values: Mapping[str, Any], now: dt.datetime) -> Row:
    row = conn.execute(
        "INSERT INTO area_notice (case_id, warning_id, title, body, priority, area, villages, cells, empty, exercise,"
        " by_actor, by_name, at, region_id, private_to, sensitivity, origin, recorded_at, updated_at)"
        " VALUES (%(case_id)s, %(warning_id)s, %(title)s, %(body)s, %(priority)s,"
        " ST_Multi(ST_SetSRID(ST_GeomFromGeoJSON(%(area)s), 4326)), %(villages)s, %(cells)s, %(empty)s, %(exercise)s,"
        " %(by_actor)s, %(by_name)s, %(now)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s, %(now)s,"
        " %(now)s) RETURNING area_notice_id",
        {**values, **{n: Jsonb(values[n]) for n in ("villages", "cells", "empty")}, "now": now},
    ).fetchone()
    if row is None:
        raise LookupError("area_notice")
    found = one(conn, None, int(row["area_notice_id"]))
    if found is None:
        raise LookupError("area_notice")
    return found


def one(conn: Conn, scope: Scope | None, area_notice_id: int, *, lock: bool = False) -> Row | None:
    """`scope` None: the system's own look."""
    seen, params = visible(scope, "n") if scope is not None else (sql.SQL("TRUE"), {})
    query = sql.SQL("SELECT {} FROM area_notice n WHERE n.area_notice_id = %(id)s AND {} {}").format(
        sql.SQL(_COLUMNS), seen, sql.SQL("FOR UPDATE" if lock else "")
    )
    return conn.execute(query, {**params, "id": area_notice_id}).fetchone()


def listed(
    conn: Conn, scope: Scope, case_id: int | None, warning_id: int | None, limit: int
) -> Sequence[Row]:  # fmt: skip
    """Newest first."""
    seen, params = visible(scope, "n")
    query = sql.SQL(
        "SELECT {} FROM area_notice n WHERE (%(case)s::bigint IS NULL OR n.case_id = %(case)s)"
        " AND (%(warning)s::bigint IS NULL OR n.warning_id = %(warning)s) AND {}"
        " ORDER BY n.area_notice_id DESC LIMIT %(limit)s"
    ).format(sql.SQL(_COLUMNS), seen)
    return conn.execute(query, {**params, "case": case_id, "warning": warning_id, "limit": limit}).fetchall()


_NOTICES = """
INSERT INTO notice (key, kind, to_kind, to_ref, phone, title, title_en, body, body_en, about, priority, created_at,
                    region_id, private_to, sensitivity, origin)
SELECT p.key, 'area.notice', p.to_kind, p.to_ref, p.phone, %(title)s, %(title_en)s, %(body)s, %(body)s, %(about)s,
       %(priority)s, %(now)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s
FROM jsonb_to_recordset(%(people)s) AS p (key text, to_kind text, to_ref text, phone text, who text)
ON CONFLICT (key) DO NOTHING RETURNING notice_id, key
"""


def tell(conn: Conn, notice: Row, people: Sequence[Row], part: str, now: dt.datetime) -> int:
    """One notice a person, in one statement, and who of them it was. `part`: of the key; a reminder has its own."""
    titles = notice["title"], ("[EXERCISE] " if notice["exercise"] else "") + notice["title"]
    given = [
        {"key": f"area:{notice['area_notice_id']}:{part}:{p['who']}", "to_kind": "account" if p["login"] else "person",
         "to_ref": p["login"] or p["name"], "phone": "" if p["login"] else p["phone"]} for p in people
    ]  # fmt: skip
    values = {
        **{n: notice[n] for n in ("body", "priority", "region_id", "private_to", "sensitivity", "origin")},
        "title": titles[0], "title_en": titles[1], "about": f"area_notice:{notice['area_notice_id']}", "now": now,
        "people": json.dumps(given, ensure_ascii=False),
    }  # fmt: skip
    made = {r["key"]: r["notice_id"] for r in conn.execute(_NOTICES, values).fetchall()}
    rows = [
        {"who": p["who"], "name": p["name"], "login": p["login"], "phone": p["phone"], "duties": list(p["duties"]),
         "places": list(p["places"]), "notice_id": made[g["key"]]}
        for p, g in zip(people, given, strict=True) if g["key"] in made
    ]  # fmt: skip
    conn.execute(
        "INSERT INTO area_notice_person AS x (area_notice_id, who, name, login, phone, duties, places, notice_ids,"
        " origin, recorded_at) SELECT %(id)s, p.who, p.name, p.login, p.phone, p.duties, p.places,"
        " ARRAY[p.notice_id], %(origin)s, %(now)s FROM jsonb_to_recordset(%(rows)s) AS p (who text, name text,"
        " login text, phone text, duties text[], places text[], notice_id bigint)"
        " ON CONFLICT (area_notice_id, who) DO UPDATE SET notice_ids = x.notice_ids || excluded.notice_ids",
        {"id": notice["area_notice_id"], "origin": notice["origin"], "now": now,
         "rows": json.dumps(rows, ensure_ascii=False)},
    )  # fmt: skip
    notices.stir(conn, notice["origin"])
    outbox.wake(conn)
    return len(made)


_PEOPLE = """
SELECT p.who, p.name, p.login, p.phone, p.duties, p.places, p.notice_ids, s.read_at, s.delivered, s.submitted, s.dead,
       s.no_address, s.deliveries, s.submitted_at, s.delivered_at
FROM area_notice_person p CROSS JOIN LATERAL (
  SELECT min(n.read_at) FILTER (WHERE ioc_as_of() IS NULL OR n.read_at <= ioc_as_of()) AS read_at,
         bool_or(d.state IN ('delivered', 'read')) AS delivered,
         bool_or(d.state = 'submitted') AS submitted, bool_or(d.state = 'dead') AS dead,
         bool_or(d.state = 'no_address') AS no_address, count(d.delivery_id)::int AS deliveries,
         coalesce(min(d.submitted_at), min(n.created_at)) AS submitted_at, min(d.delivered_at) AS delivered_at
  FROM notice n LEFT JOIN delivery d ON d.notice_id = n.notice_id AND ioc_as_of() IS NULL
  WHERE n.notice_id = ANY (p.notice_ids)) s
WHERE p.area_notice_id = %s ORDER BY p.places, p.name, p.who
"""


def people(conn: Conn, area_notice_id: int) -> Sequence[Row]:
    """Everybody it was sent to, with what became of all that was sent to them.

    In the past who had read it by then; what the channels said is not on record and left out.
    """
    return conn.execute(_PEOPLE, (area_notice_id,)).fetchall()


def reminded(conn: Conn, area_notice_id: int, now: dt.datetime) -> None:
    conn.execute(
        "UPDATE area_notice SET reminded = reminded + 1, reminded_at = %s, version = version + 1, updated_at = %s"
        " WHERE area_notice_id = %s",
        (now, now, area_notice_id),
    )
