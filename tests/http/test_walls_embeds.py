"""Wall enrolment from code to renewal to revoking, and embed tokens that open one panel and nothing else."""

from __future__ import annotations

import re
from typing import Any

import flask
import httpx
import pytest
from flask.testing import FlaskClient

from ioc.accounts import embed
from ioc.accounts.base import Accounts
from ioc.accounts.rules import CODE_ALPHABET
from ioc.clock import FixedClock
from ioc.errors import Invalid
from tests.conftest import Database
from tests.http.conftest import ORIGIN, Running, SignIn
from tests.http.world import FAR_TOWN, NEAR_TOWN, SECRET

pytestmark = pytest.mark.http
SIZE = {"width": 5760, "height": 1080}
DAY = 86_400


def ask(wall: FlaskClient, **size: int) -> dict[str, Any]:
    answer = wall.post("/api/v1/wall/enrol", json=size or SIZE, headers=ORIGIN)
    assert answer.status_code == 200, answer.text
    return answer.json


def enrolled(server: flask.Flask, sign_in: SignIn, **body: Any) -> FlaskClient:
    wall = server.test_client()
    code = ask(wall)["code"]
    said = sign_in("chief").post(
        "/api/v1/wall/confirm", json={"code": code, "name": "WALL-03 指挥大厅"} | body, headers=ORIGIN
    )
    assert said.status_code == 200, said.text
    assert ask(wall)["state"] == "confirmed"
    return wall


def test_a_wall_is_enrolled_by_its_code(server: flask.Flask, sign_in: SignIn, db: Database) -> None:
    wall = server.test_client()
    first = ask(wall)
    assert re.fullmatch(f"[{CODE_ALPHABET}]{{3}}-[{CODE_ALPHABET}]{{3}}", first["code"])
    assert not set("0O1I") & set(first["code"])
    assert re.fullmatch(r"([0-9A-F]{2}:){3}[0-9A-F]{2}", first["fingerprint"])
    assert ask(wall)["code"] == first["code"], "the code stays until it runs out"
    chief = sign_in("chief")
    shown = chief.get(f"/api/v1/wall/enrolments/{first['code'].lower().replace('-', '')}").json
    assert (shown["width"], shown["height"], shown["fingerprint"]) == (5760, 1080, first["fingerprint"])
    body = {"code": first["code"].lower(), "name": "WALL-03", "region": NEAR_TOWN}
    assert chief.post("/api/v1/wall/confirm", json=body, headers=ORIGIN).status_code == 200
    assert wall.get("/api/v1/auth/me").status_code == 401, "not before it has fetched its credential"
    assert ask(wall)["state"] == "confirmed"
    me = wall.get("/api/v1/auth/me").json
    assert (me["kind"], me["name"], me["whole"]) == ("wall", "WALL-03", False)
    assert all(p.endswith(".view") for p in me["permissions"])
    assert wall.get_cookie("ioc_enrol") is None
    counts = wall.get("/api/v1/live/counts").json
    assert counts["open"] == 1, "the near town only"
    again = chief.post("/api/v1/wall/confirm", json=body, headers=ORIGIN)
    assert again.status_code in (404, 409), "a code serves once"
    listed = chief.get("/api/v1/walls").json["walls"]
    assert [w["name"] for w in listed] == ["WALL-03"]
    with db.owner() as conn:
        stored = conn.execute("SELECT * FROM wall").fetchone()
    assert wall.get_cookie("ioc_wall").value not in str(stored)


def test_a_code_runs_out_after_ten_minutes(server: flask.Flask, sign_in: SignIn, clock: FixedClock) -> None:
    wall, chief = server.test_client(), sign_in("chief")
    old = ask(wall)
    clock.advance(601)
    body = {"code": old["code"], "name": "late"}
    assert chief.post("/api/v1/wall/confirm", json=body, headers=ORIGIN).status_code == 404
    new = ask(wall)
    assert new["code"] != old["code"]
    assert new["fingerprint"] == old["fingerprint"], "it is the same screen"


