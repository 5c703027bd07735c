"""Drones in the detail panel: one flight with its photos and playback, one photo point with its picture."""

from __future__ import annotations

from typing import Any

from ioc.errors import NotFound
from ioc.store import detail_parts as parts
from ioc.store import drones
from ioc.store.detail_parts import Asked, Part, Row, both, field, iso


def flight(asked: Asked, name: str) -> Part:
    """Raises NotFound, also outside the scope."""
    row = drones.flight(asked.conn, asked.scope, parts.row_id(name))
    if row is None:
        raise NotFound(name, name)
    found = drones.photos(asked.conn, asked.scope, row["flight_id"])
    minutes = (row["ended_at"] - row["begun_at"]).total_seconds() / 60
    return {
        **parts.common(asked, row, row["name"] or row["external_id"]),
        "number": row["external_id"],
        "icon": "drone",
        "source": parts.source_of(asked.conn, row["source"], row["ended_at"], 7 * 86_400),
        "playback": {"flight_id": row["flight_id"], "begun_at": iso(row["begun_at"]), "ended_at": iso(row["ended_at"])},
        "fields": [
            *_drone(row),
            field("drone_begun", row["begun_at"]),
            field("drone_ended", row["ended_at"]),
            field("drone_minutes", f"{minutes:.1f}", "min"),
            field("drone_distance", f"{row['distance_m'] / 1000:.2f}", "km"),
            field("drone_points", row["points"]),
            *([field("drone_highest", f"{row['highest_m']:.0f}", "m")] if row["has_altitude"] else []),
            field("drone_photos", len(found)),
            field("drone_brought", row["updated_at"]),
        ],
        "links": [
            {"key": f"drone_photo:{p['photo_id']}", "icon": "photo",
             "title": p["note"] or p["external_id"].partition("@")[0],
             "sub": f"{p['taken_at'].astimezone(asked.tz):%m-%d %H:%M:%S}"}
            for p in found
        ],
    }  # fmt: skip


def _drone(row: Row) -> list[Part]:
    sel = f"resource:{row['resource_id']}" if row.get("resource_id") else ""
    named = row.get("drone_name") or row["drone"]
    return [field("drone_number", named, sel=sel)] if named else []


def photo(asked: Asked, name: str) -> Part:
    """Raises NotFound, also outside the scope."""
    row = drones.photo(asked.conn, asked.scope, parts.row_id(name))
    if row is None:
        raise NotFound(name, name)
    history: list[dict[str, Any]] = []
    if row["attachment_id"] is not None:
        picture = {
            "id": row["attachment_id"],
            "media_type": "image/jpeg",
            "at": iso(row["taken_at"]),
            "by": row["drone"],
        }
        history.append({"at": iso(row["taken_at"]), "actor": row["drone"], "text": both("detail.drone_taken"),
                        "pictures": [picture]})  # fmt: skip
    event = f"event:{row['event_id']}" if row["event_id"] is not None else ""
    may = not event and asked.scope.can("event.write")
    return {
        **parts.common(asked, row, ""),
        "title": row["note"] or both("detail.drone_photo_title"),
        "number": row["external_id"],
        "icon": "photo",
        "source": parts.source_of(asked.conn, row["source"], row["taken_at"], 7 * 86_400),
        "fields": [
            *_drone(row),
            *([field("drone_flight", f"#{row['flight_id']}", sel=f"drone_track:{row['flight_id']}")]
              if row["flight_id"] is not None else []),
            field("drone_at", row["taken_at"]),
            *parts.place_field(row),
            *([field("drone_altitude", f"{row['altitude_m']:.0f}", "m")] if row["altitude_m"] is not None else []),
            *([field("drone_heading", f"{row['heading_deg']:.0f}", "°")] if row["heading_deg"] is not None else []),
            *([] if row["attachment_id"] is not None else [field("drone_picture", both("detail.drone_no_picture"))]),
            *([field("drone_event", both("detail.drone_is_event"), sel=event)] if event else []),
            field("drone_brought", row["updated_at"]),
        ],
        "history": history,
        "officers": parts.officers_at(asked, row["lon"], row["lat"]),
        "cameras": parts.cameras_near(asked, row["lon"], row["lat"]),
        **({"photo_event": {"photo_id": row["photo_id"]}} if may else {}),
    }  # fmt: skip
