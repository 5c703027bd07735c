"""What an incident is offered to be opened from, and what tools and panels of the map say, in both languages."""

from __future__ import annotations

import datetime as dt
import json
import re
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ioc import geo
from ioc.command import marks, raisable, telling
from ioc.i18n import catalogue
from ioc.screens.command import forms, tools
from ioc.screens.command.bodies import sectors, targets, villages
from ioc.screens.elements import html
from ioc.screens.html import to_html
from ioc.screens.raising import raising
from ioc.screens.state import View
from ioc.store import detail

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)


def view(lang: Any = "zh") -> View:
    return View(lang, NOW, ZoneInfo("Asia/Shanghai"))


def text(parts: Any) -> str:
    return to_html(html.Div(parts))


@pytest.mark.parametrize(
    ("found", "may"),
    [
        ({"key": "case:5", "record": {"flow": "grid"}}, True),
        ({"key": "case:5", "record": {"flow": "grid", "closed": True}}, False),
        ({"key": "case:5", "record": {"flow": "incident"}}, False),
        ({"key": "event:5", "unclaimed": True}, True),
        ({"key": "event:5", "unclaimed": False}, False),
        ({"key": "alarm:5"}, True),
        ({"key": "warning:5", "in_force": True}, True),
        ({"key": "warning:5", "in_force": False}, False),
        ({"key": "device:5"}, False),
        ({"key": "case:五"}, False),
        ({"key": "case:"}, False),
        ({}, False),
    ],
)
def test_only_what_can_become_an_incident_is_offered(found: dict[str, Any], may: bool) -> None:
    assert raisable.offered(found) is may


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_foot_of_a_panel_opens_one_or_leads_to_it(lang: Any) -> None:
    assert raising({"key": "device:1"}, view(lang)) is None
    made = text(raising({"incident": {"case_id": 9, "number": "TF1"}, "raise": None}, view(lang)))
    assert 'href="/desk/command/9"' in made
    asked = {"raise": {"kind": "alarm", "id": 4}, "number": "#4", "lon": 111.1}
    packed = re.search(r'data-step="([^"]*)"', text(raising(asked, view(lang))))
    assert packed is not None
    form = json.loads(unescape(packed[1]))
    assert form["body"] == {"origin": {"kind": "alarm", "id": 4}}
    assert form["ready"], "it has a place: Enter is enough"
    assert "place" not in [f["name"] for f in form["fields"]]
    nowhere = forms.raised("event", 3, "", False, lang)
    assert nowhere["fields"][0]["name"] == "place"
    assert not nowhere["ready"]


def test_every_system_a_place_may_be_given_in_is_one_the_server_reads() -> None:
    given = forms.wide("zh")
    for crs, name in (*given["crs"], *given["zones"]):
        assert geo.parse_crs(crs), name
    east, north = (float(v[0]) for v in geo.to_metres(np.array([111.0]), np.array([21.65]), 4546))
    assert ("EPSG:4546", "CGCS2000 3°带 111°E（东坐标, 北坐标）") in given["zones"], "CM 111°E is EPSG:4546"
    assert abs(east - 500_000) < 1, "the centre of that zone"
    assert 2_390_000 < north < 2_400_000


def test_sectors_and_villages_name_who_answers_and_where_nobody_does() -> None:
    mark = {"mark_id": 4, "zh": "分区", "en": "Sector", "kind": "sector", "label": "东侧", "responsible": "林志明",
            "area_m2": 1.2e6, "length_m": None}  # fmt: skip
    gate = mark | {"mark_id": 5, "zh": "卡口", "kind": "checkpoint", "label": "", "responsible": "", "area_m2": None}
    said = text(sectors.body({"items": [mark, gate], "total": 2}, view()))
    for word in ("东侧 · 分区", "林志明", "1.20 km²", "未指定负责人", 'data-own-mark="4"'):
        assert word in said, word
    assert marks.KINDS["checkpoint"].zh == "卡口"
    told = {"radius_m": None, "total": 2, "cells": 3, "people": 4, "area_name": "暴雨黄色预警", "villages": [
        {"code": "1", "name": "金山村", "heads": ["黄国栋"], "officers": ["黄国栋", "李四"], "named": True},
        {"code": "2", "name": "平地村", "heads": [], "officers": [], "named": False}]}  # fmt: skip
    said = text(villages.body(told, view()))
    assert "暴雨黄色预警内 2 个村居、3 个网格，须通知 4 人" in said
    assert said.index("平地村") < said.index("金山村"), "who has nobody comes first"
    assert "无人负责" in said
    assert "1.0 km" in text(villages.body(told | {"radius_m": 1000}, view()))


def test_a_list_asked_about_an_area_shows_what_is_inside() -> None:
    items = [{"name": "近处小学", "inside": False, "distance_m": 90}, {"name": "圈内油库", "inside": True}]
    data = {"items": items, "total": 2, "inside": {"count": 1, "headcount": 86}, "area_name": "东侧"}
    said = text(targets.body(data, view()))
    assert "东侧内 1 处，86 人" in said
    assert "圈内油库" in said
    assert "近处小学" not in said
    assert "近处小学" in text(targets.body(data | {"inside": None}, view()))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_what_if_is_marked_all_over(lang: Any) -> None:
    said = to_html(tools.what_if(lang))
    assert said.count("推演 非实况" if lang == "zh" else "WHAT-IF, NOT FACT") == tools.WATERMARKS
    assert "hidden" in said


def test_every_kind_of_detail_panel_has_a_name() -> None:
    kinds = set(detail._KINDS)  # pyright: ignore[reportPrivateUsage]
    assert {k for k in kinds if f"screens.type.{k}" not in catalogue()} == set()


def test_a_mark_is_told_in_both_languages() -> None:
    given = {"kind_zh": "分区", "label": "East", "responsible": "Lin"}
    told = telling.line("mark", given)
    assert (told.zh, told.en) == ("标绘 分区 East，负责：Lin", "Drawn Sector East, in charge: Lin")
    assert telling.line("mark_remove", {"kind_zh": "检查点", "label": ""}).zh == "删除标绘 检查点"
    assert telling.line("open", {"other": "人工登记"}).en.endswith("by hand")
