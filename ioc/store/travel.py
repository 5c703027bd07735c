"""Road travel times, routes and isochrones from pgRouting, on the network as it is closed at a moment.

The graph handed to pgRouting is cut to a box no faster journey can leave: of the time limit and the greatest speed of
the network, or of the places asked about, with a second look where the first box could have hidden a faster way.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
import shapely.ops
from psycopg import sql
from psycopg.rows import tuple_row

from ioc import geo
from ioc.command.roads import VEHICLES, bit
from ioc.command.roads.isochrone import Reached, areas, sound
from ioc.command.roads.travel import (
    JUNCTION_M,
    WHOLE_EDGES,
    Box,
    Direction,
    Hang,
    Laid,
    Leg,
    Link,
    Place,
    Route,
    State,
    Step,
    Travel,
    around,
    between,
    certain,
    links,
    node,
    within,
)
from ioc.command.roads.turns import PLAIN
from ioc.errors import Invalid, Reason
from ioc.i18n import Text
from ioc.scope import Scope
from ioc.store import routing
from ioc.store.locate import metre_srid
from ioc.store.pool import Conn

NEAR_M = 1000.0
LIMIT_S = 7200.0
NO_NETWORK = Text("路网未导入（ioc import roads）", "no road network (ioc import roads)")


def no_road(near_m: float) -> Text:
    return Text(f"{near_m:g} 米内没有可通行的道路", f"no passable road within {near_m:g} m")


@dataclass(frozen=True)
class Ask:
    """How one travels. `near_m`: how far a road may be from a place (0: as set when the network was brought in).

    `case_id`: whose exercise closures hold, too. `supposed`: an area (WKB, degrees) in which a 推演 closes every road.
    """

    vehicle: str
    at: dt.datetime
    near_m: float = 0.0
    case_id: int | None = None
    ignore_closures: bool = False
    supposed: bytes | None = None


@dataclass(frozen=True)
class _Ground:
    """The network as one question finds it."""

    state: State
    srid: int = 0
    edges: int = 0
    top_mps: float = 0.0
    closed: tuple[int, ...] = ()
    as_of: dt.datetime | None = None
    near_m: float = NEAR_M
    turns: bool = False  # whether any turn is restricted


def present(conn: Conn) -> bool:
    """Whether a road network was brought in."""
    row = conn.execute("SELECT EXISTS (SELECT FROM road_source WHERE edges > 0) AS there").fetchone()
    return bool(row and row["there"])


def travel_times(
    conn: Conn, scope: Scope, place: Place, others: Sequence[Place], ask: Ask, direction: Direction = "to",
    limit_s: float = LIMIT_S,
) -> Travel:  # fmt: skip
    """Road seconds and metres from each of `others` to `place` ("to"), or from it to each of them ("from").

    One-way streets, limits of the vehicle and closures at `ask.at` hold. What has no road, or no way within `limit_s`,
    says so; the straight distance is beside it and never in its place. Raises Invalid for an unknown vehicle.
    """
    scope.require("case.view")
    ground = _ground(conn, ask)
    ask = replace(ask, near_m=ask.near_m or ground.near_m)
    lines = _straight(place, others)
    if ground.state != "ok":
        note = routing.MISSING if ground.state == "no_routing" else NO_NETWORK
        legs = [Leg(o.key, "not_computed", m) for o, m in zip(others, lines, strict=True)]
        return Travel(ground.state, ask.vehicle, direction, legs, ask.near_m, note=note)
    laid = _laid(conn, [place, *others], ask, ground)
    first = laid.get(0)
    if first is None:
        legs = [Leg(o.key, "not_computed", m) for o, m in zip(others, lines, strict=True)]
        note = no_road(ask.near_m)
        return Travel("no_road", ask.vehicle, direction, legs, ask.near_m, None, len(ground.closed), ground.as_of, note)
    there = {i: laid[i + 1] for i in range(len(others)) if i + 1 in laid}
    found = _many(conn, first, there, ask, ground, direction, limit_s) if there else {}
    legs = []
    for i, (o, metres) in enumerate(zip(others, lines, strict=True)):
        at = there.get(i)
        if at is None:
            legs.append(Leg(o.key, "no_road", metres))
        elif i in found:
            legs.append(Leg(o.key, "ok", metres, *found[i], at.snap_m))
        else:
            legs.append(Leg(o.key, "unreachable", metres, snap_m=at.snap_m))
    return Travel(
        "ok", ask.vehicle, direction, legs, ask.near_m, first.snap_m, len(ground.closed), ground.as_of, None, limit_s
    )


def route(conn: Conn, scope: Scope, start: Place, end: Place, ask: Ask) -> Route:
    """The fastest way from `start` to `end` with its geometry. Raises Invalid for an unknown vehicle."""
    scope.require("case.view")
    ground = _ground(conn, ask)
    ask = replace(ask, near_m=ask.near_m or ground.near_m)
    if ground.state != "ok":
        note = routing.MISSING if ground.state == "no_routing" else NO_NETWORK
        return Route(ground.state, ask.vehicle, note=note)
    laid = _laid(conn, [start, end], ask, ground)
    a, b = laid.get(0), laid.get(1)
    snaps = (a.snap_m if a else None, b.snap_m if b else None)
    if a is None or b is None:
        note = no_road(ask.near_m)
        return Route("no_road", ask.vehicle, snap_from_m=snaps[0], snap_to_m=snaps[1], closed=len(ground.closed),
                     note=note)  # fmt: skip
    both, made = [a, b], links([a, b])
    box: Box | None = around(both) if ground.edges > WHOLE_EDGES else None
    rows = _path(conn, ask, ground, made, box)
    if box is not None and not (rows and certain(box, a, b, float(rows[-1][2]), ground.top_mps)):
        wider = between(a, [(b, float(rows[-1][2]))], ground.top_mps) if rows else None
        rows = _path(conn, ask, ground, made, wider)
    if not rows:
        return Route("unreachable", ask.vehicle, snap_from_m=snaps[0], snap_to_m=snaps[1], closed=len(ground.closed))
    return replace(_drawn(conn, rows, made, both, ask, ground), snap_from_m=snaps[0], snap_to_m=snaps[1])


def isochrones(
    conn: Conn, scope: Scope, place: Place, minutes: Sequence[int], ask: Ask, direction: Direction = "from"
) -> Mapping[str, Any]:
    """Areas reached from `place` ("from"), or from where it is reached ("to"), within each of `minutes`.

    JSON-able: `state`, `bands` [{minutes, area_km2, geometry (GeoJSON, degrees)}], `snap_m`, `closed`, `edges`, `note`.
    Raises Invalid for an unknown vehicle.
    """
    scope.require("case.view")
    ground = _ground(conn, ask)
    ask = replace(ask, near_m=ask.near_m or ground.near_m)
    told: dict[str, Any] = {"state": ground.state, "vehicle": ask.vehicle, "direction": direction, "bands": [],
                            "snap_m": None, "closed": len(ground.closed), "edges": 0, "note": None,
                            "as_of": ground.as_of.isoformat() if ground.as_of else None}  # fmt: skip
    if ground.state != "ok":
        return told | {"note": routing.MISSING if ground.state == "no_routing" else NO_NETWORK}
    first = _laid(conn, [place], ask, ground).get(0)
    if first is None:
        return told | {"state": "no_road", "note": no_road(ask.near_m)}
    reached = _reached(conn, first, max(minutes) * 60.0, ask, ground, direction)
    bands: dict[int, Any] = {**areas(reached, sorted(minutes), to_place=direction == "to")}
    return told | {"snap_m": round(first.snap_m, 1), "edges": len(reached.lines), "bands": [
        {"minutes": m, "area_km2": round(shape.area / 1e6, 3), "geometry": _degrees(shape, ground.srid)}
        for m, shape in bands.items()
    ]}  # fmt: skip


def closed_edges(conn: Conn, vehicle: str, at: dt.datetime, case_id: int | None = None) -> tuple[int, ...]:
    """Stretches closed to the vehicle at `at`, as known then. Closures of an exercise hold for its own incident."""
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute(
            "SELECT DISTINCT x.edge_id FROM road_closure c JOIN road_closure_edge x USING (closure_id)"
            " WHERE c.recorded_at <= %(at)s AND c.valid_from <= %(at)s AND (c.valid_to IS NULL OR c.valid_to > %(at)s)"
            " AND (c.ended_at IS NULL OR c.ended_at > %(at)s) AND %(vehicle)s = ANY (c.vehicles)"
            " AND (NOT c.exercise OR c.case_id = %(case)s) ORDER BY 1",
            {"at": at, "vehicle": vehicle, "case": case_id},
        ).fetchall()
    return tuple(int(r[0]) for r in rows)


# ------------------------------------------------------------ the network


def _ground(conn: Conn, ask: Ask) -> _Ground:
    if ask.vehicle not in VEHICLES:
        zh, en = f"应为 {'、'.join(VEHICLES)} 之一", f"must be one of {', '.join(VEHICLES)}"
        raise Invalid(reasons=[Reason("vehicle", "bad_choice", zh, en, ask.vehicle[:40])])
    row = conn.execute(
        "SELECT count(*) AS sources, coalesce(sum(edges), 0)::bigint AS edges, max((top_mps->>%s)::float8) AS top,"
        " max(recorded_at) AS at, max((detail->>'near_m')::float8) AS near,"
        " bool_or((detail->'turns'->>'applied')::int > 0) AS turns FROM road_source",
        (ask.vehicle,),
    ).fetchone()
    if not row or not row["edges"]:
        return _Ground("no_network")
    if not routing.version(conn):
        return _Ground("no_routing")
    srid = metre_srid(conn)
    if srid is None:
        return _Ground("no_network")
    closed = () if ask.ignore_closures else closed_edges(conn, ask.vehicle, ask.at, ask.case_id)
    if ask.supposed is not None:
        closed = tuple(sorted({*closed, *_meeting(conn, ask.supposed, srid)}))
    return _Ground(
        "ok",
        srid,
        int(row["edges"]),
        float(row["top"] or 0),
        closed,
        row["at"],
        float(row["near"] or NEAR_M),
        bool(row["turns"]) and ask.vehicle != "foot",
    )


# The box is made first: behind row-level security a function of another row would keep the index away.
_MEETING = """
WITH a AS MATERIALIZED (
  SELECT ST_MakeValid(ST_Transform(ST_SetSRID(ST_GeomFromWKB(%(area)s), 4326), %(srid)s::int)) AS g)
