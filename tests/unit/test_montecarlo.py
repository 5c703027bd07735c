"""The Monte Carlo of 推演 against closed formulas without numpy, and what must hold whatever the numbers are."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.command import montecarlo as mc
from ioc.command.montecarlo import Force
from ioc.dictionaries import shipped
from ioc.errors import Invalid

VALUES = {code: float(e.attributes["value"]) for code, e in shipped()["simulation"].items()}
STILL = VALUES | {f"{n}_{k}": 0.0 for n in ("turnout", "notice") for k in ("min", "mode", "max")}
RUNS = 20_000
NORMAL = NormalDist()


def lognormal(base: float, sigma: float, q: float) -> float:
    return base * math.exp(sigma * NORMAL.inv_cdf(q))


def bisect(cdf: Any, q: float, low: float = 0.0, high: float = 1e6) -> float:
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if cdf(middle) < q else (low, middle)
    return (low + high) / 2


def test_one_force_is_a_lognormal() -> None:
    times = mc.arrivals([Force(7, 600, "road", delay_s=120, moving=True)], STILL, 3, RUNS)
    got = mc.told(times[:, 0])
    assert got is not None
    for q in mc.QUANTILES:
        wanted = 120 + lognormal(600, VALUES["road_sigma"], q)
        assert got[f"p{round(q * 100)}"] == pytest.approx(wanted, rel=0.01)
        assert got[f"p{round(q * 100)}"] == pytest.approx(float(np.percentile(times[:, 0], q * 100)), abs=0.06)


def test_turn_out_is_a_triangle() -> None:
    values = VALUES | {"road_sigma": 0.0}
    got = mc.told(mc.arrivals([Force(1, 300, "road")], values, 5, RUNS)[:, 0])
    low, mode, high = (60 * values[f"turnout_{k}"] for k in ("min", "mode", "max"))

    def cdf(x: float) -> float:
        if x <= mode:
            return max(0.0, x - low) ** 2 / ((high - low) * (mode - low))
        return 1 - max(0.0, high - x) ** 2 / ((high - low) * (high - mode))

    assert got is not None
    for q in mc.QUANTILES:
        assert got[f"p{round(q * 100)}"] == pytest.approx(300 + bisect(cdf, q), rel=0.01)


@pytest.mark.parametrize("n", [1, 2])
def test_the_first_and_the_second_of_three(n: int) -> None:
    """Independent traffic: by the distribution of order statistics."""
    values = STILL | {"traffic_share": 0.0}
    bases = (500.0, 600.0, 650.0)
    times = mc.arrivals([Force(i, b, "line") for i, b in enumerate(bases)], values, 11, RUNS)
    got = mc.told(mc.nth(times, n))

    def cdf(x: float) -> float:
        ps = [NORMAL.cdf(math.log(x / b) / values["line_sigma"]) if x > 0 else 0.0 for b in bases]
        none = math.prod(1 - p for p in ps)
        one = sum(p * math.prod(1 - o for j, o in enumerate(ps) if j != i) for i, p in enumerate(ps))
        return 1 - none if n == 1 else 1 - none - one

    assert got is not None
    for q in mc.QUANTILES:
        assert got[f"p{round(q * 100)}"] == pytest.approx(bisect(cdf, q), rel=0.012)
    shared = mc.told(mc.nth(mc.arrivals([Force(i, b, "line") for i, b in enumerate(bases)],
                                        values | {"traffic_share": 1.0}, 11, RUNS), 1))  # fmt: skip
    assert shared is not None
    for q in mc.QUANTILES:  # where all share the traffic, the nearest is always the first
        assert shared[f"p{round(q * 100)}"] == pytest.approx(lognormal(500, values["line_sigma"], q), rel=0.02)


def test_evacuation_against_plain_arithmetic() -> None:
    """Without spread it is a sum; with the exits full it is their flow."""
    still = STILL | {"prepare_sigma": 0.0, "walk_sigma": 0.0, "out_share": 1.0}
    distances = np.array([100.0, 600.0, 250.0])
    got = mc.told(mc.evacuation(distances, 900, still, 1, 200))
    alone = 60 * still["prepare_median"] + still["walk_detour"] * 600 / still["walk_median"]
    assert got == {k: pytest.approx(alone, abs=0.1) for k in ("p10", "p50", "p90")}
    full = mc.told(mc.evacuation(distances, 90_000, still | {"exit_flow": 600.0}, 1, 200))
    assert full == dict.fromkeys(("p10", "p50", "p90"), 9000.0)
    one = STILL | {"walk_sigma": 0.0, "out_share": 1.0}
    spread = mc.told(mc.evacuation(np.array([0.0]), None, one, 9, RUNS))
    assert spread is not None
    for q in mc.QUANTILES:
        wanted = lognormal(60 * one["prepare_median"], one["prepare_sigma"], q)
        assert spread[f"p{round(q * 100)}"] == pytest.approx(wanted, rel=0.02)


_FORCES = st.lists(
    st.builds(Force, st.integers(1, 10_000), st.one_of(st.none(), st.floats(1, 7200)),
              st.sampled_from(["road", "line"]), st.floats(0, 3600), st.booleans()),
    min_size=1, max_size=8, unique_by=lambda f: f.id,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(_FORCES, st.integers(0, 2**53), st.floats(1, 3600))
def test_the_same_seed_is_the_same_run_and_later_is_never_sooner(forces: list[Force], seed: int, more: float) -> None:
    times = mc.arrivals(forces, VALUES, seed, 300)
    assert np.array_equal(times, mc.arrivals(forces, VALUES, seed, 300)), "the same seed gives the same numbers"
    fewer = mc.arrivals(forces[1:], VALUES, seed, 300)
    assert np.array_equal(times[:, 1:], fewer), "a force more changes nothing of the others"
    later = [Force(f.id, f.base_s, f.by, f.delay_s + more, f.moving) for f in forces]
    for n in (1, 3):
        a, b = mc.told(mc.nth(times, n)), mc.told(mc.nth(mc.arrivals(later, VALUES, seed, 300), n))
        if a is None:
            assert b is None
            continue
        assert b is not None
        assert all(b[k] > a[k] for k in a if a[k] is not None)
        assert a["p10"] <= a["p50"] <= a["p90"]
    stuck = [i for i, f in enumerate(forces) if f.base_s is None]
    assert all(mc.told(times[:, i]) is None for i in stuck), "what cannot get there has no time, not a long one"


def test_values_out_of_order_are_refused() -> None:
    assert mc.checked(VALUES) is VALUES
    with pytest.raises(Invalid) as refused:
        mc.checked(VALUES | {"turnout_mode": 99.0})
    assert [r.field for r in refused.value.reasons] == ["turnout"]
