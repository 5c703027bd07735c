"""A town that lives through some hours by a seeded list of deeds, and what its screens answer at a moment."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import random
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ioc.alarms.desk import Alarms
from ioc.cases import merging, raising
from ioc.cases.work import Actor, Cases
from ioc.clock import FixedClock
from ioc.errors import IocError
from ioc.flows import flows
from ioc.intake.events import submit_event
from ioc.intake.warnings import submit_warning
from ioc.kpi.worker import KpiWorker
from ioc.registry import Registry, discover
from ioc.scope import SYSTEM, Scope
from ioc.services_live import LiveServices
from ioc.settings import Settings
from ioc.store import Store, alarm_read, device_state, layer_counts, sources, tiles, warnings
from ioc.store.alarm_read import Filter
from ioc.store.cells import rebuild_device_cells
from ioc.store.pool import Conn
from tests.conftest import NOW, Database
from tests.store import replay_command
from tests.store.alarm_world import RIVER, AlarmWorld
from tests.store.replay_command import Commanding
from tests.store.test_warnings import JSON
from tests.unit.test_flow import GIVEN

START = NOW - dt.timedelta(hours=8)
ALL = (
    "case.view", "event.view", "device.view", "grid.view", "resource.view", "map.view", "alarm.view", "indicator.view",
    "source.view", "warning.view",
)  # fmt: skip
# z, x, y of a tile that holds the town, and one that shows its single things
FAR, NEAR = (8, 213, 106), (14, 13655, 6862)


def registry() -> Registry:
    found: Any = {
        k: discover(p, n) for k, p, n in (("layers", "layers", "LAYER"), ("indicators", "ioc.indicators", "INDICATOR"))
    }
    return Registry(**found)


def known_since(db: Database, at: dt.datetime) -> None:
    """Everything that stands was known at `at`: fixtures write rows with the server's own time."""
    with db.owner() as conn:
        names = [r["name"] for r in conn.execute("SELECT name FROM ioc_was.tracked").fetchall()]
        conn.execute("SET session_replication_role = replica")  # no trigger looks on
        for name in names:
            conn.execute(f"UPDATE {name} SET known_at = %s", (at,))  # type: ignore[arg-type]
        conn.execute("SET session_replication_role = origin")


class Clocked(Store):
    """The server's clock stands where the run's does: writers that do not say when they wrote are dated by it."""

    clock: FixedClock

    @contextmanager
    def scoped(self, scope: Scope) -> Generator[Conn]:
        with super().scoped(scope) as conn:
            conn.execute("SELECT set_config('ioc.known_at', %s, true)", (self.clock.now().isoformat(),))
            yield conn


