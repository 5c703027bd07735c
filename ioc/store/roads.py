"""The road network in the store: a source's edges are replaced whole in one transaction, what they were is kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from psycopg import sql
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from ioc.command.roads import VEHICLES
from ioc.command.roads.build import Others
from ioc.command.roads.turns import PLAIN
from ioc.store import outbox
from ioc.store.pool import Conn

LAYER = "closure"
_LOCK = 4_930_152  # one import of roads at a time
_COLUMNS = (
    "source", "edition_id", "external_id", "part", "from_node", "to_node", "class", "name", "oneway", "speed_kmh",
    "lanes", "width_m", "max_height_m", "max_weight_t", "bridge", "tunnel", "level", "denied", "length_m", "component",
    "main", *(f"{way}_{v}" for v in VEHICLES for way in ("c", "r")), "geom", "geom_m", "turn",
    "bound_c", "bound_r", "origin",
)  # fmt: skip
_WAY = ("source", "external_id", "edition_id", "crs_orig", "wkb_orig", "attributes", "origin")


@dataclass(frozen=True, slots=True)
class Network:
    """What a source is to have: `edges` and `ways` as rows without source, edition and origin, in their columns."""

    source: str
    srid: int
    top_mps: Mapping[str, float]
    detail: Mapping[str, Any]
    origin: str = "real"
    edges: Iterable[Sequence[Any]] = ()
    ways: Iterable[Sequence[Any]] = ()
    count: int = 0


def lock(conn: Conn) -> None:
    """Until the end of the transaction nobody else brings roads in."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def others(conn: Conn, source: str) -> Others:
    """Edges and junctions of every other source: the network that comes in borders on them."""
    costs = sql.SQL(", ").join(sql.Identifier(f"{w}_{v}") for v in VEHICLES for w in ("c", "r"))
    query = sql.SQL(
        "SELECT edge_id, source, from_node, to_node, length_m, ST_X(ST_StartPoint(geom_m)),"
        " ST_Y(ST_StartPoint(geom_m)),"
        " ST_X(ST_EndPoint(geom_m)), ST_Y(ST_EndPoint(geom_m)), {} FROM road_edge WHERE source <> %s AND NOT turn"
    ).format(costs)
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute(query, (source,)).fetchall()
    if not rows:
        return Others()
    numbers = np.array([(*r[:1], *r[2:]) for r in rows], dtype=np.float64)
    a, b = numbers[:, 1].astype(np.int64), numbers[:, 2].astype(np.int64)
    node, first = np.unique(np.concatenate([a, b]), return_index=True)
    xy = np.vstack([numbers[:, 4:6], numbers[:, 6:8]])[first]
    names = tuple(sorted({str(r[1]) for r in rows}))
    return Others(names, numbers[:, 0].astype(np.int64), a, b, numbers[:, 3], numbers[:, 8:], node, xy)


def first_free_node(conn: Conn) -> int:
    """No edge in force has this node id or a higher one. Under `lock`."""
    row = conn.execute(
        "SELECT coalesce(greatest(max(from_node), max(to_node)), 0) + 1 AS n FROM road_edge WHERE NOT turn"
    ).fetchone()
    assert row is not None
    return int(row["n"])


def outline(conn: Conn, srid: int, buffer_m: float) -> tuple[Any, tuple[float, ...] | None]:
    """The centre's area with its buffer in metres, and its box in degrees; (None, None) without regions."""
    row = conn.execute(
        "WITH a AS (SELECT ST_Buffer(ST_Union(ST_Transform(geom, %(srid)s::int)), %(buffer)s) AS g FROM region"
        " WHERE parent_id IS NULL AND kind <> 'zone' AND geom IS NOT NULL)"
        " SELECT ST_AsBinary(g) AS wkb, ST_XMin(e) AS w, ST_YMin(e) AS s, ST_XMax(e) AS e, ST_YMax(e) AS n"
        " FROM a, LATERAL (SELECT ST_Transform(g, 4326)::box3d AS e) b WHERE g IS NOT NULL",
        {"srid": srid, "buffer": buffer_m},
    ).fetchone()
    if row is None:
        return None, None
    return shapely.from_wkb(bytes(row["wkb"])), (row["w"], row["s"], row["e"], row["n"])


