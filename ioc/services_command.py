"""What the command pages read: incidents, their timeline and orders, the panels around their place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.clock import Clock
from ioc.command import answer, life, links
from ioc.command.area import area_of, metres_of
from ioc.command.area_notices import AreaNotices
from ioc.command.asking import RADIUS_M, RADIUS_MAX_M, Ask, PanelState
from ioc.command.ordering import Orders
from ioc.command.panels import contacts
from ioc.command.report_work import Reports
from ioc.command.review.work import Reviews
from ioc.command.themes import finder, offered
from ioc.command.theming import Look, Themed
from ioc.command.work import Incidents
from ioc.errors import Conflict
from ioc.i18n import Text
from ioc.scope import Scope
from ioc.settings import Settings
from ioc.store import Conn, Store, dispatch, incidents, resources, reviews
from ioc.store.incidents import Wanted
from ioc.store.regions import Regions

ENDED_SHOWN = dt.timedelta(days=30)
MOST = 200
# Who is offered in the form of an order: what moves, within a day's reach; others are named by their department.
ORDERED = ("team", "vehicle", "boat", "fire_station", "police", "hospital")
ORDERED_M, MOST_ORDERED = 200_000.0, 40


class CommandServices:
    """Of one store."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._work = Incidents(store, clock, settings.area_buffer_m, settings.tz)
        self._orders, self._areas = Orders(self._work), AreaNotices(self._work)
        self._reports = Reports(self._work, lambda: "")  # read only: a letterhead is written by the API
        self._regions = Regions.of(store)

    def incidents(self, scope: Scope, region: str) -> Sequence[Mapping[str, Any]]:
        """Header records: all under way, and those ended in the last 30 days."""
        scope.require("case.view")
        ids = self._regions.ids(scope, region)
        where = None if ids is None else tuple(ids)
        wanted = [Wanted(state, (), (), None, where, "", MOST) for state in ("open", "ended")]
        found = [row for w in wanted for row in self._work.listed(scope, w)["incidents"]]
        since = (self._clock.now() - ENDED_SHOWN).isoformat()
        kept = [row for row in found if not row["ended"] or str(row["ended"].get("at") or since) >= since]
        with self._store.reading(scope) as conn:
            states = reviews.states(conn, [int(r["case_id"]) for r in kept if r["ended"]])
        return [{**row, "review": states.get(int(row["case_id"]), "")} for row in kept]

    def themes(self, scope: Scope, region: str, key: str) -> Mapping[str, Any]:
        """The themes of this centre, and the rows of the chosen one (docs/command.md). Raises NotFound."""
        scope.require("case.view")
        known = offered(self._settings)
        listed = [{"key": th.key, "zh": th.title.zh, "en": th.title.en, "icon": th.icon} for th in known.values()]
        chosen = known.get(key)
        if chosen is None:
            return {"themes": listed, "theme": None}
        ids = self._regions.ids(scope, region)
        about = {"key": key, "rows_zh": chosen.rows.zh, "rows_en": chosen.rows.en, "layers": chosen.layers}
        if not scope.can(chosen.permission):
            return {"themes": listed, "theme": {**about, "forbidden": chosen.permission, "rows": []}}
        center = next((r.center for r in self._regions.tops(scope) if r.center), None)
        found = Themed(missing=chosen.datasets)
        if center is not None:  # before there is any region there is nothing to list
            with self._store.scoped(scope) as conn:
                look = Look(scope, ids, self._clock.now(), self._settings.tz, metres_of(conn, center[0]),
                            self._settings, self._regions)  # fmt: skip
                found = finder(key)(conn, look)
        facts = [{"zh": f.zh, "en": f.en} for f in found.facts]
        return {"themes": listed, "theme": {**about, "facts": facts, "rows": list(found.rows), "total": found.total,
                                            "missing": found.missing, "origin": found.origin}}  # fmt: skip

    def incident(self, scope: Scope, case_id: int) -> Mapping[str, Any]:
        """Raises NotFound."""
        scope.require("case.view")
        return self._work.one(scope, case_id)

    def command(self, scope: Scope, case_id: int) -> Mapping[str, Any]:
        """{timeline, tasks, meeting, ar ...}: links are None where they are not configured. Raises NotFound."""
        scope.require("case.view")
        may = [name for name, right in (("command", life.COMMAND), ("report", life.REPORT)) if scope.can(right)]
        incident = self.incident(scope, case_id)
        return {
            "timeline": self._work.timeline(scope, case_id, limit=MOST)["entries"],
            "tasks": self._orders.listed(scope, case_id)["tasks"],
            "reports": self._reports.listed(scope, case_id)["reports"],
            "notices": self._notices(scope, case_id),
            "may": may,
            "known": self._known(scope, incident) if "command" in may else {},
            "meeting": links.opened(self._settings.meeting_url, incident),
            "ar": links.opened(self._settings.ar_url, incident),
            **(self._review(scope, case_id) if incident["ended"] else {}),
        }

    def _review(self, scope: Scope, case_id: int) -> Mapping[str, Any]:
        """The after-action report's state; why there is none of one that was merged into another."""
        try:
            return {"review": Reviews(self._work).state(scope, case_id)}
        except Conflict as e:
            return {"review_fault": Text(e.message("zh"), e.message("en"))}

    def _notices(self, scope: Scope, case_id: int) -> Sequence[Mapping[str, Any]]:
        """With who has not read them: a list tells rates alone."""
        rows = self._areas.listed(scope, case_id, None)["area_notices"]
        return [self._areas.one(scope, int(row["area_notice_id"])) for row in rows[:20]]

    def _known(self, scope: Scope, incident: Mapping[str, Any]) -> Mapping[str, Any]:
        """Choices of the forms by field, (value, what a person reads)."""
        others = self._work.listed(scope, Wanted("open", (), (), bool(incident.get("exercise")), None, "", MOST))
        posts = [p for p in incident.get("posts") or () if p.get("now")]
        with self._store.scoped(scope) as conn:
            teams = self._near(conn, scope, incident)
            departments = dispatch.departments(conn)
            people = self._people(conn, scope, incident)
            warnings = conn.execute(
                "SELECT warning_id, kind, area FROM warning WHERE status = 'active' ORDER BY onset_at DESC LIMIT 50"
            ).fetchall()
            kinds = [(t["code"], {"zh": t["zh"], "en": t["en"] or t["zh"]}) for t in incidents.types(conn)]
        return {
            "to": [*((f"resource|{r['resource_id']}", str(r["name"])) for r in teams),
                   *((f"department|{d['name']}", str(d["name"])) for d in departments),
                   *((f"person|{name}", said) for name, said in people.items())],
            "incident": [(str(o["case_id"]), f"{o['number']} {o['title']}") for o in others["incidents"]
                         if o["case_id"] != incident["case_id"]],
            "warning": [(str(w["warning_id"]), f"{w['kind']} {w['area']}") for w in warnings],
            "post": [(str(p["post_id"]), f"{p['title'] or p['role']} {p['person']}") for p in posts],
            "type": kinds,
        }  # fmt: skip

    def _people(self, conn: Conn, scope: Scope, incident: Mapping[str, Any]) -> Mapping[str, Any]:
        """Persons of the contact board by name: who commands, who is on duty from the place up, its grid officers."""
        lon, lat = incident.get("lon"), incident.get("lat")
        if lon is None or lat is None:
            return {}
        ask = Ask(scope, float(lon), float(lat), self._clock.now(), 0, case_id=int(incident["case_id"]))
        out: dict[str, Any] = {}
        for group in contacts.find(conn, ask).data["groups"]:
            for p in group["people"]:
                name, role = str(p["person"]), p["role"]
                if name and "*" not in name and role["code"] != "department":
                    out.setdefault(name, {lang: f"{name} · {role[lang]}" for lang in ("zh", "en")})
        return out

    def _near(self, conn: Conn, scope: Scope, incident: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Forces that can be ordered, nearest first."""
        lon, lat = incident.get("lon"), incident.get("lat")
        if lon is None or lat is None or not scope.can("resource.view"):
            return ()
        place, srid = (float(lon), float(lat)), metres_of(conn, float(lon))
        found = resources.around(conn, scope, place, srid, ORDERED_M, None, ORDERED, self._clock.now())
        return found[:MOST_ORDERED]

    def panel(self, scope: Scope, case_id: int, key: str, asked: Mapping[str, Any]) -> PanelState:
        """One panel around the place of an incident. Raises NotFound for one without a place."""
        incident = self.incident(scope, case_id)
        lon, lat = incident.get("lon"), incident.get("lat")
        if lon is None or lat is None:
            return PanelState(key, "error", error=Text("突发事件还没有位置", "the incident has no place yet"))
        with self._store.scoped(scope) as conn:
            srid = metres_of(conn, float(lon))
        radius = min(max(float(asked.get("radius_m") or RADIUS_M), 1.0), RADIUS_MAX_M)
        area = area_of(asked.get("area")) if isinstance(asked.get("area"), dict) else None
        ask = Ask(scope, float(lon), float(lat), self._clock.now(), srid, radius, area, case_id)
        return answer.answer(self._store, key, ask)
