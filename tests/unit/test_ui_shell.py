"""First HTML of the browser components, and the wordings both languages share (tests/golden)."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from ioc import ui
from ioc.freshness import freshness
from ioc.records import order_key
from ioc.ui import shell
from ioc.ui.due import due, parse

GOLDEN = Path(__file__).parents[1] / "golden"
NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("case", golden("due")["cases"], ids=lambda c: c["name"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_due_says_the_same_as_the_browser(case: dict[str, Any], lang: str) -> None:
    book = golden("due")
    now = parse(book["now"])
    assert now is not None
    d = due(case, now, lang, book["zone"])
    assert [d.kind, d.label, d.value, d.unit] == case[lang]


def test_freshness_has_the_same_thresholds_as_the_browser() -> None:
    for case in golden("freshness")["cases"]:
        as_of = None if case["age_s"] is None else NOW - dt.timedelta(seconds=case["age_s"])
        assert freshness(as_of, dt.timedelta(seconds=case["interval_s"]), NOW) == case["state"], case


def test_order_is_the_browsers_order() -> None:
    book = golden("order")
    assert [r["id"] for r in sorted(book["rows"], key=order_key)] == book["order"]


def test_shell_draws_what_the_browser_draws() -> None:
    """The vitest suite renders the same input with React and compares with the same file."""
    book = golden("shell")
    shell.render(ui.Page(**book["page"]))
    for name, case in book["cases"].items():
        component = getattr(ui, case["type"])(**case["props"])
        assert shell.render(component) == case["html"], name


def test_titles_cannot_break_out() -> None:
    row = {**golden("shell")["rows"][0], "title": '<img src=x onerror="alert(1)">'}
    shell.render(ui.Page(lang="zh", timezone="UTC", now="2026-10-03T06:32:08Z"))
    for variant in ("desk", "wall"):
        html = shell.render(ui.LiveList(rows=[row], variant=variant))
        assert html is not None
        assert "<img" not in html
        assert "&lt;img" in html


def test_other_components_are_not_ours() -> None:
    from dash import html

    assert shell.render(html.Div("x")) is None


def test_every_component_has_a_first_drawing() -> None:
    for cls in ui.COMPONENTS:
        if cls is not ui.Svg:
            assert shell.render(cls()) is not None, cls


def test_bundle_version_changes_with_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "DIST", tmp_path)
    assert not ui.bundle_built()
    assert ui.bundle_version() == ""
    for name in ("ioc_ui.js", "ioc_map.js", "ioc_ui.css"):
        (tmp_path / name).write_text("a")
    first = ui.bundle_version()
    (tmp_path / "ioc_map.js").write_text("b")
    assert ui.bundle_version() != first
    assert len(first) == 12
