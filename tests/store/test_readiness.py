"""Indicators of readiness against the same rows counted in Python: teams in towns, judged warnings, hospitals, bridges.

Each number is drilled down by region, opened as a list, kept apart by scope, and 未接入 until its dataset came.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ioc.clock import FixedClock
from ioc.errors import Conflict, Forbidden, Invalid, NotFound
from ioc.intake.datasets import Given, bring_in
from ioc.intake.warning_checks import Checks, Word
from ioc.scope import Scope
from ioc.services import TileState
from ioc.settings import Settings
from ioc.store import editions, warning_checks
from ioc.store.detail import detail
from ioc.store.editions import Edition
from ioc.store.regions import Regions
from tests.conftest import NOW
from tests.store.kpi_world import CODES, MEMBERS, POINT, WHOLE, World, insert, world

pytestmark = pytest.mark.store
__all__ = ["world"]
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def resource(conn: psycopg.Connection[Any], number: str, kind: str, region: int | None, **more: Any) -> int:
    row = {"source": "files", "external_id": number, "kind": kind, "name": number, "geom": POINT, "region_id": region}
    insert(conn, "resource", row | more)
    found = conn.execute("SELECT resource_id FROM resource WHERE external_id = %s", (number,)).fetchone()
    assert found is not None
    return int(found["resource_id"])


def brought(conn: psycopg.Connection[Any], *keys: str) -> None:
    for key in keys:
        editions.publish(conn, Edition(key, "应急局", NOW - DAY, 1), "t", NOW)  # type: ignore[arg-type]


def tile(world: World, code: str, region: int, scope: Scope = WHOLE) -> TileState:
    return world.tiles(scope, region)[code]


def test_towns_with_a_team_and_what_is_not_connected(world: World) -> None:
    """The towns are 4, 5 and 6; a team out of service, one of another department, one of a village's own region."""
    worker = world.worker()
    with world.db.owner() as conn:
        resource(conn, "t4", "team", 4)
        resource(conn, "t4b", "team", 4)
        resource(conn, "t5", "team", 5, status="off")
        resource(conn, "t6", "team", 6, private_to="水务局")
        resource(conn, "w5", "warehouse", 5)
    worker.cycle()
    assert tile(world, "team_coverage", 1).state == "unconnected", "no dataset was brought in"
    with world.db.owner() as conn:
        brought(conn, "resources")
    world.clock.advance(120)
    worker.cycle()
    for region, having, towns in ((1, 2, 3), (2, 1, 2), (3, 1, 1), (4, 1, 1), (5, 0, 1)):
        got = tile(world, "team_coverage", region)
        assert (got.numerator, got.denominator, got.source) == (having, towns, "应急局"), region
        assert got.value == pytest.approx(100 * having / towns)
        listed = world.records(WHOLE, region, "towns")
        assert (listed["total"], listed["counted"]) == (towns, having)
        assert {r["key"] for r in listed["rows"]} == {f"region:{CODES[t]}" for t in MEMBERS[region] & {4, 5, 6}}
    assert world.records(WHOLE, 1, "towns")["rows"][0]["teams"] == 0, "towns without a team come first"
    others = replace(WHOLE, actor="other", departments=frozenset({"城管局"}))
    listed = world.records(others, 1, "towns")
    assert (listed["total"], listed["counted"]) == (3, 1), "a team of another department is not told of"
    world.tiles(others, 1)
    world.clock.advance(120)
    worker.cycle()
    assert tile(world, "team_coverage", 1, others).numerator == 1