SELECT e.edge_id FROM a, road_edge e WHERE e.geom_m && a.g AND ST_Intersects(e.geom_m, a.g)
"""


def _meeting(conn: Conn, area: bytes, srid: int) -> list[int]:
    """Stretches that meet an area of degrees."""
    return [int(r["edge_id"]) for r in conn.execute(_MEETING, {"area": area, "srid": srid})]


# The boxes of places are made first: beside `&&` a function of another row's column is kept behind row-level security.
_NEAREST = """
WITH q AS MATERIALIZED (
  SELECT n, p, ST_Expand(p, %(near)s) AS box
  FROM (SELECT n, ST_SetSRID(ST_MakePoint(x, y), %(srid)s) AS p
        FROM unnest(%(x)s::float8[], %(y)s::float8[]) WITH ORDINALITY AS t(x, y, n)) g)
SELECT q.n, e.edge_id, e.from_node, e.to_node, e.cost, e.back, e.bound_c, e.bound_r, e.length_m, e.snap_m,
       e.fraction, ST_X(e.c) AS x, ST_Y(e.c) AS y
FROM q CROSS JOIN LATERAL (
  SELECT f.edge_id, f.from_node, f.to_node, {c} AS cost, {r} AS back, f.bound_c, f.bound_r, f.length_m,
         ST_Distance(f.geom_m, q.p) AS snap_m, ST_LineLocatePoint(f.geom_m, q.p) AS fraction,
         ST_ClosestPoint(f.geom_m, q.p) AS c
  FROM road_edge f
  WHERE f.geom_m && q.box AND f.main & %(bit)s <> 0 AND f.edge_id <> ALL (%(closed)s::bigint[])
  ORDER BY f.geom_m <-> q.p LIMIT 1) e
