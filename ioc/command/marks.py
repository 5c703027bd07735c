"""What commanders draw, as everybody who commands sees it: kinds of marks and the record of one. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ioc.command.record import iso
from ioc.i18n import Text

Row = Mapping[str, Any]
KINDS: Mapping[str, Text] = {
    "cordon": Text("警戒区", "Cordon"),
    "hot": Text("热区", "Hot zone"),
    "warm": Text("温区", "Warm zone"),
    "cold": Text("冷区", "Cold zone"),
    "sector": Text("分区", "Sector"),
    "assembly": Text("集结点", "Assembly point"),
    "command_post": Text("现场指挥部", "Command post"),
    "checkpoint": Text("卡口", "Checkpoint"),
    "closure": Text("封控", "Closure"),
    "route": Text("路线", "Route"),
    "shelter": Text("临时安置点", "Shelter"),
    "landing": Text("起降点", "Landing site"),
    "water": Text("取水点", "Water point"),
    "danger": Text("危险源", "Danger"),
    "note": Text("标注", "Note"),
    "other": Text("其他", "Other"),
}
STYLE_MAX = 20  # entries; a style is small and says no hue


def told(row: Row) -> dict[str, Any]:
    """A mark as lists and the feed give it."""
    word = KINDS.get(row["kind"], Text(row["kind"], row["kind"]))
    return {
        "key": f"mark:{row['mark_id']}", "mark_id": row["mark_id"], "case": f"case:{row['case_id']}",
        "kind": row["kind"], "zh": word.zh, "en": word.en, "label": row["label"],
        "responsible": row.get("responsible") or "",  # versions kept before there was one say nothing of it
        "geometry": row["geometry"], "style": row["style"], "by": row["actor_name"] or row["actor"],
        "at": iso(row["updated_at"]), "version": row["version"],
        "deleted": row["deleted_at"] is not None, "origin": row["origin"],
    }  # fmt: skip


def standing(rows: list[Row], _at: dt.datetime | None = None) -> list[dict[str, Any]]:
    """Those that have not been removed."""
    return [told(r) for r in rows if r["deleted_at"] is None]
