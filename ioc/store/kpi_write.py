"""What the KPI worker reads before it computes, and how it keeps what it computed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.declare import Indicator, Reading
from ioc.store import editions, outbox
from ioc.store.kpi_rollup import Audience, Row
from ioc.store.pool import Conn

Key = tuple[str, int, str]  # code, region_id, audience
AUDIENCE_DAYS = 30  # an audience nobody has asked for since is computed no longer
AUDIENCES_MAX = 64
FINE_KINDS = ("city", "county", "zone")  # these keep a history point every 5 minutes, the others one an hour
FINE, COARSE = dt.timedelta(minutes=5), dt.timedelta(hours=1)
# Classes that only count as connected while an enabled source says that it feeds them. Others (air, people at gates)
# are properties of sensors: they are connected when readings are there.
STRICT = frozenset({"camera", "sensor", "event", "case"})
OF_DATASET = "dataset:"  # and the key of a declared Dataset: 未接入 until it was brought in


def strict(kind: str) -> bool:
    """Whether a class is 未接入 while nothing feeds it, whatever its query finds."""
    return kind in STRICT or kind.startswith(OF_DATASET)


@dataclass(frozen=True, slots=True)
class Tree:
    """Regions by id and kind; `root` is the only top, or None when there are several."""

    kinds: Mapping[int, str]
    root: int | None


@dataclass(frozen=True, slots=True)
class Feeding:
    """The source a class of data rests on: the one heard last."""

    connected: bool
    title: str = ""
    as_of: dt.datetime | None = None
    interval_s: float = 60.0


def tree(conn: Conn) -> Tree:
    rows = conn.execute("SELECT region_id, kind, parent_id FROM region").fetchall()
    roots = [r["region_id"] for r in rows if r["parent_id"] is None and r["kind"] != "zone"]
    return Tree({r["region_id"]: r["kind"] for r in rows}, roots[0] if len(roots) == 1 else None)


def audiences(conn: Conn, now: dt.datetime) -> tuple[Audience, ...]:
    """Those asked for lately; the three that see all departments always."""
    rows = conn.execute(
        """SELECT audience, departments, sensitivity FROM indicator_audience
           WHERE departments IS NULL OR seen_at > %s ORDER BY departments IS NOT NULL, seen_at DESC LIMIT %s""",
        (now - dt.timedelta(days=AUDIENCE_DAYS), AUDIENCES_MAX),
    )
    return tuple(
        Audience(r["audience"], None if r["departments"] is None else tuple(r["departments"]), r["sensitivity"])
        for r in rows
    )


def sources(conn: Conn) -> list[Row]:
    return list(conn.execute("SELECT * FROM source WHERE enabled").fetchall())


def datasets(conn: Conn, intervals: Mapping[str, dt.timedelta]) -> list[Row]:
    """Data that came by file, as rows that feed the class `dataset:KEY`; `intervals`: how often each is renewed."""
    rows: list[Row] = []
    for key, edition in editions.in_force(conn).items():
        every = intervals.get(key, dt.timedelta(days=365))
        rows.append({
            "classes": [f"{OF_DATASET}{key}"], "title": edition.source, "as_of": edition.as_of, "last_data_at": None,
            "last_seen_at": None, "heartbeat": False, "interval_s": every.total_seconds(),
        })  # fmt: skip
    return rows


def feeding(rows: Iterable[Row], kind: str, now: dt.datetime) -> Feeding:
    """Who feeds `kind` and how new it is. A source that speaks only on occasion is as new as its heartbeat."""
    best: tuple[dt.datetime, Row] | None = None
    found: Row | None = None
    for row in rows:
        if kind not in row["classes"]:
            continue
        found = found or row
        times = (
            [row["last_data_at"], row["last_seen_at"]] if row["heartbeat"] else [row["as_of"] or row["last_data_at"]]
        )
        newest = max((min(t, now) for t in times if t is not None), default=None)
        if newest is not None and (best is None or newest > best[0]):
            best = newest, row
    if best is not None:
        return Feeding(True, best[1]["title"], best[0], float(best[1]["interval_s"]))
    return Feeding(True, found["title"], None, float(found["interval_s"])) if found else Feeding(False)


def topics_since(conn: Conn, last: int) -> tuple[int, frozenset[str]]:
    """Number of the newest feed record, and the topics that spoke after `last`."""
    state = conn.execute("SELECT last_no FROM feed_state").fetchone()
    newest = int(state["last_no"]) if state else 0
    if newest <= last:
        return newest, frozenset()
    rows = conn.execute("SELECT DISTINCT topic FROM feed WHERE feed_no > %s AND feed_no <= %s", (last, newest))
    return newest, frozenset(r["topic"] for r in rows)


_VALUES = """
INSERT INTO indicator_value AS v (code, region_id, audience, computed_at, as_of, value, numerator, denominator,
                                  previous, state, note, series, origin, last_value, last_at)
