"""The browser of the browser tests: Debian's Chromium, one for a file. Tests make contexts of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

CHROMIUM = os.environ.get("IOC_CHROMIUM") or "/usr/bin/chromium"
BROWSER_ARGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def playing() -> Iterator[Playwright]:
    """One for all browsers of a file: two at once are none."""
    with sync_playwright() as play:
        yield play


@pytest.fixture(scope="module")
def browser(playing: Playwright) -> Iterator[Browser]:
    shown = playing.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGS)
    yield shown
    shown.close()


@pytest.fixture(scope="module")
def flat_browser(playing: Playwright) -> Iterator[Browser]:
    """One that cannot draw maps: for words and forms, which come three times as fast without a map drawn beside."""
    shown = playing.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-3d-apis"])
    yield shown
    shown.close()
