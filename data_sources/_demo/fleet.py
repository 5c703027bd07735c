"""Every demo device as arrays: where it stands, what it is, whether it answers. Rows are made of them in chunks."""

from __future__ import annotations

from dataclasses import dataclass, field

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray

from data_sources._demo import places
from data_sources._demo.kinds import CAMERAS, KINDS, SPOTS, Reading
from data_sources._demo.places import Ground, Points
from data_sources._demo.scale import Scale

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CAMERA, SENSOR, GATEWAY = 0, 1, 2
CLASSES = ("camera", "sensor", "gateway")
# Share of devices that do not answer, by class: 视频在线率 and 传感在线率 follow from it.
OFFLINE = (0.024, 0.045, 0.01)
CAMERA_KINDS = tuple(k for _, k, _, _, _ in CAMERAS)
SENSOR_KINDS = tuple(k.kind for k in KINDS)
# Index into this table is the `kind` column of the fleet.
KIND_NAMES = (*CAMERA_KINDS, *SENSOR_KINDS, "gateway")
READINGS: tuple[Reading, ...] = tuple(r for k in KINDS for r in k.readings)
_FIRST = tuple(np.cumsum([0, *(len(k.readings) for k in KINDS)]).tolist())


@dataclass(frozen=True, slots=True)
class Gates:
    """Counters at the entries of a zone whose latest values add up to the people inside."""

    zone: str
    name: str
    count: int
    peak: float


@dataclass(frozen=True)
class Fleet:
    """One entry a device, in order of `h3_10`. Times are epoch seconds; `off_since` 0 means online."""

    lon: Points
    lat: Points
    village: Ints
    h3_10: Ints
    klass: NDArray[np.int8]
    kind: NDArray[np.int16]
    word: NDArray[np.int16]  # which of the kind's words its name uses
    spot: NDArray[np.int16]
    serial: Ints  # running number in its village
    off_since: Ints
    gone_at: Ints  # a short outage of the last day that is over again; 0: none
    back_at: Ints
    fault: Bools
    gate: Bools
    stream_device: Ints  # index into the fleet
    stream_reading: Ints  # index into READINGS
    gates: Gates | None = None
    silent_since: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def size(self) -> int:
        return len(self.lon)


def build_fleet(
    g: Ground, scale: Scale, seed: int, now: float, gates: Gates | None, lost: dict[str, float],
    smoke_at: tuple[float, float, int] | None = None,
) -> Fleet:  # fmt: skip
    """`lost`: sensor sources (their group word) that fell silent, and since when. Same arguments, same fleet.

    `smoke_at`: (lon, lat, village) where a smoke detector stands for certain.
    """
    rng = np.random.default_rng([seed, 101])
    parts = [
        _cameras(g, scale.cameras, rng),
        *_sensors(g, scale.sensors, rng, gates, smoke_at),
        _gateways(g, scale.gateways, rng),
    ]
    points = np.vstack([p for p, _, _, _ in parts])
    village = np.concatenate([v for _, v, _, _ in parts])
    kind = np.concatenate([np.full(len(v), k) if np.isscalar(k) else k for _, v, k, _ in parts]).astype(np.int16)
    klass = np.concatenate([np.full(len(v), c) for _, v, _, c in parts]).astype(np.int8)
    lon, lat = np.round(points[:, 0], 6), np.round(points[:, 1], 6)
    cell = np.array(
        [h3.latlng_to_cell(y, x, 10) for x, y in zip(lon.tolist(), lat.tolist(), strict=True)], dtype=np.int64
    )
    order = np.argsort(cell, kind="stable")
    lon, lat, village, cell, klass, kind = (
        lon[order],
        lat[order],
        village[order],
        cell[order],
        klass[order],
        kind[order],
    )
    n = len(lon)
    gate = _gate_mask(g, klass, kind, village, gates)
    off_since = np.where(gate, 0, _off_since(klass, kind, rng, now, lost))
    first, device = _streams(klass, kind)
    outage = (klass != GATEWAY) & ~gate & (off_since == 0) & (rng.random(n) < 0.012)
    gone = now - 82_800 * rng.random(n)
    back = np.minimum(gone + 600 + 7200 * rng.random(n), now - 900)
    return Fleet(
        lon, lat, village, cell, klass, kind,
        word=rng.integers(0, 1 << 14, n).astype(np.int16),
        spot=rng.integers(0, len(SPOTS), n).astype(np.int16),
        serial=_serials(village),
        off_since=off_since,
        gone_at=np.where(outage, np.minimum(gone, back - 60), 0).astype(np.int64),
        back_at=np.where(outage, back, 0).astype(np.int64),
        fault=(off_since > 0) & (rng.random(n) < 0.1),
        gate=gate,
        stream_device=device,
        stream_reading=first,
        gates=gates,
        silent_since=lost,
    )  # fmt: skip


