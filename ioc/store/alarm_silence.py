"""Devices that have not been heard: looked for in slices, by what arrived and not by what was measured."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.store.pool import Conn

# A device is carried by its first datastream, so that six silent properties of one device are one alarm.
_SLICE = """
WITH slice AS MATERIALIZED (
  SELECT device_id, interval_s FROM device
  WHERE class IN ('sensor', 'gateway') AND status <> 'disabled' AND device_id > %(after)s
  ORDER BY device_id LIMIT %(slice)s
)
SELECT s.device_id, s.interval_s, x.datastream_id, x.heard_at
FROM slice s CROSS JOIN LATERAL (
  SELECT min(t.datastream_id) AS datastream_id, max(l.received_at) AS heard_at
  FROM datastream t JOIN latest l USING (datastream_id) WHERE t.device_id = s.device_id) x
WHERE x.heard_at < %(now)s - %(least)s * make_interval(secs => s.interval_s)
ORDER BY s.device_id
"""
_END = """
SELECT max(device_id) AS last, count(*) AS n FROM (
  SELECT device_id FROM device WHERE class IN ('sensor', 'gateway') AND status <> 'disabled'
    AND device_id > %(after)s ORDER BY device_id LIMIT %(slice)s) s
"""


def silent(
    conn: Conn, after: int, slice_: int, least_intervals: float, now: dt.datetime
) -> tuple[Sequence[Mapping[str, Any]], int]:
    """Devices of one slice that were heard once and not for `least_intervals`, with (datastream_id, heard_at).

    Returns them and where the next slice begins (0: from the start again).
    """
    end = conn.execute(_END, {"after": after, "slice": slice_}).fetchone()
    if end is None or not end["n"]:
        return [], 0
    rows = conn.execute(_SLICE, {"after": after, "slice": slice_, "least": least_intervals, "now": now}).fetchall()
    return rows, int(end["last"]) if end["n"] == slice_ else 0


def heard_again(conn: Conn, rule_keys: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """What stands as silent, with the last arrival of its device."""
    return conn.execute(
        """
        SELECT a.rule_key, a.datastream_id, t.device_id, a.since,
               (SELECT max(l.received_at) FROM datastream o JOIN latest l USING (datastream_id)
                WHERE o.device_id = t.device_id) AS heard_at, d.status
        FROM alarm_state a JOIN datastream t USING (datastream_id) JOIN device d ON d.device_id = t.device_id
        WHERE a.rule_key = ANY (%s)
        """,
        (list(rule_keys),),
    ).fetchall()
