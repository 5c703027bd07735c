"""Every operation of the API document under made-up input: whatever comes, never a fault of ours, never a hang.

Input is made by schemathesis from the document, once as it says and once against it; raw bytes come on top. An
operation that is not safe may refuse or do its work, but what it answers is never 5xx.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import flask
import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from starlette.testclient import TestClient

from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN
from tests.http.world import World
from tests.store.test_observations import rows

pytestmark = pytest.mark.http
Token = Callable[..., dict[str, str]]
EXAMPLES, SLOW_S = 12, 20.0
# Signing in counts tries and signing out ends the asker: they have tests of their own, and would end this one.
APART = ("/api/v1/auth/", "/live", "/metrics", "/healthz", "/readyz")
QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)


@pytest.fixture
def headers(token: Token, world: World) -> dict[str, str]:
    return token("read", "events:write", "admin")


@pytest.fixture
def operations(server: flask.Flask, headers: dict[str, str]) -> list[Any]:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", server, headers=headers)
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return [o for o in found if not o.path.startswith(APART)]


@pytest.fixture
def real(db: Database, world: World) -> dict[str, Any]:
    """Names of things there are, by the name of the path parameter that asks for one."""
    return {
        "case_id": world.near["case"],
        "device_id": world.near["camera"],
        "key": f"case:{world.near['case']}",
        "code": small.NEAR_TOWN,
        "layer": "camera",
        "login": "town",
        "action": "disable",
        "z": 10,
        "x": 828,
        "y": 449,
    }


def answers(
    operation: Any, mode: GenerationMode, headers: dict[str, str], real: Mapping[str, Any]
) -> Iterator[tuple[Any, Any, float]]:
    """Every other time the path names something there is: else nothing behind the first look-up would ever be met."""
    seen: list[tuple[Any, Any, float]] = []

    @QUICK
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if len(seen) % 2 and case.path_parameters:
            case.path_parameters = {k: real.get(k, v) for k, v in case.path_parameters.items()}
        begun = time.monotonic()
        seen.append((case, case.call(headers=headers), time.monotonic() - begun))

    ask()
    yield from seen


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_operation_fails(
    operations: list[Any], headers: dict[str, str], real: dict[str, Any], mode: GenerationMode
) -> None:
    asked, faults = 0, list[str]()
    for operation in operations:
        try:
            for case, answer, took in answers(operation, mode, headers, real):
                asked += 1
                if answer.status_code >= 500 and answer.status_code != 503:
                    faults.append(f"{case.method} {case.path}: {answer.status_code}\n{case.as_curl_command()}")
                elif took > SLOW_S:
                    faults.append(f"{case.method} {case.path}: {took:.0f} s")
        except schemathesis.errors.SchemathesisError:  # nothing can be made for it (no parameter to be wrong in)
            if mode is GenerationMode.POSITIVE:
                raise
    assert not faults, "\n".join(dict.fromkeys(faults))
    assert asked > len(operations)


# What a program that has gone wrong, or somebody who wishes us ill, puts where text or a number should be.
HOSTILE = st.sampled_from(
    ["", " ", "\x00", "a\x00b", "\ud800", "\u202e" * 5, "x" * 70_000, "'; DROP TABLE event; --", "%s%n{0}", "<script>",
     "9" * 400, "-0", "1e309", "NaN", "Infinity", 10**400, -(2**63) - 1, 2**63, 1e308, -1, 0, True, None, [], {}, [[]],
     {"": None}, {"a": {"a": {"a": []}}}, [None] * 1000, "2026-02-30T00:00:00Z", "0000-00-00", "99999-01-01T00:00:00Z"]
)  # fmt: skip


def report(db: Database) -> dict[str, Any]:
    (place,) = rows(
        db,
        "SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM (SELECT ST_PointOnSurface(geom) AS p FROM region"
        " WHERE geom IS NOT NULL ORDER BY ST_Area(geom), code LIMIT 1) x",
    )
    return {
        "source": "fuzz", "source_id": "F-1", "title": "道路积水", "description": "x", "urgency": "urgent",
        "category": {"scheme": "gbt30428", "code": "0406"}, "incident_level": 3, "status": "open", "suspected": False,
        "lon": place["lon"], "lat": place["lat"], "crs": "EPSG:4490", "address": "x", "sensitivity": 0,
        "occurred_at": "2026-10-03T14:30:00+08:00", "attributes": {"a": 1}, "department": "x", "other": "y",
    }  # fmt: skip


def test_a_report_with_one_wrong_field_is_taken_whole_or_not_at_all(
    application: Any, server: flask.Flask, db: Database, token: Token, world: World
) -> None:
    good, write = report(db), token("events:write")
    native, plain = TestClient(application), server.test_client()
    sent = 0

    @settings(QUICK, max_examples=250)
    @given(st.sampled_from(sorted(good)), HOSTILE, st.booleans(), st.booleans())
    def ask(name: str, value: Any, inside: bool, machine: bool) -> None:
        nonlocal sent
        sent += 1
        wrong = {**good, "source_id": f"F-{sent}", name: [value] if inside and name == "attributes" else value}
        if inside and isinstance(good[name], dict):
            wrong[name] = {**good[name], "code": value}
        raw = json.dumps(wrong).encode()
        before = tally(db)
        heads = {**write, "Content-Type": "application/json"}
        if machine:
            answer: Any = native.post("/api/v1/events", content=raw, headers=heads)
        else:
            answer = plain.post("/api/v1/events", data=raw, headers=heads)
        assert answer.status_code in (200, 201, 413, 422), (name, value, answer.text)
        after = tally(db)
        if answer.status_code == 201:
            assert (after["events"], after["told"], after["rejects"]) == (
                before["events"] + 1, before["told"] + 1, before["rejects"])  # fmt: skip
        elif answer.status_code == 422:
            reasons = (answer.json() if machine else answer.get_json())["reasons"]
            assert reasons
            assert all(r["field"] and r["zh"] and r["en"] for r in reasons), (name, value)
            assert (after["events"], after["told"], after["rejects"]) == (
                before["events"], before["told"], before["rejects"] + 1)  # fmt: skip

    ask()
    native.close()
    assert sent >= 200


def tally(db: Database) -> dict[str, int]:
    (found,) = rows(
        db,
        "SELECT (SELECT count(*) FROM event WHERE source <> 'world')::int AS events,"
        " (SELECT count(*) FROM event_history)::int AS told, (SELECT count(*) FROM reject)::int AS rejects",
    )
    return found


def test_a_step_with_one_wrong_value_changes_nothing(
    sign_in: Callable[[str], FlaskClient], db: Database, world: World
) -> None:
    chief, case = sign_in("chief"), world.near["case"]
    offered = chief.get(f"/api/v1/cases/{case}/steps").get_json()
    needs = {s["key"]: s["needs"] for s in offered["steps"]}
    assert needs

    @settings(QUICK, max_examples=120)
    @given(st.sampled_from(sorted(needs)), HOSTILE, st.data())
    def ask(step: str, value: Any, data: Any) -> None:
        name = data.draw(st.sampled_from([*needs[step], "text", "officer", "photos", "nothing"]))
        where = data.draw(st.sampled_from(["given", "version", "step"]))
        body: dict[str, Any] = {"step": step, "version": 10**6, "given": {name: value}}
        if where != "given":
            body[where] = value
        before = rows(db, "SELECT version FROM cases WHERE case_id = %s", case)
        answer = chief.post(
            f"/api/v1/cases/{case}/steps", data=json.dumps(body), headers={**ORIGIN, "Content-Type": "application/json"}
        )
        assert 400 <= answer.status_code < 500, (body, answer.text)
        assert rows(db, "SELECT version FROM cases WHERE case_id = %s", case) == before

    ask()