WHERE e.snap_m <= %(near)s
"""


def _laid(conn: Conn, places: Sequence[Place], ask: Ask, ground: _Ground) -> dict[int, Laid]:
    """Places on the nearest stretch of the vehicle's main network that is open, by their index."""
    x, y = geo.to_metres(np.array([p.lon for p in places]), np.array([p.lat for p in places]), ground.srid)
    query = sql.SQL(_NEAREST).format(
        c=sql.Identifier("f", f"c_{ask.vehicle}"), r=sql.Identifier("f", f"r_{ask.vehicle}")
    )
    params = {
        "x": x.tolist(), "y": y.tolist(), "srid": ground.srid, "near": ask.near_m, "bit": bit(ask.vehicle),
        "closed": list(ground.closed),
    }  # fmt: skip
    out: dict[int, Laid] = {}
    held: dict[int, tuple[bool, bool]] = {}
    for r in conn.execute(query, params).fetchall():
        i = int(r["n"]) - 1
        held[i] = bool(r["bound_c"] & bit(ask.vehicle)), bool(r["bound_r"] & bit(ask.vehicle))
        out[i] = Laid(
            places[i].key, r["edge_id"], r["from_node"], r["to_node"], r["cost"], r["back"], r["length_m"],
            min(1.0, max(0.0, r["fraction"])), r["snap_m"], r["x"], r["y"],
        )  # fmt: skip
    return _hung(conn, out, held, ask, ground) if ground.turns and out else out


