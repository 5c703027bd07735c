"""What a village page shows, under the asker's scope: facilities, figures, registrations, side by side."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store.history import record_entity
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
Ids = Sequence[int] | None
# Registrations counted from work, where no office's own table has been imported: the last 30 days.
PERIOD = dt.timedelta(days=30)


def _inside(alias: str) -> sql.Composed:
    return sql.SQL("(%(ids)s::int[] IS NULL OR {} = ANY (%(ids)s::int[]))").format(sql.Identifier(alias, "region_id"))


def _ids(ids: Ids) -> list[int] | None:
    return None if ids is None else list(ids)


def facilities(conn: Conn, scope: Scope, ids: Ids) -> Sequence[Row]:
    """Devices by kind, most first: total, online, offline, exceeded, newest state."""
    seen, params = visible(scope, "d")
    query = sql.SQL(
        "SELECT d.kind, d.class, coalesce(k.zh, d.kind) AS zh, coalesce(k.en, d.kind) AS en, count(*)::int AS total,"
        " count(*) FILTER (WHERE d.status = 'online')::int AS online,"
        " count(*) FILTER (WHERE d.status IN ('offline', 'fault'))::int AS offline,"
        " count(*) FILTER (WHERE d.exceeded)::int AS exceeded, max(d.status_at) AS as_of,"
        " array_agg(DISTINCT d.source) AS sources"
        " FROM device d LEFT JOIN dictionary_now k ON k.dict = 'device_kind' AND k.code = d.kind"
        " WHERE d.class <> 'gateway' AND {} AND {} GROUP BY d.kind, d.class, k.zh, k.en ORDER BY total DESC, d.kind"
    ).format(_inside("d"), seen)
    return conn.execute(query, {**params, "ids": _ids(ids)}).fetchall()


def resources(conn: Conn, scope: Scope, ids: Ids) -> Sequence[Row]:
    """Resources by kind."""
    seen, params = visible(scope, "s")
    query = sql.SQL(
        "SELECT s.kind, coalesce(k.zh, s.kind) AS zh, coalesce(k.en, s.kind) AS en, count(*)::int AS total,"
        " max(coalesce(s.observed_at, s.updated_at)) AS as_of, array_agg(DISTINCT s.source) AS sources FROM resource s"
        " LEFT JOIN dictionary_now k ON k.dict = 'resource_kind' AND k.code = s.kind"
        " WHERE {} AND {} GROUP BY s.kind, k.zh, k.en ORDER BY total DESC, s.kind"
    ).format(_inside("s"), seen)
    return conn.execute(query, {**params, "ids": _ids(ids)}).fetchall()


def figures(conn: Conn, scope: Scope, ids: Ids, section: str) -> Sequence[Row]:
    """The newest value of each village and item: region_id, item, value, as_of, source."""
    seen, params = visible(scope, "f")
    query = sql.SQL(
        "SELECT DISTINCT ON (f.region_id, f.item) f.region_id, r.code, r.name, f.item, f.value, f.as_of, f.source,"
        " f.updated_at, f.origin FROM village_figure f JOIN region r ON r.region_id = f.region_id"
        " WHERE f.section = %(section)s AND {} AND {} ORDER BY f.region_id, f.item, f.as_of DESC"
    ).format(_inside("f"), seen)
    return conn.execute(query, {**params, "ids": _ids(ids), "section": section}).fetchall()


def figures_before(conn: Conn, scope: Scope, region_id: int, section: str) -> Sequence[Row]:
    """All dates of one village's figures, newest first, for the list behind the card."""
    seen, params = visible(scope, "f")
    query = sql.SQL(
        "SELECT f.item, f.value, f.as_of, f.source, f.updated_at FROM village_figure f"
        " WHERE f.region_id = %(id)s AND f.section = %(section)s AND {} ORDER BY f.as_of DESC, f.item LIMIT 500"
    ).format(seen)
    return conn.execute(query, {**params, "id": region_id, "section": section}).fetchall()


def work(conn: Conn, scope: Scope, ids: Ids, since: dt.datetime) -> Sequence[Row]:
    """Cases by flow, registered since: total and how many are still open."""
    seen, params = visible(scope, "c")
    query = sql.SQL(
        "SELECT c.flow, count(*)::int AS total, count(*) FILTER (WHERE c.closed_at IS NULL AND c.ended = '')::int"
        " AS open, max(c.updated_at) AS as_of FROM cases c"
        " WHERE c.opened_at >= %(since)s AND NOT c.exercise AND {} AND {} GROUP BY c.flow ORDER BY total DESC, c.flow"
    ).format(_inside("c"), seen)
    return conn.execute(query, {**params, "ids": _ids(ids), "since": since}).fetchall()


def happened(conn: Conn, scope: Scope, ids: Ids, since: dt.datetime) -> Row:
    """Events since, verified and suspected apart; void ones count nowhere."""
    seen, params = visible(scope, "e")
    query = sql.SQL(
        "SELECT count(*) FILTER (WHERE NOT e.suspected)::int AS verified,"
        " count(*) FILTER (WHERE e.suspected)::int AS suspected, max(e.received_at) AS as_of FROM event e"
        " WHERE e.status <> 'void' AND e.occurred_at >= %(since)s AND {} AND {}"
    ).format(_inside("e"), seen)
    row = conn.execute(query, {**params, "ids": _ids(ids), "since": since}).fetchone()
    assert row is not None
    return row


