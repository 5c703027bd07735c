"""The simulator: keeps the loaded demo alive through the intake that real sources use.

Values follow the same functions as the loaded history, so nothing jumps at the seam. It works only while demo data is
loaded, and starts again where the clock is, not where it stopped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog

from data_sources._demo import casework, driving, play
from data_sources._demo.cases_live import CaseLife
from data_sources._demo.crews import Crews
from data_sources._demo.fleet import CAMERA, CAMERA_KINDS, READINGS, SENSOR
from data_sources._demo.kinds import KINDS
from data_sources._demo.load import SETTING, make_city
from data_sources._demo.places import ground_of
from data_sources._demo.scale import Scale, scale_of
from data_sources._demo.sources import Systems
from data_sources._demo.stories import FLOWS, HOURS, WEEKDAY, WEEKEND
from data_sources._demo.video import Playing
from data_sources._demo.work import City
from ioc.declare import Pack
from ioc.errors import Invalid
from ioc.intake.context import SourceContext
from ioc.intake.events import submit_event
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading
from ioc.scope import SYSTEM
from ioc.store import device_state, sources

log = structlog.get_logger(__name__)

TICK_S = 1.0
DRIVE_S = 10.0  # how often trackers tell where their vehicles are
LOOK_S = 5.0  # how often the setting is read, and how often sources are heard
BATCH = 2000
STEP_S = 300
# Cameras and sensors that fall silent or come back, per minute and 50,000 devices.
FLIPS = 6.0
MUTE_S = (1200.0, 3600.0)
# Of a burst under --rate, at most this many reports in one tick, so that a stop is answered.
BURST = 200


def run(context: SourceContext) -> None:
    """The loop of the source `demo`. Waits while no demo is loaded."""
    _hide(context)
    while not context.stop.is_set():
        record = _loaded(context)
        if record is None:
            context.stop.wait(LOOK_S)
            continue
        life = _start(context, record)
        playing = Playing(context)
        log.info("demo simulator started", pack=record["key"])
        try:
            while not context.stop.is_set():
                life.tick()
                if life.over:
                    log.info("demo simulator ended", pack=record["key"])
                    break
                context.stop.wait(TICK_S)
        finally:
            playing.close()


def _hide(context: SourceContext) -> None:
    """The simulator is no source of the centre: those it plays are listed instead of it."""
    with context.store.scoped(SYSTEM) as conn:
        conn.execute("DELETE FROM source WHERE source_key = %s", (context.key,))


def _loaded(context: SourceContext) -> Mapping[str, Any] | None:
    """What was loaded, while it is."""
    with context.store.scoped(SYSTEM) as conn:
        row = conn.execute("SELECT value FROM setting WHERE key = %s", (SETTING,)).fetchone()
    value = row["value"] if row else None
    return value if value and value["key"] in context.registry.packs else None


def _start(context: SourceContext, record: Mapping[str, Any]) -> Life:
    pack = context.registry.packs[record["key"]]
    scale = scale_of(
        pack.demo,
        **{k: record[k] for k in ("cameras", "sensors", "gateways", "events_per_day", "days", "hours", "step_s")},
    )
    place = pack.build(context.settings.root / "packs")
    ground = ground_of(place)
    with context.store.scoped(SYSTEM) as conn:
        ids = {r["code"]: r["region_id"] for r in conn.execute("SELECT code, region_id FROM region").fetchall()}
        first = conn.execute("SELECT min(device_id) AS id FROM device WHERE origin = 'demo'").fetchone()
        off = conn.execute(
            "SELECT device_id FROM device WHERE origin = 'demo' AND class = 'camera' AND status = 'offline'"
        ).fetchall()
    at = dt.datetime.fromisoformat(record["at"]).timestamp()
    systems = Systems(ground, scale.sources)
    first_id = int(first["id"]) if first and first["id"] is not None else 1
    city = make_city(pack, place, ground, systems, ids, scale, int(record["seed"]), context.settings, at, (first_id, 1))
    return Life(context, pack, scale, city, record, {r["device_id"] - first_id for r in off})


@dataclass
class Life:
    """One running simulation. Numbers of devices are indexes into the fleet."""

    context: SourceContext
    pack: Pack
    scale: Scale
    city: City
    record: Mapping[str, Any]
    dark: set[int]  # cameras that are offline
    over: bool = False
    last: float = 0.0
    looked: float = 0.0
    drove: float = 0.0
    rate: float = 0.0  # reports a second under --rate; 0: the day's rhythm
    owed: float = 0.0
    counter: int = 0
    heard: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        c, fleet = self.context, self.city.fleet
        self.rng = np.random.default_rng([int(self.record["seed"]), int(c.clock.now().timestamp())])
        self.intake = ObservationIntake(c.store, c.settings, c.clock, c.key, origin="demo")
        s = self.city.frame
        self.setting = casework.Setting(s.ground, s.systems, c.settings.tz, s.now, s.seed)
        self.fleet_on_road, self.crews = driving.Drivers(c), Crews(c)
        self.cases = CaseLife(c, self.city, self.setting, casework.waiting(self.scale.events_per_day))
        # sensors that were silent at the load stay so until they are due to come back
        self.mute_until = np.zeros(fleet.size)
        off = fleet.off_since > 0
        now = c.clock.now().timestamp()
        self.mute_until[off] = now + 3600 * 24 * 3 * self.rng.random(int(off.sum()))
        lost = [len(CAMERA_KINDS) + i for i, k in enumerate(KINDS) if k.source in fleet.silent_since]
        self.mute_until[np.isin(fleet.kind, lost)] = np.inf
        self.stream_source = [
            s.systems.sensor(KINDS[k].source) for k in (fleet.kind[fleet.stream_device] - len(CAMERA_KINDS)).tolist()
        ]
        self.props = [r.property for r in READINGS]
        self.begun = now
        fire = play.fire_of(self.pack.demo.get("highlights"))
        self.smoking = play.detector(fleet, fire["lon"], fire["lat"]) if fire else None
        self.smoked = 0.0
        self.last = now - STEP_S  # the first tick gives every stream one fresh value

    # ------------------------------------------------------------ one turn

    def tick(self) -> None:
        now = self.context.clock.now()
        at = now.timestamp()
        self.observe(max(self.last, at - STEP_S), at)
        self.play(now)
        self.flips(at - max(self.last, self.begun))
        self.report(at - max(self.last, self.begun), now)
        self.last = at
        if at - self.drove >= DRIVE_S:
            self.fleet_on_road.drive(now, self.crews.work(now))
            self.drove = at
        if at - self.looked >= LOOK_S:
            self.look(now)
            self.looked = at

    def look(self, now: dt.datetime) -> None:
        """Is the same demo still loaded, and at which rate; which systems have been heard; which cases move on."""
        record = _loaded(self.context)
        self.over = record is None or record["at"] != self.record["at"]
        if self.over or record is None:
            return
        self.record = record
        self.rate = float(record.get("rate") or 0.0)
        self.hear(now)
        self.cases.advance(now, self.scale.events_per_day * LOOK_S / 86_400 + self.rate * LOOK_S)

    # ------------------------------------------------------------ observations

    def due(self, since: float, until: float) -> tuple[np.ndarray, np.ndarray]:
        """(stream, epoch seconds) of the values due in (since, until]."""
        series = self.city.series
        step = series.step_s(STEP_S)
        newest = until - (until - series.phase) % step
        mine = (newest > since) & (self.mute_until[self.city.fleet.stream_device] <= until)
        if self.smoking is not None and self.smoked > until - 2 * play.EVERY_S:
            mine[self.smoking] = False
        stream = np.flatnonzero(mine)
        return stream, newest[stream]

    def observe(self, since: float, until: float) -> None:
        stream, at = self.due(since, until)
        for lo in range(0, len(stream), BATCH):
            if self.context.stop.is_set():
                return
            self._submit(stream[lo : lo + BATCH], at[lo : lo + BATCH])

    def play(self, now: dt.datetime) -> None:
        """The detector of the story that is played (`ioc demo play`), every few seconds."""
        since = play.told(self.record, now)
        value = play.smoke(since) if since is not None else None
        if value is None or self.smoking is None or now.timestamp() - self.smoked < play.EVERY_S:
            return
        device = int(self.city.fleet.stream_device[self.smoking])
        self.intake.submit([Reading(f"S{device + 1:08d}", "smoke", round(value, 2), now, 0)])
        self.smoked = now.timestamp()

    def _submit(self, stream: np.ndarray, at: np.ndarray) -> None:
        value, quality = self.city.series.values(stream, at)
        fleet = self.city.fleet
        devices = fleet.stream_device[stream].tolist()
        reading = fleet.stream_reading[stream].tolist()
        batch = [
            Reading(f"S{d + 1:08d}", self.props[r], None if q == 3 else v, dt.datetime.fromtimestamp(t, dt.UTC), q)
            for d, r, v, t, q in zip(devices, reading, value.tolist(), at.tolist(), quality.tolist(), strict=True)
        ]
        self.intake.submit(batch)
        for s in stream.tolist():
            key = self.stream_source[s]
            self.heard[key] = self.heard.get(key, 0) + 1

    def hear(self, now: dt.datetime) -> None:
        """Health of the systems played: data where values came, a sign of life from others, none from silent ones."""
        with self.context.store.scoped(SYSTEM) as conn:
            for s in sorted(self.city.frame.systems.rows(), key=lambda s: s.key):
                n = self.heard.pop(s.key, 0)
                if s.silent:
                    continue
                if n:
                    sources.arrived(conn, s.key, sources.Arrival(n, n, as_of=now), now)
                elif s.heartbeat:
                    sources.seen(conn, s.key, now)

    # ------------------------------------------------------------ devices that come and go

    def flips(self, elapsed: float) -> None:
        fleet, now = self.city.fleet, self.context.clock.now()
        per_s = FLIPS / 60 / 50_000
        cameras = np.flatnonzero(fleet.klass == CAMERA)
        down = int(self.rng.poisson(per_s * len(cameras) * min(elapsed, 60)))
        up = int(
            self.rng.poisson(per_s * len(cameras) * min(elapsed, 60) * len(self.dark) / max(1.0, 0.024 * len(cameras)))
        )
        gone = [int(i) for i in self.rng.choice(cameras, down)] if down else []
        back = (
            [int(i) for i in self.rng.choice(sorted(self.dark), min(up, len(self.dark)), replace=False)]
            if up and self.dark
            else []
        )
        first = self.city.frame.first_device
        if gone or back:
            with self.context.store.scoped(SYSTEM) as conn:
                device_state.set_status(
                    conn, [first + i for i in sorted(set(gone))], "offline", now, only_from="online"
                )
                device_state.set_status(conn, [first + i for i in sorted(back)], "online", now, only_from="offline")
            self.dark = (self.dark | set(gone)) - set(back)
        sensors = np.flatnonzero((fleet.klass == SENSOR) & ~fleet.gate)
        quiet = int(self.rng.poisson(per_s * len(sensors) * min(elapsed, 60)))
        for i in self.rng.choice(sensors, quiet).tolist() if quiet else []:
            self.mute_until[i] = max(self.mute_until[i], now.timestamp() + self.rng.uniform(*MUTE_S))

    # ------------------------------------------------------------ reports

    def report(self, elapsed: float, now: dt.datetime) -> None:
        """Events at the day's rhythm, or `rate` a second; the duty room accepts them later."""
        local = now.astimezone(self.context.settings.tz)
        daily = self.scale.events_per_day * HOURS[local.hour] / sum(HOURS) / 3600
        per_s = self.rate or daily * (WEEKEND if local.weekday() >= 5 else WEEKDAY)
        self.owed = min(self.owed + per_s * elapsed, BURST) if self.rate else float(self.rng.poisson(per_s * elapsed))
        for _ in range(int(self.owed)):
            if self.context.stop.is_set():
                return
            self._report_one(now)
        self.owed -= int(self.owed)

    def _report_one(self, now: dt.datetime) -> None:
        point, village = casework.scatter_one(self.setting.ground, self.rng)
        self.counter += 1
        w, _ = casework.draft(self.setting, FLOWS, now.timestamp(), point, village, self.rng)
        source_id = f"L{now:%Y%m%d%H%M%S}-{int(self.begun) % 100_000}-{self.counter}"
        payload = {
            "source": w.source,
            "source_id": source_id,
            "title": w.title,
            "urgency": w.urgency,
            "category": {"scheme": w.scheme, "code": w.code},
            "lon": w.lon,
            "lat": w.lat,
            "crs": "EPSG:4326",
            "address": w.address,
            "occurred_at": now.isoformat(),
            "suspected": w.suspected,
            "attributes": {"icon": w.icon} if w.icon else {},
        }
        c = self.context
        try:
            submit_event(c.store, SYSTEM, payload, c.clock, "demo", settings=c.settings, origin="demo", channel="demo")
        except Invalid as e:
            log.warning("demo report refused", reasons=[r.code for r in e.reasons])
