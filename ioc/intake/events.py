"""Reporting events: check, locate, write. The same way in for REST, files and the demo's simulator.

Reports are taken in batches, one transaction each: a centre on a bad day hears a thousand a second, and what costs is
the transaction and its round trips, not the row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import h3.api.basic_int as h3
import numpy as np
import psycopg

from ioc import geo
from ioc.cases import joining
from ioc.clock import Clock
from ioc.errors import Conflict, Invalid, Reason
from ioc.fold import fold_all
from ioc.intake.event_input import EventDraft, check_event
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import reason
from ioc.intake.vocabulary import Vocabulary
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Store, dictionaries, disk, events, observations, request_keys, sources
from ioc.store.locate import Located, ancestors, locate_many, metre_srid, region_of_code
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.request_keys import RequestKey
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


@dataclass(frozen=True, slots=True)
class Report:
    """One report as delivered, and by whom. `only_source`: the one source this asker may report as; "" for any.

    `once`: the same request again gets the first answer.
    """

    payload: Mapping[str, Any]
    scope: Scope
    actor: str
    origin: str = "real"
    only_source: str = ""
    channel: str = "rest"
    once: RequestKey | None = None


Outcome: TypeAlias = EventResult | Invalid | Conflict


@dataclass(slots=True)
class _Work:
    """A report on its way: what is known of it so far, and every reason against it."""

    report: Report
    draft: EventDraft | None
    reasons: list[Reason]
    place: Located = field(default_factory=lambda: Located(None, (), (), True))
    device_id: int | None = None
    saved: events.Saved | None = None
    before: EventResult | Conflict | None = None  # what its idempotency key says
    case_id: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        assert self.draft is not None
        return self.draft.source, self.draft.source_id


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
    once: RequestKey | None = None,
) -> EventResult:
    """Store one report under `scope`.

    Raises Invalid with every reason (the report is then kept as a reject), Conflict for an idempotency key of another
    request, StoreUnavailable, DiskBudget.
    """
    report = Report(payload, scope, actor, origin, only_source, channel, once)
    (found,) = submit_events(store, [report], clock, settings)
    if not isinstance(found, EventResult):
        raise found
    return found


def submit_events(store: Store, reports: Sequence[Report], clock: Clock, settings: Settings) -> list[Outcome]:
    """Store reports in one transaction; for each its result, or Invalid with every reason (then kept as a reject).

    The same source and id twice is one event, in the order given. Raises StoreUnavailable, DiskBudget: then nothing of
    the batch is stored.
    """
    try:
        return retried(lambda: _submit(store, reports, clock, settings))
    except psycopg.DataError:
        if len(reports) == 1:
            raise
        # a value the database will not have, which no check foresaw: the others must not go down with it
        return [submit_events(store, [r], clock, settings)[0] for r in reports]


def refuse_unread(store: Store, data: bytes, fault: Invalid, clock: Clock, source: str, channel: str = "rest") -> None:
    """Keep what was delivered and could not even be read as a report."""
    now, named = clock.now(), source or channel
    with store.scoped(SYSTEM) as conn:
        store_rejects(conn, named, [Rejected("", fault.reasons, data.decode(errors="replace"))], now)
        sources.arrived(conn, channel, sources.Arrival(received=1, rejected=1), now)


def reading_rules(conn: Conn, settings: Settings, now: datetime) -> tuple[Vocabulary, TimeRules]:
    """The words and the times that are good at `now`."""
    words = Vocabulary(dictionaries.current(conn, now.astimezone(settings.tz).date()))
    past = timedelta(days=settings.retention_history_days)
    return words, TimeRules(now, settings.tz, timedelta(seconds=settings.future_tolerance_s), past)


def store_event(
    conn: Conn,
    report: Report,
    words: Vocabulary,
    rules: TimeRules,
    settings: Settings,
    *,
    device_id: int | None = None,
) -> EventResult | list[Reason]:
    """Check, locate and write one report in the caller's transaction; or every reason against it, nothing written.

    `device_id`: its device where the report itself names none. What arrived is the caller's to count.
    """
    draft = check_event(report.payload, words, rules)
    if isinstance(draft, list):
        return draft
    w = _Work(report, draft, [])
    _place(conn, [w], settings.area_buffer_m)
    w.device_id = device_id if w.device_id is None else w.device_id
    if not w.reasons:
        _in_scope(conn, [w])
    if w.reasons:
        return w.reasons
    _write(conn, [w], rules.now)
    found = _outcome(w)
    assert isinstance(found, EventResult)
    return found


def _submit(store: Store, reports: Sequence[Report], clock: Clock, settings: Settings) -> list[Outcome]:
    now = clock.now()
    with store.scoped(SYSTEM) as conn:
        disk.read(conn).require("event")
        work = _checked(conn, reports, settings, now)
        _place(conn, [w for w in work if w.draft is not None and not w.reasons], settings.area_buffer_m)
        for wave in _waves([w for w in work if w.draft is not None and not w.reasons]):
            _in_scope(conn, wave)
            good = [w for w in wave if not w.reasons]
            _claim(conn, good, now)
            _write(conn, [w for w in good if w.before is None], now)
        _note(conn, work, now)
    return [_outcome(w) for w in work]


def _claim(conn: Conn, work: Sequence[_Work], now: datetime) -> None:
    """Keys are claimed only for what will be written: a refused report leaves none behind."""
    for w in work:
        try:
            known = request_keys.claim(conn, w.report.once, now)
        except Conflict as fault:  # one report's, not the batch's
            w.before = fault
            continue
        w.before = None if known is None else EventResult(**known)


def _outcome(w: _Work) -> Outcome:
    if w.before is not None:
        return w.before
    if w.saved is None:
        return Invalid(reasons=w.reasons)
    return _result(w, w.saved)


def _checked(conn: Conn, reports: Sequence[Report], settings: Settings, now: datetime) -> list[_Work]:
    """Every field of every report checked, without asking the store about it."""
    words, rules = reading_rules(conn, settings, now)
    out: list[_Work] = []
    for report in reports:
        draft = check_event(report.payload, words, rules)
        reasons = list(draft) if isinstance(draft, list) else []
        named = report.payload.get("source")
        if report.only_source and named not in (None, "", report.only_source):
            reasons.append(reason("source", "source_not_allowed", named, source=report.only_source))
        out.append(_Work(report, None if isinstance(draft, list) else draft, reasons))
    return out


def _place(conn: Conn, work: Sequence[_Work], buffer_m: float) -> None:
    """Regions, grid cells and device of every draft; what does not fit goes to its reasons."""
    points = [(w, w.draft.lon, w.draft.lat) for w in work if w.draft and w.draft.lon is not None]
    placed = [(w, lon, lat) for w, lon, lat in points if lat is not None]
    for (w, *_), place in zip(placed, locate_many(conn, [(x, y) for _, x, y in placed], buffer_m), strict=True):
        w.place = place
        if not place.inside and w.draft:
            w.reasons.append(reason("lon", "out_of_area", f"{w.draft.x_orig}, {w.draft.y_orig}", buffer=buffer_m))
    for w in work:
        if w.draft and w.draft.lon is None and w.draft.region_code is not None:
            region_id = region_of_code(conn, w.draft.region_code)
            if region_id is None:
                w.reasons.append(reason("region", "unknown_region", w.draft.region_code))
            else:
                w.place = Located(region_id, ancestors(conn, region_id), (), True)
    _devices(conn, work)


def _devices(conn: Conn, work: Sequence[_Work]) -> None:
    named = sorted({w.draft.device for w in work if w.draft and w.draft.device is not None})
    if not named:
        return
    ids: dict[str, set[int]] = {}
    for row in observations.find_devices(conn, named):
        ids.setdefault(row["id"], set()).add(row["device_id"])
    for w in work:
        if w.draft and w.draft.device is not None:
            found = ids.get(w.draft.device, set())
            if len(found) != 1:
                w.reasons.append(reason("device", "unknown_device", w.draft.device))
            w.device_id = next(iter(found), None)


def _waves(work: Iterable[_Work]) -> list[list[_Work]]:
    """In each wave every event once, so that a second report of it meets what the first has written."""
    waves: list[list[_Work]] = []
    times: dict[tuple[str, str], int] = {}
    for w in work:
        n = times[w.key] = times.get(w.key, -1) + 1
        if n == len(waves):
            waves.append([])
        waves[n].append(w)
    return waves


def _in_scope(conn: Conn, work: Sequence[_Work]) -> None:
    """Neither the place reported nor the event it would change may lie outside the reporter's scope."""
    before = events.found(conn, [w.key for w in work])
    for w in work:
        scope, was = w.report.scope, before.get(w.key)
        theirs = was is None or scope.sees(was["region_id"], was["private_to"], was["sensitivity"])
        assert w.draft is not None
        if w.place.inside and not (theirs and scope.sees(w.place.region_id, w.draft.private_to, w.draft.sensitivity)):
            w.reasons.append(reason("lon" if w.draft.lon is not None else "region", "out_of_scope"))


