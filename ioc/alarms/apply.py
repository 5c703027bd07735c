"""Conditions that were raised or cleared become alarms: rows, journal, holds, suppression, notices and feed records.

In the transaction of whoever judged the values, so that neither is ever without the other.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from ioc.alarm_rules import alarm_rules
from ioc.alarms import life, tell
from ioc.alarms.bind import Bound
from ioc.alarms.phase import Change
from ioc.store import alarm_groups
from ioc.store import alarm_write as write
from ioc.store.pool import Conn


class Moved(NamedTuple):
    """What happened to one rule on one datastream."""

    bound: Bound
    change: Change


@cache
def _suppressors() -> Mapping[str, frozenset[str]]:
    """Rule -> the rules that suppress it."""
    return {r.key: frozenset(r.suppressed_by) for r in alarm_rules().values() if r.suppressed_by}


def carry_out(conn: Conn, moved: Sequence[Moved], now: dt.datetime) -> list[write.Item]:
    """Apply changes in the order of their times. Returns the alarms that changed."""
    if not moved:
        return []
    keys = {m.bound.key for m in moved}
    items = write.open_ones(conn, keys)
    raised = {m.bound.key for m in moved if m.change.kind == "raise"}
    held = write.holds(conn, raised, now) if raised else {}
    places = write.places(conn, {m.bound.stream.device_id for m in moved})
    ids = iter(write.new_ids(conn, sum(m.change.kind == "raise" for m in moved)) if raised else ())
    touched: list[write.Item] = []
    entries: list[write.Entry] = []
    for m in sorted(moved, key=lambda m: m.change.at):
        place = places.get(m.bound.stream.device_id)
        if place is None:  # the device has gone meanwhile
            continue
        item = items.get(m.bound.key)
        if m.change.kind == "clear":
            if item is not None and _clear(item, m, entries):
                touched.append(item)
        elif item is None or not item.alarm.open:
            items[m.bound.key] = _begin(next(ids), m, place, held.get(m.bound.key), now)
            touched.append(items[m.bound.key])
            entries.append(_entry(items[m.bound.key], "raise", m))
        elif item.become(life.raised_again(item.alarm, m.change.at), value=m.change.value, received_at=now):
            touched.append(item)
            entries.append(_entry(item, "realarm", m))
    touched += _suppress(conn, moved, items, entries, now)
    told = write.save(conn, touched, entries, now)
    _tell(conn, moved, items, entries, told, now)
    return touched


def _entry(item: write.Item, entry: str, m: Moved) -> write.Entry:
    given = {"value": m.change.value, "limit": m.bound.limit, "unit": ""}
    return write.Entry(item, entry, m.change.at, given={k: v for k, v in given.items() if v not in (None, "")})


def _clear(item: write.Item, m: Moved, entries: list[write.Entry]) -> bool:
    if not item.become(life.cleared(item.alarm, m.change.at)):
        return False
    entries.append(_entry(item, "clear", m))
    return True


def _begin(
    alarm_id: int, m: Moved, place: Mapping[str, Any], hold: Mapping[str, Any] | None, now: dt.datetime
) -> write.Item:
    bound, at = m.bound, m.change.at
    kind: life.Hold = hold["hold"] if hold else ""
    alarm = life.begin(bound.priority, at, kind, hold["until"] if hold else None)
    held = bool(alarm.hold)
    row: dict[str, Any] = {
        "alarm_id": alarm_id,
        "rule_key": bound.rule.key,
        "datastream_id": bound.stream.datastream_id,
        "device_id": bound.stream.device_id,
        "category": bound.rule.category,
        "first_at": at,
        "up_key": alarm_groups.up_key(place["gateway_id"]),
        "area_key": alarm_groups.area_key(bound.rule.category, place["area_id"]),
        **{n: place[n] for n in ("region_id", "private_to", "sensitivity", "origin")},
        "hold_by": hold["by_name"] or hold["by_login"] if hold and held else "",
        "hold_reason": hold["reason"] if hold and held else "",
        "acked_login": "",
        "ended": "",
        "false_cause": "",
        "false_note": "",
        "group_id": None,
        "event_id": None,
        "case_id": None,
        "notify_step": "",
        "notify_due": None,
        "value": m.change.value,
        "limit_value": bound.limit,
        "received_at": now,
    }
    return write.Item(alarm, row, new=True)


# ---------------------------------------------------------------- suppressed by design


def _suppress(
    conn: Conn,
    moved: Sequence[Moved],
    items: Mapping[write.Key, write.Item],
    entries: list[write.Entry],
    now: dt.datetime,
) -> list[write.Item]:
    """Alarms that another one on the same device makes needless are held, and released with it."""
    table = _suppressors()
    concerned = {*table, *(k for ks in table.values() for k in ks)}
    devices = {m.bound.stream.device_id for m in moved if m.bound.rule.key in concerned}
    if not devices:
        return []
    by_key = {i.key: i for i in write.of_devices(conn, devices, concerned)}
    by_key |= {k: i for k, i in items.items() if i.row["device_id"] in devices and k[0] in concerned}
    standing: dict[int, set[str]] = defaultdict(set)
    for item in by_key.values():
        if item.alarm.open and item.alarm.active:
            standing[item.row["device_id"]].add(item.row["rule_key"])
    out: list[write.Item] = []
    for item in by_key.values():
        by = table.get(item.row["rule_key"], frozenset()) & standing[item.row["device_id"]]
        wanted = life.held(item.alarm, "suppressed") if by else life.released(item.alarm, "suppressed")
        if item.become(wanted, hold_by=", ".join(sorted(by))):
            entries.append(write.Entry(item, "suppress" if by else "unsuppress", now, given={"by": sorted(by)}))
            out.append(item)
    return out


# ---------------------------------------------------------------- notices, and what came too late


def _tell(
    conn: Conn,
    moved: Sequence[Moved],
    items: Mapping[write.Key, write.Item],
    done: Sequence[write.Entry],
    told: Mapping[int, Mapping[str, Any]],
    now: dt.datetime,
) -> None:
    """After the rows: each transition once, to whom it concerns."""
    params = {m.bound.key: m.bound.params for m in moved}
    entries: list[write.Entry] = []
    for e in done:
        if e.item.key in params and e.entry in ("raise", "realarm", "clear"):
            what: tell.Told = "raise" if e.entry == "raise" else "clear" if e.entry == "clear" else "realarm"
            entries += tell.transition(conn, e.item, what, params[e.item.key], now, told.get(e.item.id))
    changed = [i for i in items.values() if i.changed]
    if entries or changed:
        write.remember(conn, changed, entries, now)


def late(
    bound: Bound, at: dt.datetime, value: float | None, place: Mapping[str, Any], open_id: int | None
) -> write.Entry:
    """A line of the journal for a value beyond its limit that came after newer ones had been judged."""
    row = {
        "alarm_id": open_id,
        "rule_key": bound.rule.key,
        "datastream_id": bound.stream.datastream_id,
        "device_id": bound.stream.device_id,
        **{n: place[n] for n in ("region_id", "private_to", "sensitivity", "origin")},
    }
    item = write.Item(life.Alarm("normal", bound.priority, at, ended_at=at), row)
    return write.Entry(item, "late", at, given={"value": value, "limit": bound.limit}, state_after="none")
