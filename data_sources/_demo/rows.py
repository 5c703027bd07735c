"""Devices, datastreams and first states as rows in COPY's text format, chunk by chunk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_sources._demo.binary import ewkb_points
from data_sources._demo.fleet import CAMERA, CAMERA_KINDS, CLASSES, GATEWAY, KIND_NAMES, READINGS, Fleet
from data_sources._demo.kinds import CAMERAS, KINDS, SPOTS, limits
from data_sources._demo.places import Ground
from data_sources._demo.series import Series
from data_sources._demo.sources import Systems
from ioc.geo import to_metres

CHUNK = 20_000
DEVICE_COLUMNS = (
    "device_id",
    "source",
    "external_id",
    "national_id",
    "kind",
    "class",
    "name",
    "status",
    "exceeded",
    "status_at",
    "gateway_id",
    "geom",
    "geom_m",
    "h3_10",
    "x_orig",
    "y_orig",
    "crs_orig",
    "azimuth_deg",
    "fov_deg",
    "address",
    "region_id",
    "owner_department",
    "private_to",
    "interval_s",
    "search",
    "attributes",
    "origin",
    "recorded_at",
    "updated_at",
)
STREAM_COLUMNS = (
    "datastream_id",
    "device_id",
    "property",
    "unit",
    "interval_s",
    "limit_high",
    "limit_low",
    "limit_note",
    "region_id",
    "private_to",
    "origin",
    "recorded_at",
)
_OWNER = {"traffic_camera": "交通运输局", "ai_camera": "城管局", "face_camera": "公安局", "eagle_eye": "林业局"}
# Face checkpoints are the police's own: the share scope of the demo.
_PRIVATE = {"face_camera": "公安局"}
_BULLET_AZIMUTH = 0.22  # share of ordinary cameras whose direction is known


def iso(epoch_s: float) -> str:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC).isoformat()


@dataclass(frozen=True)
class Frame:
    """What rows need beside the fleet: first ids, region ids by village, the metre grid, and the present."""

    ground: Ground
    systems: Systems
    region_ids: NDArray[np.int64]
    srid: int
    first_device: int
    first_stream: int
    now: float
    seed: int
    since: float  # when the devices were taken into service
    step_s: int  # between two values of a sensor


def device_lines(fleet: Fleet, frame: Frame, exceeded: NDArray[np.bool_], lo: int, hi: int) -> Iterator[str]:
    """Devices `lo` to `hi` of the fleet. Random details depend on the device's number, not on the chunk."""
    g, sl = frame.ground, slice(lo, hi)
    rng = np.random.default_rng([frame.seed, 202, lo])
    n = hi - lo
    east, north = to_metres(fleet.lon[sl], fleet.lat[sl], frame.srid)
    geom = ewkb_points(fleet.lon[sl], fleet.lat[sl], 4326)
    geom_m = ewkb_points(east, north, frame.srid)
    back = fleet.back_at[sl]
    azimuth, fov = rng.integers(0, 360, n).tolist(), rng.integers(0, 3, n).tolist()
    known, flips = (
        rng.random(n).tolist(),
        np.where(back > 0, back, frame.now - 86400 * (4 + 16 * rng.random(n))).tolist(),
    )
    nearest = rng.integers(0, 1 << 30, n).tolist()
    gateways = _gateways(fleet, frame)
    lists = [
        a[sl].tolist()
        for a in (
            fleet.village,
            fleet.h3_10,
            fleet.klass,
            fleet.kind,
            fleet.word,
            fleet.spot,
            fleet.serial,
            fleet.off_since,
            fleet.fault,
            fleet.gate,
            exceeded,
        )
    ]
    began = iso(frame.since)
    for j, (v, cell, klass, kind, word, spot, serial, off, fault, gate, ex) in enumerate(zip(*lists, strict=True)):
        code = KIND_NAMES[kind]
        head = f"{g.villages[v].name}{SPOTS[spot]}"
        name, owner, source, extra = _words(frame, fleet, klass, kind, word, v, head, serial, bool(gate))
        private = _PRIVATE.get(code)
        national = _national(frame, v, kind, serial) if klass == CAMERA else "\\N"
        eye = code == "eagle_eye"
        seen = klass == CAMERA and (eye or known[j] < _BULLET_AZIMUTH)
        if klass == CAMERA:
            extra = _camera_extra(eye, seen, name)
        status = "fault" if fault else "offline" if off else "online"
        mine = gateways.get(g.town_codes[v])
        link = str(mine[nearest[j] % len(mine)]) if klass not in (CAMERA, GATEWAY) and mine else "\\N"
        external = f"{'CSG'[klass]}{lo + j + 1:08d}"
        yield "\t".join(
            (
                str(frame.first_device + lo + j),
                source,
                external,
                national,
                code,
                CLASSES[klass],
                name,
                status,
                "t" if ex else "f",
                iso(off or flips[j]),
                link,
                geom[j],
                geom_m[j],
                str(cell),
                "\\N",
                "\\N",
                "\\N",
                str(azimuth[j]) if seen else "\\N",
                ("120" if eye else ("45", "60", "90")[fov[j]]) if seen else "\\N",
                SPOTS[spot],
                str(frame.region_ids[v]),
                owner,
                private or "\\N",
                str(frame.step_s) if klass == 1 else "60",
                f"{name.lower()} {external.lower()} {g.folded[v]}",
                extra,
                "demo",
                began,
                began,
            )
        )


