"""One supervised child process: start, death, silence, back-off. No policy about which children there are."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

FIRST_DELAY_S, LAST_DELAY_S = 0.2, 30.0
SETTLED_S = 30.0  # a process that ran this long starts again without waiting
# A process that has answered before and then keeps silent this long hangs. A tile or a garbage collection takes well
# under a second, so three unanswered questions of three seconds each are no slowness; with the second between two
# questions and a start of about three, it is back within fifteen.
ASK_EVERY_S, ASK_TIMEOUT_S, SILENT_S, LEAST_MISSES = 1.0, 3.0, 9.0, 3


@dataclass
class Backoff:
    """Delay before the next start: quick at first, doubled while a process keeps dying young."""

    failures: int = 0

    def after_death(self, lived_s: float) -> float:
        self.failures = 1 if lived_s >= SETTLED_S else self.failures + 1
        return min(LAST_DELAY_S, FIRST_DELAY_S * 2 ** (self.failures - 1))


def ending(code: int) -> tuple[str, str]:
    """How a process ended, in Chinese and English."""
    if code < 0:
        name = signal.Signals(-code).name
        return f"被信号 {name} 终止", f"killed by {name}"
    return f"退出码 {code}", f"exit code {code}"


def spawn(
    command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """A child in a session of its own (Ctrl-C reaches only the supervisor) that dies if this thread's process dies."""
    log.parent.mkdir(parents=True, exist_ok=True)
    out: IO[bytes] = open(log, "ab")  # noqa: SIM115 - handed to the child, closed below
    with out:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd=cwd,
            env=dict(env),
        )


@dataclass
class _Life:
    """What was heard from a process since its start. A late answer of the one before finds its own record."""

    asked_at: float = float("-inf")
    asking: threading.Thread | None = None
    answered: bool = False
    misses: int = 0
    silent_since: float = 0.0


class Watch:
    """Whether a process that runs still answers. `answers` may block up to `ASK_TIMEOUT_S`: it is asked in a thread.

    Judged from the first answer after a start on, however long that takes: a slow start is not a hang.
    """

    def __init__(
        self, answers: Callable[[], bool], silent_s: float = SILENT_S, forget: Callable[[], None] | None = None
    ) -> None:
        self._answers, self._silent_s, self._forget = answers, silent_s, forget
        self._life = _Life()

    def begin(self) -> None:
        """The process is about to start anew."""
        self._life = _Life()
        if self._forget is not None:
            self._forget()

    def hangs(self, now: float) -> bool:
        life = self._life
        if life.asking is None or not life.asking.is_alive():
            if life.misses >= LEAST_MISSES and time.monotonic() - life.silent_since >= self._silent_s:
                return True
            if now - life.asked_at >= ASK_EVERY_S:
                life.asked_at = now
                life.asking = threading.Thread(target=self._ask, args=(life,), daemon=True)
                life.asking.start()
        return False

    def _ask(self, life: _Life) -> None:
        asked_at = time.monotonic()
        if self._answers():
            life.answered, life.misses = True, 0
        elif life.answered:
            life.silent_since = life.silent_since if life.misses else asked_at
            life.misses += 1


@dataclass
class Child:
    """A process by name. `probe` says whether it serves; None: it has run for `settle_s`. `watch`: does it hang."""

    name: str
    make: Callable[[], subprocess.Popen[bytes]]
    probe: Callable[[], bool] | None = None
    watch: Watch | None = None
    grace_s: float = 8.0
    settle_s: float = 1.5
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started_at: float = 0.0
    due_at: float = 0.0
    serving: bool = False
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.poll() is None else None

    @property
    def state(self) -> str:
        return "up" if self.serving else "starting" if self.pid else "down"

    def tick(self, now: float) -> str | None:
        """One look. Returns what is worth a log line: `started`, `died`, `hung`, `serving`; None: nothing new.

        What hangs does not listen either: it is killed, and found dead at the next look.
        """
        if self.process is None:
            if now < self.due_at:
                return None
            if self.watch is not None:
                self.watch.begin()
            self.process, self.started_at, self.serving = self.make(), now, False
            return "started"
        if self.process.poll() is not None:
            delay = self.backoff.after_death(now - self.started_at)
            self.last_code = self.process.returncode
            self.process, self.serving, self.due_at = None, False, now + delay
            self.restarts += 1
            return "died"
        if self.watch is not None and self.watch.hangs(now):
            self.watch.begin()
            self.serving = False
            self._signal(signal.SIGKILL)
            return "hung"
        if not self.serving and (self.probe() if self.probe else now - self.started_at >= self.settle_s):
            self.serving = True
            return "serving"
        return None

    last_code: int = 0

    def ask_to_stop(self) -> None:
        if self.pid:
            self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """Waits for an orderly end, then kills the whole session of the child."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self.process.wait(self.grace_s)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self.process.wait(5)
        self.process = None
        self.serving = False

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
