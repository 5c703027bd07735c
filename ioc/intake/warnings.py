"""Receiving an official warning: read, place, write. The same way in for REST, the folder and polling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import shapely
from pyproj import Geod

from ioc.clock import Clock
from ioc.dictionaries import Dictionary
from ioc.errors import Invalid, Reason
from ioc.intake import cap, warning_json
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import reason
from ioc.intake.warning_message import Circle, Content, Message
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Store, dictionaries, disk, sources, warnings
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.retry import retried
from ioc.store.warnings import Referred, State

SOURCE_KEY = "cap"
# A day without a warning is fine weather; the source is heard by its polls, or by the next warning.
SOURCE_INTERVAL_S = 86_400
CIRCLE_POINTS = 72
_EARTH = Geod(ellps="WGS84")
Parse = Callable[[bytes, TimeRules, Dictionary], Message]
PARSERS: dict[str, Parse] = {"xml": cap.parse, "json": warning_json.parse}


@dataclass(frozen=True, slots=True)
class WarningResult:
    """What became of a message. `warning_id` None: a cancellation or a receipt, which has no row of its own."""

    identifier: str
    msg_type: str
    state: State
    warning_id: int | None
    status: str
    version: int
    region_ids: Sequence[int] = ()
    references: Sequence[Referred] = ()
    unknown_codes: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "identifier": self.identifier,
            "msg_type": self.msg_type,
            "state": self.state,
            "warning_id": self.warning_id,
            "status": self.status,
            "version": self.version,
            "region_ids": list(self.region_ids),
            "references": [{"identifier": r.identifier, "outcome": r.outcome} for r in self.references],
            "unknown_codes": list(self.unknown_codes),
        }


@dataclass(frozen=True, slots=True)
class _Delivery:
    """By whom and how a message came."""

    source: str
    scope: Scope
    actor: str
    channel: str
    origin: str
    now: datetime


@dataclass(frozen=True, slots=True)
class _Place:
    wkb: bytes | None
    region_ids: Sequence[int]
    unknown_codes: Sequence[str] = field(default=())


def submit_warning(
    store: Store,
    scope: Scope,
    data: bytes,
    clock: Clock,
    *,
    form: str,
    settings: Settings,
    source: str = SOURCE_KEY,
    channel: str = "rest",
    origin: str = "real",
    item: str = "",
) -> WarningResult:
    """Read and store one message under `scope`. `form`: `xml` (CAP 1.2) or `json`. `item` names it among the rejects.

    Raises Invalid with every reason (the message is then kept as a reject), StoreUnavailable, DiskBudget.
    """

    def attempt() -> WarningResult:
        by = _Delivery(source, scope, scope.actor, channel, origin, clock.now())
        try:
            return _attempt(store, data, PARSERS[form], settings, by)
        except Invalid as e:
            _reject(store, data, e.reasons, by, item)
            raise

    return retried(attempt)


def _attempt(store: Store, data: bytes, parse: Parse, settings: Settings, by: _Delivery) -> WarningResult:
    with store.scoped(SYSTEM) as conn:
        disk.read(conn).require("event")  # refused last, with events
        tables = dictionaries.current(conn, by.now.astimezone(settings.tz).date())
    past = timedelta(days=settings.retention_history_days)
    rules = TimeRules(by.now, settings.tz, timedelta(seconds=settings.future_tolerance_s), past)
    message = parse(data, rules, tables.get("warning_type", Dictionary([])))
    with store.scoped(SYSTEM) as conn:
        warnings.take_turn(conn, by.source)
        result = _receive(conn, message, by)
        _heard(conn, message, result, by)
    return result


def _receive(conn: Conn, message: Message, by: _Delivery) -> WarningResult:
    known = warnings.message(conn, by.source, message.identifier)
    if known is not None:
        if (known.sender, known.msg_type, known.exercise) != (message.sender, message.msg_type, message.exercise):
            raise Invalid(reasons=[reason("identifier", "identifier_taken", message.identifier)])
        if known.digest == message.digest or message.sent_at < known.sent_at:
            return _same(conn, message, by)
    place = _place(conn, message.content, by.scope) if message.content is not None else None
    _may_end(conn, message, by)
    row = _write(conn, message, message.content, place, by) if message.content is not None and place else None
    warnings.keep_message(conn, _message_values(message, row, by), by.now)
    ended = _act(conn, message, row, by)
    return WarningResult(
        identifier=message.identifier,
        msg_type=message.msg_type,
        state="created" if known is None else "updated",
        warning_id=row["warning_id"] if row else None,
        status=row["status"] if row else "kept",
        version=row["version"] if row else 1,
        region_ids=place.region_ids if place else (),
        references=ended,
        unknown_codes=place.unknown_codes if place else (),
    )


def _same(conn: Conn, message: Message, by: _Delivery) -> WarningResult:
    row = conn.execute(
        "SELECT warning_id, status, version, region_ids FROM warning WHERE source = %s AND source_id = %s",
        (by.source, message.identifier),
    ).fetchone()
    if row is None:
        return WarningResult(message.identifier, message.msg_type, "unchanged", None, "kept", 1)
    return WarningResult(
        message.identifier,
        message.msg_type,
        "unchanged",
        row["warning_id"],
        row["status"],
        row["version"],
        row["region_ids"],
    )


# ---------------------------------------------------------------- where


def shape_of(content: Content) -> shapely.Geometry | None:
    """Polygons and circles as one area; None when there are none."""
    shapes = [shapely.Polygon(p) for p in content.polygons] + [disc(c) for c in content.circles]
    if not shapes:
        return None
    return shapely.union_all(shapes)


def disc(circle: Circle) -> shapely.Polygon:
    """A circle on the ellipsoid, radius in km, as a polygon of 72 corners."""
    lon, lat, km = circle
    turns = [360.0 * i / CIRCLE_POINTS for i in range(CIRCLE_POINTS)]
    n = len(turns)
    xs, ys, _ = _EARTH.fwd([lon] * n, [lat] * n, turns, [km * 1000.0] * n)
    # beyond the date line the ring goes on, so that it does not fold over the whole globe
    near = [x + 360 * round((lon - x) / 360) for x in xs]
    return shapely.Polygon(list(zip(near, ys, strict=True)))


def _place(conn: Conn, content: Content, scope: Scope) -> _Place:
    """Shape and regions of a warning. Raises Invalid when it has no place, none of ours, or none of the asker's."""
    shape = shape_of(content)
    codes = warnings.regions_of_codes(conn, content.codes)
    if shape is None and not content.codes:
        raise Invalid(reasons=[reason("area", "missing_area", content.area)])
    wkb = None if shape is None else bytes(shapely.to_wkb(shape))
    # a shape says it better than the codes beside it
    found = sorted(set(codes.values())) if wkb is None else warnings.regions_of_shape(conn, wkb)
    if not found and wkb is not None:
        found = sorted(set(codes.values()))
    if not found and warnings.any_region(conn):
        raise Invalid(reasons=[reason("area", "not_here", content.area or ", ".join(content.codes))])
    if not scope.whole and not (found and scope.region_ids.issuperset(found)):
        raise Invalid(reasons=[reason("area", "out_of_scope", content.area)])
    return _Place(wkb, found, [c for c in content.codes if c not in codes])


