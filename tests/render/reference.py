"""The pinned reference environment: one browser build and one font, both from packages, so goldens hold on any Linux.

The system's own fonts are hidden from the browser by a fontconfig file of our own. Interface numbers come from the
web font that ships with the product, Chinese from Noto Sans SC of the package.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
# Software GL and fixed rasterisation: five fresh browsers give identical pixels.
ARGS = [
    "--headless=shell",
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--font-render-hinting=none",
    "--disable-lcd-text",
    "--force-color-profile=srgb",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=Translate,MediaRouter,OptimizationHints",
]
_EXTRACT = "import c from '@sparticuz/chromium'; process.stdout.write(await c.executablePath());"


def node() -> str:
    """The Node the product pins through pip, so that no system Node is needed."""
    own = HERE.parents[1] / ".venv/bin/node"
    return str(own) if own.exists() else "node"


def executable() -> str:
    """Path of the pinned browser, unpacked on first use. Raises FileNotFoundError when its package is not installed."""
    if not (MODULES / "@sparticuz/chromium").is_dir():
        raise FileNotFoundError("tests/render/node_modules is missing: run scripts/test, which installs it")
    env = {**os.environ, "AWS_LAMBDA_JS_RUNTIME": ""}
    done = subprocess.run(
        [node(), "--input-type=module", "-e", _EXTRACT], cwd=HERE, env=env, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def font_config(folder: Path) -> Path:
    """A fontconfig file that knows only the packaged font."""
    conf = folder / "fonts.conf"
    conf.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<dir>{MODULES / '@expo-google-fonts/noto-sans-sc'}</dir><cachedir>{folder / 'cache'}</cachedir>"
        '<match target="pattern"><edit name="family" mode="append_last"><string>Noto Sans SC</string></edit></match>'
        "</fontconfig>",
        encoding="utf-8",
    )
    return conf


@contextmanager
def reference_browser() -> Iterator[Browser]:
    """The reference browser, started fresh."""
    with tempfile.TemporaryDirectory(prefix="ioc-render-") as tmp, sync_playwright() as play:
        conf = font_config(Path(tmp))
        browser = play.chromium.launch(
            executable_path=executable(),
            headless=True,
            timeout=60_000,
            ignore_default_args=["--headless"],
            args=ARGS,
            env={**os.environ, "FONTCONFIG_FILE": str(conf)},
        )
        try:
            yield browser
        finally:
            browser.close()
