"""Every operation of the API document under made-up input: whatever comes, never a fault of ours, never a hang.

Input is made by schemathesis from the document, once as it says and once against it; raw bytes come on top. An
operation that is not safe may refuse or do its work, but what it answers is never 5xx.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import flask
import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from starlette.testclient import TestClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.tokens import create_token
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN
from tests.http.world import World
from tests.store.test_observations import rows

pytestmark = pytest.mark.http
Token = Callable[..., dict[str, str]]
EXAMPLES, SLOW_S = 4, 20.0
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

    @settings(QUICK, max_examples=120)
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
    assert sent >= 100


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


# Text that fits into an address: the rest never reaches us as such.
HOSTILE_TEXT = st.sampled_from(
    ["", " ", "\x00", "a\x00b", "\u202e" * 5, "x" * 5_000, "'; DROP TABLE event; --", "%s%n{0}", "<script>", "-0", "0",
     "1e309", "NaN", "Infinity", "9" * 400, "9" * 6_000, str(2**63), str(-(2**63) - 1), "-1", "true", "[]", "{}", "..",
     "../../etc/passwd", "%00", "\ufffd", "2026-02-30T00:00:00Z", "0000-00-00", "99999-01-01T00:00:00Z", "case:", ":1",
     "case:" + "9" * 30, "case:1\x00", "region:\x00", "cell:camera:\x00", "1,2,3,NaN", "0,0,1e309,1"]
)  # fmt: skip


def test_no_query_parameter_and_no_part_of_a_path_of_a_get_fails(
    application: Any, server: flask.Flask, db: Database, token: Token, sign_in: Callable[[str], FlaskClient],
    real: dict[str, Any],
) -> None:  # fmt: skip
    described = server.test_client().get("/api/v1/openapi.json", headers=token("read", "admin")).get_json()
    gets = [(path, op["get"]) for path, op in described["paths"].items() if "get" in op and not path.startswith(APART)]
    # what is handled beside Flask, or is not described
    gets += [("/tiles/{layer}/{z}/{x}/{y}.mvt", {"parameters": [{"in": "query", "name": n} for n in ("region", "v")]})]
    assert len(gets) > 40
    chief, native, machine = sign_in("chief"), TestClient(application), token("read", "admin")
    places = sorted(
        {(path, p["in"], p["name"]) for path, op in gets for p in op.get("parameters", ())}
        | {(path, "path", name) for path, _ in gets for name in re.findall(r"{(\w+)}", path)}
    )
    places = [p for p in places if p[1] in ("path", "query")]
    asked, faults = 0, list[str]()
    before = tally(db)

    @settings(QUICK, max_examples=500)
    @given(st.sampled_from(places), HOSTILE_TEXT, st.booleans())
    def ask(place: tuple[str, str, str], value: str, by_machine: bool) -> None:
        nonlocal asked
        path, where, name = place
        asked += 1

        def part(found: re.Match[str]) -> str:
            mine = where == "path" and found[1] == name
            return quote(value if mine and value else str(real.get(found[1], 1)), safe="")

        url = re.sub(r"{(\w+)}", part, path) + (f"?{name}={quote(value, safe='')}" if where == "query" else "")
        begun = time.monotonic()
        if path.startswith("/tiles/"):
            status = native.get(url, headers=machine).status_code
        else:
            status = (server.test_client().get(url, headers=machine) if by_machine else chief.get(url)).status_code
        took = time.monotonic() - begun
        if (status >= 500 and status != 503) or took > SLOW_S:
            faults.append(f"GET {url[:200]}: {status} {took:.1f} s")

    ask()
    native.close()
    assert not faults, "\n".join(dict.fromkeys(faults))
    assert asked >= 450
    assert tally(db) == before


def test_no_live_stream_and_no_report_is_opened_for_a_region_that_is_no_text(
    application: Any, token: Token, world: World
) -> None:
    native = TestClient(application)
    for value in ("%00", "a%00b", "x" * 5000, "%ED%A0%80"):
        answer = native.get(f"/live?region={value}", headers=token("read"))
        assert answer.status_code in (404, 422), (value, answer.text)
    native.close()


def bodies(db: Database) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """A good body of every endpoint that writes for others, by name: right it needs, address, body."""
    code = small.NEAR_TOWN
    return {
        "account": ("admin", "/api/v1/accounts", {
            "login": "neu", "name": "n", "password": "", "roles": ["grid"], "regions": [code], "whole": False,
            "departments": ["x"], "sensitivity": 0}),
        "token": ("admin", "/api/v1/tokens", {
            "name": "t", "allow": ["read"], "region": code, "source": "s", "days": 3, "sensitivity": 0}),
        "warning": ("events:write", "/api/v1/warnings", {
            "identifier": "W-1", "sender": "s", "senderName": "n", "sendTime": "2026-10-03 14:20:00",
            "msgType": "Alert", "eventType": "11B03", "color": "橙色", "headline": "暴雨橙色预警", "areaCode": code[:6],
            "endTime": "2026-10-03 20:20:00", "references": [], "text": "x", "polygon": ""}),
        "hotline": ("hotline", "/api/v1/hotline", {
            "工单编号": "H-1", "受理时间": "2026-10-03 14:05", "诉求人": "陈小姐", "联系电话": "13600002222",
            "标题": "路灯不亮", "内容": "x", "行政区划码": code, "紧急程度": "一般", "办理时限": "2026-10-10 18:00",
            "满意度": "5", "坐标系": "EPSG:4490", "经度": 112.0, "纬度": 21.8}),
        "detection": ("events:write", "/api/v1/detections", {
            "id": "D-1", "algorithm": "fight", "confidence": 0.9, "camera": "x", "lon": 112.0, "lat": 21.8,
            "crs": "EPSG:4490", "occurred_at": "2026-10-03T14:30:00+08:00", "boxes": [[0.1, 0.1, 0.2, 0.2]],
            "picture": "", "picture_url": "http://x.example/a"}),
        "observation": ("observations:write", "/api/v1/observations", {
            "device": "d", "observed_at": "2026-10-03T14:30:00+08:00", "values": {"level_m": 1.0}}),
        "catalogue": ("events:write", "/api/v1/video/catalogue", {"xml": ""}),
    }  # fmt: skip


def filled(db: Database) -> dict[str, int]:
    """How many rows the written tables have: what is refused leaves nothing there but a reject."""
    names = ("account", "token", "warning", "warning_message", "caller", "detection", "event", "cases", "observation",
             "video_node", "device")  # fmt: skip
    count = sql.SQL("SELECT count(*) AS n FROM {}")
    return {name: rows(db, count.format(sql.Identifier(name)))[0]["n"] for name in names}


@pytest.mark.parametrize("name", ["account", "token", "warning", "hotline", "detection", "observation", "catalogue"])
def test_a_body_with_one_hostile_value_is_taken_whole_or_refused_with_reasons(
    name: str, server: flask.Flask, db: Database, token: Token, accounts: Accounts, world: World
) -> None:
    right, url, good = bodies(db)[name]
    bound = create_token(accounts, f"fuzz-{name}", ["events:write"], Grant(whole=True, sensitivity=2), by="t",
                         source="hotline")  # fmt: skip
    heads = {"Authorization": f"Bearer {bound}"} if right == "hotline" else token(right, "read")
    plain, sent = server.test_client(), 0

    def packed(one: dict[str, Any]) -> tuple[bytes, str]:
        if name == "hotline":
            return json.dumps({"orders": [one]}).encode(), "application/json"
        if name == "catalogue":
            item = "".join(f"<{n}>{one['xml']}</{n}>" for n in ("DeviceID", "Name", "Longitude"))
            head = "<CmdType>Catalog</CmdType><SN>1</SN><DeviceID>44170200002000000001</DeviceID><SumNum>1</SumNum>"
            text = f"<Response>{head}<DeviceList Num='1'><Item>{item}</Item></DeviceList></Response>"
            return text.encode("utf-8", "replace"), "application/manscdp+xml"
        return json.dumps(one).encode(), "application/json"

    @settings(QUICK, max_examples=70)
    @given(st.sampled_from(sorted(good)), HOSTILE, st.sampled_from(["", "list", "dict"]))
    def ask(field: str, value: Any, inside: str) -> None:
        nonlocal sent
        sent += 1
        wrong: Any = [value] if inside == "list" else {"zh": value} if inside == "dict" else value
        raw, kind = packed({**good, field: wrong})
        before = filled(db)
        begun = time.monotonic()
        answer = plain.post(url, data=raw, headers={**heads, "Content-Type": kind})
        took = time.monotonic() - begun
        assert answer.status_code < 500 or answer.status_code == 503, (field, wrong, answer.text)
        assert took < SLOW_S
        if answer.status_code == 422:
            said = answer.get_json()
            told = [said, *(r for k in ("results", "rows") for r in said.get(k) or ())]
            reasons = [r for one in told for r in one.get("reasons") or ()]
            assert all(r["zh"] and r["en"] for r in reasons), (field, wrong)
            assert reasons, (field, wrong, said)
        if answer.status_code >= 400:
            assert filled(db) == before, (field, wrong)

    ask()
    assert sent >= 60
