"""Rosters from a file, who is on duty, and a handover that both seats confirm."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.duty.desk import DutyDesk
from ioc.intake.publish import publish_file
from ioc.settings import Settings
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http
# The clock stands at 14:32:08 local; the early shift ends at 15:00.
ROSTER = """日期,班次,开始,结束,岗位,姓名,账号,电话,区划
2026-10-03,全天,00:00,24:00,带班领导,周海明,,13800000931,
2026-10-03,早班,07:00,15:00,值班长,何敏仪,going,13800000932,
2026-10-03,早班,07:00,15:00,值班员,李嘉欣,bystander,,
2026-10-03,中班,15:00,23:00,值班长,许家豪,coming,,
2026-10-03,夜班,23:00,07:00,值班长,何敏仪,going,,
"""
ENDS = "2026-10-03T07:00:00+00:00"


@pytest.fixture
def people(accounts: Accounts) -> None:
    whole = Grant(whole=True, sensitivity=1)
    for login, role, name in (
        ("going", "chief", "何敏仪"),
        ("coming", "chief", "许家豪"),
        ("bystander", "officer", "李"),
    ):
        add_user(accounts, login, PASSWORD, [role], whole, name=name, own_password=True)


def bring(db: Database, settings: Settings, clock: FixedClock, folder: Path, text: str, **more: Any) -> Any:
    file = folder / "rosters.csv"
    file.write_text(text, "utf-8")
    given: dict[str, Any] = {"settings": settings, "clock": clock, "actor": "t", **more}
    return publish_file(db.store, "rosters", file, **given)


@pytest.fixture
def roster(people: None, db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> None:
    report = bring(db, settings, clock, tmp_path, ROSTER)
    assert (report.stored, report.rejected) == (5, 0)


def duty(client: FlaskClient, **query: str) -> dict[str, Any]:
    answer = client.get("/api/v1/duty", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.get_json() or {}


def act(client: FlaskClient, what: str, version: int, note: str = "", ends: str = ENDS) -> Any:
    body = {"act": what, "ends_at": ends, "version": version, "note": note}
    return client.post("/api/v1/duty/handover", json=body, headers=ORIGIN)


@pytest.mark.usefixtures("roster")
def test_who_is_on_now_and_who_comes_next(sign_in: SignIn, world: World) -> None:
    found = duty(sign_in("going"))
    assert [(e["duty"], e["person"]) for e in found["on"]] == [
        ("leader", "周海明"), ("chief", "何敏仪"), ("officer", "李嘉欣")]  # fmt: skip
    assert (found["next"]["name"], found["handover"]["state"]) == ("中班", "open")
    assert found["on"][0]["phone"] == "13800000931"
    night = duty(sign_in("going"), at="2026-10-04T02:00:00+08:00")
    assert [e["person"] for e in night["on"]] == ["何敏仪"]
    below = duty(sign_in("admin"), region=small.NEAR_TOWN)
    assert below["region"]["code"] == small.CITY, "the nearest roster above"
    assert duty(sign_in("town"))["on"] == [], "of the town itself there is none, and the city is not the town's to see"
    for bad in ("yesterday", "2026-10-04", "2026-10-04T02:00:00", "9999-12-31T23:59:59+00:00"):
        assert sign_in("going").get("/api/v1/duty", query_string={"at": bad}).status_code == 422, bad


@pytest.mark.usefixtures("roster")
def test_phones_are_masked_without_the_right(sign_in: SignIn, accounts: Accounts, world: World) -> None:
    add_user(accounts, "grid", PASSWORD, ["grid"], Grant(whole=True, sensitivity=1), own_password=True)
    assert duty(sign_in("grid"))["on"][0]["phone"] == "138****0931"


@pytest.mark.usefixtures("people")
def test_a_bad_file_changes_nothing_and_is_counted(
    db: Database, settings: Settings, clock: FixedClock, tmp_path: Path, sign_in: SignIn
) -> None:
    assert bring(db, settings, clock, tmp_path, ROSTER).stored == 5
    assert bring(db, settings, clock, tmp_path, ROSTER).unchanged == 5
    bad = ROSTER.replace("15:00,23:00,值班长,许家豪,coming,,", "15:00,23:00,值班长,许家豪,nobody,13912345678,")
    report = bring(db, settings, clock, tmp_path, bad)
    assert (report.stored, report.rejected, report.balanced) == (0, 5, True)
    assert dict(report.reasons) == {("账号", "unknown_login"): 1, ("file", "file_refused"): 4}
    with db.owner() as conn:
        raws = [r["raw"] for r in conn.execute("SELECT raw::text AS raw FROM reject").fetchall()]
        state = conn.execute("SELECT state FROM import_batch ORDER BY batch_id DESC LIMIT 1").fetchone()
    assert len(raws) == 5
    assert not any("13912345678" in r for r in raws)
    assert state == {"state": "failed"}
    assert duty(sign_in("going"))["next"]["people"][0]["person"] == "许家豪"
    swapped = "\n".join(ROSTER.splitlines()[i] for i in (0, 2, 4)).replace("何敏仪,going", "李嘉欣,bystander")
    assert bring(db, settings, clock, tmp_path, swapped).stored == 2
    assert [e["person"] for e in duty(sign_in("going"))["on"]] == ["李嘉欣"], "a file replaces the days it names"


@pytest.mark.usefixtures("roster")
def test_both_confirm_and_the_record_stays_as_it_was(
    sign_in: SignIn, world: World, db: Database, clock: FixedClock
) -> None:
    going, coming = sign_in("going"), sign_in("coming")
    seen = going.get("/api/v1/duty/handover").get_json() or {}
    assert (seen["state"], seen["version"], seen["may"]) == ("open", 0, ["give"])
    assert seen["facts"]["open"]["open"] == 4
    assert seen["facts"]["open"]["overdue"] == 2
    assert seen["facts"]["changed"]["opened"] == 4
    assert act(coming, "take", 0).status_code == 409, "nothing was handed over yet"
    assert act(coming, "give", 0).status_code == 403, "nobody confirms for another"
    assert act(sign_in("bystander"), "give", 0).status_code == 403
    assert act(going, "give", 3).status_code == 409
    given = act(going, "give", 0, "下风向 212 人已转移")
    assert given.status_code == 200, given.text
    assert (given.json["state"], given.json["going"]["confirmed"]["name"]) == ("given", "何敏仪")
    assert act(coming, "return", 1).status_code == 422, "says what is missing"
    assert act(coming, "return", 1, "请补充雷达断开的处理").json["state"] == "open"
    assert act(going, "give", 2, "已报修").status_code == 200
    clock.advance(60)
    with db.owner() as conn:  # what happens afterwards is not in the record
        conn.execute("UPDATE cases SET closed_at = %s WHERE case_id = %s", (clock.now(), world.near["case"]))
    done = act(coming, "take", 3).json
    assert (done["state"], done["late"], done["facts"]["open"]["open"]) == ("done", False, 3)
    assert [a["act"] for a in done["acts"]] == ["give", "return", "give", "take"]
    assert act(going, "give", 4).status_code == 409
    with db.owner() as conn:
        rows = conn.execute("SELECT act, version, facts FROM duty_handover ORDER BY version").fetchall()
        told = conn.execute("SELECT count(*) AS n FROM outbox WHERE topic = 'duty'").fetchone()
    assert [r["facts"]["open"]["open"] for r in rows] == [4, 4, 4, 3]
    assert told == {"n": 5}, "one with the roster, one with every act"


@pytest.mark.usefixtures("roster")
def test_a_missing_handover_is_shown_and_told_once(
    sign_in: SignIn, world: World, db: Database, clock: FixedClock
) -> None:
    desk = DutyDesk(db.store, clock)
    clock.advance((28 + 29) * 60)
    assert desk.watch() == 0
    clock.advance(3 * 60)
    assert desk.watch() == 1
    assert DutyDesk(db.store, clock).watch() == 0, "nor after a restart"
    found = duty(sign_in("coming"))
    assert (found["handover"]["state"], found["shift"]["name"]) == ("missing", "中班")
    with db.owner() as conn:
        notice = conn.execute("SELECT kind, to_ref, title FROM notice").fetchall()
    assert [n["kind"] for n in notice] == ["handover.missing"]
    late = act(sign_in("going"), "give", 0, "迟")
    assert late.json["state"] == "missing"
    assert act(sign_in("coming"), "take", 1).json["late"] is True
    clock.advance(8 * 3600)
    assert duty(sign_in("going"))["handover"]["going"]["shift"] == "中班"


@pytest.mark.usefixtures("roster")
def test_nobody_reads_beyond_the_own_level(sign_in: SignIn, accounts: Accounts, world: World, db: Database) -> None:
    """What only one department or a higher level sees is in nobody's handover."""
    hidden = [world.near["case"], world.near["incident"]]
    with db.owner() as conn:
        conn.execute("UPDATE cases SET title = '绝密标题' WHERE case_id = ANY (%s)", (hidden,))
        conn.execute("UPDATE cases SET private_to = '公安' WHERE case_id = %s", (hidden[0],))
        conn.execute("UPDATE cases SET sensitivity = 2 WHERE case_id = %s", (hidden[1],))
    assert "绝密标题" not in sign_in("going").get("/api/v1/duty/handover").text
    given = act(sign_in("going"), "give", 0)
    assert given.json["facts"]["open"]["open"] == 2
    assert sign_in("town").get("/api/v1/duty/handover").status_code == 404
    body = {"act": "give", "ends_at": "2026-10-03T07:00:00", "version": 0}
    assert sign_in("going").post("/api/v1/duty/handover", json=body, headers=ORIGIN).status_code == 422
    assert act(sign_in("going"), "give", 0, ends="2026-10-03T07:00:01Z").status_code == 404