def _write(conn: Conn, work: Sequence[_Work], now: datetime) -> None:
    if not work:
        return
    first = {w.key[0]: w for w in work}
    for source in sorted(set(first) - sources.feeding(conn, first, "event")):
        w = first[source]
        kind, origin = w.report.channel, w.report.origin
        sources.ensure(
            conn, source, kind=kind, title=source, classes=["event"], interval_s=SOURCE_INTERVAL_S, origin=origin
        )
    lons = [w.draft.lon for w in work if w.draft and w.draft.lon is not None]
    srid = metre_srid(conn, lons[0]) if lons else None
    rows = [_row(w) for w in work]
    _metres(rows, srid)
    for w, saved in zip(work, events.save_many(conn, rows, [w.report.actor for w in work], now), strict=True):
        w.saved = saved
    joined = joining.attach_many(conn, [w.saved.event_id for w in work if w.saved and w.saved.state == "created"], now)
    for w in work:
        if w.saved is None:
            continue
        w.case_id = joined.get(w.saved.event_id)
        answer = {k: v for k, v in _result(w, w.saved).as_dict().items() if k != "id"}
        request_keys.keep(conn, w.report.once, answer, w.report.origin)


def _result(w: _Work, saved: events.Saved) -> EventResult:
    return EventResult(saved.event_id, saved.state, saved.version, w.place.regions, w.place.grid_cells, w.case_id)


