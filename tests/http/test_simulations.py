"""推演 over HTTP: marked, apart from facts, the same again from its seed, and kept with all it stood on."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from ioc.clock import FixedClock
from ioc.command.simulating import NOTES
from ioc.intake import datasets
from ioc.intake.datasets import Given, roads
from ioc.intake.files import import_file
from ioc.registry import Registry
from ioc.settings import Settings
from tests import road_world
from tests.conftest import Database
from tests.http.conftest import ORIGIN, SignIn
from tests.http.world import NEAR_VILLAGE, World
from tests.store.test_observations import rows

pytestmark = pytest.mark.http
ADDRESS = "/api/v1/command/simulations"
LON, LAT = road_world.place((5, 2))
KEYS = ("forces", "first", "third", "evacuation")


@pytest.fixture
def filled(world: World, db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> World:
    file = road_world.write_gpkg(tmp_path / "r.gpkg", road_world.streets(6))
    roads.bring_in(db.store, road_world.given(file, settings, "EPSG:4490"))
    spots = {"V1": road_world.place((0, 2)), "V2": road_world.place((5, 5)), "T1": road_world.place((2, 4))}
    lines = ["编号,名称,类型,经度,纬度,状态,车型"]
    lines += [f"{k},{k},消防车,{x},{y},可用,消防车" for k, (x, y) in spots.items()]
    lines.append("N1,近消防车,消防车,111.16,21.65,可用,消防车")
    (tmp_path / "f.csv").write_text("\n".join(lines) + "\n", "utf-8")
    import_file(db.store, Registry(), "resources", tmp_path / "f.csv", "EPSG:4490", settings=settings, clock=clock,
                actor="t", source="应急局")  # fmt: skip
    (tmp_path / "p.csv").write_text(f"区划代码,常住人口\n{NEAR_VILLAGE},52000\n", "utf-8")
    given = Given(tmp_path / "p.csv", settings, clock, "t", "", dt.date(2026, 1, 1), source="统计局")
    assert datasets.bring_in(db.store, "population", given).stored == 1
    return world


def test_a_decision_is_tried_before_it_is_taken(
    filled: World, sign_in: SignIn, db: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    chief, town = sign_in("chief"), sign_in("town")

    def run(status: int = 201, **asked: Any) -> dict[str, Any]:
        answer = chief.post(ADDRESS, json=asked, headers=ORIGIN)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    place = {"lon": LON, "lat": LAT}
    usual = run(**place, seed=7)
    assert (usual["what_if"], usual["label"]["zh"], usual["seed"]) == (True, "推演", 7)
    assert usual["notes"][0]["zh"] == NOTES[0].zh
    by_name = {f["name"]: f for f in usual["forces"]}
    assert {f["by"] for f in usual["forces"] if f["name"] != "近消防车"} == {"road"}
    first = usual["first"]
    assert first["p10"] < first["p50"] < first["p90"] <= usual["third"]["p90"]
    assert usual["evacuation"]["p10"] < usual["evacuation"]["p90"]
    same, other = run(**place, seed=7), run(**place, seed=8)
    assert {k: same[k] for k in KEYS} == {k: usual[k] for k in KEYS}, "the same seed, the same numbers"
    assert other["first"] != usual["first"]
    assert other["first"]["p50"] == pytest.approx(first["p50"], rel=0.1)
    of_decisions(chief, run, usual, by_name, place)
    assert rows(db, "SELECT count(*) AS n FROM road_closure") == [{"n": 0}], "nothing of it is a fact"
    with_people_and_water(chief, run, filled, settings, clock, db, tmp_path)
    kept = chief.get(f"{ADDRESS}/{usual['simulation_id']}?again=1").get_json()
    assert kept["again"]["same"] is True
    assert {k: kept["again"]["result"][k] for k in KEYS} == {k: usual[k] for k in KEYS}
    assert kept["params"]["values"]["road_sigma"] == 0.25
    assert town.get(f"{ADDRESS}/{usual['simulation_id']}").status_code == 404, "outside the town's regions"
    for wrong in ({"runs": 1}, {"runs": 10**9}, {"rise_m": 0}, {"seed": -1}, {"delays": {"x": 1}}, {"more": 1},
                  {"closed": [{"lon": 1, "lat": 1, "radius_m": 1e9}]}):  # fmt: skip
        assert run(422, **place, **wrong)["reasons"], wrong
    run(404)
    assert chief.post(f"{ADDRESS}?t=2026-10-03T06:00:00Z", json=place, headers=ORIGIN).status_code == 423
    assert (
        sign_in("town").post(ADDRESS, json=place | {"case_id": filled.far["incident"]}, headers=ORIGIN).status_code
        == 404
    )


def of_decisions(chief: Any, run: Any, usual: dict[str, Any], by_name: dict[str, Any], place: dict[str, float]) -> None:
    """A road closed and a force late, against the run without."""
    middle = road_world.place((2.5, 2))
    closed = run(**place, seed=7, closed=[{"lon": middle[0], "lat": middle[1], "radius_m": 30}])
    after = {f["name"]: f for f in closed["forces"]}["V1"]
    assert after["before_s"] == by_name["V1"]["base_s"]
    assert after["base_s"] > after["before_s"], "it has to go round"
    assert after["arrives"]["p50"] > by_name["V1"]["arrives"]["p50"]
    v1 = by_name["V1"]["id"]
    late = {f["name"]: f for f in run(**place, seed=7, delays={v1: 30})["forces"]}
    for q in ("p10", "p50", "p90"):
        assert late["V1"]["arrives"][q] == pytest.approx(by_name["V1"]["arrives"][q] + 1800, abs=0.11)
    assert late["V2"] == by_name["V2"], "the others are as they were"


def with_people_and_water(
    chief: Any, run: Any, world: World, settings: Settings, clock: FixedClock, db: Database, tmp_path: Path
) -> None:
    """At the incident: people inside, water over terrain, and the panel that shows the newest run."""
    case = world.near["incident"]
    body = {"lon": 111.15, "lat": 21.65, "case_id": case}
    panel = chief.post("/api/v1/command/panels/simulation", json=body, headers=ORIGIN).get_json()
    assert (panel["state"], panel["data"]["kept"], panel["data"]["what_if"]) == ("ok", False, True)
    assert panel["took_ms"] < 2000
    assert run(422, case_id=case, rise_m=1)["reasons"][0]["code"] == "no_terrain"
    made = run(case_id=case, radius_m=500, seed=3, delay_all_min=15)
    village_m2 = 10_340 * 11_070  # a tenth of a degree each way at 21.65 N
    assert made["people"] == pytest.approx(52_000 * 3.14159 * 500**2 / village_m2, rel=0.02)
    assert made["affected"]["states"]["people"] == "ok"
    assert {f["delay_s"] for f in made["forces"]} == {900}
    panel = chief.post("/api/v1/command/panels/simulation", json=body, headers=ORIGIN).get_json()
    assert (panel["data"]["simulation_id"], panel["data"]["kept"]) == (made["simulation_id"], True)
    assert panel["data"]["first"] == made["first"]
    assert panel["notes"][0]["zh"] == NOTES[0].zh
    grid = tmp_path / "grid.asc"
    head = ["ncols 21", "nrows 21", "xllcorner 111.1395", "yllcorner 21.6395", "cellsize 0.001", "NODATA_value -9999"]
    low = [" ".join("2" if 5 <= i <= 15 and 5 <= j <= 15 else "9" for i in range(21)) for j in range(21)]
    grid.write_text("\n".join([*head, *low]), "ascii")
    given = Given(grid, settings, clock, "t", "EPSG:4490", dt.date(2026, 1, 1), datum="1985国家高程基准")
    datasets.bring_in(db.store, "terrain", given)
    wet = run(case_id=case, rise_m=1.5, seed=3)
    assert wet["water"]["level_m"] == 3.5
    assert wet["people"] == pytest.approx(52_000 * 121 * 103.4 * 110.7 / village_m2, rel=0.05)
    listed = chief.get(f"{ADDRESS}?case={case}").get_json()["simulations"]
    assert [s["simulation_id"] for s in listed] == [wet["simulation_id"], made["simulation_id"]]
