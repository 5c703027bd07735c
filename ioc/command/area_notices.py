"""Notices to a drawn or a warning's area: its villages and grid cells, who answers for them, one notice each (EMG-11).

Counts are of people: somebody who has three cells is told once. A reminder goes to those who have not read, and whoever
reads one of what was sent has read. A notice of an exercise says so and leaves the centre by no channel.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ioc.cases.work import Actor
from ioc.command import book, life, record, shapes, tell
from ioc.command.book import Doing, open_only
from ioc.command.record import iso
from ioc.command.work import Incidents
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.scope import SYSTEM, Scope
from ioc.store import area_notices as rows
from ioc.store import command_rows, incidents, outbox, request_keys
from ioc.store.accounts import audit
from ioc.store.pool import Conn
from ioc.store.request_keys import RequestKey
from ioc.store.retry import retried

Row = Mapping[str, Any]
MOST = 20_000
UNSENT = ("no_address", "waiting")  # nothing has gone to them yet, whatever was put on paper for them
STATES = ("no_address", "dead", "waiting", "submitted", "delivered", "read")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is said to whom. `area`: GeoJSON; without one that of the warning, or of the incident."""

    title: str = ""
    body: str = ""
    area: Any = None
    case_id: int | None = None
    warning_id: int | None = None
    priority: Literal["urgent", "high", "medium", "low"] = "urgent"
    duties: tuple[str, ...] = ()
    exercise: bool = False


@dataclass
class _Person:
    name: str
    login: str
    phone: str
    duties: dict[str, None] = field(default_factory=dict[str, None])
    places: dict[str, None] = field(default_factory=dict[str, None])


@dataclass
class _Reached:
    """Whom an area reaches. `empty`: villages and cells nobody is named for."""

    area: str
    villages: list[dict[str, Any]]
    cells: list[dict[str, Any]]
    empty: list[dict[str, Any]]
    people: list[dict[str, Any]]
    region_ids: list[int]
    exercise: bool