@pytest.mark.usefixtures("roster")
def test_of_two_at_once_one_is_kept(sign_in: SignIn, db: Database, world: World, clock: FixedClock) -> None:
    import concurrent.futures

    clients = [sign_in("going") for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(lambda c: act(c, "give", 0).status_code, clients))
    assert found == [200, 409, 409, 409]
    with db.owner() as conn:
        assert conn.execute("SELECT count(*) AS n FROM duty_handover").fetchone() == {"n": 1}


def test_without_a_roster_nothing_is_invented(sign_in: SignIn, world: World) -> None:
    found = duty(sign_in("admin"))
    assert (found["on"], found["next"], found["handover"], found["changes_at"]) == ([], None, None, None)
    assert sign_in("admin").get("/api/v1/duty/handover").status_code == 404


def test_the_zone_of_the_file_is_the_centre_s(db: Database, world: World, settings: Settings, tmp_path: Path) -> None:
    clock = FixedClock(dt.datetime(2026, 10, 3, 15, 59, 59, tzinfo=dt.UTC))
    text = "日期,班次,开始,结束,岗位,姓名\n2026-10-04,早班,00:00,08:00,值班长,何\n"
    assert bring(db, settings, clock, tmp_path, text).stored == 1
    from ioc.scope import SYSTEM

    before = DutyDesk(db.store, clock).on(SYSTEM, "")
    assert before["on"] == []
    assert before["changes_at"] == "2026-10-03T16:00:00+00:00"
    clock.advance(1)
    assert [e["person"] for e in DutyDesk(db.store, clock).on(SYSTEM, "")["on"]] == ["何"]


