"""Plans: which fits an incident, reading them from files, and the state of a step. No store."""

from __future__ import annotations

import datetime as dt
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.cases.sheets import Sheet
from ioc.command import plan_file, step_state
from ioc.command.panels.plan import response_in
from ioc.command.plan_file import Known, read_file, read_plans
from ioc.command.plans import About, Action, Level, Plan, class_of, levels_of, match, newest, working_level
from ioc.dictionaries import shipped
from ioc.errors import Conflict, Invalid

DAY = dt.date(2026, 10, 3)
NOW = dt.datetime(2026, 10, 3, 6, tzinfo=dt.UTC)
HERE = ("440103001", "440103", "4401")  # village, county, city
LEVELS = {3: Level((Action(1, "赶赴现场"),)), 4: Level((Action(1, "核实"),))}
TYPES = ["", "11", "11B", "11B06", "12", "12A", "13"]


def plan(code: str, **more: Any) -> Plan:
    given = {"version": "1", "title": code, "valid_from": dt.date(2026, 1, 1), "levels": LEVELS, **more}
    return Plan(code, **given)


PLANS = st.lists(
    st.builds(
        plan,
        st.sampled_from("abc"),
        plan_id=st.integers(1, 99),
        class_=st.none() | st.integers(1, 4),
        types=st.lists(st.sampled_from(TYPES[1:]), max_size=2, unique=True).map(tuple),
        places=st.lists(st.sampled_from([*HERE, "440104"]), max_size=2, unique=True).map(tuple),
        valid_from=st.dates(DAY - dt.timedelta(days=3), DAY + dt.timedelta(days=3)),
        valid_to=st.none() | st.dates(DAY, DAY + dt.timedelta(days=9)),
        levels=st.sampled_from([LEVELS, {1: LEVELS[3]}]),
    ),
    max_size=8,
)
ABOUT = st.builds(About, st.just(DAY), st.none() | st.integers(1, 4), st.sampled_from(TYPES), st.just(HERE),
                  st.none() | st.integers(1, 4))  # fmt: skip


@given(PLANS, ABOUT)
def test_every_match_fits_and_the_most_specific_comes_first(plans: list[Plan], about: About) -> None:
    found = match(plans, about)
    class_ = about.class_ or class_of(about.type_)
    for m in found:
        p = m.plan
        assert p.valid_from <= DAY
        assert p.valid_to is None or p.valid_to >= DAY
        assert p.class_ in (None, class_) or class_ is None
        assert not p.places or set(p.places) & set(HERE)
        if p.types and about.type_:
            assert any(about.type_.startswith(t) for t in p.types)
        assert m.certain or not about.type_ or p.class_ is not None
    assert len({m.plan.code for m in found}) == len(found), "one version a plan"
    for a, b in pairwise(found):
        assert a.certain >= b.certain
        if a.certain == b.certain:
            depth = [len(HERE) - HERE.index(m.place) if m.place else 0 for m in (a, b)]
            assert depth[0] >= depth[1], "the finer place first"
            if depth[0] == depth[1]:
                assert len(a.type_) >= len(b.type_) - 1, "then the longer type (a class counts one)"
    assert match(plans[::-1], about) == found or len({(p.valid_from, p.plan_id) for p in plans}) < len(plans)


@given(PLANS)
def test_what_is_not_in_force_is_nobodys_plan(plans: list[Plan]) -> None:
    codes = {p.code for p in plans if p.in_force(DAY)}
    assert {p.code for p in newest(plans, DAY)} == codes


def test_town_before_city_type_before_class_and_the_unknown_last() -> None:
    town = plan("town", class_=2, types=("12A",), places=("440103001",))
    city = plan("city", class_=2, types=("12A",))
    any_accident = plan("any", class_=2)
    typhoon = plan("typhoon", class_=1, types=("11B",))
    general = plan("general")
    every = [general, any_accident, typhoon, city, town]
    fire = About(DAY, None, "12A", HERE, 3)
    assert [m.plan.code for m in match(every, fire)] == ["town", "city", "any", "general"]
    nobody_knows = About(DAY, None, "", HERE)
    assert [(m.plan.code, m.certain) for m in match(every, nobody_knows)] == [
        ("general", True), ("town", False), ("any", False), ("city", False), ("typhoon", False),
    ]  # fmt: skip
    assert [m.plan.code for m in match(every, About(DAY, None, "11B06", HERE))] == ["typhoon", "general"]
    assert working_level(city, None, 3) == 3
    assert working_level(city, 4, 3) == 4, "the approved response level, not the incident's"
    assert working_level(city, None, 1) == 4, "a level it lacks is none: the least, as a preview"
    assert levels_of(json.loads(json.dumps(city.levels_json()))) == LEVELS
    assert [response_in(t) for t in ("防风 Ⅲ 级响应", "", "Ⅰ级")] == [3, None, 1]


# ---------------------------------------------------------------- files

KNOWN = Known(
    lambda w: getattr(shipped()["category.gbt35561"].find(w), "code", ""),
    lambda w: {"北惯镇": "441704103000", "441704103000": "441704103000"}.get(w, ""),
    lambda w: getattr(shipped()["resource_kind"].find(w), "code", ""),
)
CSV = """# 文号：阳府办〔2026〕1号
预案编码,预案名称,版本,类别,事件类型,适用区划,生效日期,失效日期,响应级别,步骤,行动,责任部门,责任岗位,时限(分钟),触发条件,需回执,所需资源
HZ-01,仓储火灾应急预案,2026-1,事故灾难,火灾事故、危险化学品事故,北惯镇,2026-01-01,2028-12-31,Ⅲ级,1,首批力量赶赴现场,消防救援支队,指挥长,15,接警后,是,消防站*2；救援队伍
,,,,,,,,III,2,疏散周边群众,北惯镇政府,镇长,30,,否,避难场所
,,,,,,,,四级响应,,核实警情,指挥中心,值班长,5,,,
"""


