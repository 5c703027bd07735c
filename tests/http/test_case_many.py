"""One step for many cases: each by itself, and told which went through and which did not."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.cases.many import common
from ioc.cases.work import Actor, Cases
from ioc.clock import FixedClock
from ioc.scope import Scope
from tests.conftest import Database
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http
BUREAU = "市城管局"


@pytest.fixture
def cases(accounts: Accounts, world: World, db: Database) -> list[int]:
    """Ten open cases of the near village, as the one there is."""
    add_user(
        accounts, "duty", PASSWORD, ["officer"], Grant(whole=True, sensitivity=1), name="李嘉欣", own_password=True
    )
    with db.owner() as conn:
        rows = conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, region_id, stages)"
            " SELECT 'N' || g, 's', 's' || g, 'grid', 'accepted', 't' || g, opened_at, region_id, stages"
            " FROM cases, generate_series(1, 10) g WHERE case_id = %s RETURNING case_id",
            (world.near["case"],),
        ).fetchall()
    return sorted(r["case_id"] for r in rows)


def take(client: FlaskClient, step: str, chosen: list[tuple[int, int]], **given: Any) -> Any:
    body = {"step": step, "given": given, "cases": [{"case_id": c, "version": v} for c, v in chosen]}
    return client.post("/api/v1/cases/steps", json=body, headers=ORIGIN)


def test_each_is_done_or_refused_by_itself(sign_in: SignIn, cases: list[int], world: World, db: Database) -> None:
    duty = sign_in("duty")
    one = {"step": "urge", "version": 1, "given": {"text": "快"}}
    assert duty.post(f"/api/v1/cases/{cases[3]}/steps", json=one, headers=ORIGIN).status_code == 200
    chosen = [(c, 1) for c in cases] + [(world.near["incident"], 1), (10**9, 1), (cases[0], 1)]
    answer = take(duty, "forward", chosen, department=BUREAU)
    assert answer.status_code == 200
    found = answer.get_json()
    assert (found["taken"], found["refused"]) == (9, 3)
    assert [r["case_id"] for r in found["results"]] == [c for c, _ in chosen[:-1]]
    refused = {r["case_id"]: r for r in found["results"] if not r["ok"]}
    assert {k: r["status"] for k, r in refused.items()} == {cases[3]: 409, world.near["incident"]: 409, 10**9: 404}
    assert "李嘉欣 已催办" in refused[cases[3]]["zh"]
    with db.owner() as conn:
        stages = conn.execute("SELECT case_id, stage, version FROM cases WHERE case_id = ANY (%s)", (cases,)).fetchall()
        steps = conn.execute(
            "SELECT count(*) AS n FROM case_step WHERE step = 'forward' AND case_id = ANY (%s)", (cases,)
        ).fetchone()
    assert {r["case_id"] for r in stages if r["stage"] == "forwarded"} == set(cases) - {cases[3]}
    assert steps == {"n": 9}
    again = take(duty, "forward", [(c, 1) for c in cases], department=BUREAU).get_json()
    assert again["taken"] == 0, "a repeated request does nothing twice"


def test_what_is_missing_is_said_for_every_case_and_nothing_happens(
    sign_in: SignIn, cases: list[int], db: Database
) -> None:
    duty = sign_in("duty")
    found = take(duty, "forward", [(c, 1) for c in cases]).get_json()
    assert found["taken"] == 0
    assert {r["reasons"][0]["field"] for r in found["results"]} == {"department"}
    for bad in ([], [(0, 1)], [(c, 1) for c in range(1, 202)]):
        assert take(duty, "urge", bad, text="x").status_code == 422
    with db.owner() as conn:
        changed = conn.execute("SELECT count(*) AS n FROM cases WHERE version > 1").fetchone()
    assert changed == {"n": 0}


def test_who_may_not_changes_nothing(sign_in: SignIn, cases: list[int], world: World, db: Database) -> None:
    town = sign_in("town")
    chosen = [(cases[0], 1), (world.far["case"], 1)]
    found = take(town, "urge", chosen, text="快").get_json()
    assert [r["ok"] for r in found["results"]] == [True, False]
    assert found["results"][1]["status"] == 404, "outside, it does not exist"


def test_only_steps_all_of_them_offer(
    sign_in: SignIn, cases: list[int], world: World, db: Database, clock: FixedClock
) -> None:
    rights = frozenset({"case.view", "case.dispatch", "case.supervise", "case.accept", "case.verify"})
    actor = Actor(Scope("t", rights, whole=True, departments=None, sensitivity=2), "t")
    use = Cases(db.store, clock)
    first = common(use, actor, cases)
    assert "forward" in {s["key"] for s in first["steps"]}
    assert [c["case_id"] for c in first["cases"]] == cases
    take(sign_in("duty"), "forward", [(cases[0], 1)], department=BUREAU)
    keys = {s["key"] for s in common(use, actor, cases)["steps"]}
    assert "forward" not in keys, "one of them is further on"
    assert "urge" in keys
    mixed = common(use, actor, [*cases[:2], world.near["incident"], 10**9])
    assert mixed["missing"] == [world.near["incident"], 10**9]
    nobody = Actor(Scope("n", rights), "n")
    assert common(use, nobody, cases)["cases"] == []