def test_hospitals_and_structures(world: World) -> None:
    with world.db.owner() as conn:
        conn.execute(
            "INSERT INTO dictionary (dict, code, zh, en, attributes, valid_from, confidence, standard, edition)"
            " VALUES ('target_kind', 'bridge', '桥梁', 'Bridge', '{\"health\": true}', '2020-01-01', 'M', 's', '1')"
            " ON CONFLICT DO NOTHING"
        )
        ids = [resource(conn, f"h{i}", "hospital", region) for i, region in enumerate((4, 4, 6, 5))]
        ids.append(resource(conn, "hx", "hospital", 6, status="off"))
        said = (
            {"total": {"general": 50, "icu": 5}, "free": {"general": 8, "icu": 1}, "doctors": 20, "blood_u": 30,
             "stock": [{"name": "担架", "amount": 4, "unit": "副"}, {"name": "呼吸机", "amount": 2, "unit": "台"}]},
            {"total": {"general": 10}, "free": {"general": 0}},
            {"total": {}, "free": {"general": 3}, "doctors": 7, "nurses": 9},
            None,
            {"total": {"general": 99}, "free": {"general": 99}, "doctors": 99},
        )  # fmt: skip
        for i, (number, figures) in enumerate(zip(ids, said, strict=True)):
            if figures is not None:
                row = {"resource_id": number, "what": "beds", "observed_at": NOW - i * HOUR, "figures": Jsonb(figures),
                       "reported_by": "t", "received_at": NOW, "region_id": 4}  # fmt: skip
                insert(conn, "resource_capacity", row)
        for i, (region, score, limit, trend) in enumerate(
            ((4, 90, 80, "steady"), (4, 70, 80, "worse"), (6, None, None, ""), (6, 60, None, "better"))
        ):
            row = {"source": "files", "external_id": f"b{i}", "kind": "bridge", "name": f"桥{i}", "geom": POINT,
                   "region_id": region, "health": score, "health_limit": limit, "health_trend": trend,
                   "health_on": dt.date(2026, 5, 1) if score else None}  # fmt: skip
            insert(conn, "target", row)
        insert(conn, "target", {"source": "files", "external_id": "s", "kind": "school", "name": "校", "geom": POINT,
                                "region_id": 4})  # fmt: skip
        brought(conn, "capacity", "targets")
    world.worker().cycle()
    beds = tile(world, "beds_free", 1)
    assert (beds.value, beds.denominator, beds.as_of) == (12, 65, NOW)
    assert beds.note is not None
    assert beds.note.zh == "共 65 · 重症 1/5 · 1 家未填报"
    assert (tile(world, "doctors", 1).value, tile(world, "doctors", 4).value) == (27, 20)
    assert tile(world, "medical_stock", 4).value == 2
    assert tile(world, "beds_free", 5).state == "empty", "a hospital that never reported has no 0"
    assert tile(world, "doctors", 2).value == 20
    listed = world.records(WHOLE, 1, "hospitals")
    assert (listed["total"], listed["counted"]) == (4, 3)
    assert listed["rows"][-1]["free"] is None, "who has not reported comes last, with nothing"
    assert {r["name"]: r["stock"] for r in listed["rows"]}["h0"] == "担架 4 副；呼吸机 2 台"
    sound = tile(world, "structure_health", 1)
    assert (sound.numerator, sound.denominator, sound.value) == (1, 4, 25.0)
    assert sound.note is not None
    assert sound.note.zh == "低于阈值 1 · 未知 2 · 变差 1"
    listed = world.records(WHOLE, 1, "structures")
    assert [r["health_state"] for r in listed["rows"]] == ["unknown", "below", "unknown", "sound"]
    assert (listed["total"], listed["counted"]) == (4, 1)
    assert tile(world, "structure_health", 5).state == "empty"


def warned(conn: psycopg.Connection[Any], number: str, regions: list[int], at: dt.datetime, **more: Any) -> int:
    row = {"source": "cap", "source_id": number, "kind": "暴雨", "colour": "red", "area": number, "sender": "气象台",
           "region_ids": regions, "onset_at": at, "expires_at": at + 6 * HOUR, "status": "expired"}  # fmt: skip
    insert(conn, "warning", row | more)
    found = conn.execute("SELECT warning_id FROM warning WHERE source_id = %s", (number,)).fetchone()
    assert found is not None
    return int(found["warning_id"])


