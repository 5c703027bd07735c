"""A reader of Mapbox Vector Tiles 2.1, written from the specification, so that tests do not trust the writer."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Feature:
    """`props` and the geometry's parts as lists of (x, y) in tile units (0-4096)."""

    props: dict[str, Any]
    kind: int
    parts: list[list[tuple[int, int]]] = field(default_factory=list)

    @property
    def at(self) -> tuple[int, int]:
        return self.parts[0][0]


def decode(data: bytes) -> dict[str, list[Feature]]:
    """Features by layer name."""
    out: dict[str, list[Feature]] = {}
    for number, value in _fields(data):
        if number == 3:
            name, features = _layer(value)
            out.setdefault(name, []).extend(features)
    return out


def lonlat(z: int, x: int, y: int, at: tuple[int, int], extent: int = 4096) -> tuple[float, float]:
    """Degrees of a place in a tile."""
    n = 1 << z
    lon = (x + at[0] / extent) / n * 360 - 180
    lat = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (y + at[1] / extent) / n))))
    return lon, lat


def _varint(data: bytes, at: int) -> tuple[int, int]:
    shift = value = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(data, at)
        elif wire == 1:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        elif wire == 5:
            value, at = struct.unpack_from("<f", data, at)[0], at + 4
        else:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        yield key >> 3, value


def _value(data: bytes) -> Any:
    for number, value in _fields(data):
        if number == 1:
            return value.decode()
        if number in (2, 3):
            return value
        if number == 4:
            return value - (1 << 64) if value >= 1 << 63 else value
        if number == 5:
            return value
        if number == 6:
            return _zigzag(value)
        if number == 7:
            return bool(value)
    return None


def _zigzag(n: int) -> int:
    return (n >> 1) ^ -(n & 1)


def _layer(data: bytes) -> tuple[str, list[Feature]]:
    name, keys, values, raw = "", [], [], []
    for number, value in _fields(data):
        if number == 1:
            name = value.decode()
        elif number == 2:
            raw.append(value)
        elif number == 3:
            keys.append(value.decode())
        elif number == 4:
            values.append(_value(value))
    return name, [_feature(f, keys, values) for f in raw]


def _feature(data: bytes, keys: list[str], values: list[Any]) -> Feature:
    tags: list[int] = []
    geometry: list[int] = []
    kind = 0
    for number, value in _fields(data):
        if number == 2:
            tags = list(_packed(value))
        elif number == 3:
            kind = value
        elif number == 4:
            geometry = list(_packed(value))
    props = {keys[k]: values[v] for k, v in zip(tags[::2], tags[1::2], strict=True)}
    return Feature(props, kind, _parts(geometry))


def _packed(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _parts(commands: list[int]) -> list[list[tuple[int, int]]]:
    parts: list[list[tuple[int, int]]] = []
    x = y = at = 0
    while at < len(commands):
        command, count = commands[at] & 7, commands[at] >> 3
        at += 1
        for _ in range(count if command != 7 else 0):
            x, y = x + _zigzag(commands[at]), y + _zigzag(commands[at + 1])
            at += 2
            if command == 1:
                parts.append([(x, y)])
            else:
                parts[-1].append((x, y))
    return parts
