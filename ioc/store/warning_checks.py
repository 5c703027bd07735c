"""What became of official warnings (预警检验): the word in force of each, and what no warning went before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ioc.store import editions, outbox
from ioc.store.editions import Edition
from ioc.store.pool import Conn

Row = Mapping[str, Any]
DATASET = "checks"
_LOCK = 4_930_184


def warning(conn: Conn, warning_id: int) -> Row | None:
    """Under the scope of who asks: None for one he does not see."""
    return conn.execute(
        "SELECT warning_id, source, source_id, kind, region_ids, onset_at, exercise, status, origin FROM warning"
        " WHERE warning_id = %s",
        (warning_id,),
    ).fetchone()


def of_number(conn: Conn, source_id: str) -> list[Row]:
    """Warnings an identifier means; of several sources all."""
    rows = conn.execute("SELECT warning_id FROM warning WHERE source_id = %s ORDER BY warning_id", (source_id,))
    return [w for r in rows.fetchall() if (w := warning(conn, int(r["warning_id"]))) is not None]


def newest(conn: Conn, warning_id: int | None, source: str, external_id: str) -> Row | None:
    """The word in force, and until the end of the transaction nobody else gives one."""
    conn.execute("SELECT pg_advisory_xact_lock(%s, 0)", (_LOCK,))
    return conn.execute(
        "SELECT * FROM warning_check WHERE (%(id)s::bigint IS NOT NULL AND warning_id = %(id)s)"
        " OR (%(id)s::bigint IS NULL AND warning_id IS NULL AND source = %(source)s AND external_id = %(number)s)"
        " ORDER BY check_id DESC LIMIT 1",
        {"id": warning_id, "source": source, "number": external_id},
    ).fetchone()


_PUT = """
INSERT INTO warning_check (source, external_id, warning_id, outcome, kind, region_ids, occurred_at, evidence, actor,
                           origin, recorded_at)
VALUES (%(source)s, %(external_id)s, %(warning_id)s, %(outcome)s, %(kind)s, %(region_ids)s, %(occurred_at)s,
        %(evidence)s, %(actor)s, %(origin)s, %(now)s) RETURNING check_id
"""


def put(conn: Conn, values: Mapping[str, Any], now: dt.datetime) -> int:
    """A word in force from now on, and one record of the feed for the number that follows from it."""
    row = conn.execute(_PUT, {**values, "now": now}).fetchone()
    assert row is not None
    outbox.put(conn, topic="reload", op="change", entity_id="checks", permission="map.view",
               origin=str(values["origin"]), payload={"layers": [], "reason": "checks"})  # fmt: skip
    outbox.wake(conn)
    return int(row["check_id"])


def publish(conn: Conn, by: str, now: dt.datetime, file_name: str = "", batch_id: int | None = None) -> None:
    """What is judged now is the edition of the dataset `checks`."""
    row = conn.execute(
        "SELECT count(*) AS n, max(judged_at) AS at, coalesce(bool_or(origin = 'demo'), false) AS demo"
        " FROM warning_judged WHERE outcome <> ''"
    ).fetchone()
    if row is None:
        return
    origin: Literal["real", "demo"] = "demo" if row["demo"] else "real"
    edition = Edition(DATASET, by, row["at"] or now, int(row["n"]), file_name=file_name, batch_id=batch_id,
                      origin=origin)  # fmt: skip
    editions.publish(conn, edition, by, now)


def listed(conn: Conn, since: dt.datetime, until: dt.datetime, waiting: bool, limit: int) -> Sequence[Row]:
    """Warnings and misses that began in between, newest first; `waiting`: those nobody has judged."""
    return conn.execute(
        "SELECT * FROM warning_judged WHERE at > %(since)s AND at <= %(until)s"
        " AND (NOT %(waiting)s OR outcome = '') ORDER BY at DESC, key LIMIT %(limit)s",
        {"since": since, "until": until, "waiting": waiting, "limit": limit},
    ).fetchall()
