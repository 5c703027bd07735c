"""Reports of free beds and places, from the API and from files: the newest is in force, older ones are kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ioc.clock import Clock
from ioc.command import figures
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.intake import fields
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import Refuse
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Store, editions, resources, sources
from ioc.store.editions import Edition
from ioc.store.pool import Conn
from ioc.store.retry import retried

RIGHT = "resource.write"
DATASET = "capacity"
SOURCE = "capacity"
INTERVAL_S = 86_400
Applied = Literal["applied", "same", "older"]
PAST = dt.timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Report:
    """One report as delivered; `beds` or `places`, never both. `version` decides within one `observed_at`."""

    observed_at: Any
    beds: Mapping[str, Any] | None = None
    places: Mapping[str, Any] | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    what: Literal["beds", "places"]
    observed_at: dt.datetime
    version: int
    figures: Mapping[str, Any] = field(default_factory=dict[str, Any])


def check(report: Report, rules: TimeRules) -> Checked:
    """Raises Invalid with every reason."""
    reasons: list[Reason] = []
    at = None
    try:
        at = fields.time(report.observed_at, rules)
    except Refuse as e:
        reasons.append(e.of("observed_at", report.observed_at))
    if (report.beds is None) == (report.places is None):
        reasons.append(Reason("beds", "one_of", "beds 与 places 须且只须给一项", "give beds or places, not both"))
    found: dict[str, Any] = {}
    if report.beds is not None:
        found, more = figures.beds(report.beds)
        reasons += more
    elif report.places is not None:
        found, more = figures.places(report.places)
        reasons += more
    if reasons or at is None:
        raise Invalid(reasons=reasons)
    return Checked("beds" if report.beds is not None else "places", at, report.version, found)


@dataclass(frozen=True)
class Capacities:
    """The use-case of one store."""

    store: Store
    settings: Settings
    clock: Clock

    def put(self, scope: Scope, source: str, external_id: str, report: Report, by: str) -> tuple[Applied, Checked]:
        """Raises Forbidden, NotFound (also outside the scope), Invalid, Conflict for another content under the same
        time and version."""
        scope.require(RIGHT)
        now = self.clock.now()
        checked = check(report, self.rules(now))

        def work() -> Applied:
            with self.store.scoped(SYSTEM) as conn:
                applied = self.apply(conn, self._resource(conn, scope, source, external_id), checked, by, now)
                if applied == "applied":
                    self.publish(conn, by, now)
                sources.ensure(
                    conn, SOURCE, kind="rest", title="床位与安置", classes=["resource"], interval_s=INTERVAL_S
                )
                stored = int(applied == "applied")
                sources.arrived(conn, SOURCE, sources.Arrival(1, stored, 1 - stored, 0, checked.observed_at), now)
                return applied

        return retried(work), checked

    def apply(self, conn: Conn, resource: Mapping[str, Any], checked: Checked, by: str, now: dt.datetime) -> Applied:
        """In the caller's transaction under the system's scope. Raises Conflict."""
        resources.lock_capacity(conn, resource["resource_id"])
        row = resources.capacity(conn, resource["resource_id"])
        known = None if row is None else (row["observed_at"], int(row["version"]), row["figures"])
        verdict = figures.judge(known, (checked.observed_at, checked.version, checked.figures))
        values = {"what": checked.what, "observed_at": checked.observed_at, "version": checked.version,
                  "figures": dict(checked.figures), "reported_by": by}  # fmt: skip
        if verdict == "same":
            return "same"
        if verdict == "older":
            resources.late_capacity(conn, resource, values, now)
            return "older"
        if verdict == "conflict":
            raise Conflict(
                "同一时刻已有不同的填报，请提高 version", "another report of this time is known: raise version",
                {"observed_at": checked.observed_at.isoformat(), "version": checked.version},
            )  # fmt: skip
        resources.put_capacity(conn, resource, values, now)
        resources.tell(conn, "capacity", [int(resource["resource_id"])], resource["origin"])
        return "applied"

    def publish(self, conn: Conn, by: str, now: dt.datetime, file_name: str = "", batch_id: int | None = None) -> None:
        """What is in force now is the edition; one an hour is enough while reports stream in."""
        last = editions.in_force(conn).get(DATASET)
        recent = last is not None and last.recorded_at is not None and now - last.recorded_at < dt.timedelta(hours=1)
        if recent and not file_name:
            return
        row = resources.capacity_sum(conn)
        if row is None or not row["n"]:
            return
        origin: Literal["real", "demo"] = "demo" if row["demo"] else "real"
        edition = Edition(DATASET, by, row["at"], int(row["n"]), file_name=file_name, batch_id=batch_id, origin=origin)
        editions.publish(conn, edition, by, now)

    def rules(self, now: dt.datetime) -> TimeRules:
        s = self.settings
        return TimeRules(now, s.tz, dt.timedelta(seconds=s.future_tolerance_s), PAST)

    def _resource(self, conn: Conn, scope: Scope, source: str, external_id: str) -> Mapping[str, Any]:
        row = resources.by_key(conn, scope, source, external_id)
        if row is None:
            name = f"{source}/{external_id}"
            raise NotFound(f"应急资源 {name}", f"resource {name}")
        return row