# ---------------------------------------------------------------- writing


def _may_end(conn: Conn, message: Message, by: _Delivery) -> None:
    """One who sees a part of the centre may end warnings of that part only. Raises Invalid."""
    if by.scope.whole or message.msg_type not in ("update", "cancel"):
        return
    for ref in message.references:
        row = warnings.find(conn, by.source, ref.identifier, ref.sender)
        if row is not None and not (row["region_ids"] and by.scope.region_ids.issuperset(row["region_ids"])):
            raise Invalid(reasons=[reason("references", "out_of_scope", ref.identifier)])


def _write(conn: Conn, message: Message, content: Content, place: _Place, by: _Delivery) -> Any:
    """The warning's row. A message that came earlier may have ended it already; so may the clock."""
    earlier = warnings.ended_by(conn, by.source, message.identifier, message.sender, message.exercise)
    over = content.expires_at is not None and content.expires_at <= by.now
    status, replaced_by, ended_at = earlier or ("expired" if over else "active", None, content.expires_at)
    mark, mark_en = ("【演练】", "[EXERCISE] ") if message.exercise else ("", "")
    values = {
        "source": by.source,
        "source_id": message.identifier,
        "kind": mark + content.kind,
        "kind_en": mark_en + (content.kind_en or content.kind),
        "colour": content.colour,
        "area": content.area,
        "note": content.description or content.headline,
        "note_en": content.description_en,
        "sender": content.sender_name or message.sender,
        "sender_id": message.sender,
        "region_ids": list(place.region_ids),
        "wkb": place.wkb,
        "onset_at": content.effective_at,
        "event_onset_at": content.event_onset_at,
        "expires_at": content.expires_at,
        "status": status,
        "ended_at": None if status == "active" else ended_at,
        "replaced_by": replaced_by,
        "origin": by.origin,
        "exercise": message.exercise,
        "sent_at": message.sent_at,
        "attributes": {"codes": list(content.codes), "unknown_codes": list(place.unknown_codes)},
        **{n: getattr(content, n) for n in _SAME_NAME},
    }
    return warnings.save(conn, values, by.actor, by.now)


