"""Stored parameters of alarm rules: everywhere, per kind, region or device, each with its version and history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from ioc.store import alarm_streams
from ioc.store.history import record_entity
from ioc.store.pool import Conn

_ROWS = """
SELECT s.*, CASE s.target WHEN 'region' THEN r.code ELSE s.ref END AS code,
       CASE s.target WHEN 'region' THEN r.name WHEN 'device' THEN d.name ELSE s.ref END AS name
FROM alarm_rule_setting s
LEFT JOIN region r ON r.region_id = CASE WHEN s.target = 'region' THEN s.ref::int END
LEFT JOIN device d ON d.device_id = CASE WHEN s.target = 'device' THEN s.ref::bigint END
"""


def all_settings(conn: Conn) -> Sequence[Mapping[str, Any]]:
    return conn.execute(_ROWS + " ORDER BY s.rule_key, s.target, s.ref").fetchall()


def one(conn: Conn, rule_key: str, target: str, ref: str, *, lock: bool = False) -> Mapping[str, Any] | None:
    if lock:  # one at a time for a rule, also for a setting that is not there yet
        conn.execute("SELECT pg_advisory_xact_lock(4930188, hashtext(%s))", (rule_key,))
    return conn.execute(
        _ROWS + " WHERE s.rule_key = %s AND s.target = %s AND s.ref = %s", (rule_key, target, ref)
    ).fetchone()


_PUT = """
INSERT INTO alarm_rule_setting AS s (rule_key, target, ref, params, valid_from, valid_to, actor, actor_name,
                                     recorded_at, updated_at)
VALUES (%(rule)s, %(target)s, %(ref)s, %(params)s, %(from)s, %(to)s, %(actor)s, %(name)s, %(now)s, %(now)s)
ON CONFLICT (rule_key, target, ref) DO UPDATE
SET params = excluded.params, valid_from = excluded.valid_from, valid_to = excluded.valid_to, actor = excluded.actor,
    actor_name = excluded.actor_name, updated_at = excluded.updated_at, version = s.version + 1
RETURNING version
"""


def put(
    conn: Conn,
    rule_key: str,
    target: str,
    ref: str,
    params: Mapping[str, Any],
    valid: tuple[dt.datetime | None, dt.datetime | None],
    by: tuple[str, str],
    now: dt.datetime,
) -> int:
    """Write a setting whole. Returns its version. Evaluators use it from their next batch on."""
    row = conn.execute(
        _PUT,
        {"rule": rule_key, "target": target, "ref": ref, "params": Jsonb(dict(params)), "from": valid[0],
         "to": valid[1], "actor": by[0], "name": by[1], "now": now},
    ).fetchone()  # fmt: skip
    version = int(row["version"]) if row else 1
    record = {
        "rule_key": rule_key, "target": target, "ref": ref, "params": dict(params), "version": version,
        "valid_from": valid[0] and valid[0].isoformat(), "valid_to": valid[1] and valid[1].isoformat(),
    }  # fmt: skip
    op = "new" if version == 1 else "change"
    record_entity(conn, "alarm_rule", f"{rule_key}/{target}/{ref}", op, by[0], "real", record)
    alarm_streams.bump(conn)
    return version


def history(conn: Conn, rule_key: str, limit: int = 100) -> Sequence[Mapping[str, Any]]:
    """Settings of a rule as they were written, newest first, with the name of what they were for and of who wrote."""
    return conn.execute(
        "SELECT h.recorded_at, h.actor, u.name AS actor_name, h.record,"
        " CASE h.record->>'target' WHEN 'region' THEN r.name WHEN 'device' THEN d.name ELSE h.record->>'ref' END"
        " AS name,"
        " r.region_id AS seen_region, d.region_id AS seen_device"
        " FROM entity_history h LEFT JOIN account u ON 'account:' || u.login = h.actor"
        " LEFT JOIN region r ON h.record->>'target' = 'region' AND r.region_id::text = h.record->>'ref'"
        " LEFT JOIN device d ON h.record->>'target' = 'device' AND d.device_id::text = h.record->>'ref'"
        " WHERE h.entity = 'alarm_rule' AND starts_with(h.entity_id, %(of)s)"
        " ORDER BY h.recorded_at DESC, h.history_id DESC LIMIT %(limit)s",
        {"of": f"{rule_key}/", "limit": limit},
    ).fetchall()


def candidates(conn: Conn, properties: Sequence[str], kinds: Sequence[str], limit: int) -> list[int]:
    """Datastreams of a property on devices of some kinds ([]: any)."""
    rows = conn.execute(
        "SELECT s.datastream_id FROM datastream s JOIN device d USING (device_id)"
        " WHERE s.property = ANY (%(properties)s) AND (%(kinds)s::text[] = '{}' OR d.kind = ANY (%(kinds)s))"
        " ORDER BY s.datastream_id LIMIT %(limit)s",
        {"properties": list(properties), "kinds": list(kinds), "limit": limit},
    )
    return [r["datastream_id"] for r in rows]


def names(conn: Conn, device_ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    rows = conn.execute(
        "SELECT device_id, name, kind, region_id FROM device WHERE device_id = ANY (%s)", (list(device_ids),)
    ).fetchall()
    return {r["device_id"]: r for r in rows}
