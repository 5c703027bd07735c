"""Roads from files into the store; travel times against networkx on a graph built a second time from the same ways."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ioc.cases.work import Actor
from ioc.clock import FixedClock
from ioc.command import by_road
from ioc.command.asking import Ask as PanelAsk
from ioc.command.closures import Closures, Wish
from ioc.command.roads import travel as rules
from ioc.command.roads.travel import Place
from ioc.command.travel import Stop, trips
from ioc.errors import Conflict, Invalid
from ioc.intake.datasets import roads
from ioc.ops import doctor
from ioc.scope import NOBODY, SYSTEM
from ioc.settings import Settings
from ioc.store import closures, editions, routing, travel
from ioc.store.migrate import migrate
from ioc.store.travel import Ask
from tests import road_world as world
from tests.conftest import NOW, Database

pytestmark = pytest.mark.store
CHIEF = Actor(SYSTEM, "值班长")
SIZE = 6
NEAR_M = 5.0  # in these tests a place stands on the road or not at all
LATER = NOW + dt.timedelta(minutes=1)


def at(node: tuple[float, float], key: Any = "p") -> Place:
    return Place(key, *world.place(node))


@st.composite
def networks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows and columns of a grid with gaps, directions, limits and forbidden vehicles; no two ways on one block."""
    ways: list[dict[str, Any]] = []
    for across in (True, False):
        for k in range(SIZE):
            missing = draw(st.sets(st.integers(0, SIZE - 2), max_size=2))
            attributes = {
                "class": draw(st.sampled_from(["primary", "secondary", "tertiary", "residential", "footway"])),
                "oneway": draw(st.sampled_from([0, 0, 1, -1])),
                "speed": draw(st.sampled_from([None, None, 20, 70])),
                "denied": draw(st.sampled_from([(), (), ("car",), ("foot",)])),
            }
            run: list[tuple[int, int]] = []
            for i in range(SIZE):
                run.append((i, k) if across else (k, i))
                if i in missing or i == SIZE - 1:
                    if len(run) > 1:
                        ways.append({"nodes": run, **attributes})
                    run = []
    return ways


def blocks(ways: list[dict[str, Any]]) -> list[tuple[world.Node, world.Node]]:
    return [pair for w in ways for pair in pairwise(w["nodes"])]


def test_travel_times_are_those_of_networkx(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Any] = []

    @given(
        ways=networks(), osm=st.booleans(), vehicle=st.sampled_from(["fire_engine", "car", "foot"]),
        closed=st.sets(st.integers(0, 40), max_size=4), direction=st.sampled_from(["to", "from"]), boxed=st.booleans(),
        start=st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)),
    )  # fmt: skip
    @settings(max_examples=20, deadline=None, derandomize=True, phases=(Phase.generate,))
    def examples(**drawn: Any) -> None:
        _compare(db, tmp_path, monkeypatch, compared, **drawn)

    examples()
    assert len(compared) > 100


