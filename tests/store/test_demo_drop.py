"""`ioc demo drop`: nothing of the demo is left in any table, nor what hung on it; what is real stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import pytest
from psycopg import sql

from data_sources import demo
from ioc.accounts.base import Accounts
from ioc.accounts.users import make_demo_users
from ioc.audit import linker
from ioc.audit.verify import Verifier
from ioc.clock import FixedClock
from ioc.settings import Settings
from ioc.store import chain
from ioc.store.chained import CHAINED
from ioc.store.database import dsns
from tests.conftest import NOW, Database
from tests.demo_city import load_demo
from tests.store.test_scope import ROWS

pytestmark = pytest.mark.store
Conn = psycopg.Connection[Any]
REAL, DEMO = 900_001, 900_002
# Numbers over everything, real and demo together: they are counted anew, so none of them is a row of its own.
COUNTED = {"indicator_value", "indicator_run"}
# Of nobody's rows: what a far end said of a message that is not known (nothing of the demo is ever sent), and who asked
# for something under which key.
UNBOUND = {"delivery_receipt", "request_key"}
# Another table's number under a name of its own, by (table, column) -> (table, column); what is told by the name alone
# is found in the catalogue.
NAMED = {("device", "gateway_id"): ("device", "device_id"), ("alarm", "cause_device_id"): ("device", "device_id")}


def tables(conn: Conn) -> list[str]:
    rows = conn.execute(
        "SELECT c.relname AS t FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT EXISTS"
        " (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
        " ORDER BY 1"
    ).fetchall()
    return [r["t"] for r in rows]


def columns(conn: Conn) -> dict[str, dict[str, str]]:
    """Table -> column -> type."""
    rows = conn.execute(
        "SELECT c.relname AS t, a.attname AS c, format_type(a.atttypid, NULL) AS kind FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"
    ).fetchall()
    out: dict[str, dict[str, str]] = {}
    for r in rows:
        out.setdefault(r["t"], {})[r["c"]] = r["kind"]
    return out


def with_origin(conn: Conn) -> list[str]:
    found = columns(conn)
    return [t for t in tables(conn) if "origin" in found[t]]


def one_of_each(conn: Conn, number: int, region: int) -> None:
    """A row in every table that has rows of a place (those of the test of row-level security), all of one thing."""
    values: dict[str, Any] = {"i": number, "r": region, "p": None, "s": 0, "t": NOW, "k": f"k{number}"}
    for statement in ROWS:
        conn.execute(statement, values)  # type: ignore[call-overload]


def count(conn: Conn, table: str, where: str = "true") -> int:
    query = sql.SQL("SELECT count(*) AS n FROM {} WHERE ").format(sql.Identifier(table)) + sql.SQL(where)  # type: ignore[arg-type]
    row = conn.execute(query).fetchone()
    return int(row["n"]) if row else 0


def content(conn: Conn, table: str, where: str) -> list[str]:
    query = sql.SQL("SELECT to_jsonb(t)::text AS row FROM {} t WHERE ").format(sql.Identifier(table)) + sql.SQL(where)  # type: ignore[arg-type]
    return sorted(r["row"] for r in conn.execute(query).fetchall())


def numbered(conn: Conn) -> Mapping[str, tuple[str, str]]:
    """Name of a number -> the table and column it is of, where exactly one table gives it out."""
    rows = conn.execute(
        "SELECT c.relname AS t, min(a.attname::text) AS c FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) WHERE i.indisprimary"
        " AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition GROUP BY 1"
        " HAVING count(*) = 1 AND bool_and(a.attidentity <> '')"
    ).fetchall()
    owners: dict[str, list[str]] = {}
    for r in rows:
        if r["c"].endswith("_id"):
            owners.setdefault(r["c"], []).append(r["t"])
    return {c: (found[0], c) for c, found in owners.items() if len(found) == 1}


def links(conn: Conn) -> list[tuple[str, str, str, str]]:
    """(table, column) -> (table, column) it is a number of, also inside arrays (`region_ids`)."""
    known = numbered(conn)
    out: list[tuple[str, str, str, str]] = []
    for table, have in columns(conn).items():
        for column in have:
            target = NAMED.get((table, column)) or known.get(column) or known.get(column.removesuffix("s"))
            if target and target != (table, column) and have[column].removesuffix("[]") in ("integer", "bigint"):
                out.append((table, column, *target))
    return out


def dangling(conn: Conn) -> dict[str, int]:
    """`table.column` -> rows whose number is of nothing there is."""
    out: dict[str, int] = {}
    have = columns(conn)
    for table, column, other, key in links(conn):
        value = sql.Identifier("t", column)
        if have[table][column].endswith("[]"):
            missing = sql.SQL("EXISTS (SELECT FROM unnest({v}) x WHERE x NOT IN (SELECT {k} FROM {o}))")
        else:
            missing = sql.SQL("{v} IS NOT NULL AND {v} <> 0 AND NOT EXISTS (SELECT FROM {o} o WHERE o.{k} = {v})")
        query = sql.SQL("SELECT count(*) AS n FROM {} t WHERE ").format(sql.Identifier(table)) + missing.format(
            v=value, k=sql.Identifier(key), o=sql.Identifier(other)
        )
        row = conn.execute(query).fetchone()
        if row and row["n"]:
            out[f"{table}.{column}"] = row["n"]
    return out


@pytest.fixture
def both(db: Database, settings: Settings, clock: FixedClock) -> Database:
    """The demo with its work and people, and beside it one real and one demo row in every table that knows a place."""
    load_demo(settings, clock)
    make_demo_users(Accounts(db.store, settings, clock), "440981102000")
    with db.owner() as conn:
        conn.execute("SET ioc.chained = on")  # as what writes in the product's name does
        conn.execute(
            "INSERT INTO region (region_id, code, name, kind) VALUES (%s, '990000000000', '真县', 'county')", (REAL,)
        )
        one_of_each(conn, REAL, REAL)
        conn.execute(
            "WITH made AS (INSERT INTO duty_roster (roster_id, digest, rows, actor, published_at)"
            " VALUES (%s, 'd', 1, 'a', %s) RETURNING roster_id)"
            " UPDATE duty_entry SET roster_id = made.roster_id FROM made WHERE origin = 'real'",
            (REAL, NOW),
        )
        village = conn.execute("SELECT region_id FROM region WHERE kind = 'village' ORDER BY code LIMIT 1").fetchone()
        assert village
        for table in with_origin(conn):
            conn.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN origin SET DEFAULT 'demo'").format(sql.Identifier(table)))
        one_of_each(conn, DEMO, village["region_id"])
        for table in with_origin(conn):
            conn.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN origin SET DEFAULT 'real'").format(sql.Identifier(table)))
        conn.execute("SELECT ioc_rebuild_region_closure()")
    return db


def test_no_demo_row_is_left_in_any_table_and_every_real_one_is(
    both: Database, settings: Settings, clock: FixedClock
) -> None:
    with both.owner() as conn:
        filled = {t for t in with_origin(conn) if count(conn, t, "origin = 'demo'")}
        named = {s.split()[2] for s in ROWS}
        assert named & set(with_origin(conn)) <= filled, "the test has a demo row of each"
        assert {"cases", "case_step", "duty_entry", "patrol", "account", "warning", "alarm", "detection"} <= filled
        real = {t: content(conn, t, "origin = 'real'") for t in with_origin(conn) if t not in COUNTED}
        assert named & set(with_origin(conn)) <= {t for t, rows in real.items() if rows} | COUNTED
    assert demo.drop(settings, dsns(settings), clock) > 1000
    with both.owner() as conn:
        left = {t: n for t in with_origin(conn) if (n := count(conn, t, "origin = 'demo'"))}
        assert left == {}
        for table, rows in real.items():
            after = content(conn, table, "origin = 'real'")
            told = [r for r in after if table == "outbox" and '"reason": "dropped"' in r]  # that screens look again
            assert [r for r in after if r not in told] == rows, table


def test_what_hangs_on_demo_rows_goes_with_them(both: Database, settings: Settings, clock: FixedClock) -> None:
    with both.owner() as conn:
        known = {(table, column) for table, column, *_ in links(conn)}
        assert {("observation", "datastream_id"), ("delivery_try", "delivery_id"), ("alarm_state", "datastream_id"),
                ("case_step", "case_id"), ("session", "account_id")} <= known  # fmt: skip
        before = dangling(conn)
        apart = [t for t in tables(conn) if t not in with_origin(conn) and t in {s.split()[2] for s in ROWS}]
        kept = {t: count(conn, t) for t in apart}
    demo.drop(settings, dsns(settings), clock)
    with both.owner() as conn:
        found = dangling(conn)
        assert {k: n for k, n in found.items() if n > before.get(k, 0)} == {}, "nothing points at what has gone"
        stayed = {t: (count(conn, t), kept[t]) for t in apart if t not in COUNTED | UNBOUND}
        assert {t: n for t, n in stayed.items() if not 0 < n[0] < n[1]} == {}, "the demo's went, the real ones stayed"


def test_the_chain_says_that_it_was_lawful(both: Database, settings: Settings, clock: FixedClock) -> None:
    key = settings.audit_key
    with psycopg.connect(both.dsn_owner, autocommit=True) as conn:
        chain.settle(conn)
        work = linker.Linker(key)
        while work.turn(conn, NOW):
            pass
        with both.owner() as looking:
            linked = {t.table for t in CHAINED if count(looking, t.table, "true")}
            demos = {r["t"]: r["n"] for r in looking.execute(
                "SELECT table_name AS t, count(*)::int AS n FROM chain WHERE demo GROUP BY 1").fetchall()}  # fmt: skip
        assert {"case_step", "case_history", "event_history"} <= linked & set(demos)
        assert list(Verifier(conn, key).run()) == []
    demo.drop(settings, dsns(settings), clock)
    with psycopg.connect(both.dsn_owner, autocommit=True) as conn:
        chain.settle(conn)
        while work.turn(conn, NOW):
            pass
        verifier = Verifier(conn, key)
        assert list(verifier.run()) == []
        (told,) = verifier.report.drops
        assert {t: n for t, n in told["rows"].items() if n} == demos
        assert verifier.report.gone == sum(demos.values())
        assert verifier.report.rows > 0, "the real ones are there, and as they were"
