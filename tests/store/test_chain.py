"""The chain on a real server: what the product writes is linked, what is done to it otherwise is named."""

from __future__ import annotations

import datetime as dt
import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from ioc.audit import linker
from ioc.audit.verify import Fault, Report, Verifier
from ioc.clock import FixedClock
from ioc.ops import audit as audit_ops
from ioc.ops import doctor, keeper_loop
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import accounts, chain, chained
from ioc.store.migrate import migrate
from tests.conftest import NOW, Database

pytestmark = pytest.mark.store
KEY = b"k" * 32

STEP = (
    "INSERT INTO case_step (case_id, version, step, stage_before, stage_after, actor, at, recorded_at, origin)"
    " VALUES (%(case)s, %(version)s, 'urge', 'accepted', 'accepted', 'a' || %(version)s, %(at)s, %(at)s, %(origin)s)"
)
CASE = (
    "INSERT INTO cases (case_id, number, source, source_id, flow, stage, title, opened_at)"
    " VALUES (%s, %s, 's', %s, 'grid', 'x', 't', %s) ON CONFLICT DO NOTHING"
)


@pytest.fixture
def write(db: Database) -> Callable[..., None]:
    """Steps of a case as the application writes them."""

    def go(case: int, *versions: int, at: dt.datetime = NOW, origin: str = "real") -> None:
        with db.store.scoped(SYSTEM) as conn:
            conn.execute(CASE, (case, str(case), str(case), NOW))
            for version in versions:
                conn.execute(STEP, {"case": case, "version": version, "at": at, "origin": origin})

    return go


def link(db: Database, now: dt.datetime = NOW, key: bytes = KEY) -> int:
    with psycopg.connect(db.dsn_owner, autocommit=True) as conn:
        chain.settle(conn)
        work, done = linker.Linker(key), 0
        while n := work.turn(conn, now):
            done += n
    return done


def verify(db: Database, key: bytes = KEY, **more: Any) -> tuple[list[Fault], Report]:
    # a session of another zone and precision: none of it may matter
    options = "-c timezone=Asia/Shanghai -c extra_float_digits=-5 -c datestyle=german"
    with psycopg.connect(db.dsn_owner, autocommit=True, options=options) as conn:
        verifier = Verifier(conn, key, **more)
        return list(verifier.run()), verifier.report


def told(db: Database, **more: Any) -> list[tuple[str, str]]:
    return [(f.kind, f.name) for f in verify(db, **more)[0]]


def meddle(db: Database, *statements: LiteralString) -> None:
    with db.owner() as conn:
        for statement in statements:
            assert conn.execute(statement).rowcount != 0, statement


def test_what_the_product_writes_is_linked_gapless_and_whole(db: Database, write: Callable[..., None]) -> None:
    write(1, 2, 3)
    with db.store.scoped(SYSTEM) as conn:
        accounts.audit(conn, actor="a", action="test", detail={"pi": 3.14159, "名": "值", "n": [1.50, None]})
    assert link(db) == 3
    faults, report = verify(db)
    assert faults == []
    assert (report.links, report.rows, report.head_seq, report.waiting) == (3, 3, 3, 0)
    with db.owner() as conn:
        rows = conn.execute("SELECT seq, table_name, row_key, prev, link FROM chain ORDER BY seq").fetchall()
    assert [r["seq"] for r in rows] == [1, 2, 3]
    assert [r["row_key"] for r in rows[:2]] == [[1, 2], [1, 3]]
    assert [r["prev"] for r in rows[1:]] == [r["link"] for r in rows[:-1]]


