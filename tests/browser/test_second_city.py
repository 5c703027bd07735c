"""A second city from files alone, and its whole loop: three reports of one pothole, one case, a 差评 and its repair.

Everything is brought in by the command line, as docs/install.md, your-data.md, dispatch.md and deadlines.md say; people
work by HTTP, on the officer's page and at the desk; the 12345 platform is an HTTP server on loopback.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from typer.testing import CliRunner

from app import main
from ioc import geo
from ioc.clock import SystemClock
from tests.conftest import public_folder
from tests.far_end import FarEnd, Got, far_end
from tests.ops.test_up import Product, free_port
from tests.worlds import other_city as city
from tests.worlds.other_city_work import ACCOUNTS, ROADS, WorkFiles, write_work

pytestmark = [pytest.mark.browser, pytest.mark.whole]
PASSWORD = "Song-2026-yang"
expect.set_options(timeout=30_000)
LON, LAT = 119.2401, 28.2502  # 西屏上村, in the cell of 王甲
ZONE = dt.timezone(dt.timedelta(hours=8))
ORDER = "SY20261122001"
OUTBOUND = """
[[channel]]
key = "hotline-back"
kind = "http"
title = "12345 回传"
plain = true
answer = {{code = "code", ok = ["200"]}}
[channel.request]
url = "{url}/api/feedback"
[channel.request.body]
orderNo = "${{source_id}}"
ourNo = "${{number}}"
node = "${{say}}"
dept = "${{department}}"
text = "${{result}}"

