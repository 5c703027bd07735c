"""Official warnings on a real PostGIS: placed, versioned, ended by reference and by the clock, told once."""

from __future__ import annotations

import datetime as dt
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ioc.clock import FixedClock
from ioc.errors import DiskBudget, Invalid
from ioc.intake.warnings import WarningResult, submit_warning
from ioc.intake.worker import run_ingest
from ioc.registry import Registry
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import disk, health, keeper, tiles, warnings
from ioc.store.detail import detail
from ioc.store.regions import Regions
from layers.warning import LAYER as WARNING
from tests.conftest import NOW, Database
from tests.mvt import decode
from tests.store import world
from tests.store.test_observations import codes, rows

pytestmark = pytest.mark.store
FOLDER = Path(__file__).parents[1] / "fixtures/warnings"
XML = (FOLDER / "typhoon.xml").read_text("utf-8")
JSON: dict[str, Any] = json.loads((FOLDER / "rainstorm.json").read_text("utf-8"))
FIRST = JSON["identifier"]


@pytest.fixture
def regions(db: Database) -> dict[str, int]:
    with db.owner() as conn:
        return world.build(conn)


class Desk:
    """Delivers messages, and reads what has become of them."""

    def __init__(self, db: Database, settings: Settings, clock: FixedClock) -> None:
        self.db, self.settings, self.clock = db, settings, clock

    def json(self, scope: Scope = SYSTEM, **changes: Any) -> WarningResult:
        body = {k: v for k, v in {**JSON, **changes}.items() if v is not ...}
        data = json.dumps(body).encode()
        return submit_warning(self.db.store, scope, data, self.clock, form="json", settings=self.settings)

    def xml(self, text: str = XML, scope: Scope = SYSTEM) -> WarningResult:
        return submit_warning(self.db.store, scope, text.encode(), self.clock, form="xml", settings=self.settings)

    def refused(self, **changes: Any) -> dict[str, str]:
        with pytest.raises(Invalid) as caught:
            self.json(**changes)
        return {r.field: r.code for r in caught.value.reasons}

    def statuses(self) -> dict[str, str]:
        return {r["source_id"]: r["status"] for r in rows(self.db, "SELECT source_id, status FROM warning")}

    def shown(self, *region_ids: int) -> list[str]:
        with self.db.store.reading(SYSTEM) as conn:
            found = health.warnings(conn, region_ids or None, self.clock.now())
        return [w.kind.zh for w in found or ()]

    def fed(self) -> list[tuple[str, str]]:
        found = rows(self.db, "SELECT op, payload FROM outbox WHERE topic = 'warning' ORDER BY outbox_id")
        return [(r["op"], r["payload"]["status"]) for r in found]


@pytest.fixture
def desk(db: Database, settings: Settings, clock: FixedClock, regions: dict[str, int]) -> Desk:
    return Desk(db, settings, clock)


def update(number: str, *refs: str, **changes: Any) -> dict[str, Any]:
    return {"identifier": number, "msgType": "Update", "references": list(refs), **changes}


def cancel(number: str, *refs: str, **changes: Any) -> dict[str, Any]:
    return {"identifier": number, "msgType": "Cancel", "references": list(refs), **changes}


def test_a_warning_is_placed_kept_and_told(db: Database, desk: Desk, regions: dict[str, int]) -> None:
    out = desk.xml()
    assert (out.state, out.status, out.version) == ("created", "active", 1)
    assert out.region_ids == [regions["331100000000"]], "the polygon covers the city: it stands for its parts"
    (row,) = rows(db, "SELECT *, ST_Area(geom) AS size, ST_SRID(geom) AS srid FROM warning")
    assert (row["kind"], row["kind_en"], row["colour"], row["origin"]) == ("台风", "Typhoon", "yellow", "real")
    assert (row["srid"], round(row["size"], 6)) == (4326, 0.16)
    assert row["onset_at"] == dt.datetime(2026, 10, 3, 6, 15, tzinfo=dt.UTC), "in force since it took effect"
    assert row["event_onset_at"] == dt.datetime(2026, 10, 3, 12, 0, tzinfo=dt.UTC)
    assert desk.shown() == ["台风"]
    assert desk.fed() == [("new", "active")]
    history = rows(db, "SELECT op, actor, record ->> 'colour' AS colour FROM entity_history WHERE entity = 'warning'")
    assert history == [{"op": "new", "actor": "system", "colour": "yellow"}]
    (source,) = rows(db, "SELECT classes, state, received, stored FROM source WHERE source_key = 'cap'")
    assert source == {"classes": ["warning"], "state": "live", "received": 1, "stored": 1}


