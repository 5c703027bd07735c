"""Alarm rules without a store: delays, the life of an alarm, limits with their datum, parameters and hours."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.alarm_rules import alarm_rules
from ioc.alarms import judge, life, params
from ioc.alarms.bind import Bound, Override, Stream, Unset, bind, datum_key, number
from ioc.alarms.phase import NORMAL, Change, Delays, Phase, elapse, observe
from ioc.dictionaries import shipped
from ioc.errors import Conflict, Invalid, IocError

T0 = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
TZ = ZoneInfo("Asia/Shanghai")
SERIES = st.lists(st.tuples(st.integers(1, 900), st.sampled_from("bnx")), min_size=1, max_size=40)  # gap s, verdict
DELAYS = st.tuples(st.sampled_from([0, 60, 600]), st.sampled_from([0, 60, 600]))


def walk(series: list[tuple[int, str]], delays: Delays, look_every_s: int = 0) -> list[Change]:
    """b beyond, n back, x between. `look_every_s`: a timer looks in between, too."""
    at, phase, out = T0, NORMAL, []
    for gap, verdict in series:
        then = at + dt.timedelta(seconds=gap)
        if look_every_s:
            look = at
            while look < then:
                phase, changes = elapse(phase, look, delays)
                out += changes
                look += dt.timedelta(seconds=look_every_s)
        at = then
        phase, changes = observe(phase, verdict == "b", verdict == "n", at, 1.0, delays)
        out += changes
    phase, changes = elapse(phase, at + dt.timedelta(days=1), delays)
    return [*out, *changes]


@given(SERIES, DELAYS, st.integers(1, 400))
def test_a_timer_that_looks_changes_nothing(series: list[tuple[int, str]], d: tuple[int, int], every: int) -> None:
    delays = Delays(dt.timedelta(seconds=d[0]), dt.timedelta(seconds=d[1]))
    assert walk(series, delays) == walk(series, delays, every)


@given(SERIES, DELAYS)
def test_raise_and_clear_take_turns_in_time(series: list[tuple[int, str]], d: tuple[int, int]) -> None:
    delays = Delays(dt.timedelta(seconds=d[0]), dt.timedelta(seconds=d[1]))
    found = walk(series, delays)
    assert [c.kind for c in found] == [("raise", "clear")[i % 2] for i in range(len(found))]
    assert [c.at for c in found] == sorted(c.at for c in found)


@given(SERIES)
def test_without_delays_it_is_the_plain_definition(series: list[tuple[int, str]]) -> None:
    """Independent: beyond raises, back clears, between keeps."""
    up, at, expected = False, T0, []
    for gap, verdict in series:
        at += dt.timedelta(seconds=gap)
        if (verdict == "b" and not up) or (verdict == "n" and up):
            up = not up
            expected.append(("raise" if up else "clear", at))
    assert [(c.kind, c.at) for c in walk(series, Delays())] == expected


def test_nothing_is_beyond_and_back_at_once() -> None:
    with pytest.raises(ValueError, match="beyond and back"):
        observe(Phase(), True, True, T0, 1.0, Delays())


# ---------------------------------------------------------------- life

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["raise", "clear", "ack", "shelve", "unshelve", "suppress", "unsuppress", "stop", "go", "again", "false"]
        ),
        st.integers(0, 300),
    ),
    max_size=25,
)


def act(alarm: life.Alarm, step: str, n: int, at: dt.datetime) -> life.Alarm:
    match step:
        case "raise":
            return life.raised_again(alarm, at)
        case "clear":
            return life.cleared(alarm, at)
        case "ack":
            return life.acknowledged(alarm, "李", at)
        case "shelve":
            return life.shelved(alarm, n, "检修", at)
        case "unshelve":
            return life.released(alarm, "shelved")
        case "suppress":
            return life.held(alarm, "suppressed")
        case "unsuppress":
            return life.released(alarm, "suppressed")
        case "stop":
            return life.held(alarm, "out_of_service")
        case "go":
            return life.released(alarm, "out_of_service")
        case "again":
            return life.reannounced(alarm, at)
        case _:
            return life.false(alarm, "sensor", at)


@given(STEPS, st.sampled_from(params.PRIORITIES))
@settings(max_examples=300)
def test_no_illegal_state_whatever_happens(steps: list[tuple[str, int]], priority: str) -> None:
    alarm, at = life.begin(priority, T0), T0
    for step, n in steps:
        at += dt.timedelta(seconds=1 + n)
        try:
            after = act(alarm, step, n, at)
        except (Conflict, Invalid):
            continue
        if not alarm.open:
            assert after == alarm, "what is over stays as it was"
        assert (after.state == "normal") == (after.ended_at is not None)
        assert not (priority == "urgent" and after.hold in ("shelved", "suppressed"))
        assert (after.hold_until is not None) == (after.hold == "shelved")
        if after.hold == "shelved" and alarm.hold != "shelved":
            assert after.hold_until is not None
            assert after.hold_until - at <= life.SHELF_MAX
        assert (after.state == "acked") <= bool(after.acked_by)
        assert after.realarms >= alarm.realarms
        if after.hold:
            assert after.open
        alarm = after


def test_one_acknowledges_for_all() -> None:
    acked = life.acknowledged(life.begin("high", T0), "李嘉欣", T0)
    with pytest.raises(Conflict, match="李嘉欣 已确认"):
        life.acknowledged(acked, "王", T0)
    assert life.cleared(acked, T0).state == "normal"
    back = life.cleared(life.begin("high", T0), T0)
    assert (back.state, life.acknowledged(back, "李", T0).state) == ("rtn_unack", "normal")
    assert life.raised_again(back, T0).state == "unack"


@pytest.mark.parametrize(
    ("alarm", "minutes", "reason", "error"),
    [
        (life.begin("urgent", T0), 15, "检修", Conflict),
        (life.begin("low", T0), 241, "检修", Invalid),
        (life.begin("low", T0), 0, "检修", Invalid),
        (life.begin("low", T0), 15, "  ", Invalid),
        (life.held(life.begin("low", T0), "out_of_service"), 15, "检修", Conflict),
        (life.false(life.begin("low", T0), "test", T0), 15, "检修", Conflict),
    ],
)
def test_what_cannot_be_shelved(alarm: life.Alarm, minutes: int, reason: str, error: type[IocError]) -> None:
    with pytest.raises(error):
        life.shelved(alarm, minutes, reason, T0)


# ---------------------------------------------------------------- limits


def stream(**more: Any) -> Stream:
    given_: dict[str, Any] = {"attributes": {"警戒水位": 5.0, "高程基准": "珠基"}, **more}
    return Stream(1, 7, "water_level", "water_level", 300.0, (30, 20, 10), **given_)


def why(rule: str, s: Stream, *overrides: Override) -> str | float | None:
    found = bind(alarm_rules()[rule], s, overrides, T0)
    return found.limit if isinstance(found, Bound) else found.why if isinstance(found, Unset) else None


def test_limits_of_rivers_are_the_stations_own() -> None:
    assert why("river_warning", stream()) == 5.0
    assert why("river_guarantee", stream()) == "no_limit"
    assert why("river_warning", stream(attributes={"警戒水位": "5.20 m", "高程基准": "85基准"})) == 5.2
    assert why("river_warning", stream(attributes={"高程基准": "珠基"}, own={"limit_high": 4.0})) == 4.0
    assert why("river_warning", stream(attributes={"警戒水位": 5.0})) == "no_datum"
    differ = {"警戒水位": 5.0, "高程基准": "珠基", "特征水位基准": "1985国家高程基准"}
    assert why("river_warning", stream(attributes=differ)) == "datum_mismatch"
    same = {"警戒水位": 5.0, "高程基准": "珠江基面", "特征水位基准": "珠基"}
    assert why("river_warning", stream(attributes=same)) == 5.0


def test_a_reservoir_is_not_a_river() -> None:
    reservoir = stream(attributes={"汛限水位": 88.0, "高程基准": "珠基"})
    assert why("reservoir_flood_limit", reservoir) == 88.0
    assert why("river_warning", reservoir) is None
    assert why("reservoir_flood_limit", stream()) is None
    assert why("reservoir_flood_limit", stream(attributes={"站类": "RR", "高程基准": "珠基"})) == "no_limit"


def test_the_most_specific_setting_wins_while_it_holds() -> None:
    later = T0 + dt.timedelta(days=1)

    def over(target: Any, ref: str, high: float, **more: Any) -> Override:
        return Override("river_warning", target, ref, {"high": high}, **more)

    every, city, village, device = over("", "", 1.0), over("region", "10", 2.0), over("region", "30", 3.0), over(
        "device", "7", 4.0)  # fmt: skip
    s = stream(attributes={})
    assert why("river_warning", s, every) == 1.0
    assert why("river_warning", s, village, city, every) == 3.0
    assert why("river_warning", s, device, village, city, every) == 4.0
    assert why("river_warning", s, every, over("device", "7", 9.0, valid_from=later)) == 1.0
    assert why("river_warning", s, every, over("device", "7", 9.0, valid_to=T0)) == 1.0
    assert why("river_warning", s, Override("river_warning", "kind", "rain", {"high": 9.0})) == "no_limit"
    wrong = Override("river_warning", "", "", {"high": 6.0, "datum": "吴淞"})
    assert why("river_warning", stream(), wrong) == "datum_mismatch"


@pytest.mark.parametrize(
    ("one", "other"),
    [("珠基", "珠江基面"), ("85基准", "1985国家高程基准"), ("黄海", "56黄海"), (" 珠 基 ", "珠江高程")],
)
def test_datums_by_their_words(one: str, other: str) -> None:
    assert datum_key(one) == datum_key(other)
    assert datum_key(one) != datum_key("假定基面")


@pytest.mark.parametrize(("raw", "value"), [("18.50", 18.5), ("18.5米", 18.5), ("", None), ("无", None), (True, None),
                                            (float("nan"), None), ("inf", None)])  # fmt: skip
def test_numbers_of_attributes(raw: Any, value: float | None) -> None:
    assert number(raw) == value


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50), st.floats(-50, 50), st.floats(0, 10), st.booleans())
def test_limits_of_many_values_as_of_one(values: list[float], limit: float, hysteresis: float, inclusive: bool) -> None:
    n = len(values)
    full = lambda x: np.full(n, x)  # noqa: E731
    beyond, back = judge.limits(np.array(values), full(limit), full(np.nan), full(hysteresis), full(inclusive))
    for v, x, y in zip(values, beyond, back, strict=True):
        assert x == (v >= limit if inclusive else v > limit)
        assert y == (v <= limit - hysteresis and not x)
    low_beyond, _ = judge.limits(-np.array(values), full(np.nan), full(-limit), full(hysteresis), full(inclusive))
    assert (low_beyond == beyond).all(), "a lower limit is the mirror of an upper one"


def test_rates_and_counts() -> None:
    def minutes(*points: tuple[int, float]) -> list[tuple[dt.datetime, float]]:
        return [(T0 + dt.timedelta(minutes=m), v) for m, v in points]

    history = minutes((0, 2.0), (30, 2.2), (60, 3.0))
    hour = dt.timedelta(hours=1)
    assert judge.rate_per_hour(history, T0 + hour, 3.0, hour, "high") == pytest.approx(1.0)
    assert judge.rate_per_hour([], T0, 3.0, hour, "high") is None
    close = minutes((59, 2.9), (60, 3.0))
    assert judge.rate_per_hour(close, T0 + hour, 3.0, hour, "high") == pytest.approx(0.4), "no rate out of noise"
    waves = minutes(*((10 * i, float(i % 2)) for i in range(8)))
    assert judge.times_beyond(waves, waves[-1][0], hour, 1.0) == 3


# ---------------------------------------------------------------- parameters and declarations


@pytest.mark.parametrize(
    ("given_", "bad"),
    [
        ({"high": "5"}, {"params.high"}),
        ({"high": True, "on_delay_s": -1}, {"params.high", "params.on_delay_s"}),
        ({"per_hour": 1.0}, {"params.per_hour"}),
        ({"hours": ["25:00-26:00"]}, {"params.hours"}),
        ({"weekdays": [0]}, {"params.weekdays"}),
        ({"priority": "top"}, {"params.priority"}),
        ({"high": float("nan")}, {"params.high"}),
        ({"high": 60.0, "hours": ["22:00-06:00"], "weekdays": [7, 1], "enabled": False}, set()),
    ],
)
def test_parameters_are_checked_with_every_reason(given_: dict[str, Any], bad: set[str]) -> None:
    _, reasons = params.check(alarm_rules()["rain_hour"], given_)
    assert {r.field for r in reasons} == bad


@pytest.mark.parametrize(
    ("local", "inside"), [("21:59", False), ("22:00", True), ("23:59", True), ("05:59", True), ("06:00", False)]
)
def test_hours_over_midnight(local: str, inside: bool) -> None:
    at = dt.datetime.fromisoformat(f"2026-06-03T{local}").replace(tzinfo=TZ)
    assert params.in_hours({"hours": ["22:00-06:00"]}, at, TZ) is inside
    wednesday = {"hours": ["22:00-06:00"], "weekdays": [3]}
    assert params.in_hours(wednesday, at, TZ) is (inside and at.hour >= 22), "the small hours belong to Tuesday's night"


def test_every_rule_stands_on_what_exists() -> None:
    rules, kinds, properties = alarm_rules(), shipped()["device_kind"], shipped()["property"]
    for rule in rules.values():
        assert set(rule.kinds) <= set(kinds), rule.key
        assert rule.property in properties or rule.test == "missing", rule.key
        assert {*rule.of, *rule.suppressed_by} <= set(rules), rule.key
        assert not (rule.priority == "urgent" and rule.suppressed_by), rule.key
        _, reasons = params.check(rule, rule.params)
        assert reasons == [], rule.key
        assert rule.source.zh, rule.key
        assert dataclasses.replace(rule) == rule
