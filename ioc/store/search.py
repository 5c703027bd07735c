"""Search over places, devices, events and cases, under the asker's scope: folded, ranked, from indexes alone.

A query is split at spaces and every term must occur. Terms of three characters and more go by trigrams, Chinese of one
or two by the index of single characters, ids by their beginning (migration 051).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from ioc.fold import fold
from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.regions import LEVELS, Region, Regions, RegionTree
from ioc.store.where import visible

# Candidates taken from the index before ranking; a term that more rows share needs a second term anyway.
CANDIDATES = 200
TERMS_MAX, LENGTH_MAX = 6, 64

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """A query as it is matched. `text` is the folded whole, `raw` what was typed (ids are case-sensitive)."""

    raw: str
    text: str
    words: tuple[str, ...]

    @property
    def characters(self) -> list[str]:
        """Characters beyond ASCII, each once: what the character index is asked for."""
        return sorted({c for w in self.words for c in w if not c.isascii()})

    @property
    def vague(self) -> bool:
        """Only short words: they may stand in a million names, and no index is selective then."""
        return all(len(w) < 3 for w in self.words)

    @property
    def indexable(self) -> bool:
        return bool(self.characters) or any(len(w) >= 3 for w in self.words)


def parse(q: str) -> Terms:
    raw = " ".join("".join(c if c.isprintable() else " " for c in q).split())[:LENGTH_MAX]
    text = fold(raw)
    return Terms(raw, text, tuple(dict.fromkeys(text.split(" ")[:TERMS_MAX])) if text else ())


def search(conn: Conn, regions: Regions, scope: Scope, q: str, limit: int = 20, lang: str = "zh") -> list[Item]:
    """Groups `{type, items}` in the order place, device, case, event; groups without a hit are left out.

    `conn` is one transaction under `scope`. At most `limit` items a group.
    """
    terms = parse(q)
    if not terms.words:
        return []
    # An index is always better here: a sequential scan looks cheap to the planner because of the limit.
    conn.execute("SET LOCAL enable_seqscan = off")
    tree = regions.tree()
    found: dict[str, list[Item]] = {"place": _places(tree, scope, terms, limit, lang)}
    if scope.can("grid.view"):
        found["place"] += _items(tree, _ranked(conn, scope, terms, _GRID, "g", limit), lang)
    if scope.can("resource.view"):
        found["place"] += _items(tree, _ranked(conn, scope, terms, _RESOURCE, "r", limit), lang)
    if scope.can("device.view"):
        found["device"] = _items(tree, _with_ids(conn, scope, terms, _DEVICE, "d", limit), lang)
    if scope.can("case.view"):
        found["case"] = _items(tree, _with_ids(conn, scope, terms, _CASE, "c", limit), lang)
    if scope.can("event.view"):
        found["event"] = _items(tree, _with_ids(conn, scope, terms, _EVENT, "e", limit), lang)
    return [{"type": kind, "items": items[:limit]} for kind, items in found.items() if items]


# ---------------------------------------------------------------- places: a few thousand, in memory


def _places(tree: RegionTree, scope: Scope, terms: Terms, limit: int, lang: str) -> list[Item]:
    hits: list[tuple[tuple[Any, ...], Region]] = []
    for region in tree.by_id.values():
        if not (scope.whole or region.region_id in scope.region_ids):
            continue
        haystack = f"{fold(region.name)} {region.name_en.lower()} {region.code}"
        if all(w in haystack for w in terms.words):
            hits.append(
                ((not haystack.startswith(terms.text), LEVELS[region.kind], len(region.name), region.code), region)
            )
    return [_place(tree, region, lang) for _, region in sorted(hits, key=lambda h: h[0])[:limit]]


def _place(tree: RegionTree, region: Region, lang: str) -> Item:
    lon, lat = region.center or (None, None)
    return {
        "key": f"region:{region.code}",
        "title": region.ref(lang).name,
        "sub": path_text(tree, region.parent_id, lang),
        "lon": lon,
        "lat": lat,
        "bbox": region.bbox,
        "icon": "map",
    }


def path_text(tree: RegionTree, region_id: int | None, lang: str = "zh") -> str:
    """County, town and village of a place in words; the root is left out where there is something below it."""
    region = tree.by_id.get(region_id or 0)
    if region is None:
        return ""
    path = tree.path(region)
    return " ".join(r.ref(lang).name for r in (path[1:] or path))


# ---------------------------------------------------------------- rows


_DEVICE: LiteralString = """
SELECT 'device:' || d.device_id AS key, d.name AS title, coalesce(k.zh, d.kind) AS zh,
       coalesce(k.en, d.kind) AS en, d.region_id, ST_X(d.geom) AS lon, ST_Y(d.geom) AS lat,
       coalesce(k.attributes->>'icon', d.class) AS icon