_SAME_NAME = ("event_code", "severity", "urgency", "certainty", "headline", "headline_en", "instruction")


def _message_values(message: Message, row: Any, by: _Delivery) -> dict[str, Any]:
    return {
        "source": by.source,
        "identifier": message.identifier,
        "sender": message.sender,
        "sent_at": message.sent_at,
        "msg_type": message.msg_type,
        "exercise": message.exercise,
        # `sender,identifier` where the sender is named: another's warning of the same number is not meant
        "refs": [f"{r.sender},{r.identifier}" if r.sender else r.identifier for r in message.references],
        "digest": message.digest,
        "trusted": by.scope.whole,
        "warning_id": row["warning_id"] if row else None,
        "actor": by.actor,
        "channel": by.channel,
        "origin": by.origin,
        "content": message.record(),
    }


def _act(conn: Conn, message: Message, row: Any, by: _Delivery) -> list[Referred]:
    """An update replaces, a cancellation ends what it refers to; receipts and alerts only name it."""
    if message.msg_type not in ("update", "cancel"):
        return []
    status = "replaced" if message.msg_type == "update" else "cancelled"
    new = row["warning_id"] if row else None
    out: list[Referred] = []
    for ref in message.references:
        found = warnings.find(conn, by.source, ref.identifier, ref.sender)
        if found is None:
            out.append(Referred(ref.identifier, "late"))
        elif found["exercise"] != message.exercise:  # an exercise never ends what is real, nor the other way round
            out.append(Referred(ref.identifier, "not_yours"))
        else:
            done = warnings.end(conn, found["warning_id"], status, new, by.actor, by.now)
            out.append(Referred(ref.identifier, "ended" if done else "already_ended"))
    return out


# ---------------------------------------------------------------- the source's health


def connect(conn: Conn, source: str, channel: str, origin: str = "real") -> None:
    """From now on the strip may say 当前无生效预警: a source of warnings is there."""
    sources.ensure(
        conn,
        source,
        kind=channel,
        title="预警信息" if source == SOURCE_KEY else source,
        classes=["warning"],
        interval_s=SOURCE_INTERVAL_S,
        origin=origin,
        heartbeat=True,
    )


def _heard(conn: Conn, message: Message, result: WarningResult, by: _Delivery) -> None:
    connect(conn, by.source, by.channel, by.origin)
    new = result.state != "unchanged"
    arrival = sources.Arrival(received=1, stored=int(new), duplicates=int(not new), as_of=message.sent_at)
    for key in dict.fromkeys((by.source, by.channel)):
        sources.arrived(conn, key, arrival, by.now)


def _reject(store: Store, data: bytes, reasons: Sequence[Reason], by: _Delivery, item: str) -> None:
    raw = data[:16_000].decode("utf-8", "replace")
    with store.scoped(SYSTEM) as conn:
        store_rejects(conn, by.source, [Rejected(item, reasons, raw)], by.now, origin=by.origin)
        for key in dict.fromkeys((by.source, by.channel)):
            sources.arrived(conn, key, sources.Arrival(received=1, rejected=1), by.now)
