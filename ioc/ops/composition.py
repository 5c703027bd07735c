"""What `app.py` hands to the command line: the core knows no layer, source, indicator, screen or place by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ioc.registry import Registry
from ioc.settings import Settings


@dataclass(frozen=True)
class Composition:
    """`web` makes the ASGI application. `demo` gives the module with `load` and `drop`.

    All are called late: `ioc db url` must not import a map library.

    `python_module` is what `python -m` starts a child process with; `home` the folder it is started in.
    """

    registry: Callable[[], Registry]
    web: Callable[[Settings], Any]
    demo: Callable[[], Any]
    python_module: str
    home: Path