@dataclass
class AreaNotices:
    incidents: Incidents

    def preview(self, actor: Actor, wish: Wish) -> dict[str, Any]:
        """Whom it would reach; nothing is sent. Raises Forbidden, NotFound, Invalid."""
        actor.scope.require(life.COMMAND)
        with self.incidents.store.reading(SYSTEM) as conn:
            found = _reached(conn, actor.scope, wish)
        return {
            **_counts(found),
            "geometry": json.loads(found.area),
            "people": [_shown(p, actor.scope) for p in found.people],
        }

    def send(self, actor: Actor, wish: Wish, once: RequestKey | None = None) -> dict[str, Any]:
        """Raises Forbidden, NotFound, Conflict (the incident is over), Invalid (nobody is reached, no words)."""
        actor.scope.require(life.COMMAND)
        faults = [
            Reason(n, "missing", "必填", "is required") for n in ("title", "body") if not getattr(wish, n).strip()
        ]
        if faults:
            raise Invalid(reasons=faults)
        if wish.case_id is not None:
            return self.incidents.change(actor, wish.case_id, lambda d: self._of_incident(d, wish), once)

        def turn() -> dict[str, Any]:
            now = self.incidents.clock.now()
            with self.incidents.store.scoped(SYSTEM) as conn:
                if (before := request_keys.claim(conn, once, now)) is not None:
                    return dict(before)
                notice = self._sent(conn, actor, wish, now, None)
                object_ = f"area_notice:{notice['area_notice_id']}"
                audit(conn, actor=actor.scope.actor, action="area_notice.send", object_=object_, address="",
                      detail={"title": notice["title"]})  # fmt: skip
                answer = {"area_notice": self._told(conn, notice, actor.scope)}
                request_keys.keep(conn, once, answer, notice["origin"])
                return answer

        return retried(turn)

    def remind(self, actor: Actor, area_notice_id: int, once: RequestKey | None = None) -> dict[str, Any]:
        """Again, to those who have not read. Raises Forbidden, NotFound, Conflict where everybody has."""
        actor.scope.require(life.COMMAND)

        def turn() -> dict[str, Any]:
            now = self.incidents.clock.now()
            with self.incidents.store.scoped(SYSTEM) as conn:
                if (before := request_keys.claim(conn, once, now)) is not None:
                    return dict(before)
                notice = rows.one(conn, actor.scope, area_notice_id)
                if notice is None:
                    raise NotFound(f"区域通知 {area_notice_id}", f"area notice {area_notice_id}")
                doing = None
                if notice["case_id"] is not None:  # the case first, as everybody locks
                    doing = book.begin(conn, actor, notice["case_id"], now, self.incidents.zone)
                    open_only(doing)
                notice = rows.one(conn, actor.scope, area_notice_id, lock=True) or notice
                unread = [p for p in rows.people(conn, area_notice_id) if state(p) != "read"]
                if not unread:
                    raise Conflict("全部已读", "everybody has read it")
                rows.tell(conn, notice, unread, f"again:{notice['reminded'] + 1}", now)
                rows.reminded(conn, area_notice_id, now)
                if doing is not None:
                    said = {"area_notice_id": area_notice_id, "title": notice["title"], "people": len(unread)}
                    book.step(doing, "area_remind", said)
                notice = rows.one(conn, actor.scope, area_notice_id) or notice
                told = self._told(conn, notice, actor.scope)
                answer: dict[str, Any] = {"area_notice": told, "reminded": len(unread)}
                self._say(conn, notice, told)
                request_keys.keep(conn, once, answer, notice["origin"])
                return answer

        return retried(turn)

    # ------------------------------------------------------------ reading

    def listed(self, scope: Scope, case_id: int | None, warning_id: int | None) -> dict[str, Any]:
        """Newest first, with their rates but without names."""
        with self.incidents.store.reading(SYSTEM) as conn:
            found = rows.listed(conn, scope, case_id, warning_id, 100)
            told = [self._told(conn, n, scope, names=False) for n in found]
        return {"total": len(told), "area_notices": told}

    def one(self, scope: Scope, area_notice_id: int) -> dict[str, Any]:
        """With everybody's state and the list of the unread. Raises NotFound."""
        with self.incidents.store.reading(SYSTEM) as conn:
            notice = rows.one(conn, scope, area_notice_id)
            if notice is None:
                raise NotFound(f"区域通知 {area_notice_id}", f"area notice {area_notice_id}")
            return self._told(conn, notice, scope)

    # ------------------------------------------------------------ parts

    def _of_incident(self, doing: Doing, wish: Wish) -> dict[str, Any]:
        open_only(doing)
        notice = self._sent(doing.conn, doing.actor, wish, doing.now, doing)
        told = self._told(doing.conn, notice, doing.actor.scope)
        said = {"area_notice_id": notice["area_notice_id"], "title": notice["title"], "people": told["total"],
                "villages": len(notice["villages"]), "cells": len(notice["cells"])}  # fmt: skip
        book.step(doing, "area_notice", said)
        return {"area_notice": told}

    def _sent(self, conn: Conn, actor: Actor, wish: Wish, now: dt.datetime, doing: Doing | None) -> Row:
        found = _reached(conn, actor.scope, wish)
        if not found.people:
            zh, en = "该范围内没有登记的网格员或村级责任人", "nobody is named for this area"
            raise Invalid(reasons=[Reason("area", "nobody", zh, en)])
        if len(found.people) > MOST:
            zh, en = f"超过 {MOST} 人，请缩小范围", f"more than {MOST} people: draw a smaller area"
            raise Invalid(reasons=[Reason("area", "too_many", zh, en)])
        exercise = found.exercise or (doing is not None and bool(doing.case["exercise"]))
        title, _ = tell.marked(exercise, wish.title.strip(), "")
        seen = doing.case if doing is not None else {"private_to": None, "sensitivity": 0, "origin": "real"}
        notice = rows.insert(conn, {
            "case_id": wish.case_id, "warning_id": wish.warning_id, "title": title[:200], "body": wish.body.strip(),
            "priority": wish.priority, "area": found.area, "villages": found.villages, "cells": found.cells,
            "empty": found.empty, "exercise": exercise, "by_actor": actor.scope.actor,
            "by_name": actor.name or actor.scope.actor,
            "region_id": rows.common_region(conn, actor.scope, found.region_ids),
            **{n: seen[n] for n in ("private_to", "sensitivity", "origin")},
        }, now)  # fmt: skip
        rows.tell(conn, notice, found.people, "first", now)
        self._say(conn, notice, self._told(conn, notice, Scope("feed"), names=False), "new")
        return notice

    def _say(self, conn: Conn, notice: Row, told: Mapping[str, Any], op: Any = "change") -> None:
        record_ = {k: v for k, v in told.items() if k not in ("people", "unread", "geometry")}
        where = {n: notice[n] for n in ("region_id", "private_to", "sensitivity", "origin")}
        key = notice["area_notice_id"]
        outbox.put(conn, topic="area_notice", op=op, entity_id=key, permission="case.view", payload=record_, **where)
        outbox.wake(conn)

    def _told(self, conn: Conn, notice: Row, scope: Scope, *, names: bool = True) -> dict[str, Any]:
        people = rows.people(conn, notice["area_notice_id"])
        return summary(notice, people, scope, names=names)


