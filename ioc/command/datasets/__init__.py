"""Datasets of emergency command: one file adds one, `DATASET`; discovered."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import cast

from ioc.declare import Dataset
from ioc.registry import discover


@cache
def datasets() -> Mapping[str, Dataset]:
    """Every dataset by key, in their order."""
    return cast("Mapping[str, Dataset]", discover(__name__, "DATASET"))
