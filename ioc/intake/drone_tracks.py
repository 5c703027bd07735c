"""Flights and photo points of drones as files tell them: GPX, KML, GeoJSON, tables, and the EXIF of a JPEG. Pure.

Every format becomes rows of one shape, so that one check serves them all: `flight`, `drone`, `name`, `ts`, `lon`,
`lat`, `alt`, `heading`, `photo` (a file name), `note`, `kind` (`photo` where the row is one without a file). What a
format leaves out is absent. Coordinates and times stay as delivered.

Sources: GPX 1.1 (topografix.com/GPX/1/1), KML 2.2 with gx:Track (OGC 12-007r2), `coordTimes` of GeoJSON as GPX
converters write them, EXIF 2.32 (CIPA DC-008), XMP names of DJI (`drone-dji:GimbalYawDegree`).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from PIL import Image

from ioc.intake import xml_guard
from ioc.intake.reasons import Refuse
from ioc.intake.xml_guard import Node

MAX_BYTES = 64 << 20  # of one file of a track: a day at ten positions a second is 40 MB of GPX
MAX_ELEMENTS = 4_000_000
Record = dict[str, Any]
_YAW = re.compile(rb"drone-dji:GimbalYawDegree\s*=\s*\"([+-]?\d{1,3}(?:\.\d+)?)\"")
_XMP_WITHIN = 256 * 1024


@dataclass(frozen=True, slots=True)
class Raw:
    """One position or photo as delivered, with its ordinal in the file (from 1)."""

    number: int
    record: Mapping[str, Any]


def gpx(text: str) -> Iterator[Raw]:
    """Points of tracks in their order; waypoints are photo points. Raises Refuse."""
    root = xml_guard.read_text(text, MAX_ELEMENTS)
    if root.name != "gpx":
        raise Refuse("wrong_xml", want="gpx", got=root.name[:40])
    number = 0
    for i, track in enumerate(root.all("trk"), 1):
        about: Record = {
            "flight": track.word("name"),
            "name": track.word("name"),
            "drone": track.word("src"),
            "part": i,
        }
        for segment in track.all("trkseg"):
            for point in segment.all("trkpt"):
                number += 1
                yield Raw(number, _gpx_point(point) | {k: v for k, v in about.items() if v})
    for point in root.all("wpt"):
        number += 1
        link = point.first("link")
        photo = (link.attributes.get("href", "") if link is not None else "") or point.word("name")
        note = point.word("desc") or point.word("cmt")
        yield Raw(number, _gpx_point(point) | {"photo": photo, "note": note, "kind": "photo"})


def _gpx_point(point: Node) -> Record:
    out: Record = {"ts": point.word("time"), "lon": point.attributes.get("lon"), "lat": point.attributes.get("lat"),
                   "alt": point.word("ele")}  # fmt: skip
    extra = point.first("extensions")
    for node in extra.children if extra is not None else ():
        if node.name in ("heading", "course"):
            out["heading"] = node.text
    return out


def kml(text: str) -> Iterator[Raw]:
    """`gx:Track` (also inside a MultiTrack) as flights, placemarks with a point and a time as photos. Raises Refuse."""
    root = xml_guard.read_text(text, MAX_ELEMENTS)
    if root.name != "kml":
        raise Refuse("wrong_xml", want="kml", got=root.name[:40])
    number = 0
    for mark in _below(root, "Placemark"):
        title, note = _word(mark, "name"), _word(mark, "description")
        for track in _below(mark, "Track"):
            whens = [n.text for n in track.children if n.name == "when"]
            coords = [n.text.split() for n in track.children if n.name == "coord"]
            if len(whens) != len(coords):
                raise Refuse("uneven_track", times=len(whens), points=len(coords))
            for when, at in zip(whens, coords, strict=True):
                number += 1
                yield Raw(number, {"flight": title, "name": title, "ts": when, **_axes(at)})
        for point in (n for n in mark.children if n.name == "Point"):
            number += 1
            at = _word(point, "coordinates").split(",")
            stamp = next((_word(n, "when") for n in mark.children if n.name == "TimeStamp"), "")
            yield Raw(number, {"ts": stamp, "photo": title, "note": note, "kind": "photo", **_axes(at)})


def _below(node: Node, name: str) -> Iterator[Node]:
    for child in node.children:
        if child.name == name:
            yield child
        else:
            yield from _below(child, name)


def _word(node: Node, name: str) -> str:
    return next((c.text for c in node.children if c.name == name), "")


def _axes(at: Sequence[Any]) -> Record:
    return {name: at[i] for i, name in enumerate(("lon", "lat", "alt")) if i < len(at)}


def geojson(text: str) -> Iterator[Raw]:
    """Lines with a time for each vertex, and points with a time. Raises Refuse."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise Refuse("bad_json") from None
    features = body.get("features") if isinstance(body, dict) else None
    if not isinstance(features, list):
        raise Refuse("bad_object")
    number = 0
    for feature in cast("list[Any]", features):
        for record in _feature(feature):
            number += 1
            yield Raw(number, record)


