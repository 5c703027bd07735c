"""Forces, hospitals, shelters, plans and contacts over HTTP, over a small centre filled from files."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.phones import account_ring, put_phone
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.duty.rules import Entry
from ioc.intake import datasets
from ioc.intake.datasets import Given
from ioc.intake.files import import_file
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import duty
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World
from tests.store.test_observations import rows

pytestmark = pytest.mark.http
PLACE = {"lon": 111.15, "lat": 21.65}
RESOURCES = """编号,名称,类型,经度,纬度,状态,携带装备,队伍人数,车型,容量,联系人,电话
V1,消防一号车,消防车,111.16,21.65,可用,水带*20,6,消防车,,,
V2,冲锋舟一号,冲锋舟,111.15,21.66,可用,,4,船艇,,,
T1,近镇救援队,救援队伍,111.15,21.67,可用,担架*4；液压剪 2把,24,,,李四,13912345678
T9,远方秘密救援队,救援队伍,111.65,21.65,可用,,24,,,,
H1,近镇医院,医院,111.17,21.65,可用,,,,,,
S1,近镇体育馆,避难场所,111.14,21.65,可用,,,,800,,
"""
PLANS = """# 文号：近府办〔2026〕1号
预案编码,预案名称,版本,类别,事件类型,适用区划,生效日期,响应级别,行动,责任部门,责任岗位,时限,需回执,所需资源
F1,仓储火灾应急预案,2026,事故灾难,火灾事故,近镇,2026-01-01,Ⅲ,首批力量赶赴现场,消防支队,指挥长,15,是,消防站*2
,,,,,,,Ⅲ,疏散周边群众,近镇政府,镇长,30,否,
,,,,,,,Ⅱ,首批力量赶赴现场,消防支队,指挥长,15,是,
,,,,,,,Ⅱ,请求市级增援,指挥部,总指挥,40,否,
G0,总体应急预案,2026,,,,2026-01-01,Ⅳ,核实警情,指挥中心,值班长,5,否,
"""


@pytest.fixture
def filled(
    world: World, db: Database, settings: Settings, clock: FixedClock, tmp_path: Path, accounts: Accounts
) -> World:
    file = tmp_path / "r.csv"
    file.write_text(RESOURCES, "utf-8")
    import_file(db.store, Registry(), "resources", file, "EPSG:4326", settings=settings, clock=clock, actor="t",
                source="应急局")  # fmt: skip
    plans = tmp_path / "p.csv"
    plans.write_text(PLANS, "utf-8")
    report = datasets.bring_in(db.store, "plans", Given(plans, settings, clock, "t"))
    assert (report.read, report.stored, report.rejected) == (5, 5, 0), report.as_dict()
    with db.owner() as conn:
        conn.execute(
            "UPDATE cases SET category_scheme = 'gbt35561', category_code = '12A' WHERE case_id = ANY (%s)",
            ([world.near["incident"], world.far["incident"]],),
        )
    return world


def panel(client: FlaskClient, key: str, **more: Any) -> dict[str, Any]:
    answer = client.post(f"/api/v1/command/panels/{key}", json=PLACE | more, headers=ORIGIN)
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def post(client: FlaskClient, url: str, body: Any, want: int = 200) -> dict[str, Any]:
    answer = client.post(url, json=body, headers=ORIGIN)
    assert answer.status_code == want, answer.get_json()
    return answer.get_json()


def steps(db: Database, case_id: int, key: str) -> list[dict[str, Any]]:
    found = rows(
        db, f"SELECT given, actor FROM case_step WHERE case_id = {case_id} AND step = '{key}' ORDER BY version"
    )
    return [r["given"] for r in found]


def test_panels_name_what_is_missing(sign_in: SignIn, world: World) -> None:
    chief = sign_in("chief")
    for key, dataset in (("targets", "targets"), ("forces", "resources"), ("medical", "resources"),
                         ("shelters", "resources"), ("plan", "plans")):  # fmt: skip
        got = panel(chief, key)
        assert (got["state"], got["missing"]) == ("missing", [dataset]), key


def test_forces_are_bound_to_an_incident_and_its_timeline_tells(
    sign_in: SignIn, db: Database, filled: World, clock: FixedClock, token: Callable[..., dict[str, str]]
) -> None:
    chief, town = sign_in("chief"), sign_in("town")
    incident, far = filled.near["incident"], filled.far["incident"]
    got = panel(chief, "forces", case_id=incident)
    assert (got["state"], got["lacking"], got["data"]["by"]) == ("ok", ["roads"], ["line"])
    assert any("按直线估算" in n["zh"] for n in got["notes"]), "an estimate says that it is one"
    items = got["data"]["items"]
    assert [i["name"] for i in items[:3]] == ["消防一号车", "冲锋舟一号", "近镇救援队"], "5 km; soonest first"
    assert all(i["distance_m"] > 5000 for i in items[3:]), "hardly any: the nearest beyond follow"
    first = items[0]["travel"]
    assert (first["by"], first["metres"]) == ("line", pytest.approx(1034, abs=6))
    assert first["seconds"] == pytest.approx(first["metres"] * 1.4 / (45 / 3.6), abs=1)
    assert dt.datetime.fromisoformat(first["arrives_at"]) > clock.now()
    assert items[2]["carried"] == [
        {"name": "担架", "amount": 4, "unit": ""},
        {"name": "液压剪", "amount": 2, "unit": "把"},
    ]
    assert items[2]["contact"] == "李四 139****5678"
    assert (got["data"]["total"], got["data"]["free"], got["data"]["rings"][-1]["people"]) == (3, 3, 34)
    area = {"type": "Polygon", "coordinates": [[[111.14, 21.66], [111.16, 21.66], [111.16, 21.68], [111.14, 21.68],
                                                [111.14, 21.66]]]}  # fmt: skip
    inside = panel(chief, "forces", area=area, radius_m=500)["data"]
    assert (inside["inside"]["count"], sorted(i["name"] for i in inside["items"])) == (2, ["冲锋舟一号", "近镇救援队"])

    key = items[0]["resource_id"]
    url = f"/api/v1/resources/{key}/state"
    reader = chief.application.test_client()
    assert reader.post(url, json={"status": "off"}, headers=token("read")).status_code == 403
    assert post(chief, url, {"status": "en_route"}, 422)["reasons"][0]["field"] == "case_id"
    bound = post(chief, url, {"status": "bound", "case_id": incident, "version": 1, "note": "增援"})
    assert (bound["status"], bound["case_id"], bound["version"]) == ("bound", incident, 2)
    assert post(chief, url, {"status": "bound", "case_id": incident})["version"] == 2, "the same again is the same"
    assert post(chief, url, {"status": "en_route", "version": 1}, 409)["version"] == 2
    post(chief, url, {"status": "en_route", "version": 2})
    again = panel(chief, "forces", case_id=incident)["data"]
    one = next(i for i in again["items"] if i["resource_id"] == key)
    assert (one["status"]["code"], one["status"]["case"]["title"], one["here"]) == ("en_route", "近仓库火情", True)
    assert (again["bound_here"], again["free"]) == (1, 2)
    told = steps(db, incident, "force")
    assert [(s["from"], s["to"]) for s in told] == [("available", "bound"), ("bound", "en_route")]
    assert told[0]["text"] == "消防一号车 已调派（增援）"
    # straight to another incident: both timelines tell
    post(chief, url, {"status": "on_scene", "case_id": far}, 409)
    post(chief, url, {"status": "bound", "case_id": far})
    assert [s["left"] for s in steps(db, incident, "force")] == [False, False, True]
    assert [s["left"] for s in steps(db, far, "force")] == [False]
    (kept,) = rows(db, f"SELECT count(*) AS n FROM entity_history WHERE entity = 'resource' AND entity_id = '{key}'")
    assert kept["n"] == 4
    # who may not see the other incident learns that it is bound, and nothing of what it is for
    seen = panel(town, "forces")["data"]["items"]
    assert next(i for i in seen if i["resource_id"] == key)["status"]["case"] == {"case_id": None}
    assert small.SECRET not in json.dumps(seen, ensure_ascii=False)
    acts = f"/api/v1/incidents/{far}/acts"
    with db.owner() as conn:
        conn.execute("UPDATE cases SET stage = 'received' WHERE case_id = %s", (far,))
    seen_version = chief.get(f"/api/v1/incidents/{far}").get_json()["version"]
    post(chief, acts, {"act": "cancel", "version": seen_version, "given": {"reason": "误报"}})
    (freed,) = rows(db, f"SELECT status, case_id FROM resource WHERE resource_id = {key}")
    assert freed == {"status": "available", "case_id": None}, "what ends lets its forces go"
    post(chief, url, {"status": "bound", "case_id": far}, 409)
    entries = chief.get(f"/api/v1/incidents/{incident}/timeline").get_json()["entries"]
    assert ("力量调派", "消防一号车 途中") in [(e["zh"], e["text"]) for e in entries]


def test_beds_and_places_by_token(
    sign_in: SignIn, db: Database, filled: World, token: Callable[..., dict[str, str]]
) -> None:
    chief = sign_in("chief")
    empty = panel(chief, "medical")
    assert (empty["lacking"], empty["data"]["free"]["icu"], empty["data"]["items"][0]["beds"]) == (
        ["capacity", "roads"], None, None,
    )  # fmt: skip
    anybody = chief.application.test_client()
    write, read = token("resources:write"), token("read")
    url = "/api/v1/resources/应急局/H1/capacity"
    at = "2026-10-03T06:00:00Z"
    body = {"observed_at": at, "beds": {"total": {"general": 200, "icu": 10}, "free": {"general": 31, "icu": 2},
                                        "doctors": 60, "ambulances": 3,
                                        "stock": [{"name": "O型血", "amount": 40, "unit": "U"}]}}  # fmt: skip

    def put(data: Any, want: int, headers: dict[str, str] = write, to: str = url) -> dict[str, Any]:
        answer = anybody.put(to, json=data, headers=headers)
        assert answer.status_code == want, answer.get_json()
        return answer.get_json()

    assert put(body, 403, read)["error"] == "forbidden"
    assert put(body, 200)["applied"] == "applied"
    assert put(body, 200)["applied"] == "same"
    other = {**body, "beds": {**body["beds"], "free": {"icu": 1}}}
    put(other, 409)
    assert put({**other, "version": 1}, 200)["applied"] == "applied"
    assert put({**body, "observed_at": "2026-10-03T05:00:00Z"}, 200)["applied"] == "older"
    assert put(body, 404, to="/api/v1/resources/应急局/none/capacity")["error"] == "not_found"
    wrong = put({"observed_at": "昨天", "beds": {"free": {"gold": 1}}, "places": {"free": 1}}, 422)
    assert {r["field"] for r in wrong["reasons"]} >= {"observed_at", "beds"}
    assert (
        put({"observed_at": at, "places": {"free": 900, "total": 800}}, 422)["reasons"][0]["code"] == "more_than_total"
    )
    near_only = token("resources:write", grant=Grant(region_codes=(small.FAR_TOWN,), sensitivity=1))
    put(body, 404, near_only)
    bound = token("resources:write", source="卫健局")
    put({**body, "version": 2}, 403, bound)
    named = {"source": "应急局", "observed_at": at}
    batch = {"reports": [{**named, "external_id": "S1", "places": {"free": 760, "total": 800}},
                         {**named, "external_id": "X", "places": {"free": 1}}]}  # fmt: skip
    many = anybody.post("/api/v1/resources/capacity", json=batch, headers=write).get_json()
    assert (many["applied"], many["refused"], many["results"][1]["error"]) == (1, 1, "not_found")

    got = panel(chief, "medical")
    assert got["lacking"] == ["roads"]
    hospital = next(i for i in got["data"]["items"] if i["name"] == "近镇医院")
    assert hospital["beds"]["free"] == {"icu": 1}
    assert (hospital["beds"]["age_s"], hospital["beds"]["state"], hospital["beds"]["doctors"]) == (1928, "live", 60)
    assert (got["data"]["free"]["icu"], got["data"]["free"]["burns"], got["data"]["reported"]) == (1, None, 1)
    assert any("未填报" in n["zh"] for n in got["notes"]), "the other hospital said nothing"
    shelters = panel(chief, "shelters")["data"]
    assert [(i["name"], i["places"]["total"], i["places"]["free"]) for i in shelters["items"]] == [
        ("近镇体育馆", 800, 760)
    ]
    assert rows(db, "SELECT count(*) AS n FROM entity_history WHERE entity = 'resource_capacity'")[0]["n"] == 4


def test_an_incident_works_by_its_plan(sign_in: SignIn, db: Database, filled: World, clock: FixedClock) -> None:
    chief, town = sign_in("chief"), sign_in("town")
    incident = filled.near["incident"]
    got = panel(chief, "plan", case_id=incident)
    data = got["data"]
    assert [m["code"] for m in data["matches"]] == ["F1", "G0"], "the one for this place and type first"
    assert (data["matches"][0]["why"]["place"], data["matches"][0]["why"]["type"]["zh"]) == (
        small.NEAR_TOWN,
        "火灾事故",
    )
    assert (data["plan"]["level"], [a["what"] for a in data["plan"]["actions"]]) == (
        3,
        ["首批力量赶赴现场", "疏散周边群众"],
    )
    assert data["plan"]["resources"][0]["zh"] == "消防站"
    assert any("预览" in n["zh"] for n in got["notes"])
    assert [m["code"] for m in panel(chief, "plan", case_id=filled.far["incident"])["data"]["matches"]] == ["G0"]

    plan_id = data["matches"][0]["plan_id"]
    url = f"/api/v1/cases/{incident}/checklists"
    assert town.post(url, json={"plan_id": plan_id, "level": 3}, headers=ORIGIN).status_code in (403, 200)
    chief.get(url)
    post(chief, url, {"plan_id": plan_id, "level": 1}, 422)
    chosen = panel(chief, "plan", case_id=incident)["data"]["checklists"]
    first = chosen[0] if chosen else post(chief, url, {"plan_id": plan_id, "level": 3})
    assert (first["title"], first["level"], first["total"], first["done"]) == ("仓储火灾应急预案", 3, 2, 0)
    go, evacuate = first["steps"]
    assert dt.datetime.fromisoformat(go["due_at"]) == clock.now() + dt.timedelta(minutes=15)
    step = f"/api/v1/cases/{incident}/steps-of-plan/"
    assert post(chief, step + str(go["step_id"]), {"state": "done", "version": 1}, 422)["reasons"][0]["field"] == (
        "receipt_by"
    )
    clock.advance(16 * 60)
    done = post(chief, step + str(go["step_id"]), {"state": "done", "version": 1, "receipt_by": "王指挥"})
    assert (done["state"], done["late"], done["receipt_by"]) == ("done", True, "王指挥")
    post(chief, step + str(go["step_id"]), {"state": "todo", "version": 1}, 409)
    post(chief, step + str(evacuate["step_id"]), {"state": "skipped", "version": 1}, 422)
    skipped = post(chief, step + str(evacuate["step_id"]), {"state": "skipped", "version": 1, "reason": "无群众居住"})
    assert (skipped["deviation"], skipped["late"]) == (True, False)
    key = {"Idempotency-Key": "queued-while-offline-1", **ORIGIN}
    what, add = {"what": "切断厂区电源", "reason": "配电房起火"}, f"{url}/{first['checklist_id']}/steps"
    twice = [chief.post(add, json=what, headers=key).get_json() for _ in range(2)]
    assert twice[0] == twice[1], "queued and sent again: done once"
    added = twice[0]
    assert (added["added"], added["deviation"]) == (True, True)
    # a higher level: its steps; what was done already stays done by its words
    second = post(chief, url, {"plan_id": plan_id, "level": 2})
    assert [(s["what"], s["state"]) for s in second["steps"]] == [
        ("首批力量赶赴现场", "done"),
        ("请求市级增援", "todo"),
    ]
    post(chief, url, {"plan_id": plan_id, "level": 2}, 409)
    listed = chief.get(url).get_json()["checklists"]
    assert [(c["level"], c["done"]) for c in listed] == [(2, 1)]
    assert [s["state"] for s in steps(db, incident, "plan_step")] == ["done", "skipped", "added"]
    assert [s["level"] for s in steps(db, incident, "plan")] == [3, 2]
    assert rows(db, "SELECT count(*) AS n FROM entity_history WHERE entity = 'checklist_step'")[0]["n"] >= 8
    (chained,) = rows(db, f"SELECT count(*) AS n FROM case_history WHERE case_id = {incident}")
    assert chained["n"] >= 5, "the incident's own versions carry every change"
    assert chief.get(f"/api/v1/plans/{plan_id}").get_json()["document"] == "近府办〔2026〕1号"
    assert len(chief.get("/api/v1/plans").get_json()["plans"]) == 2
    assert town.get(f"/api/v1/cases/{filled.far['incident']}/checklists").status_code == 404


def test_plans_are_versions_and_samples_stay_out(
    db: Database, filled: World, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    def bring(text: str) -> Any:
        file = tmp_path / "again.csv"
        file.write_text(text, "utf-8")
        return datasets.bring_in(db.store, "plans", Given(file, settings, clock, "t"))

    assert (bring(PLANS).unchanged, bring(PLANS).stored) == (5, 0)
    changed = bring(PLANS.replace("疏散周边群众", "疏散一公里内群众"))
    assert (changed.stored, changed.rejected) == (0, 5)
    assert changed.shown[0].reasons[0].code == "version_exists"
    renewed = bring(PLANS.replace("疏散周边群众", "疏散一公里内群众").replace(",2026,", ",2027,"))
    assert renewed.stored == 5
    assert len(rows(db, "SELECT 1 FROM plan")) == 4, "the old versions stay"
    sample = bring("# 示例：仅供演示\n" + PLANS.replace(",2026,", ",2028,"))
    assert sample.shown[0].reasons[0].code == "sample"
    with pytest.raises(Exception, match="permission denied"), db.store.scoped(SYSTEM) as conn:
        conn.execute("UPDATE plan SET title = 'x'")


def test_contacts_by_right(
    sign_in: SignIn, db: Database, filled: World, accounts: Accounts, settings: Settings, clock: FixedClock
) -> None:
    now = clock.now()
    chief, incident = sign_in("chief"), filled.near["incident"]
    assert panel(chief, "contacts", case_id=incident)["lacking"] == ["rosters"]
    add_user(accounts, "watch", PASSWORD, ["department"], Grant(whole=True, sensitivity=1), own_password=True)
    with db.store.scoped(SYSTEM) as conn:
        put_phone(conn, account_ring(settings), "chief", "13800001111")

    def entry(region: str, duty_: Any, person: str, phone: str, login: str = "") -> Entry:
        span = (now - dt.timedelta(hours=2), now + dt.timedelta(hours=6))
        return Entry(filled.regions[region], now.date(), "白班", *span, duty_, person, login, phone)

    with db.store.scoped(SYSTEM) as conn:
        duty.publish(conn, [entry(small.NEAR_TOWN, "leader", "赵镇长", "13911112222"),
                            entry(small.CITY, "chief", "钱班长", "", "chief"),
                            entry(small.FAR_TOWN, "leader", small.SECRET, "13933334444")],
                     file_name="十月.xlsx", actor="t", now=now)  # fmt: skip
    with db.owner() as conn:
        conn.execute("UPDATE cases SET attributes = attributes || %s WHERE case_id = %s",
                     (json.dumps({"总指挥": "孙市长"}), incident))  # fmt: skip
        conn.execute('UPDATE grid_cell SET officers = \'[{"name": "黄国栋", "phone_masked": "137****1111"}]\'')
    got = panel(chief, "contacts", case_id=incident)
    groups = {g["key"]: g["people"] for g in got["data"]["groups"]}
    assert groups["commanders"][0]["person"] == "孙市长"
    mayor = groups[f"duty:{small.NEAR_TOWN}"][0]
    assert (mayor["role"]["zh"], mayor["phone"], mayor["tel"]) == ("带班领导", "13911112222", "tel:13911112222")
    watch = groups[f"duty:{small.CITY}"][0]
    assert (watch["phone"], watch["ask_phone"]) == ("", "chief")
    (officer,) = groups["cells"]
    assert (officer["person"], officer["phone"], officer["tel"]) == ("黄国栋", "137****1111", None)
    assert small.SECRET not in json.dumps(got, ensure_ascii=False), "another town's duty is not called"
    assert (got["source"], got["as_of"]) == ("十月.xlsx", now.isoformat())
    low = panel(sign_in("watch"), "contacts", case_id=incident)
    masked = next(p for g in low["data"]["groups"] for p in g["people"] if p["person"].startswith("赵"))
    assert (masked["phone"], masked["tel"]) == ("139****2222", None)
    body = {"login": "chief", "case_id": incident}
    assert post(chief, "/api/v1/command/contacts/phone", body)["tel"] == "tel:13800001111"
    assert post(chief, "/api/v1/command/contacts/phone", {"login": "nobody"}, 404)
    assert post(sign_in("watch"), "/api/v1/command/contacts/phone", body, 403)
    (look,) = rows(db, "SELECT actor, object FROM audit WHERE action = 'contact.phone'")
    assert look["object"] == f"case:{incident}"
    assert chief.get(f"/api/v1/command/meeting?case_id={incident}").get_json() == {"url": None}, "hidden where not set"
