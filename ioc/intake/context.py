"""What a source's `run` is given: `SOURCE = Source(..., run=run)` with `def run(context: SourceContext) -> None`."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ioc.clock import Clock
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, sources


@dataclass(frozen=True)
class SourceContext:
    """`run` works until `stop`. What it raises is logged, shown as the source's state, and it is started again."""

    key: str
    settings: Settings
    registry: Registry
    store: Store
    clock: Clock
    stop: threading.Event

    def seen(self) -> None:
        """Tell of a sign of life without data."""
        with self.store.scoped(SYSTEM) as conn:
            sources.seen(conn, self.key, self.clock.now())

    def failed(self, code: str, zh: str, en: str) -> None:
        """Tell that the source cannot be reached; repeats only count."""
        with self.store.scoped(SYSTEM) as conn:
            sources.failed(conn, self.key, code, zh, en, self.clock.now())
