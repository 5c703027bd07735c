"""Code tables shipped with the product, as data: standard, edition, confidence and validity travel with every code.

Files are `<dict>.json`; `ioc.store.dictionaries` loads them into the table `dictionary` at migration. An installation
replaces a row by one of its own with a later `valid_from`; what is shipped stays beside it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from ioc.errors import DeclarationError
from ioc.fold import fold

BEGINNING = dt.date(1900, 1, 1)
MAX_ASKED = 10_000
CONFIDENCE = ("V", "S", "M", "U")  # verified, seen in third-party text, from memory, unknown


@dataclass(frozen=True, slots=True)
class Entry:
    """One code. `attributes` depend on the table (unit, limits, icon, class, stages ...)."""

    table: str
    code: str
    zh: str
    en: str
    standard: str = ""
    edition: str = ""
    confidence: str = "M"
    valid_from: dt.date = BEGINNING
    valid_to: dt.date | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def words(self) -> Sequence[str]:
        """Every spelling an import may use for this code."""
        return [self.code, self.zh, self.en, *map(str, self.attributes.get("aliases", ()))]


class Dictionary(dict[str, Entry]):
    """The entries of one table by code, with look-up by any of their words."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__({e.code: e for e in entries})
        self._by_word: dict[str, str] = {}
        self._asked: dict[str, Entry | None] = {}  # files repeat the same few words a million times
        # Codes win over names, names over aliases: an alias that is another row's own word never shadows it.
        for rank in range(3):
            for entry in entries:
                for word in (entry.words()[:1], entry.words()[1:3], entry.words()[3:])[rank]:
                    self._by_word.setdefault(fold(word).replace(" ", ""), entry.code)

    def find(self, word: str) -> Entry | None:
        """The entry for a code, a name in either language, or an alias, whatever the case or script."""
        if word in self._asked:
            return self._asked[word]
        found = self.get(word) or self.get(self._by_word.get(fold(word).replace(" ", ""), ""))
        if len(self._asked) < MAX_ASKED:
            self._asked[word] = found
        return found


@cache
def shipped() -> Mapping[str, Dictionary]:
    """All tables in the package. Raises DeclarationError naming the file for a duplicate code or a missing word."""
    out: dict[str, Dictionary] = {}
    for item in sorted(resources.files("ioc").joinpath("dictionaries").iterdir(), key=lambda p: p.name):
        if item.name.endswith(".json"):
            name, entries = _read(item.name, item.read_text("utf-8"))
            out[name] = Dictionary(entries)
    return out


def _read(file: str, text: str) -> tuple[str, list[Entry]]:
    body = json.loads(text)
    name = str(body["dict"])
    if f"{name}.json" != file:
        raise DeclarationError(f"{file}: dict 应与文件名一致", f"{file}: dict must equal the file name")
    seen: set[tuple[str, str]] = set()
    entries: list[Entry] = []
    for row in body["entries"]:
        merged = {"standard": body["standard"], "edition": body["edition"], "confidence": body["confidence"], **row}
        key = (str(merged["code"]), str(merged.get("valid_from", "")))
        if key in seen or not merged.get("zh") or not merged.get("en") or merged["confidence"] not in CONFIDENCE:
            raise DeclarationError(
                f"{file}: 代码 {key[0]} 重复或不完整", f"{file}: code {key[0]} is double or incomplete"
            )
        seen.add(key)
        entries.append(
            Entry(
                table=name,
                code=key[0],
                zh=str(merged["zh"]),
                en=str(merged["en"]),
                standard=str(merged["standard"]),
                edition=str(merged["edition"]),
                confidence=str(merged["confidence"]),
                valid_from=dt.date.fromisoformat(merged["valid_from"]) if merged.get("valid_from") else BEGINNING,
                valid_to=dt.date.fromisoformat(merged["valid_to"]) if merged.get("valid_to") else None,
                attributes=merged.get("attributes", {}),
            )
        )
    return name, entries