def _words(
    frame: Frame, fleet: Fleet, klass: int, kind: int, word: int, v: int, head: str, serial: int, gate: bool
) -> tuple[str, str, str, str]:
    """(name, owner, source, attributes) of a device."""
    code, county = KIND_NAMES[kind], frame.ground.counties[v]
    if klass == CAMERA:
        words = CAMERAS[kind][2]
        source = frame.systems.camera(code, county)
        return f"{head} {serial} 号{words[word % len(words)]}", _OWNER.get(code, "公安局"), source, "{}"
    if klass == GATEWAY:
        return f"{head} {serial} 号网关", "政务服务数据管理局", frame.systems.gateway, "{}"
    sensor = KINDS[kind - len(CAMERA_KINDS)]
    source = frame.systems.sensor(sensor.source)
    owner = next(s.owner for s in frame.systems.rows() if s.key == source)
    if gate and fleet.gates is not None:
        return f"{fleet.gates.name} {serial} 号关口客流", owner, source, f'{{"gate": "{fleet.gates.zone}"}}'
    return f"{head} {serial} 号{sensor.word}", owner, source, "{}"


def _camera_extra(eye: bool, seen: bool, name: str) -> str:
    """Attributes of a camera: how far it sees where its direction is known, and that it can be turned."""
    parts = [f'"view_range_m": {3000 if eye else 80}'] if seen else []
    if eye or name.endswith("球机"):
        parts.append('"ptz": "球机"')
    return f"{{{', '.join(parts)}}}"


def _national(frame: Frame, v: int, kind: int, serial: int) -> str:
    """GB/T 28181 rule A, 20 digits: county 6, unit 2, industry 2, type 3, network 1, number 6.

    The unit is the town's number in its county, the number holds the village's and the camera's: unique by construction
    up to 9,999 cameras a village.
    """
    _, _, _, device_type, industry = CAMERAS[kind]
    town, village = frame.ground.ordinals[v]
    network = 5 if industry in ("00", "01", "05") else 6
    county = frame.ground.villages[v].code[:6]
    return f"{county}{town:02d}{industry}{device_type}{network}{village % 100:02d}{serial % 10_000:04d}"


def _gateways(fleet: Fleet, frame: Frame) -> dict[str, list[int]]:
    """Device ids of the gateways by town."""
    out: dict[str, list[int]] = {}
    for i in np.flatnonzero(fleet.klass == GATEWAY).tolist():
        out.setdefault(frame.ground.town_codes[int(fleet.village[i])], []).append(frame.first_device + i)
    return out


def stream_lines(fleet: Fleet, frame: Frame, series: Series) -> Iterator[str]:
    began = iso(frame.since)
    known = [limits(r.property) for r in READINGS]
    step = series.step_s(frame.step_s).tolist()
    region = frame.region_ids[fleet.village[fleet.stream_device]].tolist()
    high, low = series.limit_high.tolist(), series.limit_low.tolist()
    for k, (device, reading) in enumerate(
        zip(fleet.stream_device.tolist(), fleet.stream_reading.tolist(), strict=True)
    ):
        prop, lim = READINGS[reading].property, known[reading]
        note = "演示警戒水位" if prop == "water_level" else lim.note
        yield "\t".join(
            (
                str(frame.first_stream + k),
                str(frame.first_device + device),
                prop,
                lim.unit,
                str(step[k]),
                _number(high[k]),
                _number(low[k]),
                note,
                str(region[k]),
                "\\N",
                "demo",
                began,
            )
        )


def _number(value: float) -> str:
    return "\\N" if value != value else repr(value)
