"""Turn restrictions as part of the network. Pure.

Who arrives by a stretch some turns are barred from arrives at a junction of its own, from which only the allowed
stretches go on: a copy of the plain node, its number above `BITS` bits, so that the plain node is in it (`special`).
Rows made here are twins of stretches: the same line, in one direction, for the vehicles that are bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ioc.command.roads import VEHICLES
from ioc.command.roads.topology import Edges, Floats, Ints

BITS = 40  # of a plain node's number; above them the arrival
PLAIN = (1 << BITS) - 1
ALONG, AGAINST = 0, 1
Move = tuple[int, int]  # an edge and the direction it is driven in
Masks = dict[Move, int]  # vehicles, by bits


def special(node: int, arrival: int) -> int:
    """The node of arrival 1, 2 ... at a plain node; 0: the plain node itself."""
    return node | arrival << BITS


@dataclass(frozen=True, slots=True)
class Turn:
    """At node `via` nobody of `vehicles` goes from way `start` to way `end`; `only`: to nothing else.

    Ways by their number in the file, `via` by its OpenStreetMap node.
    """

    start: str
    via: int
    end: str
    only: bool
    vehicles: frozenset[str]


@dataclass(frozen=True)
class Twin:
    """One direction of edge `edge` between other nodes: `tail` and `head` are (node from 0, arrival)."""

    edge: int
    direction: int
    tail: tuple[int, int]
    head: tuple[int, int]
    vehicles: int


@dataclass(frozen=True)
class Turns:
    """`bound[edge, direction]`: vehicles (bits) that do not arrive at the plain node. `told`: counts for the report."""

    twins: Sequence[Twin] = ()
    bound: Ints = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    told: Mapping[str, int] = field(default_factory=dict[str, int])


def resolve(
    turns: Sequence[Turn], edges: Edges, names: Sequence[str], nodes: Ints, forward: Floats, backward: Floats
) -> Turns:
    """`names[i]`: the way of edge i in its file; `nodes[j]`: OpenStreetMap node of junction j, ascending.

    A restriction whose ways do not begin or end just once at its node cannot be told and is counted as `unclear`; one
    whose ways are not here as `outside`.
    """
    told: Counter[str] = Counter()
    passable = _passable(forward, backward)
    at = _around({int(t.via) for t in turns}, edges, nodes)
    barred: dict[Move, dict[Move, int]] = {}
    for turn in turns:
        moves = at.get(turn.via)
        arriving = [m for m in (moves or ()) if names[m[0]] == turn.start]
        leaving = [m for m in (moves or ()) if names[m[0]] == turn.end]
        if not arriving or not leaving:
            told["outside"] += 1
        elif len(arriving) != 1 or len(leaving) != 1:
            told["unclear"] += 1
        else:
            # `moves` are departures: one arrives the other way round
            start = _turned(arriving[0])
            others = [m for m in (moves or ()) if m != leaving[0]] if turn.only else [leaving[0]]
            own = barred.setdefault(start, {})
            for move in others:
                own[move] = own.get(move, 0) | _bits(turn.vehicles)
            told["applied"] += 1
    return Turns(*_rows(edges, passable, _mattering(barred, passable)), dict(told))


def _bits(vehicles: frozenset[str]) -> int:
    return sum(1 << VEHICLES.index(v) for v in vehicles)


def _turned(move: Move) -> Move:
    return move[0], 1 - move[1]


def _passable(forward: Floats, backward: Floats) -> Ints:
    """[edge, direction]: vehicles by bits."""
    weights = 1 << np.arange(len(VEHICLES))
    return np.stack([((c >= 0) * weights).sum(axis=1) for c in (forward, backward)], axis=1).astype(np.int64)


def _around(vias: set[int], edges: Edges, nodes: Ints) -> dict[int, list[Move]]:
    """Departures from each of the nodes (OpenStreetMap numbers). A loop leaves and comes back: it is in none."""
    wanted = np.isin(nodes, np.array(sorted(vias), dtype=np.int64))
    out: dict[int, list[Move]] = {}
    touching = np.flatnonzero(wanted[edges.from_node] | wanted[edges.to_node])
    for i in touching.tolist():
        a, b = int(edges.from_node[i]), int(edges.to_node[i])
        if a == b:
            continue
        if wanted[a]:
            out.setdefault(int(nodes[a]), []).append((i, ALONG))
        if wanted[b]:
            out.setdefault(int(nodes[b]), []).append((i, AGAINST))
    return out


def _mattering(barred: Mapping[Move, Mapping[Move, int]], passable: Ints) -> dict[Move, dict[Move, int]]:
    """Without what a vehicle could not do anyhow."""
    out: dict[Move, dict[Move, int]] = {}
    for start, moves in barred.items():
        able = int(passable[start])
        own = {m: v & able & int(passable[m]) for m, v in moves.items()}
        if any(own.values()):
            out[start] = own
    return out


def _rows(edges: Edges, passable: Ints, barred: Mapping[Move, Mapping[Move, int]]) -> tuple[list[Twin], Ints]:
    bound = np.zeros((len(edges.from_node), 2), dtype=np.int64)
    arrivals: dict[int, list[Move]] = {}  # by junction: what arrives there at a node of its own
    number: dict[Move, int] = {}
    for start, moves in sorted(barred.items()):
        for mask in moves.values():
            bound[start] |= mask
        here = arrivals.setdefault(_head(edges, start), [])
        here.append(start)
        number[start] = len(here)
    twins: list[Twin] = []
    for move in _departing(edges, arrivals, barred):
        tail, head, able = _tail(edges, move), _head(edges, move), int(passable[move])
        held = int(bound[move])
        tails = [(0, able & held)]  # from the plain node only those that end at a node of their own are new
        tails += [(number[s], able & int(bound[s]) & ~barred[s].get(move, 0)) for s in arrivals.get(tail, ())]
        for arrival, mask in tails:
            heads = ((0, mask & ~held if arrival else 0), (number.get(move, 0), mask & held))
            twins += [Twin(*move, (tail, arrival), (head, end), m) for end, m in heads if m]
    return twins, bound


def _departing(
    edges: Edges, arrivals: Mapping[int, Sequence[Move]], barred: Mapping[Move, object]
) -> Sequence[Move]:  # fmt: skip
    """Every move that leaves a junction with arrivals of its own, or is such an arrival itself."""
    junctions = np.zeros(len(edges.node_xy), dtype=bool)
    junctions[list(arrivals)] = True
    out = {(int(i), ALONG) for i in np.flatnonzero(junctions[edges.from_node])}
    out |= {(int(i), AGAINST) for i in np.flatnonzero(junctions[edges.to_node])}
    return sorted(out | set(barred))


def _tail(edges: Edges, move: Move) -> int:
    return int((edges.from_node if move[1] == ALONG else edges.to_node)[move[0]])


def _head(edges: Edges, move: Move) -> int:
    return int((edges.to_node if move[1] == ALONG else edges.from_node)[move[0]])
