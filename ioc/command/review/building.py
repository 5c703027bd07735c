"""Gathering what a report is made of: rows of the incident, who was told, earlier incidents, maps as known then."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ioc.command import checklist, gather, record, reporting
from ioc.command.area import metres_of
from ioc.command.area_notices import AreaNotices
from ioc.command.record import iso, moment
from ioc.command.review import assemble, figures, moments, svg
from ioc.command.review.assemble import Facts
from ioc.command.work import Incidents
from ioc.records import text_json
from ioc.scope import SYSTEM, Scope
from ioc.store import Conn, Store, plans, review_map, reviews
from ioc.store.past import Past

Row = Mapping[str, Any]
NOTICES_MOST = 50
NEAR_M, DEGREE_M = 2500.0, 111_320.0  # forces that widen the frame; metres of a degree of latitude


@dataclass(frozen=True)
class Builder:
    """Of one store. `past`: its past; without one there are no maps."""

    incidents: Incidents
    past: Past | None

    @property
    def store(self) -> Store:
        return self.incidents.store.home

    def body(self, scope: Scope, case_id: int, login: str = "") -> tuple[dict[str, Any], int]:
        """(the report as `scope` sees it now, the version of the case it tells). Raises NotFound."""
        now = self.incidents.clock.now()
        with self.store.reading(scope) as conn:
            parts = self.incidents.parts(conn, scope, case_id)
            facts = self._facts(conn, scope, parts, now)
            review = reviews.read(conn, case_id) or {}
            lessons = reviews.lessons(conn, case_id)
        maps = self.maps(scope, facts, login)
        return assemble.report(facts, review, lessons, maps, now), int(parts.case["version"])

    def _facts(self, conn: Conn, scope: Scope, parts: record.Parts, now: dt.datetime) -> Facts:
        case, case_id = parts.case, int(parts.case["case_id"])
        head = record.header(parts, scope, now)
        closed = moment(case["closed_at"]) or now
        rows = plans.checklists(conn, case_id, ended=True)
        every = plans.steps(conn, [r["checklist_id"] for r in rows])
        told = [{**checklist.checklist_json(r, [s for s in every if s["checklist_id"] == r["checklist_id"]], closed),
                 "ended_at": r["ended_at"]} for r in rows]  # fmt: skip
        before = moment(case["opened_at"]) or now
        earlier = reviews.earlier(conn, scope, case, (head["class"] or {}).get("code"), before)
        table, levels = gather.terms(conn, closed)[0], reviews.levels(conn, case_id)
        return Facts(
            head, reviews.steps(conn, case_id), parts.tasks, told, parts.reports, self._areas(scope, case_id),
            self._told(case_id, parts), lambda at: reporting.term_of(table, _level(levels, at)), earlier,
            reviews.turning_steps(conn, [int(e["case_id"]) for e in earlier]),
        )  # fmt: skip

    def _areas(self, scope: Scope, case_id: int) -> list[dict[str, Any]]:
        areas = AreaNotices(replace(self.incidents, store=self.store))
        listed = areas.listed(scope, case_id, None)["area_notices"][:NOTICES_MOST]
        return [areas.one(scope, int(n["area_notice_id"])) for n in reversed(listed)]

    def _told(self, case_id: int, parts: record.Parts) -> Sequence[Row]:
        about = [f"task:{t['task_id']}" for t in parts.tasks] + [f"report:{r['report_id']}" for r in parts.reports]
        with self.store.reading(SYSTEM) as conn:  # whom it was told is known to who sees the incident, as on its page
            return reviews.notices(conn, about)

    # ------------------------------------------------------------ maps

    def maps(self, scope: Scope, facts: Facts, login: str) -> dict[str, Any] | None:
        """{frame, base, moments: [{at, why, layers}]}; None for an incident without a place, or without a past."""
        head = facts.header
        lon, lat = head["lon"], head["lat"]
        if self.past is None or lon is None or lat is None:
            return None
        opened = moment(head["opened_at"]) or self.incidents.clock.now()
        closed = moment(head["closed_at"]) or self.incidents.clock.now()
        with self.store.reading(SYSTEM) as conn:
            marks = reviews.bookmarks(conn, login, opened, closed) if login else []
            srid = metres_of(conn, float(lon))
        peak = figures.busiest((a, moment(t["done_at"])) for t in facts.tasks if (a := moment(t["issued_at"])))
        shown = [self._moment(scope, head, m) for m in moments.chosen(opened, closed, facts.steps, peak, marks)]
        frame = svg.framed(
            [(float(lon), float(lat)), *(p for s in shown for p in _places(s["layers"], (float(lon), float(lat))))],
            srid,
        )
        with self.store.reading(scope) as conn:
            base = review_map.ground(conn, frame.box(), srid)
        return {"frame": frame.as_json(), "base": base, "moments": shown}

    def _moment(self, scope: Scope, head: Row, m: moments.Moment) -> dict[str, Any]:
        """One moment, asked of the store of that moment."""
        assert self.past is not None
        case_id = int(head["case_id"])
        with self.past.at(m.at).reading(scope) as conn:
            parts = gather.known_at(conn, scope, case_id, m.at)
            then = record.header(parts, scope, m.at) if parts else None
            warned = [int(str(w["key"]).partition(":")[2]) for w in (then or {}).get("warnings") or ()]
            layers = review_map.known(conn, scope, case_id, m.at, warned)
        level: Row = (then or {}).get("level") or {}
        lon, lat = (then or head)["lon"], (then or head)["lat"]
        place = (head["lon"], head["lat"]) if lon is None or lat is None else (lon, lat)
        incident = {"lon": place[0], "lat": place[1], "title": (then or head)["title"], "roman": level.get("roman", ""),
                    "initial": level.get("state") == "initial"}  # fmt: skip
        tasks: Row = (then or {}).get("tasks") or {}
        said = {
            "open": tasks.get("open"),
            "stage": (then or {}).get("stage"),
            "people": (then or {}).get("people_on_scene"),
        }
        return {"at": iso(m.at), "why": text_json(m.why), "known": said, "layers": {**layers, "incident": incident}}


def _places(layers: Row, at: tuple[float, float]) -> list[tuple[float, float]]:
    """Places a map should show beside the incident: its area, what was drawn, and forces near by. Who stood farther off
    is counted below the map: a frame that holds them all shows nothing of the place itself."""
    out = svg.flat(layers.get("area"))
    for mark in layers.get("marks") or ():
        out += svg.flat(mark["geometry"])
    near = NEAR_M / DEGREE_M
    squeeze = math.cos(math.radians(at[1]))
    forces = [(f["lon"], f["lat"]) for f in layers.get("forces") or ()]
    return out + [p for p in forces if math.hypot((p[0] - at[0]) * squeeze, p[1] - at[1]) <= near]


def _level(levels: Sequence[tuple[dt.datetime, int | None]], at: dt.datetime) -> int | None:
    found: int | None = None
    for since, level in levels:
        if since > at:
            break
        found = level
    return found


def sealing(scope: Scope, case: Row) -> Scope:
    """The scope a report is sealed under: no more than anybody who sees the incident may see."""
    private = str(case["private_to"] or "")
    return replace(scope, sensitivity=min(scope.sensitivity, int(case["sensitivity"] or 0)),
                   departments=frozenset({private} if private else ()),
                   permissions=scope.permissions - {"duty.phone"})  # fmt: skip
