"""`t=` over HTTP: what takes it, what refuses it, and that nothing is done from a screen that looks back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ioc.clock import FixedClock
from ioc.scope import SYSTEM
from ioc.store import cases_write, replay
from tests.conftest import Database
from tests.http.conftest import ORIGIN, SignIn
from tests.http.world import SECRET, World
from tests.store.replay_world import known_since

pytestmark = pytest.mark.http


def at(moment: dt.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@pytest.fixture
def past(db: Database, clock: FixedClock, world: World) -> dt.datetime:
    """The moment before everything changed: then three cases stood open, now the near one is over and renamed."""
    began = clock.now() - dt.timedelta(hours=6)
    known_since(db, began)
    moment = began + dt.timedelta(hours=5)
    with db.owner() as conn:
        conn.execute(
            "SELECT set_config('ioc.known_at', %s, false)", ((clock.now() - dt.timedelta(minutes=20)).isoformat(),)
        )
        conn.execute("UPDATE device SET status = 'offline' WHERE device_id = %s", (world.near["camera"],))
        conn.execute("UPDATE event SET title = '近积水（更正）' WHERE event_id = %s", (world.near["event"],))
    with db.store.scoped(SYSTEM) as conn:
        changes: dict[str, Any] = {"stage": "closed", "closed_at": clock.now(), "title": "近结束"}
        cases_write.change_case(conn, world.near["case"], changes, "t", clock.now() - dt.timedelta(minutes=10))
    return moment


def test_a_screen_answers_for_the_moment_it_is_asked_for(sign_in: SignIn, past: dt.datetime, world: World) -> None:
    chief, town = sign_in("chief"), sign_in("town")
    live = chief.get("/api/v1/live/snapshot").get_json()
    then = chief.get(f"/api/v1/live/snapshot?t={at(past)}")
    body = then.get_json()
    assert body["t"] == body["now"], "its clock stands at the moment"
    titles = {r["title"] for r in body["rows"]}
    assert "近燃气浓度超限" in titles
    assert "近积水" in titles
    assert "近燃气浓度超限" not in {r["title"] for r in live["rows"]}
    assert "近积水（更正）" in {r["title"] for r in live["rows"]}
    assert body["counts"]["devices"]["camera_offline"] == 0
    assert then.headers["X-Ioc-As-Of"] == past.isoformat()
    assert "max-age=86400" in then.headers["Cache-Control"], "a frame of the past does not change"
    assert chief.get("/api/v1/live/snapshot").get_json()["counts"] == live["counts"], "the next request is live again"
    seen = town.get(f"/api/v1/live/snapshot?t={at(past)}")
    assert SECRET not in seen.text, "nobody sees more of the past than of the present"
    assert len(seen.get_json()["rows"]) == 3
    before = chief.get(f"/api/v1/live/snapshot?t={at(past - dt.timedelta(hours=5, minutes=1))}").get_json()
    assert before["rows"] == [], "before it was known there is nothing, not what is known now"
    alarms = chief.get(f"/api/v1/alarms?t={at(past)}")
    assert alarms.status_code == 200
    found = chief.get(f"/api/v1/search?q=近积水&t={at(past)}").get_json()
    assert "更正" not in str(found)
    page = chief.get(f"/desk/events?t={at(past)}")
    assert page.status_code == 200
    assert "近燃气浓度超限" in page.text
    start = chief.get("/desk/replay")
    assert (start.status_code, "t=2026-10-03T06:17:08Z" in start.headers["Location"]) == (302, True)


@pytest.mark.usefixtures("past")
def test_what_is_no_moment_is_refused_with_its_reason(sign_in: SignIn, clock: FixedClock) -> None:
    chief = sign_in("chief")

    def code(t: str, path: str = "/api/v1/live/counts") -> str:
        answer = chief.get(path, query_string={"t": t})
        assert answer.status_code == 422, answer.text
        (reason,) = answer.get_json()["reasons"]
        assert reason["zh"]
        assert reason["en"]
        return str(reason["code"])

    assert code(at(clock.now() + dt.timedelta(seconds=1))) == "future"
    assert code("2019-01-01T00:00:00Z") == "too_old"
    assert code("2026-10-03T06:00:00") == "no_offset"
    assert code("yesterday") == "bad_time"
    assert code(at(clock.now()), "/api/v1/notices") == "no_past", "what has no past does not answer with the present"
    for t in ("live", "", at(clock.now()), "2026-10-03T14:00:00+08:00"):
        assert chief.get("/api/v1/live/counts", query_string={"t": t}).status_code == 200, t


def test_nothing_is_done_from_a_screen_that_looks_back(
    sign_in: SignIn, past: dt.datetime, world: World, db: Database
) -> None:
    chief = sign_in("chief")
    path = f"/api/v1/cases/{world.far['case']}/steps/accept"
    for headers, query in ((ORIGIN | {"X-Ioc-Replay": at(past)}, ""), (ORIGIN, f"?t={at(past)}")):
        answer = chief.post(f"{path}{query}", json={}, headers=headers)
        assert (answer.status_code, answer.get_json()["error"]) == (423, "past_locked")
    with db.owner() as conn:
        row = conn.execute("SELECT version FROM cases WHERE case_id = %s", (world.far["case"],)).fetchone()
    assert row
    assert row["version"] == 1
    assert chief.post("/api/v1/auth/sign-out", headers=ORIGIN | {"X-Ioc-Replay": at(past)}).status_code < 400


def test_the_bar_has_what_it_needs(sign_in: SignIn, past: dt.datetime, clock: FixedClock) -> None:
    chief, town = sign_in("chief"), sign_in("town")
    found = chief.get("/api/v1/replay/corrections", query_string={"at": at(past)}).get_json()
    assert found["total"] == 2
    said = {c["field"]: (c["was"], c["now"]) for r in found["rows"] for c in r["changes"]}
    assert said["title"] in (("近积水", "近积水（更正）"), ("近燃气浓度超限", "近结束"))
    assert {r["key"].split(":")[0] for r in found["rows"]} == {"case", "event"}
    assert town.get("/api/v1/replay/corrections", query_string={"at": at(past)}).get_json()["total"] == 2
    period = {"from": at(clock.now() - dt.timedelta(hours=3)), "to": at(clock.now()), "bars": "6"}
    assert chief.get("/api/v1/replay/density", query_string=period).get_json()["bars"] == [0, 0, 0, 0, 0, 2]
    assert town.get("/api/v1/replay/density", query_string=period).get_json()["bars"] == [0, 0, 0, 0, 0, 1]
    assert (
        chief.get("/api/v1/replay/density", query_string={**period, "from": "2026-08-01T00:00:00Z"}).status_code == 422
    )
    step = chief.get("/api/v1/replay/step", query_string={"at": at(past)}).get_json()["at"]
    assert step == (clock.now() - dt.timedelta(minutes=10) + dt.timedelta(seconds=1)).isoformat()
    assert chief.get("/api/v1/replay/step", query_string={"at": step, "to": "previous"}).status_code == 200
    state = chief.get("/api/v1/replay/state", query_string={"at": at(past)}).get_json()
    assert state["gaps"] == []
    assert {u["key"] for u in state["unrecorded"]} >= {"told", "lower"}


def test_tiles_are_those_of_the_moment(running: Any, sign_in: SignIn, past: dt.datetime) -> None:
    import httpx

    signed = httpx.post(f"{running.url}/api/v1/auth/sign-in", json={"login": "chief", "password": "Right-Word-42"},
                        headers={"Origin": running.url})  # fmt: skip
    cookies = {"ioc_session": signed.cookies["ioc_session"]}

    def tile(**query: str) -> httpx.Response:
        return httpx.get(f"{running.url}/tiles/case/8/207/112.mvt", params=query, cookies=cookies)

    then, now = tile(t=at(past)), tile()
    assert then.status_code == now.status_code == 200
    assert then.content != now.content
    assert tile(t="2030-01-01T00:00:00Z").status_code == 422
    assert tile(t=at(past)).headers["etag"] == then.headers["etag"]


def test_bookmarks_are_ones_own(sign_in: SignIn, past: dt.datetime, db: Database) -> None:
    chief, town = sign_in("chief"), sign_in("town")
    url, looking = "/api/v1/replay/marks", ORIGIN | {"X-Ioc-Replay": at(past)}
    made = chief.post(url, json={"at": at(past), "note": "首车到场"}, headers=looking)
    assert made.status_code == 200, "a mark is kept while looking back"
    again = chief.post(url, json={"at": at(past), "note": "二次"}, headers=ORIGIN).get_json()
    assert again["mark_id"] == made.get_json()["mark_id"]
    assert [m["note"] for m in chief.get(url).get_json()["marks"]] == ["二次"]
    assert town.get(url).get_json()["marks"] == []
    assert town.delete(f"{url}/{again['mark_id']}", headers=ORIGIN).status_code == 404
    assert chief.post(url, json={"at": "2030-01-01T00:00:00Z"}, headers=ORIGIN).status_code == 422
    assert chief.post(url, json={"at": at(past), "note": "x" * 81}, headers=ORIGIN).status_code == 422
    for n in range(replay.MARKS_MAX + 2):
        with db.store.scoped(SYSTEM) as conn:
            replay.mark(conn, 1, past + dt.timedelta(seconds=n), "", past + dt.timedelta(seconds=n))
            assert len(replay.marks(conn, 1)) <= replay.MARKS_MAX
    assert chief.delete(f"{url}/{again['mark_id']}", headers=ORIGIN).status_code in (200, 404)