def replace(conn: Conn, network: Network, edition_id: int, now: dt.datetime) -> None:
    """The edges of `network.source` become those given. In the caller's transaction; readers see old or new, whole."""
    kept = sql.SQL(", ").join(map(sql.Identifier, ("edge_id", *_COLUMNS)))
    conn.execute(
        sql.SQL(
            "INSERT INTO road_edge_past ({0}, replaced_at) SELECT {0}, %(now)s FROM road_edge WHERE source = %(source)s"
        ).format(kept),
        {"now": now, "source": network.source},
    )
    conn.execute("DELETE FROM road_edge WHERE source = %s", (network.source,))
    conn.execute("DELETE FROM road_way WHERE source = %s", (network.source,))
    head = (network.source, edition_id)
    _copy(conn, "road_edge", _COLUMNS, ((*head, *row, network.origin) for row in network.edges))
    _copy(
        conn, "road_way", _WAY, ((network.source, row[0], edition_id, *row[1:], network.origin) for row in network.ways)
    )
    conn.execute(
        "INSERT INTO road_source (source, edition_id, edges, top_mps, detail, origin, recorded_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (source) DO UPDATE SET edition_id = excluded.edition_id,"
        " edges = excluded.edges, top_mps = excluded.top_mps, detail = excluded.detail, origin = excluded.origin,"
        " recorded_at = excluded.recorded_at",
        (network.source, edition_id, network.count, Jsonb(dict(network.top_mps)), Jsonb(dict(network.detail)),
         network.origin, now),
    )  # fmt: skip
    conn.execute("SELECT ioc_resolve_closures(NULL, %s)", (network.srid,))
    outbox.put(conn, topic="reload", op="change", entity_id="roads", origin=network.origin,
               payload={"layers": [LAYER], "reason": "roads"})  # fmt: skip
    outbox.wake(conn)


def _copy(conn: Conn, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """By a staging table: a table under row-level security takes no COPY."""
    names, stage = sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(f"new_{table}")
    into = sql.Identifier(table)
    conn.execute(
        sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(stage, names, into)
    )
    with conn.cursor() as cur, cur.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(stage, names)) as copy:
        for row in rows:
            copy.write_row(row)
    conn.execute(sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM {2}").format(into, names, stage))
    conn.execute(sql.SQL("DROP TABLE {}").format(stage))


def settle(conn: Conn, others: Others, component: NDArray[np.int64], main: NDArray[np.int64]) -> None:
    """Component and main network of the other sources' edges, where joining this one has changed them."""
    if not len(others.ids):
        return
    conn.execute(
        "UPDATE road_edge e SET component = n.c, main = n.m FROM unnest(%s::bigint[], %s::int[], %s::smallint[])"
        " AS n(id, c, m) WHERE e.edge_id = n.id AND (e.component, e.main) <> (n.c, n.m)",
        (others.ids.tolist(), component.tolist(), main.tolist()),
    )


def opened(conn: Conn, source: str) -> None:
    """Where `source` now meets another one the restrictions of that one go: its arrivals would miss the new streets."""
    conn.execute(
        "WITH met AS MATERIALIZED ("
        " SELECT n FROM (SELECT from_node AS n FROM road_edge WHERE source = %(source)s AND NOT turn"
        " UNION SELECT to_node FROM road_edge WHERE source = %(source)s AND NOT turn) a"
        " WHERE n IN (SELECT from_node & %(plain)s FROM road_edge WHERE turn AND source <> %(source)s"
        " UNION SELECT to_node & %(plain)s FROM road_edge WHERE turn AND source <> %(source)s))"
        " UPDATE road_edge e SET"
        " from_node = CASE WHEN from_node & %(plain)s IN (TABLE met) THEN from_node & %(plain)s ELSE from_node END,"
        " to_node = CASE WHEN to_node & %(plain)s IN (TABLE met) THEN to_node & %(plain)s ELSE to_node END"
        " WHERE turn AND source <> %(source)s"
        " AND (from_node & %(plain)s IN (TABLE met) OR to_node & %(plain)s IN (TABLE met))",
        {"source": source, "plain": PLAIN},
    )
