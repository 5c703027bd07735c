"""Telemetry that is pushed over HTTP: a batch of readings in, what became of each row out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ioc.clock import Clock
from ioc.errors import Invalid, Reason
from ioc.intake.observations import ObservationIntake, Result
from ioc.intake.readings import Reading, from_device
from ioc.intake.reasons import reason
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Store, observations, sources
from ioc.store.rejects import Rejected

SOURCE_KEY = "telemetry"
MAX_ROWS = 5000
MAX_READINGS = 20_000
INTERVAL_S = 300


@dataclass
class Row:
    """One entry of the batch: its readings, and the reasons against it."""

    readings: list[Reading] = field(default_factory=list[Reading])
    reasons: list[Reason] = field(default_factory=list[Reason])
    device: str = ""


@dataclass
class PushResult:
    """received = stored + duplicates + rejected, in values; `rows` holds the entries with a reason, by their place."""

    counts: Result
    rows: Mapping[int, Row]

    @property
    def status(self) -> int:
        """201 something new, 200 known already, 422 nothing could be used."""
        return 201 if self.counts.stored else 200 if self.counts.duplicates else 422

    def as_dict(self) -> dict[str, Any]:
        c = self.counts
        return {
            "received": c.received,
            "stored": c.stored,
            "duplicates": c.duplicates,
            "rejected": c.rejected,
            "rows": [
                {"row": n, "device": r.device, "reasons": [x.as_dict() for x in r.reasons]}
                for n, r in sorted(self.rows.items())
            ],
        }


class Push:
    """One a web process. Each source that pushes has its own look-ups and its own health."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self._intakes: dict[str, ObservationIntake] = {}

    def submit(self, scope: Scope, body: Mapping[str, Any], source: str = "") -> PushResult:
        """`{"observations": [{"device", "ts", "values", "quality"?}, ...]}`; one such entry alone is a batch of one.

        `source`: what the asker's credential is bound to; its devices are preferred where several have one id. A device
        outside the scope is an unknown one. Raises Invalid for a body of another form, StoreUnavailable, DiskBudget.
        """
        rows = _rows(body)
        self._require_seen(scope, rows, source)
        key = source or SOURCE_KEY
        good = [r for row in rows for r in row.readings]
        refused = [_rejected(row) for row in rows if row.reasons]
        counts = self._intake(key).submit(good, refused, source or None)
        _assign(counts.refused[len(refused) :], rows)
        return PushResult(counts, {n: row for n, row in enumerate(rows) if row.reasons})

    def _intake(self, key: str) -> ObservationIntake:
        found = self._intakes.get(key)
        if found is None:
            with self._store.scoped(SYSTEM) as conn:
                sources.ensure(
                    conn, key, kind=SOURCE_KEY, title=key, classes=["sensor"], interval_s=INTERVAL_S, heartbeat=False
                )
            found = self._intakes.setdefault(key, ObservationIntake(self._store, self._settings, self._clock, key))
        return found

    def _require_seen(self, scope: Scope, rows: Sequence[Row], source: str) -> None:
        """Take the readings of devices the scope does not see out of the batch."""
        ids = sorted({r.device for row in rows for r in row.readings if "\x00" not in r.device})
        with self._store.scoped(scope) as conn:
            seen = {row["id"] for row in observations.find_devices(conn, ids)} if ids else set[str]()
        for row in rows:
            if row.readings and row.device not in seen:
                row.readings = []
                row.reasons.append(reason("device", "unknown_device", row.device))


def _rows(body: Mapping[str, Any]) -> list[Row]:
    listed = body.get("observations", [body] if "values" in body else None)
    if not isinstance(listed, list) or not listed:
        raise Invalid(reasons=[reason("observations", "missing_field" if not listed else "bad_table", listed)])
    entries = cast("list[Any]", listed)
    if len(entries) > MAX_ROWS:
        raise Invalid(reasons=[reason("observations", "too_many_rows", len(entries), limit=MAX_ROWS)])
    rows = [_row(entry) for entry in entries]
    if (count := sum(len(r.readings) for r in rows)) > MAX_READINGS:
        raise Invalid(reasons=[reason("observations", "too_many_rows", count, limit=MAX_READINGS)])
    return rows


def _row(entry: Any) -> Row:
    row = Row()
    if not isinstance(entry, dict):
        row.reasons.append(reason("observations", "bad_object", entry))
        return row
    item = cast("dict[str, Any]", entry)
    device = item.get("device")
    if not isinstance(device, str) or not device.strip() or len(device) > 200:
        row.reasons.append(reason("device", "missing_field" if device in (None, "") else "bad_text", device))
    else:
        row.device = device.strip()
    for part in from_device(row.device, item):
        if isinstance(part, Reason):
            row.reasons.append(part)
        elif row.device:
            row.readings.append(part)
    if not row.readings and not row.reasons:
        row.reasons.append(reason("values", "missing_field"))
    return row


def _rejected(row: Row) -> Rejected:
    return Rejected(row.device, list(row.reasons))


def _assign(refused: Sequence[Rejected], rows: Sequence[Row]) -> None:
    """Rejects of the intake back to the entries they came from: by the value as delivered, else by device and time.

    The latter for what a model has made of several values at once.
    """
    if not refused:
        return
    by_value: dict[str, int] = {}
    by_time: dict[tuple[str, str], int] = {}
    for n, row in enumerate(rows):
        for r in row.readings:
            by_value.setdefault(r.raw(), n)
            by_time.setdefault((r.device, str(r.at)), n)
    for rejected in refused:
        n = by_value.get(rejected.raw, by_time.get((rejected.item, _time_of(rejected.raw))))
        if n is not None:
            rows[n].reasons += rejected.reasons


def _time_of(raw: str) -> str:
    try:
        found: Any = json.loads(raw)
    except ValueError:
        return ""
    return str(cast("dict[str, Any]", found).get("ts", "")) if isinstance(found, dict) else ""
