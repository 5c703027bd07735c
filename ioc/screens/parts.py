"""Parts every surface shares: page boot, stores, breadcrumb, demo tag, map box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import dcc

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.model import Model
from ioc.screens.state import PageState
from ioc.services import CentreInfo, RegionRef
from ioc.ui import LayerPanel, MapView, Page, bundle_version

STORES = ("st-region", "st-sel", "st-kpi", "st-live", "st-rec", "st-retry", "st-duty", "st-views", "st-many", "st-list",
          "st-ask", "st-cmd")  # fmt: skip


def boot(model: Model, mode: str = "sse") -> list[Any]:
    """The page component and the stores that callbacks listen to."""
    page, view = model.page, model.view
    fixed = fmt.iso(model.fixed_now)
    component = Page(
        id="page",
        surface=page.surface,
        lang=page.lang,
        theme=page.theme,
        timezone=view.zone.key,
        now=fmt.iso(view.now),
        fixedNow=fixed,
        region=page.region,
        mode=mode,
        still=page.args.get("still") == "1" or fixed is not None,
        bundle=bundle_version(),
        rows=list(model.rows),
    )
    # A store that begins without data reports "data" when it is mounted: every callback on it would run for nothing.
    first: dict[str, Any] = {
        "st-region": page.region, "st-sel": page.sel, "st-kpi": {"n": 0, "codes": []}, "st-live": {"n": 0},
        "st-rec": {}, "st-retry": 0, "st-duty": 0, "st-views": 0, "st-many": {}, "st-list": 0,
        "st-ask": {}, "st-cmd": {},
    }  # fmt: skip
    return [component, *[dcc.Store(id=name, data=first[name]) for name in STORES]]


def centre_title(centre: CentreInfo, lang: str) -> str:
    return centre.title(lang) or t("screens.empty.new", lang)


def demo_tag(centre: CentreInfo, lang: str) -> list[Any]:
    """演示数据, while any demo row is visible."""
    return [html.Span(t("screens.demo", lang), className="demo")] if centre.demo else []


def breadcrumb(crumbs: Sequence[RegionRef], children: Sequence[RegionRef], lang: str) -> list[Any]:
    """Where we are, each step pressable, and the chooser of what lies below. Governs everything on the page."""
    if not crumbs:
        return [
            html.Span(t("screens.empty.new", lang)),
            icon("chev"),
            html.Span(t("screens.bc.no_region", lang), className="sub"),
        ]
    parts: list[Any] = []
    for i, ref in enumerate(crumbs):
        if i:
            parts.append(icon("chev"))
        last = i == len(crumbs) - 1
        code = "" if i == 0 else ref.code
        name = html.Span(ref.name, className="ellip")
        here: dict[str, Any] = {"aria-current": "location"} if last else {}
        parts.append(html.Button(name, className="here" if last else "up", **{"data-region": code}, **here))
    if children:
        parts += [icon("chev"), _chooser(children, lang)]
    return parts


def _chooser(children: Sequence[RegionRef], lang: str) -> Component:
    items: list[Any] = []
    for ref in children:
        sketch = [html.Small(t("screens.bc.sketch", lang))] if ref.sketch else []
        items.append(html.Li(html.Button([html.Span(ref.name), *sketch], **{"data-region": ref.code})))
    label = t("screens.bc.choose", lang)
    summary = html.Summary([html.Span(t("screens.bc.all", lang)), icon("down")], title=label, **{"aria-label": label})
    return html.Details([summary, html.Ul(items)], className="pick")


def map_box(model: Model, overlays: Sequence[Any] = (), variant: str | None = None) -> Component:
    """The map in its box, with what lies over it. Without a map the box says why."""
    lang = model.lang
    if not model.map_config:
        why = model.faults.get("map") or t("screens.bc.no_region", lang)
        return html.Section(html.Div(html.B(why), className="none2"), className="mapbox p-map")
    kind = variant or model.page.surface
    # an embed is too small for plates beside its marks: its rows say the same
    view = MapView(id="map", config=dict(model.map_config), variant=kind, labels=kind != "embed")
    return html.Section([view, *overlays], className="mapbox p-map", **{"aria-label": t("screens.map.label", lang)})


def layer_panel(model: Model) -> LayerPanel:
    return LayerPanel(id="layers", layers=list(model.map_config.get("layers") or ()))


def fault_line(message: str) -> Component:
    return html.Div([icon("warn"), html.Span(message)], className="pfault", role="status")


def fault(model: Model, part: str) -> list[Any]:
    """A panel that could not be read says so in its own place."""
    message = model.faults.get(part)
    return [fault_line(message)] if message else []


def when_word(page: PageState, lang: str) -> str:
    """What stands over the hours of the day: 实时, or 回溯 on a page that looks back."""
    return t("replay.nav" if page.past else "screens.scene.live", lang)