def _cameras(g: Ground, count: int, rng: np.random.Generator) -> tuple[Points, Ints, Points, int]:
    """More where it is dense than where people live: a city core stands out without emptying the villages."""
    weights = 0.4 * g.weights / g.weights.sum() + 0.6 * places.urban(g) / places.urban(g).sum()
    points, village = places.scatter(g, places.share_out(weights, count), rng)
    shares = np.array([s for s, *_ in CAMERAS])
    kind = np.repeat(np.arange(len(CAMERAS)), places.share_out(shares, count))
    return points, village, rng.permutation(kind), CAMERA


def _sensors(
    g: Ground,
    count: int,
    rng: np.random.Generator,
    gates: Gates | None,
    smoke_at: tuple[float, float, int] | None,
) -> list[tuple[Points, Ints, int, int]]:
    shares = places.share_out(np.array([k.share for k in KINDS]), count)
    dense, area = places.urban(g), np.array([s.area for s in g.shapes])
    out = []
    for i, (kind, n) in enumerate(zip(KINDS, shares.tolist(), strict=True)):
        if kind.where == "river":
            points, village = places.along_rivers(g, n, rng)
        elif kind.kind == "crowd" and gates is not None:
            points, village = _crowd(g, n, dense, gates, rng)
        else:
            weights = {"people": g.weights, "urban": dense, "spread": area}[kind.where]
            near = (0.1, 0.0) if kind.where == "spread" else (0.34, 0.61)
            points, village = places.scatter(g, places.share_out(weights, n), rng, *near)
        if kind.kind == "smoke" and smoke_at is not None and n:
            points[0], village[0] = smoke_at[:2], smoke_at[2]
        out.append((points, village, len(CAMERA_KINDS) + i, SENSOR))
    return out


def _crowd(g: Ground, count: int, dense: Points, gates: Gates, rng: np.random.Generator) -> tuple[Points, Ints]:
    """Counters in the core and, first of all, the gates in their zone."""
    inside = np.array([gates.zone in z for z in g.zones]) * g.weights
    at_gates = min(gates.count, count) if inside.any() else 0
    first = places.scatter(g, places.share_out(inside, at_gates), rng, 0.0, 1.0) if at_gates else None
    rest = places.scatter(g, places.share_out(dense, count - at_gates), rng)
    return rest if first is None else (np.vstack([first[0], rest[0]]), np.concatenate([first[1], rest[1]]))


def _gateways(g: Ground, count: int, rng: np.random.Generator) -> tuple[Points, Ints, int, int]:
    points, village = places.scatter(g, places.share_out(g.weights, count), rng)
    return points, village, len(KIND_NAMES) - 1, GATEWAY


def _off_since(
    klass: NDArray[np.int8], kind: NDArray[np.int16], rng: np.random.Generator, now: float, lost: dict[str, float]
) -> Ints:
    """Exactly the share of each class is offline, most for hours, some for days; silent sources take theirs along."""
    since = np.zeros(len(klass), dtype=np.int64)
    for c, share in enumerate(OFFLINE):
        members = np.flatnonzero(klass == c)
        off = rng.permutation(members)[: round(share * len(members))]
        since[off] = (now - 1200 - 2.6 * 86400 * rng.random(len(off)) ** 3).astype(np.int64)
    for source, at in lost.items():
        kinds = [len(CAMERA_KINDS) + i for i, k in enumerate(KINDS) if k.source == source]
        mine = np.isin(kind, kinds)
        since[mine] = int(at)
    return since


def _serials(village: Ints) -> Ints:
    """1, 2, 3 ... inside each village, in fleet order."""
    order = np.argsort(village, kind="stable")
    counts = np.bincount(village)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    out = np.empty(len(village), dtype=np.int64)
    out[order] = np.arange(len(village)) - starts + 1
    return out


def _streams(klass: NDArray[np.int8], kind: NDArray[np.int16]) -> tuple[Ints, Ints]:
    """(reading, device) of every datastream, in device order."""
    sensors = np.flatnonzero(klass == SENSOR)
    k = kind[sensors].astype(np.int64) - len(CAMERA_KINDS)
    first = np.array(_FIRST)
    per = first[k + 1] - first[k]
    device = np.repeat(sensors, per)
    offset = np.arange(len(device)) - np.repeat(np.cumsum(per) - per, per)
    return np.repeat(first[k], per) + offset, device


def _gate_mask(
    g: Ground, klass: NDArray[np.int8], kind: NDArray[np.int16], village: Ints, gates: Gates | None
) -> Bools:
    mask = np.zeros(len(klass), dtype=np.bool_)
    if gates is None:
        return mask
    crowd = len(CAMERA_KINDS) + SENSOR_KINDS.index("crowd")
    inside = np.array([gates.zone in z for z in g.zones])
    found = np.flatnonzero((kind == crowd) & inside[village])
    mask[found[: gates.count]] = True
    return mask
