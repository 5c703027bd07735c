"""接报登记 over HTTP: what is kept of the caller, the place, the case at once, and doubles near by."""

from __future__ import annotations

from typing import Any, LiteralString

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.intake.caller import mask_name, mask_number
from tests.conftest import Database
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import NEAR_TOWN, SECRET, World

pytestmark = pytest.mark.http
REPORT: dict[str, Any] = {
    "text": "解放路口井盖破损，有人险些跌倒。请尽快处理",
    "urgency": "urgent",
    "category": {"scheme": "gbt30428", "code": "0505"},
    "caller_name": "欧阳明",
    "caller_phone": "13800135678",
    "lon": 111.15,
    "lat": 21.65,
    "crs": "EPSG:4326",
    "address": "解放路 12 号",
}


def rows(db: Database, query: LiteralString | sql.Composed, *values: Any) -> list[dict[str, Any]]:
    with db.owner() as conn:
        return conn.execute(query, values).fetchall()


def take_down(client: FlaskClient, key: str = "", **changes: Any) -> Any:
    headers = {**ORIGIN, "Idempotency-Key": key} if key else ORIGIN
    body = {k: v for k, v in {**REPORT, **changes}.items() if v is not None}
    return client.post("/api/v1/reports", json=body, headers=headers)


def test_a_call_becomes_an_event_and_the_caller_stays_masked(sign_in: SignIn, world: World, db: Database) -> None:
    answer = take_down(sign_in("town"))
    assert answer.status_code == 201, answer.text
    (row,) = rows(db, "SELECT * FROM event WHERE source = 'desk_report'")
    assert row["title"] == "解放路口井盖破损，有人险些跌倒"
    assert row["description"] == REPORT["text"]
    assert row["source_id"] == answer.json["number"]
    assert row["source_id"].startswith("JB20261003-")
    assert row["attributes"]["caller"] == {"name": "欧阳**", "phone": "138****5678", "sealed": True}
    for table in ("event", "event_history", "outbox", "request_key", "reject"):
        told = rows(db, sql.SQL("SELECT to_jsonb(t)::text AS t FROM {} t").format(sql.Identifier(table)))
        assert not any("13800135678" in r["t"] or "欧阳明" in r["t"] for r in told), table


def test_who_calls_back_sees_the_number_and_every_look_is_audited(
    sign_in: SignIn, world: World, db: Database, accounts: Accounts
) -> None:
    add_user(accounts, "plain", PASSWORD, ["grid"], Grant(region_codes=(NEAR_TOWN,), sensitivity=1), own_password=True)
    duty, town = sign_in("chief"), sign_in("town")
    words = "欧阳明 13800135678 说井盖破损，另一人电话 13911112222"
    made = take_down(town, "desk-key-0002", text=words, flow="grid")
    assert made.status_code == 201, made.text
    assert take_down(town, "desk-key-0002", text=words, flow="grid").json["event_id"] == made.json["event_id"]
    (row,) = rows(db, "SELECT title, description, search FROM event WHERE source = 'desk_report'")
    assert row["description"].startswith("欧** 138****5678 说")
    assert not {"13800135678", "13911112222", "欧阳明"} & {p for t in row.values() for p in str(t).split()}
    for record in (f"event:{made.json['event_id']}", f"case:{made.json['case_id']}"):
        panel = duty.get(f"/api/v1/detail/{record}").get_json()
        assert panel["callers"] == [
            {"name": "欧阳**", "phone": "138****5678", "sealed": True, "source_id": made.json["number"]}
        ], record
        look = duty.post(f"/api/v1/callers/{record}", json={"purpose": "回访核实"}, headers=ORIGIN)
        (found,) = look.get_json()["callers"]
        assert (found["caller"], found["phone"], found["content"]) == ("欧阳明", "13800135678", words)
        refused = sign_in("plain").post(f"/api/v1/callers/{record}", json={"purpose": "看看"}, headers=ORIGIN)
        assert refused.status_code == 403
    looks = rows(db, "SELECT actor, detail FROM audit WHERE action = 'caller.view'")
    assert [(r["actor"], r["detail"]["purpose"]) for r in looks] == [("chief", "回访核实")] * 2
    (sealed,) = rows(db, "SELECT sealed FROM caller WHERE source = 'desk_report'")
    assert b"13800135678" not in bytes(sealed["sealed"])


def test_a_call_without_a_caller_seals_nothing(sign_in: SignIn, world: World, db: Database) -> None:
    assert take_down(sign_in("town"), caller_name=None, caller_phone=None).status_code == 201
    assert rows(db, "SELECT 1 FROM caller") == []
    (row,) = rows(db, "SELECT attributes -> 'caller' AS c FROM event WHERE source = 'desk_report'")
    assert row["c"] == {}


