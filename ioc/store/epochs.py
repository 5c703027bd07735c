"""Polygons that are replaced, never changed: a new row beside the old one, which gets its `retired_at`.

The table is its own history: as known at T means `recorded_at <= T AND (retired_at IS NULL OR retired_at > T)`. A row
is the same when its `digest` is. Everything happens in one transaction of the caller.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.store.pool import Conn

# What every such table has, staged beside its own columns.
_PLACE: Mapping[str, LiteralString] = {
    "n": "bigint", "digest": "text", "wkb": "bytea", "wkb_m": "bytea", "region_id": "int", "private_to": "text",
    "sensitivity": "smallint", "as_of": "timestamptz",
}  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """`key`: columns that name a thing within `within` (what `--whole` speaks of), which are part of the key."""

    table: LiteralString
    within: tuple[LiteralString, ...]
    key: tuple[LiteralString, ...]
    columns: Mapping[str, LiteralString]


@dataclass(frozen=True, slots=True)
class Settled:
    stored: int
    updated: int
    unchanged: int
    retired: int  # absent from a file that is the whole


def stage(conn: Conn, kept: Kept, batches: Iterable[Sequence[Mapping[str, Any]]]) -> int:
    """Rows into the temporary table `stage`, batch by batch: memory is that of one. Returns how many."""
    types: dict[str, LiteralString] = {**kept.columns, **_PLACE}
    parts = [sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in types.items()]
    conn.execute("DROP TABLE IF EXISTS pg_temp.stage")
    conn.execute(sql.SQL("CREATE TEMP TABLE stage ({}) ON COMMIT DROP").format(sql.SQL(", ").join(parts)))
    names = sql.SQL(", ").join(map(sql.Identifier, types))
    count = 0
    for rows in batches:
        with conn.cursor() as cur, cur.copy(sql.SQL("COPY stage ({}) FROM STDIN").format(names)) as copy:
            for row in rows:
                copy.write_row([Jsonb(row[n]) if types[n] == "jsonb" else row[n] for n in types])
        count += len(rows)
    return count


def shape(conn: Conn, srid: int) -> None:
    """Outlines of the staged rows, in degrees and in metres, with an index: for checks between them, and to store."""
    conn.execute("ALTER TABLE stage ADD geom geometry, ADD geom_m geometry, ADD area_m2 float8")
    conn.execute(
        "UPDATE stage SET geom = ST_Multi(ST_SetSRID(ST_GeomFromWKB(wkb), 4326)),"
        " geom_m = ST_Multi(ST_SetSRID(ST_GeomFromWKB(wkb_m), %s::int))",
        (srid,),
    )
    conn.execute("UPDATE stage SET area_m2 = ST_Area(geom_m)")
    conn.execute("CREATE INDEX ON stage USING gist (geom_m)")
    conn.execute("ANALYZE stage")


def doubles(conn: Conn, kept: Kept) -> tuple[list[int], int]:
    """Takes rows whose key was met earlier in the file out of the stage: (numbers of those that differ, equal)."""
    rows = conn.execute(
        sql.SQL(
            "DELETE FROM stage s USING (SELECT n, digest, first_value(n) OVER w AS first, first_value(digest) OVER w"
            " AS head FROM stage WINDOW w AS (PARTITION BY {} ORDER BY n)) d"
            " WHERE d.n = s.n AND d.n <> d.first RETURNING s.n, d.digest = d.head AS same"
        ).format(sql.SQL(", ").join(map(sql.Identifier, (*kept.within, *kept.key))))
    ).fetchall()
    return sorted(int(r["n"]) for r in rows if not r["same"]), sum(1 for r in rows if r["same"])


def settle(conn: Conn, kept: Kept, *, origin: str, now: dt.datetime, whole: bool) -> Settled:
    """Retires what is replaced, inserts what is new. `whole`: of what the stage speaks of, the absent are retired."""
    table, keys = sql.Identifier(kept.table), (*kept.within, *kept.key)
    same_key = sql.SQL(" AND ").join(sql.SQL("t.{0} = s.{0}").format(sql.Identifier(k)) for k in keys)
    unchanged = conn.execute(
        sql.SQL("DELETE FROM stage s USING {t} t WHERE {k} AND t.retired_at IS NULL AND t.digest = s.digest").format(
            t=table, k=same_key
        )
        if not whole
        else sql.SQL("UPDATE stage s SET n = -1 FROM {t} t WHERE {k} AND t.retired_at IS NULL AND t.digest = s.digest")
        .format(t=table, k=same_key)
    ).rowcount  # fmt: skip
    gone = 0
    if whole:
        of = sql.SQL(" AND ").join(sql.SQL("t.{0} = w.{0}").format(sql.Identifier(k)) for k in kept.within)
        gone = conn.execute(
            sql.SQL(
                "UPDATE {t} t SET retired_at = %(now)s FROM (SELECT DISTINCT {w} FROM stage) w WHERE {of}"
                " AND t.retired_at IS NULL AND NOT EXISTS (SELECT FROM stage s WHERE {k})"
            ).format(t=table, k=same_key, of=of, w=sql.SQL(", ").join(map(sql.Identifier, kept.within))),
            {"now": now},
        ).rowcount
        conn.execute("DELETE FROM stage WHERE n = -1")
    updated = conn.execute(
        sql.SQL("UPDATE {t} t SET retired_at = %(now)s FROM stage s WHERE {k} AND t.retired_at IS NULL").format(
            t=table, k=same_key
        ),
        {"now": now},
    ).rowcount
    columns = [*kept.columns, "digest", "region_id", "private_to", "sensitivity", "as_of", "geom", "geom_m", "area_m2"]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    made = conn.execute(
        sql.SQL("INSERT INTO {t} ({n}, origin, recorded_at) SELECT {n}, %(o)s, %(now)s FROM stage ORDER BY n").format(
            t=table, n=names
        ),
        {"o": origin, "now": now},
    ).rowcount
    return Settled(made - updated, updated, unchanged, gone)


def regrid(conn: Conn, table: LiteralString, srid: int) -> int:
    """Outlines on another metre grid, after the centre's zone has changed. Returns rows."""
    return conn.execute(
        sql.SQL(
            "UPDATE {} SET geom_m = ST_Transform(geom, %(srid)s::int), area_m2 = ST_Area(ST_Transform(geom,"
            " %(srid)s::int)) WHERE ST_SRID(geom_m) <> %(srid)s"
        ).format(sql.Identifier(table)),
        {"srid": srid},
    ).rowcount
