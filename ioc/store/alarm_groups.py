"""Floods of alarms as one row: by shared upstream first, then by class and area. Urgent and high ones stand alone.

More than ten in ten minutes is a flood for one operator (ISA-18.2-2016 / IEC 62682, EEMUA 191). The cause is named only
where the gateway itself proves it: its own values stopped, or it is reported faulty. Else it is 原因未明.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from psycopg import sql

from ioc.store.device_state import SILENT_INTERVALS
from ioc.store.pool import Conn

FLOOD_COUNT, FLOOD_WINDOW = 10, dt.timedelta(minutes=10)
Column = Literal["up_key", "area_key"]


class Flood(NamedTuple):
    """The two floods an alarm may belong to; "" where there is no upstream."""

    up_key: str
    area_key: str


def up_key(gateway_id: int | None) -> str:
    return f"gateway:{gateway_id}" if gateway_id is not None else ""


def area_key(category: str, area_id: int) -> str:
    return f"{category}@{area_id}"


_HOT = sql.SQL("""
SELECT a.{column} AS key FROM alarm a
WHERE a.{column} = ANY (%(keys)s) AND a.ended_at IS NULL AND a.hold = '' AND a.priority IN ('medium', 'low')
  AND a.group_id IS NULL AND a.received_at > %(since)s
GROUP BY 1 HAVING count(*) > %(count)s
UNION
SELECT g.key FROM alarm_group g WHERE g.key = ANY (%(keys)s) AND g.closed_at IS NULL AND g.last_at > %(since)s
ORDER BY 1
""")
_OPEN = """
INSERT INTO alarm_group AS g (key, kind, gateway_id, category, first_at, last_at, region_id, private_to, sensitivity,
                              origin, recorded_at, updated_at)
SELECT %(key)s, %(kind)s, %(gateway)s, %(category)s, %(now)s, %(now)s, p.region_id, p.private_to,
       coalesce(p.sensitivity, 0), coalesce(p.origin, 'real'), %(now)s, %(now)s
FROM (SELECT 1) one LEFT JOIN ({place}) p ON true
ON CONFLICT (key) WHERE closed_at IS NULL DO UPDATE
SET last_at = excluded.last_at, version = g.version + 1, updated_at = excluded.updated_at
RETURNING group_id
"""
_GATEWAY_PLACE = "SELECT region_id, private_to, sensitivity, origin FROM device WHERE device_id = %(gateway)s"
_AREA_PLACE = (
    "SELECT region_id, NULL::text AS private_to, 0::smallint AS sensitivity, origin FROM region"
    " WHERE region_id = %(area)s"
)
_JOIN = sql.SQL("""
UPDATE alarm SET group_id = %(group)s, updated_at = %(now)s
WHERE {column} = %(key)s AND ended_at IS NULL AND group_id IS NULL AND hold = '' AND priority IN ('medium', 'low')
  AND received_at > %(since)s
RETURNING alarm_id
""")


def absorb(conn: Conn, floods: Sequence[Flood], now: dt.datetime) -> tuple[set[int], dict[int, int]]:
    """Put alarms of these floods into groups where they have become many.

    Returns the groups touched, and alarm -> group of those that joined one.
    """
    touched: set[int] = set()
    joined: dict[int, int] = {}
    columns: tuple[Column, ...] = ("up_key", "area_key")
    for column in columns:
        keys = sorted({getattr(f, column) for f in floods} - {""})
        if not keys:
            continue
        values = {"keys": keys, "since": now - FLOOD_WINDOW, "count": FLOOD_COUNT}
        hot = conn.execute(_HOT.format(column=sql.Identifier(column)), values).fetchall()
        for row in hot:
            group, alarms = _join(conn, column, row["key"], now)
            touched.add(group)
            joined |= dict.fromkeys(alarms, group)
    return touched, joined


def _join(conn: Conn, column: Column, key: str, now: dt.datetime) -> tuple[int, list[int]]:
    gateway = int(key.removeprefix("gateway:")) if column == "up_key" else None
    category, _, area = key.partition("@") if gateway is None else ("", "", "0")
    place = _GATEWAY_PLACE if gateway is not None else _AREA_PLACE
    values: dict[str, Any] = {
        "key": key, "kind": "class" if gateway is None else "gateway", "gateway": gateway, "category": category,
        "area": int(area), "now": now, "since": now - FLOOD_WINDOW,
    }  # fmt: skip
    row = conn.execute(sql.SQL(_OPEN).format(place=sql.SQL(place)), values).fetchone()
    if row is None:
        raise LookupError(key)
    values["group"] = row["group_id"]
    joined = conn.execute(_JOIN.format(column=sql.Identifier(column)), values).fetchall()
    if gateway is not None:
        settle_causes(conn, [row["group_id"]], now)
    return int(row["group_id"]), [int(r["alarm_id"]) for r in joined]


_CAUSE = """
UPDATE alarm_group g SET cause = n.cause, version = g.version + 1, updated_at = %(now)s
FROM (
  SELECT x.group_id, CASE
    WHEN d.status = 'fault' THEN 'gateway_fault'
    WHEN (SELECT max(l.received_at) FROM datastream s JOIN latest l USING (datastream_id)
          WHERE s.device_id = d.device_id) < %(now)s - %(intervals)s * make_interval(secs => d.interval_s)
      THEN 'gateway_silent'
    ELSE '' END AS cause
  FROM alarm_group x JOIN device d ON d.device_id = x.gateway_id
  WHERE x.group_id = ANY (%(ids)s)) n
