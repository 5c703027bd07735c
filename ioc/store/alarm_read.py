"""Alarms as an asker may see them: the list with floods, counts, one with its journal, what makes noise for nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import sql

from ioc.alarms.record import (
    CHATTER_COUNT,
    CHATTER_WINDOW,
    STALE,
    alarm_record,
    group_record,
    journal_record,
    order,
)
from ioc.scope import Scope
from ioc.store import alarm_groups
from ioc.store.pool import Conn
from ioc.store.where import visible

LIMIT_MAX = 500
Only = Literal["", "chattering", "stale"]


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for. `hold`: "" what is not held, "any", or one hold; `group_id`: the alarms of one flood."""

    states: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    region_ids: tuple[int, ...] | None = None
    device_id: int | None = None
    group_id: int | None = None
    case_id: int | None = None
    hold: str = ""
    only: Only = ""
    ended: bool = False
    since: dt.datetime | None = None
    until: dt.datetime | None = None


_RAISED = sql.SQL("""
LEFT JOIN LATERAL (
  SELECT count(*)::int AS raised_lately FROM alarm_journal j
  WHERE j.datastream_id = a.datastream_id AND j.rule_key = a.rule_key AND j.entry IN ('raise', 'realarm')
    AND j.recorded_at > %(chatter)s) n ON true
""")
_ORDER = sql.SQL(
    "array_position(ARRAY['urgent', 'high', 'medium', 'low'], a.priority),"
    " array_position(ARRAY['unack', 'rtn_unack', 'acked', 'normal'], a.state), a.raised_at DESC, a.alarm_id DESC"
)


