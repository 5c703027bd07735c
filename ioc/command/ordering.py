"""Orders (任务): given by who commands, answered from the phone or at the desk, each receipt a step of the chain.

Who is ordered need not see the incident: their own orders are theirs to see (`mine`) and to answer, whatever the scope.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ioc.attachments.work import bind
from ioc.cases.work import Actor
from ioc.command import book, force_state, life, orders, record, shapes, tell
from ioc.command import given as forms
from ioc.command.book import Doing, open_only
from ioc.command.record import iso, moment
from ioc.command.work import Incidents
from ioc.errors import Conflict, Forbidden, Invalid, NotFound, Reason
from ioc.scope import SYSTEM, Scope
from ioc.store import command_rows, dispatch, resources, tasks
from ioc.store.pool import Conn
from ioc.store.request_keys import RequestKey

Row = Mapping[str, Any]
HANDLE = "task.handle"
FAST_CLOCK = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Order:
    """What is ordered. `to`: (kind, ref): department by name, account by login, resource by id, person by name.

    `where`: a shape as GeoJSON; `phone` of a person without an account; `plan_ref`: the plan's step it carries out.
    """

    what: str
    to: tuple[str, str]
    detail: str = ""
    where: Mapping[str, Any] | None = None
    address: str = ""
    due_at: dt.datetime | None = None
    phone: str = ""
    plan_ref: str = ""


@dataclass
class Orders:
    incidents: Incidents

    def give(self, actor: Actor, case_id: int, order: Order, once: RequestKey | None = None) -> dict[str, Any]:
        """Raises Forbidden, NotFound, Conflict (the incident is over), Invalid with every reason."""
        actor.scope.require(life.COMMAND)
        shape = shapes.drawn("where", dict(order.where)) if order.where is not None else None

        def work(doing: Doing) -> dict[str, Any]:
            open_only(doing)
            _due(order.due_at, doing.now)
            to = _addressee(doing, order)
            values = {
                "case_id": doing.case_id, "number": len(doing.parts.tasks) + 1, "what": order.what,
                "detail": order.detail, "to_kind": order.to[0], "to_ref": order.to[1], "to_phone": order.phone, **to,
                "geometry": shapes.text(shape) if shape is not None else None, "address": order.address,
                "due_at": order.due_at, "issued_by": doing.who[0], "issued_name": doing.who[1],
                "issued_at": doing.now, "plan_ref": order.plan_ref, "origin": doing.case["origin"],
            }  # fmt: skip
            row = command_rows.insert(doing.conn, "task", values, doing.who[0], doing.now)
            if order.to[0] == "resource":
                _bound(doing, int(order.to[1]))
            said = {"task_id": row["task_id"], "what": order.what, "to": row["to_name"]}
            if order.due_at:
                said["due_at"] = iso(order.due_at)
            book.step(doing, "task", said)
            tell.task(doing, row, "given", "任务", "Order", order.detail[:200])
            return {"task": self._say(doing, row, "new")}

        return self.incidents.change(actor, case_id, work, once)

    def answer(
        self,
        actor: Actor,
        login: str,
        task_id: int,
        key: str,
        given: Mapping[str, Any],
        version: int | None,
        once: RequestKey | None = None,
    ) -> dict[str, Any]:
        """A receipt. Who is ordered gives it; who commands the incident gives it for them, and withdraws.

        Raises NotFound (also for an order that is neither the actor's nor in the scope), Forbidden, Conflict, Invalid.
        """
        receipt = orders.receipt_of(key)
        row, mine = self._seen(actor.scope, login, task_id)
        commands = actor.scope.can(life.COMMAND) and not _blind(self, actor.scope, row)
        if not (commands or (mine and receipt.mine)):
            raise Forbidden(f"{receipt.title.zh}只能由受令方或指挥方操作", f"{key}: by who is ordered, or who commands")
        found = forms.checked(receipt.needs, given, receipt.may)
        seen = Actor(SYSTEM if mine else actor.scope, actor.name)

        def work(doing: Doing) -> dict[str, Any]:
            doing.actor = actor  # what follows is done in their name; only the incident was read for them
            return {"task": self._answered(doing, task_id, receipt, found, version, mine)}

        told = self.incidents.change(seen, int(row["case_id"]), work, once)
        if commands:
            return told
        return {"task": told["task"]}  # no more of the incident than the order

    def _answered(
        self, doing: Doing, task_id: int, receipt: orders.Receipt, found: Mapping[str, Any], version: int | None,
        mine: bool,
    ) -> dict[str, Any]:  # fmt: skip
        row = command_rows.read(doing.conn, "task", task_id, lock=True)
        if row is None:
            raise NotFound(f"任务 {task_id}", f"order {task_id}")
        if version is not None and version != row["version"]:
            zh, en = "任务已变化，请刷新", "the order has changed meanwhile"
            raise Conflict(zh, en, {"version": row["version"], "state": row["state"]})
        done_at = _done_at(found, doing)
        state = orders.after(row["state"], receipt)
        proof = bind(doing.conn, doing.actor.scope, doing.case, found, doing.now) if found.get("photos") else {}
        changes = _changes(row, receipt, state, found, done_at or doing.now, doing)
        after = command_rows.change(doing.conn, "task", task_id, changes, doing.who[0], doing.now)
        if found.get("people") is not None:
            book.write(doing, {"on_scene": found["people"]})
        said = {"task_id": task_id, "what": row["what"], "to": row["to_name"], "for": not mine}
        book.step(doing, f"task_{receipt.key}", {**found, **said, **proof})
        if receipt.key == "withdraw":
            tell.task_withdrawn(doing, row)
        elif receipt.key in ("done", "unable"):
            _tell_giver(doing, after, receipt, str(found.get("reason") or found.get("text") or ""))
        return self._say(doing, after, "change")

    # ------------------------------------------------------------ reading

    def listed(self, scope: Scope, case_id: int, at: dt.datetime | None = None) -> dict[str, Any]:
        """Orders of an incident, newest first. Raises NotFound."""
        now = self.incidents.clock.now()
        with self.incidents.store.reading(scope) as conn:
            parts = self.incidents.parts(conn, scope, case_id, at)
        commands = scope.can(life.COMMAND)
        told = [task_json(r, at or now, scope, mine=False, commands=commands) for r in reversed(parts.tasks)]
        return {"total": len(told), "tasks": told}

    def mine(self, scope: Scope, login: str) -> dict[str, Any]:
        """Orders in the asker's hand, and those answered within a day; with the incident as far as it concerns them.

        `at` is a point on the place of the order, else the place of its incident (degrees, EPSG:4326), or None.
        """
        now = self.incidents.clock.now()
        with self.incidents.store.reading(SYSTEM) as conn:
            rows = tasks.mine(conn, login, sorted(scope.departments or ()), now - dt.timedelta(days=1))
        told: list[dict[str, Any]] = [
            {**task_json(r, now, scope, mine=True, commands=False), "incident": {
                "number": r["case_number"], "title": r["case_title"], "exercise": r["exercise"],
                "level": r["incident_level"], "over": r["closed_at"] is not None, "lon": r["lon"], "lat": r["lat"],
                "address": r["case_address"],
            }, "at": None if r["at_lon"] is None else {"lon": r["at_lon"], "lat": r["at_lat"]}} for r in rows
        ]  # fmt: skip
        return {"total": sum(bool(t["open"]) for t in told), "tasks": told}

    def _seen(self, scope: Scope, login: str, task_id: int) -> tuple[Row, bool]:
        """(the order, whether it is the asker's own)"""
        with self.incidents.store.reading(SYSTEM) as conn:
            row = command_rows.read(conn, "task", task_id)
        if row is None:
            raise NotFound(f"任务 {task_id}", f"order {task_id}")
        mine = scope.can(HANDLE) and is_mine(row, login, scope)
        mine = mine or login in row["to_logins"]
        if not mine and _blind(self, scope, row):
            raise NotFound(f"任务 {task_id}", f"order {task_id}")
        return row, mine

    def _say(self, doing: Doing, row: Row, op: str) -> dict[str, Any]:
        shown = task_json(row, doing.now, Scope("feed"), mine=False, commands=False)
        book.say(doing, "task", row["task_id"], {k: v for k, v in shown.items() if k != "may"}, op)
        return task_json(row, doing.now, doing.actor.scope, mine=True, commands=doing.actor.scope.can(life.COMMAND))


def is_mine(row: Row, login: str, scope: Scope) -> bool:
    """Given to the account, or to a department of it; a scope of all departments has none of its own."""
    return login in row["to_logins"] or bool(row["to_department"] and row["to_department"] in (scope.departments or ()))


def task_json(row: Row, now: dt.datetime, scope: Scope, *, mine: bool, commands: bool) -> dict[str, Any]:
    """An order as lists, the phone and the feed give it."""
    state = row["state"]
    due, done = moment(row["due_at"]), moment(row["done_at"])
    word = orders.STATES[state]
    return {
        "key": f"task:{row['task_id']}", "task_id": row["task_id"], "case": f"case:{row['case_id']}",
        "number": row["number"], "what": row["what"], "detail": row["detail"],
        "to": {"kind": row["to_kind"], "ref": row["to_ref"], "name": row["to_name"],
               "department": row["to_department"], "phone": record.number(str(row.get("to_phone") or ""), scope)},
        "where": {"geometry": row["geometry"], "address": row["address"]}, "due_at": iso(due),
        "late": orders.late(state, due, done, now), "state": state, "zh": word.zh, "en": word.en,
        "open": state in orders.OPEN, "issued_by": row["issued_name"], "issued_at": iso(row["issued_at"]),
        "signed_at": iso(row["signed_at"]), "signed_by": row["signed_by"], "begun_at": iso(row["begun_at"]),
        "done_at": iso(done), "result": row["result"], "reason": row["reason"], "photos": list(row["photos"] or ()),
        "plan_ref": row["plan_ref"], "version": row["version"], "origin": row["origin"],
        "may": [{"step": r.key, "zh": r.title.zh, "en": r.title.en, "needs": list(r.needs), "may": list(r.may)}
                for r in orders.choices(state, mine=mine, commands=commands)],
    }  # fmt: skip


# ------------------------------------------------------------ parts


def _blind(self: Orders, scope: Scope, row: Row) -> bool:
    """Whether the asker does not see the order's incident."""
    if not scope.can("case.view"):
        return True
    with self.incidents.store.reading(scope) as conn:
        return conn.execute("SELECT 1 FROM cases WHERE case_id = %s", (row["case_id"],)).fetchone() is None


def _due(due_at: dt.datetime | None, now: dt.datetime) -> None:
    if due_at is not None and due_at <= now:
        zh, en = "时限已过", "lies in the past"
        raise Invalid(reasons=[Reason("due_at", "past_time", zh, en, iso(due_at) or "")])


def _addressee(doing: Doing, order: Order) -> dict[str, Any]:
    """Name, department and logins of who is ordered. Raises Invalid for nobody."""
    kind, ref = order.to
    conn = doing.conn
    if kind == "department":
        return {"to_name": ref, "to_department": ref, "to_logins": []}
    if kind == "account":
        row = tasks.account(conn, ref)
        if row is None:
            raise Invalid(reasons=[Reason("to", "unknown_account", "没有此账号", "no such account", ref[:60])])
        return {"to_name": row["name"], "to_department": "", "to_logins": [ref]}
    if kind == "resource":
        found = tasks.resource(conn, doing.actor.scope, ref)
        if found is None:
            raise Invalid(reasons=[Reason("to", "unknown_resource", "没有此力量", "no such resource", ref[:60])])
        department = str(found["owner_department"] or "")
        return {"to_name": found["name"], "to_department": department, "to_logins": []}
    return {"to_name": ref, "to_department": "", "to_logins": _logins(conn, doing, ref)}


def _bound(doing: Doing, resource_id: int) -> None:
    """What is ordered is bound to the incident from then on. An exercise leaves real forces where they are.

    Raises Conflict for what is bound to another incident, or off duty.
    """
    row = resources.locked(doing.conn, doing.actor.scope, resource_id)
    if doing.case["exercise"] or row is None or row["case_id"] == doing.case_id:
        return
    if row["case_id"] is not None or force_state.known(row["status"]) == "off":
        word = force_state.WORDS[force_state.known(row["status"])]
        zh = f"{row['name']}{word[0]}{'（其他事件）' if row['case_id'] is not None else ''}，不能受令"
        raise Conflict(zh, f"{row['name']} is {word[1]}", {"case_id": row["case_id"]})
    to, goal = force_state.after(row["status"], row["case_id"], "bound", doing.case_id)
    resources.set_state(doing.conn, resource_id, to, goal, doing.who[0], doing.now)


def _logins(conn: Conn, doing: Doing, name: str) -> list[str]:
    return dispatch.logins_of(conn, name, doing.case["region_id"])


def _done_at(found: Mapping[str, Any], doing: Doing) -> dt.datetime | None:
    """When it was done by the phone's clock. Raises Conflict where the incident is over: its orders were withdrawn."""
    at = moment(found.get("done_at"))
    if at is not None and at > doing.now + FAST_CLOCK:
        zh, en = "本机时间快于服务器，请校准手机时间", "the phone's clock is ahead: set it right"
        raise Invalid(reasons=[Reason("done_at", "future_time", zh, en, str(found["done_at"]))])
    open_only(doing)
    return min(at, doing.now) if at else None


def _changes(
    row: Row, receipt: orders.Receipt, state: str, found: Mapping[str, Any], at: dt.datetime, doing: Doing
) -> dict[str, Any]:
    out: dict[str, Any] = {"state": state}
    at = max(at, row["issued_at"])
    if receipt.key in ("sign", "start") and row["signed_at"] is None:
        out |= {"signed_at": at, "signed_by": doing.who[1]}
    if receipt.key == "start":
        out["begun_at"] = at
    if state not in orders.OPEN:
        out["done_at"] = at
    if receipt.key == "done" and row["begun_at"] is None:
        out["begun_at"] = row["signed_at"]
    if found.get("text"):
        out["result"] = found["text"]
    if found.get("reason"):
        out["reason"] = found["reason"]
    if found.get("photos"):
        out["photos"] = [*row["photos"], *(int(p) for p in found["photos"])]
    return out


def _tell_giver(doing: Doing, row: Row, receipt: orders.Receipt, text: str) -> None:
    """Who gave the order hears how it ended."""
    login = str(row["issued_by"]).rpartition(":")[2]
    words = f"任务{receipt.title.zh}：{row['what']}", f"Order {receipt.title.en.lower()}: {row['what']}"
    line = " · ".join(p for p in (str(row["to_name"]), text) if p)
    part = f"task:{row['task_id']}:{receipt.key}:{row['version']}"
    tell.put(doing.conn, doing.case, part, "incident.task", ("account", login), words, line, doing.now,
             priority="high", about=f"task:{row['task_id']}")  # fmt: skip
