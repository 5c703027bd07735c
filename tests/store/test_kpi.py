"""Every number in every region for every audience, and the list behind it, against the calculation of kpi_world."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from ioc.errors import Forbidden, Invalid, NotFound
from ioc.scope import Scope
from tests.conftest import NOW
from tests.store.kpi_world import (
    INDICATORS,
    MEMBERS,
    SCOPES,
    WHOLE,
    World,
    expect_aqi,
    expect_events,
    expect_on_time,
    expect_online,
    expect_open,
    expect_response,
    rate,
    world,
)

__all__ = ["world"]
pytestmark = pytest.mark.store


@pytest.mark.parametrize("name", SCOPES)
def test_every_number_in_every_region_for_every_audience(world: World, name: str) -> None:
    scope, now = SCOPES[name], NOW
    worker = world.worker()
    world.tiles(scope, 1)  # the audience makes itself known
    done = worker.cycle()
    assert set(done.computed) == {i.code for i in INDICATORS}
    assert done.failed == ()
    for region in MEMBERS:
        got = world.tiles(scope, region)
        for kind in ("camera", "sensor"):
            tile, (value, online, total) = got[f"{kind}_online"], expect_online(world, kind, region, scope)
            assert (tile.value, tile.numerator or 0, tile.denominator or 0) == (pytest.approx(value), online, total)
        tile = got["events_today"]
        assert tile.value == expect_events(world, region, scope, now)
        assert tile.previous == expect_events(world, region, scope, now, 7)
        assert tile.state == ("ok" if tile.value else "empty")
        tile, rows = got["open_cases"], expect_open(world, region, scope, now)
        assert tile.value == len(rows)
        assert tile.previous == len(expect_open(world, region, scope, now - dt.timedelta(days=1)))
        if rows:
            urgent = sum(c["urgency"] == "urgent" for c in rows)
            assert tile.note is not None
            assert f"紧急 {urgent} · " in tile.note.zh
            hour = now.replace(minute=0, second=0) - dt.timedelta(hours=4)
            assert tile.series[19] == len(
                expect_open(world, region, scope, hour + dt.timedelta(hours=1, microseconds=-1))
            )
        kept, due = expect_on_time(world, region, scope, now)
        tile = got["on_time_rate"]
        assert (tile.value, tile.denominator or 0) == (pytest.approx(rate(kept, due)), due)
        assert tile.previous == pytest.approx(rate(*expect_on_time(world, region, scope, now, 1)))
        minutes, count = expect_response(world, region, scope, now)
        tile = got["mean_response"]
        assert tile.value == (pytest.approx(minutes / count) if count else None)
        assert got["aqi"].value == expect_aqi(world, region, now)


def test_the_list_behind_each_number_has_as_many_rows(world: World) -> None:
    worker = world.worker()
    for scope in SCOPES.values():
        world.tiles(scope, 1)
    worker.cycle()
    for scope in SCOPES.values():
        for region in MEMBERS:
            got = world.tiles(scope, region)
            for tile in got.values():
                code, found = tile.indicator.code, world.records(scope, region, tile.indicator.records)
                assert len(found["rows"]) == found["total"], code
                if code in ("events_today", "events_month", "suspected_month", "open_cases"):
                    assert found["total"] == tile.value, code
                elif code != "aqi" and tile.state != "unconnected":
                    assert found["total"] == (tile.denominator or 0), code
                if code in ("camera_online", "sensor_online", "on_time_rate", "sources_ok"):
                    assert found["counted"] == (tile.numerator or 0), code
                    assert sum(r["counted"] for r in found["rows"]) == found["counted"]
                assert all(c["zh"] and c["en"] for c in found["columns"])


def test_lists_are_paged_and_refuse_nonsense(world: World) -> None:
    whole = world.records(WHOLE, 1, "devices?class=camera")
    pages = [world.records(WHOLE, 1, "devices?class=camera", o, 40)["rows"] for o in range(0, whole["total"], 40)]
    assert [r["key"] for page in pages for r in page] == [r["key"] for r in whole["rows"]]
    assert not whole["rows"][0]["counted"]  # what there is to do comes first
    rest = world.records(WHOLE, 1, "devices?class=camera&part=rest")
    assert rest["total"] == whole["total"] - whole["counted"]
    for query in ("nothing", "cases?state=later"):
        with pytest.raises(Invalid):
            world.records(WHOLE, 1, query)
    blind = replace(WHOLE, permissions=frozenset({"indicator.view"}))
    with pytest.raises(Forbidden):
        world.records(blind, 1, "cases?state=open")


def _town(*regions: int, **more: Any) -> Scope:
    ids = frozenset().union(*(MEMBERS[r] for r in regions))
    return replace(WHOLE, actor="town", whole=False, region_ids=ids, **more)


def test_a_scope_gets_its_own_region_and_nothing_above(world: World) -> None:
    world.worker().cycle()
    town = _town(4)
    with pytest.raises(NotFound):
        world.tiles(town, 1)
    with pytest.raises(NotFound):
        world.records(town, 1, "devices?class=camera")
    own = world.tiles(town, "")
    assert own["camera_online"].value == pytest.approx(expect_online(world, "camera", 4, WHOLE)[0])
    assert own["camera_online"].value == world.tiles(WHOLE, 4)["camera_online"].value


def test_several_regions_add_up_and_overlaps_do_not(world: World) -> None:
    world.worker().cycle()
    both = _town(4, 6)
    tiles = world.tiles(both, "")
    online = [expect_online(world, "camera", r, WHOLE) for r in (4, 6)]
    assert tiles["camera_online"].value == pytest.approx(rate(sum(o[1] for o in online), sum(o[2] for o in online)))
    assert tiles["open_cases"].value == sum(len(expect_open(world, r, WHOLE, NOW)) for r in (4, 6))
    assert tiles["aqi"].state == "forbidden"
    assert tiles["aqi"].missing_permission == "region"
    overlap = world.tiles(_town(2, 7), "")
    assert overlap["camera_online"].state == "forbidden"


def test_without_the_right_no_number(world: World) -> None:
    world.worker().cycle()
    tiles = world.tiles(replace(WHOLE, permissions=frozenset({"indicator.view"})), 1)
    assert tiles["sources_ok"].state == "forbidden"
    assert tiles["sources_ok"].missing_permission == "source.view"
    assert tiles["sources_ok"].value is None
    assert tiles["camera_online"].state == "ok"


def test_an_audience_nobody_had_yet_is_computed_in_the_next_turn(world: World) -> None:
    worker = world.worker()
    worker.cycle()
    scope = replace(WHOLE, departments=frozenset({"水务局"}), sensitivity=1)
    assert world.tiles(scope, 1)["camera_online"].state == "loading"
    worker.cycle()
    tile = world.tiles(scope, 1)["camera_online"]
    assert (tile.state, tile.value) == ("ok", pytest.approx(expect_online(world, "camera", 1, scope)[0]))
