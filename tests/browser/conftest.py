"""The browser of the browser tests: Debian's Chromium, one for a file. Tests make contexts of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = os.environ.get("IOC_CHROMIUM") or "/usr/bin/chromium"
BROWSER_ARGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        shown = play.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGS)
        yield shown
        shown.close()
