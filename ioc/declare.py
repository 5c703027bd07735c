"""Frozen declarations. One file adds one thing; menus, legends, docs tables, the health page and tests iterate them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ioc.i18n import Text

Geometry = Literal["point", "line", "polygon", "cell"]

# ---------------------------------------------------------------- layers (design.md section 7)


@dataclass(frozen=True, slots=True)
class H3Density:
    """z <= 11: hexagons on the slate ramp. `value` names the summed column (`count`, `exceeded`)."""

    value: Literal["count", "exceeded", "offline"] = "count"
    cap: int = 6  # highest step of the ramp h0-h6


@dataclass(frozen=True, slots=True)
class CountPins:
    """z 12-13: one pin a cell with `value`; `second` is named only when it is not zero (离线 3, 超限 2)."""

    second: Literal["", "offline", "exceeded"] = ""


@dataclass(frozen=True, slots=True)
class SmallMarks:
    """z 14-15: dots; `hollow` and `inverted` name the state drawn that way."""

    hollow: str = "offline"
    inverted: str = "exceeded"


@dataclass(frozen=True, slots=True)
class IconMarks:
    """z >= 16: icon, and a value or label read from `label`."""

    icon: str = "pin"
    label: str = ""
    cone: bool = False  # view cone from `azimuth_deg` and `fov_deg`; no attribute, no cone


@dataclass(frozen=True, slots=True)
class Outline:
    """Polygons and lines: hairline from `min_zoom`, labels from `label_zoom`."""

    min_zoom: float = 14
    label: str = ""
    label_zoom: float = 16
    fill: bool = False
    dash: bool = False


@dataclass(frozen=True, slots=True)
class Heat:
    """Event heat: H3 cells r7, then r8-9, off from z 14."""

    days: int = 30


Style = H3Density | CountPins | SmallMarks | IconMarks | Outline | Heat | None


@dataclass(frozen=True, slots=True)
class Layer:
    """One map layer. `query` names a tile query of `ioc.store`, never SQL from outside; `where` narrows it."""

    key: str
    title: Text
    theme: Text
    geometry: Geometry
    query: str
    permission: str
    icon: str = "layers"
    where: Mapping[str, Any] = field(default_factory=dict[str, Any])
    overview: Style = None  # z <= 11
    counts: Style = None  # z 12-13
    marks: Style = None  # z 14-15
    detail: Style = None  # z >= 16
    visible: bool = False
    order: int = 50  # draw order, low first; also the order in the layer panel
    interval: dt.timedelta = dt.timedelta(minutes=5)
    hover: tuple[str, ...] = ("name",)


# ---------------------------------------------------------------- indicators


@dataclass(frozen=True, slots=True)
class Reading:
    """What an indicator's query returns for one region and period. `state` says why there is no value."""

    value: float | None
    numerator: float | None = None
    denominator: float | None = None
    as_of: dt.datetime | None = None
    state: Literal["ok", "empty", "unconnected"] = "ok"
    origin: str = "real"
    note: Text | None = None  # a word beside the value (AQI class, primary pollutant ...)
    series: tuple[float | None, ...] = ()
    previous: float | None = None  # the same value one comparison period ago


