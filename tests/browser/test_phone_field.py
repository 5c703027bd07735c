"""What an officer does outside, in a real browser of 390 x 844: a patrol that outlives network, reload and closed tab;
the warnings of the place; and a position that fails in words."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from ioc.intake.warnings import submit_warning
from ioc.scope import SYSTEM
from tests.browser.test_phone import Town, offline, online, opened, phone, town, until
from tests.http import world as small

__all__ = ["phone", "town"]  # fixtures
pytestmark = pytest.mark.browser


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 120, 90)).save(out, "PNG")
    return out.getvalue()


def walk(phone: BrowserContext, page: Page, metres: list[float]) -> None:
    """Stands at each distance north of the beginning until the page has taken the point (one in five seconds)."""
    for north in metres:
        before = int(page.locator(".fg b").nth(2).inner_text())
        stand(phone, north)
        until(page, lambda seen=before: int(page.locator(".fg b").nth(2).inner_text()) > seen, "no point taken")


def stand(phone: BrowserContext, north: float = 0.1) -> None:
    """A fix such as a phone gives each second; the browser's own gives one only when it is told another place."""
    phone.set_geolocation({"latitude": 21.651 + north / 111_195, "longitude": 111.15, "accuracy": 6})


def begin(phone: BrowserContext, page: Page, kind: str) -> None:
    page.locator(f"[data-start={kind}]").click()
    page.locator("dialog .mi").first.click()
    expect(page.locator(".fg b").first).to_contain_text("0:00:")
    stand(phone)
    expect(page.locator(".fg b").nth(2)).to_have_text("1", timeout=30_000)  # where it began


def test_a_patrol_begun_and_ended_without_a_network_arrives_whole_and_once(town: Town, phone: BrowserContext) -> None:
    page = opened(phone, town)
    until(page, lambda: page.evaluate("document.querySelectorAll('[data-start]').length") == 2, "no way to begin")
    page.locator("[data-start=inspect]").click()
    expect(page.locator("dialog .mi").first).to_be_visible()  # the cells are kept for the time without a network
    page.keyboard.press("Escape")
    offline(town, page)
    begin(phone, page, "inspect")
    walk(phone, page, [30, 60])
    page.get_by_role("button", name="发现问题").click()
    expect(page.locator(".wh .pt")).to_contain_text("±6 m")
    page.get_by_label("标题").fill("护栏缺失")
    with page.expect_file_chooser() as asked:
        page.get_by_role("button", name="相册").click()
    asked.value.set_files({"name": "x.png", "mimeType": "image/png", "buffer": picture()})
    expect(page.locator(".cam")).to_have_count(1)
    page.get_by_role("button", name="提交").click()
    expect(page.locator("[data-entry]").filter(has_text="护栏缺失").locator(".dr")).to_contain_text("待发送")
    page.close()  # the tab is gone; what was recorded is not

    again = opened(phone, town)
    expect(again.locator("#walk")).to_contain_text("巡查中")
    again.locator("#walk a").click()
    expect(again.locator(".fg b").nth(2)).to_have_text(re.compile(r"^[3-9]$"))
    walk(phone, again, [90])
    again.reload()
    again.wait_for_selector("body[data-ready]")
    expect(again.locator(".fg b").nth(1)).to_contain_text(re.compile(r"(8\d|9\d) m"))
    again.get_by_role("button", name="登记走访").click()
    again.get_by_label("门牌或名称").fill("5 栋 302")
    again.get_by_label("受访人").fill("陈小明")
    again.get_by_role("button", name="登记", exact=True).click()
    again.get_by_role("button", name="结束").click()
    again.locator("dialog textarea").fill("总体正常")
    again.locator("[data-end]").click()
    expect(again.locator(".facts")).to_contain_text("发现")
    assert town.one("SELECT count(*) FROM patrol") == 0
    town.wire.swallow = "/track"
    online(town, again)
    until(again, lambda: town.one("SELECT count(*) FROM patrol WHERE ended_at IS NOT NULL") == 1, "not ended")
    until(again, lambda: again.locator(".qe.waiting,.qe.sending").count() == 0, "something still waits")
    assert town.wire.swallowed.is_set(), "no answer was lost"
    again.evaluate("location.hash = '#/me'")
    assert again.locator(".qe.refused").all_inner_texts() == []
    until(again, lambda: town.one("SELECT count(*) FROM patrol_finding") == 1, "no finding")
    until(again, lambda: town.one("SELECT points FROM patrol") >= 4, "points are missing")
    with town.product.database.owner() as conn:
        row = conn.execute("SELECT * FROM patrol").fetchone()
        assert row is not None
        assert (row["kind"], row["note"], row["findings"], row["visits"]) == ("inspect", "总体正常", 1, 1)
        assert row["jumps"] == 0
        assert 80 <= row["distance_m"] <= 100
        assert row["inside"] >= 4
        track = conn.execute("SELECT at_ms FROM patrol_track").fetchone()
        assert track is not None
        assert len(track["at_ms"]) == row["points"]
    assert town.one("SELECT title FROM event WHERE source = 'patrol'") == "护栏缺失"
    assert town.one("SELECT count(*) FROM attachment a JOIN event e USING (event_id) WHERE e.source = 'patrol'") == 1
    assert town.one("SELECT person || name FROM patrol_visit") == "陈**5 栋 302"
    again.evaluate("location.hash = '#/walks'")
    expect(again.locator("a.r")).to_have_count(1)
    again.reload()
    again.wait_for_selector("body[data-ready]")
    again.locator("a.r").first.click()
    expect(again.locator(".facts")).to_contain_text("走访户")
    expect(again.locator(".sk2 svg")).to_be_visible()
    assert town.one("SELECT count(*) FROM patrol_visit") == 1
    assert town.one("SELECT count(*) FROM event WHERE source = 'patrol'") == 1


