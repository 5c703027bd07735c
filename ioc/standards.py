"""What readings mean by a standard of a date: class of surface water, noise against the limit of its zone. Pure.

Tables are editions with `valid_from` and `valid_to` (the first day out of force): shipped in `ioc/standards.json`
(GB 3838-2002 and GB 3096-2008, domain table: limits from third-party text), later ones imported. Nothing is guessed: a
station that does not say what water or which zone it stands in is 未配置; a factor without a value is 缺测.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from ioc.i18n import Text

Edition = Mapping[str, Any]
# Names of station attributes, as departments' files have them.
NOISE_ZONE = ("noise_class", "声环境功能区", "声环境功能区类别", "声功能区", "声功能区类别", "功能区类别")
WATER_BODY = ("water_type", "水体类型", "水体类别")
WATER_TARGET = ("water_target", "水质目标", "目标水质", "考核目标")
_BODIES: Mapping[str, Literal["river", "lake", "sea"]] = {
    "river": "river", "河流": "river", "河道": "river", "河": "river", "渠道": "river",
    "lake": "lake", "湖库": "lake", "湖泊": "lake", "水库": "lake", "湖": "lake",
    "sea": "sea", "海水": "sea", "近岸海域": "sea", "海域": "sea", "海洋": "sea",
}  # fmt: skip


@cache
def shipped(kind: str) -> Sequence[Edition]:
    return json.loads(resources.files("ioc").joinpath("standards.json").read_text("utf-8"))[kind]["editions"]


def in_force(editions: Sequence[Edition], day: dt.date) -> Edition | None:
    """The newest edition in force on `day`; None when there is none."""
    found = [
        e
        for e in editions
        if dt.date.fromisoformat(e["valid_from"]) <= day
        and (not e.get("valid_to") or day < dt.date.fromisoformat(e["valid_to"]))
    ]
    return max(found, key=lambda e: e["valid_from"], default=None)


def attribute(attributes: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((str(attributes[n]).strip() for n in names if attributes.get(n) not in (None, "")), "")


# ---------------------------------------------------------------- surface water


@dataclass(frozen=True, slots=True)
class WaterClass:
    """Class by the single worst factor: 0 is Ⅰ, len(classes) is worse than all. `worst`: the factors that decide."""

    rank: int
    name: Text
    worst: tuple[str, ...]
    missing: tuple[str, ...]
    left_out: tuple[str, ...]
    edition: str
    target: str = ""
    meets: bool | None = None


def water_body(attributes: Mapping[str, Any]) -> str:
    """river, lake or sea as the station says; "" when it does not."""
    return _BODIES.get(attribute(attributes, WATER_BODY), "")


def water_class(values: Mapping[str, float | None], edition: Edition, body: str, target: str = "") -> WaterClass | None:
    """The class of one place, or None with no factor measured, or for the sea (GB 3097: another standard).

    `values`: property -> value, None for 缺测; factors the station does not have are absent. Total phosphorus has two
    columns: without the kind of water it is left out and named.
    """
    if body == "sea":
        return None
    limits: Mapping[str, Mapping[str, Sequence[float]]] = edition["limits"]
    ranks: dict[str, int] = {}
    left_out: list[str] = []
    for name, limit in limits.items():
        value = values.get(name)
        if value is None:
            continue
        if "lake" in limit and not body:
            left_out.append(name)
            continue
        ranks[name] = _rank(value, limit, body, len(edition["classes"]))
    missing = tuple(n for n in limits if n in values and values[n] is None)
    if not ranks:
        return None
    rank = max(ranks.values())
    # at class Ⅰ no factor is to blame; pH has one range for all classes, so it decides only beyond the last
    worst = tuple(n for n, r in ranks.items() if r == rank) if rank else ()
    wanted = _target(target, edition)
    meets = None if wanted is None else rank <= wanted
    name = _class_name(edition, rank)
    return WaterClass(rank, name, worst, missing, tuple(left_out), edition["label"]["zh"],
                      "" if wanted is None else edition["classes"][wanted], meets)  # fmt: skip


def _rank(value: float, limit: Mapping[str, Sequence[float]], body: str, classes: int) -> int:
    high = limit.get("lake") if body == "lake" and "lake" in limit else limit.get("high")
    low = limit.get("low")
    for rank in range(classes):
        if (high is None or value <= high[rank]) and (low is None or value >= low[rank]):
            return rank
    return classes


def _class_name(edition: Edition, rank: int) -> Text:
    classes = edition["classes"]
    if rank < len(classes):
        return Text(f"{classes[rank]}类", f"class {classes[rank]}")
    return Text(f"{edition['worst']['zh']}类", f"{edition['worst']['en']}")


_ROMAN = {"1": "Ⅰ", "2": "Ⅱ", "3": "Ⅲ", "4": "Ⅳ", "5": "Ⅴ", "I": "Ⅰ", "II": "Ⅱ", "III": "Ⅲ", "IV": "Ⅳ", "V": "Ⅴ",
          "一": "Ⅰ", "二": "Ⅱ", "三": "Ⅲ", "四": "Ⅳ", "五": "Ⅴ"}  # fmt: skip


def _target(word: str, edition: Edition) -> int | None:
    name = word.strip().upper().removesuffix("类")
    name = _ROMAN.get(name, name)
    return edition["classes"].index(name) if name in edition["classes"] else None


# ---------------------------------------------------------------- noise


@dataclass(frozen=True, slots=True)
class NoiseLimit:
    zone: str
    period: Literal["day", "night"]
    limit: float
    edition: str


def noise_zone(attributes: Mapping[str, Any], edition: Edition) -> str:
    """The station's zone (0, 1, 2, 3, 4a, 4b) as its attributes say; "" when they do not, or say what is no zone."""
    word = attribute(attributes, NOISE_ZONE).lower().removesuffix(".0").replace(" ", "")
    found = re.fullmatch(r"(\d[ab]?)类?(?:区|功能区|声环境功能区)?", word)
    return found[1] if found and found[1] in edition["limits"] else ""


def noise_limit(zone: str, at: dt.datetime, edition: Edition) -> NoiseLimit | None:
    """The limit at the local time `at`; None for an unknown zone. Day runs from its first minute to before its last."""
    limits = edition["limits"].get(zone)
    if limits is None:
        return None
    start, end = (dt.time.fromisoformat(t) for t in edition["day"])
    day = start <= at.time() < end
    return NoiseLimit(zone, "day" if day else "night", float(limits[0 if day else 1]), edition["label"]["zh"])
