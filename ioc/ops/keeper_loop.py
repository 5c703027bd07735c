"""The keeper's loop inside `ingest`: partitions ahead, retention, disk budget. One holder at a time in the cluster."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from ioc.attachments import sweep
from ioc.audit import linker
from ioc.clock import Clock
from ioc.settings import Settings
from ioc.store import disk, keeper, outbox
from ioc.store.cluster import PrivateCluster
from ioc.store.database import dsns

log = logging.getLogger("ioc.keeper")
EVERY_S = 30.0
PRUNE_EVERY_S = 600.0
_HOLDER = 4_930_103


def run(settings: Settings, clock: Clock, stop: threading.Event, every_s: float = EVERY_S) -> None:
    """Until `stop`. A database that is away is tried again; one line when it goes and one when it is back."""
    pruned_at = float("-inf")
    failing = False
    while not stop.is_set():
        try:
            owner = dsns(settings).owner
            with psycopg.Connection[DictRow].connect(owner, autocommit=True, row_factory=dict_row) as conn:
                due = clock.monotonic() - pruned_at >= PRUNE_EVERY_S
                if turn(conn, settings, clock, prune=due) and due:
                    pruned_at = clock.monotonic()
            if failing:
                log.info("keeper works again")
            failing = False
        except psycopg.Error as e:
            if not failing:
                log.warning("keeper cannot work: %s", str(e).strip())
            failing = True
        stop.wait(1.0 if failing else every_s)


def turn(conn: psycopg.Connection[Any], settings: Settings, clock: Clock, *, prune: bool = True) -> bool:
    """One round. False when another process holds the keeper's lock."""
    row = conn.execute("SELECT pg_try_advisory_lock(%s) AS mine", (_HOLDER,)).fetchone()
    if not row or not row["mine"]:
        return False
    try:
        now = clock.now()
        keeper.ensure_partitions(conn, now)
        check_disk(conn, settings)
        if prune:
            linker.cut(conn, now, settings)
            dropped = keeper.drop_expired(conn, now, settings)
            gone = keeper.prune(conn, now, settings) + sweep.sweep(conn, now, settings)
            if dropped or gone:
                log.info("retention: %d partitions dropped, %d rows deleted", len(dropped), gone)
        return True
    finally:
        conn.execute("SELECT pg_advisory_unlock(%s)", (_HOLDER,))


def check_disk(conn: psycopg.Connection[Any], settings: Settings, folder: Path | None = None) -> disk.DiskState:
    """Measures, stores, and tells every screen when the level changed."""
    if folder is None and not settings.database_url:
        folder = PrivateCluster(settings.root).home
    state = disk.measure(conn, folder, settings.disk_budget_mb, settings.disk_free_min_mb)
    before = disk.read(conn)
    with conn.transaction():
        disk.write(conn, state)
        if state.level != before.level:
            log.warning("disk: %s (%s MB free, %s MB used)", state.level, state.free_mb, state.used_mb)
            outbox.put(
                conn, topic="source", op="change", entity_id="disk", permission="source.view", payload=asdict(state)
            )
            outbox.wake(conn)
    return state
