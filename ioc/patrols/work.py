"""Patrols as they come from a phone: start, track, findings, end; and who may look at where somebody was.

A phone without network sends everything later, in any order and more than once: each part is idempotent.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ioc import geo
from ioc.clock import Clock
from ioc.errors import Conflict, Forbidden, Invalid, NotFound, Reason
from ioc.intake import fields
from ioc.intake.events import Report, reading_rules, store_event
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import Refuse, reason
from ioc.patrols.track import Point, merged
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Conn, Store, attachments, disk, patrols, sources
from ioc.store.accounts import audit
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.retry import retried

RIGHT, LOOK = "case.handle", "patrol.track"
SOURCE = "patrol"
KINDS = ("inspect", "visit")
KIND_WORDS = {"inspect": "巡查", "visit": "走访"}
POINTS_A_BATCH, POINTS_A_PATROL = 5000, 20_000
ONCE_MAX = 200
PHOTOS = 9
# Phone clocks differ, and a track begins while the button is still being pressed.
SLACK = dt.timedelta(minutes=10)
LONGEST = dt.timedelta(hours=24)
_NUMBER_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Walker:
    """Who asks: scope and the name shown."""

    scope: Scope
    name: str


@dataclass(frozen=True)
class Patrols:
    store: Store
    settings: Settings
    clock: Clock

    # ------------------------------------------------------------ start

    def start(self, who: Walker, once: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """(the patrol, whether it is new). The same key again is the same patrol.

        Raises Forbidden, Invalid with every reason, Conflict where the key was used for another patrol.
        """
        who.scope.require(RIGHT)
        now, key = self.clock.now(), checked_key(once)

        def work() -> tuple[dict[str, Any], bool]:
            with self.store.scoped(SYSTEM) as conn:
                disk.read(conn).require("event")
                values = self._begun(conn, who, key, given, now)
                made = patrols.start(conn, values, now)
                row = patrols.by_key(conn, who.scope.actor, key)
                assert row is not None
                same = all(row[k] == values[k] for k in ("grid_cell_id", "kind", "begun_at"))
                if made is None and not same:
                    raise Conflict("同一个 Idempotency-Key 已用于另一次巡查", "this key was used for another patrol")
                if made is not None:
                    patrols.note_change(conn, made, "new", who.name)
                return dict(row), made is not None

        return retried(work)

    def _begun(self, conn: Conn, who: Walker, key: str, given: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
        reasons: list[Reason] = []
        begun = read_time(given, "begun_at", self.rules(now), reasons)
        cell_id, code = given.get("grid_cell_id"), str(given.get("grid_code") or "")
        found = patrols.cells_named(conn, who.scope, cell_id, code) if cell_id is not None or code else []
        name = "grid_cell_id" if cell_id is not None else "grid_code"
        if len(found) != 1:
            words = (
                ("没有这个网格", "no such grid cell") if not found else ("多个网格用此编号", "several cells have it")
            )
            reasons.append(Reason(name, "unknown_cell", *words, str(cell_id if cell_id is not None else code)[:80]))
        if reasons:
            raise Invalid(reasons=reasons)
        cell = found[0]
        return {
            "once": key, "account": who.scope.actor, "person": who.name, "kind": given["kind"], "begun_at": begun,
            "note": given.get("note", ""),
            **{k: cell[k] for k in ("grid_cell_id", "region_id", "private_to", "sensitivity")},
            "origin": "real",
        }  # fmt: skip

    # ------------------------------------------------------------ track

    def add_points(self, who: Walker, patrol_id: int, batch: Sequence[Any], crs: str) -> dict[str, Any]:
        """Take a batch of points, in any order, also after the end and again. What is no point is kept as a reject.

        Raises NotFound, Forbidden (another's patrol), Invalid where the whole batch cannot be read.
        """
        now = self.clock.now()
        system = _crs(crs)
        if len(batch) > POINTS_A_BATCH:
            raise Invalid(reasons=[reason("points", "too_many_rows", len(batch), limit=POINTS_A_BATCH)])

        def work() -> dict[str, Any]:
            with self.store.scoped(SYSTEM) as conn:
                patrol = self.own(conn, who, patrol_id)
                good, refused = self._read(batch, system, patrol, now)
                old = patrols.points(conn, patrol_id)
                track = merged(old, good)
                if len(track.points) > POINTS_A_PATROL:
                    raise Invalid(reasons=[reason("points", "too_many_rows", len(batch), limit=POINTS_A_PATROL)])
                if good:
                    patrols.save_track(conn, patrol, track, now)
                    if patrol["ended_at"] is not None:
                        patrols.count_inside(conn, patrol_id)
                        patrols.note_change(conn, patrol_id, "change", who.name)
                fresh = len(track.points) - len(old)
                self._count(conn, len(batch), fresh, refused, now, max((p.at_ms for p in good), default=None))
                shown = [r for item in refused for r in item.reasons][:50]
                return {
                    "patrol_id": patrol_id, "received": len(batch), "stored": fresh,
                    "duplicates": len(good) - fresh, "rejected": len(refused), "points": len(track.points),
                    "jumps": track.jumps, "distance_m": round(track.distance_m, 1),
                    "reasons": [r.as_dict() for r in shown],
                }  # fmt: skip

        return retried(work)

    def _read(
        self, batch: Sequence[Any], system: str, patrol: Mapping[str, Any], now: dt.datetime
    ) -> tuple[list[Point], list[Rejected]]:
        good: list[Point] = []
        refused: list[Rejected] = []
        rules = self.rules(now)
        for i, item in enumerate(batch):
            found = _point(item, i, system, rules, patrol)
            if isinstance(found, Point):
                good.append(found)
            else:
                raw = json.dumps(item, ensure_ascii=False, default=str)[:500]
                refused.append(Rejected(f"patrol:{patrol['patrol_id']}/{i}", found, raw))
        return good, refused

    def _count(
        self, conn: Conn, received: int, stored: int, refused: Sequence[Rejected], now: dt.datetime, newest: int | None
    ) -> None:
        sources.ensure(conn, SOURCE, kind="rest", title="巡查走访", classes=["event"], interval_s=86_400)
        store_rejects(conn, SOURCE, refused, now)
        as_of = None if newest is None else dt.datetime.fromtimestamp(newest / 1000, dt.UTC)
        duplicates = received - stored - len(refused)
        sources.arrived(conn, SOURCE, sources.Arrival(received, stored, duplicates, len(refused), as_of), now)

    # ------------------------------------------------------------ findings

    def find(self, who: Walker, patrol_id: int, once: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """What was found becomes a report, in one transaction with its photos. (ids, whether it is new).

        Raises NotFound, Forbidden, Invalid with every reason, Conflict where the key was used for something else.
        """
        who.scope.require(RIGHT)
        now, key = self.clock.now(), checked_key(once)
        digest = hashlib.sha256(json.dumps(given, sort_keys=True, default=str).encode()).hexdigest()

        def work() -> tuple[dict[str, Any], bool]:
            with self.store.scoped(SYSTEM) as conn:
                disk.read(conn).require("event")
                patrol = self.own(conn, who, patrol_id)
                before = patrols.finding_by_key(conn, patrol_id, key)
                if before is not None:
                    if before["digest"] != digest:
                        raise Conflict(
                            "同一个 Idempotency-Key 已用于另一条发现", "this key was used for another finding"
                        )
                    return {"finding_id": before["finding_id"], "event_id": before["event_id"]}, False
                return self._found(conn, who, patrol, key, {**given, "digest": digest}, now), True

        return retried(work)

    def _found(
        self, conn: Conn, who: Walker, patrol: Mapping[str, Any], key: str, given: Mapping[str, Any], now: dt.datetime
    ) -> dict[str, Any]:
        photos = self._photos(conn, who, given.get("photos", ()))
        words, rules = reading_rules(conn, self.settings, now)
        report = Report(self._report(patrol, key, given), who.scope, who.name, origin=patrol["origin"], channel=SOURCE)
        made = store_event(conn, report, words, rules, self.settings)
        if isinstance(made, list):
            raise Invalid(reasons=made)
        event = conn.execute(
            "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, occurred_at, category_scheme AS scheme,"
            " category_code AS code, urgency, title, description FROM event WHERE event_id = %s",
            (made.event_id,),
        ).fetchone()
        assert event is not None
        values = {**event, "once": key, "found_at": event["occurred_at"], "attachments": photos,
                  "digest": given["digest"], "event_id": made.event_id}  # fmt: skip
        finding = patrols.add_finding(conn, patrol, values, now)
        if photos:
            patrols.bind_attachments(conn, photos, made.event_id, patrol["origin"], now)
        if patrol["ended_at"] is not None:
            patrols.count_inside(conn, patrol["patrol_id"])
        patrols.note_change(conn, patrol["patrol_id"], "change", who.name)
        sources.ensure(conn, SOURCE, kind="rest", title="巡查走访", classes=["event"], interval_s=86_400)
        sources.arrived(conn, SOURCE, sources.Arrival(1, 1, as_of=event["occurred_at"]), now)
        return {"finding_id": finding, "event_id": made.event_id}

    @staticmethod
    def _report(patrol: Mapping[str, Any], key: str, given: Mapping[str, Any]) -> dict[str, Any]:
        named = {"patrol": f"{KIND_WORDS[patrol['kind']]} {patrol['patrol_id']}", "grid": patrol["grid_code"] or ""}
        kept = ("title", "description", "category", "urgency", "occurred_at", "lon", "lat", "crs", "address")
        payload = {k: given[k] for k in kept if given.get(k) not in (None, "")}
        mine = hashlib.sha256(key.encode()).hexdigest()[:24]
        return {**payload, "source": SOURCE, "source_id": f"{patrol['patrol_id']}-{mine}", "attributes": named}

    @staticmethod
    def _photos(conn: Conn, who: Walker, ids: Sequence[int]) -> list[int]:
        """The asker's own files that belong to nothing yet. Raises Invalid naming the others."""
        wanted = sorted(set(ids))
        rows = attachments.locked(conn, wanted) if wanted else {}
        free = {
            i
            for i, row in rows.items()
            if row["uploader"] == who.scope.actor and row["case_id"] is None and row["event_id"] is None
        }
        if set(wanted) - free:
            raise Invalid(
                reasons=[
                    Reason("photos", "unknown_attachment", "没有这个附件", "no such attachment", str(i))
                    for i in sorted(set(wanted) - free)
                ]
            )
        return wanted

    # ------------------------------------------------------------ end

    def end(self, who: Walker, patrol_id: int, given: Mapping[str, Any]) -> dict[str, Any]:
        """Close the patrol; again with the same time changes nothing. Raises NotFound, Forbidden, Invalid, Conflict."""
        now = self.clock.now()

        def work() -> dict[str, Any]:
            with self.store.scoped(SYSTEM) as conn:
                patrol = self.own(conn, who, patrol_id)
                reasons: list[Reason] = []
                ended = read_time(given, "ended_at", self.rules(now), reasons)
                if ended is not None and ended < patrol["begun_at"]:
                    reasons.append(reason("ended_at", "time_order", given["ended_at"], other="begun_at"))
                elif ended is not None and ended - patrol["begun_at"] > LONGEST:
                    hours = LONGEST.total_seconds() / 3600
                    reasons.append(reason("ended_at", "out_of_range", given["ended_at"], low=0, high=f"{hours:g} h"))
                if reasons or ended is None:
                    raise Invalid(reasons=reasons)
                if patrol["ended_at"] is not None and patrol["ended_at"] != ended:
                    raise Conflict("这次巡查已经结束", "the patrol has ended already")
                if patrol["ended_at"] is None:
                    patrols.end(conn, patrol_id, ended, str(given.get("note", "")), now)
                    patrols.count_inside(conn, patrol_id)
                    patrols.note_change(conn, patrol_id, "change", who.name)
                row = patrols.one(conn, SYSTEM, patrol_id)
                assert row is not None
                return dict(row)

        return retried(work)

    # ------------------------------------------------------------ reading

    def track(self, scope: Scope, patrol_id: int, address: str = "") -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
        """(the patrol, its points). Own, or with the right; a look at another's is written into the audit.

        Raises NotFound (also what lies outside the scope), Forbidden.
        """
        with self.store.scoped(scope) as conn:
            patrol = patrols.one(conn, scope, patrol_id)
            if patrol is None:
                raise NotFound(f"巡查 {patrol_id}", f"patrol {patrol_id}")
            if patrol["account"] != scope.actor:
                scope.require(LOOK)
            found = patrols.track(conn, scope, patrol_id)
        if patrol["account"] != scope.actor:
            with self.store.scoped(SYSTEM) as conn:
                audit(conn, actor=scope.actor, action="patrol.look", object_=f"patrol:{patrol_id}", address=address,
                      detail={"of": patrol["account"]})  # fmt: skip
        return patrol, _points(found)

    def own(self, conn: Conn, who: Walker, patrol_id: int) -> Mapping[str, Any]:
        """The asker's own patrol, locked. Another's: who may not see it is not told that it is there."""
        who.scope.require(RIGHT)
        patrol = patrols.one(conn, SYSTEM, patrol_id, lock=True) if patrol_id <= _NUMBER_MAX else None
        if patrol is None:
            raise NotFound(f"巡查 {patrol_id}", f"patrol {patrol_id}")
        if patrol["account"] != who.scope.actor:
            if not who.scope.sees(patrol["region_id"], patrol["private_to"], patrol["sensitivity"]):
                raise NotFound(f"巡查 {patrol_id}", f"patrol {patrol_id}")
            raise Forbidden("不是本人的巡查", "not the asker's own patrol")
        return patrol

    def rules(self, now: dt.datetime) -> TimeRules:
        """A phone may have been without network for as long as tracks are kept."""
        past = dt.timedelta(days=self.settings.retention_track_days)
        return TimeRules(now, self.settings.tz, dt.timedelta(seconds=self.settings.future_tolerance_s), past)


def checked_key(once: str) -> str:
    """Raises Invalid: a phone that sends again must say that it is the same."""
    if not once:
        raise Invalid(reasons=[reason("Idempotency-Key", "missing_field")])
    if len(once) > ONCE_MAX or not once.isprintable():
        raise Invalid(reasons=[reason("Idempotency-Key", "too_long", once[:80], limit=ONCE_MAX)])
    return once


def _points(row: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if row is None:
        return []
    columns = (row["at_ms"], row["lon"], row["lat"], row["accuracy_m"], row["flag"])
    return [
        {"at_ms": at, "lon": round(x, 7), "lat": round(y, 7), "accuracy_m": None if a != a else a, "flag": flag}
        for at, x, y, a, flag in zip(*columns, strict=True)
    ]


def _crs(given: str) -> str:
    try:
        return fields.crs(given)
    except Refuse as e:
        raise Invalid(reasons=[e.of("crs", given)]) from None


def read_time(given: Mapping[str, Any], name: str, rules: TimeRules, reasons: list[Reason]) -> dt.datetime | None:
    try:
        return fields.time(given.get(name), rules)
    except Refuse as e:
        reasons.append(e.of(name, given.get(name)))
        return None


def _point(item: Any, i: int, system: str, rules: TimeRules, patrol: Mapping[str, Any]) -> Point | list[Reason]:
    if not isinstance(item, Mapping):
        return [reason(f"points.{i}", "bad_object", item)]
    reasons: list[Reason] = []

    def read(name: str, parse: Any, default: Any = None) -> Any:
        value = item.get(name)
        if value is None and default is not None:
            return default
        try:
            return parse(value)
        except Refuse as e:
            reasons.append(e.of(f"points.{i}.{name}", value))
            return None

    at = read("at", lambda v: fields.time(v, rules))
    x, y = read("lon", fields.number), read("lat", fields.number)
    accuracy = read("accuracy_m", lambda v: fields.number(v, 0, 1e6), float("nan"))
    if at is not None:
        until = patrol["ended_at"] or patrol["begun_at"] + LONGEST
        if not patrol["begun_at"] - SLACK <= at <= until + SLACK:
            reasons.append(Reason(f"points.{i}.at", "not_on_patrol", "不在这次巡查的时间内", "not within the patrol"))
    if x is not None and y is not None:
        wrong = fields.coordinates_fit(x, y, system)
        if wrong:
            reasons.append(reason(f"points.{i}.lon", wrong, f"{x}, {y}", crs=system, low=-90, high=90))
    if reasons or at is None:
        return reasons
    lon, lat = geo.to_wgs84(np.array([x]), np.array([y]), system)
    if not (abs(lon[0]) <= 180 and abs(lat[0]) <= 90):  # what no projection gives back
        return [reason(f"points.{i}.lon", "crs_mismatch", f"{x}, {y}", crs=system)]
    # patrol_track keeps accuracy as real: the same point sent again must be the same point
    return Point(round(at.timestamp() * 1000), float(lon[0]), float(lat[0]), float(np.float32(accuracy)))