def test_only_one_tab_records(town: Town, phone: BrowserContext) -> None:
    page = opened(phone, town)
    begin(phone, page, "visit")
    other = opened(phone, town)
    other.locator("#walk a").click()
    expect(other.locator(".why").first).to_contain_text("另一个标签页正在记录")
    page.close()
    expect(other.locator(".why")).to_have_count(0, timeout=40_000)
    stand(phone, 20)
    expect(other.locator(".fg")).to_contain_text("±6 m")


def warn(town: Town, number: str, **more: Any) -> None:
    now = dt.datetime.now(dt.UTC)
    body = {"identifier": number, "sender": "qxj", "senderName": "市气象台", "sendTime": now.isoformat(),
            "msgType": "Alert", "eventType": "11B03", "color": "橙色", "headline": "暴雨橙色预警",
            "areaCode": small.NEAR_TOWN, "areaDesc": "近镇", "endTime": (now + dt.timedelta(hours=6)).isoformat(),
            **more}  # fmt: skip
    product = town.product
    submit_warning(product.database.store, SYSTEM, json.dumps(body).encode(), product.clock, form="json",
                   settings=product.settings)  # fmt: skip


@pytest.mark.parametrize(("lang", "words"), [("zh", "暴雨橙色预警"), ("en", "orange warning")])
def test_the_warnings_of_the_place_also_without_a_network(
    town: Town, phone: BrowserContext, lang: str, words: str
) -> None:
    now = dt.datetime.now(dt.UTC)
    warn(town, "W1")
    warn(town, "W2", color="红色", headline="暴雨红色预警", effective=(now + dt.timedelta(hours=1)).isoformat())
    warn(town, "W3", areaCode=small.FAR)
    page = opened(phone, town, f"/m?lang={lang}")
    strip = page.locator("#warn")
    expect(strip).to_contain_text(words)
    expect(strip).to_contain_text(re.compile("共 2 条|2 in all"))
    expect(strip).to_contain_text(re.compile(r"(至|until) (\d\d-\d\d )?\d\d:\d\d"))
    box = page.locator(".wb").bounding_box()
    assert box is not None
    assert box["height"] >= 44
    page.locator(".wb").click()
    expect(page.locator("dialog .wr1")).to_have_count(2)
    expect(page.locator("dialog .wr1").last).to_contain_text(re.compile("将于 .* 生效|takes effect"))
    page.keyboard.press("Escape")
    offline(town, page) if lang == "zh" else town.wire.down()
    warn(town, "C1", msgType="Cancel", references="W1")
    page.wait_for_timeout(1500)
    expect(strip).to_contain_text(words)  # told as it was, with its age
    if lang == "zh":
        expect(strip).to_contain_text("数据为")
        page.reload()
        page.wait_for_selector("body[data-ready]")
        expect(strip).to_contain_text(words)
    online(town, page)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(strip).not_to_contain_text(words, timeout=40_000)
    expect(page.locator(".wb.ahead")).to_have_count(1)


def test_a_position_that_fails_says_why_and_offers_what_is_left(town: Town, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.add_cookies([{**town.product.session("tan"), "url": town.wire.url}])  # type: ignore[list-item]
    context.set_default_timeout(30_000)
    page = opened(context, town)
    page.locator("[data-tab=report]").click()
    page.get_by_role("button", name="定位").click()
    expect(page.locator(".wh .why")).to_contain_text("定位权限被拒绝")
    context.grant_permissions(["geolocation"])
    context.set_geolocation({"latitude": 21.651, "longitude": 111.15, "accuracy": 850})
    page.get_by_role("button", name="再试").click()
    expect(page.locator(".wh .pt")).to_contain_text("±850 m")
    expect(page.locator(".wh .why")).to_contain_text("精度只有 ±850 m")
    expect(page.get_by_role("button", name="地图校正")).to_be_visible()
    context.clear_permissions()
    page.get_by_role("button", name="定位").click()
    expect(page.locator(".lastfix")).to_contain_text("±850 m")
    page.locator(".lastfix").click()
    expect(page.locator(".wh .pt")).to_contain_text("先前位置")
    context.close()
