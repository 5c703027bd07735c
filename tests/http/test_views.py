"""Saved views: whose they are, whom they are shared with, and that none of them widens what its reader sees."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http
PATH = "/api/v1/desk/views"


@pytest.fixture(autouse=True)
def people(accounts: Accounts) -> None:
    add_user(accounts, "officer", PASSWORD, ["officer"], Grant(whole=True, sensitivity=1), own_password=True)


def save(client: FlaskClient, name: str = "超时", **more: Any) -> Any:
    body = {"name": name, "query": {"show": "overdue"}, **more}
    return client.post(PATH, json=body, headers=ORIGIN)


def names(client: FlaskClient) -> list[str]:
    return [v["name"] for v in client.get(PATH).get_json()["views"]]


def test_a_view_is_kept_renamed_chosen_and_thrown_away(sign_in: SignIn, world: World, db: Database) -> None:
    me, other = sign_in("officer"), sign_in("chief")
    query = {"show": "overdue", "urgency": "urgent,critical", "sort": "new", "v": "111.5,21.6,12.5"}
    made = save(me, query=query, region=small.NEAR)
    assert made.status_code == 201
    view = made.get_json()
    assert view["query"] == {**query, "urgency": "critical,urgent"}
    place = f"v=111.5,21.6,12.5&region={small.NEAR}&view={view['view_id']}"
    assert view["address"] == f"show=overdue&urgency=critical,urgent&sort=new&{place}"
    assert names(other) == [], "one's own is nobody else's"
    url = f"{PATH}/{view['view_id']}"
    changed = {"name": "我的超时", "query": {"show": "overdue"}, "version": 1}
    assert other.put(url, json=changed, headers=ORIGIN).status_code == 404
    assert me.put(url, json=changed, headers=ORIGIN).get_json()["version"] == 2
    assert me.put(url, json=changed, headers=ORIGIN).status_code == 409
    first = {"view_id": view["view_id"]}
    assert other.put(f"{PATH}/default", json=first, headers=ORIGIN).status_code == 404
    assert me.put(f"{PATH}/default", json=first, headers=ORIGIN).status_code == 200
    assert me.get(PATH).get_json()["views"][0]["default"] is True
    assert me.delete(f"{url}?version=1", headers=ORIGIN).status_code == 409
    assert me.delete(f"{url}?version=2", headers=ORIGIN).status_code == 200
    assert names(me) == []
    with db.owner() as conn:
        ops = conn.execute("SELECT op FROM entity_history WHERE entity = 'saved_view' ORDER BY recorded_at").fetchall()
        left = conn.execute("SELECT count(*) AS n FROM saved_view_default").fetchone()
    assert ([r["op"] for r in ops], left) == (["new", "change", "remove"], {"n": 0})


def test_a_shared_view_widens_nobody_s_sight(sign_in: SignIn, world: World) -> None:
    chief, officer, town = sign_in("chief"), sign_in("officer"), sign_in("town")
    assert save(officer, shared=True).status_code == 403
    whole = save(chief, "全市超时", shared=True).get_json()
    far = save(chief, f"{small.SECRET}的", shared=True, region=small.FAR).get_json()
    assert names(officer) == ["全市超时", f"{small.SECRET}的"]
    assert names(town) == ["全市超时"], "not even the name of a place outside"
    for client, view, status in ((officer, whole, 403), (town, far, 404)):
        url = f"{PATH}/{view['view_id']}"
        change = {"name": "x", "version": 1}
        assert client.put(url, json=change, headers=ORIGIN).status_code == status
        assert client.delete(f"{url}?version=1", headers=ORIGIN).status_code == status
    assert town.put(f"{PATH}/default", json={"view_id": far["view_id"]}, headers=ORIGIN).status_code == 404
    assert save(town, region=small.FAR).status_code == 404
    page = town.get(f"/desk/events?{far['address']}")
    assert page.status_code == 200
    assert small.SECRET not in page.text


def test_bad_views_are_refused_with_every_reason(sign_in: SignIn, world: World) -> None:
    me = sign_in("officer")
    wrong = save(me, query={"show": "x", "sort": "y", "flow": "grid,z", "v": "999,99,1", "more": "1"})
    assert wrong.status_code == 422
    assert {r["field"] for r in wrong.get_json()["reasons"]} == {"show", "sort", "flow", "v", "more"}
    for name in ("", " ", "a\nb", "长" * 41):
        assert save(me, name).status_code == 422, repr(name)
    for n in range(50):
        assert save(me, f"v{n}").status_code == 201
    assert save(me, "one more").status_code == 409


def test_only_people_have_views(sign_in: SignIn, world: World, server: Any, token: Any) -> None:
    assert server.test_client().get(PATH).status_code == 401
    assert server.test_client().get(PATH, headers=token("read")).status_code == 403


def test_the_page_begins_with_the_view_that_was_chosen(sign_in: SignIn, world: World) -> None:
    me = sign_in("officer")
    view = save(me, query={"show": "overdue", "sort": "new"}).get_json()
    assert me.get("/desk/events").status_code == 200
    me.put(f"{PATH}/default", json={"view_id": view["view_id"]}, headers=ORIGIN)
    moved = me.get("/desk/events?lang=en")
    assert moved.status_code == 302
    assert moved.headers["Location"] == f"/desk/events?lang=en&{view['address']}"
    asked = me.get("/desk/events?show=all")
    assert asked.status_code == 200, "whoever asks for something gets that"
    assert me.get(f"/desk/events?sel=case:{world.near['case']}").status_code == 200
    shown = me.get(moved.headers["Location"])
    assert shown.status_code == 200
    assert "近燃气浓度超限" in shown.text, "overdue"
    assert "近仓库火情" not in shown.text.split('class="ql', 1)[1].split("</section>", 1)[0]
