"""The after-action report over HTTP: an incident driven through its life, compared with an earlier one, closed."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pypdfium2
import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.command.review.work import digest_of
from ioc.intake import datasets
from ioc.intake.datasets import Given
from ioc.intake.files import import_file
from ioc.registry import Registry
from ioc.settings import Settings
from ioc.store import resources
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.test_forces import PLANS, RESOURCES
from tests.http.world import World

pytestmark = pytest.mark.http
BUREAU = "消防救援支队"
PLACE = {"lon": 111.15, "lat": 21.65, "crs": "EPSG:4490"}
_W, _S, _E, _N = 111.145, 21.645, 111.155, 21.655
CORDON = {"type": "Polygon", "coordinates": [[[_W, _S], [_E, _S], [_E, _N], [_W, _N], [_W, _S]]]}


@pytest.fixture
def city(
    world: World, db: Database, settings: Settings, clock: FixedClock, tmp_path: Path, accounts: Accounts
) -> World:
    whole = Grant(whole=True, sensitivity=1)
    for login, role, grant, name in (
        ("duty", "officer", whole, "何敏仪"), ("leader", "leader", whole, "陈志强"),
        ("fire", "department", Grant(True, (), (BUREAU,), 1), "林志明"),
        ("fartown", "chief", Grant(region_codes=(small.FAR_TOWN,), sensitivity=1), "远镇值班"),
    ):  # fmt: skip
        add_user(accounts, login, PASSWORD, [role], grant, name=name, own_password=True)
    for name, text in (("r.csv", RESOURCES), ("p.csv", PLANS)):
        (tmp_path / name).write_text(text, "utf-8")
    import_file(db.store, Registry(), "resources", tmp_path / "r.csv", "EPSG:4326", settings=settings, clock=clock,
                actor="t", source="应急局")  # fmt: skip
    datasets.bring_in(db.store, "plans", Given(tmp_path / "p.csv", settings, clock, "t"))
    with db.owner() as conn:
        _ground(conn)
        conn.execute(  # with a time of change of its own: what is known since when is told by it
            "UPDATE resource SET owner_department = %s, updated_at = updated_at + interval '1 ms'"
            " WHERE name = '消防一号车'", (BUREAU,),
        )  # fmt: skip
        conn.execute("UPDATE region SET name = '近镇' WHERE code = %s", (small.NEAR_TOWN,))
    return world


def _ground(conn: psycopg.Connection[Any]) -> None:
    """A river and a lake of the base map, and two roads: one through the place, one far away."""
    for role, shape in (("river", "LINESTRING(111.10 21.652, 111.20 21.652)"),
                        ("water", "POLYGON((111.151 21.655, 111.157 21.655, 111.157 21.658, 111.151 21.655))"),
                        ):  # fmt: skip
        conn.execute(
            "WITH l AS (INSERT INTO thematic_layer (key, title, theme, geometry, base_role)"
            " VALUES (%(r)s, %(r)s, 'base', 'line', %(r)s) RETURNING layer_id)"
            " INSERT INTO thematic_feature (layer_id, external_id, geom) SELECT layer_id, 'a',"
            " ST_GeomFromText(%(g)s, 4326) FROM l", {"r": role, "g": shape},
        )  # fmt: skip
    for name, shape in (
        ("near", "LINESTRING(111.14 21.6505, 111.16 21.6505)"),
        ("far", "LINESTRING(111.4 21.9, 111.41 21.9)"),
    ):
        conn.execute(
            "INSERT INTO road_edge (source, edition_id, external_id, part, from_node, to_node, class, length_m,"
            " component, main, c_fire_engine, r_fire_engine, c_ambulance, r_ambulance, c_car, r_car, c_foot, r_foot,"
            " geom, geom_m) SELECT 's', 1, %(n)s, 0, 1, 2, 'primary', 1000, 0, 15, 1, 1, 1, 1, 1, 1, 1, 1,"
            " g, ST_Transform(g, 4546) FROM (SELECT ST_GeomFromText(%(g)s, 4326) AS g) x", {"n": name, "g": shape},
        )  # fmt: skip


def rows(db: Database, query: LiteralString, *values: Any) -> list[dict[str, Any]]:
    with db.owner() as conn:
        return conn.execute(query, values).fetchall()


def done(answer: Any, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def post(client: FlaskClient, url: str, want: int = 200, **body: Any) -> dict[str, Any]:
    return done(client.post(url, json=body, headers=ORIGIN), want)


def act(client: FlaskClient, case: int, name: str, status: int = 200, **given: Any) -> dict[str, Any]:
    version = client.get(f"/api/v1/incidents/{case}").json["version"]
    return post(client, f"/api/v1/incidents/{case}/acts", status, act=name, version=version, given=given)


def opened(client: FlaskClient, title: str, **more: Any) -> int:
    body = {"title": title, "class": 2, "type": "12A", "level": 3, "reason": "明火", "place": PLACE, **more}
    return int(post(client, "/api/v1/incidents", 201, **body)["incident_id"])


def through(duty: FlaskClient, chief: FlaskClient, case: int, clock: FixedClock, assess_s: int, handle_s: int) -> None:
    """From 接报 to 终止 with nothing between but the response."""
    clock.advance(assess_s)
    act(duty, case, "assess", text="研判")
    act(duty, case, "ask_response", response_level=4, reason="需增援")
    act(chief, case, "approve_response")
    act(chief, case, "handle")
    clock.advance(handle_s)
    act(duty, case, "ask_response", response_level=0, reason="已灭")
    act(chief, case, "approve_response")
    act(chief, case, "end", reason="扑灭", no_report_reason="已电话")


def _awaits(client: FlaskClient, case: int) -> str:
    """What of the review waits for whoever is signed in, in 待我处理 of the desk: its keys, its rows, its page."""
    key, mine = f"case:{case}", done(client.get("/api/v1/live/mine"))
    said = next((r["awaits"]["zh"] for r in mine["rows"] if r["key"] == key), "")
    assert (key in mine["keys"]) == bool(said)
    page = done(client.get("/api/v1/live/rows?show=mine"))
    assert (page["total"], len(page["rows"])) == (mine["total"], mine["total"])
    assert next((r["awaits"]["zh"] for r in page["rows"] if r["key"] == key), "") == said
    return str(said)


@pytest.fixture
def reviewed(city: World, sign_in: SignIn, db: Database, clock: FixedClock) -> int:
    """物流仓库火情, ended; before it one that took 10 and 60 minutes, and an exercise that counts nowhere."""
    duty, chief, leader, fire = (sign_in(n) for n in ("duty", "chief", "leader", "fire"))
    earlier = opened(duty, "旧仓库火情")
    through(duty, chief, earlier, clock, 600, 3000)
    practised = opened(duty, "演练火情", exercise=True)
    through(duty, chief, practised, clock, 5, 5)
    clock.advance(600)
    duty, chief, leader, fire = (sign_in(n) for n in ("duty", "chief", "leader", "fire"))

    case = opened(duty, "物流仓库火情", description="三层仓库明火，报警电话 13800135678")
    clock.advance(120)
    act(duty, case, "assess", text="货架起火")
    act(leader, case, "confirm_level")
    act(duty, case, "ask_response", response_level=4, reason="需增援", scope="市级")
    clock.advance(60)
    act(chief, case, "approve_response")
    act(duty, case, "appoint", role="chief", person="陈志强", department="市应急局", phone="13800001234")
    act(chief, case, "handle")
    around = post(chief, "/api/v1/command/panels/plan", lon=111.15, lat=21.65, case_id=case)["data"]
    plan = next(m for m in around["matches"] if m["code"] == "F1")
    checklist = post(chief, f"/api/v1/cases/{case}/checklists", plan_id=plan["plan_id"], level=3)
    steps = f"/api/v1/cases/{case}/steps-of-plan/"
    first, second = checklist["steps"]
    # one team ordered by name, one department; the team arrives, the department is late
    truck = rows(db, "SELECT resource_id FROM resource WHERE name = '消防一号车'")[0]["resource_id"]
    tasks = f"/api/v1/incidents/{case}/tasks"
    post(duty, tasks, 201, what="西侧设水枪阵地", to={"kind": "resource", "ref": str(truck)}, due_min=30)
    late = post(duty, tasks, 201, what="疏散周边", to={"kind": "department", "ref": BUREAU}, due_min=10)["task"]
    post(duty, tasks, 201, what="封控北门", to={"kind": "department", "ref": BUREAU})
    clock.advance(120)
    post(fire, f"/api/v1/tasks/{late['task_id']}/steps", step="sign")
    with db.owner() as conn:
        moved = {"resource_id": truck, "lon": 111.1502, "lat": 21.6503, "at": clock.now(), "now": clock.now(),
                 "late": False, "speed_kmh": None, "heading_deg": None, "accuracy_m": None, "region_id": None,
                 "private_to": None, "sensitivity": 0, "origin": "real"}  # fmt: skip
        resources.put_positions(conn, [moved])
    post(chief, f"/api/v1/resources/{truck}/state", status="on_scene", case_id=case)
    post(duty, f"/api/v1/incidents/{case}/marks", 201, kind="cordon", label="东侧警戒", geometry=CORDON)
    post(duty, steps + str(first["step_id"]), state="done", version=first["version"], receipt_by="林志明")
    act(duty, case, "log", text="现场值守电话 13912345678")
    report = post(duty, f"/api/v1/incidents/{case}/reports", 201, kind="first")["report"]
    for client, step in ((duty, "submit"), (chief, "approve")):
        report = post(client, f"/api/v1/incidents/{case}/reports/{report['report_id']}/steps", step=step)["report"]
    clock.advance(3 * 3600)  # the term of a first report has passed, and so have the sessions
    duty, chief, fire = (sign_in(n) for n in ("duty", "chief", "fire"))
    post(duty, f"/api/v1/incidents/{case}/reports/{report['report_id']}/steps", step="send",
         recipients=[{"kind": "role", "ref": "leader"}])  # fmt: skip
    for step in ("start", "done"):
        post(fire, f"/api/v1/tasks/{late['task_id']}/steps", step=step)
    post(duty, steps + str(second["step_id"]), state="skipped", version=second["version"], reason="群众已自行撤离")
    act(duty, case, "ask_response", response_level=0, reason="火已灭")
    act(chief, case, "approve_response")
    clock.advance(60)
    assert chief.get(f"/api/v1/incidents/{case}/review").status_code == 409, "not before it has ended"
    act(chief, case, "end", reason="明火扑灭", no_report_reason="已电话报告", withdraw_open=True)
    return case


def test_from_the_end_to_a_closed_review(
    reviewed: int, sign_in: SignIn, db: Database, clock: FixedClock, settings: Settings
) -> None:
    duty, chief, leader, fire = (sign_in(n) for n in ("duty", "chief", "leader", "fire"))
    url = f"/api/v1/incidents/{reviewed}/review"
    assert rows(db, "SELECT state FROM incident_review WHERE case_id = %s", reviewed) == [{"state": "draft"}], (
        "by itself"
    )
    found = done(duty.get(url, query_string={"report": "1"}))
    review, report = found["review"], found["report"]
    assert (review["state"], review["edit"], [m["step"] for m in review["may"]]) == ("draft", True, ["submit"])
    _told(report)
    _maps(report["maps"], clock)
    # the asker's rights and regions
    far = sign_in("fartown")
    for path in ("", "/document", "/file"):
        assert far.get(f"{url}{path}").status_code == 404, path
    assert far.put(url, json={"version": 1, "conclusion": "x"}, headers=ORIGIN).status_code == 404
    assert leader.put(url, json={"version": 1, "conclusion": "x"}, headers=ORIGIN).status_code == 403
    assert fire.get(f"{url}/file").status_code == 403, "an export has its right"
    # filled in: each number with its source, unknown stays unknown
    for bad in ({"deaths": {"value": -1, "source": "x"}}, {"deaths": {"value": 1.5, "source": "x"}},
                {"deaths": {"value": 1, "source": " "}}, {"gold": {"value": 1, "source": "x"}}):  # fmt: skip
        assert duty.put(url, json={"version": 1, "losses": bad}, headers=ORIGIN).status_code == 422, bad
    losses = {"deaths": {"value": 0, "source": "市应急局"}, "property": {"value": 12.55, "source": "应急局核定"}}
    seen = done(duty.put(url, json={"version": 1, "losses": losses}, headers=ORIGIN))["review"]
    assert seen["version"] == 2
    stale = duty.put(url, json={"version": 1, "conclusion": "旧"}, headers=ORIGIN)
    assert stale.status_code == 409
    early = (clock.now() - dt.timedelta(days=9)).isoformat()
    assert (
        duty.put(
            url, json={"version": 2, "times": {"control": {"at": early, "source": "x"}}}, headers=ORIGIN
        ).status_code
        == 422
    )
    at = (clock.now() - dt.timedelta(seconds=600)).isoformat()
    said = {
        "version": 2,
        "times": {"control": {"at": at, "source": "现场指挥部"}},
        "conclusion": "处置及时。\n首报超时。",
    }
    done(duty.put(url, json=said, headers=ORIGIN))
    assert (
        post(duty, f"{url}/lessons", 422, version=3, text="x", due_on="2026-12-01")["reasons"][0]["field"]
        == "department"
    )
    post(duty, f"{url}/lessons", 201, version=3, text="首报时限须有提醒", department=BUREAU, due_on="2026-12-01")
    seen = post(duty, f"{url}/lessons", 201, version=4, text="无人负责的一条")["review"]
    second = seen["lessons"][1]["lesson_id"]
    changed = duty.put(f"{url}/lessons/{second}", json={"version": 5, "text": "补充预案"}, headers=ORIGIN)
    assert done(changed)["review"]["lessons"][1]["text"] == "补充预案"
    gone = post(duty, f"{url}/lessons", 201, version=6, text="误填")["review"]["lessons"][2]["lesson_id"]
    left = done(duty.delete(f"{url}/lessons/{gone}?version=7", headers=ORIGIN))["review"]
    assert [x["text"] for x in left["lessons"]] == ["首报时限须有提醒", "补充预案"]

    # submitted, returned, submitted again, closed
    post(duty, f"{url}/steps", 403, step="close", version=8)
    post(chief, f"{url}/steps", 409, step="close", version=8)
    sealed = post(duty, f"{url}/steps", step="submit", version=8)["review"]
    assert (sealed["state"], len(sealed["digest"])) == ("submitted", 64)
    assert (_awaits(chief, reviewed), _awaits(leader, reviewed), _awaits(duty, reviewed), _awaits(fire, reviewed)) == (
        "复盘待审批", "复盘待审批", "", "",
    )  # fmt: skip
    assert duty.put(url, json={"version": 9, "conclusion": "改"}, headers=ORIGIN).status_code == 409, (
        "what is submitted stays"
    )
    post(chief, f"{url}/steps", 422, step="return", version=9)
    post(chief, f"{url}/steps", step="return", version=9, reason="补充损失来源")
    clock.advance(60)
    assert (_awaits(leader, reviewed), _awaits(duty, reviewed)) == ("", "复盘被退回")
    clock.advance(60)
    again = post(duty, f"{url}/steps", step="submit", version=10)["review"]
    assert again["digest"] != sealed["digest"], "made anew, of the data of that moment"
    assert rows(db, "SELECT 1 FROM notice WHERE kind = 'incident.review' AND to_ref = 'leader'")
    clock.advance(60)
    closed = post(leader, f"{url}/steps", step="close", version=11)["review"]
    assert (closed["state"], closed["closed_by"], closed["digest"]) == ("closed", "陈志强", again["digest"])
    clock.advance(60)
    assert {_awaits(c, reviewed) for c in (duty, chief, leader)} == {""}
    _immutable(db, duty, url, reviewed, closed)
    _followed(db, fire, duty, url, reviewed, closed)
    _documents(db, duty, url, closed)
    # the timeline says who and when
    told = {e["step"]: e for e in duty.get(f"/api/v1/incidents/{reviewed}/timeline?limit=500").json["entries"]}
    assert {"review_edit", "lesson", "review_submit", "review_return", "review_close", "lesson_follow"} <= set(told)
    assert (told["review_close"]["by"], told["review_close"]["given"]["digest"]) == ("陈志强", closed["digest"])
    last = done(duty.get(url, query_string={"report": "1"}))["report"]
    control = next(s for s in last["times"] if s["key"] == "control")
    assert (control["basis"], control["source"], control["by"]) == ("entered", "现场指挥部", "何敏仪")
    assert [x["text"] for x in last["lessons"]] == ["首报时限须有提醒", "补充预案"]
    assert set(last["losses"]) == {"deaths", "property"}


def _told(report: dict[str, Any]) -> None:
    """Times with their medians, terms, the plan, orders, notices; what nobody recorded is nothing."""
    text = json.dumps(report, ensure_ascii=False)
    for number in ("13800135678", "13912345678", "13800001234"):
        assert number not in text, "no telephone number in a report"
    assert "139****5678" in text
    spans = {s["key"]: s["seconds"] for s in report["times"]}
    assert spans == {"response": 180, "order": 180, "scene": 300, "control": 300 + 3 * 3600, "end": 360 + 3 * 3600}
    compare = report["compare"]
    assert (compare["by"], compare["count"], compare["hidden"]) == ("class", 1, 0)
    assert compare["medians"]["response"] == 600
    assert not any("演练" in r["title"] for r in compare["rows"]), "an exercise counts nowhere"
    terms = report["reports"]["terms"]
    assert (terms[0]["kind"], terms[0]["how"]) == ("first", "written")
    assert terms[0]["late_s"] > 0
    (plan,) = report["plans"]
    assert [(s["what"], s["outcome"]) for s in plan["steps"]] == [
        ("首批力量赶赴现场", "done"),
        ("疏散周边群众", "skipped"),
    ]
    assert (plan["deviations"], plan["steps"][1]["reason"]) == (1, "群众已自行撤离")
    sums = report["order_sums"]
    assert {n: sums[n] for n in ("given", "signed", "done", "withdrawn", "late")} == {
        "given": 3, "signed": 1, "done": 1, "withdrawn": 2, "late": 1}  # fmt: skip
    late = next(o for o in report["orders"] if o["what"] == "疏散周边")
    assert late["late_s"] == 120 + 3 * 3600 - 600
    assert any(n["kind"] == "order" and BUREAU in [p["name"] for p in n["people"]] for n in report["notices"])
    assert report["losses"] == {}, "nothing is 0 by itself"
    assert [e["step"] for e in report["timeline"]][-1] == "end"


def _maps(maps: dict[str, Any], clock: FixedClock) -> None:
    """What was known then: no truck before it was ordered, its register's place on its way, its own word when there."""
    shown = {m["why"]["zh"]: m for m in maps["moments"]}
    assert [m["at"] for m in maps["moments"]] == sorted(m["at"] for m in maps["moments"])
    first, peak, last = maps["moments"][0], next(m for w, m in shown.items() if "指令最多" in w), maps["moments"][-1]
    assert (first["layers"]["forces"], first["layers"]["marks"], first["known"]["stage"]) == ([], [], "received")
    (bound,) = peak["layers"]["forces"]
    assert (bound["status"], bound["lon"], bound["position_at"]) == ("bound", 111.16, None)
    (there,) = last["layers"]["forces"]
    assert (there["name"], there["status"], there["lon"], there["lat"]) == ("消防一号车", "on_scene", 111.1502, 21.6503)
    assert [m["label"] for m in last["layers"]["marks"]] == ["东侧警戒"]
    assert (first["layers"]["incident"]["roman"], last["layers"]["incident"]["roman"]) == ("Ⅲ", "Ⅲ")
    base = maps["base"]
    assert base["has"] == ["region", "roads", "base"]
    assert [r["class"] for r in base["roads"]] == ["primary"], "what lies outside the frame is not in it"
    assert ([a["role"] for a in base["areas"]], [a["role"] for a in base["lines"]]) == (["water"], ["river"])
    assert all(111.12 < lon < 111.19 for lon, _ in base["lines"][0]["geometry"]["coordinates"]), "clipped to the frame"
    assert "近村" in [n["name"] for n in base["names"]]


