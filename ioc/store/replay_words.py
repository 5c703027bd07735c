"""Corrections in words: what codes, regions, levels and places of two versions of a record are called."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ioc.command.life import ROMAN
from ioc.dictionaries import shipped
from ioc.i18n import catalogue
from ioc.store.pool import Conn

Change = dict[str, Any]
Word = dict[str, str]
TIMES = frozenset({"opened_at", "occurred_at", "responded_at", "onset_at", "expires_at", "sent_at"})
EARTH_M = 6_371_008.8  # mean radius, IUGG
_POINT = re.compile(r"^POINT\((-?[\d.]+) (-?[\d.]+)\)$")


def worded(conn: Conn, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`rows` of `replay.corrections`, each change with `was_said`, `now_said` ({zh, en}) where they are codes.

    Times stay ISO 8601 (the reader's page knows its zone), texts stay texts. `conn`: of the present, system scope:
    names of regions and categories are code tables.
    """
    changes = [c for r in rows for c in r["changes"]]
    regions = _names(conn, "SELECT region_id AS code, name AS zh, name AS en FROM region WHERE region_id = ANY (%s)",
                     changes, "region_id")  # fmt: skip
    categories = _names(conn, "SELECT DISTINCT ON (code) code, zh, coalesce(nullif(en, ''), zh) AS en"
                              " FROM dictionary_now WHERE dict LIKE 'category.%%' AND code = ANY (%s)"
                              " ORDER BY code, dict",
                        changes, "category_code")  # fmt: skip
    say: dict[str, Callable[[Any], Word | None]] = {
        "region_id": regions.get, "category_code": categories.get, "urgency": _urgency, "incident_level": _level,
        "level_state": lambda v: _of(f"replay.value.{v}"), "status": lambda v: _of(f"replay.value.{v}"),
        "colour": lambda v: _of(f"screens.warning.{v}"), "suspected": _yes, "void": _yes, "place": _place,
    }  # fmt: skip
    return [{**r, "changes": [_said(c, say.get(c["field"])) for c in r["changes"]]} for r in rows]


def _said(change: Change, say: Callable[[Any], Word | None] | None) -> Change:
    if say is None:
        return change
    was, now = (None if change[n] is None else say(change[n]) for n in ("was", "now"))
    if change["field"] == "place" and (moved := _apart(change["was"], change["now"])) is not None:
        was, now = None, {"zh": f"移动 {moved} m", "en": f"moved by {moved} m"}
    return {**change, **({"was_said": was} if was else {}), **({"now_said": now} if now else {})}


def _names(conn: Conn, query: str, changes: Sequence[Change], field: str) -> dict[Any, Word]:
    codes = list({c[n] for c in changes if c["field"] == field for n in ("was", "now")} - {None})
    if not codes:
        return {}
    rows = conn.execute(query, (codes,)).fetchall()  # type: ignore[arg-type]  # one of two literals above
    return {r["code"]: {"zh": r["zh"], "en": r["en"]} for r in rows}


def _of(key: str) -> Word | None:
    found = catalogue().get(key)
    return {"zh": found.zh, "en": found.en} if found else None


def _urgency(value: Any) -> Word | None:
    entry = shipped().get("urgency", {}).get(str(value))
    return {"zh": entry.zh, "en": entry.en or entry.zh} if entry else None


def _level(value: Any) -> Word | None:
    roman = ROMAN.get(int(value))
    return {"zh": f"{roman} 级", "en": f"Level {roman}"} if roman else None


def _yes(value: Any) -> Word | None:
    return _of("replay.value.yes" if value else "replay.value.no")


def _place(value: Any) -> Word | None:
    found = _POINT.match(str(value))
    return {"zh": f"{found[1]}, {found[2]}", "en": f"{found[1]}, {found[2]}"} if found else None


def _apart(was: Any, now: Any) -> int | None:
    """Metres between two points (haversine); None where either is none."""
    a, b = _POINT.match(str(was)), _POINT.match(str(now))
    if not a or not b:
        return None
    (x1, y1), (x2, y2) = ((math.radians(float(p[1])), math.radians(float(p[2]))) for p in (a, b))
    h = math.sin((y2 - y1) / 2) ** 2 + math.cos(y1) * math.cos(y2) * math.sin((x2 - x1) / 2) ** 2
    return round(2 * EARTH_M * math.asin(math.sqrt(h)))
