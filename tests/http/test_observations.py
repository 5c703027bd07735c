"""`POST /api/v1/observations`: batches, reasons by row, scope, models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import pytest
from psycopg.types.json import Jsonb

from ioc.accounts.base import Grant
from tests.conftest import NOW, Database
from tests.http.conftest import ORIGIN, SignIn
from tests.http.world import NEAR_TOWN, SECRET, World
from tests.store.test_observations import rows

pytestmark = pytest.mark.http
Token = Callable[..., dict[str, str]]
ADDRESS = "/api/v1/observations"
AT = NOW.isoformat()


def entry(device: str = "近-s1", **values: Any) -> dict[str, Any]:
    return {"device": device, "ts": AT, "values": values}


def post(server: flask.Flask, headers: dict[str, str], *entries: Any) -> Any:
    return server.test_client().post(ADDRESS, json={"observations": list(entries)}, headers=headers)


def test_stored_once_and_the_bad_ones_named(server: flask.Flask, token: Token, world: World, db: Database) -> None:
    write = token("observations:write")
    batch = [
        entry(water_level=3.2),
        entry(water_level="high"),
        entry("nobody", water_level=1),
        "x",
        {"device": "近-s1"},
    ]
    first = post(server, write, *batch)
    assert first.status_code == 201
    body = first.get_json()
    assert (body["stored"], body["duplicates"], body["rejected"]) == (1, 0, 4)
    assert {r["row"]: [x["code"] for x in r["reasons"]] for r in body["rows"]} == {
        1: ["bad_number"],
        2: ["unknown_device"],
        3: ["bad_object"],
        4: ["missing_field"],
    }
    again = post(server, write, entry(water_level=3.2))
    assert (again.status_code, again.get_json()["duplicates"]) == (200, 1)
    nothing = post(server, write, entry(colour=1))
    assert (nothing.status_code, nothing.get_json()["rows"][0]["reasons"][0]["code"]) == (422, "unknown_property")
    assert rows(db, "SELECT stored, duplicates, rejected FROM source WHERE source_key = 'telemetry'") == [
        {"stored": 1, "duplicates": 1, "rejected": 5}
    ]


@pytest.mark.parametrize("body", [{}, {"observations": []}, {"observations": 3}, [1], {"observations": [{}] * 5001}])
def test_another_form_is_refused(server: flask.Flask, token: Token, body: Any) -> None:
    answer = server.test_client().post(ADDRESS, json=body, headers=token("observations:write"))
    assert answer.status_code == 422
    assert answer.get_json()["reasons"]


def test_hostile_values_are_reasons_not_faults(server: flask.Flask, token: Token, world: World) -> None:
    write = token("observations:write")
    hostile: list[Any] = [
        "",
        "\x00",
        "近-s1\x00",
        10**400,
        1e308,
        True,
        [],
        {},
        {"a": {"b": []}},
        "9" * 400,
        "NaN",
        -(2**63),
    ]
    for value in hostile:
        for row in (
            {"device": value, "ts": AT, "values": {"water_level": 1}},
            {"device": "近-s1", "ts": value, "values": {"water_level": 1}},
            {"device": "近-s1", "ts": AT, "values": {"water_level": value, str(value)[:50]: value}},
            {"device": "近-s1", "ts": AT, "values": value},
            {"device": "近-s1", "ts": AT, "values": {"battery": 1}, "quality": value},
        ):
            answer = post(server, write, row)
            assert answer.status_code in (200, 201, 422), (row, answer.text)
    assert server.test_client().post(ADDRESS, data=b"\xff{", headers=write).status_code == 422
    read = token("read")
    for path in ("records?centre=%00&after=%00/%00", "indicators?centre=%00&region=%00", "records?region=%00"):
        assert server.test_client().get(f"/api/v1/lower/{path}", headers=read).status_code in (200, 404, 422), path


def test_who_may_send_and_for_what(
    server: flask.Flask, token: Token, sign_in: SignIn, world: World, db: Database
) -> None:
    assert post(server, {}, entry(water_level=1)).status_code == 401
    assert post(server, token("events:write"), entry(water_level=1)).status_code == 403
    assert (
        sign_in("chief").post(ADDRESS, json={"observations": [entry(water_level=1)]}, headers=ORIGIN).status_code == 403
    )
    near = token("observations:write", grant=Grant(region_codes=(NEAR_TOWN,), sensitivity=1))
    answer = post(server, near, entry(f"{SECRET}-s1", water_level=1), entry(water_level=2))
    assert (answer.status_code, answer.get_json()["stored"]) == (201, 1)
    assert [r["reasons"][0]["code"] for r in answer.get_json()["rows"]] == ["unknown_device"]
    bound = token("observations:write", source="plant")
    assert post(server, bound, entry(battery=50)).status_code == 201
    assert rows(db, "SELECT stored FROM source WHERE source_key = 'plant'") == [{"stored": 1}]


def test_a_device_with_a_model_speaks_in_its_own_words(
    server: flask.Flask, token: Token, world: World, db: Database
) -> None:
    definition = {
        "model": "G1", "kind": "water_level",
        "properties": [{"from": "lvl", "property": "water_level", "unit": "mm"}],
    }  # fmt: skip
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO device_model (key, version, name, kind, definition, digest, actor)"
            " VALUES ('g1', 1, 'G1', 'water_level', %s, 'd', 't')",
            (Jsonb(definition),),
        )
        conn.execute('UPDATE device SET attributes = \'{"model": "g1"}\' WHERE device_id = %s', (world.near["sensor"],))
    assert post(server, token("observations:write"), entry(lvl=3200)).status_code == 201
    assert rows(db, "SELECT value FROM observation") == [{"value": 3.2}]
