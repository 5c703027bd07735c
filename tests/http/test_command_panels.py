"""Command panels over HTTP: each has its own state; what cannot be asked is refused with the field's name."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from ioc.command import answer as answering
from ioc.command.asking import Ask, Found
from ioc.command.datasets import datasets
from ioc.command.panels import finder, panels
from ioc.declare import Panel
from ioc.errors import NotFound
from ioc.i18n import Text
from ioc.store import editions
from ioc.store.editions import Edition
from tests.conftest import NOW, Database
from tests.http.conftest import ORIGIN, SignIn

pytestmark = pytest.mark.http
PLACE = {"lon": 112.0, "lat": 21.9}
SQUARE = {"type": "Polygon", "coordinates": [[[112, 21.8], [112.1, 21.8], [112.1, 21.9], [112, 21.9], [112, 21.8]]]}


def test_every_declared_panel_can_be_answered_and_stands_on_declared_data() -> None:
    for panel in panels().values():
        assert callable(finder(panel.key)), panel.key
        assert {*panel.datasets, *panel.helped_by} <= set(datasets()), panel.key


def test_every_panel_names_all_that_its_centre_lacks(sign_in: SignIn, db: Database) -> None:
    """Issue 4: a panel works from imported data or names what is missing; registers without editions count."""
    chief = sign_in("chief")
    place = PLACE | {"lon": 111.15, "lat": 21.65}
    told = chief.get("/api/v1/command/datasets").get_json()["datasets"]
    absent = {d["key"] for d in told if not d["present"]}
    assert {d["key"] for d in told} == set(datasets())
    assert {"roads", "population", "rosters", "plans"} <= absent
    for panel in panels().values():
        got = chief.post(f"/api/v1/command/panels/{panel.key}", json=place, headers=ORIGIN).get_json()
        assert got["state"] not in ("error", "forbidden"), (panel.key, got)
        assert {*got["missing"], *got["lacking"]} == {*panel.datasets, *panel.helped_by} & absent, panel.key
    with db.owner() as conn:
        conn.execute("INSERT INTO duty_roster (file_name, digest, rows, actor, published_at)"
                     " VALUES ('十月.csv', 'x', 3, 't', %s)", (NOW,))  # fmt: skip
    contacts = chief.post("/api/v1/command/panels/contacts", json=place, headers=ORIGIN).get_json()
    assert (contacts["lacking"], contacts["source"], contacts["as_of"]) == ([], "十月.csv", NOW.isoformat())
    told = chief.get("/api/v1/command/datasets").get_json()["datasets"]
    assert [(d["rows"], d["origin"]) for d in told if d["key"] == "rosters"] == [(3, "real")]


def test_states_of_a_panel(sign_in: SignIn, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing while nothing was brought in, then its age and source; a fault and a missing right are states too."""
    panel = Panel("trial", Text("试", "Trial"), datasets=("trial_data",), helped_by=("trial_more",))
    monkeypatch.setattr(answering, "panels", lambda: {"trial": panel})
    asks: list[Ask] = []

    def find(_conn: Any, ask: Ask) -> Found:
        asks.append(ask)
        if ask.radius_m == 13:
            raise NotFound("某物", "a thing")
        return Found({"n": 1})

    monkeypatch.setattr(answering, "finder", lambda _key: find)
    chief = sign_in("chief")

    def asked(**more: Any) -> dict[str, Any]:
        answer = chief.post("/api/v1/command/panels/trial", json=PLACE | more, headers=ORIGIN)
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()

    got = asked()
    assert (got["state"], got["missing"], got["lacking"]) == ("missing", ["trial_data"], ["trial_more"])
    with db.owner() as conn:
        day = NOW - dt.timedelta(days=3)
        editions.publish(conn, Edition("trial_data", "市统计局", day, 7, origin="demo"), "t", NOW)  # type: ignore[arg-type]
    got = asked(area=SQUARE, radius_m=800)
    assert (got["state"], got["source"], got["as_of"], got["origin"]) == ("ok", "市统计局", day.isoformat(), "demo")
    assert (got["data"], got["lacking"], asks[-1].radius_m) == ({"n": 1}, ["trial_more"], 800)
    assert asks[-1].area is not None
    assert asks[-1].area.area == pytest.approx(0.01)
    got = asked(area=SQUARE, radius_m=13)
    assert (got["state"], got["error"]["en"]) == ("error", "Not found: a thing")
    monkeypatch.setattr(answering, "panels", lambda: {"trial": dataclasses.replace(panel, permission="none.such")})
    assert asked()["state"] == "forbidden"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"lat": 1}, "lon"),
        ({"lon": 181, "lat": 1}, "lon"),
        (PLACE | {"radius_m": 0}, "radius_m"),
        (PLACE | {"area": {"type": "Point", "coordinates": [1, 2]}}, "area"),
        (PLACE | {"area": {"type": "Polygon", "coordinates": [[[0, 0], [500, 0], [0, 500], [0, 0]]]}}, "area"),
        (PLACE | {"area": {"type": "x"}}, "area"),
    ],
)
def test_what_cannot_be_asked(sign_in: SignIn, body: dict[str, Any], field: str) -> None:
    answer = sign_in("chief").post("/api/v1/command/panels/people", json=body, headers=ORIGIN)
    assert answer.status_code == 422
    assert [r["field"] for r in answer.get_json()["reasons"]] == [field]


def test_no_such_panel(sign_in: SignIn) -> None:
    assert sign_in("chief").post("/api/v1/command/panels/nothing", json=PLACE, headers=ORIGIN).status_code == 404
