"""Writing alarms: rows, journal, floods and feed records in the caller's transaction, many alarms at once.

Order of locks: `latest` (whoever judges values), then `alarm`, then `alarm_group`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, LiteralString

from psycopg import sql

from ioc.alarms.life import Alarm, Hold
from ioc.alarms.record import alarm_record, group_record
from ioc.scope import Scope
from ioc.store import alarm_groups, outbox
from ioc.store.pool import Conn
from ioc.store.where import visible

Key = tuple[str, int]  # rule, datastream
PERMISSION = "alarm.view"
FEW = 100  # more single records than this at once, and screens are told to fetch the list again
_LIFE = ("state", "priority", "raised_at", "hold", "hold_until", "acked_by", "acked_at", "cleared_at", "ended_at",
         "realarms")  # fmt: skip
# What may change of a row beside its life.
_REST: tuple[LiteralString, ...] = ("hold_by", "hold_reason", "acked_login", "ended", "false_cause", "false_note",
        "group_id", "event_id", "case_id", "notify_step", "notify_due", "value", "limit_value",
        "received_at")  # fmt: skip
_FIXED: tuple[LiteralString, ...] = ("alarm_id", "rule_key", "datastream_id", "device_id", "category", "first_at",
          "up_key", "area_key", "region_id", "private_to", "sensitivity", "origin")  # fmt: skip


@dataclass
class Item:
    """One alarm in hand: what the rules of its life say, and the other columns of its row."""

    alarm: Alarm
    row: dict[str, Any]
    new: bool = False
    changed: bool = False

    @property
    def id(self) -> int:
        return int(self.row["alarm_id"])

    @property
    def key(self) -> Key:
        return self.row["rule_key"], self.row["datastream_id"]

    def become(self, alarm: Alarm, **columns: Any) -> bool:
        """Take over a new life and columns. False: nothing is different."""
        if alarm == self.alarm and all(self.row.get(k) == v for k, v in columns.items()):
            return False
        was_held = bool(self.alarm.hold)
        self.alarm, self.changed = alarm, True
        self.row |= columns
        if alarm.ended_at is not None:
            self.row["notify_due"] = None
            self.row["ended"] = self.row.get("ended") or "normal"
        if was_held and not alarm.hold:
            self.row |= {"hold_by": "", "hold_reason": ""}
        return True


@dataclass
class Entry:
    """One line of the journal."""

    item: Item
    entry: str
    at: dt.datetime
    actor: str = "system"
    actor_name: str = ""
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])
    state_after: str = ""

    def __post_init__(self) -> None:
        self.state_after = self.state_after or self.item.alarm.state


def life_of(row: Mapping[str, Any]) -> Alarm:
    return Alarm(**{name: row[name] for name in _LIFE})


def item_of(row: Mapping[str, Any]) -> Item:
    return Item(life_of(row), dict(row))


# ---------------------------------------------------------------- reading for a change


def open_ones(conn: Conn, keys: Iterable[Key]) -> dict[Key, Item]:
    """Open alarms of rules on datastreams, locked."""
    wanted = sorted(set(keys), key=lambda k: (k[1], k[0]))
    if not wanted:
        return {}
    rows = conn.execute(
        "SELECT a.* FROM alarm a JOIN unnest(%s::text[], %s::bigint[]) AS k(rule, stream)"
        " ON a.rule_key = k.rule AND a.datastream_id = k.stream WHERE a.ended_at IS NULL"
        " ORDER BY a.datastream_id, a.rule_key FOR NO KEY UPDATE OF a",
        ([k[0] for k in wanted], [k[1] for k in wanted]),
    ).fetchall()
    return {i.key: i for i in map(item_of, rows)}


def of_devices(conn: Conn, device_ids: Iterable[int], rules: Iterable[str]) -> list[Item]:
    """Open alarms of some rules on devices, locked."""
    rows = conn.execute(
        "SELECT * FROM alarm WHERE device_id = ANY (%s) AND rule_key = ANY (%s) AND ended_at IS NULL"
        " ORDER BY datastream_id, rule_key FOR NO KEY UPDATE",
        (sorted(set(device_ids)), sorted(set(rules))),
    ).fetchall()
    return [item_of(r) for r in rows]


def one(conn: Conn, scope: Scope, alarm_id: int) -> Item | None:
    """The alarm, locked, if `scope` sees it."""
    if alarm_id >= 2**63:
        return None
    seen, values = visible(scope, "a")
    query = sql.SQL("SELECT a.* FROM alarm a WHERE a.alarm_id = %(id)s AND {} FOR NO KEY UPDATE").format(seen)
    row = conn.execute(query, {**values, "id": alarm_id}).fetchone()
    return None if row is None else item_of(row)


def of_group(conn: Conn, scope: Scope, group_id: int) -> list[Item]:
    """Open alarms of a flood that `scope` sees and nothing holds, locked."""
    if group_id >= 2**63:
        return []
    seen, values = visible(scope, "a")
    query = sql.SQL(
        "SELECT a.* FROM alarm a WHERE a.group_id = %(id)s AND a.ended_at IS NULL AND a.hold = '' AND {}"
        " ORDER BY a.datastream_id, a.rule_key FOR NO KEY UPDATE"
    ).format(seen)
    return [item_of(r) for r in conn.execute(query, {**values, "id": group_id}).fetchall()]


def some(conn: Conn, condition: LiteralString, values: Mapping[str, Any], limit: int = 2000) -> list[Item]:
    """Open alarms a timer has to look at; those somebody else holds are left for the next turn."""
    query = sql.SQL(
        "SELECT a.* FROM alarm a WHERE a.ended_at IS NULL AND {} ORDER BY a.alarm_id LIMIT {} "
        "FOR NO KEY UPDATE SKIP LOCKED"
    ).format(sql.SQL(condition), sql.Literal(limit))
    return [item_of(r) for r in conn.execute(query, values).fetchall()]


def holds(conn: Conn, keys: Iterable[Key], now: dt.datetime) -> dict[Key, Mapping[str, Any]]:
    """Shelves and stops that lie on rules and datastreams; a stop before a shelf."""
    wanted = sorted(set(keys))
    rows = conn.execute(
        "SELECT h.* FROM alarm_hold h JOIN unnest(%s::text[], %s::bigint[]) AS k(rule, stream)"
        " ON h.rule_key = k.rule AND h.datastream_id = k.stream WHERE h.until IS NULL OR h.until > %s"
        " ORDER BY h.hold DESC",
        ([k[0] for k in wanted], [k[1] for k in wanted], now),
    ).fetchall()
    return {(r["rule_key"], r["datastream_id"]): r for r in rows}  # out_of_service < shelved: the stop comes last


def set_hold(
    conn: Conn, key: Key, hold: Hold, until: dt.datetime | None, by: tuple[str, str], reason: str, now: dt.datetime
) -> None:
    conn.execute(
        "INSERT INTO alarm_hold AS h (rule_key, datastream_id, hold, until, by_login, by_name, reason, set_at, origin)"
        " SELECT %(rule)s, %(stream)s, %(hold)s, %(until)s, %(login)s, %(name)s, %(reason)s, %(now)s,"
        " coalesce((SELECT origin FROM datastream WHERE datastream_id = %(stream)s), 'real')"
        " ON CONFLICT (datastream_id, rule_key, hold) DO UPDATE SET until = excluded.until,"
        " by_login = excluded.by_login, by_name = excluded.by_name, reason = excluded.reason, set_at = excluded.set_at",
        {"rule": key[0], "stream": key[1], "hold": hold, "until": until, "login": by[0], "name": by[1],
         "reason": reason, "now": now},
    )  # fmt: skip


def end_hold(conn: Conn, key: Key, hold: Hold) -> bool:
    done = conn.execute(
        "DELETE FROM alarm_hold WHERE rule_key = %s AND datastream_id = %s AND hold = %s", (key[0], key[1], hold)
    )
    return done.rowcount > 0


_DEVICES = """
SELECT d.device_id, d.region_id, d.private_to, d.sensitivity, d.origin, d.gateway_id,
       coalesce((SELECT c.ancestor_id FROM region_closure c JOIN region r ON r.region_id = c.ancestor_id
                 WHERE c.descendant_id = d.region_id AND r.kind = 'town' ORDER BY c.depth LIMIT 1),
                d.region_id, 0) AS area_id
