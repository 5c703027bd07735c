"""The detail panel's mapping: complete, in both languages, masked and scoped."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest

from ioc.errors import Forbidden, NotFound
from ioc.scope import Scope
from ioc.store import detail_device
from ioc.store.cluster import PrivateCluster
from ioc.store.detail import detail
from ioc.store.regions import Regions
from tests.conftest import Database
from tests.store import map_world as world

pytestmark = pytest.mark.store
NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def city(cluster: PrivateCluster) -> Iterator[Database]:
    with world.standing(cluster, NOW) as database:
        yield database


def show(db: Database, key: str, scope: Scope | None = None) -> dict[str, Any]:
    asker = scope or world.city_scope()
    with db.store.scoped(asker) as conn:
        found = detail(conn, Regions.of(db.store), asker, key, NOW)
    json.dumps(found)
    return found


def value(found: dict[str, Any], label: str) -> Any:
    return next((f["value"] for f in found["fields"] if f["label"]["zh"] == label), None)


def test_a_gauge_shows_curve_limit_place_grids_and_cameras(city: Database) -> None:
    found = show(city, "device:1004")
    series = found["series"][0]
    assert (series["value"], series["limit"], series["unit"], series["exceeded"]) == (3.435, 3.0, "m", True)
    assert series["limit_note"] == "警戒水位"
    assert 280 <= len(series["points"]) <= 290
    assert [v for _, v in series["points"]].count(None) == 3, "missing values stay a gap"
    assert series["points"][0][0] < series["points"][-1][0]
    assert [c["code"] for c in found["crumbs"]] == [world.CODES[1], world.CODES[2], world.CODES[4]]
    assert {o["key"] for o in found["officers"]} == {"grid:1", "grid:2"}
    near = {c["key"]: c["distance_m"] for c in found["cameras"]}
    assert near["device:1001"] < 20
    assert all(d <= 300 for d in near.values())
    assert found["history"][0]["text"]["zh"] == "在线，超限"
    assert found["status"]["text"] == {"zh": "在线", "en": "Online"}
    assert found["source"]["as_of"] == "2026-10-03T06:32:08Z"


def test_what_opens_a_device_or_names_a_person_needs_the_sensitive_level(city: Database) -> None:
    top, inside = show(city, "device:1004"), show(city, "device:1004", world.city_scope(1))
    assert value(top, "ip") == "10.0.0.9"
    assert value(inside, "ip") is None
    assert value(inside, "phone") is None
    assert value(inside, "maker") == "甲厂"
    for found in (top, inside):
        assert "password" not in json.dumps(found)
    assert found["officers"][0]["sub"].startswith("网格员 李小明")
    public = show(city, "device:1004", world.city_scope(0))
    assert public["officers"][0]["sub"].startswith("网格员 李** 138")


def test_a_private_device_is_not_there_for_others(city: Database) -> None:
    for key in ("device:1001", "device:1002", "device:1006", "device:1003", "device:999999", "device:x", "device:1e9"):
        with pytest.raises(NotFound):
            show(city, key, world.town_scope(4))
    assert show(city, "device:1001", world.town_scope(4, frozenset({"police"})))["title"] == "公安专用"
    cameras = show(city, "device:1004", world.town_scope(4))["cameras"]
    assert not {"device:1001", "device:1002"} & {c["key"] for c in cameras}


def test_an_event_tells_its_source_place_and_changes(city: Database) -> None:
    found = show(city, "event:1")
    assert found["record"]["key"] == "event:1"
    assert found["sources"][0]["text"] == "T0001"
    assert [h["text"]["zh"] for h in found["history"]] == ["紧急程度 一般 → 紧急", "登记"]
    merged = show(city, "event:6")
    assert next(f for f in merged["fields"] if f.get("sel"))["sel"] == "case:6"


def test_a_case_tells_stages_sources_and_its_events(city: Database) -> None:
    found = show(city, "case:6")
    assert found["number"] == "N0006"
    assert found["record"]["stage_count"] >= 5
    assert found["sources"][0]["title"]["zh"] == "网格上报"
    assert [link["key"] for link in found["links"]] == ["event:6"]
    assert any("上报" in h["text"]["zh"] for h in found["history"])


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("grid:1", "网格1"),
        ("resource:1", "避护所1"),
        ("feature:1", "中压一线"),
        (f"region:{world.CODES[4]}", "沿江街道"),
    ],
)
def test_areas_and_resources_are_shown_and_scoped(city: Database, key: str, title: str) -> None:
    found = show(city, key)
    assert title in (found["title"], found["title"]["zh"] if isinstance(found["title"], dict) else "")
    other = world.town_scope(7)
    with pytest.raises(NotFound):
        show(city, key, other)


def test_a_region_counts_what_the_map_counts(city: Database) -> None:
    with city.owner() as conn:
        row = conn.execute("SELECT count(*) AS n FROM device WHERE region_id IN (4, 5) AND class = 'camera'").fetchone()
    assert row
    assert value(show(city, f"region:{world.CODES[2]}"), "视频") == row["n"]
    assert value(show(city, "region:2"), "视频") == row["n"], "a tile names a region by its row"
    assert show(city, "warning:1", world.town_scope(4))["colour"] == "orange"


def test_a_missing_right_is_named(city: Database) -> None:
    blind = Scope("blind", frozenset({"map.view"}), whole=True, departments=None, sensitivity=2)
    with pytest.raises(Forbidden) as e:
        show(city, "device:1", blind)
    assert e.value.context["permission"] == "device.view"
    assert value(show(city, f"region:{world.CODES[2]}", blind), "视频") is None


@pytest.mark.parametrize("key", ["", "device", "device:", "what:1", "region:", "cell:camera:", "device:١"])
def test_nonsense_is_not_found(city: Database, key: str) -> None:
    with pytest.raises(NotFound):
        show(city, key)


def test_curves_are_bounded_and_averaged(city: Database) -> None:
    with city.store.scoped(world.city_scope()) as conn:
        month = detail_device.series(conn, world.city_scope(), 1004, NOW, hours=24 * 31)[0]["points"]
        hour = detail_device.series(conn, world.city_scope(), 1004, NOW, hours=1)[0]["points"]
    assert len(month) <= 289
    assert len(hour) == 13
    assert hour[-1][1] == pytest.approx(3.435)


def test_nearby_cameras_are_read_by_place(city: Database) -> None:
    with city.owner() as conn:
        conn.execute(
            "INSERT INTO device (source, external_id, kind, class, name, geom, h3_10, region_id)"
            " SELECT 'many', i::text, 'camera', 'camera', 'x', ST_SetSRID(ST_MakePoint(112 + (i % 150) * 0.01,"
            " 22 + (i / 150) * 0.01), 4326), 1, 4 FROM generate_series(1, 20000) i"
        )
        conn.execute("ANALYZE device")
    with city.store.scoped(world.town_scope(4)) as conn:
        rows = conn.execute(
            "EXPLAIN SELECT 1 FROM device d"
            " WHERE d.geom && ST_Expand(ST_SetSRID(ST_MakePoint(112.5, 22.5), 4326), 0.004)"
            " AND d.class = 'camera' AND d.region_id = ANY ('{4}'::int[])"
        )
        plan = "\n".join(str(r["QUERY PLAN"]) for r in rows)
    assert "device_geom" in plan