def test_a_call_becomes_a_case_at_once_and_once(sign_in: SignIn, world: World, db: Database) -> None:
    town = sign_in("town")
    first, again = (take_down(town, "desk-key-0001", flow="grid") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert first.json["case_id"] == again.json["case_id"]
    (event,) = rows(db, "SELECT case_id FROM event WHERE source = 'desk_report'")
    assert event["case_id"] == first.json["case_id"]
    odd = take_down(town, flow="incident")
    assert (odd.status_code, odd.json["case_id"]) == (201, None), "the report is kept where its flow is none"
    assert odd.json["case_error"]["reasons"][0]["code"] == "unknown_flow"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"text": None}, "text"),
        ({"text": "   "}, "title"),
        ({"urgency": "?"}, "urgency"),
        ({"lon": 10.0, "lat": 10.0}, "lon"),
        ({"lon": None, "lat": None, "crs": None}, "lon"),
        ({"category": {"scheme": "gbt30428", "code": "zz"}}, "category.code"),
        ({"device_id": 999_999}, "device_id"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_wrong_is_told_by_field_and_nothing_is_kept(
    sign_in: SignIn, world: World, db: Database, changes: dict[str, Any], field: str
) -> None:
    refused = take_down(sign_in("town"), **changes)
    assert refused.status_code == 422, refused.text
    assert field in {r["field"] for r in refused.json["reasons"]}
    assert rows(db, "SELECT 1 FROM event WHERE source = 'desk_report'") == []


def test_the_place_may_be_a_device_or_a_region_in_sight(sign_in: SignIn, world: World, db: Database) -> None:
    town = sign_in("town")
    none = {"lon": None, "lat": None, "crs": None}
    by_device = take_down(town, **none, device_id=world.near["camera"])
    assert by_device.status_code == 201, by_device.text
    (row,) = rows(db, "SELECT device_id, address FROM event WHERE event_id = %s", by_device.json["event_id"])
    assert row == {"device_id": world.near["camera"], "address": "近摄像机"}
    assert take_down(town, **none, device_id=world.far["camera"]).json["reasons"][0]["code"] == "unknown_device"
    assert take_down(town, **none, region="990101001000").status_code == 201


def test_doubles_near_by_are_told_and_those_out_of_sight_are_not(
    sign_in: SignIn, world: World, accounts: Accounts
) -> None:
    town, chief = sign_in("town"), sign_in("chief")
    assert take_down(town).status_code == 201
    assert take_down(chief, lon=111.65).status_code == 201

    def near(client: FlaskClient, lon: float = 111.151, **more: Any) -> list[dict[str, Any]]:
        answer = client.get("/api/v1/reports/near", query_string={"lon": lon, "lat": 21.65, **more})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.get_json()["events"]
        return found

    same = near(town, scheme="gbt30428", code="0505")
    assert [(e["title"], e["source"]["zh"]) for e in same] == [("解放路口井盖破损，有人险些跌倒", "desk_report")]
    assert 95 < same[0]["distance_m"] < 110
    assert near(town, scheme="gbt30428", code="0101") == []
    assert len(near(town)) == 2, "without a category also what the hotline reported there"
    assert near(town, lon=111.16) == []
    assert near(town, lon=111.65) == []
    assert len(near(chief, lon=111.65)) == 2
    assert SECRET not in str(near(town))
    assert town.get("/api/v1/reports/near?lon=x&lat=1").status_code == 422


def test_who_may_not_report_is_told_so(sign_in: SignIn, accounts: Accounts) -> None:
    add_user(accounts, "lead", PASSWORD, ["leader"], Grant(whole=True, sensitivity=1), own_password=True)
    add_user(accounts, "grid", PASSWORD, ["grid"], Grant(whole=True, sensitivity=1), own_password=True)
    assert take_down(sign_in("lead")).status_code == 403
    assert take_down(sign_in("grid"), flow="grid").status_code == 403, "taking up a case is the desk's"


@given(st.text(max_size=60), st.text(alphabet="0123456789 -()+", max_size=40))
def test_masks_never_show_more_than_they_may(name: str, phone: str) -> None:
    word = name.strip()
    shown = mask_name(name)
    assert (shown == "") == (word == "")
    assert len(shown) <= 4
    assert shown[:-2] == word[: len(shown) - 2]
    digits = "".join(c for c in phone if c.isdigit())
    if len(digits) >= 7:
        assert digits not in "".join(c for c in mask_number(phone) if c.isdigit()), phone
