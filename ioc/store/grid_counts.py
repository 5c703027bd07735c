"""Numbers of grid cells: counted by one worker for all, summed under the scope of who asks (migration 146)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from ioc.errors import Invalid, Reason
from ioc.grids import colours
from ioc.grids.colours import MEASURES, Measure
from ioc.scope import Scope
from ioc.store.kpi_queries import EVENT_COUNTED
from ioc.store.pool import Conn
from ioc.store.where import visible
from ioc.villages.figures import LEAST

Row = Mapping[str, Any]
SETTING = "grid.counts"
OVERDUE = sql.SQL("k.due_at < %(now)s AND NOT k.clock_stopped")

# Cells whose facts are not of their present version.
_FACTS = """
INSERT INTO grid_fact AS f (grid_cell_id, kind, area_km2, population, region_id, private_to, sensitivity, origin,
                            made_from)
SELECT g.grid_cell_id, g.kind, ST_Area(g.geom::geography) / 1e6, p.n, g.region_id, g.private_to, g.sensitivity,
       g.origin, g.updated_at
FROM grid_cell g LEFT JOIN grid_fact f USING (grid_cell_id)
LEFT JOIN LATERAL (
  SELECT round(v.said::numeric)::bigint AS n
  FROM unnest(%(names)s::text[]) WITH ORDINALITY k (name, i)
  CROSS JOIN LATERAL (SELECT replace(g.attributes ->> k.name, ',', '') AS said) v
  WHERE v.said ~ '^[0-9]{1,9}([.][0-9]{1,6})?$' ORDER BY k.i LIMIT 1) p ON true
WHERE f.made_from IS DISTINCT FROM g.updated_at
ON CONFLICT (grid_cell_id) DO UPDATE SET kind = excluded.kind, area_km2 = excluded.area_km2,
  population = excluded.population, region_id = excluded.region_id, private_to = excluded.private_to,
  sensitivity = excluded.sensitivity, origin = excluded.origin, made_from = excluded.made_from
"""
_MADE = sql.SQL(
    """
CREATE TEMP TABLE grid_made ON COMMIT DROP AS
SELECT x.id AS grid_cell_id, x.region_id, x.priv AS private_to, x.sens AS sensitivity, x.origin,
       sum(x.events)::int AS events, sum(x.open)::int AS open, sum(x.overdue)::int AS overdue
FROM (
  SELECT c.id, e.region_id, coalesce(e.private_to, '') AS priv, e.sensitivity AS sens, e.origin, count(*) AS events,
         0 AS open, 0 AS overdue
  FROM event e CROSS JOIN LATERAL unnest(e.grid_cell_ids) AS c (id)
  WHERE {counted} AND e.occurred_at > %(since)s AND e.occurred_at <= %(now)s GROUP BY 1, 2, 3, 4, 5
  UNION ALL
  SELECT k.grid_cell_id, k.region_id, coalesce(k.private_to, ''), k.sensitivity, k.origin, 0, count(*),
         count(*) FILTER (WHERE {overdue})
  FROM cases k WHERE k.closed_at IS NULL AND NOT k.exercise AND k.grid_cell_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5) x
JOIN grid_cell g ON g.grid_cell_id = x.id
GROUP BY 1, 2, 3, 4, 5
"""
).format(counted=EVENT_COUNTED, overdue=OVERDUE)
_GONE = """
DELETE FROM grid_count n WHERE NOT EXISTS (
  SELECT FROM grid_made m WHERE n.grid_cell_id = m.grid_cell_id AND coalesce(n.region_id, 0) = coalesce(m.region_id, 0)
    AND n.private_to = m.private_to AND n.sensitivity = m.sensitivity AND n.origin = m.origin)
"""
_PUT = """
INSERT INTO grid_count AS n (grid_cell_id, region_id, private_to, sensitivity, origin, events, open, overdue)
SELECT * FROM grid_made
ON CONFLICT (grid_cell_id, (coalesce(region_id, 0)), private_to, sensitivity, origin) DO UPDATE
SET events = excluded.events, open = excluded.open, overdue = excluded.overdue
WHERE (n.events, n.open, n.overdue) IS DISTINCT FROM (excluded.events, excluded.open, excluded.overdue)
"""


def rebuild(conn: Conn, now: dt.datetime) -> int:
    """All numbers anew in the caller's transaction (SYSTEM); only rows that differ are written. Returns how many."""
    given = {"now": now, "since": now - colours.PERIOD}
    moved = conn.execute(_FACTS, {"names": list(colours.POPULATION)}).rowcount
    conn.execute(_MADE, given)
    moved += conn.execute(_GONE).rowcount
    moved += conn.execute(_PUT).rowcount
    said = {"computed_at": now.isoformat()}
    conn.execute(
        "INSERT INTO setting (key, value) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (SETTING, Jsonb(said)),
    )
    return moved


# ---------------------------------------------------------------- what an asker gets

