"""Configured base maps and view cones as a person sees them: the picture is looked at, not the configuration.

A centre filled from files alone, and a tile server on a port of its own whose tiles carry unmistakable colours.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from ioc.accounts.base import Grant
from ioc.clock import FixedClock
from ioc.intake.files import import_file
from ioc.registry import Registry
from ioc.settings import Settings
from ioc.store.cluster import PrivateCluster
from tests.browser.conftest import BROWSER_ARGS, CHROMIUM
from tests.conftest import NOW, Database, clone, drop
from tests.product import Product, running
from tests.tile_server import GEOGRAPHIC, MERCATOR, WATER, BaseMaps, base_maps
from tests.worlds.other_city import write

pytestmark = pytest.mark.browser
LOGIN = "zhibanzhang-base"
AT = (119.44, 28.40)
SIZE = {"width": 1500, "height": 900}
OUT = Path(__file__).parents[2] / "out" / "browser"


@dataclass
class World:
    database: Database
    folder: Path
    browser: Browser
    maps: BaseMaps
    filled: bool = False


@pytest.fixture(scope="module")
def world(cluster: PrivateCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    database = clone(cluster)
    with sync_playwright() as play, base_maps() as maps:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGS)
        yield World(database, tmp_path_factory.mktemp("base"), browser, maps)
        browser.close()
    drop(cluster, database)


def cameras(folder: Path) -> Path:
    """Four cameras around `AT`: one looking east, one south and offline, one without angles, one west and narrow."""
    path = folder / "视频点位.csv"
    rows = [
        ("A", "东向", 0.0, 0.0, "在线", "90", "80"),
        ("B", "离线", 0.0012, 0.0, "离线", "180", "80"),
        ("C", "无角度", 0.0, 0.0009, "在线", "", ""),
        ("D", "西向", 0.0012, 0.0009, "在线", "270", "30"),
    ]
    with path.open("w", encoding="utf-8", newline="") as f:
        out = csv.writer(f)
        out.writerow(["点位编号", "点位名称", "设备类型", "经度", "纬度", "状态", "方位角", "视场角"])
        for key, name, east, north, state, azimuth, fov in rows:
            out.writerow([key, name, "枪机", f"{AT[0] + east:.6f}", f"{AT[1] + north:.6f}", state, azimuth, fov])
    return path


def fill(world: World, settings: Settings, registry: Registry) -> None:
    store, clock = world.database.store, FixedClock(NOW)
    files = write(world.folder, clock.now())
    for kind, path in (("regions", files.regions), ("devices", cameras(world.folder))):
        import_file(store, registry, kind, path, "EPSG:4490", settings=settings, clock=clock, actor="files")


@contextmanager
def desk(world: World, view: str, **settings: str) -> Iterator[tuple[Product, Page]]:
    """A desk at `view` of a centre with these settings, complete."""
    folder = world.folder / (settings.get("basemap_kind") or "none")
    folder.mkdir(exist_ok=True)
    bring = None if world.filled else lambda own, registry: fill(world, own, registry)
    with running(world.database, FixedClock(NOW), folder, before=bring, **settings) as product:
        if not world.filled:
            product.user(LOGIN, ("chief",), Grant(whole=True, sensitivity=2))
            world.filled = True
        context = world.browser.new_context(viewport=SIZE)  # pyright: ignore[reportArgumentType]
        context.add_cookies([product.session(LOGIN)])  # pyright: ignore[reportArgumentType]
        page = context.new_page()
        page.clock.set_fixed_time(NOW)
        page.goto(f"{product.url}/desk?layers=camera&v={view}", wait_until="domcontentloaded")
        page.wait_for_selector("body[data-ready=true]", timeout=90_000)
        yield product, page
        context.close()


def picture(page: Page, name: str) -> Image.Image:
    """The map without what lies over it."""
    page.add_style_tag(content=".lay,.tools,.tl,.scale,.map-plates{visibility:hidden!important}")
    OUT.mkdir(parents=True, exist_ok=True)
    data = page.locator(".mapbox").screenshot(path=str(OUT / f"{name}.png"))
    return Image.open(io.BytesIO(data)).convert("RGB")


def share(image: Image.Image, colour: tuple[int, int, int]) -> float:
    """Part of the picture in this colour, give or take the rounding of the graphics driver."""
    pixels = numpy.asarray(image, dtype=numpy.int16)
    return float((abs(pixels - colour).max(axis=2) <= 2).mean())


def light(image: Image.Image, x: float, y: float) -> float:
    """Mean brightness, 0-255, of a square of 12 px around a place."""
    box = image.convert("L").crop((round(x) - 6, round(y) - 6, round(x) + 6, round(y) + 6))
    return sum(box.getdata()) / 144


@pytest.mark.parametrize(
    ("kind", "path", "colour"),
    [
        ("wmts-w", "/w/{z}/{x}/{y}", MERCATOR),
        ("raster", "/w/{z}/{x}/{y}", MERCATOR),
        ("wmts-c", "/c/{z}/{x}/{y}", GEOGRAPHIC),
    ],
)
def test_a_configured_raster_map_fills_the_map(
    world: World, kind: str, path: str, colour: tuple[int, int, int]
) -> None:
    settings = {"basemap_url": world.maps.url + path, "basemap_kind": kind, "basemap_attribution": "审图号：GS 0000"}
    with desk(world, f"{AT[0]},{AT[1]},12", **settings) as (_, page):
        assert share(picture(page, kind), colour) > 0.85
        assert "审图号：GS 0000" in (page.text_content(".scale") or "")
    assert any(asked.startswith(path[:3]) for asked in world.maps.asked)


def test_a_pmtiles_archive_is_drawn_in_the_colours_of_the_product(world: World) -> None:
    url = f"{world.maps.url}/city.pmtiles"
    with desk(world, "119.44,28.40,3", basemap_url=url, basemap_kind="pmtiles") as (_, page):
        image = picture(page, "pmtiles")
        assert share(image, WATER) > 0.35
        assert share(image, (9, 13, 17)) > 0.1  # the gap between two tiles' polygons: the style's own sea
    assert world.maps.asked.count("/city.pmtiles") >= 2  # by ranges, never whole


def test_cameras_with_angles_show_their_view_and_no_angle_is_guessed(world: World) -> None:
    with desk(world, f"{AT[0]},{AT[1]},17") as (_, page):
        image = picture(page, "cones")
    scale = 512 * 2**17 / 360  # px a degree of longitude
    x, y = image.width / 2, image.height / 2
    east, north = 0.0012 * scale, 0.0009 * scale * 1.137  # 1 / cos 28.4 deg
    assert light(image, x + 24, y) > light(image, x - 24, y) + 8  # A looks east
    assert light(image, x + east - 24, y - north) > light(image, x + east + 24, y - north) + 8  # D looks west
    assert abs(light(image, x + east, y + 24) - light(image, x + east, y - 24)) < 3  # B is offline
    sides = [light(image, x + 24 * a, y - north + 24 * b) for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    assert max(sides) - min(sides) < 3  # C has no angles
