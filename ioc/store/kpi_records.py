"""The records behind a number: the same conditions as its query, under the asker's scope, paged, counted.

A list is named in `Indicator.records`: `devices?class=camera`, `events?period=today`, `cases?state=open|due_today|
answered_today|opened_month|closed_month|cross_month|critical_month`, `ratings`, `air`,
`latest?property=...&within=...`, `sources`, `towns`, `hospitals`, `structures`, `warnings`; of one grid cell
`events?grid=ID`, `cases?grid=ID`; of a topic `events?topic=KEY`,
`cases?topic=KEY&state=open|overdue|closed` (`region=` narrows).
Lists behind a ratio hold its denominator and say of each row whether it counts (`counted`); those that do not come
first, for they are what there is to do. `part=counted|rest` keeps one side. The total equals the number shown, counted
over the rows of the same audience.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from psycopg import sql

from ioc.cases.ratings import BAD
from ioc.errors import Invalid, Reason
from ioc.grids import colours
from ioc.scope import Scope
from ioc.settings import Settings
from ioc.store import Store, grid_counts, topics
from ioc.store import kpi_command_lists as command
from ioc.store import kpi_events as by_month
from ioc.store import kpi_incidents as emergency
from ioc.store import kpi_loop as loop
from ioc.store import kpi_queries as q
from ioc.store import kpi_ratings as rated
from ioc.store import kpi_readings as readings
from ioc.store.kpi_command import YEAR
from ioc.store.kpi_listing import ALL as _NONE
from ioc.store.kpi_listing import COUNTED as _COUNTED
from ioc.store.kpi_listing import NAME as _NAME
from ioc.store.kpi_listing import REGION as _REGION
from ioc.store.kpi_listing import Column, Listing
from ioc.store.kpi_listing import region_name as _region
from ioc.store.kpi_rollup import Ask
from ioc.store.pool import Conn
from ioc.store.regions import Regions
from ioc.store.where import visible

LIMIT_MAX = 500
_SQL = sql.SQL

_DEVICE: tuple[Column, ...] = (
    _NAME, ("kind", "种类", "Kind"), ("status", "状态", "State"), ("since", "状态始于", "Since"), _REGION,
    ("source", "来源", "Source"), _COUNTED,
)  # fmt: skip
_EVENT: tuple[Column, ...] = (
    ("occurred_at", "发生时间", "Occurred"), ("title", "标题", "Title"), ("urgency", "紧急程度", "Urgency"),
    ("status", "状态", "State"), _REGION, ("address", "地点", "Place"), ("source", "来源", "Source"),
)  # fmt: skip
_MONTH: tuple[Column, ...] = (
    *_EVENT[:2], ("kind", "类别", "Kind"), ("suspected", "疑似", "Suspected"), *_EVENT[3:],
)  # fmt: skip
_DETECTION: tuple[Column, ...] = (
    ("occurred_at", "发生时间", "Occurred"), ("title", "标题", "Title"), ("kind", "算法", "Algorithm"),
    ("confidence", "置信度", "Confidence"), ("state", "核查", "Review"), _REGION, ("camera", "摄像机", "Camera"),
    ("source", "来源", "Source"), ("counted", "误报", "Refuted"),
)  # fmt: skip
_CASE: tuple[Column, ...] = (
    ("number", "编号", "Number"), ("title", "标题", "Title"), ("urgency", "紧急程度", "Urgency"),
    ("stage", "环节", "Stage"), _REGION, ("opened_at", "立案", "Opened"), ("responded_at", "响应", "Answered"),
    ("minutes", "响应（分钟）", "Response, min"), ("due_at", "应办结", "Due"), ("closed_at", "办结", "Closed"),
    ("department", "主责部门", "Department"), _COUNTED,
)  # fmt: skip
_LATEST: tuple[Column, ...] = (
    _NAME, ("property", "指标项", "Property"), ("value", "值", "Value"), ("unit", "单位", "Unit"),
    ("observed_at", "观测时间", "Observed"), _REGION, ("source", "来源", "Source"),
)  # fmt: skip
_SOURCE: tuple[Column, ...] = (
    _NAME, ("state", "状态", "State"), ("heard_at", "最近到达", "Last heard"),
    ("interval_s", "上报间隔（秒）", "Interval, s"),
    ("received", "收到", "Received"), ("rejected", "拒收", "Rejected"), ("owner", "负责方", "Owner"), _COUNTED,
)  # fmt: skip

_DAY = {"start": _SQL("%(day)s"), "end": _SQL("%(now)s")}


_DEVICES = Listing(
    _DEVICE,
    _SQL("'device:' || d.device_id AS key, d.name, d.kind, d.status, d.status_at AS since, {}, d.source").format(
        _region("d")
    ),
    _SQL("device d"),
    "d",
    q.DEVICE_COUNTED,
    _SQL("(d.status = 'online'), d.status_at DESC NULLS LAST, d.device_id"),
    "device.view",
    _SQL("(d.status = 'online')"),
)
_EVENTS = Listing(
    _EVENT,
    _SQL("'event:' || e.event_id AS key, e.occurred_at, e.title, e.urgency, e.status, {}, e.address, e.source").format(
        _region("e")
    ),
    _SQL("event e"),
    "e",
    _SQL("{} AND e.occurred_at >= %(day)s AND e.occurred_at <= %(now)s").format(q.EVENT_COUNTED),
    _SQL("e.occurred_at DESC, e.event_id DESC"),
    "event.view",
)
_CASE_SELECT = _SQL(
    """'case:' || k.case_id AS key, k.number, k.title, k.urgency, k.stage, {}, k.opened_at, k.responded_at,
    round((extract(epoch FROM k.responded_at - k.opened_at) / 60.0)::numeric, 1)::float8 AS minutes,
    k.total_due_at AS due_at, k.closed_at, k.department"""
).format(_region("k"))
_CASES_OPEN = Listing(
    _CASE[:-1],
    _CASE_SELECT,
    _SQL("cases k"),
    "k",
    _SQL("{} AND {}").format(q.CASE_COUNTED, q.CASE_OPEN),
    _SQL(
        "CASE k.urgency WHEN 'critical' THEN 0 WHEN 'urgent' THEN 1 ELSE 2 END,"
        " k.total_due_at NULLS LAST, k.case_id DESC"
    ),
    "case.view",
)
_CASES_DUE = replace(
    _CASES_OPEN,
    columns=_CASE,
    where=_SQL("{} AND ({})").format(q.CASE_COUNTED, q.CASE_DUE.format(**_DAY)),
    counted=_SQL("coalesce({}, false)").format(q.CASE_KEPT.format(**_DAY)),
    order=_SQL("coalesce({}, false), k.total_due_at NULLS LAST, k.case_id DESC").format(q.CASE_KEPT.format(**_DAY)),
)
_CASES_ANSWERED = replace(
    _CASES_OPEN,
    where=_SQL("{} AND {}").format(q.CASE_COUNTED, q.CASE_ANSWERED.format(**_DAY)),
    order=_SQL("k.responded_at - k.opened_at DESC, k.case_id DESC"),
)
_READING = Listing(
    _LATEST,
    _SQL("'device:' || d.device_id AS key, d.name, ds.property, t.value, ds.unit, t.observed_at, {}, d.source").format(
        _region("ds")
    ),
    _SQL("datastream ds JOIN device d USING (device_id) JOIN latest t USING (datastream_id)"),
    "ds",
    _SQL("{} AND {}").format(readings.LATEST_COUNTED, readings.LATEST_ALIVE),
    _SQL("t.value DESC, ds.datastream_id"),
    "device.view",
)
_AIR = replace(
    _READING,
    where=_SQL(
        "{} AND t.observed_at > %(now)s - interval '1 hour' AND t.observed_at <= %(now)s AND t.quality <= 1"
    ).format(readings.AIR_STREAMS),
    order=_SQL("d.name, ds.property, ds.datastream_id"),
)
_RATINGS = Listing(
    (
        ("number", "编号", "Number"), ("title", "标题", "Title"), ("rating", "满意度", "Rating"),
        ("rated_at", "评价", "Rated"), ("repaired_at", "整改", "Repaired"), _REGION,
        ("department", "主责部门", "Department"), _COUNTED,
    ),
    _SQL("'case:' || k.case_id AS key, k.number, k.title, r.rating, r.at AS rated_at, r.repaired_at, {}, k.department")
    .format(_region("k")),
    _SQL("case_rating r JOIN cases k USING (case_id)"),
    "k",
    rated.RATED,
    _SQL("{}, r.at, k.case_id").format(rated.REPAIRED),
    "case.view",
    rated.REPAIRED,
)  # fmt: skip
# The overdue ones of a grid cell first; they are what is counted.
_CASES_CELL = replace(
    _CASES_OPEN,
    columns=_CASE,
    where=grid_counts.CASES_OF,
    counted=_SQL("coalesce({}, false)").format(grid_counts.OVERDUE),
    order=_SQL("k.due_at NULLS LAST, k.case_id DESC"),
)
_K = sql.Identifier("k")
_TOPIC_STATES: Mapping[str, sql.Composable] = {
    "open": topics.OPEN.format(a=_K),
    "overdue": topics.OVERDUE.format(a=_K),
    "closed": topics.CLOSED.format(a=_K),
}
_CASES_MONTH = replace(
    _CASES_OPEN,
    columns=_CASE,
    where=_SQL("{} AND {}").format(loop.ACCEPTED, loop.OPENED_MONTH),
    counted=loop.CLOSED_BY_NOW,
    order=_SQL("{}, k.total_due_at NULLS LAST, k.case_id DESC").format(loop.CLOSED_BY_NOW),
)
_CASES_CLOSED = replace(
    _CASES_OPEN,
    where=_SQL("{} AND {}").format(loop.ACCEPTED, loop.CLOSED_MONTH),
    order=_SQL("k.closed_at - k.opened_at DESC, k.case_id DESC"),
)
_CASES_CROSS = replace(_CASES_CLOSED, where=_SQL("{} AND {}").format(_CASES_CLOSED.where, loop.CROSS))
_CASES_ALERT = replace(
    _CASES_MONTH,
    where=_SQL("{} AND {}").format(loop.ALERT, loop.OPENED_MONTH),
    counted=loop.IN_TIME,
    order=_SQL("{}, k.responded_at - k.opened_at DESC NULLS FIRST, k.case_id DESC").format(loop.IN_TIME),
)
_INCIDENTS = replace(
    _CASES_OPEN,
    select=_SQL(
        "'case:' || k.case_id AS key, k.number, k.title, k.urgency, k.stage, {}, k.opened_at, i.responded_at,"
        " round((extract(epoch FROM i.responded_at - k.opened_at) / 60.0)::numeric, 1)::float8 AS minutes,"
        " k.total_due_at AS due_at, k.closed_at, k.department"
    ).format(_region("k")),
    table=_SQL("incident i JOIN cases k USING (case_id)"),
    where=_SQL("{} AND {}").format(emergency.RESPONDED, emergency.IN_MONTH),
    order=_SQL("i.responded_at - k.opened_at DESC, k.case_id DESC"),
)
_CASE_LISTS: Mapping[str, Listing] = {
    "open": _CASES_OPEN,
    "due_today": _CASES_DUE,
    "answered_today": _CASES_ANSWERED,
    "opened_month": _CASES_MONTH,
    "closed_month": _CASES_CLOSED,
    "cross_month": _CASES_CROSS,
    "critical_month": _CASES_ALERT,
    "incident_month": _INCIDENTS,
}


# The month of `events_month`: its conditions are formed in the list's own copy, so that number and list agree.
_EVENTS_MONTH = replace(
    _EVENTS,
    columns=_MONTH,
    select=_SQL(
        "'event:' || e.event_id AS key, e.occurred_at, e.title, e.suspected, e.status, {}, e.address, e.source,"
        " coalesce((SELECT n.zh FROM dictionary_now n WHERE n.dict = 'category.' || e.category_scheme"
        " AND n.code = e.category_code), (SELECT n.zh FROM dictionary_now n WHERE n.dict = 'detection_type'"
        " AND n.code = e.attributes ->> 'algorithm')) AS kind"
    ).format(_region("e")),
)
_DETECTIONS = Listing(
    _DETECTION,
    _SQL(
        "coalesce('event:' || x.event_id, 'detection:' || x.detection_id) AS key, x.occurred_at,"
        " x.report ->> 'title' AS title, coalesce((SELECT n.zh FROM dictionary_now n"
        " WHERE n.dict = 'detection_type' AND n.code = x.algorithm), x.algorithm) AS kind,"
        " round(x.confidence::numeric, 2)::float8 AS confidence, x.state, {},"
        " coalesce(x.national_id, x.camera) AS camera, x.source"
    ).format(_region("x")),
    _SQL("detection x"),
    "x",
    _SQL("x.state IN ('confirmed', 'refuted') AND x.occurred_at >= %(month)s AND x.occurred_at <= %(now)s"),
    _SQL("(x.state = 'refuted'), x.occurred_at DESC, x.detection_id DESC"),
    "event.view",
    _SQL("(x.state = 'refuted')"),
)


def _events(params: Mapping[str, str]) -> tuple[Listing, dict[str, Any]]:
    if "grid" in params:
        return replace(_EVENTS, where=grid_counts.EVENTS_OF), _cell(params)
    if "topic" in params:
        return replace(_EVENTS, where=topics.REPORTS.format(a=sql.Identifier("e"))), {}
    if params.get("period") != "month":
        return _EVENTS, {}
    count = params.get("count", "all")
    if count not in by_month.MONTH_COUNTED:
        raise Invalid(reasons=[Reason("count", "unknown", "未知的列表", "unknown list", count)])
    where = _SQL("{} AND {} AND e.occurred_at >= %(month)s AND e.occurred_at <= %(now)s").format(
        by_month.MONTH_COUNTED[count], by_month.KIND
    )
    return replace(_EVENTS_MONTH, where=where), {"kind": params.get("kind", "")}


def _cell(params: Mapping[str, str]) -> dict[str, Any]:
    """Parameters of a list of one grid cell. Raises Invalid."""
    cell = params["grid"]
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 18):
        raise Invalid(reasons=[Reason("grid", "unknown", "未知的网格", "unknown grid cell", cell[:40])])
    return {"grid": int(cell)}


def _devices(params: Mapping[str, str]) -> tuple[Listing, dict[str, Any]]:
    return _DEVICES, {"class": params.get("class", "camera")}


def _cases(params: Mapping[str, str]) -> tuple[Listing, dict[str, Any]]:
    if "grid" in params:
        return _CASES_CELL, _cell(params)
    state = params.get("state", "open")
    if "topic" in params and state in _TOPIC_STATES:
        return replace(_CASES_CELL, where=_TOPIC_STATES[state]), {}
    if state not in _CASE_LISTS:
        raise Invalid(reasons=[Reason("state", "unknown", "未知的列表", "unknown list", state)])
    return _CASE_LISTS[state], {"flow": params.get("flow", "")}


_ALARMS = Listing(
    (("raised_at", "触发时间", "Raised"), ("rule", "规则", "Rule"), _NAME, ("priority", "级别", "Priority"),
     ("state", "状态", "State"), _REGION),
    _SQL("'alarm:' || a.alarm_id AS key, a.raised_at, a.rule_key AS rule, a.priority, a.state, {},"
         " (SELECT d.name FROM device d WHERE d.device_id = a.device_id) AS name").format(_region("a")),
    _SQL("alarm a"),
    "a",
    _SQL("a.hold = '' AND EXISTS (SELECT FROM alarm_journal j WHERE j.alarm_id = a.alarm_id"
         " AND j.entry IN ('raise', 'realarm') AND j.recorded_at > %(now)s - interval '10 min')"),
    _SQL("a.raised_at DESC, a.alarm_id DESC"),
    "alarm.view",
)  # fmt: skip

_LISTS: Mapping[str, Callable[[Mapping[str, str]], tuple[Listing, dict[str, Any]]]] = {
    "devices": _devices,
    "events": _events,
    "detections": lambda params: (_DETECTIONS, {}),
    "cases": _cases,
    "ratings": lambda params: (_RATINGS, {"bad": BAD}),
    "alarms": lambda params: (_ALARMS, {}),
    "latest": lambda params: (_READING, readings.latest_params(params)),
    "air": lambda params: (_AIR, readings.air_params(params)),
    **command.LISTS,
}


def records(
    store: Store, scope: Scope, region: str, query: str, offset: int, limit: int, now: dt.datetime, settings: Settings
) -> dict[str, Any]:
    """{total, counted, offset, columns: [{key, zh, en}], rows, as_of}. Raises Forbidden, NotFound, Invalid."""
    name, _, rest = query.partition("?")
    params = dict(parse_qsl(rest))
    offset, limit = max(0, offset), min(max(1, limit), LIMIT_MAX)
    if name == "sources":
        return _sources(store, scope, offset, limit, now)
    if name not in _LISTS:
        raise Invalid(reasons=[Reason("query", "unknown", "未知的列表", "unknown list", name)])
    listing, own = _LISTS[name](params)
    scope.require(listing.permission)
    ids = Regions.of(store).ids(scope, params.get("region") or region)
    ask = Ask(now, settings.tz, ()).common() | by_month.month_bounds(now, settings.tz)
    ask |= {"month_ago": now - colours.PERIOD, "since": now - colours.PERIOD, "year": now - YEAR}
    with store.scoped(scope) as conn:
        if "topic" in params:
            more, codes = topics.predicate(conn, listing.alias, params["topic"])
            listing, own = replace(listing, where=_SQL("({}) AND {}").format(listing.where, more)), {**own, **codes}
        return _page(conn, scope, listing, ids, params.get("part", ""), {**ask, **own}, offset, limit)


def _page(
    conn: Conn,
    scope: Scope,
    listing: Listing,
    ids: Sequence[int] | None,
    part: str,
    params: dict[str, Any],
    offset: int,
    limit: int,
) -> dict[str, Any]:
    seen, scoped = (_NONE, {}) if listing.inside is not None else visible(scope, listing.alias)
    within = listing.inside or _SQL("{} = ANY (%(ids)s)").format(sql.Identifier(listing.alias, "region_id"))
    inside = _NONE if ids is None else within
    where = _SQL("{} AND {} AND ({})").format(seen, inside, listing.where)
    side = {"counted": listing.counted, "rest": _SQL("NOT {}").format(listing.counted)}.get(part, _NONE)
    values = {**params, **scoped, "ids": None if ids is None else list(ids), "offset": offset, "limit": limit}
    count = conn.execute(
        _SQL("SELECT count(*) AS total, count(*) FILTER (WHERE {}) AS counted FROM {} WHERE {} AND {}").format(
            listing.counted, listing.table, where, side
        ),
        values,
    ).fetchone()
    rows = conn.execute(
        _SQL("SELECT {}, {} AS counted FROM {} WHERE {} AND {} ORDER BY {} OFFSET %(offset)s LIMIT %(limit)s").format(
            listing.select, listing.counted, listing.table, where, side, listing.order
        ),
        values,
    ).fetchall()
    total, counted = (count["total"], count["counted"]) if count else (0, 0)
    return _answer(listing.columns, rows, total, counted, offset, params["now"])


def _sources(store: Store, scope: Scope, offset: int, limit: int, now: dt.datetime) -> dict[str, Any]:
    scope.require("source.view")
    with store.scoped(scope) as conn:
        rows = conn.execute(readings.SOURCE_SELECT).fetchall()
    out: list[dict[str, Any]] = [
        {
            "key": "source:" + r["source_key"],
            "name": r["title"],
            "state": r["state"],
            "heard_at": max((t for t in (r["last_seen_at"], r["last_data_at"]) if t), default=None),
            "interval_s": r["interval_s"],
            "received": r["received"],
            "rejected": r["rejected"],
            "owner": r["owner"],
            "counted": readings.source_in_order(r, now),
        }
        for r in rows
    ]
    out.sort(key=lambda r: (r["counted"], r["name"]))
    good = sum(r["counted"] for r in out)
    return _answer(_SOURCE, out[offset : offset + limit], len(out), good, offset, now)


def _answer(
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Any]],
    total: int,
    counted: int,
    offset: int,
    now: dt.datetime,
) -> dict[str, Any]:
    return {
        "total": total,
        "counted": counted,
        "offset": offset,
        "columns": [{"key": k, "zh": zh, "en": en} for k, zh, en in columns],
        "rows": [dict(r) for r in rows],
        "as_of": now,
    }
