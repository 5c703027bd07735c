"""The whole journal with what seats did with their sound, and stewards who leave, over HTTP."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import stewards
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http


@pytest.fixture(autouse=True)
def people(accounts: Accounts, world: World) -> None:
    whole = Grant(whole=True, sensitivity=1)
    for login, name, role in (("duty", "李嘉欣", "officer"), ("head", "何敏仪", "chief")):
        add_user(accounts, login, PASSWORD, [role], whole, name=name, own_password=True)
    near = Grant(region_codes=(small.NEAR_TOWN,), sensitivity=1)
    add_user(accounts, "near", PASSWORD, ["officer"], near, name="近镇值班", own_password=True)
    far = Grant(region_codes=(small.FAR_TOWN,), sensitivity=1)
    add_user(accounts, "far", PASSWORD, ["chief"], far, name="远镇值班长", own_password=True)


@pytest.fixture
def raised(db: Database, settings: Settings, clock: FixedClock, world: World) -> int:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO device (source, external_id, kind, class, name, geom, h3_10, region_id)"
            " VALUES ('sensors', 'g1', 'gas', 'sensor', '燃气1', ST_Point(111.15, 21.65, 4326),"
            " 622236750694711295, %s)",
            (world.regions[small.NEAR_VILLAGE],),
        )
    ObservationIntake(db.store, settings, clock, "sensors").submit(
        [Reading("g1", "gas_lel", 60.0, clock.now().isoformat())]
    )
    with db.owner() as conn:
        row = conn.execute("SELECT alarm_id FROM alarm").fetchone()
    assert row is not None
    return int(row["alarm_id"])


def sound(client: FlaskClient, **body: Any) -> Any:
    return client.post("/api/v1/alarms/sound", json=body, headers=ORIGIN)


def lines(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/alarms/journal?{query}")
    assert answer.status_code == 200
    return list(answer.get_json()["rows"])


def test_who_muted_which_seat_is_in_the_journal(sign_in: SignIn, raised: int, clock: FixedClock) -> None:
    duty = sign_in("duty")
    assert sound(duty, entry="sound_on", seat="一号席").status_code == 200
    clock.advance(5)
    assert sound(duty, entry="mute", seat="一号席", seconds=120).status_code == 200
    newest = lines(duty)[0]
    assert (newest["entry"], newest["by"], newest["key"]) == ("mute", "李嘉欣", "")
    assert newest["text"] == {"zh": "静音", "en": "Sound muted"}
    assert newest["said"] == {
        "zh": "席位 一号席 · 地址 127.0.0.1 · 秒数 120",
        "en": "seat 一号席 · address 127.0.0.1 · seconds 120",
    }
    mine = lines(duty, "entry=mute,sound_on")
    assert [r["entry"] for r in mine] == ["mute", "sound_on"]
    raise_ = next(r for r in lines(duty) if r["entry"] == "raise")
    assert (raise_["key"], raise_["title"]["zh"][:3]) == (f"alarm:{raised}", "燃气1")


def test_a_line_that_waited_keeps_its_time_if_it_can_be_believed(sign_in: SignIn, clock: FixedClock) -> None:
    duty = sign_in("duty")
    at = clock.now() - dt.timedelta(minutes=20)
    assert sound(duty, entry="unmute", seat="S", at=at.isoformat()).status_code == 200
    assert dt.datetime.fromisoformat(lines(duty)[0]["at"].replace("Z", "+00:00")) == at
    for body in ({"entry": "mute", "at": (at - dt.timedelta(days=3)).isoformat()}, {"entry": "mute", "at": "gestern"},
                 {"entry": "louder"}, {"entry": "mute", "seconds": 9000}, {"entry": "mute", "seat": "x" * 41},
                 {"entry": "mute", "seat": "a\x00"}, {"entry": "mute", "more": 1}, {}):  # fmt: skip
        answer = sound(duty, **body)
        assert answer.status_code == 422, body
        assert answer.get_json()["reasons"]
    assert len(lines(duty)) == 1


def test_the_journal_ends_at_the_scope_and_comes_in_pages(sign_in: SignIn, raised: int) -> None:
    near, far, duty = sign_in("near"), sign_in("far"), sign_in("duty")
    for n in range(3):
        assert sound(near, entry="mute", seat=f"n{n}", seconds=60).status_code == 200
    assert sound(far, entry="mute", seat="f", seconds=60).status_code == 200
    assert {r["entry"] for r in lines(near)} == {"mute", "raise", "notify"}
    assert [r["given"]["seat"] for r in lines(far)] == ["f"]
    assert {r["given"]["seat"] for r in lines(duty, "entry=mute")} == {"n0", "n1", "n2", "f"}
    assert lines(duty, f"entry=mute&region={small.FAR_TOWN}")[0]["given"]["seat"] == "f"
    first = duty.get("/api/v1/alarms/journal?limit=2").get_json()
    second = duty.get(f"/api/v1/alarms/journal?limit=500&before={first['next']}").get_json()
    assert [r["id"] for r in first["rows"] + second["rows"]] == [r["id"] for r in lines(duty)]
    assert second["next"] is None
    assert near.get("/api/v1/alarms/journal?entry=x").status_code == 422


def test_stewards_leave_and_come_back_with_their_history(
    sign_in: SignIn, db: Database, clock: FixedClock, world: World
) -> None:
    row = {"source": "files", "external_id": "1", "duty": "river_chief", "name": "陈大文", "phone": "138****1",
           "login": "", "region_id": world.regions[small.NEAR_VILLAGE], "kinds": [], "device_id": None,
           "private_to": None, "sensitivity": 0, "origin": "real"}  # fmt: skip
    with db.store.scoped(SYSTEM) as conn:
        stewards.save(conn, [row], clock.now())
    chief, duty, far = sign_in("head"), sign_in("duty"), sign_in("far")
    found = chief.get("/api/v1/stewards").get_json()
    assert [(r["name"], r["ended_at"]) for r in found["rows"]] == [("陈大文", None)]
    one = found["rows"][0]["id"]
    assert far.get("/api/v1/stewards").get_json()["total"] == 0
    assert far.post(f"/api/v1/stewards/{one}/end", json={"reason": "x"}, headers=ORIGIN).status_code == 404
    assert duty.post(f"/api/v1/stewards/{one}/end", json={"reason": "x"}, headers=ORIGIN).status_code == 403
    for body in ({}, {"reason": "  "}, {"reason": "\x00"}):
        assert chief.post(f"/api/v1/stewards/{one}/end", json=body, headers=ORIGIN).status_code == 422
    ended = chief.post(f"/api/v1/stewards/{one}/end", json={"reason": "调岗"}, headers=ORIGIN)
    assert (ended.status_code, ended.get_json()["ended_by"]) == (200, "何敏仪")
    assert chief.post(f"/api/v1/stewards/{one}/end", json={"reason": "x"}, headers=ORIGIN).status_code == 409
    assert chief.get("/api/v1/stewards").get_json()["total"] == 0
    assert [r["ended_reason"] for r in chief.get("/api/v1/stewards?ended=1").get_json()["rows"]] == ["调岗"]
    assert chief.post(f"/api/v1/stewards/{one}/back", headers=ORIGIN).status_code == 200
    assert chief.post(f"/api/v1/stewards/{one}/back", headers=ORIGIN).status_code == 409
    told = chief.get(f"/api/v1/stewards/{one}/history").get_json()["rows"]
    assert [h["op"] for h in told] == ["change", "remove", "new"]
    assert [h["actor"] for h in told] == ["account:head", "account:head", "import"]
    assert chief.get("/api/v1/stewards/99999999999999999999/history").status_code == 404
