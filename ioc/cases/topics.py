"""Topics of grid work (主题, GRD-04): categories that are looked at together. Pure.

A topic is configuration: the shipped four rest on the category codes of GB/T 30428 and its local extension,
`ioc import topics` replaces all of them (docs/dispatch.md). What belongs to none is `OTHER`: nothing is out of reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.errors import Invalid, Reason

OTHER = "other"


@dataclass(frozen=True, slots=True)
class Topic:
    """`categories`: codes; one holds for every code that begins with it."""

    key: str
    zh: str
    en: str
    categories: tuple[str, ...]

    def has(self, category: str) -> bool:
        return bool(category) and category.startswith(self.categories)


@dataclass(frozen=True, slots=True)
class Topics:
    """Those in force, in their order."""

    all: tuple[Topic, ...] = ()

    def of(self, category: str) -> list[str]:
        """Keys of the topics a category belongs to; `OTHER` where it belongs to none."""
        return [topic.key for topic in self.all if topic.has(category)] or [OTHER]

    def prefixes(self, key: str) -> tuple[tuple[str, ...], bool]:
        """(code prefixes, inside) of the rows of a topic: inside them, or for `OTHER` outside all. Raises Invalid."""
        if key == OTHER:
            return tuple(sorted({c for topic in self.all for c in topic.categories})), False
        for topic in self.all:
            if topic.key == key:
                return topic.categories, True
        names = ", ".join([*(topic.key for topic in self.all), OTHER])
        raise Invalid(reasons=[Reason("topic", "bad_choice", f"应为 {names}", f"one of {names}", key[:40])])


def gathered(rows: Sequence[Mapping[str, Any]]) -> Topics:
    """Rows `{key, zh, en, category}` in order; a topic has the words of its first row."""
    found: dict[str, Topic] = {}
    for row in rows:
        old = found.get(row["key"])
        codes = (*(old.categories if old else ()), str(row["category"]))
        words = (old.zh, old.en) if old else (str(row["zh"]), str(row["en"]))
        found[row["key"]] = Topic(str(row["key"]), *words, codes)
    return Topics(tuple(found.values()))
