"""What is said about the sources and by the weather service: health of each source, warnings in force."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal, cast

from ioc.freshness import freshness
from ioc.i18n import Text
from ioc.services import SourceState, Warning_
from ioc.store.pool import Conn

Colour = Literal["red", "orange", "yellow", "blue", "white"]


def sources(conn: Conn, now: dt.datetime) -> list[SourceState]:
    """Every enabled source. The state follows from its age now, not from when it was last looked at."""
    rows = conn.execute("SELECT * FROM source WHERE enabled ORDER BY source_key").fetchall()
    out: list[SourceState] = []
    for r in rows:
        seen = r["last_seen_at"] if r["heartbeat"] else r["last_data_at"]
        interval = dt.timedelta(seconds=r["interval_s"])
        broken = r["state"] in ("error", "off")
        out.append(
            SourceState(
                key=r["source_key"],
                title=Text(r["title"], r["title_en"] or r["title"]),
                state=r["state"] if broken else freshness(seen, interval, now),
                age_s=None if seen is None else max(0.0, (now - seen).total_seconds()),
                since=r["error_since"] if broken else seen,
                interval_s=r["interval_s"],
                error=Text(r["error_zh"], r["error_en"]) if r["error_code"] else None,
                origin=r["origin"],
            )
        )
    return out


def warnings(conn: Conn, region_ids: Sequence[int] | None, now: dt.datetime) -> list[Warning_] | None:
    """Warnings in force, then those sent ahead, that touch `region_ids` (None: all). None: no source is connected."""
    rows = conn.execute(
        "SELECT * FROM warning WHERE status = 'active'"
        " AND (expires_at IS NULL OR expires_at > %(now)s)"
        " AND (%(ids)s::int[] IS NULL OR region_ids = '{}' OR region_ids && %(ids)s::int[])"
        " ORDER BY onset_at > %(now)s, array_position(ARRAY['red', 'orange', 'yellow', 'blue', 'white'], colour),"
        " onset_at DESC",
        {"now": now, "ids": None if region_ids is None else list(region_ids)},
    ).fetchall()
    if not rows and not _connected(conn):
        return None
    return [
        Warning_(
            key=f"warning:{r['warning_id']}",
            kind=Text(r["kind"], r["kind_en"] or r["kind"]),
            colour=cast(Colour, r["colour"]),
            area=r["area"],
            note=r["note"],
            sender=r["sender"],
            onset_at=r["onset_at"],
            origin=r["origin"],
            upcoming=r["onset_at"] > now,
            expires_at=r["expires_at"],
        )
        for r in rows
    ]


def _connected(conn: Conn) -> bool:
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM source WHERE enabled AND 'warning' = ANY (classes)) AS yes"
    ).fetchone()
    return bool(row and row["yes"])
