"""The command workspace in both languages: head, panels and their states, timeline, orders, forms of acts."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ioc.command.asking import PanelState
from ioc.command.datasets import datasets
from ioc.command.panels import panels
from ioc.command.weather import Value
from ioc.declare import Panel
from ioc.i18n import Text, catalogue
from ioc.screens.command import forms, head, log, page, shell
from ioc.screens.command.bodies import _rows, weather
from ioc.screens.elements import html
from ioc.screens.html import to_html
from ioc.screens.state import View, parse_page
from tests.fake_incident import incident

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
LANGS = ("zh", "en")
PANEL = Panel("people", Text("受影响人口", "People"), datasets=("population",), helped_by=("buildings",))
TITLES = {k: d.title for k, d in datasets().items()}


def view(lang: Any = "zh") -> View:
    return View(lang, NOW, ZoneInfo("Asia/Shanghai"))


def text(parts: Any) -> str:
    return to_html(html.Div(parts))


def test_the_head_says_how_bad_who_said_so_and_what_is_due() -> None:
    said = text(head.head(incident(), view()))
    for word in (
        "Ⅲ 级 较大",
        "已确认 陈志强 14:20",
        "市级 Ⅲ 级",
        "25:47",
        "续报时限 15:06",
        "34:13",
        "演示数据",
        "14:06",
    ):
        assert word in said, word
    first = incident(level={"value": None, "state": "initial", "proposed": {"level": 2, "by": "何敏仪", "at": None}})
    said = text(head.head(first, view()))
    assert "初判 何敏仪" in said
    assert head.level_of(first) == (2, True)
    late = incident(report_due={"at": "2026-10-03T06:30:00Z", "label": "首报"}, exercise=True, response=None)
    said = text(head.head(late, view()))
    assert 'class="num over"' in said
    assert "演练" in said
    over = text(head.head(incident(ended={"how": "ended", "at": "2026-10-03T06:16:21Z"}), view()))
    assert "10:00" in over
    assert "data-since" not in over, "a clock of what is over stands still"
    assert head.hms(3 * 86_400 + 61) == "72:01:01"


@pytest.mark.parametrize("lang", LANGS)
def test_a_panel_says_its_age_source_and_what_is_missing(lang: Any) -> None:
    asked = view(lang)
    state = PanelState("people", "missing", missing=("population",))
    assert TITLES["population"](lang) in text(shell.children(PANEL, state, TITLES, asked))
    forbidden = PanelState("people", "forbidden", error_code="x.view")
    assert "x.view" in text(shell.children(PANEL, forbidden, TITLES, asked))
    failed = PanelState("people", "error", error=Text("超过 5 秒", "no answer within 5 s"))
    said = text(shell.children(PANEL, failed, TITLES, asked))
    assert ("超过 5 秒" if lang == "zh" else "no answer") in said
    assert 'data-ask="people"' in said
    data = {"areas": [{"radius_m": 500, "total": 340, "groups": [{"group": "aged", "shown": "<5"}]},
                      {"radius_m": 1000, "total": 1860, "partial": True,
                       "groups": [{"group": "aged", "shown": "120"}]}],
            "groups": {"aged": {"zh": "老人", "en": "aged"}}}  # fmt: skip
    found = PanelState("people", "ok", data, NOW - dt.timedelta(days=300), "市统计局", dt.timedelta(days=365),
                       lacking=("buildings",), origin="demo")  # fmt: skip
    said = text(shell.children(PANEL, found, TITLES, asked))
    for word in ("1,860", "2025-12-07", "市统计局", TITLES["buildings"](lang), "120"):
        assert word in said, word
    drawn = {**data, "areas": [*data["areas"], {"area": True, "total": 0, "groups": []}]}
    said = text(shell.children(PANEL, PanelState("people", "ok", drawn, NOW), TITLES, asked))
    assert ("人在 绘制范围 内" if lang == "zh" else "people within Drawn area") in said


def test_weather_tells_warnings_also_without_a_station() -> None:
    warned = {"zh": "台风", "en": "Typhoon", "colour": "orange", "state": "in_force", "sender": "气象台",
              "exercise": False,
              "onset_at": "2026-10-03T05:00:00Z", "ended_at": None, "change": "up",
              "before": [{"colour": "yellow"}, {"colour": "blue"}]}  # fmt: skip
    over = {**warned, "colour": "red", "state": "cancelled", "ended_at": "2026-10-03T06:00:00Z", "before": []}
    panel = panels()["weather"]
    bare = PanelState("weather", "missing", {"warnings": [warned, over]}, missing=("stations",))
    said = text(shell.children(panel, bare, TITLES, view()))
    for word in (TITLES["stations"]("zh"), "台风 橙色预警", "13:00 起生效", "由黄色预警、蓝色预警升级", "14:00 解除"):
        assert word in said, word


def test_a_live_value_has_a_ring_and_a_file_its_day() -> None:
    live = PanelState("forces", "ok", {}, NOW - dt.timedelta(seconds=42), "x", dt.timedelta(minutes=1))
    assert "42 秒前" in text(shell.children(PANEL, live, TITLES, view()))
    assert "fresh" in text(shell.children(PANEL, live, TITLES, view()))


def _travel(seconds: float | None, by: str = "road") -> dict[str, Any]:
    return {"seconds": seconds, "metres": None if seconds is None else 8300.0, "by": by}


def test_forces_by_road_by_line_bound_and_there() -> None:
    base = {"kind": {"icon": "truck"}, "lon": 112.0, "lat": 21.9, "people": 20, "distance_m": 5000,
            "status": {"code": "available", "free": True, "zh": "可用", "en": "Free"},
            "position": {"from": "register"}}  # fmt: skip
    there = {"code": "on_scene", "free": False, "since": "2026-10-03T06:17:00Z", "zh": "在场", "en": "On scene"}
    rows = [
        {**base, "name": "甲队", "travel": _travel(660)},
        {**base, "name": "乙队", "travel": _travel(660, "line"),
         "position": {"from": "tracker", "age_s": 9000, "state": "lost"}},
        {**base, "name": "丙队", "travel": _travel(None)},
        {**base, "name": "丁队", "travel": _travel(60), "status": {**there, "zh": "已派往他处"}},
        {**base, "name": "戊队", "travel": _travel(0), "status": there, "here": True,
         "position": {"from": "tracker", "age_s": 42, "state": "live"}},
    ]  # fmt: skip
    state = PanelState("forces", "ok", {"items": rows, "total": 9, "free": 4}, NOW, "x", dt.timedelta(minutes=1))
    said = text(shell.children(Panel("forces", Text("力量", "Forces")), state, TITLES, view()))
    assert [re.sub("<[^>]+>", "", w) for w in re.findall(r'<td class="r num ?m?" title="[^"]*">(.*?)</td>', said)] == [
        "已到 14:17", "11 分", "约 11 分", "无通路", "已派往他处",
    ]  # fmt: skip
    assert "另有 4 个" in said
    states = re.findall(r'data-state="([^"]*)"', said)
    assert states == ["on", "", "off", "", "off"], "a lost position and what is bound elsewhere are hollow"
    assert 'data-sub="已到 14:17 · 42 秒前"' in said


@pytest.mark.parametrize("lang", LANGS)
def test_every_body_has_something_to_say_about_nothing(lang: Any) -> None:
    for key in shell.drawn():
        said = re.sub("<[^>]+>", "", text(list(shell.body_of(key)({}, view(lang)))))
        assert said.strip(), key


def test_the_timeline_and_orders() -> None:
    common = {"zh": "记录", "en": "Log", "by": "林志明"}
    rows = [
        {**common, "no": 9, "at": "2026-10-03T06:31:00Z", "text": "明火已控制", "matters": True, "refers": 4},
        {**common, "no": 4, "at": "2026-10-03T06:17:00Z", "text": "到场", "corrected_by": 9, "matters": False},
    ]
    said = text(log.entries(rows, view()))
    assert "更正第 4 条" in said
    assert re.search('class="old"[^>]*data-no="4"', said)
    task = {"task_id": 3, "what": "布设监测点", "to": {"name": "生态环境局"}, "due_at": "2026-10-03T06:28:00Z",
            "late": True, "state": "issued", "zh": "已下达", "en": "Issued", "may": []}  # fmt: skip
    done = {**task, "task_id": 2, "state": "done", "zh": "已完成", "late": False}
    said = text(log.orders([done, task], view()))
    assert said.index('data-task="3"') < said.index('data-task="2"'), "what is open goes first"
    assert "超时" in said
    assert "限 14:28" in said
    assert "尚未下达指令" in text(log.orders([], view()))


@pytest.mark.parametrize("lang", LANGS)
def test_an_act_is_a_form_with_a_word_for_every_field(lang: Any) -> None:
    from ioc.command import life

    for act in life.ACTS.values():
        for field in forms.fields(act.needs, act.may, {}, lang):
            assert f"cmd.f.{field['name']}" in catalogue(), f"{act.key}: {field['name']}"
    [button] = forms.acts(incident(), {}, lang)
    form = json.loads(button.to_plotly_json()["props"]["data-step"])
    assert form["body"] == {"act": "propose_level", "version": 3}
    assert (form["under"], form["queue"]) == ("given", True)
    level = form["fields"][0]
    assert [v for v, _ in level["choices"]] == ["1", "2", "3", "4"]
    assert level["number"] is True
    known = forms.field("warning", {"warning": [("5", "台风黄色")]}, lang)
    assert (known["kind"], known["number"]) == ("choice", True)


def test_the_list_has_those_under_way_first() -> None:
    rows = [incident(case_id=1, ended={"how": "ended"}), incident(case_id=2)]
    here = parse_page("/desk/command")
    said = text(page.rows_of({"incidents": rows}, here, view()))
    assert said.index("/desk/command/2") < said.index("/desk/command/1")
    assert "当前没有突发事件" in text(page.rows_of({}, here, view()))


def test_four_classes_by_four_levels_choose_incidents() -> None:
    """EMG-01: a chip shows what is left when it is pressed, keeps the other choice and takes itself back."""
    made = [(1, 1, 2), (2, 1, None), (3, 2, 2), (4, None, 3)]
    rows = [
        incident(
            case_id=n, level={"value": level, "state": "confirmed", "proposed": None} if level else None,
            **{"class": {"code": c, "zh": "类", "en": "c"} if c else None},
        )
        for n, c, level in made
    ]  # fmt: skip

    def shown(url: str) -> tuple[set[int], str]:
        said = text(page.rows_of({"incidents": rows}, parse_page(url), view()))
        return {n for n, _, _ in made if f"/desk/command/{n}" in said}, said

    for url, fitting in (
        ("/desk/command", {1, 2, 3, 4}), ("/desk/command?class=1", {1, 2}), ("/desk/command?level=2", {1, 3}),
        ("/desk/command?class=1&level=2", {1}), ("/desk/command?class=0", {4}), ("/desk/command?level=0", {2}),
        ("/desk/command?class=9", {1, 2, 3, 4}), ("/desk/command?class=3&level=1", set()),
    ):  # fmt: skip
        assert shown(url)[0] == fitting, url
    assert "没有符合筛选的突发事件" in shown("/desk/command?class=3")[1]
    bare = shown("/desk/command?level=0")[1].split('class="ccard')[1]
    assert "未定级" in bare
    assert "lv0" in bare
    assert "lv4" not in bare
    both = shown("/desk/command?class=1&level=2&region=9")[1]
    assert "region=9&amp;class=2&amp;level=2" in both, "another class with the same level"
    back = re.search(r"<a[^>]*chip ll2 on[^>]*>", both)
    assert back is not None
    assert 'href="/desk/command?region=9&amp;class=1"' in back[0], "pressed again it takes itself back"
    counts = dict(re.findall(r'll(\d)[^>]*>.*?<span class="num">(\d+)</span>', both))
    assert counts == {"1": "0", "2": "1", "3": "0", "4": "0"}, "of the chosen class"


def test_distances_read_as_people_say_them() -> None:
    assert [_rows.metres(v) for v in (None, 780, 1300, 24_400)] == ["—", "780 m", "1.3 km", "24 km"]
    assert _rows.minutes(20, "zh") == "1 分"


def _told(prop: str, number: float, unit: str, station: int = 1, age_s: float = 60) -> dict[str, Any]:
    at = NOW - dt.timedelta(seconds=age_s)
    return Value(f"站{station}", station, 8776.0, prop, number, unit, at, 600).as_json(NOW)


def test_the_wind_is_an_arrow_to_where_it_blows_with_whose_word_it_is() -> None:
    values = {
        "wind_speed": _told("wind_speed", 6.2, "m/s"),
        "wind_direction": _told("wind_direction", 135, "°"),
        "temperature": _told("temperature", 28, "℃", age_s=300),
        "rain_1h": _told("rain_1h", 3, "mm", 2),
    }
    titles = {"temperature": {"zh": "气温"}, "rain_1h": {"zh": "小时雨量"}, "wind_speed": {"zh": "风速"}}
    said = text(weather.body({"values": values, "titles": titles}, view()))
    for word in ("rotate(315)", "东南风 4 级", "6.2 m/s · 吹向西北", "28 ℃", "站1 8.8 km · 5 分", "小时雨量"):
        assert word in said, (word, said)
    assert "风速" not in said, "the arrow says it"
    # halves of two stations are no wind: each stands for itself
    values["wind_direction"] = _told("wind_direction", 135, "°", 3)
    said = text(weather.body({"values": values, "titles": titles}, view()))
    assert "rotate(" not in said
    assert "风速" in said
