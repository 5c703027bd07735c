"""A file of a command dataset becomes an edition: whose, of which day, and how much of it is in force."""

from __future__ import annotations

import datetime as dt
from collections.abc import Set
from dataclasses import dataclass
from typing import Literal, cast
from zoneinfo import ZoneInfo

from ioc.intake.report import ImportReport
from ioc.store import editions, targets
from ioc.store.editions import Edition
from ioc.store.pool import Conn


@dataclass(frozen=True, slots=True)
class Brought:
    """Who brought which dataset in. `as_of` None: of the day it was brought."""

    dataset: str
    source: str
    origin: str
    as_of: dt.date | None
    tz: ZoneInfo
    actor: str


def speaks_of(as_of: dt.date | None, tz: ZoneInfo, now: dt.datetime) -> dt.datetime:
    """The moment an edition is measured from: the beginning of its day in the centre's time, else now."""
    return dt.datetime.combine(as_of, dt.time.min, tz) if as_of else now


def close_edition(conn: Conn, brought: Brought, report: ImportReport, whole: Set[str] | None, now: dt.datetime) -> int:
    """Publishes the edition at the end of its file. `whole`: ids of the file, None where it is not the whole register.

    Nothing is taken off for a file with a refused row, which may be the one missed, and a file of which nothing could
    be used is no edition. Returns how many were taken off.
    """
    gone = 0
    if whole is not None and report.rejected:
        report.note = "有被拒绝的行，未移除文件中没有的目标 / rows were refused: nothing absent was taken off"
    elif whole is not None and brought.dataset == "targets":
        gone = targets.remove_absent(conn, brought.source, whole, brought.actor, now)
        report.note = f"文件中没有的 {gone} 个目标已移除 / {gone} absent targets taken off" if gone else report.note
    if report.rejected == report.read:
        return gone
    rows = editions.rows_of(conn, brought.dataset)
    editions.publish(
        conn,
        Edition(
            brought.dataset, brought.source, speaks_of(brought.as_of, brought.tz, now), rows, report.rejected,
            report.file, report.batch_id, {"crs": report.crs}, cast("Literal['real', 'demo']", brought.origin),
        ),
        brought.actor,
        now,
    )  # fmt: skip
    return gone