def test_the_same_again_changes_nothing_and_a_change_is_a_version(db: Database, desk: Desk) -> None:
    first = desk.json()
    again = desk.json()
    assert (again.state, again.warning_id, again.version) == ("unchanged", first.warning_id, 1)
    changed = desk.json(color="红色", headline=...)
    assert (changed.state, changed.warning_id, changed.version) == ("updated", first.warning_id, 2)
    older = desk.json(sendTime="2026-10-03 14:00:00", color="黄色", headline=...)
    assert older.state == "unchanged", "an older revision that comes late does not overwrite a newer one"
    assert desk.fed() == [("new", "active"), ("change", "active")]
    assert len(rows(db, "SELECT FROM entity_history WHERE entity = 'warning'")) == 2
    (source,) = rows(db, "SELECT received, stored, duplicates FROM source WHERE source_key = 'cap'")
    assert source == {"received": 4, "stored": 2, "duplicates": 2}
    assert desk.refused(sender="another") == {"identifier": "identifier_taken"}
    assert desk.refused(**cancel(FIRST, "x")) == {"identifier": "identifier_taken"}


def test_twenty_at_once_make_one(db: Database, desk: Desk) -> None:
    states: list[str] = []
    threads = [threading.Thread(target=lambda: states.append(desk.json().state)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states) == ["created"] + ["unchanged"] * 19
    assert desk.fed() == [("new", "active")]


def test_an_update_replaces_what_it_refers_to(db: Database, desk: Desk) -> None:
    first = desk.json()
    second = desk.json(**update("U1", FIRST, color="红色", headline=...))
    assert [(r.identifier, r.outcome) for r in second.references] == [(FIRST, "ended")]
    assert desk.statuses() == {FIRST: "replaced", "U1": "active"}
    (row,) = rows(db, "SELECT replaced_by, ended_at FROM warning WHERE status = 'replaced'")
    assert row == {"replaced_by": second.warning_id, "ended_at": NOW}
    assert desk.fed() == [("new", "active"), ("new", "active"), ("remove", "replaced")]
    third = desk.json(**cancel("C1", FIRST, "U1"))
    assert [r.outcome for r in third.references] == ["already_ended", "ended"]
    assert desk.statuses() == {FIRST: "replaced", "U1": "cancelled"}
    assert third.warning_id is None
    assert desk.shown() == []
    assert first.warning_id != second.warning_id


@pytest.mark.parametrize("kind", ["update", "cancel"])
def test_the_original_may_come_later(db: Database, desk: Desk, kind: str) -> None:
    message = update("U1", FIRST) if kind == "update" else cancel("C1", FIRST)
    early = desk.json(**message)
    assert [r.outcome for r in early.references] == ["late"], "it says so, and is kept"
    late = desk.json()
    assert (late.state, late.status) == ("created", "replaced" if kind == "update" else "cancelled")
    assert desk.shown() == (["暴雨"] if kind == "update" else [])
    assert desk.fed()[-1] == ("remove", late.status), "it was never in force on any screen"


def test_a_reference_that_names_another_sender_is_not_meant(desk: Desk) -> None:
    desk.json()
    out = desk.json(**cancel("C1", f"somebody-else,{FIRST},2026-10-03T14:20:00+08:00"))
    assert [r.outcome for r in out.references] == ["late"]
    assert desk.statuses() == {FIRST: "active"}
    meant = desk.json(**cancel("C2", f"{JSON['sender']},{FIRST},2026-10-03T14:20:00+08:00"))
    assert [r.outcome for r in meant.references] == ["ended"]


def test_an_exercise_is_marked_and_never_ends_what_is_real(db: Database, desk: Desk) -> None:
    desk.json()
    desk.json(identifier="E1", status="Exercise")
    assert sorted(desk.shown()) == ["【演练】暴雨", "暴雨"]
    out = desk.json(**cancel("E2", FIRST, "E1", status="Exercise"))
    assert [r.outcome for r in out.references] == ["not_yours", "ended"]
    assert desk.statuses() == {FIRST: "active", "E1": "cancelled"}
    assert rows(db, "SELECT kind_en FROM warning WHERE exercise") == [{"kind_en": "[EXERCISE] Rainstorm"}]


def test_receipts_are_kept_and_do_nothing(db: Database, desk: Desk) -> None:
    desk.json()
    for kind in ("Ack", "Error"):
        out = desk.json(**{**cancel(f"R-{kind}", FIRST), "msgType": kind})
        assert (out.state, out.status, list(out.references)) == ("created", "kept", [])
    assert desk.statuses() == {FIRST: "active"}
    assert rows(db, "SELECT count(*) AS n FROM warning_message") == [{"n": 3}]
    (kept,) = rows(db, "SELECT content FROM warning_message WHERE identifier = %s", FIRST)
    assert (kept["content"]["kind"], kept["content"]["codes"]) == ("暴雨", ["331101100000"])


def test_the_clock_ends_a_warning_once(db: Database, desk: Desk, clock: FixedClock) -> None:
    desk.json()

    def sweep() -> int:
        with db.store.scoped(SYSTEM) as conn:
            return warnings.expire(conn, clock.now())

    assert sweep() == 0
    clock.at = dt.datetime(2026, 10, 3, 12, 19, 59, tzinfo=dt.UTC)
    assert (sweep(), desk.shown()) == (0, ["暴雨"])
    clock.advance(1)
    assert desk.shown() == [], "out of force by the clock, before anybody has swept"
    assert (sweep(), sweep()) == (1, 0)
    assert desk.statuses() == {FIRST: "expired"}
    assert desk.fed() == [("new", "active"), ("remove", "expired")]
    again = desk.json(sendTime="2026-10-03 20:20:00", endTime="2026-10-03 23:00:00")
    assert (again.state, again.status) == ("updated", "active"), "extended after its end: in force again"
    past = desk.json(identifier="P1", sendTime="2026-10-03 10:00:00", endTime="2026-10-03 11:00:00")
    assert past.status == "expired"


def test_a_warning_sent_ahead_is_to_come_until_it_begins_and_says_so_once(
    db: Database, desk: Desk, clock: FixedClock
) -> None:
    out = desk.json(effectiveTime="2026-10-03 18:00:00")
    begins = dt.datetime(2026, 10, 3, 10, 0, tzinfo=dt.UTC)
    assert clock.now() < begins

    def state() -> list[tuple[bool, str]]:
        with db.store.reading(SYSTEM) as conn:
            found = health.warnings(conn, None, clock.now()) or []
            part = detail(conn, Regions.of(db.store), SYSTEM, f"warning:{out.warning_id}", clock.now())
        return [(w.upcoming, part["fields"][0]["value"]["zh"]) for w in found]

    def turn() -> int:
        with db.store.scoped(SYSTEM) as conn:
            return warnings.begin(conn, clock.now())

    def fed() -> list[bool]:
        found = rows(db, "SELECT payload FROM outbox WHERE topic = 'warning' ORDER BY outbox_id")
        return [r["payload"]["upcoming"] for r in found]

    def on_the_map() -> list[tuple[int, int, str]]:
        with db.store.reading(SYSTEM) as conn:
            tile = tiles.render(conn, tiles.TileQuery(SYSTEM, WARNING, 2, 3, 1, clock.now()))
        return [(f.props["ahead"], f.props["onset"], f.props["colour"]) for f in decode(tile).get("areas", [])]

    assert state() == [(True, "即将生效")]
    assert on_the_map() == [(1, int(begins.timestamp()), "orange")]
    assert (turn(), fed()) == (0, [True])
    clock.advance((begins - clock.now()).total_seconds())
    assert (turn(), turn()) == (1, 0)
    assert on_the_map() == [(0, int(begins.timestamp()), "orange")]
    assert fed() == [True, False]
    assert state()[0][0] is False
    later = desk.json(effectiveTime="2026-10-03 19:00:00", sendTime="2026-10-03 14:25:00")
    assert (later.state, state()[0][0]) == ("updated", True), "put off: it is to come again"


def test_ingest_sees_to_the_end_of_warnings(db: Database, desk: Desk, settings: Settings, clock: FixedClock) -> None:
    desk.json()
    clock.advance(86_400)
    stop = threading.Event()
    thread = threading.Thread(target=run_ingest, args=(settings, Registry(), db.store, clock, stop))
    thread.start()
    for _ in range(100):
        if desk.statuses() == {FIRST: "expired"}:
            break
        stop.wait(0.05)
    stop.set()
    thread.join(10)
    assert desk.statuses() == {FIRST: "expired"}
    assert desk.fed() == [("new", "active"), ("remove", "expired")]


def test_where_a_warning_holds(db: Database, desk: Desk, regions: dict[str, int]) -> None:
    def ids(**changes: Any) -> list[int]:
        ids.n += 1  # type: ignore[attr-defined]
        return list(desk.json(identifier=f"P{ids.n}", **changes).region_ids)  # type: ignore[attr-defined]

    ids.n = 0  # type: ignore[attr-defined]
    assert ids() == [regions["331101100000"]], "a code of 12 digits"
    assert ids(areaCode="331101") == [regions["331101000000"]], "of 6"
    assert ids(areaCode="330000") == [regions["331100000000"]], "the province above: the whole centre"
    assert ids(areaCode=["331101100201", "440100"]) == [regions["331101100201"]]
    assert ids(areaCode=..., circle="28.2,120.05 3") == [regions["331101100201"]], "a circle inside a village"
    across = ids(areaCode=..., circle="28.2,120.1 2")
    assert across == sorted((regions["331101100201"], regions["331101100202"]))
    town = ids(areaCode=..., polygon="28.0,120.2 28.0,120.4 28.4,120.4 28.4,120.2 28.0,120.2")
    assert town == [regions["331101101000"]], "a shared edge is no part"
    (row,) = rows(db, "SELECT attributes FROM warning WHERE source_id = 'P4'")
    assert row["attributes"]["unknown_codes"] == ["440100"]
    assert desk.refused(identifier="N1", areaCode="440100") == {"area": "not_here"}
    assert desk.refused(identifier="N2", areaCode=..., circle="21,111 5") == {"area": "not_here"}
    assert desk.refused(identifier="N3", areaCode=...) == {"area": "missing_area"}
    assert codes(db) == ["missing_area", "not_here", "not_here"], "what was refused is kept with its reasons"
    (source,) = rows(db, "SELECT rejected FROM source WHERE source_key = 'cap'")
    assert source["rejected"] == 3


def test_one_who_sees_a_part_warns_and_ends_that_part_only(desk: Desk, regions: dict[str, int]) -> None:
    inside = frozenset({regions["331101100000"], regions["331101100201"], regions["331101100202"]})
    town = Scope("town", frozenset({"event.write"}), region_ids=inside, departments=None, sensitivity=1)
    desk.json(identifier="CITY", areaCode="331101")
    with pytest.raises(Invalid) as caught:
        desk.json(town, **cancel("C1", "CITY"))
    assert [(r.field, r.code) for r in caught.value.reasons] == [("references", "out_of_scope")]
    with pytest.raises(Invalid):
        desk.json(town, identifier="T0", areaCode="331101")
    assert desk.json(town, identifier="T1").status == "active"
    assert [r.outcome for r in desk.json(town, **cancel("C2", "T1", "LATER")).references] == ["ended", "late"]
    assert desk.json(identifier="LATER", areaCode="331101").status == "active", (
        "no ending in advance of others' warnings"
    )


def test_old_ones_go_and_those_in_force_stay(db: Database, desk: Desk, clock: FixedClock, settings: Settings) -> None:
    desk.json(endTime=...)
    desk.json(identifier="B")
    desk.json(**cancel("C", "B"))
    clock.advance(86_400 * (settings.retention_history_days + 1))
    with db.owner() as conn:
        keeper.prune(conn, clock.now(), settings)
    assert desk.statuses() == {FIRST: "active"}


def test_a_detail_says_whether_it_is_still_in_force(db: Database, desk: Desk, clock: FixedClock) -> None:
    number = desk.xml().warning_id

    def shown() -> dict[str, Any]:
        with db.store.scoped(SYSTEM) as conn:
            part = detail(conn, Regions.of(db.store), SYSTEM, f"warning:{number}", clock.now())
        return {f["label"]["en"]: f["value"] for f in part["fields"]}

    assert shown()["State"] == {"zh": "生效中", "en": "In force"}
    assert shown()["What to do"] == "停止户外大型集会；关紧门窗。"
    assert shown()["Text"]["en"] == "Gusts of force 9 within 24 hours."
    clock.advance(2 * 86_400)
    assert shown()["State"]["en"] == "Expired", "by the clock, before anybody has swept"


def test_a_full_disk_refuses_it_as_late_as_events(db: Database, desk: Desk) -> None:
    with db.owner() as conn:
        disk.write(conn, disk.DiskState("events_stopped"))
    with pytest.raises(DiskBudget):
        desk.json()
    assert rows(db, "SELECT count(*) AS n FROM warning") == [{"n": 0}]


def test_warnings_that_were_there_before_go_on(db: Database, desk: Desk) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO warning (source, source_id, kind, colour, onset_at, expires_at, origin)"
            " VALUES ('demo.warning', 'W1', '森林火险', 'orange', %s, %s, 'demo')",
            (NOW - dt.timedelta(hours=1), NOW + dt.timedelta(hours=1)),
        )
    assert desk.shown() == ["森林火险"]


PLAN = st.permutations(["A", "U", "V", "C"])
MESSAGES: dict[str, dict[str, Any]] = {
    "A": {"identifier": "A"},
    "U": update("U", "A"),
    "V": update("V", "U", "A"),
    "C": cancel("C", "V", "U", "A"),
}


@hypothesis_settings(max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=PLAN, known=st.sets(st.sampled_from("AUVC"), min_size=1))
def test_the_end_does_not_depend_on_the_order(db: Database, desk: Desk, order: list[str], known: set[str]) -> None:
    """Whatever order a chain comes in, what nobody refers to is in force, and nothing else."""
    with db.owner() as conn:
        conn.execute("TRUNCATE warning, warning_message, warning_check")
    for name in order:
        if name in known:
            desk.json(**MESSAGES[name])
    referred = {r for name in known for r in MESSAGES[name].get("references", ())}
    active = {k for k, v in desk.statuses().items() if v == "active"}
    assert active == (known - {"C"}) - referred
