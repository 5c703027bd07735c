"""Thematic layers: what a department's file became. Each row of `thematic_layer` acts as a map layer, without code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from psycopg import sql

from ioc.declare import IconMarks, Layer, Outline, SmallMarks
from ioc.errors import NotFound
from ioc.i18n import Text
from ioc.scope import Scope
from ioc.store.pool import Conn

PREFIX = "thematic-"
Row = Mapping[str, Any]


def _shown(scope: Scope) -> tuple[sql.SQL, dict[str, Any]]:
    """Layers the scope may see as such; the same rule as for rows, without a region."""
    departments = None if scope.departments is None else sorted(scope.departments)
    return (
        sql.SQL(
            "t.sensitivity <= %(t_sensitivity)s"
            " AND (coalesce(t.private_to, '') = '' OR %(t_departments)s::text[] IS NULL"
            " OR t.private_to = ANY (%(t_departments)s::text[]))"
        ),
        {"t_sensitivity": scope.sensitivity, "t_departments": departments},
    )


def rows(conn: Conn, scope: Scope) -> Sequence[Row]:
    """Thematic layers the scope may see, those that make up the base map left out, by theme and title."""
    shown, params = _shown(scope)
    query = sql.SQL("SELECT t.* FROM thematic_layer t WHERE t.base_role IS NULL AND {} ORDER BY t.theme, t.title")
    return conn.execute(query.format(shown), params).fetchall()


def find(conn: Conn, scope: Scope, key: str) -> Row:
    """The row with `key` (without prefix). Raises NotFound, also for a layer beyond the scope."""
    shown, params = _shown(scope)
    query = sql.SQL("SELECT t.* FROM thematic_layer t WHERE t.key = %(key)s AND {}")
    row = conn.execute(query.format(shown), {**params, "key": key}).fetchone() if key.isprintable() else None
    if row is None:
        raise NotFound(f"图层 {PREFIX}{key}", f"layer {PREFIX}{key}")
    return row


def as_layer(row: Row, pattern: Layer) -> Layer:
    """The row as a declaration; `pattern` (layers/thematic.py) gives what a row does not say."""
    style: Mapping[str, Any] = row["style"] or {}
    min_zoom = float(style.get("min_zoom", 0))
    label = str(style.get("label", ""))
    outline = Outline(min_zoom=min_zoom, label=label or "name", label_zoom=16, fill=bool(style.get("fill")))
    point = row["geometry"] == "point"
    marks = SmallMarks(hollow="", inverted="") if point else outline
    detail = IconMarks(icon=str(style.get("icon", "pin")), label=label) if point else outline
    return replace(
        pattern,
        key=PREFIX + row["key"],
        title=Text(row["title"], row["title_en"] or row["title"]),
        theme=Text(row["theme"], row["theme"]),
        geometry=row["geometry"],
        icon=str(style.get("icon", pattern.icon)),
        where={"layer_id": row["layer_id"]},
        overview=marks if min_zoom <= 11 else None,
        counts=marks if min_zoom <= 13 else None,
        marks=marks,
        detail=detail,
        interval=dt.timedelta(seconds=row["interval_s"]),
    )


def resolve(conn: Conn, scope: Scope, layers: Mapping[str, Layer], key: str) -> Layer:
    """A declared layer, or a thematic one, with its permission checked. Raises NotFound or Forbidden."""
    pattern = layers.get("thematic")
    if key.startswith(PREFIX) and pattern is not None:
        scope.require(pattern.permission)
        return as_layer(find(conn, scope, key.removeprefix(PREFIX)), pattern)
    layer = layers.get(key)
    if layer is None or layer.query == "thematic":
        raise NotFound(f"图层 {key}", f"layer {key}")
    scope.require(layer.permission)
    return layer


def resolve_many(conn: Conn, scope: Scope, layers: Mapping[str, Layer], keys: Sequence[str]) -> list[Layer]:
    """Those of `keys` that exist and that the scope may see, each once, in the order given."""
    made = {PREFIX + row["key"]: row for row in rows(conn, scope)} if any(k.startswith(PREFIX) for k in keys) else {}
    pattern = layers.get("thematic")
    out: list[Layer] = []
    for key in dict.fromkeys(keys):
        layer = layers.get(key)
        if pattern is not None and key in made:
            layer = as_layer(made[key], pattern)
        if layer is not None and (layer.query != "thematic" or layer.where) and scope.can(layer.permission):
            out.append(layer)
    return out
