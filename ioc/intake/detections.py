"""Receiving a detection of AI video analysis: checked, placed at its camera; an event, or a person's to look at.

Below the confidence its algorithm asks for it waits for review: no event, no case. From that confidence on it becomes a
suspected event, which counts apart until somebody confirms it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ioc.clock import Clock
from ioc.errors import Invalid, Reason
from ioc.intake import pictures
from ioc.intake.detection_input import DetectionDraft, check_detection, urgency_of
from ioc.intake.events import SOURCE_INTERVAL_S, EventResult, Report, reading_rules, store_event
from ioc.intake.fields import TimeRules
from ioc.intake.pictures import Kept
from ioc.intake.private_net import outside_url
from ioc.intake.reasons import Refuse, reason
from ioc.intake.vocabulary import Vocabulary
from ioc.scope import SENSITIVE, SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Store, detections, disk, sources
from ioc.store.detections import Row
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.retry import retried

SOURCE_KEY = "ai_video"


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """What became of a detection. `event_id` None: a person looks at it first."""

    detection_id: int
    status: str  # created, updated, unchanged
    state: str
    event_id: int | None
    version: int
    algorithm: str
    confidence: float
    threshold: float
    case_flow: str = ""  # the flow a case is opened in at once, by the rule of its algorithm

    def as_dict(self) -> dict[str, Any]:
        return {n: getattr(self, n) for n in self.__slots__ if n != "case_flow"}


@dataclass(frozen=True, slots=True)
class _Delivery:
    scope: Scope
    actor: str
    source: str
    origin: str
    now: datetime


def submit_detection(
    store: Store,
    scope: Scope,
    payload: Mapping[str, Any],
    clock: Clock,
    *,
    settings: Settings,
    source: str,
    picture: bytes | None = None,
    origin: str = "real",
) -> DetectionResult:
    """Store one detection of `source`. `picture`: a part of its own, else base64 in the payload.

    Raises Invalid with every reason (kept as a reject, without the picture), StoreUnavailable, DiskBudget, OSError.
    """
    # The sender's regions bind it; how sensitive a thing is that it may not read again, it need not be cleared for.
    by = _Delivery(replace(scope, sensitivity=SENSITIVE), scope.actor, source, origin, clock.now())
    with store.scoped(SYSTEM) as conn:
        disk.read(conn).require("event")
        words, rules = reading_rules(conn, settings, by.now)
    draft = check_detection({k: v for k, v in payload.items() if k != "picture"}, words, rules)
    reasons = list(draft) if isinstance(draft, list) else []
    kept = _picture(settings.root, picture, payload.get("picture"), reasons)
    if isinstance(draft, list) or reasons:
        found: DetectionResult | list[Reason] = reasons
    else:
        good = draft
        found = retried(lambda: _attempt(store, good, kept, words, rules, settings, by))
    if isinstance(found, DetectionResult):
        return found
    _reject(store, payload, found, by)
    raise Invalid(reasons=found)


def _picture(root: Path, part: bytes | None, text: Any, reasons: list[Reason]) -> Kept | None:
    """Stored before the transaction: a file nobody names is swept, a row must never name a file that is not there."""
    try:
        data = part if part is not None else _decoded(text)
        return None if data is None else pictures.keep(root, data)
    except Refuse as e:
        reasons.append(e.of("picture", ""))
        return None


def _decoded(text: Any) -> bytes | None:
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise Refuse("bad_base64")
    if len(text) > pictures.MAX_BYTES * 4 // 3 + 200:
        raise Refuse("picture_size", limit=pictures.MAX_BYTES // 1024)
    body = text.partition(";base64,")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refuse("bad_base64") from None


def _attempt(
    store: Store,
    draft: DetectionDraft,
    kept: Kept | None,
    words: Vocabulary,
    rules: TimeRules,
    settings: Settings,
    by: _Delivery,
) -> DetectionResult | list[Reason]:
    digest = _digest(draft, kept)
    with store.scoped(SYSTEM) as conn:
        detections.take_turn(conn, by.source, draft.source_id)
        known = detections.find(conn, by.source, draft.source_id)
        if known is not None and known["digest"] == digest:
            _heard(conn, draft, by, sources.Arrival(received=1, duplicates=1, as_of=draft.occurred_at))
            return replace(_result(known, "unchanged"), case_flow=_flow(draft, known["event_id"]))
        if known is not None and known["state"] in ("confirmed", "refuted"):
            return [reason("id", "already_reviewed", draft.source_id)]
        camera, reasons = _camera(conn, draft, by.scope)
        if reasons:
            return reasons
        values = _values(draft, kept, camera, by) | {"digest": digest}
        sure = draft.confidence >= draft.threshold or (known is not None and known["event_id"] is not None)
        found = _write(conn, values, known, sure, words, rules, settings, by)
    return found if isinstance(found, list) else replace(found, case_flow=_flow(draft, found.event_id))


def _flow(draft: DetectionDraft, event_id: int | None) -> str:
    """The rule of the algorithm: `case_flow`, from the confidence `case_confidence` on. No event, no case."""
    facts = draft.algorithm.attributes
    least = facts.get("case_confidence", draft.threshold)
    sure = isinstance(least, int | float) and draft.confidence >= least
    return str(facts.get("case_flow") or "") if event_id is not None and sure else ""


def _digest(draft: DetectionDraft, kept: Kept | None) -> str:
    content = {n: getattr(draft, n) for n in DetectionDraft.__slots__ if n != "algorithm"}
    content |= {"algorithm": draft.algorithm.code, "picture": kept.digest if kept else ""}
    text = json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _camera(conn: Conn, draft: DetectionDraft, scope: Scope) -> tuple[Row | None, list[Reason]]:
    """The camera; with coordinates of its own a detection may name one that nobody knows here."""
    if not draft.camera:
        return None, []
    found = detections.cameras(conn, draft.camera, scope)
    if len(found) == 1:
        return found[0], []
    if len(found) > 1:
        named = "、".join(sorted({r["source"] for r in found}))
        return None, [reason("camera", "ambiguous_device", draft.camera, sources=named)]
    return None, [] if draft.place else [reason("camera", "unknown_device", draft.camera)]


def _values(draft: DetectionDraft, kept: Kept | None, camera: Row | None, by: _Delivery) -> dict[str, Any]:
    kind = draft.algorithm
    national = (camera["national_id"] if camera else None) or _national(draft.camera)
    level = max(_level(kind.attributes.get("sensitivity")), camera["sensitivity"] if camera else 0)
    return {
        "source": by.source,
        "source_id": draft.source_id,
        "algorithm": kind.code,
        "confidence": draft.confidence,
        "threshold": draft.threshold,
        "device_id": camera["device_id"] if camera else None,
        "camera": draft.camera,
        "national_id": national,
        "occurred_at": draft.occurred_at,
        "picture": kept.digest if kept else "",
        "picture_type": kept.media if kept else "",
        "boxes": [list(b) for b in draft.boxes],
        "report": _report(draft, camera, national, level, by),
        "origin": by.origin,
    }


def _national(ref: str) -> str | None:
    return ref if len(ref) == 20 and ref.isascii() and ref.isdigit() else None


def _level(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value <= 2 else 0


def _report(
    draft: DetectionDraft, camera: Row | None, national: str | None, level: int, by: _Delivery
) -> dict[str, Any]:
    """The event it is, or becomes when a person says so: the body of `POST /api/v1/events`."""
    kind = draft.algorithm
    place = dict(draft.place)
    if not place and camera is not None:
        place = {"lon": camera["lon"], "lat": camera["lat"], "crs": "EPSG:4326"}
    scheme, code = kind.attributes.get("scheme"), kind.attributes.get("category")
    where = camera["name"] if camera else draft.camera
    facts = {
        "algorithm": kind.code,
        "confidence": draft.confidence,
        "camera": national or draft.camera or None,
        "picture_url": outside_url(draft.picture_url) or None,
    }
    return {
        "source": by.source,
        "source_id": draft.source_id,
        "title": (draft.title or f"{kind.zh} {where}".strip())[:200],
        "description": draft.description,
        "category": {"scheme": scheme, "code": code} if scheme and code else None,
        "urgency": urgency_of(kind),
        "address": draft.address or (camera["address"] if camera else ""),
        "occurred_at": draft.occurred_at.isoformat(),
        "sensitivity": level,
        "department": camera["private_to"] or None if camera else None,
        "attributes": {**draft.attributes, **{k: v for k, v in facts.items() if v is not None}},
        **place,
    }


# ---------------------------------------------------------------- writing


def _write(
    conn: Conn,
    values: Mapping[str, Any],
    known: Row | None,
    sure: bool,
    words: Vocabulary,
    rules: TimeRules,
    settings: Settings,
    by: _Delivery,
) -> DetectionResult | list[Reason]:
    """The row and, where it is sure enough, its event; one that must wait is still checked like an event is."""
    event = _event(conn, values["report"], values["device_id"], words, rules, settings, by, suspected=True, sure=sure)
    if not isinstance(event, _Placed):
        return event
    row_values = {
        **values,
        "state": "suspected" if sure else "review",
        "event_id": event.event_id,
        "region_id": event.region_id,
        "private_to": values["report"]["department"],
        "sensitivity": values["report"]["sensitivity"],
        "lon": event.lon,
        "lat": event.lat,
    }
    if known is None:
        row = detections.insert(conn, row_values, by.now)
    else:
        row = detections.change(conn, known["detection_id"], row_values, by.now)
    detections.tell(conn, row, "new" if known is None else "change")
    _heard(conn, None, by, sources.Arrival(received=1, stored=1, as_of=values["occurred_at"]))
    return _result(row, "created" if known is None else "updated")


@dataclass(frozen=True, slots=True)
class _Placed:
    event_id: int | None
    region_id: int | None
    lon: float | None
    lat: float | None


class _Undo(Exception):
    """Ends a savepoint without a trace."""


def _event(
    conn: Conn,
    report: Mapping[str, Any],
    device_id: int | None,
    words: Vocabulary,
    rules: TimeRules,
    settings: Settings,
    by: _Delivery,
    *,
    suspected: bool,
    sure: bool,
) -> _Placed | list[Reason]:
    """The event of a report. Not `sure`: it is written and taken back, so that what is refused later is refused now."""
    body = {k: v for k, v in report.items() if v is not None} | {"suspected": suspected}
    placed: _Placed | list[Reason] = []
    try:
        with conn.transaction():
            report_of = Report(body, by.scope, by.actor, by.origin, "", SOURCE_KEY)
            found = store_event(conn, report_of, words, rules, settings, device_id=device_id)
            if not isinstance(found, EventResult):
                return [_of_detection(r) for r in found]
            row = conn.execute(
                "SELECT region_id, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM event WHERE event_id = %s",
                (found.event_id,),
            ).fetchone()
            assert row is not None
            placed = _Placed(found.event_id if sure else None, row["region_id"], row["lon"], row["lat"])
            if not sure:
                raise _Undo
    except _Undo:
        pass
    return placed


def _of_detection(found: Reason) -> Reason:
    """A reason against the event in the words of the detection's own fields."""
    return Reason("id", found.code, found.zh, found.en, found.value) if found.field == "source_id" else found


