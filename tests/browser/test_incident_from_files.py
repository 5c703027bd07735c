"""An incident nobody wrote a script for, at a random point of a centre filled from files alone.

Everything is brought in by the command line. Two people command it in two browsers, through a killed `web` and 30 s
without a network for one of them; a third carries out an order on a phone. The seed of the place is printed.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from ioc.clock import SystemClock
from tests.browser.commanding import act, filled, ordered, reviewed, said
from tests.browser.test_second_city import PASSWORD, ZONE, Town, page_of, until
from tests.conftest import public_folder
from tests.far_end import far_end
from tests.ops.test_up import Product, free_port
from tests.worlds import other_city as city
from tests.worlds import other_city_command as files
from tests.worlds.other_city_work import write_work

pytestmark = [pytest.mark.browser, pytest.mark.whole]
PEOPLE = (
    ("yeduty", "officer", "叶值班", ""),
    ("zhoulead", "chief", "周值班长", ""),
    ("firezhu", "department", "朱队长", files.FIRE),
)
CUT_S = 30


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder, given = public_folder("ioc-incident-"), tmp_path_factory.mktemp("songyang")
    product = Product(folder, free_port())
    now = SystemClock().now()
    city.write(given, now)
    with far_end() as platform:
        try:
            product.up(120)
            found = Town(product, given, write_work(given, now.astimezone(ZONE).year), platform)
            _bring(found, now)
            yield found
        finally:
            if product.process and product.process.poll() is None:
                product.process.terminate()
                product.process.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def _bring(town: Town, now: dt.datetime) -> None:
    given = town.files
    town.bring("regions", str(given / "regions.geojson"), "--crs", "EPSG:4490")
    town.bring("grids", str(given / "网格.shp"), "--crs", city.METRES)
    town.bring("devices", str(given / "视频点位.csv"), "--crs", "GCJ-02", "--source", "公安局")
    departments = next(path for kind, path in town.work.tables if kind == "departments")
    town.bring("departments", str(files.with_more(departments)))
    for kind, words in files.write_command(given):
        town.bring(kind, *words)
    town.bring("rosters", str(files.roster(given, now.astimezone(ZONE).date())))
    for login, role, name, department in PEOPLE:
        words = ["user", "add", login, "--role", role, "--name", name, "--password-stdin", "--sensitivity", "1"]
        words += ["--department", department] if department else []
        code, said = town.ioc(*words, stdin=f"{PASSWORD}\n")
        assert code == 0, said
    code, said = town.ioc("token", "create", "weather", "--allow", "observations:write")
    assert code == 0, said
    values = {"wind_speed": 5.4, "wind_direction": 70, "temperature": 26.5}
    told = {"device": files.STATION, "ts": SystemClock().now().isoformat(), "values": values}
    headers = {"Authorization": f"Bearer {said.split()[-1]}"}
    answer = httpx.post(f"{town.product.url}api/v1/observations", json={"observations": [told]}, headers=headers)
    assert answer.json()["rejected"] == 0, answer.text


def test_an_incident_at_a_random_place_of_a_city_from_files(town: Town, browser: Browser, record_property: Any) -> None:
    seed = int.from_bytes(os.urandom(4))
    print(f"place by seed {seed}")
    record_property("seed", seed)
    lon, lat = files.somewhere(random.Random(seed))
    duty, faults = page_of(browser, town, "yeduty", "desk/command", 1440, 900)
    duty.locator("#cmd").get_by_role("button", name="新建突发事件").click()
    filled(duty, title="厂房起火", **{"class": "2"}, place=f"{lon}, {lat}", level="3", reason="浓烟，有人员被困")
    duty.wait_for_url("**/desk/command/*")
    case = int(duty.url.split("?")[0].rsplit("/", 1)[1])
    # every panel answers from the files: none names a dataset that is missing
    for panel in ("people", "targets", "eyes", "forces", "medical", "shelters", "weather", "plan", "buildings"):
        place = duty.locator(f"#cp-{panel}")
        expect(place.locator(".cskel")).to_have_count(0)
        expect(place).not_to_contain_text("未导入")
        expect(place.locator(".bad")).to_have_count(0)
    for panel, word in (("plan", "松阳县火灾事故应急预案"), ("weather", "26.5"), ("forces", "松阳")):
        expect(duty.locator(f"#cp-{panel}")).to_contain_text(word)
    [[found]] = town.query(
        "SELECT count(*) FROM cases c JOIN region r USING (region_id)"
        " WHERE case_id = %s AND ST_Covers(r.geom, c.geom) AND r.kind = 'village'",
        case,
    )
    assert found == 1, "in its village"

    chief, more = page_of(browser, town, "zhoulead", f"desk/command/{case}", 1440, 900)
    act(duty, "研判", text="三层砖混厂房，一层起火")
    act(chief, "确认级别")
    expect(duty.locator("#cmd-head")).to_contain_text("已确认 周值班长", timeout=10_000)
    act(duty, "申请响应", response_level="3", reason="需要县级力量")
    expect(chief.locator("#cmd-head")).to_contain_text("待批准", timeout=10_000)
    act(chief, "批准响应")
    act(chief, "进入处置")

    ordered(duty, "内攻灭火，搜救被困人员", lambda value, name: value == f"department|{files.FIRE}")
    phone, odd = page_of(browser, town, "firezhu", "m", 390, 844)
    card = phone.locator(".now", has_text="内攻灭火")
    card.get_by_role("button", name="签收").click()
    expect(card).to_have_attribute("data-state", "signed")

    commanded_through_failures(town, case, duty, chief)

    card.get_by_role("button", name="开始执行").click()
    card.get_by_role("button", name="完成").click()
    phone.locator("textarea").fill("明火扑灭，救出2人")
    phone.locator("form [type=submit]").click()
    duty.locator("[data-cmd-tab=task]").click()
    expect(duty.locator(".ctasks .st-done")).to_contain_text("明火扑灭，救出2人", timeout=20_000)
    act(chief, "申请响应", response_level="0", reason="明火已扑灭")
    act(chief, "批准响应")
    act(chief, "终止", reason="处置完毕", no_report_reason="按小火处置，不报终报")
    expect(duty.locator("#cmd-head")).to_contain_text("终止", timeout=10_000)
    reviewed(duty, chief, town.product.url, case, files.CIVIL)
    [[state]] = town.query("SELECT state FROM incident_review WHERE case_id = %s", case)
    assert state == "closed"
    assert [f for f in faults + more + odd if "fetch" not in f.lower()] == []
    whole(town, case)


def commanded_through_failures(town: Town, case: int, duty: Page, chief: Page) -> None:
    """30 s without a network for one, a killed `web` for both; each goes on, each sees the other's afterwards."""
    cut_at = SystemClock().now()
    duty.context.set_offline(True)
    for n in range(3):
        said(duty, f"断网记录{n}")
    expect(duty.locator(".cqueue li")).to_have_count(3)
    said(chief, "照常记录0")
    before = town.product.status()["processes"]["web"]["pid"]
    os.kill(before, signal.SIGKILL)
    for n in range(1, 4):
        said(chief, f"照常记录{n}")
    until(lambda: town.product.status()["processes"]["web"]["pid"] not in (None, before), "web is back")
    expect(chief.locator(".cqueue")).to_have_count(0, timeout=30_000)
    left = CUT_S - (SystemClock().now() - cut_at).total_seconds()
    duty.wait_for_timeout(max(0.0, left) * 1000)  # the cut lasts what it is said to last
    duty.context.set_offline(False)
    expect(duty.locator(".cqueue")).to_have_count(0, timeout=30_000)
    for page, words in ((chief, "断网记录2"), (duty, "照常记录3")):
        expect(page.locator("#cmd-log")).to_contain_text(words, timeout=20_000)
    rows = town.query(
        "SELECT given->>'text' FROM case_step WHERE case_id = %s AND given->>'text' LIKE '%%记录_' ORDER BY version",
        case,
    )
    told = [text for (text,) in rows]
    wanted = [f"断网记录{n}" for n in range(3)], [f"照常记录{n}" for n in range(4)]
    assert Counter(told) == Counter([*wanted[0], *wanted[1]]), "nothing lost, nothing doubled"
    assert [t for t in told if t.startswith("断网")] == wanted[0], "in its order"
    assert [t for t in told if t.startswith("照常")] == wanted[1], "in its order"


def whole(town: Town, case: int) -> None:
    """The timeline has no gap, and its chain holds."""
    versions = [v for (v,) in town.query("SELECT version FROM case_step WHERE case_id = %s ORDER BY 1", case)]
    assert len(versions) == len(set(versions)) >= 12
    until(lambda: town.ioc("audit", "verify")[0] == 0, "the chain is whole")