class KpiStore(Protocol):
    """What an indicator may ask: named, scoped queries of `ioc.store.kpi` for one region and its descendants."""

    def query(self, name: str, **params: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Indicator:
    """One definition. `query` names a function of `ioc.store.kpi`; `records` names the list behind the number.

    `target` with `better` gives the band; `decimals` the shown digits; `compare` the word of the delta.
    """

    code: str
    title: Text
    unit: Text
    query: str
    source: str  # source class it rests on: "devices", "events", "cases", "aqi" ... for age and 未接入
    formula: Text
    permission: str = "indicator.view"
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    period: Literal["now", "day", "month"] = "now"
    interval: dt.timedelta = dt.timedelta(minutes=1)
    every_s: float = 5.0  # how often the worker recomputes when its inputs changed
    target: float | None = None
    better: Literal["high", "low"] = "high"
    scale: tuple[float, float] = (0.0, 100.0)
    decimals: int = 1
    compare: Text = Text("较昨日", "vs yesterday")
    records: str = ""  # desk list that shows the records: "devices?kind=camera&status=offline" ...
    owner: Text = Text("运营指挥中心", "Operations centre")
    order: int = 50
    wall: bool = True  # a wall has room for few; the rest is the desk's
    zero_text: Text | None = None  # what an empty count says (当前无在办)


# ---------------------------------------------------------------- sources


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of outside source. `run` is its loop in `ioc ingest`; None for sources that are called (files, REST)."""

    key: str
    title: Text
    interval: dt.timedelta
    owner: Text
    run: Callable[..., None] | None = None
    enabled: Callable[[Any], bool] | None = None  # Settings -> bool
    heartbeat: bool = False  # speaks only when something happens: freshness is that of its heartbeat
    docs: str = ""
    # Settings -> its video platform (ioc.video.platform.VideoPlatform), None when it is not connected
    video: Callable[[Any], Any] | None = None


# ---------------------------------------------------------------- emergency command


@dataclass(frozen=True, slots=True)
class Dataset:
    """Data that command panels stand on (roads, population, plans ...), brought by import or by a live source.

    `interval` is how often it should be renewed: an edition older than that is shown as old. `advice` says how to
    bring it in. What is present is a row of `dataset_edition`, written by whoever brings the data.
    """

    key: str
    title: Text
    interval: dt.timedelta
    advice: Text
    order: int = 50


@dataclass(frozen=True, slots=True)
class Panel:
    """One drill-down panel of a command workspace. `find(conn, ask)` of its module answers it.

    It cannot be answered while one of `datasets` is missing: then it names what is missing. `helped_by` make the
    answer better (road times instead of straight lines) and are named when they are missing, without hiding it.
    """

    key: str
    title: Text
    datasets: tuple[str, ...] = ()
    helped_by: tuple[str, ...] = ()
    permission: str = "case.view"
    order: int = 50


@dataclass(frozen=True, slots=True)
class Theme:
    """One file one theme. `types`: codes of GB/T 35561 with all that begins with them, `classes`: whole classes.

    `layers`: keys of the map's layers that are switched on. `datasets`: declared data its rows stand on; where all of
    them are missing the theme names them. `enabled`: from the settings; None: always there.
    """

    key: str
    title: Text
    icon: str
    layers: tuple[str, ...]
    rows: Text  # what a row is
    types: tuple[str, ...] = ()
    classes: tuple[int, ...] = ()
    datasets: tuple[str, ...] = ()
    permission: str = "case.view"
    enabled: Callable[[Any], bool] | None = None
    order: int = 50

    def has(self, incident: Mapping[str, Any]) -> bool:
        """Whether an incident's header record belongs to the theme: by its type, else by its class."""
        code = str((incident.get("type") or {}).get("code") or "")
        if code and code.startswith(self.types or ("\0",)):
            return True
        return (incident.get("class") or {}).get("code") in self.classes


# ---------------------------------------------------------------- flows


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that can be done with a case while it is in one of the stages `at`.

    `to`: the stage afterwards, "" where it stays. `permission`: the right it needs; `own`: only by the department or
    the officer that has the case (or by who may approve). `needs`: what must be given with it (`ioc.cases.given`),
    `may`: what can be. `ends`: how the case ends without being closed (void, refused, false_alarm).
    `holds`: paused or shelved from now on,
    `resumes`: no longer. `asks`: puts a request (extension, shelf, void) that somebody else decides, `grants` or
    `denies` it. `clock`: what happens to the deadlines.
    """

    key: str
    title: Text
    at: tuple[str, ...]
    permission: str
    to: str = ""
    own: bool = False
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    ends: Literal["", "void", "refused", "false_alarm"] = ""
    holds: Literal["", "paused", "shelved"] = ""
    resumes: bool = False
    asks: str = ""
    grants: str = ""
    denies: str = ""
    reopens: bool = False
    clock: Literal["", "stage", "stop", "go", "extend", "end", "again"] = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """A case flow: stages in order, the waiting word, the key of the stage that closes it, and what can be done.

    `grids`: kinds of grid cells in the order a case of this flow looks for the one that is responsible for its place.
    `to_officer`: automatic dispatch gives it to the cell's officer, not to the department alone.
    """

    key: str
    title: Text
    short: Text
    stages: tuple[tuple[str, Text], ...]
    waiting: Text
    closed: str
    steps: tuple[Step, ...] = ()
    grids: tuple[str, ...] = ("general", "special", "unit")
    to_officer: bool = False


# ---------------------------------------------------------------- alarm rules

AlarmPriority = Literal["urgent", "high", "medium", "low"]
AlarmTest = Literal["threshold", "rate", "missing", "stuck", "count", "fence", "compound"]


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """What raises an alarm on a datastream of devices of `kinds`. Its parameters are edited per installation.

    `subject` is the word that keeps classes apart (火警, 故障, 屏蔽). `category` groups rules in a flood and names what
    stewards look after. `property` "" means the device as a whole (missing data). `params` are the parameters of `test`
    with their shipped values (`ioc.alarms.params` lists them); `example`: the values stand for no standard.

    `limit_from`: names of the station's own attribute the limit comes from, `@limit_high` and `@limit_low` being the
    datastream's; a station without any has no alarm of this rule. `datum`: the limit is a level and must be in the
    datum of the readings. `station`: only stations of that sort. `of`: keys of the rules a compound is made of.
    `suppressed_by`: while one of these is active on the same device, an alarm of this rule is suppressed by design.
    `stewards`: duties of those who are told.
    """

    key: str
    title: Text
    test: AlarmTest
    priority: AlarmPriority
    subject: Text
    category: str
    kinds: tuple[str, ...] = ()
    property: str = ""
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    limit_from: tuple[str, ...] = ()
    limit_name: Text = Text("限值", "limit")
    datum: bool = False
    station: Literal["", "river", "reservoir"] = ""
    of: tuple[str, ...] = ()
    suppressed_by: tuple[str, ...] = ()
    stewards: tuple[str, ...] = ()
    example: bool = False
    source: Text = Text("", "")  # where the shipped values come from
    order: int = 50


# ---------------------------------------------------------------- packs


@dataclass(frozen=True, slots=True)
class PackIndicator:
    """An indicator a place declares for itself (people on its island)."""

    indicator: Indicator


@dataclass(frozen=True, slots=True)
class Pack:
    """A place as data. `build` derives the regions, zones, grids and base features; `seed` names the demo shape."""

    key: str
    title: Text  # centre name on the wall
    place: Text
    root_region: str  # 12 digits
    build: Callable[..., Any]
    indicators: tuple[Indicator, ...] = ()
    center: tuple[float, float] = (0.0, 0.0)
    demo: Mapping[str, Any] = field(default_factory=dict[str, Any])