class Town:
    """`do` takes one of the deeds at random. Whoever is refused changes nothing; that belongs to the run."""

    def __init__(self, db: Database, settings: Settings, seed: int) -> None:
        self.db, self.settings, self.random = db, settings, random.Random(seed)
        self.look = random.Random(seed + 1)  # what is looked at changes nothing of what is done
        self.clock = FixedClock(START)
        store = Clocked(db.dsn_app, size=8)
        store.clock = self.clock
        db.stores.insert(0, store)
        self.alarm = AlarmWorld(db, settings, self.clock)
        self.cases = Cases(db.store, self.clock)
        self.desk = Alarms(db.store, self.clock, area_buffer_m=settings.area_buffer_m)
        self.registry = registry()
        self.worker = KpiWorker(db.store, list(self.registry.indicators.values()), self.clock, settings)
        self.chief = Actor(SYSTEM, "值班长")
        self.done: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.reports = self.alerts = 0
        self.gauges = ["上村水位站", "下村水位站", "新桥水位站"]
        self.devices = [
            self.alarm.device(name, "water_level", region, attributes=RIVER)
            for name, region in zip(self.gauges, ("331101100201", "331101100202", "331101101000"), strict=True)
        ]
        self.devices += [self.alarm.device(f"摄像机{i}", "camera", **{"class": "camera"}) for i in range(6)]
        self.command = Commanding(db, settings, self.clock, self.random)
        self.clock.advance(-60)
        for name in self.gauges:
            self.alarm.one(name, "water_level", 4.0)
        self.clock.advance(60)
        with db.store.scoped(SYSTEM) as conn:  # connected for long, with nothing delivered yet
            for key, feeds in (("cap", "warning"), ("grid-app", "event"), ("capacity", "resource")):
                sources.ensure(conn, key, kind="rest", title=key, classes=[feeds], interval_s=3600, heartbeat=False)
        with db.owner() as conn, conn.transaction():
            rebuild_device_cells(conn)
        known_since(db, START)
        self.deeds: list[Callable[[], None]] = [
            self.report, self.report, self.report, self.correct, self.open, self.open, self.step, self.step, self.step,
            self.step, self.merge, self.unmerge, self.incident, self.river, self.river, self.late, self.camera,
            self.acknowledge, self.shelve, self.false_alarm, self.alert, self.upgrade, self.cancel, self.count,
            self.timers, self.hide, *self.command.deeds(), self.picture,
        ]  # fmt: skip

    def do(self) -> None:
        deed = self.random.choice(self.deeds)
        try:
            deed()
        except IocError:
            self.refused[deed.__name__] = self.refused.get(deed.__name__, 0) + 1
            return
        self.done[deed.__name__] = self.done.get(deed.__name__, 0) + 1

    # ------------------------------------------------------------ events and cases

    def _event(self, number: int, title: str) -> None:
        rnd = random.Random(number)
        payload = {
            "source": "grid-app", "source_id": f"E{number}", "title": title,
            "category": {"scheme": "GB/T 30428", "code": "0505"}, "urgency": rnd.choice(["一般", "紧急", "特急"]),
            "lon": 120.02 + rnd.random() * 0.35, "lat": 28.05 + rnd.random() * 0.3, "crs": "EPSG:4490",
            "occurred_at": (self.clock.now() - dt.timedelta(minutes=rnd.randint(1, 40))).isoformat(),
        }  # fmt: skip
        submit_event(self.db.store, SYSTEM, payload, self.clock, "tester", settings=self.settings)

    def report(self) -> None:
        self.reports += 1
        self._event(self.reports, f"占道 {self.reports}")

    def correct(self) -> None:
        if self.reports:
            number = self.random.randint(1, self.reports)
            self._event(number, f"占道 {number}（更正 {self.random.randint(1, 9)}）")

    def _ids(self, query: str) -> list[int]:
        with self.db.owner() as conn:
            return [next(iter(r.values())) for r in conn.execute(query).fetchall()]  # type: ignore[arg-type]

    def _one(self, query: str) -> int | None:
        found = self._ids(query)
        return self.random.choice(found) if found else None

    def open(self) -> None:
        event = self._one("SELECT event_id FROM event WHERE case_id IS NULL AND status = 'open' ORDER BY 1")
        if event is not None:
            self.cases.open(self.chief, event, self.random.choice(["grid", "hotline", "urban"]))

    def step(self) -> None:
        case = self._one("SELECT case_id FROM cases WHERE flow <> 'incident' ORDER BY 1")
        if case is None:
            return
        offered = self.cases.offered(self.chief, case)
        keys = [s["key"] for s in offered["steps"]]
        flow = flows()[offered["flow"]]
        steps = [s for s in flow.steps if s.key in keys and set(s.needs) <= GIVEN.keys()]
        steps = [s for s in steps if not {"region", "place"} & set(s.needs)]
        if steps:
            step = self.random.choice(steps)
            self.cases.take(self.chief, case, step.key, {n: GIVEN[n] for n in step.needs}, offered["version"])

    def merge(self) -> None:
        found = self._ids("SELECT case_id FROM cases WHERE closed_at IS NULL AND flow <> 'incident' ORDER BY 1")
        if len(found) >= 2:
            a, b = self.random.sample(found, 2)
            merging.merge(self.cases, self.chief, a, "case", b, "同一处")

    def unmerge(self) -> None:
        found = self._ids("SELECT merge_id FROM case_merge WHERE undone_at IS NULL AND kind = 'case' ORDER BY 1")
        if found:
            with self.db.owner() as conn:
                row = conn.execute("SELECT * FROM case_merge WHERE merge_id = %s", (found[-1],)).fetchone()
            assert row
            merging.unmerge(self.cases, self.chief, row["case_id"], "case", row["other_id"], "不是")

    def incident(self) -> None:
        case = self._one("SELECT case_id FROM cases WHERE closed_at IS NULL AND flow <> 'incident' ORDER BY 1")
        if case is not None:
            raising.raise_incident(self.cases, self.chief, case, self.random.randint(1, 4), "升级")

    def hide(self) -> None:
        """A row that is handed to one department is seen by others no more, and was seen by them before."""
        with self.db.store.scoped(SYSTEM) as conn:
            conn.execute(
                "UPDATE event SET private_to = '城管局', updated_at = %s, version = version + 1 WHERE event_id ="
                " (SELECT event_id FROM event WHERE private_to IS NULL ORDER BY md5(event_id::text) LIMIT 1)",
                (self.clock.now(),),
            )

    # ------------------------------------------------------------ devices and alarms

    def river(self) -> None:
        self.alarm.one(self.random.choice(self.gauges), "water_level", self.random.choice([4.2, 4.9, 5.1, 5.6, 6.3]))

    def late(self) -> None:
        back = self.clock.now() - dt.timedelta(minutes=self.random.randint(5, 90), seconds=7)
        self.alarm.one(self.random.choice(self.gauges), "water_level", 5.7, back)

    def camera(self) -> None:
        some = self.random.sample(self.devices[3:], 2)
        status = self.random.choice(["offline", "online", "fault"])
        now = self.clock.now()
        with self.db.store.scoped(SYSTEM) as conn:
            device_state.report(conn, dict.fromkeys(some, (status, now)), now)

    def _alarm(self) -> int | None:
        return self._one("SELECT alarm_id FROM alarm WHERE ended_at IS NULL ORDER BY 1")

    def picture(self) -> None:
        self.command.picture(self.devices[3:])

    def acknowledge(self) -> None:
        if (alarm := self._alarm()) is not None:
            self.desk.acknowledge(self.chief, alarm)

    def shelve(self) -> None:
        if (alarm := self._alarm()) is not None:
            self.desk.shelve(self.chief, alarm, 30, "检修")

    def false_alarm(self) -> None:
        if (alarm := self._alarm()) is not None:
            self.desk.false_alarm(self.chief, alarm, "test")

    # ------------------------------------------------------------ warnings, numbers, clocks

    def _warn(self, **changes: Any) -> None:
        body = {**JSON, **changes, "sendTime": self.clock.now().astimezone(self.settings.tz).strftime("%F %T")}
        body = {k: v for k, v in body.items() if v is not ...}
        submit_warning(self.db.store, SYSTEM, json.dumps(body).encode(), self.clock, form="json",
                       settings=self.settings)  # fmt: skip

    def _last(self) -> str | None:
        with self.db.owner() as conn:
            row = conn.execute(
                "SELECT source_id FROM warning WHERE status = 'active' ORDER BY warning_id DESC LIMIT 1"
            ).fetchone()
        return row["source_id"] if row else None

    def _number(self) -> str:
        self.alerts += 1
        return f"{JSON['identifier']}-{self.alerts}"

    def alert(self) -> None:
        self._warn(identifier=self._number())

    def upgrade(self) -> None:
        if (last := self._last()) is not None:
            self._warn(identifier=self._number(), msgType="Update", references=[last], color="红色", headline=...)

    def cancel(self) -> None:
        if (last := self._last()) is not None:
            self._warn(identifier=self._number(), msgType="Cancel", references=[last])

    def count(self) -> None:
        self.clock.advance(61)  # numbers age in minutes
        self.worker.cycle()

    def timers(self) -> None:
        now = self.clock.now()
        self.alarm.timer.turn()
        with self.db.store.scoped(SYSTEM) as conn:
            warnings.expire(conn, now)
            warnings.begin(conn, now)
            sources.sweep(conn, now)


