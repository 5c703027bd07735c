"""Ratings of cases: written with the step they came with, followed to their repair, counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from ioc.cases.ratings import BAD
from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible


@dataclass(frozen=True, slots=True)
class Rating:
    case_id: int
    version: int
    rating: int
    resolved: bool | None
    tags: Sequence[str]
    note: str
    by_actor: str
    by_name: str
    origin: str


def put(conn: Conn, rating: Rating, now: dt.datetime) -> None:
    conn.execute(
        "INSERT INTO case_rating (case_id, version, rating, resolved, tags, note, by_actor, by_name, at, origin)"
        " VALUES (%(case_id)s, %(version)s, %(rating)s, %(resolved)s, %(tags)s, %(note)s, %(by_actor)s, %(by_name)s,"
        " %(now)s, %(origin)s)",
        {**{n: getattr(rating, n) for n in Rating.__slots__}, "tags": list(rating.tags), "now": now},
    )


def repaired(conn: Conn, case_id: int, now: dt.datetime) -> int:
    """The bad ratings of a case that has been put right. Returns how many there were."""
    return conn.execute(
        "UPDATE case_rating SET repaired_at = %s WHERE case_id = %s AND rating <= %s AND repaired_at IS NULL",
        (now, case_id, BAD),
    ).rowcount


def reasons(
    conn: Conn,
    scope: Scope,
    since: dt.datetime,
    until: dt.datetime,
    region_ids: Sequence[int] | None = None,
) -> tuple[dict[str, int], dict[str, int]]:
    """({tag: times named}, {bad, repaired}) of the bad ratings given from `since` to `until`."""
    seen, params = visible(scope, "c")
    inside = sql.SQL("TRUE") if region_ids is None else sql.SQL("c.region_id = ANY (%(drill)s::int[])")
    base = sql.SQL(
        " FROM case_rating r JOIN cases c USING (case_id){tags} WHERE r.rating <= %(bad)s AND r.at >= %(since)s"
        " AND r.at <= %(until)s AND {seen} AND {inside}"
    )
    values: Mapping[str, Any] = {
        **params, "bad": BAD, "since": since, "until": until, "drill": list(region_ids or ()),
    }  # fmt: skip

    def query(select: str, tags: str, tail: str) -> sql.Composed:
        parts = base.format(tags=sql.SQL(tags), seen=seen, inside=inside)  # pyright: ignore[reportArgumentType]
        return sql.SQL(select) + parts + sql.SQL(tail)  # pyright: ignore[reportArgumentType]

    tagged = conn.execute(
        query("SELECT t.tag, count(*)::int AS n", " CROSS JOIN LATERAL unnest(r.tags) AS t(tag)", " GROUP BY 1"), values
    ).fetchall()
    total = conn.execute(
        query("SELECT count(*)::int AS bad, count(r.repaired_at)::int AS repaired", "", ""), values
    ).fetchone()
    counts = {"bad": int(total["bad"]), "repaired": int(total["repaired"])} if total else {"bad": 0, "repaired": 0}
    return {r["tag"]: r["n"] for r in tagged}, counts
