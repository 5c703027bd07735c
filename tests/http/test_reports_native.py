"""Machines' reports through the ASGI door: the answers of the other door, and many at once in few transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flask
import httpx
import pytest
from starlette.testclient import TestClient

from ioc.accounts.base import Grant
from ioc.errors import StoreUnavailable
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import Running
from tests.http.world import World
from tests.store.test_observations import rows

pytestmark = pytest.mark.http
Token = Callable[..., dict[str, str]]


@pytest.fixture
def native(application: Any) -> Iterator[TestClient]:
    client = TestClient(application)
    yield client
    client.close()


@pytest.fixture
def body(db: Database, world: World) -> dict[str, Any]:
    (place,) = rows(
        db,
        "SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM (SELECT ST_PointOnSurface(geom) AS p FROM region"
        " WHERE geom IS NOT NULL ORDER BY ST_Area(geom), code LIMIT 1) x",
    )
    return {
        "source": "storm",
        "source_id": "S-1",
        "title": "道路积水",
        "urgency": "urgent",
        "lon": place["lon"],
        "lat": place["lat"],
        "crs": "EPSG:4490",
        "occurred_at": "2026-10-03T14:30:00+08:00",
    }


def test_both_doors_answer_alike(
    native: TestClient, server: flask.Flask, body: dict[str, Any], token: Token, world: World
) -> None:
    write, plain = token("events:write"), server.test_client()
    town = token("events:write", grant=Grant(region_codes=(small.FAR_TOWN,), sensitivity=1))
    bodies: list[tuple[Any, dict[str, str], int]] = [
        (body, write, 201),
        ({**body, "urgency": "soon", "lon": "x"}, write, 422),
        ({**body, "lon": 12.0, "lat": 12.0}, write, 422),
        (body, town, 422),
        (body, token("read"), 403),
        (body, {"Authorization": "Bearer nobody"}, 401),
        (b"{", write, 422),
        (b"[]", write, 422),
        (b'{"a":' * 5000, write, 422),
        (b" " * 300_000, write, 413),
    ]
    first: dict[str, Any] = {}
    for n, (given, headers, status) in enumerate(bodies):
        for client, door in ((native, "n"), (plain, "w")):
            known = {**given, "source_id": f"{door}{n}"} if isinstance(given, dict) else None
            sent = {"json": known} if known is not None else {"data" if client is plain else "content": given}
            answer: Any = client.post("/api/v1/events", headers=headers, **sent)
            assert answer.status_code == status, (n, door, answer.text)
            told = answer.get_json() if client is plain else answer.json()
            if client is native:
                first = told
            else:
                said = {k: told[k] for k in told if k not in ("event_id", "id", "reasons")}
                assert said == {k: first[k] for k in said}, (n, door)
                assert [(r["field"], r["code"]) for r in told.get("reasons", ())] == [
                    (r["field"], r["code"]) for r in first.get("reasons", ())
                ]


def test_many_at_once_are_each_stored_once_in_few_transactions(
    running: Running, db: Database, body: dict[str, Any], token: Token
) -> None:
    write, count = token("events:write"), 300
    with httpx.Client(base_url=running.url, limits=httpx.Limits(max_connections=40), timeout=60) as client:

        def post(n: int) -> tuple[int, dict[str, Any]]:
            wrong = {"urgency": "soon"} if n % 10 == 0 else {}
            answer = client.post("/api/v1/events", json={**body, "source_id": str(n // 2), **wrong}, headers=write)
            return answer.status_code, answer.json()

        with ThreadPoolExecutor(40) as pool:
            found = list(pool.map(post, range(count)))
    statuses = [status for status, _ in found]
    assert statuses.count(422) == count // 10
    assert all(status == 422 for status in statuses[::10])
    made = [told["event_id"] for status, told in found if status == 201]
    (kept,) = rows(db, "SELECT count(*) AS n, count(DISTINCT xmin::text) AS t FROM event WHERE source = 'storm'")
    assert len(made) == len(set(made)) == kept["n"] == count // 2
    assert kept["t"] < count // 4, "one transaction each"
    (fed,) = rows(db, "SELECT count(*) AS n FROM outbox WHERE topic = 'event'")
    (told,) = rows(db, "SELECT count(*) AS n FROM event_history WHERE event_id = ANY (%s)", made)
    assert (fed["n"], told["n"]) == (count // 2, count // 2)
    (refused,) = rows(db, "SELECT count(*) AS n FROM reject WHERE source = 'storm'")
    assert refused["n"] == count // 10


def test_a_store_that_is_away_is_told_and_the_next_report_is_taken(
    native: TestClient, body: dict[str, Any], token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = token("events:write")
    with monkeypatch.context() as patch:

        def away(*_: Any) -> Any:
            raise StoreUnavailable()

        patch.setattr("ioc.api.events_asgi.submit_events", away)
        assert native.post("/api/v1/events", json=body, headers=write).status_code == 503
    assert native.post("/api/v1/events", json=body, headers=write).status_code == 201


def test_a_machine_has_a_rate(native: TestClient, token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ioc.api.limits.Buckets.take", lambda *_: False)
    assert native.post("/api/v1/events", json={}, headers=token("events:write")).status_code == 429
