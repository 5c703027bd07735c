"""Turn restrictions of an OpenStreetMap extract: relations of type=restriction (no_*, only_*) over a node.

Wiki of OpenStreetMap, Relation:restriction: roles from, via, to; `restriction` binds all vehicles but those of
`except`, `restriction:MODE` one mode, `restriction:conditional` some hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import osmium
import osmium.filter
import osmium.osm

from ioc.command.roads import EMERGENCY, MOTOR
from ioc.command.roads.turns import Turn
from ioc.intake.datasets._road_lines import Lines

# Modes we send somebody with; restrictions of others (hgv, bus, bicycle ...) bind none of ours: what is forbidden to
# lorries is not forbidden to a fire engine on its way. As with one-way streets a plan does not count on the privilege
# of 道路交通安全法 第五十三条, unless the restriction itself excepts emergency vehicles.
MODES: Mapping[str, tuple[str, ...]] = {
    "": MOTOR, "vehicle": MOTOR, "motor_vehicle": MOTOR, "motorcar": ("car",), "emergency": EMERGENCY,
}  # fmt: skip
KINDS = ("no_left_turn", "no_right_turn", "no_straight_on", "no_u_turn", "no_entry", "no_exit", "only_left_turn",
         "only_right_turn", "only_straight_on", "only_u_turn")  # fmt: skip
_HOURS = ("day_on", "day_off", "hour_on", "hour_off")


def take(out: Lines, path: Path) -> None:
    """Those that can be applied into `out.turns`, the others counted. Raises what osmium raises for a broken file."""
    relations = osmium.FileProcessor(str(path), osmium.osm.RELATION)
    for relation in relations.with_filter(osmium.filter.TagFilter(("type", "restriction"))):
        tags = {t.k: t.v for t in relation.tags}  # pyright: ignore - relations only
        members = [(m.type, int(m.ref), m.role) for m in relation.members]  # pyright: ignore
        found, why = read(tags, members)
        out.turns += found
        if why:
            out.unturned[why] += 1


def read(tags: Mapping[str, str], members: list[tuple[str, int, str]]) -> tuple[list[Turn], str]:
    """(restrictions, why there are none): `conditional`, `via_way`, `other`, `unclear`."""
    if any(k in tags for k in _HOURS) or any(k.startswith("restriction") and k.endswith("conditional") for k in tags):
        return [], "conditional"
    exempt = {v for mode in tags.get("except", "").split(";") for v in MODES.get(mode.strip() or "-", ())}
    kind, vehicles = "", set[str]()
    for mode, whom in MODES.items():
        value = tags.get("restriction" + (f":{mode}" if mode else ""), "").strip()
        if value in KINDS:
            kind, vehicles = value, vehicles | set(whom)
    if not kind:
        known = any(k.startswith("restriction:") or v.strip() for k, v in tags.items() if k.startswith("restriction"))
        return [], "other" if known else "unclear"
    bound = frozenset(vehicles - exempt)
    if not bound:
        return [], "other"
    start, end = _ways(members, "from"), _ways(members, "to")
    if any(t == "w" and role == "via" for t, _, role in members):
        return [], "via_way"
    via = [ref for t, ref, role in members if t == "n" and role == "via"]
    several = {"no_entry": len(end) == 1, "no_exit": len(start) == 1}.get(kind, len(start) == len(end) == 1)
    if len(via) != 1 or not start or not end or not several:
        return [], "unclear"
    only = kind.startswith("only_")
    return [Turn(str(a), via[0], str(b), only, bound) for a in start for b in end], ""


def _ways(members: list[tuple[str, int, str]], role: str) -> list[Any]:
    return [ref for t, ref, r in members if t == "w" and r == role]
