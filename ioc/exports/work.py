"""Exporting a list: who may, how much, what the file says of itself, and the line in the audit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ioc.errors import Forbidden, Invalid, NotFound, Reason
from ioc.exports import sheet
from ioc.exports.alarms import alarms
from ioc.exports.base import Ask, Lister, Listing, Place, Row
from ioc.exports.queue import hotline, queue
from ioc.exports.supervision import supervision
from ioc.scope import SYSTEM, Scope
from ioc.store import accounts

RIGHT = "desk.export"


@dataclass(frozen=True, slots=True)
class List_:
    """`rights`: one of them is needed beside desk.export; the rows are cut to the scope anyway. `most`: rows of one
    file: what a spreadsheet opens at once and one person can answer for."""

    lister: Lister
    rights: tuple[str, ...]
    most: int


LISTS: Mapping[str, List_] = {
    "queue": List_(queue, ("case.view", "event.view"), 100_000),
    "hotline": List_(hotline, ("case.view",), 100_000),
    "alarms": List_(alarms, ("alarm.view",), 20_000),
    "supervision": List_(supervision, ("case.view",), 20_000),
}


@dataclass(frozen=True, slots=True)
class Export:
    """A list ready to be written: `title` of the file, its head, and the answer of the list."""

    title: str
    head: sheet.Head
    listing: Listing
    most: int

    @property
    def too_many(self) -> bool:
        return self.listing.total > self.most


def prepare(place: Place, ask: Ask, name: str, centre: str, area: str) -> Export:
    """Raises NotFound for a list there is none of, Forbidden, Invalid. Nothing is written yet."""
    found = LISTS.get(name)
    if found is None:
        raise NotFound(f"清单 {name}"[:80], f"list {name}"[:80])
    allow(ask.scope, found)
    listing = found.lister(place, ask, found.most + 1)
    at = ask.now.astimezone(place.zone)
    title = ask.word(f"export.list.{name}")
    lines = [
        (ask.word("export.h.centre"), centre),
        (ask.word("export.h.list"), title),
        (ask.word("export.h.area"), area),
        *listing.filters,
        (ask.word("export.h.time"), f"{at:%Y-%m-%d %H:%M:%S} {place.zone.key}"),
        (ask.word("export.h.by"), f"{ask.name or ask.login} ({ask.login})"),
        (ask.word("export.h.rows"), str(listing.total)),
        *([(ask.word("export.h.nature"), ask.word("screens.demo"))] if listing.demo else []),
    ]
    return Export(title, sheet.Head(lines, listing.columns), listing, found.most)


def allow(scope: Scope, found: List_) -> None:
    """Raises Forbidden, naming what is missing."""
    scope.require(RIGHT)
    if not any(scope.can(right) for right in found.rights):
        raise Forbidden(f"需要权限 {found.rights[0]}", f"needs the right {found.rights[0]}")


def write(place: Place, ask: Ask, name: str, made: Export, kind: str, address: str) -> Iterator[bytes]:
    """The file in pieces, after the audit has its line. Raises Invalid when there are too many rows."""
    if made.too_many:
        zh = f"超过 {made.most} 行，请缩小区域或筛选后再导出"
        en = f"more than {made.most} rows: narrow the region or the filter"
        raise Invalid(reasons=[Reason("rows", "too_many", zh, en, f"> {made.most}")])
    detail = {
        "rows": made.listing.total, "format": kind, "lang": ask.lang, "demo": made.listing.demo,
        "query": {k: v[:200] for k, v in ask.query.items()},
    }  # fmt: skip
    with place.store.scoped(SYSTEM) as conn:
        accounts.audit(conn, actor=ask.login, action="desk.export", object_=name, address=address, detail=detail)
    counted = _Counted(made.listing.rows())
    found = sheet.lines(made.head, counted, _tail(counted, made.listing, ask), place.zone)
    return sheet.as_xlsx(found, made.title) if kind == "xlsx" else sheet.as_csv(found)


class _Counted:
    """Rows, and how many were given."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows, self.n = rows, 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.n += 1
            yield row


def _tail(counted: _Counted, listing: Listing, ask: Ask) -> Iterator[Sequence[str]]:
    """A file that was cut off on its way lacks this line."""
    gone = listing.total - counted.n
    said = ask.word("export.end", n=counted.n)
    yield (said, ask.word("export.gone", n=gone) if gone else "")
