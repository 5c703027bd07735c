"""The moment a screen asks for: `t=` of an address. Pure, but for the one that holds for the request in hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from ioc.clock import Clock
from ioc.errors import Invalid, Reason

LIVE = "live"
# A moment this far back is written no more: transactions that began before it have ended, and its frames may be kept.
SETTLED = dt.timedelta(seconds=60)
Value = TypeVar("Value")

_asked: ContextVar[dt.datetime | None] = ContextVar("ioc_moment", default=None)


def asked() -> dt.datetime | None:
    """The moment the request in hand asks for; None: it is live."""
    return _asked.get()


def ask(moment: dt.datetime | None) -> None:
    _asked.set(moment)


def parse(text: str, now: dt.datetime, earliest: dt.datetime) -> dt.datetime | None:
    """`t=`: ISO 8601 with an offset, or `live` (also when empty): None. To the second, as frames are kept by it.

    Raises Invalid: no time, without its offset, in the future, or before what is kept.
    """
    given = text.strip()
    if given in ("", LIVE):
        return None
    try:
        # a `+` of an address that was not escaped comes as a blank
        at = dt.datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
    except ValueError:
        raise _refused("bad_time", "应为 ISO 8601 时间", "must be a time of ISO 8601", given) from None
    if at.tzinfo is None:
        raise _refused("no_offset", "时间须带时区，如 +08:00", "the time needs its offset, like +08:00", given)
    at = at.astimezone(dt.UTC).replace(microsecond=0)
    if at > now:
        raise _refused("future", "尚未发生，不能回溯", "lies in the future", given)
    if at < earliest:
        zh, en = f"早于留存期限 {earliest:%Y-%m-%d}", f"lies before what is kept, {earliest:%Y-%m-%d}"
        raise _refused("too_old", zh, en, given)
    return at


def settled(moment: dt.datetime, now: dt.datetime) -> bool:
    return now - moment >= SETTLED


def _refused(code: str, zh: str, en: str, value: str) -> Invalid:
    return Invalid(reasons=[Reason("t", code, zh, en, value[:60])])


class AskedClock:
    """The clock of a screen: the moment asked for, or the time it is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> dt.datetime:
        return asked() or self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()


class _Turned:
    """Whatever is asked of it is asked of the present, or of the moment the request in hand asks for."""

    def __init__(self, live: Any, at: Callable[[dt.datetime], Any]) -> None:
        self._live, self._at = live, at

    def __getattr__(self, name: str) -> Any:
        moment = asked()
        return getattr(self._live if moment is None else self._at(moment), name)


def turned(live: Value, at: Callable[[dt.datetime], Value]) -> Value:
    """`live`, which for a request that looks back is `at(moment)`. Both answer to the same protocol."""
    return cast(Value, _Turned(live, at))
