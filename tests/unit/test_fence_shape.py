"""What a hand may draw as a fence: whatever comes in, there is a valid ring or a reason in both languages."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ioc.alarms import fence_shape

SQUARE: list[Any] = [[112.0, 21.8], [112.01, 21.8], [112.01, 21.81], [112.0, 21.81]]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)
POINTS = st.lists(st.tuples(st.floats(111.9, 112.1), st.floats(21.7, 21.9)).map(list), max_size=12)


@given(st.one_of(JSON, POINTS))
def test_any_input_is_a_simple_ring_or_reasons(given_: Any) -> None:
    ring, reasons = fence_shape.ring(given_)
    assert (ring is None) == bool(reasons)
    assert all(r.zh and r.en and r.field.startswith("points") for r in reasons)
    if ring is not None:
        assert ring[0] == ring[-1]
        assert shapely.Polygon(ring).is_valid
        assert fence_shape.LEAST_M2 <= fence_shape.area_m2(ring) <= fence_shape.MOST_M2


def test_open_and_closed_rings_are_the_same() -> None:
    assert fence_shape.ring(SQUARE) == fence_shape.ring([*SQUARE, SQUARE[0]])
    ring, _ = fence_shape.ring([SQUARE[0], *SQUARE])
    assert ring == fence_shape.ring(SQUARE)[0]


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ([SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]], "not_simple"),
        (SQUARE[:2], "too_few"),
        ([[112, 21], [112, 21], [112, 21]], "too_few"),
        ([[0.0, 0.0], [0.00001, 0.0], [0.0, 0.00001]], "bad_area"),
        ([[100, 20], [110, 20], [110, 30], [100, 30]], "bad_area"),
        ([*SQUARE, [181, 0]], "bad_place"),
        ([*SQUARE, [112.0, float("nan")]], "bad_place"),
        ([*SQUARE, [True, 2]], "bad_place"),
        ([[112 + i / 1000, 21] for i in range(600)], "too_many"),
        ("POLYGON", "bad_shape"),
    ],
)
def test_what_cannot_be_a_fence_says_why(points: Any, code: str) -> None:
    ring, reasons = fence_shape.ring(points)
    assert ring is None
    assert [r.code for r in reasons] == [code]
