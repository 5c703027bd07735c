"""Publishing deadlines and calendars, and open cases computed anew: whole or not at all, once, beside those at work."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import psycopg
import psycopg.types.json
import pytest

from data_sources._demo import terms as demo_terms
from ioc.cases import recompute as recomputing
from ioc.cases.published import current
from ioc.cases.recompute import recompute
from ioc.cases.work import Actor, Cases
from ioc.clock import FixedClock
from ioc.intake.publish import publish_file
from ioc.intake.report import ImportReport
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import case_terms, terms
from ioc.store.keeper import ensure_partitions
from tests.conftest import Database

pytestmark = pytest.mark.store
CHINA = ZoneInfo("Asia/Shanghai")
ROOT = Path(__file__).resolve().parents[2]
HEAD = "# 文号：某府办〔2026〕3号\n# 日期：2026-03-01\n"
HOURS = HEAD + "星期,上班,下班\n周一至周五,08:30,12:00\n周一至周五,14:30,17:30\n"
FIXED = "".join(f"{{y}}-{md},休,节\n" for md in ("01-01", "05-01", "05-02", "10-01", "10-02", "10-03"))
DAYS = HEAD + "日期,类型,名称\n" + FIXED.format(y=2026) + "2026-10-10,班,国庆节\n2026-10-05,休,国庆节\n"
NEXT_DAYS = HEAD + "日期,类型,名称\n" + FIXED.format(y=2027) + "2027-01-04,休,元旦\n2027-01-09,班,元旦\n"
TABLE = (
    HEAD + "流程,大类,小类,环节,时限,单位\n网格事件,,,,7,工作日\n网格事件,,,受理,2,工作时\n网格事件,,,处置,4,工作时\n"
)
OFFICER = Actor(SYSTEM, "李嘉欣")
Publish = Callable[..., ImportReport]


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=CHINA).astimezone(dt.UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(at("2026-10-09 17:20"))


@pytest.fixture
def publish(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> Publish:
    with db.owner() as conn:
        ensure_partitions(conn, clock.now())

    def go(kind: str, text: str, name: str = "表.csv", **more: Any) -> ImportReport:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return publish_file(db.store, kind, path, settings=settings, clock=clock, actor="cli:test", **more)

    return go


@pytest.fixture
def published(publish: Publish) -> None:
    for kind, text in (("calendar", HOURS), ("calendar", DAYS), ("deadlines", TABLE)):
        report = publish(kind, text)
        assert report.rejected == 0, report.shown


@pytest.fixture
def cases(db: Database, clock: FixedClock) -> Cases:
    return Cases(db.store, clock, zone=CHINA)


def rows(db: Database, query: LiteralString, *values: Any) -> list[dict[str, Any]]:
    with db.owner() as conn:
        return conn.execute(query, values).fetchall()


def one(db: Database, case_id: int) -> dict[str, Any]:
    return rows(db, "SELECT * FROM cases WHERE case_id = %s", case_id)[0]


def count(db: Database, table: str) -> int:
    with db.owner() as conn:
        query = psycopg.sql.SQL("SELECT count(*) AS n FROM {}").format(psycopg.sql.Identifier(table))
        found = conn.execute(query).fetchone()
    return found["n"] if found else 0


def opened(db: Database, cases: Cases, flow: str = "grid") -> int:
    with db.owner() as conn:
        row = conn.execute(
            "INSERT INTO event (source, source_id, title, urgency, occurred_at, received_at)"
            " VALUES ('hotline', gen_random_uuid()::text, '井盖缺失', 'urgent', %(now)s, %(now)s) RETURNING event_id",
            {"now": cases.clock.now()},
        ).fetchone()
    assert row
    return int(cases.open(OFFICER, row["event_id"], flow)["case_id"])


def take(cases: Cases, case_id: int, step: str, version: int | None = None, **given: Any) -> dict[str, Any]:
    version = version or cases.offered(OFFICER, case_id)["version"]
    return cases.take(OFFICER, case_id, step, given, version)


# ------------------------------------------------------------ publishing


def test_a_table_is_published_whole_kept_and_in_force(db: Database, publish: Publish, published: None) -> None:
    found = rows(db, "SELECT part, covers, document, issued::text, actor, origin, rows FROM terms_publication"
                     " ORDER BY publication_id")  # fmt: skip
    assert [(r["part"], r["covers"], r["rows"]) for r in found] == [
        ("hours", ["hours"], 10),
        ("days", ["2026"], 8),
        ("deadlines", ["grid"], 3),
    ]
    assert {(r["document"], r["issued"], r["actor"], r["origin"]) for r in found} == {
        ("某府办〔2026〕3号", "2026-03-01", "cli:test", "real")
    }
    again = publish("deadlines", TABLE)
    assert (again.read, again.stored, again.unchanged, again.balanced) == (3, 0, 3, True)
    assert count(db, "terms_publication") == 3
    other = publish("deadlines", TABLE.replace("网格事件,,,,7", "12345 工单,,,,5").replace("网格事件", "12345 工单")
                    .replace("处置", "办理"))  # fmt: skip
    assert other.stored == 3
    with db.store.reading(SYSTEM) as conn:
        rules = current(conn, CHINA)
    assert rules.table is not None
    assert rules.calendar is not None
    assert {r.flow for r in rules.table.rows} == {"grid", "hotline"}, "a file speaks of its own flows only"
    assert (rules.calendar.years, rules.calendar.sample) == (frozenset({2026}), False)
    assert rules.calendar.works(dt.date(2026, 10, 10))
    newer = publish("deadlines", TABLE.replace(",7,", ",9,").replace("处置,4", "处置,6"))
    assert newer.stored == 3
    with db.store.reading(SYSTEM) as conn:
        table = current(conn, CHINA).table
    assert table is not None
    assert (table.find("grid", "0102").amount, table.find("hotline", "").amount) == (9, 5)  # type: ignore[union-attr]
    assert count(db, "deadline_row") == 9, "what was in force is kept"


def test_what_was_published_cannot_be_changed(db: Database, published: None) -> None:
    changes = ("UPDATE deadline_row SET amount = 1", "DELETE FROM calendar_day", "DELETE FROM calendar_market",
               "DELETE FROM calendar_hours", "UPDATE terms_publication SET actor = 'x'")  # fmt: skip
    for change in changes:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.store.scoped(SYSTEM) as conn:
            conn.execute(change.encode())


def test_one_bad_row_refuses_the_whole_file_and_says_which(db: Database, publish: Publish, published: None) -> None:
    before = count(db, "terms_publication")
    bad = TABLE.replace("处置,4,工作时", "处置,4,小时")
    dry = publish("deadlines", bad, dry_run=True)
    assert (dry.rejected, count(db, "reject"), count(db, "import_batch")) == (3, 0, 3)
    report = publish("deadlines", bad)
    assert (report.read, report.stored, report.rejected, report.balanced) == (3, 0, 3, True)
    assert (report.shown[0].item, [r.code for r in report.shown[0].reasons]) == ("6", ["bad_unit"])
    stored = rows(db, "SELECT item, reasons -> 0 ->> 'code' AS code, raw FROM reject ORDER BY item")
    assert [(r["item"], r["code"]) for r in stored] == [("4", "file_refused"), ("5", "file_refused"), ("6", "bad_unit")]
    assert "小时" in stored[2]["raw"]
    assert count(db, "terms_publication") == before
    batch = rows(db, "SELECT state, rejected FROM import_batch ORDER BY batch_id DESC LIMIT 1")[0]
    assert batch == {"state": "failed", "rejected": 3}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (DAYS, "hours_first"),
        ("a,b\n1,2\n", "unknown_table"),
        (HOURS.replace("# 文号：某府办〔2026〕3号\n", ""), "missing_field"),
        (HOURS.replace("08:30", "13:30"), "bad_hours"),
    ],
    ids=["days before hours", "no such table", "no document", "hours"],
)
def test_calendars_that_cannot_be_taken(db: Database, publish: Publish, text: str, code: str) -> None:
    report = publish("calendar", text)
    assert code in {c for _, c in report.reasons}
    assert (count(db, "terms_publication"), report.stored, report.balanced) == (0, 0, True)
    stored = rows(db, "SELECT item, reasons -> 0 ->> 'code' AS code FROM reject")
    assert len([r for r in stored if r["code"] != "file_refused"]) == len(report.shown)  # the others share their fate
    assert len({r["item"] for r in stored} - {"0"}) == report.read == report.rejected


def test_notices_of_two_years_that_contradict_each_other_are_refused(publish: Publish, published: None) -> None:
    both = NEXT_DAYS.replace("日期,类型,名称\n", "日期,类型,名称,年度\n").replace(",节\n", ",节,2027\n")
    report = publish("calendar", both.replace(",元旦\n", ",元旦,2027\n") + "2026-10-10,休,x,2027\n")
    assert next(c for _, c in report.reasons) == "bad_calendar"


# ------------------------------------------------------------ samples


def test_samples_are_refused_without_a_demo_and_go_with_it(
    db: Database, publish: Publish, cases: Cases, clock: FixedClock
) -> None:
    for kind, text in (("deadlines", TABLE), ("calendar", HOURS)):
        report = publish(kind, "# 示例\n" + text)
        assert ("文号", "sample") in report.reasons
    assert count(db, "terms_publication") == 0
    case = opened(db, cases)
    row = one(db, case)
    assert (row["due_at"], row["total_due_at"], row["due_label"]) == (None, None, "unset")
    with db.owner() as conn, conn.transaction():
        demo_terms.publish(conn, clock.now())
    with db.store.reading(SYSTEM) as conn:
        rules = current(conn, CHINA)
    assert rules.table is not None
    assert rules.calendar is not None
    assert rules.table.sample
    assert rules.calendar.sample
    assert {r.flow for r in rules.table.rows} == {"grid", "urban", "hotline"}
    assert recompute(db.store, clock, CHINA).changed == 1
    assert one(db, case)["due_label"] == ""
    # the place's own goes before a sample, also before one that is loaded later
    for kind, text in (("calendar", HOURS), ("calendar", DAYS), ("deadlines", TABLE)):
        assert publish(kind, text).rejected == 0
    with db.owner() as conn, conn.transaction():
        conn.execute("DELETE FROM terms_publication WHERE origin = 'demo'")
        assert count(db, "calendar_market") > 0
    with db.owner() as conn, conn.transaction():
        demo_terms.publish(conn, clock.now())
    with db.store.reading(SYSTEM) as conn:
        table = current(conn, CHINA).table
    assert table is not None
    assert [(r.amount, r.sample) for r in table.rows if r.flow == "grid" and not r.stage] == [(7, False)]


# ------------------------------------------------------------ computed anew


def test_a_year_is_published_and_every_open_case_follows_once(
    db: Database, publish: Publish, published: None, cases: Cases, clock: FixedClock
) -> None:
    clock.advance((at("2026-12-29 10:00") - clock.now()).total_seconds())
    late, early = opened(db, cases), opened(db, cases)
    take(cases, early, "refuse", reason="重复")
    row = one(db, late)
    assert (row["total_due_at"], row["due_label"]) == (at("2027-01-07 17:30"), "provisional")
    assert row["due_unpublished"] == [2027]
    clock.advance(3600)
    assert publish("calendar", NEXT_DAYS).note.endswith("1 open cases computed anew, 1 changed")
    after = one(db, late)
    # 1 and 4 January are free, Saturday the 9th is worked
    assert (after["total_due_at"], after["due_label"], after["due_unpublished"]) == (at("2027-01-09 17:30"), "", [])
    assert after["version"] == row["version"] + 1
    history = rows(db, "SELECT actor, recorded_at, record FROM case_history WHERE case_id = %s ORDER BY version", late)
    assert (history[-1]["actor"], history[-1]["recorded_at"]) == ("deadlines", clock.now())
    assert len(history) == 2
    feed = rows(db, "SELECT payload FROM outbox WHERE topic = 'case' AND entity_id = %s ORDER BY outbox_id", str(late))
    assert feed[-1]["payload"]["due_label"] is None
    assert feed[0]["payload"]["due_label"] == {"zh": "暂定", "en": "Provisional"}
    told = len(feed), count(db, "case_history")
    assert recompute(db.store, clock, CHINA) == recomputing.Done(0, 0)
    assert (len(feed), count(db, "case_history")) == told
    closed = one(db, early)
    assert (closed["version"], closed["total_due_at"]) == (2, at("2027-01-07 17:30")), "what is over stays as it was"


def test_a_run_that_is_killed_is_gone_on_with(
    db: Database, publish: Publish, published: None, cases: Cases, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [opened(db, cases) for _ in range(7)]
    turns = iter((None, None, KeyboardInterrupt()))
    real = recomputing._turn

    def dying(*given: Any) -> Any:
        fault = next(turns)
        if fault is not None:
            raise fault
        return real(*given)

    monkeypatch.setattr(recomputing, "_turn", dying)
    monkeypatch.setattr("ioc.intake.publish.recompute", lambda *a, **k: recompute(*a, batch=2, **k))
    with pytest.raises(KeyboardInterrupt):
        publish("deadlines", TABLE.replace(",7,", ",9,"))
    done = [one(db, i)["total_due_at"] for i in ids]
    assert done.count(at("2026-10-21 17:30")) == 4, "the publication stands, half of the cases follow later"
    monkeypatch.setattr(recomputing, "_turn", real)
    assert recompute(db.store, clock, CHINA, batch=2) == recomputing.Done(3, 3)
    assert {one(db, i)["total_due_at"] for i in ids} == {at("2026-10-21 17:30")}
    assert {one(db, i)["version"] for i in ids} == {2}, "each exactly once"


def test_what_stays_as_it_was_makes_no_noise(
    db: Database, publish: Publish, published: None, cases: Cases, clock: FixedClock
) -> None:
    case = opened(db, cases)
    before = count(db, "outbox"), count(db, "case_history")
    assert publish("calendar", NEXT_DAYS).note.endswith("1 open cases computed anew, 0 changed")
    assert (count(db, "outbox"), count(db, "case_history"), one(db, case)["version"]) == (*before, 1)


def test_officers_work_on_while_cases_are_computed_anew(
    db: Database, publish: Publish, published: None, cases: Cases, clock: FixedClock
) -> None:
    """Steps and publications at once: nothing is lost or refused, and in the end every case has what is in force."""
    ids = [opened(db, cases) for _ in range(12)]
    versions = {i: one(db, i)["version"] for i in ids}
    going = threading.Event()

    def work(case_id: int) -> str:
        going.wait(10)
        return str(take(cases, case_id, "accept", versions[case_id])["stage"])

    def publishing() -> None:
        going.set()
        for days in (8, 9, 11):
            publish("deadlines", TABLE.replace(",7,", f",{days},"), name=f"{days}.csv")

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        stages = [pool.submit(work, i) for i in ids]
        told = pool.submit(publishing)
        told.result(60)
        assert [s.result(60) for s in stages] == ["accepted"] * 12
    recompute(db.store, clock, CHINA)
    for i in ids:
        row = one(db, i)
        assert row["total_due_at"] == at("2026-10-23 17:30"), "eleven working days"
        assert row["due_at"] == at("2026-10-10 10:20"), "two working hours from 17:20, over a make-up Saturday"
        versions_of = rows(
            db, "SELECT array_agg(version ORDER BY version) AS v FROM case_history WHERE case_id = %s", i
        )
        assert versions_of[0]["v"] == list(range(1, row["version"] + 1)), "no version is missing"
        assert len(rows(db, "SELECT 1 FROM case_step WHERE case_id = %s", i)) == 1


def test_a_case_somebody_has_locked_is_passed_over_and_found_later(
    db: Database, publish: Publish, published: None, cases: Cases, clock: FixedClock
) -> None:
    held, free = opened(db, cases), opened(db, cases)
    with db.owner() as conn, conn.transaction():
        conn.execute("SELECT 1 FROM cases WHERE case_id = %s FOR UPDATE", (held,))
        assert publish("deadlines", TABLE.replace(",7,", ",9,")).note.endswith("1 open cases computed anew, 1 changed")
    assert one(db, held)["total_due_at"] != one(db, free)["total_due_at"]
    assert recompute(db.store, clock, CHINA).changed == 1
    assert one(db, held)["total_due_at"] == one(db, free)["total_due_at"]


def test_an_officer_who_saw_the_case_before_a_publication_is_not_sent_away(
    db: Database, publish: Publish, published: None, cases: Cases
) -> None:
    case = opened(db, cases)
    seen = cases.offered(OFFICER, case)["version"]
    publish("deadlines", TABLE.replace(",7,", ",9,"))
    assert one(db, case)["version"] == seen + 1
    assert take(cases, case, "accept", seen)["version"] == seen + 2


def test_a_case_with_deadlines_of_its_own_keeps_them(
    db: Database, publish: Publish, published: None, clock: FixedClock
) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, due_at, total_due_at)"
            " VALUES ('1', 'files', '1', 'grid', 'reported', 't', %(now)s, %(due)s, %(due)s),"
            " ('2', 'files', '2', 'grid', 'reported', 't', %(now)s, NULL, NULL),"
            " ('3', 'files', '3', 'incident', 'received', 't', %(now)s, NULL, NULL)",
            {"now": clock.now(), "due": at("2026-10-11 00:00")},
        )
    assert recompute(db.store, clock, CHINA) == recomputing.Done(2, 1)
    found = {r["number"]: r for r in rows(db, "SELECT * FROM cases")}
    assert (found["1"]["total_due_at"], found["1"]["terms"]) == (at("2026-10-11 00:00"), None)
    assert found["2"]["total_due_at"] == at("2026-10-19 17:30"), "brought none: the published ones, from its opening"
    assert (found["3"]["total_due_at"], found["3"]["due_label"]) == (None, "")
    assert recompute(db.store, clock, CHINA).seen == 0


def test_a_broken_record_does_not_keep_the_others_from_theirs(
    db: Database, publish: Publish, published: None, cases: Cases, clock: FixedClock
) -> None:
    broken, sound = opened(db, cases), opened(db, cases)
    with db.owner() as conn:
        conn.execute("UPDATE cases SET terms = '{}' WHERE case_id = %s", (broken,))
    publish("deadlines", TABLE.replace(",7,", ",9,"))
    assert one(db, sound)["total_due_at"] == at("2026-10-21 17:30")
    assert recompute(db.store, clock, CHINA).seen == 0


def test_what_is_to_be_done_is_found_by_its_index(db: Database, cases: Cases, published: None) -> None:
    opened(db, cases)
    with db.owner() as conn:
        conn.execute("ANALYZE cases")
        conn.execute("SET enable_seqscan = off")
    with db.store.scoped(SYSTEM) as conn:
        conn.execute("SET LOCAL enable_seqscan = off")
        plans = []
        for half in case_terms._HALVES:
            plan = conn.execute(psycopg.sql.SQL("EXPLAIN ") + psycopg.sql.SQL(half), {"rev": 5, "limit": 50}).fetchall()
            plans.append("\n".join(r["QUERY PLAN"] for r in plan))
    for plan in plans:
        assert "cases_terms" in plan, plan
        assert "Index Cond: (terms_rev" in plan, plan


def test_the_revision_is_that_of_the_content(db: Database, publish: Publish, published: None) -> None:
    def revision() -> int:
        with db.store.reading(SYSTEM) as conn:
            return terms.in_force(conn).revision

    first = revision()
    publish("deadlines", TABLE.replace(",7,", ",9,"))
    second = revision()
    publish("deadlines", TABLE)
    assert first == revision() != second
    assert terms.Force().revision not in (0, first)


def fill(db: Database, clock: FixedClock, cases: int) -> None:
    """Open cases that came without deadlines."""
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at)"
            " SELECT n::text, 'files', n::text, 'grid', 'handling', 't', %s FROM generate_series(1, %s) n",
            (clock.now(), cases),
        )


KILLED = """
import datetime as dt, sys
from zoneinfo import ZoneInfo
from ioc.cases.recompute import recompute
from ioc.clock import FixedClock
from ioc.store import Store
store = Store(sys.argv[1], size=2)
clock = FixedClock(dt.datetime.fromisoformat(sys.argv[2]))
recompute(store, clock, ZoneInfo("Asia/Shanghai"), batch=3, progress=lambda n: print(n, flush=True))
"""


def test_a_process_killed_in_the_middle_leaves_whole_cases(db: Database, published: None, clock: FixedClock) -> None:
    fill(db, clock, 300)
    command = [sys.executable, "-c", KILLED, db.dsn_app, clock.now().isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "3"
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
    done = rows(db, "SELECT count(*) AS n FROM cases WHERE due_at IS NOT NULL")[0]["n"]
    assert 3 <= done < 300
    assert recompute(db.store, clock, CHINA).changed == 300 - done
    assert rows(db, "SELECT DISTINCT version, due_at, total_due_at FROM cases") == [
        {"version": 2, "due_at": at("2026-10-10 14:50"), "total_due_at": at("2026-10-19 17:30")}
    ]
    for table in ("case_history", "outbox"):
        assert count(db, table) == 300, "one each, neither lost nor twice"


def test_the_worker_finds_by_itself_what_is_to_be_done(
    db: Database, publish: Publish, published: None, clock: FixedClock
) -> None:
    stop = threading.Event()
    work = threading.Thread(target=recomputing.run, args=(db.store, clock, CHINA, stop, 0.05))
    work.start()
    try:
        fill(db, clock, 5)  # an import, while it runs
        until = time.monotonic() + 60
        while rows(db, "SELECT 1 FROM cases WHERE due_at IS NULL") and time.monotonic() < until:
            stop.wait(0.02)
    finally:
        stop.set()
        work.join(30)
    assert not rows(db, "SELECT 1 FROM cases WHERE due_at IS NULL")
    assert not work.is_alive()


@pytest.mark.parametrize("entered", ["2026-10-10T08:30:00+08:00", "昨天", "2026-10-10T08:30:00"])
def test_an_imported_stage_counts_from_when_it_was_entered_if_that_can_be_read(
    db: Database, published: None, clock: FixedClock, entered: str
) -> None:
    fill(db, clock, 1)
    with db.owner() as conn:
        stages = psycopg.types.json.Jsonb([{"stage": "handling", "entered_at": entered}])
        conn.execute("UPDATE cases SET stages = %s, opened_at = opened_at - interval '1 day'", (stages,))
    clock.advance(86_400)
    assert recompute(db.store, clock, CHINA).changed == 1
    due = rows(db, "SELECT due_at FROM cases")[0]["due_at"]
    assert due == (at("2026-10-10 15:00") if "+" in entered else at("2026-10-09 14:50"))
