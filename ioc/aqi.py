"""Air quality index by HJ 633, with the tables as data by date (`ioc/aqi.json`).

The edition in force on a day is the newest one whose `valid_from` is not later. From 2026-03-01 that is HJ 633-2026,
whose breakpoints are not published where we could verify them: its table is empty, so the newest edition with a table
is used and the result says so (按 2012 版，新版断点未配置). `ioc import aqi-table` brings an edition of the same shape.

Concentrations: µg/m³, CO in mg/m³. An hourly report uses the 1 h tables (PM with the 24 h breakpoints, as the rule
says for real-time reports). A concentration beyond the last breakpoint of a full table is 500 (爆表); SO₂ above
800 µg/m³ and O₃ (8 h) above 800 µg/m³ have no sub-index in that table and are left out, as the rule says.
Every sub-index is rounded up. At AQI 50 or less there is no primary pollutant; equal ones are all named.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from ioc.i18n import Text

POLLUTANTS = ("pm25", "pm10", "so2", "no2", "co", "o3")
Averaging = Literal["hourly", "daily"]


@dataclass(frozen=True, slots=True)
class Aqi:
    """An index with everything that is needed to explain it. `sub` holds the sub-index of each pollutant present."""

    value: int
    sub: Mapping[str, int]
    primary: tuple[str, ...]
    missing: tuple[str, ...]
    level: Text
    edition: str
    substituted: bool  # computed by an older edition than the one in force

    def note(self) -> Text:
        """The word beside the number: class, primary pollutant, what is missing, and a substituted edition."""
        names = _file()["pollutants"]
        zh = [self.level.zh, "首要 " + ("、".join(names[p] for p in self.primary) or "—")]
        en = [self.level.en, "primary " + (", ".join(names[p] for p in self.primary) or "—")]
        if self.missing:
            zh.append("缺 " + "、".join(names[p] for p in self.missing))
            en.append("without " + ", ".join(names[p] for p in self.missing))
        if self.substituted:
            zh.append(f"按 {self._words('zh')}，新版断点未配置")
            en.append(f"by the {self._words('en')}, the newer breakpoints are not configured")
        return Text(" · ".join(zh), " · ".join(en))

    def _words(self, lang: str) -> str:
        year = self.edition.rpartition("-")[2]
        if not year.isdigit():
            return self.edition
        return f"{year} 版" if lang == "zh" else f"{year} edition"


def shipped() -> Sequence[Mapping[str, Any]]:
    return _file()["editions"]


@cache
def _file() -> dict[str, Any]:
    return json.loads(resources.files("ioc").joinpath("aqi.json").read_text("utf-8"))


def edition_on(day: dt.date, tables: Mapping[str, Any] | None = None) -> tuple[Mapping[str, Any], bool]:
    """The edition to compute with on `day`, and whether it stands in for one in force whose table is unknown."""
    editions = sorted((tables or _file())["editions"], key=lambda e: e["valid_from"])
    begun = [e for e in editions if dt.date.fromisoformat(e["valid_from"]) <= day] or editions[:1]
    known = [e for e in begun if e["iaqi"]] or [e for e in editions if e["iaqi"]]
    over = known[-1].get("valid_to")  # the first day it is out of force
    ended = bool(over) and dt.date.fromisoformat(over) <= day
    return known[-1], ended or known[-1]["key"] != begun[-1]["key"]


def sub_index(concentration: float, points: Sequence[float], iaqi: Sequence[int]) -> int | None:
    """Linear between breakpoints, rounded up. None beyond a table that ends early; 500 beyond a full one."""
    if concentration < 0 or not math.isfinite(concentration):
        return None
    if concentration > points[-1]:
        return iaqi[-1] if len(points) == len(iaqi) else None
    for i in range(1, len(points)):
        if concentration <= points[i]:
            low, high = points[i - 1], points[i]
            exact = iaqi[i - 1] + (iaqi[i] - iaqi[i - 1]) * (concentration - low) / (high - low)
            return math.ceil(round(exact, 9))  # 50.000000000001 is 50, not 51
    return None


def aqi(
    concentrations: Mapping[str, float | None],
    day: dt.date,
    averaging: Averaging = "hourly",
    tables: Mapping[str, Any] | None = None,
) -> Aqi | None:
    """The index of one place and time, or None when no pollutant has a sub-index. Unknown names are ignored."""
    edition, substituted = edition_on(day, tables)
    sub: dict[str, int] = {}
    for name in POLLUTANTS:
        value = concentrations.get(name)
        index = None if value is None else sub_index(value, edition[averaging][name], edition["iaqi"])
        if index is not None:
            sub[name] = index
    if not sub:
        return None
    value = max(sub.values())
    primary = tuple(p for p in POLLUTANTS if sub.get(p) == value) if value > 50 else ()
    level = next((c for c in _file()["classes"] if value <= c["to"]), _file()["classes"][-1])
    missing = tuple(p for p in POLLUTANTS if p not in sub)
    return Aqi(value, sub, primary, missing, Text(level["zh"], level["en"]), str(edition["key"]), substituted)