def _compare(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compared: list[Any], *, ways: list[dict[str, Any]],
    osm: bool, vehicle: str, closed: set[int], start: world.Node, direction: Any, boxed: bool,
) -> None:  # fmt: skip
    # small networks are searched whole; with the narrowest first box every second look is taken, too
    monkeypatch.setattr(travel, "WHOLE_EDGES", 0 if boxed else 10**9)
    monkeypatch.setattr(rules, "MARGIN_M", 1.0)
    monkeypatch.setattr(rules, "MARGIN", 0.01)
    if not ways:
        return
    here = Settings(data_dir=tmp_path)
    file = (world.write_pbf if osm else world.write_gpkg)(tmp_path / f"r.{'osm.pbf' if osm else 'gpkg'}", ways)
    report = roads.bring_in(db.store, world.given(file, here, "" if osm else "EPSG:4490"))
    assert (report.stored, report.rejected, report.balanced) == (len(ways), 0, True)
    graph = world.graph(ways, vehicle)
    made = _close(db, [b for i, b in enumerate(blocks(ways)) if i in closed], vehicle)
    for a, b in made:
        graph.remove_edges_from([e for e in ((a, b), (b, a)) if graph.has_edge(*e)])
    nodes = [(i, j) for i in range(SIZE) for j in range(SIZE) if (i, j) != start]
    with db.store.scoped(SYSTEM) as conn:
        got = travel.travel_times(
            conn, SYSTEM, at(start), [at(n, str(n)) for n in nodes], Ask(vehicle, NOW, NEAR_M), direction
        )
        drawn = {n: travel.route(conn, SYSTEM, at(start), at(n), Ask(vehicle, NOW, NEAR_M)) for n in nodes[::9]}
    _open(db)
    for n, route in drawn.items():
        if route.state == "ok":
            want = nx.shortest_path_length(graph, start, n, "s")
            assert route.seconds == pytest.approx(want, rel=1e-3, abs=0.1)
            assert sum(s.seconds for s in route.steps) == pytest.approx(want, rel=1e-3, abs=0.1)
            assert np.allclose([route.points[0], route.points[-1]], [world.place(start), world.place(n)], atol=1e-5)
    if got.state == "no_road":
        assert all(leg.state == "not_computed" and leg.seconds is None for leg in got.legs)
        return
    for n, leg in zip(nodes, got.legs, strict=True):
        tail, head = (n, start) if direction == "to" else (start, n)
        known = graph.has_node(tail) and graph.has_node(head)
        if leg.state == "ok":
            want = nx.shortest_path_length(graph, tail, head, "s")
            assert leg.seconds == pytest.approx(want, rel=1e-3, abs=0.1), (n, leg)
            compared.append(n)
            path = nx.shortest_path(graph, tail, head, "s")
            if len(list(nx.all_shortest_paths(graph, tail, head, "s"))) == 1:
                metres = sum(graph[a][b]["m"] for a, b in pairwise(path))
                assert leg.metres is not None
                assert leg.metres == pytest.approx(metres, rel=1e-3, abs=3) or leg.seconds == pytest.approx(
                    want, abs=0.05
                )
        elif leg.state == "unreachable":
            assert not known or not nx.has_path(graph, tail, head), (n, leg)
            assert leg.seconds is None
        else:
            assert leg.state == "no_road"


