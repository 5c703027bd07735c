"""`ioc import roads|population|...`: the data of emergency command. One file adds one kind of import, named like it.

A module has `bring_in(store, given) -> ImportReport`: it books its batch and rejects (`ioc.intake.stewards.book`) and
publishes its edition (`ioc.store.editions`) in the transaction of its rows.
"""

from __future__ import annotations

import datetime as dt
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

from ioc.clock import Clock
from ioc.errors import DeclarationError
from ioc.intake.report import ImportReport
from ioc.settings import Settings
from ioc.store import Store


def _silent(_done: int, _total: int | None) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Given:
    """One import as asked for. `crs` as declared by the engineer, "" where none was; `as_of`: the day it speaks of."""

    file: Path
    settings: Settings
    clock: Clock
    actor: str
    crs: str = ""
    as_of: dt.date | None = None
    mapping: Mapping[str, str] = field(default_factory=dict[str, str])
    source: str = "files"
    dry_run: bool = False
    whole: bool = False  # what is not in the file is no longer there
    sheet: str = ""
    file_layer: str = ""
    datum: str = ""  # vertical datum of elevations, as declared
    origin: str = "real"
    progress: Callable[[int, int | None], None] = _silent


BringIn = Callable[[Store, Given], ImportReport]


@cache
def kinds() -> tuple[str, ...]:
    """Kinds of `ioc import` found here, sorted; modules with a leading underscore help others."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


def bring_in(store: Store, kind: str, given: Given) -> ImportReport:
    """Raises Invalid for what concerns the whole file; what concerns a row is a reject, stored and counted."""
    found = getattr(importlib.import_module(f"{__name__}.{kind}"), "bring_in", None)
    if found is None:
        raise DeclarationError(f"{kind}.py: 缺少 bring_in", f"{kind}.py: no bring_in(store, given)")
    return cast("BringIn", found)(store, given)
