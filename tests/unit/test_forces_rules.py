"""Rules of targets and forces: hours of occupation, what is carried, states, figures, estimates. No store."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_sources.mqtt import Message
from data_sources.positions import OWN, read
from ioc.command import figures, force_state, occupancy, travel
from ioc.command.carried import carried
from ioc.command.occupancy import Occupancy
from ioc.errors import Conflict, Invalid
from ioc.intake.fields import TimeRules
from ioc.intake.positions import Checked, Position, check
from ioc.intake.reasons import CODES

TZ = ZoneInfo("Asia/Shanghai")
MINUTE = st.integers(0, 1439)
DAY = st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31))
NOW = dt.datetime(2026, 10, 3, 6, 32, tzinfo=dt.UTC)


@given(hours=st.lists(st.tuples(MINUTE, MINUTE), max_size=3), days=st.sets(st.integers(1, 7)), day=DAY, minute=MINUTE,
       term=st.none() | st.tuples(DAY, DAY))  # fmt: skip
def test_presence_is_what_minute_by_minute_says(
    hours: list[tuple[int, int]], days: set[int], day: dt.date, minute: int, term: tuple[dt.date, dt.date] | None
) -> None:
    """Against the naive reading: a span over midnight goes on into the next day, whatever that day is."""
    spans = [(a, b) for a, b in hours if a != b]
    terms = [cast("tuple[dt.date, dt.date]", tuple(sorted(term)))] if term else []
    o = Occupancy(tuple(spans), tuple(sorted(days)), tuple(terms))
    at = dt.datetime.combine(day, dt.time(minute // 60, minute % 60), TZ)

    def open_on(d: dt.date) -> bool:
        return (not days or d.isoweekday() in days) and (not terms or any(a <= d <= b for a, b in terms))

    inside = False
    for a, b in spans or [(0, 1440)]:
        if b > a:
            inside |= open_on(day) and a <= minute < b
        else:
            inside |= (open_on(day) and minute >= a) or (open_on(day - dt.timedelta(days=1)) and minute < b)
    expected = "unknown" if not (spans or days or terms) else "occupied" if inside else "empty"
    assert occupancy.presence(o, at, TZ) == expected
    assert occupancy.of(json.loads(json.dumps(o.as_dict()))) == o


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("周一至周五", (1, 2, 3, 4, 5)), ("1-5", (1, 2, 3, 4, 5)), ("星期六、日", (6, 7)), ("周五到周一", (1, 5, 6, 7)),
     ("每天", (1, 2, 3, 4, 5, 6, 7)), ("工作日；周日", (1, 2, 3, 4, 5, 7)), ("1,3,5", (1, 3, 5))],
)  # fmt: skip
def test_days_in_words(text: str, wanted: tuple[int, ...]) -> None:
    assert occupancy.days(text) == wanted


def test_hours_and_terms_in_words() -> None:
    assert occupancy.hours("07:30-11:40；14：00－17:30".replace("－", "-")) == ((450, 700), (840, 1050))
    assert occupancy.hours("22:00至06:00") == ((1320, 360),)
    assert occupancy.terms("2026-09-01至2027-01-20；2027年2月22日~2027.7.9") == (
        (dt.date(2026, 9, 1), dt.date(2027, 1, 20)),
        (dt.date(2027, 2, 22), dt.date(2027, 7, 9)),
    )
    for parse, wrong in ((occupancy.hours, "25:00-26:00"), (occupancy.days, "周八"), (occupancy.terms, "2027-01-01")):
        with pytest.raises(ValueError, match=r".+"):
            parse(wrong)


@given(st.lists(st.tuples(st.sampled_from(["液压破拆器", "担架", "AED", "泡沫灭火剂"]), st.integers(1, 999),
                          st.sampled_from(["", "套", "kg"])), min_size=1, max_size=6),
       st.sampled_from(["×", "*", "x", "：", " "]), st.sampled_from(["；", "、", ";"]))  # fmt: skip
def test_carried_reads_what_was_written(items: list[tuple[str, int, str]], times: str, between: str) -> None:
    text = between.join(f"{name}{times}{n}{unit}" for name, n, unit in items)
    assert carried(text) == [{"name": n, "amount": a, "unit": u} for n, a, u in items]


@given(st.text(max_size=80))
def test_carried_never_fails_nor_loses_a_word(text: str) -> None:
    for item in carried(text):
        assert item["name"]


@given(
    st.lists(st.tuples(st.sampled_from([*force_state.STATUSES, "备勤"]), st.none() | st.integers(1, 2)), max_size=30)
)
def test_busy_means_one_incident(asked: list[tuple[str, int | None]]) -> None:
    """Whatever is asked for in whatever order: bound, en route and on scene have one incident, the others none."""
    status, case = "available", None
    for wanted, wanted_case in asked:
        try:
            new, new_case = force_state.after(status, case, wanted, wanted_case)
        except (Invalid, Conflict):
            continue
        assert (new in force_state.BUSY) == (new_case is not None)
        if new_case != case and new_case is not None:
            assert new == "bound", "an incident is entered by being bound to it"
        assert force_state.after(new, new_case, new, new_case) == (new, new_case), "the same again is the same"
        status, case = new, new_case


REPORT = st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 3))


@given(st.lists(REPORT, max_size=8), st.randoms())
def test_the_order_of_arrival_does_not_decide(reports: list[tuple[int, int, int]], shuffle: Any) -> None:
    """Any order of the same reports ends with the same time and version in force."""

    def settled(order: list[tuple[int, int, int]]) -> tuple[Any, ...] | None:
        known = None
        for hour, version, free in order:
            new = (NOW + dt.timedelta(hours=hour), version, {"free": free})
            if figures.judge(known, new) == "newer":
                known = new
        return known and known[:2]

    mixed = list(reports)
    shuffle.shuffle(mixed)
    assert (
        settled(reports)
        == settled(mixed)
        == max(((NOW + dt.timedelta(hours=h), v) for h, v, _ in reports), default=None)
    )


def test_beds_are_counted_by_kind() -> None:
    got, reasons = figures.beds({"total": {"icu": 10, "general": 200}, "free": {"icu": 2}, "doctors": 30})
    assert (got, reasons) == ({"total": {"icu": 10, "general": 200}, "free": {"icu": 2}, "doctors": 30}, [])
    assert figures.free_beds(got) == 2
    assert figures.free_beds({"free": {}}) is None, "nobody said so is not 0"
    _, wrong = figures.beds({"total": {"icu": 1}, "free": {"icu": 2, "gold": 1, "burns": -1}})
    assert sorted((r.field, r.code) for r in wrong) == [
        ("beds.free.burns", "bad_number"), ("beds.free.gold", "bad_choice"), ("beds.free.icu", "more_than_total"),
    ]  # fmt: skip
    assert figures.places({"total": 100})[1][0].field == "places.free"
    assert figures.places({"free": 101, "total": 100})[1][0].code == "more_than_total"


def test_by_line_is_marked_and_boats_go_straight() -> None:
    stop = travel.Stop(1, 0, 0, 7200, "truck")
    trip = travel.by_line(stop, {"truck": 36.0, "boat": 36.0})
    assert (trip.seconds, trip.by) == (pytest.approx(7200 * 1.4 / 10), "line")
    afloat = travel.by_line(travel.Stop(1, 0, 0, 7200, "boat"), {"boat": 36.0})
    assert afloat.seconds == pytest.approx(720)

    def roads(_conn: Any, _ask: Any, stops: Any) -> dict[int, travel.Trip]:
        return {s.id: travel.Trip(60.0 * s.id, 900, "road") for s in stops if s.id != 3}

    stops = [travel.Stop(n, 0, 0, 1000, "boat" if n == 2 else "car") for n in (1, 2, 3)]
    found, notes = travel.trips(cast("Any", None), cast("Any", None), stops, {}, roads)
    assert [found[n].by for n in (1, 2, 3)] == ["road", "line", "line"]
    assert notes == (travel.SOME_BY_LINE,)
    assert travel.trips(cast("Any", None), cast("Any", None), stops, {}, None)[1] == (travel.BY_LINE,)
    assert travel.order(travel.Trip(None, None, "road", "unreachable")) > travel.order(travel.Trip(9e9, 1, "line"))


# ---------------------------------------------------------------- positions

RULES = TimeRules(NOW, TZ, dt.timedelta(minutes=10), dt.timedelta(days=30))
GOOD = {"ts": "2026-10-03T06:30:00Z", "lon": 111.98, "lat": 21.86}
JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
                    lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(max_size=8), c, max_size=3),
                    )  # fmt: skip


@given(st.dictionaries(st.sampled_from([*GOOD, "crs", "speed_kmh", "heading_deg", "source", "x"]), JSON))
def test_a_position_is_checked_or_refused_with_known_reasons(body: dict[str, Any]) -> None:
    found = check(Position("v1", {**GOOD, **body}), RULES)
    assert isinstance(found, Checked) or (found and {r.code for r in found} <= CODES)


def test_positions_of_any_declared_datum() -> None:
    plain = check(Position("v1", GOOD), RULES)
    gcj = check(Position("v1", {**GOOD, "crs": "GCJ-02"}), RULES)
    assert isinstance(plain, Checked)
    assert isinstance(gcj, Checked)
    assert (plain.lon, plain.lat) == (111.98, 21.86)
    assert 0.003 < plain.lon - gcj.lon < 0.007, "GCJ-02 is taken back, not stored as it came"
    for wrong, code in (({"lon": 0, "lat": 0}, "no_fix"), ({"lon": 21.86, "lat": 111.98}, "swapped_lonlat"),
                        ({"ts": "2026-10-03T08:00:00Z"}, "future_time"), ({"ts": "2025-10-03T08:00:00Z"}, "too_old"),
                        ({"heading_deg": 400}, "out_of_range"), ({"crs": "moon"}, "unknown_crs")):  # fmt: skip
        refused = check(Position("v1", {**GOOD, **wrong}), RULES)
        assert isinstance(refused, list)
        assert [r.code for r in refused] == [code]


@given(st.binary(max_size=200))
def test_no_message_breaks_the_reader(payload: bytes) -> None:
    good, refused = read(Message(f"{OWN}v1", payload, 1, 1, 1))
    assert good or refused or payload.strip() in (b"[]",)
    assert {r.code for x in refused for r in x.reasons} <= CODES


def test_topics_of_positions() -> None:
    body = json.dumps([GOOD, 3]).encode()
    good, refused = read(Message(f"{OWN}消防-01", body, 1, 1, 1))
    assert ([p.resource for p in good], [r.reasons[0].code for r in refused]) == (["消防-01"], ["bad_object"])
    for topic in (OWN, "ioc/v1/observations/x", OWN + "x" * 201):
        assert read(Message(topic, body, 1, 1, 1))[1][0].reasons[0].code == "bad_topic"
