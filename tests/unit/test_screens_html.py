"""First HTML: escaping, attributes, addresses, and the page prefix of Dash's own calls."""

from __future__ import annotations

import pytest
from dash import dcc, html

from ioc.screens.asker import PAGE_KEY
from ioc.screens.dash_app import PagePrefix, decode_page, encode_page
from ioc.screens.html import Tag, to_html
from ioc.screens.marks import icon
from ioc.ui import Clock


def test_text_and_attributes_are_escaped() -> None:
    tree = html.Div(["<script>alert(1)</script>", html.B('a & "b"', title='"><img src=x onerror=1>')])
    text = to_html(tree)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert 'title="&quot;&gt;&lt;img src=x onerror=1&gt;"' in text


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "//elsewhere", "https://elsewhere", "/\\elsewhere", "data:text/html,x"]
)
def test_addresses_of_others_are_dropped(address: str) -> None:
    assert "href" not in to_html(html.A("x", href=address))
    assert "action" not in to_html(Tag("form", None, {"action": address}))


def test_own_addresses_stay() -> None:
    assert 'href="/desk?region=1"' in to_html(html.A("x", href="/desk?region=1"))


def test_props_become_attributes() -> None:
    tree = html.Div(
        id={"type": "a", "code": "b"}, className="c", hidden=True, style={"maxWidth": "2px", "--x": 1}, n_clicks=3
    )
    text = to_html(tree)
    assert 'class="c"' in text
    assert " hidden" in text
    assert 'style="max-width:2px;--x:1"' in text
    assert "n_clicks" not in text
    assert "{&quot;code&quot;:&quot;b&quot;,&quot;type&quot;:&quot;a&quot;}" in text


def test_odd_attribute_names_are_dropped() -> None:
    assert to_html(Tag("div", None, {'x" onclick="1': "y"})) == "<div></div>"


def test_void_elements_and_stores() -> None:
    assert to_html(html.Br()) == "<br>"
    assert to_html(dcc.Store(id="s", data={"secret": 1})) == ""


def test_svg_is_drawn_and_hidden_from_readers_without_label() -> None:
    text = to_html(icon("camera"))
    assert text.startswith('<svg class="ic" viewBox="0 0 24 24" aria-hidden="true"><path')
    assert to_html(icon("no such icon")) == to_html(icon("pin"))


def test_browser_components_leave_a_box_or_are_drawn() -> None:
    clock = Clock(id="clock", className="clk")
    assert to_html(clock) == '<div id="clock" class="clk"></div>'
    assert to_html(clock, lambda c: "<time>12:00</time>") == "<time>12:00</time>"


@pytest.mark.parametrize("url", ["/desk?region=441700000000&v=111.9,21.8,9&lang=zh", "/embed/tile/a?token=x", "/"])
def test_page_survives_the_prefix(url: str) -> None:
    assert decode_page(encode_page(url)) == url


@pytest.mark.parametrize("text", ["!!!", "aHR0cDovL3g", encode_page("//elsewhere"), encode_page("desk")])
def test_foreign_prefixes_are_nothing(text: str) -> None:
    assert decode_page(text) == ""


def test_middleware_takes_the_prefix_off_and_nobody_else_may_name_a_page() -> None:
    seen: list[dict[str, object]] = []

    def inner(environ: dict[str, object], start: object) -> list[bytes]:
        seen.append(dict(environ))
        return []

    app = PagePrefix(inner)
    app({"PATH_INFO": f"/_p/{encode_page('/wall')}/_dash-layout"}, lambda *a: None)
    app({"PATH_INFO": "/_dash-layout", PAGE_KEY: "/wall"}, lambda *a: None)
    app({"PATH_INFO": f"/_p/{encode_page('/wall')}/api/v1/accounts"}, lambda *a: None)
    assert (seen[0]["PATH_INFO"], seen[0][PAGE_KEY]) == ("/_dash-layout", "/wall")
    assert PAGE_KEY not in seen[1]
    assert str(seen[2]["PATH_INFO"]).startswith("/_p/")