# Twins that lie at the places: those of their own stretches, and arrivals at the junctions they stand at.
_TWINS = """
WITH q AS MATERIALIZED (
  SELECT n, ST_Expand(ST_SetSRID(ST_MakePoint(x, y), %(srid)s), %(near)s) AS box
  FROM unnest(%(x)s::float8[], %(y)s::float8[]) WITH ORDINALITY AS t(x, y, n))
SELECT q.n, t.from_node, t.to_node, {c} AS cost, {r} AS back,
       (t.source, t.external_id, t.part) = (e.source, e.external_id, e.part) AS own
FROM q CROSS JOIN LATERAL (SELECT * FROM road_edge f WHERE f.geom_m && q.box AND f.turn) t
JOIN road_edge e ON e.edge_id = (%(edges)s::bigint[])[q.n]
WHERE {c} >= 0 OR {r} >= 0
"""


def _hung(
    conn: Conn, laid: Mapping[int, Laid], held: Mapping[int, tuple[bool, bool]], ask: Ask, ground: _Ground
) -> dict[int, Laid]:
    """With the twins of their stretches."""
    keys = list(laid)
    query = sql.SQL(_TWINS).format(c=sql.Identifier("t", f"c_{ask.vehicle}"), r=sql.Identifier("t", f"r_{ask.vehicle}"))
    params = {
        "x": [laid[k].x for k in keys], "y": [laid[k].y for k in keys], "srid": ground.srid, "near": 2 * JUNCTION_M,
        "edges": [laid[k].edge_id for k in keys],
    }  # fmt: skip
    hangs: dict[int, list[Hang]] = {}
    gates: dict[int, set[int]] = {}
    for r in conn.execute(query, params).fetchall():
        key = keys[int(r["n"]) - 1]
        if r["own"]:
            hangs.setdefault(key, []).append(Hang(r["from_node"], r["to_node"], r["cost"], r["back"]))
        # driven along it arrives at its end, driven against it at its beginning
        arrives = r["to_node"] if r["cost"] >= 0 else r["from_node"]
        if arrives > PLAIN:
            gates.setdefault(key, set()).add(arrives)
    out: dict[int, Laid] = {}
    for key, p in laid.items():
        along, against = held[key]
        plain = Hang(p.a, p.b, -1.0 if along else p.cost, -1.0 if against else p.back)
        out[key] = replace(p, hangs=(plain, *hangs.get(key, ())), gates=tuple(sorted(gates.get(key, ()))))
    return out


