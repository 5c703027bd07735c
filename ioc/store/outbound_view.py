"""Outbound as the data page shows it: every channel with what waits, what was given up, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ioc.store import deliveries
from ioc.store.pool import Conn

DEAD_SHOWN = 200
_CHANNELS = """
SELECT s.source_key, s.title, s.title_en, s.state, s.interval_s, s.last_seen_at, s.last_data_at, s.error_code,
       s.error_zh, s.error_en, s.error_since, o.open_until, d.*
FROM source s
LEFT JOIN outbound_channel o ON 'out-' || o.channel = s.source_key
LEFT JOIN (
  SELECT channel, count(*) FILTER (WHERE state IN ('waiting', 'sending'))::int AS queue,
         min(created_at) FILTER (WHERE state IN ('waiting', 'sending')) AS oldest_at,
         count(*) FILTER (WHERE state = 'submitted')::int AS submitted,
         count(*) FILTER (WHERE state = 'delivered')::int AS delivered,
         count(*) FILTER (WHERE state = 'read')::int AS read,
         count(*) FILTER (WHERE state = 'dead')::int AS dead,
         count(*) FILTER (WHERE state = 'no_address')::int AS no_address
  FROM delivery WHERE updated_at > %(since)s OR state IN ('waiting', 'sending', 'dead', 'no_address') GROUP BY channel
) d ON 'out-' || d.channel = s.source_key
WHERE s.kind = 'outbound' AND s.enabled ORDER BY s.source_key
"""
DAYS = 7  # what was sent is counted for so long


def outbound(conn: Conn, now: dt.datetime) -> dict[str, Any]:
    """{channels, dead, days}. Under the system's scope; for who may manage notifications."""
    rows = conn.execute(_CHANNELS, {"since": now - dt.timedelta(days=DAYS)}).fetchall()
    dead = deliveries.listed(conn, ("dead", "no_address"), "", DEAD_SHOWN)
    return {"channels": [_channel(r, now) for r in rows], "dead": [_dead(r) for r in dead], "days": DAYS}


def _channel(row: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    rests: dt.datetime | None = row["open_until"] if row["open_until"] and row["open_until"] > now else None
    seen: dt.datetime | None = row["last_seen_at"] or row["last_data_at"]
    return {
        "key": row["source_key"].removeprefix("out-"),
        "title": {"zh": row["title"], "en": row["title_en"] or row["title"]},
        "state": "resting" if rests else row["state"],
        "until": rests.isoformat() if rests else None,
        "as_of": None if seen is None else seen.isoformat(),
        "interval_s": row["interval_s"],
        "oldest_at": None if row["oldest_at"] is None else row["oldest_at"].isoformat(),
        "error": {"zh": row["error_zh"], "en": row["error_en"]} if row["error_code"] else None,
        "since": None if row["error_since"] is None else row["error_since"].isoformat(),
        **{k: row[k] or 0 for k in ("queue", "submitted", "delivered", "read", "dead", "no_address")},
    }


def _dead(row: Mapping[str, Any]) -> dict[str, Any]:
    what = row["title"] or " ".join(str(row[k]) for k in ("source_id", "step") if row[k])
    return {
        "delivery_id": row["delivery_id"],
        "channel": row["channel"],
        "state": row["state"],
        "what": what,
        "about": row["about"] or "",
        "to": row["to_ref"] or row["masked"] or "",
        "to_kind": row["to_kind"] or "",
        "masked": row["masked"],
        "tries": row["tries"],
        "error": {"zh": row["error"], "en": row["error_en"] or row["error"]},
        "at": row["updated_at"].isoformat(),
    }
