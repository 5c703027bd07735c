"""Topics of grid work (GRD-04): shipped, replaced by a city's own table, filter and statistic that agree."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

import pytest

from ioc.clock import FixedClock
from ioc.declare import Layer
from ioc.errors import Invalid
from ioc.ops.config_import import import_table
from ioc.registry import discover
from ioc.settings import Settings
from ioc.store import kpi_records, tiles, topics, worklist
from ioc.store.regions import Regions
from tests.conftest import NOW, Database
from tests.mvt import decode
from tests.store import map_world as world

pytestmark = pytest.mark.store
OWN = """主题,名称,英文,类别
river,河道,River,水域不洁
river,河道,,0114
dirt,市容,Litter,01
"""
LAYERS = cast("Mapping[str, Layer]", discover("layers", "LAYER"))
HOUR = dt.timedelta(hours=1)
# category of case, event
WORK = ("0101", "0105", "010503", "2104", "0409", "", "ZZ-unknown", "0502")


@pytest.fixture
def city(db: Database) -> Database:
    with db.owner() as conn:
        world.build(conn, NOW)
        conn.execute("DELETE FROM event")
        conn.execute("DELETE FROM cases")
        for i, code in enumerate(WORK, start=1):
            same: dict[str, Any] = {"source": "t", "title": f"件{i}", "category_scheme": "gbt30428",
                                    "category_code": code, "region_id": 4 if i % 2 else 6,
                                    "geom": world.point(world.W + 0.01, world.S + 0.01)}  # fmt: skip
            world.put(conn, "event", event_id=i, source_id=f"E{i}", occurred_at=NOW - HOUR, received_at=NOW, **same)
            for n, (due, closed) in enumerate(((NOW - HOUR, None), (NOW + HOUR, None), (None, NOW - HOUR))):
                world.put(
                    conn, "cases", case_id=10 * i + n, number=f"N{i}{n}", source_id=f"K{i}{n}", flow="grid",
                    stage="accept", opened_at=NOW - 2 * HOUR, due_at=due, closed_at=closed, **same,
                )  # fmt: skip
    return db


def put(city: Database, settings: Settings, text: str = OWN) -> dict[str, Any]:
    return import_table(city.store, settings, FixedClock(NOW), "topics", "主题.csv", text.encode(), "t", False)


def test_the_shipped_topics_and_what_belongs_to_none(city: Database) -> None:
    with city.store.scoped(world.city_scope()) as conn:
        found = topics.current(conn)
        assert [(t.key, t.zh) for t in found.all] == [
            ("illegal_building", "违建"), ("illegal_land", "非法用地"), ("river", "河道"), ("public_order", "治安"),
        ]  # fmt: skip
        told = [found.of(code) for code in WORK]
    keys = ["illegal_building", "river", "river", "illegal_land", "public_order", "other", "other", "public_order"]
    assert told == [[key] for key in keys]


def test_a_citys_own_table_replaces_all_of_them(city: Database, settings: Settings) -> None:
    assert put(city, settings)["version"] == 1
    assert put(city, settings)["state"] == "unchanged"
    with city.store.scoped(world.city_scope()) as conn:
        found = topics.current(conn)
        assert [(t.key, t.en, t.categories) for t in found.all] == [
            ("river", "River", ("0105", "0114")), ("dirt", "Litter", ("01",)),
        ]  # fmt: skip
        assert found.of("0105") == ["river", "dirt"]
        records = {r["title"]: r["topics"] for r in worklist.case_records(conn, [10, 20, 40])}
        assert records == {"件1": ["dirt"], "件2": ["river", "dirt"], "件4": ["other"]}
        assert worklist.event_record(conn, 7)["topics"] == ["other"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("主题,名称,类别\nRiver!,河道,0105\n", "主题"),
        ("主题,名称,类别\nother,其他,0105\n", "主题"),
        ("主题,名称,类别\nriver,河道,没有的类别\n", "类别"),
        ("主题,名称,类别\nriver,河道,0105\nriver,河道,水域不洁\n", "类别"),
        ("主题,名称,类别\nriver,河道,0105\nriver,江河,0114\n", "名称"),
        ("主题,类别\nriver,0105\n", "名称"),
    ],
)
def test_a_table_with_a_fault_is_refused_whole(city: Database, settings: Settings, text: str, field: str) -> None:
    with pytest.raises(Invalid) as e:
        put(city, settings, text)
    assert field in [r.field for r in e.value.reasons]
    assert all(r.zh and r.en for r in e.value.reasons)
    with city.store.scoped(world.city_scope()) as conn:
        assert len(topics.current(conn).all) == 4


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("scope", [world.city_scope(), world.town_scope(6)])
def test_every_number_of_the_statistic_opens_as_many_rows(
    city: Database, settings: Settings, own: bool, scope: Any
) -> None:
    if own:
        put(city, settings)
    found = topics.by_region(city.store, Regions.of(city.store), scope, "", NOW)
    lists = {"reports": "events?", "open": "cases?state=open&", "overdue": "cases?state=overdue&",
             "closed": "cases?state=closed&"}  # fmt: skip
    told = [("", found["total"]), *((r["code"], r["topics"]) for r in found["rows"])]
    checked = 0
    for code, numbers in told:
        for topic, values in numbers.items():
            for number, value in values.items():
                query = f"{lists[number]}topic={topic}" + (f"&region={code}" if code else "")
                rows = kpi_records.records(city.store, scope, "", query, 0, 100, NOW, settings)
                assert rows["total"] == value, (code, topic, number)
                checked += value
    assert checked > 0
    # each row of one topic only: nothing is lost between them
    if not own and scope.whole:
        assert sum(v["open"] for v in found["total"].values()) == 2 * len(WORK)


def test_tiles_of_a_topic_hold_its_rows_alone(city: Database) -> None:
    scope = world.city_scope()
    n = 1 << 14
    x = int((world.W + 0.01 + 180) / 360 * n)
    y = next(y for y in range(n // 3, n) if tiles.lonlat_box(14, x, y)[1] <= world.S + 0.01)
    with city.store.reading(scope) as conn:
        for keys, ids in (("river", {20, 21, 30, 31}), ("other,illegal_building", {10, 11, 60, 61, 70, 71})):
            more = topics.predicate(conn, "e", keys)
            q = tiles.TileQuery(scope, LAYERS["case"], 14, x, y, NOW, more=more)
            assert {int(f.props["id"]) for f in decode(tiles.render(conn, q))["points"]} == ids
        with pytest.raises(Invalid):
            topics.predicate(conn, "e", "mood")
