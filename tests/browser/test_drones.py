"""Drones by hand: a flight is played back by its time, a photo point becomes a report by one key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from ioc.accounts.base import Grant
from ioc.accounts.users import add_user
from ioc.clock import SystemClock
from ioc.intake import datasets
from ioc.intake.datasets import Given
from ioc.store.keeper import ensure_partitions
from tests.conftest import Database
from tests.http import world as small
from tests.http.test_drones import delivery
from tests.product import PASSWORD, Product, running
from tests.store.test_observations import rows

pytestmark = pytest.mark.browser


@pytest.fixture
def product(db: Database, tmp_path: Path) -> Iterator[Product]:
    clock = SystemClock()
    with db.owner() as conn, conn.transaction():
        small.build(conn, clock.now())
        ensure_partitions(conn, clock.now())
    with running(db, clock, tmp_path) as found:
        add_user(found.accounts, "duty", PASSWORD, ["officer"], Grant(whole=True, sensitivity=1), own_password=True)
        folder = delivery(tmp_path / "card", clock.now() - dt.timedelta(hours=3))
        given = Given(folder, found.settings, clock, "t", "EPSG:4490", source="巡查队")
        assert datasets.bring_in(db.store, "drones", given).stored == 15
        yield found


def test_played_back_and_made_a_report(product: Product, flat_browser: Browser, db: Database) -> None:
    (flight,) = rows(db, "SELECT flight_id, extract(epoch FROM begun_at)::float8 AS at FROM drone_flight"
                         " WHERE external_id = 'A1'")  # fmt: skip
    (photo,) = rows(db, "SELECT photo_id FROM drone_photo WHERE note = '河道堆物'")
    context = flat_browser.new_context(viewport={"width": 1920, "height": 1080})
    context.add_cookies([product.session("duty")])  # type: ignore[list-item]
    context.set_default_timeout(60_000)
    page = context.new_page()
    try:
        page.add_init_script("window.drawn = []; addEventListener('ioc:shapes', (e) => window.drawn.push(e.detail))")
        page.goto(f"{product.url}/desk?sel=drone_track:{flight['flight_id']}", wait_until="domcontentloaded")
        page.wait_for_selector("body[data-ready=true]")
        box = page.locator("#detail .dplay[data-at]")
        expect(box).to_have_count(1)
        page.locator("#detail .dplay input").fill("0")
        expect(box).to_have_attribute("data-at", str(round(flight["at"])))
        local = dt.datetime.fromtimestamp(flight["at"], dt.timezone(dt.timedelta(hours=8)))
        expect(page.locator("#detail .dplay output")).to_contain_text(f"{local:%H:%M:%S}")
        page.locator("#detail .dplay input").fill("500")
        expect(box).to_have_attribute("data-at", str(round(flight["at"] + 50)))
        line = page.evaluate("() => window.drawn.at(-1)[0].geometry.coordinates")
        assert line[-1] == pytest.approx([111.15 + 2.5 * 0.0004, 21.65 + 2.5 * 0.0002], abs=1e-9), "between two fixes"
        page.locator("#detail .dplay button").click()
        expect(box).not_to_have_attribute("data-at", str(round(flight["at"] + 50)))
        page.locator(f"#detail [data-sel='drone_photo:{photo['photo_id']}']").click()
        picture = page.locator("#detail .pics img")
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("e => e.naturalWidth") > 0
        expect(page.locator("#detail .dplay")).to_have_count(0)
        assert page.evaluate("() => window.drawn.at(-1)") == [], "what was played is taken off the map"
        page.keyboard.press("e")
        page.wait_for_url("**sel=event*")
        expect(page.locator("#detail h2")).to_contain_text("河道堆物")
        made = rows(db, "SELECT title, source FROM event WHERE source = 'drone'")
        assert made == [{"title": "河道堆物", "source": "drone"}]
    finally:
        context.close()
