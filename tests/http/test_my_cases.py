"""The officer's page over HTTP: what is in whose hand, arriving, and a request that is sent twice."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
from collections.abc import Callable
from typing import Any, LiteralString

import pytest
from flask.testing import FlaskClient
from psycopg.types.json import Jsonb
from starlette.testclient import TestClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.store.keeper import prune
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import SECRET, World

pytestmark = pytest.mark.http
BUREAU = "市城管局"
TOWN = Grant(region_codes=(small.NEAR_TOWN,), departments=None, sensitivity=1)


@pytest.fixture
def people(accounts: Accounts) -> None:
    bureau = Grant(True, (), (BUREAU,), 1)
    add_user(accounts, "bureau", PASSWORD, ["department"], bureau, name="城管队", own_password=True)
    add_user(accounts, "tan", PASSWORD, ["grid"], TOWN, name="谭小玲", own_password=True)
    add_user(accounts, "he", PASSWORD, ["grid"], TOWN, name="何明", own_password=True)


def one(db: Database, query: LiteralString, *values: Any) -> dict[str, Any]:
    with db.owner() as conn:
        row = conn.execute(query, values).fetchone()
    assert row
    return row


def mine(client: FlaskClient) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/my/cases")
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    found: list[dict[str, Any]] = answer.get_json()["cases"]
    return found


def post(client: FlaskClient, case: int, step: str, version: int, key: str = "", **given: Any) -> Any:
    headers = {**ORIGIN, "Idempotency-Key": key} if key else ORIGIN
    body = {"step": step, "version": version, "given": given}
    return client.post(f"/api/v1/cases/{case}/steps", json=body, headers=headers)


def give(db: Database, case: int, officer: str = "", department: str | None = None, stage: str = "forwarded") -> None:
    with db.owner() as conn:
        conn.execute(
            "UPDATE cases SET officer = %s, department = %s, stage = %s WHERE case_id = %s",
            (officer, department, stage, case),
        )


@pytest.mark.usefixtures("people")
def test_mine_is_what_was_given_by_name_department_or_grid(sign_in: SignIn, world: World, db: Database) -> None:
    case, tan, he, bureau = world.near["case"], sign_in("tan"), sign_in("he"), sign_in("bureau")
    assert [mine(c) for c in (tan, he, bureau)] == [[], [], []]
    give(db, case, "谭小玲")
    give(db, world.far["case"], "谭小玲")
    found = mine(tan)
    assert [(c["case_id"], c["by"]) for c in found] == [(case, "officer")], "the far town's is not in her scope"
    assert mine(he) == []
    assert found[0]["steps"]["forwarded"][0]["key"] == "sign"
    ahead = {s["key"] for s in found[0]["steps"]["handling"]}
    assert {"arrive", "finish", "return", "ask_extension"} <= ahead
    assert not {"finish", "close"} & {s["key"] for s in found[0]["steps"]["verified"]}, "verifying is another's"
    give(db, case, department=BUREAU)
    assert [(c["case_id"], c["by"]) for c in mine(bureau)] == [(case, "department")]
    with db.owner() as conn:
        conn.execute(
            "UPDATE cases SET department = NULL, grid_cell_id = %s WHERE case_id = %s", (world.near["grid"], case)
        )
        officers = Jsonb([{"name": "何明", "role": "网格员"}])
        conn.execute("UPDATE grid_cell SET officers = %s WHERE grid_cell_id = %s", (officers, world.near["grid"]))
    assert [(c["case_id"], c["by"]) for c in mine(he)] == [(case, "grid")]
    with db.owner() as conn:
        conn.execute("UPDATE cases SET ended = 'void', closed_at = now() WHERE case_id = %s", (case,))
    assert mine(he) == []


@pytest.mark.usefixtures("people")
def test_she_signs_arrives_and_finishes_and_each_is_told(
    sign_in: SignIn, world: World, db: Database, clock: FixedClock
) -> None:
    case, tan = world.near["case"], sign_in("tan")
    give(db, case, "谭小玲")
    version = mine(tan)[0]["version"]
    signed = post(tan, case, "sign", version)
    assert signed.status_code == 200, signed.text
    row = one(db, "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM cases WHERE case_id = %s", case)
    place = {"lon": row["lon"], "lat": row["lat"] + 0.001, "crs": "EPSG:4326", "accuracy_m": 6}
    done_at = (clock.now() - dt.timedelta(minutes=7)).isoformat()
    arrived = post(tan, case, "arrive", signed.json["version"], place=place, done_at=done_at)
    assert arrived.status_code == 200, arrived.text
    assert arrived.json["stage"] == "handling", "arriving moves nothing"
    seen = mine(tan)[0]["progress"]
    assert [s["step"] for s in seen] == ["sign", "arrive"]
    assert seen[1]["distance_m"] == pytest.approx(111, abs=1)
    assert dt.datetime.fromisoformat(seen[1]["done_at"]) == clock.now() - dt.timedelta(minutes=7)
    given = one(db, "SELECT given FROM case_step WHERE step = 'arrive'")["given"]
    assert given["place"]["accuracy_m"] == 6
    version = arrived.json["version"]
    for bad, code in (
        ({"place": {"lon": 999, "lat": "x", "crs": "EPSG:4326"}}, "bad_place"),
        ({"place": {"lon": 111.1, "lat": 21.6}}, "bad_place"),
        ({}, "missing"),
        ({"place": place, "done_at": (clock.now() + dt.timedelta(minutes=11)).isoformat()}, "future_time"),
        ({"place": place, "done_at": "2026-10-03T10:00:00"}, "bad_time"),
        ({"place": place, "done_at": "0001-01-01T00:00:00+14:00"}, "bad_time"),
    ):
        refused = post(tan, case, "arrive", version, **bad)
        assert (refused.status_code, refused.json["reasons"][0]["code"]) == (422, code), bad
    assert post(tan, case, "finish", version, result="已清理").json["stage"] == "verified"
    assert [c["stage"] for c in mine(tan)] == ["verified"]


@pytest.mark.usefixtures("people")
def test_a_repeated_key_gets_the_first_answer_and_nothing_is_done_twice(
    sign_in: SignIn, world: World, db: Database, clock: FixedClock, settings: Any
) -> None:
    case, tan = world.near["case"], sign_in("tan")
    give(db, case, "谭小玲")
    version = mine(tan)[0]["version"]
    first = post(tan, case, "sign", version, "phone-key-0001")
    clock.advance(300)
    again = post(tan, case, "sign", version, "phone-key-0001")
    assert (again.status_code, again.json) == (200, first.json)
    assert one(db, "SELECT count(*) AS n FROM case_step WHERE case_id = %s", case)["n"] == 1
    other = post(tan, case, "finish", first.json["version"], "phone-key-0001", result="x")
    assert other.status_code == 409, "a key is for one request"
    for bad in ("short", "with space 123", "x" * 129):
        refused = post(tan, case, "finish", first.json["version"], bad, result="x")
        assert (refused.status_code, refused.json["reasons"][0]["code"]) == (422, "bad_key"), bad
    # what was refused is no answer to keep: put right, the same key goes through
    assert post(tan, case, "finish", first.json["version"], "phone-key-0002").status_code == 422
    assert post(tan, case, "finish", first.json["version"], "phone-key-0002", result="好").status_code == 200
    assert post(sign_in("he"), case, "finish", version, "phone-key-0002", result="好").status_code != 200, "hers alone"
    with db.owner() as conn:
        assert prune(conn, clock.now() + dt.timedelta(days=settings.retention_reject_days + 1), settings) >= 2
    assert one(db, "SELECT count(*) AS n FROM request_key")["n"] == 0


@pytest.mark.usefixtures("people")
def test_of_the_same_request_many_times_at_once_one_is_done(sign_in: SignIn, world: World, db: Database) -> None:
    case = world.near["case"]
    give(db, case, "谭小玲")
    clients = [sign_in("tan") for _ in range(5)]
    version = mine(clients[0])[0]["version"]
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        found = list(pool.map(lambda c: post(c, case, "sign", version, "phone-key-many"), clients))
    assert [f.status_code for f in found] == [200] * 5
    assert all(f.json == found[0].json for f in found)
    assert one(db, "SELECT count(*) AS n FROM case_step WHERE case_id = %s", case)["n"] == 1


@pytest.mark.usefixtures("people")
def test_a_report_sent_twice_is_one(sign_in: SignIn, world: World, db: Database, clock: FixedClock) -> None:
    tan = sign_in("tan")
    event = {
        "source": "officer", "source_id": "WG-1", "title": "人行道地砖松动", "urgency": "routine", "lon": 111.15,
        "lat": 21.65, "crs": "EPSG:4326", "occurred_at": clock.now().isoformat(),
    }  # fmt: skip
    headers = {**ORIGIN, "Idempotency-Key": "phone-event-1"}
    bad = tan.post("/api/v1/events", json={**event, "urgency": "?"}, headers=headers)
    assert bad.status_code == 422
    first, again = (tan.post("/api/v1/events", json=event, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert first.get_json() == again.get_json()
    assert (
        one(db, "SELECT count(*) AS n FROM event_history WHERE event_id = %s", first.get_json()["event_id"])["n"] == 1
    )


@pytest.mark.usefixtures("people")
def test_a_machines_report_sent_twice_is_one(
    application: Any, token: Callable[..., dict[str, str]], db: Database, clock: FixedClock
) -> None:
    event = {
        "source": "pole", "source_id": "P-1", "title": "积水", "urgency": "routine", "lon": 111.15, "lat": 21.65,
        "crs": "EPSG:4326", "occurred_at": clock.now().isoformat(),
    }  # fmt: skip
    heads = {**token("events:write"), "Idempotency-Key": "machine-0001"}
    with TestClient(application) as native:
        first, again = (native.post("/api/v1/events", json=event, headers=heads) for _ in range(2))
        other = native.post("/api/v1/events", json={**event, "source_id": "P-2"}, headers=heads)
        bad = native.post("/api/v1/events", json=event, headers={**heads, "Idempotency-Key": "x"})
    assert (first.status_code, again.status_code, other.status_code, bad.status_code) == (201, 201, 409, 422)
    assert first.json() == again.json()
    assert one(db, "SELECT count(*) AS n FROM event WHERE source = 'pole'")["n"] == 1


def test_who_is_no_person_has_no_work_of_an_own(sign_in: SignIn, world: World, server: Any, accounts: Accounts) -> None:
    assert server.test_client().get("/api/v1/my/cases").status_code == 401
    body = sign_in("chief").get("/api/v1/my/cases").get_json()
    assert (body["total"], body["cases"], body["who"]["login"]) == (0, [], "chief")
    found = sign_in("town").get("/api/v1/categories").get_json()["categories"]
    assert {"scheme": "gbt30428", "code": "0505"}.items() <= next(c for c in found if c["code"] == "0505").items()
