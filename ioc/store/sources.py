"""Health of sources: what arrived, how old it is, and what is wrong. A change of state is logged and told once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from ioc.declare import Source
from ioc.freshness import freshness
from ioc.store import outbox
from ioc.store.pool import Conn

log = structlog.get_logger(__name__)

# live and late are one state to tell of: a source that is a second behind its interval is no news.
_TELL = {"live": "live", "late": "live"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """Counters of one batch. `as_of` is the newest `observed_at` in it; None: nothing usable was in it."""

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    as_of: dt.datetime | None = None


def register(conn: Conn, sources: Iterable[tuple[Source, bool]], now: dt.datetime) -> None:
    """A row for every declared source; `True` beside it when this installation runs it. What ran before stays known."""
    for source, enabled in sources:
        conn.execute(
            """
            INSERT INTO source AS s (source_key, kind, title, title_en, owner, interval_s, heartbeat, enabled, state,
                                     updated_at)
            VALUES (%(key)s, %(key)s, %(zh)s, %(en)s, %(owner)s, %(interval)s, %(heartbeat)s, %(enabled)s,
                    CASE WHEN %(enabled)s THEN 'never' ELSE 'off' END, %(now)s)
            ON CONFLICT (source_key) DO UPDATE
            SET title = excluded.title, title_en = excluded.title_en, owner = excluded.owner,
                interval_s = excluded.interval_s, heartbeat = excluded.heartbeat, enabled = excluded.enabled,
                state = CASE WHEN NOT excluded.enabled THEN 'off' WHEN s.state = 'off' THEN 'never' ELSE s.state END,
                updated_at = excluded.updated_at
            WHERE (s.title, s.title_en, s.owner, s.interval_s, s.heartbeat, s.enabled) IS DISTINCT FROM
                  (excluded.title, excluded.title_en, excluded.owner, excluded.interval_s, excluded.heartbeat,
                   excluded.enabled)
            """,
            {
                "key": source.key,
                "zh": source.title.zh,
                "en": source.title.en,
                "owner": source.owner.zh,
                "interval": max(1, round(source.interval.total_seconds())),
                "heartbeat": source.heartbeat,
                "enabled": enabled,
                "now": now,
            },
        )


def ensure(
    conn: Conn,
    key: str,
    *,
    kind: str,
    title: str,
    classes: Sequence[str],
    interval_s: int,
    origin: str = "real",
    heartbeat: bool = False,
) -> None:
    """A row for a source known only by name so far (a department's file, a reporting system); adds what it feeds.

    A row that says so already is not locked: batches lock it at their end, after what they write.
    """
    values = {
        "key": key,
        "kind": kind,
        "title": title,
        "classes": list(classes),
        "interval": interval_s,
        "heartbeat": heartbeat,
        "origin": origin,
    }
    conn.execute(
        """
        INSERT INTO source (source_key, kind, title, classes, interval_s, heartbeat, origin)
        VALUES (%(key)s, %(kind)s, %(title)s, %(classes)s, %(interval)s, %(heartbeat)s, %(origin)s)
        ON CONFLICT (source_key) DO NOTHING
        """,
        values,
    )
    conn.execute(
        """
        UPDATE source SET classes = (SELECT array_agg(DISTINCT c ORDER BY c) FROM unnest(classes || %(classes)s) c)
        WHERE source_key = %(key)s AND NOT classes @> %(classes)s
        """,
        values,
    )


_ARRIVED = """
WITH given AS (
  SELECT * FROM jsonb_to_recordset(%(given)s) AS g(key text, received int, stored int, duplicates int, rejected int,
                                                   as_of timestamptz)
), was AS MATERIALIZED (
  SELECT source_key AS key, state FROM source WHERE source_key = ANY (%(keys)s) ORDER BY source_key FOR UPDATE
), done AS (
  UPDATE source s SET last_seen_at = %(now)s,
    last_data_at = CASE WHEN g.stored + g.duplicates > 0 THEN %(now)s ELSE s.last_data_at END,
    as_of = greatest(s.as_of, g.as_of), received = s.received + g.received, stored = s.stored + g.stored,
    duplicates = s.duplicates + g.duplicates, rejected = s.rejected + g.rejected, retries = 0,
    state = CASE WHEN s.heartbeat OR g.stored + g.duplicates > 0 THEN 'live'
                 WHEN s.state <> 'error' THEN s.state WHEN s.last_data_at IS NULL THEN 'never' ELSE 'late' END,
    error_code = '', error_zh = '', error_en = '', error_since = NULL, updated_at = %(now)s
  FROM was JOIN given g USING (key) WHERE s.source_key = was.key RETURNING s.*, was.state AS was
)
SELECT * FROM done WHERE state <> was ORDER BY source_key
"""


def arrived(conn: Conn, key: str, arrival: Arrival, now: dt.datetime) -> None:
    """Count a batch and call the source live. The row is locked last and for the shortest time of the transaction."""
    arrived_many(conn, {key: arrival}, now)


def arrived_many(conn: Conn, arrivals: Mapping[str, Arrival], now: dt.datetime) -> None:
    """`arrived` for the sources of one batch, by one statement; their rows are locked in the order of their keys."""
    given = [
        {"key": key, "received": a.received, "stored": a.stored, "duplicates": a.duplicates, "rejected": a.rejected,
         "as_of": None if a.as_of is None else a.as_of.isoformat()}
        for key, a in arrivals.items()
    ]  # fmt: skip
    values = {"given": Jsonb(given), "keys": sorted(arrivals), "now": now}
    for row in conn.execute(_ARRIVED, values).fetchall():
        _changed(conn, row, row["was"], now)


def feeding(conn: Conn, keys: Iterable[str], what: str) -> set[str]:
    """Those of `keys` there is a row for that says they feed `what`: nothing is left to `ensure`."""
    rows = conn.execute(
        "SELECT source_key FROM source WHERE source_key = ANY (%s) AND %s = ANY (classes)", (sorted(keys), what)
    )
    return {row["source_key"] for row in rows}


def seen(conn: Conn, key: str, now: dt.datetime) -> None:
    """A sign of life without data (connected to the broker, answered a poll)."""
    arrived(conn, key, Arrival(), now)


def failed(conn: Conn, key: str, code: str, zh: str, en: str, now: dt.datetime) -> None:
    """The source cannot be reached or speaks nonsense. Repeats only count; the first one is logged and told."""
    was = conn.execute("SELECT state, error_code FROM source WHERE source_key = %s FOR UPDATE", (key,)).fetchone()
    if was is None:
        return
    row = conn.execute(
        """
        UPDATE source SET state = 'error', error_code = %(code)s, error_zh = %(zh)s, error_en = %(en)s,
               error_since = coalesce(error_since, %(now)s), retries = retries + 1, updated_at = %(now)s
        WHERE source_key = %(key)s RETURNING *
        """,
        {"key": key, "code": code, "zh": zh[:500], "en": en[:500], "now": now},
    ).fetchone()
    if row is not None and (was["state"], was["error_code"]) != ("error", code):
        _changed(conn, row, was["state"], now)


def sweep(conn: Conn, now: dt.datetime) -> int:
    """Age every enabled source by its own interval. Returns how many changed state.

    A row somebody holds is being written by an arrival this moment; it is looked at next time.
    """
    rows = conn.execute(
        "SELECT * FROM source WHERE enabled AND state NOT IN ('off', 'error')"
        " ORDER BY source_key FOR UPDATE SKIP LOCKED"
    ).fetchall()
    changed = 0
    for row in rows:
        at = row["last_seen_at"] if row["heartbeat"] else row["last_data_at"]
        state = freshness(at, dt.timedelta(seconds=row["interval_s"]), now)
        if state == row["state"]:
            continue
        conn.execute(
            "UPDATE source SET state = %s, updated_at = %s WHERE source_key = %s", (state, now, row["source_key"])
        )
        _changed(conn, {**row, "state": state}, row["state"], now)
        changed += 1
    return changed


def _changed(conn: Conn, row: Mapping[str, Any], was: str, now: dt.datetime) -> None:
    """Log line, log row and feed record of one change of state, if it is one worth telling."""
    key, state = row["source_key"], row["state"]
    if state != "error" and _TELL.get(state, state) == _TELL.get(was, was):
        return
    conn.execute(
        "INSERT INTO source_log (source_key, recorded_at, state, error_code, origin) VALUES (%s, %s, %s, %s, %s)",
        (key, now, state, row["error_code"], row["origin"]),
    )
    say = log.warning if state in ("error", "lost") else log.info
    say("source", source=key, state=state, was=was, error=row["error_code"] or None)
    outbox.put(
        conn,
        topic="source",
        op="change",
        entity_id=key,
        permission="source.view",
        origin=row["origin"],
        payload=source_payload(row, was),
    )
    outbox.wake(conn)


def source_payload(row: Mapping[str, Any], was: str = "") -> dict[str, Any]:
    def iso(value: dt.datetime | None) -> str | None:
        return None if value is None else value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")

    code = row["error_code"]
    return {
        "key": f"source:{row['source_key']}",
        "type": "source",
        "source": row["source_key"],
        "title": {"zh": row["title"], "en": row["title_en"] or row["title"]},
        "state": row["state"],
        "was": was,
        "interval_s": row["interval_s"],
        "last_seen_at": iso(row["last_seen_at"]),
        "last_data_at": iso(row["last_data_at"]),
        "as_of": iso(row["as_of"]),
        "error": {"code": code, "zh": row["error_zh"], "en": row["error_en"]} if code else None,
        "error_since": iso(row["error_since"]),
        "retries": row["retries"],
        "origin": row["origin"],
    }
