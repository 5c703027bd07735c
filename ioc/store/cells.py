"""H3 aggregates of devices, `device_cell`: what the map draws below z 14 and what counters sum.

One row per (res 5-9, cell, class, kind, finest region, private_to, sensitivity, origin), summed under the asker's
scope. Whoever writes devices keeps them: `apply_cell_deltas` beside each small change, `rebuild_device_cells` after
bulk work.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple

import h3.api.basic_int as h3
import numpy as np
import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from ioc.geo import h3_parent
from ioc.scope import Scope
from ioc.store.where import visible

RESOLUTIONS = (5, 6, 7, 8, 9)
# What counts as offline everywhere: map, counters and KPI. Disabled and unknown devices are neither online nor offline.
OFFLINE_STATES = ("offline", "fault")


class CellDelta(NamedTuple):
    """A change of counts at one place. Counts may be negative; `h3_10` is the device's own cell."""

    h3_10: int
    class_: str
    kind: str
    region_id: int | None
    private_to: str | None
    sensitivity: int
    origin: str
    total: int
    offline: int
    exceeded: int


@dataclass(frozen=True, slots=True)
class DeviceCount:
    """Devices of one class under one scope and region."""

    total: int = 0
    offline: int = 0
    exceeded: int = 0


def delta_of(row: Mapping[str, Any], sign: int = 1) -> CellDelta:
    """What one `device` row (or its former self, with `sign=-1`) contributes."""
    return CellDelta(
        h3_10=row["h3_10"],
        class_=row["class"],
        kind=row["kind"],
        region_id=row["region_id"],
        private_to=row["private_to"],
        sensitivity=row["sensitivity"],
        origin=row["origin"],
        total=sign,
        offline=sign * (row["status"] in OFFLINE_STATES),
        exceeded=sign * bool(row["exceeded"]),
    )


def apply_cell_deltas(conn: psycopg.Connection[Any], deltas: Iterable[CellDelta]) -> int:
    """Add `deltas` to the aggregates of every resolution, in the caller's transaction. Returns the rows touched.

    Rows are locked in the order of the primary key, so that two writers never wait for each other in a ring.
    """
    sums = _summed(deltas)
    if not sums:
        return 0
    keys = sorted(sums)
    columns: list[list[Any]] = [list(c) for c in zip(*keys, strict=True)]
    counts: list[list[int]] = [list(c) for c in zip(*(sums[k] for k in keys), strict=True)]
    centres = {cell: h3.cell_to_latlng(cell) for cell in set(columns[1])}
    lats = [centres[cell][0] for cell in columns[1]]
    lons = [centres[cell][1] for cell in columns[1]]
    cur = conn.execute(
        """
        INSERT INTO device_cell AS c (res, cell, class, kind, region_id, private_to, sensitivity, origin,
                                      total, offline, exceeded, center)
        SELECT d.res, d.cell, d.class, d.kind, d.region_id, d.private_to, d.sensitivity, d.origin,
               d.total, d.offline, d.exceeded, ST_SetSRID(ST_MakePoint(d.lon, d.lat), 4326)
        FROM unnest(%s::smallint[], %s::bigint[], %s::text[], %s::text[], %s::int[], %s::text[], %s::smallint[],
                    %s::text[], %s::int[], %s::int[], %s::int[], %s::float8[], %s::float8[])
             AS d(res, cell, class, kind, region_id, private_to, sensitivity, origin,
                  total, offline, exceeded, lon, lat)
        ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
        ON CONFLICT (res, cell, class, kind, region_id, private_to, sensitivity, origin) DO UPDATE
        SET total = c.total + excluded.total, offline = c.offline + excluded.offline,
            exceeded = c.exceeded + excluded.exceeded
        """,
        (*columns, *counts, lons, lats),
    )
    return cur.rowcount


