"""The sequencer: gives committed outbox records their `feed_no`, gapless and in commit-visible order.

One holder of an advisory lock at a time; the lock ends with its connection, so that another process takes over by
itself. A row becomes visible when its transaction commits, whatever its `outbox_id`: a late commit gets a late number
and no reader can pass it by. A transaction that stays open elsewhere holds nothing up.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from typing import Any

import psycopg
from psycopg.rows import TupleRow, tuple_row

from ioc.clock import Clock
from ioc.store.keeper import ensure_partitions

log = logging.getLogger("ioc.feed")

LOCK_KEY = 4_930_001
BATCH = 1000
BUSY_POLL_S, IDLE_POLL_S = 0.02, 0.2  # writers that forget to notify are met within the first while there is traffic
BUSY_FOR_S = 1.0
BEAT_S = 1.0
ELECT_S, RETRY_S = 0.3, 0.25

_NUMBER = """
WITH taken AS (
  DELETE FROM outbox WHERE outbox_id IN (SELECT outbox_id FROM outbox ORDER BY outbox_id LIMIT %(batch)s)
  RETURNING *
), bumped AS (
  UPDATE feed_state SET last_no = last_no + (SELECT count(*) FROM taken), beat_at = %(now)s RETURNING last_no
), numbered AS (
  INSERT INTO feed (feed_no, numbered_at, outbox_id, recorded_at, topic, op, entity_id, region_id, private_to,
                    sensitivity, permission, origin, payload)
  SELECT b.last_no - count(*) OVER () + row_number() OVER (ORDER BY t.outbox_id), %(now)s, t.outbox_id, t.recorded_at,
         t.topic, t.op, t.entity_id, t.region_id, t.private_to, t.sensitivity, t.permission, t.origin, t.payload
  FROM taken t, bumped b
  RETURNING feed_no
)
SELECT n, pg_notify('ioc_feed', last::text)
FROM (SELECT count(*)::int AS n, max(feed_no) AS last FROM numbered) s WHERE n > 0
"""


def run(dsn: str, clock: Clock, stop: threading.Event) -> None:
    """Until `stop`: stand for election, and number while holding the lock. Survives a restart of the server."""
    quiet = False
    while not stop.is_set():
        try:
            with psycopg.connect(dsn, autocommit=True, row_factory=tuple_row, connect_timeout=3) as conn:
                if _elect(conn, stop):
                    log.info("sequencer: holds the lock")
                    quiet = False
                    _lead(conn, clock, stop)
        except psycopg.Error as e:
            if not quiet:
                log.warning("sequencer: interrupted, trying again: %s", str(e).strip().splitlines()[:1])
            quiet = True
            stop.wait(RETRY_S)


def start(dsn: str, clock: Clock, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=run, args=(dsn, clock, stop), name="sequencer", daemon=True)
    thread.start()
    return thread


def _elect(conn: psycopg.Connection[TupleRow], stop: threading.Event) -> bool:
    while not stop.is_set():
        row = conn.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,)).fetchone()
        if row is not None and row[0]:
            return True
        stop.wait(ELECT_S)
    return False


def _lead(conn: psycopg.Connection[TupleRow], clock: Clock, stop: threading.Event) -> None:
    # A number that was told to a screen must not be given again after a crash.
    conn.execute("SET synchronous_commit = local")
    conn.execute("LISTEN ioc_outbox")
    busy_until = beaten = 0.0
    while not stop.is_set():
        now = time.monotonic()
        if number_pending(conn, clock.now()):
            busy_until, beaten = now + BUSY_FOR_S, now
            continue
        if now - beaten >= BEAT_S:
            conn.execute("UPDATE feed_state SET beat_at = %s", (clock.now(),))
            beaten = now
        wait = BUSY_POLL_S if now < busy_until else IDLE_POLL_S
        for _ in conn.notifies(timeout=wait, stop_after=1):
            pass


def number_pending(conn: psycopg.Connection[Any], now: dt.datetime, batch: int = BATCH) -> int:
    """Number one batch of what is visible. Returns how many. Makes the day's partition when the keeper was late."""
    with conn.cursor(row_factory=tuple_row) as cur:
        pending = cur.execute("SELECT EXISTS (SELECT FROM outbox)").fetchone()
        if pending is None or not pending[0]:
            return 0
        try:
            row = cur.execute(_NUMBER, {"batch": batch, "now": now}).fetchone()
        except psycopg.errors.CheckViolation:
            log.warning("feed: no partition for %s yet, making it", now.date())
            ensure_partitions(conn, now)
            row = cur.execute(_NUMBER, {"batch": batch, "now": now}).fetchone()
    return int(row[0]) if row is not None else 0