FROM (SELECT * FROM device d {sample} WHERE {match} AND {seen} LIMIT {candidates}) d
LEFT JOIN dictionary_now k ON k.dict = 'device_kind' AND k.code = d.kind
ORDER BY {rank} LIMIT {limit}
"""
_CASE: LiteralString = """
SELECT 'case:' || c.case_id AS key, c.title, c.number AS zh, c.number AS en, c.region_id, ST_X(c.geom) AS lon,
       ST_Y(c.geom) AS lat, 'check' AS icon
FROM (SELECT * FROM cases c WHERE {match} AND {seen} ORDER BY c.opened_at DESC LIMIT {candidates}) c
ORDER BY c.closed_at IS NOT NULL, {rank} LIMIT {limit}
"""
_EVENT: LiteralString = """
SELECT 'event:' || e.event_id AS key, e.title, e.source_id AS zh, e.source_id AS en, e.region_id, ST_X(e.geom) AS lon,
       ST_Y(e.geom) AS lat, 'pin' AS icon
FROM (SELECT * FROM event e WHERE {match} AND {seen} ORDER BY e.occurred_at DESC LIMIT {candidates}) e
ORDER BY e.status <> 'open', {rank} LIMIT {limit}
"""
_GRID: LiteralString = """
SELECT 'grid:' || g.grid_cell_id AS key, g.name AS title, coalesce(k.zh, g.kind) || ' ' || g.code AS zh,
       coalesce(k.en, g.kind) || ' ' || g.code AS en, g.region_id,
       ST_X(ST_Centroid(g.geom)) AS lon, ST_Y(ST_Centroid(g.geom)) AS lat, 'grid' AS icon
FROM (SELECT * FROM grid_cell g WHERE {match} AND {seen} LIMIT {candidates}) g
LEFT JOIN dictionary_now k ON k.dict = 'grid_kind' AND k.code = g.kind
ORDER BY {rank} LIMIT {limit}
"""
_RESOURCE: LiteralString = """
SELECT 'resource:' || r.resource_id AS key, r.name AS title, coalesce(k.zh, r.kind) AS zh,
       coalesce(k.en, r.kind) AS en, r.region_id, ST_X(r.geom) AS lon, ST_Y(r.geom) AS lat, 'shield' AS icon