def _row(w: _Work) -> dict[str, Any]:
    """Columns of the row, without those of metres."""
    draft = w.draft
    assert draft is not None
    located = draft.lon is not None and draft.lat is not None
    return {
        **{name: getattr(draft, name) for name in EventDraft.__slots__},
        "h3_10": h3.latlng_to_cell(draft.lat, draft.lon, 10) if located else None,
        "search": fold_all(draft.title, draft.source_id, draft.address),
        "region_id": w.place.region_id,
        "grid_cell_ids": [c["grid_cell_id"] for c in w.place.grid_cells],
        "device_id": w.device_id,
        "origin": w.report.origin,
    }


def _metres(rows: Sequence[dict[str, Any]], srid: int | None) -> None:
    """`x_m`, `y_m` and `srid` of rows with a place, all in one go."""
    placed = [row for row in rows if row["lon"] is not None]
    if srid is None or not placed:
        return
    xs, ys = geo.to_metres(np.array([r["lon"] for r in placed]), np.array([r["lat"] for r in placed]), srid)
    for row, x, y in zip(placed, xs.tolist(), ys.tolist(), strict=True):
        row |= {"x_m": x, "y_m": y, "srid": srid}


def _note(conn: Conn, work: Sequence[_Work], now: datetime) -> None:
    """What was refused is kept, and every source and channel is told what arrived."""
    arrivals: dict[str, list[sources.Arrival]] = {}
    refused: dict[tuple[str, str], list[Rejected]] = {}
    for w in work:
        channel, payload = w.report.channel, w.report.payload
        if w.before is not None:
            continue
        if w.saved is None:
            named = str(payload.get("source") or channel)[:100].replace("\x00", "")
            raw = json.dumps(payload, ensure_ascii=False, default=str)
            item = Rejected(str(payload.get("source_id", "")), w.reasons, raw)
            refused.setdefault((named, w.report.origin), []).append(item)
            arrivals.setdefault(channel, []).append(sources.Arrival(received=1, rejected=1))
            continue
        assert w.draft is not None
        same = w.saved.state == "unchanged"
        arrival = sources.Arrival(1, int(not same), int(same), as_of=w.draft.occurred_at)
        for key in dict.fromkeys((w.draft.source, channel)):
            arrivals.setdefault(key, []).append(arrival)
    for (named, origin), items in refused.items():
        store_rejects(conn, named, items, now, origin=origin)
    sources.arrived_many(conn, {key: _sum(found) for key, found in arrivals.items()}, now)


def _sum(found: Sequence[sources.Arrival]) -> sources.Arrival:
    return sources.Arrival(
        received=sum(a.received for a in found),
        stored=sum(a.stored for a in found),
        duplicates=sum(a.duplicates for a in found),
        rejected=sum(a.rejected for a in found),
        as_of=max((a.as_of for a in found if a.as_of is not None), default=None),
    )
