"""The shell of the officer's page `/m`. It says nothing about anybody, so that a phone may keep it without a
network; what stands in it comes from `GET /api/v1/my/cases` (frontend/src/phone)."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from ioc.i18n import t
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.state import PageState
from ioc.ui import DIST

SCRIPT, WORKER = "ioc_phone.js", "ioc_phone_sw.js"
SCRIPT_URL = f"/_dash-component-suites/ioc.ui/dist/{SCRIPT}"
# Route after the #, icon, word.
_TABS = (("", "list", "work"), ("report", "plus", "newReport"), ("map", "map", "map"), ("me", "user", "me"))


def shell(page: PageState, timezone: str) -> Component:
    """Header, an empty place and the four tabs."""
    lang = page.lang
    head = html.Header(html.Div(html.H1(t("phone.myWork", lang), tabIndex=-1), className="h1"), className="hd")
    waiting = html.Div([html.I(className="sk") for _ in range(3)], className="skl", **{"aria-hidden": "true"})
    tabs: list[Any] = [
        html.A(
            [icon(glyph), html.Span(t(f"phone.{word}", lang))],
            href=f"#/{route}",
            className="" if route else "on",
            **{"data-tab": route, "data-word": word},
        )
        for route, glyph, word in _TABS
    ]
    return html.Main(
        [
            html.Div(
                [
                    html.Div(id="strip", role="status", hidden=True),
                    html.Div(id="warn", role="status", hidden=True),
                    html.Div(id="walk", hidden=True),
                ],
                id="bars",
            ),
            html.Div([head, html.Section(waiting, className="bd")], id="view"),
            html.Nav(tabs, className="tb", **{"aria-label": t("phone.myWork", lang)}),
        ],
        className="ph",
        **{"data-timezone": timezone},
    )


@lru_cache(maxsize=4)
def _digest(stamp: float) -> str:
    return hashlib.sha256((DIST / SCRIPT).read_bytes()).hexdigest()[:12] if stamp else ""


def script_url() -> str:
    """With a fingerprint, so that what a phone keeps is what the page asks for."""
    path = DIST / SCRIPT
    return f"{SCRIPT_URL}?v={_digest(path.stat().st_mtime if path.is_file() else 0.0)}"
