"""A small town with gauges, detectors and gateways for alarm tests, and the way values reach their rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from ioc.clock import FixedClock
from ioc.intake.alarm_timer import AlarmTimer
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import sources
from tests.conftest import Database
from tests.store import world as town

RIVER = {"警戒水位": "5.00", "保证水位": 6.0, "历史最高水位": 7.2, "高程基准": "珠基", "特征水位基准": "珠江基面"}


@dataclass
class AlarmWorld:
    db: Database
    settings: Settings
    clock: FixedClock
    regions: dict[str, int] = field(default_factory=dict[str, int])
    intake: ObservationIntake = field(init=False)
    timer: AlarmTimer = field(init=False)

    def __post_init__(self) -> None:
        with self.db.owner() as conn:
            self.regions = town.build(conn)
        with self.db.store.scoped(SYSTEM) as conn:
            sources.ensure(conn, "t", kind="mqtt", title="测试", classes=["sensor"], interval_s=60)
        self.restart()

    def restart(self) -> None:
        """Everything a process remembers is gone."""
        self.intake = ObservationIntake(self.db.store, self.settings, self.clock, "t")
        self.timer = AlarmTimer(self.db.store, self.clock, self.settings.tz, grace_s=0)

    def device(self, external_id: str, kind: str, region: str = "331101100201", **more: Any) -> int:
        values = {
            "class": "sensor",
            "attributes": {},
            "gateway_id": None,
            "interval_s": 300,
            "status": "online",
            **more,
        }
        with self.db.owner() as conn:
            row = conn.execute(
                """
                INSERT INTO device (source, external_id, kind, class, name, status, geom, h3_10, interval_s, region_id,
                                    attributes, gateway_id)
                VALUES ('t', %(id)s, %(kind)s, %(class)s, %(id)s, %(status)s,
                        ST_SetSRID(ST_MakePoint(120.05, 28.1), 4326), 622236750694711295, %(interval_s)s, %(region)s,
                        %(attributes)s, %(gateway_id)s) RETURNING device_id
                """,
                {**values, "id": external_id, "kind": kind, "region": self.regions[region],
                 "attributes": Jsonb(values["attributes"])},
            ).fetchone()  # fmt: skip
        assert row is not None
        return int(row["device_id"])

    def steward(self, duty: str, name: str, region: str, *, phone: str = "138****1234", login: str = "") -> None:
        with self.db.owner() as conn:
            conn.execute(
                "INSERT INTO steward (external_id, duty, name, phone, login, region_id)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                (f"{duty}{name}", duty, name, phone, login, self.regions[region]),
            )

    def send(
        self, device: str, prop: str, values: Sequence[tuple[float, float | None]], start: dt.datetime
    ) -> dict[str, int]:
        """(minutes after `start`, value) in one batch."""
        readings = [Reading(device, prop, v, (start + dt.timedelta(minutes=m)).isoformat()) for m, v in values]
        out = self.intake.submit(readings)
        return {"stored": out.stored, "duplicates": out.duplicates, "rejected": out.rejected}

    def one(self, device: str, prop: str, value: float | None, at: dt.datetime | None = None) -> None:
        self.intake.submit([Reading(device, prop, value, (at or self.clock.now()).isoformat())])

    def rows(self, query: LiteralString, *values: Any) -> list[dict[str, Any]]:
        with self.db.owner() as conn:
            return conn.execute(query, values).fetchall()

    def transitions(self, start: dt.datetime) -> list[tuple[str, str, float]]:
        """(rule, entry, minutes after `start`) of every raise, re-alarm and return, in the order of their times."""
        rows = self.rows(
            "SELECT rule_key, entry, at FROM alarm_journal WHERE entry IN ('raise', 'realarm', 'clear')"
            " ORDER BY at, rule_key, journal_id"
        )
        return [(r["rule_key"], r["entry"], (r["at"] - start).total_seconds() / 60) for r in rows]