def _straight(place: Place, others: Sequence[Place]) -> list[float]:
    """Metres as the crow flies on the sphere."""
    if not others:
        return []
    lon, lat = np.radians([o.lon for o in others]), np.radians([o.lat for o in others])
    lon0, lat0 = np.radians(place.lon), np.radians(place.lat)
    h = np.sin((lat - lat0) / 2) ** 2 + np.cos(lat) * np.cos(lat0) * np.sin((lon - lon0) / 2) ** 2
    return [round(float(m), 1) for m in 2 * 6_371_008.8 * np.arcsin(np.sqrt(h))]


def _graph(
    conn: Conn, ask: Ask, ground: _Ground, made: Sequence[Link], box: Box | None, *, backward: bool
) -> str:  # fmt: skip
    """The edges query pgRouting runs, with the links of the places. `backward`: every edge turned round."""
    a, b = ("to_node", "from_node") if backward else ("from_node", "to_node")
    c, r = sql.Identifier(f"c_{ask.vehicle}"), sql.Identifier(f"r_{ask.vehicle}")
    cost, back = (_held(x, n, ask) if ground.turns else x for x, n in ((c, "bound_c"), (r, "bound_r")))
    # on foot, and where nothing is restricted, the twins say nothing
    parts: list[sql.Composable] = [
        sql.SQL(
            "SELECT edge_id AS id, {a} AS source, {b} AS target, {cost}::float8 AS cost, {back}::float8 AS reverse_cost"
            " FROM road_edge WHERE ({c} >= 0 OR {r} >= 0)"
        ).format(a=sql.Identifier(a), b=sql.Identifier(b), c=c, r=r, cost=cost, back=back)
    ]
    if box is not None:
        edges = (box.west, box.south, box.east, box.north, ground.srid)
        parts.append(sql.SQL(" AND geom_m && ST_MakeEnvelope({})").format(sql.SQL(", ").join(map(sql.Literal, edges))))
    if ground.closed:
        parts.append(sql.SQL(" AND edge_id <> ALL ({}::bigint[])").format(sql.Literal(list(ground.closed))))
    rows = [
        (m.id, m.target, m.source, m.cost, m.reverse) if backward else (m.id, m.source, m.target, m.cost, m.reverse)
        for m in made
    ]
    values = sql.SQL(", ").join(
        sql.SQL("({}::bigint, {}::bigint, {}::bigint, {}::float8, {}::float8)").format(*map(sql.Literal, r))
        for r in rows
    )
    parts += [sql.SQL(" UNION ALL SELECT * FROM (VALUES "), values, sql.SQL(") v")]
    return sql.Composed(parts).as_string(conn)


def _held(cost: sql.Composable, bound: str, ask: Ask) -> sql.Composable:
    """Not in the graph for who is bound: a twin stands for it."""
    return sql.SQL("CASE WHEN {} & {} <> 0 THEN -1 ELSE {} END").format(
        sql.Identifier(bound), sql.Literal(bit(ask.vehicle)), cost
    )


# ------------------------------------------------------------ one and many

_TIMES = """
SELECT d.end_vid, max(d.agg_cost), sum(coalesce(e.length_m, v.m))
FROM pgr_dijkstra(%(graph)s, %(start)s::bigint, %(ends)s::bigint[], true) d
LEFT JOIN road_edge e ON d.edge > 0 AND e.edge_id = d.edge
LEFT JOIN unnest(%(ids)s::bigint[], %(metres)s::float8[]) AS v(id, m) ON v.id = d.edge AND d.edge < -1
GROUP BY 1
"""


def _many(
    conn: Conn, first: Laid, there: Mapping[int, Laid], ask: Ask, ground: _Ground, direction: Direction, limit_s: float
) -> dict[int, tuple[float, float]]:
    """Seconds and metres of each of `there` that is found within `limit_s`."""
    indexes = list(there)
    places = [first, *(there[i] for i in indexes)]
    made = links(places, starts=direction == "from")
    wanted = dict(enumerate(indexes, start=1))  # index among `places` -> index of the caller
    found: dict[int, tuple[float, float]] = {}
    box = around(places) if ground.edges > WHOLE_EDGES else None
    got = _times(conn, made, [node(k) for k in wanted], ask, ground, direction, box)
    for k in list(wanted):
        answer = got.get(node(k))
        if answer is not None and (box is None or certain(box, first, places[k], answer[0], ground.top_mps)):
            found[wanted.pop(k)] = answer
    if box is not None and wanted:
        # a faster way may lie outside; it is no slower than the one found, or than the limit where none was
        most = [(places[k], min(limit_s, got[node(k)][0] if node(k) in got else limit_s)) for k in wanted]
        wider = between(first, most, ground.top_mps)
        got = _times(conn, made, [node(k) for k in wanted], ask, ground, direction, wider)
        found |= {i: got[node(k)] for k, i in wanted.items() if node(k) in got}
    return {i: t for i, t in found.items() if t[0] <= limit_s}


