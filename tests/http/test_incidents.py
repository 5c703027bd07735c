"""Incidents over HTTP: opened from every origin, acted on by right and by rule, never in an exercise's way outside."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
from typing import Any, LiteralString

import flask
import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.command import watch
from ioc.command.work import Incidents
from ioc.outbound import config, plan
from ioc.outbound.worker import Planner
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import deliveries
from ioc.store.kpi_incidents import incident_response
from ioc.store.kpi_records import records
from ioc.store.kpi_rollup import Ask, Audience
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World
from tests.mvt import decode

pytestmark = pytest.mark.http
BUREAU = "消防救援支队"
NEAR_PLACE = {"lon": 111.15, "lat": 21.65, "crs": "EPSG:4490"}


@pytest.fixture
def people(accounts: Accounts) -> None:
    whole = Grant(whole=True, sensitivity=1)
    for login, role, grant, name in (
        ("duty", "officer", whole, "何敏仪"),
        ("leader", "leader", whole, "陈志强"),
        ("fire", "department", Grant(True, (), (BUREAU,), 1), "林志明"),
        ("fartown", "officer", Grant(region_codes=(small.FAR_TOWN,), sensitivity=1), "远镇值班"),
        ("walker", "grid", Grant(region_codes=(small.FAR_TOWN,), sensitivity=0), "黄国栋"),
    ):
        add_user(accounts, login, PASSWORD, [role], grant, name=name, own_password=True)


def rows(db: Database, query: LiteralString, *values: Any) -> list[dict[str, Any]]:
    with db.owner() as conn:
        return conn.execute(query, values).fetchall()


def opened(client: FlaskClient, key: str = "", **body: Any) -> Any:
    given = {"title": "物流仓库火情", "class": 2, "type": "12A", "place": NEAR_PLACE, **body}
    headers = {**ORIGIN, **({"Idempotency-Key": key} if key else {})}
    return client.post("/api/v1/incidents", json=given, headers=headers)


def incident(client: FlaskClient, case_id: int, at: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/v1/incidents/{case_id}", query_string={"at": at} if at else {})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def act(client: FlaskClient, case_id: int, name: str, version: int | None = None, **given: Any) -> Any:
    if version is None:
        version = incident(client, case_id)["version"]
    return client.post(f"/api/v1/incidents/{case_id}/acts", json={"act": name, "version": version, "given": given},
                       headers=ORIGIN)  # fmt: skip


def done(answer: Any, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


@pytest.mark.usefixtures("people")
def test_from_alarm_to_review_by_those_who_may(
    sign_in: SignIn, world: World, db: Database, clock: FixedClock, settings: Settings
) -> None:
    duty, chief, leader = sign_in("duty"), sign_in("chief"), sign_in("leader")
    assert opened(leader).status_code == 403, "a leader does not take down reports"
    made = done(opened(duty, "open-key-1", level=3, reason="明火", description="货架起火"), 201)
    case = made["incident_id"]
    again = done(opened(duty, "open-key-1", level=3, reason="明火", description="货架起火"), 201)
    assert again["incident_id"] == case, "the same request is the same incident"
    found = incident(duty, case)
    assert (found["class"]["zh"], found["type"]["code"], found["type"]["confidence"]) == ("事故灾难", "12A", "U")
    assert (found["level"]["state"], found["level"]["roman"], found["stage"]) == ("initial", "Ⅲ", "received")
    assert found["place_given"] == NEAR_PLACE
    assert (found["report_due"]["kind"], found["report_due"]["how"]) == ("first", "phone")
    row = rows(db, "SELECT * FROM cases WHERE case_id = %s", case)[0]
    assert (row["due_label"], row["due_at"]) == ("首报", clock.now() + dt.timedelta(minutes=60))
    # who has the next step finds it in their own list
    mine = duty.get("/api/v1/live/mine").json["keys"]
    assert f"case:{case}" in mine
    assert f"case:{case}" in leader.get("/api/v1/live/mine").json["keys"], "a level waits for who confirms"
    # stages follow each other
    for wrong in ("handle", "end", "approve_response", "no_response"):
        answer = act(chief, case, wrong, reason="x")
        assert answer.status_code == 409, (wrong, answer.text)
    clock.advance(120)
    done(act(duty, case, "assess", text="仓储火灾，周边有油库"))
    assert act(duty, case, "confirm_level").status_code == 403
    stale = act(leader, case, "confirm_level", version=1)
    assert stale.status_code == 409, "what the leader saw has changed"
    assert "何敏仪" in stale.json["zh"]
    done(act(leader, case, "confirm_level"))
    done(act(duty, case, "ask_response", response_level=4, reason="需增援", scope="市级", document="消防预案"))
    assert act(duty, case, "approve_response").status_code == 403
    clock.advance(60)
    found = done(act(chief, case, "approve_response"))["incident"]
    assert (found["stage"], found["response"]["level"], found["level"]["value"]) == ("response", 4, 3)
    assert (found["response"]["requested_by"], found["response"]["scope"]) == ("何敏仪", "市级")
    assert found["response_s"] == 180, "EMG-19: from 接报 to 启动"
    done(act(duty, case, "appoint", role="chief", person="陈志强", department="市应急局", phone="13800001234"))
    done(act(duty, case, "appoint", role="field", person="林志明", department=BUREAU))
    clock.advance(60)
    done(act(duty, case, "appoint", role="field", person="王接班", department=BUREAU))
    posts = incident(duty, case)["posts"]
    assert [(p["person"], p["now"]) for p in posts] == [("陈志强", True), ("林志明", False), ("王接班", True)]
    assert posts[0]["phone"] == "13800001234"
    assert incident(sign_in("fire"), case)["posts"][0]["phone"] == "138****1234"
    kept = rows(db, "SELECT given::text AS given FROM case_step WHERE case_id = %s", case)
    assert not any("13800001234" in k["given"] for k in kept), "a number is in no chain"
    assert rows(db, "SELECT officer FROM cases WHERE case_id = %s", case)[0]["officer"] == "陈志强"
    done(act(chief, case, "handle"))
    done(act(leader, case, "instruct", text="确保群众安全", until="2026-10-04", owner=BUREAU))
    entry = leader.get(f"/api/v1/supervision?case={case}").json["entries"][0]
    assert (entry["kind"], entry["owner"]["department"], entry["by"]) == ("instruct", BUREAU, "陈志强")
    assert act(chief, case, "end", reason="明火扑灭").status_code == 409, "the response stands"
    done(act(duty, case, "ask_response", response_level=0, reason="火势已灭"))
    done(act(chief, case, "approve_response"))
    refused = act(chief, case, "end", reason="明火扑灭")
    assert refused.status_code == 409
    assert "终报" in refused.json["zh"]
    answer = done(act(chief, case, "end", reason="明火扑灭", no_report_reason="已电话报告"))
    assert (answer["incident"]["stage"], answer["incident"]["ended"]["how"]) == ("ended", "ended")
    row = rows(db, "SELECT closed_at, due_at, asked FROM cases WHERE case_id = %s", case)[0]
    assert (row["closed_at"], row["due_at"], row["asked"]) == (clock.now(), None, "")
    for after in ("propose_level", "log", "appoint", "instruct", "link_warning"):
        who = leader if after == "instruct" else chief
        assert act(who, case, after, text="x", level=1, reason="x").status_code == 409, after
    done(act(duty, case, "review", text="首车 11 分钟到场"))
    with db.store.scoped(SYSTEM) as conn:
        audience = Ask(clock.now(), settings.tz, [Audience("all", None, 2)])
        number = incident_response(conn, audience, {})[(world.regions[small.CITY], "all")]
    assert (number.value, number.denominator) == (pytest.approx(3.0), 1)
    listed = records(db.store, SYSTEM, small.CITY, "cases?state=incident_month", 0, 50, clock.now(), settings)
    assert [(r["key"], r["minutes"]) for r in listed["rows"]] == [(f"case:{case}", 3.0)]
    # the timeline: chained steps, what matters, and as it was known
    told = duty.get(f"/api/v1/incidents/{case}/timeline?limit=500").json["entries"]
    steps = rows(db, "SELECT version, step FROM case_step WHERE case_id = %s ORDER BY version DESC", case)
    assert [e["no"] for e in told] == [s["version"] for s in steps]
    texts = [e["zh"] for e in told]
    assert any("批准启动市级 Ⅳ 级响应" in t for t in texts), texts
    assert any("确认 Ⅲ 级" in t for t in texts)
    only = duty.get(f"/api/v1/incidents/{case}/timeline?key=1").json["entries"]
    assert {e["step"] for e in only} < {e["step"] for e in told} | {"x"}
    then = (clock.now() - dt.timedelta(seconds=110)).isoformat()
    before = incident(duty, case, then)
    assert (before["stage"], before["response"], before["level"]["state"]) == ("assessed", None, "confirmed")
    assert {
        e["step"] for e in duty.get(f"/api/v1/incidents/{case}/timeline", query_string={"at": then}).json["entries"]
    } & {"handle", "end"} == set()


def _neutral(client: FlaskClient, db: Database, case: int) -> None:
    """Nobody has said a level: none is shown, not even the least; counted by itself; drawn at every zoom."""
    bare = rows(db, "SELECT count(*) AS n FROM cases WHERE flow = 'incident' AND incident_level IS NULL"
                    " AND closed_at IS NULL AND NOT exercise")[0]["n"]  # fmt: skip
    with db.owner() as conn:
        conn.execute("UPDATE cases SET urgency = 'routine' WHERE case_id = %s", (case,))
    counts = client.get("/api/v1/live/counts").get_json()
    assert counts["incidents"]["0"] == bare > 0
    ordinary = "SELECT count(*) AS n FROM cases WHERE flow <> 'incident' AND closed_at IS NULL AND NOT exercise"
    assert counts["open"] == rows(db, ordinary)[0]["n"]
    record = next(r for r in client.get("/api/v1/live/rows").get_json()["rows"] if r["key"] == f"case:{case}")
    assert (record["level"], record["provisional"]) == (None, False)
    for lang, word in (("zh", "未定级"), ("en", "No level yet")):
        page = client.get(f"/desk/command?lang={lang}").text
        assert f'href="/desk/command/{case}"' in page
        card = page.split(f'href="/desk/command/{case}"')[1].split("</a>")[0]
        assert word in card
        assert 'class="lv lv0"' in card
    x, y = int((111.15 + 180) / 360 * 1024), 448
    shown = decode(client.get(f"/tiles/case/10/{x}/{y}.mvt").data)["points"]
    assert [(f.props["lv"], f.props["k"]) for f in shown if f.props["id"] == case] == [(0, "incident")]


@pytest.mark.usefixtures("people")
def test_every_origin_names_the_incident_and_opens_one(sign_in: SignIn, world: World, db: Database) -> None:
    duty = sign_in("duty")
    case = world.near["case"]
    made = done(opened(duty, origin={"kind": "case", "id": case}, title="", place=None, level=2), 201)
    found = made["incident"]
    assert (found["source"]["kind"], found["source"]["ref"]) == ("case", f"case:{case}")
    assert rows(db, "SELECT raised_to FROM cases WHERE case_id = %s", case)[0]["raised_to"] == made["incident_id"]
    twice = opened(duty, origin={"kind": "case", "id": case}, place=None)
    assert twice.status_code == 409
    assert made["number"] in twice.json["zh"], "the first is named"
    # a report
    event = world.near["event"]
    made = done(opened(duty, origin={"kind": "event", "id": event}, title="", place=None), 201)
    assert rows(db, "SELECT case_id FROM event WHERE event_id = %s", event)[0]["case_id"] == made["incident_id"]
    assert opened(duty, origin={"kind": "event", "id": event}).status_code == 409
    # a telephone call: a sealed report, and the incident of it
    call = {"origin": {"kind": "phone"}, "description": "陈小明说仓库着火", "caller_name": "陈小明",
            "caller_phone": "13800135678"}  # fmt: skip
    made = done(opened(duty, "phone-key-1", **call), 201)
    assert done(opened(duty, "phone-key-1", **call), 201)["incident_id"] == made["incident_id"]
    assert made["incident"]["source"]["kind"] == "phone"
    everything = str(rows(db, "SELECT to_jsonb(c)::text AS j FROM cases c WHERE case_id = %s", made["incident_id"]))
    assert "13800135678" not in everything
    assert "陈小明" not in str(rows(db, "SELECT * FROM event WHERE source = 'desk_report'"))
    assert len(rows(db, "SELECT 1 FROM caller")) == 1
    # by hand, in an offset datum: converted, the original kept
    made = done(opened(duty, place={"lon": 111.1551, "lat": 21.6473, "crs": "GCJ-02"}), 201)["incident"]
    _neutral(duty, db, int(made["case_id"]))
    assert made["place_given"]["crs"] == "GCJ-02"
    assert made["lon"] == pytest.approx(111.15, abs=3e-4)
    assert made["lat"] == pytest.approx(21.65, abs=3e-4)
    assert opened(duty, place={"lon": 90.0, "lat": 30.0, "crs": "EPSG:4490"}).status_code == 422
    assert opened(duty, place={"lon": 111.0, "lat": 21.0, "crs": "moon"}).status_code == 422
    assert opened(duty, place=None).status_code == 422
    assert opened(sign_in("fartown")).status_code == 422, "not in their regions"
    # lists
    assert duty.get("/api/v1/incidents?class=2").json["total"] == 4
    assert duty.get("/api/v1/incidents?class=1,3").json["total"] == 0
    listed = duty.get("/api/v1/incidents?state=all&level=2").json["incidents"]
    assert [i["source"]["kind"] for i in listed] == ["case"]
    assert duty.get("/api/v1/incidents", query_string={"origin": f"event:{event}"}).json["total"] == 1
    assert duty.get("/api/v1/incidents?class=7").status_code == 422
    legacy = incident(duty, world.near["incident"])
    assert (legacy["stage"], legacy["level"]["state"], legacy["version"]) == ("handling", "initial", 1)
    done(act(duty, world.near["incident"], "classify", **{"class": 2}))  # before anything else: its row is made by it
    done(act(duty, world.near["incident"], "log", text="现场已到"))
    far = duty.get("/api/v1/incidents?state=all").json["incidents"]
    assert any(small.SECRET in i["title"] for i in far)
    town = sign_in("town")
    assert small.SECRET not in town.get("/api/v1/incidents?state=all").text
    assert town.get(f"/api/v1/incidents/{world.far['incident']}").status_code == 404
    assert town.get(f"/api/v1/incidents/{world.near['case']}").status_code == 404, "is no incident"
    words = duty.get("/api/v1/incidents/vocabulary").json
    assert {t["confidence"] for t in words["types"]} <= {"V", "S", "M", "U"}


def _warning(db: Database, world: World, *, exercise: bool = False, kind: str = "台风") -> int:
    with db.owner() as conn:
        row = conn.execute(
            "INSERT INTO warning (source, source_id, kind, colour, area, sender, region_ids, onset_at, exercise)"
            " VALUES ('cap', %s, %s, 'red', '近县', '气象台', ARRAY[%s::int], %s, %s) RETURNING warning_id",
            (f"{kind}{exercise}", kind, world.regions[small.NEAR], world.now, exercise),
        ).fetchone()
    assert row
    return int(row["warning_id"])


@pytest.mark.usefixtures("people")
def test_a_warning_opens_one_and_its_colour_stays_the_warnings(sign_in: SignIn, world: World, db: Database) -> None:
    duty, chief = sign_in("duty"), sign_in("chief")
    warning = _warning(db, world)
    made = done(
        opened(duty, origin={"kind": "warning", "id": warning}, title="", type="", place=None, **{"class": 1}), 201
    )
    found = made["incident"]
    assert (found["warnings"][0]["colour"], found["level"]) == ("red", None), "a colour is no level"
    assert found["area"]["type"] == "MultiPolygon"
    panel = duty.get(f"/api/v1/detail/warning:{warning}").json
    assert [k["key"] for k in panel["links"]] == [f"case:{made['incident_id']}"], "the warning names it too"
    panel = duty.get(f"/api/v1/detail/incident:{made['incident_id']}").json
    assert any("接报" in h["text"]["zh"] for h in panel["history"])
    assert 111.0 < found["lon"] < 111.5
    assert opened(duty, origin={"kind": "warning", "id": warning}, place=None).status_code == 409
    upgraded = _warning(db, world, kind="台风升级")
    with db.owner() as conn:
        conn.execute(
            "UPDATE warning SET colour = 'yellow', status = 'replaced', replaced_by = %s WHERE warning_id = %s",
            (upgraded, warning),
        )
    shown = incident(duty, made["incident_id"])["warnings"]
    assert [(w["key"], w["linked"], w["colour"]) for w in shown] == [
        (f"warning:{upgraded}", f"warning:{warning}", "red")], "the one in force is shown"  # fmt: skip
    other = done(opened(duty, title="城区内涝"), 201)["incident_id"]
    done(act(duty, other, "link_warning", warning=upgraded))
    assert act(duty, other, "link_warning", warning=upgraded).status_code == 409
    done(act(duty, other, "unlink_warning", warning=upgraded, reason="误关联"))
    assert incident(duty, other)["warnings"] == []
    # two incidents are linked from both sides, and one goes on in the other
    first = made["incident_id"]
    done(act(duty, first, "link", incident=other))
    assert [k["case_id"] for k in incident(duty, other)["links"]] == [first]
    done(act(duty, other, "unlink", incident=first, reason="分开处置"))
    assert incident(duty, first)["links"] == []
    assert act(duty, first, "link", incident=first).status_code == 409
    done(act(chief, other, "merge", incident=first, reason="同一灾害"))
    merged = incident(duty, other)
    assert (merged["ended"]["how"], merged["merged_into"]) == ("merged", first)
    assert "并入本事件" in str(duty.get(f"/api/v1/incidents/{first}/timeline").json["entries"][0])
    # corrected place and area
    done(act(duty, first, "correct_place", place={**NEAR_PLACE, "lon": 111.16}, reason="复核", address="解放路"))
    assert incident(duty, first)["lon"] == pytest.approx(111.16)
    bad = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}
    assert act(duty, first, "set_area", area=bad).status_code == 422
    square = {"type": "Polygon", "coordinates": [[[111.1, 21.6], [111.2, 21.6], [111.2, 21.7], [111.1, 21.6]]]}
    assert done(act(duty, first, "set_area", area=square))["incident"]["area"]["type"] == "MultiPolygon"
    # an entry is never changed, only corrected by a new one
    no = done(act(duty, first, "log", text="伤 3 人", mark=True))["no"]
    fixed = done(act(duty, first, "correct", refers=no, text="伤 2 人"))["no"]
    entries = {e["no"]: e for e in duty.get(f"/api/v1/incidents/{first}/timeline").json["entries"]}
    assert (entries[no]["corrected_by"], entries[fixed]["refers"], entries[no]["matters"]) == (fixed, no, True)
    assert act(duty, first, "correct", refers=9999, text="x").status_code == 422
    assert act(duty, first, "nothing").status_code == 404
    assert act(duty, first, "log", wrong=1).status_code == 422


OUT = """
[[channel]]
key = "hook"
kind = "webhook"
title = "联动平台"
request = {url = "https://hook.example/"}
secret = "env:HOOK"
[[route]]
channel = "hook"
kinds = ["*"]
"""


@pytest.mark.usefixtures("people")
def test_an_exercise_sends_nothing_and_counts_nowhere(
    sign_in: SignIn, world: World, db: Database, clock: FixedClock, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("HOOK", "secret-word")
    path = settings.root / "outbound.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(OUT, "utf-8")
    outbound = config.load(settings)
    planner = Planner(db.store, outbound, clock, settings.tz)
    duty, chief, leader = sign_in("duty"), sign_in("chief"), sign_in("leader")
    before = duty.get("/api/v1/live/counts").json
    drill = done(opened(duty, exercise=True, level=2, origin={"kind": "case", "id": world.near["case"]}), 201)
    case = drill["incident_id"]
    assert drill["incident"]["exercise"] is True
    assert drill["incident"]["title"].startswith("【演练】")
    assert drill["number"].startswith("YL")
    assert rows(db, "SELECT raised_to FROM cases WHERE case_id = %s", world.near["case"])[0]["raised_to"] is None
    done(act(duty, case, "assess", text="演练研判"))
    done(act(leader, case, "confirm_level"))
    done(act(duty, case, "ask_response", response_level=2, reason="演练"))
    done(act(chief, case, "approve_response"))
    done(act(leader, case, "instruct", text="认真演练"))
    task = duty.post(f"/api/v1/incidents/{case}/tasks", headers=ORIGIN,
                     json={"what": "疏散", "to": {"kind": "department", "ref": BUREAU}, "due_min": 5})  # fmt: skip
    assert task.status_code == 201, task.text
    draft = duty.post(f"/api/v1/incidents/{case}/reports", json={"kind": "first"}, headers=ORIGIN).json["report"]
    url = f"/api/v1/incidents/{case}/reports/{draft['report_id']}/steps"
    done(duty.post(url, json={"step": "submit"}, headers=ORIGIN))
    done(chief.post(url, json={"step": "approve"}, headers=ORIGIN))
    to = [{"kind": "department", "ref": "省应急厅"}]
    done(duty.post(url, json={"step": "send", "recipients": to}, headers=ORIGIN))
    done(duty.post("/api/v1/area-notices", headers=ORIGIN, json={
        "title": "转移", "body": "请立即转移", "case_id": case,
        "area": {"type": "Polygon", "coordinates": [[[111.14, 21.64], [111.16, 21.64], [111.16, 21.66],
                                                     [111.14, 21.64]]]},
    }), 422)  # fmt: skip
    clock.advance(600)
    watch.turn(db.store, clock, settings.tz)
    told = rows(db, "SELECT title, title_en, kind FROM notice")
    assert {t["kind"] for t in told} >= {"incident.opened", "incident.task", "incident.report", "incident.instruct"}
    assert all("【演练】" in t["title"] and "[EXERCISE]" in t["title_en"] for t in told), told
    planner.turn()
    assert rows(db, "SELECT * FROM delivery") == [], "nothing of an exercise is ever planned to leave"
    # not even where somebody would tell of it without the mark
    with db.store.scoped(SYSTEM) as conn:
        conn.execute("UPDATE notice SET title = 'x', title_en = 'x', routed_at = NULL")
        found = deliveries.unrouted(conn, 100)
        assert len(found) == len(told)
        assert not any(plan.real(n) for n in found)
    # it is counted nowhere, and stays what it is
    assert duty.get("/api/v1/live/counts").json == before
    assert duty.get("/api/v1/incidents").json["total"] == 2
    assert duty.get("/api/v1/incidents?exercise=1").json["total"] == 1
    with pytest.raises(Exception, match="exercise"), db.owner() as conn:
        conn.execute("UPDATE cases SET exercise = false WHERE case_id = %s", (case,))
    # a real one of the same origin beside it is sent
    real = done(opened(duty, origin={"kind": "case", "id": world.near["case"]}, place=None, title=""), 201)
    planner.turn()
    assert len(rows(db, "SELECT * FROM delivery")) == 1
    assert act(duty, real["incident_id"], "link", incident=case).status_code == 409, "they stay apart"


@pytest.mark.usefixtures("people")
def test_two_who_command_at_once_lose_nothing(server: flask.Flask, sign_in: SignIn, world: World, db: Database) -> None:
    duty, chief = sign_in("duty"), sign_in("chief")
    case = done(opened(duty, level=3), 201)["incident_id"]
    point = {"type": "Point", "coordinates": [111.15, 21.65]}

    def work(n: int) -> list[int]:
        client = sign_in("duty" if n % 2 else "chief")
        out: list[int] = []
        for k in range(4):
            mark = client.post(f"/api/v1/incidents/{case}/marks", headers=ORIGIN,
                               json={"kind": "note", "label": f"{n}-{k}", "geometry": point})  # fmt: skip
            log = act(client, case, "log", version=0, text=f"{n}-{k}")
            out += [mark.status_code, log.status_code]
        return out

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = [s for found in pool.map(work, range(4)) for s in found]
    assert set(answers) == {200, 201}
    marks = duty.get(f"/api/v1/incidents/{case}/marks").json["marks"]
    assert len({m["label"] for m in marks}) == 16
    logs = [e for e in duty.get(f"/api/v1/incidents/{case}/timeline?limit=500").json["entries"] if e["step"] == "log"]
    assert len({e["text"] for e in logs}) == 16
    # one mark, two hands: the second is told who was first
    one = marks[0]
    moved = {"version": one["version"], "label": "移动"}
    won = done(duty.put(f"/api/v1/marks/{one['mark_id']}", json=moved, headers=ORIGIN))["mark"]
    lost = chief.put(f"/api/v1/marks/{one['mark_id']}", json=moved, headers=ORIGIN)
    assert lost.status_code == 409
    assert lost.json["zh"].endswith("何敏仪 已修改")
    gone = chief.delete(f"/api/v1/marks/{one['mark_id']}?version={won['version']}", headers=ORIGIN)
    assert done(gone)["mark"]["deleted"] is True
    assert len(duty.get(f"/api/v1/incidents/{case}/marks").json["marks"]) == 15
    assert sign_in("fire").post(f"/api/v1/incidents/{case}/marks", headers=ORIGIN,
                                json={"kind": "note", "geometry": point}).status_code == 403  # fmt: skip
    assert duty.post(f"/api/v1/incidents/{case}/marks", headers=ORIGIN,
                     json={"kind": "moon", "geometry": point}).status_code == 422  # fmt: skip
    kept = rows(db, "SELECT version, op FROM command_history WHERE entity = 'mark' AND entity_id = %s ORDER BY version",
                one["mark_id"])  # fmt: skip
    assert [(k["version"], k["op"]) for k in kept] == [(1, "new"), (2, "change"), (3, "remove")]
    feed = rows(db, "SELECT topic, op FROM outbox WHERE topic = 'mark' AND entity_id = %s ORDER BY outbox_id",
                str(one["mark_id"]))  # fmt: skip
    assert [f["op"] for f in feed] == ["new", "change", "remove"], "every screen hears of it"


def test_the_use_case_needs_the_right(world: World, db: Database, clock: FixedClock) -> None:
    from ioc.cases.work import Actor
    from ioc.command.opening import Wish
    from ioc.errors import Forbidden
    from ioc.scope import Scope

    with pytest.raises(Forbidden):
        Incidents(db.store, clock).open(Actor(Scope("x", whole=True)), Wish("hand", title="x"))