FROM device d WHERE d.device_id = ANY (%s)
"""


def places(conn: Conn, device_ids: Iterable[int]) -> dict[int, Mapping[str, Any]]:
    """Scope, upstream and area (its town) of devices."""
    rows = conn.execute(_DEVICES, (sorted(set(device_ids)),)).fetchall()
    return {r["device_id"]: r for r in rows}


def new_ids(conn: Conn, count: int) -> list[int]:
    rows = conn.execute(
        "SELECT nextval(pg_get_serial_sequence('alarm', 'alarm_id')) AS id FROM generate_series(1, %s)", (count,)
    )
    return [int(r["id"]) for r in rows]


# ---------------------------------------------------------------- writing


def save(conn: Conn, items: Iterable[Item], entries: Sequence[Entry], now: dt.datetime) -> dict[int, dict[str, Any]]:
    """Rows that are new or have changed, journal, floods, feed. One set of statements however many there are.

    Returns the records that went to screens, by alarm.
    """
    todo = [i for i in {id(i): i for i in items}.values() if i.new or i.changed]
    new = [i for i in todo if i.new]
    changed = sorted((i for i in todo if not i.new), key=lambda i: (i.row["datastream_id"], i.row["rule_key"]))
    # what has ended comes first, so that of one rule and datastream never two are open
    if changed:
        _update(conn, changed, now)
    if new:
        _insert(conn, sorted(new, key=lambda i: (i.alarm.ended_at is None, i.id)), now)
    journal(conn, entries, now)
    floods = [_flood_of(i) for i in todo if i.alarm.open and not i.alarm.hold]
    groups, joined = alarm_groups.absorb(conn, floods, now)
    for item in todo:
        item.row["group_id"] = joined.get(item.id, item.row.get("group_id"))
    groups |= {i.row["group_id"] for i in todo if i.row.get("group_id")}
    fresh = {i.id for i in new}
    told = tell(conn, [i.id for i in todo], groups, joined.keys() - fresh, fresh, now)
    for item in todo:
        item.new = item.changed = False
    return told


def remember(conn: Conn, items: Sequence[Item], entries: Sequence[Entry], now: dt.datetime) -> None:
    """What is no transition (who is told next, and when) with its lines of the journal: nothing for screens."""
    if items:
        rows = [{"alarm_id": i.id, **{n: i.row[n] for n in ("notify_step", "notify_due")}} for i in items]
        conn.execute(
            "UPDATE alarm a SET notify_step = n.notify_step, notify_due = n.notify_due"
            " FROM jsonb_populate_recordset(NULL::alarm, %s::jsonb) n WHERE a.alarm_id = n.alarm_id",
            (_dump(rows),),
        )
    journal(conn, entries, now)
    for item in items:
        item.changed = False


def _flood_of(item: Item) -> alarm_groups.Flood:
    return alarm_groups.Flood(item.row["up_key"], item.row["area_key"])


def _insert(conn: Conn, items: Sequence[Item], now: dt.datetime) -> None:
    names: tuple[LiteralString, ...] = (*_FIXED, *_LIFE, *_REST, "version", "recorded_at", "updated_at")
    listed = sql.SQL(", ").join(map(sql.Identifier, names))
    query = sql.SQL(
        "INSERT INTO alarm ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::alarm, %s::jsonb)"
    ).format(names=listed)
    stamp = {"version": 1, "recorded_at": now, "updated_at": now}
    conn.execute(query, (_dump([{**_columns(i), **stamp} for i in items]),))


def _update(conn: Conn, items: Sequence[Item], now: dt.datetime) -> None:
    names = (*_LIFE, *_REST)
    sets = sql.SQL(", ").join(sql.SQL("{0} = n.{0}").format(sql.Identifier(n)) for n in names)
    query = sql.SQL(
        "UPDATE alarm a SET {}, version = a.version + 1, updated_at = %(now)s"
        " FROM jsonb_populate_recordset(NULL::alarm, %(rows)s::jsonb) n WHERE a.alarm_id = n.alarm_id"
    ).format(sets)
    conn.execute(query, {"now": now, "rows": _dump([_columns(i) for i in items])})


def _columns(item: Item) -> dict[str, Any]:
    life = {name: getattr(item.alarm, name) for name in _LIFE}
    return {**{n: item.row.get(n) for n in (*_FIXED, *_REST)}, **life}


def _dump(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, default=lambda v: v.isoformat())


_JOURNAL = """
INSERT INTO alarm_journal (alarm_id, rule_key, datastream_id, device_id, entry, at, state_after, actor, actor_name,
                           given, region_id, private_to, sensitivity, origin, recorded_at)