def _times(
    conn: Conn, made: Sequence[Link], ends: Sequence[int], ask: Ask, ground: _Ground, direction: Direction,
    box: Box | None,
) -> dict[int, tuple[float, float]]:  # fmt: skip
    """By node. Towards the place the graph is turned round, so that one search answers for all."""
    params = {
        "graph": _graph(conn, ask, ground, made, box, backward=direction == "to"), "start": node(0), "ends": list(ends),
        "ids": [m.id for m in made], "metres": [m.length_m for m in made],
    }  # fmt: skip
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute(_TIMES, params).fetchall()
    return {int(r[0]): (float(r[1]), float(r[2])) for r in rows}


# ------------------------------------------------------------ a route

_PATH = """
SELECT d.edge, d.node, d.agg_cost, d.cost, e.from_node, e.length_m, e.name, e.class, ST_AsBinary(e.geom)
FROM pgr_dijkstra(%(graph)s, %(start)s::bigint, %(ends)s::bigint[], true) d
LEFT JOIN road_edge e ON d.edge > 0 AND e.edge_id = d.edge
ORDER BY d.path_seq
"""


def _path(conn: Conn, ask: Ask, ground: _Ground, made: Sequence[Link], box: Box | None) -> list[Any]:
    params = {"graph": _graph(conn, ask, ground, made, box, backward=False), "start": node(0), "ends": [node(1)]}
    with conn.cursor(row_factory=tuple_row) as cur:
        return cur.execute(_PATH, params).fetchall()


def _drawn(
    conn: Conn, rows: Sequence[Any], made: Sequence[Link], both: Sequence[Laid], ask: Ask, ground: _Ground
) -> Route:
    """Rows of the path as one line, and its stretches by name."""
    by_id = {m.id: m for m in made}
    own = _stretches(conn, [p.edge_id for p in both])
    points: list[tuple[float, float]] = []
    steps: list[Step] = []
    for edge, at, _, cost, from_node, length, name, cls, wkb in rows:
        if edge == -1:
            continue
        link = by_id.get(int(edge))
        if link is not None:
            shape, name, cls = own[both[link.whose].edge_id]
            piece, length = _part(shape, link, both), link.length_m
            ahead = int(at) == link.source
        else:
            piece, ahead = shapely.from_wkb(bytes(wkb)), int(at) == int(from_node)
        xy = [(float(x), float(y)) for x, y in piece.coords]
        xy = xy if ahead else xy[::-1]
        points += xy[1:] if points and _near(points[-1], xy[0]) else xy
        if steps and (steps[-1].name, steps[-1].cls) == (name, cls):
            last = steps.pop()
            steps.append(Step(name, cls, last.metres + float(length), last.seconds + float(cost)))
        else:
            steps.append(Step(str(name), str(cls), float(length), float(cost)))
    return Route(
        "ok", ask.vehicle, float(rows[-1][2]), sum(s.metres for s in steps), points, steps, closed=len(ground.closed)
    )


