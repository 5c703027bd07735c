"""Rosters and handovers in the store. The caller's transaction; who asks is in the predicate."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from ioc.duty.rules import Done, Entry
from ioc.scope import Scope
from ioc.store import outbox
from ioc.store.pool import Conn
from ioc.store.where import visible

# The app's connection, or the owner's when the demo is loaded: rows are not read by their names from it.
OwnerConn: TypeAlias = psycopg.Connection[Any]
FIELDS = ("region_id", "day", "shift", "starts_at", "ends_at", "duty", "person", "login", "phone", "origin")


def publish(
    conn: OwnerConn,
    entries: Sequence[Entry],
    *,
    file_name: str,
    actor: str,
    now: dt.datetime,
    batch_id: int | None = None,
) -> int | None:
    """A roster file comes into force for the regions and days it names. None: the same is in force already."""
    rows = [{f: getattr(e, f) for f in FIELDS} for e in entries]
    digest = _digest(rows)
    with conn.cursor(row_factory=dict_row) as cur:
        last = cur.execute("SELECT digest FROM duty_roster ORDER BY roster_id DESC LIMIT 1").fetchone()
    if last is not None and last["digest"] == digest:
        return None
    origin = "demo" if rows and all(r["origin"] == "demo" for r in rows) else "real"
    with conn.cursor(row_factory=dict_row) as cur:
        made = cur.execute(
            "INSERT INTO duty_roster (file_name, digest, rows, actor, published_at, batch_id, origin)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING roster_id",
            (file_name, digest, len(rows), actor, now, batch_id, origin),
        ).fetchone()
        assert made is not None
        roster_id = int(made["roster_id"])
        cur.executemany(
            "INSERT INTO duty_entry (roster_id, region_id, day, shift, starts_at, ends_at, duty, person, login, phone,"
            " origin) VALUES (%(roster)s, %(region_id)s, %(day)s, %(shift)s, %(starts_at)s, %(ends_at)s, %(duty)s,"
            " %(person)s, %(login)s, %(phone)s, %(origin)s)",
            [{**r, "roster": roster_id} for r in rows],
        )
    for region_id in sorted({e.region_id for e in entries}):
        tell(conn, region_id, origin)
    outbox.wake(conn)
    return roster_id


def _digest(rows: Sequence[Mapping[str, Any]]) -> str:
    text = json.dumps(sorted(json.dumps(r, default=str, sort_keys=True) for r in rows))
    return hashlib.sha256(text.encode()).hexdigest()


def tell(conn: OwnerConn, region_id: int, origin: str = "real", ends_at: dt.datetime | None = None) -> None:
    """Screens of the region ask again. No names travel: who may see them asks under the own scope."""
    outbox.put(
        conn,
        topic="duty",
        op="change",
        entity_id=region_id,
        region_id=region_id,
        permission="case.view",
        origin=origin,
        payload={"region_ids": [region_id], "ends_at": ends_at.isoformat() if ends_at else None},
    )


_ENTRIES = """
SELECT e.region_id, e.day, e.shift, e.starts_at, e.ends_at, e.duty, e.person, e.login, e.phone, e.origin
FROM duty_entry e
WHERE e.region_id = %(region)s AND e.starts_at < %(until)s AND e.ends_at > %(since)s AND {seen}
  AND e.roster_id = (SELECT n.roster_id FROM duty_entry n WHERE n.region_id = e.region_id AND n.day = e.day
                     ORDER BY n.origin = 'real' DESC, n.roster_id DESC LIMIT 1)
ORDER BY e.starts_at, e.ends_at, e.entry_id
"""


def entries(conn: Conn, scope: Scope, region_id: int, since: dt.datetime, until: dt.datetime) -> list[Entry]:
    """Entries in force of one region whose shifts touch the time between."""
    seen, params = visible(scope, "e")
    query = sql.SQL(_ENTRIES).format(seen=seen)
    rows = conn.execute(query, {**params, "region": region_id, "since": since, "until": until})
    return [Entry(**r) for r in rows]


def regions_on(conn: Conn, since: dt.datetime, until: dt.datetime) -> list[int]:
    """Regions with a roster that touches the time between."""
    rows = conn.execute(
        "SELECT DISTINCT region_id FROM duty_entry WHERE region_id IS NOT NULL AND starts_at < %s AND ends_at > %s"
        " ORDER BY region_id",
        (until, since),
    )
    return [int(r["region_id"]) for r in rows]


def acts(
    conn: Conn, scope: Scope, region_id: int, since: dt.datetime, until: dt.datetime
) -> dict[dt.datetime, list[Done]]:
    """What was done with the handovers of shifts that end between, by their end, oldest first."""
    seen, params = visible(scope, "h")
    query = sql.SQL(
        "SELECT h.ends_at, h.version, h.act, h.login, h.actor_name AS name, h.at, h.note, h.facts FROM duty_handover h"
        " WHERE h.region_id = %(region)s AND h.ends_at > %(since)s AND h.ends_at < %(until)s AND {}"
        " ORDER BY h.ends_at, h.version"
    ).format(seen)
    out: dict[dt.datetime, list[Done]] = defaultdict(list)
    for r in conn.execute(query, {**params, "region": region_id, "since": since, "until": until}):
        row = dict(r)
        out[row.pop("ends_at")].append(Done(**row))
    return dict(out)


def record(conn: OwnerConn, row: Mapping[str, Any]) -> None:
    """One act with its facts. Raises psycopg.errors.UniqueViolation when somebody was first."""
    conn.execute(
        "INSERT INTO duty_handover (region_id, ends_at, version, shift, starts_at, act, login, actor_name, at, note,"
        " facts, sensitivity, origin, recorded_at) VALUES (%(region_id)s, %(ends_at)s, %(version)s, %(shift)s,"
        " %(starts_at)s, %(act)s, %(login)s, %(actor_name)s, %(at)s, %(note)s, %(facts)s, %(sensitivity)s, %(origin)s,"
        " %(at)s)",
        {**row, "facts": Jsonb(row["facts"])},
    )
    tell(conn, row["region_id"], row["origin"], row["ends_at"])
    outbox.wake(conn)