def _immutable(db: Database, duty: FlaskClient, url: str, case: int, closed: dict[str, Any]) -> None:
    assert duty.put(url, json={"version": 12, "conclusion": "改"}, headers=ORIGIN).status_code == 409
    for step in ("submit", "return", "close"):
        assert duty.post(f"{url}/steps", json={"step": step, "version": closed["version"], "reason": "x"},
                         headers=ORIGIN).status_code in (403, 409)  # fmt: skip
    for statement in ("UPDATE incident_review SET conclusion = 'x'", "UPDATE incident_review SET state = 'draft'",
                      "UPDATE review_lesson SET text = 'x'", "INSERT INTO review_lesson (case_id, text, updated_at)"
                      f" SELECT {case}, 'x', now()"):  # fmt: skip
        with db.owner() as conn, pytest.raises(psycopg.errors.CheckViolation):
            conn.execute(statement)
    seal = rows(db, "SELECT s.* FROM review_seal s JOIN incident_review r USING (seal_id) WHERE r.case_id = %s", case)[
        0
    ]
    assert digest_of(seal["body"]) == seal["digest"] == closed["digest"]
    with db.owner() as conn:  # somebody with the owner's rights meddles: it is seen
        conn.execute(
            "UPDATE review_seal SET body = replace(body, '物流', '无名') WHERE seal_id = %s", (seal["seal_id"],)
        )
    assert duty.get(url, query_string={"report": "1"}).status_code == 409
    with db.owner() as conn:
        conn.execute("UPDATE review_seal SET body = %s WHERE seal_id = %s", (seal["body"], seal["seal_id"]))