# ------------------------------------------------------------ what screens answer


def people(regions: Mapping[str, int]) -> list[Scope]:
    """Who sees all, and who sees one town without what is a department's own or sensitive."""
    town = frozenset({regions["331101100000"], regions["331101100201"], regions["331101100202"]})
    rights = frozenset(ALL)
    return [
        Scope("chief", rights, whole=True, departments=None, sensitivity=2),
        Scope("town", rights, region_ids=town, departments=frozenset({"水务局"}), sensitivity=0),
    ]


def plain(value: Any) -> Any:
    """Comparable and readable: dataclasses as dictionaries, times as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return value


def dump(
    services: LiveServices, store: Store, registry: Registry, settings: Settings, scope: Scope, ids: Sequence[str]
) -> dict[str, Any]:
    """Everything a desk shows to `scope` at the services' own moment; `ids`: records opened in the detail panel."""
    now = services.now()
    listed = services.work_page(scope, "", 500)
    out: dict[str, Any] = {
        "counts": services.counts(scope, ""),
        "list": [listed.total, listed.rows],
        "closed": services.closed_today(scope, ""),
        "warnings": services.warnings(scope, ""),
        "sources": [(s.key, s.state) for s in services.sources(scope)],
        "supervision": services.supervision(scope, ""),
        "incidents": services.incidents(scope, ""),
        "topics": services.topic_stats(scope, ""),
        # how old a number is follows its source and is compared by tests of its own; what was still being computed is
        # told as not computed by then
        "tiles": [dataclasses.replace(t, as_of=None, computed_at=None, series=(), previous=None, note=None,
                                      state="unknown" if t.state == "loading" else t.state)
                  for t in services.tiles(scope, "")],
        "detail": {key: _seen(services, scope, key) for key in ids},
    }  # fmt: skip
    with store.scoped(scope) as conn:
        out["alarms"] = alarm_read.listed(conn, scope, Filter(hold="any"), now, 500)
        out["alarm_counts"] = alarm_read.counts(conn, scope, None, now)
        out["layers"] = layer_counts.counts(conn, scope, list(registry.layers.values()), None, now)
    with store.reading(scope) as conn:
        out["map"] = {f"{key}/{z}": _tile(conn, registry, scope, key, z, x, y, now)
                      for key in ("camera", "sensor", "event", "case", "warning", "resource") if key in registry.layers
                      for z, x, y in (FAR, NEAR)}  # fmt: skip
    out["command"] = replay_command.shown(services, store, settings, scope, out["incidents"])
    return plain(out)


def _seen(services: LiveServices, scope: Scope, key: str) -> Any:
    try:
        return services.seen(scope, key)
    except IocError as e:
        return type(e).__name__


def _tile(conn: Any, registry: Registry, scope: Scope, key: str, z: int, x: int, y: int, now: dt.datetime) -> str:
    return tiles.render(conn, tiles.TileQuery(scope, registry.layers[key], z, x, y, now)).hex()
