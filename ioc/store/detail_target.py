"""The panel of one sensitive target: what it is, who is inside, what it holds, how it was last found."""

from __future__ import annotations

from typing import Any

from ioc.command import occupancy
from ioc.scope import INTERNAL
from ioc.store import detail_parts as parts
from ioc.store.detail_parts import Asked, Part, Row, both, field

_QUERY = (
    "SELECT t.*, ST_X(t.spot) AS lon, ST_Y(t.spot) AS lat, k.zh, k.en, k.attributes AS of_kind FROM target t"
    " LEFT JOIN dictionary_now k ON k.dict = 'target_kind' AND k.code = t.kind WHERE t.target_id = %(id)s AND {seen}"
)
_LEVELS = {1: ("一级", "level 1"), 2: ("二级", "level 2"), 3: ("三级", "level 3"), 4: ("四级", "level 4")}


def target(asked: Asked, name: str) -> Part:
    row = parts.one_row(asked, _QUERY, "t", name)
    of_kind: dict[str, Any] = row["of_kind"] or {}
    fields = [field("kind", parts.named(row, row["kind"]))]
    if of_kind.get("class"):
        fields.append(field("target_class", of_kind["class"]))
    if row["level"]:
        zh, en = _LEVELS[row["level"]]
        fields.append(field("target_level", {"zh": zh, "en": en}))
    fields += _people(row, asked)
    fields += _health(row, of_kind)
    if asked.scope.sensitivity >= INTERNAL:
        fields += _enterprise(row)
    fields += [field("address", row["address"]), *parts.place_field(row), *parts.attributes(row, asked.scope)]
    if row["removed_at"] is not None:
        fields.append(field("target_removed", row["removed_at"]))
    return {
        **parts.common(asked, row, row["name"]),
        "number": row["external_id"],
        "icon": of_kind.get("icon", "warn"),
        "source": parts.source_of(asked.conn, row["source"], row["updated_at"], None),
        "fields": fields,
        "officers": parts.officers_at(asked, row["lon"], row["lat"]),
        "cameras": parts.cameras_near(asked, row["lon"], row["lat"]),
    }


def _people(row: Row, asked: Asked) -> list[Part]:
    if row["headcount"] is None and not row["occupied"]:
        return []
    state = occupancy.presence(occupancy.of(row["occupied"]), asked.now, asked.tz)
    head = "—" if row["headcount"] is None else row["headcount"]
    return [field("target_headcount", head), field("target_presence", both(f"detail.target_{state}"))]


def _health(row: Row, of_kind: dict[str, Any]) -> list[Part]:
    """LIF-01: score, threshold and trend; unknown when nobody measured."""
    if row["health"] is None:
        return [field("target_health", both("detail.target_health_unknown"))] if of_kind.get("health") else []
    out = [field("target_health", row["health"])]
    if row["health_limit"] is not None:
        out.append(field("target_health_limit", row["health_limit"]))
    if row["health_trend"]:
        out.append(field("target_health_trend", both(f"detail.target_{row['health_trend']}")))
    if row["health_on"]:
        out.append(field("target_health_on", row["health_on"].isoformat()))
    return out


def _enterprise(row: Row) -> list[Part]:
    """企业详情分级授权 (EMG-04), inspections (EMG-05)."""
    out = [field("owner", row["owner"])] if row["owner"] else []
    if row["material"]:
        out.append(field("target_material", row["material"]))
    if row["stock_t"] is not None:
        out.append(field("target_stock", row["stock_t"], "t"))
    if row["inspected_on"]:
        out.append(field("target_inspected", row["inspected_on"].isoformat()))
    if row["hazards_open"] is not None:
        out.append(field("target_hazards", row["hazards_open"]))
    if row["contact"]:
        out.append(field("contact", row["contact"]))
    return out
