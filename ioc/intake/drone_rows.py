"""Rows of a drone's file checked and put together: positions become flights, the others photo points. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ioc import geo
from ioc.errors import Reason
from ioc.intake import fields
from ioc.intake.event_input import Reader
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import reason
from ioc.patrols.track import Point, metres

WGS84 = "EPSG:4326"
HIGHEST_M = 12_000.0
# A photo without a flight's number belongs to the nearest flight of its drone at that time, give or take (自拟).
NEAR_FLIGHT, NEAR_FLIGHT_M = dt.timedelta(minutes=2), 1000.0


@dataclass(frozen=True, slots=True)
class Fix:
    """One position: degrees as stored, altitude in metres as the file has it."""

    flight: str
    drone: str
    name: str
    at: dt.datetime
    lon: float
    lat: float
    altitude_m: float | None


@dataclass(frozen=True, slots=True)
class Shot:
    """One photo point. `file`: the name of its picture as told, "" where there is none."""

    key: str
    flight: str
    drone: str
    at: dt.datetime
    lon: float
    lat: float
    altitude_m: float | None
    heading_deg: float | None
    file: str
    note: str


@dataclass(frozen=True, slots=True)
class Flight:
    """Positions by time, one a moment. `doubles`: how many were left out because their moment was there already."""

    key: str
    drone: str
    name: str
    fixes: tuple[Fix, ...]
    doubles: int

    @property
    def distance_m(self) -> float:
        """Along the ground, great-circle (haversine)."""
        at = [Point(0, f.lon, f.lat) for f in self.fixes]
        return sum(metres(a, b) for a, b in itertools.pairwise(at))

    @property
    def wkt(self) -> str:
        """`LINESTRING ZM`: m are seconds since 1970, to the millisecond."""
        return "LINESTRING ZM (" + ", ".join(
            f"{f.lon!r} {f.lat!r} {f.altitude_m or 0.0!r} {f.at.timestamp():.3f}" for f in self.fixes
        ) + ")"  # fmt: skip

    @property
    def digest(self) -> str:
        told = [self.drone, self.name, self.wkt, [f.altitude_m is None for f in self.fixes]]
        return _digest(told)


def _digest(told: Any) -> str:
    return hashlib.blake2b(json.dumps(told, ensure_ascii=False).encode(), digest_size=16).hexdigest()


def check(record: Mapping[str, Any], rules: TimeRules, crs: str, stem: str) -> Fix | Shot | list[Reason]:
    """A row in stored degrees, or every reason against it. `stem` names the flight of a file that names none."""
    r = Reader(record)
    at = r.required("ts", lambda v: fields.time(v, rules))
    x, y = r.required("lon", fields.number), r.required("lat", fields.number)
    altitude = r.optional("alt", lambda v: fields.number(v, -500, HIGHEST_M), None)
    heading = r.optional("heading", lambda v: fields.number(v, -180, 360), None)
    words = {n: r.optional(n, lambda v, limit=limit: fields.text(v, limit), "")
             for n, limit in (("flight", 100), ("drone", 100), ("name", 200), ("photo", 255), ("note", 2000),
                              ("id", 200), ("part", 20))}  # fmt: skip
    if x is not None and y is not None:
        wrong = "no_fix" if (x, y) == (0.0, 0.0) else fields.coordinates_fit(x, y, crs)
        if wrong:
            r.reasons.append(reason("lat" if wrong == "out_of_range" else "lon", wrong, f"{x}, {y}", crs=crs,
                                    low=-90, high=90))  # fmt: skip
    if r.reasons or at is None or x is None or y is None:
        return r.reasons
    lon, lat = (float(v[0]) for v in geo.to_wgs84(np.array([x]), np.array([y]), crs))
    if words["photo"] or words["note"] or str(record.get("kind") or "").strip().lower() in ("photo", "照片"):
        key = words["id"] or f"{words['photo'] or words['flight'] or stem}@{at:%Y%m%dT%H%M%S}"
        turned = None if heading is None else heading % 360
        return Shot(key, words["flight"], words["drone"], at, lon, lat, altitude, turned, words["photo"],
                    words["note"])  # fmt: skip
    own = words["flight"] or (f"{stem}-{words['part']}" if words["part"] not in ("", "1") else stem)
    return Fix(own, words["drone"], words["name"], at, lon, lat, altitude)


def flights(fixes: Sequence[Fix]) -> tuple[list[Flight], dict[str, int]]:
    """Flights by key, whatever the order of their positions; and keys of those that are none, with their count."""
    by_key: defaultdict[str, list[Fix]] = defaultdict(list)
    for f in fixes:
        by_key[f.flight].append(f)
    good: list[Flight] = []
    none: dict[str, int] = {}
    for key, own in by_key.items():
        moments: dict[int, Fix] = {}
        for f in sorted(own, key=lambda f: (f.at, f.lon, f.lat)):
            moments.setdefault(round(f.at.timestamp() * 1000), f)
        ordered = tuple(moments.values())
        if len(ordered) < 2:
            none[key] = len(own)
            continue
        said = [next((getattr(f, n) for f in ordered if getattr(f, n)), "") for n in ("drone", "name")]
        good.append(Flight(key, said[0], said[1], ordered, len(own) - len(ordered)))
    return good, none


def matched(shots: Sequence[Shot], found: Sequence[Flight]) -> list[Shot]:
    """Shots with the key of their flight: as told, else by drone, time and place among those of the same delivery."""
    keys = {f.key for f in found}
    out: list[Shot] = []
    for s in shots:
        if s.flight in keys:
            out.append(s)
            continue
        fit = [f for f in found if (not s.drone or not f.drone or s.drone == f.drone) and _away(s, f) <= NEAR_FLIGHT_M]
        best = min(fit, key=lambda f: _away(s, f), default=None)
        out.append(s if best is None else replace(s, flight=best.key, drone=s.drone or best.drone))
    return out


def _away(s: Shot, f: Flight) -> float:
    """Metres between the shot and where the flight was at that moment; infinite outside its time."""
    if not f.fixes[0].at - NEAR_FLIGHT <= s.at <= f.fixes[-1].at + NEAR_FLIGHT:
        return math.inf
    there = min(f.fixes, key=lambda x: abs(x.at - s.at))
    return metres(Point(0, s.lon, s.lat), Point(0, there.lon, there.lat))


def shot_digest(s: Shot, picture: str) -> str:
    """`picture`: digest of the file's bytes, "" where it is not there."""
    return _digest([s.flight, s.drone, s.at.isoformat(), s.lon, s.lat, s.altitude_m, s.heading_deg, s.note, picture])
