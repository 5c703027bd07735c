"""Text of a deadline, the same as frontend/src/core/format.ts (tests/golden/due.json holds both to one wording)."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from ioc.i18n import t

UTC = dt.UTC


@dataclass(frozen=True, slots=True)
class Due:
    """`kind` decides how it is drawn; minutes are rounded up, overdue minutes down but at least 1."""

    kind: Literal["none", "date", "over", "soon", "left"]
    label: str = ""
    value: str = ""
    unit: str = ""


NONE = Due("none")


def parse(value: Any) -> dt.datetime | None:
    if not isinstance(value, str) or not value:
        return None
    at = dt.datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def due(item: Mapping[str, Any], now: dt.datetime, lang: str, zone: str) -> Due:
    """Deadline of a work-list record at `now`. A stopped clock, and anything beyond a day, shows the date.

    Without a time the label says why there is none (未配置时限).
    """
    at = parse(item["due_at"])
    words = cast(Mapping[str, str] | None, item["due_label"])
    label = (words.get(lang) or words["zh"]) if words else ""
    if at is None and item["due_kind"] == "none":
        return Due("none", label)
    if at is None or item["due_kind"] == "none":
        return NONE
    left = (at - now).total_seconds()
    if left < 0:
        return Due("over", t("ui.overdue", lang), *_span(max(1, math.floor(-left / 60)), lang))
    if item["due_kind"] == "date" or left > 86_400:
        return Due("date", label, at.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M"))
    minutes = math.ceil(left / 60)
    if minutes < 60:
        return Due("soon" if minutes <= 15 else "left", label, str(minutes), t("ui.minute", lang))
    return Due("left", label, f"{minutes // 60}:{minutes % 60:02d}")


def _span(minutes: int, lang: str) -> tuple[str, str]:
    if minutes < 60:
        return str(minutes), t("ui.minute", lang)
    if minutes < 1440:
        return f"{minutes // 60}:{minutes % 60:02d}", ""
    return str(minutes // 1440), t("ui.day", lang)
