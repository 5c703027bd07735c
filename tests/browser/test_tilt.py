"""The tilted map of a centre filled from files: buildings stand up, the view stays, and flat again it is as before."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import shapely
from playwright.sync_api import sync_playwright

from ioc.accounts.base import Grant
from ioc.clock import FixedClock
from ioc.intake import datasets
from ioc.intake.datasets import Given
from ioc.intake.files import import_file
from ioc.registry import Registry
from ioc.settings import Settings
from tests.browser.conftest import BROWSER_ARGS, CHROMIUM
from tests.conftest import NOW, Database
from tests.product import running
from tests.worlds.other_city import write

pytestmark = pytest.mark.browser
AT = (119.44, 28.40)
VIEW = """() => {
  const map = Object.values(window.iocMaps)[0].map, c = map.getCenter();
  return {pitch: map.getPitch(), zoom: map.getZoom(), lon: c.lng, lat: c.lat,
          raised: map.getLayer('ioc-building-3d')
            ? map.queryRenderedFeatures({layers: ['ioc-building-3d']}).map((f) => f.properties.hm) : null};
}"""


def houses(folder: Path) -> Path:
    path = folder / "建筑.geojson"
    features: list[dict[str, Any]] = []
    for n, more in enumerate(({"层数": 20}, {"高度": 33}, {})):
        x = AT[0] + (n - 1) * 0.0006
        shape = shapely.box(x, AT[1], x + 0.0003, AT[1] + 0.0003)
        features.append(
            {
                "type": "Feature",
                "properties": {"编号": f"B{n}", **more},
                "geometry": json.loads(shapely.to_geojson(shape)),
            }
        )
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return path


def test_a_tilted_map_raises_what_has_a_height(db: Database, tmp_path: Path) -> None:
    def fill(settings: Settings, registry: Registry) -> None:
        clock = FixedClock(NOW)
        regions = write(tmp_path, NOW).regions
        import_file(db.store, registry, "regions", regions, "EPSG:4490", settings=settings, clock=clock, actor="files")
        given = Given(houses(tmp_path), settings, clock, "files", "EPSG:4490", dt.date(2026, 1, 1))
        assert datasets.bring_in(db.store, "buildings", given).stored == 3

    with sync_playwright() as play, running(db, FixedClock(NOW), tmp_path, before=fill) as product:
        product.user("zhibanzhang", ("chief",), Grant(whole=True, sensitivity=2))
        browser = play.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGS)
        context = browser.new_context(viewport={"width": 1300, "height": 800}, reduced_motion="reduce")
        context.add_cookies([product.session("zhibanzhang")])  # pyright: ignore[reportArgumentType]
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.clock.set_fixed_time(NOW)
        page.goto(f"{product.url}/desk?layers=building&v={AT[0]},{AT[1]},17", wait_until="domcontentloaded")
        page.wait_for_selector("body[data-ready=true]", timeout=90_000)
        before = page.evaluate(VIEW)
        assert (before["pitch"], before["raised"]) == (0, None)
        button = page.locator(".tools .tilt")
        button.click()
        page.wait_for_function(f"() => {{ const v = ({VIEW})(); return v.raised?.length > 1 && v.pitch > 54.9; }}")
        tilted = page.evaluate(VIEW)
        assert set(tilted["raised"]) == {60, 33}, "what has no height is not raised"
        assert [round(tilted[k] - before[k], 6) for k in ("zoom", "lon", "lat")] == [0, 0, 0]
        assert button.get_attribute("aria-pressed") == "true"
        out = Path(__file__).parents[2] / "out" / "browser"
        out.mkdir(parents=True, exist_ok=True)
        page.locator(".mapbox").screenshot(path=str(out / "tilt.png"))
        button.click()
        page.wait_for_function(f"() => ({VIEW})().pitch < 1e-6")
        flat = page.evaluate(VIEW)
        assert [round(flat[k] - before[k], 6) for k in ("pitch", "zoom", "lon", "lat")] == [0, 0, 0, 0]
        assert (flat["raised"], faults) == (None, [])
        browser.close()
