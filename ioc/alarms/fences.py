"""Fences as people draw, change and remove them (SEN-04).

A fence and the rule's parameters that name it change together.

A rule has one area for a target (everywhere, a kind, a region, a device). Drawing a fence for a target lays
`fence:ID` over the rule's parameters there; removing it takes it away again, and what it had raised ends.
"""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ioc.alarm_rules import alarm_rules
from ioc.alarms import fence_shape
from ioc.alarms import params as parameters
from ioc.alarms.fence_shape import Ring
from ioc.alarms.record import iso
from ioc.alarms.settings import RuleSettings, Target
from ioc.cases.work import Actor
from ioc.clock import Clock
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.scope import SYSTEM, Scope
from ioc.store import Conn, Store, alarm_settings
from ioc.store import fences as rows
from ioc.store.retry import retried

RIGHT = "alarm.rules"
NAME_MAX = 60
OWN = ("fence", "inside", "hours", "weekdays")  # parameters a fence gives its rule


@dataclass(frozen=True, slots=True)
class Wish:
    """What a fence is to be. `points`: `[[lon, lat], ...]` in degrees (EPSG:4490).

    `inside`: alarm while inside, else while outside.
    """

    name: str
    points: Any
    rule: str = "geofence"
    target: Target = ""
    ref: str = ""
    inside: bool = False
    hours: Any = field(default_factory=list[str])
    weekdays: Any = field(default_factory=list[int])
    valid: tuple[dt.datetime | None, dt.datetime | None] = (None, None)


@dataclass
class Fences:
    """The use-cases of one store."""

    store: Store
    clock: Clock
    buffer_m: float

    def listed(self, scope: Scope) -> list[dict[str, Any]]:
        scope.require("alarm.view")
        with self.store.scoped(scope) as conn:
            return [_told(r) for r in rows.listed(conn, scope)]

    def history(self, scope: Scope, fence_id: int) -> list[dict[str, Any]]:
        """Versions, newest first. Raises NotFound, also outside the scope."""
        scope.require("alarm.view")
        with self.store.scoped(scope) as conn:
            self._one(conn, scope, fence_id)
        with self.store.scoped(SYSTEM) as conn:
            found = rows.history(conn, fence_id)
        return [{"at": iso(r["recorded_at"]), "op": r["op"], "by": r["record"]["actor_name"] or r["actor"],
                 "version": r["record"]["version"], "name": r["record"]["name"], "shape": r["record"]["shape"],
                 "params": r["record"]["params"]} for r in found]  # fmt: skip

    def put(self, actor: Actor, wish: Wish, fence_id: int | None = None, version: int = 0) -> dict[str, Any]:
        """A new fence, or another version of `fence_id` (`version`: what the asker saw).

        Raises NotFound, Forbidden, Invalid with every reason, Conflict when somebody was first.
        """
        actor.scope.require(RIGHT)
        name, params, ring, reasons = _checked(wish)
        return retried(lambda: self._put(actor, wish, (name, params, ring), reasons, fence_id, version))

    def _put(
        self,
        actor: Actor,
        wish: Wish,
        checked: tuple[str, dict[str, Any], Ring | None],
        faults: list[Reason],
        fence_id: int | None,
        version: int,
    ) -> dict[str, Any]:
        name, params, ring = checked
        now, scope = self.clock.now(), actor.scope
        with self.store.scoped(SYSTEM) as conn:
            before = self._locked(conn, scope, fence_id, version) if fence_id is not None else None
            ref, fault = RuleSettings(self.store, self.clock).target_ref(conn, scope, wish.target, wish.ref)
            region_id, outside = self._place(conn, scope, ring)
            taken = None if fault else self._taken(conn, wish, ref, fence_id)
            reasons = [*faults, *(r for r in (fault, outside, taken) if r is not None)]
            if reasons or ring is None:
                raise Invalid(reasons=reasons)
            values = {
                "name": name, "rule": wish.rule, "target": wish.target, "ref": ref, "params": params,
                "from": wish.valid[0], "to": wish.valid[1], "region_id": region_id, "origin": "real",
                "actor": scope.actor, "actor_name": actor.name or scope.actor,
            }  # fmt: skip
            own = rows.put(conn, values, ring, now, fence_id)
            if before is not None and (before["rule_key"], before["target"], before["ref"]) != (
                wish.rule, wish.target, ref,
            ):  # fmt: skip
                self._set(conn, actor, before, None, now)
            after = {"rule_key": wish.rule, "target": wish.target, "ref": ref}
            self._set(conn, actor, after, {**params, "fence": f"fence:{own}"}, now, wish.valid)
            return _told(rows.listed(conn, SYSTEM, own)[0])

    def remove(self, actor: Actor, fence_id: int, version: int) -> None:
        """Raises NotFound, Forbidden, Conflict."""
        actor.scope.require(RIGHT)

        def once() -> None:
            now = self.clock.now()
            with self.store.scoped(SYSTEM) as conn:
                before = self._locked(conn, actor.scope, fence_id, version)
                self._set(conn, actor, before, None, now)
                rows.remove(conn, fence_id, actor.scope.actor, actor.name or actor.scope.actor, now)

        retried(once)

    # ------------------------------------------------------------ parts

    def _set(
        self,
        conn: Conn,
        actor: Actor,
        of: Mapping[str, Any],
        given: Mapping[str, Any] | None,
        now: dt.datetime,
        valid: tuple[dt.datetime | None, dt.datetime | None] = (None, None),
    ) -> None:
        """The fence's part of the rule's parameters for its target; None takes it away. Other parameters stay."""
        place = (of["rule_key"], of["target"], of["ref"])
        old = alarm_settings.one(conn, *place, lock=True)
        kept = {k: v for k, v in (old["params"] if old else {}).items() if k not in OWN}
        by = (actor.scope.actor, actor.name or actor.scope.actor)
        alarm_settings.put(conn, *place, {**kept, **(given or {})}, valid, by, now)

    def _taken(self, conn: Conn, wish: Wish, ref: str, fence_id: int | None) -> Reason | None:
        """Another area stands for this rule and target already: one of them would be lost."""
        old = alarm_settings.one(conn, wish.rule, wish.target, ref)
        named = str((old["params"] if old else {}).get("fence") or "")
        if not named or named == f"fence:{fence_id}":
            return None
        zh, en = f"该规则在此对象上已有区域 {named}", f"the rule has the area {named} for this target already"
        return Reason("target", "set_twice", zh, en, named)

    def _place(self, conn: Conn, scope: Scope, ring: Ring | None) -> tuple[int | None, Reason | None]:
        """Its region, or why it cannot lie there: beyond the centre, or not wholly inside what the asker sees."""
        if ring is None:
            return None, None
        inside, region_id = rows.placed(conn, ring, self.buffer_m)
        if not inside:
            return None, Reason("points", "outside", "超出本中心范围", "beyond this centre", "")
        if not scope.whole and not scope.sees(region_id):
            zh, en = "须完全位于本人权限区划内", "must lie wholly inside a region of your own"
            return None, Reason("points", "outside_scope", zh, en, "")
        return region_id, None

    def _locked(self, conn: Conn, scope: Scope, fence_id: int, version: int) -> Mapping[str, Any]:
        self._one(conn, scope, fence_id)
        row = rows.lock(conn, fence_id)
        if row is None:
            raise NotFound(f"围栏 {fence_id}", f"fence {fence_id}")
        if row["version"] != version:
            who = row["actor_name"] or row["actor"]
            raise Conflict(f"{who} 已修改围栏", f"{who} has changed the fence", {"version": row["version"], "by": who})
        return row

    def _one(self, conn: Conn, scope: Scope, fence_id: int) -> None:
        if not rows.listed(conn, scope, fence_id):
            raise NotFound(f"围栏 {fence_id}", f"fence {fence_id}")


