"""Every case: the page becomes complete, has no structural fault, logs no error, and looks as its golden."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page

from tests.conftest import NOW
from tests.product import Product
from tests.render.cases import CASES, RenderCase
from tests.render.compare import compare
from tests.render.structure import faults

pytestmark = pytest.mark.render
GOLDEN = Path(__file__).parent / "golden"
OUT = Path(__file__).parents[2] / "out" / "render"
READY_MS = 90_000
# A page is ready before its cameras are asked for and before what it asked for later is answered: a picture waits.
CALM = """() => !document.querySelector('[data-busy]') && [...document.querySelectorAll('[data-cameras]')].every(
  (el) => !el.dataset.cameras || !el.getClientRects().length || el.children.length)"""


def opened(browser: Browser, product: Product, case: RenderCase, log: list[str]) -> Page:
    context = browser.new_context(
        viewport={"width": case.width, "height": case.height},
        device_scale_factor=case.dpr,
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        reduced_motion="reduce",
    )
    if case.login:
        context.add_cookies([product.session(case.login)])
    page = context.new_page()
    page.clock.set_fixed_time(NOW)
    page.on("pageerror", lambda e: log.append(f"page error: {e}"))
    page.on("console", lambda m: log.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("response", lambda r: log.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("request", lambda r: log.append(f"outside: {r.url}") if _outside(r.url, product.url) else None)
    path = case.path
    if "{incident}" in path:
        first = context.request.get(f"{product.url}/api/v1/incidents?state=open").json()["incidents"][0]
        path = path.replace("{incident}", str(first["case_id"]))
    page.goto(product.url + path, wait_until="domcontentloaded")
    page.wait_for_selector("body[data-ready=true]", timeout=READY_MS)
    for step in case.press:
        if step.startswith("click:"):
            page.click(step.removeprefix("click:"))
        else:
            page.keyboard.press(step)
    if case.press:
        page.wait_for_selector("body[data-ready=true]", timeout=READY_MS)
    page.wait_for_function(CALM, timeout=READY_MS)
    return page


def _outside(url: str, own: str) -> bool:
    return not url.startswith((own, "data:", "blob:"))


def shoot(browser: Browser, product: Product, case: RenderCase, target: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Take the picture of a case; structural faults and logged errors come back."""
    log: list[str] = []
    page = opened(browser, product, case, log)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        found = faults(page)
        page.evaluate(_STILL)
        page.screenshot(path=str(target), animations="disabled", caret="hide")
    finally:
        page.context.close()
    return found, log


# What belongs to one machine or moment (an enrolment code, a key's fingerprint, the doctor's findings) is blanked
# before the picture, not compared.
_STILL = "() => document.querySelectorAll('[data-volatile]').forEach(e => { e.style.visibility = 'hidden'; })"


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(browser: Browser, centre: Callable[[str], Product], case: RenderCase) -> None:
    actual = OUT / f"{case.name}.actual.png"
    found, log = shoot(browser, centre(case.centre), case, actual)
    assert not log, "\n".join(log)
    assert not found, "\n".join(f"{f['kind']}: {f['what']}" for f in found)
    golden = GOLDEN / f"{case.name}.png"
    if os.environ.get("RENDER_BLESS") == "1":
        golden.parent.mkdir(exist_ok=True)
        Image.open(actual).convert("RGB").save(golden, optimize=True)
        return
    result = compare(case.name, actual, golden, OUT)
    assert result.same, f"{case.name}: {result.why}; see {result.report}"


_TILES = """() => {
  const list = document.getElementById('kpi-list').getBoundingClientRect();
  const tiles = [...document.querySelectorAll('#kpi-list .kpi')].map(e => e.getBoundingClientRect());
  const shown = r => Math.min(r.bottom, list.bottom) - Math.max(r.top, list.top);
  const whole = r => shown(r) > r.height - 1.5;
  const cut = tiles.filter(r => shown(r) > 1.5 && !whole(r)).length;
  return {cut, last: whole(tiles[tiles.length - 1]), n: tiles.length};
}"""


@pytest.mark.parametrize(("width", "height", "scrolls"), [(1920, 2400, False), (1600, 900, True), (1280, 620, True)])
def test_no_tile_is_cut_and_the_last_can_be_reached(
    browser: Browser, centre: Callable[[str], Product], width: int, height: int, scrolls: bool
) -> None:
    log: list[str] = []
    page = opened(browser, centre("city"), RenderCase("tiles", "/desk?still=1", width, height), log)
    try:
        first = page.evaluate(_TILES)
        assert first["n"] >= 9
        assert (first["cut"], first["last"]) == (0, not scrolls)
        assert page.locator(".kmore").is_visible() == scrolls
        if scrolls:
            for _ in range(6):  # a page of tiles each time
                page.click(".kmore")
                page.wait_for_timeout(600)  # the snap settles
                after = page.evaluate(_TILES)
                assert after["cut"] == 0
                if after["last"]:
                    break
            assert after["last"]
            assert page.locator("[data-more=up]").is_visible()
        assert not faults(page)
        assert not log
    finally:
        page.context.close()


def test_comparison_can_fail(tmp_path: Path) -> None:
    """A page that lost one small panel is caught, and the evidence is left side by side."""
    golden = Image.new("RGB", (400, 300), (18, 23, 29))
    draw = ImageDraw.Draw(golden)
    draw.rectangle((40, 40, 60, 60), fill=(241, 244, 247))
    golden.save(tmp_path / "g.png")
    Image.new("RGB", (400, 300), (18, 23, 29)).save(tmp_path / "a.png")
    result = compare("probe", tmp_path / "a.png", tmp_path / "g.png", tmp_path / "out")
    assert not result.same
    assert result.pixels > 300
    assert result.report is not None
    assert Image.open(result.report).width == 3 * 400 + 20
    assert not compare("probe", tmp_path / "a.png", tmp_path / "missing.png", tmp_path / "out").same


def test_structure_check_can_fail(browser: Browser) -> None:
    """Overlapping words, a clipped number, a scroll bar on a wall and a squeezed map are each reported."""
    page = browser.new_page(viewport={"width": 400, "height": 300})
    page.set_content(
        "<html data-surface='wall'><body style='margin:0;font:20px sans-serif'>"
        "<div style='position:absolute;top:10px;left:10px'>重叠的字</div>"
        "<div style='position:absolute;top:12px;left:20px'>重叠的字</div>"
        "<b style='display:block;margin-top:60px;width:20px;overflow:hidden;white-space:nowrap'>123456</b>"
        "<div style='height:12px;overflow:hidden'>截断的行</div>"
        "<div style='height:900px'></div><p>\u2ffe</p></body></html>"
    )
    page.evaluate(
        """() => {
          const c = document.body.appendChild(document.createElement('canvas'));
          [c.width, c.height, c.style.width, c.style.height] = [200, 150, '200px', '120px'];
          window.iocMaps = {map: {map: {getCanvas: () => c, painter: {width: 200, height: 150}}}};
        }"""
    )
    kinds = {f["kind"] for f in faults(page)}
    page.close()
    assert {"overlap", "overflow", "scroll", "cut", "squeezed"} <= kinds
