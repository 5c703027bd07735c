"""Weather words: force, points of the compass, the nearest fresh value, the line of a warning."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.command import weather
from ioc.command.weather import Value

NOW = dt.datetime(2026, 10, 3, 6, tzinfo=dt.UTC)


def value(prop: str, at_m: float, age_s: float, station_id: int = 1, number: float = 5.0) -> Value:
    at = NOW - dt.timedelta(seconds=age_s)
    return Value(f"S{station_id}", station_id, at_m, prop, number, "u", at, 300)


@pytest.mark.parametrize(
    ("speed", "force"),
    [(0, 0), (0.24, 0), (0.3, 1), (1.55, 2), (3.3, 2), (3.4, 3), (10.7, 5), (10.8, 6), (17.19, 8), (32.6, 11),
     (32.7, 12), (56.0, 16), (61.2, 17), (61.3, 18), (90, 18)],
)  # fmt: skip
def test_force(speed: float, force: int) -> None:
    assert weather.beaufort(speed) == force


@given(st.floats(0, 120), st.floats(0, 120))
def test_more_wind_is_never_less_force(a: float, b: float) -> None:
    assert (a <= b) <= (weather.beaufort(a) <= weather.beaufort(b))


@given(st.floats(0, 360))
def test_a_wind_blows_to_the_other_side(degrees: float) -> None:
    to = weather.blows_to(degrees)
    assert 0 <= to < 360
    assert abs(abs(to - degrees % 360) - 180) < 1e-9
    assert weather.point(degrees) != weather.point(to)
    assert weather.point(degrees).en == weather.point(weather.blows_to(to)).en


def test_points() -> None:
    assert [weather.point(d).zh for d in (0, 11.2, 11.3, 90, 180, 348.7, 348.8, 360)] == [
        "北", "北", "北东北", "东", "南", "北西北", "北", "北",
    ]  # fmt: skip


def test_the_nearest_fresh_value_is_told_and_wind_is_of_one_station() -> None:
    far = [value("wind_speed", 4000, 60, 2), value("wind_direction", 4000, 60, 2), value("humidity", 4000, 600, 2)]
    near = [value("wind_speed", 900, 60), value("humidity", 900, 901), value("temperature", 900, 10_000)]
    got = weather.nearest([*far, *near], NOW)
    assert {p: v.station_id for p, v in got.items()} == {"wind_speed": 2, "wind_direction": 2, "humidity": 2}
    beyond = [value("wind_speed", 9000, 60, 3), value("wind_direction", 9000, 60, 3)]
    got = weather.nearest([*beyond, *near], NOW)
    assert {p: v.station_id for p, v in got.items()} == {"wind_speed": 1, "wind_direction": 3}, "too far to be one wind"
    told = value("wind_direction", 1, 0, number=350).as_json(NOW)
    assert (told["from_zh"], told["to_zh"], told["to_deg"]) == ("北风", "吹向南", 170)
    assert value("wind_speed", 1, 100_000).as_json(NOW)["fresh"] is False


@given(st.lists(st.tuples(st.sampled_from(weather.PROPERTIES), st.floats(0, 1e5), st.floats(0, 1e4)), max_size=30))
def test_no_stale_value_is_ever_the_answer(drawn: list[tuple[str, float, float]]) -> None:
    values = [value(p, m, age, n) for n, (p, m, age) in enumerate(drawn)]
    got = weather.nearest(values, NOW)
    assert set(got) == {v.property for v in values if v.state(NOW) in weather.FRESH}
    assert all(v.state(NOW) in weather.FRESH for v in got.values())


def test_the_line_of_a_warning() -> None:
    def row(i: int, by: int | None) -> dict[str, Any]:
        return {"warning_id": i, "replaced_by": by, "onset_at": NOW + dt.timedelta(hours=i)}

    chains = weather.chains([row(3, None), row(2, 3), row(1, 2), row(9, 9)])
    assert [[b["warning_id"] for b in chains[i]] for i in (3, 2, 1, 9)] == [[2, 1], [1], [], []]
    assert [weather.change(*c) for c in (("red", "blue"), ("white", "blue"), ("red", "red"), ("x", "red"))] == [
        "up", "down", "same", "same",
    ]  # fmt: skip
