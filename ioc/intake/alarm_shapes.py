"""How rules hold on datastreams, once for all that are alike: most of a city's sensors share their limits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ioc.alarms.bind import Family, Stream, Terms, family
from ioc.declare import AlarmRule


class Shape(NamedTuple):
    """How rules hold on datastreams that are alike: thresholds, with limits as columns (NaN: open), and the rest."""

    limits: tuple[Terms, ...] = ()
    others: tuple[Terms, ...] = ()
    high: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    hysteresis: tuple[float, ...] = ()
    inclusive: tuple[bool, ...] = ()


class Watched(NamedTuple):
    """A datastream with the rules that hold on it."""

    stream: Stream
    shape: Shape


NONE = Shape()  # no rule holds


def families(rules: Iterable[AlarmRule]) -> dict[str, Family]:
    """Rules that judge values, by their property."""
    by_property: dict[str, list[AlarmRule]] = defaultdict(list)
    for rule in rules:
        if rule.test not in ("missing", "compound"):
            by_property[rule.property].append(rule)
    return {name: family(found) for name, found in by_property.items()}


def shape_of(terms: Sequence[Terms]) -> Shape:
    limits = tuple(t for t in terms if t.rule.test == "threshold")
    others = tuple(t for t in terms if t.rule.test != "threshold")
    if not terms:
        return NONE
    nan = float("nan")
    return Shape(
        limits,
        others,
        tuple(nan if t.high is None else t.high for t in limits),
        tuple(nan if t.low is None else t.low for t in limits),
        tuple(t.hysteresis for t in limits),
        tuple(t.inclusive for t in limits),
    )
