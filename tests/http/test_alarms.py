"""Alarms over HTTP: who may do what, who was first, what lies outside the scope, rules and their parameters."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import json
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.intake.alarm_timer import AlarmTimer
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading
from ioc.settings import Settings
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http
GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture
def intake(db: Database, settings: Settings, clock: FixedClock, world: World) -> ObservationIntake:
    with db.owner() as conn:
        for side, region in (("near", small.NEAR_VILLAGE), ("far", small.FAR_VILLAGE)):
            word = small.SECRET if side == "far" else "近"
            for kind in ("gas", "rain"):
                conn.execute(
                    "INSERT INTO device (source, external_id, kind, class, name, geom, h3_10, region_id)"
                    " VALUES ('sensors', %s, %s, 'sensor', %s, ST_Point(111.15, 21.65, 4326), 622236750694711295, %s)",
                    (f"{side}-{kind}", kind, f"{word}{kind}", world.regions[region]),
                )
    return ObservationIntake(db.store, settings, clock, "sensors")


@pytest.fixture
def raised(intake: ObservationIntake, clock: FixedClock, db: Database) -> dict[str, int]:
    """An urgent gas alarm on either side, and a medium one of rain here."""
    now = clock.now().isoformat()
    values = [("near-gas", "gas_lel", 60.0), ("far-gas", "gas_lel", 60.0), ("near-rain", "rain_1h", 70.0)]
    intake.submit([Reading(d, p, v, now) for d, p, v in values])
    with db.owner() as conn:
        rows = conn.execute("SELECT external_id, alarm_id FROM alarm JOIN device USING (device_id)").fetchall()
    return {r["external_id"]: r["alarm_id"] for r in rows}


@pytest.fixture
def people(accounts: Accounts) -> None:
    for login, name in (("duty", "李嘉欣"), ("second", "王强")):
        add_user(accounts, login, PASSWORD, ["officer"], Grant(whole=True, sensitivity=1), name=name,
                 own_password=True)  # fmt: skip


def do(client: FlaskClient, alarm: int, what: str, **body: Any) -> Any:
    return client.post(f"/api/v1/alarms/{alarm}/{what}", json=body, headers=ORIGIN)


@pytest.mark.usefixtures("people")
def test_the_list_and_its_order(sign_in: SignIn, raised: dict[str, int]) -> None:
    body = sign_in("duty").get("/api/v1/alarms").json
    assert [r["rule"]["key"] for r in body["rows"]] == ["gas_high", "gas_high", "rain_hour"]
    assert body["counts"]["by_priority"]["urgent"] == {"total": 2, "unacked": 2}
    assert (body["total"], body["next"]) == (3, None)
    page = sign_in("duty").get("/api/v1/alarms?limit=2").json
    assert (len(page["rows"]), page["next"]) == (2, 2)
    rest = sign_in("duty").get("/api/v1/alarms?limit=2&offset=2").json
    assert [r["rule"]["key"] for r in rest["rows"]] == ["rain_hour"]
    one = sign_in("duty").get(f"/api/v1/alarms?priority=urgent&region={small.NEAR}").json
    assert [r["id"] for r in one["rows"]] == [raised["near-gas"]]
    bad = sign_in("duty").get("/api/v1/alarms?priority=top&state=x&since=never")
    assert bad.status_code == 422
    assert {r["field"] for r in bad.json["reasons"]} == {"priority", "state", "since"}


@pytest.mark.usefixtures("raised")
def test_the_far_side_stays_unseen(sign_in: SignIn, raised: dict[str, int], db: Database) -> None:
    town = sign_in("town")
    answer = town.get("/api/v1/alarms")
    assert small.SECRET not in answer.text
    assert [r["id"] for r in answer.json["rows"]] == [raised["near-gas"], raised["near-rain"]]
    far = raised["far-gas"]
    assert town.get(f"/api/v1/alarms/{far}").status_code == 404
    for what, body in (("ack", {}), ("shelve", {"minutes": 15, "reason": "x"}), ("case", {"flow": "grid"})):
        assert do(town, far, what, **body).status_code == 404
    assert town.get("/api/v1/alarms/999999999999999999999999").status_code == 404
    assert do(town, 999999999999999999999999, "ack").status_code == 404
    with db.owner() as conn:
        row = conn.execute("SELECT version, state FROM alarm WHERE alarm_id = %s", (far,)).fetchone()
    assert row == {"version": 1, "state": "unack"}


@pytest.mark.usefixtures("people")
def test_one_acknowledges_for_all_seats(sign_in: SignIn, raised: dict[str, int]) -> None:
    alarm = raised["near-gas"]
    clients = [sign_in("duty"), sign_in("second")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda c: do(c, alarm, "ack"), clients))
    assert sorted(a.status_code for a in answers) == [200, 409]
    won = next(a for a in answers if a.status_code == 200).json
    lost = next(a for a in answers if a.status_code == 409).json
    assert won["acked_by"] in lost["zh"]
    detail = clients[0].get(f"/api/v1/alarms/{alarm}").json
    assert (detail["state"], detail["acked_by"]) == ("acked", won["acked_by"])
    assert [e["entry"] for e in detail["journal"]] == ["raise", "notify", "ack"]
    assert detail["journal"][-1]["by"] == won["acked_by"]


@pytest.mark.usefixtures("people")
def test_a_stale_version_is_told_what_happened(sign_in: SignIn, raised: dict[str, int]) -> None:
    alarm = raised["near-rain"]
    assert do(sign_in("duty"), alarm, "ack", version=1).status_code == 200
    late = do(sign_in("second"), alarm, "shelve", version=1, minutes=15, reason="检修")
    assert (late.status_code, "李嘉欣 已确认" in late.json["zh"]) == (409, True)


@pytest.mark.usefixtures("people")
def test_shelves_have_their_rules_and_an_end(
    sign_in: SignIn, raised: dict[str, int], db: Database, settings: Settings, clock: FixedClock
) -> None:
    duty = sign_in("duty")
    assert do(duty, raised["near-gas"], "shelve", minutes=15, reason="检修").status_code == 409, "never an urgent one"
    assert do(duty, raised["near-rain"], "shelve", minutes=300, reason="检修").status_code == 422
    assert do(duty, raised["near-rain"], "shelve", minutes=30, reason="").status_code == 422
    held = do(duty, raised["near-rain"], "shelve", minutes=30, reason="检修").json
    assert (held["hold"]["kind"], held["hold"]["by"], held["sounds"]) == ("shelved", "李嘉欣", False)
    assert raised["near-rain"] not in [r["id"] for r in duty.get("/api/v1/alarms").json["rows"]]
    assert [r["id"] for r in duty.get("/api/v1/alarms?hold=shelved").json["rows"]] == [raised["near-rain"]]
    clock.advance(1801)
    AlarmTimer(db.store, clock, settings.tz).turn()
    found = duty.get(f"/api/v1/alarms/{raised['near-rain']}").json
    assert (found["hold"], found["state"], found["holds"]) == (None, "unack", [])
    assert [e["entry"] for e in found["journal"]][-1] == "shelf_end"


@pytest.mark.usefixtures("people")
def test_out_of_service_is_the_chiefs_and_holds_the_next_alarm_too(
    sign_in: SignIn, raised: dict[str, int], intake: ObservationIntake, clock: FixedClock, db: Database
) -> None:
    alarm = raised["near-gas"]
    assert do(sign_in("duty"), alarm, "out_of_service", reason="换探头").status_code == 403
    chief = sign_in("chief")
    assert do(chief, alarm, "out_of_service", reason="换探头").json["hold"]["kind"] == "out_of_service"

    def gas(value: float) -> None:
        clock.advance(120)
        intake.submit([Reading("near-gas", "gas_lel", value, clock.now().isoformat())])

    gas(1.0)
    gas(1.0)
    assert chief.get(f"/api/v1/alarms/{alarm}").json["state"] == "normal"
    gas(60.0)
    with db.owner() as conn:
        rows = conn.execute("SELECT alarm_id, hold FROM alarm WHERE rule_key = 'gas_high' AND ended_at IS NULL"
                            " AND alarm_id <> %s ORDER BY 1", (raised["far-gas"],)).fetchall()  # fmt: skip
        told = conn.execute("SELECT count(*) AS n FROM notice WHERE about = %s", (f"alarm:{rows[0]['alarm_id']}",))
        assert told.fetchall() == [{"n": 0}], "a held alarm tells nobody"
    assert [r["hold"] for r in rows] == ["out_of_service"]
    back = do(chief, alarm, "in_service")
    assert (back.status_code, back.json["id"], back.json["hold"]) == (200, rows[0]["alarm_id"], None)
    assert do(chief, alarm, "in_service").status_code == 409


@pytest.mark.usefixtures("people")
def test_false_alarms_are_counted_with_their_cause(
    sign_in: SignIn, raised: dict[str, int], intake: ObservationIntake, clock: FixedClock
) -> None:
    duty, alarm = sign_in("duty"), raised["near-rain"]
    assert do(duty, alarm, "false_alarm", cause="mood").status_code == 422
    ended = do(duty, alarm, "false_alarm", cause="sensor", note="探头进水").json
    assert (ended["state"], ended["ended"], ended["false_cause"]["zh"]) == ("normal", "false_alarm", "传感器故障")
    clock.advance(60)
    intake.submit([Reading("near-rain", "rain_1h", 71.0, clock.now().isoformat())])
    rows = duty.get("/api/v1/alarms").json["rows"]
    assert alarm not in [r["id"] for r in rows]
    assert "rain_hour" not in [r["rule"]["key"] for r in rows], "raised again only after it has gone and come back"
    counted = duty.get("/api/v1/alarms/false").json["rows"]
    assert [(c["rule_key"], c["count"], c["causes"]) for c in counted] == [("rain_hour", 1, ["sensor"])]
    assert [r["id"] for r in duty.get("/api/v1/alarms?ended=1").json["rows"]] == [alarm]


@pytest.mark.usefixtures("people")
def test_an_alarm_becomes_a_case_and_both_name_each_other(
    sign_in: SignIn, raised: dict[str, int], db: Database
) -> None:
    duty, alarm = sign_in("duty"), raised["near-gas"]
    made = do(duty, alarm, "case", flow="grid")
    assert made.status_code == 200, made.text
    case_id = made.json["case"]["case_id"]
    assert made.json["case_id"] == case_id
    assert do(duty, alarm, "case", flow="grid").status_code == 409
    with db.owner() as conn:
        row = conn.execute(
            "SELECT e.source, e.source_id, e.attributes, c.sources, c.region_id, c.urgency FROM event e"
            " JOIN cases c USING (case_id) WHERE case_id = %s",
            (case_id,),
        ).fetchone()
    assert row is not None
    assert (row["source"], row["source_id"], row["attributes"]["rule"]) == ("alarm", f"alarm:{alarm}", "gas_high")
    assert (row["sources"][0]["source"], row["urgency"]) == ("alarm", "critical")
    assert [r["id"] for r in duty.get(f"/api/v1/alarms?case={case_id}").json["rows"]] == [alarm]
    assert do(duty, raised["near-rain"], "case", flow="none").status_code == 422


def test_rules_and_their_parameters(sign_in: SignIn, raised: dict[str, int]) -> None:
    chief, town = sign_in("chief"), sign_in("town")
    rules = {r["key"]: r for r in chief.get("/api/v1/alarm-rules").json["rules"]}
    assert rules["rain_hour"]["params"]["high"] == 50.0
    assert rules["rain_hour"]["example"] is True
    body = {"target": "region", "ref": small.NEAR_TOWN, "params": {"high": 80.0}, "version": 0}

    def put(client: FlaskClient, **more: Any) -> Any:
        return client.put("/api/v1/alarm-rules/rain_hour", json={**body, **more}, headers=ORIGIN)

    assert put(town).status_code == 403
    made = put(chief)
    assert (made.status_code, made.json["version"], made.json["ref"]) == (200, 1, small.NEAR_TOWN)
    assert put(chief).status_code == 409, "somebody was first"
    assert put(chief, version=1, params={"high": 90.0}).json["version"] == 2
    faults = put(chief, version=2, params={"high": "x", "colour": 1}, ref="000000000000").json
    assert {r["field"] for r in faults["reasons"]} == {"params.high", "params.colour", "ref"}
    assert put(chief, version=2, valid_from="soon").status_code == 422
    assert chief.put("/api/v1/alarm-rules/none", json=body, headers=ORIGIN).status_code == 404
    stored = {r["key"]: r for r in chief.get("/api/v1/alarm-rules").json["rules"]}["rain_hour"]["settings"]
    assert [(s["ref"], s["params"], s["version"]) for s in stored] == [(small.NEAR_TOWN, {"high": 90.0}, 2)]
    changes = chief.get("/api/v1/alarm-rules/rain_hour/history").json["rows"]
    assert [(c["version"], c["params"], c["target"]) for c in changes] == [
        (2, {"high": 90.0}, "region"), (1, {"high": 80.0}, "region")]  # fmt: skip
    assert changes[0]["name"] == "近镇"
    assert not changes[0]["by"].startswith("account:")
    assert chief.get("/api/v1/alarm-rules/none/history").status_code == 404
    assert chief.get("/api/v1/alarm-rules/rain_day/history").json["rows"] == []
    unset = chief.get("/api/v1/alarm-rules/river_warning/unset").json
    assert {u["why"] for u in unset["rows"]} == {"no_limit"}
    assert unset["total"] == 2


@pytest.mark.parametrize("name", ["alarm", "alarm_group"])
def test_the_record_is_the_contract(name: str) -> None:
    """The golden's own row gives the golden: both sides of the wire are held to it."""
    from ioc.alarms.record import alarm_record, group_record

    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    row = {k: _time(v) for k, v in golden["row"].items()}
    now = dt.datetime.fromisoformat(golden["now"])
    made = alarm_record(row, now) if name == "alarm" else group_record(row)
    assert made == golden["record"]


