"""The screenshot cases as data. A case is a name, who looks, an address, a size, and what the centre holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class RenderCase:
    """`login` empty: nobody is signed in. `centre`: which of the suite's centres is shown.

    `{incident}` in a path stands for the first incident that goes on.
    """

    name: str
    path: str
    width: int
    height: int
    login: str = "zhibanzhang-render"
    centre: Literal["city", "town", "empty"] = "city"
    press: tuple[str, ...] = ()  # keys or `click:SELECTOR` steps before the picture
    dpr: int = 1


CASES = (
    RenderCase("wall-1920", "/wall?still=1", 1920, 1080),
    RenderCase("wall-3840x1080", "/wall?still=1", 3840, 1080),
    RenderCase("wall-5760x1080", "/wall?still=1", 5760, 1080),
    RenderCase("wall-en", "/wall?still=1&lang=en", 1920, 1080),
    RenderCase("desk-dark", "/desk?still=1&theme=dark", 1920, 1080),
    RenderCase("desk-light", "/desk?still=1&theme=light", 1920, 1080),
    RenderCase("desk-en", "/desk?still=1&lang=en", 1440, 900),
    RenderCase("desk-events", "/desk/events?still=1", 1920, 1080),
    RenderCase("desk-command", "/desk/command/{incident}?still=1", 1920, 1080),
    RenderCase("desk-replay", "/desk?still=1&t=2026-10-03T14:20:00%2B08:00", 1920, 1080),
    RenderCase("desk-phone", "/desk?still=1", 390, 844),
    RenderCase("desk-zoom-200", "/desk?still=1", 960, 540, dpr=2),
    RenderCase("wall-portrait", "/wall?still=1", 1080, 1920),
    RenderCase("embed-map", "/embed/map?still=1", 480, 320),
    RenderCase("embed-tile", "/embed/tile/camera_online?still=1", 480, 320),
    RenderCase("signin", "/signin?still=1", 1440, 900, login=""),
    RenderCase("wall-enrol", "/wall?still=1", 1920, 1080, login=""),
    RenderCase("town-wall", "/wall?still=1", 1920, 1080, centre="town"),
    RenderCase("town-desk", "/desk?still=1", 1920, 1080, centre="town"),
    RenderCase("empty-desk", "/desk?still=1", 1920, 1080, centre="empty"),
    RenderCase("empty-wall", "/wall?still=1", 1920, 1080, centre="empty"),
)
