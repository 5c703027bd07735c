"""The KPI worker: computes every indicator for the whole region tree when its inputs changed, and once a while anyway.

One worker computes, whoever holds the advisory lock; the others stand by. A failing indicator says so on its own tile
(code, since, retries) and stops no other. Costly statements slow themselves down: an indicator rests ten times as long
as it took, so the worker never takes more than a tenth of the database.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import psycopg

from ioc.clock import Clock
from ioc.command.datasets import datasets
from ioc.declare import Indicator, Reading
from ioc.errors import IocError, StoreUnavailable
from ioc.kpi.active import active_indicators, recorded_pack
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store
from ioc.store import kpi_write as keep
from ioc.store.kpi_queries import QUERIES, Named
from ioc.store.kpi_rollup import Ask, Audience
from ioc.store.kpi_write import Key

LOCK = 7340601  # advisory lock of the one KPI worker of a cluster
TICK_S = 1.0
REST = 10.0  # an indicator rests this many times its own duration
REFRESH_S = 60.0  # longest time without a computation
RETRY_MAX_S = 60.0
STATEMENT_S = 30
_TOPIC_CLASSES: Mapping[str, frozenset[str]] = {
    "event": frozenset({"event"}),
    "detection": frozenset({"event"}),
    "case": frozenset({"case"}),
    "device": frozenset({"camera", "sensor", "aqi"}),
    "alarm": frozenset({"alarm"}),
    "warning": frozenset({"warning"}),
}
_FAULTS = (psycopg.Error, IocError, ValueError, TypeError, KeyError, ArithmeticError)

Series = tuple[tuple[float | None, ...], float | None]  # the 24 points, and the value one comparison period ago

log = logging.getLogger("ioc.kpi")


@dataclass
class _State:
    """What the worker remembers of one indicator. Times are monotonic seconds."""

    due: float = float("-inf")  # the earliest next computation
    latest: float = float("-inf")  # computed at the latest then
    hour: dt.datetime | None = None
    audiences: tuple[Audience, ...] = ()
    series: dict[tuple[int, str], Series] = field(default_factory=dict[tuple[int, str], "Series"])
    failures: int = 0
    told: dt.datetime | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One computation: readings by region and audience, or the failure."""

    indicator: Indicator
    readings: Mapping[tuple[int, str], Reading]
    fed: keep.Feeding
    state: str
    duration_s: float
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Cycle:
    """What one turn did."""

    computed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    changed: int = 0