def listed(
    conn: Conn, scope: Scope, asked: Filter, now: dt.datetime, limit: int, offset: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """Records in the order of the desk, and how many alarms stand alone in all.

    Floods come with the first page, each one row; their alarms are listed when asked for by `group_id`.
    """
    where, values = _where(scope, asked, now)
    values |= {"chatter": now - CHATTER_WINDOW, "limit": limit, "offset": offset}
    # the page first, by index; then the words of its rows
    query = sql.SQL(
        "WITH page AS MATERIALIZED (SELECT a.alarm_id FROM alarm a {raised_if} WHERE {where} ORDER BY {order}"
        " LIMIT %(limit)s OFFSET %(offset)s)"
        " SELECT a.*, n.raised_lately FROM page JOIN alarm_row a USING (alarm_id) {raised} ORDER BY {order}"
    ).format(
        raised_if=_RAISED if asked.only == "chattering" else sql.SQL(""), raised=_RAISED, where=where, order=_ORDER
    )
    rows = [alarm_record(r, now) for r in conn.execute(query, values)]
    count = sql.SQL("SELECT count(*)::int AS n FROM alarm a {} WHERE {}").format(
        _RAISED if asked.only == "chattering" else sql.SQL(""), where
    )
    total = conn.execute(count, values).fetchone()
    if not offset and not asked.ended and asked.group_id is None and asked.device_id is None and not asked.only:
        rows = sorted([*rows, *floods(conn, scope, asked)], key=order)
    return rows, int(total["n"]) if total else 0


def _where(scope: Scope, asked: Filter, now: dt.datetime) -> tuple[sql.Composable, dict[str, Any]]:
    seen, values = visible(scope, "a")
    parts: list[sql.Composable] = [seen]
    parts.append(sql.SQL("a.ended_at IS NOT NULL" if asked.ended else "a.ended_at IS NULL"))
    if asked.hold in ("", "any"):
        parts += [sql.SQL("a.hold = ''")] if not asked.hold and not asked.ended else []
    else:
        parts.append(sql.SQL("a.hold = %(hold)s"))
    if asked.group_id is not None:
        parts.append(sql.SQL("a.group_id = %(group_id)s"))
    elif not asked.ended and asked.device_id is None and not asked.only and asked.hold == "":
        parts.append(sql.SQL("(a.group_id IS NULL OR a.priority IN ('urgent', 'high'))"))
    lists: Mapping[str, tuple[sql.SQL, Sequence[Any]]] = {
        "states": (sql.SQL("a.state = ANY (%(states)s)"), asked.states),
        "priorities": (sql.SQL("a.priority = ANY (%(priorities)s)"), asked.priorities),
        "rules": (sql.SQL("a.rule_key = ANY (%(rules)s)"), asked.rules),
        "categories": (sql.SQL("a.category = ANY (%(categories)s)"), asked.categories),
    }
    for name, (part, given) in lists.items():
        if given:
            parts.append(part)
            values[name] = list(given)
    for name in ("device_id", "case_id"):
        if getattr(asked, name) is not None:
            parts.append(sql.SQL("a.{0} = {1}").format(sql.Identifier(name), sql.Placeholder(name)))
    if asked.region_ids is not None:
        parts.append(sql.SQL("a.region_id = ANY (%(region_ids)s::int[])"))
    if asked.since is not None:
        parts.append(sql.SQL("a.first_at >= %(since)s"))
    if asked.until is not None:
        parts.append(sql.SQL("a.first_at < %(until)s"))
    if asked.only == "stale":
        parts.append(sql.SQL("a.state IN ('unack', 'acked') AND a.raised_at < %(stale)s"))
    if asked.only == "chattering":
        parts.append(sql.SQL("n.raised_lately >= %(often)s"))
    values |= {
        "hold": asked.hold, "group_id": asked.group_id, "device_id": asked.device_id, "case_id": asked.case_id,
        "region_ids": None if asked.region_ids is None else list(asked.region_ids), "since": asked.since,
        "until": asked.until, "stale": now - STALE, "often": CHATTER_COUNT, "chatter": now - CHATTER_WINDOW,
    }  # fmt: skip
    return sql.SQL(" AND ").join(parts), values


def floods(conn: Conn, scope: Scope, asked: Filter) -> list[dict[str, Any]]:
    """Open floods with the number of their alarms that the asker sees and asked for."""
    seen, values = visible(scope, "a")
    inside = sql.SQL("TRUE") if asked.region_ids is None else sql.SQL("a.region_id = ANY (%(region_ids)s::int[])")
    query = sql.SQL(
        "SELECT a.group_id, count(*)::int AS count, count(*) FILTER (WHERE a.state IN ('unack', 'rtn_unack'))::int"
        " AS unacked, min(array_position(ARRAY['urgent', 'high', 'medium', 'low'], a.priority)) - 1 AS rank,"
        " array_agg(DISTINCT a.state) AS states, array_agg(DISTINCT a.rule_key) AS rules,"
        " array_agg(DISTINCT a.category) AS categories"
        " FROM alarm a WHERE a.group_id IS NOT NULL AND a.ended_at IS NULL AND a.hold = ''"
        " AND a.priority IN ('medium', 'low') AND {} AND {} GROUP BY a.group_id"
    ).format(seen, inside)
    values["region_ids"] = None if asked.region_ids is None else list(asked.region_ids)
    counted = {r["group_id"]: r for r in conn.execute(query, values)}
    out: list[dict[str, Any]] = []
    for row in alarm_groups.plain(conn, sorted(counted)):
        mine = counted[row["group_id"]]
        record = group_record({**row, **{n: mine[n] for n in ("count", "unacked", "rank")}})
        if _fits(record, mine, asked):
            out.append(record)
    return out


def _fits(record: Mapping[str, Any], mine: Mapping[str, Any], asked: Filter) -> bool:
    return (
        (not asked.priorities or record["priority"] in asked.priorities)
        and (not asked.states or bool(set(mine["states"]) & set(asked.states)))
        and (not asked.rules or bool(set(mine["rules"]) & set(asked.rules)))
        and (not asked.categories or bool(set(mine["categories"]) & set(asked.categories)))
        and asked.hold == ""
        and asked.case_id is None
    )


def counts(conn: Conn, scope: Scope, region_ids: Sequence[int] | None, now: dt.datetime) -> dict[str, Any]:
    """Open alarms by priority and state, and by hold; what the bar of the desk says."""
    seen, values = visible(scope, "a")
    inside = sql.SQL("TRUE") if region_ids is None else sql.SQL("a.region_id = ANY (%(region_ids)s::int[])")
    query = sql.SQL(
        "SELECT a.priority, a.state, a.hold, a.group_id IS NOT NULL AS grouped, count(*)::int AS n,"
        " count(*) FILTER (WHERE a.state IN ('unack', 'acked') AND a.raised_at < %(stale)s)::int AS stale"
        " FROM alarm a WHERE a.ended_at IS NULL AND {} AND {} GROUP BY 1, 2, 3, 4"
    ).format(seen, inside)
    values |= {"region_ids": None if region_ids is None else list(region_ids), "stale": now - STALE}
    out: dict[str, Any] = {
        "total": 0, "unacked": 0, "grouped": 0, "stale": 0,
        "by_priority": {p: {"total": 0, "unacked": 0} for p in ("urgent", "high", "medium", "low")},
        "held": {"shelved": 0, "suppressed": 0, "out_of_service": 0},
    }  # fmt: skip
    for r in conn.execute(query, values):
        if r["hold"]:
            out["held"][r["hold"]] += r["n"]
            continue
        unacked = r["n"] if r["state"] in ("unack", "rtn_unack") else 0
        out["total"] += r["n"]
        out["unacked"] += unacked
        out["grouped"] += r["n"] if r["grouped"] else 0
        out["stale"] += r["stale"]
        out["by_priority"][r["priority"]]["total"] += r["n"]
        out["by_priority"][r["priority"]]["unacked"] += unacked
    return out


def detail(conn: Conn, scope: Scope, alarm_id: int, now: dt.datetime) -> dict[str, Any] | None:
    """One alarm with its journal, how often the rule was false here, and what holds lie on it."""
    if alarm_id >= 2**63:
        return None
    seen, values = visible(scope, "a")
    values |= {"id": alarm_id, "chatter": now - CHATTER_WINDOW}
    query = sql.SQL("SELECT a.*, n.raised_lately FROM alarm_row a {} WHERE a.alarm_id = %(id)s AND {}").format(
        _RAISED, seen
    )
    row = conn.execute(query, values).fetchone()
    if row is None:
        return None
    lines = conn.execute(
        "SELECT * FROM alarm_journal WHERE alarm_id = %s ORDER BY journal_id LIMIT 1000", (alarm_id,)
    ).fetchall()
    false = conn.execute(
        "SELECT count(*)::int AS n FROM alarm WHERE rule_key = %s AND device_id = %s AND ended = 'false_alarm'",
        (row["rule_key"], row["device_id"]),
    ).fetchone()
    held = conn.execute(
        "SELECT hold, until, by_name, by_login, reason, set_at FROM alarm_hold"
        " WHERE rule_key = %s AND datastream_id = %s ORDER BY hold",
        (row["rule_key"], row["datastream_id"]),
    ).fetchall()
    return {
        **alarm_record(row, now),
        "journal": [journal_record(line) for line in lines],
        "false_alarms": false["n"] if false else 0,
        "holds": [{**h, "by": h["by_name"] or h["by_login"]} for h in held],
    }


def last(conn: Conn, alarm_id: int, count: int = 5) -> list[dict[str, Any]]:
    """The newest lines of an alarm's journal, newest first."""
    rows = conn.execute(
        "SELECT * FROM alarm_journal WHERE alarm_id = %s ORDER BY journal_id DESC LIMIT %s", (alarm_id, count)
    ).fetchall()
    return [journal_record(r) for r in rows]


def false_alarms(conn: Conn, scope: Scope, start: dt.datetime, limit: int = 100) -> list[dict[str, Any]]:
    """False alarms counted per rule and device since `start`, the most first."""
    seen, values = visible(scope, "a")
    query = sql.SQL(
        "SELECT a.rule_key, a.device_id, max(d.name) AS device, count(*)::int AS count,"
        " array_agg(DISTINCT a.false_cause) AS causes, max(a.ended_at) AS last_at"
        " FROM alarm a LEFT JOIN device d USING (device_id)"
        " WHERE a.ended = 'false_alarm' AND a.ended_at >= %(start)s AND {} GROUP BY 1, 2"
        " ORDER BY 4 DESC, 1, 2 LIMIT %(limit)s"
    ).format(seen)
    return conn.execute(query, {**values, "start": start, "limit": limit}).fetchall()
