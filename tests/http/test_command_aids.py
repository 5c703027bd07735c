"""Opening from the details of a record, and what the tools of the command map ask: areas, sectors, villages."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import numpy as np
import pytest

from ioc import geo
from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http
LON, LAT = 111.15, 21.65


@pytest.fixture
def people(accounts: Accounts) -> None:
    for login, role, grant in (
        ("duty", "officer", Grant(whole=True, sensitivity=1)),
        ("leader", "leader", Grant(whole=True, sensitivity=1)),
        ("fartown", "officer", Grant(region_codes=(small.FAR_TOWN,), sensitivity=1)),
    ):
        add_user(accounts, login, PASSWORD, [role], grant, name=login, own_password=True)


def _warning(db: Database, world: World) -> int:
    with db.owner() as conn:
        row = conn.execute(
            "INSERT INTO warning (source, source_id, kind, colour, area, sender, region_ids, onset_at)"
            " VALUES ('cap', 'w1', '台风', 'red', '近县', '气象台', ARRAY[%s::int], %s) RETURNING warning_id",
            (world.regions[small.NEAR], world.now),
        ).fetchone()
    assert row is not None
    return int(row["warning_id"])


@pytest.mark.usefixtures("people")
def test_one_press_opens_it_from_what_is_selected_and_leads_back(sign_in: SignIn, world: World, db: Database) -> None:
    duty, leader, far = sign_in("duty"), sign_in("leader"), sign_in("fartown")
    warning = _warning(db, world)

    def panel(client: Any, key: str) -> str:
        page = unescape(client.get(f"/desk/events?sel={key}").get_data(as_text=True))
        found = re.search(r'<aside[^>]*id="detail".*?</aside>', page, re.DOTALL)
        assert found is not None
        return found[0]

    for key in (f"case:{world.near['case']}", f"event:{world.near['event']}", f"warning:{warning}"):
        kind, _, ref = key.partition(":")
        said = panel(duty, key)
        assert f'"origin":{{"kind":"{kind}","id":{ref}}}' in said, key
        assert "data-raise" not in panel(leader, key), "who may not open one is not offered it"
        made = duty.post("/api/v1/incidents", json={"origin": {"kind": kind, "id": int(ref)}}, headers=ORIGIN)
        assert made.status_code == 201, made.text
        case = made.json["incident_id"]
        said = panel(duty, key)
        assert '"origin"' not in said, "once is enough"
        assert f"/desk/command/{case}" in said
        assert f"/desk/command/{case}" in panel(leader, key)
        again = duty.post("/api/v1/incidents", json={"origin": {"kind": kind, "id": int(ref)}}, headers=ORIGIN)
        assert (again.status_code, again.json["incident_id"]) == (409, case), "the second asker is led to it"
    assert f"/desk/command/{case}" in panel(duty, f"case:{case}"), "an incident's own panel leads to its workspace"
    # the page of another region, and looking back: nothing to press
    assert "data-raise=" not in panel(far, f"case:{world.near['case']}")
    page = duty.get("/desk/events").get_data(as_text=True)
    assert "data-raise-hand" in page
    assert "data-raise-hand" not in leader.get("/desk/events").get_data(as_text=True)


@pytest.mark.usefixtures("people")
def test_by_hand_in_any_declared_system_it_is_the_same_place(sign_in: SignIn, world: World) -> None:
    duty = sign_in("duty")
    east, north = (float(v[0]) for v in geo.to_metres(np.array([LON]), np.array([LAT]), 4546))
    gcj = geo.wgs_to_gcj(np.array([LON]), np.array([LAT]))
    bd = geo.gcj_to_bd(*gcj)
    given = [("EPSG:4490", LON, LAT), ("EPSG:4326", LON, LAT), ("EPSG:4546", east, north),
             ("GCJ-02", float(gcj[0][0]), float(gcj[1][0])), ("BD-09", float(bd[0][0]), float(bd[1][0]))]  # fmt: skip
    for crs, x, y in given:
        body = {"title": f"手工 {crs}", "class": 2, "place": {"lon": x, "lat": y, "crs": crs}}
        made = duty.post("/api/v1/incidents", json=body, headers=ORIGIN)
        assert made.status_code == 201, made.text
        found = made.json["incident"]
        assert (found["lon"], found["lat"]) == pytest.approx((LON, LAT), abs=2e-5), crs
        assert found["place_given"]["crs"] == crs
    body["place"] = {"lon": 500_000, "lat": LAT, "crs": "EPSG:4490"}
    assert duty.post("/api/v1/incidents", json=body, headers=ORIGIN).status_code == 422


@pytest.mark.usefixtures("people")
def test_sectors_villages_and_a_warnings_area_are_asked_like_any_area(
    sign_in: SignIn, world: World, db: Database
) -> None:
    duty, far = sign_in("duty"), sign_in("fartown")
    body = {"title": "化工园异味", "class": 2, "place": {"lon": LON, "lat": LAT, "crs": "EPSG:4490"}}
    case = duty.post("/api/v1/incidents", json=body, headers=ORIGIN).json["incident_id"]
    square = [[LON - 0.02, LAT - 0.02], [LON, LAT - 0.02], [LON, LAT], [LON - 0.02, LAT], [LON - 0.02, LAT - 0.02]]
    sector = {"kind": "sector", "label": "西侧", "responsible": "林志明",
              "geometry": {"type": "Polygon", "coordinates": [square]}}  # fmt: skip
    url = f"/api/v1/incidents/{case}/marks"
    mark = duty.post(url, json=sector, headers=ORIGIN).json["mark"]
    gate = {"kind": "checkpoint", "geometry": {"type": "Point", "coordinates": [LON + 0.01, LAT]}}
    assert duty.post(url, json=gate, headers=ORIGIN).json["mark"]["zh"] == "卡口"
    assert mark["responsible"] == "林志明"
    changed = duty.put(f"/api/v1/marks/{mark['mark_id']}", json={"version": 1, "responsible": "王接班"}, headers=ORIGIN)
    assert (changed.json["mark"]["responsible"], changed.json["mark"]["label"]) == ("王接班", "西侧")
    told = [e["zh"] for e in duty.get(f"/api/v1/incidents/{case}/timeline").json["entries"]]
    assert any("分区 西侧，负责：林志明" in t for t in told), told

    def asked(client: Any, panel: str, **more: Any) -> dict[str, Any]:
        given = {"lon": LON, "lat": LAT, "case_id": case} | more
        answer = client.post(f"/api/v1/command/panels/{panel}", json=given, headers=ORIGIN)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json
        return found

    found = asked(duty, "sectors", area=sector["geometry"])["data"]["items"]
    assert [(i["label"], i["responsible"], i["inside"]) for i in found if i["kind"] == "sector"][-1] == (
        "西侧", "王接班", True)  # fmt: skip
    (point,) = [i for i in found if i["kind"] == "checkpoint"]
    assert (point["area_m2"], point["inside"], point["responsible"]) == (None, False, "")
    west = next(i for i in found if i["mark_id"] == mark["mark_id"])
    lon_m, lat_m = 111_320 * np.cos(np.radians(LAT - 0.01)), 110_740
    assert west["area_m2"] == pytest.approx(0.02 * lon_m * 0.02 * lat_m, rel=0.01)

    near = asked(duty, "villages")["data"]
    assert (near["radius_m"], [v["name"] for v in near["villages"]]) == (1000, ["近村"])
    assert near["empty"] == 2, "neither the village nor its cell has anybody"
    with db.owner() as conn:
        conn.execute("UPDATE grid_cell SET officers = '[{\"name\": \"黄国栋\"}]' WHERE grid_cell_id = %s",
                     (world.near["grid"],))  # fmt: skip
    inside = asked(duty, "villages", area=sector["geometry"])["data"]
    assert (inside["radius_m"], inside["people"], inside["empty"]) == (None, 1, 0)
    assert inside["villages"][0]["officers"] == ["黄国栋"]
    assert asked(far, "villages")["data"]["total"] == 0, "villages of another region are not named"

    warning = _warning(db, world)
    shape = duty.get(f"/api/v1/warnings/{warning}/area").json
    assert (shape["kind"], shape["colour"], shape["geometry"]["type"]) == ("台风", "red", "Polygon")
    whole = asked(duty, "villages", area=shape["geometry"])["data"]
    assert [v["name"] for v in whole["villages"]] == ["近村"], "of the county the warning names, not the other's"
    assert duty.get("/api/v1/warnings/999999/area").status_code == 404
    assert far.get(f"/api/v1/warnings/{warning}/area").status_code == 404