SELECT alarm_id, rule_key, datastream_id, device_id, entry, at, state_after, actor, actor_name, given, region_id,
       private_to, sensitivity, origin, %(now)s
FROM jsonb_populate_recordset(NULL::alarm_journal, %(rows)s::jsonb)
"""


def journal(conn: Conn, entries: Sequence[Entry], now: dt.datetime) -> None:
    """Lines of the journal, in the order given. An item without an id (a late value) leaves it open."""
    if not entries:
        return
    names = ("alarm_id", "rule_key", "datastream_id", "device_id", "region_id", "private_to", "sensitivity", "origin")
    rows = [
        {
            **{n: e.item.row.get(n) for n in names},
            "entry": e.entry,
            "at": e.at,
            "state_after": e.state_after,
            "actor": e.actor,
            "actor_name": e.actor_name,
            "given": dict(e.given),
        }
        for e in entries
    ]
    conn.execute(_JOURNAL, {"rows": _dump(rows), "now": now})


# ---------------------------------------------------------------- feed


def records(conn: Conn, ids: Sequence[int], now: dt.datetime) -> list[tuple[Mapping[str, Any], dict[str, Any]]]:
    """(row of `alarm_row`, record) of alarms."""
    if not ids:
        return []
    rows = conn.execute("SELECT * FROM alarm_row WHERE alarm_id = ANY (%s) ORDER BY alarm_id", (list(ids),)).fetchall()
    return [(r, alarm_record(r, now)) for r in rows]


def tell(
    conn: Conn, ids: Sequence[int], groups: Iterable[int], absorbed: Iterable[int], new: set[int], now: dt.datetime
) -> dict[int, dict[str, Any]]:
    """A feed record for each alarm that stands alone and each flood; many at once are one `reload`.

    `absorbed` were told alone before and are part of a flood now: lists let go of them. Returns the records of alarms.
    """
    gone = set(absorbed)
    wanted = sorted({*ids, *gone})
    rows = conn.execute(
        "SELECT alarm_id FROM alarm WHERE alarm_id = ANY (%s) AND (group_id IS NULL OR alarm_id = ANY (%s))"
        " ORDER BY (priority = 'urgent') DESC, alarm_id",
        (wanted, sorted(gone)),
    ).fetchall()
    alone = [int(r["alarm_id"]) for r in rows]
    told: dict[int, dict[str, Any]] = {}
    for row, record in records(conn, alone[:FEW], now):
        told[row["alarm_id"]] = record
        over = row["ended_at"] is not None or row["alarm_id"] in gone
        _put(conn, row, "remove" if over else "new" if row["alarm_id"] in new else "change", row["alarm_id"], record)
    found = alarm_groups.rows(conn, sorted(set(groups)))
    for row in found:
        op = "change" if row["closed_at"] is None else "remove"
        _put(conn, row, op, f"group:{row['group_id']}", group_record(row))
    if len(alone) > FEW:
        payload = {"layers": ["alarm"], "reason": "alarms", "count": len(alone)}
        outbox.put(conn, topic="reload", op="change", entity_id="alarms", permission=PERMISSION, payload=payload)
    if alone or found:
        outbox.wake(conn)
    return told


def _put(
    conn: Conn, row: Mapping[str, Any], op: Literal["new", "change", "remove"], entity: str | int, record: Any
) -> None:
    scope = {n: row[n] for n in ("region_id", "private_to", "sensitivity", "origin")}
    outbox.put(conn, topic="alarm", op=op, entity_id=entity, permission=PERMISSION, payload=record, **scope)
