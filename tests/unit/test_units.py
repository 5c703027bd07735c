"""Units: known conversions, the refusal of different things, and that every unit of ours is in the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.dictionaries import shipped
from ioc.intake.units import ALIASES, UNITS, conversion, find


@pytest.mark.parametrize(
    ("given_unit", "ours", "value", "expected"),
    [
        ("cm", "m", 320, 3.2),
        ("mm", "m", 3200, 3.2),
        ("kPa", "MPa", 350, 0.35),
        ("℉", "℃", 212, 100),
        ("K", "℃", 273.15, 0),
        ("km/h", "m/s", 36, 10),
        ("m3/h", "m³/s", 3600, 1),
        ("mg/m3", "µg/m³", 0.035, 35),
        ("ug/m3", "μg/m³", 35, 35),
        ("rad", "°", 3.141592653589793, 180),
        ("A", "mA", 0.3, 300),
        ("‰", "%", 350, 35),
        ("", "", 7.1, 7.1),
    ],
)
def test_known_conversions(given_unit: str, ours: str, value: float, expected: float) -> None:
    found = conversion(given_unit, ours)
    assert found is not None
    assert value * found[0] + found[1] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("given_unit", "ours"), [("ppm", "µg/m³"), ("mg/L", "mg/m³"), ("V", "%"), ("dBm", "dB(A)"), ("m", ""), ("W", "A")]
)
def test_different_things_are_not_converted(given_unit: str, ours: str) -> None:
    assert conversion(given_unit, ours) is None


def test_a_slip_of_case_that_would_be_a_million_is_no_alias() -> None:
    assert UNITS["MPa"].factor / UNITS["mPa"].factor == 1e9
    with pytest.raises(KeyError):
        conversion("MPA", "MPa")


def test_every_unit_of_ours_and_every_alias_is_known() -> None:
    for entry in shipped()["property"].values():
        assert find(str(entry.attributes.get("unit", ""))) is not None, entry.code
    for alias, name in ALIASES.items():
        assert find(alias) is not None, (alias, name)


@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)), st.floats(-1e6, 1e6))
def test_there_and_back(a: str, b: str, value: float) -> None:
    there, back = conversion(a, b), conversion(b, a)
    if there is None or back is None:
        assert UNITS[a].dimension != UNITS[b].dimension
        return
    assert (value * there[0] + there[1]) * back[0] + back[1] == pytest.approx(value, abs=1e-6, rel=1e-9)
