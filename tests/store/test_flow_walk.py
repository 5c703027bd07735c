"""Random people, steps and clocks through all three flows on a real store: nothing illegal, and no history lost."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ioc.audit import linker
from ioc.audit.verify import Verifier
from ioc.cases.work import Actor, Cases
from ioc.clock import FixedClock
from ioc.errors import Conflict, Forbidden, Invalid, NotFound
from ioc.flows import flows
from ioc.scope import SYSTEM, Scope
from ioc.store import chain
from tests.conftest import NOW, Database
from tests.store import world as town
from tests.unit.test_flow import GIVEN, RIGHTS

pytestmark = pytest.mark.store
FLOWS = {key: flow for key, flow in flows().items() if flow.steps}
assert set(FLOWS) == {"grid", "hotline", "urban"}
STEPS = sorted({s.key for f in FLOWS.values() for s in f.steps})
HISTORY = (
    "SELECT c.version, c.stage, c.closed_at, h.versions, h.last_stage, s.steps, o.told FROM cases c,"
    " LATERAL (SELECT array_agg(version ORDER BY version) AS versions,"
    "  (array_agg(record ->> 'stage' ORDER BY version DESC))[1] AS last_stage"
    "  FROM case_history WHERE case_id = c.case_id) h,"
    " LATERAL (SELECT array_agg(version || ':' || step || ':' || stage_before || ':' || stage_after ORDER BY version)"
    "  AS steps FROM case_step WHERE case_id = c.case_id) s,"
    " LATERAL (SELECT count(*)::int AS told FROM outbox WHERE topic = 'case' AND entity_id = c.case_id::text) o"
    " WHERE c.case_id = %s"
)


class Office(RuleBasedStateMachine):
    """One case a run, and people of every kind: with and without rights, of another place, late, behind the times."""

    db: Database
    town_id: int
    elsewhere: int

    @initialize(flow=st.sampled_from(sorted(FLOWS)))
    def begin(self, flow: str) -> None:
        self.clock, self.flow, self.taken, self.refused = FixedClock(NOW), FLOWS[flow], list[str](), 0
        self.cases = Cases(self.db.store, self.clock)
        with self.db.owner() as conn:
            event = conn.execute(
                "INSERT INTO event (source, source_id, title, occurred_at, received_at, region_id)"
                " VALUES ('s', gen_random_uuid()::text, 't', %(t)s, %(t)s, %(r)s) RETURNING event_id",
                {"t": NOW, "r": self.town_id},
            ).fetchone()
        assert event
        opened = self.cases.open(Actor(SYSTEM, "开"), event["event_id"], flow)
        self.case, self.stage = int(opened["case_id"]), str(opened["stage"])
        self.before = self.row()

    def row(self) -> dict[str, Any]:
        with self.db.owner() as conn:
            found = conn.execute(HISTORY, (self.case,)).fetchone()
        assert found
        return found

    @rule(minutes=st.integers(1, 20_000))
    def wait(self, minutes: int) -> None:
        self.clock.advance(60 * minutes)

    @rule(
        step=st.sampled_from(STEPS), rights=st.frozensets(st.sampled_from(RIGHTS)) | st.just(frozenset(RIGHTS)),
        here=st.sampled_from([True, True, True, False]), whole=st.booleans(), old=st.integers(0, 3),
        offered=st.sampled_from([True, True, False]), filled=st.sampled_from([True, True, False]),
    )  # fmt: skip
    def somebody_does(
        self, step: str, rights: frozenset[str], here: bool, whole: bool, old: int, offered: bool, filled: bool
    ) -> None:
        region = self.town_id if here else self.elsewhere
        scope = SYSTEM if whole else Scope("who", region_ids=frozenset({region}), permissions=rights | {"case.view"})
        actor = Actor(scope, "某人")
        was = self.row()
        if offered:
            keys = [o["key"] for o in self.cases.offered(Actor(SYSTEM, ""), self.case)["steps"]]
            step = keys[len(step) % len(keys)] if keys else step
        needs = next((s.needs for s in self.flow.steps if s.key == step), ())
        given = {n: GIVEN[n] for n in needs if filled}
        version = int(was["version"]) - (old if old < 2 else 0)
        try:
            done = self.cases.take(actor, self.case, step, given, version)
        except (Conflict, Forbidden, Invalid, NotFound):
            self.refused += 1
            assert self.row() == was, "who is refused changes nothing"
            return
        assert here or whole, "nobody acts where they see nothing"
        assert version == was["version"], "nobody acts on what has changed meanwhile"
        found = next(s for s in self.flow.steps if s.key == step)
        assert whole or found.permission in scope.permissions
        assert was["stage"] in found.at or not found.at
        self.taken.append(step)
        assert self.row()["stage"] == done["stage"]

    @rule(which=st.integers(0, 30))
    def who_may_does_what_is_offered(self, which: int) -> None:
        was = self.row()
        keys = {o["key"] for o in self.cases.offered(Actor(SYSTEM, ""), self.case)["steps"]}
        steps = [s for s in self.flow.steps if s.key in keys and not any(n.startswith("photo") for n in s.needs)]
        steps = [
            s for s in steps if not {"region", "place"} & set(s.needs)
        ]  # those of this town have tests of their own
        if not steps:
            return
        step = steps[which % len(steps)]
        given = {n: GIVEN[n] for n in step.needs}
        done = self.cases.take(Actor(SYSTEM, "能办"), self.case, step.key, given, was["version"])
        self.taken.append(step.key)
        assert self.row()["stage"] == done["stage"]

    @invariant()
    @precondition(lambda self: hasattr(self, "case"))
    def nothing_is_lost(self) -> None:
        now = self.row()
        assert now["versions"] == list(range(1, now["version"] + 1)), "every version is kept"
        assert now["last_stage"] == now["stage"], "and the last one is what the case is"
        steps = now["steps"] or []
        kept = self.before["steps"] or []
        assert steps[: len(kept)] == kept, "what was written stays as it was"
        told = [s.split(":")[1] for s in steps]
        assert [t for t in told if t in STEPS] == self.taken, "each step that was taken, in its order"
        for a, b in pairwise(steps):
            assert a.split(":")[3] == b.split(":")[2], "each step begins where the one before it ended"
        assert now["told"] == now["version"], "each version is told once"
        stages = [key for key, _ in self.flow.stages]
        assert now["stage"] in stages
        self.before = now


def test_no_illegal_state_and_no_lost_history(db: Database) -> None:
    with db.owner() as conn:
        regions = town.build(conn)
        towns = sorted(code for code in regions if code.endswith("000") and not code.endswith("000000"))
    office = type("Office", (Office,), {"db": db, "town_id": regions[towns[0]], "elsewhere": -1})
    run_state_machine_as_test(
        office,
        settings=settings(
            max_examples=12, stateful_step_count=20, deadline=None, database=None, derandomize=True,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    with psycopg.connect(db.dsn_owner, autocommit=True) as conn:
        chain.settle(conn)
        work = linker.Linker(b"k" * 32)
        while work.turn(conn, NOW + dt.timedelta(days=1)):
            pass
        verifier = Verifier(conn, b"k" * 32)
        assert list(verifier.run()) == [], "and the chain finds nothing changed, removed or put in"
        assert verifier.report.rows > 100, "there was something to find"
