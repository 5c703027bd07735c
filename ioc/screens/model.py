"""What one page shows, read once from the services. A part that fails leaves its own panel in fault, never the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from ioc.errors import IocError, NotFound
from ioc.flows import flows
from ioc.scope import Scope
from ioc.screens.state import PageState, View, Who
from ioc.services import CentreInfo, Counts, DistrictRow, Record, RegionRef, Services, SourceState, TileState, Warning_

T = TypeVar("T")
WALL_TILES = 7
WALL_ROWS = 8
# Who has one of these takes steps with cases (`Step.permission` of the flows): 待我处理 is for them.
TAKES_STEPS = frozenset(s.permission for f in flows().values() for s in f.steps if s.to or s.grants)

NO_COUNTS = Counts(
    open=0,
    critical=0,
    urgent=0,
    routine=0,
    overdue=0,
    incidents={1: 0, 2: 0, 3: 0, 4: 0},
    provisional={1: 0, 2: 0, 3: 0, 4: 0},
    today=0,
    closed_today=0,
    hours=(None,) * 24,
    hours_last_week=(),
    devices={},
)


@dataclass(frozen=True, slots=True)
class Model:
    """State of one page. `faults` holds the operator's message of each part that could not be read."""

    page: PageState
    view: View
    who: Who | None
    centre: CentreInfo
    crumbs: Sequence[RegionRef] = ()
    children: Sequence[RegionRef] = ()
    tiles: Sequence[TileState] = ()
    counts: Counts = NO_COUNTS
    rows: Sequence[Record] = ()
    warnings: Sequence[Warning_] | None = None
    sources: Sequence[SourceState] = ()
    districts: Sequence[DistrictRow] = ()
    topics: Sequence[tuple[str, int]] = ()
    grid_topics: Sequence[Mapping[str, str]] = ()
    map_config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    detail: Mapping[str, Any] | None = None
    village: Mapping[str, Any] | None = None
    doctor: Sequence[Mapping[str, Any]] = ()
    outbound: Mapping[str, Any] = field(default_factory=dict[str, Any])
    audit: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lower: Mapping[str, Any] = field(default_factory=dict[str, Any])
    duty: Mapping[str, Any] = field(default_factory=dict[str, Any])
    views: Sequence[Mapping[str, Any]] = ()
    mine: int | None = None  # rows that wait for the asker; None: the asker takes no steps
    supervision: Mapping[str, Any] = field(default_factory=dict[str, Any])
    incident: Mapping[str, Any] = field(default_factory=dict[str, Any])
    command: Mapping[str, Any] = field(default_factory=dict[str, Any])
    faults: Mapping[str, str] = field(default_factory=dict[str, str])
    fixed_now: dt.datetime | None = None

    @property
    def lang(self) -> str:
        return self.view.lang

    @property
    def region(self) -> str:
        return self.page.region

    @property
    def area(self) -> str:
        """Name of the region every number on the page speaks of."""
        if self.crumbs:
            return self.crumbs[-1].name
        return self.centre.root.name if self.centre.root else self.centre.place


def make_view(services: Services, lang: str) -> View:
    return View("en" if lang == "en" else "zh", services.now(), ZoneInfo(services.timezone()))


def counts_json(counts: Counts) -> dict[str, Any]:
    """`Counts` for the browser; JSON keys are texts."""
    body = asdict(counts)
    for key in ("incidents", "provisional"):
        body[key] = {str(level): n for level, n in body[key].items()}
    return body


def wall_tiles(tiles: Sequence[TileState]) -> list[TileState]:
    """A wall column has room for seven: those judged by a target first, then by their order; shown in their order."""
    fit = [tile for tile in tiles if tile.indicator.wall]
    ranked = sorted(fit, key=lambda tile: (tile.indicator.target is None, tile.indicator.order))[:WALL_TILES]
    return sorted(ranked, key=lambda tile: tile.indicator.order)