def _time(value: Any) -> Any:
    if isinstance(value, str) and value.endswith("+00:00"):
        return dt.datetime.fromisoformat(value)
    return value


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 5000, 10**400, None, [], {"a": {}}])
def test_bad_text_is_refused_and_nothing_is_written(
    sign_in: SignIn, raised: dict[str, int], db: Database, text: Any
) -> None:
    chief, alarm = sign_in("chief"), raised["near-rain"]
    bodies = [
        ("shelve", {"minutes": 15, "reason": text}), ("out_of_service", {"reason": text}),
        ("false_alarm", {"cause": text}), ("false_alarm", {"cause": "sensor", "note": text}), ("case", {"flow": text}),
        ("ack", {"version": text or "x"}),
    ]  # fmt: skip
    for what, body in bodies:
        answer = chief.post(f"/api/v1/alarms/{alarm}/{what}", data=json.dumps(body), headers=ORIGIN)
        assert answer.status_code in (409, 413, 422), (what, answer.text)
    for name in ("ref", "params", "target", "version", "valid_from"):
        body = {"target": "device", "ref": "²", "params": {"high": 1.0}, "version": 0, name: text or "x"}
        sent = chief.put("/api/v1/alarm-rules/rain_hour", data=json.dumps(body), headers=ORIGIN)
        assert sent.status_code in (413, 422), (name, sent.text)
    assert chief.get("/api/v1/alarms?rule=%00&category=a%00").status_code == 422
    with db.owner() as conn:
        row = conn.execute("SELECT version FROM alarm WHERE alarm_id = %s", (alarm,)).fetchone()
    assert row == {"version": 1}


def test_nobody_reads_without_the_right(server: flask.Flask) -> None:
    assert server.test_client().get("/api/v1/alarms").status_code == 401
