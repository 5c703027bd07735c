"""Working on cases over HTTP: the line of a flow, who may, who was first, and who sees it after a transfer."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
from typing import Any, LiteralString

import flask
import psycopg
import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.scope import SYSTEM
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http
BUREAU = "市城管局"


@pytest.fixture
def people(accounts: Accounts) -> None:
    whole, bureau = Grant(whole=True, sensitivity=1), Grant(True, (), (BUREAU,), 1)
    for login, role, grant, name in (
        ("duty", "officer", whole, "李嘉欣"),
        ("bureau", "department", bureau, "城管队"),
        ("leader", "leader", whole, "市领导"),
        ("fartown", "officer", Grant(region_codes=(small.FAR_TOWN,), sensitivity=1), "远镇值班"),
    ):
        add_user(accounts, login, PASSWORD, [role], grant, name=name, own_password=True)


def offered(client: FlaskClient, case_id: int) -> dict[str, Any]:
    answer = client.get(f"/api/v1/cases/{case_id}/steps")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def take(client: FlaskClient, case_id: int, step: str, version: int | None = None, **given: Any) -> Any:
    if version is None:
        version = offered(client, case_id)["version"]
    body = {"step": step, "version": version, "given": given}
    return client.post(f"/api/v1/cases/{case_id}/steps", json=body, headers=ORIGIN)


def keys(client: FlaskClient, case_id: int) -> set[str]:
    return {s["key"] for s in offered(client, case_id)["steps"]}


def one(db: Database, query: LiteralString, *values: Any) -> dict[str, Any]:
    with db.owner() as conn:
        row = conn.execute(query, values).fetchone()
    assert row
    return row


@pytest.mark.usefixtures("people")
def test_the_whole_line_by_those_who_do_it(sign_in: SignIn, world: World, db: Database, clock: FixedClock) -> None:
    case = world.near["case"]
    with db.owner() as conn:
        conn.execute("UPDATE event SET case_id = %s WHERE event_id = %s", (case, world.near["event"]))
        due = clock.now() + dt.timedelta(days=3)
        conn.execute("UPDATE cases SET total_due_at = %s WHERE case_id = %s", (due, case))
    duty, bureau, chief = sign_in("duty"), sign_in("bureau"), sign_in("chief")
    assert take(duty, case, "forward", department=BUREAU).json["stage"] == "forwarded"
    assert "sign" not in keys(duty, case), "not the duty officer's to sign for"
    clock.advance(60)
    assert take(bureau, case, "sign").json["stage"] == "handling"
    assert (
        take(bureau, case, "ask_extension", reason="缺配件", amount=2, unit="emergency_hours").json["asked"]
        == "extension"
    )
    assert take(chief, case, "grant_extension").json["asked"] == ""
    assert take(bureau, case, "finish", result="已更换").json["stage"] == "verified"
    clock.advance(60)
    closed = take(duty, case, "close").json
    assert (closed["stage"], closed["record"]["key"]) == ("closed", f"case:{case}")
    row = one(db, "SELECT * FROM cases WHERE case_id = %s", case)
    assert row["closed_at"] == clock.now()
    due += dt.timedelta(hours=2)  # as granted
    assert row["due_at"] == row["total_due_at"] == due, "without a term of the stage the whole case's still runs"
    assert [s["stage"] for s in row["stages"]] == ["accepted", "forwarded", "handling", "verified", "closed"]
    steps = one(
        db, "SELECT array_agg(step ORDER BY version) AS s, count(*) AS n FROM case_step WHERE case_id = %s", case
    )
    assert steps["s"] == ["forward", "sign", "ask_extension", "grant_extension", "finish", "close"]
    assert one(db, "SELECT count(*) AS n FROM case_history WHERE case_id = %s", case)["n"] == steps["n"]
    assert (
        one(db, "SELECT count(*) AS n FROM outbox WHERE topic = 'case' AND entity_id = %s", str(case))["n"]
        == steps["n"]
    )
    assert one(db, "SELECT status FROM event WHERE event_id = %s", world.near["event"])["status"] == "closed"
    log = chief.get(f"/api/v1/detail/case:{case}").get_json()["history"]
    assert [(h["actor"], h["text"]["zh"]) for h in log[:2]] == [("李嘉欣", "办结"), ("城管队", "处置完成 已更换")]
    assert len(log) == 7, "six steps and the stage it came with, nothing told twice"
    assert keys(chief, case) == {"reopen"}
    assert take(chief, case, "reopen", reason="群众反映未修好").json["stage"] == "handling"
    assert one(db, "SELECT status FROM event WHERE event_id = %s", world.near["event"])["status"] == "open"


@pytest.mark.usefixtures("people")
def test_who_may_not_is_told_and_nothing_changes(sign_in: SignIn, world: World, db: Database) -> None:
    case = world.near["case"]
    before = one(db, "SELECT version, stage FROM cases WHERE case_id = %s", case)
    leader, town = sign_in("leader"), sign_in("town")
    assert keys(leader, case) == {"urge", "supervise", "instruct"}
    refused = take(leader, case, "forward", department=BUREAU)
    assert refused.status_code == 403
    assert refused.json["zh"].startswith("没有权限：")
    wrong = take(town, case, "forward", extra="x")
    assert wrong.status_code == 422
    assert {r["field"]: r["code"] for r in wrong.json["reasons"]} == {"department": "missing", "extra": "unknown_field"}
    illegal = take(town, case, "close")
    assert illegal.status_code == 409
    assert "只能在核查环节" in illegal.json["zh"]
    assert town.get(f"/api/v1/cases/{world.far['case']}/steps").status_code == 404
    assert take(town, world.far["case"], "forward", version=1, department=BUREAU).status_code == 404
    assert take(town, world.near["incident"], "urge", version=1, text="x").status_code == 409
    for body in ("[]", "{", '{"step": 1}', '{"step": "urge", "version": 1, "more": 2}'):
        answer = town.post(f"/api/v1/cases/{case}/steps", data=body, headers=ORIGIN)
        assert answer.status_code == 422, body
        assert (answer.get_json() or {})["reasons"][0]["en"]
    assert one(db, "SELECT version, stage FROM cases WHERE case_id = %s", case) == before


@pytest.mark.usefixtures("people")
def test_the_second_of_two_learns_what_the_first_did(sign_in: SignIn, world: World) -> None:
    case = world.near["case"]
    duty, chief = sign_in("duty"), sign_in("chief")
    seen = offered(chief, case)["version"]
    assert take(duty, case, "forward", department=BUREAU).status_code == 200
    second = take(chief, case, "urge", version=seen, text="请尽快")
    assert second.status_code == 409
    assert "李嘉欣 已派遣" in second.json["zh"]
    assert take(chief, case, "urge", text="请尽快").status_code == 200


@pytest.mark.usefixtures("people")
def test_of_many_at_once_exactly_one_is_taken(server: flask.Flask, sign_in: SignIn, world: World, db: Database) -> None:
    case = world.near["case"]
    clients = [sign_in("duty") for _ in range(6)]
    version = offered(clients[0], case)["version"]

    def forward(client: FlaskClient) -> int:
        return take(client, case, "forward", version=version, department=BUREAU).status_code

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        found = sorted(pool.map(forward, clients))
    assert found == [200] + [409] * 5
    assert one(db, "SELECT count(*) AS n FROM case_step WHERE case_id = %s", case)["n"] == 1


@pytest.mark.usefixtures("people")
def test_a_transfer_keeps_the_history_and_changes_who_sees_it(sign_in: SignIn, world: World, db: Database) -> None:
    case = world.near["case"]
    town, chief, far = sign_in("town"), sign_in("chief"), sign_in("fartown")
    assert take(town, case, "forward", department=BUREAU).status_code == 200
    for _ in range(3):  # village, town, county: up to the city
        assert take(chief, case, "pass_up", reason="超出本级能力").status_code == 200
    assert town.get(f"/api/v1/cases/{case}/steps").status_code == 404
    top = take(chief, case, "pass_up", reason="再上一级")
    assert (top.status_code, top.json["zh"]) == (409, "与现有数据冲突：已在最上级")
    wrong = take(chief, case, "pass_down", region="123", reason="x")
    assert wrong.json["reasons"][0]["code"] == "unknown_region"
    assert take(chief, case, "pass_down", region=small.FAR_TOWN, reason="属地在远镇").status_code == 200
    assert offered(far, case)["department"] is None
    assert take(far, case, "urge", text="已收到").status_code == 200
    with db.owner() as conn:
        rows = conn.execute(
            "SELECT step, actor_name FROM case_step WHERE case_id = %s ORDER BY version", (case,)
        ).fetchall()
    assert [r["step"] for r in rows] == ["forward", "pass_up", "pass_up", "pass_up", "pass_down", "urge"]
    assert rows[-1]["actor_name"] == "远镇值班"


@pytest.mark.usefixtures("people")
def test_a_wrong_place_is_corrected_with_history(sign_in: SignIn, world: World, db: Database) -> None:
    case, town = world.near["case"], sign_in("chief")
    answer = take(
        town, case, "correct_place", reason="定位偏了", place={"lon": 111.65, "lat": 21.65, "crs": "EPSG:4490"}
    )
    assert answer.status_code == 200, answer.text
    row = one(db, "SELECT region_id, ST_X(geom) AS lon, grid_cell_id FROM cases WHERE case_id = %s", case)
    assert row == {"region_id": world.regions[small.FAR_VILLAGE], "lon": 111.65, "grid_cell_id": world.far["grid"]}
    for place, code in (
        ({"lon": 10, "lat": 10, "crs": "EPSG:4490"}, "out_of_area"),
        ({"lon": "x", "lat": 10, "crs": "EPSG:4490"}, "bad_place"),
        ({"lon": 111.65, "lat": 21.65, "crs": "EPSG:1"}, "bad_place"),
        ({"lon": 111.65}, "bad_place"),
    ):
        refused = take(town, case, "correct_place", reason="x", place=place)
        assert (refused.status_code, refused.json["reasons"][0]["code"]) == (422, code)


def test_what_was_recorded_stays_as_it_was(sign_in: SignIn, world: World, db: Database) -> None:
    assert take(sign_in("chief"), world.near["case"], "urge", text="请尽快").status_code == 200
    for change in ("UPDATE case_step SET given = '{}'", "DELETE FROM case_step"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.store.scoped(SYSTEM) as conn:
            conn.execute(change)
    assert one(db, "SELECT given FROM case_step")["given"] == {"text": "请尽快"}


@pytest.mark.usefixtures("people")
def test_a_report_becomes_a_case_once(sign_in: SignIn, world: World, db: Database) -> None:
    event, town, leader = world.near["event"], sign_in("town"), sign_in("leader")
    assert town.get(f"/api/v1/detail/event:{event}").get_json()["todo"]["event_id"] == event
    assert "todo" not in leader.get(f"/api/v1/detail/event:{event}").get_json()

    def take_up(client: FlaskClient, event_id: Any = event, flow: str = "urban") -> Any:
        return client.post("/api/v1/cases", json={"event_id": event_id, "flow": flow}, headers=ORIGIN)

    assert take_up(leader).status_code == 403
    assert take_up(town, world.far["event"]).status_code == 404
    assert take_up(town, flow="incident").get_json()["reasons"][0]["code"] == "unknown_flow"
    assert take_up(town, event_id="x").status_code == 422
    opened = take_up(town)
    assert opened.status_code == 201, opened.text
    case = opened.get_json()
    assert (case["stage"], case["flow"]) == ("filed", "urban")
    row = one(db, "SELECT * FROM cases WHERE case_id = %s", case["case_id"])
    told = one(db, "SELECT * FROM event WHERE event_id = %s", event)
    for name in ("title", "urgency", "geom", "region_id", "source", "source_id"):
        assert row[name] == told[name], name
    assert row["number"] == "20261003-000001"
    assert told["case_id"] == case["case_id"]
    assert row["sources"][0]["source_id"] == told["source_id"]
    again = take_up(town)
    assert (again.status_code, f"#{case['case_id']}" in again.get_json()["zh"]) == (409, True)
    assert keys(town, case["case_id"]) >= {"dispatch", "urge"}