def _summed(deltas: Iterable[CellDelta]) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    """Deltas per key of `device_cell`, at every resolution; keys whose changes cancel out are left out."""
    by_ten: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for d in deltas:
        key = (d.h3_10, d.class_, d.kind, d.region_id or 0, d.private_to or "", d.sensitivity, d.origin)
        acc = by_ten[key]
        acc[0] += d.total
        acc[1] += d.offline
        acc[2] += d.exceeded
    entries = [(key, acc) for key, acc in by_ten.items() if any(acc)]
    cells = np.fromiter((key[0] for key, _ in entries), dtype=np.int64, count=len(entries))
    out: defaultdict[tuple[Any, ...], tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
    for res in RESOLUTIONS:
        for (key, acc), cell in zip(entries, h3_parent(cells, res).tolist(), strict=True):
            at = (res, cell, *key[1:])
            t, o, e = out[at]
            out[at] = (t + acc[0], o + acc[1], e + acc[2])
    return {k: v for k, v in out.items() if any(v)}


def rebuild_device_cells(conn: psycopg.Connection[Any]) -> int:
    """Recompute every aggregate from `device`, in the caller's transaction. Returns the number of rows.

    Other writers of the aggregates wait; readers see the old ones until the commit. About 4 s for 2,000,000 devices.
    """
    conn.execute("LOCK TABLE device_cell IN SHARE ROW EXCLUSIVE MODE")
    conn.execute("DROP TABLE IF EXISTS pg_temp.cell_sum, pg_temp.cell_center")
    conn.execute(
        """
        CREATE TEMP TABLE cell_sum ON COMMIT DROP AS
        SELECT 9::smallint AS res, ioc_h3_parent(h3_10, 9) AS cell, class, kind, coalesce(region_id, 0) AS region_id,
               coalesce(private_to, '') AS private_to, sensitivity, origin, count(*)::int AS total,
               count(*) FILTER (WHERE status = ANY (%s))::int AS offline,
               count(*) FILTER (WHERE exceeded)::int AS exceeded
        FROM device GROUP BY 2, 3, 4, 5, 6, 7, 8
        """,
        (list(OFFLINE_STATES),),
    )
    for res in reversed(RESOLUTIONS[:-1]):
        conn.execute(
            """
            INSERT INTO cell_sum
            SELECT %(res)s::smallint, ioc_h3_parent(cell, %(res)s::int), class, kind, region_id, private_to,
                   sensitivity, origin, sum(total)::int, sum(offline)::int, sum(exceeded)::int
            FROM cell_sum WHERE res = %(res)s + 1 GROUP BY 2, 3, 4, 5, 6, 7, 8
            """,
            {"res": res},
        )
    _write_centres(conn, [row[0] for row in _tuples(conn, "SELECT DISTINCT cell FROM cell_sum")])
    # Only what differs is written: each row that goes or changes is a version of the past.
    conn.execute(
        """
        DELETE FROM device_cell c WHERE NOT EXISTS (
          SELECT FROM cell_sum s
          WHERE (s.res, s.cell, s.class, s.kind, s.region_id, s.private_to, s.sensitivity, s.origin)
              = (c.res, c.cell, c.class, c.kind, c.region_id, c.private_to, c.sensitivity, c.origin))
        """
    )
    conn.execute(
        """
        INSERT INTO device_cell AS c (res, cell, class, kind, region_id, private_to, sensitivity, origin,
                                 total, offline, exceeded, center)
        SELECT s.res, s.cell, s.class, s.kind, s.region_id, s.private_to, s.sensitivity, s.origin,
               s.total, s.offline, s.exceeded, ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326)
        FROM cell_sum s JOIN cell_center p USING (cell) ORDER BY s.res, s.cell
        ON CONFLICT (res, cell, class, kind, region_id, private_to, sensitivity, origin) DO UPDATE
        SET total = excluded.total, offline = excluded.offline, exceeded = excluded.exceeded
        WHERE (c.total, c.offline, c.exceeded) IS DISTINCT FROM (excluded.total, excluded.offline, excluded.exceeded)
        """
    )
    return int(_tuples(conn, "SELECT count(*) FROM cell_sum")[0][0])


def _write_centres(conn: psycopg.Connection[Any], cells: Sequence[int]) -> None:
    conn.execute("CREATE TEMP TABLE cell_center (cell bigint, lon float8, lat float8) ON COMMIT DROP")
    with conn.cursor() as cur, cur.copy("COPY cell_center FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int8", "float8", "float8"])
        for cell in cells:
            lat, lon = h3.cell_to_latlng(cell)
            copy.write_row((cell, lon, lat))
    conn.execute("ANALYZE cell_sum, cell_center")


def _tuples(conn: psycopg.Connection[Any], query: LiteralString) -> Sequence[tuple[Any, ...]]:
    with conn.cursor(row_factory=tuple_row) as cur:
        return cur.execute(query).fetchall()


def device_counts(
    conn: psycopg.Connection[Any], scope: Scope, region_ids: Sequence[int] | None
) -> dict[str, DeviceCount]:
    """Devices by class (`camera`, `sensor` ...) that `scope` sees: the rows the map sums, so that the two agree.

    `region_ids` is a region with all its descendants; None: everything the scope sees, also what lies in no region.
    """
    where, params = cell_predicate(scope, region_ids)
    # smallint, as the column is: indexes of the past that hold places and times know no other comparison
    query = sql.SQL(
        """
        SELECT c.class, sum(c.total)::int AS total, sum(c.offline)::int AS offline, sum(c.exceeded)::int AS exceeded
        FROM device_cell c WHERE c.res = 5::smallint AND {where} GROUP BY c.class
        """
    ).format(where=where)
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute(query, params).fetchall()
    return {row[0]: DeviceCount(row[1], row[2], row[3]) for row in rows}


def cell_predicate(scope: Scope, region_ids: Sequence[int] | None) -> tuple[sql.Composable, dict[str, Any]]:
    """What of `device_cell c` the scope may sum: the scope's own predicate and the drill-down."""
    where, params = visible(scope, "c")
    if region_ids is None:
        return where, params
    return sql.SQL("{} AND c.region_id = ANY (%(region_ids)s)").format(where), {
        **params,
        "region_ids": list(region_ids),
    }
