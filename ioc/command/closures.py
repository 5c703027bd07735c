"""Closing roads and opening them again, as people ask for it: who may, what is wrong with it, what it closes."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from ioc.cases.work import Actor
from ioc.clock import Clock
from ioc.command import book
from ioc.command.roads import VEHICLES
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.scope import SYSTEM, Scope
from ioc.store import Conn, Store
from ioc.store import closures as rows
from ioc.store.locate import metre_srid
from ioc.store.retry import retried

RIGHT = "road.close"
REASON_MAX = 200
MOST_VERTICES, MOST_EDGES = 5000, 5000
MOST_DEG = 3.0  # a drawn shape wider than this is a slip
_KINDS = {"Polygon": "area", "MultiPolygon": "area", "LineString": "line", "MultiLineString": "line"}


@dataclass(frozen=True, slots=True)
class Wish:
    """A shape (degrees) or `edges`. No `vehicles`: all; no `valid_from`: now; no `valid_to`: until ended."""

    reason: str
    shape: Any = None
    edges: Sequence[int] = ()
    vehicles: Sequence[str] = ()
    valid_from: dt.datetime | None = None
    valid_to: dt.datetime | None = None
    case_id: int | None = None


@dataclass
class Closures:
    """The use-cases of one store. A closure ordered for an incident is a step of it; one of an exercise is one."""

    store: Store
    clock: Clock
    zone: dt.tzinfo = dt.UTC

    def listed(self, scope: Scope, at: dt.datetime | None = None, case_id: int | None = None) -> list[dict[str, Any]]:
        """Standing and coming closures as known at `at` (now)."""
        with self.store.scoped(scope) as conn:
            return [rows.told(r) for r in rows.listed(conn, scope, at or self.clock.now(), case_id)]

    def history(self, scope: Scope, closure_id: int) -> list[dict[str, Any]]:
        """Versions, newest first. Raises NotFound."""
        with self.store.scoped(scope) as conn:
            self._one(conn, scope, closure_id)
        with self.store.scoped(SYSTEM) as conn:
            return [{"at": r["recorded_at"].isoformat(), "op": r["op"], **r["record"]}
                    for r in rows.history(conn, closure_id)]  # fmt: skip

    def add(self, actor: Actor, wish: Wish) -> dict[str, Any]:
        """Raises Forbidden, Invalid with every reason."""
        actor.scope.require(RIGHT)
        return retried(lambda: self._add(actor, wish))

    def _add(self, actor: Actor, wish: Wish) -> dict[str, Any]:
        now, reasons = self.clock.now(), _faults(wish, self.clock.now())
        with self.store.scoped(SYSTEM) as conn:
            kind, shape = _KINDS.get(getattr(wish.shape, "geom_type", ""), "edges"), wish.shape
            if wish.edges and not reasons:
                shape, lost = rows.shape_of(conn, wish.edges)
                if lost:
                    reasons.append(_bad("edges", f"没有路段 {lost[:10]}", f"no stretches {lost[:10]}", str(lost[:10])))
            if reasons:
                raise Invalid(reasons=reasons)
            region_id = rows.placed(conn, shape)
            if not actor.scope.whole and not actor.scope.sees(region_id):
                zh, en = "须完全位于本人权限区划内", "must lie wholly inside a region of your own"
                raise Invalid(reasons=[Reason("shape", "outside_scope", zh, en, "")])
            doing = self._incident(conn, actor, wish.case_id, now)
            srid = metre_srid(conn, float(shape.centroid.x))
            if srid is None:
                raise Invalid(reasons=[_bad("shape", "坐标不在中国范围内", "is not in China", "")])
            new = rows.New(
                kind, shape, wish.reason.strip(), tuple(wish.vehicles) or VEHICLES, wish.valid_from or now,  # type: ignore[arg-type]
                wish.valid_to, wish.case_id, doing is not None and bool(doing.case["exercise"]), region_id,
            )  # fmt: skip
            made = rows.add(conn, new, srid, actor.scope.actor, actor.name or actor.scope.actor, now)
            told = rows.told(rows.listed(conn, SYSTEM, now, closure_id=made)[0])
            if doing is not None:
                book.step(doing, "closure", _said(told))
            return told

    def end(self, actor: Actor, closure_id: int, version: int) -> dict[str, Any]:
        """Open again from now. Raises Forbidden, NotFound, Conflict when it has ended or somebody was first."""
        actor.scope.require(RIGHT)

        def once() -> dict[str, Any]:
            now = self.clock.now()
            with self.store.scoped(SYSTEM) as conn:
                self._one(conn, actor.scope, closure_id)
                row = rows.lock(conn, closure_id)
                if row is None:
                    raise NotFound(f"封路 {closure_id}", f"closure {closure_id}")
                if not actor.scope.whole and not actor.scope.sees(row["region_id"]):
                    raise NotFound(f"封路 {closure_id}", f"closure {closure_id}")
                if row["ended_at"] is not None or row["version"] != version:
                    who = row["actor_name"] or row["actor"]
                    raise Conflict(f"{who} 已变更封路", f"{who} has changed the closure",
                                   {"version": row["version"], "by": who})  # fmt: skip
                doing = self._incident(conn, actor, row["case_id"], now, over=True)
                rows.end(conn, closure_id, actor.scope.actor, actor.name or actor.scope.actor, now)
                told = rows.told(rows.listed(conn, SYSTEM, now, closure_id=closure_id)[0])
                if doing is not None and not doing.life.over:
                    book.step(doing, "closure_end", _said(told))
                return told

        return retried(once)

    def _incident(
        self, conn: Conn, actor: Actor, case_id: int | None, now: dt.datetime, *, over: bool = False
    ) -> book.Doing | None:
        """Its incident, locked; only one that goes on, but for opening the road again (`over`)."""
        if case_id is None:
            return None
        try:
            doing = book.begin(conn, actor, case_id, now, self.zone)
        except NotFound:
            if over:  # whoever may open a road may do so without seeing the incident
                return None
            raise Invalid(reasons=[_bad("case_id", "没有这个事件", "no such incident", str(case_id))]) from None
        if not over:
            book.open_only(doing)
        return doing

    def _one(self, conn: Conn, scope: Scope, closure_id: int) -> Mapping[str, Any]:
        found = rows.listed(conn, scope, self.clock.now(), closure_id=min(closure_id, 2**62))
        if not found:
            raise NotFound(f"封路 {closure_id}", f"closure {closure_id}")
        return found[0]


def _said(told: Mapping[str, Any]) -> dict[str, Any]:
    return {"closure_id": told["closure_id"], "edges": told["edges"], "reason": told["reason"]}


def _faults(wish: Wish, now: dt.datetime) -> list[Reason]:
    out: list[Reason] = []
    text = unicodedata.normalize("NFC", wish.reason).strip()
    if not 1 <= len(text) <= REASON_MAX or any(unicodedata.category(c) == "Cc" for c in text):
        out.append(
            _bad("reason", f"原因为 1 至 {REASON_MAX} 个字", f"a reason of 1 to {REASON_MAX} characters", text[:60])
        )
    if (wish.shape is None) == (not wish.edges):
        out.append(_bad("shape", "图形与路段须且只能给一个", "either a shape or stretches", ""))
    if len(wish.edges) > MOST_EDGES:
        out.append(_bad("edges", f"最多 {MOST_EDGES} 段", f"at most {MOST_EDGES}", str(len(wish.edges))))
    if wish.shape is not None:
        out += _shape_faults(wish.shape)
    unknown = [v for v in wish.vehicles if v not in VEHICLES]
    if unknown:
        listed = ", ".join(VEHICLES)
        out.append(_bad("vehicles", f"应为 {listed}", f"must be of {listed}", ", ".join(unknown)[:60]))
    start = wish.valid_from or now
    if wish.valid_to is not None and wish.valid_to <= start:
        out.append(_bad("valid_to", "早于开始时间", "earlier than its beginning", wish.valid_to.isoformat()))
    return out


def _shape_faults(shape: Any) -> list[Reason]:
    if shape.geom_type not in _KINDS or shape.is_empty:
        return [_bad("shape", "应为线或面", "must be a line or an area", shape.geom_type)]
    if shapely.get_num_coordinates(shape) > MOST_VERTICES:
        return [_bad("shape", f"最多 {MOST_VERTICES} 个顶点", f"at most {MOST_VERTICES} vertices", "")]
    west, south, east, north = shape.bounds
    if not (-180 <= west <= east <= 180 and -85 <= south <= north <= 85):
        return [_bad("shape", "坐标不在经纬度范围内", "is not in degrees", "")]
    if max(east - west, north - south) > MOST_DEG:
        return [_bad("shape", "图形过大", "is too large", "")]
    if not shape.is_valid:
        return [_bad("shape", "边界自相交或重叠", "crosses or touches itself", shapely.is_valid_reason(shape)[:80])]
    return []


def _bad(field: str, zh: str, en: str, value: str) -> Reason:
    return Reason(field, "bad_value", zh, en, value)