def test_rows_that_wait_are_no_fault_and_are_measured(db: Database, write: Callable[..., None]) -> None:
    write(1, 2)
    faults, report = verify(db)
    assert (faults, report.waiting, report.ok) == ([], 1, True)
    with db.owner() as conn:
        now = conn.execute("SELECT now() + interval '90 s' AS at").fetchone()["at"]
        found = audit_ops.state(conn, now)
    assert (found["seq"], found["waiting"], found["off"]) == (0, 1, [])
    assert 89 < found["lag_s"] < 130


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (("UPDATE case_step SET actor = 'x' WHERE version = 3",), [("changed", "case_step 1/3")]),
        (("UPDATE case_step SET given = '{\"a\": 1}' WHERE version = 2",), [("changed", "case_step 1/2")]),
        (("UPDATE case_step SET recorded_at = recorded_at + interval '1 us' WHERE version = 4",),
         [("changed", "case_step 1/4")]),
        (("DELETE FROM case_step WHERE version = 3",), [("removed", "case_step 1/3")]),
        (("INSERT INTO case_step SELECT case_id, 9, step, stage_before, stage_after, actor, actor_name, at, given,"
          " region_id, private_to, sensitivity, origin, recorded_at FROM case_step WHERE version = 2",),
         [("inserted", "case_step 1/9")]),
        (("DELETE FROM case_step WHERE version = 3", "UPDATE case_step SET version = 3 WHERE version = 4"),
         [("changed", "case_step 1/3"), ("removed", "case_step 1/4")]),
        (("UPDATE chain SET digest = link WHERE seq = 2",), [("link_changed", "case_step 1/3")]),
        (("UPDATE chain SET link = digest WHERE seq = 2",), [("link_changed", "case_step 1/3")]),
        (("UPDATE chain SET linked_at = linked_at - interval '1 d' WHERE seq=4",), [("link_changed", "case_step 1/5")]),
        (("DELETE FROM chain WHERE seq = 2",), [("link_removed", "link 2"), ("inserted", "case_step 1/3")]),
        (("DELETE FROM chain WHERE seq = 1",), [("link_removed", "link 1"), ("inserted", "case_step 1/2")]),
        (("UPDATE chain SET seq = 99 WHERE seq = 2", "UPDATE chain SET seq = 2 WHERE seq = 3",
          "UPDATE chain SET seq = 3 WHERE seq = 99"), [("reordered", "case_step 1/4"), ("reordered", "case_step 1/3")]),
        (("DELETE FROM chain WHERE seq >= 5", "DELETE FROM case_step WHERE version >= 6"),
         [("link_removed", "link 5"), ("link_removed", "link 6")]),
        (("DELETE FROM chain_head",), [("unsigned", "link 6")]),
    ],
    ids=lambda v: v[0][:40] if isinstance(v[0], str) else None,
)  # fmt: skip
def test_whatever_is_done_to_it_is_named(
    db: Database, write: Callable[..., None], what: tuple[LiteralString, ...], expected: list[tuple[str, str]]
) -> None:
    write(1, 2, 3, 4, 5, 6, 7)
    assert link(db) == 6
    meddle(db, *what)
    assert told(db) == expected


def test_every_bad_row_is_named_not_only_the_first(db: Database, write: Callable[..., None]) -> None:
    write(1, *range(2, 60))
    with db.store.scoped(SYSTEM) as conn:
        accounts.audit(conn, actor="a", action="test")
    link(db)
    meddle(db, "UPDATE case_step SET actor = 'x' WHERE version % 10 = 0", "DELETE FROM audit")
    assert told(db) == [*(("changed", f"case_step 1/{n}") for n in (10, 20, 30, 40, 50)), ("removed", "audit 1")]


def test_a_row_that_is_gone_before_it_is_linked_is_told(db: Database, write: Callable[..., None]) -> None:
    write(1, 2, 3)
    meddle(db, "DELETE FROM case_step WHERE version = 2")
    link(db)
    assert told(db) == [("removed", "case_step 1/2")]


def test_a_chain_made_anew_does_not_pass_without_the_key(db: Database, write: Callable[..., None]) -> None:
    """Who owns the database can compute every digest anew; the key lies outside it."""
    write(1, 2, 3, 4)
    link(db)
    noted = verify(db)[1].head.hex()
    meddle(db, "DELETE FROM case_step WHERE version = 3", "DELETE FROM chain", "DELETE FROM chain_head")
    with db.owner() as conn:
        conn.execute("INSERT INTO chain_pending (table_name, row_key) VALUES ('case_step', '[1, 2]')")
        conn.execute("INSERT INTO chain_pending (table_name, row_key) VALUES ('case_step', '[1, 4]')")
    link(db, key=b"guessed")
    assert told(db) == [("unsigned", "link 2")]
    assert told(db, key=b"guessed") == [], "nothing else tells, but what was noted outside"
    assert [kind for kind, _ in told(db, key=b"guessed", anchor=noted)] == ["anchor"]


