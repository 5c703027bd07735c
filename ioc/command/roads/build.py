"""A network from ways: topology, costs, and what the check of it says. Pure; the rows are those of `road_edge`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ioc import geo
from ioc.command.roads import VEHICLES
from ioc.command.roads.graph import check
from ioc.command.roads.topology import Edges, Floats, Ints, Shapes, by_coordinates, by_shared_nodes
from ioc.command.roads.turns import ALONG, Turn, Turns, resolve, special
from ioc.command.roads.ways import Speeds, Way

CHUNK = 20_000
JOIN_M = 0.5  # junctions of two sources nearer than this are one, or than the snapping of this source
FOOT = VEHICLES.index("foot")


@dataclass(frozen=True)
class Others:
    """Edges of the other sources: ids, nodes, lengths, costs [edge, 2 x vehicle] forward and back by turns."""

    sources: tuple[str, ...] = ()
    ids: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    a: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    b: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    length: Floats = field(default_factory=lambda: np.empty(0))
    costs: Floats = field(default_factory=lambda: np.empty((0, 2 * len(VEHICLES))))
    node: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    node_xy: Floats = field(default_factory=lambda: np.empty((0, 2)))


@dataclass(frozen=True)
class Built:
    """Edges with their ways and costs in seconds [edge, vehicle]; -1: not that way."""

    ways: Sequence[Way]
    edges: Edges
    way: Ints  # index into `ways` of every edge
    length: Floats
    forward: Floats
    backward: Floats
    turns: Turns = field(default_factory=Turns)

    def joined(self, others: Others, first_node: int, stub_m: float, snap_m: float) -> Joined:
        """With node ids, next to the other sources: their junctions are met where they lie."""
        node = np.arange(first_node, first_node + len(self.edges.node_xy))
        met = 0
        shared = np.zeros(len(node), dtype=bool)
        if len(others.node):
            there: Any = shapely.points(others.node_xy)
            tree = shapely.STRtree(there)
            mine, theirs = tree.query_nearest(
                shapely.points(self.edges.node_xy), max_distance=max(JOIN_M, snap_m), all_matches=False
            )
            node[mine] = others.node[theirs]
            met = len(mine)
            shared[mine] = True
        a, b = node[self.edges.from_node], node[self.edges.to_node]
        ids, flat = np.unique(np.concatenate([a, others.a, b, others.b]), return_inverse=True)
        n, both = len(a), len(a) + len(others.a)
        checked = check(
            flat[:both], flat[both:], np.concatenate([self.length, others.length]),
            np.vstack([self.forward, others.costs[:, 0::2]]), np.vstack([self.backward, others.costs[:, 1::2]]), stub_m,
        )  # fmt: skip
        detail = {
            "edges": n, "nodes": len(np.unique(np.concatenate([a, b]))) if n else 0,
            "length_km": round(float(self.length.sum()) / 1000, 1), "components": checked.components,
            "main_share": checked.main_share, "main_share_of": dict(checked.share_of), "stubs": checked.stubs,
            "traps": checked.traps, "classless": int(np.isin(self.way, self.classless).sum()),
            "overlaps": self.edges.overlaps, "dropped": self.edges.dropped, "cuts": self.edges.crossings,
            "joined_nodes": met, "all_nodes": len(ids), "turns": dict(self.turns.told),
        }  # fmt: skip
        return Joined(
            self, a, b, checked.component[:n], checked.main[:n], checked.component[n:], checked.main[n:], detail,
            self._twins(node, shared),
        )  # fmt: skip

    def _twins(self, node: Ints, shared: NDArray[np.bool_]) -> list[tuple[int, int, int, int, int]]:
        """(edge, from, to, direction, vehicles) of the twins.

        A junction with another source has no arrivals of its own: that source's streets would be beyond their reach.
        """

        def end(place: tuple[int, int]) -> int:
            return special(int(node[place[0]]), 0 if shared[place[0]] else place[1])

        out: list[tuple[int, int, int, int, int]] = []
        for t in self.turns.twins:
            tail, head = end(t.tail), end(t.head)
            out.append((t.edge, *((tail, head) if t.direction == ALONG else (head, tail)), t.direction, t.vehicles))
        return out

    @property
    def classless(self) -> list[int]:
        return [i for i, w in enumerate(self.ways) if not w.cls]


@dataclass(frozen=True)
class Joined:
    """What is written: `rows` in the order of `ioc.store.roads._COLUMNS` without source, edition and origin."""

    built: Built
    a: Ints
    b: Ints
    component: Ints
    main: Ints
    component_of_others: Ints
    main_of_others: Ints
    detail: dict[str, Any]
    twins: Sequence[tuple[int, int, int, int, int]] = ()

    def __len__(self) -> int:
        return len(self.a)

    @property
    def top_mps(self) -> dict[str, float]:
        """The greatest speed of each vehicle: what a search may be bounded by."""
        out: dict[str, float] = {}
        for i, name in enumerate(VEHICLES):
            best = np.fmax(self.built.forward[:, i], self.built.backward[:, i])
            fine = best > 0
            out[name] = float((self.built.length[fine] / best[fine]).max()) if fine.any() else 0.0
        return out

    def rows(self, srid: int) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(self), CHUNK):
            chunk = slice(start, start + CHUNK)
            wkb = _wkb(self.built.edges.shapes[chunk], srid)
            costs = np.stack([self.built.forward[chunk], self.built.backward[chunk]], axis=2).reshape(
                -1, 2 * len(VEHICLES)
            )
            yield from self._plain(chunk, costs, wkb)
        yield from self._turned(srid)

    def _plain(self, chunk: slice, costs: Floats, wkb: Sequence[Sequence[str]]) -> Iterator[tuple[Any, ...]]:
        e, ways = self.built.edges, self.built.ways
        bound = self.built.turns.bound[chunk] if len(self.built.turns.bound) else np.zeros((len(costs), 2), np.int64)
        plain = zip(
            self.built.way[chunk].tolist(), e.part[chunk].tolist(), self.a[chunk].tolist(), self.b[chunk].tolist(),
            self.built.length[chunk].tolist(), self.component[chunk].tolist(), self.main[chunk].tolist(),
            costs.tolist(), bound.tolist(), *wkb, strict=True,
        )  # fmt: skip
        for way, part, a, b, length, component, main, cost, held, lonlat, xy in plain:
            w = ways[way]
            yield (
                w.external_id, part, a, b, w.cls, w.name, w.oneway, w.speed_kmh, w.lanes, w.width_m, w.max_height_m,
                w.max_weight_t, w.bridge, w.tunnel, w.level, sorted(w.denied), length, component, main, *cost,
                lonlat, xy, False, *held,
            )  # fmt: skip

    def _turned(self, srid: int) -> Iterator[tuple[Any, ...]]:
        """Twins: of no main network, so that nothing is laid onto them."""
        e, built = self.built.edges, self.built
        for start in range(0, len(self.twins), CHUNK):
            chunk = self.twins[start : start + CHUNK]
            which = np.array([t[0] for t in chunk])
            wkb = _wkb(e.shapes[which], srid)
            for (i, a, b, direction, mask), lonlat, xy in zip(chunk, *wkb, strict=True):
                w = built.ways[int(built.way[i])]
                whole = (built.forward if direction == ALONG else built.backward)[i].tolist()
                seconds = [s if mask >> v & 1 else -1.0 for v, s in enumerate(whole)]
                cost = [x for s in seconds for x in ((s, -1.0) if direction == ALONG else (-1.0, s))]
                yield (
                    w.external_id, int(e.part[i]), a, b, w.cls, w.name, w.oneway, w.speed_kmh, w.lanes, w.width_m,
                    w.max_height_m, w.max_weight_t, w.bridge, w.tunnel, w.level, sorted(w.denied),
                    float(built.length[i]), int(self.component[i]), 0, *cost, lonlat, xy, True, 0, 0,
                )  # fmt: skip


def _wkb(shapes: Shapes, srid: int) -> list[list[str]]:
    """Hexadecimal EWKB of lines in metres: in degrees, and as they are."""
    metres = shapely.set_srid(shapes, srid)
    degrees = shapely.set_srid(
        shapely.transform(shapes, lambda xy: np.column_stack(geo.to_wgs84(xy[:, 0], xy[:, 1], f"EPSG:{srid}"))), 4326
    )
    return [shapely.to_wkb(g, hex=True, include_srid=True).tolist() for g in (degrees, metres)]


def build(
    ways: Sequence[Way], lines: Shapes, way_of: NDArray[Any], refs: Sequence[Sequence[int]] | None, speeds: Speeds,
    snap_m: float, turns: Sequence[Turn] = (),
) -> Built:  # fmt: skip
    """`lines[j]`, metres, is of way `way_of[j]`. With `refs` junctions are shared nodes, else coordinates; `turns` are
    restrictions at such nodes."""
    levels = np.array([w.level for w in ways], dtype=np.int64)[way_of]
    edges = by_shared_nodes(lines, refs) if refs is not None else by_coordinates(lines, levels, snap_m)
    way = np.asarray(way_of, dtype=np.int64)[edges.way]
    length = np.maximum(edges.length, 0.01)
    mps = np.array([speeds.mps(w) for w in ways])[way]
    with np.errstate(divide="ignore"):
        cost = np.where(mps > 0, length[:, None] / mps, -1.0)
    oneway = np.array([w.oneway for w in ways], dtype=np.int64)[way]
    forward, backward = cost.copy(), cost.copy()
    for i in range(len(VEHICLES)):
        if i != FOOT:  # who walks goes both ways
            forward[oneway < 0, i] = -1.0
            backward[oneway > 0, i] = -1.0
    made = Turns()
    if refs is not None and turns:
        names = [ways[w].external_id for w in way.tolist()]
        nodes = np.unique(np.concatenate([np.asarray(r, dtype=np.int64) for r in refs]))
        made = resolve(turns, edges, names, nodes, forward, backward)
    return Built(ways, edges, way, length, forward, backward, made)