[[writeback]]
source = "hotline"
channel = "hotline-back"
steps = {{sign = "签收", finish = "办理结果", close = "办结"}}
"""


@dataclass
class Town:
    product: Product
    files: Path
    work: WorkFiles
    platform: FarEnd
    case: int = 0
    number: str = ""
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    people: dict[str, httpx.Client] = field(default_factory=dict[str, httpx.Client])

    def ioc(self, *words: str, stdin: str | None = None) -> tuple[int, str]:
        """The `ioc` command in this process: its exit code and all it said."""
        done = CliRunner().invoke(main, [*words, "--data-dir", str(self.product.folder)], input=stdin)
        return done.exit_code, done.output

    def bring(self, *words: str) -> str:
        code, said = self.ioc("import", *words)
        assert code == 0, said
        return said

    def as_(self, login: str) -> httpx.Client:
        if login not in self.people:
            url = self.product.url.rstrip("/")
            client = httpx.Client(base_url=url, headers={"Origin": url}, timeout=30)
            answer = client.post("/api/v1/auth/sign-in", json={"login": login, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            self.people[login] = client
        return self.people[login]

    def step(self, login: str, key: str, **given: Any) -> dict[str, Any]:
        client = self.as_(login)
        at = client.get(f"/api/v1/cases/{self.case}/steps").json()
        body = {"step": key, "version": at["version"], "given": given}
        answer = client.post(f"/api/v1/cases/{self.case}/steps", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def told(self, login: str) -> list[str]:
        notices = self.as_(login).get("/api/v1/notices").json()["notices"]
        return [n["kind"] for n in notices if n["about"] == f"case:{self.case}"]

    def query(self, text: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.ioc("db", "url")[1].strip(), autocommit=True) as conn:
            return conn.execute(text, values).fetchall()  # type: ignore[arg-type]  # fixed texts

    def killed(self, name: str) -> None:
        """A process of this centre ended by its id; back when the page answers again."""
        before = self.product.status()["processes"][name]
        os.kill(before["pid"], signal.SIGKILL)
        until(lambda: self.product.status()["processes"][name]["pid"] not in (None, before["pid"]), f"{name} is back")
        until(lambda: httpx.get(f"{self.product.url}readyz", timeout=5).status_code == 200, "ready")


def until(check: Callable[[], bool], what: str, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if check():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < end, what
        time.sleep(0.1)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder, files = public_folder("ioc-second-"), tmp_path_factory.mktemp("songyang")
    product = Product(folder, free_port())
    with far_end() as platform:
        platform.answer = lambda got: (200, {}, b'{"code": "200"}')
        (folder / "outbound.toml").write_text(OUTBOUND.format(url=platform.url), "utf-8")
        now = SystemClock().now()
        city.write(files, now)
        try:
            product.up(120)
            yield Town(product, files, write_work(files, now.astimezone(ZONE).year), platform)
        finally:
            if product.process and product.process.poll() is None:
                product.process.terminate()
                product.process.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def page_of(browser: Browser, town: Town, login: str, where: str, wide: int, high: int) -> tuple[Page, list[str]]:
    """A page of a signed-in person, and what went wrong in it."""
    context = browser.new_context(
        viewport={"width": wide, "height": high}, has_touch=wide < 500, is_mobile=wide < 500,
        permissions=["geolocation"], geolocation={"latitude": LAT, "longitude": LON + 0.0001, "accuracy": 6},
    )  # fmt: skip
    session = town.as_(login).cookies["ioc_session"]
    context.add_cookies([{"name": "ioc_session", "value": session, "url": town.product.url}])
    context.set_default_timeout(30_000)
    page, faults = context.new_page(), list[str]()
    page.on("pageerror", lambda e: faults.append(str(e)))
    page.on("dialog", lambda d: d.accept())
    page.goto(f"{town.product.url}{where}", wait_until="domcontentloaded")
    page.wait_for_selector("body[data-ready]", timeout=60_000)
    return page, faults


# The tests go on from each other: an engineer's morning, then the day of one case.


def test_the_engineer_brings_everything_in_by_the_command_line(town: Town) -> None:
    files = town.files
    town.bring("regions", str(files / "regions.geojson"), "--crs", "EPSG:4490")
    town.bring("grids", str(files / "网格.shp"), "--crs", city.METRES)
    town.bring("devices", str(files / "视频点位.csv"), "--crs", "GCJ-02", "--source", "公安局")
    for kind, path in town.work.tables:
        if kind == "stewards":
            continue  # its people have accounts: after those
        town.bring(kind, str(path))
    for kind, path, named in town.work.faults:
        code, said = town.ioc("import", kind, str(path))
        assert (code, named in said) == (1, True), said
        assert "Traceback" not in said
        assert "必填项为空" not in said, "one reason a fault"
    code, said = town.ioc("import", "dispatch", "ioc/cases/samples/departments.csv")
    assert code == 1
    for login, role, name, region, department in ACCOUNTS:
        words = ["user", "add", login, "--role", role, "--name", name, "--password-stdin", "--sensitivity", "1"]
        words += ["--region", region] if region else []
        words += ["--department", department] if department else []
        code, said = town.ioc(*words, stdin=f"{PASSWORD}\n")
        assert code == 0, said
        assert "部门表中没有" not in said
    code, said = town.ioc("user", "add", "lost", "--role", "department", "--department", "交通局", "--password-stdin",
                          stdin=f"{PASSWORD}\n")  # fmt: skip
    assert (code, "部门表中没有" in said) == (0, True), said
    town.bring(*next([k, str(p)] for k, p in town.work.tables if k == "stewards"))
    for name, source in (("12345", "hotline"), ("eye", "eye")):
        code, said = town.ioc("token", "create", name, "--allow", "events:write", "--source", source)
        assert code == 0, said
        town.tokens[source] = said.split()[-1]


def test_an_order_becomes_a_case_with_department_officer_and_deadline(town: Town) -> None:
    x, y = geo.wgs_to_gcj(np.array([LON]), np.array([LAT]))
    order = {
        "工单编号": ORDER, "来源渠道": "电话", "受理时间": dt.datetime.now(ZONE).strftime("%Y-%m-%d %H:%M"),
        "诉求人": "陈小姐", "联系电话": "13600002222", "诉求类型": "投诉", "三级分类": "道路破损",
        "标题": "人民路路面坑洞", "内容": "陈小姐说路面有大坑", "坐标系": "GCJ-02", "紧急程度": "一般",
        "经度": round(float(x[0]), 7), "纬度": round(float(y[0]), 7),
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {town.tokens['hotline']}"}
    url = f"{town.product.url}api/v1/hotline"
    answers = [httpx.post(url, json={"orders": [order]}, headers=headers, timeout=30).json() for _ in range(2)]
    first, again = (a["results"][0] for a in answers)
    assert (first["state"], again["state"], again["case_id"]) == ("created", "unchanged", first["case_id"])
    town.case, town.number = first["case_id"], first["case_number"]
    [[department, stage, due, terms]] = town.query(
        "SELECT department, stage, total_due_at, terms IS NOT NULL FROM cases WHERE case_id = %s", town.case
    )
    assert (department, stage, terms) == (ROADS, "forwarded", True)
    assert due > SystemClock().now() + dt.timedelta(days=4), "five working days"
    assert town.told("panroad") == ["case.assigned"]
    assert town.told("wangjia") == ["case.notified"], "the officer of the cell"
    assert town.told("wangjia2") == [], "not the one of that name in another town"
    for login, why in (("panroad", "department"), ("wangjia", "grid")):
        mine = town.as_(login).get("/api/v1/my/cases").json()["cases"]
        assert [(c["case_id"], c["by"]) for c in mine] == [(town.case, why)]


def test_the_officers_report_and_the_cameras_join_it(town: Town, browser: Browser) -> None:
    page, faults = page_of(browser, town, "wangjia", "m", 390, 844)
    expect(page.locator("body")).to_contain_text("人民路路面坑洞")
    expect(page.locator("body")).to_contain_text("±6 m")
    report = {
        "source": "officer", "source_id": "m-1", "title": "人民路路面坑洞", "urgency": "routine", "lon": LON + 0.0001,
        "lat": LAT, "crs": "EPSG:4490", "category": {"scheme": "gbt30428", "code": "0110"},
        "occurred_at": dt.datetime.now(ZONE).isoformat(),
    }  # fmt: skip
    for wanted in (201, 201):  # the first answer was lost: sent again under its key
        sent = town.as_("wangjia").post("/api/v1/events", json=report, headers={"Idempotency-Key": "m-1-report"})
        assert sent.status_code == wanted, sent.text
    count = "SELECT count(*) FROM event WHERE source = 'officer' AND case_id = %s"
    until(lambda: town.query(count, town.case) == [(1,)], "the officer's report is part of the case")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults == []
    page.context.close()
    seen = {
        "id": "AI-17", "algorithm": "坑洼", "confidence": 0.91, "camera": "SY-0001", "lon": LON, "lat": LAT + 0.0001,
        "crs": "EPSG:4490", "occurred_at": dt.datetime.now(ZONE).isoformat(),
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {town.tokens['eye']}"}
    found = httpx.post(f"{town.product.url}api/v1/detections", json=seen, headers=headers, timeout=30).json()
    assert found["state"] == "suspected"
    url = f"/api/v1/detections/{found['detection_id']}/confirm"
    assert town.as_("yeduty").post(url, json={"version": found["version"]}).status_code == 200
    [[sources]] = town.query("SELECT sources FROM cases WHERE case_id = %s", town.case)
    assert [s["source"] for s in sources] == ["hotline", "officer", "eye"]
    assert town.query("SELECT count(*) FROM cases") == [(1,)]
    ids = [s["source_id"] for s in sources]
    for number in (town.number, ORDER, "AI-17", ids[1]):
        groups = town.as_("yeduty").get("/api/v1/search", params={"q": number}).json()["groups"]
        assert f"case:{town.case}" in {i["key"] for g in groups for i in g["items"]}, number


def test_signed_for_on_the_phone_and_worked_on_through_failures(town: Town, browser: Browser) -> None:
    page, faults = page_of(browser, town, "panroad", "m", 390, 844)
    page.get_by_role("button", name="签收").first.click()
    steps = (
        "SELECT coalesce(array_agg(step ORDER BY version), '{}') FROM case_step"
        " WHERE case_id = %s AND actor_name = '潘工'"
    )
    until(lambda: town.query(steps, town.case) == [(["sign"],)], "signed for")
    town.killed("ingest")
    page.locator(".now a").first.click()
    page.get_by_role("button", name="开始办理").first.click()
    until(lambda: town.query(steps, town.case) == [(["sign", "begin"],)], "begun")
    town.killed("web")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    # a phone's receiver speaks every second, the browser's stand-in only when it is moved
    page.context.set_geolocation({"latitude": LAT, "longitude": LON + 0.00011, "accuracy": 6})
    page.get_by_role("button", name="到场").first.click()
    expect(page.get_by_role("button", name="办理完成").first).to_be_visible()
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="拍处置前").click()
    chosen.value.set_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": shot()})
    page.locator("textarea").first.fill("已用冷补料填平")
    expect(page.locator(".lb em.num")).to_contain_text("草稿已存")
    until(lambda: town.query(steps, town.case) == [(["sign", "begin", "arrive"],)], "there")
    asked = town.step("panroad", "ask_extension", reason="等材料", amount=2, unit="work_days")
    assert asked["asked"] == "extension"
    assert "case.asked" in town.told("zhoulead")
    before = town.query("SELECT due_at, total_due_at FROM cases WHERE case_id = %s", town.case)[0]
    town.step("zhoulead", "grant_extension")
    after = town.query("SELECT due_at, total_due_at FROM cases WHERE case_id = %s", town.case)[0]
    assert all(b >= a + dt.timedelta(days=2) for a, b in zip(before, after, strict=True)), "both terms are longer"
    town.killed("postgres")
    town.step("zhoulead", "urge", text="请抓紧")
    town.step(
        "chenxz", "supervise", text="本周修好", until=(dt.datetime.now(ZONE) + dt.timedelta(days=3)).date().isoformat()
    )
    kinds = town.told("panroad")
    assert {"case.urge", "case.supervise", "case.answered"} <= set(kinds), kinds
    entries = town.as_("panroad").get("/api/v1/supervision", params={"state": "active"}).json()["entries"]
    assert [e["what"] for e in entries] == ["本周修好"]
    page.goto(f"{town.product.url}m", wait_until="domcontentloaded")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.wait_for_selector(".now")
    page.locator(".now a").first.click()
    expect(page.locator("textarea").first).to_have_value("已用冷补料填平")
    page.get_by_role("button", name="办理完成").first.click()
    done = ["sign", "begin", "arrive", "ask_extension", "finish"]
    until(lambda: town.query(steps, town.case) == [(done,)], "finished")
    assert town.query("SELECT count(*) FROM attachment WHERE case_id = %s", town.case) == [(1,)]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert [f for f in faults if "fetch" not in f.lower()] == []
    page.context.close()


def test_a_bad_rating_brings_it_back_until_it_is_repaired(town: Town) -> None:
    assert town.step("yeduty", "close", satisfaction=1, resolved=False)["stage"] == "handling", "差评 reopens"
    assert "case.returned" in town.told("panroad")
    town.step("panroad", "finish", result="重新铺平")
    assert town.step("yeduty", "close", satisfaction=5, resolved=True)["stage"] == "closed"
    ratings = town.as_("yeduty").get("/api/v1/ratings").json()
    assert (ratings["bad"], ratings["repaired"]) == (1, 1)


def test_the_platform_has_every_step_once_and_in_order(town: Town) -> None:
    wanted = ["签收", "办理结果", "办结", "办理结果", "办结"]

    def sent(got: list[Got]) -> list[dict[str, Any]]:
        return list({g.headers["idempotency-key"]: g.json for g in got if g.path == "/api/feedback"}.values())

    until(lambda: len(sent(town.platform.got)) >= len(wanted), "written back")
    bodies = sent(town.platform.got)
    assert [b["node"] for b in bodies] == wanted
    assert {(b["orderNo"], b["ourNo"], b["dept"]) for b in bodies} == {(ORDER, town.number, ROADS)}
    assert [b["text"] for b in bodies if b["node"] == "办理结果"] == ["已用冷补料填平", "重新铺平"]


def test_the_desk_shows_its_story_and_the_history_is_whole(town: Town, browser: Browser) -> None:
    page, faults = page_of(browser, town, "zhoulead", f"desk?sel=case:{town.case}", 1920, 1080)
    page.keyboard.press("Control+k")
    page.keyboard.type(ORDER)
    page.get_by_role("option").filter(has_text="人民路路面坑洞").first.wait_for()
    page.keyboard.press("Enter")
    expect(page.locator("#detail h2")).to_contain_text("人民路路面坑洞")
    expect(page.locator("#detail")).to_contain_text("重新铺平")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1920
    assert faults == []
    page.context.close()

    def whole() -> bool:
        code, said = town.ioc("audit", "verify", "--json")
        return code == 0 and json.loads(said[said.index("{") :]).get("waiting", 0) == 0

    until(whole, "the chain is whole")
    versions = town.query("SELECT version FROM case_history WHERE case_id = %s ORDER BY 1", town.case)
    assert [v for (v,) in versions] == list(range(1, len(versions) + 1)), "no gap"


def shot() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (800, 600), (90, 110, 90)).save(out, "JPEG")
    return out.getvalue()
