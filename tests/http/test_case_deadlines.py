"""Deadlines of cases over HTTP: none that no document sets, both terms at every step, those from outside kept."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from ioc.cases.recompute import recompute
from ioc.clock import FixedClock
from ioc.intake.publish import publish_file
from ioc.settings import Settings
from ioc.store.keeper import ensure_partitions
from tests.conftest import Database
from tests.http.conftest import ORIGIN, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http
CHINA = ZoneInfo("Asia/Shanghai")
HEAD = "# 文号：某府办〔2026〕3号\n# 日期：2026-03-01\n"
HOURS = HEAD + "星期,上班,下班\n周一至周五,08:30,12:00\n周一至周五,14:30,17:30\n"
DAYS = (
    HEAD
    + "日期,类型,名称\n"
    + "".join(f"2026-{d},休,节\n" for d in ("01-01", "05-01", "05-02", *(f"10-0{n}" for n in range(1, 8))))
)
TABLE = HEAD + "流程,环节,时限,单位\n网格事件,总时限,3,工作日\n网格事件,受理,2,工作时\n网格事件,处置,4,工作时\n"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(at("2026-10-09 17:20"))


@pytest.fixture
def publish(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> Any:
    with db.owner() as conn:
        ensure_partitions(conn, clock.now())

    def go(kind: str, text: str) -> None:
        path = tmp_path / "表.csv"
        path.write_text(text, "utf-8")
        report = publish_file(db.store, kind, path, settings=settings, clock=clock, actor="cli:test")
        assert report.stored, report.shown

    return go


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=CHINA).astimezone(dt.UTC)


def shown(text: str) -> str:
    return at(text).strftime("%Y-%m-%dT%H:%M:%SZ")


def until(clock: FixedClock, text: str) -> None:
    clock.advance((at(text) - clock.now()).total_seconds())


def open_case(client: FlaskClient, event: int) -> dict[str, Any]:
    answer = client.post("/api/v1/cases", json={"event_id": event, "flow": "grid"}, headers=ORIGIN)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def take(client: FlaskClient, case: int, step: str, **given: Any) -> Any:
    version = client.get(f"/api/v1/cases/{case}/steps").get_json()["version"]
    body = {"step": step, "version": version, "given": given}
    return client.post(f"/api/v1/cases/{case}/steps", json=body, headers=ORIGIN)


def record(client: FlaskClient, case: int, step: str, **given: Any) -> dict[str, Any]:
    answer = take(client, case, step, **given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()["record"]
    return found


def said(client: FlaskClient, case: int) -> dict[str, Any]:
    """The fields of the detail by their Chinese label."""
    detail = client.get(f"/api/v1/detail/case:{case}").get_json()
    return {f["label"]["zh"]: f["value"] for f in detail["fields"]}


def row(db: Database, case: int) -> dict[str, Any]:
    with db.owner() as conn:
        found = conn.execute("SELECT * FROM cases WHERE case_id = %s", (case,)).fetchone()
    assert found
    return found


def test_a_centre_without_tables_says_so_on_every_case(
    sign_in: SignIn, world: World, db: Database, clock: FixedClock, publish: Any
) -> None:
    chief = sign_in("chief")
    case = open_case(chief, world.near["event"])
    first = case["record"]
    assert (first["due_at"], first["due_kind"]) == (None, "none")
    assert first["due_label"] == {"zh": "未配置时限", "en": "No term configured"}
    assert said(chief, case["case_id"])["时限说明"]["zh"] == "未配置时限：尚未导入工作日历"
    publish("calendar", HOURS)
    assert record(chief, case["case_id"], "accept")["due_label"]["zh"] == "未配置时限"
    assert said(chief, case["case_id"])["时限说明"]["zh"] == "未配置时限：尚未导入时限表"
    publish("deadlines", TABLE.replace("网格事件", "12345 工单").replace("处置", "办理"))
    assert said(chief, case["case_id"])["时限说明"]["zh"] == "未配置时限：时限表没有这一类办件的时限"
    rows = chief.get("/api/v1/live/snapshot").get_json()["rows"]
    mine = next(r for r in rows if r["key"] == f"case:{case['case_id']}")
    assert mine["due_label"]["zh"] == "未配置时限"
    publish("deadlines", TABLE)
    assert row(db, case["case_id"])["due_label"] == "provisional", "the holidays are not published yet"
    note = said(chief, case["case_id"])["时限说明"]
    assert note["zh"] == "2026 年节假日未公布，暂按周末推算，公布后重算"
    publish("calendar", DAYS)
    assert "时限说明" not in said(chief, case["case_id"])
    history = chief.get(f"/api/v1/detail/case:{case['case_id']}").get_json()["history"]
    assert history[0]["text"]["zh"] == "时限已按新发布的时限表或日历重算"


def test_both_terms_follow_every_step(
    sign_in: SignIn, world: World, db: Database, clock: FixedClock, publish: Any
) -> None:
    for kind, text in (("calendar", HOURS), ("calendar", DAYS), ("deadlines", TABLE)):
        publish(kind, text)
    chief = sign_in("chief")
    opened = open_case(chief, world.near["event"])
    case = opened["case_id"]
    # Friday 17:20; the whole term is three working days, the first stage has none of its own
    assert opened["record"]["due_at"] == shown("2026-10-14 17:30")
    assert record(chief, case, "accept")["due_at"] == shown("2026-10-12 10:20")
    until(clock, "2026-10-12 09:00")
    chief = sign_in("chief")  # a session does not last for days
    assert record(chief, case, "forward", department="市城管局")["due_at"] == shown("2026-10-14 17:30")
    handling = record(chief, case, "sign")
    assert (handling["due_at"], handling["due_kind"]) == (shown("2026-10-12 15:30"), "countdown")
    assert said(chief, case)["时限依据"]["zh"] == "环节 4 工作时、总 3 工作日（某府办〔2026〕3号 2026-03-01）"
    until(clock, "2026-10-12 10:00")
    chief = sign_in("chief")  # a session does not last for days
    paused = record(chief, case, "pause", reason="等待配件")
    assert (paused["due_at"], paused["due_kind"]) == (shown("2026-10-12 15:30"), "date")
    until(clock, "2026-10-13 10:00")
    chief = sign_in("chief")  # a session does not last for days
    assert record(chief, case, "resume")["due_at"] == shown("2026-10-13 15:30"), "an hour of four was worked"
    assert row(db, case)["total_due_at"] == at("2026-10-15 17:30"), "the evening of the 12th did not count"
    record(chief, case, "ask_extension", reason="缺配件", amount=1, unit="work_days")
    assert record(chief, case, "grant_extension")["due_at"] == shown("2026-10-14 17:30")
    assert row(db, case)["total_due_at"] == at("2026-10-16 17:30")
    until(clock, "2026-10-14 17:00")
    chief = sign_in("chief")  # a session does not last for days
    record(chief, case, "finish", result="已更换")
    until(clock, "2026-10-16 17:30")
    chief = sign_in("chief")  # a session does not last for days
    closed = record(chief, case, "close")
    assert (closed["closed"], closed["due_label"]) == (True, None)
    done = row(db, case)
    assert (done["on_time"], done["total_due_at"]) == (True, at("2026-10-16 17:30")), "the last minute is in time"
    assert [s.get("due_at") for s in done["stages"]][3] == at("2026-10-14 17:30").isoformat()
    until(clock, "2026-10-20 09:00")
    chief = sign_in("chief")  # a session does not last for days
    again = record(chief, case, "reopen", reason="群众反映未修好")
    assert again["due_at"] == shown("2026-10-20 15:30")
    assert (row(db, case)["on_time"], row(db, case)["total_due_at"]) == (None, at("2026-10-23 17:30"))
    until(clock, "2026-10-26 09:00")
    chief = sign_in("chief")  # a session does not last for days
    record(chief, case, "finish", result="已重做")
    record(chief, case, "close")
    assert row(db, case)["on_time"] is False


def test_what_ends_without_being_closed_is_neither_in_time_nor_late(
    sign_in: SignIn, world: World, db: Database, publish: Any
) -> None:
    for kind, text in (("calendar", HOURS), ("calendar", DAYS), ("deadlines", TABLE)):
        publish(kind, text)
    chief = sign_in("chief")
    case = open_case(chief, world.near["event"])["case_id"]
    record(chief, case, "refuse", reason="重复")
    assert (row(db, case)["on_time"], row(db, case)["total_due_at"]) == (None, at("2026-10-14 17:30"))


def test_deadlines_from_outside_are_kept_and_moved_by_what_is_decided_here(
    sign_in: SignIn, world: World, db: Database, clock: FixedClock, publish: Any
) -> None:
    case, due = world.near["case"], at("2026-10-12 16:00")
    with db.owner() as conn:
        conn.execute(
            "UPDATE cases SET stage = 'handling', due_at = %(d)s, total_due_at = %(d)s WHERE case_id = %(c)s",
            {"d": due, "c": case},
        )
    chief = sign_in("chief")
    record(chief, case, "ask_extension", reason="缺配件", amount=2, unit="work_hours")
    refused = take(chief, case, "grant_extension")
    assert (refused.status_code, "尚未导入工作日历" in refused.get_json()["zh"]) == (409, True)
    for kind, text in (("calendar", HOURS), ("calendar", DAYS), ("deadlines", TABLE)):
        publish(kind, text)
    assert row(db, case)["total_due_at"] == due, "published terms do not touch it"
    assert record(chief, case, "grant_extension")["due_at"] == shown("2026-10-13 09:00")
    record(chief, case, "pause", reason="等待配件")
    clock.advance(3600)
    assert record(chief, case, "resume")["due_at"] == shown("2026-10-13 10:00")
    record(chief, case, "finish", result="已更换")
    record(chief, case, "close")
    assert (row(db, case)["on_time"], row(db, case)["terms"]) == (True, None)
    assert recompute(db.store, clock, CHINA).seen == 0
