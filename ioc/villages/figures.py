"""Figures of people: what may be shown. Pure.

A count below `LEAST` could point at a person and is withheld (GB/T 37964-2019 on de-identification names the model of
k-anonymity; five is the usual threshold of statistics offices). A sum over villages is withheld too where exactly one
of its parts is, for the others would give it away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LEAST = 5
# Known items, in the order they are shown; anything else of a file stands behind them under its own words.
PEOPLE = ("households", "residents", "registered", "elderly", "children", "disabled", "low_income", "left_behind")


@dataclass(frozen=True, slots=True)
class Shown:
    """`value` None with `withheld`: there is a number, and it is too small to be told; else there is none."""

    value: int | None
    withheld: bool = False


def shown(value: int | None) -> Shown:
    """One place's count."""
    if value is None:
        return Shown(None)
    return Shown(None, True) if value < LEAST else Shown(value)


def total(values: Iterable[int | None]) -> Shown:
    """The sum over places that have the figure."""
    have = [v for v in values if v is not None]
    if not have:
        return Shown(None)
    small = sum(v < LEAST for v in have)
    whole = sum(have)
    return Shown(None, True) if small == 1 or whole < LEAST else Shown(whole)


def rank(item: str) -> tuple[int, str]:
    """Sort key of items."""
    return (PEOPLE.index(item), "") if item in PEOPLE else (len(PEOPLE), item)
