"""Rules with their parameters as people edit them: listed, changed with a version, and where a rule has no limit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from ioc.alarm_rules import alarm_rules
from ioc.alarms import params as parameters
from ioc.alarms.bind import WHY, Unset, bind
from ioc.alarms.record import CATEGORIES, both, iso
from ioc.cases.work import Actor
from ioc.clock import Clock
from ioc.declare import AlarmRule
from ioc.dictionaries import shipped
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.i18n import Text
from ioc.scope import SYSTEM, Scope
from ioc.store import Conn, Store, alarm_settings, alarm_streams
from ioc.store.regions import Regions
from ioc.store.retry import retried

Target = Literal["", "kind", "region", "device"]
LOOKED_AT = 20_000  # datastreams of one rule that are looked through for missing limits
_FIT: Mapping[str, tuple[str, str]] = {
    "unknown_kind": ("没有这个类型", "no such kind"),
    "unknown_device": ("没有这个设备", "no such device"),
    "unknown_region": ("没有这个区划", "no such region"),
    "ref_given": ("全局设置不带对象", "a setting for everywhere names no target"),
}


@dataclass
class RuleSettings:
    """The use-cases of one store."""

    store: Store
    clock: Clock

    def listed(self, scope: Scope) -> list[dict[str, Any]]:
        """Every rule with shipped and stored parameters. Raises Forbidden."""
        scope.require("alarm.view")
        with self.store.reading(SYSTEM) as conn:
            stored = alarm_settings.all_settings(conn)
        return [_rule_json(r, [s for s in stored if s["rule_key"] == r.key]) for r in alarm_rules().values()]

    def put(
        self,
        actor: Actor,
        key: str,
        target: Target,
        ref: str,
        given: Mapping[str, Any],
        version: int,
        valid: tuple[dt.datetime | None, dt.datetime | None] = (None, None),
    ) -> dict[str, Any]:
        """The parameters of a rule for a target, whole. `version`: of the setting the asker saw, 0: there was none.

        Raises NotFound, Forbidden, Invalid with every reason, Conflict when somebody was first.
        """
        actor.scope.require("alarm.rules")
        rule = _rule(key)
        clean, reasons = parameters.check(rule, given)
        start, end = valid
        if start is not None and end is not None and end <= start:
            reasons.append(Reason("valid_to", "time_order", "早于开始时间", "earlier than its beginning", str(end)))
        return retried(lambda: self._put(actor, rule, target, ref, clean, reasons, version, valid))

    def _put(
        self,
        actor: Actor,
        rule: AlarmRule,
        target: Target,
        ref: str,
        clean: Mapping[str, Any],
        faults: Sequence[Reason],
        version: int,
        valid: tuple[dt.datetime | None, dt.datetime | None],
    ) -> dict[str, Any]:
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            own, fault = self._ref(conn, actor.scope, target, ref)
            reasons = [*faults, *([fault] if fault else [])]
            if reasons:
                raise Invalid(reasons=reasons)
            before = alarm_settings.one(conn, rule.key, target, own, lock=True)
            found = int(before["version"]) if before else 0
            if found != version:
                who = (before["actor_name"] or before["actor"]) if before else ""
                context = {"version": found, "by": who}
                raise Conflict(f"{who} 已修改参数", f"{who} has changed the parameters", context)
            by = (actor.scope.actor, actor.name or actor.scope.actor)
            alarm_settings.put(conn, rule.key, target, own, clean, valid, by, now)
            row = alarm_settings.one(conn, rule.key, target, own)
            if row is None:
                raise LookupError(rule.key)
            return _setting_json(row)

    def target_ref(self, conn: Conn, scope: Scope, target: Target, ref: str) -> tuple[str, Reason | None]:
        """The same for whoever sets parameters along with something else (a fence)."""
        return self._ref(conn, scope, target, ref)

    def _ref(self, conn: Conn, scope: Scope, target: Target, ref: str) -> tuple[str, Reason | None]:
        """What a target is stored as, or the reason why it cannot be. Places outside the scope are not there."""
        if target == "":
            if not scope.whole:
                return "", _fault("unknown_region", ref)
            return "", _fault("ref_given", ref) if ref else None
        if target == "kind":
            return ref, None if ref in shipped()["device_kind"] and scope.whole else _fault("unknown_kind", ref)
        if target == "region":
            region = Regions.of(self.store).tree().by_code.get(ref)
            seen = region is not None and scope.sees(region.region_id)
            return (str(region.region_id), None) if region and seen else ("", _fault("unknown_region", ref))
        found = alarm_settings.names(conn, [int(ref)]) if ref.isascii() and ref.isdigit() and len(ref) < 19 else {}
        device = found.get(int(ref)) if found else None
        seen = device is not None and scope.sees(device["region_id"])
        return ref, None if seen else _fault("unknown_device", ref)

    def history(self, scope: Scope, key: str) -> list[dict[str, Any]]:
        """Changes of a rule's parameters, newest first, without those of places outside the scope. Raises NotFound."""
        scope.require("alarm.view")
        rule = _rule(key)
        with self.store.reading(SYSTEM) as conn:
            rows = alarm_settings.history(conn, rule.key)
        out: list[dict[str, Any]] = []
        for row in rows:
            record, target = row["record"], row["record"]["target"]
            region = row["seen_region"] if target == "region" else row["seen_device"] if target == "device" else None
            if target in ("region", "device") and not scope.sees(region):
                continue
            out.append({
                "at": iso(row["recorded_at"]), "by": row["actor_name"] or row["actor"], "target": target,
                "name": row["name"] or record["ref"], "params": record["params"], "version": record["version"],
                "valid_from": record["valid_from"], "valid_to": record["valid_to"],
            })  # fmt: skip
        return out

    def unset(self, scope: Scope, key: str) -> list[dict[str, Any]]:
        """Stations the rule speaks of and does not watch, with the reason (未配置, 高程基准不一致). Raises NotFound."""
        scope.require("alarm.view")
        rule, now = _rule(key), self.clock.now()
        if not rule.property:
            return []
        with self.store.scoped(scope) as conn:
            ids = alarm_settings.candidates(conn, [rule.property], rule.kinds, LOOKED_AT)
            overrides = alarm_streams.overrides(conn)
            siblings = [n[1:] for n in rule.limit_from if n.startswith("@")]
            found = alarm_streams.streams(conn, ids, siblings, [rule.property]).values()
            made = [bind(rule, s, overrides, now) for s in found]
            missing = [u for u in made if isinstance(u, Unset)]
            names = alarm_settings.names(conn, [u.stream.device_id for u in missing])
        return [
            {
                "device_id": u.stream.device_id,
                "device": names.get(u.stream.device_id, {}).get("name", ""),
                "datastream_id": u.stream.datastream_id,
                "why": u.why,
                **both(WHY[u.why]),
            }
            for u in missing
        ]