def _followed(db: Database, fire: FlaskClient, duty: FlaskClient, url: str, case: int, closed: dict[str, Any]) -> None:
    """The lesson with an owner is on the 督办 list with its day; its owner answers it by putting it right."""
    owned, loose = closed["lessons"]
    assert (owned["supervised"], loose["supervised"], owned["state"]) == ("open", "", "open")
    entry = next(e for e in fire.get(f"/api/v1/supervision?case={case}").json["entries"] if "首报时限" in e["what"])
    assert entry["owner"]["department"] == BUREAU
    assert [x["text"] for x in duty.get("/api/v1/reviews/lessons").json["lessons"]] == ["首报时限须有提醒", "补充预案"]
    finish = f"{url}/lessons/{owned['lesson_id']}/done"
    after = post(fire, finish, result="已加时限提醒")["review"]["lessons"][0]
    assert (after["state"], after["result"], after["supervised"]) == ("done", "已加时限提醒", "answered")
    post(fire, finish, 409, result="again")
    post(fire, f"{url}/lessons/{loose['lesson_id']}/done", 403, result="x")
    assert [x["text"] for x in duty.get("/api/v1/reviews/lessons").json["lessons"]] == ["补充预案"]


def _documents(db: Database, duty: FlaskClient, url: str, closed: dict[str, Any]) -> None:
    shown = duty.get(f"{url}/document")
    assert shown.mimetype == "text/html"
    assert shown.text.count("<svg xmlns") >= 5
    assert "未填" in shown.text, "what is unknown says so"
    assert closed["digest"] in shown.text
    assert re.search(r"<script|<img|https?://(?!www\.w3\.org)", shown.text) is None, "nothing is fetched"
    english = duty.get(f"{url}/document?lang=en").text
    assert "After-action report" in english
    assert "not entered" in english
    answer = duty.get(f"{url}/file")
    assert (answer.status_code, answer.mimetype, answer.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert duty.get(f"{url}/file").data == answer.data, "the same content again"
    document = pypdfium2.PdfDocument(answer.data)
    text = "".join(page.get_textpage().get_text_range() for page in document)
    for word in (
        "复盘报告",
        "物流仓库火情",
        "接报→响应",
        "东侧警戒",
        "首报时限须有提醒",
        "直接经济损失",
        "未填",
        "消防一号车",
    ):
        assert word in text, word
    assert _fonts(document) == {True}, "every font is in the file"
    kept = rows(db, "SELECT actor, detail FROM audit WHERE action = 'desk.export' AND object LIKE 'review:%%'")
    assert (len(kept), kept[0]["actor"], kept[0]["detail"]["digest"]) == (2, "duty", closed["digest"])


def _fonts(document: Any) -> set[bool]:
    """Whether fonts of the texts of a PDF are embedded."""
    raw = pypdfium2.raw
    texts = (o for page in document for o in page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT]))
    return {raw.FPDFFont_GetIsEmbedded(raw.FPDFTextObj_GetFont(o.raw)) == 1 for o in texts}


