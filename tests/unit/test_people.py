"""Safe counts and estimates of people: nothing small can be subtracted out, rings nest, one layer answers."""

from __future__ import annotations

import datetime as dt
import itertools

from hypothesis import given
from hypothesis import strategies as st

from ioc.command import people
from ioc.command.disclosure import BASE, groups_told, rounded, safe, told
from ioc.command.people import Unit

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
KEYS = st.binary(min_size=16, max_size=32)
SHARES = st.floats(0, 1)


@given(KEYS, st.text(max_size=10), st.floats(0, 1e6))
def test_a_count_is_rounded_to_a_neighbour_and_always_the_same(key: bytes, unit: str, count: float) -> None:
    got = rounded(count, key, unit, "elderly")
    assert got % BASE == 0
    assert abs(got - count) < BASE
    assert got == rounded(count, key, unit, "elderly")
    assert count % BASE != 0 or got == count


def test_rounding_keeps_sums_right_and_tells_1_to_4_from_nothing_certain() -> None:
    """Unbiased over many units; and each of 1 to 4 answers as 0 in some unit and as 5 in another."""
    for count in (1, 2, 3, 4, 7):
        drawn = [rounded(count, b"k" * 32, f"u{n}", "g") for n in range(20_000)]
        assert set(drawn) == ({0, 5} if count < 5 else {5, 10})
        assert abs(sum(drawn) / len(drawn) - count) < 0.06, "four standard errors of 2.5 / sqrt(20,000)"


@given(KEYS, st.lists(st.integers(0, 30), min_size=1, max_size=30), st.data())
def test_no_difference_of_answers_is_a_count_of_one_to_four(key: bytes, counts: list[int], data: st.DataObject) -> None:
    """Any areas (any shares of the units, nested or not, as often as one likes): what is said differs by steps of 5."""
    shown = [safe({"g": c}, key, f"u{n}")["g"] for n, c in enumerate(counts)]
    areas = data.draw(st.lists(st.lists(SHARES, min_size=len(counts), max_size=len(counts)), min_size=2, max_size=6))
    said = [told(sum(s * w for s, w in zip(shown, shares, strict=True))) for shares in areas]
    assert all(s is None or (s >= BASE and s % BASE == 0) for s in said)
    for a, b in itertools.combinations([s for s in said if s is not None], 2):
        assert abs(a - b) not in (1, 2, 3, 4)


@given(KEYS, st.lists(st.integers(0, 4), min_size=1, max_size=12), st.data())
def test_small_counts_have_another_truth_with_the_same_answers(
    key: bytes, counts: list[int], data: st.DataObject
) -> None:
    """Whoever asks for every union of units still cannot tell: what was rounded to 0 could be 0, to 5 could be 5.

    The answers to every possible question are those of a city without a single small count.
    """
    shown = [safe({"g": c}, key, f"u{n}")["g"] for n, c in enumerate(counts)]
    harmless = [rounded(c, key, f"u{n}", "g") for n, c in enumerate(shown)]
    assert harmless == shown, "counts of 0 and 5 are rounded to themselves: the other truth"
    picks = data.draw(st.lists(st.sets(st.integers(0, len(counts) - 1)), min_size=1, max_size=20))
    for pick in picks:
        assert told(sum(shown[i] for i in pick)) == told(sum(harmless[i] for i in pick))


def test_words_of_groups() -> None:
    got = groups_told({"b": 4.0, "a": 12.6, "c": 0.0}, ("b",))
    assert [(g["group"], g["count"], g["shown"]) for g in got] == [("b", 5, "5"), ("a", 15, "15"), ("c", None, "<5")]
    assert told(2.4) is None


def unit(source: str, side: float, inside: list[float], total: float = 100, **more: object) -> Unit:
    day = DAY + dt.timedelta(days=int(str(more.pop("age", 0))))
    return Unit(source, "area", total, {"elderly": 20}, side * side, inside, day, **more)  # type: ignore[arg-type]


def test_the_finest_layer_that_covers_as_well_answers_for_all_areas() -> None:
    coarse = [unit("census", 1000, [1e6])]
    fine = [unit("grid", 100, [1e4]) for _ in range(99)]
    assert people.in_force([*coarse, *fine], 0) == ("grid", "area"), "99 % of what the census covers"
    assert people.in_force([*coarse, *fine[:90]], 0) == ("census", "area"), "90 % does not do"
    newer = [unit("grid2", 100, [1e4], age=5) for _ in range(99)]
    assert people.in_force([*fine, *newer], 0) == ("grid2", "area")
    assert people.in_force([], 0) is None
    found = people.estimate([*coarse, *fine], [1e6], 0)
    assert found is not None
    assert (found.counts[0].total, found.others) == (9900, [("census", "area")]), "never both"
    assert abs(found.counts[0].covered - 0.99) < 1e-9


@given(
    st.lists(st.tuples(st.floats(1, 1e6), st.floats(0, 1e5), st.lists(SHARES, min_size=4, max_size=4)), min_size=1),
    st.booleans(),
)
def test_rings_nest(drawn: list[tuple[float, float, list[float]]], built: bool) -> None:
    """Whatever the units, by area or by buildings: a wider ring never holds fewer people, and no unit counts twice."""
    units = [
        Unit("s", "area", total, {"g": 5}, area, [area * s for s in sorted(shares)], DAY,
             floors=(10.0, [10.0 * s for s in sorted(shares)]) if built else None)
        for area, total, shares in drawn
    ]  # fmt: skip
    found = people.estimate(units, [1e12] * 4, 3)
    assert found is not None
    totals = [c.total for c in found.counts]
    assert all(a <= b + 1e-6 for a, b in itertools.pairwise(totals))
    assert totals[-1] <= sum(total for _, total, _ in drawn) + 1e-6


def test_buildings_put_people_where_the_floors_are() -> None:
    """Half of the unit lies inside, but nine tenths of its floors; wholly inside, or without floors, it is as it is."""
    floors = (1000.0, [900.0])
    assert unit("s", 100, [5000.0], floors=floors).share(0) == 0.9
    assert unit("s", 100, [10_000.0], floors=floors).share(0) == 1
    assert unit("s", 100, [0.0], floors=floors).share(0) == 0
    assert unit("s", 100, [5000.0], floors=(0.0, [0.0])).share(0) == 0.5
