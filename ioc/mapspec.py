"""What the map component is given: style, view, layer panel with counts and legend, and deck.gl layer specs by pydeck.

The contract is docs/ui.md, "MapView" and "Layer specs". Specs carry no function strings: nothing is evaluated
in the browser.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydeck as pdk

from ioc import basemap
from ioc.alarm_rules import alarm_rules
from ioc.alarms.life import STATES
from ioc.alarms.record import PRIORITIES
from ioc.declare import CountPins, H3Density, Heat, IconMarks, Layer, Outline, SmallMarks, Style
from ioc.grids.colours import MEASURES
from ioc.i18n import t
from ioc.registry import Registry
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Store, centre, layer_counts, thematic, tiles
from ioc.store.base_features import BaseMap
from ioc.store.regions import Box, Regions

# Zoom bands of design.md section 7: overview, counts, marks, detail.
BANDS: tuple[tuple[str, float, float], ...] = (
    ("overview", 0, 12),
    ("counts", 12, 14),
    ("marks", 14, 16),
    ("detail", 16, 25),
)
# A view for a centre that has no region yet: all of China.
EVERYWHERE: Box = (73.5, 17.0, 135.0, 53.5)
_TYPES: Mapping[str, str] = {
    "density": "H3HexagonLayer",
    "heat": "H3HexagonLayer",
    "areas": "PolygonLayer",
    "lines": "PathLayer",
}
_SECOND = {"offline": "off", "exceeded": "ex", "count": "n", "": ""}
# Themes in the panel follow the layers people look for first, draw order follows `Layer.order`.
_PANEL = ("event", "event_suspected", "case", "heat", "camera", "sensor", "grid_cell", "resource", "warning")
_WALL_HIDDEN = frozenset({"grid_cell", "resource", "region", "crossing"})


@dataclass(frozen=True, slots=True)
class View:
    """One request for a configuration."""

    scope: Scope
    surface: str
    theme: str
    lang: str
    region: str
    now: dt.datetime


def map_config(
    store: Store,
    settings: Settings,
    registry: Registry,
    scope: Scope,
    surface: str,
    theme: str,
    lang: str,
    region: str,
    now: dt.datetime,
) -> dict[str, Any]:
    """The `config` prop of the map. Raises NotFound for a region outside the scope."""
    view = View(scope, surface, theme, lang, region, now)
    regions = Regions.of(store)
    ids = regions.ids(scope, region)
    with store.scoped(scope) as conn:
        layers = in_panel_order(conn, registry, scope)
        counts = layer_counts.counts(conn, scope, layers, ids, now)
    with store.scoped(SYSTEM) as conn:  # whether anything here is demo is a fact of the whole centre
        demo = centre.facts(conn).demo
    box = regions.bbox(scope, region) or EVERYWHERE
    drawn = sorted(layers, key=lambda layer: layer.order)
    return {
        "style": basemap.style(settings, theme, lang, BaseMap.of(store).version()),
        "bounds": list(box),
        "center": [round((box[0] + box[2]) / 2, 6), round((box[1] + box[3]) / 2, 6)],
        "zoom": fit_zoom(box),
        "layers": [entry(layer, view, counts.get(layer.key)) for layer in layers],
        "spec": {"layers": [s for x in drawn for s in (*specs(x, view), *coloured(x, view))]},
        "alarms": alarm_words(lang) if scope.can(tiles.ALARM_VIEW) else None,
        "demo": demo,
        "note": basemap.note(settings, lang),
        "imagery": {"note": settings.imagery_note} if settings.imagery_url else None,
    }


def in_panel_order(conn: Any, registry: Registry, scope: Scope) -> list[Layer]:
    """Declared layers as the panel lists them, then the thematic ones the scope may see."""
    declared = [layer for layer in registry.layers.values() if layer.query != "thematic"]
    rank = {key: i for i, key in enumerate(_PANEL)}
    declared.sort(key=lambda layer: (layer.key == "region", rank.get(layer.key, len(rank)), layer.order, layer.key))
    pattern = registry.layers.get("thematic")
    made = [thematic.as_layer(row, pattern) for row in thematic.rows(conn, scope)] if pattern else []
    return [*declared, *made]


def fit_zoom(box: Box, width_px: int = 1000, height_px: int = 700) -> float:
    """Zoom at which the box fills a map of that size (512 px tiles), one decimal; never closer than 16."""

    def mercator(lat: float) -> float:
        return math.log(math.tan(math.radians(45 + lat / 2))) / (2 * math.pi)

    wide = max((box[2] - box[0]) / 360, 1e-9)
    high = max(mercator(box[3]) - mercator(box[1]), 1e-9)
    return round(min(16.0, math.log2(min(width_px / wide, height_px / high) / 512)), 1)


# ---------------------------------------------------------------- layer panel


def entry(layer: Layer, view: View, count: int | None) -> dict[str, Any]:
    """One row of the layer panel. `ok` False: the right is missing, and `count` stays empty."""
    ok = view.scope.can(layer.permission)
    visible = layer.visible and ok and not (view.surface == "wall" and layer.key in _WALL_HIDDEN)
    first = next((low for name, low, _ in BANDS if getattr(layer, name) is not None), 0)
    outline = layer.marks if isinstance(layer.marks, Outline) else None
    return {
        "key": layer.key,
        "title": layer.title(view.lang),
        "theme": layer.theme(view.lang),
        "icon": layer.icon,
        "count": count if ok else None,
        "visible": visible,
        "order": layer.order,
        "legend": [*legend(layer, view.lang), *_alarm_legend(layer, view)],
        "ok": ok,
        "permission": layer.permission,
        "colours": measures(layer, view) if ok else [],
        "min_zoom": max(first, outline.min_zoom if outline else 0),
    }


def legend(layer: Layer, lang: str) -> Iterator[dict[str, Any]]:
    """What the marks of the layer mean."""
    overview = layer.overview
    if isinstance(overview, H3Density):
        title = layer.title(lang)
        words = {"count": t("map.density", lang, title=title), "exceeded": t("map.exceeded_count", lang)}
        yield {"swatch": "ramp", "text": words.get(overview.value, t("map.offline_count", lang)), "steps": overview.cap}
    if isinstance(overview, Heat):
        yield {"swatch": "ramp", "text": t("map.heat", lang, days=overview.days), "steps": 5}
    if layer.query in ("event", "case"):
        doubt = {"suspected": True} if layer.where.get("suspected") else {}
        for urgency in ("critical", "urgent", "routine"):
            yield {"swatch": urgency, "text": t(f"map.{urgency}", lang), **doubt}
        if doubt:
            yield {"swatch": "line", "text": t("visible.suspected", lang), **doubt}
    elif layer.query == "device":
        marks = layer.marks if isinstance(layer.marks, SmallMarks) else SmallMarks()
        yield {"swatch": "online", "text": t("map.online", lang)}
        if marks.hollow:
            yield {"swatch": "offline", "text": t("map.offline", lang)}
            yield {"swatch": "fault", "text": t("map.fault", lang)}
        if marks.inverted and layer.where.get("class") != "camera":
            yield {"swatch": "exceeded", "text": t("map.exceeded", lang)}
    elif layer.query == "target":
        yield {"swatch": "icon", "icon": layer.icon, "text": layer.title(lang)}
        for level in (1, 2, 3, 4):  # 重大危险源 一级 .. 四级, GB 18218
            yield {"swatch": f"hazard{level}", "text": t(f"map.hazard.{level}", lang)}
    elif layer.geometry == "point":
        yield {"swatch": "icon", "icon": layer.icon, "text": layer.title(lang)}
    elif layer.query == "warning":
        yield {"swatch": "warning", "text": t("map.warning", lang)}
        yield {"swatch": "ahead", "text": t("map.warning_ahead", lang)}
    elif layer.geometry in ("polygon", "line"):
        yield {"swatch": "line", "text": t("map.outline", lang)}


def alarm_words(lang: str) -> dict[str, Any]:
    """What tiles say in numbers and keys: priorities and states in the order of `ioc.store.tiles.alarms`, rules."""
    return {
        "priorities": [t("map.alarm", lang, priority=p(lang)) for p in PRIORITIES.values()],
        "states": [STATES[s](lang) for s in ("unack", "rtn_unack", "acked")],
        "rules": {r.key: r.title(lang) for r in alarm_rules().values()},
    }


def _alarm_legend(layer: Layer, view: View) -> Iterator[dict[str, Any]]:
    """A bell by the priority of the alarm a mark carries, in a ring while nobody has acknowledged it."""
    if not tiles.carries_alarms(layer, view.scope):
        return
    words = alarm_words(view.lang)
    for n, text in enumerate(words["priorities"], 1):
        yield {"swatch": f"alarm{n}", "text": text}
    yield {"swatch": "alarm_unack", "text": words["states"][0]}


# ---------------------------------------------------------------- deck.gl specs


def specs(layer: Layer, view: View) -> Iterator[dict[str, Any]]:
    """Specs of one layer, one a band; neighbouring bands of the same look are one spec."""
    if not view.scope.can(layer.permission):
        return
    url = f"/tiles/{layer.key}/{{z}}/{{x}}/{{y}}.mvt?region={view.region}"
    if layer.query in ("event", "case"):
        yield _spec(layer, "records", (0, 25), url, {"only": layer.query})
        if isinstance(layer.counts, CountPins):
            yield _spec(layer, "pins", (12, 14), url, {"icon": layer.icon})
        return
    for role, band, extra in _merged(layer):
        yield _spec(layer, role, band, url, extra)


def measures(layer: Layer, view: View) -> list[dict[str, str]]:
    """What the layer's areas can be coloured by, of what the asker may see."""
    if layer.query != "grid_cell":
        return []
    may = (m for m in MEASURES.values() if not m.right or view.scope.can(m.right))
    return [{"key": m.key, "title": m.title(view.lang)} for m in may]