@pytest.mark.usefixtures("roster")
def test_alarms_and_what_was_raised_are_handed_over(sign_in: SignIn, world: World, db: Database) -> None:
    with db.owner() as conn:
        region = conn.execute("SELECT region_id FROM cases WHERE case_id = %s", (world.near["case"],)).fetchone()
        assert region
        for n, (priority, hold) in enumerate((("urgent", ""), ("low", "shelved")), 1):
            conn.execute(
                "INSERT INTO alarm (rule_key, datastream_id, device_id, category, priority, state, hold, first_at,"
                " raised_at, received_at, region_id)"
                " VALUES ('r', %s, 1, 'c', %s, 'unack', %s, now(), now(), now(), %s)",
                (n, priority, hold, region["region_id"]),
            )
    chief = sign_in("coming")
    case = world.near["case"]
    body = {"step": "pass_up", "version": 1, "given": {"reason": "超出本级"}}
    assert chief.post(f"/api/v1/cases/{case}/steps", json=body, headers=ORIGIN).status_code == 200
    facts = (chief.get("/api/v1/duty/handover").get_json() or {})["facts"]
    assert facts["alarms"] == {"n": 2, "urgent": 1, "high": 0, "unack": 2, "shelved": 1}
    assert [c["case_id"] for c in facts["changed"]["raised"]] == [case]
