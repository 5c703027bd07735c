"""AQI by HJ 633: verified rows of published station data, the edges of the table, and the edition by date."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.aqi import POLLUTANTS, aqi, edition_on, sub_index

BEFORE, AFTER = dt.date(2025, 6, 1), dt.date(2026, 10, 3)


@pytest.mark.parametrize(
    ("pollutant", "concentration", "expected"),
    [
        ("pm25", 39, 55),
        ("pm25", 249, 299),
        ("pm25", 69, 93),
        ("pm10", 171, 111),
        ("pm10", 92, 71),
        ("so2", 166, 53),
        ("o3", 93, 30),
    ],
)
def test_published_rows(pollutant: str, concentration: float, expected: int) -> None:
    found = aqi({pollutant: concentration}, BEFORE)
    assert found is not None
    assert found.sub == {pollutant: expected}
    assert found.value == expected


def test_breakpoints_themselves_are_not_rounded_up() -> None:
    edition, _ = edition_on(BEFORE)
    for name, points in edition["hourly"].items():
        for i, point in enumerate(points):
            assert sub_index(point, points, edition["iaqi"]) == edition["iaqi"][i], (name, point)


def test_beyond_the_table() -> None:
    assert aqi({"pm25": 900}, BEFORE).value == 500  # type: ignore[union-attr]
    assert aqi({"so2": 900}, BEFORE) is None  # SO2 above 800 has no hourly sub-index
    assert aqi({"o3": 900}, BEFORE, "daily") is None  # nor has the 8 h ozone
    assert aqi({}, BEFORE) is None
    assert aqi({"pm25": None, "co": float("nan")}, BEFORE) is None
    assert aqi({"pm25": -3}, BEFORE) is None


def test_primary_pollutant() -> None:
    good = aqi({"pm25": 35, "o3": 100}, BEFORE)
    assert good is not None
    assert (good.value, good.primary, good.level.zh) == (50, (), "优")
    tie = aqi({"pm25": 75, "pm10": 150}, BEFORE)
    assert tie is not None
    assert (tie.value, tie.primary, tie.level.zh) == (100, ("pm25", "pm10"), "良")
    assert "首要 PM2.5、PM10" in tie.note().zh
    assert "缺 SO₂、NO₂、CO、O₃" in tie.note().zh
    assert "primary PM2.5, PM10" in tie.note().en


def test_the_edition_in_force_is_named_when_its_table_is_unknown() -> None:
    assert edition_on(BEFORE)[0]["key"] == "HJ633-2012"
    old, new = aqi({"pm25": 39}, BEFORE), aqi({"pm25": 39}, AFTER)
    assert old is not None
    assert new is not None
    assert (old.substituted, new.substituted, new.value) == (False, True, old.value)
    assert "2012" not in old.note().zh
    assert new.note().zh.endswith("按 2012 版，新版断点未配置")
    assert new.note().en.endswith("by the 2012 edition, the newer breakpoints are not configured")


def test_an_installation_may_bring_the_new_table() -> None:
    old = edition_on(BEFORE)[0]
    tables = {"editions": [old, {**old, "key": "HJ633-2026", "valid_from": "2026-03-01"}]}
    found = aqi({"pm25": 39}, AFTER, tables=tables)
    assert found is not None
    assert (found.edition, found.substituted) == ("HJ633-2026", False)


@given(st.dictionaries(st.sampled_from(POLLUTANTS), st.floats(0, 800), min_size=1))
def test_the_index_is_the_largest_sub_index(values: dict[str, float]) -> None:
    found = aqi(values, BEFORE)
    if found is None:
        assert set(values) <= {"so2"}
        return
    assert found.value == max(found.sub.values())
    assert set(found.sub) | set(found.missing) == set(POLLUTANTS)
    assert found.level.zh
