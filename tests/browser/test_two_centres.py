"""A city over a county, both real and whole, over HTTP on loopback: read, cut off, caught up, and never written to."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import shapely
from playwright.sync_api import Page, expect, sync_playwright
from typer.testing import CliRunner

from app import main
from ioc.clock import SystemClock
from tests.browser.conftest import BROWSER_ARGS, CHROMIUM
from tests.browser.test_second_city import PASSWORD, until
from tests.conftest import public_folder
from tests.ops.test_up import Product, free_port
from tests.worlds import other_city

pytestmark = [pytest.mark.browser, pytest.mark.whole]
COUNTY, CITY = other_city.COUNTY, "331100000000"
TITLE = "松阳县指挥中心"
expect.set_options(timeout=30_000)
Rows = dict[str, dict[str, Any]]


@dataclass
class Centre:
    product: Product
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def ioc(self, *words: str, stdin: str | None = None) -> str:
        done = CliRunner().invoke(main, [*words, "--data-dir", str(self.product.folder)], input=stdin)
        assert done.exit_code == 0, done.output
        return done.output

    def get(self, path: str, **query: Any) -> Any:
        answer = httpx.get(f"{self.product.url}{path}", params=query, headers=self.headers, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def query(self, text: str) -> list[Any]:
        with psycopg.connect(self.ioc("db", "url").strip().splitlines()[-1], autocommit=True) as conn:
            return conn.execute(text).fetchall()  # type: ignore[arg-type]  # fixed texts

    def signed(self, allow: str, *more: str) -> dict[str, str]:
        token = self.ioc("token", "create", allow, "--allow", allow, *more).split()[-1]
        return {"Authorization": f"Bearer {token}"}


@dataclass
class Two:
    county: Centre
    city: Centre
    files: Path
    now: dt.datetime

    def here(self) -> Rows:
        """What the city has of the county, open, by key."""
        found = self.city.get("api/v1/lower/records", limit=1000)["rows"]
        assert len({r["key"] for r in found}) == len(found)
        return {r["key"]: r for r in found}

    def there(self) -> Rows:
        """What is open at the county, by its own lists."""
        rows = self.county.get("api/v1/live/rows")["rows"]
        return {r["key"]: r for r in rows if r["key"].split(":")[0] in ("event", "case")}

    def same(self) -> bool:
        here, there = self.here(), self.there()
        return {k: r["record"].get("version") for k, r in here.items()} == {
            k: r.get("version") for k, r in there.items()
        }

    def link(self) -> dict[str, Any]:
        (centre,) = self.city.get("api/v1/lower")["centres"]
        return dict(centre)

    def more_reports(self, numbers: range, source: str = "grid") -> None:
        """Brought in at the county by the command line, which needs no `web`."""
        path = self.files / f"more-{numbers.start}.csv"
        with path.open("w", encoding="utf-8", newline="") as f:
            out = csv.writer(f)
            out.writerow(["事件编号", "标题", "紧急程度", "经度", "纬度", "发生时间"])
            for n in numbers:
                out.writerow([f"X{n}", f"新增上报{n}", "一般", 119.3, 28.3 + n / 1000, self.now.isoformat()])
        said = json.loads(
            self.county.ioc("import", "events", str(path), "--crs", "EPSG:4490", "--source", source, "--json")
        )
        assert said["stored"] == len(numbers), said


def regions(path: Path) -> Path:
    box = other_city.boxes()[0][3]
    features = [
        {"type": "Feature", "properties": {"区划代码": code, "名称": name, "级别": level},
         "geometry": shapely.geometry.mapping(shape)}
        for code, name, level, shape in ((CITY, "丽水市", "市", box.buffer(0.1)), (COUNTY, "松阳县", "县", box))
    ]  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), "utf-8")
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    files, now = tmp_path_factory.mktemp("two"), SystemClock().now()
    made = other_city.write(files, now)
    centres = [Centre(Product(public_folder(f"ioc-{name}-"), free_port())) for name in ("county", "city")]
    county, city = centres
    listed = {"key": "songyang", "title": TITLE, "url": county.product.url, "token_file": "songyang.token",
              "region": COUNTY, "poll_s": 1, "indicators_s": 5}  # fmt: skip
    (city.product.folder / "lower.json").write_text(json.dumps({"centres": [listed]}), "utf-8")
    city.product.env["IOC_LOWER_CENTRES"] = "lower.json"
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda c: c.product.up(120), centres))
        county.ioc("import", "regions", str(made.regions), "--crs", "EPSG:4490")
        county.ioc("import", "cases", str(made.cases), "--crs", "EPSG:4490", "--source", "12345")
        found = Two(county, city, files, now)
        found.more_reports(range(5))
        city.ioc("import", "regions", str(regions(files / "city.geojson")), "--crs", "EPSG:4490")
        city.ioc("user", "add", "chen", "--role", "chief", "--name", "陈", "--password-stdin", stdin=f"{PASSWORD}\n")
        city.headers = city.signed("read")
        county.headers = county.signed("read", "--region", COUNTY)
        token = county.headers["Authorization"].split()[-1]
        (city.product.folder / "songyang.token").write_text(token)  # until now its source says that it is missing
        yield found
    finally:
        for centre in centres:
            process = centre.product.process
            if process and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                process.wait(30)
            shutil.rmtree(centre.product.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def tab(two: Two) -> Iterator[Callable[[], Page]]:
    """`/desk/data?tab=lower` as the city's shift chief sees it now."""
    url = two.city.product.url
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGS)
        context = browser.new_context(viewport={"width": 1920, "height": 1080})
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda e: faults.append(str(e)))

        def look() -> Page:
            if not context.cookies():
                with httpx.Client(base_url=url, headers={"Origin": url.rstrip("/")}, timeout=20) as client:
                    answer = client.post("/api/v1/auth/sign-in", json={"login": "chen", "password": PASSWORD})
                    assert answer.status_code == 200, answer.text
                    cookie = {"name": "ioc_session", "value": client.cookies["ioc_session"], "url": url}
                context.add_cookies([cookie])  # type: ignore[list-item]
            page.goto(f"{url}desk/data?tab=lower", wait_until="domcontentloaded")
            page.wait_for_selector("body[data-ready]", timeout=60_000)
            assert faults == []
            return page

        yield look
        browser.close()


