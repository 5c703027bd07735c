"""The inbox, who has read what, receipts of far ends by their own keys, and dead letters."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import flask
import pytest

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.outbound.send import sign
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import deliveries, notices
from ioc.store.deliveries import Delivery
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http
BUREAU = "市城管局"
CONFIG = """
[[channel]]
key = "sms"
kind = "http"
title = "短信"
address = "phone"
request = {url = "https://sms.example/"}
[channel.receipt]
auth = "token"
secret = "env:RECEIPT"
items = "reports"
id = "msgId"
state = "status"
delivered = ["DELIVRD", "0"]
failed = ["UNDELIV"]
[[channel]]
key = "hook"
kind = "webhook"
title = "联动平台"
request = {url = "https://hook.example/"}
secret = "env:RECEIPT"
receipt = {secret = "env:RECEIPT", key = "key", state = "state", delivered = ["delivered"], read = ["read"]}
[[channel]]
key = "mute"
kind = "webhook"
title = "无回执"
request = {url = "https://hook.example/"}
secret = "env:RECEIPT"
"""


@pytest.fixture(autouse=True)
def config(settings: Settings) -> None:
    settings.root.mkdir(parents=True, exist_ok=True)
    (settings.root / "outbound.toml").write_text(CONFIG, "utf-8")
    (settings.root / "ioc.env").write_text("RECEIPT=geheim\n", "utf-8")


@pytest.fixture
def people(accounts: Accounts) -> None:
    add_user(accounts, "bureau", PASSWORD, ["department"], Grant(True, (), (BUREAU,), 1), own_password=True)
    far = Grant(region_codes=(small.FAR_TOWN,), sensitivity=1)
    add_user(accounts, "fartown", PASSWORD, ["officer"], far, own_password=True)


def tell(db: Database, now: dt.datetime, key: str, to_kind: Any, to_ref: str, **more: Any) -> int:
    with db.store.scoped(SYSTEM) as conn:
        made = notices.put(conn, notices.Notice(key, "case.assigned", to_kind, to_ref, f"标题{key}", **more), now)
    assert made
    return made


def keys(client: Any, query: str = "") -> list[str]:
    answer = client.get(f"/api/v1/notices{query}")
    assert answer.status_code == 200, answer.text
    return [n["title"]["zh"].removeprefix("标题") for n in answer.json["notices"]]


@pytest.mark.usefixtures("people")
def test_each_reads_their_own(sign_in: SignIn, world: World, db: Database, clock: FixedClock) -> None:
    near, far = world.regions[small.NEAR_VILLAGE], world.regions[small.FAR_VILLAGE]
    now = clock.now()
    tell(db, now, "a", "account", "town", body="正文", title_en="t", about="case:1", region_id=far)
    tell(db, now, "b", "role", "officer", region_id=near)
    tell(db, now, "c", "role", "officer", region_id=far)
    tell(db, now, "d", "department", BUREAU, region_id=far)
    tell(db, now, "e", "role", "officer", region_id=near, sensitivity=2)
    tell(db, now, "f", "account", "chief")
    tell(db, now, "g", "role", "officer")
    town, far_town, bureau = sign_in("town"), sign_in("fartown"), sign_in("bureau")
    assert (keys(town), keys(far_town), keys(bureau)) == (["g", "b", "a"], ["g", "c"], ["d"])
    answer = town.get("/api/v1/notices?limit=2").json
    assert (answer["unread"], len(answer["notices"])) == (3, 2)
    assert keys(town, f"?before={answer['next']}") == ["a"]
    last = town.get(f"/api/v1/notices?before={answer['next']}").json["notices"][0]
    assert last["title"] == {"zh": "标题a", "en": "t"}
    assert last["body"] == {"zh": "正文", "en": "正文"}
    assert (last["about"], last["priority"], last["read_at"]) == ("case:1", "medium", None)


@pytest.mark.usefixtures("people")
def test_reading_is_once_and_one_s_own(sign_in: SignIn, world: World, db: Database, clock: FixedClock) -> None:
    near = world.regions[small.NEAR_VILLAGE]
    mine = tell(db, clock.now(), "a", "account", "town")
    roles = tell(db, clock.now(), "b", "role", "officer", region_id=near)
    town, far_town = sign_in("town"), sign_in("fartown")
    assert far_town.post(f"/api/v1/notices/{mine}/read", headers=ORIGIN).status_code == 404
    assert far_town.post(f"/api/v1/notices/{roles}/read", headers=ORIGIN).status_code == 404
    assert town.post(f"/api/v1/notices/{2**70}/read", headers=ORIGIN).status_code == 404
    assert town.post(f"/api/v1/notices/{mine}/read").status_code == 403, "not from another site"
    first = town.post(f"/api/v1/notices/{mine}/read", headers=ORIGIN).json
    clock.advance(60)
    again = town.post(f"/api/v1/notices/{mine}/read", headers=ORIGIN).json
    assert first["read_at"] == again["read_at"] is not None
    assert first["unread"] == 1
    assert keys(town, "?unread=1") == ["b"]
    with db.owner() as conn:
        row = conn.execute("SELECT read_by FROM notice WHERE notice_id = %s", (mine,)).fetchone()
    assert row == {"read_by": "town"}


def test_a_token_has_no_inbox(server: flask.Flask, token: Any) -> None:
    client = server.test_client()
    assert client.get("/api/v1/notices").status_code == 401
    assert client.get("/api/v1/notices", headers=token("read")).status_code == 403


def put(
    db: Database, notice_id: int, channel: str, now: dt.datetime, state: str = "submitted", far_id: str = ""
) -> int:
    with db.store.scoped(SYSTEM) as conn:
        made = deliveries.put(conn, Delivery(f"notice-{notice_id}-{channel}", channel, now, notice_id), now)
        conn.execute("UPDATE delivery SET state = %s, far_id = %s WHERE delivery_id = %s", (state, far_id, made))
    assert made
    return made


@pytest.mark.usefixtures("people")
def test_who_has_not_read_it(sign_in: SignIn, world: World, db: Database, clock: FixedClock) -> None:
    about = f"case:{world.near['case']}"
    now = clock.now()
    first = tell(db, now, "a", "account", "grid1", about=about)
    second = tell(db, now, "b", "account", "town", about=about)
    third = tell(db, now, "c", "person", "老王", about=about)
    tell(db, now, "x", "account", "grid9", about="case:999999")
    put(db, first, "sms", now, "submitted")
    put(db, first, "hook", now, "delivered")
    put(db, third, "sms", now, "no_address")
    town = sign_in("town")
    assert town.post(f"/api/v1/notices/{second}/read", headers=ORIGIN).status_code == 200
    found = town.get(f"/api/v1/notices/about/{about}").json
    assert (found["total"], found["delivered"], found["read"]) == (3, 2, 1)
    assert found["unread"] == ["grid1", "老王"]
    assert [a["state"] for a in found["addressees"]] == ["delivered", "read", "no_address"]
    assert found["read_rate"] == pytest.approx(1 / 3)
    assert sign_in("fartown").get(f"/api/v1/notices/about/{about}").status_code == 404
    assert town.get("/api/v1/notices/about/alarm%00:5").status_code == 422
    for wrong in ("case:x", "case:", "device:1e5", "case:99999999999999999999", "alarm:5", "nonsense"):
        assert town.get(f"/api/v1/notices/about/{wrong}").status_code == 404, wrong


@pytest.mark.usefixtures("people")
def test_a_kind_without_a_place_of_its_own_goes_by_its_notices(
    sign_in: SignIn, world: World, db: Database, clock: FixedClock
) -> None:
    tell(db, clock.now(), "a", "role", "chief", about="alarm:5", region_id=world.regions[small.NEAR_VILLAGE])
    assert sign_in("town").get("/api/v1/notices/about/alarm:5").json["total"] == 1
    assert sign_in("fartown").get("/api/v1/notices/about/alarm:5").status_code == 404


# ---------------------------------------------------------------- receipts


def state(db: Database, delivery_id: int) -> str:
    with db.owner() as conn:
        row = conn.execute("SELECT state FROM delivery WHERE delivery_id = %s", (delivery_id,)).fetchone()
    assert row
    return str(row["state"])


@pytest.mark.usefixtures("world")
def test_receipts_with_a_token(server: flask.Flask, accounts: Any, db: Database, clock: FixedClock) -> None:
    one = put(db, tell(db, clock.now(), "a", "account", "x"), "sms", clock.now(), far_id="991")
    client = server.test_client()
    body = {"reports": [{"msgId": 991, "status": "DELIVRD"}, {"msgId": "other", "status": 0}, {"msgId": "y"}]}
    for headers in ({}, {"X-Receipt-Token": "falsch"}):
        assert client.post("/api/v1/receipts/sms", json=body, headers=headers).status_code == 403
    assert state(db, one) == "submitted"
    answer = client.post("/api/v1/receipts/sms?token=geheim", json=body)
    assert answer.json == {"known": 1, "unknown": 1, "ignored": 1}
    assert state(db, one) == "delivered"
    late = client.post(
        "/api/v1/receipts/sms", json={"reports": [{"msgId": 991, "status": "UNDELIV"}]},
        headers={"X-Receipt-Token": "geheim"},
    )  # fmt: skip
    assert late.status_code == 200
    assert state(db, one) == "delivered", "what was delivered cannot fail any more"


@pytest.mark.usefixtures("world")
def test_receipts_with_a_signature(server: flask.Flask, accounts: Any, db: Database, clock: FixedClock) -> None:
    notice = tell(db, clock.now(), "a", "account", "x")
    one = put(db, notice, "hook", clock.now())
    client, now = server.test_client(), int(clock.now().timestamp())
    raw = json.dumps({"key": f"notice-{notice}-hook", "state": "read"}).encode()

    def post(secret: str = "geheim", at: int = now, data: bytes = raw, channel: str = "hook") -> int:
        head = {"webhook-id": "m1", "webhook-timestamp": str(at)}
        head["webhook-signature"] = sign(secret, "m1", str(at), raw)
        path = f"/api/v1/receipts/{channel}"
        return client.post(path, data=data, headers=head, content_type="application/json").status_code

    assert post("falsch") == post(at=now - 301) == post(data=raw + b" ") == 403
    assert post(channel="mute") == post(channel="none") == 403
    assert state(db, one) == "submitted"
    assert post() == 200
    assert state(db, one) == "read"
    with db.owner() as conn:
        row = conn.execute("SELECT read_by FROM notice").fetchone()
    assert row == {"read_by": "channel:hook"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"[" * 100_000, 422),
        (b"{}", 422),
        (b'{"reports": 7}', 422),
        (b'{"reports": [1]}', 422),
        (b'{"reports": []}', 200),
        (b'{"reports": [{"msgId": {"a": 1}, "status": "0"}]}', 200),
        (b'{"reports": [{"msgId": "a\\u0000", "status": "0", "at": [1]}]}', 200),
        (b'{"reports": [{"msgId": "\\ud800", "status": "0"}]}', 422),
        (b"x" * 300_000, 413),
    ],
)
@pytest.mark.usefixtures("world", "accounts")
def test_receipts_of_any_shape(server: flask.Flask, body: bytes, status: int) -> None:
    answer = server.test_client().post(
        "/api/v1/receipts/sms", data=body, headers={"X-Receipt-Token": "geheim"}, content_type="application/json"
    )
    assert answer.status_code == status, answer.text


def test_a_form_is_a_receipt_too(
    server: flask.Flask, settings: Settings, world: World, accounts: Any, db: Database, clock: FixedClock
) -> None:
    path = settings.root / "outbound.toml"
    path.write_text(CONFIG.replace('items = "reports"\n', ""), "utf-8")
    one = put(db, tell(db, clock.now(), "a", "account", "x"), "sms", clock.now(), far_id="991")
    answer = server.test_client().post("/api/v1/receipts/sms?token=geheim", data={"msgId": "991", "status": "DELIVRD"})
    assert (answer.status_code, state(db, one)) == (200, "delivered")


# ---------------------------------------------------------------- dead letters


def test_dead_letters_are_seen_and_sent_again(sign_in: SignIn, world: World, db: Database, clock: FixedClock) -> None:
    notice = tell(db, clock.now(), "a", "account", "x", about="case:1")
    dead, well = put(db, notice, "sms", clock.now(), "dead"), put(db, notice, "hook", clock.now())
    chief, town = sign_in("chief"), sign_in("town")
    assert town.get("/api/v1/deliveries").status_code == 403
    (row,) = chief.get("/api/v1/deliveries").json["deliveries"]
    assert (row["delivery_id"], row["title"], row["about"]) == (dead, "标题a", "case:1")
    assert chief.get("/api/v1/deliveries?channel=hook").json["deliveries"] == []
    assert len(chief.get("/api/v1/deliveries?state=submitted").json["deliveries"]) == 1
    assert chief.get("/api/v1/deliveries?state=lost").status_code == 422
    path, ids = "/api/v1/deliveries/resend", {"delivery_ids": [dead, well, -1, 2**70]}
    assert town.post(path, json=ids, headers=ORIGIN).status_code == 403
    assert chief.post(path, json=ids, headers=ORIGIN).json == {"resent": [dead]}
    assert (state(db, dead), state(db, well)) == ("waiting", "submitted")
    with db.owner() as conn:
        row = conn.execute("SELECT detail FROM audit WHERE action = 'delivery.resend'").fetchone()
    assert row == {"detail": {"deliveries": [dead]}}
