"""Rows commanders change: incident, posts, links, reports, orders, marks. Each version is kept (`command_history`).

One way of writing for all of them, so that whatever a screen shows can be asked for as it was known. Written under the
system's scope by the use-cases of `ioc.command`, which have asked whether the asker sees the case.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.store.pool import Conn

Row = Mapping[str, Any]
Entity = Literal["incident", "post", "link", "report", "task", "mark", "review", "lesson"]
# entity -> table, key, column of its geometry
TABLES: Mapping[str, tuple[str, str, str]] = {
    "incident": ("incident", "case_id", "area"),
    "post": ("incident_post", "post_id", ""),
    "link": ("incident_link", "link_id", ""),
    "report": ("incident_report", "report_id", ""),
    "task": ("task", "task_id", "geom"),
    "mark": ("incident_mark", "mark_id", "geom"),
    "review": ("incident_review", "review_id", ""),
    "lesson": ("review_lesson", "lesson_id", ""),
}
# Telephone numbers are in the row as it is now, never in its history.
_UNKEPT = ["geom", "area", "phone", "to_phone"]


def insert(conn: Conn, entity: Entity, values: Mapping[str, Any], actor: str, now: dt.datetime) -> Row:
    """A new row from its columns; `geometry`: GeoJSON text in degrees. Returns it with its `geometry`."""
    table, key, geom = TABLES[entity]
    given = {**values, "recorded_at": now, "updated_at": now}
    names, marks, params = _columns(given, geom)
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING {}").format(
        sql.Identifier(table), sql.SQL(", ").join(names), sql.SQL(", ").join(marks), sql.Identifier(key)
    )
    row = conn.execute(query, params).fetchone()
    if row is None:
        raise LookupError(entity)
    return _kept(conn, entity, int(row[key]), "new", actor, now)


def change(
    conn: Conn,
    entity: Entity,
    entity_id: int,
    changes: Mapping[str, Any],
    actor: str,
    now: dt.datetime,
    op: Literal["change", "remove"] = "change",
) -> Row:
    """New values as the row's next version. Returns it. Raises LookupError where there is none."""
    table, key, geom = TABLES[entity]
    names, marks, params = _columns({**changes, "updated_at": now}, geom)
    sets = sql.SQL(", ").join(sql.SQL("{} = {}").format(n, m) for n, m in zip(names, marks, strict=True))
    query = sql.SQL("UPDATE {} SET {}, version = version + 1 WHERE {} = %(_id)s").format(
        sql.Identifier(table), sets, sql.Identifier(key)
    )
    if conn.execute(query, {**params, "_id": entity_id}).rowcount != 1:
        raise LookupError(f"{entity} {entity_id}")
    return _kept(conn, entity, entity_id, op, actor, now)


def read(conn: Conn, entity: Entity, entity_id: int, *, lock: bool = False) -> Row | None:
    """The row with its `geometry` as GeoJSON; with `lock` until the transaction ends."""
    query = sql.SQL("{} WHERE x.{} = %s {}").format(
        _select(entity), sql.Identifier(TABLES[entity][1]), sql.SQL("FOR UPDATE" if lock else "")
    )
    return conn.execute(query, (entity_id,)).fetchone()


def of_case(conn: Conn, entity: Entity, case_id: int) -> list[Row]:
    """All of one incident, oldest first."""
    query = sql.SQL("{} WHERE x.case_id = %s ORDER BY x.{}").format(_select(entity), sql.Identifier(TABLES[entity][1]))
    return list(conn.execute(query, (case_id,)).fetchall())


def of_cases(conn: Conn, entity: Entity, case_ids: Sequence[int]) -> dict[int, list[Row]]:
    """The same for several incidents at once."""
    query = sql.SQL("{} WHERE x.case_id = ANY (%s) ORDER BY x.{}").format(
        _select(entity), sql.Identifier(TABLES[entity][1])
    )
    out: dict[int, list[Row]] = {i: [] for i in case_ids}
    for row in conn.execute(query, (list(case_ids),)):
        out[int(row["case_id"])].append(row)
    return out


_AT = """
SELECT DISTINCT ON (entity_id) record FROM command_history
WHERE case_id = %(case)s AND entity = %(entity)s AND recorded_at <= %(at)s ORDER BY entity_id, version DESC
"""


def known_at(conn: Conn, entity: Entity, case_id: int, at: dt.datetime) -> list[Row]:
    """All of one incident as they were known at a moment: rows as JSON, their times as text."""
    rows = conn.execute(_AT, {"case": case_id, "entity": entity, "at": at})
    return [r["record"] for r in rows]


def case_known_at(conn: Conn, case_id: int, at: dt.datetime) -> Row | None:
    """The case as it was known; None before it was."""
    row = conn.execute(
        "SELECT record FROM case_history WHERE case_id = %s AND recorded_at <= %s ORDER BY version DESC LIMIT 1",
        (case_id, at),
    ).fetchone()
    return row["record"] if row else None


def _select(entity: Entity) -> sql.Composable:
    table, _, geom = TABLES[entity]
    shape = sql.SQL("ST_AsGeoJSON(x.{}, 7)::jsonb").format(sql.Identifier(geom)) if geom else sql.SQL("NULL::jsonb")
    return sql.SQL("SELECT x.*, {} AS geometry FROM {} x").format(shape, sql.Identifier(table))


def _columns(values: Mapping[str, Any], geom: str) -> tuple[list[sql.Composable], list[sql.Composable], dict[str, Any]]:
    names: list[sql.Composable] = []
    marks: list[sql.Composable] = []
    params: dict[str, Any] = {}
    for name, value in values.items():
        params[name] = Jsonb(value) if isinstance(value, dict) or _plain(value) else value
        if name == "geometry":
            names.append(sql.Identifier(geom))
            made = "ST_SetSRID(ST_GeomFromGeoJSON(%(geometry)s), 4326)"
            marks.append(sql.SQL(f"ST_Multi({made})" if geom == "area" else made))  # pyright: ignore[reportArgumentType]
        else:
            names.append(sql.Identifier(name))
            marks.append(sql.Placeholder(name))
    return names, marks, params


def _plain(value: Any) -> bool:
    """A list of tables, which is JSON; a list of texts or numbers is an array."""
    return isinstance(value, list) and any(isinstance(v, dict) for v in value)  # pyright: ignore[reportUnknownVariableType]


_HISTORY = """
INSERT INTO command_history (entity, entity_id, version, case_id, recorded_at, op, actor, origin, record)
SELECT %(entity)s, x.{key}, x.version, x.case_id, %(now)s, %(op)s, %(actor)s, x.origin,
       (to_jsonb(x) - %(unkept)s::text[]) || jsonb_build_object('geometry', {shape})
FROM {table} x WHERE x.{key} = %(id)s
"""


def _kept(conn: Conn, entity: Entity, entity_id: int, op: str, actor: str, now: dt.datetime) -> Row:
    table, key, geom = TABLES[entity]
    shape = sql.SQL("ST_AsGeoJSON(x.{}, 7)::jsonb").format(sql.Identifier(geom)) if geom else sql.SQL("NULL::jsonb")
    query = sql.SQL(_HISTORY).format(key=sql.Identifier(key), shape=shape, table=sql.Identifier(table))
    values = {"entity": entity, "id": entity_id, "now": now, "op": op, "actor": actor, "unkept": _UNKEPT}
    conn.execute(query, values)
    row = read(conn, entity, entity_id)
    if row is None:
        raise LookupError(f"{entity} {entity_id}")
    return row
