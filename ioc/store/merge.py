"""Bulk upsert by natural key: COPY into a temporary table, one INSERT .. ON CONFLICT, history, all in one transaction.

Only columns the file delivers are written and compared, so that a file without addresses does not wipe them out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.store.pool import Conn

Shape = Literal["point", "area", "any"]
# Columns that follow from others: written, but no reason to call a row changed.
DERIVED = frozenset({"search", "region_id", "h3_10", "grid_cell_ids", "received_at", "level_state", "on_time", "class"})


@dataclass(frozen=True)
class Target:
    """A table that files fill. `versions` names its history table; without one changes go to `entity_history`.

    `lazy`: a new row is not copied into the history at once; the first change copies the old row there with its own
    `recorded_at`, so nothing is lost and a million devices are not stored twice.
    """

    table: LiteralString
    id: LiteralString
    key: tuple[LiteralString, ...]
    columns: Mapping[str, str]  # name -> type, literals of the kinds' modules
    shape: Shape = "point"
    metres: bool = True
    versions: LiteralString = ""
    lazy: bool = False
    # column -> expression that may hold on to the old value (t, excluded)
    keeps: Mapping[str, LiteralString] = field(default_factory=dict[str, LiteralString])


@dataclass
class Merged:
    stored: int = 0
    updated: int = 0

    @property
    def changed(self) -> int:
        return self.stored + self.updated


def stage(conn: Conn, target: Target, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows into the temporary table `stage`. `lon lat x_m y_m` for points, `wkb` for other shapes."""
    place = ["lon", "lat", "x_m", "y_m"] if target.shape == "point" else ["wkb"]
    types = {**dict.fromkeys(("lon", "lat", "x_m", "y_m"), "float8"), "wkb": "bytea", **target.columns}
    names = [*columns, *place]
    parts = [sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(types[n])) for n in names]  # pyright: ignore[reportArgumentType]
    conn.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.stage, pg_temp.before, pg_temp.done"))
    conn.execute(sql.SQL("CREATE TEMP TABLE stage ({}) ON COMMIT DROP").format(sql.SQL(", ").join(parts)))
    copy_in = sql.SQL("COPY stage ({}) FROM STDIN").format(sql.SQL(", ").join(map(sql.Identifier, names)))
    json_columns = {n for n in columns if types[n] == "jsonb"}
    with conn.cursor() as cur, cur.copy(copy_in) as copy:
        for row in rows:
            copy.write_row([Jsonb(row[n]) if n in json_columns else row[n] for n in names])
    conn.execute("ANALYZE stage")


def merge(
    conn: Conn,
    target: Target,
    columns: Sequence[str],
    *,
    srid: int | None,
    actor: str,
    origin: str,
    now: dt.datetime,
    batch: int,
) -> Merged:
    """Upsert `stage`. Afterwards `before` holds the former rows of its keys, `done` (id, created) what has changed."""
    keys = sql.SQL(", ").join(map(sql.Identifier, target.key))
    table, ident = sql.Identifier(target.table), sql.Identifier(target.id)
    order = sql.SQL("h3_10 NULLS LAST") if "h3_10" in columns else keys
    # locked in the order of ids, the same for every writer
    conn.execute(
        sql.SQL("SELECT t.{id} FROM {table} t JOIN stage USING ({keys}) ORDER BY t.{id} FOR UPDATE OF t").format(
            id=ident, table=table, keys=keys
        )
    )
    conn.execute(
        sql.SQL(
            "CREATE TEMP TABLE before ON COMMIT DROP AS SELECT t.* FROM {table} t JOIN stage USING ({keys})"
        ).format(table=table, keys=keys)
    )
    conn.execute("CREATE TEMP TABLE done (id bigint PRIMARY KEY, created boolean) ON COMMIT DROP")
    query = _upsert(target, columns, keys, table, ident, order)
    conn.execute(query, {"srid": srid, "now": now, "origin": origin})
    _history(conn, target, actor, origin, now)
    row = conn.execute(
        "SELECT count(*) FILTER (WHERE created) AS stored, count(*) FILTER (WHERE NOT created) AS updated FROM done"
    ).fetchone()
    assert row is not None
    return Merged(int(row["stored"]), int(row["updated"]))


