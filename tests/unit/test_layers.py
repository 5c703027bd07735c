"""Every declared layer: words, a renderer for each band, no two specs of one layer at one zoom."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from typing import cast

import pytest

from ioc import mapspec
from ioc.declare import Layer
from ioc.i18n import LANGS
from ioc.registry import discover
from ioc.scope import SYSTEM, Scope

LAYERS = cast("Mapping[str, Layer]", discover("layers", "LAYER"))
NOW = dt.datetime(2026, 10, 3, tzinfo=dt.UTC)
VIEW = mapspec.View(SYSTEM, "desk", "dark", "zh", "", NOW)


@pytest.mark.parametrize("key", LAYERS)
def test_a_layer_has_words_and_a_legend_in_both_languages(key: str) -> None:
    layer = LAYERS[key]
    for lang in LANGS:
        assert layer.title(lang)
        assert layer.theme(lang)
        assert all(item["text"] and not item["text"].startswith("map.") for item in mapspec.legend(layer, lang))


@pytest.mark.parametrize("key", LAYERS)
def test_specs_have_stable_ids_and_bands_that_replace_each_other(key: str) -> None:
    layer = LAYERS[key]
    made, again = list(mapspec.specs(layer, VIEW)), list(mapspec.specs(layer, VIEW))
    assert made == again
    assert all(s["id"].startswith(f"{key}-") for s in made)
    if layer.query in ("event", "case"):  # marks at every zoom, and counts beside them for the routine ones
        assert {s["ioc"]["role"] for s in made} == {"records", "pins"}
        return
    for a, b in itertools.combinations(made, 2):
        (low_a, high_a), (low_b, high_b) = a["ioc"]["band"], b["ioc"]["band"]
        assert high_a <= low_b or high_b <= low_a


def test_without_the_right_there_is_no_spec_and_no_count() -> None:
    blind = mapspec.View(Scope("x", frozenset({"map.view"})), "desk", "dark", "zh", "", NOW)
    assert list(mapspec.specs(LAYERS["camera"], blind)) == []
    shown = mapspec.entry(LAYERS["camera"], blind, 5)
    assert (shown["ok"], shown["visible"], shown["count"]) == (False, False, None)


def test_draw_order_is_that_of_the_design() -> None:
    order = [k for k, _ in sorted(LAYERS.items(), key=lambda kv: kv[1].order)]
    wanted = ["heat", "warning", "grid_cell", "camera", "resource", "event", "case"]
    assert [k for k in order if k in wanted] == wanted


@pytest.mark.parametrize(
    ("box", "low", "high"),
    [
        ((111.0, 21.0, 113.0, 23.0), 7.5, 9.5),
        ((111.9, 21.8, 111.91, 21.81), 14.5, 16.0),
        (mapspec.EVERYWHERE, 2.5, 4.5),
    ],
)
def test_the_first_zoom_shows_the_whole_box(box: tuple[float, float, float, float], low: float, high: float) -> None:
    assert low <= mapspec.fit_zoom(box) <= high


def test_the_legend_names_every_mark_that_the_map_draws() -> None:
    def swatches(key: str) -> list[str]:
        return [item["swatch"] for item in mapspec.legend(LAYERS[key], "zh") if item["swatch"] != "ramp"]

    assert swatches("case") == swatches("event") == ["critical", "urgent", "routine"]
    assert swatches("camera") == ["online", "offline", "fault"]
    assert swatches("sensor") == ["online", "offline", "fault", "exceeded"]
