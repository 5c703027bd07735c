"""Marks on the incident's map: drawn, changed and removed by who commands, each version kept and told to every screen.

Two who draw at once lose nothing: a mark has a version of its own, and who changes an older one is told who was first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shapely.geometry.base import BaseGeometry

from ioc.cases.work import Actor
from ioc.command import book, life, marks, shapes
from ioc.command.book import Doing, open_only
from ioc.command.work import Incidents
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.intake.reasons import reason
from ioc.scope import SYSTEM, Scope
from ioc.store import command_rows, incidents
from ioc.store.request_keys import RequestKey

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a mark is to be. None: as it was."""

    kind: str | None = None
    label: str | None = None
    geometry: Any = None
    style: Mapping[str, Any] | None = None
    responsible: str | None = None


@dataclass
class Marks:
    incidents: Incidents

    def draw(self, actor: Actor, case_id: int, wish: Wish, once: RequestKey | None = None) -> dict[str, Any]:
        """Raises Forbidden, NotFound, Conflict (the incident is over), Invalid."""
        actor.scope.require(life.COMMAND)
        shape = _checked(wish)
        if shape is None or wish.kind is None:
            raise Invalid(reasons=[Reason("geometry", "missing", "必填", "is required")])

        def work(doing: Doing) -> dict[str, Any]:
            open_only(doing)
            values = {
                "case_id": doing.case_id, "kind": wish.kind, "label": wish.label or "",
                "responsible": (wish.responsible or "").strip(),
                "geometry": shapes.text(shape), "style": dict(wish.style or {}), "actor": doing.who[0],
                "actor_name": doing.who[1], "origin": doing.case["origin"],
            }  # fmt: skip
            return self._done(doing, command_rows.insert(doing.conn, "mark", values, doing.who[0], doing.now), "new")

        return self.incidents.change(actor, case_id, work, once)

    def change(
        self, actor: Actor, mark_id: int, wish: Wish, version: int, once: RequestKey | None = None
    ) -> dict[str, Any]:
        """The next version. Raises Forbidden, NotFound, Conflict (somebody was first: context names who), Invalid."""
        actor.scope.require(life.COMMAND)
        shape = _checked(wish)
        given = {n: getattr(wish, n) for n in ("kind", "label", "responsible") if getattr(wish, n) is not None}
        if wish.style is not None:
            given["style"] = dict(wish.style)
        if shape is not None:
            given["geometry"] = shapes.text(shape)
        return self._change(actor, mark_id, version, given, "change", once)

    def remove(self, actor: Actor, mark_id: int, version: int, once: RequestKey | None = None) -> dict[str, Any]:
        """The row stays, for replay. Raises as `change`."""
        actor.scope.require(life.COMMAND)
        return self._change(actor, mark_id, version, {}, "remove", once)

    def listed(self, scope: Scope, case_id: int, at: dt.datetime | None = None) -> dict[str, Any]:
        """Standing marks of an incident, as they are or as they were known at a moment. Raises NotFound."""
        with self.incidents.store.reading(scope) as conn:
            if incidents.read(conn, scope, case_id) is None:
                raise NotFound(f"突发事件 {case_id}", f"incident {case_id}")
            rows = (
                command_rows.of_case(conn, "mark", case_id) if at is None
                else command_rows.known_at(conn, "mark", case_id, at)
            )  # fmt: skip
        return {"marks": marks.standing(rows)}

    def _change(
        self, actor: Actor, mark_id: int, version: int, given: Mapping[str, Any], op: Any, once: RequestKey | None
    ) -> dict[str, Any]:
        with self.incidents.store.reading(SYSTEM) as conn:
            found = command_rows.read(conn, "mark", mark_id)
        if found is None:
            raise NotFound(f"标绘 {mark_id}", f"mark {mark_id}")

        def work(doing: Doing) -> dict[str, Any]:
            open_only(doing)
            _fresh(command_rows.read(doing.conn, "mark", mark_id, lock=True), mark_id, version)
            changes = {**given, "actor": doing.who[0], "actor_name": doing.who[1]}
            if op == "remove":
                changes["deleted_at"] = doing.now
            row = command_rows.change(doing.conn, "mark", mark_id, changes, doing.who[0], doing.now, op)
            return self._done(doing, row, op)

        return self.incidents.change(actor, int(found["case_id"]), work, once)

    def _done(self, doing: Doing, row: Row, op: str) -> dict[str, Any]:
        told = marks.told(row)
        said = {"mark_id": row["mark_id"], "kind_zh": told["zh"], "label": row["label"], "version": row["version"],
                "responsible": row["responsible"]}  # fmt: skip
        book.step(doing, {"new": "mark", "change": "mark_change", "remove": "mark_remove"}[op], said)
        book.say(doing, "mark", row["mark_id"], told, op)
        return {"mark": told}


def _fresh(row: Row | None, mark_id: int, version: int) -> None:
    if row is None:
        raise NotFound(f"标绘 {mark_id}", f"mark {mark_id}")
    if row["version"] == version and row["deleted_at"] is None:
        return
    who = row["actor_name"] or row["actor"]
    gone = row["deleted_at"] is not None
    context = {"version": row["version"], "by": who, "mark": marks.told(row)}
    zh, en = (f"{who} 已删除", f"{who} has removed it") if gone else (f"{who} 已修改", f"{who} has changed it")
    raise Conflict(zh, en, context)


def _checked(wish: Wish) -> BaseGeometry | None:
    if wish.kind is not None and wish.kind not in marks.KINDS:
        raise Invalid(reasons=[reason("kind", "bad_choice", wish.kind[:40], choices=", ".join(marks.KINDS))])
    if wish.style is not None and len(wish.style) > marks.STYLE_MAX:
        zh, en = f"至多 {marks.STYLE_MAX} 项", f"at most {marks.STYLE_MAX} entries"
        raise Invalid(reasons=[Reason("style", "too_long", zh, en)])
    return None if wish.geometry is None else shapes.drawn("geometry", wish.geometry)
