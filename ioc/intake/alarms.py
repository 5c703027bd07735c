"""Judging a batch of observations by every rule, on its way into the store and in its transaction.

What is judged: values that were new, in the order of their `observed_at`, once. A value older than the newest one
judged changes nothing; beyond a limit and within the rule's `lateness_s` it leaves a line in the journal. Bad and
missing values are no evidence for either side.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely

from ioc.alarm_rules import alarm_rules
from ioc.alarms import judge
from ioc.alarms.apply import Moved, carry_out, late
from ioc.alarms.bind import Bound, Override, Stream, Terms, alike, bind, family
from ioc.alarms.params import in_hours
from ioc.alarms.phase import NORMAL, Change, Phase, due, observe
from ioc.clock import Clock
from ioc.declare import AlarmRule
from ioc.intake.alarm_shapes import NONE, Shape, Watched, families, shape_of
from ioc.store import alarm_streams as streams
from ioc.store import alarm_write as write
from ioc.store.observations import BAD, Point
from ioc.store.pool import Conn

CACHE_S = 600.0  # the longest a datastream's limits are believed; settings and imports are met at once
MAX_CACHED = 2_000_000
Key = tuple[str, int]
Before = Mapping[int, tuple[dt.datetime, float | None]]
Verdict = tuple[Point, Bound, bool, bool]  # a value, the rule, beyond, back
Usable = tuple[Point, Watched]


@dataclass
class _Known:
    """What is remembered of datastreams, for one version of the settings. `watched` None: no rule holds there."""

    version: int = -1
    born: float = float("-inf")
    overrides: Sequence[Override] = ()
    own_devices: frozenset[str] = frozenset()
    watched: dict[int, Watched | None] = field(default_factory=dict[int, "Watched | None"])
    shapes: dict[Hashable, Shape] = field(default_factory=dict[Hashable, Shape])
    fences: dict[str, shapely.Geometry | None] = field(default_factory=dict[str, "shapely.Geometry | None"])


class AlarmJudge:
    """Thread-safe. One a process and pipeline; what it remembers are look-ups, every state is in the store."""

    def __init__(self, clock: Clock, tz: dt.tzinfo, rules: Mapping[str, AlarmRule] | None = None) -> None:
        self._clock, self._tz = clock, tz
        self.rules = dict(rules if rules is not None else alarm_rules())
        self.families = families(self.rules.values())
        self._compounds = [r for r in self.rules.values() if r.test == "compound"]
        names = {n[1:] for r in self.rules.values() for n in r.limit_from if n.startswith("@")}
        self._siblings = sorted(names - {"limit_high", "limit_low"})
        self._with_siblings = sorted(
            {r.property for r in self.rules.values() if {n[1:] for n in r.limit_from} & set(self._siblings)}
        )
        reads = {r.property for r in self.rules.values() if family([r]).attributes}
        self._with_attributes = None if "" in reads else sorted(reads)
        self._known = _Known()
        self._lock = threading.Lock()

    # ------------------------------------------------------------ rules on datastreams

    def _watch(self, conn: Conn, ids: Collection[int], now: dt.datetime) -> Mapping[int, Watched | None]:
        """Datastreams with the rules that hold on them, those of their property. At least of `ids`."""
        with self._lock:
            known = self._known if self._known.version >= 0 else self._current(conn)
            missing = set(ids) - known.watched.keys()
            if missing:
                found = self.streams(conn, missing)
                for i in missing:
                    stream = found.get(i)
                    shape = self._shape(known, stream, now) if stream else NONE
                    known.watched[i] = Watched(stream, shape) if stream and shape is not NONE else None
            return known.watched

    def _shape(self, known: _Known, stream: Stream, now: dt.datetime) -> Shape:
        kin = self.families.get(stream.property)
        if kin is None:
            return NONE
        like = alike(kin, stream, known.own_devices)
        shape = known.shapes.get(like)
        if shape is None:
            made = (bind(r, stream, known.overrides, now) for r in kin.rules)
            shape = known.shapes[like] = shape_of([b.terms for b in made if isinstance(b, Bound)])
        return shape

    def bind_one(self, conn: Conn, rule_key: str, ids: Iterable[int], now: dt.datetime) -> dict[int, Bound]:
        """One rule on datastreams whatever their property (missing data, compounds)."""
        rule = self.rules.get(rule_key)
        if rule is None:
            return {}
        with self._lock:
            overrides = self._current(conn).overrides
        made = {i: bind(rule, s, overrides, now) for i, s in self.streams(conn, ids).items()}
        return {i: b for i, b in made.items() if isinstance(b, Bound)}

    def streams(self, conn: Conn, ids: Iterable[int]) -> dict[int, Stream]:
        return streams.streams(conn, ids, self._siblings, self._with_siblings, self._with_attributes)

    def forget(self) -> None:
        with self._lock:
            self._known = _Known()

    def begin(self, conn: Conn) -> int:
        """Before a batch: what is remembered is dropped after a change of settings or devices, and when it is old, for
        time-limited settings begin and end. Returns the version of settings and devices."""
        with self._lock:
            return self._current(conn).version

    def _current(self, conn: Conn) -> _Known:
        """Under the lock."""
        version, mono = streams.version(conn), self._clock.monotonic()
        k = self._known
        if k.version != version or mono - k.born > CACHE_S or len(k.watched) > MAX_CACHED:
            overrides = streams.overrides(conn)
            own = frozenset(o.ref for o in overrides if o.target == "device")
            self._known = _Known(version, mono, overrides, own)
        return self._known

    # ------------------------------------------------------------ a batch

    def lock(self, conn: Conn, ids: Collection[int], now: dt.datetime) -> Before:
        """Before `latest` moves on: what had been judged of the datastreams that have rules. They stay locked."""
        watched = self._watch(conn, ids, now)
        ruled = [i for i in ids if watched[i]]
        return streams.lock_latest(conn, ruled) if ruled else {}

    def judge(self, conn: Conn, points: Sequence[Point], before: Before, now: dt.datetime) -> int:
        """Judge values that have just been stored, after `latest`. Returns the number of alarms that changed."""
        watched = self._watch(conn, {p.datastream_id for p in points}, now)
        usable = [(p, w) for p in points
                  if p.quality < BAD and p.value is not None and (w := watched[p.datastream_id])]  # fmt: skip
        if not usable:
            return 0
        usable.sort(key=lambda u: (u[0].observed_at, u[0].datastream_id))
        phases = streams.phases(conn, {p.datastream_id for p, _ in usable})
        verdicts = [*self._limits(usable, phases), *self._others(conn, usable, before)]
        moved = self._observe(conn, [v for v in verdicts if not _late(v[0], before)], phases)
        self._late(conn, [v for v in verdicts if v[2] and _late(v[0], before)], now)
        return len(carry_out(conn, [*moved, *self.compounds(conn, moved, now)], now))

    @staticmethod
    def _limits(usable: Sequence[Usable], phases: Mapping[Key, Phase]) -> list[Verdict]:
        """Thresholds of the whole batch at once. Of datastreams that are normal and stay so nothing is said."""
        which: list[int] = []
        terms: list[Terms] = []
        high: list[float] = []
        low: list[float] = []
        hysteresis: list[float] = []
        inclusive: list[bool] = []
        for n, (_, w) in enumerate(usable):
            shape = w.shape
            if shape.limits:
                which += [n] * len(shape.limits)
                terms += shape.limits
                high += shape.high
                low += shape.low
                hysteresis += shape.hysteresis
                inclusive += shape.inclusive
        if not terms:
            return []
        values = np.fromiter((p.value for p, _ in usable), np.float64, len(usable))
        ids = np.fromiter((p.datastream_id for p, _ in usable), np.int64, len(usable))
        at = np.array(which)
        beyond, back = judge.limits(
            values[at], np.array(high), np.array(low), np.array(hysteresis), np.array(inclusive, np.bool_)
        )
        hot = np.union1d(ids[at][beyond], np.fromiter({k[1] for k in phases}, np.int64))
        return [
            (usable[which[i]][0], Bound(usable[which[i]][1].stream, terms[i]), bool(beyond[i]), bool(back[i]))
            for i in np.flatnonzero(np.isin(ids[at], hot)).tolist()
        ]

    def _others(self, conn: Conn, usable: Sequence[Usable], before: Before) -> list[Verdict]:
        """Rates, counts, stuck values and fences: few, each with what it needs to know."""
        pairs = [(p, Bound(w.stream, t)) for p, w in usable for t in w.shape.others]
        if not pairs:
            return []
        windows = [(p, b) for p, b in pairs if b.rule.test in ("rate", "count")]
        history = self._history(conn, windows)
        previous = {i: v for i, (_, v) in before.items()}
        lons = self._longitudes(conn, [(p, b) for p, b in pairs if b.rule.test == "fence"])
        out: list[Verdict] = []
        for p, b in pairs:
            truth = self._truth(conn, p, b, history, previous, lons)
            if truth is not None:
                out.append((p, b, truth, not truth))
            if b.rule.test == "stuck":
                previous[p.datastream_id] = p.value
        return out

    def _truth(
        self,
        conn: Conn,
        p: Point,
        b: Bound,
        history: Mapping[int, judge.History],
        previous: Mapping[int, float | None],
        lons: Mapping[tuple[int, dt.datetime], float],
    ) -> bool | None:
        value, params = float(p.value or 0.0), b.params
        if b.rule.test == "stuck":
            last = previous.get(p.datastream_id)
            return last is not None and abs(value - last) <= params["epsilon"]
        if b.rule.test == "fence":
            lon = lons.get((b.stream.device_id, p.observed_at))
            area = self._fence(conn, str(params["fence"]))
            if lon is None or area is None:
                return None
            return bool(shapely.intersects_xy(area, lon, value)) == bool(params["inside"])
        window = dt.timedelta(seconds=params["window_s"])
        known = history.get(p.datastream_id, ())
        if b.rule.test == "rate":
            rate = judge.rate_per_hour(known, p.observed_at, value, window, str(params.get("side", "high")))
            return None if rate is None else rate >= params["per_hour"]
        return judge.times_beyond(known, p.observed_at, window, params["high"]) >= params["count"]

    @staticmethod
    def _history(conn: Conn, windows: Sequence[tuple[Point, Bound]]) -> Mapping[int, judge.History]:
        if not windows:
            return {}
        since = min(p.observed_at - dt.timedelta(seconds=b.params["window_s"] + 3 * b.stream.interval_s)
                    for p, b in windows)  # fmt: skip
        until = max(p.observed_at for p, _ in windows)
        return streams.histories(conn, {p.datastream_id for p, _ in windows}, since, until)

    @staticmethod
    def _longitudes(conn: Conn, fences: Sequence[tuple[Point, Bound]]) -> Mapping[tuple[int, dt.datetime], float]:
        if not fences:
            return {}
        return streams.longitudes(conn, {b.stream.device_id for _, b in fences}, {p.observed_at for p, _ in fences})

    def _fence(self, conn: Conn, ref: str) -> shapely.Geometry | None:
        with self._lock:
            fences = self._known.fences
        if ref not in fences:
            wkb = streams.fence(conn, ref)
            area = None if wkb is None else shapely.from_wkb(wkb)
            if area is not None:
                shapely.prepare(area)
            fences[ref] = area
        return fences[ref]

    # ------------------------------------------------------------ phases

    def _observe(self, conn: Conn, verdicts: Sequence[Verdict], phases: dict[Key, Phase]) -> list[Moved]:
        """Walk each rule and datastream that is not simply normal through its values, in their order."""
        hot = {v[1].key for v in verdicts if v[2]} | phases.keys()
        changed: dict[Key, tuple[Phase, dt.datetime | None]] = {}
        moved: list[Moved] = []
        for p, b, beyond, back in verdicts:
            if b.key not in hot:
                continue
            if beyond and not in_hours(b.params, p.observed_at, self._tz):
                beyond, back = False, True
            was = phases.get(b.key, NORMAL)
            phase, changes = observe(was, beyond, back, p.observed_at, p.value, b.delays)
            moved += [Moved(b, c) for c in changes]
            if phase != was:
                phases[b.key] = phase
                changed[b.key] = phase, due(phase, b.delays)
        if changed:
            streams.put_phases(conn, changed)
        return moved

    def compounds(self, conn: Conn, moved: Sequence[Moved], now: dt.datetime) -> list[Moved]:
        """Rules made of others, judged where one of theirs has just changed."""
        out: list[Moved] = []
        for rule in self._compounds:
            concerned = [m for m in moved if m.bound.rule.key in rule.of]
            if not concerned:
                continue
            at: dict[int, Change] = {}
            for m in concerned:
                device, change = m.bound.stream.device_id, m.change
                at[device] = max(at.get(device, change), change, key=lambda c: c.at)
            standing = streams.device_phases(conn, at, rule.of)
            anchors = streams.anchors(conn, at, {rule.property})
            bound = self.bind_one(conn, rule.key, anchors.values(), now)
            quantity = {b.stream.device_id: b for b in bound.values()}
            verdicts: list[Verdict] = []
            for device, b in quantity.items():
                met = standing.get(device, set[str]()) & set(rule.of)
                truth = len(met) == len(set(rule.of)) if b.params["mode"] == "all" else bool(met)
                point = Point(b.stream.datastream_id, at[device].at, at[device].value, 0)
                verdicts.append((point, b, truth, not truth))
            phases = streams.phases(conn, bound)
            out += self._observe(conn, verdicts, {k: p for k, p in phases.items() if k[0] == rule.key})
        return out

    # ------------------------------------------------------------ late

    @staticmethod
    def _late(conn: Conn, verdicts: Sequence[Verdict], now: dt.datetime) -> None:
        recent = [v for v in verdicts if now - v[0].observed_at <= dt.timedelta(seconds=v[1].params["lateness_s"])]
        if not recent:
            return
        open_ = write.open_ones(conn, {v[1].key for v in recent})
        places = write.places(conn, {v[1].stream.device_id for v in recent})
        entries = [
            late(b, p.observed_at, p.value, places[b.stream.device_id], open_[b.key].id if b.key in open_ else None)
            for p, b, _, _ in recent
            if b.stream.device_id in places
        ]
        write.journal(conn, entries, now)


def _late(point: Point, before: Before) -> bool:
    known = before.get(point.datastream_id)
    return known is not None and point.observed_at <= known[0]
