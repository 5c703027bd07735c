"""An open desk in a real browser sees real input arrive, and says so when something behind it dies.

The whole product runs as processes on a centre filled from files alone: no demo row can make these pass.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import paho.mqtt.client as mqtt
import psycopg
import pytest
from playwright.sync_api import Browser, Page

from ioc.clock import SystemClock
from tests.conftest import public_folder
from tests.ops.test_up import Product, free_port
from tests.worlds.other_city import CAMERAS, METRES, Files, write

pytestmark = [pytest.mark.browser, pytest.mark.whole]
LOGIN, PASSWORD = "zhibanzhang", "Desk-2026-open"


@dataclass
class Centre:
    product: Product
    files: Files
    mqtt_port: int
    token: str

    def dsn(self) -> str:
        return self.product.ioc("db", "url").stdout.strip()

    def one(self, query: str, *args: object) -> object:
        with psycopg.connect(self.dsn(), autocommit=True) as conn:
            row = conn.execute(query, args).fetchone()  # pyright: ignore[reportArgumentType]
        return row[0] if row else None

    def bring(self, *words: str) -> dict[str, int]:
        done = self.product.ioc("import", *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def publish(self, external_id: str, values: dict[str, float], at_ms: int) -> None:
        """One reading through the broker, returned once the broker has accepted it."""
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self.mqtt_port)
        client.loop_start()
        body = json.dumps({"ts": at_ms, "values": values})
        client.publish(f"ioc/v1/observations/{external_id}", body, qos=1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    def post(self, source_id: str, title: str, urgency: str = "urgent") -> httpx.Response:
        event = {
            "source": "测试来源",
            "source_id": source_id,
            "category": {"scheme": "gbt30428", "code": "0505"},
            "urgency": urgency,
            "title": title,
            "lon": 119.35,
            "lat": 28.35,
            "crs": "EPSG:4490",
            "occurred_at": SystemClock().now().isoformat(),
        }
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.post(f"{self.product.url}api/v1/events", json=event, headers=headers, timeout=20)


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    folder = public_folder("ioc-desk-")
    port = free_port()
    product = Product(folder, free_port(), env={"IOC_MQTT_PORT": str(port)})
    try:
        product.up(120)
        files = write(tmp_path_factory.mktemp("files"), SystemClock().now())
        made = Centre(product, files, port, "")
        made.bring("regions", str(files.regions), "--crs", "EPSG:4490")
        made.bring("grids", str(files.grids), "--crs", METRES)
        made.bring("devices", str(files.sensors), "--crs", "EPSG:4490", "--source", "水利局")
        added = product.ioc("user", "add", LOGIN, "--role", "chief", "--password-stdin", stdin=PASSWORD)
        assert added.returncode == 0, added.stderr + added.stdout
        made.token = product.ioc("token", "create", "desk-test", "--allow", "events:write,read").stdout.split()[-1]
        yield made
    finally:
        if product.process and product.process.poll() is None:
            product.process.terminate()
            product.process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def desk(centre: Centre, browser: Browser) -> Iterator[Page]:
    """A desk opened once; no test reloads it."""
    answer = httpx.post(
        f"{centre.product.url}api/v1/auth/sign-in",
        json={"login": LOGIN, "password": PASSWORD},
        headers={"Origin": centre.product.url.rstrip("/")},
    )
    answer.raise_for_status()
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    context.add_cookies([{"name": "ioc_session", "value": answer.cookies["ioc_session"], "url": centre.product.url}])
    page = context.new_page()
    page.goto(f"{centre.product.url}desk", wait_until="domcontentloaded")
    page.wait_for_selector("body[data-ready=true]", timeout=90_000)
    page.evaluate("window.__stayed = true")
    yield page
    context.close()


def wait_for(check: Callable[[], bool], seconds: float, what: str) -> float:
    begun = time.monotonic()
    while not check():
        assert time.monotonic() - begun < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - begun


def test_a_posted_event_appears_on_the_open_desk(centre: Centre, desk: Page) -> None:
    assert centre.post("browser-1", "井盖丢失待处理").status_code == 201
    desk.get_by_text("井盖丢失待处理").first.wait_for(timeout=10_000)
    assert desk.evaluate("window.__stayed"), "the page was reloaded"


def test_the_same_report_again_is_no_second_row(centre: Centre) -> None:
    first, again = centre.post("browser-2", "重复上报"), centre.post("browser-2", "重复上报")
    assert (first.status_code, again.status_code) == (201, 200)
    assert centre.one("SELECT count(*) FROM event WHERE source_id = %s", "browser-2") == 1


def test_an_open_detail_changes_with_its_record(centre: Centre, desk: Page) -> None:
    assert centre.post("browser-3", "护栏松动").status_code == 201
    desk.get_by_text("护栏松动").first.wait_for(timeout=10_000)
    desk.get_by_text("护栏松动").first.click()
    heading = desk.locator("#detail h2")
    wait_for(lambda: "护栏松动" in heading.inner_text(), 10, "the detail")
    assert centre.post("browser-3", "护栏倒塌").status_code == 200
    wait_for(lambda: "护栏倒塌" in heading.inner_text(), 10, "the changed detail")
    assert desk.evaluate("window.__stayed"), "the page was reloaded"


def test_what_one_looks_at_is_in_the_address_and_stays(centre: Centre, desk: Page) -> None:
    zoom = "Object.values(window.iocMaps)[0].map.getZoom()"
    first = desk.evaluate(zoom)
    assert "v=" not in desk.url, "an untouched map fits every screen by itself"
    desk.mouse.move(800, 500)
    desk.mouse.wheel(0, -600)
    desk.wait_for_url(re.compile("v="), timeout=15_000)
    chosen = desk.evaluate(zoom)
    assert chosen > first + 0.3
    desk.set_viewport_size({"width": 1280, "height": 800})
    desk.wait_for_timeout(1500)
    assert desk.evaluate(zoom) == pytest.approx(chosen, abs=0.05), "a panel that moves does not take the view away"
    before = desk.url
    desk.get_by_role("button", name="放大").click()
    wait_for(lambda: desk.evaluate(zoom) > chosen + 0.9, 15, "one step closer")
    wait_for(lambda: desk.evaluate("location.href") != before, 15, "the address")


# Two sizes in one turn of the browser, with a picture drawn between the word of the first and of the second: what
# happens on a slow machine when panels come in while MapLibre redraws after its own delay.
TWICE = """async () => {
  const {map} = Object.values(window.iocMaps)[0], canvas = map.getCanvas(), el = map.getContainer().parentElement;
  const tall = el.clientHeight, frame = () => new Promise(requestAnimationFrame);
  const sizes = () => ({canvas: [canvas.width, canvas.height], drawn: [map.painter.width, map.painter.height],
    shown: [canvas.clientWidth, canvas.clientHeight].map((n) => Math.round(n * map.getPixelRatio()))});
  let told = 0;
  const got = [];
  await new Promise((done) => {
    const seen = new ResizeObserver(() => {
      if (++told < 2) return void (el.style.height = `${tall - 90}px`);
      seen.disconnect();
      el.style.height = `${tall - 200}px`;
      map.resize();
      map.redraw();
      got.push(sizes());
      done();
    });
    seen.observe(canvas);
  });
  for (let n = 0; n < 5; n++) await frame();
  got.push(sizes());
  el.style.height = '';
  return got;
}"""


def test_a_map_that_changes_its_size_twice_is_not_squeezed(desk: Page) -> None:
    for got in desk.evaluate(TWICE):
        assert got["canvas"] == got["drawn"] == got["shown"]


def test_a_reading_above_its_limit_changes_the_device_and_the_feed(centre: Centre, desk: Page) -> None:
    before = centre.one("SELECT coalesce(max(feed_no), 0) FROM feed")
    at = int(time.time() * 1000)
    centre.publish("SN-000", {"water_level": 9.75}, at)
    wait_for(
        lambda: bool(centre.one("SELECT exceeded FROM device WHERE external_id = 'SN-000'")),
        10,
        "exceeded in the store",
    )
    found = "SELECT count(*) FROM feed WHERE topic = 'device' AND feed_no > %s"
    wait_for(lambda: centre.one(found, before) == 1, 10, "one feed record")
    desk.keyboard.press("Control+k")
    desk.keyboard.type("SN-000")
    desk.get_by_role("option").filter(has_text="水位0").first.wait_for(timeout=10_000)
    desk.keyboard.press("Enter")
    desk.get_by_text("9.75 m").locator("visible=true").first.wait_for(timeout=30_000)
    assert desk.evaluate("window.__stayed"), "the page was reloaded"


def test_an_import_in_gcj02_lands_in_its_true_place_and_on_the_open_desk(centre: Centre, desk: Page) -> None:
    report = centre.bring("devices", str(centre.files.cameras), "--crs", "GCJ-02", "--source", "公安局")
    assert report["stored"] == CAMERAS
    with psycopg.connect(centre.dsn()) as conn:
        rows = conn.execute("SELECT external_id, ST_X(geom), ST_Y(geom) FROM device WHERE source = '公安局'").fetchall()
    assert len(rows) == CAMERAS
    for key, lon, lat in rows:
        true = centre.files.true_cameras[key]
        east = (lon - true[0]) * 111_320 * math.cos(math.radians(lat))
        north = (lat - true[1]) * 110_574
        assert math.hypot(east, north) < 1.0, key
    desk.get_by_text(str(CAMERAS), exact=True).first.wait_for(timeout=15_000)
    assert desk.evaluate("window.__stayed"), "the page was reloaded"


@pytest.mark.parametrize("who", ["web", "ingest", "postgres"])
def test_after_a_kill_the_desk_recovers_by_itself_and_nothing_is_lost(centre: Centre, desk: Page, who: str) -> None:
    accepted: list[str] = []
    for n in range(5):
        assert centre.post(f"kill-{who}-{n}", f"{who} 之前 {n}").status_code == 201
        accepted.append(f"kill-{who}-{n}")
    os.kill(centre.product.status()["processes"][who]["pid"], 9)
    for n in range(15):
        key = f"kill-{who}-during-{n}"
        try:
            if centre.post(key, f"{who} 期间 {n}").status_code in (200, 201):
                accepted.append(key)
        except httpx.HTTPError:
            time.sleep(0.2)
    last = f"{who} 之后"
    end = time.monotonic() + 40
    while True:
        try:
            if centre.post(f"kill-{who}-after", last, "critical").status_code in (200, 201):
                break
        except httpx.HTTPError:
            time.sleep(0.2)
        assert time.monotonic() < end, f"{who} did not come back"
    desk.get_by_text(last).first.wait_for(timeout=30_000)
    assert desk.evaluate("window.__stayed"), "the page was reloaded"
    for key in accepted:
        assert centre.one("SELECT count(*) FROM event WHERE source_id = %s", key) == 1, key
    doubled = "SELECT count(*) FROM (SELECT outbox_id FROM feed GROUP BY outbox_id HAVING count(*) > 1) d"
    assert centre.one(doubled) == 0
    assert centre.one("SELECT count(*) = max(feed_no) - min(feed_no) + 1 FROM feed"), "a gap in the feed"
