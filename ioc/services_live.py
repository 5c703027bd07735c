"""What screens and callbacks may ask for, from the store. One instance a process; thread-safe."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ioc import __version__
from ioc.accounts import audit_search
from ioc.cache import ScopedCache
from ioc.cases import merging, supervising
from ioc.cases.expected import expected_of
from ioc.cases.many import common
from ioc.cases.work import WORKING, Actor, Cases
from ioc.clock import Clock, local_day
from ioc.command import life, raisable
from ioc.command.asking import PanelState
from ioc.declare import Indicator
from ioc.duty.desk import DutyDesk, Officer
from ioc.i18n import Text, t
from ioc.ops.doctor import examine
from ioc.registry import Registry
from ioc.scope import SYSTEM, Scope
from ioc.services import (
    CentreInfo,
    Counts,
    DistrictRow,
    Record,
    RegionRef,
    SourceState,
    TileState,
    Warning_,
    WorkPage,
)
from ioc.services_command import CommandServices
from ioc.settings import Settings
from ioc.store import Store, centre, dispatch, health, kpi, kpi_records, lower_view, outbound_view, raised, told
from ioc.store import counts as counting
from ioc.store import detail as details
from ioc.store import topics as grid_topics
from ioc.store import worklist as work
from ioc.store.regions import Regions
from ioc.store.worklist_closed import closed_between
from ioc.views import Views
from ioc.villages.page import village

TILES_KEPT_S = 1.0
MINE_MAX = 60_000  # as many rows as a desk holds (frontend/src/live/store.ts)


class LiveServices:
    """`ioc.services.Services` over PostGIS."""

    def __init__(self, settings: Settings, store: Store, registry: Registry, clock: Clock) -> None:
        self._settings, self._store, self._registry, self._clock = settings, store, registry, clock
        self._regions = Regions.of(store)
        self._cases = Cases(store, clock, settings.area_buffer_m, settings.tz)
        self._command = CommandServices(settings, store, clock)
        self._cache: ScopedCache | None = None
        self._version: Callable[[], str] = str

    def use_cache(self, cache: ScopedCache, version: Callable[[], str]) -> None:
        """Read numbers through the web process's cache: any number of screens of one scope class cause one read."""
        self._cache, self._version = cache, version

    def now(self) -> dt.datetime:
        return self._clock.now()

    def timezone(self) -> str:
        return self._settings.timezone

    # ------------------------------------------------------------ the centre and its regions

    def centre(self, scope: Scope) -> CentreInfo:
        """`demo` and `empty` are facts of the whole centre: the tag must show even where no demo row is in scope."""
        tree = self._regions.tree()
        tops = self._regions.tops(scope)
        top = tops[0] if len(tops) == 1 else None
        root = tree.roots[0] if tree.roots else None
        with self._store.scoped(SYSTEM) as conn:
            facts = centre.facts(conn)
        pack = self._registry.packs.get(facts.pack or self._settings.pack)
        return CentreInfo(
            title=self._title(pack.title if pack else None, root.name if root else ""),
            place=(pack.place.zh if pack else "") or (root.name if root else ""),
            root=top.ref() if top else None,
            demo=facts.demo,
            empty=root is None,
            version=__version__,
            pack=pack.key if pack else "",
            notes=facts.notes,
            credits=facts.credits,
        )

    @staticmethod
    def _title(declared: Text | None, place: str) -> Text:
        if declared is not None:
            return declared
        return Text(t("web.title", "zh", place=place).strip(), t("web.title", "en", place=place).strip())

    def breadcrumb(self, scope: Scope, region: str) -> Sequence[RegionRef]:
        return self._regions.breadcrumb(scope, region)

    def children(self, scope: Scope, region: str) -> Sequence[RegionRef]:
        return self._regions.children(scope, region)

    # ------------------------------------------------------------ numbers

    def indicators(self, scope: Scope) -> Sequence[Indicator]:
        """The centre's own and its pack's, in order. Those the asker lacks the right for stay: the tile says so."""
        with self._store.scoped(SYSTEM) as conn:
            facts = centre.facts(conn)
        found = list(self._registry.indicators.values())
        pack = self._registry.packs.get(facts.pack or self._settings.pack)
        found += list(pack.indicators) if pack else []
        return sorted(found, key=lambda i: (i.order, i.code))

    def tiles(self, scope: Scope, region: str) -> Sequence[TileState]:
        def read() -> list[TileState]:
            return kpi.tiles(self._store, scope, region, self.indicators(scope), self.now())

        if self._cache is None:
            return read()
        return self._cache.get(scope, "screens.tiles", (region, self._version()), TILES_KEPT_S, read)

    def counts(self, scope: Scope, region: str) -> Counts:
        ids = self._regions.ids(scope, region)
        with self._store.scoped(scope) as conn:
            return counting.counts(conn, scope, ids, self.now(), self._settings.tz)

    def worklist(self, scope: Scope, region: str, limit: int = 200) -> Sequence[Record]:
        return self.work_page(scope, region, limit).rows

    def work_page(
        self, scope: Scope, region: str, limit: int = 200, after: str = "", officer: str | None = None
    ) -> WorkPage:
        ids, expected = self._regions.ids(scope, region), None if officer is None else expected_of(scope, officer)
        with self._store.scoped(scope) as conn:
            return work.worklist(conn, scope, ids, limit, after, expected)

    def mine(self, scope: Scope, region: str, officer: str) -> Sequence[str]:
        ids = self._regions.ids(scope, region)
        with self._store.scoped(scope) as conn:
            return sorted(work.mine_keys(conn, scope, ids, expected_of(scope, officer), MINE_MAX))

    def mine_over(self, scope: Scope, keys: Sequence[str]) -> Sequence[Record]:
        ids = [int(k.partition(":")[2]) for k in keys if k.startswith("case:")]
        with self._store.scoped(scope) as conn:
            return work.over(conn, ids)

    def closed_today(self, scope: Scope, region: str) -> WorkPage:
        ids, (start, stop) = self._regions.ids(scope, region), local_day(self.now(), self._settings.tz)
        with self._store.scoped(scope) as conn:
            return closed_between(conn, scope, ids, start, stop)

    def grid_topics(self, scope: Scope) -> Sequence[Mapping[str, str]]:
        with self._store.scoped(scope) as conn:
            return grid_topics.listed(conn)

    def topic_stats(self, scope: Scope, region: str) -> Mapping[str, Any]:
        return grid_topics.by_region(self._store, self._regions, scope, region, self.now())

    def districts(self, scope: Scope, region: str) -> Sequence[DistrictRow]:
        return kpi.districts(self._store, scope, region)

    def hotline_topics(self, scope: Scope, region: str) -> Sequence[tuple[str, int]]:
        return kpi.hotline_topics(self._store, scope, region, self.now(), self._settings)

    # ------------------------------------------------------------ warnings and sources

    def warnings(self, scope: Scope, region: str) -> Sequence[Warning_] | None:
        ids = self._regions.ids(scope, region)
        with self._store.scoped(scope) as conn:
            return health.warnings(conn, None if ids is None else self._around(ids), self.now())

    def _around(self, ids: Sequence[int]) -> list[int]:
        """A warning for the county holds in its towns too: the regions with all that lie above them."""
        tree = self._regions.tree()
        return sorted({up for region_id in ids for up in tree.ancestors(region_id)})

    def sources(self, scope: Scope) -> Sequence[SourceState]:
        if not scope.can("source.view"):
            return []
        with self._store.scoped(scope) as conn:
            return health.sources(conn, self.now())

    # ------------------------------------------------------------ details, records, map

    def seen(self, scope: Scope, key: str) -> Mapping[str, Any]:
        """The record alone, without what the asker may do with it."""
        with self._store.scoped(scope) as conn:
            return details.detail(conn, self._regions, scope, key, self.now(), self._settings.tz)

    def detail(self, scope: Scope, key: str, officer: str = "") -> Mapping[str, Any]:
        found = self.seen(scope, key)
        found = {**found, "may_call": scope.can("caller.view"), **self._told(scope, key), **self._raising(scope, found)}
        if key.startswith("case:") and WORKING & scope.permissions:
            case_id, actor = int(key.removeprefix("case:")), Actor(scope, officer)
            like = merging.like_case(self._cases, actor, case_id) if scope.can(merging.RIGHT) else {}
            return {**found, "todo": self._cases.todo(actor, case_id), "like": like}
        if key.startswith("event:") and scope.can("case.accept") and found.get("unclaimed"):
            return {**found, "todo": {"event_id": int(key.removeprefix("event:")), "number": found.get("number")}}
        return found

    def _raising(self, scope: Scope, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """The incident that came of a record, or that one may be opened from it."""
        origin = raisable.origin(found)
        if origin is None or not scope.can("case.view"):
            return {}
        with self._store.scoped(scope) as conn:
            made = None if raisable.itself(found) else raised.incident_of(conn, scope, *origin)
        if raisable.itself(found):
            made = {"case_id": origin[1], "number": found.get("number")}
        may = made is None and scope.can(life.OPEN_) and raisable.offered(found)
        return {"incident": made, "raise": {"kind": origin[0], "id": origin[1]} if may else None}

    def _told(self, scope: Scope, key: str) -> Mapping[str, Any]:
        """Who was told about a record that notices speak of. They are their addressees': read as the system."""
        if key.partition(":")[0] not in ("case", "event", "warning") or not scope.can("case.view"):
            return {}
        with self._store.reading(SYSTEM) as conn:
            found = told.about(conn, scope, key)
        return {"told": found} if found and found["total"] else {}

    def outbound(self, scope: Scope) -> Mapping[str, Any]:
        if not scope.can("notify.manage"):
            return {}
        with self._store.reading(SYSTEM) as conn:
            return outbound_view.outbound(conn, self.now())

    def audit(self, scope: Scope, asked: Mapping[str, str]) -> Mapping[str, Any]:
        if not scope.can(audit_search.RIGHT):
            return {}
        wanted = audit_search.asked_of(lambda name: asked.get(name, ""), self._settings.tz)
        return audit_search.look(self._store, scope, wanted, 100)

    def lower(self, scope: Scope, region: str) -> Mapping[str, Any]:
        ids = self._regions.ids(scope, region)
        with self._store.scoped(scope) as conn:
            return lower_view.page(conn, scope, ids, self.now())

    def duty(self, scope: Scope, region: str) -> Mapping[str, Any]:
        return DutyDesk(self._store, self._clock).on(scope, region) if scope.can("case.view") else {}

    def handover(self, scope: Scope, login: str, region: str) -> Mapping[str, Any] | None:
        scope.require("case.view")
        return DutyDesk(self._store, self._clock).handover(Officer(scope, login), region)

    def saved_views(self, scope: Scope) -> Sequence[Mapping[str, Any]]:
        return Views(self._store, self._clock).listed(scope) if scope.account_id is not None else []

    def steps_in_common(self, scope: Scope, officer: str, case_ids: Sequence[int]) -> Mapping[str, Any]:
        scope.require("case.view")
        return common(self._cases, Actor(scope, officer), case_ids)

    def supervision(self, scope: Scope, region: str) -> Mapping[str, Any]:
        scope.require("case.view")
        ids = self._regions.ids(scope, region)
        with self._store.reading(scope) as conn:
            waiting = dispatch.pool(conn, scope, ids, 100)
        total = waiting[0]["total"] if waiting else 0
        listed = supervising.listed(self._cases, scope, "active", ids)
        return {**listed, "pool_total": total, "pool": [supervising.waiting(r) for r in waiting]}

    def records(self, scope: Scope, region: str, query: str, offset: int, limit: int) -> Mapping[str, Any]:
        return kpi_records.records(self._store, scope, region, query, offset, limit, self.now(), self._settings)

    def map_config(self, scope: Scope, surface: str, theme: str, lang: str, region: str) -> Mapping[str, Any]:
        from ioc.mapspec import map_config

        return cast(
            Mapping[str, Any],
            map_config(self._store, self._settings, self._registry, scope, surface, theme, lang, region, self.now()),
        )

    def village(self, scope: Scope, region: str, asked: Mapping[str, str]) -> Mapping[str, Any]:
        return village(self._store, scope, region, asked, self.now(), self._settings.tz)

    # ------------------------------------------------------------ emergency command

    def incidents(self, scope: Scope, region: str) -> Sequence[Mapping[str, Any]]:
        return self._command.incidents(scope, region)

    def themes(self, scope: Scope, region: str, key: str) -> Mapping[str, Any]:
        return self._command.themes(scope, region, key)

    def incident(self, scope: Scope, case_id: int) -> Mapping[str, Any]:
        return self._command.incident(scope, case_id)

    def command(self, scope: Scope, case_id: int) -> Mapping[str, Any]:
        return self._command.command(scope, case_id)

    def command_panel(self, scope: Scope, case_id: int, key: str, asked: Mapping[str, Any]) -> PanelState:
        return self._command.panel(scope, case_id, key, asked)

    def doctor(self) -> Sequence[Mapping[str, Any]]:
        return [finding.as_dict() for finding in examine(self._settings, self._clock)]
