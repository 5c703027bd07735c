"""Emergency command in the town of `replay_world`: deeds on incidents and forces, and what its pages answer."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ioc.cases.work import Actor
from ioc.clock import FixedClock
from ioc.command import answer, drawing
from ioc.command.area import metres_of
from ioc.command.asking import Ask
from ioc.command.drawing import Marks
from ioc.command.forces import Forces
from ioc.command.opening import Wish
from ioc.command.ordering import Order, Orders
from ioc.command.orders import RECEIPTS
from ioc.command.work import Incidents
from ioc.intake.capacity import Capacities, Report
from ioc.scope import SYSTEM, Scope
from ioc.services_live import LiveServices
from ioc.settings import Settings
from ioc.store import Store, resources, video_views
from tests.conftest import Database

CENTRE = (120.2, 28.2)
PANELS = ("forces", "medical", "eyes")
ACTS: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("assess", {"text": "研判"}), ("confirm_level", {}), ("ask_response", {"response_level": 4, "reason": "增援"}),
    ("approve_response", {}), ("handle", {}), ("log", {"text": "首车到场"}), ("on_scene", {"people": 12}),
    ("appoint", {"role": "chief", "person": "陈志强"}), ("propose_level", {"level": 2, "reason": "扩大"}),
)  # fmt: skip
# What is for acting, or is not on record (docs/replay.md), and what is of today: choices of forms, links.
_NOW_ONLY = ("may", "known", "meeting", "ar", "review", "review_fault", "notices")


class Commanding:
    """Deeds of one town; each raises an error of the product where it cannot be done."""

    def __init__(self, db: Database, settings: Settings, clock: FixedClock, rnd: random.Random) -> None:
        self.db, self.settings, self.clock, self.random = db, settings, clock, rnd
        self.chief = Actor(SYSTEM, "值班长")
        self.incidents = Incidents(db.store, clock, settings.area_buffer_m, settings.tz)
        self.orders, self.marks = Orders(self.incidents), Marks(self.incidents)
        self.forces = Forces(db.store, clock, settings.tz)
        self.fleet = [self._resource(n, kind) for n, kind in enumerate(("team", "vehicle", "vehicle", "hospital"))]

    def deeds(self) -> list[Callable[[], None]]:
        return [self.emergency, self.perform, self.perform, self.perform, self.order, self.order, self.receipt,
                self.receipt, self.draw, self.redraw, self.send, self.drive, self.drive, self.beds]  # fmt: skip

    def _resource(self, n: int, kind: str) -> int:
        with self.db.owner() as conn:
            row = conn.execute(
                "INSERT INTO resource (source, external_id, kind, name, geom, status) VALUES ('register', %s, %s, %s,"
                " ST_SetSRID(ST_MakePoint(%s, %s), 4326), 'available') RETURNING resource_id",
                (f"R{n}", kind, f"力量{n}", CENTRE[0] + 0.01 * n, CENTRE[1]),
            ).fetchone()
        assert row
        return int(row["resource_id"])

    def _one(self, query: str) -> int | None:
        with self.db.owner() as conn:
            found = [int(next(iter(r.values()))) for r in conn.execute(query).fetchall()]  # type: ignore[arg-type]
        return self.random.choice(found) if found else None

    def _incident(self) -> int | None:
        return self._one("SELECT case_id FROM cases WHERE flow = 'incident' AND closed_at IS NULL ORDER BY 1")

    def emergency(self) -> None:
        if (self._one("SELECT count(*) FROM incident") or 0) < 4:
            lon, lat = CENTRE[0] + self.random.uniform(-0.05, 0.05), CENTRE[1] + self.random.uniform(-0.05, 0.05)
            place = {"lon": lon, "lat": lat, "crs": "EPSG:4490"}
            wish = Wish("hand", title="厂房火情", cls=2, level=self.random.randint(1, 4), reason="明火", place=place)
            self.incidents.open(self.chief, wish)

    def perform(self) -> None:
        if (case := self._incident()) is not None:
            key, given = self.random.choice(ACTS)
            version = self.incidents.one(SYSTEM, case)["version"]
            self.incidents.act(self.chief, case, key, given, version)

    def order(self) -> None:
        if (case := self._incident()) is not None:
            due = self.clock.now() + dt.timedelta(minutes=self.random.randint(1, 40))
            to = ("resource", str(self.random.choice(self.fleet[:3])))
            self.orders.give(self.chief, case, Order("设水枪阵地", to, due_at=due))

    def receipt(self) -> None:
        if (task := self._one("SELECT task_id FROM task ORDER BY 1")) is not None:
            key = self.random.choice(sorted(RECEIPTS))
            needs = RECEIPTS[key].needs
            self.orders.answer(self.chief, "", task, key, dict.fromkeys(needs, "道路不通"), None)

    def draw(self) -> None:
        if (case := self._incident()) is not None:
            spot = [CENTRE[0] + self.random.uniform(-0.02, 0.02), CENTRE[1]]
            wish = drawing.Wish("checkpoint", "北门卡口", {"type": "Point", "coordinates": spot}, responsible="王伟")
            self.marks.draw(self.chief, case, wish)

    def redraw(self) -> None:
        mark = self._one("SELECT mark_id FROM incident_mark WHERE deleted_at IS NULL ORDER BY 1")
        if mark is not None:
            version = self._one(f"SELECT version FROM incident_mark WHERE mark_id = {mark}")
            assert version is not None
            if self.random.random() < 0.5:
                self.marks.remove(self.chief, mark, version)
            else:
                self.marks.change(self.chief, mark, drawing.Wish(responsible="李强"), version)

    def send(self) -> None:
        status = self.random.choice(["available", "bound", "en_route", "on_scene", "off_duty"])
        case = self._incident() if status in ("bound", "en_route", "on_scene") else None
        self.forces.set_state(self.chief, self.random.choice(self.fleet[:3]), status, case)

    def drive(self) -> None:
        now = self.clock.now()
        moved: dict[str, Any] = {
            "resource_id": self.random.choice(self.fleet[:3]), "lon": CENTRE[0] + self.random.uniform(-0.03, 0.03),
            "lat": CENTRE[1] + self.random.uniform(-0.03, 0.03), "at": now, "now": now, "late": False,
            "speed_kmh": 40.0, "heading_deg": None, "accuracy_m": None, "region_id": None, "private_to": None,
            "sensitivity": 0, "origin": "real",
        }  # fmt: skip
        with self.db.store.scoped(SYSTEM) as conn:
            resources.put_positions(conn, [moved])

    def beds(self) -> None:
        told = Report(self.clock.now().isoformat(), {"total": {"general": 40},
                                                     "free": {"general": self.random.randint(0, 40)}})  # fmt: skip
        Capacities(self.db.store, self.settings, self.clock).put(SYSTEM, "register", "R3", told, "医院")

    def picture(self, cameras: Sequence[int]) -> None:
        """What a pane of the camera wall came to know of a picture."""
        state, code = self.random.choice([("verified", "same"), ("unverified", "no_reference"), ("lost", "silent")])
        with self.db.store.scoped(SYSTEM) as conn:
            row = conn.execute(
                "SELECT device_id, 1 AS view_id, region_id, private_to, sensitivity, origin FROM device"
                " WHERE device_id = %s", (self.random.choice(cameras),)
            ).fetchone()  # fmt: skip
            assert row
            video_views.add_state(conn, row, state, code, None, self.clock.now())


def shown(
    services: LiveServices, store: Store, settings: Settings, scope: Scope, listed: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The workspace of one incident, another at every moment, what stands round it, and the states of all cameras.

    `listed`: the incidents of the list.
    """
    now = services.now()
    out: dict[str, Any] = {}
    incidents = Incidents(store, FixedClock(now), settings.area_buffer_m, settings.tz)
    found = [i for i in listed if i["lon"] is not None]
    turn = int(now.timestamp()) % max(len(found), 1)
    for row in sorted(found, key=lambda i: i["case_id"])[turn : turn + 1]:
        case = int(row["case_id"])
        page = services.command(scope, case)
        out[f"workspace {case}"] = {k: _done(v) for k, v in page.items() if k not in _NOW_ONLY}
        out[f"marks {case}"] = Marks(incidents).listed(scope, case)["marks"]
        with store.scoped(scope) as conn:
            srid = metres_of(conn, row["lon"])
        ask = Ask(scope, row["lon"], row["lat"], now, srid, 5000.0, None, case)
        for key in PANELS:
            state = answer.answer(store, key, ask)
            assert state.state not in ("error", "forbidden"), (key, state)
            out[f"{key} {case}"] = [state.state, state.data]
    with store.scoped(scope) as conn:
        ids = [r["device_id"] for r in conn.execute("SELECT device_id FROM device WHERE class = 'camera' ORDER BY 1")]
        out["pictures"] = video_views.states_at(conn, scope, ids, now)
        out["resources"] = resources.around(conn, scope, CENTRE, 4547, 50_000.0, None,
                                            ("team", "vehicle", "hospital"), now)  # fmt: skip
    return out


def _done(value: Any) -> Any:
    """Without what the asker may do next, which is of the present."""
    if isinstance(value, Mapping):
        return {k: _done(v) for k, v in value.items() if k != "may"}
    return [_done(v) for v in value] if isinstance(value, list | tuple) else value