# The tests go on from each other: the link comes up, breaks, and comes back.


def test_cases_reports_and_numbers_arrive(two: Two, tab: Callable[[], Page]) -> None:
    until(two.same, "the city has what the county has")
    here = two.here()
    kinds = [k.split(":")[0] for k in here]
    assert (kinds.count("case"), kinds.count("event")) == (other_city.CASES // 2, 5)
    assert {r["centre"]["key"] for r in here.values()} == {"songyang"}
    link = two.link()
    assert (link["freshness"], link["error"]) == ("live", None)
    assert link["age_s"] < 30

    def numbers() -> bool:
        own = {i["code"]: i["value"] for i in two.county.get("api/v1/indicators", region=COUNTY)["indicators"]}
        got = {
            i["code"]: i["indicator"]["value"] for i in two.city.get("api/v1/lower/indicators", region=COUNTY)["rows"]
        }
        return any(v is not None for v in own.values()) and got == own

    until(numbers, "the county's numbers as the county has them", 60)
    page = tab()
    expect(page.locator("article.lw")).to_contain_text(TITLE)
    expect(page.locator("article.lw")).not_to_have_class("lw off")
    expect(page.locator(".letters tbody tr")).to_have_count(len(here))
    shot(page, "1-linked")


def test_the_city_can_read_and_nothing_else(two: Two) -> None:
    before = two.county.query("SELECT count(*), max(version) FROM cases") + two.county.query(
        "SELECT count(*) FROM audit"
    )
    case = next(int(k.split(":")[1]) for k in two.here() if k.startswith("case:"))
    url, headers = two.county.product.url, two.county.headers
    for method, path, body in (
        ("POST", "api/v1/events", {"source": "city", "source_id": "1", "title": "x", "urgency": "routine",
                                   "region": COUNTY, "occurred_at": two.now.isoformat()}),
        ("POST", "api/v1/observations", [{"device": "x", "ts": two.now.isoformat(), "values": {"pm25": 1}}]),
        ("POST", f"api/v1/cases/{case}/steps", {"step": "note", "version": 1, "given": {"text": "x"}}),
        ("POST", "api/v1/accounts", {"login": "x1", "roles": ["grid"], "whole": True}),
        ("POST", f"api/v1/callers/case:{case}", {"purpose": "x"}),
    ):  # fmt: skip
        answer = httpx.request(method, f"{url}{path}", json=body, headers=headers, timeout=20)
        assert answer.status_code == 403, f"{path}: {answer.status_code} {answer.text}"
    after = two.county.query("SELECT count(*), max(version) FROM cases") + two.county.query(
        "SELECT count(*) FROM audit"
    )
    assert after == before
    assert two.city.query("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM cases)") == [(0, 0)]


def test_a_cut_link_is_shown_with_true_ages_and_nothing_is_missed_or_double(two: Two, tab: Callable[[], Page]) -> None:
    before = two.here()
    seen = dt.datetime.fromisoformat(two.link()["read_at"])
    supervisor = two.county.product.process
    assert supervisor is not None
    web = two.county.product.status()["processes"]["web"]["pid"]
    supervisor.send_signal(signal.SIGSTOP)  # or it would bring `web` back at once
    os.kill(web, signal.SIGKILL)
    until(lambda: two.link()["error"] is not None, "the city sees that the link is broken")
    two.more_reports(range(10, 14))
    link = two.link()
    now, since = SystemClock().now(), dt.datetime.fromisoformat(link["error_since"])
    assert seen <= since <= now
    assert (now - since).total_seconds() - 5 <= link["age_s"], "it grows, whatever is tried"
    during = two.here()
    assert during.keys() == before.keys(), "the last known stays"
    assert all(r["centre"]["link"] == "error" for r in during.values())
    assert all(during[k]["received_at"] == before[k]["received_at"] for k in before), "nothing looks newer than it is"
    page = tab()
    expect(page.locator("article.lw.off")).to_contain_text(TITLE)
    shot(page, "2-cut")
    two.county.product.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
    until(lambda: httpx.get(f"{two.county.product.url}readyz", timeout=5).status_code == 200, "web is back", 60)
    two.more_reports(range(20, 22))
    until(two.same, "what was missed has come", 60)
    after = two.here()
    assert len(after) == len(before) + 6
    assert {r["record"]["title"] for k, r in after.items() if k not in before} == {
        f"新增上报{n}" for n in (10, 11, 12, 13, 20, 21)
    }
    assert two.city.query("SELECT count(*), count(DISTINCT key) FROM lower_record") == [(len(after), len(after))]
    assert two.city.query("SELECT count(*) FROM reject WHERE source = 'lower:songyang'") == [(0,)]
    link = two.link()
    assert (link["error"], link["freshness"]) == (None, "live")
    assert all(after[k]["received_at"] == before[k]["received_at"] for k in before), "read on, not read anew"
    page = tab()
    expect(page.locator("article.lw")).not_to_have_class("lw off")
    expect(page.locator(".letters tbody tr")).to_have_count(len(after))
    shot(page, "3-back")


def shot(page: Page, name: str) -> None:
    folder = os.environ.get("SHOTS")
    if folder:
        page.wait_for_timeout(1500)
        page.screenshot(path=f"{folder}/{name}.png")
