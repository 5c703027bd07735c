"""Signing in, locking, sessions, passwords, tokens: by the real HTTP interface."""

from __future__ import annotations

import stat
from collections.abc import Callable

import flask
import pytest

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import (
    add_user,
    demo_users,
    forget_demo_users,
    make_demo_users,
    sign_in_hints,
    taken_into_use,
)
from ioc.clock import FixedClock
from ioc.errors import Conflict, Invalid
from tests.conftest import Database
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import FAR_TOWN, NEAR_TOWN

pytestmark = pytest.mark.http
SIGN_IN = "/api/v1/auth/sign-in"


def attempt(server: flask.Flask, login: str, password: str) -> flask.wrappers.Response:
    return server.test_client().post(SIGN_IN, json={"login": login, "password": password}, headers=ORIGIN)


def test_sign_in_sets_a_cookie_scripts_cannot_read(server: flask.Flask) -> None:
    answer = attempt(server, "chief", PASSWORD)
    assert answer.status_code == 200
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("ioc_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_cookie_is_secure_behind_tls(server: flask.Flask) -> None:
    answer = server.test_client().post(
        SIGN_IN,
        json={"login": "chief", "password": PASSWORD},
        headers={"Origin": "https://localhost"},
        base_url="https://localhost",
    )
    assert "Secure" in answer.headers["Set-Cookie"]


def test_five_wrong_passwords_lock_the_account_for_fifteen_minutes(server: flask.Flask, clock: FixedClock) -> None:
    for left in (4, 3, 2, 1):
        answer = attempt(server, "chief", "wrong")
        assert (answer.status_code, answer.json["error"], answer.json["remaining"]) == (401, "bad_password", left)
    assert attempt(server, "chief", "wrong").status_code == 423
    assert attempt(server, "chief", PASSWORD).status_code == 423, "the right password does not open a locked account"
    clock.advance(15 * 60 - 1)
    assert attempt(server, "chief", PASSWORD).status_code == 423
    clock.advance(2)
    assert attempt(server, "chief", PASSWORD).status_code == 200


def test_an_unknown_login_answers_like_a_known_one(server: flask.Flask) -> None:
    known = [attempt(server, "chief", "wrong") for _ in range(6)]
    unknown = [attempt(server, "nobody-here", "wrong") for _ in range(6)]
    assert [a.status_code for a in known] == [a.status_code for a in unknown]
    assert [a.json["zh"] for a in known] == [a.json["zh"] for a in unknown]


def test_a_form_is_sent_back_with_the_reason(server: flask.Flask) -> None:
    client = server.test_client()
    form = {"login": "chief", "password": "wrong", "next": "/desk/events?region=1"}
    answer = client.post(SIGN_IN, data=form, headers=ORIGIN)
    assert answer.status_code == 303
    assert answer.location == "/signin?e=bad&next=%2Fdesk%2Fevents%3Fregion%3D1&left=4"
    answer = client.post(SIGN_IN, data=form | {"password": PASSWORD}, headers=ORIGIN)
    assert answer.location == "/desk/events?region=1"


@pytest.mark.parametrize(
    "outside", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_never_leads_elsewhere(server: flask.Flask, outside: str) -> None:
    form = {"login": "chief", "password": PASSWORD, "next": outside}
    assert server.test_client().post(SIGN_IN, data=form, headers=ORIGIN).location == "/desk"


def test_a_session_ends_when_idle_and_at_its_limit(server: flask.Flask, sign_in: SignIn, clock: FixedClock) -> None:
    client = sign_in("chief")
    for _ in range(12):
        clock.advance(59 * 60)
        assert client.get("/api/v1/auth/me").status_code == 200
    clock.advance(59 * 60)
    assert client.get("/api/v1/auth/me").status_code == 401, "twelve hours are over"
    client = sign_in("chief")
    clock.advance(121 * 60)
    assert client.get("/api/v1/auth/me").status_code == 401, "two idle hours are over"


def test_signing_out_ends_the_session_itself(sign_in: SignIn, server: flask.Flask) -> None:
    client = sign_in("chief")
    secret = client.get_cookie("ioc_session").value
    assert client.post("/api/v1/auth/sign-out", json={}, headers=ORIGIN).status_code == 200
    other = server.test_client()
    other.set_cookie("ioc_session", secret)
    assert other.get("/api/v1/auth/me").status_code == 401


def test_password_change_shows_every_fault_and_ends_other_sessions(sign_in: SignIn) -> None:
    mine, other = sign_in("chief"), sign_in("chief")
    bad = mine.post("/api/v1/auth/password", json={"old": "no", "new": "chief"}, headers=ORIGIN)
    assert bad.status_code == 422
    assert {r["code"] for r in bad.json["reasons"]} == {"wrong", "too_short", "too_plain", "like_login"}
    good = mine.post("/api/v1/auth/password", json={"old": PASSWORD, "new": "Another-Word-7"}, headers=ORIGIN)
    assert good.status_code == 200
    assert mine.get("/api/v1/auth/me").status_code == 200
    assert other.get("/api/v1/auth/me").status_code == 401
    assert sign_in("chief", "Another-Word-7").get("/api/v1/auth/me").json["login"] == "chief"


def test_disabling_ends_sessions_at_once(sign_in: SignIn) -> None:
    admin, chief = sign_in("admin"), sign_in("chief")
    assert chief.get("/api/v1/auth/me").status_code == 200
    assert admin.post("/api/v1/accounts/chief/disable", json={}, headers=ORIGIN).status_code == 200
    assert chief.get("/api/v1/auth/me").status_code == 401


def test_only_an_administrator_of_the_whole_centre_makes_accounts(
    sign_in: SignIn, accounts: Accounts, server: flask.Flask
) -> None:
    add_user(accounts, "townadmin", PASSWORD, ["admin"], Grant(region_codes=(NEAR_TOWN,)), own_password=True)
    body = {"login": "new", "roles": ["admin"], "whole": True}
    for login in ("chief", "town", "townadmin"):
        assert sign_in(login).post("/api/v1/accounts", json=body, headers=ORIGIN).status_code == 403, login
    made = sign_in("admin").post("/api/v1/accounts", json=body, headers=ORIGIN)
    assert made.status_code == 200
    me = attempt(server, "new", made.json["password"])
    assert me.json["must_change"] is True


def test_account_faults_are_all_named(accounts: Accounts) -> None:
    with pytest.raises(Invalid) as e:
        add_user(accounts, "a!", "short", ["king"], Grant(region_codes=("000",)))
    codes = {r.code for r in e.value.reasons}
    assert codes == {"too_short", "too_plain", "bad_login", "unknown_role", "unknown_region"}
    with pytest.raises(Conflict):
        add_user(accounts, "chief", PASSWORD, ["chief"], Grant(whole=True))


def test_token_actions(server: flask.Flask, token: Callable[..., dict[str, str]], clock: FixedClock) -> None:
    client = server.test_client()
    reading, writing, admin = token("read"), token("events:write"), token("admin")
    assert client.get("/api/v1/live/counts", headers=reading).json["open"] == 2
    assert client.get("/api/v1/live/counts", headers=writing).json["open"] == 0, "writing is not reading"
    assert client.get("/api/v1/accounts", headers=reading).status_code == 403
    assert client.get("/api/v1/accounts", headers=admin).status_code == 200
    assert client.get("/api/v1/live/counts", headers={"Authorization": "Bearer ioc_wrong"}).status_code == 401
    short = token("read", days=1)
    assert client.get("/api/v1/auth/me", headers=short).status_code == 200
    clock.advance(25 * 3600)
    assert client.get("/api/v1/auth/me", headers=short).status_code == 401


def test_a_token_is_shown_once_and_can_be_revoked(sign_in: SignIn, server: flask.Flask, db: Database) -> None:
    admin = sign_in("admin")
    made = admin.post("/api/v1/tokens", json={"name": "report", "allow": ["read"]}, headers=ORIGIN).json["token"]
    with db.owner() as conn:
        row = conn.execute("SELECT * FROM token WHERE name = 'report'").fetchone()
    assert made not in str(row)
    headers = {"Authorization": f"Bearer {made}"}
    assert server.test_client().get("/api/v1/auth/me", headers=headers).status_code == 200
    assert admin.post(f"/api/v1/tokens/{row['token_id']}/revoke", json={}, headers=ORIGIN).status_code == 200
    assert server.test_client().get("/api/v1/auth/me", headers=headers).status_code == 401
    unknown = admin.post("/api/v1/tokens", json={"name": "x", "allow": ["rule"]}, headers=ORIGIN)
    assert unknown.json["reasons"][0]["code"] == "unknown_action"


def test_a_wrong_bearer_token_is_not_answered_as_the_cookie_beside_it(sign_in: SignIn) -> None:
    client = sign_in("admin")
    assert client.get("/api/v1/auth/me", headers={"Authorization": "Bearer ioc_wrong"}).status_code == 401


def test_demo_users(accounts: Accounts, db: Database, server: flask.Flask) -> None:
    with db.owner() as conn:
        conn.execute("DELETE FROM account")
    assert not taken_into_use(accounts)
    made = make_demo_users(accounts, NEAR_TOWN, "housing")
    assert {u.role for u in made} == {"admin", "leader", "chief", "officer", "department", "grid"}
    path = accounts.settings.root / "demo-users.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert make_demo_users(accounts, NEAR_TOWN) == made, "a second start keeps the passwords"
    assert demo_users(accounts) == made
    shown = sign_in_hints(accounts)
    assert [u["login"] for u in shown] == [u.login for u in made]
    assert {u["login"]: u["scope"] for u in shown} | {"wangge": "近镇", "lingdao": "试验市"} == {
        u["login"]: u["scope"] for u in shown
    }
    assert not any(u.password in str(shown) for u in made)
    assert attempt(server, made[0].login, made[0].password).status_code == 200
    assert not taken_into_use(accounts), "the demo administrator's password is not one of their own"
    add_user(accounts, "owner", PASSWORD, ["admin"], Grant(whole=True), own_password=True)
    assert taken_into_use(accounts)
    assert forget_demo_users(accounts) == 6
    assert demo_users(accounts) == []
    assert not path.exists()


def test_guessing_from_one_address_is_slowed(server: flask.Flask, clock: FixedClock) -> None:
    answers = [attempt(server, f"user{i}", "x").status_code for i in range(61)]
    assert answers[:60] == [401] * 60
    assert answers[60] == 429
    clock.advance(4)
    assert attempt(server, "chief", PASSWORD).status_code == 200


def test_what_happened_is_in_the_audit(server: flask.Flask, sign_in: SignIn, db: Database) -> None:
    attempt(server, "chief", "wrong")
    sign_in("chief")
    with db.owner() as conn:
        found = conn.execute("SELECT actor, action FROM audit WHERE actor = 'chief' ORDER BY audit_id").fetchall()
    assert [r["action"] for r in found] == ["sign_in.refused", "sign_in"]


def test_scope_of_a_grant_follows_the_closure(accounts: Accounts, sign_in: SignIn) -> None:
    add_user(accounts, "zone", PASSWORD, ["officer"], Grant(region_codes=("Z01",)), own_password=True)
    client = sign_in("zone")
    assert client.get("/api/v1/live/counts").json["open"] == 1
    assert client.get(f"/api/v1/live/counts?region={NEAR_TOWN}").status_code == 200
    assert client.get(f"/api/v1/live/counts?region={FAR_TOWN}").status_code == 404
