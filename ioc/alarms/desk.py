"""What people do with alarms: acknowledge, shelve, take out of service, call false, take up as a case.

Each is one transaction: the alarm locked under the asker's scope, judged by the rules of its life, written with its
journal line and feed record. Whoever is second is told who was first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import h3.api.basic_int as h3
import numpy as np

from ioc import geo
from ioc.alarm_rules import alarm_rules
from ioc.alarms import life, params, tell
from ioc.alarms.record import ENTRIES
from ioc.cases.work import Actor, Cases
from ioc.clock import Clock
from ioc.errors import Conflict, NotFound
from ioc.fold import fold_all
from ioc.scope import SYSTEM
from ioc.store import Conn, Store, alarm_read, events, sources
from ioc.store import alarm_write as write
from ioc.store.locate import locate, metre_srid
from ioc.store.retry import retried

SOURCE = "alarm"
URGENCY = {"urgent": "critical", "high": "urgent", "medium": "routine", "low": "routine"}
Change: TypeAlias = Callable[[Conn, write.Item, dt.datetime], list[write.Entry]]


@dataclass
class Alarms:
    """The use-cases of one store."""

    store: Store
    clock: Clock
    tz: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    area_buffer_m: float = 2000.0
    _cases: Cases = field(init=False)

    def __post_init__(self) -> None:
        self._cases = Cases(self.store, self.clock, self.area_buffer_m, self.tz)

    # ------------------------------------------------------------ one alarm

    def acknowledge(self, actor: Actor, alarm_id: int, version: int | None = None) -> dict[str, Any]:
        """For all seats, by name. Raises NotFound, Forbidden, Conflict (who was first, or it is over)."""
        actor.scope.require("alarm.ack")

        def change(conn: Conn, item: write.Item, now: dt.datetime) -> list[write.Entry]:
            item.become(life.acknowledged(item.alarm, _name(actor), now), acked_login=actor.scope.actor,
                        notify_due=None)  # fmt: skip
            return [_entry(item, "ack", actor, now)]

        return self._change(actor, alarm_id, version, change)

    def shelve(
        self, actor: Actor, alarm_id: int, minutes: int, reason: str, version: int | None = None
    ) -> dict[str, Any]:
        """Out of sight for 15, 30 or 60 minutes, four hours at most, with a reason; never an urgent one."""
        actor.scope.require("alarm.shelve")

        def change(conn: Conn, item: write.Item, now: dt.datetime) -> list[write.Entry]:
            alarm = life.shelved(item.alarm, minutes, reason, now)
            item.become(alarm, hold_by=_name(actor), hold_reason=reason.strip(), notify_due=None)
            write.set_hold(conn, item.key, "shelved", alarm.hold_until, _by(actor), reason.strip(), now)
            return [_entry(item, "shelve", actor, now, minutes=minutes, reason=reason.strip())]

        return self._change(actor, alarm_id, version, change)

    def unshelve(self, actor: Actor, alarm_id: int, version: int | None = None) -> dict[str, Any]:
        actor.scope.require("alarm.shelve")
        return self._change(actor, alarm_id, version, self._released(actor, "shelved", "unshelve"), ended_too=True)

    def out_of_service(self, actor: Actor, alarm_id: int, reason: str, version: int | None = None) -> dict[str, Any]:
        """The shift chief takes a rule on a datastream out of service, until it is put back."""
        actor.scope.require("alarm.service")

        def change(conn: Conn, item: write.Item, now: dt.datetime) -> list[write.Entry]:
            if item.alarm.hold == "out_of_service":
                raise Conflict("已停用", "out of service already", {"by": item.row["hold_by"]})
            write.end_hold(conn, item.key, "shelved")
            write.set_hold(conn, item.key, "out_of_service", None, _by(actor), reason.strip(), now)
            item.become(life.held(item.alarm, "out_of_service"), hold_by=_name(actor), hold_reason=reason.strip(),
                        notify_due=None)  # fmt: skip
            return [_entry(item, "out_of_service", actor, now, reason=reason.strip())]

        return self._change(actor, alarm_id, version, change, ended_too=True)

    def in_service(self, actor: Actor, alarm_id: int, version: int | None = None) -> dict[str, Any]:
        actor.scope.require("alarm.service")
        change = self._released(actor, "out_of_service", "in_service")
        return self._change(actor, alarm_id, version, change, ended_too=True)

    def _released(self, actor: Actor, hold: life.Hold, entry: str) -> Change:
        def change(conn: Conn, item: write.Item, now: dt.datetime) -> list[write.Entry]:
            lay = write.end_hold(conn, item.key, hold)
            if not item.become(life.released(item.alarm, hold)) and not lay:
                word = life.HOLDS[hold]
                raise Conflict(f"未{word.zh.removeprefix('已')}", f"not {word.en.lower()}")
            return [_entry(item, entry, actor, now)]

        return change

    def false_alarm(
        self, actor: Actor, alarm_id: int, cause: str, note: str = "", version: int | None = None
    ) -> dict[str, Any]:
        """误报, with its cause: counted per rule and device."""
        actor.scope.require("alarm.ack")

        def change(conn: Conn, item: write.Item, now: dt.datetime) -> list[write.Entry]:
            alarm = life.false(item.alarm, cause, now)
            item.become(alarm, ended="false_alarm", false_cause=cause, false_note=note.strip())
            return [_entry(item, "false_alarm", actor, now, cause=cause, note=note.strip())]

        return self._change(actor, alarm_id, version, change)

    def _change(
        self, actor: Actor, alarm_id: int, version: int | None, change: Change, *, ended_too: bool = False
    ) -> dict[str, Any]:
        return retried(lambda: self._attempt(actor, alarm_id, version, change, ended_too))

    def _attempt(
        self, actor: Actor, alarm_id: int, version: int | None, change: Change, ended_too: bool
    ) -> dict[str, Any]:
        now = self.clock.now()
        # Under the system's scope for holds and groups; the predicate is the actor's own.
        with self.store.scoped(SYSTEM) as conn:
            item = _found(write.one(conn, actor.scope, alarm_id), alarm_id)
            if version is not None and version != item.row["version"]:
                _refuse_stale(conn, item)
            if ended_too and not item.alarm.open:
                item = write.open_ones(conn, [item.key]).get(item.key, item)
            held = item.alarm.hold
            entries = change(conn, item, now)
            write.save(conn, [item], entries, now)
            if held and not item.alarm.hold and item.alarm.state == "unack":
                self._catch_up(conn, item, now)
            return self._told(conn, actor, item.id, now)

    def _catch_up(self, conn: Conn, item: write.Item, now: dt.datetime) -> None:
        """What was raised out of sight is told when it comes into sight."""
        rule = alarm_rules().get(item.row["rule_key"])
        given = params.effective(rule, ()) if rule else {}
        what: tell.Told = "realarm" if item.alarm.realarms else "raise"
        entries = tell.transition(conn, item, what, given, now)
        write.remember(conn, [item] if item.changed else [], entries, now)

    def _told(self, conn: Conn, actor: Actor, alarm_id: int, now: dt.datetime) -> dict[str, Any]:
        found = alarm_read.detail(conn, actor.scope, alarm_id, now)
        if found is None:
            raise NotFound(f"告警 {alarm_id}", f"alarm {alarm_id}")
        return found

    # ------------------------------------------------------------ a flood

    def acknowledge_group(self, actor: Actor, group_id: int) -> int:
        """All alarms of a flood the asker sees, at once. Returns how many were acknowledged. Raises NotFound."""
        actor.scope.require("alarm.ack")
        return retried(lambda: self._acknowledge_group(actor, group_id))

    def _acknowledge_group(self, actor: Actor, group_id: int) -> int:
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            items = [i for i in write.of_group(conn, actor.scope, group_id) if i.alarm.open]
            if not items:
                raise NotFound(f"告警组 {group_id}", f"alarm group {group_id}")
            todo = [i for i in items if i.alarm.state in ("unack", "rtn_unack")]
            for item in todo:
                item.become(life.acknowledged(item.alarm, _name(actor), now), acked_login=actor.scope.actor,
                            notify_due=None)  # fmt: skip
            write.save(conn, todo, [_entry(i, "ack", actor, now, group_id=group_id) for i in todo], now)
            return len(todo)

    # ------------------------------------------------------------ a case

    def take_up(self, actor: Actor, alarm_id: int, flow: str) -> dict[str, Any]:
        """The alarm becomes a report and a case, which both say where they come from. Raises what `Cases.open` does."""
        actor.scope.require("alarm.ack")
        actor.scope.require("case.accept")
        event_id = retried(lambda: self._as_event(actor, alarm_id))
        opened = self._cases.open(actor, event_id, flow)

        def change(conn: Conn, item: write.Item, now: dt.datetime) -> list[write.Entry]:
            item.become(item.alarm, case_id=opened["case_id"], event_id=event_id)
            return [_entry(item, "case", actor, now, case_id=opened["case_id"], number=opened["number"])]

        told = self._change(actor, alarm_id, None, change)
        return {**told, "case": opened}

    def origin(self, actor: Actor, alarm_id: int) -> tuple[str, int]:
        """What an incident is opened from: the alarm's case where it has one, else the report it becomes.

        Raises NotFound, also outside the scope.
        """
        with self.store.scoped(SYSTEM) as conn:
            item = _found(write.one(conn, actor.scope, alarm_id), alarm_id)
            if item.row["case_id"] is not None:
                return "case", int(item.row["case_id"])
        return "event", retried(lambda: self._as_event(actor, alarm_id))

    def raised(self, actor: Actor, alarm_id: int, event_id: int | None, case_id: int, number: str) -> None:
        """The alarm names the incident that was opened from it. Again changes nothing."""

        def once() -> None:
            now = self.clock.now()
            with self.store.scoped(SYSTEM) as conn:
                item = _found(write.one(conn, actor.scope, alarm_id), alarm_id)
                if item.row["case_id"] is None:
                    item.become(item.alarm, case_id=case_id, event_id=event_id)
                    write.save(conn, [item], [_entry(item, "case", actor, now, case_id=case_id, number=number)], now)

        retried(once)

    def _as_event(self, actor: Actor, alarm_id: int) -> int:
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            item = _found(write.one(conn, actor.scope, alarm_id), alarm_id)
            if item.row["case_id"] is not None:
                context = {"case_id": item.row["case_id"]}
                raise Conflict(f"已立为办件 #{item.row['case_id']}", f"is case #{item.row['case_id']}", context)
            _, record = write.records(conn, [alarm_id], now)[0]
            sources.ensure(conn, SOURCE, kind="rest", title="告警", classes=["event"], interval_s=86_400)
            saved = events.save_many(conn, [self._event(conn, item, record)], [actor.scope.actor], now)
            return saved[0].event_id

    def _event(self, conn: Conn, item: write.Item, record: Mapping[str, Any]) -> dict[str, Any]:
        lon, lat = record["device"]["lon"], record["device"]["lat"]
        place: dict[str, Any] = {"x_m": None, "y_m": None, "srid": None, "h3_10": None, "grid_cell_ids": []}
        if lon is not None and lat is not None:
            srid = metre_srid(conn, lon)
            place["h3_10"] = h3.latlng_to_cell(lat, lon, 10)
            place["grid_cell_ids"] = [c["grid_cell_id"] for c in locate(conn, lon, lat, self.area_buffer_m).grid_cells]
            if srid is not None:
                x, y = geo.to_metres(np.array([lon]), np.array([lat]), srid)
                place |= {"x_m": float(x[0]), "y_m": float(y[0]), "srid": srid}
        title = record["title"]["zh"]
        return {
            **place,
            "source": SOURCE,
            "source_id": f"alarm:{item.id}",
            "title": title[:200],
            "description": _description(record),
            "category_scheme": "",
            "category_code": "",
            "urgency": URGENCY[item.alarm.priority],
            "incident_level": None,
            "status": None,
            "suspected": False,
            "lon": lon,
            "lat": lat,
            "x_orig": lon,
            "y_orig": lat,
            "crs_orig": "EPSG:4326" if lon is not None else None,
            "address": record["place"],
            "device_id": item.row["device_id"],
            "occurred_at": item.row["first_at"],
            "search": fold_all(title, record["place"]),
            "attributes": {"alarm_id": item.id, "rule": item.row["rule_key"]},
            **{n: item.row[n] for n in ("region_id", "private_to", "sensitivity", "origin")},
        }


def _description(record: Mapping[str, Any]) -> str:
    parts = [record["rule"]["zh"]]
    if record["value"] is not None:
        parts.append(f"值 {record['value']:g} {record['unit']}".strip())
    if record["limit"] is not None:
        parts.append(f"{(record['limit_name'] or {}).get('zh', '限值')} {record['limit']:g} {record['unit']}".strip())
    return "；".join(parts)


def _name(actor: Actor) -> str:
    return actor.name or actor.scope.actor


def _by(actor: Actor) -> tuple[str, str]:
    return actor.scope.actor, _name(actor)


def _entry(item: write.Item, entry: str, actor: Actor, now: dt.datetime, **given: Any) -> write.Entry:
    return write.Entry(item, entry, now, actor.scope.actor, _name(actor), {k: v for k, v in given.items() if v != ""})


def _found(item: write.Item | None, alarm_id: int) -> write.Item:
    if item is None:
        raise NotFound(f"告警 {alarm_id}", f"alarm {alarm_id}")
    return item


def _refuse_stale(conn: Conn, item: write.Item) -> None:
    """Somebody was first: the answer says who and what."""
    done = alarm_read.last(conn, item.id)
    context = {"version": item.row["version"], "since": done}
    who = next((d for d in done if d["actor"] != "system"), done[0] if done else None)
    if who is None:
        raise Conflict("告警已变化，请刷新", "the alarm has changed meanwhile", context)
    word = ENTRIES.get(who["entry"], life.STATES["unack"])
    raise Conflict(f"{who['by']} 已{word.zh}", f"{who['by']} was first: {word.en.lower()}", context)
