"""Pages as wholes: words, ids, links, panels, and what Dash is told; over a Services without a store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dash.development.base_component import Component

from ioc.errors import StoreUnavailable
from ioc.i18n import catalogue
from ioc.scope import SYSTEM
from ioc.screens import desk, marks, site, ways_in
from ioc.screens.dash_app import encode_page
from ioc.screens.html import to_html
from ioc.screens.model import make_view, wall_tiles
from ioc.screens.state import parse_page, who_of
from tests.fake_server import create_server
from tests.fakes import COUNTIES, NO_INCIDENTS, FakeServices, tiles

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "/desk",
    "/desk/events",
    "/desk/data",
    "/desk/village",
    "/desk/supervision",
    "/desk/settings",
    "/desk/command",
    "/desk/command/7",
    "/desk/command/7/review",
    "/wall",
    "/embed/tile/aqi",
    "/embed/map",
)
TABS = ("/desk/data?tab=outbound", "/desk/data?tab=lower")
WHO = who_of("李嘉欣", ("officer",), "user", permissions=("*",))


def built(url: str, services: FakeServices | None = None) -> Component:
    return site.build(services or FakeServices(), SYSTEM, parse_page(url), WHO, None)[0]


def walk(tree: Any) -> Iterator[Component]:
    if isinstance(tree, Component):
        yield tree
        yield from walk(getattr(tree, "children", None))
    elif isinstance(tree, list | tuple):
        for part in tree:
            yield from walk(part)


# ---------------------------------------------------------------- words


def sources() -> str:
    files = [*(ROOT / "ioc/screens").rglob("*.py"), *(ROOT / "callbacks").glob("*.py")]
    return "\n".join(f.read_text("utf-8") for f in files)


def test_every_word_the_screens_ask_for_exists() -> None:
    asked = set(re.findall(r'\bt\(\s*"(screens\.[\w.]+)"', sources()))
    assert len(asked) > 100
    assert asked - set(catalogue()) == set()


def test_every_word_of_the_screens_is_used() -> None:
    text = sources()
    families = tuple(f for f in re.findall(r"f['\"](screens\.[\w.]+?)\{", text))
    known = [key for key in catalogue() if key.startswith("screens.")]
    unused = [key for key in known if f'"{key}"' not in text and not key.startswith(families)]
    # a dictionary of ours may name a word by its tail
    assert [key for key in unused if f'"{key.removeprefix("screens.")}"' not in text] == []


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("url", PAGES)
def test_no_key_shows_instead_of_a_word(url: str, lang: str) -> None:
    text = to_html(built(f"{url}?lang={lang}"))
    assert "screens." not in text
    assert "{" not in re.sub(r"<[^>]*>", "", text)


def test_no_chinese_is_hard_coded() -> None:
    """Words live in ioc/words; what is left in the code are comments and docstrings."""
    for path in (ROOT / "ioc/screens").rglob("*.py"):
        code = re.sub(r'"""(?:.|\n)*?"""|#.*', "", path.read_text("utf-8"))
        found = re.findall(r"[\u4e00-\u9fff]+", code)
        assert set(found) <= {"中"}, (path.name, found)


def test_no_place_is_named() -> None:
    names = re.compile("阳江|江城|阳东|阳西|阳春|海陵|云潭|Yangjiang|yangjiang|4417")
    for folder in ("ioc/screens", "callbacks", "assets"):
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in (".py", ".css", ".js"):
                assert not names.search(path.read_text("utf-8")), path
    assert not names.search((ROOT / "ioc/words/screens.json").read_text("utf-8"))


# ---------------------------------------------------------------- structure


@pytest.mark.parametrize("url", PAGES)
def test_ids_are_unique_and_the_page_boots(url: str) -> None:
    ids = [str(c.id) for c in walk(built(url)) if getattr(c, "id", None)]
    assert len(ids) == len(set(ids)), sorted(i for i in ids if ids.count(i) > 1)
    assert "page" in ids
    assert {"st-region", "st-sel", "st-kpi", "st-live"} <= set(ids)


def test_nav_leads_only_to_pages_that_exist() -> None:
    links = [
        c.href
        for c in walk(built("/desk"))
        if getattr(c, "_type", "") == "A" and "data-keep" in c.to_plotly_json()["props"]
    ]
    assert links
    for link in links:
        assert site.kind_of(parse_page(link)), link


def test_the_nav_has_four_areas() -> None:
    """COC-06: every page stands in one of the four 一网, and none is lost."""
    text = to_html(built("/desk"))
    areas = re.findall(r'role="group"[^>]*title="(一网[^"]*)"|title="(一网[^"]*)"', text)
    assert [a or b for a, b in areas] == ["一网纵观全局", "一网协同共治", "一网决策指挥", "一网感知态势"]
    pages = [p for _, group in desk.AREAS for p in group]
    assert len({key for key, _, _ in pages}) == len(pages)
    assert {"overview", "events", "command", "video", "alarms", "village", "supervision", "replay", "data",
            "settings", "review"} == {key for key, _, _ in pages}  # fmt: skip


def test_no_plotly_graph_on_any_page() -> None:
    assert "Graph" not in {getattr(c, "_type", "") for url in PAGES for c in walk(built(url))}


def test_breadcrumb_governs_and_offers_children() -> None:
    text = to_html(built("/desk"))
    for county in COUNTIES:
        assert f'data-region="{county.code}"' in text
    inside = to_html(built(f"/desk?region={COUNTIES[0].code}"))
    assert 'data-region=""' in inside
    assert 'aria-current="location"' in inside


def test_an_unknown_region_falls_back_to_the_root() -> None:
    assert 'aria-current="location"' in to_html(built("/desk?region=nowhere"))


def test_wall_has_the_worst_incident_and_on_a_calm_day_says_so() -> None:
    text = to_html(built("/wall"))
    assert "物流仓库火情" in text
    assert 'class="lead l3"' in text
    assert 'class="lead l4 pv"' in text  # 初判 is dashed
    bare = {**next(r for r in FakeServices().rows if r["flow"] == "incident"), "level": None, "provisional": False}
    text = to_html(built("/wall", FakeServices(rows=[bare])))
    assert 'class="lead l0"' in text, "an incident nobody has given a level is one all the same, and no Ⅳ"
    assert "未定级" in text
    assert 'class="lv lv4' not in text.split('class="lead l0"')[1].split("</article>")[0]
    calm = to_html(built("/wall", FakeServices(rows=[], count=NO_INCIDENTS)))
    assert "当前无突发事件" in calm
    assert "p-ev calm" in calm


def test_wall_takes_seven_tiles_those_with_a_target_first() -> None:
    chosen = [tile.indicator.code for tile in wall_tiles(tiles())]
    assert len(chosen) == 7
    assert {"on_time_rate", "mean_response", "camera_online", "sensor_online", "aqi", "island"} <= set(chosen)


def test_warning_strip_in_force_none_and_unconnected() -> None:
    assert "森林火险黄色预警" in to_html(built("/desk"))
    assert "当前无生效预警" in to_html(built("/desk", FakeServices(warn=[])))
    assert "预警来源未接入" in to_html(built("/desk", FakeServices(warn=None)))


def test_detail_shows_case_device_and_what_is_not_found() -> None:
    text = to_html(built("/desk/events?sel=case:3"))
    for words in ("燃气浓度超限核查", "限值 25 % LEL", "未核验", "尚无画面", "办理记录", "GD20261003004588"):
        assert words in text
    assert "对岸路口 7 号枪机" in to_html(built("/desk/events?sel=device:7"))
    assert "没有找到" in to_html(built("/desk/events?sel=case:999"))


def test_one_failing_part_leaves_the_rest() -> None:
    class Broken(FakeServices):
        def tiles(self, scope: Any, region: str) -> Any:
            raise StoreUnavailable()

    text = to_html(built("/desk", Broken()))
    assert "数据库不可用" in text
    assert "物流仓库火情" in text


def test_empty_centre_says_how_to_begin() -> None:
    text = to_html(built("/desk", FakeServices(is_empty=True, warn=None)))
    for words in ("这个中心还没有数据", "ioc import regions", "--dry-run", "未接入", "MQTT 未启用"):
        assert words in text
    assert "演示数据" not in text


def test_region_and_title_from_others_are_escaped() -> None:
    services = FakeServices()
    services.rows = [{**services.rows[0], "title": "<img src=x onerror=alert(1)>"}]
    assert "<img" not in to_html(built("/wall", services))


def test_marks_are_those_of_the_golden_file() -> None:
    golden = json.loads((ROOT / "tests/golden/marks.json").read_text("utf-8"))
    assert marks.golden() == golden


# ---------------------------------------------------------------- ways in


def test_sign_in_page_faults_and_demo_box() -> None:
    view = make_view(FakeServices(), "zh")
    users = [{"login": "zhiban", "role": "officer", "password": "x-y"}]
    front = ways_in.Front("样城市", "0.1", True, users)
    text = to_html(ways_in.sign_in(parse_page("/signin?e=bad&left=2&next=/desk/events"), front, view))
    assert "账号或口令不对，还可试 2 次" in text
    assert 'value="/desk/events"' in text
    assert 'data-login="zhiban"' in text
    bare = to_html(ways_in.sign_in(parse_page("/signin"), replace(front, demo=False, demo_users=()), view))
    assert "演示账号" not in bare
    assert 'role="alert"' not in bare


# ---------------------------------------------------------------- Dash on Flask


@pytest.fixture
def client(tmp_path: Path) -> Any:
    return create_server(FakeServices(), tmp_path).test_client()


@pytest.mark.parametrize("url", [*PAGES, "/signin", "/desk/password"])
def test_page_is_served_with_its_structure(client: Any, url: str) -> None:
    answer = client.get(url)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert text.startswith("<!DOCTYPE html>")
    assert 'lang="zh-CN"' in text
    if not url.startswith(("/signin", "/desk/password")):
        assert f'"requests_pathname_prefix": "/_p/{encode_page(url)}/"' in text
        assert '<div id="react-entry-point"><main' in text


def test_language_and_theme_are_on_the_document(client: Any) -> None:
    text = client.get("/desk?lang=en&theme=light").get_data(as_text=True)
    assert '<html lang="en" data-theme="light" data-surface="desk">' in text


def test_layout_is_that_of_the_page(client: Any) -> None:
    wall = client.get(f"/_p/{encode_page('/wall')}/_dash-layout").get_json()
    desk = client.get(f"/_p/{encode_page('/desk')}/_dash-layout").get_json()
    assert wall["props"]["className"] == "wall"
    assert desk["props"]["className"] == "desk at-overview"


def test_a_callback_draws_tiles_for_the_region(client: Any) -> None:
    body = {
        "output": "..kpi-list.children...kpi-sum.children..",
        "outputs": [{"id": "kpi-list", "property": "children"}, {"id": "kpi-sum", "property": "children"}],
        "inputs": [
            {"id": "st-kpi", "property": "data", "value": {"n": 1}},
            {"id": "st-region", "property": "data", "value": ""},
            {"id": "st-retry", "property": "data", "value": None},
        ],
        "changedPropIds": ["st-kpi.data"],
    }
    answer = client.post(f"/_p/{encode_page('/desk')}/_dash-update-component", json=body)
    assert answer.status_code == 200
    drawn = answer.get_json()["response"]
    assert len(drawn["kpi-list"]["children"]) == 9
    assert drawn["kpi-sum"]["children"] == "9 项指标，1 项未达标"


def test_unknown_page_is_404_in_words(client: Any) -> None:
    answer = client.get("/desk/nothing")
    assert answer.status_code == 404
    assert "没有这个页面" in answer.get_data(as_text=True)


def test_every_callback_output_stands_on_some_page(client: Any) -> None:
    ids = {str(c.id) for url in (*PAGES, *TABS) for c in walk(built(url)) if getattr(c, "id", None)}
    specs = client.get(f"/_p/{encode_page('/desk')}/_dash-dependencies").get_json()
    outputs = {part.split(".")[0] for s in specs for part in s["output"].strip(".").split("...")}
    assert outputs
    assert outputs <= ids