def _upsert(
    target: Target,
    columns: Sequence[str],
    keys: sql.Composable,
    table: sql.Composable,
    ident: sql.Composable,
    order: sql.Composable,
) -> sql.Composed:
    data = [c for c in columns if c not in target.key]
    shapes = _shapes(target)
    written = [*data, *shapes]
    old = {c: sql.SQL("t.{}").format(sql.Identifier(c)) for c in written}
    new = {c: _new_value(target, c) for c in written}
    compared = [c for c in data if c not in DERIVED]
    same_shape = sql.SQL("ST_AsBinary(t.geom) IS DISTINCT FROM ST_AsBinary(excluded.geom)")
    differs = sql.SQL("({}) IS DISTINCT FROM ({})").format(
        sql.SQL(", ").join([sql.SQL("1"), *(old[c] for c in compared)]),
        sql.SQL(", ").join([sql.SQL("1"), *(new[c] for c in compared)]),
    )
    sets: list[sql.Composable] = [sql.SQL("{} = {}").format(sql.Identifier(c), new[c]) for c in written]
    if target.versions:
        sets.append(sql.SQL("version = t.version + 1"))
    return sql.SQL(
        """
        WITH up AS (
          INSERT INTO {table} AS t ({keys}, {data}, updated_at, origin)
          SELECT {keys}, {values}, %(now)s, %(origin)s FROM stage ORDER BY {order}
          ON CONFLICT ({keys}) DO UPDATE SET {sets}, updated_at = excluded.updated_at
          WHERE {differs} OR {same_shape}
          RETURNING t.{ident} AS id, (xmax = 0) AS created)
        INSERT INTO done SELECT id, created FROM up
        """
    ).format(
        table=table,
        keys=keys,
        data=sql.SQL(", ").join(map(sql.Identifier, written)),
        values=sql.SQL(", ").join([*map(sql.Identifier, data), *map(sql.SQL, shapes.values())]),
        order=order,
        sets=sql.SQL(", ").join(sets),
        differs=differs,
        same_shape=same_shape,
        ident=ident,
    )


def _shapes(target: Target) -> dict[LiteralString, LiteralString]:
    """Geometry column -> expression over `stage`."""
    if target.shape == "area":
        return {"geom": "ST_Multi(ST_SetSRID(ST_GeomFromWKB(wkb), 4326))"}
    if target.shape == "any":
        return {"geom": "ST_SetSRID(ST_GeomFromWKB(wkb), 4326)"}
    out: dict[LiteralString, LiteralString] = {"geom": "ST_SetSRID(ST_MakePoint(lon, lat), 4326)"}
    if target.metres:
        out["geom_m"] = "ST_SetSRID(ST_MakePoint(x_m, y_m), %(srid)s::int)"
    return out


def _new_value(target: Target, column: str) -> sql.Composable:
    """What a column becomes on conflict. Attributes add up: another file's extra columns stay."""
    name = sql.Identifier(column)
    if column == "attributes":
        return sql.SQL("t.attributes || excluded.attributes")
    rule = target.keeps.get(column)  # pyright: ignore[reportArgumentType]
    return sql.SQL(rule) if rule else sql.SQL("excluded.{}").format(name)


def _history(conn: Conn, target: Target, actor: str, origin: str, now: dt.datetime) -> None:
    table, ident = sql.Identifier(target.table), sql.Identifier(target.id)
    params = {"actor": actor, "origin": origin, "now": now, "entity": target.table}
    if target.versions:
        conn.execute(
            sql.SQL(
                """
                INSERT INTO {history} ({id}, version, recorded_at, op, actor, region_id, private_to, sensitivity,
                                       origin, record)
                SELECT t.{id}, t.version, %(now)s, CASE WHEN d.created THEN 'new' ELSE 'change' END, %(actor)s,
                       t.region_id, t.private_to, t.sensitivity, t.origin, ioc_record(t)
                FROM {table} t JOIN done d ON d.id = t.{id}
                """
            ).format(history=sql.Identifier(target.versions), id=ident, table=table),
            params,
        )
        return
    if target.lazy:
        conn.execute(
            sql.SQL(
                """
                INSERT INTO entity_history (entity, entity_id, recorded_at, op, actor, origin, record)
                SELECT %(entity)s, b.{id}::text, b.recorded_at, 'new', %(actor)s, b.origin,
                       ioc_history_record(to_jsonb(b), b.geom)
                FROM before b JOIN done d ON d.id = b.{id} AND NOT d.created
                WHERE NOT EXISTS (SELECT FROM entity_history h
                                  WHERE h.entity = %(entity)s AND h.entity_id = b.{id}::text)
                """
            ).format(id=ident),
            params,
        )
    conn.execute(
        sql.SQL(
            """
            INSERT INTO entity_history (entity, entity_id, recorded_at, op, actor, origin, record)
            SELECT %(entity)s, t.{id}::text, %(now)s, CASE WHEN d.created THEN 'new' ELSE 'change' END, %(actor)s,
                   t.origin, ioc_record(t)
            FROM {table} t JOIN done d ON d.id = t.{id} WHERE NOT (d.created AND %(lazy)s)
            """
        ).format(id=ident, table=table),
        {**params, "lazy": target.lazy},
    )
