"""Answering panels, each by itself: its own connection, its own error, its own age. They are asked in parallel."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import psycopg

from ioc.command.asking import Ask, Found, PanelState
from ioc.command.datasets import datasets
from ioc.command.panels import finder, panels
from ioc.declare import Panel
from ioc.errors import IocError, NotFound
from ioc.i18n import Text
from ioc.store import Store, editions
from ioc.store.editions import Edition

log = logging.getLogger(__name__)
# Panels are asked beside each other: workers of one would wait for the cores of the others, and be slower to start than
# most of these questions are to answer.
_LIMITS = "SELECT set_config('statement_timeout', %s, true), set_config('max_parallel_workers_per_gather', '0', true)"
TIMEOUT_S = 5  # a panel that is late is an error with a retry, not a spinner


def answer(store: Store, key: str, ask: Ask) -> PanelState:
    """The panel `key` for `ask`. Its failure is its state; raises only NotFound for a panel nobody declared."""
    panel = panels().get(key)
    if panel is None:
        raise NotFound(f"面板 {key}", f"panel {key}")
    started = time.perf_counter()
    if not ask.scope.can(panel.permission):
        return PanelState(key, "forbidden", error_code=panel.permission)
    try:
        state = _answer(store, panel, ask)
    except IocError as e:
        state = PanelState(key, "error", error_code=e.code, error=Text(e.message("zh"), e.message("en")))
    except psycopg.errors.QueryCanceled:
        zh, en = f"超过 {TIMEOUT_S} 秒未得出结果", f"no answer within {TIMEOUT_S} s"
        state = PanelState(key, "error", error_code="late", error=Text(zh, en))
    except psycopg.Error:
        log.exception("panel %s failed", key)
        state = PanelState(key, "error", error_code="store", error=Text("数据库查询失败", "the query failed"))
    return _timed(state, started)


def _answer(store: Store, panel: Panel, ask: Ask) -> PanelState:
    with store.scoped(ask.scope) as conn:
        conn.execute(_LIMITS, (f"{TIMEOUT_S}s",))
        have = editions.in_force(conn)
        there = have.keys() | editions.registered(conn, (*panel.datasets, *panel.helped_by)).keys()
        missing = tuple(k for k in panel.datasets if k not in there)
        lacking = tuple(k for k in panel.helped_by if k not in there)
        if missing:
            return PanelState(panel.key, "missing", missing=missing, lacking=lacking)
        found = finder(panel.key)(conn, ask)
    return _state(panel, found, have, lacking)


def _state(panel: Panel, found: Found, have: dict[str, Edition], lacking: tuple[str, ...]) -> PanelState:
    first = have.get(panel.datasets[0]) if panel.datasets else None
    known = datasets().get(panel.datasets[0]) if panel.datasets else None
    stood_on = [have[k] for k in (*panel.datasets, *panel.helped_by) if k in have]
    demo = found.origin == "demo" or any(e.origin == "demo" for e in stood_on)
    return PanelState(
        panel.key,
        "missing" if found.missing else "empty" if found.empty else "ok",
        found.data,
        found.as_of or (first.as_of if first else None),
        found.source or (first.source if first else ""),
        found.interval or (known.interval if known else None),
        found.notes,
        found.missing,
        tuple(k for k in lacking if k not in found.missing),
        "demo" if demo else "real",
    )


def _timed(state: PanelState, started: float) -> PanelState:
    return replace(state, took_ms=round((time.perf_counter() - started) * 1000, 1))
