"""The MQTT worker as a process of its own, with a place to die at: `python mqtt_worker.py DSN BROKER DATA_DIR FAULT`.

FAULT: `none`; `before_commit:N` and `before_ack:N` end the process like `kill -9` at the N-th batch.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_sources import mqtt
from ioc.clock import SystemClock
from ioc.intake.context import SourceContext
from ioc.intake.worker import keep_running
from ioc.registry import Registry
from ioc.settings import Settings
from ioc.store import Store, sources
from ioc.store.pool import Conn


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(fault: str) -> None:
    where, _, at = fault.partition(":")
    calls = {"n": 0}

    def due() -> bool:
        calls["n"] += 1
        return calls["n"] == int(at)

    if where == "before_ack":
        acknowledge = mqtt.Listener.acknowledge

        def ack(self: mqtt.Listener, messages: Sequence[mqtt.Message]) -> None:
            if due():
                die()
            acknowledge(self, messages)

        mqtt.Listener.acknowledge = ack  # type: ignore[method-assign]
    elif where == "before_commit":
        arrived = sources.arrived  # the last statement before the commit

        def last(conn: Conn, key: str, *args: Any) -> None:
            if args[0].received and due():
                die()
            arrived(conn, key, *args)

        sources.arrived = last  # type: ignore[assignment]


def main(dsn: str, broker: str, data_dir: str, fault: str) -> None:
    settings = Settings(data_dir=Path(data_dir), mqtt_url=broker)
    store = Store(dsn, size=4)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    arm(fault)
    print("up", flush=True)
    keep_running(mqtt.SOURCE, SourceContext("mqtt", settings, Registry(), store, SystemClock(), stop))
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
