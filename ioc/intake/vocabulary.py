"""The centre's words for kinds, properties and categories, as the code tables of the day have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ioc.dictionaries import Dictionary, Entry, shipped
from ioc.fold import fold
from ioc.intake.reasons import Refuse

# Spellings of category tables that sources use, folded, without separators.
_SCHEMES = {
    "gbt30428": "gbt30428",
    "gb30428": "gbt30428",
    "cjt214": "gbt30428",
    "gbt35561": "gbt35561",
    "12345": "12345",
}
_EMPTY = Dictionary([])


@dataclass(frozen=True, slots=True)
class Property:
    """One observed property: `unit`, plausible range, and the default limits a new datastream starts with."""

    code: str
    unit: str
    low: float
    high: float
    limit_high: float | None
    limit_low: float | None
    limit_note: str


@dataclass(frozen=True)
class Vocabulary:
    """Look-up by code, name or alias. Tables are `ioc.store.dictionaries.current` or the shipped ones."""

    tables: Mapping[str, Dictionary] = field(default_factory=shipped)
    _properties: dict[str, Property | None] = field(default_factory=dict[str, "Property | None"], compare=False)

    def find(self, table: str, word: str, code: str = "unknown_kind") -> Entry:
        entry = self.tables.get(table, _EMPTY).find(word)
        if entry is None:
            raise Refuse(code)
        return entry

    def property(self, word: str) -> Property | None:
        """None when the tables do not know it. Answers are kept: telemetry repeats the same few words."""
        if word not in self._properties:
            entry = self.tables.get("property", _EMPTY).find(word)
            if entry is None and len(self._properties) > 10_000:
                return None
            self._properties[word] = entry and _property(entry)
        return self._properties[word]

    def category(self, scheme: str, word: str) -> tuple[str, str]:
        """(scheme, code). An unknown scheme of the source's own is refused: its codes would mean nothing here."""
        key = fold(scheme).replace(" ", "").replace("/", "").replace("-", "").replace(".", "")
        name = _SCHEMES.get(key, scheme)
        table = self.tables.get(f"category.{name}")
        if table is None:
            known = ", ".join(sorted(k.removeprefix("category.") for k in self.tables if k.startswith("category.")))
            raise Refuse("unknown_scheme", known=known)
        entry = table.find(word)
        if entry is None:
            raise Refuse("unknown_category", scheme=name)
        return name, entry.code

    def any_category(self, word: str) -> tuple[str, str]:
        """(scheme, code) of a bare word (违章停车), looked up in every category table; ("", "") when none has it."""
        for name, table in self.tables.items():
            entry = table.find(word) if name.startswith("category.") else None
            if entry is not None:
                return name.removeprefix("category."), entry.code
        return "", ""


def _property(entry: Entry) -> Property:
    a = entry.attributes
    high, low = a.get("limit_high"), a.get("limit_low")
    return Property(
        code=entry.code,
        unit=str(a.get("unit", "")),
        low=float(a.get("min", "-inf")),
        high=float(a.get("max", "inf")),
        limit_high=None if high is None else float(high),
        limit_low=None if low is None else float(low),
        limit_note=str(a.get("limit_note", "")),
    )
