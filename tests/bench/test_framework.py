"""Figures judge themselves; rounds are interleaved; the quick live bench runs the real product and comes back clean."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import pytest

import app
from ioc.errors import ConfigError
from ioc.ops.bench import Figure, Job, interleaved, median, percentile, run_bench, text
from ioc.ops.composition import Composition
from ioc.settings import Settings

COMPOSITION = Composition(app.create_registry, app.create_app, lambda: None, "app", Path(app.__file__).resolve().parent)


def test_percentiles_by_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile(values, 0.99)) == (50, 95, 99)
    assert percentile([3.0], 0.99) == 3.0
    assert math.isnan(percentile([], 0.5))
    assert median([1.0, 9.0, 2.0]) == 2.0


def test_a_figure_judges_itself() -> None:
    assert Figure("a", 10, "ms", limit=10).ok is True
    assert Figure("a", 11, "ms", limit=10).ok is False
    assert Figure("a", 11, "ms").ok is None
    ratio = Figure("a", 5, "s", floor=2, limit=1.0, of="ratio")
    assert (ratio.ratio, ratio.ok) == (2.5, False)
    assert Figure("a", 9, "rows/s", floor=10, limit=0.8, better="high", of="ratio").ok is True
    assert Figure("a", math.inf, "s", limit=10).ok is False
    assert Figure("a", 1, "s", limit=1.0, of="ratio").ok is None  # no floor, no judgement


def test_rounds_alternate() -> None:
    order: list[str] = []
    out = interleaved(3, lambda: float(order.append("x") or 1), lambda: float(order.append("y") or 2))
    assert order == ["x", "y"] * 3
    assert out == [[1.0] * 3, [2.0] * 3]


def test_an_unknown_bench_is_refused() -> None:
    with pytest.raises(ConfigError):
        run_bench("speed", Settings(), COMPOSITION)


@pytest.mark.http
def test_the_live_bench_on_the_real_product() -> None:
    before = set(Path(tempfile.gettempdir()).glob("ioc-bench-*"))
    result = run_bench("live", Settings(), COMPOSITION, quick=True)
    figures = {f["name"]: f for f in result["figures"]}
    assert result["passed"], text(result)
    assert figures["missing"]["value"] == figures["doubled"]["value"] == 0
    assert figures["insert to client p95"]["floor"] > 0
    assert json.loads(json.dumps(result, default=str))["load_generator"]
    assert set(Path(tempfile.gettempdir()).glob("ioc-bench-*")) <= before


@pytest.mark.whole
def test_the_command_bench_fills_a_city_and_asks_it() -> None:
    result = run_bench("command", Settings(), COMPOSITION, quick=True)
    figures = {f["name"]: f for f in result["figures"]}
    assert result["passed"], text(result)
    assert figures["panels that could not tell"]["value"] == 0, text(result)
    for name in ("first panel p95", "all panels p95", "isochrone 15 min p95", "replay frame at a random T p95"):
        assert figures[name]["value"] > 0, name
        assert figures[name]["floor"] > 0, name
    assert figures["first panel p95"]["value"] <= figures["all panels p95"]["value"]


def test_jobs_collect_notes() -> None:
    job = Job(Settings(), COMPOSITION)
    job.say("x")
    assert job.notes == ["x"]
