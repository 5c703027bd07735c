"""Small road networks for tests, and the same network built a second time, independently, as a networkx graph."""

from __future__ import annotations

import datetime as dt
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import osmium
import osmium.osm
import pyogrio.raw
import shapely

from ioc import geo
from ioc.clock import FixedClock
from ioc.intake.datasets import Given
from ioc.settings import Settings
from tests.conftest import NOW

WEST, SOUTH = 112.0, 21.9
STEP = 0.002  # degrees: a block of about 206 x 221 m
SRID = geo.metre_srid(WEST)
# km/h of the shipped tables, written down a second time: share x limit or design, capped by the vehicle's top
DESIGN = {"primary": 60, "secondary": 50, "tertiary": 40, "residential": 30, "footway": 5}
SHARE = {"primary": 0.7, "secondary": 0.65, "tertiary": 0.65, "residential": 0.6, "footway": 1.0}
TOP = {"fire_engine": 75, "ambulance": 100, "car": 110, "foot": 4.8}
Node = tuple[int, int]


def place(node: tuple[float, float]) -> tuple[float, float]:
    """Lon, lat of a crossing of the grid."""
    return WEST + STEP * node[0], SOUTH + STEP * node[1]


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Between two crossings, in the plane of the centre's metres."""
    lon, lat = np.array([place(a)[0], place(b)[0]]), np.array([place(a)[1], place(b)[1]])
    x, y = geo.to_metres(lon, lat, SRID)
    return math.hypot(x[1] - x[0], y[1] - y[0])


def passes(way: Mapping[str, Any], vehicle: str) -> bool:
    if vehicle in way.get("denied", ()):
        return False
    return vehicle == "foot" if way["class"] == "footway" else True


def graph(ways: Sequence[Mapping[str, Any]], vehicle: str) -> nx.DiGraph:
    """A way is {nodes: [(i, j), ...] one block apart, class, oneway, speed, denied}; each block is an edge."""
    g: nx.DiGraph = nx.DiGraph()
    for way in ways:
        if not passes(way, vehicle):
            continue
        kmh = (
            TOP["foot"]
            if vehicle == "foot"
            else min(TOP[vehicle], max(3.0, (way.get("speed") or DESIGN[way["class"]]) * SHARE[way["class"]]))
        )
        oneway = 0 if vehicle == "foot" else way.get("oneway", 0)
        for a, b in zip(way["nodes"], way["nodes"][1:], strict=False):
            m = metres(a, b)
            for tail, head, open_ in ((a, b, oneway >= 0), (b, a, oneway <= 0)):
                s = m / (kmh / 3.6)
                if open_ and (not g.has_edge(tail, head) or g[tail][head]["s"] > s):
                    g.add_edge(tail, head, s=s, m=m)
    return g


WORDS = {"primary": "主干路", "secondary": "次干路", "tertiary": "支路", "residential": "街巷", "footway": "人行道"}
ONEWAY = {0: "否", 1: "是", -1: "反向"}
VEHICLE = {"fire_engine": "消防车", "ambulance": "救护车", "car": "小汽车", "foot": "行人"}