class KpiWorker:
    """One turn at a time (`cycle`), so that tests and benchmarks drive it by hand."""

    def __init__(self, store: Store, indicators: Sequence[Indicator], clock: Clock, settings: Settings) -> None:
        self.store, self.clock, self.settings = store, clock, settings
        self.indicators = tuple(indicators)
        self._states = {i.code: _State() for i in self.indicators}
        self._intervals = {key: d.interval for key, d in datasets().items()}
        self._written: dict[Key, Reading] = {}
        self._known = frozenset[int]()
        self._audiences: tuple[Audience, ...] = ()
        self._last_no = 0
        self._day: dt.date | None = None

    def cycle(self) -> Cycle:
        """Compute what is due and write it. Raises StoreUnavailable when the database is away."""
        now, mono = self.clock.now(), self.clock.monotonic()
        with self.store.scoped(SYSTEM) as conn:
            tree, audiences = keep.tree(conn), keep.audiences(conn, now)
            sources = [*keep.sources(conn), *keep.datasets(conn, self._intervals)]
            self._last_no, topics = keep.topics_since(conn, self._last_no)
            if self._known and keep.emptied(conn):  # a dropped demo takes every number with it
                self._written.clear()
                self._known = frozenset()
        self._roll_over(now)
        everything = self._reset(tree, audiences)
        due = [i for i in self.indicators if everything or self._due(i, topics, mono)]
        if not due or not tree.kinds:
            return Cycle()
        results = [self._compute(i, tree, audiences, sources, now) for i in due]
        return self._write(results, tree, now, mono)

    # ------------------------------------------------------------ when

    def _roll_over(self, now: dt.datetime) -> None:
        """At local midnight every number of "today" starts again, whatever was due when."""
        day = now.astimezone(self.settings.tz).date()
        if day == self._day:
            return
        self._day = day
        for state in self._states.values():
            state.due = state.latest = float("-inf")
        with self.store.scoped(SYSTEM) as conn:
            keep.forget_missing(conn, self.indicators)
            keep.prune(conn, now, self.settings.retention_observation_days, self.settings.timezone)

    def _reset(self, tree: keep.Tree, audiences: tuple[Audience, ...]) -> bool:
        """Other regions or a new audience: everything is computed again at once."""
        keys = audiences_keys(audiences)
        changed = frozenset(tree.kinds) != self._known or keys != audiences_keys(self._audiences)
        if frozenset(tree.kinds) != self._known:
            self._written.clear()
        elif changed:  # the rows of an audience that has gone are deleted: when it returns they are written again
            self._written = {k: v for k, v in self._written.items() if k[2] in keys}
        self._known, self._audiences = frozenset(tree.kinds), audiences
        return changed

    def _due(self, indicator: Indicator, topics: frozenset[str], mono: float) -> bool:
        state = self._states[indicator.code]
        if mono >= state.latest:
            return True
        return mono >= state.due and touches(topics, indicator)

    # ------------------------------------------------------------ compute

    def _compute(
        self,
        indicator: Indicator,
        tree: keep.Tree,
        audiences: tuple[Audience, ...],
        sources: Sequence[keep.Row],
        now: dt.datetime,
    ) -> Result:
        fed = keep.feeding(sources, indicator.source, now)
        state, named = self._states[indicator.code], QUERIES.get(indicator.query)
        if keep.strict(indicator.source) and not fed.connected:
            return Result(indicator, {}, fed, "unconnected", 0.0)
        if named is None:
            fault = KeyError(f"no query named {indicator.query}")
            return Result(indicator, {}, fed, "error", 0.0, fault)
        ask = Ask(now, self.settings.tz, audiences, tree.root)
        fresh = not named.heavy_series or state.hour != ask.hour or state.audiences != audiences
        start = time.perf_counter()
        try:
            with self.store.scoped(SYSTEM) as conn:
                conn.execute("SELECT set_config('statement_timeout', %s, true)", (str(STATEMENT_S * 1000),))
                answer = named.compute(conn, replace(ask, series=fresh), indicator.params)
        except _FAULTS as e:
            if isinstance(e, StoreUnavailable) and not isinstance(e.__cause__, psycopg.errors.QueryCanceled):
                raise
            return Result(indicator, {}, fed, "error", time.perf_counter() - start, e)
        took = time.perf_counter() - start
        readings = self._with_series(state, answer, fresh) if named.heavy_series else answer
        if fresh:
            state.hour, state.audiences = ask.hour, audiences
        return _result(indicator, _filled(readings, named, indicator, tree, audiences), fed, sources, now, took)

    def _with_series(
        self, state: _State, answer: Mapping[tuple[int, str], Reading], fresh: bool
    ) -> dict[tuple[int, str], Reading]:
        """Between the hours the 24 points stay, and the last one moves with the value."""
        if fresh:
            state.series = {k: (r.series, r.previous) for k, r in answer.items()}
        out: dict[tuple[int, str], Reading] = {}
        for key, reading in answer.items():
            series, previous = state.series.get(key, ((), None))
            moved = (*series[:-1], reading.value) if series else ()
            out[key] = replace(reading, series=moved, previous=previous)
        return out

    # ------------------------------------------------------------ write

    def _write(self, results: Sequence[Result], tree: keep.Tree, now: dt.datetime, mono: float) -> Cycle:
        changed: dict[Key, Reading] = {}
        codes: set[str] = set()
        whole = False
        for result in results:
            code = result.indicator.code
            mine = {(code, r, a): v for (r, a), v in result.readings.items() if self._written.get((code, r, a)) != v}
            changed |= mine
            moved = self._moved(result)
            whole = whole or moved
            if mine or moved:
                codes.add(code)
        with self.store.scoped(SYSTEM) as conn:
            for result in results:
                _save(conn, result, now)
            if changed:
                keep.save_values(conn, changed, tree.kinds, now)
            if codes:
                keep.announce(conn, sorted(codes), set() if whole else {k[1] for k in changed})
        self._written |= changed
        for result in results:
            self._schedule(result, mono)
        failed = tuple(r.indicator.code for r in results if r.error)
        return Cycle(tuple(r.indicator.code for r in results), failed, len(changed))

    def _moved(self, result: Result) -> bool:
        """The state changed, or the age moved on by enough that screens should hear of it."""
        state = self._states[result.indicator.code]
        moved = state.state != result.state
        if result.fed.as_of and result.state == "ok":
            step = max(5.0, result.fed.interval_s / 4)
            moved = moved or state.told is None or (result.fed.as_of - state.told).total_seconds() >= step
        if moved:
            state.told, state.state = result.fed.as_of, result.state
        return moved

    def _schedule(self, result: Result, mono: float) -> None:
        indicator, state = result.indicator, self._states[result.indicator.code]
        if result.error is not None:
            state.failures += 1
            wait = min(RETRY_MAX_S, indicator.every_s * 2 ** min(state.failures - 1, 6))
            state.due = state.latest = mono + wait
            if state.failures == 1:
                log.error("indicator %s failed: %s", indicator.code, str(result.error).strip())
            return
        if state.failures:
            log.info("indicator %s recovered after %d failures", indicator.code, state.failures)
        state.failures = 0
        rest = max(indicator.every_s, REST * result.duration_s)
        state.due = mono + rest
        state.latest = mono + max(rest, min(REFRESH_S, indicator.interval.total_seconds() / 2))