def test_who_may_confirm(server: flask.Flask, sign_in: SignIn) -> None:
    code = ask(server.test_client())["code"]
    body = {"code": code, "name": "x"}
    assert server.test_client().post("/api/v1/wall/confirm", json=body, headers=ORIGIN).status_code == 401
    assert sign_in("town").post("/api/v1/wall/confirm", json=body, headers=ORIGIN).status_code == 403
    for bad in ({"region": "000000000000"}, {"name": " "}):
        assert sign_in("chief").post("/api/v1/wall/confirm", json=body | bad, headers=ORIGIN).status_code in (404, 422)
    assert sign_in("admin").post("/api/v1/wall/confirm", json=body, headers=ORIGIN).status_code == 200


def test_the_credential_renews_daily_and_the_old_one_still_opens(
    server: flask.Flask, sign_in: SignIn, clock: FixedClock
) -> None:
    wall = enrolled(server, sign_in)
    first = wall.get_cookie("ioc_wall").value
    clock.advance(DAY - 60)
    assert wall.get("/api/v1/auth/me").status_code == 200
    assert wall.get_cookie("ioc_wall").value == first
    clock.advance(120)
    assert wall.get("/api/v1/auth/me").status_code == 200
    second = wall.get_cookie("ioc_wall").value
    assert second != first
    # The answer that carried the new one may have been lost: the old one opens, and is given another.
    lost = server.test_client()
    lost.set_cookie("ioc_wall", first)
    clock.advance(61)
    assert lost.get("/api/v1/auth/me").status_code == 200
    third = lost.get_cookie("ioc_wall").value
    assert third not in (first, second)
    assert lost.get("/api/v1/auth/me").status_code == 200
    clock.advance(10)
    old = server.test_client()
    old.set_cookie("ioc_wall", first)
    assert old.get("/api/v1/auth/me").status_code == 401, "once the new one was shown, the old one ends"


def test_a_month_of_days_never_meets_a_sign_in(server: flask.Flask, sign_in: SignIn, clock: FixedClock) -> None:
    wall = enrolled(server, sign_in)
    for _ in range(30):
        clock.advance(DAY + 7)
        assert wall.get("/api/v1/live/counts").status_code == 200


def test_revoking_ends_it(server: flask.Flask, sign_in: SignIn) -> None:
    wall = enrolled(server, sign_in)
    chief = sign_in("chief")
    wall_id = chief.get("/api/v1/walls").json["walls"][0]["wall_id"]
    assert sign_in("town").post(f"/api/v1/walls/{wall_id}/revoke", json={}, headers=ORIGIN).status_code == 403
    assert wall.get("/api/v1/auth/me").status_code == 200
    assert chief.post(f"/api/v1/walls/{wall_id}/revoke", json={}, headers=ORIGIN).status_code == 200
    assert wall.get("/api/v1/auth/me").status_code == 401
    assert "sign" not in wall.get("/wall").headers.get("Location", ""), "a wall never meets a sign-in page"


# ------------------------------------------------------------ embeds


def signed(client: FlaskClient, **body: Any) -> str:
    answer = client.post("/api/v1/embed/sign", json={"panel": "map"} | body, headers=ORIGIN)
    assert answer.status_code == 200, answer.text
    return answer.json["token"]


def test_an_embed_token_opens_its_panel_in_its_region_only(server: flask.Flask, sign_in: SignIn) -> None:
    token = signed(sign_in("chief"), region=NEAR_TOWN)
    visitor = server.test_client()
    answer = visitor.get(f"/api/v1/live/snapshot?token={token}")
    assert answer.status_code == 200
    assert len(answer.json["rows"]) == 3
    assert SECRET not in answer.text
    assert visitor.get(f"/api/v1/live/snapshot?region={FAR_TOWN}&token={token}").status_code == 404
    for other in ("/api/v1/accounts", "/api/v1/auth/me", "/metrics", "/api/v1/search?q=a", "/api/v1/events"):
        joined = f"{other}{'&' if '?' in other else '?'}token={token}"
        assert visitor.get(joined).status_code == 401, other
    assert visitor.post(f"/api/v1/events?token={token}", json={}).status_code in (401, 403)


