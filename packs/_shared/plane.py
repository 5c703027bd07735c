"""A local plane in kilometres, smooth seeded noise, natural-looking lines. Everything here is for sketches (示意)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Points = NDArray[np.float64]  # shape (n, 2)


@dataclass(frozen=True, slots=True)
class Plane:
    """Equirectangular kilometres around `lon0, lat0`: exact enough (< 0.1 %) for a city, and invertible."""

    lon0: float
    lat0: float

    @property
    def scale(self) -> Points:
        return np.array([111.32 * np.cos(np.radians(self.lat0)), 110.75])

    def to_km(self, points: Points) -> Points:
        return (np.asarray(points, dtype=np.float64) - (self.lon0, self.lat0)) * self.scale

    def to_deg(self, points: Points) -> Points:
        return np.asarray(points, dtype=np.float64) / self.scale + (self.lon0, self.lat0)

    def shape_km(self, shape: BaseGeometry) -> BaseGeometry:
        return shapely.transform(shape, self.to_km)

    def shape_deg(self, shape: BaseGeometry) -> BaseGeometry:
        return shapely.transform(shape, self.to_deg)


class Warp:
    """A smooth seeded displacement of the plane: straight cell borders become believable ones.

    Sums of sines whose gradients add up to less than one, so the plane never folds and a partition stays a partition.
    `octaves` are (amplitude km, wavelength km).
    """

    def __init__(
        self, seed: int, octaves: tuple[tuple[float, float], ...] = ((0.55, 11.0), (0.16, 3.1), (0.05, 1.0))
    ) -> None:
        rng = np.random.default_rng([seed, 77])
        self._waves = [(a, 2 * np.pi / w, rng.uniform(0, 2 * np.pi, 6), rng.uniform(-0.4, 0.4, 2)) for a, w in octaves]

    def __call__(self, points: Points) -> Points:
        p = np.asarray(points, dtype=np.float64)
        out = p.copy()
        for a, k, phase, turn in self._waves:
            x, y = p[:, 0] + turn[0] * p[:, 1], p[:, 1] + turn[1] * p[:, 0]
            out[:, 0] += a * 0.5 * (np.sin(k * y + phase[0]) + np.sin(0.53 * k * (x + y) + phase[1]))
            out[:, 1] += a * 0.5 * (np.sin(k * x + phase[2]) + np.sin(0.61 * k * (x - y) + phase[3]))
        return out


def densify(line: BaseGeometry, step_km: float) -> BaseGeometry:
    """Vertices at most `step_km` apart, at the same places whichever way the line runs."""
    return shapely.segmentize(line, step_km)


def smooth(control: Points, per_segment: int = 8) -> Points:
    """Catmull-Rom spline through hand-traced control points (centripetal, so that it never loops)."""
    p = np.asarray(control, dtype=np.float64)
    if len(p) < 3:
        return p
    ends = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0.0, 1.0, per_segment, endpoint=False)[:, None]
    out = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(ends[:-3], ends[1:-2], ends[2:-1], ends[3:], strict=True)
    ]
    return np.vstack([*out, p[-1:]])


def meander(line: Points, seed: int, amplitude_km: float, wavelength_km: float) -> Points:
    """A smooth line with gentle bends across its course, zero at both ends (rivers, hill roads). In kilometres."""
    rng = np.random.default_rng([seed, 78])
    steps = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate([[0.0], steps.cumsum()])
    total = along[-1] or 1.0
    grid = np.linspace(0.0, total, max(8, int(total / max(wavelength_km / 16, 0.05))))
    x, y = np.interp(grid, along, line[:, 0]), np.interp(grid, along, line[:, 1])
    tangent = np.stack([np.gradient(x), np.gradient(y)], axis=1)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)[:, None]
    offset = np.zeros(len(grid))
    for share, stretch in ((0.6, 1.0), (0.35, 0.43)):
        offset += share * np.sin(2 * np.pi * grid / (wavelength_km * stretch) + rng.uniform(0, 2 * np.pi))
    offset *= amplitude_km * np.minimum(1.0, np.minimum(grid, total - grid) / wavelength_km)
    return np.stack([x - offset * tangent[:, 1], y + offset * tangent[:, 0]], axis=1)
