"""The filling of a water level, against a flood fill written the plain way."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ioc.command import flood
from ioc.errors import Invalid

GROUNDS = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=14),
    elements=st.sampled_from([0.0, 1.0, 2.0, 2.0, 3.0, float("nan")]),
)


def plainly(ground: np.ndarray, seed: tuple[int, int], level: float) -> np.ndarray:
    """Cell by cell, neighbour by neighbour."""
    wet = np.zeros(ground.shape, dtype=bool)
    todo = deque([seed] if ground[seed] < level else [])
    while todo:
        r, c = todo.popleft()
        if wet[r, c]:
            continue
        wet[r, c] = True
        for y, x in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
            if 0 <= y < ground.shape[0] and 0 <= x < ground.shape[1] and ground[y, x] < level and not wet[y, x]:
                todo.append((y, x))
    return wet


@given(GROUNDS, st.data(), st.sampled_from([0.5, 1.0, 1.5, 2.5, 9.0]))
def test_it_fills_what_a_plain_fill_does(ground: np.ndarray, data: st.DataObject, level: float) -> None:
    seed = data.draw(st.tuples(*(st.integers(0, n - 1) for n in ground.shape)))
    if np.isnan(ground[seed]):
        with pytest.raises(Invalid):
            flood.fill(ground, seed, level)
        return
    got, want = flood.fill(ground, seed, level), plainly(ground, seed, level)
    assert (got.mask == want).all()
    border = np.ones_like(want)
    border[1:-1, 1:-1] = False
    assert got.clipped == bool((want & border).any())
    higher = flood.fill(ground, seed, level + 1)
    assert (higher.mask | ~got.mask).all(), "more water never uncovers a cell"


def test_depths_and_classes() -> None:
    ground = np.array([[9.0, 9.0], [1.0, 0.75], [0.5, 9.0], [-3.0, np.nan]], dtype=np.float32)
    got = flood.fill(ground, (1, 0), 1.25)
    assert got.mask.tolist() == [[False, False], [True, True], [True, False], [True, False]]
    assert (got.clipped, got.unknown) == (True, True)
    assert flood.classes(ground, got.mask, 1.25).tolist() == [[0, 0], [1, 2], [2, 0], [5, 0]]
    assert [flood.class_words(n)["zh"] for n in (1, 5)] == ["0～0.5 米", "3 米以上"]
    assert not flood.fill(ground, (0, 0), 9.0).mask.any(), "a place as high as the water stays dry"


def test_a_large_winding_river_is_filled_in_one_piece() -> None:
    """A serpentine of 1,000 rows: as long a walk as a river can make."""
    ground = np.full((1001, 400), 5.0, dtype=np.float32)
    ground[::2] = 1.0
    ground[1::4, -1] = 1.0
    ground[3::4, 0] = 1.0
    got = flood.fill(ground, (0, 0), 2.0)
    assert got.mask.sum() == (ground < 2).sum()


def test_coarser_classes_for_drawing() -> None:
    made = np.array([[1, 1, 0], [3, 0, 0], [0, 0, 5]], dtype=np.uint8)
    assert flood.coarser(made, 1) is made
    assert flood.coarser(made, 2).tolist() == [[2, 0], [0, 0]], "a quarter of the last cell's four is not half"
    assert flood.coarser(np.full((4, 4), 3, dtype=np.uint8), 4).tolist() == [[3]]
