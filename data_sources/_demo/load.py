"""`ioc demo load`: from a pack and a seed to a living city in the store."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from data_sources._demo import (
    bulk,
    bulk_work,
    casework,
    commanded,
    copying,
    drones,
    drop,
    duty,
    duty_tables,
    forces,
    grids,
    history,
    indexes,
    patrols,
    roads,
    surroundings,
    terms,
    video,
)
from data_sources._demo.copying import Conn
from data_sources._demo.fleet import Gates, build_fleet
from data_sources._demo.places import Ground, ground_of
from data_sources._demo.play import fire_of
from data_sources._demo.rows import Frame
from data_sources._demo.scale import Scale, scale_of, small
from data_sources._demo.series import Series
from data_sources._demo.sources import Systems
from data_sources._demo.work import City, Crew, connect, last_times
from ioc.clock import Clock
from ioc.declare import Pack
from ioc.errors import ConfigError
from ioc.geo import metre_srid
from ioc.place import PlaceData
from ioc.registry import Registry
from ioc.settings import Settings
from ioc.store.cells import rebuild_device_cells
from ioc.store.database import Dsns, open_store
from ioc.store.keeper import ensure_partitions

Progress = Callable[[str, float, float], None]
# Above this, the secondary indexes of an empty device table are dropped and built again after the load.
_REINDEX_FROM = 50_000
# Below this, processes of their own cost more than they save.
_CREW_FROM = 20_000
SETTING = "demo"


@dataclass
class LoadReport:
    """Rows by table, seconds by step."""

    pack: str
    seed: int
    scale: Scale
    counts: dict[str, int] = field(default_factory=dict[str, int])
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def total_s(self) -> float:
        return sum(self.seconds.values())


def choose_pack(registry: Registry, settings: Settings, wanted: str) -> Pack:
    """The pack asked for, that of the settings, or the one with the largest demo. Raises ConfigError."""
    key = wanted or settings.pack
    packs = registry.packs
    if key and key not in packs:
        known = ", ".join(sorted(packs))
        raise ConfigError(f"没有地方包 {key}，可用：{known}", f"no place pack {key}; known: {known}")
    if not packs:
        raise ConfigError("没有地方包", "no place pack")
    return packs[key] if key else max(packs.values(), key=lambda p: int(p.demo.get("cameras", 0)))


def load(
    settings: Settings,
    dsns: Dsns,
    registry: Registry,
    clock: Clock,
    *,
    pack: str = "",
    seed: int = 1,
    cameras: int | None = None,
    sensors: int | None = None,
    devices: int | None = None,
    days: int | None = None,
    hours: int | None = None,
    size: str = "",
    rate: float = 0.0,
    processes: int | None = None,
    progress: Progress | None = None,
) -> LoadReport:
    """Load the demo city of `pack`, in place of an earlier one. One seed gives the same rows at the same clock.

    `size="small"` is the scale for tests; `rate` reports a second of the simulator (0: the rhythm of the day);
    `processes` 0 writes in this process, None chooses. Does not make accounts.
    """
    place_pack = choose_pack(registry, settings, pack)
    scale = scale_of(place_pack.demo, cameras=cameras, sensors=sensors, devices=devices, days=days, hours=hours)
    scale = small(scale) if size == "small" else scale
    job = _Job(settings, dsns, clock, place_pack, scale, seed, rate, progress or (lambda title, done, total: None))
    if processes is None:
        processes = min(2, os.cpu_count() or 1) if scale.devices >= _CREW_FROM else 0
    return job.run(processes)


class _Job:
    """One load. The clock is read once: everything is anchored at that moment."""

    def __init__(
        self,
        settings: Settings,
        dsns: Dsns,
        clock: Clock,
        pack: Pack,
        scale: Scale,
        seed: int,
        rate: float,
        progress: Progress,
    ) -> None:
        self.settings, self.dsns, self.pack, self.scale, self.seed = settings, dsns, pack, scale, seed
        self.clock, self.at, self.progress = clock, clock.now(), progress
        self.rate, self.report = rate, LoadReport(pack.key, seed, scale)

    @contextmanager
    def step(self, name: str, title: str) -> Generator[None]:
        begun = time.monotonic()
        self.progress(title, 0, 1)
        yield
        self.progress(title, 1, 1)
        self.report.seconds[name] = round(time.monotonic() - begun, 2)

    def run(self, processes: int) -> LoadReport:
        with connect(self.dsns.owner) as conn:
            with self.step("drop", "清理 / clearing"):
                indexes.put_back(self.dsns.owner, conn)
                drop.drop_rows(conn)
                ensure_partitions(conn, self.at, days_back=max(3, self.scale.hours // 24 + 1))
            with self.step("place", "区划与底图 / places"):
                place = self.pack.build(self.settings.root / "packs")
                ground, systems, ids, grid = self._place(conn, place)
            with self.step("roads", "路网 / roads"):
                self.report.counts["road_edge"] = roads.publish(self.dsns.owner, place, self.settings, self.clock)
            with self.step("plan", "生成设备 / devices"):
                city = self._city(conn, place, ground, systems, ids)
            if self.scale.devices >= _REINDEX_FROM:
                indexes.take_down(conn)
            crew = Crew(self.dsns.owner, city, processes, self.settings.root / "tmp", self._written(city))
            try:
                with self.step("work", "事件与办件 / events and cases"):
                    self._work(conn, city, grid)
                with self.step("bulk", "设备与观测 / devices and observations"):
                    counts = crew.finish()
                    self.report.counts |= {"device": counts["device"], "observation": counts["observation"]}
            finally:
                crew.close()
            with self.step("command", "应急数据 / data of emergency command"):
                self._command(conn, city, grid)
                self.report.counts |= drones.write(self.dsns.owner, self.settings, self.clock, self.seed, self.at)
            with self.step("index", "索引与汇总 / indexes and sums"):
                self._finish(conn, place)
        with self.step("told", "指挥过程 / what was done in incidents"), closing(open_store(self.settings)) as store:
            self.report.counts["told"] = commanded.tell(store, self.settings, self.pack.demo.get("highlights"))
        return self.report

    def _place(self, conn: Conn, place: PlaceData) -> tuple[Ground, Systems, Mapping[str, int], grids.Written]:
        ground = ground_of(place)
        systems = Systems(ground, self.scale.sources)
        counts = self.report.counts
        with conn.transaction():
            ids = bulk.regions(conn, place, self.at)
            grid = grids.write(conn, place, ground, ids, systems, self.seed, self.at)
            counts |= {"region": len(place.regions), "grid_cell": len(grid.cells)}
            counts["thematic_feature"] = bulk.base_map(conn, place, self.at)
            counts["source"] = bulk.sources(conn, systems, self.at)
            terms.publish(conn, self.at)
            duty.publish(conn, ids[place.root], self.settings.tz, self.at)
            counts["warning"] = bulk.warnings(conn, self.pack.demo.get("warnings", ()), ids, self.at)
        return ground, systems, ids, grid

    def _city(self, conn: Conn, place: PlaceData, g: Ground, systems: Systems, ids: Mapping[str, int]) -> City:
        return make_city(
            self.pack,
            place,
            g,
            systems,
            ids,
            self.scale,
            self.seed,
            self.settings,
            self.at.timestamp(),
            copying.next_ids(conn),
        )

    def _written(self, city: City) -> Callable[[str, int], None]:
        per_stream = self.scale.hours * 3600 // self.scale.step_s
        totals = {"device": city.fleet.size, "observation": city.series.streams * per_stream}
        titles = {"device": "设备 / devices", "observation": "观测 / observations"}
        return lambda what, n: self.progress(titles[what], n, totals[what])

    def _work(self, conn: Conn, city: City, grid: grids.Written) -> None:
        frame, counts = city.frame, self.report.counts
        stream = np.arange(city.series.streams)
        value, quality = city.series.values(stream, last_times(city, stream))
        beyond = city.series.exceeded(stream, value, quality)
        s = casework.Setting(frame.ground, frame.systems, self.settings.tz, frame.now, self.seed)
        highlights: Path | None = self.pack.demo.get("highlights")
        done = casework.build_work(s, self.scale.days, self.scale.events_per_day, highlights)
        with conn.transaction():
            history.known_from(conn, self.at - dt.timedelta(days=self.scale.days))
            counts["datastream"] = bulk.streams(conn, city)
            counts["latest"] = bulk.latest(conn, city, value, quality, beyond)
            counts["device_state_log"] = bulk.state_log(conn, city.fleet, frame, city.exceeded)
            counts["resource"] = bulk.resources(conn, frame, self.scale.resources, self.at)
            counts["event"], counts["cases"] = bulk_work.write(conn, s, done, frame, grid)
            duty_tables.publish(conn, frame.ground, self.at)
            counts |= forces.write(conn, frame, self.scale.resources, highlights, self.at)
            counts |= patrols.write(conn, grid, frame.systems.report("grid"), self.seed, self.at)

    def _command(self, conn: Conn, city: City, grid: grids.Written) -> None:
        frame, highlights = city.frame, self.pack.demo.get("highlights")
        regions = [int(r) for r in frame.region_ids]
        self.report.counts |= surroundings.write(
            conn, frame.ground, grid, regions, frame.srid, highlights, self.seed, self.at
        )

    def _finish(self, conn: Conn, place: PlaceData) -> None:
        indexes.put_back(self.dsns.owner, conn)
        conn.execute(
            "ANALYZE device, datastream, latest, event, cases, region, region_closure, grid_cell, resource,"
            " thematic_feature, patrol, patrol_track, patrol_plan, village_figure, population_unit, building,"
            " target, resource_live"
        )
        with conn.transaction():
            history.known_from(conn, self.at - dt.timedelta(days=self.scale.days))
            self.report.counts["video_node"] = video.write(conn, self.at)
            self.report.counts["device_cell"] = rebuild_device_cells(conn)
            history.stages(conn)
            history.stood(conn, self.at - dt.timedelta(days=self.scale.days))
            copying.settle_sequences(conn)
            record = {"key": self.pack.key, "seed": self.seed, "at": self.at.isoformat()}
            plan = {
                "cameras": self.scale.cameras,
                "sensors": self.scale.sensors,
                "gateways": self.scale.gateways,
                "hours": self.scale.hours,
                "days": self.scale.days,
                "step_s": self.scale.step_s,
                "events_per_day": self.scale.events_per_day,
                "sources": self.scale.sources,
                "rate": self.rate,
                "notes": [{"key": n.key, "zh": n.zh, "en": n.en} for n in place.notes],
                "credits": list(place.credits),
            }
            for key, value in (("pack", self.pack.key), (SETTING, record | plan)):
                conn.execute(
                    "INSERT INTO setting (key, value, actor, updated_at) VALUES (%s, %s, 'demo', %s)"
                    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
                    (key, Jsonb(value), self.at),
                )
            announce(conn, "loaded")
        conn.execute("ANALYZE device_cell, observation")


def make_city(
    pack: Pack,
    place: PlaceData,
    g: Ground,
    systems: Systems,
    ids: Mapping[str, int],
    scale: Scale,
    seed: int,
    settings: Settings,
    now: float,
    first: tuple[int, int],
) -> City:
    """The whole fleet and its series as arrays: what the loader writes and what the simulator goes on with."""
    spec: dict[str, Any] | None = pack.demo.get("gates")
    fire = fire_of(pack.demo.get("highlights"))
    smoke_at = (
        (fire["lon"], fire["lat"], casework.village_at(g, fire["town"], fire["lon"], fire["lat"])) if fire else None
    )
    fleet = build_fleet(g, scale, seed, now, Gates(**spec) if spec else None, systems.lost(now), smoke_at)
    series = Series(fleet, seed, settings.tz, now)
    frame = Frame(
        g,
        systems,
        np.array([ids[v.code] for v in g.villages]),
        metre_srid(pack.center[0]),
        *first,
        now,
        seed,
        now - (scale.days + 60) * 86400,
        max(300, scale.step_s),
    )
    city = City(fleet, frame, series, np.zeros(fleet.size, dtype=np.bool_), scale.hours, scale.step_s)
    stream = np.arange(series.streams)
    value, quality = series.values(stream, last_times(city, stream))
    city.exceeded[fleet.stream_device[series.exceeded(stream, value, quality)]] = True
    return city


def announce(conn: Conn, reason: str) -> None:
    """Tells open screens to fetch everything again. Marked real: it must outlive the demo rows it speaks of."""
    conn.execute(
        """
        INSERT INTO outbox (topic, op, entity_id, permission, origin, payload)
        VALUES ('reload', 'change', 'demo', 'map.view', 'real', %s)
        """,
        (
            Jsonb(
                {
                    "layers": [
                        "camera",
                        "sensor",
                        "grid_cell",
                        "event",
                        "case",
                        "resource",
                        "target",
                        "region",
                        "building",
                        "drone_track",
                        "drone_photo",
                    ],
                    "reason": reason,
                }
            ),
        ),
    )
    conn.execute("NOTIFY ioc_outbox")