def coloured(layer: Layer, view: View) -> Iterator[dict[str, Any]]:
    """The layer coloured by the measure named in the page's address (`colour=`): at every zoom, not as outlines."""
    if measures(layer, view) and view.scope.can(layer.permission):
        url = f"/tiles/{layer.key}/{{z}}/{{x}}/{{y}}.mvt?region={view.region}&by={{by}}"
        yield _spec(layer, "areas", (0, 25), url, {"coloured": True, "labelZoom": 16}) | {"id": f"{layer.key}-coloured"}


def _merged(layer: Layer) -> Sequence[tuple[str, tuple[float, float], dict[str, Any]]]:
    out: list[tuple[str, tuple[float, float], dict[str, Any]]] = []
    for name, low, high in BANDS:
        style: Style = getattr(layer, name)
        if style is None:
            continue
        role, extra, start = _role(layer, style)
        band = (max(low, start), float(high))
        if band[0] >= band[1]:
            continue
        if out and out[-1][0] == role and out[-1][2] == extra and out[-1][1][1] == band[0]:
            out[-1] = (role, (out[-1][1][0], band[1]), extra)
        else:
            out.append((role, band, extra))
    return out


def _role(layer: Layer, style: Style) -> tuple[str, dict[str, Any], float]:
    """Renderer, its options, and the zoom it starts from."""
    match style:
        case H3Density():
            return "density", {"value": _SECOND[style.value], "cap": style.cap}, 0
        case Heat():
            return "heat", {"value": "n", "cap": 5}, 0
        case CountPins():
            return "pins", {"icon": layer.icon, "second": _SECOND[style.second]}, 0
        case SmallMarks():
            square = {"shape": "square"} if layer.query == "resource" else {}
            return "marks", {"icon": layer.icon, **square}, 0
        case IconMarks():
            return "icons", {"icon": style.icon, "cone": style.cone}, 0
        case Outline():
            role = "lines" if layer.geometry == "line" else "areas"
            return role, {"labelZoom": style.label_zoom, "fill": style.fill, "dash": style.dash}, style.min_zoom
        case _:
            raise TypeError(f"{layer.key}: {style!r}")


def _spec(layer: Layer, role: str, band: tuple[float, float], url: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """A pydeck layer as JSON, with our key. Ids are stable: pydeck's default is a new one each time."""
    kind = _TYPES.get(role, "IconLayer")
    made = pdk.Layer(kind, data=url, id=f"{layer.key}-{role}-{band[0]:g}", pickable=True)
    spec: dict[str, Any] = json.loads(made.to_json())
    spec["ioc"] = {"layer": layer.key, "band": list(band), "role": role, **extra}
    return spec
