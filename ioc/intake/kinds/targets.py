"""Sensitive targets (敏感目标): schools, care homes, fuel stations, major hazards, bridges, power lines ..."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ioc.command import occupancy
from ioc.intake import fields
from ioc.intake.columns import COMMON
from ioc.intake.event_input import Reader
from ioc.intake.kinds import Context, Kind, Values
from ioc.intake.reasons import Refuse
from ioc.store.merge import Target
from ioc.store.pool import Conn

T = TypeVar("T")
COLUMNS: Mapping[str, str] = {
    **{k: COMMON[k] for k in ("name", "kind", "lon", "lat", "wkt", "address", "private_to", "sensitivity", "phone")},
    "external_id": f"目标编号|企业编号|{COMMON['external_id']}",
    "officer": "联系人|负责人|责任人|安全负责人|contact|officer",
    "owner": "权属单位|企业名称|所属企业|单位|管理单位|主管单位|owner|company",
    "level": "等级|级别|危险源等级|重大危险源等级|防护等级|level",
    "headcount": "人数|在校人数|在住人数|床位数|容纳人数|headcount|people",
    "hours": "时段|在内时段|上课时间|开放时间|营业时间|hours",
    "days": "星期|开放日|上课日|营业日|days",
    "terms": "学期|学期起止|开放期|terms",
    "material": "物质|危险物质|危化品名称|存储物质|material",
    "stock_t": "储量|存量|最大储量|库存量|storage|stock",
    "inspected_on": "最近检查日期|检查日期|最近检查|inspected_on|inspection",
    "hazards_open": "未整改隐患数|隐患数|隐患|hazards_open|hazards",
    "health": "健康分|健康指数|健康评分|技术状况评分|health|score",
    "health_limit": "健康阈值|健康限值|health_limit|threshold",
    "health_trend": "健康趋势|趋势|health_trend|trend",
    "health_on": "评定日期|健康评定日期|health_on",
}
TARGET = Target(
    table="target",
    id="target_id",
    key=("source", "external_id"),
    columns={
        "source": "text",
        "external_id": "text",
        "kind": "text",
        "name": "text",
        "address": "text",
        "region_id": "int",
        "owner": "text",
        "contact": "text",
        "level": "smallint",
        "headcount": "int",
        "occupied": "jsonb",
        "material": "text",
        "stock_t": "float8",
        "inspected_on": "date",
        "hazards_open": "int",
        "health": "float8",
        "health_limit": "float8",
        "health_trend": "text",
        "health_on": "date",
        "private_to": "text",
        "sensitivity": "smallint",
        "search": "text",
        "attributes": "jsonb",
        "removed_at": "timestamptz",
    },
    shape="any",
)
_TRENDS = {"改善": "better", "变好": "better", "好转": "better", "better": "better",
           "平稳": "steady", "稳定": "steady", "不变": "steady", "steady": "steady",
           "变差": "worse", "恶化": "worse", "下降": "worse", "worse": "worse"}  # fmt: skip
_OPTIONAL = ("address", "owner", "level", "headcount", "material", "stock_t", "inspected_on", "hazards_open", "health",
             "health_limit", "health_trend", "health_on", "private_to", "sensitivity")  # fmt: skip


def check(r: Reader, context: Context, extra: dict[str, Any]) -> Values | None:
    kind = r.required("kind", lambda v: context.words.find("target_kind", fields.text(v, 100)))
    name = r.required("name", lambda v: fields.text(v, 200))
    external_id = r.optional("external_id", lambda v: fields.text(v, 200), "") or name
    officer = r.optional("officer", lambda v: fields.text(v, 100), "")
    phone = r.optional("phone", lambda v: fields.mask_phone(fields.text(v, 100)), "")
    today = context.rules.now.astimezone(context.rules.tz).date()
    out: Values = {
        "source": context.source,
        "external_id": external_id,
        "name": name,
        "address": r.optional("address", lambda v: fields.text(v, 500), ""),
        "owner": r.optional("owner", lambda v: fields.text(v, 200), ""),
        "contact": " ".join(p for p in (officer, phone) if p),
        "level": r.optional("level", fields.level, None),
        "headcount": r.optional("headcount", lambda v: fields.integer(v, 0, 10_000_000), None),
        "occupied": _occupied(r).as_dict(),
        "material": r.optional("material", lambda v: fields.text(v, 200), ""),
        "stock_t": r.optional("stock_t", lambda v: fields.number(v, 0, 1e9), None),
        "inspected_on": r.optional("inspected_on", lambda v: _day(v, context, today), None),
        "hazards_open": r.optional("hazards_open", lambda v: fields.integer(v, 0, 100_000), None),
        "health": r.optional("health", fields.number, None),
        "health_limit": r.optional("health_limit", fields.number, None),
        "health_trend": r.optional("health_trend", _trend, ""),
        "health_on": r.optional("health_on", lambda v: _day(v, context, today), None),
        "private_to": r.optional("private_to", lambda v: fields.text(v, 100), None),
        "sensitivity": r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), 0),
        "removed_at": None,
    }
    if r.reasons or kind is None:
        return None
    out["kind"] = kind.code
    out["attributes"] = extra
    out["search"] = " ".join(p for p in (name or "", external_id or "", out["owner"], out["address"]) if p)
    return out


def _occupied(r: Reader) -> occupancy.Occupancy:
    return occupancy.Occupancy(
        r.optional("hours", _words(occupancy.hours, "07:30-17:30；全天"), ()),
        r.optional("days", _words(occupancy.days, "周一至周五；每天"), ()),
        r.optional("terms", _words(occupancy.terms, "2026-09-01至2027-01-20"), ()),
    )


def _words(parse: Callable[[str], T], example: str) -> Callable[[Any], T]:
    def read(value: Any) -> T:
        try:
            return parse(fields.text(value, 500))
        except ValueError:
            raise Refuse("bad_words", choices=example) from None

    return read


def _trend(value: Any) -> str:
    found = _TRENDS.get(fields.text(value, 20).lower())
    if found is None:
        raise Refuse("bad_choice", choices="改善、平稳、变差")
    return found


def _day(value: Any, context: Context, today: dt.date) -> dt.date:
    """A past day: an inspection of tomorrow is a slip of the pen."""
    rules = replace(context.rules, past=None)  # however long ago it was
    day = fields.time(value, rules).astimezone(rules.tz).date()
    if day > today:
        raise Refuse("future_time", minutes="0")
    return day


def columns(context: Context) -> Sequence[str]:
    always = ("source", "external_id", "kind", "name", "region_id", "search", "attributes", "removed_at")
    given = [n for n in _OPTIONAL if n in context.present]
    contact = ["contact"] if context.present & {"officer", "phone"} else []
    when = ["occupied"] if context.present & {"hours", "days", "terms"} else []
    return (*always, *given, *contact, *when)


def after(conn: Conn, context: Context) -> None:
    """Who is in the file, for when it is the whole register."""
    context.keys |= {str(r["external_id"]) for r in conn.execute("SELECT external_id FROM stage").fetchall()}


TARGETS_KIND = Kind(
    key="targets",
    fields=COLUMNS,
    place="mixed",
    target=TARGET,
    required=("kind", "name"),
    check=check,
    columns=columns,
    layers=lambda context: ("target",),
    classes=("target",),
    after=after,
    edition="targets",
)
