"""What one officer has in hand: cases given by name, by department, or lying in the officer's grid cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
LIMIT = 200  # more in one hand is a matter for the desk; the count is told

_MINE = """
WITH mine AS (
  SELECT c.case_id, 0 AS rank FROM cases c
  WHERE c.closed_at IS NULL AND c.officer = %(name)s AND c.officer <> '' AND {seen}
  UNION ALL
  SELECT c.case_id, 1 FROM cases c
  WHERE c.closed_at IS NULL AND c.department = ANY (%(departments)s) AND {seen}
  UNION ALL
  SELECT c.case_id, 2 FROM cases c
  WHERE c.closed_at IS NULL AND {seen} AND c.grid_cell_id IN (
    SELECT g.grid_cell_id FROM grid_cell g WHERE %(name)s <> '' AND g.officers @> %(person)s)),
best AS (SELECT case_id, min(rank) AS rank FROM mine GROUP BY case_id)
SELECT c.*, b.rank AS mine_rank, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat, count(*) OVER () AS total
FROM best b JOIN cases c USING (case_id) WHERE c.flow <> 'incident' AND c.ended = ''
ORDER BY array_position(ARRAY['critical', 'urgent', 'routine'], c.urgency), c.due_at NULLS LAST, c.opened_at, c.case_id
LIMIT %(limit)s
"""


def mine(conn: Conn, scope: Scope, name: str, limit: int = LIMIT) -> Sequence[Row]:
    """Open cases of the officer that `scope` sees: 特急 first, then by deadline. `mine_rank`: 0 by name, 1 by
    department, 2 by grid cell; `total`: how many there are. A scope of all departments has none of its own.
    """
    seen, params = visible(scope, "c")
    values = {
        **params,
        "name": name,
        "departments": sorted(scope.departments or ()),
        "person": Jsonb([{"name": name}]),
        "limit": limit,
    }
    return conn.execute(sql.SQL(_MINE).format(seen=seen), values).fetchall()


_STEPS = """
SELECT s.case_id, s.version, s.step, s.stage_after, s.actor_name, s.at, s.given,
       CASE WHEN s.step = 'arrive' AND c.geom IS NOT NULL AND s.given -> 'place' ->> 'crs' IN ('EPSG:4326', 'EPSG:4490')
            THEN round(ST_Distance(c.geom::geography, ST_SetSRID(ST_MakePoint((s.given -> 'place' ->> 'lon')::float8,
                 (s.given -> 'place' ->> 'lat')::float8), 4326)::geography)) END AS distance_m
FROM case_step s JOIN cases c USING (case_id)
WHERE s.case_id = ANY (%s) ORDER BY s.case_id, s.version
"""


def progress(conn: Conn, case_ids: Sequence[int]) -> Mapping[int, Sequence[Row]]:
    """Steps taken with each case, oldest first; `distance_m` of an arrival from the case's place."""
    found: dict[int, list[Row]] = {}
    for row in conn.execute(_STEPS, (list(case_ids),)).fetchall():
        found.setdefault(int(row["case_id"]), []).append(row)
    return found