def test_the_linker_does_not_bless_a_chain_that_was_cut_short(db: Database, write: Callable[..., None]) -> None:
    write(1, 2, 3, 4)
    link(db)
    meddle(db, "DELETE FROM chain WHERE seq = 3", "DELETE FROM case_step WHERE version = 4")
    write(1, 5)
    link(db)
    assert told(db) == [("link_removed", "link 3"), ("broken", "link 4")]


def test_an_anchor_is_found_where_it_was(db: Database, write: Callable[..., None]) -> None:
    write(1, 2, 3)
    link(db)
    noted = verify(db)[1].head.hex()
    write(1, 4)
    link(db)
    assert told(db, anchor=noted) == []
    assert told(db, anchor=f"2:{noted}") == []
    for wrong in (f"3:{noted}", noted[::-1], "x", f"a:{noted}"):
        assert [kind for kind, _ in told(db, anchor=wrong)] == ["anchor"], wrong


def test_concurrent_writers_are_linked_in_the_order_they_were_seen(db: Database, write: Callable[..., None]) -> None:
    """Eight writers with open transactions of random length; two linkers, of which one is killed again and again."""
    stop = threading.Event()
    clock = FixedClock(NOW)
    threads = [threading.Thread(target=linker.run, args=(db.dsn_owner, KEY, clock, stop)) for _ in range(2)]
    for thread in threads:
        thread.start()

    def writer(number: int) -> None:
        chance = random.Random(number)
        for turn in range(25):
            with db.store.scoped(SYSTEM) as conn:
                conn.execute(CASE, (number, str(number), str(number), NOW))
                conn.execute(STEP, {"case": number, "version": turn + 2, "at": NOW, "origin": "real"})
                time.sleep(chance.random() * 0.01)

    writers = [threading.Thread(target=writer, args=(n,)) for n in range(1, 9)]
    for w in writers:
        w.start()
    while any(w.is_alive() for w in writers):
        with db.owner() as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = %s"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                (linker.LOCK_KEY,),
            )
        time.sleep(0.05)
    deadline = time.monotonic() + 30
    while verify(db)[1].waiting and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join(5)
    faults, report = verify(db)
    assert faults == []
    assert (report.links, report.rows, report.head_seq, report.waiting) == (200, 200, 200, 0)
    with db.owner() as conn:
        found = conn.execute("SELECT row_key, seq FROM chain ORDER BY seq").fetchall()
    for number in range(1, 9):
        mine = [r["row_key"][1] for r in found if r["row_key"][0] == number]
        assert mine == list(range(2, 27)), "one writer's commits keep their order"


def test_a_batch_that_ends_inside_leaves_nothing(db: Database, write: Callable[..., None]) -> None:
    write(1, 2, 3)
    with psycopg.connect(db.dsn_owner, autocommit=True) as conn:
        chain.settle(conn)
        with pytest.raises(ZeroDivisionError), conn.transaction():
            linker.Linker(KEY).turn(conn, NOW)
            raise ZeroDivisionError
    assert verify(db)[1].waiting == 2
    assert link(db) == 2
    assert told(db) == []


def test_linking_does_not_make_writers_wait(db: Database, write: Callable[..., None]) -> None:
    write(1, 2)
    with psycopg.connect(db.dsn_owner, autocommit=True) as conn:
        chain.settle(conn)
        with conn.transaction():
            assert linker.Linker(KEY).turn(conn, NOW) == 1
            with db.store.scoped(SYSTEM) as other:
                other.execute("SET LOCAL lock_timeout = '1s'")
                other.execute(STEP, {"case": 1, "version": 3, "at": NOW, "origin": "real"})
    assert link(db) == 1
    assert told(db) == []