def _feature(feature: Any) -> Iterator[Record]:
    found = cast("dict[str, Any]", feature) if isinstance(feature, dict) else {}
    shape, given = found.get("geometry"), found.get("properties")
    if not isinstance(shape, dict):
        yield {}
        return
    body, own = cast("dict[str, Any]", shape), cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    coordinates = body.get("coordinates")
    if body.get("type") == "Point" and isinstance(coordinates, list):
        yield {**own, **_axes(cast("list[Any]", coordinates))}
        return
    if body.get("type") not in ("LineString", "MultiLineString") or not isinstance(coordinates, list):
        yield own
        return
    lines = cast("list[Any]", coordinates if body["type"] == "MultiLineString" else [coordinates])
    times = _times(own)
    about = {k: v for k, v in own.items() if k not in ("coordTimes", "times", "coordinateProperties")}
    place = 0
    for line in lines:
        for vertex in cast("list[Any]", line) if isinstance(line, list) else []:
            at = cast("list[Any]", vertex) if isinstance(vertex, list) else []
            yield {**about, **_axes(at), "ts": times[place] if place < len(times) else None}
            place += 1


def _times(own: Mapping[str, Any]) -> list[Any]:
    """A list for all vertices; one of lists (a MultiLineString) is joined."""
    inner = own.get("coordinateProperties")
    told: Any = own.get("coordTimes") or own.get("times")
    if told is None and isinstance(inner, dict):
        told = cast("dict[str, Any]", inner).get("times")
    out: list[Any] = []
    for part in cast("list[Any]", told) if isinstance(told, list) else []:
        if isinstance(part, list):
            out.extend(cast("list[Any]", part))
        else:
            out.append(part)
    return out


# ---------------------------------------------------------------- pictures

_GPS, _EXIF = 0x8825, 0x8769
_BAD: tuple[type[Exception], ...] = (
    OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError, ZeroDivisionError, OverflowError, EOFError,
    Image.DecompressionBombError,
)  # fmt: skip


def exif(data: bytes) -> Record:
    """`ts`, `lon`, `lat`, `alt`, `heading` of a JPEG, WGS 84, as far as it has them; {} where it has none.

    The offset of the camera's clock is used where it is told; else the satellites' own date and time (UTC); else the
    text without an offset, which the caller reads in the centre's zone.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            found = picture.getexif()
            gps, own = dict(found.get_ifd(_GPS)), dict(found.get_ifd(_EXIF))
    except _BAD:
        return {}
    out: Record = {}
    for name, value in (("ts", _taken(gps, own)), ("lat", _angle(gps, 2, 1, "S")), ("lon", _angle(gps, 4, 3, "W")),
                        ("alt", _altitude(gps)), ("heading", _heading(gps, data))):  # fmt: skip
        if value is not None:
            out[name] = value
    return out


def _text(value: Any) -> str:
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip("\x00 ").strip()


def _numbers(value: Any) -> list[float] | None:
    try:
        out = [float(v) for v in value]
    except _BAD:
        return None
    return out if all(v == v and abs(v) < 1e9 for v in out) else None


def _angle(gps: Mapping[int, Any], tag: int, side: int, negative: str) -> float | None:
    parts = _numbers(gps.get(tag, ()))
    if parts is None or len(parts) != 3 or not _text(gps.get(side, "")):
        return None
    value = parts[0] + parts[1] / 60 + parts[2] / 3600
    return -value if _text(gps[side]).upper() == negative else value


def _altitude(gps: Mapping[int, Any]) -> float | None:
    parts = _numbers([gps[6]]) if 6 in gps else None
    if parts is None:
        return None
    return -parts[0] if gps.get(5) in (1, b"\x01") else parts[0]


def _heading(gps: Mapping[int, Any], data: bytes) -> float | None:
    found = _YAW.search(data[:_XMP_WITHIN])
    if found is not None:
        return float(found[1]) % 360
    parts = _numbers([gps[17]]) if 17 in gps else None
    return parts[0] % 360 if parts is not None else None


def _taken(gps: Mapping[int, Any], own: Mapping[int, Any]) -> str | None:
    clock, offset = _text(own.get(0x9003, "")), _text(own.get(0x9011, ""))
    local = re.fullmatch(r"(\d{4}):(\d\d):(\d\d)[ T](\d\d:\d\d:\d\d)", clock)
    stamp = f"{local[1]}-{local[2]}-{local[3]}T{local[4]}" if local is not None else None
    if stamp is not None and re.fullmatch(r"[+-]\d\d:\d\d", offset):
        return stamp + offset
    day = re.fullmatch(r"(\d{4}):(\d\d):(\d\d)", _text(gps.get(29, "")))
    hms = _numbers(gps.get(7, ()))
    if day is not None and hms is not None and len(hms) == 3 and all(0 <= v < 61 for v in hms):
        return f"{day[1]}-{day[2]}-{day[3]}T{int(hms[0]):02d}:{int(hms[1]):02d}:{int(hms[2]):02d}Z"
    return stamp