def test_judged_warnings(world: World, tmp_path: Path, settings: Settings, clock: FixedClock) -> None:
    with world.db.owner() as conn:
        hit = warned(conn, "W1", [2], NOW - 10 * DAY)
        empty = warned(conn, "W2", [6], NOW - 9 * DAY)
        everywhere = warned(conn, "W3", [], NOW - 8 * DAY)
        waiting = warned(conn, "W4", [4], NOW - 7 * DAY)
        warned(conn, "W5", [4], NOW - HOUR, status="active")
        drill = warned(conn, "W6", [4], NOW - 6 * DAY, exercise=True)
        replaced = warned(conn, "W7", [4], NOW - 6 * DAY, status="replaced", replaced_by=waiting)
        long_ago = warned(conn, "W8", [4], NOW - 400 * DAY)
    checks = Checks(world.db.store, clock)
    worker = world.worker()
    worker.cycle()
    assert tile(world, "warning_accuracy", 1).state == "unconnected", "nobody has judged one"
    assert checks.judge(WHOLE, hit, Word("hit", NOW - 10 * DAY + HOUR, "双溪站 62 mm"), "王")["state"] == "stored"
    assert checks.judge(WHOLE, hit, Word("hit", NOW - 10 * DAY + HOUR, "双溪站 62 mm"), "王")["state"] == "unchanged"
    checks.judge(WHOLE, empty, Word("hit", NOW), "王")
    assert checks.judge(WHOLE, empty, Word("false", None, "最大 3 mm"), "李")["state"] == "updated"
    checks.judge(WHOLE, long_ago, Word("false"), "李")
    for wrong in (drill, replaced):
        with pytest.raises(Conflict):
            checks.judge(WHOLE, wrong, Word("hit", NOW), "王")
    with pytest.raises(Invalid):
        checks.judge(WHOLE, hit, Word("hit"), "王")
    with pytest.raises(Forbidden):
        checks.judge(replace(WHOLE, permissions=frozenset({"map.view"})), hit, Word("false"), "王")
    with pytest.raises(NotFound):
        far = replace(WHOLE, whole=False, region_ids=frozenset({6}))
        checks.judge(far, hit, Word("false"), "王")

    table = tmp_path / "检验.csv"
    table.write_text(
        "预警编号,检验结果,灾种,区划代码,发生时间,依据\n"
        f"W3,命中,,,{(NOW - 8 * DAY).isoformat()},实况\n"
        f"L-1,漏报,大风,{CODES[5]},{(NOW - 5 * DAY).isoformat()},9 级\n"
        "W9,命中,,,2026-01-01,无此预警\nW1,也许,,,,\nW6,空报,,,,演练\n"
        f"L-2,漏报,,{CODES[5]},{(NOW - 5 * DAY).isoformat()},缺灾种\n",
        "utf-8",
    )  # fmt: skip
    given = Given(table, settings, clock, "t", source="气象局")
    report = bring_in(world.db.store, "checks", given)
    assert (report.read, report.stored, report.rejected, report.balanced) == (6, 2, 4, True)
    again = bring_in(world.db.store, "checks", given)
    assert (again.stored, again.unchanged, again.rejected) == (0, 2, 4), "the same file again changes nothing"
    clock.advance(120)
    worker.cycle()

    # region: hits, false alarms, misses; W1 speaks of county 2 with towns 4 and 5, W3 of all
    for region, hits, whole in ((1, 2, 4), (2, 2, 3), (4, 2, 2), (5, 2, 3), (3, 1, 2), (6, 1, 2)):
        got = tile(world, "warning_accuracy", region)
        assert (got.numerator, got.denominator) == (hits, whole), region
        assert got.value == pytest.approx(100 * hits / whole)
        rows = world.records(WHOLE, region, "warnings")["rows"]
        assert sum(r["outcome"] == "hit" for r in rows) == hits, region
        assert sum(r["outcome"] not in ("waiting",) for r in rows) == whole, region
    city = tile(world, "warning_accuracy", 1)
    assert city.note is not None
    assert city.note.zh == "命中 2 · 空报 1 · 漏报 1 · 待检验 1"
    assert (city.previous, tile(world, "warning_accuracy", 6).previous) == (0.0, None)
    rows = {r["area"] or r["kind"]: r for r in world.records(WHOLE, 1, "warnings")["rows"]}
    assert (rows["W1"]["lead_min"], rows["大风"]["outcome"], rows["W4"]["outcome"]) == (60, "miss", "waiting")
    assert not {"W5", "W6", "W7", "W8"} & set(rows)

    with world.db.store.scoped(WHOLE) as conn:
        shown = detail(conn, Regions.of(world.db.store), WHOLE, f"warning:{empty}", clock.now(), settings.tz)
        assert {f["label"]["en"]: f["value"] for f in shown["fields"]}["Judged"]["en"] == "false alarm"
        assert shown["todo"]["warning_id"] == empty
        assert [r["source_id"] for r in warning_checks.listed(conn, NOW - 30 * DAY, NOW, True, 10)] == ["W5", "W4"]
    assert everywhere, "W3 was judged by the file"
    checks.judge(WHOLE, empty, Word("void"), "李")
    taken = checks.miss(WHOLE, Word("miss", NOW - DAY, "", "雷电"), CODES[4], "王")
    assert taken["state"] == "stored"
    checks.miss(WHOLE, Word("void", None, "", "雷电", number=taken["number"]), CODES[4], "王")
    clock.advance(120)
    worker.cycle()
    got = tile(world, "warning_accuracy", 1)
    assert (got.numerator, got.denominator) == (2, 3), "a word that was taken back counts no more"
    with world.db.owner() as conn:
        kept = conn.execute("SELECT outcome FROM warning_check WHERE warning_id = %s ORDER BY check_id", (empty,))
        assert [r["outcome"] for r in kept] == ["hit", "false", "void"], "every word stays"
