"""Figures that are withheld, and what was known at a moment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ioc.villages.figures import LEAST, Shown, rank, shown, total
from ioc.villages.playback import Step, Thing, counts, moments, settled

LABELS = [{"zh": "受理", "en": "accepted"}, {"zh": "办结", "en": "closed"}]
steps = st.builds(
    Step,
    st.integers(0, 50),
    st.sampled_from(["open", "closed", "void"]),
    st.sampled_from(["routine", "urgent"]),
    st.sampled_from(LABELS),
)


@given(st.integers(0, 10**6))
def test_small_counts_are_withheld(value: int) -> None:
    assert shown(value) == (Shown(None, True) if value < LEAST else Shown(value))


@given(st.lists(st.one_of(st.none(), st.integers(0, 2000)), max_size=12))
def test_no_sum_gives_away_the_one_small_part(values: list[int | None]) -> None:
    said = total(values)
    have = [v for v in values if v is not None]
    if said.value is not None:
        assert said.value == sum(have) >= LEAST
        known = sum(v for v in have if v >= LEAST)
        hidden = [v for v in have if v < LEAST]
        # what remains when the shown parts are taken off belongs to nobody or to several
        assert said.value == known or len(hidden) != 1
    else:
        assert said.withheld == bool(have)


def test_no_figure_is_none_and_not_small() -> None:
    assert shown(None) == Shown(None) == total([]) == total([None])
    assert sorted(["残疾车", "elderly", "households"], key=rank) == ["households", "elderly", "残疾车"]


@given(st.lists(steps, max_size=20), st.integers(-5, 60))
def test_at_a_moment_the_newest_recorded_by_then_holds(given_steps: list[Step], ms: int) -> None:
    thing = Thing("case:1", "t", None, None, settled(given_steps))
    by_then = [s for s in given_steps if s.at_ms <= ms]
    found = thing.at(ms)
    if not by_then:
        assert found is None
        return
    newest = max(s.at_ms for s in by_then)
    last = [s for s in given_steps if s.at_ms == newest][-1]
    assert found is not None
    assert (found.state, found.urgency, found.label) == (last.state, last.urgency, last.label)
    assert counts([thing], ms) == {"open": int(last.state == "open"), "closed": int(last.state == "closed")}


@given(st.lists(st.lists(steps, max_size=8), max_size=6))
def test_moments_are_exactly_when_something_changes(all_steps: list[list[Step]]) -> None:
    things = [Thing(f"event:{i}", "t", 1.0, 2.0, settled(s)) for i, s in enumerate(all_steps)]
    found = moments(things, 10, 40)
    assert found == sorted(set(found))
    for ms in range(10, 41):
        changed = any(t.at(ms) is not t.at(ms - 1) for t in things)
        assert changed == (ms in found)
