"""The query behind 差评整改率: bad ratings of this month, and how many of them have been repaired."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from ioc.cases import ratings
from ioc.declare import Reading
from ioc.store.kpi_rollup import Answer, Ask, origin_of, rolled_up
from ioc.store.pool import Conn

# Of the month that runs; the list behind the number asks the same (`ioc.store.kpi_records`).
RATED = sql.SQL("r.rating <= %(bad)s AND r.at >= %(month)s AND r.at <= %(now)s")
REPAIRED = sql.SQL("coalesce(r.repaired_at <= %(now)s, false)")
_LEAF = sql.SQL(
    """
SELECT coalesce(k.region_id, %(root)s::int) AS region_id, coalesce(k.private_to, '') AS priv,
       k.sensitivity AS sens, 0 AS bucket, count(*) FILTER (WHERE {repaired}) AS num, count(*) AS den,
       max(r.at) AS as_of, bool_or(k.origin = 'demo') AS demo
FROM case_rating r JOIN cases k USING (case_id)
WHERE {rated} GROUP BY 1, 2, 3"""
).format(rated=RATED, repaired=REPAIRED)


def repair_rate(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Repaired ÷ bad ratings since the first of the month in the centre's zone, percent."""
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _LEAF, {**params, "bad": ratings.BAD}).items():
        done, bad, _, _ = cells.get(0, (0.0, 0.0, None, False))
        rate = ratings.repair_rate(int(bad), int(done))
        out[key] = Reading(rate, done, bad, state="ok" if bad else "empty", origin=origin_of(cells))
    return out
