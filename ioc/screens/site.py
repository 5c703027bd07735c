"""Which page an address is, and the page itself: one component tree, used for the first HTML and for Dash's layout."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from ioc.i18n import t
from ioc.scope import Scope
from ioc.screens import desk, embed, empty, review, video, village, wall
from ioc.screens.command import aftermath
from ioc.screens.command import page as command
from ioc.screens.elements import Component
from ioc.screens.model import Model, read_model
from ioc.screens.parts import centre_title
from ioc.screens.state import PageState, Who
from ioc.services import Services

TILE_PATH = "/embed/tile/"
WORKSPACE = "/desk/command/"


def kind_of(page: PageState) -> str:
    """Key of the page at this address, "" when there is none."""
    if page.path.startswith(TILE_PATH) and len(page.path) > len(TILE_PATH):
        return "embed-tile"
    if page.path.startswith(WORKSPACE) and page.path.endswith("/review"):
        return "aftermath"
    if page.path.startswith(WORKSPACE):
        return "workspace"
    return {
        "/wall": "wall",
        "/desk": "overview",
        "/desk/overview": "overview",
        "/desk/replay": "overview",  # of a quarter of an hour ago: dash_app leads there
        "/desk/events": "events",
        "/desk/alarms": "alarms",
        "/desk/alarms/rules": "alarm-rules",
        "/desk/fences": "fences",
        "/desk/supervision": "supervision",
        "/desk/review": "review",
        "/desk/video": "video",
        "/desk/village": "village",
        "/desk/data": "data",
        "/desk/settings": "settings",
        "/desk/command": "command",
        "/embed/map": "embed-map",
    }.get(page.path, "")


_BUILD: Mapping[str, Callable[[Model], Any]] = {
    "wall": wall.wall,
    "overview": desk.overview,
    "events": desk.events,
    "alarms": desk.alarm_list,
    "alarm-rules": desk.alarm_rule_editor,
    "fences": desk.fence_editor,
    "supervision": desk.supervision,
    "review": review.review,
    "video": video.video,
    "village": village.village,
    "data": desk.data,
    "settings": desk.settings,
    "command": command.listed,
    "workspace": command.workspace,
    "aftermath": aftermath.aftermath,
    "embed-map": embed.map_page,
    "embed-tile": lambda model: embed.tile_page(model, model.page.path.removeprefix(TILE_PATH)),
}


def build(
    services: Services, scope: Scope, page: PageState, who: Who | None, fixed_now: dt.datetime | None
) -> tuple[Component, Model]:
    """The component tree of a page and what it was made from. `kind_of(page)` must not be empty."""
    kind = kind_of(page)
    model = read_model(services, scope, page, kind, who, fixed_now)
    if model.centre.empty and kind == "overview":
        return empty.empty(model), model
    return _BUILD[kind](model), model


def title(model: Model) -> str:
    """Document title: page first, so that a narrow tab tells pages apart."""
    kind = kind_of(model.page)
    name = centre_title(model.centre, model.lang)
    words = {
        "overview": "screens.nav.overview",
        "events": "screens.nav.events",
        "supervision": "screens.nav.supervision",
        "alarms": "alarm.nav",
        "alarm-rules": "alarm.rules",
        "fences": "fence.title",
        "review": "review.nav",
        "video": "video.title",
        "village": "screens.nav.village",
        "data": "screens.nav.data",
        "settings": "screens.nav.settings",
        "command": "cmd.title",
        "wall": "screens.title.wall",
    }
    if kind == "workspace" and model.incident:
        return f"{model.incident.get('title')} · {t('cmd.title', model.lang)}"
    if kind == "aftermath" and model.incident:
        return f"{t('aar.title', model.lang)} · {model.incident.get('title')}"
    if kind in words:
        return f"{t(words[kind], model.lang)} · {name}"
    return name
