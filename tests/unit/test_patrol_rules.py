"""Tracks and coverage: what holds whatever a phone sends and in whatever order, and a few walks by hand."""

from __future__ import annotations

import datetime as dt
import math
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ioc.patrols.coverage import PERIOD, coverage, together
from ioc.patrols.track import COARSE, GOOD, JUMP, Point, length, merged, metres, reachable

TZ = ZoneInfo("Asia/Shanghai")
NOW = dt.datetime(2026, 10, 3, 6, 0, tzinfo=dt.UTC)
BASE = 1_790_000_000_000
DEGREE_M = math.pi * 6_371_008.8 / 180

points = st.builds(
    Point,
    st.integers(0, 200).map(lambda n: BASE + n * 30_000),
    st.floats(111, 112, allow_nan=False),
    st.floats(21, 22, allow_nan=False),
    st.one_of(st.just(math.nan), st.floats(0, 400, allow_nan=False)),
)


def walk(n: int, step_m: float = 40, every_s: int = 30) -> list[Point]:
    """Northwards, exact to 5 m."""
    return [Point(BASE + k * every_s * 1000, 111.0, 21.0 + k * step_m / DEGREE_M, 5.0) for k in range(n)]


@given(st.lists(points, max_size=30), st.randoms(use_true_random=False), st.integers(0, 30))
def test_batches_late_twice_and_out_of_order_make_the_same_track(
    given_points: list[Point], random: object, cut: int
) -> None:
    whole = merged([], given_points)
    shuffled = given_points + given_points[: cut // 2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = merged([], shuffled[:cut])
    later = merged(merged(first.points, shuffled[cut:]).points, given_points)
    assert repr(later) == repr(whole)
    assert [p.at_ms for p in whole.points] == sorted({p.at_ms for p in given_points})
    assert len(whole.flags) == len(whole.points)


@given(st.lists(points, max_size=30))
def test_the_believed_points_can_be_walked_and_the_distance_is_no_longer_than_they_are(found: list[Point]) -> None:
    track = merged([], found)
    good = track.good
    assert all(reachable(a, b) for a, b in pairwise(good))
    assert all(f == COARSE for p, f in zip(track.points, track.flags, strict=True) if p.accuracy_m > 100)
    assert 0 <= track.distance_m <= sum(metres(a, b) for a, b in pairwise(good)) + 1e-6
    if any(f != COARSE for f in track.flags):
        assert GOOD in track.flags


@given(st.integers(2, 60), st.floats(12, 300), st.data())
def test_one_impossible_point_is_flagged_and_changes_no_metre(n: int, step: float, data: st.DataObject) -> None:
    line = walk(n, step)
    wild = data.draw(st.integers(0, n - 1))
    far = Point(line[wild].at_ms + 15_000, 113.5, 23.0, 5.0)
    track = merged(line, [far])
    if n > 2:
        assert dict(zip(track.points, track.flags, strict=True))[far] == JUMP
        assert track.jumps == 1
        assert math.isclose(track.distance_m, (n - 1) * step, rel_tol=1e-6)


def test_a_wild_start_does_not_condemn_the_track() -> None:
    track = merged([Point(BASE - 1000, 100.0, 30.0, 5.0)], walk(20))
    assert (track.flags[0], track.jumps) == (JUMP, 1)


def test_one_who_stands_has_walked_nothing() -> None:
    trembling = [Point(BASE + k * 1000, 111 + (k % 2) * 4e-5, 21.0, 8.0) for k in range(500)]
    assert length(trembling) == 0
    assert length([]) == 0


def test_of_two_points_for_one_moment_the_more_exact_stays() -> None:
    (p,) = merged([Point(BASE, 111.0, 21.0, 30.0)], [Point(BASE, 111.1, 21.1, 4.0), Point(BASE, 111.2, 21.0)]).points
    assert p.accuracy_m == 4.0


@given(
    st.one_of(st.none(), st.timedeltas(dt.timedelta(0), dt.timedelta(days=400))),
    st.integers(0, 50),
    st.one_of(st.just(0.0), st.floats(0.05, 100)),
)
def test_coverage_is_a_share_and_a_count_of_days(ago: dt.timedelta | None, done: int, planned: float) -> None:
    last = None if ago is None else NOW - ago
    found = coverage(last, done, planned, NOW, TZ)
    assert (found.share is None) == (planned == 0)
    assert found.share is None or 0 <= found.share <= 1
    assert (found.days_since is None) == (last is None)
    if last is not None and found.days_since is not None:
        assert found.days_since == (NOW.astimezone(TZ).date() - last.astimezone(TZ).date()).days
        assert found.overdue == (planned > 0 and NOW - last > PERIOD / planned)
    else:
        assert found.overdue == (planned > 0)


def test_days_are_those_of_the_calendar() -> None:
    evening = dt.datetime(2026, 10, 2, 15, 59, tzinfo=dt.UTC)  # 23:59 in the centre's zone
    assert coverage(evening, 1, 7, dt.datetime(2026, 10, 2, 16, 1, tzinfo=dt.UTC), TZ).days_since == 1


def test_a_cell_walked_too_often_does_not_cover_for_another() -> None:
    cells = [coverage(NOW, 10, 2, NOW, TZ), coverage(None, 0, 2, NOW, TZ)]
    assert together(cells) == 0.5
    assert together([coverage(NOW, 3, 0, NOW, TZ)]) is None
