"""Positions of vehicles and teams: read, checked, logged, and the newest shown. One short transaction a batch.

`{"ts": ISO or epoch ms, "lon": 111.98, "lat": 21.86}` with `crs` (EPSG:4326 where none is said), `speed_kmh`,
`heading_deg`, `accuracy_m` and `source`, which settles an id that resources of several sources have.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from ioc import geo
from ioc.clock import Clock
from ioc.errors import Reason
from ioc.intake import fields
from ioc.intake.event_input import Reader
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import reason
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, disk, resources, sources
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.retry import retried

# Desks fetch the layer again no more often than this while vehicles move.
TELL_S = 3.0
DEFAULT_CRS = "EPSG:4326"  # what satellite receivers speak


@dataclass(frozen=True, slots=True)
class Position:
    """One position as delivered."""

    resource: str
    given: Mapping[str, Any]

    def raw(self) -> str:
        return json.dumps({"resource": self.resource, **self.given}, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Checked:
    """Degrees as stored; speed in km/h, heading in degrees clockwise from north, accuracy in metres."""

    resource: str
    source: str
    at: dt.datetime
    lon: float
    lat: float
    speed_kmh: float | None
    heading_deg: float | None
    accuracy_m: float | None


@dataclass
class Result:
    """received = stored + duplicates + rejected; of the stored ones `late` came after a newer one."""

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    late: int = 0
    refused: list[Rejected] = field(default_factory=list[Rejected])


def entries(resource: str, body: Any) -> Iterator[Position | Reason]:
    """Positions of one message: an object or a list of them."""
    for entry in cast("list[Any]", body) if isinstance(body, list) else [body]:
        if isinstance(entry, dict):
            yield Position(resource, cast("dict[str, Any]", entry))
        else:
            yield reason("payload", "bad_object", entry)


def check(position: Position, rules: TimeRules) -> Checked | list[Reason]:
    """The position in stored degrees, or every reason against it."""
    r = Reader(position.given)
    crs = r.optional("crs", fields.crs, DEFAULT_CRS)
    at = r.required("ts", lambda v: fields.time(v, rules))
    x, y = r.required("lon", fields.number), r.required("lat", fields.number)
    out = {
        "source": r.optional("source", lambda v: fields.text(v, 100), ""),
        "speed_kmh": r.optional("speed_kmh", lambda v: fields.number(v, 0, 1200), None),
        "heading_deg": r.optional("heading_deg", lambda v: fields.number(v, 0, 360), None),
        "accuracy_m": r.optional("accuracy_m", lambda v: fields.number(v, 0, 100_000), None),
    }
    if x is not None and y is not None:
        wrong = "no_fix" if (x, y) == (0.0, 0.0) else fields.coordinates_fit(x, y, crs)
        if wrong:
            where = "lat" if wrong == "out_of_range" else "lon"
            r.reasons.append(reason(where, wrong, f"{x}, {y}", crs=crs, low=-90, high=90))
    if r.reasons or x is None or y is None or at is None:
        return r.reasons
    lon, lat = geo.to_wgs84(np.array([x]), np.array([y]), crs)
    return Checked(position.resource, at=at, lon=float(lon[0]), lat=float(lat[0]), **cast("dict[str, Any]", out))


class PositionIntake:
    """One a process and source; `source` is the key its health is kept under. Not thread-safe."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, source: str, origin: str = "real") -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self._source, self._origin = source, origin
        self._told_at = float("-inf")
        self._untold: dict[int, str] = {}

    def submit(self, positions: Sequence[Position], refused: Sequence[Rejected] = ()) -> Result:
        """Store a batch; `refused` are parts that could not even be read.

        Raises StoreUnavailable or DiskBudget: then nothing was stored and the batch may be handed in again.
        """
        return retried(lambda: self._submit(positions, refused))

    def _submit(self, positions: Sequence[Position], refused: Sequence[Rejected]) -> Result:
        now = self._clock.now()
        result = Result(len(positions) + len(refused), refused=list(refused))
        with self._store.scoped(SYSTEM) as conn:
            disk.read(conn).require("observation")
            rows = self._rows(conn, positions, result, now)
            resources.put_positions(conn, rows)
            result.stored, result.late = len(rows), sum(r["late"] for r in rows)
            result.rejected = len(result.refused)
            store_rejects(conn, self._source, result.refused, now, origin=self._origin)
            newest = max((r["at"] for r in rows), default=None)
            arrival = sources.Arrival(result.received, result.stored, result.duplicates, result.rejected, newest)
            sources.arrived(conn, self._source, arrival, now)
            told = self._tell(conn, {r["resource_id"]: r["origin"] for r in rows if not r["late"]})
        if told:
            self._told_at, self._untold = self._clock.monotonic(), {}
        else:
            self._untold |= {r["resource_id"]: r["origin"] for r in rows if not r["late"]}
        return result

    def flush(self) -> None:
        """Tell of what came last, when nothing follows it."""
        if self._untold and self._clock.monotonic() - self._told_at >= TELL_S:
            with self._store.scoped(SYSTEM) as conn:
                self._tell(conn, {})
            self._told_at, self._untold = self._clock.monotonic(), {}

    def _tell(self, conn: Conn, moved: Mapping[int, str]) -> bool:
        every = {**self._untold, **moved}
        if not every or self._clock.monotonic() - self._told_at < TELL_S:
            return False
        origin = "demo" if all(o == "demo" for o in every.values()) else "real"
        resources.tell(conn, "positions", sorted(every), origin)
        return True

    def _rows(
        self, conn: Conn, positions: Sequence[Position], result: Result, now: dt.datetime
    ) -> list[dict[str, Any]]:
        """What is new, in the order of its own time, each marked late where a newer one was known."""
        rules = self._rules(now)
        known = resources.find(conn, sorted({p.resource for p in positions if "\x00" not in p.resource}))
        good: list[tuple[Checked, Mapping[str, Any]]] = []
        for p in positions:
            found = check(p, rules)
            owner = _one_of(known.get(p.resource, []), str(p.given.get("source") or ""))
            reasons = [*(found if isinstance(found, list) else []), *([owner] if isinstance(owner, Reason) else [])]
            if reasons or isinstance(found, list) or isinstance(owner, Reason):
                result.refused.append(Rejected(p.resource[:500], reasons, p.raw()))
            else:
                good.append((found, owner))
        if not good:
            return []
        first = min(c.at for c, _ in good)
        newest, seen = resources.known_positions(conn, sorted({int(o["resource_id"]) for _, o in good}), first)
        rows: list[dict[str, Any]] = []
        for c, owner in sorted(good, key=lambda pair: pair[0].at):
            key = (int(owner["resource_id"]), c.at)
            if key in seen:
                result.duplicates += 1
                continue
            seen.add(key)
            late = key[0] in newest and c.at < newest[key[0]]
            rows.append(_row(c, owner, late, now))
        return rows

    def _rules(self, now: dt.datetime) -> TimeRules:
        s = self._settings
        past = dt.timedelta(days=s.retention_track_days)
        return TimeRules(now, s.tz, dt.timedelta(seconds=s.future_tolerance_s), past)


def _one_of(rows: Sequence[Mapping[str, Any]], source: str) -> Mapping[str, Any] | Reason:
    fitting = [r for r in rows if r["source"] == source] if source else list(rows)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        return reason("resource", "ambiguous_resource", sources=", ".join(str(r["source"]) for r in fitting))
    return reason("resource", "unknown_resource")


def _row(c: Checked, owner: Mapping[str, Any], late: bool, now: dt.datetime) -> dict[str, Any]:
    scope = {n: owner[n] for n in ("resource_id", "region_id", "private_to", "sensitivity", "origin")}
    return {**scope, "at": c.at, "now": now, "lon": c.lon, "lat": c.lat, "speed_kmh": c.speed_kmh,
            "heading_deg": c.heading_deg, "accuracy_m": c.accuracy_m, "late": late}  # fmt: skip
