"""Values of the demo's datastreams as a function of time: the same for the loaded history and for the simulator."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data_sources._demo.fleet import READINGS, Fleet
from data_sources._demo.hashing import Float, bell, uniform
from data_sources._demo.kinds import limits

Ints = NDArray[np.int64]

HOUR_S, BLOCK_S = 3600, 2700
MISSING_SHARE = 0.0003
# Shape of a day by local hour, in [-1, 1].
_DAY = {
    "people": (
        -0.8, -0.9, -1, -1, -0.95, -0.7, -0.2, 0.3, 0.6, 0.75, 0.85, 0.9,
        0.7, 0.5, 0.55, 0.65, 0.7, 0.8, 0.95, 1, 0.9, 0.5, 0, -0.5,
    ),
    "traffic": (
        -0.9, -1, -1, -1, -0.9, -0.6, 0.1, 0.8, 1, 0.7, 0.5, 0.5,
        0.4, 0.3, 0.4, 0.5, 0.7, 0.95, 1, 0.7, 0.4, 0.1, -0.3, -0.7,
    ),
    "sun": (
        -0.7, -0.8, -0.85, -0.9, -1, -1, -0.8, -0.4, 0, 0.3, 0.6, 0.8,
        0.95, 1, 1, 0.9, 0.7, 0.4, 0.1, -0.1, -0.3, -0.4, -0.5, -0.6,
    ),
    "flat": (0.0,) * 24,
    "tide": (0.0,) * 24,
    "night": (0.0,) * 24,
}  # fmt: skip
# People on an island with day trippers, as a share of the peak.
_GATE = (
    0.22, 0.2, 0.19, 0.19, 0.22, 0.24, 0.29, 0.39, 0.51, 0.63, 0.73, 0.83,
    0.9, 0.95, 0.985, 1.0, 1.0, 0.97, 0.9, 0.82, 0.7, 0.55, 0.4, 0.28,
)  # fmt: skip
_TIDE_S = 44_714.0  # 12 h 25 min 14 s, principal lunar tide
LAMPS_ON, LAMPS_OFF = 18.6, 6.1  # local hours, early October


class Series:
    """Bound to a fleet, a seed and a zone. `offset_s` is the zone's distance from UTC at the load."""

    def __init__(self, fleet: Fleet, seed: int, tz: ZoneInfo, now: float) -> None:
        self._seed = seed
        offset = dt.datetime.fromtimestamp(now, tz).utcoffset()
        self.offset_s = offset.total_seconds() if offset else 0.0
        r = fleet.stream_reading
        self.streams = len(r)
        ids = np.arange(self.streams)
        take = lambda name: np.array([float(getattr(x, name)) for x in READINGS])[r]  # noqa: E731
        spread = 1 + take("spread") * bell(seed, 1, ids)
        self.level = take("level") * np.maximum(spread, 0.25)
        self.swing = take("swing") * np.maximum(spread, 0.25)
        self.noise, self.beyond = take("noise"), take("beyond")
        known = [limits(x.property) for x in READINGS]
        self.decimals = np.array([k.decimals for k in known])[r]
        self.low, self.high = np.array([k.low for k in known])[r], np.array([k.high for k in known])[r]
        nan = float("nan")
        self.limit_high = np.array([nan if k.limit_high is None else k.limit_high for k in known], dtype=float)[r]
        self.limit_low = np.array([nan if k.limit_low is None else k.limit_low for k in known], dtype=float)[r]
        self.rhythm = np.array([x.rhythm for x in READINGS])[r]
        self.hourly = np.array([x.hourly for x in READINGS])[r]
        self.phase = np.floor(uniform(seed, 2, ids) * 300).astype(np.int64)
        self.off_since = fleet.off_since[fleet.stream_device]
        self.gone_at, self.back_at = fleet.gone_at[fleet.stream_device], fleet.back_at[fleet.stream_device]
        self._gates(fleet)
        self._water(fleet)

    def _gates(self, fleet: Fleet) -> None:
        gate = fleet.gate[fleet.stream_device]
        if fleet.gates is not None and gate.any():
            self.level[gate] = fleet.gates.peak / int(gate.sum()) * (0.7 + 0.6 * self._even(int(gate.sum())))
            self.noise[gate], self.beyond[gate], self.limit_high[gate] = 60.0, 0.0, np.nan
        self.gate = gate

    @staticmethod
    def _even(n: int) -> Float:
        return np.linspace(0, 1, n) if n > 1 else np.full(1, 0.5)

    def _water(self, fleet: Fleet) -> None:
        """A water level has no common limit: each station has a warning level of its own."""
        mine = np.array([x.property == "water_level" for x in READINGS])[fleet.stream_reading]
        self.limit_high[mine] = np.round(self.level[mine] + np.abs(self.swing[mine]) + 1.2, 2)

    def step_s(self, step_s: int) -> Ints:
        """Seconds between values of each stream."""
        return np.where(self.hourly, max(HOUR_S, step_s), step_s).astype(np.int64)

    def values(self, stream: Ints, at: NDArray[np.float64]) -> tuple[Float, NDArray[np.int16]]:
        """(value, quality) of streams at epoch seconds `at` (same shape). Missing ones are NaN with quality 3."""
        t = at.astype(np.int64)
        base = self.level[stream] + self.swing[stream] * self._shape(stream, at)
        hour, part = np.divmod(at, HOUR_S)
        slow = (1 - part / HOUR_S) * bell(self._seed, 3, stream, hour.astype(np.int64))
        slow += part / HOUR_S * bell(self._seed, 3, stream, hour.astype(np.int64) + 1)
        value = base + self.noise[stream] * (0.8 * slow + 0.45 * bell(self._seed, 4, stream, t))
        value = np.where(self.gate[stream], self._gate_value(stream, at, slow), value)
        night = self.rhythm[stream] == "night"
        lit = self._local_hour(at)
        value = np.where(night & (lit < LAMPS_ON) & (lit > LAMPS_OFF), 0.0, value)
        value = self._inside(stream, value)
        value = self._beyond(stream, t, value)
        value = np.clip(value, self.low[stream], self.high[stream])
        scale = 10.0 ** self.decimals[stream]
        value = np.round(value * scale) / scale
        missing = (uniform(self._seed, 5, stream, t) < MISSING_SHARE) & ~self.gate[stream]
        return np.where(missing, np.nan, value), np.where(missing, 3, 0).astype(np.int16)

    def _local_hour(self, at: NDArray[np.float64]) -> Float:
        return ((at + self.offset_s) % 86400) / HOUR_S

    def _shape(self, stream: Ints, at: NDArray[np.float64]) -> Float:
        hours, local = np.arange(25), self._local_hour(at)
        out = np.zeros(at.shape)
        rhythm = self.rhythm[stream]
        for name, table in _DAY.items():
            mine = rhythm == name
            if name == "tide":
                angle = 2 * np.pi * (at / _TIDE_S + self.phase[stream] / 1500.0)
                out = np.where(mine, np.sin(angle), out)
            elif name not in ("flat", "night") and mine.any():
                out = np.where(mine, np.interp(local, hours, (*table, table[0])), out)
        return out

    def _gate_value(self, stream: Ints, at: NDArray[np.float64], slow: Float) -> Float:
        shape = np.interp(self._local_hour(at), np.arange(25), (*_GATE, _GATE[0]))
        return self.level[stream] * shape * (1 + 0.01 * slow)

    def _inside(self, stream: Ints, value: Float) -> Float:
        """Keeps ordinary values clear of their limits: an exceedance is an event, not noise."""
        high, low = self.limit_high[stream], self.limit_low[stream]
        value = np.where(np.isnan(high), value, np.minimum(value, np.where(high > 0, 0.93, 1.0) * high))
        return np.where(np.isnan(low), value, np.maximum(value, 1.06 * low))

    def _beyond(self, stream: Ints, t: Ints, value: Float) -> Float:
        """Some 45-minute blocks lie beyond the limit, so that exceedances begin, last and end."""
        block = (t + self.phase[stream] * 9) // BLOCK_S
        out = uniform(self._seed, 6, stream, block) < self.beyond[stream]
        if not out.any():
            return value
        far = 0.04 + 0.1 * uniform(self._seed, 7, stream, block)
        high, low = self.limit_high[stream], self.limit_low[stream]
        over = np.where(~np.isnan(high), high * (1 + far), np.where(~np.isnan(low), low * (1 - far), value))
        return np.where(out, over, value)

    def exceeded(self, stream: Ints, value: Float, quality: NDArray[np.int16]) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            beyond = (value > self.limit_high[stream]) | (value < self.limit_low[stream])
        return beyond & (quality < 2)
