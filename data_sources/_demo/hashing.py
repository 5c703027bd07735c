"""Random numbers by counter: a value depends on (seed, stream, slot) alone, so history and simulator agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UInt = NDArray[np.uint64]
Float = NDArray[np.float64]

_A, _B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_GOLD = np.uint64(0x9E3779B97F4A7C15)


def mix(x: UInt) -> UInt:
    """SplitMix64 finaliser (Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * _A
    x = (x ^ (x >> np.uint64(27))) * _B
    return x ^ (x >> np.uint64(31))


def key(seed: int, channel: int) -> np.uint64:
    return mix(np.array([(seed * 1_000_003 + channel) & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64) + _GOLD)[0]


def uniform(seed: int, channel: int, a: NDArray[np.int64] | int, b: NDArray[np.int64] | int = 0) -> Float:
    """Uniform in [0, 1) for every pair of the broadcast of `a` and `b`."""
    with np.errstate(over="ignore"):
        x = mix(np.asarray(a, dtype=np.int64).astype(np.uint64) * _GOLD + key(seed, channel))
        x = mix(x + np.asarray(b, dtype=np.int64).astype(np.uint64) * _A)
    return (x >> np.uint64(11)).astype(np.float64) * 2.0**-53


def bell(seed: int, channel: int, a: NDArray[np.int64] | int, b: NDArray[np.int64] | int = 0) -> Float:
    """About normal (mean 0, variance 1, bounded at 3.46): the four 16-bit parts of one hash, added up."""
    with np.errstate(over="ignore"):
        x = mix(np.asarray(a, dtype=np.int64).astype(np.uint64) * _GOLD + key(seed, channel))
        x = mix(x + np.asarray(b, dtype=np.int64).astype(np.uint64) * _A)
    total = np.zeros(x.shape)
    for shift in (0, 16, 32, 48):
        total += ((x >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.float64)
    return (total / 65536.0 - 2.0) * 1.7320508