def state(person: Row) -> str:
    """The strongest word on all that was sent to one: 已读, 已送达, 已提交 (in the inbox of an account too)."""
    if person["read_at"] is not None:
        return "read"
    if person["delivered"]:
        return "delivered"
    if person["submitted"] or person["login"]:
        return "submitted"
    if person["dead"]:
        return "dead"
    return "no_address" if person["no_address"] or not person["phone"] else "waiting"


def summary(notice: Row, people: Sequence[Row], scope: Scope, *, names: bool) -> dict[str, Any]:
    """An area notice with 送达率, 阅读率 and, with `names`, everybody's state and the unread."""
    states = [state(p) for p in people]
    total, read = len(people), states.count("read")
    delivered = read + states.count("delivered")
    submitted = delivered + states.count("submitted")
    key = notice["area_notice_id"]
    out: dict[str, Any] = {
        "key": f"area_notice:{key}", "area_notice_id": key,
        "case": f"case:{notice['case_id']}" if notice["case_id"] else None,
        "warning": f"warning:{notice['warning_id']}" if notice["warning_id"] else None,
        "title": notice["title"], "body": notice["body"], "priority": notice["priority"],
        "exercise": notice["exercise"], "by": notice["by_name"], "at": iso(notice["at"]),
        "geometry": notice["geometry"], "villages": notice["villages"], "cells": notice["cells"],
        "empty": notice["empty"], "reminded": notice["reminded"], "reminded_at": iso(notice["reminded_at"]),
        "total": total, "submitted": submitted, "delivered": delivered, "read": read,
        "submitted_rate": submitted / total if total else None,
        "delivered_rate": delivered / total if total else None, "read_rate": read / total if total else None,
        "states": {s: states.count(s) for s in STATES}, "version": notice["version"], "origin": notice["origin"],
    }  # fmt: skip
    if names:
        out["people"] = [{**_shown(p, scope), "state": s,
                          **{n: iso(p[n]) for n in ("delivered_at", "read_at")},
                          "submitted_at": iso(p["submitted_at"]) if s not in UNSENT else None}
                         for p, s in zip(people, states, strict=True)]  # fmt: skip
        out["unread"] = [p for p in out["people"] if p["state"] != "read"]
    return out


def _shown(person: Row, scope: Scope) -> dict[str, Any]:
    return {"name": person["name"], "login": person["login"], "phone": record.number(person["phone"], scope),
            "duties": list(person["duties"]), "places": list(person["places"])}  # fmt: skip


def _counts(found: _Reached) -> dict[str, Any]:
    return {"villages": found.villages, "cells": found.cells, "empty": found.empty, "total": len(found.people),
            "exercise": found.exercise}  # fmt: skip