def test_a_tile_token_opens_one_indicator(server: flask.Flask, sign_in: SignIn) -> None:
    token = signed(sign_in("chief"), panel="tile/camera_online")
    visitor = server.test_client()
    assert visitor.get(f"/api/v1/live/snapshot?token={token}").status_code == 401
    assert visitor.get(f"/api/v1/indicators/other/values?token={token}").status_code == 401
    assert visitor.get(f"/api/v1/indicators/camera_online/values?token={token}").status_code != 401


def test_a_token_of_several_tiles_opens_each_of_them(server: flask.Flask, sign_in: SignIn) -> None:
    token = signed(sign_in("chief"), panel="tile/camera_online,open_cases")
    visitor = server.test_client()
    for code, opened in (("camera_online", True), ("open_cases", True), ("sensor_online", False)):
        answer = visitor.get(f"/api/v1/indicators/{code}/values?token={token}")
        assert (answer.status_code != 401) is opened, code


def test_the_referrer_of_the_embed_page_carries_its_token(server: flask.Flask, sign_in: SignIn) -> None:
    token = signed(sign_in("chief"), region=NEAR_TOWN)
    visitor = server.test_client()
    page = f"http://localhost/embed/map?token={token}"
    assert visitor.get("/api/v1/live/counts", headers={"Referer": page}).json["open"] == 1
    foreign = f"http://portal.example/embed/map?token={token}"
    assert visitor.get("/api/v1/live/counts", headers={"Referer": foreign}).status_code == 401


def test_the_referrer_opens_tiles_too(running: Running, sign_in: SignIn) -> None:
    """Tiles are served beside the WSGI side: the same ways in must hold there."""
    token = signed(sign_in("chief"), region=NEAR_TOWN)
    tile = f"{running.url}/tiles/camera/10/830/449.mvt"
    own = {"Referer": f"{running.url}/embed/map?token={token}"}
    assert httpx.get(tile).status_code == 401
    assert httpx.get(tile, headers=own).status_code in (200, 204)
    for wrong in (
        f"http://portal.example/embed/map?token={token}",
        f"{running.url}/desk?token={token}",
        own["Referer"][:-2],
    ):
        assert httpx.get(tile, headers={"Referer": wrong}).status_code == 401, wrong


def test_expired_forged_and_foreign_tokens(
    server: flask.Flask, sign_in: SignIn, clock: FixedClock, accounts: Accounts
) -> None:
    token = signed(sign_in("chief"), days=1)
    visitor = server.test_client()
    assert visitor.get(f"/api/v1/live/counts?token={token}").status_code == 200
    assert visitor.get(f"/api/v1/live/counts?token={token[:-2]}xx").status_code == 401
    clock.advance(DAY + 1)
    assert visitor.get(f"/api/v1/live/counts?token={token}").status_code == 401
    with pytest.raises(Invalid):
        embed.sign(accounts, "desk")
    with pytest.raises(Invalid):
        embed.sign(accounts, "map", days=4000)


def test_nobody_signs_more_than_they_see(sign_in: SignIn, accounts: Accounts) -> None:
    town = sign_in("town")
    assert town.post("/api/v1/embed/sign", json={"panel": "map"}, headers=ORIGIN).status_code == 403
    chief = sign_in("chief")
    body = {"panel": "map", "region": "000000000000"}
    assert chief.post("/api/v1/embed/sign", json=body, headers=ORIGIN).status_code == 404


def test_frames_only_where_settings_say(server: flask.Flask, sign_in: SignIn) -> None:
    token = signed(sign_in("chief"))
    page = server.test_client().get(f"/embed/map?token={token}")
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers
    desk = server.test_client().get("/signin")
    assert "frame-ancestors 'none'" in desk.headers["Content-Security-Policy"]
    assert desk.headers["X-Frame-Options"] == "DENY"