def test_retention_is_told_from_removal(db: Database, settings: Settings, write: Callable[..., None]) -> None:
    old, young = NOW - dt.timedelta(days=1200), NOW - dt.timedelta(days=10)
    write(1, 2, 3, at=old)
    write(1, 4, at=young)
    write(1, 5, at=old)
    write(1, 6, at=young)
    link(db, key=settings.audit_key)
    clock = FixedClock(NOW)
    with db.owner() as conn:
        assert keeper_loop.turn(conn, settings, clock)
        left = conn.execute("SELECT version FROM case_step ORDER BY 1").fetchall()
        links = conn.execute("SELECT seq FROM chain ORDER BY 1").fetchall()
    assert [r["version"] for r in left] == [4, 6]
    assert [r["seq"] for r in links] == [3, 4, 5], "the beginning of the chain went, what lies between stays"
    faults, report = verify(db, settings.audit_key)
    assert (faults, report.rows, report.gone, report.first_seq) == ([], 2, 1, 3)
    with db.owner() as conn:
        assert keeper_loop.turn(conn, settings, clock)
        assert conn.execute("SELECT count(*) AS n FROM chain_cut").fetchone() == {"n": 1}
    write(1, 7, at=young)
    link(db, key=settings.audit_key)
    meddle(db, "DELETE FROM case_step WHERE version = 4")
    assert told(db, key=settings.audit_key) == [("removed", "case_step 1/4")]
    meddle(db, "UPDATE chain_cut SET kept = jsonb_set(kept, '{case_step}', '9999999999')")
    assert told(db, key=settings.audit_key) == [
        ("unsigned", "link 2"), ("removed", "case_step 1/4"), ("removed", "case_step 1/5"),
    ]  # fmt: skip


def test_a_chain_that_aged_away_goes_on(db: Database, settings: Settings, write: Callable[..., None]) -> None:
    write(1, 2, at=NOW - dt.timedelta(days=1200))
    link(db, key=settings.audit_key)
    with db.owner() as conn:
        keeper_loop.turn(conn, settings, FixedClock(NOW))
        assert conn.execute("SELECT count(*) AS n FROM chain").fetchone() == {"n": 0}
    assert told(db, key=settings.audit_key) == []
    write(1, 3)
    link(db, key=settings.audit_key)
    faults, report = verify(db, settings.audit_key)
    assert (faults, report.first_seq, report.head_seq) == ([], 2, 2)


def test_the_demo_goes_lawfully_and_only_the_demo(db: Database, write: Callable[..., None]) -> None:
    from data_sources._demo.drop import drop_rows

    write(1, 2, origin="real")
    write(2, 2, 3, origin="demo")
    link(db)
    write(2, 4, origin="demo")  # not yet linked when the demo goes
    meddle(db, "DELETE FROM case_step WHERE case_id = 2 AND version = 2")
    assert told(db) == [("removed", "case_step 2/2")], "without a drop it is removal, demo or not"
    with psycopg.connect(db.dsn_owner, autocommit=True) as conn:
        assert drop_rows(conn)["case_step"] == 2
    assert told(db) == [], "also before the drop itself is linked"
    write(2, 3, origin="demo")  # another demo gives the same keys again
    link(db)
    faults, report = verify(db)
    assert (faults, report.gone, report.rows) == ([], 1, 3), "the same row given again is the same"
    assert [d["rows"] for d in report.drops] == [{"case_step": 2}]
    meddle(db, "DELETE FROM case_step WHERE case_id = 1")
    assert told(db) == [("removed", "case_step 1/2")]
    with db.owner() as conn:
        conn.execute(STEP, {"case": 2, "version": 2, "at": NOW + dt.timedelta(1), "origin": "demo"})
    assert ("inserted", "case_step 2/2") in told(db), "a key of the dropped demo is no way in"


def test_what_may_change_of_a_notice_may_change(db: Database) -> None:
    with db.store.scoped(SYSTEM) as conn:
        conn.execute(
            "INSERT INTO notice (key, kind, to_kind, to_ref, title, created_at) VALUES ('k', 'x', 'role', 'chief', 't',"
            " %s)",
            (NOW,),
        )
    link(db)
    meddle(db, "UPDATE notice SET read_at = now(), read_by = 'somebody'")
    assert told(db) == []
    meddle(db, "UPDATE notice SET title = 'other'")
    assert told(db) == [("changed", "notice 1")]


def test_a_line_of_the_alarm_journal_that_was_changed_is_named(db: Database) -> None:
    with db.store.scoped(SYSTEM) as conn:
        for n, entry in enumerate(("raise", "ack", "clear")):
            conn.execute(
                "INSERT INTO alarm_journal (alarm_id, rule_key, datastream_id, device_id, entry, at, actor, given)"
                " VALUES (1, 'gas_high', 1, 1, %s, %s, 'duty', %s)",
                (entry, NOW + dt.timedelta(seconds=n), Jsonb({"value": 27.5, "limit": 0.1})),
            )
    link(db)
    assert told(db) == []
    meddle(db, "UPDATE alarm_journal SET actor = 'somebody' WHERE entry = 'ack'")
    meddle(db, "DELETE FROM alarm_journal WHERE entry = 'raise'")
    ids = {"raise": 1, "ack": 2}
    assert sorted(told(db)) == [
        ("changed", f"alarm_journal {ids['ack']}"),
        ("removed", f"alarm_journal {ids['raise']}"),
    ]


