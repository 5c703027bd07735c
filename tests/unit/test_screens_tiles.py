"""The KPI tile in every state of the design, in both languages."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from ioc.i18n import Text
from ioc.screens import draw, fmt, tiles
from ioc.screens.html import to_html
from ioc.screens.state import View
from tests.fakes import NOW, eight_states, tile

ZH = View("zh", NOW, ZoneInfo("Asia/Shanghai"))
EN = View("en", NOW, ZoneInfo("Asia/Shanghai"))

SAID = {
    "ok": ("97.6", "目标 ≥ 97", "较昨日 +0.2"),
    "miss": ("96.1", "未达标 差 0.9"),
    "stale": ("97.6", "滞后 5 分"),
    "lost": ("—", "已断开", "末次 97.6%，14:02"),
    "loading": ("视频在线率",),
    "empty": ("当前无在办",),
    "error": ("视频平台无响应", "E-502", "14:31:40 起，已重试 2 次", "重试"),
    "forbidden": ("无权查看", "device.view"),
    "unconnected": ("未接入",),
}


def shown(state: str, view: View, act: bool = True) -> str:
    return to_html(tiles.kpi_tile(eight_states()[state], view, act))


@pytest.mark.parametrize("state", SAID)
def test_each_state_says_what_the_design_says(state: str) -> None:
    text = shown(state, ZH)
    for words in SAID[state]:
        assert words in text
    assert "97.6" in text or state not in ("ok", "stale")


@pytest.mark.parametrize("state", SAID)
def test_each_state_has_english_words(state: str) -> None:
    text = re.sub(r"<[^>]*>", " ", shown(state, EN))
    assert not re.search(r"[\u4e00-\u9fff]", text), text
    assert "screens." not in text


@pytest.mark.parametrize("state", ["loading", "empty", "error", "forbidden", "unconnected"])
def test_a_tile_without_a_value_shows_no_number(state: str) -> None:
    """No source is 未接入 and never a zero."""
    text = shown(state, ZH)
    assert 'class="num" data-value' not in text
    assert "bullet" not in text
    assert ">0<" not in text


def test_a_number_not_computed_by_then_says_nothing_about_how_many_there_were() -> None:
    empty = eight_states()["empty"]
    text = to_html(
        tiles.kpi_tile(replace(empty, state="unknown", note=Text("当时尚未算出", "not computed by then")), ZH)
    )
    assert "当时尚未算出" in text
    assert "—" in text
    assert "当前无在办" not in text


def test_freshness_class_and_ring_follow_age() -> None:
    base = tile("camera_online", 97.6)
    minute = dt.timedelta(minutes=1)
    for age_s, state in ((10, "live"), (100, "late"), (200, "stale"), (900, "lost")):
        text = to_html(tiles.kpi_tile(replace(base, as_of=NOW - dt.timedelta(seconds=age_s), interval=minute), ZH))
        assert f'class="kpi {state}"' in text
        assert f'class="fresh {state}"' in text
        assert 'data-interval-s="60"' in text


def test_shortfall_is_judged_on_the_shown_digits() -> None:
    """94.96 shows as 95.0 and meets 95; 94.94 shows as 94.9 and does not."""
    assert tiles.shortfall(tile("on_time_rate", 94.96)) == 0
    assert tiles.shortfall(tile("on_time_rate", 94.94)) == pytest.approx(0.1)
    assert tiles.shortfall(tile("mean_response", 8.2)) == pytest.approx(0.2)
    assert tiles.shortfall(tile("events_today", 1.0)) == 0


def test_a_wall_tile_cannot_be_pressed() -> None:
    assert "data-records" in shown("ok", ZH, act=True)
    assert "data-records" not in shown("ok", ZH, act=False)
    assert "data-retry-tile" not in shown("error", ZH, act=False)


def test_hover_names_numerator_and_denominator() -> None:
    assert "49,104 / 50,312" in shown("ok", ZH)


def test_summary_counts_what_is_off_target() -> None:
    both = [eight_states()["ok"], eight_states()["miss"]]
    assert tiles.summary(both, "zh") == "2 项指标，1 项未达标"
    assert tiles.summary(both[:1], "en") == "1 indicators"


def test_a_note_stands_where_the_difference_would() -> None:
    noted = replace(eight_states()["ok"], note=Text("首要 PM2.5", "Main PM2.5"))
    assert "首要 PM2.5" in to_html(tiles.kpi_tile(noted, ZH))


def test_sparkline_needs_two_values_and_keeps_gaps() -> None:
    assert draw.spark([1.0]) is None
    drawn = draw.spark([1.0, 2.0, None, 3.0, 4.0])
    assert drawn is not None
    assert to_html(drawn).count('class="ln"') == 2


@pytest.mark.parametrize(
    ("low", "high", "axis"),
    [(0, 31, (0, 20, 40)), (3.2, 3.2, (3.0, 3.5, 4.0)), (20, 26, (20, 25, 30)), (-3, 2, (-5, 0, 5))],
)
def test_axis_ends_on_round_numbers(low: float, high: float, axis: tuple[float, float, float]) -> None:
    start, middle, end = draw.nice_axis(low, high)
    assert start <= low
    assert end >= high
    assert middle - start == pytest.approx(end - middle)
    assert len(f"{middle:g}") <= 4
    assert axis[0] <= low


@pytest.mark.parametrize(
    ("value", "decimals", "text"), [(None, 1, "—"), (-0.04, 1, "0.0"), (-2.5, 1, "−2.5"), (49104, 0, "49,104")]
)
def test_numbers_as_written(value: float | None, decimals: int, text: str) -> None:
    assert fmt.number(value, decimals) == text
    assert fmt.signed(0.01) == "±0"
