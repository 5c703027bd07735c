"""The demo's road network: the roads of the base map (示意), made one network by the builder everybody's file uses.

Expressways stand on level 1 and are entered by ramps where they cross a main road; whatever would be an island, and
every village away from a road, gets a lane to the nearest one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from psycopg.rows import DictRow, dict_row

from ioc import geo
from ioc.clock import Clock
from ioc.command.roads.build import build
from ioc.command.roads.graph import weak
from ioc.command.roads.topology import by_coordinates
from ioc.command.roads.ways import Speeds, Way
from ioc.intake.datasets import Given, roads
from ioc.intake.datasets._road_lines import Lines
from ioc.intake.report import ImportReport
from ioc.place import PlaceData
from ioc.settings import Settings
from ioc.store import dictionaries
from ioc.store.locate import metre_srid

SOURCE = "demo-roads"
CLASSES = {"trunk": "trunk", "county": "secondary", "village": "unclassified", "street": "tertiary"}
WIDTHS = {"motorway": 24.0, "trunk": 18.0, "secondary": 9.0, "tertiary": 7.0, "unclassified": 4.5}
RAMP_M, AWAY_M = 350.0, 60.0
Line = shapely.LineString


@dataclass
class _Plan:
    """Ways as they are drawn, in metres."""

    ways: list[Way] = field(default_factory=list[Way])
    lines: list[Line] = field(default_factory=list[Line])

    def add(self, line: Line, cls: str, name: str = "", level: int = 0) -> None:
        number = f"D{len(self.ways):05d}"
        way = Way(number, cls, name, width_m=WIDTHS.get(cls), level=level, bridge=level > 0)
        self.ways.append(way)
        self.lines.append(line)

    @property
    def shapes(self) -> Any:
        out = np.empty(len(self.lines), dtype=object)
        out[:] = self.lines
        return out


def publish(dsn_owner: str, place: PlaceData, settings: Settings, clock: Clock) -> int:
    """Writes the network with its edition, origin demo. Returns how many stretches it has; 0 without roads."""
    with psycopg.Connection[DictRow].connect(dsn_owner, row_factory=dict_row) as conn:
        srid = metre_srid(conn)
        if srid is None:
            return 0
        plan = _plan(place, srid)
        if not plan.ways:
            return 0
        now = clock.now()
        speeds = Speeds.of(dictionaries.current(conn, now.astimezone(settings.tz).date()))
        lines = Lines(
            srid, ways=plan.ways, lines=[plan.shapes], way_of=list(range(len(plan.ways))), read=len(plan.ways)
        )
        degrees = shapely.transform(
            plan.shapes, lambda xy: np.column_stack(geo.to_wgs84(xy[:, 0], xy[:, 1], f"EPSG:{srid}"))
        )
        lines.originals = [(wkb, "{}") for wkb in shapely.to_wkb(degrees).tolist()]
        built = build(plan.ways, plan.shapes, np.arange(len(plan.ways)), None, speeds, settings.road_snap_m)
        given = Given(Path("demo"), settings, clock, "demo", "EPSG:4490", source=SOURCE, origin="demo")
        report = ImportReport(roads.KIND, SOURCE, "", "EPSG:4490", False)
        roads.put(conn, given, report, lines, built, now, False, now)
        return len(built.edges.way)


def _plan(place: PlaceData, srid: int) -> _Plan:
    plan = _Plan()
    express: list[Line] = []
    for feature in place.features:
        if feature.role not in ("road", "highway"):
            continue
        whole = shapely.transform(
            shapely.from_wkb(feature.geom), lambda xy: np.column_stack(geo.to_metres(xy[:, 0], xy[:, 1], srid))
        )
        high = feature.role == "highway"
        cls = "motorway" if high else CLASSES.get(str(feature.attributes.get("class")), "unclassified")
        for line in _lines(whole):
            plan.add(line, cls, feature.name, 1 if high else 0)
            if high:
                express.append(line)
    if plan.ways:
        _ramps(plan, express)
        _lanes(plan, place, srid)
        _bridge_islands(plan)
    return plan


def _lines(whole: Any) -> list[Line]:
    parts = shapely.get_parts(whole)
    return [p for p in parts if p.geom_type == "LineString" and p.length > 1]


def _ramps(plan: _Plan, express: list[Line]) -> None:
    """Where an expressway crosses a main road, a ramp from one to the other on either side."""
    main = [i for i, w in enumerate(plan.ways) if w.cls in ("trunk", "secondary")]
    if not main or not express:
        return
    tree = shapely.STRtree(plan.shapes[main])
    for line in express:
        for k in tree.query(line, predicate="crosses").tolist():
            road = plan.lines[main[k]]
            for point in shapely.get_parts(shapely.intersection(line, road)):
                if point.geom_type != "Point":
                    continue
                on, off = line.project(point), road.project(point)
                for side in (-1, 1):
                    a = line.interpolate(min(line.length, max(0.0, on + side * RAMP_M)))
                    b = road.interpolate(min(road.length, max(0.0, off + side * RAMP_M)))
                    if a.distance(b) > 1:
                        plan.add(shapely.LineString([a, b]), "motorway_link")


def _lanes(plan: _Plan, place: PlaceData, srid: int) -> None:
    """A lane from the middle of each village or town that is away from every street."""
    centres = np.array([r.center for r in place.regions if r.kind in ("village", "town")])
    if not len(centres):
        return
    points: Any = shapely.points(np.column_stack(geo.to_metres(centres[:, 0], centres[:, 1], srid)))
    streets = np.array([w.level == 0 and w.cls != "motorway_link" for w in plan.ways])
    shapes = plan.shapes[streets]
    (_, nearest), metres = shapely.STRtree(shapes).query_nearest(points, return_distance=True, all_matches=False)
    for point, k, away in zip(points, nearest.tolist(), metres.tolist(), strict=True):
        if away > AWAY_M:
            plan.add(shapely.shortest_line(point, shapes[k]), "unclassified")


def _bridge_islands(plan: _Plan) -> None:
    """Lanes from whatever is not joined to the rest, until all is one."""
    for _ in range(4):
        shapes = plan.shapes
        edges = by_coordinates(shapes, np.array([w.level for w in plan.ways]), 1.0)
        component, count = weak(edges.from_node, edges.to_node, edges.length, len(edges.node_xy))
        if count == 1:
            return
        level = np.array([w.level for w in plan.ways])[edges.way]
        main = edges.shapes[(component == 0) & (level == 0)]
        tree = shapely.STRtree(main)
        for k in range(1, count):
            own = edges.shapes[component == k]
            pairs, metres = tree.query_nearest(own, return_distance=True, all_matches=False)
            best = int(np.argmin(metres))
            bridge: Line = shapely.shortest_line(own[pairs[0][best]], main[pairs[1][best]])  # pyright: ignore[reportAssignmentType]
            plan.add(bridge, "unclassified")