def test_turn_restrictions_are_those_of_networkx_on_moves(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph of moves built independently: every block in each direction is a node, every allowed turn an edge."""
    seeds = count()
    longer: list[Any] = []
    compared: list[Any] = []

    @given(ways=networks(), vehicle=st.sampled_from(["car", "fire_engine", "car", "foot"]))
    @settings(max_examples=20, deadline=None, derandomize=True, phases=(Phase.generate,))
    def examples(**drawn: Any) -> None:
        _turning(db, tmp_path, monkeypatch, (compared, longer), random.Random(next(seeds)), **drawn)

    examples()
    assert len(compared) > 100
    assert len(longer) > 10, "turns that matter"


def _turning(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: tuple[list[Any], list[Any]],
    dice: random.Random, *, ways: list[dict[str, Any]], vehicle: str,
) -> None:  # fmt: skip
    picks = [[dice.randrange(1000) for _ in range(4)] for _ in range(dice.randint(10, 60))]
    which, direction = dice.randrange(1000), dice.choice(("to", "from"))
    monkeypatch.setattr(travel, "WHOLE_EDGES", dice.choice((0, 10**9)))
    monkeypatch.setattr(rules, "MARGIN_M", 1.0)
    monkeypatch.setattr(rules, "MARGIN", 0.01)
    single = [{**w, "nodes": list(pair)} for w in ways for pair in pairwise(w["nodes"])]
    turns = _drawn_turns(single, picks)
    if len(single) < 2:
        return
    file = world.write_pbf(tmp_path / "t.osm.pbf", single, turns)
    report = roads.bring_in(db.store, world.given(file, Settings(data_dir=tmp_path)))
    assert not turns or f"转弯限制已采用 {len(turns)}" in report.note
    shut = len(single) - 1 - which % 7
    if shut > which % len(single):
        _close(db, [tuple(single[shut]["nodes"])], vehicle)
        denied = (*single[shut]["denied"], vehicle)
        single = [{**w, "denied": denied} if i == shut else w for i, w in enumerate(single)]
    bound = [t for t in turns if vehicle != "foot" and not (vehicle == "fire_engine" and t["more"])]
    graph, free = world.moves(single, vehicle, bound), world.moves(single, vehicle, ())
    first = single[which % len(single)]["nodes"]
    others = [w["nodes"] for w in single if w["nodes"] != first]

    def middle(nodes: list[world.Node]) -> tuple[float, float]:
        return (nodes[0][0] + nodes[1][0]) / 2, (nodes[0][1] + nodes[1][1]) / 2

    with db.store.scoped(SYSTEM) as conn:
        ask = Ask(vehicle, NOW, NEAR_M)
        places = [at(middle(n), i) for i, n in enumerate(others)]
        legs = travel.travel_times(conn, SYSTEM, at(middle(first)), places, ask, direction).legs
        routes = {i: travel.route(conn, SYSTEM, at(middle(first)), places[i], ask) for i in range(0, len(others), 11)}
        listed = closures.near(conn, SYSTEM, *world.place((2, 2)), world.SRID, 500, 50)
    _open(db)
    assert len({str(r["shape"]["coordinates"]) for r in listed}) == len(listed), "twins are not shown"
    for i, (nodes, leg) in enumerate(zip(others, legs, strict=True)):
        ends = (tuple(nodes), tuple(first)) if direction == "to" else (tuple(first), tuple(nodes))
        want = world.between(single, vehicle, graph, *ends)
        if leg.state == "ok":
            assert leg.seconds == pytest.approx(want, rel=1e-3, abs=0.1), (vehicle, direction, ends)
            seen[0].append(i)
            if (want or 0) > (world.between(single, vehicle, free, *ends) or 0) + 1:
                seen[1].append(i)
        elif leg.state == "unreachable":
            assert want is None, (vehicle, direction, ends)
        if i in routes and routes[i].state == "ok":
            want = world.between(single, vehicle, graph, tuple(first), tuple(nodes))
            assert routes[i].seconds == pytest.approx(want, rel=1e-3, abs=0.1)
            assert sum(s.seconds for s in routes[i].steps) == pytest.approx(want, rel=1e-3, abs=0.1)


def _drawn_turns(single: list[dict[str, Any]], picks: list[Any]) -> list[dict[str, Any]]:
    """Restrictions at the crossings of the ways, each from one of its ways into one (or back into the same)."""
    touching: dict[world.Node, list[int]] = {}
    for i, w in enumerate(single):
        for n in w["nodes"]:
            touching.setdefault(n, []).append(i)
    vias = sorted(n for n, at_it in touching.items() if len(at_it) > 1)
    out: dict[Any, dict[str, Any]] = {}
    for a, b, c, d in picks if vias else ():
        via = vias[a % len(vias)]
        there = touching[via]
        start, end = there[b % len(there)], there[c % len(there)]
        # two that name one turn are one: "only" once a street, or none of the streets is left
        only = d % 4 == 0 and not any(k[:2] == (start, via) for k in out)
        more = {"except": "emergency"} if d % 3 == 0 else {}
        if only or not any(k[:2] == (start, via) and v["kind"].startswith("only") for k, v in out.items()):
            kind = "only_straight_on" if only else "no_left_turn"
            out.setdefault((start, via, end), {"start": start, "via": via, "end": end, "kind": kind, "more": more})
    return list(out.values())


def test_restrictions_that_bind_nobody_here_are_counted(db: Database, tmp_path: Path) -> None:
    """By hour, of lorries, of a way that passes its node. Where two sources meet none holds, and none cuts off."""
    runs = ([(0, 0), (1, 0)], [(1, 0), (2, 0)], [(1, 0), (1, 1)], [(2, 0), (2, 1), (1, 1)], [(2, 1), (3, 1)])
    ways = [{"nodes": run, "class": "residential"} for run in runs]
    turn = {"start": 0, "via": (1, 0), "end": 2, "kind": "no_left_turn"}
    turns = [
        turn,
        {**turn, "more": {"hour_on": "07:00"}},
        {**turn, "more": {"restriction": "", "restriction:hgv": "no_left_turn"}},
        {**turn, "more": {"restriction": "", "restriction:conditional": "no_left_turn @ (07:00-09:00)"}},
        {**turn, "more": {"except": "motorcar;emergency"}}, {"start": 3, "via": (2, 1), "end": 3, "kind": "no_u_turn"},
        {"start": 0, "via": (1, 0), "end": 2, "kind": "no_left_turn_on_red"},
    ]  # fmt: skip
    here = Settings(data_dir=tmp_path)
    report = roads.bring_in(db.store, world.given(world.write_pbf(tmp_path / "a.osm.pbf", ways, turns), here))
    assert "转弯限制已采用 1，未采用：分时 2、不明确 1、其他车辆 3" in report.note
    start, end = at((0.5, 0)), at((1, 0.5))

    def seconds(vehicle: str, ahead: Place = end) -> float:
        with db.store.scoped(SYSTEM) as conn:
            return travel.route(conn, SYSTEM, start, ahead, Ask(vehicle, NOW, NEAR_M)).seconds or 0

    def reached(vehicle: str) -> bool:
        with db.store.scoped(SYSTEM) as conn:
            found = travel.isochrones(conn, SYSTEM, start, (1,), Ask(vehicle, NOW, NEAR_M))
        return shapely.geometry.shape(found["bands"][0]["geometry"]).covers(shapely.Point(*world.place((1, 0.5))))

    graph = world.moves([{**ways[0]}, {**ways[1]}, {**ways[2]}], "car", ())
    straight = world.between(ways[:3], "car", graph, ((0, 0), (1, 0)), ((1, 0), (1, 1)))
    assert seconds("foot") < 400
    assert seconds("car") > 2 * (straight or 0), "round the block"
    assert seconds("car", at((1, 0))) == pytest.approx(world.graph(ways, "car")[(0, 0)][(1, 0)]["s"] / 2, rel=1e-2)
    assert not reached("car"), "what is behind the barred turn is later"
    more = [{"nodes": [(1, 0), (1, -1)], "class": "residential"}]
    other = world.given(world.write_pbf(tmp_path / "b.osm.pbf", more), here, source="b")
    roads.bring_in(db.store, other)
    assert seconds("car", at((1, -0.5))) == pytest.approx(straight, rel=1e-2), "into the other source's street"
    assert seconds("car") == pytest.approx(straight, rel=1e-2), "told in docs/roads.md"
    assert reached("car")
    again = world.given(world.write_pbf(tmp_path / "a.osm.pbf", ways, turns), here)
    roads.bring_in(db.store, again)
    assert seconds("car", at((1, -0.5))) == pytest.approx(straight, rel=1e-2)


def _close(db: Database, chosen: list[Any], vehicle: str) -> list[Any]:
    """Closes the blocks by what is found in their middle; those a vehicle may not pass have no stretch to close."""
    made = []
    for a, b in chosen:
        lon, lat = world.place(((a[0] + b[0]) / 2, (a[1] + b[1]) / 2))
        with db.store.scoped(SYSTEM) as conn:
            near = closures.near(conn, SYSTEM, lon, lat, world.SRID, 3, 1)
        Closures(db.store, FixedClock(NOW)).add(CHIEF, Wish("施工", edges=[near[0]["edge_id"]], vehicles=[vehicle]))
        made.append((a, b))
    return made


def _open(db: Database) -> None:
    with db.owner() as conn:
        conn.execute("DELETE FROM road_closure")


def test_a_grid_one_way_streets_closures_and_detours(db: Database, tmp_path: Path) -> None:
    here = Settings(data_dir=tmp_path)
    ways = world.streets(7)
    roads.bring_in(db.store, world.given(world.write_gpkg(tmp_path / "r.gpkg", ways), here, "EPSG:4490"))
    start, end = (1, 1), (5, 1)
    with db.store.scoped(SYSTEM) as conn:
        there = travel.route(conn, SYSTEM, at(start), at(end), Ask("fire_engine", NOW))
        back = travel.route(conn, SYSTEM, at(end), at(start), Ask("fire_engine", NOW))
    graph = world.graph(ways, "fire_engine")
    assert there.metres == pytest.approx(4 * world.metres(start, (2, 1)), rel=1e-3)  # row 1 is one-way towards the east
    assert (back.metres or 0) > (there.metres or 0)
    desk = Closures(db.store, FixedClock(NOW))
    area = shapely.box(*world.place((2.8, 0.8)), *world.place((3.2, 1.2)))
    made = desk.add(CHIEF, Wish("水淹", shape=area, vehicles=["fire_engine"], valid_to=NOW + dt.timedelta(hours=1)))
    assert made["edges"] == 4
    with db.store.scoped(SYSTEM) as conn:
        asked = [Ask("fire_engine", when) for when in (NOW, NOW + dt.timedelta(hours=2), NOW - dt.timedelta(hours=1))]
        closed, over, before = (travel.route(conn, SYSTEM, at(start), at(end), a) for a in asked)
        plain = travel.route(conn, SYSTEM, at(start), at(end), Ask("fire_engine", NOW, ignore_closures=True))
        car = travel.route(conn, SYSTEM, at(start), at(end), Ask("car", NOW))
    graph.remove_node((3, 1))
    assert closed.seconds == pytest.approx(nx.shortest_path_length(graph, start, end, "s"), rel=1e-3)
    assert closed.seconds > (there.seconds or 0)
    assert over.seconds == before.seconds == plain.seconds == there.seconds
    assert (closed.closed, car.closed) == (4, 0)
    assert shapely.LineString(closed.points).distance(shapely.Point(world.place((3, 1)))) > 0.001
    with pytest.raises(Conflict):
        desk.end(CHIEF, made["closure_id"], 99)
    ended = Closures(db.store, FixedClock(LATER)).end(CHIEF, made["closure_id"], made["version"])
    assert ended["ended_at"] == LATER.isoformat()
    with db.store.scoped(SYSTEM) as conn:
        now, then = (travel.closed_edges(conn, "fire_engine", t) for t in (LATER, NOW))
        history = closures.history(conn, made["closure_id"])
        told = conn.execute("SELECT payload FROM outbox WHERE entity_id = 'closure' ORDER BY outbox_id").fetchall()
    assert (now, len(then)) == ((), 4)
    assert [h["op"] for h in history] == ["change", "new"]
    assert [t["payload"]["layers"] for t in told] == [["closure"]] * 2


def test_a_line_closes_what_it_runs_along_or_bars_and_wishes_are_checked(db: Database, tmp_path: Path) -> None:
    here = Settings(data_dir=tmp_path)
    roads.bring_in(db.store, world.given(world.write_gpkg(tmp_path / "r.gpkg", world.streets(5)), here, "EPSG:4490"))
    desk = Closures(db.store, FixedClock(NOW))

    def line(*nodes: tuple[float, float]) -> Any:
        return shapely.LineString([world.place(n) for n in nodes])

    along = desk.add(CHIEF, Wish("封闭施工", shape=line((0.1, 2.02), (1.98, 2.02))))
    across = desk.add(CHIEF, Wish("路障", shape=line((2.5, 0.8), (2.5, 1.2))))
    assert (along["edges"], across["edges"], len(along["vehicles"])) == (2, 1, 4)
    with pytest.raises(Invalid) as e:
        desk.add(CHIEF, Wish(" ", shape=line((0, 0), (1, 1)), edges=[1], vehicles=["tank"], valid_to=NOW))
    assert {r.field for r in e.value.reasons} == {"reason", "shape", "vehicles", "valid_to"}
    for wish in (
        Wish("x", edges=[10**9]),
        Wish("x", shape=shapely.Point(112, 22)),
        Wish("x", line((0, 0), (1, 0)), case_id=9),
    ):
        with pytest.raises(Invalid):
            desk.add(CHIEF, wish)
    # a new edition has other stretches: what was drawn closes those that lie there now
    roads.bring_in(db.store, world.given(world.write_gpkg(tmp_path / "r.gpkg", world.streets(5)), here, "EPSG:4490"))
    with db.store.scoped(SYSTEM) as conn:
        again = closures.listed(conn, SYSTEM, NOW)
        have = {r["edge_id"] for r in conn.execute("SELECT edge_id FROM road_edge")}
        assert set(travel.closed_edges(conn, "car", NOW)) <= have
    assert [r["edges"] for r in again] == [2, 1]


def test_an_import_tells_what_it_found_and_replaces_the_whole_source_or_nothing(db: Database, tmp_path: Path) -> None:
    """Rejects with reasons, an island, a dead end, a trap, a street without a class; dry run and a broken file."""
    here = Settings(data_dir=tmp_path, road_stub_m=30)
    ways = [
        *world.streets(5),
        {"nodes": [(20, 20), (21, 20), (21, 21)], "class": "tertiary"},  # an island
        {"nodes": [(4, 4), (4.1, 4)], "class": "residential"},  # 21 m and no further
        {"nodes": [(0, 0), (-1, 0)], "class": "residential", "oneway": 1},  # in and never out
    ]
    file = world.write_gpkg(tmp_path / "r.geojson", ways)
    text = file.read_text().replace('"道路等级": "人行道"', '"道路等级": ""')
    text = text.replace('"道路名称": "0号路", "道路等级": "街巷"', '"道路名称": "0号路", "道路等级": "天路"')
    text = text.replace(
        '"道路名称": "1号路", "道路等级": "街巷", "单行": "是"',
        '"道路名称": "1号路", "道路等级": "街巷", "单行": "也许"',
    )
    file.write_text(text)
    dry = roads.bring_in(db.store, world.given(file, here, "EPSG:4490", dry_run=True))
    with db.store.scoped(SYSTEM) as conn:
        assert conn.execute("SELECT count(*) AS n FROM road_edge").fetchone() == {"n": 0}
        assert editions.in_force(conn) == {}
    report = roads.bring_in(db.store, world.given(file, here, "EPSG:4490"))
    assert report.counts() == dry.counts()
    assert (report.read, report.rejected, dict(report.reasons)) == (len(ways), 1, {("oneway", "bad_choice"): 1})
    with db.store.scoped(SYSTEM) as conn:
        edition = editions.in_force(conn)["roads"]
        rejects = conn.execute("SELECT reasons FROM reject WHERE batch_id = %s", (report.batch_id,)).fetchall()
        row = conn.execute("SELECT crs_orig, attributes FROM road_way ORDER BY external_id LIMIT 1").fetchone()
    assert rejects[0]["reasons"][0]["field"] == "oneway"
    assert row is not None
    assert (row["crs_orig"], row["attributes"]["道路名称"]) == ("EPSG:4490", "0号路")
    detail = edition.detail
    assert (detail["components"], detail["stubs"], detail["traps"]) == (2, 1, 1)
    assert detail["classless"] == 4
    assert "class=天路" in detail["ignored"]
    assert edition.as_of == dt.datetime(2026, 8, 31, 16, tzinfo=dt.UTC)
    # the island is no place to start from: it is told, never guessed
    with db.store.scoped(SYSTEM) as conn:
        legs = travel.travel_times(conn, SYSTEM, at((2, 2)), [at((21, 21)), at((1, 1))], Ask("car", NOW, 300)).legs
        far = travel.travel_times(conn, SYSTEM, at((40, 40)), [at((1, 1))], Ask("car", NOW, 300))
    assert (legs[0].state, legs[0].seconds, legs[0].straight_m > 4000) == ("no_road", None, True)
    assert legs[1].state == "ok"
    assert (far.state, far.legs[0].state, "300" in far.note.zh if far.note else "") == ("no_road", "not_computed", True)
    found = doctor.doctor_roads.network
    with db.owner() as conn:
        good, said, advice = found(conn)
    assert not good or "2 components" in said[1]
    assert advice[0]
    assert "2 个连通分量" in said[0]
    _replaced(db, here, tmp_path, edition.rows)


def _replaced(db: Database, here: Settings, tmp_path: Path, before: int) -> None:
    broken = tmp_path / "broken.geojson"
    broken.write_text('{"type": "FeatureCollection", "features": [{"type": "Feature"')
    with pytest.raises(Invalid):
        roads.bring_in(db.store, world.given(broken, here, "EPSG:4490"))
    with pytest.raises(Invalid):
        roads.bring_in(db.store, world.given(tmp_path / "none.osm.pbf", here))
    file = world.write_pbf(tmp_path / "new.osm.pbf", world.streets(4))
    roads.bring_in(db.store, world.given(file, here))
    with db.store.scoped(SYSTEM) as conn:
        edition = editions.in_force(conn)["roads"]
        rows = conn.execute(
            "SELECT (SELECT count(*) FROM road_edge) AS now, (SELECT count(*) FROM road_edge_past) AS past"
        ).fetchone()
    assert rows == {"now": edition.rows, "past": before}
    assert edition.rows == 24


def test_two_sources_meet_at_their_border(db: Database, tmp_path: Path) -> None:
    here = Settings(data_dir=tmp_path)
    west = [{"nodes": [(i, j) for i in range(4)], "class": "tertiary"} for j in (0, 1)]
    west.append({"nodes": [(0, 0), (0, 1)], "class": "tertiary"})
    east = [{"nodes": [(i, j) for i in range(3, 8)], "class": "tertiary"} for j in (0, 1)]
    roads.bring_in(db.store, world.given(world.write_gpkg(tmp_path / "w.gpkg", west), here, "EPSG:4490", source="西县"))
    ask = Ask("car", NOW, NEAR_M)
    with db.store.scoped(SYSTEM) as conn:
        alone = travel.travel_times(conn, SYSTEM, at((0, 0)), [at((7, 1))], ask).legs[0]
    roads.bring_in(db.store, world.given(world.write_gpkg(tmp_path / "e.gpkg", east), here, "EPSG:4490", source="东县"))
    with db.store.scoped(SYSTEM) as conn:
        both = travel.travel_times(conn, SYSTEM, at((0, 0)), [at((7, 1))], ask).legs[0]
        edition = editions.in_force(conn)["roads"]
    assert (alone.state, both.state, edition.source, edition.rows) == ("no_road", "ok", "东县, 西县", 5)
    assert both.seconds == pytest.approx(
        nx.shortest_path_length(world.graph([*west, *east], "car"), (7, 1), (0, 0), "s"), rel=1e-3
    )


def test_gcj02_lands_on_the_same_streets_and_another_system_is_refused(db: Database, tmp_path: Path) -> None:
    here = Settings(data_dir=tmp_path)
    ways = world.streets(4)
    roads.bring_in(db.store, world.given(world.write_gpkg(tmp_path / "g.geojson", ways, "GCJ-02"), here, "GCJ-02"))
    with db.store.scoped(SYSTEM) as conn:
        got = travel.travel_times(conn, SYSTEM, at((0, 0)), [at((3, 3))], Ask("car", NOW, NEAR_M)).legs[0]
        way = conn.execute("SELECT crs_orig, wkb_orig FROM road_way ORDER BY external_id LIMIT 1").fetchone()
    want = nx.shortest_path_length(world.graph(ways, "car"), (3, 3), (0, 0), "s")
    assert got.seconds == pytest.approx(want, rel=1e-3)
    assert way is not None
    kept = shapely.get_coordinates(shapely.from_wkb(bytes(way["wkb_orig"])))[0]
    assert way["crs_orig"] == "GCJ-02"
    assert math.hypot(kept[0] - world.place((0, 0))[0], kept[1] - world.place((0, 0))[1]) > 0.003  # as delivered
    with pytest.raises(Invalid):
        roads.bring_in(db.store, world.given(world.write_gpkg(tmp_path / "g.gpkg", ways), here, "GCJ-02"))
    with pytest.raises(Invalid):
        roads.bring_in(db.store, world.given(world.write_pbf(tmp_path / "g.osm.pbf", ways), here, "GCJ-02"))


def test_isochrones_hold_what_is_reached_in_time_and_nothing_else(db: Database, tmp_path: Path) -> None:
    here = Settings(data_dir=tmp_path)
    ways = world.streets(12)
    roads.bring_in(db.store, world.given(world.write_gpkg(tmp_path / "r.gpkg", ways), here, "EPSG:4490"))
    graph = world.graph(ways, "fire_engine")
    for direction, g in (("from", graph), ("to", graph.reverse())):
        with db.store.scoped(SYSTEM) as conn:
            got = travel.isochrones(conn, SYSTEM, at((1, 1)), [1, 2, 3], Ask("fire_engine", NOW), direction)  # type: ignore[arg-type]
        seconds = nx.single_source_dijkstra_path_length(g, (1, 1), weight="s")
        assert got["state"] == "ok"
        sizes = [b["area_km2"] for b in got["bands"]]
        assert sizes == sorted(sizes)
        for band in got["bands"]:
            area = shapely.from_geojson(json.dumps(band["geometry"]))
            inside = {n for n in g if area.buffer(0.0001).covers(shapely.Point(world.place(n)))}
            limit = band["minutes"] * 60
            assert {n for n, s in seconds.items() if s <= limit - 1} <= inside
            # one cell beside a road in time may hold a junction that is not
            assert not {n for n in inside if seconds.get(n, math.inf) > limit + 40}
    with db.store.scoped(SYSTEM) as conn, pytest.raises(Invalid):
        travel.isochrones(conn, SYSTEM, at((1, 1)), [5], Ask("submarine", NOW))


def test_without_pgrouting_everything_says_so_and_the_next_start_brings_it(db: Database, tmp_path: Path) -> None:
    here = Settings(data_dir=tmp_path, database_url=db.dsn_app, database_owner_url=db.dsn_owner)
    with db.owner() as conn:
        conn.execute("DROP EXTENSION pgrouting")
        assert not doctor.doctor_roads.pgrouting(conn)[0]
        assert routing.STATEMENT in doctor.doctor_roads.pgrouting(conn)[2][1]
    roads.bring_in(db.store, world.given(world.write_gpkg(tmp_path / "r.gpkg", world.streets(4)), here, "EPSG:4490"))
    with db.store.scoped(SYSTEM) as conn:
        got = travel.travel_times(conn, SYSTEM, at((0, 0)), [at((3, 3))], Ask("car", NOW))
        route = travel.route(conn, SYSTEM, at((0, 0)), at((3, 3)), Ask("car", NOW))
        area = travel.isochrones(conn, SYSTEM, at((0, 0)), [5], Ask("car", NOW))
    assert {got.state, route.state, area["state"]} == {"no_routing"}
    assert got.legs[0].straight_m > 800
    assert got.legs[0].seconds is None
    assert got.note is not None
    assert routing.STATEMENT in got.note.en
    assert migrate(db.dsn_owner) == []
    with db.store.scoped(SYSTEM) as conn:
        assert travel.travel_times(conn, SYSTEM, at((0, 0)), [at((3, 3))], Ask("car", NOW)).state == "ok"
    with db.store.scoped(NOBODY) as conn:
        assert conn.execute("SELECT count(*) AS n FROM road_edge").fetchone() == {"n": 0}


def test_panels_of_forces_measure_by_road_each_vehicle_by_its_own(db: Database, tmp_path: Path) -> None:
    here = Settings(data_dir=tmp_path)
    ways = [*world.streets(6), {"nodes": [(5, 5), (6, 5)], "class": "footway"}]
    lon, lat = world.place((2, 2))
    ask = PanelAsk(SYSTEM, lon, lat, LATER, world.SRID)
    stops = [
        Stop(i, *world.place(n), 700.0, vehicle)
        for i, (n, vehicle) in enumerate(
            (((5, 5), "fire_engine"), ((5, 5), "police_car"), ((5, 5), ""), ((30, 5), "car"))
        )
    ]
    with db.store.scoped(SYSTEM) as conn:
        assert by_road.road_times(conn) is None
        assert by_road.missing(conn) == ()
    roads.bring_in(db.store, world.given(world.write_gpkg(tmp_path / "r.gpkg", ways), here, "EPSG:4490"))
    with db.store.scoped(SYSTEM) as conn:
        got, notes = trips(conn, ask, stops, {}, by_road.road_times(conn))
    assert [got[i].by for i in range(4)] == ["road", "road", "road", "line"]
    assert notes
    for i, vehicle in enumerate(("fire_engine", "ambulance", "car")):
        want = nx.shortest_path_length(world.graph(ways, vehicle), (5, 5), (2, 2), "s")
        assert got[i].seconds == pytest.approx(want, rel=1e-3, abs=0.1)
    Closures(db.store, FixedClock(NOW)).add(
        CHIEF, Wish("塌方", shape=shapely.box(*world.place((4.5, 4.5)), *world.place((5.5, 5.5))), vehicles=["car"])
    )
    with db.store.scoped(SYSTEM) as conn:
        cut = trips(conn, ask, stops, {}, by_road.road_times(conn))[0]
    assert cut[0].seconds == got[0].seconds
    assert (cut[2].by, cut[2].seconds) != ("road", got[2].seconds)
    with db.owner() as conn:
        conn.execute("DROP EXTENSION pgrouting")
    with db.store.scoped(SYSTEM) as conn:
        assert by_road.road_times(conn) is None
        assert by_road.missing(conn) == (routing.MISSING,)