class _Reader:
    """Calls a service; a known error becomes the fault of that part."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}

    def get(self, part: str, lang: str, call: Callable[[], T], instead: T) -> T:
        try:
            return call()
        except IocError as error:
            said = [f"{r.field} {r.en if lang == 'en' else r.zh}" for r in getattr(error, "reasons", ())]
            self.faults[part] = "：".join([error.message(lang), "；".join(said)] if said else [error.message(lang)])
            return instead


_NEEDS: Mapping[str, frozenset[str]] = {
    "wall": frozenset({"tiles", "counts", "rows", "warnings", "sources", "districts", "topics", "map"}),
    "overview": frozenset({"tiles", "counts", "rows", "warnings", "sources", "map"}),
    "events": frozenset({"counts", "rows", "warnings", "sources", "map", "views", "mine", "grid_topics"}),
    "alarms": frozenset({"warnings", "sources"}),
    "alarm-rules": frozenset({"warnings", "sources"}),
    "fences": frozenset({"counts", "warnings", "sources", "map"}),
    "data": frozenset({"counts", "warnings", "sources", "doctor", "outbound", "lower", "audit"}),
    "supervision": frozenset({"warnings", "sources", "supervision"}),
    "settings": frozenset({"warnings", "sources"}),
    "command": frozenset({"counts", "warnings", "sources", "map", "incidents"}),
    "workspace": frozenset({"warnings", "map", "incident"}),
    "aftermath": frozenset({"counts", "warnings", "sources", "incident"}),
    "review": frozenset({"warnings", "sources"}),
    "video": frozenset({"warnings", "sources", "map"}),
    "village": frozenset({"warnings", "sources", "map", "village"}),
    "embed-tile": frozenset({"tiles", "warnings"}),
    "embed-map": frozenset({"counts", "rows", "map", "warnings"}),
}


def read_model(
    services: Services,
    scope: Scope,
    page: PageState,
    kind: str,
    who: Who | None,
    fixed_now: dt.datetime | None = None,
) -> Model:
    """Everything page `kind` needs. An unknown region falls back to the root: a shared link never ends in an error."""
    lang = page.lang
    view = make_view(services, lang)
    reader = _Reader()
    centre = services.centre(scope)
    region, crumbs = _region(services, scope, page.region, reader, lang)
    if region != page.region:
        page = PageState(page.path, page.surface, page.lang, page.theme, region, page.sel, page.args)
    needs, tab = _NEEDS.get(kind, frozenset()), page.args.get("tab", "") if kind == "data" else ""

    def part(name: str, call: Callable[[], T], instead: T) -> T:
        return reader.get(name, lang, call, instead) if name in needs and not centre.empty else instead

    return Model(
        page=page,
        view=view,
        who=who,
        centre=centre,
        crumbs=crumbs,
        children=reader.get("children", lang, lambda: services.children(scope, region), ()) if not centre.empty else (),
        tiles=reader.get("tiles", lang, lambda: services.tiles(scope, region), ()) if "tiles" in needs else (),
        counts=part("counts", lambda: services.counts(scope, region), NO_COUNTS),
        rows=part("rows", lambda: services.worklist(scope, region), ()),
        warnings=part("warnings", lambda: services.warnings(scope, region), None),
        sources=reader.get("sources", lang, lambda: services.sources(scope), ()) if "sources" in needs else (),
        districts=part("districts", lambda: services.districts(scope, region), ()),
        topics=part("topics", lambda: services.hotline_topics(scope, region), ()),
        grid_topics=part("grid_topics", lambda: services.grid_topics(scope), ()),
        map_config=part("map", lambda: services.map_config(scope, page.surface, page.theme, lang, region), {}),
        detail=read_detail(services, scope, page.sel, reader, lang, who.name if who else "")
        if page.sel and kind in ("overview", "events", "alarms", "village")
        else None,
        village=part("village", lambda: services.village(scope, region, page.args), None),
        duty=reader.get("duty", lang, lambda: services.duty(scope, region), {})
        if page.surface != "embed" and not centre.empty
        else {},
        views=part("views", lambda: services.saved_views(scope), ()),
        mine=part("mine", lambda: _mine(services, scope, region, who), None),
        supervision=part("supervision", lambda: services.supervision(scope, region), {}),
        doctor=services.doctor() if "doctor" in needs or (centre.empty and kind == "overview") else (),
        outbound=part("outbound", lambda: services.outbound(scope), {}) if tab == "outbound" else {},
        audit=part("audit", lambda: services.audit(scope, page.args), {}) if tab == "audit" else {},
        lower=part("lower", lambda: services.lower(scope, region), {}) if tab == "lower" else {},
        incident=part("incident", lambda: services.incident(scope, incident_number(page)), {}),
        command=part("incident", lambda: services.command(scope, incident_number(page)), {})
        or part(
            "incidents",
            lambda: {
                "incidents": services.incidents(scope, region),
                **services.themes(scope, region, page.args.get("theme", "")),
            },
            {},
        ),
        faults=reader.faults,
        fixed_now=fixed_now,
    )


def incident_number(page: PageState) -> int:
    """The incident of a workspace's, or its review's, address; 0, which is none, for what is no number."""
    tail = page.path.removesuffix("/review").rsplit("/", 1)[-1]
    return int(tail) if tail.isascii() and tail.isdigit() and len(tail) <= 18 else 0


def _mine(services: Services, scope: Scope, region: str, who: Who | None) -> int | None:
    if who is None or who.kind != "user" or not any(who.can(right) for right in TAKES_STEPS):
        return None
    return len(services.mine(scope, region, who.name))


def _region(
    services: Services, scope: Scope, wanted: str, reader: _Reader, lang: str
) -> tuple[str, Sequence[RegionRef]]:
    try:
        return wanted, services.breadcrumb(scope, wanted)
    except NotFound:
        return "", reader.get("crumbs", lang, lambda: services.breadcrumb(scope, ""), ())
    except IocError as error:
        reader.faults["crumbs"] = error.message(lang)
        return wanted, ()


def read_detail(
    services: Services, scope: Scope, key: str, reader: _Reader, lang: str, officer: str
) -> Mapping[str, Any]:
    nothing: Mapping[str, Any] = {}
    return reader.get("detail", lang, lambda: services.detail(scope, key, officer), nothing)