def test_a_table_of_plans() -> None:
    read = read_plans(read_file("plans.csv", CSV.encode()), KNOWN)
    assert read.reasons == ()
    assert read.value is not None
    (p,) = read.value
    assert (p.code, p.class_, p.types, p.places) == ("HZ-01", 2, ("12A", "12B"), ("441704103000",))
    assert (p.document, p.valid_to, p.sample) == ("阳府办〔2026〕1号", dt.date(2028, 12, 31), False)
    assert [a.what for a in p.levels[3].actions] == ["首批力量赶赴现场", "疏散周边群众"]
    assert p.levels[3].actions[0].receipt
    assert p.levels[3].actions[0].deadline_min == 15
    assert p.levels[3].resources == (("fire_station", 2), ("shelter", None), ("team", None))
    assert [a.order for a in p.levels[4].actions] == [1]


def test_json_is_the_same_plan() -> None:
    read = read_plans(read_file("plans.csv", CSV.encode()), KNOWN)
    assert read.value is not None
    (p,) = read.value
    body = {"plans": [{
        "code": p.code, "title": p.title, "version": p.version, "class": 2, "types": list(p.types),
        "places": list(p.places), "document": p.document, "valid_from": "2026-01-01", "valid_to": "2028-12-31",
        "levels": p.levels_json(),
    }]}  # fmt: skip
    again = read_plans(read_file("plans.json", json.dumps(body).encode()), KNOWN)
    assert again.reasons == ()
    assert again.value == (p,)
    for broken in (b"[]", b'{"plans": [1]}', b'{"plans": 3}', b"\xff", b'{"plans": [{"levels": {"1": {}}}]}'):
        with pytest.raises(Invalid):
            read_file("plans.json", broken)


@pytest.mark.parametrize(
    ("old", "new", "row", "field"),
    [
        ("Ⅲ级", "五级", 3, "响应级别"),
        ("仓储火灾应急预案", "", 3, "预案名称"),
        ("2026-01-01", "去年", 3, "生效日期"),
        ("2028-12-31", "2025-01-01", 3, "失效日期"),
        ("火灾事故、", "地震灾害、", 3, "事件类型"),
        ("火灾事故、", "火星事故、", 3, "事件类型"),
        (",北惯镇,2026", ",远镇,2026", 3, "适用区划"),
        ("消防站*2", "外星舰队*2", 3, "所需资源"),
        (",15,", ",马上,", 3, "时限"),
        ("III,2,疏散周边群众", "III,1,疏散周边群众", 4, "步骤"),
        ("疏散周边群众", "", 4, "行动"),
        (",,,,,,,,III", ",别的名称,,,,,,,III", 4, "预案名称"),
        ("# 文号：阳府办〔2026〕1号\n", "", 2, "文号"),
    ],
)
def test_a_fault_is_told_with_its_row_and_nothing_is_taken(old: str, new: str, row: int, field: str) -> None:
    assert old in CSV
    read = read_plans(read_file("plans.csv", CSV.replace(old, new, 1).encode()), KNOWN)
    assert read.value is None
    assert (row, field) in {(r.row, r.reason.field) for r in read.reasons}, read.reasons


@given(st.lists(st.dictionaries(st.sampled_from(list(plan_file.COLUMNS)), st.text(max_size=12)), max_size=5))
def test_no_table_breaks_the_reader(rows: list[dict[str, str]]) -> None:
    sheet = Sheet("x.csv", tuple(plan_file.COLUMNS), tuple(enumerate(rows, 2)), {})
    read = read_plans(sheet, KNOWN)
    assert (read.value is None) == bool(read.reasons)


# ---------------------------------------------------------------- steps


@given(
    deadline=st.none() | st.integers(0, 120), receipt=st.booleans(), added=st.booleans(),
    asked=st.lists(st.tuples(st.sampled_from([*step_state.STATES, "gone"]), st.sampled_from(["", "理由"]),
                             st.sampled_from(["", "甲"]), st.integers(-10, 200)), max_size=8),
)  # fmt: skip
def test_a_step_is_skipped_with_a_reason_and_late_by_the_clock(
    deadline: int | None, receipt: bool, added: bool, asked: list[tuple[str, str, str, int]]
) -> None:
    due_at = step_state.due(NOW, deadline)
    step: dict[str, Any] = {"state": "todo", "receipt": receipt, "due_at": due_at, "added": added, "reason": "",
                            "version": 1}  # fmt: skip
    for state, reason, by, minute in asked:
        now = NOW + dt.timedelta(minutes=minute)
        try:
            values = step_state.after(step, state, ("u1", "甲"), reason, by, now)
        except Conflict:
            assert state == step["state"]
            continue
        except Invalid as e:
            wrong = {r.field for r in e.reasons}
            assert wrong <= {"state", "reason", "receipt_by"}
            assert ("reason" in wrong) == (state == "skipped" and not reason)
            assert ("receipt_by" in wrong) == (state == "done" and receipt and not by)
            continue
        assert values["late"] == (state == "done" and due_at is not None and now > due_at)
        assert (values["done_at"] is None) == (state == "todo")
        assert state != "skipped" or values["reason"]
        step |= values


def test_what_is_still_to_do_is_late_when_its_time_has_passed() -> None:
    due = NOW + dt.timedelta(minutes=5)
    assert not step_state.late("todo", None, due, NOW)
    assert step_state.late("todo", None, due, due + dt.timedelta(seconds=1))
    assert not step_state.late("done", due, due, due + dt.timedelta(hours=1))
    assert not step_state.late("skipped", None, due, due + dt.timedelta(hours=1))
