"""One grouped statement for a whole region tree and every audience: what all indicator queries are made of.

A *leaf* select groups a table by finest region, `private_to` and sensitivity and gives `num`, `den`, `as_of` and
whether a demo row is inside, under a `bucket`: 0 is the period now, -1 the period it is compared with, 1-24 the hours
of the series (24 = the running hour; 1-48 where a rolling day is needed). `rolled_up` adds the leaves up to every
ancestor region through `region_closure`, once per audience that may see them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import sql

from ioc.clock import local_day
from ioc.declare import Reading
from ioc.store.pool import Conn

Row = Mapping[str, Any]
Cell = tuple[float, float, dt.datetime | None, bool]  # num, den, as_of, demo
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
POINTS = 24


@dataclass(frozen=True, slots=True)
class Audience:
    """The department and sensitivity part of a scope. `departments` None: all; empty: only rows shared with all."""

    key: str
    departments: tuple[str, ...] | None
    sensitivity: int


@dataclass(frozen=True, slots=True)
class Ask:
    """One computation. `series` asks for the 24 points too: costly ones are asked for once an hour."""

    now: dt.datetime
    tz: ZoneInfo
    audiences: Sequence[Audience]
    root: int | None = None  # the centre's only root region: what lies in no region is counted there and nowhere below
    series: bool = True

    @property
    def hour(self) -> dt.datetime:
        """Start of the running hour."""
        return self.now.astimezone(self.tz).replace(minute=0, second=0, microsecond=0).astimezone(dt.UTC)

    def common(self) -> dict[str, Any]:
        """Bounds a leaf may use: now, local midnight, 24 h earlier, last week, the month, where the series begins."""
        day = local_day(self.now, self.tz)[0]
        # Calendar arithmetic in local time, so that a change of clocks does not move "the same time of day".
        local = self.now.astimezone(self.tz)
        before, week = (local - DAY).astimezone(dt.UTC), (local - 7 * DAY).astimezone(dt.UTC)
        return {
            "now": self.now,
            "day": day,
            "before": before,
            "day_before": local_day(self.now, self.tz, 1)[0],
            "week": week,
            "month": local.replace(day=1, hour=0, minute=0, second=0, microsecond=0),
            "day_week": local_day(self.now, self.tz, 7)[0],
            "since": self.hour - (POINTS - 1) * HOUR,
            "since48": self.hour - (2 * POINTS - 1) * HOUR,
            "with_series": self.series,
            "root": self.root,
        }


Answer = dict[tuple[int, str], Reading]
Compute = Callable[[Conn, Ask, Mapping[str, Any]], Answer]

_ROLLUP = sql.SQL(
    """
WITH leaf AS ({leaf}),
aud AS (SELECT key, all_departments, departments, sensitivity FROM jsonb_to_recordset(%(audiences)s::jsonb)
        AS a (key text, all_departments boolean, departments text[], sensitivity int))
SELECT c.ancestor_id AS region_id, a.key AS audience, l.bucket, sum(l.num)::float8 AS num, sum(l.den)::float8 AS den,
       max(l.as_of) AS as_of, bool_or(l.demo) AS demo
FROM leaf l JOIN region_closure c ON c.descendant_id = l.region_id
JOIN aud a ON l.sens <= a.sensitivity AND (a.all_departments OR l.priv = '' OR l.priv = ANY (a.departments))
GROUP BY 1, 2, 3"""
)


def audiences_json(audiences: Sequence[Audience]) -> str:
    return json.dumps(
        [
            {
                "key": a.key,
                "all_departments": a.departments is None,
                "departments": list(a.departments or ()),
                "sensitivity": a.sensitivity,
            }
            for a in audiences
        ]
    )


def rolled_up(
    conn: Conn, ask: Ask, leaf: sql.Composable, params: Mapping[str, Any]
) -> dict[tuple[int, str], dict[int, Cell]]:
    """Run one leaf for all regions and audiences: {(region, audience): {bucket: cell}}."""
    query = _ROLLUP.format(leaf=leaf)
    values = {**ask.common(), **params, "audiences": audiences_json(ask.audiences)}
    out: dict[tuple[int, str], dict[int, Cell]] = {}
    for r in conn.execute(query, values):
        cell = (float(r["num"] or 0.0), float(r["den"] or 0.0), r["as_of"], bool(r["demo"]))
        out.setdefault((r["region_id"], r["audience"]), {})[r["bucket"]] = cell
    return out


def origin_of(cells: Mapping[int, Cell]) -> str:
    return "demo" if any(c[3] for c in cells.values()) else "real"
