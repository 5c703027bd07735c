"""A photo point of a drone becomes a report (照片点转事件): by the same way in as every report, and once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ioc.clock import Clock
from ioc.errors import Invalid, NotFound
from ioc.intake.events import SOURCE_INTERVAL_S, Report, reading_rules, store_event
from ioc.scope import SENSITIVE, SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Store, disk, drones, outbox, sources
from ioc.store.pool import Conn
from ioc.store.retry import retried

SOURCE = "drone"
TITLE = "无人机巡查发现"


def photo_to_event(
    store: Store, settings: Settings, clock: Clock, scope: Scope, photo_id: int, given: Mapping[str, Any]
) -> dict[str, Any]:
    """{event_id, state}: `created`, or `known` where somebody was first.

    `given`: title, urgency, category, description; what is left out is what the photo says. The report's time
    and place are the photo's, its origin too; the picture becomes the report's. Raises NotFound (also outside the
    scope), Invalid, DiskBudget.
    """

    def turn() -> dict[str, Any]:
        now = clock.now()
        with store.scoped(SYSTEM) as conn:
            disk.read(conn).require("event")
            row = drones.photo(conn, scope, photo_id, lock=True)
            if row is None:
                raise NotFound(f"照片点 {photo_id}", f"photo {photo_id}")
            if row["event_id"] is not None:
                return {"event_id": row["event_id"], "state": "known"}
            words, rules = reading_rules(conn, settings, now)
            # the asker's regions bind the report; how sensitive the photo is, is not the asker's to say
            by = replace(scope, sensitivity=SENSITIVE)
            report = Report(_payload(row, given), by, scope.actor, str(row["origin"]), channel=SOURCE)
            found = store_event(conn, report, words, rules, settings)
            if isinstance(found, list):
                raise Invalid(reasons=found)
            drones.becomes(conn, row, found.event_id, scope.actor, now)
            _heard(conn, row, now)
            _tell(conn, row)
            return {"event_id": found.event_id, "state": "created"}

    return retried(turn, 5)


def _payload(row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    note = str(row["note"]).strip()
    first = note.splitlines()[0][:60] if note else TITLE
    title = str(given.get("title") or "").strip() or first
    more = {k: given[k] for k in ("category",) if given.get(k)}
    return {
        "source": SOURCE, "source_id": f"photo-{row['photo_id']}", "title": title,
        "description": given.get("description") or note, "urgency": given.get("urgency") or "routine",
        "lon": row["lon"], "lat": row["lat"], "crs": "EPSG:4326", "occurred_at": row["taken_at"].isoformat(),
        "sensitivity": row["sensitivity"], "department": row["private_to"],
        "attributes": {"drone": row["drone"], "photo": row["external_id"], "photo_source": row["source"],
                       "flight_id": row["flight_id"]},
        **more,
    }  # fmt: skip


def _heard(conn: Conn, row: Mapping[str, Any], now: Any) -> None:
    sources.ensure(conn, SOURCE, kind=SOURCE, title="无人机巡查", classes=["event"], interval_s=SOURCE_INTERVAL_S,
                   origin=str(row["origin"]))  # fmt: skip
    sources.arrived(conn, SOURCE, sources.Arrival(received=1, stored=1, as_of=row["taken_at"]), now)


def _tell(conn: Conn, row: Mapping[str, Any]) -> None:
    """Open maps draw the point as one that has become a report."""
    payload = {"layers": ["drone_photo"], "reason": "event", "count": 1}
    outbox.put(conn, topic="reload", op="change", entity_id=f"drone_photo:{row['photo_id']}", permission="map.view",
               origin=str(row["origin"]), payload=payload)  # fmt: skip
    outbox.wake(conn)
