"""The query behind 差评整改率: bad ratings of this month, how many were repaired, what people named (EVT-16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from ioc.cases import ratings
from ioc.declare import Reading
from ioc.i18n import Text
from ioc.store.kpi_rollup import Answer, Ask, Cell, origin_of, rolled_up
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


# One bucket a reason, by its place in the table of reasons; what the table lacks (an older one) in the last.
_NAMED = sql.SQL(
    """
SELECT coalesce(k.region_id, %(root)s::int) AS region_id, coalesce(k.private_to, '') AS priv,
       k.sensitivity AS sens, coalesce(array_position(%(tags)s::text[], t.tag), 0) AS bucket, count(*) AS num, 0 AS den,
       NULL::timestamptz AS as_of, false AS demo
FROM case_rating r JOIN cases k USING (case_id) CROSS JOIN LATERAL unnest(r.tags) AS t (tag)
WHERE {rated} GROUP BY 1, 2, 3, 4"""
).format(rated=RATED)
_OTHER = Text("其他", "other")
_SHOWN = 3


def repair_rate(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Repaired ÷ bad ratings since the first of the month in the centre's zone, percent; the note: what was named."""
    out: Answer = {}
    values = {**params, "bad": ratings.BAD}
    words = conn.execute(
        "SELECT code, zh, en FROM dictionary_now WHERE dict = 'rating_reason' ORDER BY code"
    ).fetchall()
    named = rolled_up(conn, ask, _NAMED, {**values, "tags": [w["code"] for w in words]})
    texts = {n: Text(w["zh"], w["en"]) for n, w in enumerate(words, 1)}
    for key, cells in rolled_up(conn, ask, _LEAF, values).items():
        done, bad, _, _ = cells.get(0, (0.0, 0.0, None, False))
        rate = ratings.repair_rate(int(bad), int(done))
        note = _reasons(named.get(key, {}), texts)
        out[key] = Reading(rate, done, bad, state="ok" if bad else "empty", origin=origin_of(cells), note=note)
    return out


def _reasons(cells: Mapping[int, Cell], texts: Mapping[int, Text]) -> Text | None:
    """The most named reasons with their shares of all that were named; None where nobody named one."""
    shares = ratings.shares({str(n): int(c[0]) for n, c in cells.items()}, digits=0)
    if not shares:
        return None
    first = sorted(shares.items(), key=lambda item: (-item[1], int(item[0])))[:_SHOWN]
    said = [(texts.get(int(n), _OTHER), f"{share:.0f}%") for n, share in first]
    return Text(" · ".join(f"{t.zh} {s}" for t, s in said), " · ".join(f"{t.en} {s}" for t, s in said))
