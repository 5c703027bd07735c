"""Counting what lies around a place: rings, inside the drawn area, by kind. Pure; rows carry `distance_m`, `inside`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ioc.command.asking import RINGS_M

Row = Mapping[str, Any]


def rings(rows: Sequence[Row], radius_m: float, people: str = "") -> list[dict[str, Any]]:
    """How many within each ring up to `radius_m`, which closes the list; cumulative.

    With `people`, the sum of that column beside it, and of how many rows it is not known.
    """
    edges = [float(r) for r in RINGS_M if r < radius_m] + [float(radius_m)]
    return [{"radius_m": edge, **summed([r for r in rows if r["distance_m"] <= edge], people)} for edge in edges]


def summed(rows: Sequence[Row], people: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {"count": len(rows)}
    if people:
        known = [int(r[people]) for r in rows if r[people] is not None]
        out |= {people: sum(known) if known else None, f"{people}_unknown": len(rows) - len(known)}
    return out


def by_kind(rows: Sequence[Row], word: Callable[[Row], Mapping[str, Any]], people: str = "") -> list[dict[str, Any]]:
    """One line a kind, the nearest first: its word, how many, how near, and `people`."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row["kind"]), []).append(row)
    lines: list[dict[str, Any]] = []
    for kind, those in found.items():
        nearest = round(min(r["distance_m"] for r in those))
        lines.append({"kind": kind, **word(those[0]), "n": len(those), **summed(those, people), "nearest_m": nearest})
    return sorted(lines, key=lambda line: (line["nearest_m"], line["kind"]))
