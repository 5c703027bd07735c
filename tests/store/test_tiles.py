"""Tiles against the rows themselves: numbers at every zoom, places, scopes, bands, and plans that use the index."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import h3.api.basic_int as h3
import pytest
from psycopg import sql as psql

from ioc.declare import Layer
from ioc.errors import Forbidden, NotFound
from ioc.registry import discover
from ioc.scope import NOBODY, Scope
from ioc.store import direct, layer_counts, thematic, tiles
from ioc.store.cluster import PrivateCluster
from ioc.store.regions import Regions
from ioc.store.tiles import devices
from tests.conftest import Database
from tests.mvt import Feature, decode, lonlat
from tests.store import map_world as world

pytestmark = pytest.mark.store
LAYERS = cast("Mapping[str, Layer]", discover("layers", "LAYER"))
NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
# all of the world with its device at sea
BOX = (world.W - 0.005, world.S - 0.025, world.W + 0.105, world.S + 0.085)


@pytest.fixture(scope="module")
def city(cluster: PrivateCluster) -> Iterator[Database]:
    with world.standing(cluster, NOW) as database:
        yield database


@pytest.fixture(scope="module")
def crowd(cluster: PrivateCluster) -> Iterator[Database]:
    """The city with enough rows beside it for an index to be worth it."""
    with world.standing(cluster, NOW) as database, database.owner() as conn:
        _multiply(conn)
        yield database


def covering(z: int, box: tuple[float, float, float, float] = BOX) -> list[tuple[int, int, int]]:
    n = 1 << z
    if z < 9:  # the centre of a wide cell may lie well outside
        box = (box[0] - 0.3, box[1] - 0.3, box[2] + 0.3, box[3] + 0.3)
    x0, x1 = int((box[0] + 180) / 360 * n), int((box[2] + 180) / 360 * n)
    rows = [y for y in range(n) if _overlaps(z, x0, y, box)] if z < 6 else _rows(z, x0, box)
    return [(z, x, y) for x in range(x0, x1 + 1) for y in rows]


def _overlaps(z: int, x: int, y: int, box: tuple[float, float, float, float]) -> bool:
    _, south, _, north = tiles.lonlat_box(z, x, y)
    return south < box[3] and north > box[1]


def _rows(z: int, x: int, box: tuple[float, float, float, float]) -> list[int]:
    n = 1 << z
    guess = range(int(n * 0.42), int(n * 0.46) + 2)
    return [y for y in guess if _overlaps(z, x, y, box)]


def fetch(
    db: Database, scope: Scope, key: str, z: int, region: str = "", layer: Layer | None = None
) -> dict[str, list[tuple[Feature, tuple[float, float]]]]:
    """All features of a layer at a zoom, with their places."""
    ids = Regions.of(db.store).ids(scope, region)
    kinds = ("county", "town", "zone")
    out: dict[str, list[tuple[Feature, tuple[float, float]]]] = {}
    with db.store.reading(scope) as conn:
        for tz, x, y in covering(z):
            q = tiles.TileQuery(scope, layer or LAYERS[key], tz, x, y, NOW, ids, kinds)
            for name, features in decode(tiles.render(conn, q)).items():
                out.setdefault(name, []).extend((f, lonlat(tz, x, y, f.at)) for f in features if f.parts)
    return out


def total(found: Mapping[str, list[tuple[Feature, tuple[float, float]]]], prop: str = "n") -> int:
    """Things a set of tiles shows: cells and pins by their number, points one each."""
    sums = sum(int(f.props[prop]) for name in ("cells", "pins") for f, _ in found.get(name, ()))
    return sums + (len(found.get("points", ())) if prop == "n" else 0)


@pytest.mark.parametrize("z", [5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
@pytest.mark.parametrize("region", ["", world.CODES[2], world.CODES[8], world.CODES[4]])
def test_device_tiles_sum_to_the_counts_of_the_panel_at_every_zoom(city: Database, z: int, region: str) -> None:
    scope = world.city_scope()
    ids = Regions.of(city.store).ids(scope, region)
    with city.store.scoped(scope) as conn:
        counts = layer_counts.counts(conn, scope, list(LAYERS.values()), ids, NOW)
    for key in ("camera", "sensor"):
        assert total(fetch(city, scope, key, z, region)) == counts[key] > 0


def test_offline_and_exceeded_are_summed_like_the_rows(city: Database) -> None:
    with city.owner() as conn:
        rows = conn.execute(
            "SELECT class, count(*) FILTER (WHERE status = 'offline') AS off, count(*) FILTER (WHERE exceeded) AS ex"
            " FROM device GROUP BY class"
        ).fetchall()
    for row in rows:
        found = fetch(city, world.city_scope(), row["class"], 10)
        assert (total(found, "off"), total(found, "ex")) == (row["off"], row["ex"])


@pytest.mark.parametrize("z", [9, 12, 13, 14, 16])
def test_events_and_cases_agree_with_the_panel_and_obey_the_bands(city: Database, z: int) -> None:
    scope = world.city_scope()
    with city.store.scoped(scope) as conn:
        counts = layer_counts.counts(conn, scope, list(LAYERS.values()), None, NOW)
    for key in ("event", "case"):
        found = fetch(city, scope, key, z)
        if z >= 12:
            assert total(found) == counts[key] > 0
        if z < 14:
            assert found["points"]
            assert all(f.props["u"] > 0 or f.props["lv"] for f, _ in found["points"])
        else:
            assert any(f.props["u"] == 0 for f, _ in found["points"])


def test_an_initial_level_shows_at_every_zoom_as_provisional(city: Database) -> None:
    for z in (7, 11, 13, 15):
        found = [f for f, _ in fetch(city, world.city_scope(), "event", z)["points"] if f.props["id"] == 7]
        assert [(f.props["lv"], f.props["pv"]) for f in found] == [(3, 1)]


def test_points_are_where_the_rows_say_and_in_one_tile_only(city: Database) -> None:
    with city.owner() as conn:
        rows = conn.execute("SELECT device_id, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM device WHERE class = 'camera'")
        places = {r["device_id"]: (r["lon"], r["lat"]) for r in rows}
    for z in (14, 16):
        found = fetch(city, world.city_scope(), "camera", z)["points"]
        assert Counter(f.props["id"] for f, _ in found) == Counter(list(places))
        step = 360 / (1 << z) / 4096
        for feature, (lon, lat) in found:
            want = places[feature.props["id"]]
            assert abs(lon - want[0]) <= 1.01 * step
            assert abs(lat - want[1]) <= 1.01 * step


def test_cells_are_h3_cells_at_their_centres_and_hold_their_devices(city: Database) -> None:
    found = fetch(city, world.city_scope(), "camera", 9)["cells"]
    with city.owner() as conn:
        rows = conn.execute("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM device WHERE class = 'camera'").fetchall()
    parents = Counter(h3.cell_to_parent(h3.latlng_to_cell(r["lat"], r["lon"], 10), 7) for r in rows)
    assert {int(f.props["h"], 16): f.props["n"] for f, _ in found} == parents
    for feature, (lon, lat) in found:
        want = h3.cell_to_latlng(int(feature.props["h"], 16))
        assert (lat, lon) == pytest.approx(want, abs=2e-4)


def test_a_town_user_sees_the_town_and_nothing_else(city: Database) -> None:
    scope = world.town_scope(4)
    west, south, east, north = world.town_box(4)
    for z in (9, 12, 14, 16):
        for key in ("camera", "sensor", "event", "case", "resource", "heat"):
            for features in fetch(city, scope, key, z).values():
                for feature, (lon, lat) in features:
                    # a cell's centre may lie a cell away from its devices
                    margin = 0.03 if "h" in feature.props else 1e-4
                    assert west - margin <= lon <= east + margin
                    assert south - margin <= lat <= north + margin
    with city.owner() as conn:
        row = conn.execute(
            "SELECT count(*) AS n FROM device WHERE region_id = 4 AND class = 'camera' AND private_to IS NULL"
            " AND sensitivity < 2"
        ).fetchone()
    assert row
    for z in (8, 11, 13, 14):
        assert total(fetch(city, scope, "camera", z)) == row["n"]


def test_private_and_sensitive_devices_are_in_no_tile_of_others(city: Database) -> None:
    everyone = world.city_scope()
    outsider = world.city_scope(sensitivity=1, departments=frozenset({"water"}))
    police = world.city_scope(sensitivity=1, departments=frozenset({"police"}))
    for z in (6, 10, 12, 13, 14):
        assert total(fetch(city, everyone, "camera", z)) - total(fetch(city, outsider, "camera", z)) == 2
        assert total(fetch(city, police, "camera", z)) - total(fetch(city, outsider, "camera", z)) == 1
    ids = {f.props["id"] for f, _ in fetch(city, outsider, "camera", 14)["points"]}
    assert not ids & {world.SPECIAL["private"], world.SPECIAL["sensitive"]}


def test_nobody_sees_nothing(city: Database) -> None:
    blind = Scope("blind", world.ALL)
    for key in ("camera", "event", "case", "resource", "grid_cell", "heat", "region"):
        for z in (9, 13, 15):
            assert not any(fetch(city, blind, key, z).values())
    with city.store.reading(NOBODY) as conn, pytest.raises(Forbidden):
        thematic.resolve(conn, NOBODY, LAYERS, "camera")


def test_row_level_security_stands_behind_the_query(city: Database) -> None:
    """A query made for somebody else's scope still shows only what the connection's own scope may see."""
    everything, town = world.city_scope(), world.town_scope(4)
    q = tiles.TileQuery(everything, LAYERS["camera"], 9, *covering(9)[0][1:], NOW)
    with city.store.reading(town) as conn:
        seen = decode(tiles.render(conn, q)).get("cells", [])
    assert sum(f.props["n"] for f in seen) <= total(fetch(city, town, "camera", 9))


def test_where_there_are_too_many_marks_the_tile_keeps_counts(city: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "DENSE", 8)
    found = fetch(city, world.city_scope(), "camera", 14)
    assert found["pins"]
    assert found["points"]
    tiles_of_pins = {tuple(round(v, 9) for v in at) for _, at in found["pins"]}
    assert len(tiles_of_pins) == len(found["pins"])
    assert "points" in fetch(city, world.city_scope(), "camera", 16)
    assert "pins" not in fetch(city, world.city_scope(), "camera", 16)


def test_close_up_a_gauge_carries_its_value_and_a_camera_its_cone(city: Database) -> None:
    gauge = next(f for f, _ in fetch(city, world.city_scope(), "sensor", 16)["points"] if f.props["id"] == 1004)
    assert gauge.props["label"] == "3.44 m"
    assert gauge.props["ex"] == 1
    camera = next(f for f, _ in fetch(city, world.city_scope(), "camera", 16)["points"] if f.props["id"] == 1006)
    assert (camera.props["az"], camera.props["fov"]) == (90.0, 60.0)
    assert "label" not in camera.props


def test_grid_cells_come_at_14_and_their_officer_at_16_masked(city: Database) -> None:
    assert not fetch(city, world.city_scope(), "grid_cell", 13)
    assert {f.props["id"] for f, _ in fetch(city, world.city_scope(), "grid_cell", 14)["areas"]} == {1, 2}
    close = {f.props["label"] for f, _ in fetch(city, world.city_scope(), "grid_cell", 16)["areas"]}
    assert close == {"W1 李小明", "W2 李小明"}
    public = {f.props["label"] for f, _ in fetch(city, world.city_scope(sensitivity=0), "grid_cell", 16)["areas"]}
    assert public == {"W1 李**", "W2 李**"}


def test_heat_counts_each_event_of_its_days_once(city: Database) -> None:
    with city.owner() as conn:
        row = conn.execute("SELECT count(*) AS n FROM event WHERE status <> 'void'").fetchone()
    assert row
    for z in (8, 10, 11, 12, 13):
        assert total(fetch(city, world.city_scope(), "heat", z)) == row["n"]
    assert not fetch(city, world.city_scope(), "heat", 14)


def test_a_thematic_line_is_a_layer_with_its_own_sensitivity(city: Database) -> None:
    inside, public = world.city_scope(1), world.city_scope(0)
    with city.store.reading(inside) as conn:
        layer = thematic.resolve(conn, inside, LAYERS, "thematic-pipe")
    lines = fetch(city, inside, "", 12, layer=layer)["lines"]
    assert {f.props["name"] for f, _ in lines} == {"中压一线"}
    with city.store.reading(public) as conn, pytest.raises(NotFound):
        thematic.resolve(conn, public, LAYERS, "thematic-pipe")


def test_regions_of_a_town_user_are_the_town(city: Database) -> None:
    found = fetch(city, world.town_scope(4), "region", 11)["areas"]
    assert {f.props["code"] for f, _ in found} == {world.CODES[4]}


def test_a_warning_for_the_city_concerns_a_town(city: Database) -> None:
    for scope in (world.city_scope(), world.town_scope(4)):
        found = fetch(city, scope, "warning", 9)["areas"]
        assert {(f.props["name"], f.props["colour"]) for f, _ in found} == {("暴雨", "orange")}


def test_a_tile_that_does_not_exist_is_not_found() -> None:
    for bad in ((3, 8, 0), (-1, 0, 0), (23, 0, 0), (2, 0, -1)):
        with pytest.raises(NotFound):
            tiles.lonlat_box(*bad)


def _plan(db: Database, scope: Scope, key: str, z: int, layer: Layer | None = None) -> str:
    """The plan of the tile in the middle of the world, as the app's role makes it for this scope."""
    cover = covering(z, (world.W + 0.02, world.S + 0.02, world.W + 0.021, world.S + 0.021))
    with db.store.scoped(scope) as conn:
        q = tiles.TileQuery(scope, layer or LAYERS[key], *cover[0], NOW)
        lines: list[str] = []
        for query, params in tiles.statements(conn, q):
            for row in conn.execute(tiles.explained(query), params):
                lines.append(str(next(iter(row.values()))))
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("key", "z", "index"),
    [
        ("camera", 9, "device_cell_center"),
        ("camera", 12, "device_cell_center"),
        ("camera", 14, "device_geom"),
        ("sensor", 16, "device_geom"),
        ("event", 15, "event_geom"),
        ("case", 15, "cases_geom"),
        ("resource", 14, "resource_geom"),
        ("grid_cell", 15, "grid_cell_geom"),
    ],
)
@pytest.mark.parametrize(
    "make", [world.city_scope, world.town_scope, lambda: world.city_scope(0, frozenset({"water"}))]
)
def test_tiles_are_read_by_place_under_row_level_security(
    crowd: Database, key: str, z: int, index: str, make: Callable[[], Scope]
) -> None:
    plan = _plan(crowd, make(), key, z)
    assert index in plan
    assert "device_kpi" not in plan, "an index of classes would be read whole for each tile"


