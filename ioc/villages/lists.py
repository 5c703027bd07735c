"""The list behind each number of the village page, a page at a time. Shape of `Services.records`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from ioc.scope import Scope
from ioc.store import Conn, villages
from ioc.store.where import visible
from ioc.villages import figures

PAGE = 20


@dataclass(frozen=True, slots=True)
class _List:
    """`query` has {seen} and {inside}; its rows have `key`, and `total` of all pages."""

    right: str
    columns: tuple[tuple[str, str, str], ...]
    alias: str
    query: LiteralString


_REGION = ("region", "所在区划", "Region")
_LISTS: Mapping[str, _List] = {
    "devices": _List(
        "device.view",
        (("name", "名称", "Name"), ("kind", "种类", "Kind"), ("status", "状态", "State"),
         ("since", "状态始于", "Since"), _REGION, ("source", "来源", "Source")),
        "d",
        "SELECT 'device:' || d.device_id AS key, d.name, coalesce(k.zh, d.kind) AS kind, d.status,"
        " d.status_at AS since, r.name AS region, d.source, count(*) OVER ()::int AS total FROM device d"
        " LEFT JOIN region r USING (region_id)"
        " LEFT JOIN dictionary_now k ON k.dict = 'device_kind' AND k.code = d.kind"
        " WHERE d.class <> 'gateway' AND (%(what)s = '' OR d.kind = %(what)s) AND {inside} AND {seen}"
        " ORDER BY (d.status = 'online'), d.name, d.device_id LIMIT %(limit)s OFFSET %(offset)s",
    ),
    "resources": _List(
        "resource.view",
        (("name", "名称", "Name"), ("kind", "种类", "Kind"), ("address", "地址", "Address"), _REGION,
         ("source", "来源", "Source")),
        "s",
        "SELECT 'resource:' || s.resource_id AS key, s.name, coalesce(k.zh, s.kind) AS kind, s.address,"
        " r.name AS region, s.source, count(*) OVER ()::int AS total FROM resource s"
        " LEFT JOIN region r USING (region_id)"
        " LEFT JOIN dictionary_now k ON k.dict = 'resource_kind' AND k.code = s.kind"
        " WHERE (%(what)s = '' OR s.kind = %(what)s) AND {inside} AND {seen}"
        " ORDER BY s.name, s.resource_id LIMIT %(limit)s OFFSET %(offset)s",
    ),
    "cases": _List(
        "case.view",
        (("number", "编号", "Number"), ("title", "标题", "Title"), ("urgency", "紧急程度", "Urgency"),
         ("opened_at", "登记", "Opened"), ("closed_at", "办结", "Closed"), _REGION),
        "c",
        "SELECT 'case:' || c.case_id AS key, c.number, c.title, c.urgency, c.opened_at, c.closed_at,"
        " r.name AS region, count(*) OVER ()::int AS total FROM cases c LEFT JOIN region r USING (region_id)"
        " WHERE (CASE WHEN %(what)s = 'open' THEN c.closed_at IS NULL AND c.ended = ''"
        " ELSE c.opened_at >= %(since)s AND (%(what)s = '' OR c.flow = %(what)s) END)"
        " AND {inside} AND {seen} ORDER BY c.opened_at DESC, c.case_id DESC LIMIT %(limit)s OFFSET %(offset)s",
    ),
    "events": _List(
        "event.view",
        (("occurred_at", "发生时间", "Occurred"), ("title", "标题", "Title"), ("urgency", "紧急程度", "Urgency"),
         ("status", "状态", "State"), ("address", "地点", "Place"), _REGION),
        "e",
        "SELECT 'event:' || e.event_id AS key, e.occurred_at, e.title, e.urgency, e.status, e.address,"
        " r.name AS region, count(*) OVER ()::int AS total FROM event e LEFT JOIN region r USING (region_id)"
        " WHERE e.status <> 'void' AND e.occurred_at >= %(since)s"
        " AND (%(what)s = '' OR e.suspected = (%(what)s = 'suspected')) AND {inside} AND {seen}"
        " ORDER BY e.occurred_at DESC, e.event_id DESC LIMIT %(limit)s OFFSET %(offset)s",
    ),
}  # fmt: skip
_FIGURES = (("region", "村（社区）", "Village"), ("value", "数值", "Value"), ("as_of", "统计日期", "As of"),
            ("source", "来源", "Source"))  # fmt: skip


def listed(
    conn: Conn, scope: Scope, ids: Sequence[int] | None, name: str, offset: int, now: dt.datetime
) -> dict[str, Any] | None:
    """`name` is `devices:KIND`, `resources:KIND`, `cases:FLOW|open`, `events:verified|suspected`, `people:ITEM`,
    `services:ITEM`, each also without what follows the colon; None for anything else, and for a missing right.
    """
    which, _, what = name.partition(":")
    if which in ("people", "services"):
        return _of_figures(conn, scope, ids, name, "people" if which == "people" else "service", what, offset)
    found = _LISTS.get(which)
    if found is None or not scope.can(found.right) or "\x00" in what:
        return None
    seen, params = visible(scope, found.alias)
    inside = sql.SQL("true" if ids is None else f"{found.alias}.region_id = ANY (%(ids)s)")  # pyright: ignore
    given = {"ids": list(ids or ()), "what": what, "since": now - villages.PERIOD, "limit": PAGE, "offset": offset}
    query = sql.SQL(found.query).format(seen=seen, inside=inside)
    rows = conn.execute(query, {**params, **given}).fetchall()
    total = int(rows[0]["total"]) if rows else 0
    said = [{k: v for k, v in r.items() if k != "total"} for r in rows]
    return {
        "name": name, "total": total, "offset": offset, "columns": _columns(found.columns),
        "rows": _titled(conn, said),
    }  # fmt: skip


def _titled(conn: Conn, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sources by their titles instead of their keys."""
    named = {r["source"]: villages.titles(conn, [r["source"]])[0] for r in rows if "source" in r}
    return [{**r, "source": named[r["source"]]} if "source" in r else r for r in rows]


def _columns(columns: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    return [{"key": key, "title": {"zh": zh, "en": en}} for key, zh, en in columns]


def _of_figures(
    conn: Conn, scope: Scope, ids: Sequence[int] | None, name: str, section: str, what: str, offset: int
) -> dict[str, Any] | None:
    """Each village's own value of one item (of all, without one), small counts of people withheld."""
    if not scope.can("map.view"):
        return None
    rows: list[dict[str, Any]] = []
    for r in villages.figures(conn, scope, ids, section):
        if what and r["item"] != what:
            continue
        said = figures.shown(r["value"]) if section == "people" else figures.Shown(r["value"])
        value: Any = f"<{figures.LEAST}" if said.withheld else said.value
        rows.append({"region": r["name"], "item": r["item"], "value": value, "as_of": r["as_of"].isoformat(),
                     "source": r["source"]})  # fmt: skip
    columns = _FIGURES if what else (_FIGURES[0], ("item", "项目", "Item"), *_FIGURES[1:])
    return {"name": name, "total": len(rows), "offset": offset, "columns": _columns(columns),
            "rows": _titled(conn, rows[offset : offset + PAGE])}  # fmt: skip
