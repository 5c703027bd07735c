"""What an export is asked for and what a list gives: declarations the lists and the use-case share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ioc.exports.sheet import Cell
from ioc.i18n import Lang, Text, t
from ioc.scope import Scope
from ioc.settings import Settings
from ioc.store import Store

Row = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks for which list, how filtered. `query`: the list's own filters as its address has them."""

    scope: Scope
    name: str
    login: str
    lang: Lang
    query: Mapping[str, str]
    region_ids: tuple[int, ...] | None
    now: dt.datetime

    def word(self, key: str, **values: object) -> str:
        return t(key, self.lang, **values)

    def text(self, both: Mapping[str, str] | Text | None) -> str:
        """A text that comes in both languages."""
        if both is None:
            return ""
        return both(self.lang) if isinstance(both, Text) else str(both.get(self.lang) or both.get("zh") or "")


@dataclass(frozen=True, slots=True)
class Listing:
    """The answer of a list: how many rows, whether any is a demo row, the filter in words, columns, and the rows, which
    are read when they are asked for. There may be fewer then: what has left the scope meanwhile is not given."""

    total: int
    demo: bool
    filters: Sequence[tuple[str, str]]
    columns: Sequence[str]
    rows: Callable[[], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where lists read from."""

    store: Store
    settings: Settings

    @property
    def zone(self) -> ZoneInfo:
        return self.settings.tz


Lister = Callable[[Place, Ask, int], Listing]


def moment(text: object) -> dt.datetime | None:
    """A time of a record, which is UTC text."""
    return dt.datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None


def nature(origin: object, ask: Ask) -> str:
    return ask.word("screens.demo") if origin == "demo" else ""