SELECT x.code, x.region_id, x.audience, %(now)s, x.as_of, x.value, x.numerator, x.denominator, x.previous, x.state,
       x.note, coalesce(x.series, '{}'), x.origin, x.last_value, CASE WHEN x.last_value IS NOT NULL THEN %(now)s END
FROM jsonb_to_recordset(%(rows)s::jsonb) AS x (code text, region_id int, audience text, as_of timestamptz,
     value float8, numerator float8, denominator float8, previous float8, state text, note jsonb, series float8[],
     origin text, last_value float8)
JOIN region r USING (region_id)
ON CONFLICT (region_id, audience, code) DO UPDATE SET
  computed_at = excluded.computed_at, as_of = excluded.as_of, value = excluded.value, numerator = excluded.numerator,
  denominator = excluded.denominator, previous = excluded.previous, state = excluded.state, note = excluded.note,
  series = excluded.series, origin = excluded.origin, last_value = coalesce(excluded.last_value, v.last_value),
  last_at = coalesce(excluded.last_at, v.last_at)
"""
_HISTORY = """
INSERT INTO indicator_history (code, region_id, audience, computed_at, as_of, value, numerator, denominator, state,
                               origin)
SELECT x.code, x.region_id, x.audience, x.at, x.as_of, x.value, x.numerator, x.denominator, x.state, x.origin
FROM jsonb_to_recordset(%(rows)s::jsonb) AS x (code text, region_id int, audience text, at timestamptz,
     as_of timestamptz, value float8, numerator float8, denominator float8, state text, origin text)
ON CONFLICT (code, region_id, audience, computed_at) DO UPDATE SET
  as_of = excluded.as_of, value = excluded.value, numerator = excluded.numerator, denominator = excluded.denominator,
  state = excluded.state, origin = excluded.origin
"""


def save_values(conn: Conn, values: Mapping[Key, Reading], kinds: Mapping[int, str], now: dt.datetime) -> None:
    """Upsert the rows that changed, and the history point of their 5 minutes or hour."""
    rows = [_as_row(key, reading, kinds, now) for key, reading in values.items()]
    for statement in (_VALUES, _HISTORY):
        conn.execute(statement, {"rows": json.dumps(rows), "now": now})


def _as_row(key: Key, r: Reading, kinds: Mapping[int, str], now: dt.datetime) -> dict[str, Any]:
    step = FINE if kinds.get(key[1]) in FINE_KINDS else COARSE
    seconds = int(step.total_seconds())
    at = dt.datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, dt.UTC)
    return {
        "code": key[0],
        "region_id": key[1],
        "audience": key[2],
        "at": at.isoformat(),
        "as_of": r.as_of.isoformat() if r.as_of else None,
        "value": r.value,
        "numerator": r.numerator,
        "denominator": r.denominator,
        "previous": r.previous,
        "state": r.state,
        "note": {"zh": r.note.zh, "en": r.note.en} if r.note else None,
        "series": list(r.series),
        "origin": r.origin,
        "last_value": r.value if r.state == "ok" else None,
    }


_RUN = """
INSERT INTO indicator_run AS i (code, state, computed_at, as_of, source, interval_s, runs, duration_ms)
VALUES (%(code)s, %(state)s, %(now)s, %(as_of)s, %(source)s, %(interval_s)s, 1, %(duration_ms)s)
ON CONFLICT (code) DO UPDATE SET state = excluded.state, computed_at = excluded.computed_at, as_of = excluded.as_of,
  source = excluded.source, interval_s = excluded.interval_s, runs = i.runs + 1, duration_ms = excluded.duration_ms,
  error_code = '', error_zh = '', error_en = '', error_since = NULL, retries = 0
