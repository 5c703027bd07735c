"""A device's state changes in one place: row, log, map aggregates and feed together, by whoever notices the change.

Order of locks everywhere: `latest`, then devices by id, then `device_cell` in key order, so that writers never wait for
each other in a ring.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.store import arrays, device_told, outbox
from ioc.store.cells import CellDelta, apply_cell_deltas, delta_of
from ioc.store.pool import Conn

# Beyond this many changes at once, screens are told to fetch the layer again instead of being sent each device.
FEW = 100
# design.md section 8: a value older than three intervals is not current (滞后).
SILENT_INTERVALS = 3

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A device row before, and its state after."""

    row: Row
    status: str
    exceeded: bool
    observed_at: dt.datetime

    @property
    def after(self) -> dict[str, Any]:
        return {**self.row, "status": self.status, "exceeded": self.exceeded}


def refresh(
    conn: Conn,
    device_ids: Iterable[int],
    heard: Mapping[int, dt.datetime],
    now: dt.datetime,
    told: Mapping[int, tuple[str, dt.datetime]] | None = None,
    beyond: Iterable[int] = (),
) -> int:
    """Bring `status` and `exceeded` of devices that delivered values in line with `latest`. Returns the changes.

    `heard` gives their newest `observed_at`: one within `SILENT_INTERVALS` of the device makes it online again, a
    backfill of old values does not. A device that is disabled or reported as faulty stays so: a person or its platform
    said it. `told`: what devices said of themselves (online, offline or fault) and when; a fault that a device told is
    over when it says so, one that a person entered is not. `beyond`: devices of which a value just written is beyond
    its limit.
    """
    said = device_told.record(conn, told, now) if told else {}
    candidates = sorted({*_candidates(conn, device_ids, heard), *beyond, *said})
    if not candidates:
        return 0
    rows = _locked(conn, candidates)
    # After the lock, in a new statement: whoever held it before has committed, so nothing is judged by an old value.
    exceeded_now = _exceeded(conn, candidates)
    changes: list[Change] = []
    for row in rows:
        back = row["status"] in ("offline", "unknown") and _current(row, heard, now)
        status, exceeded = ("online" if back else row["status"]), row["device_id"] in exceeded_now
        if (word := said.get(row["device_id"])) is not None:
            status = device_told.status_after(
                row["status"], status, word, _current(row, {word.device_id: word.at}, now)
            )
        if (status, exceeded) != (row["status"], row["exceeded"]):
            changes.append(Change(row, status, exceeded, heard.get(row["device_id"], now)))
    apply(conn, changes, now)
    return len(changes)


def _current(row: Row, heard: Mapping[int, dt.datetime], now: dt.datetime) -> bool:
    at = heard.get(row["device_id"])
    return at is not None and now - at <= SILENT_INTERVALS * dt.timedelta(seconds=row["interval_s"])


def _candidates(conn: Conn, device_ids: Iterable[int], heard: Iterable[int]) -> list[int]:
    """Devices that may change. One that is exceeded now is always looked at under its lock: two writers that each end
    one of its two exceedances would otherwise each still see the other's."""
    rows = conn.execute(
        """
        SELECT d.device_id FROM device d
        WHERE d.device_id = ANY (%(ids)s::bigint[])
          AND (d.exceeded OR (d.status IN ('offline', 'unknown') AND d.device_id = ANY (%(heard)s::bigint[])))
        ORDER BY d.device_id
        """,
        {"ids": arrays.ints(sorted(set(device_ids))), "heard": arrays.ints(sorted(heard))},
    ).fetchall()
    return [r["device_id"] for r in rows]


def _locked(conn: Conn, device_ids: Sequence[int]) -> Sequence[Row]:
    return conn.execute(
        """
        SELECT device_id, source, kind, class, name, status, exceeded, h3_10, ST_X(geom) AS lon, ST_Y(geom) AS lat,
               region_id, private_to, sensitivity, origin, gateway_id, interval_s
        FROM device WHERE device_id = ANY (%s) ORDER BY device_id FOR NO KEY UPDATE
        """,
        (list(device_ids),),
    ).fetchall()


def _exceeded(conn: Conn, device_ids: Sequence[int]) -> set[int]:
    rows = conn.execute(
        "SELECT DISTINCT s.device_id FROM datastream s JOIN latest l USING (datastream_id)"
        " WHERE s.device_id = ANY (%s) AND l.exceeded",
        (list(device_ids),),
    ).fetchall()
    return {r["device_id"] for r in rows}


def set_status(conn: Conn, device_ids: Sequence[int], status: str, now: dt.datetime, *, only_from: str) -> int:
    """Put devices that are `only_from` into `status` (the silence sweep, a gateway's loss). Returns the changes."""
    rows = _locked(conn, sorted(device_ids))
    changes = [Change(r, status, r["exceeded"], now) for r in rows if r["status"] == only_from]
    apply(conn, changes, now)
    return len(changes)


