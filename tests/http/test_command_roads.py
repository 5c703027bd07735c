"""The road network over HTTP: isochrones, routes, closures; who may, what is refused, what every desk hears."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.intake.datasets import roads
from ioc.settings import Settings
from tests import road_world as world
from tests.conftest import Database
from tests.http.conftest import ORIGIN, PASSWORD, SignIn

pytestmark = pytest.mark.http
LON, LAT = world.place((2, 2))


def test_roads_are_asked_closed_and_opened(
    sign_in: SignIn, db: Database, tmp_path: Path, accounts: Accounts
) -> None:  # fmt: skip
    add_user(accounts, "leader", PASSWORD, ["leader"], Grant(whole=True, sensitivity=2), own_password=True)
    chief, leader, town = sign_in("chief"), sign_in("leader"), sign_in("town")
    nothing = chief.post("/api/v1/command/isochrones", json={"lon": LON, "lat": LAT}, headers=ORIGIN).get_json()
    assert (nothing["state"], nothing["bands"]) == ("no_network", [])
    assert "ioc import roads" in nothing["note"]["en"]
    file = world.write_gpkg(tmp_path / "r.gpkg", world.streets(6))
    roads.bring_in(db.store, world.given(file, Settings(data_dir=tmp_path), "EPSG:4490"))

    ask = {"lon": LON, "lat": LAT, "minutes": [2, 1], "vehicle": "car", "direction": "to"}
    got = chief.post("/api/v1/command/isochrones", json=ask, headers=ORIGIN).get_json()
    assert [b["minutes"] for b in got["bands"]] == [1, 2]
    assert got["bands"][0]["geometry"]["type"] in ("Polygon", "MultiPolygon")
    for wrong in ({"minutes": [0]}, {"minutes": []}, {"vehicle": "tank"}, {"lat": 99}, {"at": "soon"}):
        assert chief.post("/api/v1/command/isochrones", json=ask | wrong, headers=ORIGIN).status_code == 422, wrong

    ends = {"start": {"lon": LON, "lat": LAT}, "end": dict(zip(("lon", "lat"), world.place((4, 2)), strict=True))}
    free = chief.post("/api/v1/command/route", json=ends, headers=ORIGIN).get_json()
    assert (free["state"], free["closed"], free["without_closures"]) == ("ok", 0, None)
    near = chief.get(f"/api/v1/command/roads?lon={world.place((2.5, 2))[0]}&lat={LAT}&radius_m=50").get_json()["roads"]
    wish = {"reason": "火场警戒", "edges": [near[0]["edge_id"]]}
    assert leader.post("/api/v1/command/closures", json=wish, headers=ORIGIN).status_code == 403
    shape = world.geojson("LineString", [(0, 0), (3, 3)])
    for wrong in ({"reason": ""}, {"shape": shape}, {"edges": [10**12]}, {"vehicles": ["x"]}, {"case_id": 7},
                  {"edges": [], "shape": {"type": "Point", "coordinates": [1, 2]}}, {"edges": [], "shape": {"a": 1}},
                  {"exercise": True}, {"valid_to": "2020-01-01T00:00:00Z"}):  # fmt: skip
        answer = chief.post("/api/v1/command/closures", json=wish | wrong, headers=ORIGIN)
        assert answer.status_code == 422, wrong
        assert answer.get_json()["reasons"], wrong
    beyond = town.post("/api/v1/command/closures", json=wish, headers=ORIGIN)
    assert [r["code"] for r in beyond.get_json()["reasons"]] == ["outside_scope"]
    made = chief.post("/api/v1/command/closures", json=wish, headers=ORIGIN)
    assert made.status_code == 200, made.get_json()
    closure = made.get_json()
    assert (closure["edges"], closure["reason"], closure["lines"]["type"]) == (1, "火场警戒", "MultiLineString")
    around = chief.post("/api/v1/command/route", json=ends, headers=ORIGIN).get_json()
    assert around["seconds"] > free["seconds"] == pytest.approx(around["without_closures"]["seconds"])
    assert around["without_closures"]["geometry"] == free["geometry"], "both ways are drawn"
    assert around["geometry"] != free["geometry"]
    assert [c["closure_id"] for c in leader.get("/api/v1/command/closures").get_json()["closures"]] == [1]
    x, y = _tile(*world.place((2.5, 2)), 12)
    assert b"\xe7\x81\xab\xe5\x9c\xba" in chief.get(f"/tiles/closure/12/{x}/{y}.mvt").data
    detail = leader.get(f"/api/v1/detail/closure:{closure['closure_id']}").get_json()
    assert detail["title"]["zh"] == "封路：火场警戒"
    with db.owner() as conn:
        heard = conn.execute("SELECT topic, payload FROM outbox WHERE entity_id = 'closure'").fetchall()
    assert [(h["topic"], h["payload"]["layers"], h["payload"]["closure"]["edges"]) for h in heard] == [
        ("reload", ["closure"], 1)
    ]
    place = f"/api/v1/command/closures/{closure['closure_id']}"
    assert chief.delete(f"{place}?version=9", headers=ORIGIN).status_code == 409
    assert chief.delete("/api/v1/command/closures/99?version=1", headers=ORIGIN).status_code == 404
    assert leader.delete(f"{place}?version=1", headers=ORIGIN).status_code == 403
    ended = chief.delete(f"{place}?version=1", headers=ORIGIN)
    assert ended.status_code == 200
    assert ended.get_json()["ended_by"]
    assert [v["op"] for v in chief.get(f"{place}/history").get_json()["versions"]] == ["change", "new"]
    assert chief.get("/api/v1/command/closures").get_json()["closures"] == []
    _of_an_exercise(chief, db, ends, wish, free["seconds"])


def _of_an_exercise(chief: Any, db: Database, ends: dict[str, Any], wish: dict[str, Any], free_s: float) -> None:
    """Closed within the exercise alone; on its timeline when closed and when opened."""
    place = {"lon": 111.15, "lat": 21.65, "crs": "EPSG:4490"}
    given = {"title": "演练火情", "class": 2, "type": "12A", "exercise": True, "place": place}
    opened = chief.post("/api/v1/incidents", json=given, headers=ORIGIN)
    assert opened.status_code in (200, 201), opened.get_json()
    with db.owner() as conn:
        case_id = (conn.execute("SELECT max(case_id) AS id FROM cases WHERE exercise").fetchone() or {})["id"]
    made = chief.post("/api/v1/command/closures", json=wish | {"case_id": case_id}, headers=ORIGIN).get_json()
    assert made["exercise"] is True
    real = chief.post("/api/v1/command/route", json=ends, headers=ORIGIN).get_json()
    drill = chief.post("/api/v1/command/route", json=ends | {"case_id": case_id}, headers=ORIGIN).get_json()
    assert real["seconds"] == free_s < drill["seconds"]
    assert chief.get("/api/v1/command/closures").get_json()["closures"] == []
    assert len(chief.get(f"/api/v1/command/closures?case_id={case_id}").get_json()["closures"]) == 1
    chief.delete(f"/api/v1/command/closures/{made['closure_id']}?version=1", headers=ORIGIN)
    with db.owner() as conn:
        steps = conn.execute("SELECT step FROM case_step WHERE case_id = %s ORDER BY version", (case_id,)).fetchall()
    assert [s["step"] for s in steps][-2:] == ["closure", "closure_end"]


def _tile(lon: float, lat: float, z: int) -> tuple[int, int]:
    import math

    n = 1 << z
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int((lon + 180) / 360 * n), int(y * n)
