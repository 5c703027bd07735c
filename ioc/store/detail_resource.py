"""The panel of one emergency resource: what it is and carries, where it is now, whom it serves, what it has free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.command.figures import BEDS
from ioc.scope import INTERNAL
from ioc.store import detail_parts as parts
from ioc.store.detail_parts import Asked, Part, Row, field
from ioc.store.resources import LIVE_FOR

# The newest position stands for the place as long as it may (`LIVE_FOR`); its scope is the resource's own.
_QUERY = (
    "SELECT r.*, ST_X(coalesce(l.geom, r.geom)) AS lon, ST_Y(coalesce(l.geom, r.geom)) AS lat,"
    " l.observed_at AS position_at, l.speed_kmh, k.zh, k.en, v.zh AS v_zh, v.en AS v_en, f.what, f.figures,"
    " f.observed_at AS figures_at FROM resource r"
    " LEFT JOIN resource_live l ON l.resource_id = r.resource_id AND l.observed_at > %(since)s"
    " LEFT JOIN resource_capacity f ON f.resource_id = r.resource_id"
    " LEFT JOIN dictionary_now k ON k.dict = 'resource_kind' AND k.code = r.kind"
    " LEFT JOIN dictionary_now v ON v.dict = 'vehicle_class' AND v.code = r.vehicle_class"
    " WHERE r.resource_id = %(id)s AND {seen}"
)


def resource(asked: Asked, name: str) -> Part:
    row = parts.one_row(asked, _QUERY, "r", name, since=asked.now - LIVE_FOR)
    fields = [field("kind", parts.named(row, row["kind"])), *_capacity(row), *_force(row), *_figures(row)]
    fields += [field("address", row["address"]), field("owner", row["owner_department"]), *parts.place_field(row)]
    fields += parts.attributes(row, asked.scope)
    if asked.scope.sensitivity >= INTERNAL:
        fields.append(field("contact", row["contact"]))
    newest = max((t for t in (row["observed_at"], row["position_at"]) if t is not None), default=None)
    return {
        **parts.common(asked, row, row["name"]),
        "number": row["external_id"],
        "icon": "shield",
        "status": {"code": row["status"], "text": parts.word(asked.conn, "resource_status", row["status"])},
        "source": parts.source_of(asked.conn, row["source"], newest, None),
        "fields": fields,
        "officers": parts.officers_at(asked, row["lon"], row["lat"]),
        "cameras": parts.cameras_near(asked, row["lon"], row["lat"]),
    }


def _capacity(row: Row) -> list[Part]:
    return [
        {"label": {"zh": k, "en": k}, "value": v}
        for k, v in (row["capacity"] or {}).items()
        if not isinstance(v, dict | list)
    ]


def _force(row: Row) -> list[Part]:
    """People, vehicle, what it carries, where it was last heard of and which incident has it."""
    out: list[Part] = []
    if row["people"] is not None:
        out.append(field("force_people", row["people"]))
    if row["vehicle_class"]:
        word = {"zh": row["v_zh"] or row["vehicle_class"], "en": row["v_en"] or row["vehicle_class"]}
        out.append(field("force_vehicle", word))
    if row["carried"]:
        out.append(field("force_carried", "；".join(carried_word(c) for c in row["carried"])))
    if row["position_at"] is not None:
        out.append(field("force_position", row["position_at"]))
    if row["status_at"] is not None:
        out.append(field("force_since", row["status_at"]))
    if row["case_id"] is not None:
        out.append(field("force_case", f"#{row['case_id']}", sel=f"case:{row['case_id']}"))
    return out


def carried_word(item: Mapping[str, Any]) -> str:
    """液压破拆器 ×2."""
    amount = item.get("amount")
    return str(item["name"]) if amount is None else f"{item['name']} ×{amount}{item.get('unit') or ''}"


def _figures(row: Row) -> list[Part]:
    if row["figures"] is None:
        return []
    free, total = row["figures"].get("free"), row["figures"].get("total")
    if row["what"] == "places":
        said = {"zh": f"空余 {free} / {total if total is not None else '—'}",
                "en": f"{free} free of {total if total is not None else '—'}"}  # fmt: skip
    else:
        kinds = [k for k in BEDS if k in (free or {})]
        said = {
            "zh": "，".join(f"{BEDS[k][0]} {free[k]}/{(total or {}).get(k, '—')}" for k in kinds) or "—",
            "en": ", ".join(f"{BEDS[k][1]} {free[k]}/{(total or {}).get(k, '—')}" for k in kinds) or "—",
        }
    return [field("force_figures", said), field("force_figures_at", row["figures_at"])]
