"""The worker that counts grid cells for the map, once for everybody. One at a time in the cluster."""

from __future__ import annotations

import logging
import threading
import time

import psycopg

from ioc.clock import Clock
from ioc.errors import StoreUnavailable
from ioc.scope import SYSTEM
from ioc.store import Store, grid_counts
from ioc.store.retry import retried

LOCK = 7340602
EVERY_S = 60.0  # also what makes an open case overdue
REST = 10.0  # it rests this many times its own duration
RETRY_S = 2.0

log = logging.getLogger("ioc.kpi.grids")


def turn(store: Store, clock: Clock) -> int | None:
    """Counts once. Returns the rows that changed; None while another process does it. Raises StoreUnavailable."""

    def once() -> int | None:
        with store.scoped(SYSTEM) as conn:
            row = conn.execute("SELECT pg_try_advisory_xact_lock(%s) AS mine", (LOCK,)).fetchone()
            return grid_counts.rebuild(conn, clock.now()) if row and row["mine"] else None

    return retried(once)


def run(store: Store, clock: Clock, stop: threading.Event) -> None:
    """Until `stop`. A database that is away is waited for."""
    away = False
    while not stop.is_set():
        began = time.monotonic()
        try:
            turn(store, clock)
        except (StoreUnavailable, psycopg.OperationalError) as e:
            if not away:
                log.warning("waiting for the database: %s", e)
            away = True
            stop.wait(RETRY_S)
            continue
        away = False
        stop.wait(max(EVERY_S, REST * (time.monotonic() - began)))