# The value of each measure for a cell; NULL where there is none. `n` is the cell's sums, `f` its facts.
VALUE: Mapping[str, sql.Composable] = {
    "events": sql.SQL("coalesce(n.events, 0) / nullif(f.area_km2, 0)"),
    "overdue": sql.SQL("100.0 * n.overdue / nullif(n.open, 0)"),
    "population": sql.SQL("CASE WHEN f.population >= {}::int THEN f.population END").format(sql.Literal(LEAST)),
}
NONE: Mapping[str, sql.SQL] = {
    "events": sql.SQL("coalesce(n.events, 0) = 0"),
    "overdue": sql.SQL("coalesce(n.open, 0) = 0"),
    "population": sql.SQL("false"),
}
SUMS = sql.SQL(
    "SELECT sum(c.events)::float8 AS events, sum(c.open)::float8 AS open, sum(c.overdue)::float8 AS overdue"
    " FROM grid_count c WHERE c.grid_cell_id = f.grid_cell_id AND {}"
)
_VALUES = sql.SQL(
    """
SELECT {value}::float8 AS v, {none} AS none
FROM grid_fact f LEFT JOIN (
  SELECT c.grid_cell_id, sum(c.events)::float8 AS events, sum(c.open)::float8 AS open, sum(c.overdue)::float8 AS overdue
  FROM grid_count c WHERE {seen_c} GROUP BY 1) n USING (grid_cell_id)
WHERE f.kind = %(kind)s AND {seen_f}
"""
)


@dataclass(frozen=True, slots=True)
class Colouring:
    """How one measure is drawn for one scope: the kind of cell, where classes begin, and what was counted."""

    measure: Measure
    kind: str
    breaks: tuple[float, ...]
    cells: Mapping[int, int]  # class -> number of cells
    computed_at: dt.datetime | None


def measure(scope: Scope, by: str) -> Measure:
    """The measure named `by`. Raises Invalid for another name, Forbidden without its right."""
    found = MEASURES.get(by)
    if found is None:
        names = ", ".join(MEASURES)
        raise Invalid(reasons=[Reason("by", "bad_choice", f"应为 {names}", f"one of {names}", by[:40])])
    if found.right:
        scope.require(found.right)
    return found


def computed_at(conn: Conn) -> dt.datetime | None:
    """When the numbers were last computed; None while they never were."""
    row = conn.execute("SELECT value FROM setting WHERE key = %s", (SETTING,)).fetchone()
    return None if row is None else dt.datetime.fromisoformat(row["value"]["computed_at"])


def colouring(conn: Conn, scope: Scope, by: str) -> Colouring:
    """Classes of all the cells `scope` sees. `conn` carries the scope. Raises Invalid, Forbidden."""
    chosen = measure(scope, by)
    seen_f, params = visible(scope, "f")
    seen_c, more = visible(scope, "c")
    kinds = {r["kind"] for r in conn.execute(
        sql.SQL("SELECT DISTINCT f.kind FROM grid_fact f WHERE {}").format(seen_f), params)}  # fmt: skip
    kind = next((k for k in colours.KINDS if k in kinds), colours.KINDS[0])
    query = _VALUES.format(value=VALUE[by], none=NONE[by], seen_c=seen_c, seen_f=seen_f)
    with conn.cursor(row_factory=tuple_row) as cur:
        rows: Sequence[tuple[float | None, bool]] = cur.execute(query, {**params, **more, "kind": kind}).fetchall()
    breaks = chosen.breaks or colours.quintiles([v for v, none in rows if v is not None and not none])
    cells: dict[int, int] = {}
    for v, none in rows:
        found = colours.class_of(v, breaks, none=none)
        cells[found] = cells.get(found, 0) + 1
    return Colouring(chosen, kind, breaks, cells, computed_at(conn))


# ---------------------------------------------------------------- one cell

# What follows from the place is found by place; a case may have been given to a cell it does not lie in.
EVENTS_OF = sql.SQL(
    "{} AND e.occurred_at > %(month_ago)s AND e.occurred_at <= %(now)s AND e.geom && (SELECT g.geom FROM grid_cell g"
    " WHERE g.grid_cell_id = %(grid)s) AND %(grid)s = ANY (e.grid_cell_ids)"
).format(EVENT_COUNTED)
CASES_OF = sql.SQL("k.closed_at IS NULL AND NOT k.exercise AND k.grid_cell_id = %(grid)s")


def of_cell(conn: Conn, scope: Scope, grid_cell_id: int, now: dt.datetime) -> dict[str, int | None]:
    """`events` of 30 days, `open` and `overdue` cases of a cell as they are now; None without the right."""
    out: dict[str, int | None] = {"events": None, "open": None, "overdue": None}
    given = {"grid": grid_cell_id, "now": now, "month_ago": now - colours.PERIOD}
    if scope.can("event.view"):
        seen, params = visible(scope, "e")
        query = sql.SQL("SELECT count(*)::int AS events FROM event e WHERE {} AND {}").format(EVENTS_OF, seen)
        out |= conn.execute(query, {**params, **given}).fetchone() or {}
    if scope.can("case.view"):
        seen, params = visible(scope, "k")
        query = sql.SQL(
            "SELECT count(*)::int AS open, count(*) FILTER (WHERE {})::int AS overdue FROM cases k WHERE {} AND {}"
        ).format(OVERDUE, CASES_OF, seen)
        out |= conn.execute(query, {**params, **given}).fetchone() or {}
    return out


def fact(conn: Conn, grid_cell_id: int) -> Row | None:
    """Area and people of a cell the connection's scope sees; None before the worker has met it."""
    return conn.execute(
        "SELECT area_km2, population FROM grid_fact WHERE grid_cell_id = %s", (grid_cell_id,)
    ).fetchone()
