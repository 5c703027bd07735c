"""`/api/v1/events` over HTTP: statuses, rights, every field's reason, and what a reader finds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts
from ioc.accounts.tokens import create_token
from tests.conftest import Database
from tests.http.conftest import ORIGIN
from tests.http.world import World
from tests.store.test_observations import rows

pytestmark = pytest.mark.http


@pytest.fixture
def place(db: Database, world: World) -> tuple[float, float]:
    """A point well inside the small city."""
    (row,) = rows(
        db,
        "SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM (SELECT ST_PointOnSurface(geom) AS p FROM region"
        " WHERE geom IS NOT NULL ORDER BY ST_Area(geom), code LIMIT 1) x",
    )
    return float(row["lon"]), float(row["lat"])


@pytest.fixture
def body(place: tuple[float, float]) -> dict[str, Any]:
    return {
        "source": "grid-app",
        "source_id": "H-1",
        "title": "道路积水",
        "category": {"scheme": "gbt30428", "code": "0406"},
        "urgency": "critical",
        "lon": place[0],
        "lat": place[1],
        "crs": "EPSG:4490",
        "occurred_at": "2026-10-03T14:30:00+08:00",
    }


@pytest.fixture
def bearer(accounts: Accounts) -> Callable[..., dict[str, str]]:
    def make(*actions: str, **more: Any) -> dict[str, str]:
        secret = create_token(accounts, f"t{len(actions)}{more}", list(actions), **more)
        return {"Authorization": f"Bearer {secret}"}

    return make


def test_created_then_known_then_changed(
    server: flask.Flask, body: dict[str, Any], bearer: Callable[..., dict[str, str]]
) -> None:
    client, write = server.test_client(), bearer("events:write")
    first = client.post("/api/v1/events", json=body, headers=write)
    assert first.status_code == 201, first.get_json()
    made = first.get_json()
    assert made["regions"]
    assert isinstance(made["grid_cells"], list)
    again = client.post("/api/v1/events", json=body, headers=write)
    assert (again.status_code, again.get_json()["event_id"], again.get_json()["state"]) == (
        200,
        made["event_id"],
        "unchanged",
    )
    changed = client.post("/api/v1/events", json={**body, "title": "路面积水"}, headers=write)
    assert (changed.status_code, changed.get_json()["state"], changed.get_json()["version"]) == (200, "updated", 2)


def test_twenty_at_once_make_one(
    server: flask.Flask, db: Database, body: dict[str, Any], bearer: Callable[..., dict[str, str]]
) -> None:
    write, statuses = bearer("events:write"), list[int]()

    def post() -> None:
        statuses.append(server.test_client().post("/api/v1/events", json=body, headers=write).status_code)

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 19 + [201]
    assert rows(db, "SELECT count(*) AS n FROM event WHERE source = 'grid-app'") == [{"n": 1}]


def test_bad_input_names_every_field(server: flask.Flask, bearer: Callable[..., dict[str, str]]) -> None:
    client, write = server.test_client(), bearer("events:write")
    answer = client.post("/api/v1/events", json={"urgency": "soon", "lon": "x", "category": 5}, headers=write)
    assert answer.status_code == 422
    reasons = {r["field"]: r for r in answer.get_json()["reasons"]}
    assert set(reasons) == {"source", "source_id", "title", "urgency", "occurred_at", "lon", "lat", "crs", "category"}
    assert all(r["zh"] and r["en"] and r["code"] for r in reasons.values())
    for raw in (b"", b"{", b"[]", b"null", b'"x"'):
        answer = client.post("/api/v1/events", data=raw, headers={**write, "Content-Type": "application/json"})
        assert answer.status_code == 422
        assert answer.get_json()["reasons"][0]["field"] == "body"
    big = client.post("/api/v1/events", data=b"x" * 300_000, headers={**write, "Content-Type": "application/json"})
    assert big.status_code == 413


def test_who_may_write(
    server: flask.Flask,
    body: dict[str, Any],
    bearer: Callable[..., dict[str, str]],
    sign_in: Callable[[str], FlaskClient],
) -> None:
    client = server.test_client()
    assert client.post("/api/v1/events", json=body).status_code == 401
    assert client.post("/api/v1/events", json=body, headers=bearer("read")).status_code == 403
    bound = client.post("/api/v1/events", json=body, headers=bearer("events:write", source="another"))
    assert [(r["field"], r["code"]) for r in bound.get_json()["reasons"]] == [("source", "source_not_allowed")]
    chief = sign_in("chief")
    assert chief.post("/api/v1/events", json=body).status_code == 403, "a cookie without the site's origin"
    assert chief.post("/api/v1/events", json=body, headers=ORIGIN).status_code == 201


def test_what_a_reader_finds(
    server: flask.Flask,
    body: dict[str, Any],
    place: tuple[float, float],
    bearer: Callable[..., dict[str, str]],
) -> None:
    client, write, read = server.test_client(), bearer("events:write"), bearer("read")
    for n in range(3):
        client.post("/api/v1/events", json={**body, "source_id": f"H-{n}"}, headers=write)

    def found(**query: Any) -> list[str]:
        answer = client.get("/api/v1/events", query_string=query, headers=read)
        assert answer.status_code == 200, answer.get_json()
        return [e["source_id"] for e in answer.get_json()["events"] if e["source"] == "grid-app"]

    x, y = place
    assert sorted(found()) == ["H-0", "H-1", "H-2"]
    assert client.get("/api/v1/events?limit=2", headers=read).get_json()["count"] == 2
    assert len(found(bbox=f"{x - 0.001},{y - 0.001},{x + 0.001},{y + 0.001}")) == 3
    assert found(bbox="10,10,11,11") == []
    assert found(since="2026-10-03T06:33:00Z") == []
    assert len(found(since="2026-10-03T14:32:00+08:00")) == 3
    for bad in ({"limit": "0"}, {"limit": "x"}, {"bbox": "1,2,3"}, {"since": "soon"}):
        assert client.get("/api/v1/events", query_string=bad, headers=read).status_code == 422
    assert client.get("/api/v1/events?region=nowhere", headers=read).status_code == 404