def _near(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return abs(a[0] - b[0]) < 1e-7 and abs(a[1] - b[1]) < 1e-7


def _stretches(conn: Conn, ids: Sequence[int]) -> dict[int, tuple[Any, str, str]]:
    rows = conn.execute(
        "SELECT edge_id, name, class, ST_AsBinary(geom) AS wkb FROM road_edge WHERE edge_id = ANY (%s)", (list(ids),)
    ).fetchall()
    return {r["edge_id"]: (shapely.from_wkb(bytes(r["wkb"])), r["name"], r["class"]) for r in rows}


def _part(shape: Any, link: Link, both: Sequence[Laid]) -> Any:
    """The piece of a stretch a link stands for, along the stretch."""
    here = both[link.whose].fraction
    low, high = {"head": (0.0, here), "tail": (here, 1.0)}.get(
        link.piece, tuple(sorted((both[0].fraction, both[1].fraction)))
    )
    piece: Any = shapely.ops.substring(shape, low, high, normalized=True)
    return piece if piece.geom_type == "LineString" else shapely.LineString([*piece.coords, *piece.coords])


# ------------------------------------------------------------ isochrones

_REACHED = """
WITH r AS MATERIALIZED (
  SELECT node, min(agg_cost) AS s FROM pgr_drivingDistance(%(graph)s, %(start)s::bigint, %(limit)s::float8, true)
  GROUP BY 1),
e AS MATERIALIZED (
  SELECT f.edge_id FROM r JOIN road_edge f ON f.from_node = r.node
  UNION SELECT f.edge_id FROM r JOIN road_edge f ON f.to_node = r.node)
SELECT ST_AsBinary(f.geom_m), a.s, b.s, {c}, {r}
FROM e JOIN road_edge f USING (edge_id) LEFT JOIN r a ON a.node = f.from_node LEFT JOIN r b ON b.node = f.to_node
WHERE ({c} >= 0 OR {r} >= 0) AND f.edge_id <> ALL (%(closed)s::bigint[])
"""


def _reached(
    conn: Conn, first: Laid, limit_s: float, ask: Ask, ground: _Ground, direction: Direction
) -> Reached:  # fmt: skip
    made = links([first], starts=direction == "from")
    box = within(first, limit_s, ground.top_mps)
    params = {
        "graph": _graph(conn, ask, ground, made, box, backward=direction == "to"), "start": node(0), "limit": limit_s,
        "closed": list(ground.closed),
    }  # fmt: skip
    query = sql.SQL(_REACHED).format(
        c=sql.Identifier("f", f"c_{ask.vehicle}"), r=sql.Identifier("f", f"r_{ask.vehicle}")
    )
    with conn.cursor(row_factory=tuple_row, binary=True) as cur:
        rows = cur.execute(query, params).fetchall()
    shape = _stretches_m(conn, first.edge_id)
    lines = [bytes(r[0]) for r in rows]
    a = [np.inf if r[1] is None else r[1] for r in rows]
    b = [np.inf if r[2] is None else r[2] for r in rows]
    shapes = list(shapely.from_wkb(lines)) if lines else []
    cost, back = [r[3] for r in rows], [r[4] for r in rows]
    # the place's own stretch in its two pieces, each with the place at one end
    for low, high, at in ((0.0, first.fraction, "b"), (first.fraction, 1.0, "a")):
        piece = shapely.ops.substring(shape, low, high, normalized=True)
        if piece.geom_type == "LineString" and piece.length > 0:
            shapes.append(piece)
            a.append(0.0 if at == "a" else np.inf)
            b.append(0.0 if at == "b" else np.inf)
            cost.append((high - low) * first.cost if first.cost >= 0 else -1.0)
            back.append((high - low) * first.back if first.back >= 0 else -1.0)
    out = np.empty(len(shapes), dtype=object)
    out[:] = shapes
    return Reached(out, *(np.array(v, dtype=np.float64) for v in (a, b, cost, back)))


def _stretches_m(conn: Conn, edge_id: int) -> Any:
    row = conn.execute("SELECT ST_AsBinary(geom_m) AS wkb FROM road_edge WHERE edge_id = %s", (edge_id,)).fetchone()
    assert row is not None
    return shapely.from_wkb(bytes(row["wkb"]))


def _degrees(shape: Any, srid: int) -> Mapping[str, Any]:
    """GeoJSON with six decimals (0.1 m)."""

    def turned(xy: Any) -> Any:
        return np.round(np.column_stack(geo.to_wgs84(xy[:, 0], xy[:, 1], f"EPSG:{srid}")), 6)

    return json.loads(shapely.to_geojson(sound(shapely.transform(shape, turned))))