def report(conn: Conn, states: Mapping[int, tuple[str, dt.datetime]], now: dt.datetime) -> int:
    """What a platform says of its devices: id -> (status, when it was so). Returns the changes.

    A device somebody has taken out of service (disabled) stays so.
    """
    rows = _locked(conn, sorted(states))
    changes = [
        Change(r, states[r["device_id"]][0], r["exceeded"], states[r["device_id"]][1])
        for r in rows
        if r["status"] not in ("disabled", states[r["device_id"]][0])
    ]
    apply(conn, changes, now)
    return len(changes)


def apply(conn: Conn, changes: Sequence[Change], now: dt.datetime) -> None:
    """Write locked devices' changes: row, state log, aggregates, feed."""
    if not changes:
        return
    columns = [list(c) for c in zip(*((c.row["device_id"], c.status, c.exceeded, c.observed_at) for c in changes))]  # noqa: B905
    conn.execute(
        """
        WITH n AS (SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bool[], %s::timestamptz[])
                        AS n(device_id, status, exceeded, at)),
        u AS (UPDATE device d SET status = n.status, exceeded = n.exceeded, status_at = n.at, updated_at = %s
              FROM n WHERE d.device_id = n.device_id RETURNING d.device_id, d.origin)
        INSERT INTO device_state_log (device_id, recorded_at, observed_at, status, exceeded, origin)
        SELECT n.device_id, %s, n.at, n.status, n.exceeded, u.origin FROM n JOIN u USING (device_id) ORDER BY 1
        """,
        (*columns, now, now),
    )
    deltas: list[CellDelta] = []
    for change in changes:
        deltas += (delta_of(change.row, -1), delta_of(change.after))
    apply_cell_deltas(conn, deltas)
    announce(conn, changes)


def announce(conn: Conn, changes: Sequence[Change]) -> None:
    """One feed record a device; where many change, one `reload` for all and records only for new exceedances."""
    few = len(changes) <= FEW
    singles = changes if few else [c for c in changes if c.exceeded and not c.row["exceeded"]][:FEW]
    details = _details(conn, [c.row["device_id"] for c in singles])
    for change in singles:
        row = change.row
        outbox.put(
            conn,
            topic="device",
            op="change",
            entity_id=row["device_id"],
            region_id=row["region_id"],
            private_to=row["private_to"],
            sensitivity=row["sensitivity"],
            permission="device.view",
            origin=row["origin"],
            payload=device_payload(change, details.get(row["device_id"], {})),
        )
    if not few:
        layers = sorted({layer_of(c.row["class"]) for c in changes})
        reload_layers(conn, layers, "states", len(changes), changes[0].row["origin"])
    outbox.wake(conn)


def layer_of(class_: str) -> str:
    return "camera" if class_ == "camera" else "sensor"


def reload_layers(conn: Conn, layers: Sequence[str], reason: str, count: int, origin: str) -> None:
    """The bulk record: screens fetch these layers, and the counts that rest on them, again."""
    outbox.put(
        conn,
        topic="reload",
        op="change",
        entity_id=reason,
        permission="map.view",
        origin=origin,
        payload={"layers": list(layers), "reason": reason, "count": count},
    )


def device_payload(change: Change, detail: Row) -> dict[str, Any]:
    """What screens receive of one device: state now, state before, and the value that stands furthest out."""
    row = change.row
    return {
        "key": f"device:{row['device_id']}",
        "type": "device",
        "id": row["device_id"],
        "class": row["class"],
        "layer": layer_of(row["class"]),
        "kind": row["kind"],
        "name": row["name"],
        "status": change.status,
        "exceeded": change.exceeded,
        "was": {"status": row["status"], "exceeded": row["exceeded"]},
        "lon": row["lon"],
        "lat": row["lat"],
        "region_id": row["region_id"],
        "region_ids": list(detail.get("region_ids") or ()),
        "observed_at": change.observed_at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "value": detail.get("value"),
        "property": detail.get("property"),
        "unit": detail.get("unit"),
        "limit_high": detail.get("limit_high"),
        "limit_low": detail.get("limit_low"),
        "limit_note": detail.get("limit_note"),
        "origin": row["origin"],
    }


def _details(conn: Conn, device_ids: Sequence[int]) -> dict[int, Row]:
    """The newest value of each device (an exceeded one first), and its regions with all their ancestors."""
    if not device_ids:
        return {}
    rows = conn.execute(
        """
        SELECT d.device_id, v.property, v.unit, v.value, v.limit_high, v.limit_low, v.limit_note, r.ids AS region_ids
        FROM device d
        LEFT JOIN LATERAL (
          SELECT s.property, s.unit, l.value, s.limit_high, s.limit_low, s.limit_note
          FROM datastream s JOIN latest l USING (datastream_id) WHERE s.device_id = d.device_id
          ORDER BY l.exceeded DESC, l.observed_at DESC, s.property LIMIT 1) v ON true
        LEFT JOIN LATERAL (SELECT array_agg(ancestor_id ORDER BY depth DESC) AS ids
                           FROM region_closure c WHERE c.descendant_id = d.region_id) r ON true
        WHERE d.device_id = ANY (%s)
        """,
        (list(device_ids),),
    ).fetchall()
    return {r["device_id"]: r for r in rows}
