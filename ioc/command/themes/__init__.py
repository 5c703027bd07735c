"""Themes of emergency command: one file adds one, `THEME` with `find(conn, look)`; discovered."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

from ioc.command.theming import Look, Theme, Themed
from ioc.errors import DeclarationError
from ioc.registry import discover
from ioc.store.pool import Conn

Find = Callable[[Conn, Look], Themed]


@cache
def themes() -> Mapping[str, Theme]:
    """Every theme by key, in their order, whether this centre uses it or not."""
    return cast("Mapping[str, Theme]", discover(__name__, "THEME"))


def offered(settings: Any) -> Mapping[str, Theme]:
    """Those this centre uses."""
    return {k: th for k, th in themes().items() if th.enabled is None or th.enabled(settings)}


@cache
def finder(key: str) -> Find:
    """The function that lists the rows of a theme. Raises DeclarationError."""
    found = getattr(importlib.import_module(f"{__name__}.{key}"), "find", None)
    if found is None:
        raise DeclarationError(f"{key}.py: 缺少 find", f"{key}.py: no find(conn, look)")
    return cast("Find", found)
