"""Classes of a measure: every value has one, classes rise with values, and fixed breaks stay where they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.grids import colours

VALUES = st.lists(st.floats(0, 1e7, allow_nan=False, allow_infinity=False), max_size=200)


@given(VALUES)
def test_quintiles_rise_and_class_every_value(values: list[float]) -> None:
    breaks = colours.quintiles(values)
    assert len(breaks) < colours.CLASSES
    assert list(breaks) == sorted(set(breaks))
    found = [colours.class_of(v, breaks) for v in sorted(values)]
    assert found == sorted(found)
    assert all(1 <= c <= colours.CLASSES for c in found)


@given(st.lists(st.floats(1, 1e6, allow_nan=False), min_size=50, max_size=300, unique=True))
def test_no_class_holds_more_than_half_of_values_that_differ_widely(values: list[float]) -> None:
    spread = [v * 1.2**i for i, v in enumerate(sorted(values))]
    breaks = colours.quintiles(spread)
    classes = [colours.class_of(v, breaks) for v in spread]
    assert max(classes.count(c) for c in set(classes)) <= len(spread) / 2


def test_nothing_and_no_data_are_not_small_values() -> None:
    assert colours.class_of(None, (1.0,)) == colours.NO_DATA
    assert colours.class_of(0.0, (1.0,), none=True) == colours.NONE
    assert colours.class_of(0.0, (1.0,)) == 1


@pytest.mark.parametrize(("share", "found"), [(0, 1), (0.1, 2), (9.9, 2), (10, 3), (25, 4), (50, 5), (100, 5)])
def test_the_share_overdue_has_fixed_breaks(share: float, found: int) -> None:
    assert colours.class_of(share, colours.MEASURES["overdue"].breaks) == found


def test_the_legend_has_words_in_both_languages_for_every_class() -> None:
    for measure in colours.MEASURES.values():
        breaks = measure.breaks or (2.0, 5.5, 1200.0)
        told = [colours.words(measure, c) for c in colours.classes(breaks)]
        assert len({w.zh for w in told}) == len({w.en for w in told}) == len(breaks) + 1
    assert colours.words(colours.MEASURES["population"], (5, 1200.0, None)).zh == "≥ 1,200"
