"""What screens and callbacks may ask for. Protocols and plain shapes only: implementations live behind the border.

Every call takes the asker's `Scope` first. All times are aware UTC. Regions are codes ("" = the centre's root).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ioc.command.asking import PanelState
from ioc.declare import Indicator
from ioc.i18n import Text
from ioc.scope import Scope

# A work-list row (case, incident or event) as the browser gets it; schema in docs/live.md, golden in tests/golden/.
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RegionRef:
    """One step of a breadcrumb, or one choice below it. `bbox` is west, south, east, north."""

    code: str
    name: str
    kind: str
    bbox: tuple[float, float, float, float] | None = None
    center: tuple[float, float] | None = None
    sketch: bool = False


@dataclass(frozen=True, slots=True)
class CentreInfo:
    """The installation. `demo` while any demo row is visible; `empty` while there is no region.

    `notes` say where published figures and the data differ (the data page shows them), `credits` whose data it is.
    """

    title: Text
    place: str
    root: RegionRef | None
    demo: bool
    empty: bool
    version: str
    pack: str = ""
    notes: tuple[Text, ...] = ()
    credits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TileState:
    """A KPI tile's value of one indicator and region, or the reason why there is none.

    `state`: ok, empty, unconnected (未接入), error, forbidden (missing right), loading (not computed yet),
    unknown (looking back: not computed by then, which is no statement about how many there were).
    Freshness (live/late/stale/lost) follows from `as_of`, `interval` and the clock.
    """

    indicator: Indicator
    state: Literal["ok", "empty", "unconnected", "error", "forbidden", "loading", "unknown"]
    value: float | None = None
    numerator: float | None = None
    denominator: float | None = None
    previous: float | None = None
    as_of: dt.datetime | None = None
    computed_at: dt.datetime | None = None
    interval: dt.timedelta = dt.timedelta(minutes=1)
    source: str = ""
    series: tuple[float | None, ...] = ()
    note: Text | None = None
    error_code: str = ""
    error: Text | None = None
    error_since: dt.datetime | None = None
    retries: int = 0
    missing_permission: str = ""
    last_value: float | None = None
    origin: str = "real"


@dataclass(frozen=True, slots=True)
class SourceState:
    """Health of one source as the status line and the data page show it."""

    key: str
    title: Text
    state: str  # live late stale lost never error off
    age_s: float | None
    since: dt.datetime | None
    interval_s: int
    error: Text | None = None
    origin: str = "real"


@dataclass(frozen=True, slots=True)
class Warning_:
    """An official warning (预警): in force, or `upcoming` (即将生效) until `onset_at`."""

    key: str
    kind: Text
    colour: Literal["red", "orange", "yellow", "blue", "white"]
    area: str
    note: str
    sender: str
    onset_at: dt.datetime
    origin: str = "real"
    upcoming: bool = False
    expires_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Absolute counts the server computed for one scope and region."""

    open: int
    critical: int
    urgent: int
    routine: int
    overdue: int
    incidents: Mapping[int, int]  # confirmed or provisional, by level 1-4; 0: 未定级, where there are such
    provisional: Mapping[int, int]  # of these, 初判
    today: int
    closed_today: int
    hours: tuple[int | None, ...]  # 24 hourly counts of today's events; None: not yet
    hours_last_week: tuple[int, ...]
    devices: Mapping[str, int]  # camera, sensor, camera_offline, sensor_exceeded, grid_cell, resource ...


@dataclass(frozen=True, slots=True)
class DistrictRow:
    """One row of the wall's district table. None: no data."""

    code: str
    name: str
    open: int
    on_time: float | None
    camera_online: float | None


@dataclass(frozen=True, slots=True)
class WorkPage:
    """A page of the work list: `total` rows in all pages; `next` asks for the page after this one, None: the last."""

    total: int
    rows: Sequence[Record]
    next: str | None = None


