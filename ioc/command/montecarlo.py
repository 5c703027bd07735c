"""Monte Carlo of a 推演: when forces arrive and when an area is empty, under uncertain speed and departure. Pure.

Forces: `T_i = delay_i + turnout_i + base_i * F_i`. `base_i` is the travel time of the panels (road, or straight line),
`turnout_i` triangular, `F_i = exp(sigma_i * (sqrt(rho) Z0 + sqrt(1 - rho) Z_i))` lognormal with median 1, where
`Z0` is the traffic all share in a run. People: those at `d_j` metres from the edge leave at `notice + prepare_j` and
are out after `detour * d_j / speed_j` more; an area is empty when `out_share` of them are, and not before all have
passed the exits.

Travel times and departures are right-skewed, hence lognormal and triangular (the usual choice where only bounds and a
most likely value are known); the values of the parameters are planning values of ours (自拟), dictionary `simulation`.
Every force has a stream of random numbers of its own: one more of them changes nothing of the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioc.errors import Invalid, Reason

Floats = NDArray[np.float64]
RUNS, RUNS_MAX, RUNS_MIN = 2000, 20_000, 100
QUANTILES = (0.1, 0.5, 0.9)
_TRAFFIC, _FORCE, _PEOPLE = 1, 2, 3  # streams below the seed
_SLOWEST_MPS = 0.1


@dataclass(frozen=True, slots=True)
class Force:
    """One force: `base_s` of travel (None: cannot get there), by `road` or `line`, `delay_s` as assumed.

    `moving`: it is under way already and turns out no more.
    """

    id: int
    base_s: float | None
    by: str
    delay_s: float = 0.0
    moving: bool = False


def checked(values: Mapping[str, float]) -> Mapping[str, float]:
    """The planning values, or Invalid where a triangle has its corners in the wrong order."""
    for name in ("turnout", "notice"):
        low, mode, high = (values[f"{name}_{k}"] for k in ("min", "mode", "max"))
        if not low <= mode <= high:
            zh, en = f"{low:g} ≤ {mode:g} ≤ {high:g} 不成立", f"{low:g} <= {mode:g} <= {high:g} does not hold"
            raise Invalid(reasons=[Reason(name, "bad_order", zh, en)])
    return values


def arrivals(forces: Sequence[Force], values: Mapping[str, float], seed: int, runs: int) -> Floats:
    """Seconds until each force is there, shape (runs, forces); infinite for one that cannot get there."""
    shared = np.random.default_rng([seed, _TRAFFIC]).standard_normal(runs)
    rho = values["traffic_share"]
    out = np.full((runs, len(forces)), np.inf)
    for i, f in enumerate(forces):
        if f.base_s is None:
            continue
        rng = np.random.default_rng([seed, _FORCE, f.id])
        own, turnout = rng.standard_normal(runs), triangular(rng, values, "turnout", runs)
        sigma = values["road_sigma" if f.by == "road" else "line_sigma"]
        factor = np.exp(sigma * (math.sqrt(rho) * shared + math.sqrt(1 - rho) * own))
        out[:, i] = f.delay_s + (0.0 if f.moving else turnout) + f.base_s * factor
    return out


def triangular(rng: np.random.Generator, values: Mapping[str, float], name: str, size: int) -> Floats:
    """Seconds of a triangular time given in minutes; one value where its corners are one."""
    low, mode, high = (60 * values[f"{name}_{k}"] for k in ("min", "mode", "max"))
    u = rng.random(size)
    if high <= low:
        return np.full(size, low)
    cut = (mode - low) / (high - low)
    left = low + np.sqrt(u * (high - low) * (mode - low))
    right = high - np.sqrt((1 - u) * (high - low) * (high - mode))
    return np.where(u < cut, left, right)


def evacuation(distances: Floats, people: float | None, values: Mapping[str, float], seed: int, runs: int) -> Floats:
    """Seconds until an area is empty, by run. `distances`: metres to its edge, of places drawn evenly inside it."""
    rng = np.random.default_rng([seed, _PEOPLE])
    notice = triangular(rng, values, "notice", runs)
    prepare = (
        60 * values["prepare_median"] * np.exp(values["prepare_sigma"] * rng.standard_normal((runs, len(distances))))
    )
    speed = values["walk_median"] * np.exp(values["walk_sigma"] * rng.standard_normal((runs, len(distances))))
    each = prepare + values["walk_detour"] * distances / np.maximum(speed, _SLOWEST_MPS)
    out = notice + np.quantile(each, values["out_share"], axis=1)
    flow = values["exit_flow"] / 60
    return np.maximum(out, notice + people / flow) if flow > 0 and people else out


def told(seconds: Floats) -> dict[str, Any] | None:
    """P10, P50 and P90 in seconds; None where not even one run in ten comes to an end. A quantile that lies among runs
    without an end is null."""
    if not len(seconds) or not np.isfinite(seconds).any():
        return None
    # by order statistics: interpolating beside an infinite value would be none
    ordered = np.sort(seconds)
    out: dict[str, Any] = {}
    for q in QUANTILES:
        at = q * (len(ordered) - 1)
        low, high = ordered[math.floor(at)], ordered[math.ceil(at)]
        value = low + (high - low) * (at - math.floor(at)) if np.isfinite(high) else np.inf
        out[f"p{round(q * 100)}"] = round(float(value), 1) if np.isfinite(value) else None
    return out


def nth(times: Floats, n: int) -> Floats:
    """When the nth force is there, by run; infinite where there are fewer."""
    if times.shape[1] < n:
        return np.full(times.shape[0], np.inf)
    return np.sort(times, axis=1)[:, n - 1]
