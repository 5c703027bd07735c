"""The base map as a MapLibre style: offline from the centre's own regions and base features, or a configured one.

The offline map needs no glyph server (labels are drawn with local fonts), no sprite and no outside request. It is a
sketch and says so; a configured map shows its attribution with the official approval number (审图号).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import quote

from ioc.i18n import t
from ioc.settings import Settings

Theme = Literal["dark", "light", "led"]
StyleLayer = dict[str, Any]

# The map tokens of assets/tokens.css (a test holds the two together).
COLOURS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "dark": {
            "sea": "#090D11", "land": "#1A2129", "out": "#10161B", "line": "#46545F", "town": "#27313A",
            "road": "#333F4A", "hwy": "#4A5966", "water": "#0D1A24", "river": "#1E3545", "label": "#93A2B0",
            "halo": "#0D1216", "ink-2": "#BCC7D1", "ink-4": "#667483",
        },
        "light": {
            "sea": "#E3EAEF", "land": "#FAFBFB", "out": "#EFF2F3", "line": "#A7B3BE", "town": "#DFE5EA",
            "road": "#D8DEE3", "hwy": "#C2CBD3", "water": "#DCE7EF", "river": "#C3D6E3", "label": "#55626E",
            "halo": "#FFFFFF", "ink-2": "#3C4854", "ink-4": "#8A96A2",
        },
        "led": {"sea": "#0F1419", "land": "#1C232A", "out": "#141A1F"},
    }
)  # fmt: skip

BASE, RASTER, TILES, IMAGERY = "base", "base-raster", "base-tiles", "imagery"
ZOOM_MAX = 14  # of our own tiles; a browser enlarges the last ones
# A name for the font stack; the browser's own fonts draw every glyph because the style has no `glyphs`.
FONT = ["sans-serif"]
BOLD = ["sans-serif bold"]


def colours(theme: str) -> Mapping[str, str]:
    """Map colours of a theme; `led` lifts the floor of `dark` for LED receivers."""
    if theme == "led":
        return {**COLOURS["dark"], **COLOURS["led"]}
    return COLOURS["light" if theme == "light" else "dark"]


def style(settings: Settings, theme: str, lang: str, version: str) -> dict[str, Any]:
    """MapLibre style. `version` changes with regions or base features, so that a browser fetches them once."""
    c = colours(theme)
    own = {"type": "vector", "tiles": [f"/basemap/{{z}}/{{x}}/{{y}}.mvt?v={version}"], "maxzoom": ZOOM_MAX}
    sources: dict[str, Any] = {BASE: own}
    layers: list[StyleLayer] = [{"id": "sea", "type": "background", "paint": {"background-color": c["sea"]}}]
    if settings.basemap_kind and settings.basemap_url:
        name, source, drawn = _configured(settings, c)
        sources[name] = source
        layers += drawn
    else:
        layers += _ground(c)
    if settings.imagery_url:
        sources[IMAGERY] = _raster(settings.imagery_kind, settings.imagery_url, settings.imagery_note)
        # hidden until somebody asks for it: what is not visible is not fetched
        layers.append({"id": IMAGERY, "type": "raster", "source": IMAGERY, "layout": {"visibility": "none"},
                       "paint": {"raster-fade-duration": 0, "raster-opacity": 0.7}})  # fmt: skip
    layers += _boundaries(c)
    if settings.basemap_kind not in ("raster", "wmts-w", "wmts-c"):
        layers += _labels(c, lang)
    return {"version": 8, "name": "ioc", "sources": sources, "layers": layers}


def note(settings: Settings, lang: str) -> str:
    """What stands beside the scale: the sketch note, or the configured map's attribution."""
    configured = settings.basemap_kind and settings.basemap_url
    return settings.basemap_attribution if configured else t("map.sketch", lang)


# ---------------------------------------------------------------- configured maps


def _configured(settings: Settings, c: Mapping[str, str]) -> tuple[str, dict[str, Any], list[StyleLayer]]:
    url, attribution = settings.basemap_url, settings.basemap_attribution
    if settings.basemap_kind == "pmtiles":
        source = {"type": "vector", "url": f"pmtiles://{url}", "attribution": attribution}
        return TILES, source, _vector(c)
    source = _raster(settings.basemap_kind, url, attribution)
    return RASTER, source, [{"id": "raster", "type": "raster", "source": RASTER, "paint": {"raster-fade-duration": 0}}]


def _raster(kind: str, url: str, attribution: str) -> dict[str, Any]:
    if kind == "wmts-c":  # EPSG:4490 matrices: the client cuts them anew for Mercator
        url = "tdtc://" + quote(url, safe="") + "#{z}/{x}/{y}"
    return {"type": "raster", "tiles": [url], "tileSize": 256, "maxzoom": 18, "attribution": attribution}


def _vector(c: Mapping[str, str]) -> list[StyleLayer]:
    """Plain layers for the two common schemas of vector PMTiles (Protomaps, OpenMapTiles); absent ones draw nothing."""

    def of(id_: str, kind: str, source_layer: str, paint: dict[str, Any]) -> StyleLayer:
        return {"id": id_, "type": kind, "source": TILES, "source-layer": source_layer, "paint": paint}

    return [
        of("pm-earth", "fill", "earth", {"fill-color": c["land"]}),
        of("pm-water", "fill", "water", {"fill-color": c["water"]}),
        of("pm-roads", "line", "roads", {"line-color": c["road"], "line-width": _width(0.5, 4)}),
        of("omt-roads", "line", "transportation", {"line-color": c["road"], "line-width": _width(0.5, 4)}),
        of("omt-rivers", "line", "waterway", {"line-color": c["river"], "line-width": _width(0.5, 3)}),
    ]


