"""What people do on the command pages, by keyboard and mouse, for the tests that go through a whole incident."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect


def fill(page: Page, **values: str) -> None:
    box = page.locator(".stepbox[open]")
    for name, value in values.items():
        field = box.locator(f"[name={name}]")
        if field.evaluate("e => e.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def filled(page: Page, **values: str) -> None:
    """The open form is filled and sent; it closes when the server, or the line's queue, has taken it."""
    fill(page, **values)
    box = page.locator(".stepbox[open]")
    box.locator("[type=submit]").click()
    expect(box).to_have_count(0)


def act(page: Page, name: str, **values: str) -> None:
    page.locator("#cmd-act summary").click()
    page.locator("#cmd-act").get_by_role("button", name=name, exact=True).click()
    filled(page, **values)


def said(page: Page, text: str) -> None:
    page.locator("#cmd-act").get_by_role("button", name="记录", exact=True).click()
    filled(page, text=text)


def ordered(page: Page, what: str, fits: Callable[[str, str], bool], minutes: int = 30) -> str:
    """下达指令 to the first addressee whose (value, name) fits, e.g. ("resource|17", "..."). Returns its value."""
    page.locator("#cmd-act").get_by_role("button", name="下达指令").click()
    offered = page.locator(".stepbox[open] [name=to]").evaluate("e => [...e.options].map((o) => [o.value, o.text])")
    found = next((value for value, name in offered if fits(value, name)), None)
    assert found, offered
    filled(page, what=what, to=found, due_min=str(minutes))
    return str(found)


def reviewed(writer: Page, chief: Page, url: str, case: int, department: str) -> None:
    """复盘 of an ended incident: losses, a lesson with its owner, the conclusion; one submits, another closes."""
    path = f"{url.rstrip('/')}/desk/command/{case}/review"
    writer.goto(path, wait_until="domcontentloaded")
    side, paper = writer.locator("#aar-side"), writer.locator("#aar-doc")
    expect(paper).to_contain_text("接报→响应", timeout=60_000)
    expect(paper.locator("figure svg")).not_to_have_count(0)
    writer.get_by_role("button", name="填报损失").focus()
    writer.keyboard.press("Enter")
    fill(writer, which="deaths", value="0", source="应急管理局")
    writer.keyboard.press("Enter")
    expect(writer.locator(".stepbox[open]")).to_have_count(0)
    writer.get_by_role("button", name="添加经验教训").click()
    filled(writer, text="厂区消防水源不足", department=department, due_on="2030-01-31")
    writer.get_by_role("button", name="写结论").click()
    filled(writer, conclusion="处置及时，无人员伤亡。")
    expect(paper).to_contain_text("处置及时，无人员伤亡。", timeout=60_000)
    writer.get_by_role("button", name="送审").click()
    filled(writer)
    expect(side).to_contain_text("待审批")
    chief.goto(path, wait_until="domcontentloaded")
    expect(chief.locator("#aar-doc")).to_contain_text("厂区消防水源不足", timeout=60_000)
    chief.get_by_role("button", name="批准办结").click()
    filled(chief)
    expect(chief.locator("#aar-side")).to_contain_text("已办结", timeout=30_000)
