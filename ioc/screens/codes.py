"""Codes of records as words, from the dictionaries and flows shipped with the product."""

from __future__ import annotations

from functools import cache
from typing import Any

from ioc.dictionaries import shipped
from ioc.flows import flows
from ioc.i18n import Text, catalogue
from ioc.screens import fmt

_TABLES = {
    "kind": ("device_kind", "resource_kind", "grid_kind", "region_kind", "target_kind"),
    "status": ("device_status",),
    "property": ("property",),
    "urgency": ("urgency",),
    "flow": ("flow",),
}


@cache
def _stages() -> dict[str, Text]:
    return {key: word for flow in flows().values() for key, word in flow.stages}


def word(column: str, value: Any, lang: str) -> str:
    """The word for a code in column `column`; the value itself when no table knows it."""
    if isinstance(value, bool) or not isinstance(value, str):
        return fmt.word(value, lang)
    for table in _TABLES.get(column, ()):
        entry = shipped().get(table, {}).get(value)
        if entry is not None:
            return entry.en if lang == "en" else entry.zh
    if column == "stage" and value in _stages():
        return _stages()[value](lang)
    known = (
        catalogue().get(f"screens.code.{column}.{value}")
        or catalogue().get(f"screens.code.{value}")
        or (catalogue().get(f"screens.source.{value}") if column == "state" else None)
    )
    return known(lang) if known else value
