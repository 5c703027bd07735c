"""Reporting an event: check, locate, write. The same way in for REST, files and the demo's simulator."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import h3.api.basic_int as h3
import numpy as np

from ioc import geo
from ioc.cases import joining
from ioc.clock import Clock
from ioc.errors import Invalid, Reason
from ioc.fold import fold_all
from ioc.intake.event_input import EventDraft, check_event
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import reason
from ioc.intake.vocabulary import Vocabulary
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Store, dictionaries, disk, events, observations, sources
from ioc.store.locate import Located, ancestors, locate, metre_srid, region_of_code
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.retry import retried

# A reporting system speaks when something happens; a day of silence is worth a look.
SOURCE_INTERVAL_S = 86_400


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of a report. `regions` run from the root to the finest; `grid_cells` hold one cell of each kind."""

    event_id: int
    state: events.State
    version: int
    regions: Sequence[Mapping[str, Any]]
    grid_cells: Sequence[Mapping[str, Any]]
    case_id: int | None = None  # the case it joined as one more source

    def as_dict(self) -> dict[str, Any]:
        return {
            "event_id": self.event_id,
            "id": self.event_id,
            "state": self.state,
            "version": self.version,
            "case_id": self.case_id,
            "regions": [{k: r[k] for k in ("code", "name", "kind")} for r in self.regions],
            "grid_cells": [{k: c[k] for k in ("grid_cell_id", "code", "name", "kind")} for c in self.grid_cells],
        }


def submit_event(
    store: Store,
    scope: Scope,
    payload: Mapping[str, Any],
    clock: Clock,
    actor: str,
    *,
    settings: Settings,
    origin: str = "real",
    only_source: str = "",
    channel: str = "rest",
) -> EventResult:
    """Store one report under `scope`. `only_source`: the one source this asker may report as; "" for any.

    Raises Invalid with every reason (the report is then kept as a reject), StoreUnavailable, DiskBudget.
    """
    return retried(lambda: _attempt(store, scope, payload, clock, actor, settings, origin, only_source, channel))


def _attempt(
    store: Store,
    scope: Scope,
    payload: Mapping[str, Any],
    clock: Clock,
    actor: str,
    settings: Settings,
    origin: str,
    only_source: str,
    channel: str,
) -> EventResult:
    now = clock.now()
    with store.scoped(SYSTEM) as conn:
        disk.read(conn).require("event")
        words = Vocabulary(dictionaries.current(conn, now.astimezone(settings.tz).date()))
        past = timedelta(days=settings.retention_history_days)
        rules = TimeRules(now, settings.tz, timedelta(seconds=settings.future_tolerance_s), past)
        draft = check_event(payload, words, rules)
        reasons = list(draft) if isinstance(draft, list) else []
        if only_source and payload.get("source") not in (None, "", only_source):
            reasons.append(reason("source", "source_not_allowed", payload.get("source"), source=only_source))
        if not isinstance(draft, list) and not reasons:
            place, device_id = _where(conn, draft, scope, settings, reasons)
            if not reasons:
                return _write(conn, draft, place, device_id, actor, origin, channel, now)
    _reject(store, payload, reasons, channel, origin, clock)
    raise Invalid(reasons=reasons)


def _where(
    conn: Conn, draft: EventDraft, scope: Scope, settings: Settings, reasons: list[Reason]
) -> tuple[Located, int | None]:
    """Regions, grid cells and device of a draft; what does not fit, or lies outside the scope, goes to `reasons`."""
    place = Located(None, (), (), True)
    if draft.lon is not None and draft.lat is not None:
        place = locate(conn, draft.lon, draft.lat, settings.area_buffer_m)
        if not place.inside:
            at = f"{draft.x_orig}, {draft.y_orig}"
            reasons.append(reason("lon", "out_of_area", at, buffer=settings.area_buffer_m))
    elif draft.region_code is not None:
        region_id = region_of_code(conn, draft.region_code)
        if region_id is None:
            reasons.append(reason("region", "unknown_region", draft.region_code))
        else:
            place = Located(region_id, ancestors(conn, region_id), (), True)
    before = events.existing(conn, draft.source, draft.source_id)
    theirs = before is None or scope.sees(before["region_id"], before["private_to"], before["sensitivity"])
    if place.inside and not (theirs and scope.sees(place.region_id, draft.private_to, draft.sensitivity)):
        reasons.append(reason("lon" if draft.lon is not None else "region", "out_of_scope"))
    device_id = None
    if draft.device is not None:
        found = {row["device_id"] for row in observations.find_devices(conn, [draft.device])}
        if len(found) != 1:
            reasons.append(reason("device", "unknown_device", draft.device))
        device_id = next(iter(found), None)
    return place, device_id


def _write(
    conn: Conn,
    draft: EventDraft,
    place: Located,
    device_id: int | None,
    actor: str,
    origin: str,
    channel: str,
    now: Any,
) -> EventResult:
    sources.ensure(
        conn,
        draft.source,
        kind=channel,
        title=draft.source,
        classes=["event"],
        interval_s=SOURCE_INTERVAL_S,
        origin=origin,
    )
    values = columns(conn, draft) | {
        "region_id": place.region_id,
        "grid_cell_ids": [c["grid_cell_id"] for c in place.grid_cells],
        "device_id": device_id,
        "origin": origin,
    }
    saved = events.save(conn, values, actor, now)
    joined = joining.attach(conn, saved.event_id, now) if saved.state == "created" else None
    arrival = sources.Arrival(
        received=1,
        stored=int(saved.state != "unchanged"),
        duplicates=int(saved.state == "unchanged"),
        as_of=draft.occurred_at,
    )
    for key in dict.fromkeys((draft.source, channel)):
        sources.arrived(conn, key, arrival, now)
    return EventResult(saved.event_id, saved.state, saved.version, place.regions, place.grid_cells, joined)


def columns(conn: Conn, draft: EventDraft) -> dict[str, Any]:
    """Columns of the row that follow from the draft alone."""
    out: dict[str, Any] = {name: getattr(draft, name) for name in EventDraft.__slots__}
    out |= {"x_m": None, "y_m": None, "srid": None, "h3_10": None}
    out["search"] = fold_all(draft.title, draft.source_id, draft.address)
    if draft.lon is None or draft.lat is None:
        return out
    out["h3_10"] = h3.latlng_to_cell(draft.lat, draft.lon, 10)
    srid = metre_srid(conn, draft.lon)
    if srid is not None:
        x, y = geo.to_metres(np.array([draft.lon]), np.array([draft.lat]), srid)
        out |= {"x_m": float(x[0]), "y_m": float(y[0]), "srid": srid}
    return out


def _reject(
    store: Store, payload: Mapping[str, Any], reasons: Sequence[Reason], channel: str, origin: str, clock: Clock
) -> None:
    now = clock.now()
    raw = json.dumps(payload, ensure_ascii=False, default=str)
    source = str(payload.get("source") or channel)[:100].replace("\x00", "")
    with store.scoped(SYSTEM) as conn:
        store_rejects(conn, source, [Rejected(str(payload.get("source_id", "")), reasons, raw)], now, origin=origin)
        sources.arrived(conn, channel, sources.Arrival(received=1, rejected=1), now)
