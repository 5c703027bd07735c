"""What the panel of a building says: use, floors, height and how it is known, dwellings."""

from __future__ import annotations

from ioc.store import detail_parts as parts
from ioc.store.detail_parts import Asked, Part, field


def building(asked: Asked, name: str) -> Part:
    row = parts.one_row(
        asked,
        "SELECT b.*, ST_X(ST_PointOnSurface(b.geom)) AS lon, ST_Y(ST_PointOnSurface(b.geom)) AS lat, k.zh, k.en"
        " FROM building b LEFT JOIN dictionary_now k ON k.dict = 'building_use' AND k.code = b.use"
        " WHERE b.building_id = %(id)s AND b.retired_at IS NULL AND {seen}",
        "b",
        name,
    )
    fields: list[Part] = []
    if row["use"]:
        fields.append(field("kind", parts.named(row, row["use"])))
    if row["floors"] is not None:
        fields.append(field("floors", row["floors"]))
    if row["height_m"] is not None:
        known_by = "height" if row["height_from"] == "given" else "height_by_floors"
        fields.append(field(known_by, f"{row['height_m']:g}", "m"))
    if row["dwellings"] is not None:
        fields.append(field("dwellings", row["dwellings"]))
    fields += [field("footprint", round(row["area_m2"]), "m²"), field("as_of", row["as_of"])]
    if row["address"]:
        fields.append(field("address", row["address"]))
    return {
        **parts.common(asked, row, row["name"] or row["code"]),
        "number": row["code"],
        "icon": "home",
        "fields": [*fields, *parts.place_field(row)],
    }