def _reached(conn: Conn, scope: Scope, wish: Wish) -> _Reached:
    area, exercise = _area(conn, scope, wish)
    cells = rows.cells(conn, scope, area)
    villages = rows.villages(conn, scope, area, sorted({c["region_id"] for c in cells if c["region_id"] is not None}))
    names = {v["region_id"]: v["name"] for v in villages}
    heads = rows.heads(conn, scope, list(names), wish.duties)
    people: dict[str, _Person] = {}
    officers = [(c, o) for c in cells for o in c["officers"] or () if str(o.get("name") or "").strip()]
    if wish.duties and "grid_officer" not in wish.duties:
        officers = []
    named = [(str(o["name"]).strip(), c["region_id"]) for c, o in officers]
    named += [(str(h["name"]).strip(), h["region_id"]) for h in heads]
    logins = rows.logins(conn, named)
    for (cell, officer), found in zip(officers, logins[: len(officers)], strict=True):
        phone = str(officer.get("phone") or officer.get("tel") or "")
        _add(people, str(officer["name"]).strip(), found, phone, str(officer.get("role") or "网格员"),
             str(cell["name"] or cell["code"]), cell["region_id"])  # fmt: skip
    for head, found in zip(heads, logins[len(officers) :], strict=True):
        own = [head["login"]] if head["login"] else found
        _add(people, str(head["name"]).strip(), own, str(head["phone"] or ""), str(head["duty"]),
             names.get(head["region_id"], ""), head["region_id"])  # fmt: skip
    told = {h["region_id"] for h in heads}
    empty = [{"kind": "village", "code": v["code"], "name": v["name"]} for v in villages if v["region_id"] not in told]
    empty += [{"kind": "cell", "code": c["code"], "name": c["name"]} for c in cells if not c["officers"]]
    return _Reached(
        area, [dict(v) for v in villages],
        [{n: c[n] for n in ("grid_cell_id", "code", "name", "kind")} for c in cells], empty,
        [{"who": who, "name": p.name, "login": p.login, "phone": p.phone, "duties": list(p.duties),
          "places": list(p.places)} for who, p in people.items()],
        [*names, *(c["region_id"] for c in cells if c["region_id"] is not None)], exercise,
    )  # fmt: skip


def _add(
    people: dict[str, _Person], name: str, logins: Sequence[str], phone: str, duty: str, place: str,
    region_id: int | None,
) -> None:  # fmt: skip
    """One entry a person: by account; without one by name and number, or by name and place where there is no number."""
    for login in logins or ("",):
        who = f"login:{login}" if login else f"{name}/{phone or region_id}"
        person = people.setdefault(who, _Person(name, login, phone))
        person.duties[duty] = None
        if place:
            person.places[place] = None


def _area(conn: Conn, scope: Scope, wish: Wish) -> tuple[str, bool]:
    """(GeoJSON text, whether what it belongs to is an exercise). Raises NotFound, Invalid."""
    exercise = wish.exercise
    shape: Any = None
    if wish.warning_id is not None:
        warning = incidents.area_warning(conn, scope, wish.warning_id)
        if warning is None:
            raise NotFound(f"预警 {wish.warning_id}", f"warning {wish.warning_id}")
        exercise, shape = exercise or bool(warning["exercise"]), warning["geometry"]
    if wish.case_id is not None:
        found = incidents.read(conn, scope, wish.case_id)
        if found is None:
            raise NotFound(f"突发事件 {wish.case_id}", f"incident {wish.case_id}")
        incident = command_rows.read(conn, "incident", wish.case_id)
        exercise = exercise or bool(found[0]["exercise"])
        shape = shape or (incident["geometry"] if incident else None)
    if wish.area is not None:
        shape = wish.area
    if not shape or not shape.get("coordinates"):
        zh, en = "须画出范围，或选择有范围的预警", "draw an area, or name a warning that has one"
        raise Invalid(reasons=[Reason("area", "missing", zh, en)])
    return shapes.text(shapes.area("area", shape)), exercise
