"""Regions: the tree that every drill-down, breadcrumb and number goes by, with its closure, boxes and outlines.

The tree (some thousand rows without outlines) is kept in process and read again when the table's version has moved;
that is looked at no more than every `CHECK_S` seconds. Closure, never a code prefix, answers "inside".
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from types import MappingProxyType
from typing import Any, ClassVar, cast
from weakref import WeakKeyDictionary

from ioc.errors import NotFound
from ioc.scope import SYSTEM, Scope
from ioc.services import RegionRef
from ioc.store import Store

CHECK_S = 2.0
# Order of levels from large to small; a zone stands beside the counties.
LEVELS: Mapping[str, int] = MappingProxyType({"city": 0, "county": 1, "zone": 1, "town": 2, "village": 3})

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Region:
    """One region without its outline. `bbox` is west, south, east, north; `center` lon, lat."""

    region_id: int
    code: str
    name: str
    name_en: str
    kind: str
    parent_id: int | None
    members: tuple[str, ...]
    bbox: Box | None
    center: tuple[float, float] | None
    sketch: bool
    population: int | None
    origin: str

    def ref(self, lang: str = "zh") -> RegionRef:
        name = self.name_en if lang == "en" and self.name_en else self.name
        return RegionRef(self.code, name, self.kind, self.bbox, self.center, self.sketch)


@dataclass(frozen=True)
class RegionTree:
    """All regions of the centre and their closure, as they were at `version`."""

    version: str
    by_id: Mapping[int, Region]
    by_code: Mapping[str, Region]
    below: Mapping[int, frozenset[int]]  # region and all its descendants
    above: Mapping[int, frozenset[int]]  # region and all its ancestors
    roots: tuple[Region, ...]
    _children: Mapping[int, tuple[Region, ...]] = field(repr=False)

    def children(self, region: Region) -> tuple[Region, ...]:
        """What the drill-down offers next: counties with zones, towns, villages; for a zone its members."""
        return self._children.get(region.region_id, ())

    def path(self, region: Region) -> tuple[Region, ...]:
        """From the root down to `region`, by parents (a town's path leads over its county, not over a zone)."""
        steps = [region]
        while (up := steps[-1].parent_id) is not None and up in self.by_id and len(steps) < 12:
            steps.append(self.by_id[up])
        return tuple(reversed(steps))

    def ancestors(self, region_id: int | None) -> tuple[int, ...]:
        """The region and everything above it, zones included; () for what lies in no region."""
        return tuple(sorted(self.above.get(region_id or 0, ())))


class Regions:
    """The centre's regions for one store. Thread-safe; one instance a process (`Regions.of`)."""

    _all: ClassVar[WeakKeyDictionary[Store, Regions]] = WeakKeyDictionary()
    _all_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, store: Store, ticks: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._ticks = ticks
        self._lock = threading.Lock()
        self._tree: RegionTree | None = None
        self._checked = float("-inf")

    @classmethod
    def of(cls, store: Store) -> Regions:
        store = store.home  # boundaries are those of today, also of the past
        with cls._all_lock:
            found = cls._all.get(store)
            if found is None:
                found = cls._all[store] = cls(store)
            return found

    def forget(self) -> None:
        """Look at the table again on the next call, for whoever has just changed it."""
        self._checked = float("-inf")

    @property
    def at_hand(self) -> bool:
        """Would the next answer come from memory? For whoever may not wait."""
        return self._tree is not None and self._ticks() - self._checked < CHECK_S

    def tree(self) -> RegionTree:
        if self._tree is not None and self.at_hand:
            return self._tree
        with self._lock:
            if self._tree is None or self._ticks() - self._checked >= CHECK_S:
                self._tree = _load(self._store, self._tree)
                self._checked = self._ticks()
            return self._tree

    # ------------------------------------------------------------ scoped answers

    def find(self, scope: Scope, code: str) -> Region:
        """The region with `code`. Raises NotFound also for one outside the scope."""
        region = self.tree().by_code.get(code)
        if region is None or not _sees(scope, region):
            raise NotFound(f"区划 {code}", f"region {code}")
        return region

    def tops(self, scope: Scope) -> tuple[Region, ...]:
        """The uppermost regions of the scope: the centre's root, or the granted regions themselves."""
        tree = self.tree()
        if scope.whole:
            return tree.roots
        seen = [r for r in tree.by_id.values() if r.region_id in scope.region_ids]
        top = [r for r in seen if not (tree.above[r.region_id] - {r.region_id}) & scope.region_ids]
        return tuple(sorted(top, key=_order))

    def root(self, scope: Scope, code: str = "") -> Region | None:
        """The region a screen stands on: `code`, or the scope's single top; None: several tops, or an empty centre."""
        if code:
            return self.find(scope, code)
        tops = self.tops(scope)
        return tops[0] if len(tops) == 1 else None

    def ids(self, scope: Scope, code: str) -> tuple[int, ...] | None:
        """Ids for `region_id = ANY (...)`: the region with all below it, cut to the scope.

        None means no filter beyond the scope itself: no code, or the centre's only root asked for by who sees the
        whole centre, so that what lies in no region (a ship at sea) is counted at the top and nowhere below.
        """
        if not code:
            return None
        region, tree = self.find(scope, code), self.tree()
        if scope.whole:
            return None if tree.roots == (region,) else tuple(sorted(tree.below[region.region_id]))
        return tuple(sorted(tree.below[region.region_id] & scope.region_ids))

    def breadcrumb(self, scope: Scope, code: str, lang: str = "zh") -> list[RegionRef]:
        """From the uppermost region the asker may see down to `code` ("" = the asker's top)."""
        region = self.root(scope, code)
        if region is None:
            return []
        return [r.ref(lang) for r in self.tree().path(region) if _sees(scope, r)]

    def children(self, scope: Scope, code: str, lang: str = "zh") -> list[RegionRef]:
        region = self.root(scope, code)
        found = self.tops(scope) if region is None else self.tree().children(region)
        return [r.ref(lang) for r in found if _sees(scope, r)]

    def bbox(self, scope: Scope, code: str = "") -> Box | None:
        """Box of the region, or of everything at the top of the scope. None when nothing has an outline."""
        region = self.root(scope, code)
        boxes = [r.bbox for r in ((region,) if region else self.tops(scope)) if r.bbox]
        if not boxes:
            return None
        west, south, east, north = zip(*boxes, strict=True)
        return min(west), min(south), max(east), max(north)

    def geometry(self, scope: Scope, code: str, tolerance_deg: float = 0.0005) -> Mapping[str, Any]:
        """GeoJSON geometry of the outline, simplified to `tolerance_deg` (0.0005 is about 50 m). Raises NotFound."""
        region = self.find(scope, code)
        with self._store.scoped(scope) as conn:
            row = conn.execute(
                "SELECT ST_AsGeoJSON(ST_SimplifyPreserveTopology(geom, %s), 5)::json AS geometry"
                " FROM region WHERE region_id = %s AND geom IS NOT NULL",
                (tolerance_deg, region.region_id),
            ).fetchone()
        if row is None:
            raise NotFound(f"区划 {code} 没有边界", f"region {code} has no outline")
        return cast(Mapping[str, Any], row["geometry"])

    def locate(self, scope: Scope, lon: float, lat: float) -> list[Region]:
        """Regions of all levels that cover the point and lie in the scope, large to small, zones before the towns."""
        with self._store.scoped(scope) as conn:
            rows = conn.execute(
                "SELECT region_id FROM region WHERE ST_Covers(geom, ST_SetSRID(ST_MakePoint(%s, %s), 4326))",
                (lon, lat),
            ).fetchall()
        by_id = self.tree().by_id
        found = [by_id[row["region_id"]] for row in rows if row["region_id"] in by_id]
        return sorted((r for r in found if _sees(scope, r)), key=_order)


def _sees(scope: Scope, region: Region) -> bool:
    return scope.whole or region.region_id in scope.region_ids


def _order(region: Region) -> tuple[int, bool, str]:
    return LEVELS[region.kind], region.kind == "zone", region.code


def _load(store: Store, known: RegionTree | None) -> RegionTree:
    with store.scoped(SYSTEM) as conn:
        stamp = conn.execute(
            "SELECT count(*) || '/' || coalesce(max(updated_at)::text, '') || '/' || coalesce(sum(region_id), 0)"
            " || '/' || (SELECT count(*) FROM region_closure) AS version FROM region"
        ).fetchone()
        version = str(stamp["version"]) if stamp else ""
        if known is not None and known.version == version:
            return known
        rows = conn.execute(
            """
            SELECT region_id, code, name, name_en, kind, parent_id, members, sketch, population, origin,
                   ST_XMin(geom) AS w, ST_YMin(geom) AS s, ST_XMax(geom) AS e, ST_YMax(geom) AS n,
                   ST_X(center) AS lon, ST_Y(center) AS lat
            FROM region ORDER BY code
            """
        ).fetchall()
        pairs = conn.execute("SELECT ancestor_id, descendant_id FROM region_closure").fetchall()
    return build_tree(version, map(_region, rows), ((p["ancestor_id"], p["descendant_id"]) for p in pairs))


def _region(row: Mapping[str, Any]) -> Region:
    box = None if row["w"] is None else (row["w"], row["s"], row["e"], row["n"])
    center = (row["lon"], row["lat"]) if row["lon"] is not None else None
    if center is None and box is not None:
        center = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    return Region(
        row["region_id"], row["code"], row["name"], row["name_en"], row["kind"], row["parent_id"],
        tuple(row["members"]), box, center, row["sketch"], row["population"], row["origin"],
    )  # fmt: skip


def build_tree(version: str, regions: Iterable[Region], closure: Iterable[tuple[int, int]]) -> RegionTree:
    """Assemble a tree. A region whose parent is absent is a root; a zone without one stands under the first root."""
    by_id = {r.region_id: r for r in regions}
    by_code = {r.code: r for r in by_id.values()}
    below: defaultdict[int, set[int]] = defaultdict(set)
    above: defaultdict[int, set[int]] = defaultdict(set)
    for up, down in closure:
        below[up].add(down)
        above[down].add(up)
    for region_id in by_id:  # an outdated closure must not hide a region from itself
        below[region_id].add(region_id)
        above[region_id].add(region_id)
    roots = [r for r in by_id.values() if r.kind != "zone" and (r.parent_id is None or r.parent_id not in by_id)]
    return RegionTree(
        version=version,
        by_id=MappingProxyType(by_id),
        by_code=MappingProxyType(by_code),
        below=MappingProxyType({k: frozenset(v) for k, v in below.items()}),
        above=MappingProxyType({k: frozenset(v) for k, v in above.items()}),
        roots=tuple(sorted(roots, key=_order)),
        _children=MappingProxyType(_children(by_id, by_code, roots)),
    )


def _children(
    by_id: Mapping[int, Region], by_code: Mapping[str, Region], roots: Sequence[Region]
) -> dict[int, tuple[Region, ...]]:
    found: defaultdict[int, dict[int, Region]] = defaultdict(dict)
    for r in by_id.values():
        parent = r.parent_id
        if parent is None and r.kind == "zone" and roots:
            parent = roots[0].region_id
        if parent is not None:
            found[parent][r.region_id] = r
        for code in r.members if r.kind == "zone" else ():
            if member := by_code.get(code):
                found[r.region_id][member.region_id] = member
    return {k: tuple(sorted(v.values(), key=_order)) for k, v in found.items()}