# ---------------------------------------------------------------- the offline map


def _width(at_8: float, at_16: float) -> list[Any]:
    return ["interpolate", ["exponential", 1.4], ["zoom"], 8, at_8, 16, at_16]


def _role(*names: str) -> list[Any]:
    return ["in", ["get", "role"], ["literal", list(names)]]


_MAIN = ["==", ["get", "class"], "main"]


def _fill(id_: str, role: str, colour: str) -> StyleLayer:
    return {
        "id": id_, "type": "fill", "source": BASE, "source-layer": BASE, "filter": _role(role),
        "paint": {"fill-color": colour, "fill-antialias": True},
    }  # fmt: skip


def _line(id_: str, role: str, colour: str, width: Any, **more: Any) -> StyleLayer:
    out: StyleLayer = {
        "id": id_, "type": "line", "source": BASE, "source-layer": BASE, "filter": _role(role),
        "layout": {"line-cap": "round", "line-join": "round"},
        "paint": {"line-color": colour, "line-width": width, **more.pop("paint", {})},
    }  # fmt: skip
    return {**out, **more}


def _ground(c: Mapping[str, str]) -> list[StyleLayer]:
    glow = {"line-blur": ["interpolate", ["linear"], ["zoom"], 8, 6, 12, 24], "line-opacity": 0.55}
    return [
        # a quiet edge of shallow water along every shore
        _line("shore", "land", c["water"], ["interpolate", ["linear"], ["zoom"], 8, 12, 12, 48], paint=glow),
        _fill("outside", "outside", c["out"]),
        _fill("land", "land", c["land"]),
        _fill("water", "water", c["water"]),
        # two layers, not one width by class: that would be a second program for the browser to compile
        _line("river", "river", c["river"], 1.4, minzoom=7),
        _line("river-main", "river", c["river"], 2.6, minzoom=7) | {"filter": ["all", _role("river"), _MAIN]},
        _line("street", "street", c["road"], _width(0.3, 3), minzoom=12),
        _line("road", "road", c["road"], _width(0.9, 5), minzoom=8),
        _line("rail", "rail", c["hwy"], _width(0.8, 2.5), paint={"line-dasharray": [3, 2]}),
        _line("highway", "highway", c["hwy"], _width(1.4, 7)),
    ]


def _boundaries(c: Mapping[str, str]) -> list[StyleLayer]:
    return [
        _line("town-line", "town", c["town"], ["interpolate", ["linear"], ["zoom"], 8, 0.8, 14, 1.6], minzoom=7.5),
        _line("county-line", "county", c["line"], ["interpolate", ["linear"], ["zoom"], 7, 1.0, 14, 2.0]),
    ]


def _label(id_: str, kinds: Sequence[str], colour: str, size: Any, c: Mapping[str, str], lang: str) -> StyleLayer:
    name: list[Any] = ["get", "name"]
    if lang == "en":
        name = ["case", [">", ["length", ["coalesce", ["get", "name_en"], ""]], 0], ["get", "name_en"], ["get", "name"]]
    return {
        "id": id_,
        "type": "symbol",
        "source": BASE,
        "source-layer": BASE,
        "filter": ["in", ["get", "kind"], ["literal", list(kinds)]],
        "layout": {
            "text-field": name,
            "text-font": FONT,
            "text-size": size,
            "text-max-width": 9,
            "text-padding": 4,
            "symbol-sort-key": ["coalesce", ["get", "rank"], 5],
        },
        "paint": {"text-color": colour, "text-halo-color": c["halo"], "text-halo-width": 1.4},
    }


def _labels(c: Mapping[str, str], lang: str) -> list[StyleLayer]:
    """Names by level and zoom: the larger place first, and gone when one stands inside it."""

    def ramp(a: float, b: float) -> list[Any]:
        return ["interpolate", ["linear"], ["zoom"], 8, a, 14, b]

    small = _label("label-feature", ("island", "bay", "harbour", "scenic", "other"), c["label"], ramp(11, 13), c, lang)
    small["filter"] = ["all", small["filter"], [">=", ["zoom"], ["coalesce", ["get", "min_zoom"], 9]]]
    village = _label("label-village", ("village",), c["label"], ramp(11, 12.5), c, lang)
    town = _label("label-town", ("town",), c["label"], ramp(11, 14), c, lang)
    county = _label("label-county", ("county", "zone"), c["ink-2"], ramp(14, 18), c, lang)
    county["layout"] |= {"text-font": BOLD, "text-letter-spacing": 0.12}
    around = _label("label-around", ("neighbour",), c["ink-4"], ramp(11, 13), c, lang)
    sea = _label("label-sea", ("sea",), c["ink-4"], ramp(14, 20), c, lang)
    sea["layout"] |= {"text-letter-spacing": 0.5}
    sea["paint"]["text-halo-color"] = c["sea"]
    return [
        {**village, "minzoom": 12.5},
        {**small, "minzoom": 8.5},
        {**around, "maxzoom": 12},
        {**town, "minzoom": 8.8},
        {**sea, "maxzoom": 12},
        {**county, "maxzoom": 11.5},
    ]
