"""Households and facilities visited on a walk (走访): each a record of its own, sent once however often it is sent."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ioc import geo
from ioc.errors import Conflict, Invalid, Reason
from ioc.intake import fields
from ioc.intake.caller import mask_name
from ioc.intake.hotline_order import scrub
from ioc.intake.reasons import Refuse, reason
from ioc.patrols.work import LONGEST, RIGHT, SLACK, SOURCE, Patrols, Walker, checked_key, read_time
from ioc.scope import SYSTEM
from ioc.store import Conn, disk, patrols, sources
from ioc.store.retry import retried

KINDS = ("household", "facility")
OUTCOMES = ("met", "absent", "follow")
VISITS_A_PATROL = 500


@dataclass(frozen=True)
class Visits:
    patrols: Patrols

    def add(self, who: Walker, patrol_id: int, once: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """(its id, whether it is new). `given`: kind, name, person, outcome, note, visited_at, lon, lat, crs.

        Raises NotFound, Forbidden (another's walk), Invalid with every reason, Conflict for a key of another visit.
        """
        who.scope.require(RIGHT)
        now, key = self.patrols.clock.now(), checked_key(once)
        digest = hashlib.sha256(json.dumps(given, sort_keys=True, default=str).encode()).hexdigest()

        def work() -> tuple[dict[str, Any], bool]:
            with self.patrols.store.scoped(SYSTEM) as conn:
                disk.read(conn).require("event")
                patrol = self.patrols.own(conn, who, patrol_id)
                before = patrols.visit_by_key(conn, patrol_id, key)
                if before is not None and before["digest"] != digest:
                    raise Conflict("同一个 Idempotency-Key 已用于另一次入户", "this key was used for another visit")
                if before is not None:
                    return {"visit_id": before["visit_id"]}, False
                values = self._values(patrol, given, now)
                made = patrols.add_visit(conn, patrol, {**values, "once": key, "digest": digest}, now)
                self._count(conn, patrol, who, values["visited_at"], now)
                return {"visit_id": made}, True

        return retried(work)

    def _count(
        self, conn: Conn, patrol: Mapping[str, Any], who: Walker, visited: dt.datetime, now: dt.datetime
    ) -> None:
        if patrol["ended_at"] is not None:
            patrols.count_inside(conn, patrol["patrol_id"])
        patrols.note_change(conn, patrol["patrol_id"], "change", who.name)
        sources.ensure(conn, SOURCE, kind="rest", title="巡查走访", classes=["event"], interval_s=86_400)
        sources.arrived(conn, SOURCE, sources.Arrival(1, 1, as_of=visited), now)

    def _values(self, patrol: Mapping[str, Any], given: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
        """Checked, and without anybody's full name or number: a visit is registered, not the person."""
        reasons: list[Reason] = []
        at = read_time(given, "visited_at", self.patrols.rules(now), reasons)
        end = patrol["ended_at"] or patrol["begun_at"] + LONGEST
        if at is not None and not patrol["begun_at"] - SLACK <= at <= end + SLACK:
            reasons.append(Reason("visited_at", "not_on_patrol", "不在这次走访的时间内", "not within the walk"))
        name = str(given["name"]).strip()
        if not name:
            reasons.append(reason("name", "missing_field"))
        if patrol["visits"] >= VISITS_A_PATROL:
            reasons.append(reason("visits", "too_many_rows", patrol["visits"] + 1, limit=VISITS_A_PATROL))
        place = _place(given, reasons)
        if reasons or at is None:
            raise Invalid(reasons=reasons)
        person = str(given.get("person") or "").strip()
        return {
            "visited_at": at, "kind": given["kind"], "outcome": given["outcome"], "person": mask_name(person),
            "name": scrub(name, person), "note": scrub(str(given.get("note") or "").strip(), person),
            "lon": place[0] if place else None, "lat": place[1] if place else None,
        }  # fmt: skip


def _place(given: Mapping[str, Any], reasons: list[Reason]) -> tuple[float, float] | None:
    """WGS 84 degrees; None where the phone knew no place."""
    x, y = given.get("lon"), given.get("lat")
    if x is None and y is None:
        return None
    if x is None or y is None:
        reasons.append(reason("lon" if x is None else "lat", "missing_field"))
        return None
    try:
        system = fields.crs(given.get("crs") or "EPSG:4326")
    except Refuse as e:
        reasons.append(e.of("crs", given.get("crs")))
        return None
    wrong = fields.coordinates_fit(x, y, system)
    if wrong:
        reasons.append(reason("lon", wrong, f"{x}, {y}", crs=system, low=-90, high=90))
        return None
    lon, lat = geo.to_wgs84(np.array([x]), np.array([y]), system)
    return float(lon[0]), float(lat[0])
