"""Alarms on a real PostGIS: a river through its levels, delays over restarts, floods, and exactly one at a time."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import threading

import pytest

from ioc.clock import FixedClock
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import alarm_read, alarm_settings, stewards
from ioc.store.alarm_read import Filter
from tests.conftest import NOW, Database
from tests.store.alarm_world import RIVER, AlarmWorld

pytestmark = pytest.mark.store
VILLAGE, TOWN, COUNTY = "331101100201", "331101100000", "331101000000"
START = NOW - dt.timedelta(hours=3)


@pytest.fixture
def world(db: Database, settings: Settings, clock: FixedClock) -> AlarmWorld:
    return AlarmWorld(db, settings, clock)


def listed(world: AlarmWorld, **asked: object) -> list[dict[str, object]]:
    with world.db.store.reading(SYSTEM) as conn:
        rows, _ = alarm_read.listed(conn, SYSTEM, Filter(**asked), world.clock.now(), 500)  # type: ignore[arg-type]
    return rows


# Rising through 警戒 5.00 and 保证 6.00 with noise, a gap, falling again. Hysteresis 0.1 m, off-delay 10 min.
LEVELS: list[tuple[float, float | None]] = [
    (0, 4.60), (5, 4.80), (10, 4.97), (15, 5.02), (20, 4.98), (25, 5.03), (30, 5.40), (35, None), (40, 5.80),
    (45, 6.01), (50, 5.97), (55, 6.05),
    # a gap of half an hour: the last value holds
    (85, 6.10), (90, 5.95), (95, 5.85), (100, 5.88), (105, 5.86), (110, 5.50), (115, 5.05), (120, 4.95),
    (125, 4.88), (130, 4.92), (135, 4.85), (140, 4.80), (145, 4.70),
]  # fmt: skip
EXPECTED = [
    ("river_warning", "raise", 15.0),  # at 5.02; 4.98 is within the hysteresis
    ("river_guarantee", "raise", 45.0),
    ("river_guarantee", "clear", 105.0),  # back from 95 on (5.85 <= 5.90), ten minutes later it counts
    ("river_warning", "clear", 135.0),  # 4.88 at 125; 4.92 is not beyond, so the clearing goes on
]


def test_a_river_through_its_levels(world: AlarmWorld) -> None:
    world.device("上村水位站", "water_level", attributes=RIVER)
    world.steward("river_chief", "县河长", COUNTY)
    world.steward("river_chief", "村河长", VILLAGE)
    for minute, value in LEVELS:
        world.clock.at = START + dt.timedelta(minutes=minute, seconds=20)
        if minute == 40:  # 40 comes late, after 45 has been judged
            continue
        world.send("上村水位站", "water_level", [(minute, value)], START)
        if minute == 45:
            world.send("上村水位站", "water_level", [(40, 5.80), (45, 6.01), (30, 5.40)], START)
        if minute == 60:
            world.timer.turn()
    world.timer.turn()
    assert world.transitions(START) == EXPECTED
    told = world.rows("SELECT to_ref, kind, about, phone FROM notice ORDER BY notice_id")
    assert [(n["to_ref"], n["kind"]) for n in told] == [
        ("村河长", "alarm.raised"),
        ("村河长", "alarm.raised"),
        ("村河长", "alarm.cleared"),
        ("村河长", "alarm.cleared"),
    ], "the nearest chief, once a transition"
    assert told[0]["phone"] == "138****1234"
    late = world.rows("SELECT rule_key, given FROM alarm_journal WHERE entry = 'late'")
    assert [(r["rule_key"], r["given"]["value"]) for r in late] == [("river_warning", 5.8)]
    states = world.rows("SELECT state, ended_at FROM alarm ORDER BY alarm_id")
    assert [(s["state"], s["ended_at"]) for s in states] == [("rtn_unack", None)] * 2, "nobody has acknowledged"
    feed = world.rows("SELECT payload, permission FROM outbox WHERE topic = 'alarm' ORDER BY outbox_id")
    assert [f["payload"]["state"] for f in feed] == ["unack", "unack", "rtn_unack", "rtn_unack"]
    assert {f["permission"] for f in feed} == {"alarm.view"}


@pytest.mark.parametrize("seed", range(6))
def test_the_same_however_it_arrives(world: AlarmWorld, seed: int) -> None:
    """In one batch, in batches of any size, with duplicates, shuffled inside each batch: the same transitions."""
    world.device("w", "water_level", attributes=RIVER)
    rng = random.Random(seed)
    todo = list(LEVELS)
    world.clock.at = NOW
    while todo:
        size = rng.randint(1, len(todo))
        batch, todo = todo[:size], todo[size:]
        again = rng.sample(LEVELS[: len(LEVELS) - len(todo)], 3) if len(LEVELS) - len(todo) > 3 else []
        mixed = [*batch, *again]
        rng.shuffle(mixed)
        world.send("w", "water_level", mixed, START)
        if rng.random() < 0.5:
            world.restart()
    world.timer.turn()
    assert world.transitions(START) == EXPECTED


def test_exactly_one_alarm_under_concurrent_batches(world: AlarmWorld) -> None:
    names = [f"g{i}" for i in range(8)]
    for name in names:
        world.device(name, "gas")
    readings = [
        Reading(name, "gas_lel", 60.0 if (m // 3 + i) % 2 else 1.0, (START + dt.timedelta(minutes=m)).isoformat())
        for i, name in enumerate(names)
        for m in range(60)
    ]
    faults: list[Exception] = []

    def deliver(seed: int) -> None:
        rng = random.Random(seed)
        mine = readings[:]
        rng.shuffle(mine)
        intake = ObservationIntake(world.db.store, world.settings, world.clock, "t")
        try:
            for at in range(0, len(mine), 60):
                intake.submit(mine[at : at + 60])
        except Exception as e:  # noqa: BLE001 - told by the assertion below
            faults.append(e)

    threads = [threading.Thread(target=deliver, args=(s,)) for s in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not faults
    open_ = world.rows("SELECT rule_key, datastream_id, count(*) AS n FROM alarm WHERE ended_at IS NULL GROUP BY 1, 2")
    assert open_
    assert {r["n"] for r in open_} == {1}
    lines = world.rows(
        "SELECT rule_key, datastream_id, array_agg(entry ORDER BY at, journal_id) AS e FROM alarm_journal"
        " WHERE entry IN ('raise', 'realarm', 'clear') GROUP BY 1, 2"
    )
    for line in lines:  # a raise and a return take turns, whatever came when
        kinds = ["raise" if e in ("raise", "realarm") else e for e in line["e"]]
        assert all(a != b for a, b in itertools.pairwise(kinds)), line


def test_a_delay_survives_a_restart(world: AlarmWorld) -> None:
    world.device("y", "water_logging")
    world.one("y", "water_depth", 0.40)
    assert world.rows("SELECT phase FROM alarm_state") == [{"phase": "pending"}]
    began = world.clock.now()
    world.clock.advance(30)
    world.restart()
    assert world.timer.turn() == 0
    world.clock.advance(31)
    world.restart()
    assert world.timer.turn() == 1
    assert world.transitions(began) == [("water_depth", "raise", 1.0)], "at its own time, not when it was looked at"
    assert world.timer.turn() == 0


def test_a_short_spike_raises_nothing(world: AlarmWorld) -> None:
    world.device("y", "water_logging")
    world.one("y", "water_depth", 0.40)
    world.clock.advance(40)
    world.one("y", "water_depth", 0.10)
    world.clock.advance(600)
    world.timer.turn()
    assert world.rows("SELECT 1 FROM alarm") == []
    assert world.rows("SELECT 1 FROM alarm_state") == []


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({}, "no_limit"),
        ({"警戒水位": 5.0}, "no_datum"),
        ({"警戒水位": 5.0, "高程基准": "珠基", "特征水位基准": "85基准"}, "datum_mismatch"),
    ],
)
def test_a_station_without_a_comparable_limit_has_no_alarm(
    world: AlarmWorld, attributes: dict[str, object], why: str
) -> None:
    from ioc.alarms.settings import RuleSettings

    world.device("w", "water_level", attributes=attributes)
    world.one("w", "water_level", 9.0)
    assert world.rows("SELECT 1 FROM alarm WHERE rule_key = 'river_warning'") == []
    found = RuleSettings(world.db.store, world.clock).unset(SYSTEM, "river_warning")
    assert [(u["device"], u["why"]) for u in found] == [("w", why)]


def test_settings_hold_from_the_next_batch_and_the_most_specific_wins(world: AlarmWorld) -> None:
    near = world.device("near", "rain")
    world.device("far", "rain", region="331101101000")
    with world.db.store.scoped(SYSTEM) as conn:
        alarm_settings.put(conn, "rain_hour", "region", str(world.regions[TOWN]), {"high": 20.0}, (None, None),
                           ("a", "a"), NOW)  # fmt: skip
    world.one("near", "rain_1h", 25.0)
    world.one("far", "rain_1h", 25.0)
    assert [r["device_id"] for r in world.rows("SELECT device_id FROM alarm")] == [near]
    with world.db.store.scoped(SYSTEM) as conn:
        alarm_settings.put(conn, "rain_hour", "device", str(near), {"enabled": False}, (None, None), ("a", "a"), NOW)
    world.timer.turn()
    assert [r["state"] for r in world.rows("SELECT state FROM alarm")] == ["rtn_unack"], "let go with its rule"
    world.clock.advance(60)
    world.one("near", "rain_1h", 60.0)
    assert [r["state"] for r in world.rows("SELECT state FROM alarm")] == ["rtn_unack"]


def test_fire_fault_and_shield_are_kept_apart(world: AlarmWorld) -> None:
    world.device("s", "smoke")
    world.one("s", "fire_fault", 1.0)
    world.clock.advance(30)
    world.timer.turn()
    world.one("s", "fire_shield", 1.0)
    world.one("s", "smoke_alarm", 1.0)
    found = {r["rule_key"]: r for r in world.rows("SELECT rule_key, state, hold, priority FROM alarm")}
    assert set(found) == {"fire_fault", "fire_shield", "smoke_fire"}
    assert found["fire_fault"]["hold"] == "suppressed", "by design, while the device is shielded"
    assert found["smoke_fire"]["hold"] == "", "an urgent alarm is never suppressed"
    world.clock.advance(60)
    world.one("s", "fire_shield", 0.0)
    assert world.rows("SELECT hold FROM alarm WHERE rule_key = 'fire_fault'") == [{"hold": ""}]
    entries = world.rows("SELECT entry FROM alarm_journal WHERE rule_key = 'fire_fault' ORDER BY journal_id")
    assert [e["entry"] for e in entries] == ["raise", "suppress", "unsuppress"]


def test_parking_is_yellow_below_a_tenth_and_red_at_none(world: AlarmWorld) -> None:
    world.device("p", "parking")
    world.send("p", "parking_total", [(0, 200)], START)
    for minute, free in ((1, 20), (2, 19), (3, 0)):
        world.clock.at = START + dt.timedelta(minutes=10 * minute)
        world.one("p", "parking_free", free)
        world.clock.advance(61)
        world.timer.turn()
        rules = {r["rule_key"] for r in world.rows("SELECT rule_key FROM alarm")}
        assert rules == {20: set(), 19: {"parking_few"}, 0: {"parking_few", "parking_none"}}[free]


def test_both_at_once_are_a_danger_of_their_own(world: AlarmWorld) -> None:
    world.device("m", "manhole")
    world.one("m", "manhole_tilt", 40.0)
    assert [r["rule_key"] for r in world.rows("SELECT rule_key FROM alarm")] == ["manhole_tilt"]
    world.one("m", "manhole_level", 3.0)
    world.clock.advance(61)
    world.timer.turn()
    rules = {r["rule_key"]: r["state"] for r in world.rows("SELECT rule_key, state FROM alarm")}
    assert rules == {"manhole_tilt": "unack", "manhole_level": "unack", "manhole_surge": "unack"}
    world.one("m", "manhole_tilt", 0.0)
    world.clock.advance(120)
    world.timer.turn()
    assert world.rows("SELECT state FROM alarm WHERE rule_key = 'manhole_surge'") == [{"state": "rtn_unack"}]


def test_rates_counts_and_stuck_values(world: AlarmWorld) -> None:
    world.device("w", "water_level", attributes=RIVER)
    with world.db.store.scoped(SYSTEM) as conn:
        alarm_settings.put(conn, "river_rise", "", "", {"enabled": True}, (None, None), ("a", "a"), NOW)
    world.send("w", "water_level", [(0, 2.0), (5, 2.02), (30, 3.2)], START)
    assert world.transitions(START) == [("river_rise", "raise", 30.0)]
    world.device("g", "gas")
    world.send("g", "gas_lel", [(5 * i, 12.0 if i % 2 else 2.0) for i in range(13)], START)
    assert ("gas_often", "raise", 55.0) in world.transitions(START), "the sixth time"
    world.device("l", "water_logging")
    first = NOW - dt.timedelta(days=2)
    world.send("w", "water_level", [(60 * i, 3.0) for i in range(4, 48)], NOW - dt.timedelta(days=2))
    world.device("v", "water_level", attributes=RIVER)
    world.send("v", "water_level", [(60 * i, 3.0) for i in range(48)], first)
    stuck = world.rows("SELECT state FROM alarm WHERE rule_key = 'level_stuck'")
    assert [s["state"] for s in stuck] == ["unack"]


def test_leaving_a_declared_area(world: AlarmWorld) -> None:
    world.device("car", "sensor")
    with world.db.store.scoped(SYSTEM) as conn:
        alarm_settings.put(conn, "geofence", "kind", "sensor", {"fence": f"region:{TOWN}"}, (None, None), ("a", "a"),
                           NOW)  # fmt: skip

    def at(minute: int, lon: float) -> None:
        time = (START + dt.timedelta(minutes=minute)).isoformat()
        world.intake.submit([Reading("car", "position_lon", lon, time), Reading("car", "position_lat", 28.2, time)])

    at(0, 120.1)
    at(1, 120.3)
    at(2, 120.1)
    assert world.transitions(START) == [("geofence", "raise", 1.0), ("geofence", "clear", 2.0)]


def test_a_flood_is_three_rows_and_the_gas_alarm_is_first(world: AlarmWorld) -> None:
    """Three gateways: one silent itself, one without values of its own, one that still speaks."""
    gateways = [world.device(f"网关{i}", "gateway", **{"class": "gateway"}) for i in range(3)]
    kinds = ("manhole", "lamp", "bin", "noise")
    props = ("battery", "battery", "battery", "noise")
    readings: list[Reading] = []
    for g, gateway in enumerate(gateways):
        for n in range(40):
            world.device(f"s{g}-{n}", kinds[n % 4], gateway_id=gateway)
            readings.append(Reading(f"s{g}-{n}", props[n % 4], 50.0, world.clock.now().isoformat()))
    readings.append(Reading("网关0", "signal", -70.0, world.clock.now().isoformat()))
    world.intake.submit(readings)
    world.device("燃气1", "gas")
    world.clock.advance(1000)
    world.timer.turn()
    world.one("燃气1", "gas_lel", 60.0)
    world.timer.turn()
    rows = listed(world)
    assert [r["type"] for r in rows].count("alarm_group") == 3
    assert (rows[0]["type"], rows[0]["rule"]["key"]) == ("alarm", "gas_high")  # type: ignore[index]
    groups = {r["gateway"]: r for r in rows if r["type"] == "alarm_group"}
    assert [groups[f"网关{g}"]["count"] for g in range(3)] == [40, 40, 40]
    causes = {k: g["cause"]["code"] for k, g in groups.items()}  # type: ignore[index]
    assert causes == {"网关0": "gateway_silent", "网关1": "", "网关2": ""}
    assert "原因未明" in groups["网关1"]["title"]["zh"]  # type: ignore[index]
    alone = [r for r in rows if r["type"] == "alarm"]
    assert {r["rule"]["key"] for r in alone} == {"gas_high", "device_missing"}  # type: ignore[index]
    assert len([r for r in alone if r["rule"]["key"] == "device_missing"]) == 1, "the silent gateway itself"  # type: ignore[index]
    told = world.rows("SELECT count(*) AS n FROM outbox WHERE topic = 'alarm'")
    assert told[0]["n"] < 20, "a flood is told as groups, not one by one"
    world.clock.advance(10)
    world.intake.submit([Reading(r.device, r.property, 51.0, world.clock.now().isoformat()) for r in readings])
    world.timer.turn()
    world.timer.turn()
    with world.db.owner() as conn:
        conn.execute("UPDATE alarm SET state = 'normal', ended_at = %s WHERE rule_key = 'device_missing'", (NOW,))
    world.timer.turn()
    assert world.rows("SELECT 1 FROM alarm_group WHERE closed_at IS NULL") == []


def test_ten_in_ten_minutes_stand_alone_and_the_eleventh_makes_a_flood(world: AlarmWorld) -> None:
    for n in range(11):
        world.device(f"m{n}", "manhole")
    for n in range(10):
        world.one(f"m{n}", "manhole_level", 3.0)
    world.clock.advance(61)
    world.timer.turn()
    assert [r["type"] for r in listed(world)] == ["alarm"] * 10
    world.one("m10", "manhole_level", 3.0)
    world.clock.advance(61)
    world.timer.turn()
    rows = listed(world)
    assert [(r["type"], r["count"]) for r in rows] == [("alarm_group", 11)]
    assert rows[0]["title"]["zh"].startswith("古埠镇 井盖：11 条告警")  # type: ignore[index]
    gone = world.rows("SELECT count(*) AS n FROM outbox WHERE topic = 'alarm' AND op = 'remove'")
    assert gone == [{"n": 10}], "lists let go of what they had"


def test_without_a_receipt_the_next_is_told_once(world: AlarmWorld) -> None:
    world.device("w", "water_level", attributes=RIVER)
    world.steward("river_chief", "村河长", VILLAGE, login="hz")
    world.one("w", "water_level", 5.5)
    for _ in range(5):
        world.clock.advance(601)
        world.timer.turn()
        world.timer.turn()
    told = world.rows("SELECT to_kind, to_ref FROM notice ORDER BY notice_id")
    assert [(n["to_kind"], n["to_ref"]) for n in told] == [
        ("account", "hz"), ("role", "officer"), ("role", "chief")
    ]  # fmt: skip
    lines = world.rows("SELECT entry, given FROM alarm_journal WHERE entry IN ('notify', 'escalate') ORDER BY 1 DESC")
    assert [(line["entry"], line["given"]["step"]) for line in lines] == [
        ("notify", "steward"), ("escalate", "officer"), ("escalate", "chief")
    ]  # fmt: skip


def test_a_receipt_ends_the_escalation(world: AlarmWorld) -> None:
    world.device("w", "water_level", attributes=RIVER)
    world.steward("river_chief", "村河长", VILLAGE, login="hz")
    world.one("w", "water_level", 5.5)
    with world.db.owner() as conn:
        conn.execute("UPDATE notice SET read_at = %s, read_by = 'hz'", (world.clock.now(),))
    world.clock.advance(601)
    world.timer.turn()
    assert len(world.rows("SELECT 1 FROM notice")) == 1
    assert world.rows("SELECT notify_due FROM alarm") == [{"notify_due": None}]


def test_who_is_responsible(world: AlarmWorld) -> None:
    device = world.device("w", "water_level")
    world.steward("river_chief", "县河长", COUNTY)
    world.steward("grid_officer", "村网格员", VILLAGE)
    world.steward("grid_officer", "镇网格员", TOWN)
    with world.db.store.reading(SYSTEM) as conn:
        found = stewards.responsible(conn, device, ("river_chief", "grid_officer"))
    assert [p["name"] for p in found] == ["县河长", "村网格员"]


def test_scope(world: AlarmWorld) -> None:
    world.device("near", "gas")
    world.device("far", "gas", region="331101101000")
    world.one("near", "gas_lel", 60.0)
    world.one("far", "gas_lel", 60.0)
    near = Scope("t", frozenset({"alarm.view"}), region_ids=frozenset({world.regions[VILLAGE]}), departments=None)
    with world.db.store.reading(near) as conn:
        rows, total = alarm_read.listed(conn, near, Filter(), NOW, 10)
        counts = alarm_read.counts(conn, near, None, NOW)
    assert {r["device"]["name"] for r in rows} == {"near"}
    assert (total, counts["total"]) == (1, 1)


def test_the_load_of_the_desk(world: AlarmWorld) -> None:
    from ioc.store.kpi_alarms import alarm_load
    from ioc.store.kpi_rollup import Ask, Audience

    for n in range(3):
        world.device(f"g{n}", "gas")
        world.one(f"g{n}", "gas_lel", 60.0)
    world.clock.advance(1800)
    world.device("g9", "gas")
    world.one("g9", "gas_lel", 60.0)
    ask = Ask(world.clock.now(), world.settings.tz, [Audience("*|2", None, 2)])
    with world.db.store.scoped(SYSTEM) as conn:
        (reading,) = alarm_load(conn, ask, {}).values()
    assert (reading.value, reading.numerator, reading.state) == (1.0, 1.0, "ok")
    assert reading.note is not None
    assert reading.note.zh == "峰值 3 · 1 人在席"
    assert reading.series[-1] == pytest.approx(4 / 6)


def test_over_and_raised_anew_in_one_batch(world: AlarmWorld) -> None:
    """A suppressed alarm ends with its condition; the next one of the batch is a new alarm, never a second open."""
    world.device("g", "gas")
    world.send("g", "gas_lel", [(0, 60.0)], START)
    world.send("g", "gas_lel", [(1, 30.0), (2, 60.0), (3, 60.0), (6, 1.0), (8, 1.0), (10, 60.0), (12, 60.0)], START)
    rows = world.rows("SELECT rule_key, count(*) AS n, count(*) FILTER (WHERE ended_at IS NULL) AS open FROM alarm"
                      " GROUP BY 1 ORDER BY 1")  # fmt: skip
    assert {r["rule_key"]: r["open"] for r in rows} == {"gas_high": 1, "gas_low": 1}
    world.send("g", "gas_lel", [(14, 1.0), (16, 1.0), (18, 60.0), (20, 60.0)], START)
    rows = world.rows("SELECT rule_key, count(*) AS open FROM alarm WHERE ended_at IS NULL GROUP BY 1 ORDER BY 1")
    assert [(r["rule_key"], r["open"]) for r in rows] == [("gas_high", 1), ("gas_low", 1)]
