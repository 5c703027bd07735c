"""What a picture cannot prove is checked in the page: overflow, overlap, scroll bars, lost glyphs, a squeezed map."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

# Leaf elements with text of their own that a person sees; the map's own labels and hidden panels do not count.
_SCRIPT = (Path(__file__).parent / "structure.js").read_text("utf-8")


def faults(page: Page) -> list[dict[str, str]]:
    """Every fault of the page as it stands: kind (overflow, outside, cut, overlap, scroll, squeezed, tofu), element."""
    return page.evaluate(_SCRIPT)
