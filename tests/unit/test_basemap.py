"""The style: offline by default, colours of the design tokens, configured services in place of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from ioc import basemap
from ioc.settings import Settings
from ioc.store import base_features

TOKENS = Path(__file__).parents[2] / "assets" / "tokens.css"


def style(tmp_path: Path, theme: str = "dark", lang: str = "zh", **given: Any) -> dict[str, Any]:
    return basemap.style(Settings(data_dir=tmp_path, **given), theme, lang, "v1")


def test_colours_are_those_of_the_design_tokens() -> None:
    css = TOKENS.read_text("utf-8")
    blocks = {
        "dark": css[css.index("color-scheme:dark") :],
        "light": css[css.index("color-scheme:light") :],
        "led": css[css.index('[data-panel="led"]') :],
    }
    for theme, block in blocks.items():
        for name, colour in basemap.COLOURS[theme].items():
            token = name if name.startswith("ink") else f"map-{name}"
            found = re.search(rf"--{token}:\s*(#[0-9A-Fa-f]{{6}})", block)
            assert found, f"{theme} {token}"
            assert found[1].upper() == colour, f"{theme} {token}"


@pytest.mark.parametrize("theme", ["dark", "light", "led"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_offline_style_asks_only_this_server(tmp_path: Path, theme: str, lang: str) -> None:
    made = style(tmp_path, theme, lang)
    text = json.dumps(made)
    assert "://" not in text
    assert [s["tiles"] for s in made["sources"].values()] == [["/basemap/{z}/{x}/{y}.mvt?v=v1"]]
    assert made["sources"]["base"]["maxzoom"] == basemap.ZOOM_MAX == base_features.ZOOM_MAX
    ids = [layer["id"] for layer in made["layers"]]
    assert len(set(ids)) == len(ids)
    assert all(layer.get("source", "base") in made["sources"] for layer in made["layers"])
    first_label = next(i for i, layer in enumerate(made["layers"]) if layer["type"] == "symbol")
    assert all(layer["type"] == "symbol" for layer in made["layers"][first_label:]), "labels stay on top of the data"


def test_a_configured_raster_takes_the_place_of_the_ground(tmp_path: Path) -> None:
    url = "/map/{z}/{x}/{y}.png"
    made = style(tmp_path, basemap_kind="wmts-w", basemap_url=url, basemap_attribution="审图号 XX-001")
    assert made["sources"]["base-raster"]["tiles"] == [url]
    assert made["sources"]["base-raster"]["attribution"] == "审图号 XX-001"
    kinds = [layer["type"] for layer in made["layers"]]
    assert "raster" in kinds
    assert "fill" not in kinds
    settings = Settings(data_dir=tmp_path, basemap_kind="raster", basemap_url=url, basemap_attribution="审图号 XX-001")
    assert basemap.note(settings, "zh") == "审图号 XX-001"
    assert "示意" in basemap.note(Settings(data_dir=tmp_path), "zh")


def test_matrices_in_degrees_are_cut_anew_by_the_client(tmp_path: Path) -> None:
    url = "/map_c/wmts?layer=vec&tk=1&z={z}&x={x}&y={y}"
    tile = style(tmp_path, basemap_kind="wmts-c", basemap_url=url)["sources"]["base-raster"]["tiles"][0]
    scheme, rest = tile.split("://")
    packed, place = rest.split("#")
    assert (scheme, unquote(packed), place) == ("tdtc", url, "{z}/{x}/{y}")


def test_vector_tiles_of_an_archive_are_drawn_in_the_same_colours(tmp_path: Path) -> None:
    made = style(tmp_path, basemap_kind="pmtiles", basemap_url="/maps/place.pmtiles")
    assert made["sources"]["base-tiles"] == {
        "type": "vector",
        "url": "pmtiles:///maps/place.pmtiles",
        "attribution": "",
    }
    assert any(layer.get("source") == "base-tiles" and layer["type"] == "line" for layer in made["layers"])
    assert any(layer["type"] == "symbol" for layer in made["layers"])


def test_lines_have_no_width_by_feature(tmp_path: Path) -> None:
    """Each kind of width is a program of its own, compiled before the first picture."""
    lines = [layer for layer in style(tmp_path)["layers"] if layer["type"] == "line"]
    assert len(lines) > 5
    assert '"get"' not in json.dumps([layer["paint"] for layer in lines])


@pytest.mark.parametrize("kind", ["", "raster", "wmts-w", "wmts-c", "pmtiles"])
def test_every_layer_of_every_kind_has_its_source(tmp_path: Path, kind: str) -> None:
    given = {"basemap_kind": kind, "basemap_url": "https://maps.example/{z}/{x}/{y}"} if kind else {}
    made = basemap.style(Settings.model_validate({"data_dir": tmp_path, **given}), "dark", "zh", "v1")
    assert {layer["source"] for layer in made["layers"] if "source" in layer} <= set(made["sources"])


def test_imagery_lies_over_the_ground_and_is_hidden_until_it_is_asked_for(tmp_path: Path) -> None:
    """MAP-05: under borders and names; EPSG:4490 matrices go by the same door as those of a base map."""
    assert basemap.IMAGERY not in style(tmp_path)["sources"]
    url = "https://t.example/{z}/{x}/{y}"
    made = style(tmp_path, imagery_url=url, imagery_note="测绘院 2026-05")
    ids = [layer["id"] for layer in made["layers"]]
    assert ids.index("land") < ids.index(basemap.IMAGERY) < ids.index("town-line")
    layer = made["layers"][ids.index(basemap.IMAGERY)]
    assert layer["layout"]["visibility"] == "none"
    assert made["sources"][basemap.IMAGERY]["tiles"] == [url]
    angled = style(tmp_path, imagery_url=url, imagery_kind="wmts-c")
    assert angled["sources"][basemap.IMAGERY]["tiles"][0].startswith("tdtc://")
