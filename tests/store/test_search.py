"""Search: folded, ranked, scoped, and from an index."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from psycopg import sql

from ioc.fold import fold, fold_many
from ioc.scope import Scope
from ioc.store import search as searching
from ioc.store.cluster import PrivateCluster
from ioc.store.pool import Conn
from ioc.store.regions import Regions
from ioc.store.where import visible
from tests.conftest import Database
from tests.store import map_world as world

pytestmark = pytest.mark.store
NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def city(cluster: PrivateCluster) -> Iterator[Database]:
    with world.standing(cluster, NOW) as database, database.owner() as conn:
        conn.execute(
            "INSERT INTO device (source, external_id, kind, class, name, geom, h3_10, region_id, search)"
            " SELECT 'many', 'M' || i, 'camera', 'camera', 'x', ST_SetSRID(ST_MakePoint(111.5, 21.8), 4326), 1, 4,"
            " '批量点位 ' || i || ' ' || md5(i::text) FROM generate_series(1, 20000) i"
        )
        conn.execute("ANALYZE device")
        yield database


def find(db: Database, scope: Scope, q: str, limit: int = 20) -> dict[str, list[searching.Item]]:
    with db.store.scoped(scope) as conn:
        groups = searching.search(conn, Regions.of(db.store), scope, q, limit)
    return {g["type"]: g["items"] for g in groups}


def keys(items: list[searching.Item]) -> list[str]:
    return [i["key"] for i in items]


def test_traditional_full_width_and_case_fold_to_one_form() -> None:
    assert fold("陽江　ＣＡＭ-01") == fold("阳江 cam-01") == "阳江 cam-01"
    assert fold_many(["陽江", "Ａ  b"]) == ["阳江", "a b"]
    assert fold("㙟滘窖塱朗") == "㙟滘窖塱朗"


@pytest.mark.parametrize("q", ["陽江灣", "阳江湾", "江湾", "湾", "觀景", "观景台", "阳江湾 观景"])
def test_a_name_is_found_however_it_is_written(city: Database, q: str) -> None:
    assert "device:1006" in keys(find(city, world.city_scope(), q)["device"])


def test_rare_characters_are_found(city: Database) -> None:
    assert keys(find(city, world.city_scope(), "塱")["place"]) == [f"region:{world.CODES[5]}"]
    assert keys(find(city, world.city_scope(), "滘鎮")["place"]) == [f"region:{world.CODES[7]}"]


def test_ids_are_found_by_their_beginning_before_names(city: Database) -> None:
    found = find(city, world.city_scope(), "4401020010132")["device"]
    assert keys(found)[0] == "device:1006"
    assert keys(find(city, world.city_scope(), "D00007")["device"]) == ["device:7"]
    assert keys(find(city, world.city_scope(), "G1")["device"])[0] == "device:1004"


def test_work_is_found_by_title_and_number_open_first(city: Database) -> None:
    found = find(city, world.city_scope(), "满溢6")
    assert "event:6" in keys(found["event"])
    assert "case:6" in keys(found["case"])
    assert keys(find(city, world.city_scope(), "N0012")["case"]) == ["case:12"]


def test_every_word_must_occur_and_items_say_where(city: Database) -> None:
    found = find(city, world.city_scope(), "东江 沿江")
    assert "place" not in found
    hit = find(city, world.city_scope(), "漠江")["device"][0]
    assert hit["title"] == "漠江水位站"
    assert hit["sub"].endswith("东江区 沿江街道")
    assert (hit["lon"], hit["lat"]) == pytest.approx((world.SPOT[0] + 1e-4, world.SPOT[1] + 1e-4))


def test_grids_and_resources_are_places(city: Database) -> None:
    assert "grid:1" in keys(find(city, world.city_scope(), "网格1")["place"])
    assert "resource:2" in keys(find(city, world.city_scope(), "避护所2")["place"])


def test_nothing_beyond_the_scope_is_found(city: Database) -> None:
    town = world.town_scope(4)
    for q in ("公安专用", "敏感点位", "海上浮标", "阳江湾", "高滘镇", "西岭县", "44010200101320000001", "避护所2"):
        assert not any(find(city, town, q).values()), q
    assert "device" in find(city, town, "漠江水位站")
    assert keys(find(city, world.town_scope(4, frozenset({"police"})), "公安专用")["device"]) == ["device:1001"]
    blind = Scope("blind", frozenset({"map.view"}), whole=True, departments=None, sensitivity=2)
    assert set(find(city, blind, "江")) == {"place"}


@pytest.mark.parametrize("q", ["", " ", "%", "_", "\\", "'; DROP TABLE device; --", "%%%", "a" * 500, "\x00"])
def test_signs_of_the_pattern_language_are_only_text(city: Database, q: str) -> None:
    assert "device" not in find(city, world.city_scope(), q)


@pytest.mark.parametrize("scope", [world.city_scope(), world.town_scope(4), world.city_scope(0, frozenset({"water"}))])
@pytest.mark.parametrize(
    ("q", "index"),
    [("湾", "device_chars"), ("水位", "device_chars"), ("c81e728d", "device_search"), ("批量点位 777", "device_")],
)
def test_search_goes_by_an_index_under_row_level_security(city: Database, scope: Scope, q: str, index: str) -> None:
    match, params = searching.match_terms(searching.parse(q), "d")
    seen, scoped = visible(scope, "d")
    query = sql.SQL("EXPLAIN SELECT * FROM device d WHERE {} AND {} LIMIT 200").format(match, seen)
    with city.store.scoped(scope) as conn:
        conn.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(str(r["QUERY PLAN"]) for r in conn.execute(query, {**params, **scoped}))
    assert index in plan
    assert "Index Cond" in plan


def test_what_takes_too_long_is_given_up_and_the_rest_answers(city: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(conn: Conn, *_args: object) -> list[searching.Item]:
        conn.execute("SELECT pg_sleep(5)")
        return []

    plain = searching._ranked
    monkeypatch.setattr(searching, "_ranked", lambda conn, scope, terms, query, alias, *more: (
        slow(conn) if alias == "d" else plain(conn, scope, terms, query, alias, *more)
    ))  # fmt: skip
    found = find(city, world.city_scope(), "网格")
    assert "device" not in found
    assert "grid:1" in keys(found["place"])


def test_a_word_in_every_name_is_answered_from_a_part_of_them(city: Database) -> None:
    assert len(find(city, world.city_scope(), "批量")["device"]) == 20
    assert len(find(city, world.city_scope(), "点位", limit=50)["device"]) == 50
