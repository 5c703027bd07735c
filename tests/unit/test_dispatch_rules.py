"""Pure rules of dispatch, duplicates, escalation and ratings, against independent sayings of them."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.cases import dispatch, duplicates, escalation, ratings
from ioc.cases.dispatch_file import (
    Known,
    read_departments,
    read_dispatch,
    read_duplicates,
    read_escalation,
)
from ioc.cases.duplicates import Limits, LimitTable
from ioc.cases.sheets import read_sheet
from ioc.flows import flows

NOW = dt.datetime(2026, 11, 20, 9, 20, tzinfo=dt.UTC)
CODES = ("", "01", "0110", "0505", "05", "complaint")
category = st.tuples(st.sampled_from(("gbt30428", "12345", "")), st.sampled_from(CODES))
share = st.floats(0, 1)
limits = st.builds(
    lambda r, h, a, b: Limits(r, h, max(a, b), min(a, b)), st.floats(1, 2000), st.floats(0.1, 2000), share, share
)
metres, hours = st.floats(0, 5000), st.floats(0, 5000)


# ------------------------------------------------------------ duplicates


@given(category, category, metres | st.none(), hours, share, limits)
def test_a_score_is_a_share_and_the_same_either_way(
    a: tuple[str, str], b: tuple[str, str], away: float | None, apart: float, text: float, lim: Limits
) -> None:
    found = duplicates.score(a, b, away, apart, text, lim)
    assert 0 <= found.total <= 1
    assert found == duplicates.score(b, a, away, -apart, text, lim)
    if (away or 0) > lim.radius_m or apart > lim.hours:
        assert found == duplicates.NONE
    if away is None and lim.certain > 0:
        assert duplicates.verdict(found, lim) != "certain", "without a place nothing is certain"


@given(category, category, st.tuples(metres, metres), st.tuples(hours, hours), st.tuples(share, share), limits)
def test_nearer_sooner_and_liker_never_scores_less(
    a: tuple[str, str],
    b: tuple[str, str],
    away: tuple[float, float],
    apart: tuple[float, float],
    text: tuple[float, float],
    lim: Limits,
) -> None:
    better = duplicates.score(a, b, min(away), min(apart), max(text), lim).total
    worse = duplicates.score(a, b, max(away), max(apart), min(text), lim).total
    assert better >= worse - 1e-12


@given(category, limits)
def test_the_same_report_is_the_same_thing(a: tuple[str, str], lim: Limits) -> None:
    found = duplicates.score(a, a, 0.0, 0.0, 1.0, lim)
    assert math.isclose(found.total, 1.0 if a[1] else 1 - 0.3 * (1 - duplicates.UNKNOWN))


def test_thresholds_by_the_longest_category() -> None:
    parking = Limits(15, 2, 0.9, 0.7)
    table = LimitTable((("", Limits(80)), ("05", Limits(30)), ("0505", parking)))
    assert table.find("0505") == parking
    assert (table.find("0506").radius_m, table.find("0110").radius_m) == (30, 80)
    assert LimitTable().find("0110") == duplicates.DEFAULTS.find("0110") == Limits()
    car, lim = ("gbt30428", "0505"), duplicates.DEFAULTS.find("0505")
    assert duplicates.verdict(duplicates.score(car, car, 14, 0.1, 1, lim), lim) != "certain", "two cars in a row"
    assert duplicates.verdict(duplicates.score(car, car, 3, 0.1, 0.9, lim), lim) == "certain"
    with pytest.raises(ValueError, match="hint"):
        Limits(certain=0.4, hint=0.5)


def test_other_categories_and_the_examples_of_the_page() -> None:
    pothole, mend, lamp = ("gbt30428", "0110"), ("gbt30428", "0101"), ("gbt30428", "0505")
    lim = Limits()
    assert duplicates.score(pothole, lamp, 0, 0, 1, lim) == duplicates.NONE
    near = duplicates.score(pothole, pothole, 12, 3, 0.2, lim)
    assert duplicates.verdict(near, lim) == "certain"
    far = duplicates.score(pothole, pothole, 40, 3, 0.2, lim)
    assert duplicates.verdict(far, lim) == "hint"
    assert duplicates.verdict(duplicates.score(pothole, mend, 45, 70, 0, lim), lim) == ""
    assert duplicates.nearest_hours(7200, [0, 3600]) == 1


# ------------------------------------------------------------ dispatch


def test_a_case_belongs_to_the_kind_of_cell_its_flow_asks_for() -> None:
    cells = [{"kind": "unit", "code": "9"}, {"kind": "general", "code": "2"}, {"kind": "general", "code": "1"}]
    own: Any = {k: dispatch.owner_cell(flows()[k], cells) for k in ("grid", "urban", "hotline")}
    assert {k: (c["kind"], c["code"]) for k, c in own.items()} == {
        "grid": ("general", "1"),
        "urban": ("unit", "9"),
        "hotline": ("general", "1"),
    }
    assert dispatch.owner_cell(flows()["urban"], cells[1:]) == cells[2], "no unit there: the next kind of its list"
    assert dispatch.owner_cell(flows()["grid"], []) is None


@given(st.permutations([{"kind": k, "code": c} for k in ("unit", "general", "special") for c in "123"]))
def test_who_owns_an_edge_does_not_depend_on_the_order(cells: list[dict[str, str]]) -> None:
    assert dispatch.owner_cell(flows()["grid"], cells) == {"kind": "general", "code": "1"}


RULE = st.builds(
    dispatch.Rule,
    st.integers(1, 50),
    st.sampled_from(("", "grid", "urban")),
    st.sampled_from(("", "01", "0110", "05")),
    st.sampled_from(("", "city", "town", "far")),
    st.booleans(),
    st.just("D"),
)


@given(st.lists(RULE, unique_by=lambda r: r.rule_no), st.sampled_from(("0110", "0505", "")), st.booleans())
def test_the_rule_found_fits_and_none_is_more_specific(rows: list[dispatch.Rule], code: str, market: bool) -> None:
    regions = ["city", "town"]
    found = dispatch.Rules(tuple(rows), 3).find("grid", code, regions, market)
    fitting = [
        r for r in rows
        if r.flow in ("", "grid") and code.startswith(r.category) and r.region_code in ("", *regions)
        and (market or not r.market_day)
    ]  # fmt: skip
    assert (found is None) == (not fitting)
    for other in fitting if found else ():
        assert found
        assert len(other.category) <= len(found.category)
        if other.category == found.category:
            assert ["", *regions].index(other.region_code) <= ["", *regions].index(found.region_code)


def test_the_way_to_the_department() -> None:
    assert dispatch.path(flows()["grid"], "reported") == ("accept", "forward")
    assert dispatch.path(flows()["hotline"], "accepted") == ("forward",)
    assert dispatch.path(flows()["urban"], "filed") == ("dispatch",)
    assert dispatch.path(flows()["grid"], "handling") is None
    assert dispatch.path(flows()["incident"], "received") is None


def test_officers_by_role_and_urgency() -> None:
    people = [{"name": "甲", "role": "网格员"}, {"name": "乙", "role": "村级河长"}, {"name": " "}]
    assert [o["name"] for o in dispatch.to_notify(people, "河长")] == ["乙"]
    assert [o["name"] for o in dispatch.to_notify(people, "林长")] == ["甲", "乙"], "nobody of that role: all"
    assert dispatch.more_urgent("routine", "urgent") == "urgent"
    assert dispatch.more_urgent("critical", "") == "critical"


# ------------------------------------------------------------ escalation


RULES = [
    escalation.Rule(1, 1, "department", over_pct=0),
    escalation.Rule(2, 2, "role", "chief", over_pct=50),
    escalation.Rule(3, 3, "role", "leader", over_hours=24),
    escalation.Rule(4, 2, "role", "chief", category="01", over_hours=1),
]


def late(minutes_over: float, done: tuple[int, ...] = (), code: str = "0505") -> list[int]:
    case = escalation.Late("grid", code, "handling", NOW - dt.timedelta(hours=4), NOW, done)
    return [r.rule_no for r in escalation.reached(RULES, case, NOW + dt.timedelta(minutes=minutes_over))]


def test_levels_are_reached_in_turn_and_once() -> None:
    assert late(-1) == late(0) == []
    assert late(1) == [1]
    assert late(119, (1,)) == []
    assert late(120, (1,)) == [2]
    assert late(24 * 60, (1, 2)) == [3]
    assert late(24 * 60) == [1, 2, 3], "an ingest that was away catches up with every level"
    assert late(61, (1,), "0110") == [4], "the rule of the category stands for the general one"
    assert late(59, (1,), "0110") == []


@given(st.integers(-1000, 10000), st.integers(0, 5000), st.sets(st.integers(1, 3)))
def test_never_before_the_term_never_twice_and_more_the_later(over: int, more: int, done: set[int]) -> None:
    case = escalation.Late("grid", "0505", "x", NOW - dt.timedelta(hours=4), NOW, done)
    first = escalation.reached(RULES, case, NOW + dt.timedelta(minutes=over))
    later = escalation.reached(RULES, case, NOW + dt.timedelta(minutes=over + more))
    levels = [r.level for r in first]
    assert len(set(levels)) == len(levels)
    assert not set(levels) & done
    assert set(levels) <= {r.level for r in later}
    assert over > 0 or not first


# ------------------------------------------------------------ ratings


@given(st.dictionaries(st.text(max_size=5), st.integers(0, 10**6), max_size=12))
def test_shares_sum_to_a_hundred(counts: dict[str, int]) -> None:
    found = ratings.shares(counts)
    if not sum(counts.values()):
        assert found == {}
        return
    assert sum(round(v * 10) for v in found.values()) == 1000
    total = sum(counts.values())
    assert all(abs(found[k] - 100 * n / total) <= 0.1 for k, n in counts.items())


def test_repair_rate() -> None:
    assert ratings.repair_rate(0, 0) is None
    assert ratings.repair_rate(4, 3) == 75
    assert [ratings.is_bad(r) for r in (None, 1, 2, 3, 5)] == [False, True, True, False, False]


# ------------------------------------------------------------ files


def known(*departments: str) -> Known:
    codes = {"0110": "0110", "道路破损": "0110", "0102": "0102", "0505": "0505"}
    regions = {"古埠镇": "331101100000", "331101100000": "331101100000"}
    return Known(flows(), lambda flow, word: codes.get(word), regions.get, departments)


def sheet(text: str) -> Any:
    return read_sheet("t.csv", text.encode())


def reasons(found: Any) -> list[tuple[int, str, str]]:
    return [(r.row, r.reason.field, r.reason.code) for r in found.reasons]


def test_departments_of_a_file() -> None:
    good = read_departments(
        sheet("编码,名称,层级,区划,上级,电话\nA1,市城管局,市级,,,12319\nA2,古埠环卫所,镇,古埠镇,A1,\n"), known()
    )
    assert good.value
    assert [(d.code, d.level, d.region_code, d.parent) for d in good.value] == [
        ("A1", "city", "", ""),
        ("A2", "town", "331101100000", "A1"),
    ]
    bad = read_departments(
        sheet("编码,名称,层级,区划,上级\nA,甲,市级,无此镇,\nB,甲,省,,C\nC,丙,市级,,D\nD,丁,市级,,C\n"), known()
    )
    assert bad.value is None
    assert {(2, "区划", "unknown_region"), (3, "层级", "bad_choice")} <= set(reasons(bad))
    assert [r for r in reasons(bad) if r[2] == "circle"], "C above D above C"


def test_rules_of_a_file() -> None:
    text = (
        "流程,类别,区划,责任部门,协办部门,紧急程度,圩日,通知岗位\n"
        "网格事件,道路破损,古埠镇,市城管局,,紧急,,河长\n"
        ",102,,网格部门,市城管局,,是,\n"
    )
    good = read_dispatch(sheet(text), known("市城管局"))
    assert good.value == (
        dispatch.Rule(1, "grid", "0110", "331101100000", False, "市城管局", "", "urgent", "河长"),
        dispatch.Rule(2, "", "0102", "", True, "", "市城管局", "", ""),
    )
    bad = read_dispatch(
        sheet("流程,类别,责任部门\n无此流程,,甲\n,无此类,市城管局\n,,市城管局\n,,市城管局\n"), known("市城管局")
    )
    assert {(2, "流程", "bad_choice"), (2, "责任部门", "unknown_department"), (3, "类别", "unknown_category"),
            (5, "责任部门", "set_twice")} == set(reasons(bad))  # fmt: skip


def test_thresholds_and_levels_of_a_file() -> None:
    good = read_duplicates(sheet("类别,距离,小时,确定,疑似\n,50,72,0.75,0.5\n0505,15,2,0.9,0.7\n"), known())
    assert good.value == (("", Limits(50, 72, 0.75, 0.5)), ("0505", Limits(15, 2, 0.9, 0.7)))
    bad = read_duplicates(sheet("类别,距离,小时,确定,疑似\n,0,72,0.4,0.5\n,50,x,1,1\n"), known())
    assert {r[1] for r in reasons(bad)} == {"距离", "小时"}
    rules = read_escalation(
        sheet("级别,流程,环节,超时比例,超时小时,通知\n1,,,0%,,责任部门\n2,网格事件,处置,,4,值班长\n3,,,,24,leader\n"),
        known(), ("leader", "chief"),
    )  # fmt: skip
    assert rules.value
    assert [(r.level, r.flow, r.stage, r.over_pct, r.over_hours, r.to_kind, r.to_ref) for r in rules.value] == [
        (1, "", "", 0, None, "department", ""),
        (2, "grid", "handling", None, 4, "role", "chief"),
        (3, "", "", None, 24, "role", "leader"),
    ]
    bad = read_escalation(sheet("级别,环节,超时比例,超时小时,通知\n1,处置,1,1,甲\n1.5,,1,,值班长\n"), known(), ())
    assert {r[2] for r in reasons(bad)} == {"no_flow", "one_of_two", "bad_choice", "bad_number"}
