"""Tiles of regions, warnings and thematic layers."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ioc.scope import SENSITIVE
from ioc.store.attributes import guarded
from ioc.store.tiles.frame import (
    IN_TILE,
    LABELS_FROM,
    POINT,
    SHAPE,
    TOUCHES,
    Statement,
    TileQuery,
    frame,
    narrow,
    on,
    tile,
)  # fmt: skip


def regions(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    allowed = q.region_ids
    if allowed is None and not q.scope.whole:
        allowed = sorted(q.scope.region_ids)
    limit = sql.SQL("true") if allowed is None else sql.SQL("r.region_id = ANY (%(allowed)s)")
    inner = sql.SQL(
        "SELECT {shape} AS geom, r.region_id AS id, r.code, r.name, r.kind AS k, r.sketch::int AS sketch"
        " FROM region r WHERE {touches} AND r.kind = ANY (%(kinds)s) AND {limit}"
    ).format(shape=on(SHAPE, "r"), touches=on(TOUCHES, "r"), limit=limit)
    params = {**frame(q), "kinds": list(q.kinds or ("county", "zone")), "allowed": list(allowed or ())}
    return [(tile("areas", inner), params)]


def warnings(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Warnings in force at `q.now` and those sent ahead: their own area, or the outlines of the regions they name.

    `ahead` 1: not in force before `onset` (epoch seconds). The map tells the two apart; a count knows only the first.
    A warning for the whole city concerns a town, so the closure is asked upwards.
    """
    if q.z >= LABELS_FROM:
        return []
    inner = sql.SQL(
        """
        SELECT {shape} AS geom, a.id, a.name, a.name_en, a.colour, a.ahead, a.onset
        FROM (SELECT w.warning_id AS id, w.kind AS name, w.kind_en AS name_en, w.colour,
                     (w.onset_at > %(now)s)::int AS ahead, extract(epoch FROM w.onset_at)::bigint AS onset,
                     coalesce(w.geom, r.geom) AS geom
              FROM warning w LEFT JOIN region r ON w.geom IS NULL AND r.region_id = ANY (w.region_ids)
              WHERE w.status = 'active' AND (w.expires_at IS NULL OR w.expires_at > %(now)s)
                AND ({whole} OR w.region_ids && ARRAY(SELECT u.ancestor_id FROM region_closure u
                                                      WHERE u.descendant_id = ANY (%(allowed)s::int[])))) a
        WHERE {touches} ORDER BY a.id  -- what came later lies on top, now as in replay
        """
    ).format(
        shape=on(SHAPE, "a"),
        touches=on(TOUCHES, "a"),
        whole=sql.SQL("true" if q.scope.whole and q.region_ids is None else "false"),
    )
    allowed = sorted(q.scope.region_ids) if q.region_ids is None else list(q.region_ids)
    return [(tile("areas", inner), {**frame(q), "now": q.now, "allowed": allowed})]


def thematic(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Features of one thematic layer; `where` carries its `layer_id`, put there by `ioc.store.thematic`."""
    where, params = narrow(q, "f", ("layer_id",))
    name = str(getattr(q.layer.detail, "label", "") or "name")
    if guarded(name) and q.scope.sensitivity < SENSITIVE:  # a label is no way round the rule of the panel
        name = "name"
    label = ", coalesce(f.attributes->>%(label)s, f.name) AS label" if q.z >= LABELS_FROM else ""
    inner = sql.SQL(
        "SELECT {shape} AS geom, f.feature_id AS id, f.name{label} FROM thematic_feature f WHERE {touches} AND {where}"
    ).format(
        shape=on(POINT, "f") if q.layer.geometry == "point" else on(SHAPE, "f"),
        touches=on(IN_TILE if q.layer.geometry == "point" else TOUCHES, "f"),
        where=where,
        label=sql.SQL(label),
    )
    kind = {"point": "points", "line": "lines"}.get(q.layer.geometry, "areas")
    return [(tile(kind, inner), {**frame(q), **params, "label": name})]