Token = Callable[..., dict[str, str]]


def test_what_has_no_review(city: World, sign_in: SignIn, clock: FixedClock, token: Token) -> None:
    duty, chief = sign_in("duty"), sign_in("chief")
    one, two = opened(duty, "甲"), opened(duty, "乙")
    act(chief, one, "merge", incident=two, reason="同一起")
    assert chief.get(f"/api/v1/incidents/{one}/review").status_code == 409
    act(chief, two, "cancel", reason="误报")
    url = f"/api/v1/incidents/{two}/review"
    assert chief.get(url).json["review"]["version"] == 0, "a false alarm has one only if somebody begins it"
    assert done(duty.put(url, json={"version": 0, "conclusion": "误报。"}, headers=ORIGIN))["review"]["version"] == 2
    drill = opened(duty, "桌面推演", exercise=True)
    act(chief, drill, "cancel", reason="结束")
    shown = duty.get(f"/api/v1/incidents/{drill}/review/document").text
    assert shown.count('fill-opacity="0.13">演练</text>') >= 3, "across the map"
    assert '<span class="flag">演练</span>' in shown
    reader = chief.application.test_client()
    assert reader.get(f"{url}/file", headers=token("read")).status_code in (401, 403), "a file has a person who answers"
    assert chief.get("/api/v1/incidents/999999/review").status_code == 404
