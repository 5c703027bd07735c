"""The after-action report by hand: opened from the list, filled in, submitted by one, closed by another."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ioc.accounts.base import Grant
from ioc.accounts.users import add_user
from ioc.clock import SystemClock
from ioc.store.keeper import ensure_partitions
from tests.browser.commanding import filled
from tests.conftest import Database
from tests.http import world as small
from tests.product import PASSWORD, Product, running

pytestmark = pytest.mark.browser
PEOPLE = (("duty", "何敏仪", "officer"), ("chief", "李嘉欣", "chief"))


@pytest.fixture
def product(db: Database, tmp_path: Path) -> Iterator[Product]:
    clock = SystemClock()
    with db.owner() as conn, conn.transaction():
        small.build(conn, clock.now())
        ensure_partitions(conn, clock.now())
    with running(db, clock, tmp_path) as found:
        for login, name, role in PEOPLE:
            add_user(found.accounts, login, PASSWORD, [role], Grant(whole=True, sensitivity=1), name=name,
                     own_password=True)  # fmt: skip
        yield found


def _sent(product: Product, login: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    cookie = product.session(login)
    headers = {
        "Cookie": f"{cookie['name']}={cookie['value']}",
        "Origin": product.url,
        "Content-Type": "application/json",
    }
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(product.url + path, data, headers)) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _ended(product: Product) -> int:
    """An incident that went through its life, by the API."""
    place = {"lon": 111.15, "lat": 21.65, "crs": "EPSG:4490"}
    body = {"title": "物流仓库火情", "class": 2, "level": 3, "reason": "明火", "place": place}
    case = int(_sent(product, "duty", "/api/v1/incidents", body)["incident_id"])
    for login, act, given in (
        ("duty", "assess", {"text": "研判"}), ("chief", "confirm_level", {}),
        ("duty", "ask_response", {"response_level": 4, "reason": "增援"}), ("chief", "approve_response", {}),
        ("chief", "handle", {}), ("duty", "ask_response", {"response_level": 0, "reason": "已灭"}),
        ("chief", "approve_response", {}), ("chief", "end", {"reason": "扑灭", "no_report_reason": "已电话"}),
    ):  # fmt: skip
        version = _sent(product, login, f"/api/v1/incidents/{case}")["version"]
        _sent(product, login, f"/api/v1/incidents/{case}/acts", {"act": act, "version": version, "given": given})
    return case


def _seat(product: Product, browser: Browser, login: str, path: str) -> Page:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    context.add_cookies([product.session(login)])  # type: ignore[list-item]
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{product.url}{path}", wait_until="domcontentloaded")
    page.wait_for_selector("body[data-ready=true]")
    return page


def test_a_review_is_filled_in_submitted_and_closed(product: Product, flat_browser: Browser) -> None:
    case = _ended(product)
    duty = _seat(product, flat_browser, "duty", "/desk/command")
    duty.locator("#cmd-list .crev").first.click()
    duty.wait_for_url(f"**/desk/command/{case}/review*")
    paper, side = duty.locator("#aar-doc"), duty.locator("#aar-side")
    expect(paper).to_contain_text("接报→响应", timeout=60_000)
    expect(paper.locator("figure svg")).not_to_have_count(0)
    expect(side).to_contain_text("草稿")
    expect(side.locator("dl").first).to_contain_text("未填")

    # by keyboard: the form opens with Enter on its button and is sent with Enter
    duty.get_by_role("button", name="填报损失").focus()
    duty.keyboard.press("Enter")
    box = duty.locator(".stepbox[open]")
    box.locator("[name=which]").select_option("deaths")
    box.locator("[name=value]").fill("无")
    box.locator("[name=source]").fill("市应急局")
    duty.keyboard.press("Enter")
    expect(box.locator(".sfault")).to_be_visible()  # a word is no number, and nothing is 0 by itself
    box.locator("[name=value]").fill("0")
    duty.keyboard.press("Enter")
    expect(box).to_have_count(0)
    expect(side).to_contain_text("0 人")
    duty.get_by_role("button", name="添加经验教训").click()
    filled(duty, text="库区须设消防水池", department="消防救援支队", due_on="2030-01-31")
    expect(side).to_contain_text("库区须设消防水池")
    duty.get_by_role("button", name="写结论").click()
    filled(duty, conclusion="处置及时，无人员伤亡。")
    expect(paper).to_contain_text("处置及时，无人员伤亡。", timeout=60_000)
    duty.get_by_role("button", name="送审").click()
    filled(duty)
    expect(side).to_contain_text("待审批")
    expect(duty.get_by_role("button", name="写结论")).to_have_count(0)

    chief = _seat(product, flat_browser, "chief", f"/desk/command/{case}/review")
    expect(chief.locator("#aar-doc")).to_contain_text("库区须设消防水池", timeout=60_000)
    chief.get_by_role("button", name="批准办结").click()
    filled(chief)
    expect(chief.locator("#aar-side")).to_contain_text("已办结")
    expect(chief.locator("#aar-doc")).to_contain_text("封存摘要", timeout=60_000)
    expect(chief.locator("#aar-side").get_by_role("button", name="整改完成")).to_be_visible()
    with product.database.owner() as conn:
        row = conn.execute("SELECT state, digest, losses FROM incident_review WHERE case_id = %s", (case,)).fetchone()
    assert row is not None
    assert (row["state"], len(row["digest"]), row["losses"]["deaths"]["value"]) == ("closed", 64, 0)
    duty.goto(f"{product.url}/desk/command/{case}", wait_until="domcontentloaded")
    expect(duty.locator(f"#cmd-act a[href*='/desk/command/{case}/review']")).to_contain_text("已办结")
    for page in (duty, chief):
        page.context.close()