def audiences_keys(audiences: Sequence[Audience]) -> frozenset[str]:
    return frozenset(a.key for a in audiences)


def touches(topics: frozenset[str], indicator: Indicator) -> bool:
    """Whether what the feed spoke of can change this indicator."""
    if topics & {"reload", "source"}:
        return True
    return any(indicator.source in _TOPIC_CLASSES.get(topic, frozenset()) for topic in topics)


def _filled(
    readings: Mapping[tuple[int, str], Reading],
    named: Named,
    indicator: Indicator,
    tree: keep.Tree,
    audiences: Sequence[Audience],
) -> Mapping[tuple[int, str], Reading]:
    """Regions in which there is nothing get the query's empty reading, so that nothing old stays standing."""
    if indicator.params.get("centre"):
        return readings
    return {(r, a.key): readings.get((r, a.key), named.empty) for r in tree.kinds for a in audiences}


def _result(
    indicator: Indicator,
    readings: Mapping[tuple[int, str], Reading],
    fed: keep.Feeding,
    sources: Sequence[keep.Row],
    now: dt.datetime,
    took: float,
) -> Result:
    """Says what a reading without a source of its own class rests on: sensors that are there, or nothing."""
    if fed.connected or indicator.params.get("centre"):
        newest = max((r.as_of for r in readings.values() if r.as_of), default=fed.as_of)
        own = fed if fed.connected else keep.Feeding(True, "", newest, indicator.interval.total_seconds())
        return Result(indicator, readings, replace(own, as_of=newest), "ok", took)
    if not any(r.state == "ok" for r in readings.values()):
        return Result(indicator, readings, fed, "unconnected", took)
    sensors = keep.feeding(sources, "sensor", now)
    newest = max((r.as_of for r in readings.values() if r.as_of), default=None)
    interval_s = sensors.interval_s if sensors.connected else indicator.interval.total_seconds()
    return Result(indicator, readings, keep.Feeding(True, sensors.title, newest, interval_s), "ok", took)


def _save(conn: keep.Conn, result: Result, now: dt.datetime) -> None:
    code = result.indicator.code
    if result.error is None:
        keep.save_run(conn, code, result.state, result.fed, now, result.duration_s * 1000)
        return
    short, zh, en = describe(result.error)
    keep.save_failure(conn, code, short, zh, en, now)


def describe(error: BaseException) -> tuple[str, str, str]:
    """Short code for the corner of the tile, and what to tell an operator; never SQL or a row's content."""
    if isinstance(error, psycopg.errors.QueryCanceled) or isinstance(error.__cause__, psycopg.errors.QueryCanceled):
        return "E-504", "计算超时", "the computation took too long"
    if isinstance(error, IocError):
        return f"E-{error.status}", error.message("zh"), error.message("en")
    if isinstance(error, psycopg.Error):
        return f"E-{error.sqlstate or 'DB'}", "查询失败", "the query failed"
    return "E-500", "计算失败", "the computation failed"


def run(store: Store, registry: Registry, clock: Clock, settings: Settings, stop: threading.Event) -> None:
    """Work until `stop`. Waits for the lock while another worker holds it, and for the database while it is away."""
    away = False
    while not stop.is_set():
        try:
            with store.dedicated() as lock:
                _hold(lock, store, registry, clock, settings, stop)
            away = False
        except (StoreUnavailable, psycopg.OperationalError) as e:
            if not away:
                log.warning("waiting for the database: %s", e)
            away = True
            stop.wait(TICK_S)


def _hold(
    lock: keep.Conn, store: Store, registry: Registry, clock: Clock, settings: Settings, stop: threading.Event
) -> None:
    worker: KpiWorker | None = None
    while not stop.is_set():
        if worker is None:
            row = lock.execute("SELECT pg_try_advisory_lock(%s) AS mine", (LOCK,)).fetchone()
            if row and row["mine"]:
                worker = KpiWorker(store, active_indicators(registry, recorded_pack(store, settings)), clock, settings)
        else:
            lock.execute("SELECT 1")  # the lock is ours only while its session lives
            worker.cycle()
        stop.wait(TICK_S)
