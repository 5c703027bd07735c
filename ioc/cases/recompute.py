"""Open cases get their deadlines anew when something is published, in batches beside those who work on them.

Which cases are still to be done stands on the cases themselves (`terms_rev`), so that a run that was killed is gone
on with by the next one, and two runs at once share the work. A case somebody has locked is passed over: a step computes
by what is in force anyway, and if it began before the publication the next run finds it.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from ioc.cases import applied
from ioc.cases.published import Rules, current
from ioc.cases.terms import RECOMPUTED_BY, Terms
from ioc.clock import Clock
from ioc.errors import Invalid
from ioc.scope import SYSTEM
from ioc.store import Store, case_terms, cases_write
from ioc.store.pool import Conn
from ioc.store.retry import retried

log = logging.getLogger("ioc.deadlines")
BATCH = 50  # cases locked at once: a step that meets them waits for a fraction of a second
EVERY_S = 5.0


@dataclass
class Done:
    """`seen`: cases computed anew; `changed`: those whose deadlines are others now."""

    seen: int = 0
    changed: int = 0


def recompute(
    store: Store,
    clock: Clock,
    zone: ZoneInfo,
    *,
    batch: int = BATCH,
    progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> Done:
    """Every open case that was computed by other publications than those in force. Idempotent."""
    done = Done()
    while stop is None or not stop.is_set():
        # a fresh count for every try: what a deadlock undid was not done
        found = retried(lambda: _turn(store, clock, zone, batch), 5)
        done.seen, done.changed = done.seen + found.seen, done.changed + found.changed
        if progress is not None and found.seen:
            progress(done.seen)
        if not found.seen:
            break
    return done


def run(store: Store, clock: Clock, zone: ZoneInfo, stop: threading.Event, every_s: float = EVERY_S) -> None:
    """The loop of `ioc ingest`: what a publication, a dropped demo or an import without deadlines left to be done."""
    while not stop.is_set():
        done = recompute(store, clock, zone, stop=stop)
        if done.seen:
            log.info("deadlines: %d open cases computed anew, %d changed", done.seen, done.changed)
        stop.wait(every_s)


def _turn(store: Store, clock: Clock, zone: ZoneInfo, batch: int) -> Done:
    done = Done()
    with store.scoped(SYSTEM) as conn:
        by = current(conn, zone)
        for row in case_terms.stale(conn, by.revision, batch):
            done.seen += 1
            done.changed += _case(conn, row, by, clock.now())
    return done


def _case(conn: Conn, row: case_terms.Row, by: Rules, now: dt.datetime) -> bool:
    """One case. What stays as it was is only marked as done, without a version or a record of its own."""
    found = _columns(row, by, now)
    shown = {n: found[n] for n in ("due_at", "total_due_at", "due_label", "due_unpublished") if n in found}
    if all(row[n] == v for n, v in shown.items()):
        case_terms.mark(conn, row["case_id"], by.revision, found.get("terms"))
        return False
    cases_write.change_case(conn, row["case_id"], found, RECOMPUTED_BY, now)
    return True


def _columns(row: case_terms.Row, by: Rules, now: dt.datetime) -> dict[str, Any]:
    if not applied.applies(row):
        return {}
    try:
        terms = Terms.of(row["terms"]) if row["terms"] is not None else applied.adopted(row)
        return applied.columns(terms, by, row, now)
    except (Invalid, ValueError, KeyError, TypeError) as e:
        # one broken record must not keep all others from their deadlines
        log.warning("deadlines of case %s cannot be computed: %s", row["case_id"], e)
        return {}