def _rule(key: str) -> AlarmRule:
    rule = alarm_rules().get(key)
    if rule is None:
        raise NotFound(f"规则 {key}", f"rule {key}")
    return rule


def _fault(code: str, ref: str) -> Reason:
    zh, en = _FIT[code]
    return Reason("ref", code, zh, en, ref[:120])


def _rule_json(rule: AlarmRule, stored: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    word = CATEGORIES.get(rule.category, Text(rule.category, rule.category))
    return {
        "key": rule.key,
        "title": both(rule.title),
        "test": rule.test,
        "category": rule.category,
        "category_text": both(word),
        "subject": both(rule.subject),
        "priority": rule.priority,
        "kinds": list(rule.kinds),
        "property": rule.property,
        "station": rule.station,
        "limit_from": list(rule.limit_from),
        "limit_name": both(rule.limit_name),
        "datum": rule.datum,
        "of": list(rule.of),
        "suppressed_by": list(rule.suppressed_by),
        "stewards": list(rule.stewards),
        "example": rule.example,
        "source": both(rule.source),
        "params": parameters.effective(rule, ()),
        "editable": sorted(parameters.known(rule)),
        "settings": [_setting_json(s) for s in stored],
    }


def _setting_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rule": row["rule_key"],
        "target": cast("Target", row["target"]),
        "ref": row["code"] or "",
        "name": row["name"] or "",
        "params": row["params"],
        "valid_from": iso(row["valid_from"]),
        "valid_to": iso(row["valid_to"]),
        "version": row["version"],
        "by": row["actor_name"] or row["actor"],
        "updated_at": iso(row["updated_at"]),
    }
