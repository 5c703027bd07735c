"""Disk budget. When the disk runs short observations are refused first and events last, and every screen is told."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import Jsonb

from ioc.errors import DiskBudget

Level = Literal["ok", "observations_stopped", "events_stopped"]
KEY = "disk"
# Events go on until the free space falls below this share of the minimum, or the use passes the budget by this much.
LAST_SHARE = 0.25
OVERDRAFT = 1.1


@dataclass(frozen=True, slots=True)
class DiskState:
    """`free_mb` is None for an outside database (its disk is not ours to see). Sizes in MiB."""

    level: Level = "ok"
    used_mb: int = 0
    free_mb: int | None = None
    budget_mb: int = 0
    free_min_mb: int = 0

    @property
    def takes_observations(self) -> bool:
        return self.level == "ok"

    @property
    def takes_events(self) -> bool:
        return self.level != "events_stopped"

    def require(self, what: Literal["observation", "event"]) -> None:
        """Raises DiskBudget when `what` is not taken at present."""
        if not (self.takes_events if what == "event" else self.takes_observations):
            raise DiskBudget(
                f"剩余 {self.free_mb} MB，已用 {self.used_mb} MB",
                f"{self.free_mb} MB free, {self.used_mb} MB used",
                {"level": self.level},
            )


def judge(used_mb: int, free_mb: int | None, budget_mb: int, free_min_mb: int) -> DiskState:
    """Pure rule. A budget of 0 is none; free space None is not judged."""
    level: Level = "ok"
    short = free_mb is not None and free_mb < free_min_mb
    over = bool(budget_mb) and used_mb > budget_mb
    if short or over:
        level = "observations_stopped"
    if (free_mb is not None and free_mb < free_min_mb * LAST_SHARE) or (budget_mb and used_mb > budget_mb * OVERDRAFT):
        level = "events_stopped"
    return DiskState(level, used_mb, free_mb, budget_mb, free_min_mb)


def measure(conn: psycopg.Connection[Any], folder: Path | None, budget_mb: int, free_min_mb: int) -> DiskState:
    """Size of the database, and the free space where `folder` (the cluster's, None: outside) lies."""
    with conn.cursor(row_factory=tuple_row) as cur:
        row = cur.execute("SELECT pg_database_size(current_database())").fetchone()
    used = int(row[0]) // 2**20 if row else 0
    free = shutil.disk_usage(folder).free // 2**20 if folder is not None else None
    return judge(used, free, budget_mb, free_min_mb)


def write(conn: psycopg.Connection[Any], state: DiskState) -> None:
    conn.execute(
        "INSERT INTO setting (key, value, actor) VALUES (%s, %s, 'keeper')"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, actor = excluded.actor, updated_at = now()",
        (KEY, Jsonb(asdict(state))),
    )


def read(conn: psycopg.Connection[Any]) -> DiskState:
    """What the keeper found at its last turn; ok before the first."""
    with conn.cursor(row_factory=dict_row) as cur:
        row = cur.execute("SELECT value FROM setting WHERE key = %s", (KEY,)).fetchone()
    return DiskState(**row["value"]) if row else DiskState()