def write_gpkg(path: Path, ways: Sequence[Mapping[str, Any]], crs: str = "EPSG:4490") -> Path:
    """As a department would deliver it. In GCJ-02 the file says nothing of its system."""

    def line(way: Mapping[str, Any]) -> shapely.LineString:
        lonlat = np.array([place(n) for n in way["nodes"]])
        if crs == "GCJ-02":
            lonlat = np.column_stack(geo.wgs_to_gcj(lonlat[:, 0], lonlat[:, 1]))
        return shapely.LineString(lonlat)

    columns = {
        "路段编号": [f"W{i}" for i in range(len(ways))],
        "道路名称": [w.get("name", f"{i}号路") for i, w in enumerate(ways)],
        "道路等级": [WORDS[w["class"]] for w in ways],
        "单行": [ONEWAY[w.get("oneway", 0)] for w in ways],
        "限速": [str(w.get("speed") or "") for w in ways],
        "禁行车辆": ["、".join(VEHICLE[v] for v in w.get("denied", ())) for w in ways],
        "桥梁": ["是" if w.get("bridge") else "否" for w in ways],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a file that says nothing of its system is what is wanted
        pyogrio.raw.write(
            str(path), shapely.to_wkb(np.array([line(w) for w in ways], dtype=object)),
            [np.array(c, dtype=object) for c in columns.values()], list(columns), layer="roads",
            driver="GeoJSON" if path.suffix == ".geojson" else "GPKG", geometry_type="LineString",
            crs=None if crs == "GCJ-02" else crs,
        )  # fmt: skip
    return path


def write_pbf(path: Path, ways: Sequence[Mapping[str, Any]], turns: Sequence[Mapping[str, Any]] = ()) -> Path:
    """The same as OpenStreetMap: crossings are shared nodes. A turn: {start, end (indexes), via (node), kind, more}."""
    path.unlink(missing_ok=True)
    ids = {n: i for i, n in enumerate(sorted({n for w in ways for n in w["nodes"]}), start=1)}
    denied = {"car": ("motor_vehicle", "private"), "foot": ("foot", "no")}
    with osmium.SimpleWriter(str(path)) as out:
        for node, number in ids.items():
            out.add_node(osmium.osm.mutable.Node(id=number, location=place(node), version=1))
        for i, w in enumerate(ways, start=1):
            tags = {"highway": w["class"], "name": w.get("name", f"{i}号路")}
            if w.get("oneway"):
                tags["oneway"] = "yes" if w["oneway"] > 0 else "-1"
            if w.get("speed"):
                tags["maxspeed"] = f"{w['speed']} km/h"
            for v in w.get("denied", ()):
                tags[denied[v][0]] = denied[v][1]
            if w.get("bridge"):
                tags["bridge"] = "yes"
            out.add_way(osmium.osm.mutable.Way(id=i, nodes=[ids[n] for n in w["nodes"]], tags=tags, version=1))
        for i, turn in enumerate(turns, start=1):
            members = [("w", turn["start"] + 1, "from"), ("n", ids[turn["via"]], "via"), ("w", turn["end"] + 1, "to")]
            tags = {"type": "restriction", "restriction": turn["kind"], **turn.get("more", {})}
            tags = {k: v for k, v in tags.items() if v}
            out.add_relation(osmium.osm.mutable.Relation(id=i, members=members, tags=tags, version=1))
    return path


Move = tuple[Node, Node]


def moves(ways: Sequence[Mapping[str, Any]], vehicle: str, turns: Sequence[Mapping[str, Any]]) -> nx.DiGraph:
    """The same as a graph of moves: a node is a block driven in one direction, an edge a turn that is allowed and its
    weight `s` the seconds of the block driven next. Every way is one block."""
    plain = graph(ways, vehicle)
    g: nx.DiGraph = nx.DiGraph()
    g.add_nodes_from((a, b) for a, b in plain.edges)

    def block(i: int, via: Node) -> Move:
        """Into the node."""
        a, b = ways[i]["nodes"]
        return (a, b) if b == via else (b, a)

    barred: set[tuple[Move, Move]] = set()
    for t in turns:
        start, end = block(t["start"], t["via"]), block(t["end"], t["via"])[::-1]
        out = [(t["via"], n) for n in plain.successors(t["via"])] if t["via"] in plain else []
        barred |= {(start, m) for m in out if (m == end) != t["kind"].startswith("only_")}
    for a, b in plain.edges:
        for c in plain.successors(b):
            if ((a, b), (b, c)) not in barred:
                g.add_edge((a, b), (b, c), s=plain[b][c]["s"])
    return g


def between(ways: Sequence[Mapping[str, Any]], vehicle: str, g: nx.DiGraph, start: Move, end: Move) -> float | None:
    """Seconds from the middle of one block to the middle of another; None: no way."""
    plain, h = graph(ways, vehicle), g.copy()
    for m in (start, start[::-1]):
        if plain.has_edge(*m):
            h.add_edge("start", m, s=plain[m[0]][m[1]]["s"] / 2)
    for m in (end, end[::-1]):
        if plain.has_edge(*m):
            for before in list(g.predecessors(m)):
                h.add_edge(before, "end", s=plain[m[0]][m[1]]["s"] / 2)
    if "start" not in h or "end" not in h or not nx.has_path(h, "start", "end"):
        return None
    return float(nx.shortest_path_length(h, "start", "end", "s"))


def given(path: Path, settings: Settings, crs: str = "", **more: Any) -> Given:
    return Given(path, settings, FixedClock(NOW), "t", crs, dt.date(2026, 9, 1), **more)


def streets(size: int) -> list[dict[str, Any]]:
    """A grid of `size` x `size` crossings; rows are one-way by turns, the middle column is a primary road."""
    rows = [
        {"nodes": [(i, j) for i in range(size)], "class": "residential", "oneway": (0, 1, 0, -1)[j % 4]}
        for j in range(size)
    ]
    columns = [
        {"nodes": [(i, j) for j in range(size)], "class": "primary" if i == size // 2 else "tertiary",
         "speed": 40 if i % 3 == 1 else None}
        for i in range(size)
    ]  # fmt: skip
    return [*rows, *columns]


def geojson(kind: str, points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """A drawn line or area through crossings of the grid."""
    xy = [list(place(p)) for p in points]
    return json.loads(json.dumps({"type": kind, "coordinates": [xy] if kind == "Polygon" else xy}))
