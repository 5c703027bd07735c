"""Whether a network hangs together: components, the main network of each vehicle, one-way traps, short dead ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ioc.command.roads import VEHICLES
from ioc.command.roads.topology import find, union

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Checked:
    """`component` of every edge (0 the longest), `main` its bits, and the counts of the report."""

    component: Ints
    main: Ints
    components: int
    main_share: float  # of all length, in component 0
    stubs: int
    traps: int
    share_of: Mapping[str, float] = field(default_factory=dict[str, float])  # length on the main network, a vehicle


def check(a: Ints, b: Ints, length: Floats, forward: Floats, backward: Floats, stub_m: float) -> Checked:
    """`a`, `b`: nodes of each edge, from 0. `forward`, `backward`: seconds [edge, vehicle], negative: not that way.

    A trap is an edge a car may drive in component 0 from which it cannot come back, or to which it cannot come.
    """
    nodes = int(max(a.max(initial=-1), b.max(initial=-1))) + 1
    component, components = weak(a, b, length, nodes)
    degree = np.bincount(np.concatenate([a, b]), minlength=nodes)
    dead = (degree[a] == 1) | (degree[b] == 1)
    main = np.zeros(len(a), dtype=np.int64)
    share: dict[str, float] = {}
    known: dict[bytes, Bools] = {}
    for i, vehicle in enumerate(VEHICLES):
        out, back = forward[:, i] >= 0, backward[:, i] >= 0
        key = out.tobytes() + back.tobytes()
        if key not in known:
            known[key] = strong(a, b, length, out, back, nodes)
        on = known[key]
        main |= on.astype(np.int64) << i
        passable = float(length[out | back].sum())
        share[vehicle] = round(float(length[on].sum()) / passable, 4) if passable else 0.0
    car = VEHICLES.index("car")
    drives = (forward[:, car] >= 0) | (backward[:, car] >= 0)
    traps = int((drives & (component == 0) & (main >> car & 1 == 0)).sum())
    total = float(length.sum())
    first = round(float(length[component == 0].sum()) / total, 4) if total else 0.0
    return Checked(component, main, components, first, int((dead & (length < stub_m)).sum()), traps, share)


def weak(a: Ints, b: Ints, length: Floats, nodes: int) -> tuple[Ints, int]:
    """Component of every edge whatever its direction, longest first; and how many there are."""
    parent = np.arange(nodes)
    for i, j in zip(a.tolist(), b.tolist(), strict=True):
        union(parent, i, j)
    root = np.array([find(parent, int(i)) for i in a], dtype=np.int64)
    if not len(root):
        return root, 0
    _, own = np.unique(root, return_inverse=True)
    order = np.argsort(-np.bincount(own, weights=length), kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[own], len(order)


def strong(a: Ints, b: Ints, length: Floats, out: Bools, back: Bools, nodes: int) -> Bools:
    """Edges of the longest strongly connected part: each of its places reaches each other one."""
    tails, heads = np.concatenate([a[out], b[back]]), np.concatenate([b[out], a[back]])
    part = _tarjan(nodes, tails, heads)
    usable = (out | back) & (part[a] == part[b])
    if not usable.any():
        return usable
    longest = int(np.argmax(np.bincount(part[a[usable]], weights=length[usable])))
    return usable & (part[a] == longest)


def _tarjan(nodes: int, tails: Ints, heads: Ints) -> Ints:
    """Strongly connected component of every node (Tarjan 1972), without recursion."""
    order = np.argsort(tails, kind="stable")
    first = np.searchsorted(tails[order], np.arange(nodes + 1)).tolist()
    to = heads[order].tolist()
    index, low, part = [-1] * nodes, [0] * nodes, [-1] * nodes
    stack: list[int] = []
    place = first[:nodes]
    count = found = 0
    for root in range(nodes):
        if index[root] >= 0:
            continue
        path = [root]
        while path:
            v = path[-1]
            if index[v] < 0:
                index[v] = low[v] = count
                count += 1
                stack.append(v)
            descended = False
            while place[v] < first[v + 1]:
                w = to[place[v]]
                if index[w] < 0:
                    path.append(w)
                    descended = True
                    break
                if part[w] < 0:
                    low[v] = min(low[v], low[w])
                place[v] += 1
            if descended:
                continue
            path.pop()
            if low[v] == index[v]:
                while True:
                    w = stack.pop()
                    part[w] = found
                    if w == v:
                        break
                found += 1
    return np.array(part, dtype=np.int64)