def titles(conn: Conn, keys: Sequence[str]) -> list[dict[str, str]]:
    """Titles of sources in both languages, each once; a source without a title stands for itself."""
    rows = conn.execute("SELECT source_key, title, title_en FROM source WHERE source_key = ANY (%s)", (list(keys),))
    known = {r["source_key"]: {"zh": r["title"] or r["source_key"], "en": r["title_en"] or r["title"]} for r in rows}
    found = [known.get(key, {"zh": key, "en": key}) for key in keys]
    return [title for i, title in enumerate(found) if title not in found[:i]]


def connected(conn: Conn, classes: Sequence[str]) -> bool:
    """Whether any source of these classes has ever delivered: without one the card says 未接入."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM source WHERE classes && %s::text[] AND last_data_at IS NOT NULL) AS yes",
        (list(classes),),
    ).fetchone()
    return bool(row and row["yes"])


# ------------------------------------------------------------ side by side


def compared(conn: Conn, scope: Scope, groups: Mapping[str, Sequence[int]], since: dt.datetime) -> dict[str, Row]:
    """Counts by group (a region with all below it): devices, resources, events and cases since, cases open.

    A group the asker has no right for in one of these is told None there.
    """
    names = [name for name, ids in groups.items() for _ in ids]
    flat = [i for ids in groups.values() for i in ids]
    out: dict[str, dict[str, Any]] = {name: {} for name in groups}
    parts: tuple[tuple[str, str, str, sql.SQL], ...] = (
        ("device.view", "device", "x.class <> 'gateway'", sql.SQL(
            "count(*)::int AS devices, count(*) FILTER (WHERE x.status = 'online')::int AS online")),
        ("resource.view", "resource", "true", sql.SQL("count(*)::int AS resources")),
        ("event.view", "event", "x.status <> 'void' AND x.occurred_at >= %(since)s",
         sql.SQL("count(*)::int AS events")),
        ("case.view", "cases", "x.closed_at IS NULL AND x.ended = ''", sql.SQL("count(*)::int AS open_cases")),
    )  # fmt: skip
    for right, table, condition, columns in parts:
        if not scope.can(right):
            continue
        seen, params = visible(scope, "x")
        query = sql.SQL(
            "SELECT g.name, {} FROM unnest(%(names)s::text[], %(flat)s::int[]) AS g (name, id)"
            " JOIN {} x ON x.region_id = g.id WHERE {} AND {} GROUP BY g.name"
        ).format(columns, sql.Identifier(table), sql.SQL(condition), seen)  # pyright: ignore[reportArgumentType]
        for row in conn.execute(query, {**params, "names": names, "flat": flat, "since": since}):
            out[row["name"]] |= {k: v for k, v in row.items() if k != "name"}
    return dict(out)


def planned(conn: Conn, scope: Scope, groups: Mapping[str, Sequence[int]]) -> dict[int, str]:
    """Group of every grid cell, by the village it lies in."""
    seen, params = visible(scope, "g")
    names = [name for name, ids in groups.items() for _ in ids]
    flat = [i for ids in groups.values() for i in ids]
    query = sql.SQL(
        "SELECT g.grid_cell_id, u.name FROM unnest(%(names)s::text[], %(flat)s::int[]) AS u (name, id)"
        " JOIN grid_cell g ON g.region_id = u.id WHERE {}"
    ).format(seen)
    rows = conn.execute(query, {**params, "names": names, "flat": flat}).fetchall()
    return {r["grid_cell_id"]: r["name"] for r in rows}


# ------------------------------------------------------------ writing


def save_figures(conn: Conn, rows: Sequence[Mapping[str, Any]], now: dt.datetime, actor: str) -> tuple[int, int]:
    """(stored, updated) by village, item and date, with history; equal ones are left alone."""
    stored = updated = 0
    for values in rows:
        found = conn.execute(
            """
            INSERT INTO village_figure AS f (region_id, section, item, as_of, value, source, origin, updated_at)
            VALUES (%(region_id)s, %(section)s, %(item)s, %(as_of)s, %(value)s, %(source)s, %(origin)s, %(now)s)
            ON CONFLICT (region_id, section, item, as_of) DO UPDATE SET value = excluded.value,
              source = excluded.source, origin = excluded.origin, updated_at = excluded.updated_at
              WHERE (f.value, f.origin) IS DISTINCT FROM (excluded.value, excluded.origin)
            RETURNING (xmax = 0) AS created
            """,
            {**values, "now": now},
        ).fetchone()
        if found is not None:
            stored, updated = stored + int(found["created"]), updated + int(not found["created"])
            record = {**values, "as_of": values["as_of"].isoformat()}
            key = f"{values['region_id']}/{values['section']}/{values['item']}/{record['as_of']}"
            op = "new" if found["created"] else "change"
            record_entity(conn, "village_figure", key, op, actor, values["origin"], record)
    return stored, updated
