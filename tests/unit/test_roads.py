"""The rules of the road network: what meets and what passes above, words of files, components against networkx."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.command.roads import VEHICLES
from ioc.command.roads.graph import check
from ioc.command.roads.isochrone import Reached, areas
from ioc.command.roads.topology import by_coordinates, by_shared_nodes, cut_line
from ioc.command.roads.ways import Speeds, Way, overrides
from ioc.dictionaries import shipped
from ioc.errors import Invalid
from ioc.intake.datasets import _road_fields


def lines(*points: list[tuple[float, float]]) -> Any:
    out = np.empty(len(points), dtype=object)
    out[:] = [shapely.LineString(p) for p in points]
    return out


def test_streets_meet_where_they_cross_and_pass_under_bridges() -> None:
    cross = lines([(0, 0), (100, 0)], [(50, -50), (50, 50)], [(80, -50), (80, 50)], [(0, 30), (49.4, 30)])
    e = by_coordinates(cross, np.array([0, 0, 1, 0]), 1.0)
    assert sorted(zip(e.way.tolist(), e.part.tolist(), strict=True)) == [
        (0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 0), (3, 0)
    ]  # fmt: skip
    assert e.crossings == 3  # the crossing cuts both, the end that falls 0.6 m short cuts one
    end, middle = e.to_node[-1], e.to_node[e.way.tolist().index(1) + 1]
    assert end == middle
    bridge = e.way.tolist().index(2)
    assert not {e.from_node[bridge], e.to_node[bridge]} & set(np.delete(e.from_node, bridge))


def test_common_stretches_are_counted_and_shared_nodes_are_all_that_meets() -> None:
    doubled = lines([(0, 0), (100, 0)], [(40, 0), (60, 0)])
    e = by_coordinates(doubled, np.array([0, 0]), 0.5)
    assert e.overlaps == 1
    assert sorted(np.round(e.length).tolist()) == [20, 20, 40, 40]
    crossing = lines([(0, 0), (50, 0), (100, 0)], [(50, -50), (50, 0), (50, 50)], [(20, -9), (20, 9)])
    e = by_shared_nodes(crossing, [[1, 2, 3], [4, 2, 5], [6, 7]])
    assert np.round(e.length).tolist() == [50, 50, 50, 50, 18]
    assert (e.crossings, len(e.node_xy)) == (2, 7)


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6, unique=True), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_pieces_of_a_line_are_the_line(shares: list[float], seed: int) -> None:
    xy = np.cumsum(np.random.default_rng(seed).normal(0, 30, (7, 2)), axis=0)
    line = shapely.LineString(xy)
    at = np.sort(np.array(shares)) * line.length
    pieces = cut_line(xy, at)
    assert len(pieces) == len(at) + 1
    assert sum(p.length for p in pieces) == pytest.approx(line.length)
    assert np.cumsum([p.length for p in pieces])[:-1] == pytest.approx(at)
    assert all(a.coords[-1] == b.coords[0] for a, b in pairwise(pieces))


edges = st.lists(
    st.tuples(st.integers(0, 14), st.integers(0, 14), st.sampled_from((-1, 0, 1)), st.floats(1, 500)),
    min_size=1, max_size=60,
)  # fmt: skip


@given(edges)
@settings(max_examples=120, deadline=None)
def test_components_and_traps_are_those_of_networkx(drawn: list[tuple[int, int, int, float]]) -> None:
    a, b = np.array([e[0] for e in drawn]), np.array([e[1] for e in drawn])
    oneway, length = np.array([e[2] for e in drawn]), np.array([e[3] for e in drawn])
    forward = np.repeat(np.where(oneway >= 0, length, -1.0)[:, None], len(VEHICLES), axis=1)
    backward = np.repeat(np.where(oneway <= 0, length, -1.0)[:, None], len(VEHICLES), axis=1)
    got = check(a, b, length, forward, backward, 20.0)
    loose: Any = nx.MultiGraph()
    directed: Any = nx.DiGraph()
    for i, (tail, head, way, _) in enumerate(drawn):
        loose.add_edge(tail, head, key=i)
        directed.add_nodes_from((tail, head))
        if way >= 0:
            directed.add_edge(tail, head)
        if way <= 0:
            directed.add_edge(head, tail)
    parts = list(nx.connected_components(loose))
    assert got.components == len(parts)
    for part in parts:
        assert len({int(got.component[i]) for i in range(len(a)) if a[i] in part}) == 1
    strong = {n: i for i, part in enumerate(nx.strongly_connected_components(directed)) for n in part}
    inside: dict[int, float] = {}
    for i in range(len(a)):
        if strong[a[i]] == strong[b[i]]:
            inside[strong[a[i]]] = inside.get(strong[a[i]], 0.0) + length[i]
    on = got.main & 1 == 1
    assert float(length[on].sum()) == pytest.approx(max(inside.values(), default=0.0))
    assert len({strong[n] for n in a[on]}) <= 1
    assert got.traps == int(((got.component == 0) & ~on).sum())


def read(record: dict[str, Any], *, lenient: bool = False) -> tuple[Way, list[Any], list[str]]:
    tables = shipped()
    return _road_fields.way(record, 7, tables["road_class"], tables["road_vehicle"], lenient=lenient)


@pytest.mark.parametrize(
    ("record", "oneway"),
    [({"oneway": w}, 1) for w in ("yes", "是", "单向", "FT", 1, "1.0", "F", True)]
    + [({"oneway": w}, -1) for w in ("-1", "反向", "TF", "T", "逆行")]
    + [({"oneway": w}, 0) for w in ("no", "否", "B", "双向", 0, "", None)]
    + [({"direction": 2}, 1), ({"direction": 3}, -1), ({"direction": 1}, 0), ({"direction": "反向"}, -1)],
)
def test_directions_as_files_write_them(record: dict[str, Any], oneway: int) -> None:
    way, reasons, _ = read(record)
    assert (way.oneway, reasons) == (oneway, [])


def test_words_of_a_departments_row_and_of_openstreetmap() -> None:
    way, reasons, _ = read({
        "external_id": 12.0, "class": "城市主干路", "name": "东风路", "speed_kmh": "60公里/小时", "lanes": "4",
        "width_m": "14米",
        "max_height_m": "3.5m", "max_weight_t": "10吨", "bridge": "是", "denied": "小汽车，行人", "fire_engine": "是",
    })  # fmt: skip
    assert not reasons
    assert (way.external_id, way.cls, way.speed_kmh, way.level, way.bridge) == ("12", "primary", 60, 1, True)
    assert way.denied == {"car", "foot"}
    speeds = Speeds.of(shipped())
    assert [v > 0 for v in speeds.mps(way)] == [False, True, False, False]  # 3.5 m is too low for a fire engine
    _, reasons, _ = read({"class": "主干路", "speed_kmh": "快", "denied": "坦克", "oneway": "也许"})
    assert {(r.field, r.code) for r in reasons} == {
        ("speed_kmh", "bad_number"), ("denied", "bad_choice"), ("oneway", "bad_choice"),
    }  # fmt: skip
    tags = {"class": "residential", "speed_kmh": "RU:urban", "access": "private", "level": "-1", "tunnel": "culvert"}
    way, reasons, ignored = read(tags, lenient=True)
    assert (reasons, ignored, way.denied, way.level) == ([], ["speed_kmh=RU:urban"], {"car"}, -1)
    assert read({"class": "hyperloop"})[0].cls == ""


def test_speeds_can_be_replaced_and_a_slip_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "road_speeds.json"
    assert overrides(file) == {}
    file.write_text(json.dumps({"road_class": {"primary": {"share": 0.5}}, "road_vehicle": {"car": {"top_kmh": 80}}}))
    speeds = Speeds.of(shipped(), overrides(file))
    assert speeds.mps(Way("1", "primary"))[2] == pytest.approx(60 * 0.5 / 3.6)
    assert speeds.mps(Way("1", "primary", speed_kmh=200))[2] == pytest.approx(80 / 3.6)
    for wrong in ({"road_class": {"nowhere": {}}}, {"road_class": {"primary": {"share": "much"}}}, {"roads": {}}, []):
        file.write_text(json.dumps(wrong))
        with pytest.raises(Invalid):
            Speeds.of(shipped(), overrides(file))


def test_an_area_grows_with_the_minutes_and_follows_one_way_streets() -> None:
    street = Reached(
        lines([(0, 0), (10_000, 0)]), np.array([0.0]), np.array([np.inf]), np.array([1000.0]), np.array([-1.0])
    )
    out = areas(street, [5, 10], to_place=False)
    assert out[5].within(out[10].buffer(1))
    assert out[5].bounds[2] == pytest.approx(3000, abs=200)
    assert out[10].bounds[2] == pytest.approx(6000, abs=200)
    assert areas(street, [5], to_place=True)[5].is_empty  # nobody comes back along it


@given(st.integers(0, 2**32), st.integers(1, 30))
@settings(max_examples=10, deadline=None)
def test_areas_are_valid_and_nested_whatever_is_reached(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    streets = lines(*[rng.uniform(0, 9000, (rng.integers(2, 6), 2)).tolist() for _ in range(count)])
    at = rng.uniform(0, 1200, (2, count))
    cost = np.where(rng.random((2, count)) < 0.2, -1.0, rng.uniform(10, 900, (2, count)))
    got = areas(Reached(streets, at[0], at[1], cost[0], cost[1]), [5, 10, 15], to_place=bool(seed % 2))
    for area in got.values():
        assert area.is_valid
        assert area.geom_type in ("Polygon", "MultiPolygon")
    assert got[5].difference(got[10].buffer(30)).area < 1
    assert got[10].difference(got[15].buffer(30)).area < 1
