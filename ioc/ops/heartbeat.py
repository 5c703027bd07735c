"""A file whose time of change says that a process without an HTTP address is not stuck: `<data_dir>/beat/<name>`.

The process touches it, its supervisor looks whether it changed. No clock is compared, so a clock that is set does no
harm; nothing is written into it, so a full disk does none either.
"""

from __future__ import annotations

import logging
from pathlib import Path

log = logging.getLogger("ioc.ops")


class Heartbeat:
    """One side calls `beat`, the other `begin` before each start of the process and `beats` from time to time."""

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / "beat" / name
        self._seen: int | None = None
        self._failing = False

    def beat(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
        except OSError as e:
            if not self._failing:
                log.warning("heartbeat cannot be left: %s", e)
            self._failing = True
        else:
            self._failing = False

    def begin(self) -> None:
        """Forget the process before: a new one is judged by its own beats."""
        self.path.unlink(missing_ok=True)
        self._seen = None

    def beats(self) -> bool:
        """Whether there was a beat since the last look."""
        try:
            changed = self.path.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        before, self._seen = self._seen, changed
        return changed != before
