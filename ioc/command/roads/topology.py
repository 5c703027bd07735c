"""From lines to a network: cut at junctions, ends that nearly meet joined, bridges left above what they cross.

Coordinates are metres (x, y). Two rules make junctions:

1. By coordinates (departments' files). Ends within `snap_m` are one junction, whatever their level; an end within
   `snap_m` of the middle of another line cuts it there. Lines of the same level that meet or cross in their middles are
   cut where they do; a bridge (level 1 unless told), a tunnel (-1) and a street (0) pass without meeting.
2. By shared nodes (OpenStreetMap), where a crossing without a common node is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shapes = NDArray[np.object_]
_PAIRS = 200_000  # crossings looked at in one go
_SAME_M = 1e-3  # cuts nearer than this along a line are one


@dataclass(frozen=True)
class Edges:
    """`way[i]`: index of the line, `part[i]` its piece; `shapes` LineStrings in metres; nodes are counted from 0.

    `node_xy` is where each node lies. `crossings`: cuts made in the middle of lines. `dropped`: pieces that shrank to
    nothing. `overlaps`: pairs of lines that run on top of each other.
    """

    way: Ints
    part: Ints
    shapes: Shapes
    from_node: Ints
    to_node: Ints
    node_xy: Floats
    crossings: int = 0
    dropped: int = 0
    overlaps: int = 0

    @property
    def length(self) -> Floats:
        return shapely.length(self.shapes)


def by_coordinates(lines: Shapes, levels: Ints, snap_m: float) -> Edges:
    """Rule 1. `lines`: LineStrings of at least two different points; `levels` one each."""
    snap_m = max(snap_m, _SAME_M)
    which, at, overlaps = _crossings(lines, levels)
    near_which, near_at = _near_ends(lines, snap_m)
    which, at = np.concatenate([which, near_which]), np.concatenate([at, near_at])
    pieces, way, part, cuts = _cut(lines, which, at)
    ends = np.concatenate([shapely.get_point(pieces, 0), shapely.get_point(pieces, -1)])
    node, xy = merged(shapely.get_coordinates(ends), snap_m)
    edges = Edges(way, part, pieces, node[: len(pieces)], node[len(pieces) :], xy, cuts, 0, overlaps)
    return _settled(edges, snap_m)


def by_shared_nodes(lines: Shapes, refs: Sequence[Sequence[int]]) -> Edges:
    """Rule 2. `refs[i]`: the node id of each point of line i, as many as it has points."""
    lengths = np.array([len(r) for r in refs], dtype=np.int64)
    flat = np.concatenate([np.asarray(r, dtype=np.int64) for r in refs]) if len(refs) else np.empty(0, np.int64)
    ids, inverse, count = np.unique(flat, return_inverse=True, return_counts=True)
    ends = np.cumsum(lengths)
    first = ends - lengths
    cut = count[inverse] > 1
    cut[first], cut[ends - 1] = True, True
    xy = shapely.get_coordinates(lines)
    at = np.flatnonzero(cut)
    line_of = np.repeat(np.arange(len(refs)), lengths)
    keep = line_of[at[:-1]] == line_of[at[1:]]
    a, b = at[:-1][keep], at[1:][keep]
    size = b - a + 1
    index = np.repeat(a - (np.cumsum(size) - size), size) + np.arange(int(size.sum()))
    pieces: Any = shapely.linestrings(xy[index], indices=np.repeat(np.arange(len(a)), size)) if len(a) else lines[:0]
    way = line_of[a]
    node_xy = np.zeros((len(ids), 2))
    node_xy[inverse] = xy
    edges = Edges(way, _parts(way), pieces, inverse[a], inverse[b], node_xy, int(len(a) - len(refs)))
    return _settled(edges, 0.0)


def merged(points: Floats, within_m: float) -> tuple[Ints, Floats]:
    """Node of every point, and where each node lies: points within `within_m` of each other are one (the first)."""
    exact, inverse = np.unique(np.round(points, 3), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    parent = np.arange(len(exact))
    if within_m > 0 and len(exact):
        shapes: Any = shapely.points(exact)
        a, b = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=within_m)
        for i, j in zip(a[a < b].tolist(), b[a < b].tolist(), strict=True):
            union(parent, i, j)
    roots = np.array([find(parent, i) for i in range(len(exact))], dtype=np.int64)
    kept, node = np.unique(roots, return_inverse=True)
    return node.reshape(-1)[inverse], exact[kept]


def find(parent: Ints, i: int) -> int:
    """Root of `i`, with path halving."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = int(parent[i])
    return i


def union(parent: Ints, i: int, j: int) -> None:
    a, b = find(parent, i), find(parent, j)
    if a != b:
        parent[max(a, b)] = min(a, b)


