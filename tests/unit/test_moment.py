"""`t=` of an address: what is a moment, and what is refused with which reason."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc import moment
from ioc.clock import FixedClock
from ioc.errors import Invalid

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
EARLIEST = NOW - dt.timedelta(days=30)


def refused(text: str) -> str:
    with pytest.raises(Invalid) as caught:
        moment.parse(text, NOW, EARLIEST)
    (reason,) = caught.value.reasons
    assert reason.field == "t"
    return reason.code


@given(
    back=st.floats(0, 30 * 86_400 - 2), offset=st.integers(-14 * 60, 14 * 60), unescaped=st.booleans()
)  # fmt: skip
def test_any_spelling_of_a_past_second_is_that_second(back: float, offset: int, unescaped: bool) -> None:
    at = NOW - dt.timedelta(seconds=back)
    text = at.astimezone(dt.timezone(dt.timedelta(minutes=offset))).isoformat()
    found = moment.parse(text.replace("+", " ") if unescaped else text, NOW, EARLIEST)
    assert found == at.replace(microsecond=0)
    assert moment.parse(found.isoformat(), NOW, EARLIEST) == found, "a frame is found again by what it was found by"


@given(st.text(max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    try:
        found = moment.parse(text, NOW, EARLIEST)
    except Invalid as e:
        said = e.reasons[0].code
    else:
        said = "live" if found is None else "inside" if EARLIEST <= found <= NOW else "outside"
    assert said in ("live", "inside", "bad_time", "no_offset", "future", "too_old")


def test_what_is_no_moment_has_its_reason() -> None:
    assert moment.parse("live", NOW, EARLIEST) is None
    assert moment.parse("", NOW, EARLIEST) is None
    assert moment.parse("2026-10-03T14:32:08+08:00", NOW, EARLIEST) == NOW
    assert refused("2026-10-03T06:32:09Z") == "future"
    assert refused("2026-09-03T06:32:07Z") == "too_old"
    assert refused("2026-10-03T06:00:00") == "no_offset"
    assert refused("3 October") == "bad_time"


def test_what_is_turned_follows_the_request() -> None:
    clock, seen = moment.AskedClock(FixedClock(NOW)), moment.turned([1], lambda at: [at])  # type: ignore[list-item]
    past = NOW - dt.timedelta(hours=1)
    assert (clock.now(), seen.count(1)) == (NOW, 1)
    moment.ask(past)
    try:
        assert (clock.now(), seen.count(1), seen.count(past)) == (past, 0, 1)  # type: ignore[arg-type]
        assert moment.settled(past, NOW)
    finally:
        moment.ask(None)
    assert not moment.settled(NOW - dt.timedelta(seconds=59), NOW)
    assert clock.now() == NOW