def _checked(wish: Wish) -> tuple[str, dict[str, Any], Ring | None, list[Reason]]:
    name = unicodedata.normalize("NFC", wish.name).strip()
    ring, reasons = fence_shape.ring(wish.points)
    if not 1 <= len(name) <= NAME_MAX or any(unicodedata.category(c) == "Cc" for c in name):
        zh, en = f"名称为 1 至 {NAME_MAX} 个字", f"a name of 1 to {NAME_MAX} characters"
        reasons.append(Reason("name", "bad_name", zh, en, name[:60]))
    rule = alarm_rules().get(wish.rule)
    if rule is None or rule.test != "fence":
        reasons.append(Reason("rule", "unknown_rule", "没有这个围栏规则", "no such fence rule", wish.rule[:60]))
        return name, {}, ring, reasons
    params, wrong = parameters.check(rule, {"inside": wish.inside, "hours": wish.hours, "weekdays": wish.weekdays})
    start, end = wish.valid
    if start is not None and end is not None and end <= start:
        wrong.append(Reason("valid_to", "time_order", "早于开始时间", "earlier than its beginning", end.isoformat()))
    return name, params, ring, [*reasons, *wrong]


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "fence_id": row["fence_id"], "name": row["name"], "version": row["version"], "rule": row["rule_key"],
        "target": row["target"], "ref": row["target_code"] or "", "target_name": row["target_name"] or "",
        "params": row["params"], "valid_from": iso(row["valid_from"]), "valid_to": iso(row["valid_to"]),
        "region": row["region"] or "", "region_name": row["region_name"] or "", "origin": row["origin"],
        "points": json.loads(row["shape"])["coordinates"][0][:-1], "area_m2": round(row["area_m2"]),
        "by": row["actor_name"] or row["actor"], "updated_at": iso(row["updated_at"]),
    }  # fmt: skip
