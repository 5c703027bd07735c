"""The generator itself, without a database: counts as promised, one seed one city, believable values."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import struct
from collections import Counter
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely

from data_sources._demo import binary, casework, grids, rows
from data_sources._demo.fleet import CAMERA, GATEWAY, KIND_NAMES, SENSOR, Fleet, Gates, build_fleet
from data_sources._demo.hashing import bell, uniform
from data_sources._demo.kinds import KINDS, limits
from data_sources._demo.load import make_city
from data_sources._demo.places import ground_of
from data_sources._demo.scale import scale_of, small
from data_sources._demo.series import Series
from data_sources._demo.sources import Systems
from data_sources._demo.stories import FLOWS
from data_sources._demo.work import City, observation_rows, tasks
from ioc.dictionaries import shipped
from ioc.flows import flows
from ioc.settings import Settings
from tests.demo_city import packs, place

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC).timestamp()
TZ = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """The default demo of the larger pack, as arrays."""
    return build("yangjiang", 1, tmp_path_factory)


def build(key: str, seed: int, tmp: pytest.TempPathFactory, **scale: int) -> City:
    pack, data = packs().packs[key], place(key)
    ground = ground_of(data)
    size = scale_of(pack.demo, **scale)
    ids = {r.code: i + 1 for i, r in enumerate(data.regions)}
    settings = Settings(data_dir=tmp.mktemp("data"))
    return make_city(pack, data, ground, Systems(ground, size.sources), ids, size, seed, settings, NOW, (1, 1))


def test_default_scale_has_the_promised_counts(city: City) -> None:
    kinds = Counter(city.fleet.klass.tolist())
    assert kinds[CAMERA] == 50_000
    assert kinds[SENSOR] == 20_000
    assert kinds[GATEWAY] == 400
    assert len(city.frame.systems.rows()) == 38
    assert sum(s.silent for s in city.frame.systems.rows()) == 2
    demo = packs().packs["yangjiang"].demo
    assert (demo["resources"], demo["cells"], demo["events_per_day"]) == (412, 1846, 300)


def test_every_sensor_of_the_issue_is_there(city: City) -> None:
    found = {KIND_NAMES[k] for k in np.unique(city.fleet.kind).tolist()}
    wanted = (
        "water_level rain air noise water_quality manhole smoke gas lamp bin parking crowd camera eagle_eye gateway"
    )
    assert set(wanted.split()) <= found
    table = shipped()["device_kind"]
    assert all(table.find(kind) is not None for kind in found)


def test_a_day_at_five_minutes_is_288_values_for_each_sensor(city: City) -> None:
    online = (city.series.off_since == 0) & (city.series.back_at == 0) & ~city.series.hourly
    count: Counter[int] = Counter()
    for stream, at in observation_rows(city, 0, 2000):
        assert (at <= NOW).all()
        assert (at > NOW - 24 * 3600 - 1).all()
        count.update(stream.tolist())
    for s in range(2000):
        if online[s]:
            assert count[s] == 288
    every_step = int((~city.series.hourly).sum()) * 288
    assert every_step == 5_760_000


def test_an_outage_leaves_a_hole_in_the_values(city: City) -> None:
    s = int(np.flatnonzero((city.series.back_at > 0) & ~city.series.hourly)[0])
    at = np.concatenate([t for _, t in observation_rows(city, s, s + 1)])
    gone, back = int(city.series.gone_at[s]), int(city.series.back_at[s])
    assert 0 < gone < back < NOW
    assert not ((at > gone) & (at <= back)).any()
    assert (at < gone).any()
    assert (at > back).any()


def test_online_rates_follow_the_promise(city: City) -> None:
    f = city.fleet
    cameras = f.klass == CAMERA
    assert (f.off_since[cameras] > 0).mean() == pytest.approx(0.024)
    assert (f.off_since[f.klass == SENSOR] > 0).mean() == pytest.approx(0.047, abs=0.003)


def test_everything_stands_in_its_village(city: City) -> None:
    import shapely

    g, f = city.frame.ground, city.fleet
    for v in range(0, len(g.villages), 37):
        mine = f.village == v
        shape = shapely.from_wkb(g.villages[v].geom).buffer(2e-6)
        assert shapely.contains_xy(shape, f.lon[mine], f.lat[mine]).all()


def test_cameras_cluster_where_people_live(city: City) -> None:
    """The denser half of the villages by people holds far more than its share of the area."""
    g, f = city.frame.ground, city.fleet
    area = np.array([s.area for s in g.shapes])
    density = g.weights / area
    dense = np.argsort(-density)[: len(density) // 4]
    cameras = f.klass == CAMERA
    share = np.isin(f.village[cameras], dense).mean()
    assert share > 0.5
    assert area[dense].sum() / area.sum() < 0.12


def test_devices_are_in_order_of_their_cells(city: City) -> None:
    assert (np.diff(city.fleet.h3_10) >= 0).all()


def test_national_ids_are_valid_and_unique(city: City) -> None:
    f, frame = city.fleet, city.frame
    chosen = np.flatnonzero(f.klass == CAMERA)
    ids = [rows._national(frame, int(f.village[i]), int(f.kind[i]), int(f.serial[i])) for i in chosen.tolist()]
    assert len(set(ids)) == 50_000
    shape = re.compile(r"^4417(02|04|21|81)\d{2}(00|01|05|08|40)(131|132|121)\d\d{6}$")
    assert all(shape.match(i) and len(i) == 20 for i in ids)


def digest(city: City, lo: int, hi: int) -> str:
    mark = hashlib.sha256()
    for line in rows.device_lines(city.fleet, city.frame, city.exceeded, lo, hi):
        mark.update(line.encode())
    for line in rows.stream_lines(city.fleet, city.frame, city.series):
        mark.update(line.encode())
    for stream, at in observation_rows(city, 0, 50):
        value, quality = city.series.values(stream, at)
        mark.update(value.tobytes() + quality.tobytes() + at.tobytes())
    return mark.hexdigest()


def test_one_seed_gives_the_same_rows(tmp_path_factory: pytest.TempPathFactory) -> None:
    a, b = (build("yuntan", 5, tmp_path_factory) for _ in range(2))
    assert digest(a, 0, a.fleet.size) == digest(b, 0, b.fleet.size)
    other = build("yuntan", 6, tmp_path_factory)
    assert digest(a, 0, a.fleet.size) != digest(other, 0, other.fleet.size)


def test_tasks_cover_everything_once(city: City) -> None:
    for what, total in (("device", city.fleet.size), ("observation", city.series.streams)):
        parts = [t for t in tasks(city) if t.what == what]
        assert [t.lo for t in parts] == [0, *(t.hi for t in parts[:-1])]
        assert parts[-1].hi == total


def test_asked_for_devices_keep_the_share_of_sensors() -> None:
    scale = scale_of(packs().packs["yangjiang"].demo, devices=200_000)
    assert scale.cameras + scale.sensors == 200_000
    assert scale.sensors / 200_000 == pytest.approx(2 / 7, abs=0.001)
    assert small(scale).devices < 1000


# ---------------------------------------------------------------- values


def test_values_are_the_same_whoever_asks(city: City) -> None:
    stream = np.arange(0, 3000)
    at = np.full(3000, NOW - 4321.0)
    together, _ = city.series.values(stream, at)
    alone, _ = city.series.values(stream[70:71], at[70:71])
    assert np.array_equal(together[70:71], alone, equal_nan=True)


def test_values_stay_plausible_and_seldom_pass_their_limits(city: City) -> None:
    stream = np.arange(city.series.streams)
    for hours_ago in (0, 6, 12, 18):
        value, quality = city.series.values(stream, np.full(len(stream), NOW - hours_ago * 3600))
        good = quality == 0
        assert (value[good] >= city.series.low[good]).all()
        assert (value[good] <= city.series.high[good]).all()
        assert 0.0005 < city.series.exceeded(stream, value, quality).mean() < 0.02
        assert np.isnan(value[~good]).all()


def test_lamps_burn_at_night_and_crowds_come_by_day(city: City) -> None:
    from data_sources._demo.fleet import READINGS

    props = np.array([READINGS[r].property for r in city.fleet.stream_reading.tolist()])
    lamps, crowd = np.flatnonzero(props == "lamp_power"), np.flatnonzero(props == "crowd")
    noon = dt.datetime(2026, 10, 3, 12, tzinfo=TZ).timestamp()
    night = dt.datetime(2026, 10, 3, 3, tzinfo=TZ).timestamp()

    def mean(stream: np.ndarray, at: float) -> float:
        return float(np.nanmean(city.series.values(stream, np.full(len(stream), at))[0]))

    assert mean(lamps, noon) == 0
    assert mean(lamps, night) > 80
    assert mean(crowd, noon) > 3 * mean(crowd, night)


def test_island_gates_add_up_to_the_people_on_it(city: City) -> None:
    gates = np.flatnonzero(city.series.gate)
    assert len(gates) == 6
    afternoon = dt.datetime(2026, 10, 3, 15, tzinfo=TZ).timestamp()
    value, _ = city.series.values(gates, np.full(6, afternoon))
    assert 38_000 < value.sum() < 44_000
    assert all("4417H1" in city.frame.ground.zones[v] for v in city.fleet.village[city.fleet.gate].tolist())


def test_counter_based_numbers_are_what_they_say() -> None:
    u, b = uniform(1, 2, np.arange(20_000)), bell(1, 3, np.arange(20_000))
    assert 0 <= u.min() < u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=0.01)
    assert (b.mean(), b.std()) == (pytest.approx(0, abs=0.03), pytest.approx(1, abs=0.03))
    assert not np.array_equal(u, uniform(2, 2, np.arange(20_000)))


def test_properties_of_the_demo_are_in_the_code_table() -> None:
    for kind in KINDS:
        for reading in kind.readings:
            known = limits(reading.property)
            assert known.low <= reading.level <= known.high


def test_fleet_grows_to_any_size(tmp_path_factory: pytest.TempPathFactory) -> None:
    big = build("yuntan", 1, tmp_path_factory, devices=30_000)
    assert big.fleet.size == 30_000 + big.fleet.klass.tolist().count(GATEWAY)
    assert len(np.unique(big.fleet.serial[big.fleet.village == 0])) == int((big.fleet.village == 0).sum())


def test_gates_need_their_zone() -> None:
    ground = ground_of(place("yuntan"))
    scale = scale_of(packs().packs["yuntan"].demo)
    fleet: Fleet = build_fleet(ground, scale, 1, NOW, Gates("nowhere", "x", 4, 100), {})
    assert not fleet.gate.any()
    assert not Series(fleet, 1, TZ, NOW).gate.any()


# ---------------------------------------------------------------- events and cases


@pytest.fixture(scope="module")
def work(city: City) -> list[casework.Work]:
    s = casework.Setting(city.frame.ground, city.frame.systems, TZ, NOW, 1)
    return casework.build_work(s, 30, 300, packs().packs["yangjiang"].demo["highlights"])


def test_thirty_days_at_about_three_hundred_a_day(work: list[casework.Work]) -> None:
    days = Counter(dt.datetime.fromtimestamp(w.opened, TZ).date() for w in work)
    assert len(days) == 30
    full = [n for d, n in days.items() if d != dt.date(2026, 10, 3)]
    assert 220 < min(full) < max(full) < 380
    assert 270 < sum(full) / len(full) < 320
    hours = Counter(dt.datetime.fromtimestamp(w.opened, TZ).hour for w in work)
    assert hours[9] > 4 * hours[3]
    assert all(w.occurred <= w.opened <= NOW for w in work)


def test_cases_follow_their_flow(work: list[casework.Work]) -> None:
    declared = flows()
    for w in work:
        if not w.flow:
            continue
        stages = [k for k, _ in declared[w.flow].stages]
        passed = [s["stage"] for s in w.stages]
        assert passed == stages[: len(passed)]
        assert passed[-1] == w.stage
        assert (w.closed is not None) == (w.stage == declared[w.flow].closed)
        times = [s["entered_at"] for s in w.stages]
        assert times == sorted(times)
        assert w.responded is None or w.opened <= w.responded <= NOW


def test_about_nineteen_of_twenty_are_on_time(work: list[casework.Work]) -> None:
    closed = [w for w in work if w.flow and w.closed]
    assert sum(bool(w.on_time) for w in closed) / len(closed) == pytest.approx(0.955, abs=0.015)


def test_the_newest_routine_reports_wait_to_be_accepted(work: list[casework.Work]) -> None:
    wait = [w for w in work if not w.flow and w.closed is None and not w.suspected]
    assert casework.waiting(300) == 15
    assert 15 <= len(wait) <= 25
    assert all(not w.stages and w.due is None and w.on_time is None for w in wait)
    assert sum(w.urgency == "routine" and NOW - w.opened < 4 * 3600 for w in wait) >= 15


@pytest.mark.parametrize(("key", "total", "special"), [("yangjiang", 1846, 37), ("yuntan", 42, 1)])
def test_grid_cells_of_three_kinds(key: str, total: int, special: int) -> None:
    data = place(key)
    ground = ground_of(data)
    cells = grids.all_cells(data, ground, 1)
    kinds = Counter(c.kind for c in cells)
    assert len(cells) == total
    assert kinds["special"] == special
    assert 4 * (kinds["unit"] + special) == pytest.approx(kinds["general"], abs=4)
    assert len({(c.kind, c.code) for c in cells}) == len(cells)
    unit = [c.shape for c in cells if c.kind == "unit"]
    assert sum(u.area for u in unit) == pytest.approx(shapely.union_all(unit).area, rel=1e-6), "no overlap"
    square = grids.UNIT_M**2 / 111_320**2 / np.cos(np.radians(ground.centres[:, 1].mean()))
    assert np.median([u.area for u in unit]) == pytest.approx(square, rel=0.02)
    assert all(c.shape.is_valid and not c.shape.is_empty for c in cells)
    again = grids.all_cells(data, ground, 1)
    assert [shapely.to_wkb(c.shape) for c in again] == [shapely.to_wkb(c.shape) for c in cells]


def test_few_are_critical_and_two_incidents_are_open(work: list[casework.Work]) -> None:
    open_ = [w for w in work if w.flow and w.closed is None]
    urgency = Counter(w.urgency for w in open_ if w.flow != "incident")
    assert urgency["critical"] <= 3
    assert 3 <= urgency["urgent"] <= 15
    assert 300 < len(open_) < 900
    # their levels are told by the acts of the pack, after they are opened
    incidents = [(w.stage, w.level) for w in open_ if w.flow == "incident"]
    assert incidents == [("received", None)] * 2


def test_numbers_are_unique_and_titles_varied(work: list[casework.Work]) -> None:
    assert len({w.number for w in work}) == len(work)
    assert len({w.title for w in work}) > 40
    assert any(re.fullmatch(r"SJ20261003-\d{4}", w.number) for w in work)
    assert any(re.fullmatch(r"GD20261003\d{6}", w.number) for w in work)


def test_stages_and_categories_are_those_of_the_code_tables() -> None:
    for f in FLOWS:
        assert set(f.stages) <= {k for k, _ in flows()[f.key].stages}
        for story in f.stories:
            assert shipped()[f"category.{story.scheme}"].find(story.code) is not None, story.title


# ---------------------------------------------------------------- formats


def test_binary_rows_are_what_the_server_reads() -> None:
    null = np.array([False, True])
    raw = binary.rows(("int8", "float8"), (np.array([7, 8]), np.array([1.5, np.nan])), {1: null})
    assert raw[:26] == struct.pack(">hiqid", 2, 8, 7, 8, 1.5)
    assert raw[26:] == struct.pack(">hiqi", 2, 8, 8, -1)
    assert binary.pg_time(np.array([946_684_800.5]))[0] == 500_000


def test_ewkb_points() -> None:
    import shapely

    (text,) = binary.ewkb_points(np.array([111.98]), np.array([21.86]), 4326)
    point = shapely.from_wkb(bytes.fromhex(text))
    assert (point.x, point.y, shapely.get_srid(point)) == (111.98, 21.86, 4326)
