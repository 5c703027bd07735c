"""Changes of the schema beside live work: they wait little for a lock, give way as a whole, and come again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ioc.errors import ConfigError

# Shorter than PostgreSQL's deadlock_timeout (1 s): in a deadlock it is the change that gives way, never who writes.
# Each fifth try waits longer than that, because only then is an autovacuum of the table told to stop.
_SHORT, _LONG = "800ms", "5s"
TRIES = 150  # with the pauses some six minutes
_PAUSE_S = (0.1, 0.3, 1.0, 2.0)
# "tuple concurrently updated": somebody else's GRANT or ANALYZE wrote the same row of the catalogue
_GIVE_WAY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


def yielding(
    conn: psycopg.Connection[Any], work: Callable[[], None], what: str, tries: int = TRIES,
    pause: Callable[[float], None] = time.sleep,
) -> None:  # fmt: skip
    """Does `work` in one transaction of `conn` (autocommit). A lock that is not to be had undoes it, and it is done
    anew: meanwhile nobody queues behind it.

    Raises ConfigError, naming `what` and who holds the locks, when they were not to be had in all tries.
    """
    for n in range(tries):
        try:
            with conn.transaction():
                conn.execute(f"SET LOCAL lock_timeout = '{_LONG if n % 5 == 4 else _SHORT}'")
                work()
        except _GIVE_WAY:
            pass
        except psycopg.errors.InternalError_ as e:
            if "concurrently updated" not in str(e):
                raise
        else:
            return
        if n + 1 < tries:
            pause(_PAUSE_S[min(n, len(_PAUSE_S) - 1)])
    who = _others(conn)
    zh = f"{what} 等不到表锁，请结束长时间未提交的会话后重试：{who}"
    raise ConfigError(zh, f"{what}: tables stay locked; end the sessions that hold them and start again: {who}")


def _others(conn: psycopg.Connection[Any]) -> str:
    """Transactions of others that have been open longest: what holds a lock is among them."""
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute(
            "SELECT pid, coalesce(nullif(application_name, ''), usename, '?'), xact_start FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
            " ORDER BY xact_start LIMIT 5"
        ).fetchall()
    return "、".join(f"{name} (pid {pid}, {at:%H:%M:%S})" for pid, name, at in rows) or "?"