WHERE g.group_id = n.group_id AND g.cause <> n.cause RETURNING g.group_id
"""


def settle_causes(conn: Conn, ids: Sequence[int], now: dt.datetime) -> set[int]:
    """Name what is proved, and take back what no longer is. Returns the groups whose cause changed."""
    rows = conn.execute(_CAUSE, {"ids": list(ids), "now": now, "intervals": SILENT_INTERVALS}).fetchall()
    return {int(r["group_id"]) for r in rows}


def tend(conn: Conn, now: dt.datetime) -> tuple[set[int], dict[int, int]]:
    """The timer's part: floods that came together from several writers, causes, and groups nobody is left in.

    Returns what `absorb` does; groups that closed or whose cause changed are touched, too.
    """
    recent = conn.execute(
        "SELECT DISTINCT up_key, area_key FROM alarm WHERE ended_at IS NULL AND group_id IS NULL AND hold = ''"
        " AND priority IN ('medium', 'low') AND received_at > %s",
        (now - FLOOD_WINDOW,),
    ).fetchall()
    touched, joined = absorb(conn, [Flood(r["up_key"], r["area_key"]) for r in recent], now)
    open_ = conn.execute(
        "SELECT g.group_id, g.kind, EXISTS (SELECT FROM alarm a WHERE a.group_id = g.group_id AND a.ended_at IS NULL)"
        " AS inhabited FROM alarm_group g WHERE g.closed_at IS NULL ORDER BY g.group_id"
    ).fetchall()
    empty = [r["group_id"] for r in open_ if not r["inhabited"]]
    if empty:
        conn.execute(
            "UPDATE alarm_group SET closed_at = %(now)s, version = version + 1, updated_at = %(now)s"
            " WHERE group_id = ANY (%(ids)s) AND closed_at IS NULL",
            {"now": now, "ids": empty},
        )
    gateways = [r["group_id"] for r in open_ if r["inhabited"] and r["kind"] == "gateway"]
    moved = settle_causes(conn, gateways, now) if gateways else set[int]()
    return touched | set(empty) | moved, joined


_ROWS = """
SELECT g.*, d.name AS gateway_name, r.name AS region_name, coalesce(n.count, 0) AS count,
       coalesce(n.unacked, 0) AS unacked, coalesce(n.rank, 3) AS rank
FROM alarm_group g
LEFT JOIN device d ON d.device_id = g.gateway_id
LEFT JOIN region r ON r.region_id = g.region_id
LEFT JOIN LATERAL (
  SELECT count(*)::int AS count, count(*) FILTER (WHERE a.state IN ('unack', 'rtn_unack'))::int AS unacked,
         min(array_position(ARRAY['urgent', 'high', 'medium', 'low'], a.priority)) - 1 AS rank
  FROM alarm a WHERE a.group_id = g.group_id AND a.ended_at IS NULL) n ON true
WHERE g.group_id = ANY (%s) ORDER BY g.group_id
"""


def rows(conn: Conn, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Groups with the number of their open alarms that the connection's scope sees."""
    return conn.execute(_ROWS, (list(ids),)).fetchall() if ids else []


def plain(conn: Conn, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Groups with their words and without counts, for a reader who counts under a scope of its own."""
    if not ids:
        return []
    return conn.execute(
        "SELECT g.*, d.name AS gateway_name, r.name AS region_name FROM alarm_group g"
        " LEFT JOIN device d ON d.device_id = g.gateway_id LEFT JOIN region r ON r.region_id = g.region_id"
        " WHERE g.group_id = ANY (%s) ORDER BY g.group_id",
        (list(ids),),
    ).fetchall()