def test_a_column_added_later_changes_nothing_that_was_said(db: Database, write: Callable[..., None]) -> None:
    write(1, 2)
    link(db)
    with db.owner() as conn:
        conn.execute("ALTER TABLE case_step ADD COLUMN later text NOT NULL DEFAULT 'x'")
    write(1, 3)
    link(db)
    assert told(db) == []
    meddle(db, "UPDATE case_step SET later = 'y' WHERE version = 3")
    assert told(db) == [("changed", "case_step 1/3")]


def test_since_looks_at_the_newer_part_only(db: Database, write: Callable[..., None]) -> None:
    write(1, 2)
    link(db)
    later = NOW + dt.timedelta(days=2)
    write(1, 3, at=later)
    link(db, later)
    meddle(db, "UPDATE case_step SET actor = 'x'")
    assert told(db) == [("changed", "case_step 1/2"), ("changed", "case_step 1/3")]
    assert told(db, since=later) == [("changed", "case_step 1/3")]


def test_rows_from_before_the_chain_are_taken_in_once(db: Database, write: Callable[..., None]) -> None:
    with db.owner() as conn:
        conn.execute("DROP TRIGGER chain_put ON case_step")
        conn.execute("DELETE FROM chain_table WHERE table_name = 'case_step'")
        assert chained.missing(conn) == ["case_step"]
    write(1, 2, 3)
    migrate(db.dsn_owner)
    write(1, 4)
    assert link(db) == 3
    migrate(db.dsn_owner)
    assert link(db) == 0
    assert told(db) == []


def test_a_trigger_that_was_switched_off_is_seen(
    db: Database, settings: Settings, clock: FixedClock, write: Callable[..., None]
) -> None:
    assert {f.key: f.state for f in doctor.examine(settings, clock)}["chain"] == "ok"
    with db.owner() as conn:
        conn.execute("ALTER TABLE case_step DISABLE TRIGGER chain_put")
    found = {f.key: f for f in doctor.examine(settings, clock)}["chain"]
    assert found.state == "fail"
    assert "case_step" in found.en
    write(1, 2)
    link(db)
    assert told(db) == [("inserted", "case_step 1/2")]


def test_the_application_cannot_touch_the_chain(db: Database, write: Callable[..., None]) -> None:
    write(1, 2)
    link(db)
    for statement in (
        "DELETE FROM chain",
        "SELECT * FROM chain_pending",
        "INSERT INTO chain_head VALUES (true, 1, '', '')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.store.scoped(SYSTEM) as conn:
            conn.execute(statement)  # pyright: ignore


def test_the_command_names_first_and_all_and_says_so_by_its_exit_code(
    db: Database, settings: Settings, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import main

    write(1, 2, 3)
    link(db, key=settings.audit_key)
    monkeypatch.setenv("IOC_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("IOC_DATABASE_OWNER_URL", settings.database_owner_url)
    run = CliRunner()

    def audit(*words: str) -> Any:
        return run.invoke(main, ["audit", *words, "--data-dir", str(settings.data_dir)])

    head = audit("head").output.strip()
    assert head.startswith("2:")
    good = audit("verify", "--anchor", head)
    assert (good.exit_code, head in good.output) == (0, True)
    assert json.loads(audit("verify", "--json").output)["ok"] is True
    meddle(db, "UPDATE case_step SET actor = 'x'")
    bad = audit("verify")
    assert bad.exit_code == 1
    assert [line.split(" [")[0] for line in bad.output.splitlines()[:2]] == ["✗ case_step 1/2", "✗ case_step 1/3"]
    found = json.loads(audit("verify", "--json").output)
    assert [f["name"] for f in found["faults"]] == ["case_step 1/2", "case_step 1/3"]
    assert found["fault_count"] == 2
    assert audit("verify", "--since", "yesterday").exit_code == 1
