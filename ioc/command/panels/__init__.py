"""Command panels: one file adds one panel, `PANEL` with `find(conn, ask)`; discovered."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import cast

from ioc.command.asking import Ask, Found
from ioc.declare import Panel
from ioc.errors import DeclarationError
from ioc.registry import discover
from ioc.store.pool import Conn

Find = Callable[[Conn, Ask], Found]


@cache
def panels() -> Mapping[str, Panel]:
    """Every panel by key, in their order."""
    return cast("Mapping[str, Panel]", discover(__name__, "PANEL"))


@cache
def finder(key: str) -> Find:
    """The function that answers the panel `key`; its module has the panel's name. Raises DeclarationError."""
    found = getattr(importlib.import_module(f"{__name__}.{key}"), "find", None)
    if found is None:
        raise DeclarationError(f"{key}.py: 缺少 find", f"{key}.py: no find(conn, ask)")
    return cast("Find", found)
