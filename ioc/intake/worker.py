"""The intake's part of `ioc ingest`: every enabled source's loop, the health of sources, and the silence sweep."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from itertools import count

import psycopg
import structlog

from ioc.cases import escalating
from ioc.clock import Clock
from ioc.command import fire_watch
from ioc.command import watch as command_watch
from ioc.declare import Source
from ioc.errors import IocError, StoreUnavailable
from ioc.intake.alarm_timer import AlarmTimer
from ioc.intake.context import SourceContext
from ioc.intake.silence import Sweep
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, sources, warnings
from ioc.store.imports import close_interrupted

log = structlog.get_logger(__name__)

HEALTH_EVERY_S = 2.0
TIDY_TURNS = 15  # of the health sweep: how often imports that were killed are looked for
SWEEP_EVERY_S = 5.0
ALARMS_EVERY_S = 1.0  # delays, silence, shelves, receipts and floods of alarms
EXPIRE_EVERY_S = 2.0  # warnings whose end has come
BACKOFF_S = (1.0, 60.0)  # first and longest pause before a failed source is started again
JOIN_S = 10.0


def enabled(source: Source, settings: Settings) -> bool:
    return source.enabled is None or source.enabled(settings)


def run_ingest(settings: Settings, registry: Registry, store: Store, clock: Clock, stop: threading.Event) -> None:
    """Blocks until `stop`. Each source runs in a thread of its own and is started again by itself when it fails."""
    _register(settings, registry.sources, store, clock, stop)
    threads = [
        threading.Thread(
            target=keep_running, args=(s, SourceContext(k, settings, registry, store, clock, stop)), name=f"source-{k}"
        )
        for k, s in registry.sources.items()
        if s.run is not None and enabled(s, settings)
    ]
    sweep = Sweep(store, clock.now())
    threads.append(threading.Thread(target=_every, args=(HEALTH_EVERY_S, _health(store, clock), stop), name="health"))
    threads.append(
        threading.Thread(target=_every, args=(SWEEP_EVERY_S, lambda: sweep.turn(clock.now()), stop), name="silence")
    )
    threads.append(threading.Thread(target=_every, args=(EXPIRE_EVERY_S, _expire(store, clock), stop), name="warnings"))
    escalate = escalating.worker(store, clock)
    threads.append(threading.Thread(target=_every, args=(escalating.EVERY_S, escalate, stop), name="escalation"))
    late = command_watch.worker(store, clock, settings.tz)
    threads.append(threading.Thread(target=_every, args=(command_watch.EVERY_S, late, stop), name="command"))
    fires = fire_watch.worker(store, clock)
    threads.append(threading.Thread(target=_every, args=(fire_watch.EVERY_S, fires, stop), name="fires"))
    timer = AlarmTimer(store, clock, settings.tz)
    threads.append(threading.Thread(target=_every, args=(ALARMS_EVERY_S, timer.turn, stop), name="alarms"))
    for thread in threads:
        thread.daemon = True
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join(JOIN_S)


def _register(
    settings: Settings, declared: Mapping[str, Source], store: Store, clock: Clock, stop: threading.Event
) -> None:
    """Rows for the declared sources. Waits for the database: it may be starting beside us."""
    while not stop.is_set():
        try:
            with store.scoped(SYSTEM) as conn:
                sources.register(conn, [(s, enabled(s, settings)) for s in declared.values()], clock.now())
                close_interrupted(conn, clock.now())
            return
        except StoreUnavailable:
            stop.wait(0.5)


def _health(store: Store, clock: Clock) -> Callable[[], object]:
    turns = count(1)

    def turn() -> int:
        with store.scoped(SYSTEM) as conn:
            if next(turns) % TIDY_TURNS == 0:
                close_interrupted(conn, clock.now())
            return sources.sweep(conn, clock.now())

    return turn


def _expire(store: Store, clock: Clock) -> Callable[[], object]:
    def turn() -> int:
        with store.scoped(SYSTEM) as conn:
            return warnings.begin(conn, clock.now()) + warnings.expire(conn, clock.now())

    return turn


def _every(seconds: float, work: Callable[[], object], stop: threading.Event) -> None:
    """Do `work` now and every `seconds`. One failure is logged, repeats are not, and so is the recovery."""
    well = True
    while not stop.is_set():
        try:
            work()
            if not well:
                log.info("recovered", task=threading.current_thread().name)
            well = True
        except (IocError, psycopg.Error) as e:
            if well:
                log.warning("failed", task=threading.current_thread().name, error=str(e))
            well = False
        stop.wait(seconds)


def keep_running(source: Source, context: SourceContext) -> None:
    """Run a source's loop until `stop`; after a fault tell of it once and start again, later each time."""
    pause, longest = BACKOFF_S
    silent = ""
    while not context.stop.is_set() and source.run is not None:
        began = context.clock.monotonic()
        try:
            source.run(context)
            if context.stop.is_set():
                return
            fault: tuple[str, str, str] = ("ended", "数据源循环意外结束", "the source's loop ended by itself")
        except StoreUnavailable as e:
            # not the source's fault: it goes on as soon as the database is back
            fault, pause = (e.code, e.message("zh"), e.message("en")), BACKOFF_S[0]
        except IocError as e:
            fault = (e.code, e.message("zh"), e.message("en"))
        except Exception as e:
            log.exception("source failed", source=context.key)
            fault = ("fault", f"数据源程序出错：{type(e).__name__}", f"the source's program failed: {type(e).__name__}")
        if context.clock.monotonic() - began > longest:
            pause = BACKOFF_S[0]
        if not _tell(context, fault) and silent != fault[0]:
            log.warning("state of the source not stored", source=context.key, fault=fault[0])
        silent = fault[0]
        context.stop.wait(pause)
        pause = min(pause * 2, longest)


def _tell(context: SourceContext, fault: tuple[str, str, str]) -> bool:
    """Whether the fault could be stored; with the database away it cannot, and need not."""
    try:
        context.failed(*fault)
    except (IocError, psycopg.Error):
        return False
    return True