def _crossings(lines: Shapes, levels: Ints) -> tuple[Ints, Floats, int]:
    """Where lines of one level meet: (line, metres along it) for both of each pair, and how many pairs overlap."""
    which: list[Ints] = []
    at: list[Floats] = []
    overlaps = 0
    for level in np.unique(levels):
        own = np.flatnonzero(levels == level)
        tree = shapely.STRtree(lines[own])
        for start in range(0, len(own), _PAIRS // 8):
            a, b = tree.query(lines[own[start : start + _PAIRS // 8]], predicate="intersects")
            a = a + start
            keep = a < b
            a, b = own[a[keep]], own[b[keep]]
            meet = shapely.intersection(lines[a], lines[b])
            kind = shapely.get_type_id(meet)
            overlaps += int(np.isin(kind, (1, 5, 7)).sum())
            points, pair = _ends_of(meet)
            for side in (a, b):
                which.append(side[pair])
                at.append(shapely.line_locate_point(lines[side[pair]], points))
    if not which:
        return np.empty(0, np.int64), np.empty(0), 0
    return np.concatenate(which), np.concatenate(at), overlaps


def _ends_of(meet: Shapes) -> tuple[Shapes, Ints]:
    """Points of intersections; of a common stretch its two ends. (points, index of the pair)."""
    parts, pair = shapely.get_parts(meet, return_index=True)
    kind = shapely.get_type_id(parts)
    point, line = kind == 0, kind == 1
    ends = [parts[point], shapely.get_point(parts[line], 0), shapely.get_point(parts[line], -1)]
    return np.concatenate(ends), np.concatenate([pair[point], pair[line], pair[line]])


def _near_ends(lines: Shapes, snap_m: float) -> tuple[Ints, Floats]:
    """Lines to be cut because another's end comes within `snap_m` of their middle."""
    if not len(lines):
        return np.empty(0, np.int64), np.empty(0)
    own = np.tile(np.arange(len(lines)), 2)
    ends = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    point, line = shapely.STRtree(lines).query(ends, predicate="dwithin", distance=snap_m)
    keep = own[point] != line
    point, line = point[keep], line[keep]
    at = shapely.line_locate_point(lines[line], ends[point])
    inner = (at > snap_m) & (at < shapely.length(lines[line]) - snap_m)
    return line[inner], at[inner]


def _cut(lines: Shapes, which: Ints, at: Floats) -> tuple[Shapes, Ints, Ints, int]:
    """Every line in its pieces: (pieces, line of each, its number in the line, cuts made)."""
    length = shapely.length(lines)
    inner = (at > _SAME_M) & (at < length[which] - _SAME_M)
    which, at = which[inner], at[inner]
    order = np.lexsort((at, which))
    which, at = which[order], at[order]
    fresh = np.ones(len(at), dtype=bool)
    fresh[1:] = (np.diff(at) > _SAME_M) | (np.diff(which) != 0)
    which, at = which[fresh], at[fresh]
    bounds = np.searchsorted(which, np.arange(len(lines) + 1))
    pieces: list[object] = []
    way: list[int] = []
    for i, line in enumerate(lines):
        low, high = bounds[i], bounds[i + 1]
        if low == high:
            pieces.append(line)
            way.append(i)
            continue
        mine = cut_line(shapely.get_coordinates(line), at[low:high])
        pieces += mine
        way += [i] * len(mine)
    ways = np.array(way, dtype=np.int64)
    out = np.empty(len(pieces), dtype=object)
    out[:] = pieces
    return out, ways, _parts(ways), len(at)


def cut_line(xy: Floats, at: Floats) -> list[shapely.LineString]:
    """A line cut at ascending distances inside it."""
    steps = np.hypot(*np.diff(xy, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    new = np.column_stack([np.interp(at, along, xy[:, 0]), np.interp(at, along, xy[:, 1])])
    where = np.searchsorted(along, at)
    out: list[shapely.LineString] = []
    begin, first = xy[0], 1
    for point, metres, w in zip(new, at.tolist(), where.tolist(), strict=True):
        out.append(shapely.LineString(np.vstack([begin, xy[first:w], point])))
        begin, first = point, w + (w < len(xy) and along[w] - metres < 1e-9)
    out.append(shapely.LineString(np.vstack([begin, xy[first:]])))
    return out


def _parts(way: Ints) -> Ints:
    """0, 1, 2 ... within each way; `way` ascending."""
    if not len(way):
        return way
    begin = np.r_[0, np.flatnonzero(np.diff(way)) + 1]
    size = np.diff(np.r_[begin, len(way)])
    return np.arange(len(way)) - np.repeat(begin, size)


def _settled(e: Edges, snap_m: float) -> Edges:
    """Without pieces shorter than the tolerance that lead from a node to itself."""
    keep = (e.from_node != e.to_node) | (shapely.length(e.shapes) > max(2 * snap_m, _SAME_M))
    return Edges(
        e.way[keep], e.part[keep], e.shapes[keep], e.from_node[keep], e.to_node[keep], e.node_xy,
        e.crossings, int((~keep).sum()), e.overlaps,
    )  # fmt: skip