"""
_FAILED = """
INSERT INTO indicator_run AS i (code, state, computed_at, error_code, error_zh, error_en, error_since, retries, runs)
VALUES (%(code)s, 'error', %(now)s, %(error_code)s, %(zh)s, %(en)s, %(now)s, 0, 1)
ON CONFLICT (code) DO UPDATE SET state = 'error', error_code = excluded.error_code, error_zh = excluded.error_zh,
  error_en = excluded.error_en, runs = i.runs + 1, error_since = coalesce(i.error_since, excluded.error_since),
  retries = CASE WHEN i.error_since IS NULL THEN 0 ELSE i.retries + 1 END
"""


def save_run(conn: Conn, code: str, state: str, fed: Feeding, now: dt.datetime, duration_ms: float) -> None:
    values = {"code": code, "state": state, "now": now, "as_of": fed.as_of, "source": fed.title}
    conn.execute(_RUN, {**values, "interval_s": fed.interval_s, "duration_ms": duration_ms})


def save_failure(conn: Conn, code: str, error_code: str, zh: str, en: str, now: dt.datetime) -> None:
    conn.execute(_FAILED, {"code": code, "error_code": error_code, "zh": zh, "en": en, "now": now})


def announce(conn: Conn, codes: Sequence[str], region_ids: Iterable[int]) -> None:
    """One outbox record a cycle. It carries no number: screens ask for theirs under their own scope."""
    payload = {"codes": sorted(codes), "region_ids": sorted(region_ids)}
    outbox.put(conn, topic="indicator", op="change", entity_id="*", permission="indicator.view", payload=payload)
    outbox.wake(conn)


def emptied(conn: Conn) -> bool:
    """Whether no computation is on record."""
    row = conn.execute("SELECT NOT EXISTS (SELECT FROM indicator_run) AS yes").fetchone()
    return bool(row and row["yes"])


def forget_missing(conn: Conn, indicators: Iterable[Indicator]) -> None:
    """Values of indicators nobody declares any more, and of audiences no longer computed, must not be shown."""
    codes = [i.code for i in indicators]
    conn.execute("DELETE FROM indicator_run WHERE NOT code = ANY (%s)", (codes,))
    conn.execute("DELETE FROM indicator_value WHERE NOT code = ANY (%s)", (codes,))
    conn.execute("DELETE FROM indicator_value WHERE audience NOT IN (SELECT audience FROM indicator_audience)")


def prune(conn: Conn, now: dt.datetime, retention_days: int, tz: str) -> None:
    """Keep 5-minute points 7 days, hourly ones 62 days, then the last of each local day until the retention ends."""
    conn.execute("DELETE FROM indicator_history WHERE computed_at < %s", (now - dt.timedelta(days=retention_days),))
    conn.execute(
        """DELETE FROM indicator_history WHERE computed_at < %s AND computed_at >= %s
           AND extract(minute FROM computed_at) <> 0""",
        (now - dt.timedelta(days=7), now - dt.timedelta(days=10)),
    )
    conn.execute(
        """DELETE FROM indicator_history h WHERE h.computed_at < %(old)s AND h.computed_at >= %(older)s AND EXISTS (
             SELECT FROM indicator_history n WHERE (n.code, n.region_id, n.audience) = (h.code, h.region_id, h.audience)
               AND n.computed_at > h.computed_at AND n.computed_at < %(old)s
               AND (n.computed_at AT TIME ZONE %(tz)s)::date = (h.computed_at AT TIME ZONE %(tz)s)::date)""",
        {"old": now - dt.timedelta(days=62), "older": now - dt.timedelta(days=66), "tz": tz},
    )
    conn.execute(
        "DELETE FROM indicator_audience WHERE departments IS NOT NULL AND seen_at < %s",
        (now - dt.timedelta(days=AUDIENCE_DAYS),),
    )
