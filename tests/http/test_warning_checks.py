"""Judging warnings over HTTP: who may, what is refused with its field, and that the list tells what waits."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.conftest import NOW, Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, SignIn
from tests.http.world import World
from tests.store.kpi_world import insert

pytestmark = pytest.mark.http


def test_a_warning_is_judged_by_who_may(sign_in: SignIn, world: World, db: Database) -> None:
    with db.owner() as conn:
        for number, region in (("W1", small.NEAR_TOWN), ("W2", small.FAR_TOWN)):
            insert(conn, "warning", {"source": "cap", "source_id": number, "kind": "暴雨", "colour": "red",
                                     "sender": "台",
                                     "region_ids": [world.regions[region]], "onset_at": NOW - dt.timedelta(hours=9),
                                     "expires_at": NOW - dt.timedelta(hours=3), "status": "expired"})  # fmt: skip
        rows = conn.execute("SELECT warning_id FROM warning WHERE source = 'cap' ORDER BY source_id").fetchall()
    one = f"/api/v1/warnings/{rows[0]['warning_id']}/check"
    chief, officer = sign_in("chief"), sign_in("town")
    hit = {"outcome": "hit", "occurred_at": (NOW - dt.timedelta(hours=8)).isoformat(), "evidence": "62 mm"}
    assert officer.post(one, json=hit, headers=ORIGIN).status_code == 403
    for wrong, field in (({"outcome": "maybe"}, "outcome"), ({"outcome": "hit"}, "occurred_at"),
                         ({**hit, "occurred_at": "2999-01-01T00:00:00Z"}, "occurred_at")):  # fmt: skip
        answer = chief.post(one, json=wrong, headers=ORIGIN)
        assert (answer.status_code, answer.get_json()["reasons"][0]["field"]) == (422, field)
    assert chief.post(one, json=hit, headers=ORIGIN).get_json()["state"] == "stored"
    assert chief.post(one, json=hit, headers=ORIGIN).get_json()["state"] == "unchanged"
    assert chief.post("/api/v1/warnings/999999/check", json=hit, headers=ORIGIN).status_code == 404
    miss = {"kind": "大风", "region": small.NEAR, "occurred_at": NOW.isoformat(), "evidence": "9 级"}
    number = chief.post("/api/v1/warning-checks", json=miss, headers=ORIGIN).get_json()["number"]
    assert number.startswith("M-")
    gone = chief.post("/api/v1/warning-checks", json={**miss, "region": "000000000000"}, headers=ORIGIN)
    assert gone.status_code == 404
    listed = chief.get("/api/v1/warning-checks").get_json()["checks"]
    assert {(c["source_id"], c["outcome"]) for c in listed} == {("W1", "hit"), ("W2", ""), (number, "miss")}
    near = officer.get("/api/v1/warning-checks").get_json()["checks"]
    assert {c["source_id"] for c in near} == {"W1", number}, "of its town and of the county above it"
    waiting = chief.get("/api/v1/warning-checks?waiting=1").get_json()["checks"]
    assert [c["source_id"] for c in waiting] == ["W2"]
    themes = chief.get("/api/v1/command/themes?key=safety").get_json()
    assert {"safety", "flood", "forest", "health"} == {th["key"] for th in themes["themes"]}
    assert themes["theme"]["missing"] == ["targets"], "what is not imported is named"
