"""`POST /api/v1/warnings`: statuses, who may send, and what every open screen hears."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import pytest

from ioc.accounts.base import Accounts, Grant
from ioc.clock import FixedClock
from tests.conftest import Database
from tests.http.conftest import ORIGIN, SignIn
from tests.http.world import FAR, NEAR, NEAR_TOWN, World
from tests.store.test_observations import rows

pytestmark = pytest.mark.http
FOLDER = Path(__file__).parents[1] / "fixtures/warnings"
XML = (FOLDER / "typhoon.xml").read_text("utf-8").replace("331101<", f"{NEAR[:6]}<")
XML = XML.replace("120.", "111.").replace("28.0", "21.5").replace("28.4", "21.9")
JSON: dict[str, Any] = {**json.loads((FOLDER / "rainstorm.json").read_text("utf-8")), "areaCode": NEAR_TOWN}
Token = Callable[..., dict[str, str]]
ADDRESS = "/api/v1/warnings"


def typed(headers: dict[str, str], kind: str) -> dict[str, str]:
    return {**headers, "Content-Type": kind}


@pytest.mark.parametrize("kind", ["application/cap+xml", "application/xml", "text/xml; charset=utf-8"])
def test_cap_is_created_then_known(server: flask.Flask, token: Token, world: World, kind: str) -> None:
    client, write = server.test_client(), typed(token("events:write"), kind)
    first = client.post(ADDRESS, data=XML.encode(), headers=write)
    assert first.status_code == 201, first.get_json()
    made = first.get_json()
    assert (made["state"], made["status"], made["msg_type"]) == ("created", "active", "alert")
    assert made["region_ids"] == [world.regions[NEAR_TOWN]]
    again = client.post(ADDRESS, data=XML.encode(), headers=write)
    assert (again.status_code, again.get_json()["state"]) == (200, "unchanged")
    assert again.get_json()["warning_id"] == made["warning_id"]
    changed = client.post(ADDRESS, data=XML.replace("阵风9级", "阵风10级").encode(), headers=write)
    assert (changed.status_code, changed.get_json()["state"], changed.get_json()["version"]) == (200, "updated", 2)


def test_json_then_its_cancellation(server: flask.Flask, token: Token, db: Database) -> None:
    client, write = server.test_client(), token("events:write")
    assert client.post(ADDRESS, json=JSON, headers=write).status_code == 201
    body = {**JSON, "identifier": "C1", "msgType": "Cancel", "references": JSON["identifier"]}
    done = client.post(ADDRESS, json=body, headers=write)
    assert done.status_code == 201
    assert done.get_json()["references"] == [{"identifier": JSON["identifier"], "outcome": "ended"}]
    assert rows(
        db, "SELECT op, payload ->> 'status' AS status FROM outbox WHERE topic = 'warning' ORDER BY 1 DESC"
    ) == [
        {"op": "remove", "status": "cancelled"},
        {"op": "new", "status": "active"},
    ]


def test_faults_have_every_reason_in_both_languages(server: flask.Flask, token: Token, db: Database) -> None:
    client, write = server.test_client(), token("events:write")
    bad = {**JSON, "color": "蓝色", "headline": "", "sender": "", "endTime": "2026-10-03 10:00:00"}
    answer = client.post(ADDRESS, json=bad, headers=write)
    assert answer.status_code == 422
    reasons = {r["field"]: r for r in answer.get_json()["reasons"]}
    assert {f: r["code"] for f, r in reasons.items()} == {
        "sender": "missing_field",
        "color": "colour_of_kind",
        "endTime": "time_order",
    }
    assert all(r["zh"] and r["en"] for r in reasons.values())
    doctype = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><alert>&f;</alert>'
    attack = client.post(ADDRESS, data=doctype, headers=typed(write, "application/xml"))
    assert [r["code"] for r in attack.get_json()["reasons"]] == ["xml_forbidden"]
    assert "root:" not in attack.text
    for kind in ("text/plain", ""):
        other = client.post(ADDRESS, data=XML.encode(), headers=typed(write, kind))
        assert (other.status_code, other.get_json()["reasons"][0]["code"]) == (422, "bad_media")
    big = client.post(ADDRESS, data=b" " * 1_100_000, headers=typed(write, "application/xml"))
    assert big.status_code == 413
    assert rows(db, "SELECT count(*) AS n FROM reject WHERE source = 'cap'") == [{"n": 2}]


def test_who_may_send(server: flask.Flask, token: Token, sign_in: SignIn, world: World, db: Database) -> None:
    client = server.test_client()
    assert client.post(ADDRESS, json=JSON).status_code == 401
    assert client.post(ADDRESS, json=JSON, headers=token("read")).status_code == 403
    person = sign_in("chief").post(ADDRESS, json=JSON, headers=ORIGIN)
    assert person.status_code == 403, "a person reports events; a warning is its issuer's"
    near = token("events:write", grant=Grant(region_codes=(NEAR_TOWN,), sensitivity=1))
    assert client.post(ADDRESS, json=JSON, headers=near).status_code == 201
    far = client.post(ADDRESS, json={**JSON, "identifier": "F", "areaCode": FAR}, headers=near)
    assert [r["code"] for r in far.get_json()["reasons"]] == ["out_of_scope"]
    bound = token("events:write", source="qxj")
    assert client.post(ADDRESS, json=JSON, headers=bound).status_code == 201
    assert rows(db, "SELECT source FROM warning ORDER BY source") == [{"source": "cap"}, {"source": "qxj"}]


def test_screens_show_it(server: flask.Flask, token: Token, sign_in: SignIn) -> None:
    assert server.test_client().post(ADDRESS, json=JSON, headers=token("events:write")).status_code == 201
    chief = sign_in("chief")
    page = base64.urlsafe_b64encode(b"/desk").decode().rstrip("=")
    shown = chief.get(f"/_p/{page}/_dash-layout").get_data(as_text=True)
    assert "暴雨" in json.dumps(json.loads(shown), ensure_ascii=False)


def test_it_is_in_the_document(sign_in: SignIn) -> None:
    spec = sign_in("chief").get("/api/v1/openapi.json").json
    found = spec["paths"][ADDRESS]["post"]
    assert set(found["requestBody"]["content"]) == {"application/json", "application/cap+xml", "application/xml"}
    assert {"201", "413", "422"} <= set(found["responses"])


def test_a_phone_is_told_what_holds_where_its_officer_is(
    server: flask.Flask, token: Token, accounts: Accounts, sign_in: SignIn, clock: FixedClock, db: Database
) -> None:
    client, write = server.test_client(), token("events:write")
    now = clock.now()
    later = (now + dt.timedelta(hours=2)).isoformat()
    ends = (now + dt.timedelta(hours=9)).isoformat()
    common = {**JSON, "sendTime": now.isoformat(), "startTime": None, "endTime": ends}
    common = {k: v for k, v in common.items() if v is not None}
    assert client.post(ADDRESS, json={**common, "identifier": "N1"}, headers=write).status_code == 201
    ahead = {**common, "identifier": "N2", "effective": later}
    assert client.post(ADDRESS, json=ahead, headers=write).status_code == 201, "sent ahead"
    elsewhere = {**common, "identifier": "F1", "areaCode": FAR}
    assert client.post(ADDRESS, json=elsewhere, headers=write).status_code == 201
    town = sign_in("town")
    told = town.get("/api/v1/my/warnings")
    assert told.headers["Cache-Control"] == "private, no-store"
    body = told.get_json()
    assert body["connected"] is True
    assert [(w["upcoming"], w["colour"]) for w in body["warnings"]] == [(False, "orange"), (True, "orange")]
    assert body["warnings"][1]["onset_at"] == later.replace("+00:00", "Z")
    assert len(sign_in("chief").get("/api/v1/my/warnings").get_json()["warnings"]) == 3
    assert server.test_client().get("/api/v1/my/warnings").status_code == 401
    cancel = {**common, "identifier": "C9", "msgType": "Cancel", "references": "N1"}
    assert client.post(ADDRESS, json=cancel, headers=write).status_code == 201
    assert [w["upcoming"] for w in town.get("/api/v1/my/warnings").get_json()["warnings"]] == [True]
