"""`/api/v1/indicators`: numbers under a scope, the records behind them, polling with an ETag; the cache by class."""

from __future__ import annotations

import threading
import time
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from ioc.api.indicators import IndicatorOut
from ioc.cache import ScopedCache
from ioc.clock import FixedClock
from ioc.declare import Indicator
from ioc.kpi.worker import KpiWorker
from ioc.registry import discover
from ioc.scope import NOBODY, SYSTEM
from ioc.settings import Settings
from tests.conftest import Database
from tests.http.conftest import SignIn
from tests.http.world import CITY, FAR_TOWN, NEAR_TOWN, SECRET, World

pytestmark = pytest.mark.http
INDICATORS = tuple(i for i in discover("ioc.indicators", "INDICATOR").values() if isinstance(i, Indicator))


@pytest.fixture
def worker(db: Database, clock: FixedClock, settings: Settings, world: World) -> KpiWorker:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO source (source_key, title, classes, as_of, last_data_at, state)"
            " VALUES ('all', '全部', '{camera,event,case}', %(now)s, %(now)s, 'live')",
            {"now": clock.now()},
        )
    found = KpiWorker(db.store, INDICATORS, clock, settings)
    found.cycle()
    return found


def _numbers(client: FlaskClient, region: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/v1/indicators?region={region}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json["indicators"]  # type: ignore[index]
    for each in found:
        IndicatorOut.model_validate(each)
    return {i["code"]: i for i in found}


def test_a_city_and_a_town_see_their_own(sign_in: SignIn, worker: KpiWorker) -> None:
    city = sign_in("chief")
    assert _numbers(city)["open_cases"]["value"] == 2
    assert _numbers(city, NEAR_TOWN)["open_cases"]["value"] == 1
    town = sign_in("town")
    assert _numbers(town)["open_cases"]["value"] == 1
    assert _numbers(town)["camera_online"]["denominator"] == 1
    for region in (CITY, FAR_TOWN):
        assert town.get(f"/api/v1/indicators?region={region}").status_code == 404
        assert town.get(f"/api/v1/indicators/open_cases/values?region={region}").status_code == 404
        assert town.get(f"/api/v1/indicators/open_cases/records?region={region}").status_code == 404


def test_the_records_are_as_many_as_the_number_and_ones_own(sign_in: SignIn, worker: KpiWorker) -> None:
    for login in ("chief", "town"):
        client = sign_in(login)
        for code, number in _numbers(client).items():
            if number["state"] not in ("ok", "empty"):
                continue
            answer = client.get(f"/api/v1/indicators/{code}/records?limit=500")
            assert answer.status_code == 200, (code, answer.text)
            found: dict[str, Any] = answer.json  # type: ignore[assignment]
            counts = ("events_today", "events_month", "suspected_month", "open_cases")
            expected = number["value"] if code in counts else number["denominator"] or 0
            assert found["total"] == len(found["rows"]) == expected, (login, code)
            assert (login == "town") is (SECRET not in answer.text) or found["total"] == 0 or code == "sources_ok"
            keys = {c["key"] for c in found["columns"]}
            assert all(keys <= row.keys() for row in found["rows"])


def test_values_over_time(sign_in: SignIn, worker: KpiWorker) -> None:
    client = sign_in("chief")
    answer = client.get("/api/v1/indicators/open_cases/values")
    body: dict[str, Any] = answer.json  # type: ignore[assignment]
    assert body["current"]["value"] == 2
    assert [p["value"] for p in body["values"]] == [2]
    assert client.get("/api/v1/indicators/open_cases/values?from=yesterday").status_code == 422
    assert client.get("/api/v1/indicators/nothing/values").status_code == 404


def test_an_unchanged_answer_is_304(sign_in: SignIn, worker: KpiWorker) -> None:
    client = sign_in("chief")
    first = client.get("/api/v1/indicators")
    again = client.get("/api/v1/indicators", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert first.headers["Cache-Control"] == "private, no-cache"


def test_nobody_gets_nothing(server: flask.Flask, worker: KpiWorker) -> None:
    client = server.test_client()
    for path in ("indicators", "indicators/open_cases/values", "indicators/open_cases/records"):
        assert client.get(f"/api/v1/{path}").status_code == 401


def test_screens_never_compute(sign_in: SignIn, worker: KpiWorker, db: Database) -> None:
    client = sign_in("chief")
    for _ in range(30):
        _numbers(client)
    with db.owner() as conn:
        runs = conn.execute("SELECT DISTINCT runs FROM indicator_run").fetchall()
    assert runs == [{"runs": 1}]


def test_the_cache_is_shared_by_class_and_never_across() -> None:
    cache = ScopedCache(flask.Flask("t"))
    made: list[str] = []

    def make(word: str) -> str:
        made.append(word)
        return word

    assert cache.get(SYSTEM, "x", (1,), 60, lambda: make("all")) == "all"
    assert cache.get(SYSTEM, "x", (1,), 60, lambda: make("again")) == "all"
    assert cache.get(NOBODY, "x", (1,), 60, lambda: make("none")) == "none"
    assert cache.get(SYSTEM, "x", (2,), 60, lambda: make("two")) == "two"
    assert made == ["all", "none", "two"]


def test_two_hundred_who_ask_at_once_cause_one_read() -> None:
    cache = ScopedCache(flask.Flask("t"))
    made: list[int] = []
    got: list[str] = []

    def slow() -> str:
        made.append(1)
        time.sleep(0.2)
        return "value"

    threads = [threading.Thread(target=lambda: got.append(cache.get(SYSTEM, "x", (), 60, slow))) for _ in range(200)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert (len(made), got) == (1, ["value"] * 200)


def test_a_failed_read_is_not_kept() -> None:
    cache = ScopedCache(flask.Flask("t"))

    def fail() -> str:
        raise ValueError("away")

    with pytest.raises(ValueError, match="away"):
        cache.get(SYSTEM, "x", (), 60, fail)
    assert cache.get(SYSTEM, "x", (), 60, lambda: "back") == "back"