def _result(row: Row, status: str) -> DetectionResult:
    return DetectionResult(
        detection_id=row["detection_id"],
        status=status,
        state=row["state"],
        event_id=row["event_id"],
        version=row["version"],
        algorithm=row["algorithm"],
        confidence=round(float(row["confidence"]), 4),
        threshold=round(float(row["threshold"]), 4),
    )


def _heard(conn: Conn, draft: DetectionDraft | None, by: _Delivery, arrival: sources.Arrival) -> None:
    sources.ensure(
        conn,
        by.source,
        kind=SOURCE_KEY,
        title=by.source,
        classes=["event"],
        interval_s=SOURCE_INTERVAL_S,
        origin=by.origin,
    )
    for key in dict.fromkeys((by.source, SOURCE_KEY)):
        sources.arrived(conn, key, arrival, by.now)


def _reject(store: Store, payload: Mapping[str, Any], reasons: Sequence[Reason], by: _Delivery) -> None:
    shown = {k: v for k, v in payload.items() if k != "picture"}
    if isinstance(shown.get("picture_url"), str):
        shown["picture_url"] = outside_url(shown["picture_url"])
    raw = json.dumps(shown, ensure_ascii=False, default=str)
    with store.scoped(SYSTEM) as conn:
        store_rejects(conn, by.source, [Rejected(str(payload.get("id", "")), reasons, raw)], by.now, origin=by.origin)
        for key in dict.fromkeys((by.source, SOURCE_KEY)):
            sources.arrived(conn, key, sources.Arrival(received=1, rejected=1), by.now)


# ---------------------------------------------------------------- for reviews


def make_event(conn: Conn, row: Row, scope: Scope, actor: str, settings: Settings, now: datetime) -> int | list[Reason]:
    """The verified event of a detection that had none. Its time may lie further back than a new report's."""
    words, rules = reading_rules(conn, settings, now)
    by = _Delivery(scope, actor, row["source"], row["origin"], now)
    relaxed = TimeRules(rules.now, rules.tz, rules.future, None)
    made = _event(conn, row["report"], row["device_id"], words, relaxed, settings, by, suspected=False, sure=True)
    if not isinstance(made, _Placed):
        return made
    assert made.event_id is not None
    return made.event_id