class Services(Protocol):
    """Everything the screens read. One instance a process; thread-safe."""

    def now(self) -> dt.datetime: ...

    def timezone(self) -> str: ...

    def centre(self, scope: Scope) -> CentreInfo: ...

    def breadcrumb(self, scope: Scope, region: str) -> Sequence[RegionRef]: ...

    def children(self, scope: Scope, region: str) -> Sequence[RegionRef]: ...

    def indicators(self, scope: Scope) -> Sequence[Indicator]: ...

    def tiles(self, scope: Scope, region: str) -> Sequence[TileState]: ...

    def counts(self, scope: Scope, region: str) -> Counts: ...

    def worklist(self, scope: Scope, region: str, limit: int = 200) -> Sequence[Record]:
        """The first rows of the work list."""
        ...

    def work_page(
        self, scope: Scope, region: str, limit: int = 200, after: str = "", officer: str | None = None
    ) -> WorkPage:
        """The same with its total, and what follows after `WorkPage.next` of the page before. `officer`: only what
        waits for the next step of the asker, known to cases by that name (待我处理)."""
        ...

    def mine(self, scope: Scope, region: str, officer: str) -> Sequence[str]:
        """Keys of all records of the work list that wait for the asker's next step, sorted."""
        ...

    def mine_over(self, scope: Scope, keys: Sequence[str]) -> Sequence[Record]:
        """Of these keys, the records that are no rows of the work list: cases that are over and still wait for somebody
        (`awaits`: for what)."""
        ...

    def closed_today(self, scope: Scope, region: str) -> WorkPage:
        """What was closed since local midnight, last closed first; as many as a page holds."""
        ...

    def grid_topics(self, scope: Scope) -> Sequence[Mapping[str, str]]:
        """Topics of grid work in their order: {key, zh, en}, the last is `other` (`ioc.cases.topics`)."""
        ...

    def topic_stats(self, scope: Scope, region: str) -> Mapping[str, Any]:
        """Numbers of each topic: {topics, numbers, total: {topic: {...}}, rows: [{code, name, topics}]}."""
        ...

    def districts(self, scope: Scope, region: str) -> Sequence[DistrictRow]: ...

    def hotline_topics(self, scope: Scope, region: str) -> Sequence[tuple[str, int]]: ...

    def warnings(self, scope: Scope, region: str) -> Sequence[Warning_] | None:
        """None: no warning source is connected."""
        ...

    def sources(self, scope: Scope) -> Sequence[SourceState]: ...

    def duty(self, scope: Scope, region: str) -> Mapping[str, Any]:
        """Who is on duty now, who comes next, how the handover stands (`ioc.duty.desk.DutyDesk.on`); {} without the
        right case.view."""
        ...

    def handover(self, scope: Scope, login: str, region: str) -> Mapping[str, Any] | None:
        """The handover to be shown with its facts, and what `login` may do about it. None: the rosters ask for none."""
        ...

    def saved_views(self, scope: Scope) -> Sequence[Mapping[str, Any]]:
        """Saved views of the list: own first, then shared ones (`ioc.views.Views.listed`)."""
        ...

    def steps_in_common(self, scope: Scope, officer: str, case_ids: Sequence[int]) -> Mapping[str, Any]:
        """Steps all of these cases offer (`ioc.cases.many.common`)."""
        ...

    def supervision(self, scope: Scope, region: str) -> Mapping[str, Any]:
        """The 督办 list and the manual pool: {total, entries, pool_total, pool}."""
        ...

    def detail(self, scope: Scope, key: str, officer: str = "") -> Mapping[str, Any]:
        """Everything the detail panel shows for `case:1`, `event:1`, `device:1`, `grid:1`, `resource:1`, `region:CODE`.

        A case has `todo`: what the asker, known to cases as `officer`, may do with it now. Raises NotFound, also for
        what lies outside the scope.
        """
        ...

    def records(self, scope: Scope, region: str, query: str, offset: int, limit: int) -> Mapping[str, Any]:
        """The records behind an indicator (`Indicator.records`): {total, columns, rows, as_of}."""
        ...

    def outbound(self, scope: Scope) -> Mapping[str, Any]:
        """Channels with state, age and queue, and what could not be sent: {channels, dead}. {} without the right."""
        ...

    def audit(self, scope: Scope, asked: Mapping[str, str]) -> Mapping[str, Any]:
        """Who did or saw what: {rows, next}, by the filters of `GET /api/v1/audit`. {} without the right."""
        ...

    def lower(self, scope: Scope, region: str) -> Mapping[str, Any]:
        """Centres of the level below, their numbers, and their open cases and reports: {centres, numbers, rows}."""
        ...

    def map_config(self, scope: Scope, surface: str, theme: str, lang: str, region: str) -> Mapping[str, Any]:
        """Style, view, layer panel and pydeck layer specs for the map component (docs/map.md)."""
        ...

    def village(self, scope: Scope, region: str, asked: Mapping[str, str]) -> Mapping[str, Any]:
        """The village page of a region: {region, cards, compare, list} (`ioc.villages.page`). Raises NotFound."""
        ...

    def incidents(self, scope: Scope, region: str) -> Sequence[Mapping[str, Any]]:
        """Header records (docs/command.md): all under way, and those ended in the last 30 days, newest first."""
        ...

    def themes(self, scope: Scope, region: str, key: str) -> Mapping[str, Any]:
        """{themes: [{key, zh, en, icon}], theme: rows of the one asked for, or None} (docs/command.md)."""
        ...

    def incident(self, scope: Scope, case_id: int) -> Mapping[str, Any]:
        """The header record of one. Raises NotFound."""
        ...

    def command(self, scope: Scope, case_id: int) -> Mapping[str, Any]:
        """What stands beside it: {timeline, tasks, meeting}. Raises NotFound."""
        ...

    def command_panel(self, scope: Scope, case_id: int, key: str, asked: Mapping[str, Any]) -> PanelState:
        """One drill-down panel around the place of an incident. `asked`: {radius_m, area (GeoJSON) or None}."""
        ...

    def doctor(self) -> Sequence[Mapping[str, Any]]: ...
