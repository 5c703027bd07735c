"""A rule on one datastream with the parameters and limits that hold there, or the reason why it has none. Pure.

Limits of rivers and reservoirs are the station's own attributes, as its department's file delivered them. A level means
nothing without its datum (高程基准): readings and limit must be in the same one, else the rule is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from ioc.alarms import params as parameters
from ioc.alarms.phase import Delays
from ioc.declare import AlarmRule
from ioc.i18n import Text

Why = Literal["no_limit", "no_datum", "datum_mismatch", "off", "no_fence"]
WHY: Mapping[Why, Text] = {
    "no_limit": Text("未配置", "not configured"),
    "no_datum": Text("未配置：缺少高程基准", "not configured: no datum"),
    "datum_mismatch": Text("高程基准不一致，不作比较", "the datums differ: not compared"),
    "off": Text("已关闭", "switched off"),
    "no_fence": Text("未配置：没有区域", "not configured: no area"),
}
# Words for the vertical datum of the readings, and of the limits where it is another column.
DATUM = ("高程基准", "基准", "datum", "水位基准", "基面")
LIMIT_DATUM = ("特征水位基准", "限值基准", "limit_datum", "警戒水位基准")
_DATUMS: Mapping[str, tuple[str, ...]] = {
    "zhujiang": ("珠基", "珠江基面", "珠江高程", "珠江高程基准", "珠江", "zhujiang", "pearlriver"),
    "cgvd1985": ("85基准", "1985国家高程基准", "国家85高程基准", "85高程", "85高程基准", "1985基准", "85国家高程基准",
                 "85", "1985", "cgvd1985", "cgvd85"),
    "huanghai1956": ("黄海", "56黄海", "1956年黄海高程系", "1956黄海高程系", "黄海高程", "黄海基面", "huanghai1956"),
    "wusong": ("吴淞", "吴淞基面", "吴淞高程", "wusong"),
}  # fmt: skip
STATION = ("站类", "测站类型", "站点类型", "station_type", "STTP", "sttp")
_RESERVOIR = frozenset({"rr", "水库", "水库站", "水库水文站", "reservoir"})  # RR: SL 323, from memory
_RESERVOIR_LIMITS = ("汛限水位", "防洪限制水位", "flood_limit_level")


class Stream(NamedTuple):
    """What binding needs to know of a datastream and its device. `region_ids`: the device's region with its ancestors,
    from the device upward. `own`: `limit_high`, `limit_low` of the datastream, and the newest value of its siblings."""

    datastream_id: int
    device_id: int
    kind: str
    property: str
    interval_s: float
    region_ids: tuple[int, ...] = ()
    attributes: Mapping[str, Any] = MappingProxyType({})
    own: Mapping[str, float | None] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Override:
    """A stored setting of a rule. `target` "": everywhere; else kind, region or device with its `ref`."""

    rule_key: str
    target: Literal["", "kind", "region", "device"]
    ref: str
    params: Mapping[str, Any]
    valid_from: dt.datetime | None = None
    valid_to: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """A rule with the parameters and limits that hold for a datastream, and often for thousands like it.

    `high`/`low`: limits as compared, None: open on that side.
    """

    rule: AlarmRule
    params: Mapping[str, Any]
    high: float | None
    low: float | None
    hysteresis: float
    inclusive: bool
    delays: Delays


class Bound(NamedTuple):
    """A rule that holds on a datastream."""

    stream: Stream
    terms: Terms

    @property
    def rule(self) -> AlarmRule:
        return self.terms.rule

    @property
    def params(self) -> Mapping[str, Any]:
        return self.terms.params

    @property
    def delays(self) -> Delays:
        return self.terms.delays

    @property
    def priority(self) -> str:
        return str(self.terms.params["priority"])

    @property
    def limit(self) -> float | None:
        return self.terms.high if self.terms.high is not None else self.terms.low

    @property
    def key(self) -> tuple[str, int]:
        return self.terms.rule.key, self.stream.datastream_id


@dataclass(frozen=True, slots=True)
class Unset:
    """A rule that could hold on a datastream and does not, with the reason."""

    rule: AlarmRule
    stream: Stream
    why: Why


def applies(rule: AlarmRule, stream: Stream) -> bool:
    """Is this datastream of the sort the rule speaks of?"""
    if rule.kinds and stream.kind not in rule.kinds:
        return False
    if rule.property != stream.property and rule.test != "missing":
        return False
    return not rule.station or rule.station == station_of(stream.attributes)


def station_of(attributes: Mapping[str, Any]) -> Literal["river", "reservoir"]:
    """By its declared type; without one, a station with a flood limit level is a reservoir's."""
    word = str(_first(attributes, STATION) or "").strip().lower()
    if word:
        return "reservoir" if word in _RESERVOIR else "river"
    return "reservoir" if _first(attributes, _RESERVOIR_LIMITS) is not None else "river"


def bind(rule: AlarmRule, stream: Stream, overrides: Sequence[Override], now: dt.datetime) -> Bound | Unset | None:
    """The rule on this datastream at `now`; None where it does not apply at all."""
    if not applies(rule, stream):
        return None
    chosen = _chosen(rule, stream, overrides, now)
    params = parameters.effective(rule, chosen)
    if not params["enabled"]:
        return Unset(rule, stream, "off")
    delays = Delays(_seconds(params, rule), dt.timedelta(seconds=params["off_delay_s"]))
    if rule.test == "fence" and not params.get("fence"):
        return Unset(rule, stream, "no_fence")
    if rule.test != "threshold":
        high = params.get("high") if rule.test == "count" else params.get("per_hour") if rule.test == "rate" else None
        return Bound(stream, Terms(rule, params, high, None, 0.0, True, delays))
    return _threshold(rule, stream, params, _given_here(rule, chosen), delays)


