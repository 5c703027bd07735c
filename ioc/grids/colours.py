"""What grid cells can be coloured by (GRD-02), and the classes of a measure. Pure.

A class is a small number: `NO_DATA`, `NONE` (there is nothing: no event, no open case), or 1 to 5 from little to much.
Densities and people are classed by quintiles over the cells the asker sees, so that a town and a city both get a
picture; the share of overdue cases by fixed breaks, because a tenth overdue is a tenth everywhere.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ioc.i18n import Text

NO_DATA, NONE = -1, 0
CLASSES = 5
PERIOD = dt.timedelta(days=30)
# Of three kinds of cells that lie over each other one is coloured: the first of these the asker has any of.
KINDS = ("general", "unit", "special")
# Attributes of a cell's own file that hold its people, the first that is a number.
POPULATION = ("population", "人口", "常住人口", "实有人口", "人口数", "总人口", "residents")


@dataclass(frozen=True, slots=True)
class Measure:
    """`breaks`: lower bounds of classes 2 to 5; () means quintiles. `right`: needed beside that of the layer."""

    key: str
    title: Text
    unit: Text
    period: Text
    right: str = ""
    breaks: tuple[float, ...] = ()


MEASURES: Mapping[str, Measure] = {
    m.key: m
    for m in (
        Measure(
            "events",
            Text("事件密度", "Event density"),
            Text("件/km²", "per km²"),
            Text("近 30 天，不含疑似与作废", "30 days, without suspected and void ones"),
            "event.view",
        ),
        Measure(
            "overdue",
            Text("超时率", "Share overdue"),
            Text("%", "%"),
            Text("当前在办件中已超时的占比", "of the cases open now"),
            "case.view",
            (1e-9, 10.0, 25.0, 50.0),
        ),
        Measure(
            "population",
            Text("人口", "Population"),
            Text("人", "people"),
            Text("以网格导入数据为准", "as imported with the cell"),
        ),
    )
}
Bound = float | None
Class = tuple[int, Bound, Bound]


def quintiles(values: Sequence[float]) -> tuple[float, ...]:
    """Lower bounds of classes 2 to 5 over the positive values, rounded to two digits and rising; fewer when alike."""
    have = sorted(v for v in values if v > 0 and math.isfinite(v))
    if not have:
        return ()
    cuts = [rounded(have[min(len(have) - 1, len(have) * i // CLASSES)]) for i in range(1, CLASSES)]
    return tuple(c for i, c in enumerate(cuts) if c > have[0] and (i == 0 or c > cuts[i - 1]))


def rounded(value: float) -> float:
    """Two significant digits: a legend is read from across a room."""
    if value <= 0:
        return 0.0
    return round(value, 1 - math.floor(math.log10(value)))


def class_of(value: float | None, breaks: Sequence[float], *, none: bool = False) -> int:
    """Class of a value; `none`: there is nothing to have a value of."""
    if none:
        return NONE
    return NO_DATA if value is None else 1 + bisect_right(breaks, value)


def classes(breaks: Sequence[float]) -> list[Class]:
    """(class, from, below) of each class; None at an open end."""
    bounds: list[Bound] = [None, *breaks, None]
    return [(i + 1, low, high) for i, (low, high) in enumerate(itertools.pairwise(bounds))]


def words(measure: Measure, found: Class) -> Text:
    """What the legend says of a class."""
    _, low, high = found
    if measure.key == "overdue":
        return _share(low, high)
    if low is None:
        return Text("全部", "all") if high is None else Text(f"< {high:,g}", f"< {high:,g}")
    if high is None:
        return Text(f"≥ {low:,g}", f"≥ {low:,g}")
    return Text(f"{low:,g} – {high:,g}", f"{low:,g} – {high:,g}")


def _share(low: Bound, high: Bound) -> Text:
    if low is None:
        return Text("0", "0")
    start = "> 0" if low < 1 else f"{low:g}"
    return Text(f"≥ {low:g}", f"≥ {low:g}") if high is None else Text(f"{start} – {high:g}", f"{start} – {high:g}")