FROM (SELECT * FROM resource r WHERE {match} AND {seen} LIMIT {candidates}) r
LEFT JOIN dictionary_now k ON k.dict = 'resource_kind' AND k.code = r.kind
ORDER BY {rank} LIMIT {limit}
"""
_IDS: Mapping[str, tuple[str, ...]] = {"d": ("external_id", "national_id"), "e": ("source_id",), "c": ("number",)}
_INDEXED = frozenset(_IDS)
# A word that a hundredth of all devices is enough to find twenty times needs no more looking.
_SAMPLE = sql.SQL("TABLESAMPLE SYSTEM (1) REPEATABLE (7)")
_PATIENCE: LiteralString = "SET LOCAL statement_timeout = '200ms'"


def _ranked(
    conn: Conn, scope: Scope, terms: Terms, query: LiteralString, alias: str, limit: int, sampled: bool = False
) -> Sequence[Mapping[str, Any]]:
    match, params = match_terms(terms, alias)
    return _run(conn, scope, query, alias, match, {**params, "whole_text": terms.text}, limit, sampled)


def match_terms(terms: Terms, alias: str) -> tuple[sql.Composable, dict[str, Any]]:
    """Every word occurs in `alias.search`."""
    column = sql.Identifier(alias, "search")
    parts: list[sql.Composable] = []
    params: dict[str, Any] = {}
    if alias in _INDEXED and terms.characters:
        parts.append(sql.SQL("string_to_array({}, NULL) @> %(characters)s::text[]").format(column))
        params["characters"] = terms.characters
    for i, word in enumerate(terms.words):
        parts.append(sql.SQL("{} LIKE {}").format(column, sql.Placeholder(f"word{i}")))
        params[f"word{i}"] = f"%{_escaped(word)}%"
    return sql.SQL(" AND ").join(parts), params


def _with_ids(
    conn: Conn, scope: Scope, terms: Terms, query: LiteralString, alias: str, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Ids that begin with the query first, then names. One or two ASCII characters are looked up as ids only."""
    params: dict[str, Any] = {"whole_text": terms.text, "id_text": _escaped(terms.raw) + "%"}
    rows: dict[str, Mapping[str, Any]] = {}
    if terms.raw.isascii():
        for column in _IDS[alias]:
            match = sql.SQL("{} LIKE %(id_text)s").format(sql.Identifier(alias, column))
            rows.update({r["key"]: r for r in _run(conn, scope, query, alias, match, params, limit)})
    for sampled in (True, False):
        if terms.indexable and len(rows) < limit and ((alias == "d" and terms.vague) or not sampled):
            for row in _in_time(conn, scope, terms, query, alias, limit, sampled):
                rows.setdefault(row["key"], row)
    return list(rows.values())[:limit]


def _in_time(
    conn: Conn, scope: Scope, terms: Terms, query: LiteralString, alias: str, limit: int, sampled: bool
) -> Sequence[Mapping[str, Any]]:
    """Hits, or none when they take too long: two characters that stand in every name, but seldom side by side."""
    try:
        with conn.transaction():
            conn.execute(_PATIENCE)
            found = _ranked(conn, scope, terms, query, alias, limit, sampled)
            conn.execute("SET LOCAL statement_timeout TO DEFAULT")
            return found
    except psycopg.errors.QueryCanceled:
        return []


def _run(
    conn: Conn,
    scope: Scope,
    query: LiteralString,
    alias: str,
    match: sql.Composable,
    params: Mapping[str, Any],
    limit: int,
    sampled: bool = False,
) -> Sequence[Mapping[str, Any]]:
    seen, scoped = visible(scope, alias)
    # what begins with the query first, then where it stands early, then short names
    rank = sql.SQL("position(%(whole_text)s IN {0}) = 0, position(%(whole_text)s IN {0}), length({0}), 1").format(
        sql.Identifier(alias, "search")
    )
    composed = sql.SQL(query).format(
        match=match,
        seen=seen,
        rank=rank,
        sample=_SAMPLE if sampled else sql.SQL(""),
        candidates=sql.Literal(CANDIDATES),
        limit=sql.Literal(limit),
    )
    return conn.execute(composed, {**params, **scoped}, prepare=False).fetchall()


def _items(tree: RegionTree, rows: Sequence[Mapping[str, Any]], lang: str) -> list[Item]:
    out: list[Item] = []
    for row in rows:
        sub = " · ".join(p for p in (row["en" if lang == "en" else "zh"], path_text(tree, row["region_id"], lang)) if p)
        out.append(
            {
                "key": row["key"],
                "title": row["title"],
                "sub": sub,
                "lon": row["lon"],
                "lat": row["lat"],
                "icon": row["icon"],
            }
        )
    return out


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
