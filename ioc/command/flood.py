"""推演 of a water level: the cells below it that hang together with a place. Pure; nothing random.

The still-water method (connected filling): every cell lower than the level from which one can walk to the place over
such cells, side by side, is under water. No flow, no time, no drains, no walls thinner than a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioc.errors import Invalid, Reason
from ioc.i18n import Text

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]
# Upper ends of the depth classes in metres, the last one open, as flood risk maps have them (SL 483-2017).
CLASSES_M = (0.5, 1.0, 2.0, 3.0)
REACH_M, REACH_MAX_M = 5_000.0, 50_000.0
MOST_CELLS = 16_000_000
RISE_MAX_M = 200.0
NOTES = (
    Text("推演结果，不是实况", "a what-if, not what is"),
    Text(
        "静水连通法：不含流速、时间、排水与细小堤防",
        "still water, connected cells: no flow, time, drains or thin walls",
    ),
)


@dataclass(frozen=True, slots=True)
class Flooded:
    """`mask`: cells under water. `clipped`: it reaches the end of what was looked at; `unknown`: cells without data."""

    mask: Mask
    clipped: bool
    unknown: bool


def fill(ground: Floats, seed: tuple[int, int], level: float) -> Flooded:
    """Cells of `ground` (metres, NaN: none) below `level`, connected by sides with `seed` (row, column).

    Raises Invalid where the seed has no elevation. A seed that is not below the level floods nothing.
    """
    here = ground[seed]
    if not np.isfinite(here):
        raise no_ground()
    mask = np.zeros(ground.shape, dtype=np.bool_)
    if here < level:
        with np.errstate(invalid="ignore"):
            mask = _component(ground < level, seed)
    edge = bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
    return Flooded(mask, edge, bool((np.isnan(ground) & _beside(mask)).any()))


def no_ground() -> Invalid:
    return Invalid(reasons=[Reason("lon", "no_terrain", "这里没有地形数据", "no elevation is known here")])


def _beside(mask: Mask) -> Mask:
    out = np.zeros_like(mask)
    out[1:] |= mask[:-1]
    out[:-1] |= mask[1:]
    out[:, 1:] |= mask[:, :-1]
    out[:, :-1] |= mask[:, 1:]
    return out


def _component(low: Mask, seed: tuple[int, int]) -> Mask:
    """The part of `low` that hangs together with `seed`: runs of each row are walked, not cells."""
    height, width = low.shape
    row, begin, end = _runs(low)
    step = width + 2
    starts, ends = row * step + begin, row * step + end
    up = (np.searchsorted(ends, starts - step, "right"), np.searchsorted(starts, ends - step, "left"))
    down = (np.searchsorted(ends, starts + step, "right"), np.searchsorted(starts, ends + step, "left"))
    first = int(np.searchsorted(starts, seed[0] * step + seed[1], "right")) - 1
    seen = np.zeros(len(row), dtype=np.bool_)
    seen[first] = True
    front = np.array([first], dtype=np.int64)
    while front.size:
        near = np.concatenate([_ranges(lo[front], hi[front]) for lo, hi in (up, down)])
        front = np.unique(near[~seen[near]])
        seen[front] = True
    edges = np.zeros((height, width + 1), dtype=np.int8)
    edges[row[seen], begin[seen]] += 1
    edges[row[seen], end[seen]] -= 1
    return np.cumsum(edges, axis=1, dtype=np.int8)[:, :width] > 0


def _runs(low: Mask) -> tuple[Ints, Ints, Ints]:
    """Row, first column and column after the last of every run of true cells, in order."""
    padded = np.zeros((low.shape[0], low.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = low
    turns = np.diff(padded, axis=1)
    row, begin = np.nonzero(turns == 1)
    end = np.nonzero(turns == -1)[1]
    return row.astype(np.int64), begin.astype(np.int64), end.astype(np.int64)


def _ranges(low: Ints, high: Ints) -> Ints:
    """All whole numbers of all half-open ranges."""
    count = np.maximum(high - low, 0)
    total = int(count.sum())
    offset = np.repeat(np.cumsum(count) - count, count)
    return np.repeat(low, count) + np.arange(total, dtype=np.int64) - offset


def classes(ground: Floats, flooded: Mask, level: float) -> NDArray[np.uint8]:
    """Depth class of each cell under water from 1 on, 0 elsewhere. A depth at the border is of the deeper class."""
    out = np.zeros(ground.shape, dtype=np.uint8)
    depth = level - ground[flooded].astype(np.float64)
    out[flooded] = np.digitize(depth, CLASSES_M) + 1
    return out


def coarser(made: NDArray[np.uint8], cells: int) -> NDArray[np.uint8]:
    """Classes of `cells` x `cells` cells as one: dry where less than half of them is wet, else their mean class."""
    if cells <= 1:
        return made
    high, wide = (-(-n // cells) * cells for n in made.shape)
    padded = np.zeros((high, wide), dtype=np.uint16)
    padded[: made.shape[0], : made.shape[1]] = made
    blocks = padded.reshape(high // cells, cells, wide // cells, cells)
    wet = np.count_nonzero(blocks, axis=(1, 3))
    mean = blocks.sum(axis=(1, 3)) / np.maximum(wet, 1)
    return np.where(2 * wet >= cells * cells, np.rint(mean), 0).astype(np.uint8)


def class_words(n: int) -> dict[str, Any]:
    """Of class `n` (from 1): bounds in metres (the last open) and words."""
    low = 0.0 if n == 1 else CLASSES_M[n - 2]
    high = CLASSES_M[n - 1] if n <= len(CLASSES_M) else None
    zh = f"{low:g}～{high:g} 米" if high is not None else f"{low:g} 米以上"
    en = f"{low:g} to {high:g} m" if high is not None else f"{low:g} m and more"
    return {"class": n, "from_m": low, "to_m": high, "zh": zh, "en": en}