@pytest.mark.parametrize(
    ("key", "z", "index"),
    [("camera", 13, "device_cell_center"), ("camera", 14, "device_geom"), ("sensor", 16, "device_geom")],
)
@pytest.mark.parametrize("make", [world.city_scope, world.town_scope])
def test_one_plan_for_all_close_tiles_reads_by_place(
    crowd: Database, key: str, z: int, index: str, make: Callable[[], Scope]
) -> None:
    scope = make()
    assert tiles.plan(LAYERS[key].query, z) == "generic"
    with crowd.store.reading(scope, "generic") as conn:
        query, params = tiles.statements(conn, tiles.TileQuery(scope, LAYERS[key], z, 0, 0, NOW))[0]
        text, names = direct.positional(query)
        conn.execute(b"PREPARE tile AS " + text)
        values = psql.SQL(", ").join(psql.Literal((direct.encoded(params[n]) or b"").decode()) for n in names)
        explain = psql.SQL("EXPLAIN (COSTS off) EXECUTE tile({})").format(values)
        plan = "\n".join(str(next(iter(row.values()))) for row in conn.execute(explain))
        conn.execute("DEALLOCATE tile")
    assert index in plan
    assert "$1" in plan, "the plan was made for these values"


def _multiply(conn: Any) -> None:
    """Enough rows over a wide area for an index to be worth it."""
    conn.execute(
        "INSERT INTO device (source, external_id, kind, class, name, geom, h3_10, region_id)"
        " SELECT 'many', i::text, 'camera', CASE WHEN mod(i, 2) = 0 THEN 'camera' ELSE 'sensor' END, 'x',"
        " ST_SetSRID(ST_MakePoint(111.5 + mod(i, 300) * 0.002, 21.8 + (i / 300) * 0.002), 4326), 622054503296565247, 4"
        " FROM generate_series(1, 30000) i"
    )
    conn.execute(
        "INSERT INTO device_cell (res, cell, class, kind, region_id, total, center)"
        " SELECT r, i, 'camera', 'camera', 4, 1,"
        " ST_SetSRID(ST_MakePoint(110 + mod(i, 300) * 0.01, 20 + (i / 300) * 0.01), 4326)"
        " FROM generate_series(1, 30000) i, generate_series(7, 8) r"
    )
    conn.execute(
        "CREATE TEMP TABLE spot AS SELECT i, ST_SetSRID(ST_MakePoint(111.5 + mod(i, 200) * 0.002,"
        " 21.8 + (i / 200) * 0.002), 4326) AS geom FROM generate_series(1, 20000) i"
    )
    conn.execute(
        "INSERT INTO event (source, source_id, title, geom, region_id, occurred_at, received_at)"
        " SELECT 'many', i::text, 'x', geom, 4, %s, %s FROM spot",
        (NOW, NOW),
    )
    conn.execute(
        "INSERT INTO cases (number, source, source_id, flow, stage, title, geom, region_id, opened_at)"
        " SELECT 'm' || i, 'many', i::text, 'grid', 'a', 'x', geom, 4, %s FROM spot",
        (NOW,),
    )
    conn.execute(
        "INSERT INTO resource (source, external_id, kind, name, geom, region_id)"
        " SELECT 'many', i::text, 'x', 'x', geom, 4 FROM spot"
    )
    conn.execute(
        "INSERT INTO grid_cell (source, code, kind, name, geom, region_id)"
        " SELECT 'many', i::text, 'unit', 'x', ST_Multi(ST_Buffer(geom, 0.001, 1)), 4 FROM spot"
    )
    conn.execute("ANALYZE")
