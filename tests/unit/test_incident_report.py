"""When a report is owed, what may be begun, and what its text says: what is known, each number with its moment."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.command import reporting, telling
from ioc.command.asking import PanelState
from ioc.command.report_text import Basis, Fact, draft
from ioc.command.report_work import panel_facts
from ioc.command.reporting import Sent, Term
from ioc.command.samples import terms_sheet
from ioc.errors import Conflict

NOW = dt.datetime(2026, 10, 3, 6, 32, tzinfo=dt.UTC)
ZONE = ZoneInfo("Asia/Shanghai")
TABLE, FAULTS = reporting.read_terms(terms_sheet())
MIN = dt.timedelta(minutes=1)


def test_the_shipped_table_says_how_far_it_is_known() -> None:
    assert FAULTS == []
    by_level = {t.level: t for t in TABLE}
    assert set(by_level) == {1, 2, 3, 4, None}
    for level in (1, 2):  # 重大、特别重大: 30 min by telephone, 2 h in writing
        assert (by_level[level].phone_min, by_level[level].first_min, by_level[level].first_confidence) == (
            30,
            120,
            "S",
        )
    assert {t.follow_confidence for t in TABLE} == {"U"}
    assert all(t.first_confidence == "U" for t in TABLE if t.level not in (1, 2))


@given(
    st.sampled_from([1, 2, 3, 4, None]),
    st.lists(st.tuples(st.sampled_from(["first", "follow", "final"]), st.sampled_from(["phone", "written"]),
                       st.integers(0, 600)), max_size=6),
)  # fmt: skip
def test_what_is_owed_follows_from_what_was_sent(level: int | None, told: list[tuple[str, str, int]]) -> None:
    sent = [Sent(kind, how, NOW + m * MIN) for kind, how, m in told]
    term = reporting.term_of(TABLE, level)
    assert term is not None
    owed = reporting.owed(term, NOW, sent, over=False)
    written = [s for s in sent if s.how == "written"]
    if any(s.kind == "final" for s in written):
        assert owed is None
        with pytest.raises(Conflict):
            reporting.drafted("follow", "written", sent, ())
        return
    assert owed is not None
    assert owed.kind == ("follow" if written else "first")
    assert owed.how == ("phone" if not sent else "written"), "the telephone does not stand for the writing"
    assert owed.at >= NOW
    assert reporting.owed(term, NOW, sent, over=True) is None
    if written:
        assert owed.at == max(s.at for s in sent) + (term.follow_min or 0) * MIN


def test_an_unknown_level_is_owed_by_the_row_without_one() -> None:
    only = [Term(None, None, 60, "U", None, "U")]
    found = reporting.term_of(only, 3)
    assert found is only[0]
    owed = reporting.owed(found, NOW, [], over=False)
    assert owed is not None
    assert (owed.how, owed.at) == ("written", NOW + 60 * MIN)
    assert reporting.owed(found, NOW, [Sent("first", "written", NOW)], over=False) is None, "no figure, nothing owed"
    assert reporting.term_of([Term(1, 1, 1, "U", 1, "U")], 3) is None
    for state, step in (("sent", "submit"), ("draft", "send"), ("void", "approve")):
        with pytest.raises(Conflict):
            reporting.stepped(state, step)


def _incident(**more: Any) -> dict[str, Any]:
    return {
        "title": "物流仓库火情", "description": "", "place": "北惯镇 金山村", "address": "",
        "lon": 111.98, "lat": 21.86,
        "opened_at": "2026-10-03T06:06:00Z", "class": {"zh": "事故灾难"}, "type": {"zh": "火灾事故"},
        "stage": "handling",
        "level": {"state": "confirmed", "roman": "Ⅲ", "by": "陈志强", "at": "2026-10-03T06:20:00Z"}, "warnings": [
            {"kind": {"zh": "森林火险"}, "colour_zh": "黄", "area": "阳春市", "status": "active"},
            {"kind": {"zh": "台风"}, "colour_zh": "白", "area": "全市", "status": "cancelled"}],
        "response": {"scope": "市级", "roman": "Ⅳ", "requested_by": "何敏仪", "approved_by": "陈志强",
                     "approved_at": "2026-10-03T06:12:00Z", "document": "消防预案"},
        "responded_at": "2026-10-03T06:12:00Z", "people_on_scene": 32,
        "posts": [{"title": {"zh": "总指挥"}, "person": "陈志强", "department": "市应急管理局", "now": True},
                  {"title": {"zh": "现场指挥官"}, "person": "前任", "department": "", "now": False}],
        "tasks": {"total": 3, "done": 1, "working": 1, "issued": 1, "unable": 0, "late": 1},
    } | more  # fmt: skip


def test_the_text_says_what_is_known_with_its_moment() -> None:
    told = PanelState("people", "ok", {
        "areas": [{"radius_m": 500, "total": 340, "groups": [], "partial": False},
                  {"radius_m": 1000, "total": 1860, "partial": True,
                   "groups": [{"group": "old", "count": 45, "shown": "45"},
                              {"group": "child", "count": None, "shown": "<5"}]}],
        "groups": {"old": {"zh": "老年人", "en": "old"}}, "method": "areal",
    }, NOW - 30 * MIN, "统计局")  # fmt: skip
    wind = PanelState("weather", "ok", {"titles": {"wind_speed": {"zh": "风速"}}, "values": {"wind_speed": {
        "value": 6.2, "unit": "m/s", "force_zh": "4 级", "observed_at": "2026-10-03T06:27:00+00:00",
        "station": "北惯站"}}},
        NOW)  # fmt: skip
    missing = PanelState("targets", "missing", missing=("targets",))
    own = PanelState("forces", "ok", {"report": ["到场 6 车 32 人"]}, NOW, "消防")
    around = [
        f for s, t in ((told, "人口"), (wind, "气象"), (missing, "敏感目标"), (own, "力量")) for f in panel_facts(s, t)
    ]
    entry = {"at": "2026-10-03T06:31:00Z", "happened_at": None, "by": "林志明", "zh": "记录", "text": "明火已控制"}
    made = draft("follow", Basis(_incident(), [entry], around, [], "阳江市", "何敏仪", 2), NOW, ZONE)
    for words in (
        "关于“物流仓库火情”的续报（第 2 次）", "2026年10月03日 14:06，接报北惯镇 金山村", "经度 111.98000",
        "事故灾难（火灾事故）",
        "Ⅲ 级，陈志强 14:20 确认", "森林火险黄色预警（阳春市）",
        "市级Ⅳ 级响应：何敏仪 申请，陈志强 14:12 批准，依据消防预案",
        "总指挥 陈志强（市应急管理局）", "已下达任务 3 项", "超时 1 项", "现场力量 32 人", "500 m 内 340 人",
        "1 km 内 1,860 人（部分有数据）", "老年人 45 人", "截至 10月03日 14:02，统计局", "风速 6.2 m/s（4 级）",
        "北惯站",
        "未列（数据未接入或查询失败）：敏感目标。", "到场 6 车 32 人", "14:31 林志明 记录：明火已控制", "继续处置",
    ):  # fmt: skip
        assert words in made.text, (words, made.text)
    assert [n for n in "一二三四五六七" if f"{n}、" in made.text] == list("一二三四五六七")
    for never in ("前任", "台风", "<5", "None"):
        assert never not in made.text
    assert {f.key.split(".")[0] for f in made.facts} == {
        "what",
        "level",
        "command",
        "forces",
        "around",
        "course",
        "next",
    }
    assert all(f.as_of is not None for f in made.facts if "统计局" in f.text)


def test_the_text_of_a_first_and_a_last_report() -> None:
    bare = _incident(level=None, response=None, posts=[], warnings=[], people_on_scene=None, stage="received",
                     responded_at=None, type=None, tasks={"total": 0, "late": 0})  # fmt: skip
    first = draft("first", Basis(bare), NOW, ZONE)
    assert "待研判" in first.text
    assert "响应与指挥" not in first.text, "what is not known has no heading"
    assert "三、下一步工作" in first.text, "and leaves no gap in the numbers"
    last = draft("final", Basis(_incident(), panels=[Fact("x", "y")]), NOW, ZONE)
    assert last.title.endswith("终报")
    assert "转入善后" in last.text


def test_every_step_has_words() -> None:
    for step in (*telling.ACTS, *telling.OTHERS):
        given = {"level": 3, "response_level": 2, "action": "raise", "kind": "first", "text": "说明", "person": "甲",
                 "role": "chief", "people": 3, "refers": 4, "scope": "市级", "title": "通知", "to": "乙",
                 "what": "警戒"}  # fmt: skip
        words = telling.told(step, given)
        assert words.zh
        assert words.en
        assert "None" not in words.zh + words.en, step
        assert telling.matters(step, {"mark": True})
