"""Departments, dispatch rules, duplicate thresholds and escalation rules: versions written whole, the newest read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from psycopg import sql

from ioc.cases.dispatch import Rule, Rules
from ioc.cases.duplicates import DEFAULTS, Limits, LimitTable
from ioc.cases.escalation import Rule as Escalation
from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Kind = Literal["departments", "dispatch", "duplicates", "escalation", "topics"]
Row = Mapping[str, Any]
TABLES: Mapping[Kind, str] = {
    "departments": "department",
    "dispatch": "dispatch_rule",
    "duplicates": "duplicate_rule",
    "escalation": "escalation_rule",
    "topics": "topic_rule",
}
_LOCK = 4_930_108


@dataclass(frozen=True, slots=True)
class Version:
    """What is kept of one import. `digest` of the file: the same again is no new version."""

    kind: Kind
    file: str
    digest: str
    document: str
    sample: bool
    by: str
    origin: str


def put(conn: Conn, version: Version, rows: Sequence[Mapping[str, Any]], now: dt.datetime) -> int | None:
    """A new version of one table. None where the newest is of the same file."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    last = newest(conn, version.kind)
    if last is not None and (last["digest"], last["origin"]) == (version.digest, version.origin):
        return None
    number = int(last["version"]) + 1 if last is not None else 1
    conn.execute(
        "INSERT INTO dispatch_version (kind, version, file, digest, document, rows, sample, imported_at, imported_by,"
        " origin) VALUES (%(kind)s, %(version)s, %(file)s, %(digest)s, %(document)s, %(rows)s, %(sample)s, %(now)s,"
        " %(by)s, %(origin)s)",
        {**asdict(version), "version": number, "rows": len(rows), "now": now},
    )
    if rows:
        names = ["version", "origin", *rows[0]]
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(TABLES[version.kind]),
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(map(sql.Placeholder, names)),
        )
        with conn.cursor() as cur:
            cur.executemany(query, [{"version": number, "origin": version.origin, **row} for row in rows])
    return number


def newest(conn: Conn, kind: Kind) -> Row | None:
    """The version in force; None: none has been imported."""
    return conn.execute(
        "SELECT * FROM dispatch_version WHERE kind = %s ORDER BY version DESC LIMIT 1", (kind,)
    ).fetchone()


def _current(conn: Conn, kind: Kind, order: str) -> tuple[int, Sequence[Row]]:
    query = sql.SQL(
        "SELECT t.* FROM {} t WHERE t.version = (SELECT max(v.version) FROM dispatch_version v WHERE v.kind = %s)"
        " ORDER BY {}"
    ).format(sql.Identifier(TABLES[kind]), sql.Identifier("t", order))
    rows = conn.execute(query, (kind,)).fetchall()
    return (int(rows[0]["version"]) if rows else 0), rows


def departments(conn: Conn) -> Sequence[Row]:
    """The centre's departments by code. Empty: no table has been imported."""
    return _current(conn, "departments", "code")[1]


def rules(conn: Conn) -> Rules:
    version, rows = _current(conn, "dispatch", "rule_no")
    return Rules(tuple(Rule(**{n: r[n] for n in Rule.__slots__}) for r in rows), version)


def limits(conn: Conn) -> LimitTable:
    """The centre's thresholds of duplicates; without any the product's own."""
    _, rows = _current(conn, "duplicates", "category")
    if not rows:
        return DEFAULTS
    return LimitTable(tuple((r["category"], Limits(*(float(r[n]) for n in Limits.__slots__))) for r in rows))


def escalation(conn: Conn) -> tuple[int, list[Escalation]]:
    """(version, rules). No rule: nothing is escalated."""
    version, rows = _current(conn, "escalation", "rule_no")
    return version, [Escalation(**{n: r[n] for n in Escalation.__slots__}) for r in rows]


# ------------------------------------------------------------ grids, people, the pool


def cells(conn: Conn, ids: Sequence[int]) -> Sequence[Row]:
    """Cells with the people responsible for them."""
    return conn.execute(
        "SELECT grid_cell_id, kind, code, name, department, officers FROM grid_cell WHERE grid_cell_id = ANY (%s)",
        (list(ids),),
    ).fetchall()


def region_codes(conn: Conn, region_id: int | None) -> list[str]:
    """Codes from the root to a region, zones of which it is part before the levels below them."""
    rows = conn.execute(
        "SELECT r.code FROM region_closure c JOIN region r ON r.region_id = c.ancestor_id"
        " WHERE c.descendant_id = %s ORDER BY c.depth DESC, r.code",
        (region_id,),
    )
    return [r["code"] for r in rows]


_NAMED = """
SELECT a.login, coalesce(bool_or(r.code = ANY (a.region_codes)), false) AS theirs
FROM account a LEFT JOIN region_closure c ON c.descendant_id = %(region)s
     LEFT JOIN region r ON r.region_id = c.ancestor_id
WHERE a.name = %(name)s AND NOT a.disabled
GROUP BY a.account_id, a.login, a.whole
HAVING a.whole OR %(region)s::int IS NULL OR bool_or(r.code = ANY (a.region_codes))
ORDER BY a.login
"""


def logins_of(conn: Conn, name: str, region_id: int | None) -> list[str]:
    """Logins of the accounts of this name whose regions have the place: those given it in particular before those of
    the whole centre. Empty: nobody. Several: namesakes at one place, who both must know."""
    rows = conn.execute(_NAMED, {"name": name, "region": region_id}).fetchall()
    near = [r for r in rows if r["theirs"]]
    return [str(r["login"]) for r in near or rows]


_POOL = """
SELECT c.case_id, c.number, c.flow, c.stage, c.title, c.urgency, c.address, c.category_code, c.opened_at, c.due_at,
       c.pool, r.code AS region, r.name AS region_name, count(*) OVER () AS total
FROM cases c LEFT JOIN region r USING (region_id)
WHERE c.pool <> '' AND c.closed_at IS NULL AND coalesce(c.department, '') = '' AND {seen} AND {inside}
ORDER BY c.opened_at, c.case_id LIMIT %(limit)s
"""


def pool(conn: Conn, scope: Scope, region_ids: Sequence[int] | None, limit: int) -> Sequence[Row]:
    """人工池: open cases nobody has been given and no rule could place, the longest waiting first."""
    seen, params = visible(scope, "c")
    inside = sql.SQL("TRUE") if region_ids is None else sql.SQL("c.region_id = ANY (%(drill)s::int[])")
    drill = {} if region_ids is None else {"drill": list(region_ids)}
    query = sql.SQL(_POOL).format(seen=seen, inside=inside)
    return conn.execute(query, {**params, **drill, "limit": limit}).fetchall()
