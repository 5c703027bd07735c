"""Threads of one process that are kept alive: a fault of one does not end the others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TypeAlias

log = logging.getLogger("ioc.ingest")
Work: TypeAlias = Callable[[threading.Event], None]
FIRST_DELAY_S, LAST_DELAY_S = 0.5, 30.0
BEAT_S = 0.5


def run_all(
    work: Mapping[str, Work], stop: threading.Event, join_s: float = 8.0, beat: Callable[[], None] | None = None
) -> None:
    """Each in its own thread, until `stop`. One that fails is started again; the log has the trace.

    `beat` is called every `BEAT_S` while the process lives: what it leaves tells others that the process is not stuck.
    """
    threads = [
        threading.Thread(target=_keep_alive, args=(name, job, stop), name=name, daemon=True)
        for name, job in work.items()
    ]
    for thread in threads:
        thread.start()
    while not stop.wait(BEAT_S):
        if beat is not None:
            beat()
    for thread in threads:
        thread.join(join_s)
        if thread.is_alive():
            log.warning("%s did not stop in %.0f s", thread.name, join_s)


def _keep_alive(name: str, job: Work, stop: threading.Event) -> None:
    delay = FIRST_DELAY_S
    while not stop.is_set():
        try:
            job(stop)
        except Exception:  # the last line of defence: one worker's fault must not end the others
            log.exception("%s failed, starting it again in %.1f s", name, delay)
        else:
            if stop.is_set():
                return
            log.warning("%s ended by itself, starting it again in %.1f s", name, delay)
        stop.wait(delay)
        delay = min(delay * 2, LAST_DELAY_S)
