"""Themes over a small centre with two counties: rows joined with camera and people, nothing of the far side, nothing of
a place that is named in the code; a new fire point reaches its ranger once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ioc.clock import FixedClock
from ioc.command import fire_watch
from ioc.command.themes import finder, themes
from ioc.intake.reviews import Reviews
from ioc.scope import SYSTEM, Scope
from ioc.screens.command import page as command_page
from ioc.screens.html import to_html
from ioc.screens.state import View, parse_page
from ioc.services_command import CommandServices
from ioc.settings import Settings
from ioc.store.regions import Regions
from tests.conftest import NOW, Database
from tests.http import world as small
from tests.store.kpi_world import insert

pytestmark = pytest.mark.store
CHIEF = replace(SYSTEM, actor="chief")
DAY = dt.timedelta(days=1)


def _fill(conn: psycopg.Connection[Any], world: small.World) -> dict[str, int]:
    """On each side: a level above its mark, a school of four hazards, a fire point, a ranger, a hospital with beds."""
    ids: dict[str, int] = {}
    for side, word, lon, region in (("near", "近", 111.15, small.NEAR_VILLAGE),
                                    ("far", small.SECRET, 111.65, small.FAR_VILLAGE)):  # fmt: skip
        of, at = getattr(world, side), world.regions[region]
        stream = conn.execute(
            "UPDATE datastream SET limit_high = 4, interval_s = 3600 WHERE device_id = %s RETURNING datastream_id",
            (of["sensor"],),
        ).fetchone()["datastream_id"]
        insert(conn, "latest", {"datastream_id": stream, "observed_at": NOW, "received_at": NOW, "value": 4.5,
                                "quality": 0})  # fmt: skip
        point = f"SRID=4326;POINT({lon} 21.65)"
        where = {"geom": point, "region_id": at, "source": "files"}
        insert(conn, "target", {**where, "external_id": f"{side}1", "kind": "major_hazard", "name": f"{word}油库",
                                "level": 1, "material": f"{word}汽油", "hazards_open": 2,
                                "inspected_on": (NOW - 40 * DAY).date()})  # fmt: skip
        insert(conn, "target", {**where, "external_id": f"{side}2", "kind": "nuclear_site", "name": f"{word}核电"})
        insert(conn, "target", {**where, "external_id": f"{side}3", "kind": "drowning_spot", "name": f"{word}水塘"})
        insert(
            conn,
            "steward",
            {
                "external_id": side,
                "duty": "fire_warden",
                "name": f"{word}护",
                "login": side,
                "region_id": world.regions[small.NEAR_TOWN if side == "near" else small.FAR_TOWN],
            },
        )
        insert(conn, "event", {**where, "source": "sat", "source_id": f"{side}-f", "title": f"{word}热点",
                               "urgency": "critical", "occurred_at": NOW - dt.timedelta(minutes=9),
                               "received_at": NOW - dt.timedelta(minutes=8), "suspected": True,
                               "category_scheme": "gbt35561", "category_code": "11F"})  # fmt: skip
        ids[side] = conn.execute("SELECT event_id FROM event WHERE source_id = %s", (f"{side}-f",)).fetchone()[
            "event_id"
        ]
        insert(conn, "resource_capacity", {"resource_id": of["resource"], "what": "beds", "observed_at": NOW,
               "figures": Jsonb({"total": {"general": 9}, "free": {"general": 3}, "doctors": 5}), "reported_by": "t",
               "received_at": NOW, "region_id": at})  # fmt: skip
    return ids


def test_themes(db: Database, clock: FixedClock, settings: Settings) -> None:
    with db.owner() as conn:
        world = small.build(conn, NOW)
        fires = _fill(conn, world)
        conn.execute("UPDATE device SET geom_m = ST_Transform(geom, 4546)")
    Regions.of(db.store).forget()
    on = CommandServices(settings.model_copy(update={"nuclear_rings_km": "5,3"}), db.store, clock)
    off = CommandServices(settings, db.store, clock)
    near_ids = frozenset(v for k, v in world.regions.items() if k in (small.NEAR, small.NEAR_TOWN, small.NEAR_VILLAGE))
    officer = replace(CHIEF, actor="officer", whole=False, region_ids=near_ids)
    assert "nuclear" not in {th["key"] for th in off.themes(CHIEF, "", "")["themes"]}, "off by default"
    assert off.themes(CHIEF, "", "nuclear")["theme"] is None
    assert {th["key"] for th in on.themes(CHIEF, "", "")["themes"]} == set(themes())

    def rows(key: str, scope: Scope = CHIEF, region: str = "") -> dict[str, dict[str, Any]]:
        found = on.themes(scope, region, key)["theme"]
        assert found["total"] == len(found["rows"]), key
        return {r["title"]: r for r in found["rows"]}

    for key in themes():
        assert callable(finder(key))
        assert any(small.SECRET in t for t in rows(key)), f"the chief sees the far side in {key}"
        said = str(on.themes(officer, "", key)) + str(on.themes(CHIEF, small.NEAR, key))
        assert small.SECRET not in said, key
        assert rows(key, officer), key

    level = rows("flood", officer)["近水位"]
    assert (level["state"]["en"], level["tone"]) == ("0.50 m above the mark", "dev")
    assert level["cameras"][0]["key"] == f"device:{world.near['camera']}"
    assert any(p["key"] == f"grid:{world.near['grid']}" for p in level["people"]), "the officer of its grid cell"
    assert "近水塘" in rows("flood", officer)
    point = rows("forest", officer)["近热点"]
    assert (point["refute"], point["people"][0]["duty"]) == (fires["near"], "fire_warden")
    site = rows("safety", officer)["近油库"]
    assert (site["level"], [f["zh"] for f in site["facts"]]) == (1, ["重大危险源", "近汽油", "40 天前检查", "隐患 2"])
    outsider = replace(officer, sensitivity=0)
    assert [f["zh"] for f in rows("safety", outsider)["近油库"]["facts"]] == ["重大危险源"], "by right (EMG-04)"
    assert rows("health", officer)["近医院"]["state"]["en"] == "3 free beds"
    rings = rows("nuclear", officer)["近核电"]["rings"]
    assert [(r["m"], r["villages"]) for r in rings] == [(3000, 1), (5000, 1)], "rings in their order"
    assert on.themes(officer, "", "nuclear")["theme"]["missing"] == ("population",), "what is not imported is named"

    view = View("zh", NOW, settings.tz)
    at = parse_page("/desk/command?theme=forest")
    drawn = "".join(map(to_html, command_page.rows_of(on.themes(officer, "", "forest"), at, view, refutes=True)))
    assert f"/api/v1/events/{fires['near']}/refute" in drawn
    assert "护林员" in drawn
    drawn = "".join(map(to_html, command_page.rows_of(on.themes(officer, "", "nuclear"), at, view)))
    assert "{&quot;lon&quot;:111.15,&quot;lat&quot;:21.65,&quot;m&quot;:3000.0}" in drawn
    assert "ioc import population" in drawn

    # the ranger hears of it, once; a false alarm that is closed is gone from the theme
    assert fire_watch.turn(db.store, clock) == 2
    assert fire_watch.turn(db.store, clock) == 0
    with db.owner() as conn:
        told = conn.execute("SELECT to_kind, to_ref, about FROM notice WHERE kind = 'fire.point' ORDER BY to_ref")
        assert [(r["to_kind"], r["to_ref"], r["about"]) for r in told] == [
            ("account", "far", f"event:{fires['far']}"), ("account", "near", f"event:{fires['near']}")]  # fmt: skip
    Reviews(db.store, settings, clock).event(officer, "officer", fires["near"], "refuted", "烧荒，已核实")
    assert "近热点" not in on.themes(officer, "", "forest")["theme"]["rows"].__repr__()
    assert on.themes(officer, "", "forest")["theme"]["total"] == 0


def test_a_fire_point_without_a_ranger(db: Database, clock: FixedClock) -> None:
    """The officers of the grid cell; where there is none either, the desk hears that nobody is on record."""
    with db.owner() as conn:
        world = small.build(conn, NOW)
        conn.execute(
            "UPDATE grid_cell SET officers = %s WHERE grid_cell_id = %s",
            (Jsonb([{"name": "王网", "phone_masked": "139****1111"}]), world.near["grid"]),
        )
        for number, lon, code, at in (("a", 111.15, "11F", 8), ("b", 111.4, "11F", 8), ("c", 111.15, "11A", 8),
                                      ("d", 111.15, "11F", 60 * 30)):  # fmt: skip
            when = NOW - dt.timedelta(minutes=at)
            insert(conn, "event", {"source": "sat", "source_id": number, "title": number, "urgency": "urgent",
                                   "occurred_at": when, "received_at": when, "geom": f"SRID=4326;POINT({lon} 21.65)",
                                   "category_scheme": "gbt35561", "category_code": code})  # fmt: skip
    assert fire_watch.turn(db.store, clock) == 2, "another class and one of yesterday are none"
    with db.owner() as conn:
        found = conn.execute("SELECT to_kind, to_ref, title FROM notice WHERE kind = 'fire.point' ORDER BY key")
        told = [(r["to_kind"], r["to_ref"]) for r in found]
        assert told == [("person", "王网"), ("role", "officer")]
