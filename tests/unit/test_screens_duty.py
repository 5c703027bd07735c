"""The duty line, the drawer, the chips of saved views and the bar over picked rows, as components."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ioc.screens import duty, saved
from ioc.screens.elements import html
from ioc.screens.html import to_html
from ioc.screens.state import View, parse_page, who_of
from tests import fake_duty

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)


def view(lang: Any = "zh") -> View:
    return View(lang, NOW, ZoneInfo("Asia/Shanghai"))


def text(parts: list[Any]) -> str:
    return to_html(html.Div(parts))


def test_the_line_names_who_is_on() -> None:
    line = text(duty.head(fake_duty.duty_now(), view()))
    for word in ("早班 08:00–20:00", "值班长", "何敏仪", "李嘉欣、冯立"):
        assert word in line
    assert "周海明" not in line
    wall = text(duty.head(fake_duty.duty_now(), view(), wall=True))
    assert "周海明" in wall
    assert "冯立" not in wall
    assert duty.head({}, view()) == []
    empty = {**fake_duty.duty_now(), "on": [], "shift": None, "next": None}
    assert "未排班" in text(duty.head(empty, view()))
    assert duty.head(empty, view(), wall=True) == []


def test_a_missing_handover_is_on_the_desk_and_not_on_the_wall() -> None:
    now = {**fake_duty.duty_now(), "handover": fake_duty.handover("missing")}
    assert "交接缺失" in text(duty.head(now, view()))
    assert "交接缺失" not in text(duty.head(now, view(), wall=True))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_drawer_holds_what_is_handed_over(lang: str) -> None:
    page = text(duty.body(fake_duty.duty_now(), fake_duty.handover(), view(lang)))
    assert "燃气 &lt;b&gt;超限&lt;/b&gt;" in page, "somebody's text stays text"
    assert 'data-sel="case:7"' in page
    for number in ("612", "185", "138"):
        assert number in page
    assert page.count("data-step") == 1
    button = duty._act("give", fake_duty.handover(), view(lang), main=True)
    form = json.loads(button.to_plotly_json()["props"]["data-step"])
    assert form["body"] == {"act": "give", "ends_at": fake_duty.SHIFT["ends_at"], "version": 0}
    assert form["fields"][0]["optional"] is True


@pytest.mark.parametrize("state", ["early", "open", "given", "done", "missing", "continued", "unsigned"])
def test_every_state_has_its_words(state: str) -> None:
    acts = [{"act": "give", "name": "何敏仪", "at": "2026-10-03T11:50:00+00:00", "note": "注意雷达"},
            {"act": "return", "name": "许家豪", "at": "2026-10-03T11:55:00+00:00", "note": "缺报修单号"}]  # fmt: skip
    page = text(duty.body(fake_duty.duty_now(), fake_duty.handover(state, may=[], acts=acts, facts={}), view()))
    assert "duty.state" not in page
    assert "缺报修单号" in page
    assert "<footer" not in page, "nothing to be confirmed by this reader"


def test_without_a_roster_the_drawer_says_what_to_do() -> None:
    empty = {**fake_duty.duty_now(), "on": [], "next": None}
    assert "ioc import rosters" in text(duty.body(empty, None, view()))


def _view(n: int) -> dict[str, Any]:
    query = {"query": {"show": "overdue"}, "region": "", "address": f"show=overdue&view={n}"}
    marks = {"shared": n > 10, "mine": n <= 10, "default": False, "version": 1}
    return {"view_id": n, "name": f"视图<{n}>", **marks, **query}


VIEWS = [_view(n) for n in range(1, 12)]


def test_nine_views_have_a_key_and_every_one_an_address() -> None:
    page = text(saved.chips(VIEWS, parse_page("/desk/events?show=overdue&view=2"), "zh"))
    assert page.count('class="kbd"') == 9
    assert 'href="/desk/events?show=overdue&amp;view=11"' in page
    assert "视图&lt;1&gt;" in page
    assert page.count("chip sv on") == 1


def test_only_who_may_share_is_offered_it() -> None:
    page = parse_page("/desk/events")
    chief = who_of("何", ["chief"], "session", permissions=["desk.share"])
    assert "data-share" in to_html(saved.row([], page, chief))
    assert "data-share" not in to_html(saved.row([], page, who_of("李", ["officer"], "session")))


def test_the_bar_offers_what_can_be_done_with_all() -> None:
    step = {"key": "urge", "title": {"zh": "催办", "en": "Urge"}, "needs": ["text"], "to": ""}
    proof = {"key": "self_handle", "title": {"zh": "自处理", "en": "x"}, "needs": ["photo_before"], "to": "verified"}
    found = {"steps": [proof, step], "cases": [{"case_id": 7, "number": "N7", "version": 3, "region_id": 1}],
             "missing": [9], "departments": [], "regions": []}  # fmt: skip
    page = text(saved.bar(found, "zh"))
    for word in ("已选 2 件", "1 件不可办理", "催办"):
        assert word in page
    assert "自处理" not in page, "pictures are of one case"
    assert saved.bar({**found, "cases": [], "missing": []}, "zh") == []
    assert "没有共同的步骤" in text(saved.bar({**found, "steps": []}, "zh"))
