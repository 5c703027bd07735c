"""The journal as a whole, newest first, and what seats say of their sound: no alarm's line, but the shift's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.alarms.record import journal_line
from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

LIMIT_MAX = 500
SOUND = ("mute", "unmute", "sound_on", "sound_off")

_PUT = """
INSERT INTO alarm_journal (rule_key, datastream_id, device_id, entry, at, state_after, actor, actor_name, given,
                           region_id, sensitivity, recorded_at)
SELECT '', 0, 0, %(entry)s, %(at)s, 'none', %(actor)s, %(name)s, %(given)s,
       CASE WHEN %(whole)s THEN NULL ELSE (
         SELECT r.region_id FROM region r WHERE r.region_id = ANY (%(regions)s::int[])
         AND (r.parent_id IS NULL OR NOT r.parent_id = ANY (%(regions)s::int[])) ORDER BY r.region_id LIMIT 1) END,
       0, %(now)s
RETURNING journal_id
"""


def put_sound(
    conn: Conn, scope: Scope, entry: str, name: str, given: Mapping[str, Any], at: dt.datetime, now: dt.datetime
) -> int:
    """A line of a seat's sound, under the system's scope. It belongs to the top region the asker sees."""
    values = {
        "entry": entry, "at": at, "actor": scope.actor, "name": name, "given": Jsonb(dict(given)), "now": now,
        "whole": scope.whole, "regions": sorted(scope.region_ids),
    }  # fmt: skip
    row = conn.execute(_PUT, values).fetchone()
    if row is None:
        raise LookupError(entry)
    return int(row["journal_id"])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the journal. `before`: lines older than this id, for the next page."""

    entries: tuple[str, ...] = ()
    region_ids: tuple[int, ...] | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    before: int | None = None


def listed(conn: Conn, scope: Scope, wanted: Wanted, limit: int) -> list[dict[str, Any]]:
    """Lines newest first, each with the name of its device."""
    seen, values = visible(scope, "j")
    parts: list[sql.Composable] = [seen]
    given: Sequence[tuple[sql.SQL, str, Any]] = (
        (sql.SQL("j.entry = ANY (%(entries)s)"), "entries", list(wanted.entries) or None),
        (sql.SQL("j.region_id = ANY (%(inside)s::int[])"), "inside",
         None if wanted.region_ids is None else list(wanted.region_ids)),
        (sql.SQL("j.recorded_at >= %(since)s"), "since", wanted.since),
        (sql.SQL("j.recorded_at < %(until)s"), "until", wanted.until),
        (sql.SQL("j.journal_id < %(before)s"), "before", wanted.before),
    )  # fmt: skip
    for part, name, value in given:
        if value is not None:
            parts.append(part)
            values[name] = value
    query = sql.SQL(
        "SELECT j.*, d.name AS device_name FROM alarm_journal j LEFT JOIN device d USING (device_id) WHERE {}"
        " ORDER BY j.journal_id DESC LIMIT %(limit)s"
    ).format(sql.SQL(" AND ").join(parts))
    return [journal_line(r) for r in conn.execute(query, {**values, "limit": limit}).fetchall()]
