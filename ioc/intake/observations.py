"""The observation pipeline: readings in, stored values and device states out, one short transaction a batch.

Everything that delivers telemetry goes through `ObservationIntake.submit`: MQTT, the demo's simulator, a replayed file.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from ioc.clock import Clock
from ioc.errors import DiskBudget, Reason
from ioc.intake.alarms import AlarmJudge
from ioc.intake.fields import TimeRules
from ioc.intake.modelled import Batch, ModelBook, in_our_words
from ioc.intake.models import DeviceModel
from ioc.intake.readings import Checked, Reading, check
from ioc.intake.reasons import reason
from ioc.intake.vocabulary import Vocabulary
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, device_state, dictionaries, disk, observations, sources
from ioc.store.observations import NewStream, Point
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects

CACHE_S = 30.0  # how long code tables are believed
# Devices are believed longer, for a sensor speaks once a minute: an import is met at once by the version it leaves, a
# removed device by its values, and an unknown id is asked for each time.
DEVICES_S = 600.0
MAX_CACHED = 3_000_000


@dataclass
class Result:
    """What became of a batch: received = stored + duplicates + rejected."""

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    changed: int = 0
    as_of: dt.datetime | None = None
    refused: list[Rejected] = field(default_factory=list[Rejected])  # with their reasons, as they were kept


@dataclass
class _Devices:
    """Look-ups that repeat with every batch. Dropped as a whole when old, after an import, or when a device turns out
    to be gone."""

    born: float = 0.0
    version: int = -1
    # an id of a device -> (device_id, source) of each source that has it
    by_id: dict[str, list[tuple[int, str]]] = field(default_factory=dict[str, list[tuple[int, str]]])
    streams: dict[tuple[int, str], int] = field(default_factory=dict[tuple[int, str], int])
    looked_at: set[int] = field(default_factory=set[int])  # devices whose datastreams were fetched
    models: dict[int, str] = field(default_factory=dict[int, str])  # device -> name of its model


class ObservationIntake:
    """Thread-safe. One instance a process and source; `source` is the key its health is kept under."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, source: str, origin: str = "real") -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self._source, self._origin = source, origin
        self._devices = _Devices()
        self._words: Vocabulary | None = None
        self._words_at = float("-inf")
        self._book = ModelBook()
        self._days: set[dt.date] = set()
        self._lock = threading.Lock()
        self._alarms = AlarmJudge(clock, settings.tz)

    def submit(
        self, readings: Sequence[Reading], refused: Sequence[Rejected] = (), prefer_source: str | None = None
    ) -> Result:
        """Store a batch. `refused` are parts the caller could not even read; they are counted and kept with the rest.

        `prefer_source` settles an id that devices of several sources have. Raises StoreUnavailable or DiskBudget, in
        which case nothing was stored and the same batch may be handed in again.
        """
        for attempt in (1, 2, 3):
            now = self._clock.now()
            try:
                return self._attempt(readings, refused, prefer_source, now)
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                if attempt == 3:
                    raise
            except _Gone:
                self._forget()
            except psycopg.errors.CheckViolation as e:
                # only a partition that the keeper has dropped meanwhile: look at the days again
                if "no partition" not in str(e) or attempt == 3:
                    raise
                self._days.clear()
        raise DiskBudget("设备正在被删除", "devices are being removed")

    def _attempt(
        self, readings: Sequence[Reading], refused: Sequence[Rejected], prefer: str | None, now: dt.datetime
    ) -> Result:
        with self._store.scoped(SYSTEM) as conn:
            disk.read(conn).require("observation")
            words, rules = self._vocabulary(conn, now), self._rules(now)
            self._refresh(self._alarms.begin(conn))
            batch = self._in_our_words(conn, readings, prefer, words, rules)
            readings = batch.readings
            checked = check(readings, words, rules)
            rejected = [*refused, *batch.refused]
            received = len(readings) + len(rejected)
            points: dict[tuple[int, dt.datetime], tuple[Point, Reading]] = {}
            device_of: dict[int, int] = {}
            duplicates = self._resolve(conn, readings, checked, prefer, rejected, points, device_of)
            self._partitions(conn, (p.observed_at.date() for p, _ in points.values()))
            written = observations.insert(conn, [p for p, _ in points.values()], now)
            if written.gone:
                raise _Gone
            duplicates += self._compare(written, points, rejected)
            judged = self._alarms.lock(conn, {stream for stream, _ in written.inserted}, now)
            changed = self._latest(conn, written, points, device_of, now, self._told(batch, prefer))
            self._alarms.judge(conn, [points[key][0] for key in written.inserted], judged, now)
            store_rejects(conn, self._source, rejected, now, origin=self._origin)
            out = Result(
                received=received,
                stored=written.stored,
                duplicates=duplicates,
                rejected=len(rejected),
                changed=changed,
                as_of=max((p.observed_at for p, _ in points.values()), default=None),
                refused=rejected,
            )
            arrival = sources.Arrival(out.received, out.stored, out.duplicates, out.rejected, out.as_of)
            sources.arrived(conn, self._source, arrival, now)
            return out

    def _in_our_words(
        self, conn: Conn, readings: Sequence[Reading], prefer: str | None, words: Vocabulary, rules: TimeRules
    ) -> Batch:
        """Values of devices with a model in our properties and units; the others as they came."""
        with self._lock:
            if not self._book.fresh(conn, words):
                return Batch(readings)
            devices = self._look_up(conn, [r.device for r in readings])

            def model_of(name: str) -> DeviceModel | None:
                device = _one_of(devices.by_id.get(name, []), prefer)
                return None if isinstance(device, list) else self._book.find(devices.models.get(device, ""))

            return in_our_words(readings, model_of, rules)

    def _told(self, batch: Batch, prefer: str | None) -> dict[int, tuple[str, dt.datetime]]:
        """The newest word of each device about itself."""
        out: dict[int, tuple[str, dt.datetime]] = {}
        for name, status, at in batch.told:
            device = _one_of(self._devices.by_id.get(name, []), prefer)
            if not isinstance(device, list) and (device not in out or out[device][1] <= at):
                out[device] = (status, at)
        return out

    def _resolve(
        self,
        conn: Conn,
        readings: Sequence[Reading],
        checked: Sequence[Checked | list[Reason]],
        prefer: str | None,
        rejected: list[Rejected],
        points: dict[tuple[int, dt.datetime], tuple[Point, Reading]],
        device_of: dict[int, int],
    ) -> int:
        """Fill `points` (each datastream and time once) and `rejected`. Returns duplicates inside the batch."""
        with self._lock:
            devices = self._look_up(conn, [r.device for r in readings])
            found: list[tuple[Checked, int]] = []
            for r, c in zip(readings, checked, strict=True):
                device = _one_of(devices.by_id.get(r.device, []), prefer)
                reasons = c if isinstance(c, list) else []
                if isinstance(device, list):
                    reasons = [_device_reason(r.device, device), *reasons]
                if isinstance(c, list) or isinstance(device, list):
                    rejected.append(Rejected(r.device, reasons, r.raw()))
                else:
                    found.append((c, device))
            streams = self._streams(conn, devices, found)
        duplicates = 0
        for (c, device), stream in zip(found, streams, strict=True):
            device_of[stream] = device
            key = (stream, c.at)
            before = points.get(key)
            if before is None:
                points[key] = (Point(stream, c.at, c.value, c.quality), c.reading)
            elif (before[0].value, before[0].quality) == (c.value, c.quality):
                duplicates += 1
            else:
                rejected.append(_conflict(c.reading, before[0].value))
        return duplicates

    def _refresh(self, version: int) -> None:
        """Forget devices that an import has changed meanwhile, or that are old."""
        with self._lock:
            known, mono = self._devices, self._clock.monotonic()
            if known.version != version or mono - known.born > DEVICES_S or len(known.by_id) > MAX_CACHED:
                self._devices = _Devices(mono, version)

    def _look_up(self, conn: Conn, ids: Sequence[str]) -> _Devices:
        """Devices of `ids`. Unknown ids are asked for again each time: a device may have been imported a moment ago."""
        devices = self._devices
        missing = {i for i in ids if i not in devices.by_id and "\x00" not in i}
        if missing:
            for row in observations.find_devices(conn, sorted(missing)):
                pairs = devices.by_id.setdefault(row["id"], [])
                if (row["device_id"], row["source"]) not in pairs:
                    pairs.append((row["device_id"], row["source"]))
                if row["model"]:
                    devices.models[row["device_id"]] = row["model"]
        return devices

    def _streams(self, conn: Conn, devices: _Devices, found: Sequence[tuple[Checked, int]]) -> list[int]:
        """Datastream of each (reading, device); made with the dictionary's defaults where a property is new."""
        new = {d for _, d in found} - devices.looked_at
        if new:
            self._fetch(conn, devices, new)
        absent = {(d, c.property.code): c for c, d in found if (d, c.property.code) not in devices.streams}
        if absent:
            made = [
                NewStream(d, code, c.property.unit, c.property.limit_high, c.property.limit_low, c.property.limit_note)
                for (d, code), c in absent.items()
            ]
            observations.create_datastreams(conn, made)
            self._fetch(conn, devices, {d for d, _ in absent})
            if any(key not in devices.streams for key in absent):
                raise _Gone
        return [devices.streams[(d, c.property.code)] for c, d in found]

    @staticmethod
    def _fetch(conn: Conn, devices: _Devices, device_ids: Iterable[int]) -> None:
        ids = set(device_ids)
        for stream, device, name in observations.find_datastreams(conn, ids):
            devices.streams[(device, name)] = stream
        devices.looked_at |= ids

    def _partitions(self, conn: Conn, days: Iterable[dt.date]) -> None:
        missing = set(days) - self._days
        if missing:
            self._days = observations.known_days(conn)
            observations.make_days(conn, missing - self._days)
            # made in this transaction: believed only once it has committed, so they are asked for again next time

    def _compare(
        self,
        written: observations.Written,
        points: dict[tuple[int, dt.datetime], tuple[Point, Reading]],
        rejected: list[Rejected],
    ) -> int:
        """What was stored before: the same value again is a duplicate, another value a reject. Returns duplicates."""
        duplicates = 0
        for key, stored in written.existing.items():
            point, reading = points[key]
            if stored == (point.value, point.quality):
                duplicates += 1
            else:
                rejected.append(_conflict(reading, stored[0]))
        return duplicates

    def _latest(
        self,
        conn: Conn,
        written: observations.Written,
        points: dict[tuple[int, dt.datetime], tuple[Point, Reading]],
        device_of: dict[int, int],
        now: dt.datetime,
        told: Mapping[int, tuple[str, dt.datetime]],
    ) -> int:
        """`latest` and the states that follow from it. Returns the number of devices that changed."""
        newest: dict[int, Point] = {}
        for key in written.inserted:
            point = points[key][0]
            if point.datastream_id not in newest or newest[point.datastream_id].observed_at < point.observed_at:
                newest[point.datastream_id] = point
        moved = observations.set_latest(conn, list(newest.values()), now)
        heard: dict[int, dt.datetime] = {}
        for stream in moved.updated:
            point, device = newest[stream], device_of[stream]
            # a missing value is a sign of life too
            if device not in heard or heard[device] < point.observed_at:
                heard[device] = point.observed_at
        beyond = {device_of[s] for s in moved.beyond}
        return device_state.refresh(conn, heard, heard, now, told, beyond)

    def _vocabulary(self, conn: Conn, now: dt.datetime) -> Vocabulary:
        with self._lock:
            if self._words is None or self._clock.monotonic() - self._words_at > CACHE_S:
                self._words_at = self._clock.monotonic()
                tables = dictionaries.current(conn, now.astimezone(self._settings.tz).date())
                self._words = Vocabulary(tables) if tables else Vocabulary()
            return self._words

    def _rules(self, now: dt.datetime) -> TimeRules:
        s = self._settings
        return TimeRules(
            now, s.tz, dt.timedelta(seconds=s.future_tolerance_s), dt.timedelta(days=s.retention_observation_days)
        )

    def _forget(self) -> None:
        with self._lock:
            self._devices = _Devices()
        self._alarms.forget()


class _Gone(Exception):
    """A cached device or datastream is no longer there (dropped demo, removed device). Look again, once."""


def _one_of(found: list[tuple[int, str]], prefer: str | None) -> int | list[tuple[int, str]]:
    """The one device meant, or the list (empty, or several) that leaves it open."""
    if len(found) == 1:
        return found[0][0]
    preferred = [d for d, source in found if source == prefer]
    return preferred[0] if len(preferred) == 1 else found


def _device_reason(device: str, found: list[tuple[int, str]]) -> Reason:
    if not found:
        return reason("device", "unknown_device", device)
    return reason("device", "ambiguous_device", device, sources=", ".join(sorted(s for _, s in found)))


def _conflict(r: Reading, stored: float | None) -> Rejected:
    return Rejected(
        r.device,
        [reason("value", "conflicting_value", r.value, stored="缺测" if stored is None else f"{stored:g}")],
        r.raw(),
    )
