"""The way of an ordered crew, and the receipts it gives: pure."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_sources._demo import crews, play
from data_sources._demo.crews import LEAVE_S, SIGN_S, STRAIGHT_MPS, WORK_S, Way, place_of, receipt_due, way_of

T = dt.datetime(2026, 10, 3, 6, 0, tzinfo=dt.UTC)
places = st.tuples(st.floats(111.0, 112.0), st.floats(21.0, 22.0))


def after(seconds: float) -> dt.datetime:
    return T + dt.timedelta(seconds=seconds)


@given(st.lists(places, min_size=2, max_size=12), st.floats(1, 7200), st.floats(-100, 9000))
def test_a_way_begins_at_its_start_takes_its_time_and_stays_within_its_line(
    points: list[tuple[float, float]], total: float, s: float
) -> None:
    way = way_of(points, total)
    assert way.at(-1) == points[0]
    assert way.at(way.total_s + 1) == points[-1]
    if len(set(points)) > 1:
        assert way.total_s == pytest.approx(total)
    x, y = way.at(s)
    assert min(p[0] for p in points) - 1e-9 <= x <= max(p[0] for p in points) + 1e-9
    assert min(p[1] for p in points) - 1e-9 <= y <= max(p[1] for p in points) + 1e-9


def test_halfway_in_time_is_halfway_along_a_straight_line() -> None:
    way = way_of([(111.0, 21.5), (111.0, 21.7)], 600)
    x, y = way.at(300)
    assert (x, y) == pytest.approx((111.0, 21.6))
    # 22.1 km in ten minutes
    assert way.speed_kmh == pytest.approx(132.8, abs=0.5)
    assert way_of([(111.0, 21.5), (111.0, 21.7)], None).speed_kmh == pytest.approx(STRAIGHT_MPS * 3.6, abs=0.05)


def row(state: str, **at: float | None) -> dict[str, Any]:
    times = {"issued_at": 0.0, "signed_at": None, "begun_at": None, "done_at": None} | at
    return {"state": state} | {k: None if v is None else after(v) for k, v in times.items()}


def test_receipts_come_in_their_order_and_not_before_their_time() -> None:
    way = Way([(0, 0), (1, 1)], [0.0, 300.0], 40.0)
    assert receipt_due(row("issued"), way, after(SIGN_S - 1)) is None
    assert receipt_due(row("issued"), way, after(SIGN_S)) == "sign"
    assert receipt_due(row("signed", signed_at=30), way, after(30 + LEAVE_S - 1)) is None
    assert receipt_due(row("signed", signed_at=30), way, after(30 + LEAVE_S)) == "start"
    working = row("working", signed_at=30, begun_at=50)
    assert receipt_due(working, way, after(50 + 300 + WORK_S - 1)) is None
    assert receipt_due(working, way, after(50 + 300 + WORK_S)) == "done"
    for state in ("done", "unable", "withdrawn"):
        assert receipt_due(row(state, signed_at=1, begun_at=2, done_at=3), way, after(9e5)) is None


def test_a_vehicle_goes_there_stays_and_comes_back() -> None:
    way = way_of([(111.0, 21.5), (111.0, 21.7)], 600)
    assert place_of(row("signed", signed_at=30), way, after(100)) is None
    going = row("working", signed_at=30, begun_at=50)
    assert place_of(going, way, after(350)) == (*way.at(300), way.speed_kmh)
    assert place_of(going, way, after(50 + 700)) == (111.0, 21.7, 0.0)
    back = row("done", signed_at=30, begun_at=50, done_at=1050)
    assert place_of(back, way, after(1050 + 200)) == (*way.at(400), way.speed_kmh)
    assert place_of(back, way, after(1050 + 601)) is None
    turned = row("withdrawn", signed_at=30, begun_at=50, done_at=150)  # called back after a sixth of the way
    assert place_of(turned, way, after(150 + 50)) == (*way.at(50), way.speed_kmh)
    assert place_of(turned, way, after(150 + 101)) is None


@given(st.floats(0, play.BURNS_S + play.CLEARS_S))
def test_smoke_rises_above_the_limit_of_its_rule_and_clears(at: float) -> None:
    value = play.smoke(at)
    assert value is not None
    assert play.CLEAR <= value <= play.DENSE
    if play.DENSE_S <= at <= play.BURNS_S:
        assert value == play.DENSE
    assert play.smoke(play.BURNS_S + play.CLEARS_S + 1) is None


def test_no_story_no_time() -> None:
    assert play.told({"key": "x"}, T) is None
    assert play.told({"play": {"story": "fire", "at": T.isoformat()}}, after(5)) == 5
    assert play.fire_of(None) is None
    assert dt.timedelta(seconds=play.BURNS_S) < crews.KEPT