class Family(NamedTuple):
    """The rules of one property, and the names they read of a device and of its datastream."""

    rules: tuple[AlarmRule, ...]
    attributes: tuple[str, ...]
    own: tuple[str, ...]


def family(rules: Sequence[AlarmRule]) -> Family:
    names = {n for r in rules for n in r.limit_from}
    own = sorted(n[1:] for n in names if n.startswith("@"))
    attributes = {n for n in names if not n.startswith("@")}
    if any(r.station for r in rules):
        attributes |= {*STATION, *_RESERVOIR_LIMITS}
    if any(r.datum for r in rules):
        attributes |= {*DATUM, *LIMIT_DATUM}
    return Family(tuple(rules), tuple(sorted(attributes)), tuple(own))


def alike(known: Family, stream: Stream, own_devices: Set[str]) -> Hashable:
    """All that decides how these rules hold on the datastream: one like it has the same terms.

    `own_devices`: devices with a setting of their own.
    """
    device = stream.device_id if str(stream.device_id) in own_devices else 0
    read = tuple([str(stream.attributes.get(n, "")) for n in known.attributes])
    return stream.kind, stream.property, stream.region_ids, device, read, tuple([stream.own.get(n) for n in known.own])


def let_go(rule: AlarmRule, stream: Stream) -> Bound:
    """A rule that no longer holds on a datastream, for ending what it had raised there."""
    return Bound(stream, Terms(rule, parameters.effective(rule, ()), None, None, 0.0, True, Delays()))


def _seconds(params: Mapping[str, Any], rule: AlarmRule) -> dt.timedelta:
    """A stuck value is a value that repeats for so long: the same on-delay by another name."""
    return dt.timedelta(seconds=params["for_s"] if rule.test == "stuck" else params["on_delay_s"])


def _threshold(
    rule: AlarmRule, stream: Stream, params: Mapping[str, Any], given: bool, delays: Delays
) -> Bound | Unset:
    side = str(params.get("side", "high"))
    if rule.limit_from and not given:
        limit = _limit(rule, stream, float(params.get("factor", 1.0)))
        if limit is None:
            return Unset(rule, stream, "no_limit")
        fault = _datum_fault(stream.attributes) if rule.datum else None
        if fault is not None:
            return Unset(rule, stream, fault)
    else:
        limit = params.get(side)
        if limit is None:
            return Unset(rule, stream, "no_limit")
        if rule.datum and params.get("datum") and _differ(params["datum"], _first(stream.attributes, DATUM)):
            return Unset(rule, stream, "datum_mismatch")
    high, low = (limit, None) if side == "high" else (None, limit)
    hysteresis, inclusive = float(params.get("hysteresis", 0.0)), bool(params.get("inclusive", True))
    return Bound(stream, Terms(rule, params, high, low, hysteresis, inclusive, delays))


def _limit(rule: AlarmRule, stream: Stream, factor: float) -> float | None:
    for name in rule.limit_from:
        raw = stream.own.get(name[1:]) if name.startswith("@") else stream.attributes.get(name)
        value = number(raw)
        if value is not None:
            return value * factor
    return None


def number(raw: Any) -> float | None:
    """A finite number of an attribute, also as text with its unit (18.50 m); None for anything else."""
    if isinstance(raw, bool) or raw is None:
        return None
    if isinstance(raw, str):
        raw = raw.strip().removesuffix("米").removesuffix("m").strip()
    try:
        value = float(raw)
    except (TypeError, ValueError):
        return None
    return value if abs(value) < 1e9 else None


def _datum_fault(attributes: Mapping[str, Any]) -> Why | None:
    readings, limits = _first(attributes, DATUM), _first(attributes, LIMIT_DATUM)
    if readings is None:
        return "no_datum"
    return "datum_mismatch" if limits is not None and _differ(readings, limits) else None


def _differ(one: Any, other: Any) -> bool:
    return other is None or datum_key(one) != datum_key(other)


def datum_key(word: Any) -> str:
    """The datum a word means; a word nobody knows stands for itself (假定基面, 冻结基面)."""
    plain = "".join(str(word).split()).lower().rstrip("。.")
    return next((key for key, words in _DATUMS.items() if plain in words), plain)


def _first(attributes: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((attributes[n] for n in names if attributes.get(n) not in (None, "")), None)


_ORDER = {"": 0, "kind": 1, "region": 2, "device": 3}


def _chosen(
    rule: AlarmRule, stream: Stream, overrides: Sequence[Override], now: dt.datetime
) -> list[Mapping[str, Any]]:
    """Overrides that hold here and now, the most general first: everywhere, kind, region from the top, device."""
    found: list[tuple[int, int, Mapping[str, Any]]] = []
    for o in overrides:
        if o.rule_key != rule.key or not _current(o, now):
            continue
        depth = _depth(o, stream)
        if depth is not None:
            found.append((_ORDER[o.target], depth, o.params))
    return [p for _, _, p in sorted(found, key=lambda f: f[:2])]


def _current(o: Override, now: dt.datetime) -> bool:
    return (o.valid_from is None or o.valid_from <= now) and (o.valid_to is None or now < o.valid_to)


def _depth(o: Override, stream: Stream) -> int | None:
    if o.target == "":
        return 0
    if o.target == "kind":
        return 0 if o.ref == stream.kind else None
    if o.target == "device":
        return 0 if o.ref == str(stream.device_id) else None
    ids = [str(i) for i in stream.region_ids]
    return -ids.index(o.ref) if o.ref in ids else None


def _given_here(rule: AlarmRule, chosen: Sequence[Mapping[str, Any]]) -> bool:
    """Has somebody set the limit itself? Then it stands before the station's attribute."""
    return any(name in one for one in chosen for name in ("high", "low"))
