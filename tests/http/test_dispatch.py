"""A report finds who is responsible by itself, or waits in the pool; several reports of one thing are one case."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from flask.testing import FlaskClient
from psycopg.types.json import Jsonb

from ioc import geo
from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.errors import Invalid
from ioc.ops.config_import import import_table
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store.kpi_ratings import repair_rate
from ioc.store.kpi_rollup import Ask, Audience
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.test_attachments import sent
from tests.http.world import World
from tests.unit.test_attachment_content import picture

pytestmark = pytest.mark.http
BUREAU, ROADS = "市城管局", "公路局"
LON, LAT = 111.15, 21.65


@pytest.fixture
def people(accounts: Accounts) -> None:
    whole = Grant(whole=True, sensitivity=1)
    for login, role, grant, name in (
        ("duty", "officer", whole, "李嘉欣"),
        ("bureau", "department", Grant(True, (), (BUREAU,), 1), "城管队"),
        ("grid1", "grid", whole, "陈网格"),
        ("leader", "leader", whole, "市领导"),
    ):
        add_user(accounts, login, PASSWORD, [role], grant, name=name, own_password=True)


@pytest.fixture
def tables(db: Database, settings: Settings, clock: FixedClock, world: World) -> None:
    """Departments and rules as a city imports them; the near cell has two people, one of them with an account."""
    put(db, settings, clock, "departments", f"编码,名称,层级\nA,{BUREAU},市级\nB,{ROADS},市级\n")
    put(
        db,
        settings,
        clock,
        "dispatch",
        f"流程,类别,区划,责任部门,协办部门,紧急程度\n网格事件,道路破损,近镇,{ROADS},{BUREAU},紧急\n12345,,,{BUREAU},,\n",
    )
    officers = [{"name": "陈网格", "role": "网格员"}, {"name": "王河长", "role": "村级河长"}]
    with db.owner() as conn:
        conn.execute(
            "UPDATE grid_cell SET officers = %s WHERE grid_cell_id = %s", (Jsonb(officers), world.near["grid"])
        )


def put(db: Database, settings: Settings, clock: FixedClock, kind: Any, text: str) -> dict[str, Any]:
    return import_table(db.store, settings, clock, kind, f"{kind}.csv", text.encode(), "test", False)


def rows(db: Database, query: LiteralString, *values: Any) -> list[dict[str, Any]]:
    with db.owner() as conn:
        return conn.execute(query, values).fetchall()


def report(client: Any, headers: dict[str, str], source_id: str, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "source": "grid-app", "source_id": source_id, "title": "新华路路面坑洼", "urgency": "routine",
        "category": {"scheme": "gbt30428", "code": "0110"}, "lon": LON, "lat": LAT, "crs": "EPSG:4490",
        "occurred_at": "2026-10-03T06:20:00Z", **more,
    }  # fmt: skip
    answer = client.post("/api/v1/events", json=body, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.get_json())


def opened(client: FlaskClient, event_id: int, flow: str = "grid") -> dict[str, Any]:
    answer = client.post("/api/v1/cases", json={"event_id": event_id, "flow": flow}, headers=ORIGIN)
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())


def take(client: FlaskClient, case_id: int, step: str, **given: Any) -> Any:
    version = client.get(f"/api/v1/cases/{case_id}/steps").get_json()["version"]
    body = {"step": step, "version": version, "given": given}
    return client.post(f"/api/v1/cases/{case_id}/steps", json=body, headers=ORIGIN)


def found(client: FlaskClient, q: str) -> set[str]:
    groups = client.get("/api/v1/search", query_string={"q": q}).get_json()
    groups = groups if isinstance(groups, list) else groups.get("groups", groups.get("results", []))
    return {item["key"] for group in groups for item in group["items"] if group["type"] == "case"}


# ------------------------------------------------------------ dispatch


@pytest.mark.usefixtures("people", "tables")
def test_a_case_goes_to_department_and_grid_officer_by_itself(
    sign_in: SignIn, token: Any, world: World, db: Database
) -> None:
    duty = sign_in("duty")
    event = report(duty, token("events:write"), "p1")
    case = opened(duty, event["event_id"])
    assert (case["stage"], case["department"], case["officer"]) == ("forwarded", ROADS, "陈网格")
    row = rows(db, "SELECT * FROM cases WHERE case_id = %s", case["case_id"])[0]
    assert (row["pool"], row["co_department"], row["urgency"], row["grid_cell_id"]) == (
        "", BUREAU, "urgent", world.near["grid"])  # fmt: skip
    steps = rows(db, "SELECT * FROM case_step WHERE case_id = %s ORDER BY version", case["case_id"])
    assert [(s["step"], s["actor"], s["actor_name"], s["given"]["rule"]) for s in steps] == [
        ("accept", "system:dispatch", "自动派单", "1/1"),
        ("forward", "system:dispatch", "自动派单", "1/1"),
    ]
    told = rows(db, "SELECT kind, to_kind, to_ref FROM notice WHERE about = %s", f"case:{case['case_id']}")
    assert {(n["kind"], n["to_kind"], n["to_ref"]) for n in told} == {
        ("case.assigned", "department", ROADS),
        ("case.assigned", "department", BUREAU),
        ("case.notified", "account", "grid1"),
        ("case.notified", "person", "王河长"),
    }
    assert len(told) == 4, "each once"
    assert take(sign_in("grid1"), case["case_id"], "sign").json["stage"] == "handling"
    assert duty.get("/api/v1/cases/pool").json["total"] == 0
    names = [d["name"] for d in duty.get("/api/v1/departments").json["departments"]]
    assert names == [BUREAU, ROADS]


@pytest.mark.usefixtures("people", "tables")
def test_what_no_rule_or_cell_has_waits_in_the_pool(sign_in: SignIn, token: Any, world: World, db: Database) -> None:
    duty, write = sign_in("duty"), token("events:write")
    other = {"category": {"scheme": "gbt30428", "code": "0505"}}
    no_rule = opened(duty, report(duty, write, "a", **other)["event_id"])
    no_grid = opened(duty, report(duty, write, "b", lon=111.19, lat=21.69, **other)["event_id"])
    placeless = {"lon": None, "lat": None, "crs": None, "region": small.NEAR_VILLAGE}
    no_place = opened(duty, report(duty, write, "c", title="另一件事", **placeless, **other)["event_id"])
    listed = duty.get("/api/v1/cases/pool").json
    assert {c["case_id"]: c["why"]["code"] for c in listed["cases"]} == {
        no_rule["case_id"]: "no_rule", no_grid["case_id"]: "no_grid", no_place["case_id"]: "no_place"}  # fmt: skip
    assert all(c["why"]["zh"] and c["why"]["en"] for c in listed["cases"])
    take(duty, no_rule["case_id"], "accept")
    assert take(duty, no_rule["case_id"], "forward", department=BUREAU).status_code == 200
    assert duty.get("/api/v1/cases/pool").json["total"] == 2
    told = {n["to_ref"] for n in rows(db, "SELECT * FROM notice WHERE about = %s", f"case:{no_rule['case_id']}")}
    assert told == {BUREAU, "grid1", "王河长"}, "dispatched by hand: department and officers are told too"
    town = sign_in("town")
    assert town.get("/api/v1/cases/pool", query_string={"region": small.FAR}).status_code == 404


@pytest.mark.usefixtures("people", "tables")
def test_the_rule_of_a_market_day(
    sign_in: SignIn, token: Any, db: Database, settings: Settings, clock: FixedClock
) -> None:
    put(db, settings, clock, "dispatch", f"类别,圩日,责任部门\n0505,是,{ROADS}\n0505,,{BUREAU}\n")
    with db.owner() as conn:
        there = conn.execute("SELECT to_regclass('public.calendar_market') AS t").fetchone()
        if there and there["t"] is None:  # the calendar's own migration may come later than these
            conn.execute(
                "CREATE TABLE terms_publication (publication_id bigint, part text, origin text);"
                "CREATE TABLE calendar_market (publication_id bigint, name text, every int, since date, days int[]);"
                "GRANT SELECT ON terms_publication, calendar_market TO ioc_app;"
                "INSERT INTO terms_publication VALUES (1, 'markets', 'real')"
            )
        else:
            conn.execute(
                "INSERT INTO terms_publication (publication_id, part, covers, digest, rows, actor, published_at)"
                " OVERRIDING SYSTEM VALUE VALUES (1, 'markets', '{markets}', 'd', 1, 't', now())"
            )
            conn.execute("ALTER TABLE calendar_market ALTER place SET DEFAULT 1")
        conn.execute(
            "INSERT INTO calendar_market (publication_id, name, every, since, days)"
            " VALUES (1, '近圩', 0, NULL, '{3,13,23}')"
        )
    duty, write = sign_in("duty"), token("events:write")
    jam: dict[str, Any] = {"category": {"scheme": "gbt30428", "code": "0505"}, "title": "圩日拥堵"}
    first = opened(duty, report(duty, write, "m1", **jam)["event_id"], "urban")
    assert first["department"] == ROADS, "3 October is a market day"
    clock.advance(86400)
    duty = sign_in("duty")
    second = opened(duty, report(duty, write, "m2", lon=111.155, **jam)["event_id"], "urban")
    assert second["department"] == BUREAU


# ------------------------------------------------------------ duplicates


def pothole(duty: FlaskClient, write: dict[str, str]) -> list[dict[str, Any]]:
    """12345 in GCJ-02, an officer in CGCS2000 7 m away, a camera in WGS 84 11 m away, within two hours."""
    x, y = geo.wgs_to_gcj(np.array([LON]), np.array([LAT]))
    return [
        report(duty, write, "GD20261003-77", source="12345", lon=float(x[0]), lat=float(y[0]), crs="GCJ-02",
               title="市民反映新华路路面坑洼", occurred_at="2026-10-03T04:20:00Z"),
        report(duty, write, "xc-9", source="grid-app", lon=LON + 0.00006, crs="EPSG:4490",
               title="新华路路面坑洼", occurred_at="2026-10-03T05:30:00Z"),
        report(duty, write, "ai-3", source="video-ai", lat=LAT + 0.0001, crs="EPSG:4326",
               title="路面坑洼", occurred_at="2026-10-03T06:20:00Z"),
    ]  # fmt: skip


@pytest.mark.parametrize("when", ["before", "between", "after"])
@pytest.mark.usefixtures("people", "tables")
def test_one_pothole_of_three_sources_is_one_case(
    sign_in: SignIn, token: Any, db: Database, clock: FixedClock, when: str
) -> None:
    """Whether the case is opened after the first report, or when all have come: three sources, each number answered."""
    duty, write = sign_in("duty"), token("events:write")
    if when == "after":
        events = pothole(duty, write)
        case = opened(duty, events[0 if when == "after" else 1]["event_id"])
    else:
        x, y = geo.wgs_to_gcj(np.array([LON]), np.array([LAT]))
        first = report(duty, write, "GD20261003-77", source="12345", lon=float(x[0]), lat=float(y[0]), crs="GCJ-02",
                       title="市民反映新华路路面坑洼", occurred_at="2026-10-03T04:20:00Z")  # fmt: skip
        case = opened(duty, first["event_id"])
        clock.advance(60 if when == "before" else 3600)
        later = pothole(duty, write)[1:]
        assert [e["case_id"] for e in later] == [case["case_id"]] * 2
        again = report(duty, write, "xc-9", source="grid-app", lon=LON + 0.00006, crs="EPSG:4490",
                       title="新华路路面坑洼", occurred_at="2026-10-03T05:30:00Z")  # fmt: skip
        assert again["state"] == "unchanged"
    row = rows(db, "SELECT * FROM cases WHERE case_id = %s", case["case_id"])[0]
    assert sorted((s["source"], s["source_id"]) for s in row["sources"]) == [
        ("12345", "GD20261003-77"), ("grid-app", "xc-9"), ("video-ai", "ai-3")]  # fmt: skip
    assert rows(db, "SELECT count(*) AS n FROM event WHERE case_id = %s", case["case_id"])[0]["n"] == 3
    for number in ("GD20261003-77", "xc-9", "ai-3", str(case["number"])):
        assert f"case:{case['case_id']}" in found(duty, number), number
    joins = rows(db, "SELECT * FROM case_step WHERE case_id = %s AND step = 'join'", case["case_id"])
    assert len(joins) == 2
    assert {j["actor_name"] for j in joins} == {"自动归并"}
    listed = duty.get("/api/v1/events").json["events"]
    assert {e["case_id"] for e in listed if e["source"] in ("12345", "grid-app", "video-ai")} == {case["case_id"]}


@pytest.mark.usefixtures("people", "tables")
def test_the_suspected_and_the_restricted_join_nothing(sign_in: SignIn, token: Any) -> None:
    duty, write = sign_in("duty"), token("events:write")
    case = opened(duty, report(duty, write, "p1")["event_id"])["case_id"]
    suspected = report(duty, write, "ai", source="video-ai", suspected=True)
    private = report(duty, write, "pd", source="police", department="公安局")
    other = report(duty, write, "lamp", category={"scheme": "gbt30428", "code": "0505"})
    assert (suspected["case_id"], private["case_id"], other["case_id"]) == (None, None, None)
    hints = {c["key"]: c["verdict"] for c in duty.get(f"/api/v1/cases/{case}/duplicates").json["candidates"]}
    assert hints[f"event:{suspected['event_id']}"] == "certain", "shown, for somebody to decide"
    assert f"event:{other['event_id']}" not in hints
    body = {"event_id": suspected["event_id"]}
    assert duty.post(f"/api/v1/cases/{case}/merge", json=body, headers=ORIGIN).status_code == 200
    refused = duty.post(f"/api/v1/cases/{case}/merge", json={"event_id": private["event_id"]}, headers=ORIGIN)
    assert refused.status_code == 409


@pytest.mark.usefixtures("people", "tables")
def test_hints_while_typing(sign_in: SignIn, token: Any) -> None:
    duty, write = sign_in("duty"), token("events:write")
    case = opened(duty, report(duty, write, "p1")["event_id"])["case_id"]
    ask = {"lon": LON + 0.0003, "lat": LAT, "crs": "EPSG:4490", "category": "gbt30428:0110", "text": "路面有坑",
           "time": "2026-10-03T14:30:00+08:00"}  # fmt: skip
    answer = duty.get("/api/v1/events/duplicates", query_string=ask)
    assert answer.status_code == 200, answer.text
    top = answer.json["candidates"][0]
    assert (top["key"], top["verdict"]) == (f"case:{case}", "hint")
    assert 25 < top["distance_m"] < 40
    assert set(top["parts"]) == {"category", "space", "time", "text"}
    far = duty.get("/api/v1/events/duplicates", query_string={**ask, "lon": 111.3})
    assert far.json["candidates"] == []
    wrong = duty.get("/api/v1/events/duplicates", query_string={"lon": "x", "lat": 1, "category": "无", "time": "?"})
    assert wrong.status_code == 422
    assert {r["field"] for r in wrong.json["reasons"]} == {"lon", "category", "time"}
    words = duty.get("/api/v1/events/duplicates", query_string={"text": "新华路路面坑洼"}).json["candidates"]
    assert [c["verdict"] for c in words if c["key"] == f"case:{case}"] in ([], ["hint"]), "no place: never certain"
    town = sign_in("town")
    assert town.get(f"/api/v1/cases/{case}/duplicates").status_code == 200


@pytest.mark.usefixtures("people", "tables")
def test_two_cases_merged_by_hand_and_taken_apart(sign_in: SignIn, token: Any, db: Database, clock: FixedClock) -> None:
    duty, write = sign_in("duty"), token("events:write")
    one = opened(duty, report(duty, write, "A-1", source="12345")["event_id"])
    two = opened(duty, report(duty, write, "B-1", lon=111.155, title="路坏了")["event_id"])
    due = clock.now() + dt.timedelta(days=2)
    with db.owner() as conn:
        conn.execute("UPDATE cases SET due_at = %s, total_due_at = %s WHERE case_id = %s", (due, due, one["case_id"]))
    before = rows(db, "SELECT * FROM cases WHERE case_id = %s", two["case_id"])[0]
    url = f"/api/v1/cases/{one['case_id']}"
    merged = duty.post(f"{url}/merge", json={"case_id": two["case_id"], "text": "同一处"}, headers=ORIGIN)
    assert merged.status_code == 200, merged.text
    survivor = rows(db, "SELECT * FROM cases WHERE case_id = %s", one["case_id"])[0]
    gone = rows(db, "SELECT * FROM cases WHERE case_id = %s", two["case_id"])[0]
    assert (survivor["due_at"], survivor["total_due_at"]) == (due, due)
    assert [s["source_id"] for s in survivor["sources"]] == ["A-1", "B-1"]
    assert (gone["ended"], gone["merged_into"], gone["closed_at"]) == ("merged", one["case_id"], clock.now())
    for number in ("A-1", "B-1", str(two["number"])):
        assert f"case:{one['case_id']}" in found(duty, number), number
    assert duty.post(f"{url}/merge", json={"case_id": two["case_id"]}, headers=ORIGIN).status_code == 409
    assert take(duty, two["case_id"], "urge", text="x").status_code == 409
    history = duty.get(f"/api/v1/detail/case:{two['case_id']}").json["history"]
    assert f"并入办件 {one['number']} 同一处" in {h["text"]["zh"] for h in history}
    back = duty.post(f"{url}/unmerge", json={"case_id": two["case_id"]}, headers=ORIGIN)
    assert back.status_code == 200, back.text
    after = rows(db, "SELECT * FROM cases WHERE case_id = %s", two["case_id"])[0]
    same = ("stage", "ended", "merged_into", "closed_at", "due_at", "sources", "search", "department", "clock_stopped")
    assert {n: after[n] for n in same} == {n: before[n] for n in same}
    survivor = rows(db, "SELECT * FROM cases WHERE case_id = %s", one["case_id"])[0]
    assert [s["source_id"] for s in survivor["sources"]] == ["A-1"]
    assert f"case:{one['case_id']}" not in found(duty, "B-1")
    owners = rows(db, "SELECT source_id, case_id FROM event WHERE source_id = ANY (%s)", ["A-1", "B-1"])
    assert {r["source_id"]: r["case_id"] for r in owners} == {"A-1": one["case_id"], "B-1": two["case_id"]}
    for case in (one, two):
        versions = rows(db, "SELECT version FROM case_history WHERE case_id = %s ORDER BY 1", case["case_id"])
        assert [v["version"] for v in versions] == list(range(1, len(versions) + 1)), "no gap in either history"
    assert duty.post(f"{url}/unmerge", json={"case_id": two["case_id"]}, headers=ORIGIN).status_code == 409
    for body in ({}, {"case_id": 1, "event_id": 1}, {"case_id": "x"}, {"case_id": one["case_id"]}):
        assert duty.post(f"{url}/merge", json=body, headers=ORIGIN).status_code == 422, body
    assert sign_in("leader").post(f"{url}/merge", json={"case_id": two["case_id"]}, headers=ORIGIN).status_code == 403


@pytest.mark.usefixtures("people", "tables")
def test_a_report_taken_out_stands_by_itself(sign_in: SignIn, token: Any, db: Database) -> None:
    duty, write = sign_in("duty"), token("events:write")
    case = opened(duty, report(duty, write, "A-1")["event_id"])["case_id"]
    joined = report(duty, write, "A-2", source="other")
    assert joined["case_id"] == case
    body = {"event_id": joined["event_id"]}
    assert duty.post(f"/api/v1/cases/{case}/unmerge", json=body, headers=ORIGIN).status_code == 200
    row = rows(db, "SELECT case_id, status FROM event WHERE event_id = %s", joined["event_id"])[0]
    assert (row["case_id"], row["status"]) == (None, "open")
    assert opened(duty, joined["event_id"])["case_id"] != case
    assert duty.post(f"/api/v1/cases/{case}/unmerge", json=body, headers=ORIGIN).status_code == 409


@pytest.mark.usefixtures("people", "tables")
def test_many_reports_at_once_all_join_once(sign_in: SignIn, token: Any, db: Database) -> None:
    duty, write = sign_in("duty"), token("events:write")
    case = opened(duty, report(duty, write, "p0")["event_id"])["case_id"]
    clients = [sign_in("duty") for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda i: report(clients[i], write, f"p{i + 1}", source=f"s{i}"), range(6)))
    assert [e["case_id"] for e in made] == [case] * 6
    row = rows(db, "SELECT sources, version FROM cases WHERE case_id = %s", case)[0]
    assert sorted(s["source_id"] for s in row["sources"]) == [f"p{i}" for i in range(7)]


# ------------------------------------------------------------ 督办, 催办, incidents


@pytest.mark.usefixtures("people", "tables")
def test_supervision_from_a_step_to_its_end(sign_in: SignIn, token: Any, db: Database, clock: FixedClock) -> None:
    duty, bureau, leader = sign_in("duty"), sign_in("bureau"), sign_in("leader")
    case = opened(duty, report(duty, token("events:write"), "h1", source="12345")["event_id"], "hotline")["case_id"]
    assert take(leader, case, "instruct", text="务必今日办结").status_code == 200
    assert take(leader, case, "supervise", text="请书面说明", until="2026-10-04").status_code == 200
    assert take(leader, case, "urge", text="尽快").status_code == 200
    listed = bureau.get("/api/v1/supervision").json
    assert [(e["kind"], e["what"], e["owner"]["department"], e["by"]) for e in listed["entries"]] == [
        ("supervise", "请书面说明", BUREAU, "市领导"), ("instruct", "务必今日办结", BUREAU, "市领导")]  # fmt: skip
    entry = listed["entries"][0]
    assert (entry["until"], entry["overdue"]) == ("2026-10-04T16:00:00Z", False), "the end of that day in this zone"
    kinds = {n["kind"] for n in rows(db, "SELECT kind FROM notice WHERE to_ref = %s", BUREAU)}
    assert kinds == {"case.assigned", "case.instruct", "case.supervise", "case.urge"}
    clock.advance(2 * 86400)
    duty, bureau, leader = sign_in("duty"), sign_in("bureau"), sign_in("leader")
    assert leader.get("/api/v1/supervision?state=overdue").json["total"] == 1
    url = f"/api/v1/supervision/{entry['supervision_id']}"
    assert duty.post(f"{url}/answer", json={"text": "代答"}, headers=ORIGIN).status_code == 403
    assert bureau.post(f"{url}/answer", json={"text": " "}, headers=ORIGIN).status_code == 422
    assert bureau.post(f"{url}/answer", json={"text": "已修复"}, headers=ORIGIN).json["state"] == "answered"
    assert rows(db, "SELECT to_kind, to_ref FROM notice WHERE kind = 'supervision.answered'") == [
        {"to_kind": "account", "to_ref": "leader"}]  # fmt: skip
    assert leader.post(f"{url}/return", headers=ORIGIN).json["state"] == "open"
    assert bureau.post(f"{url}/answer", json={"text": "照片已附"}, headers=ORIGIN).status_code == 200
    assert bureau.post(f"{url}/close", headers=ORIGIN).status_code == 403
    assert leader.post(f"{url}/close", headers=ORIGIN).json["state"] == "closed"
    assert leader.post(f"{url}/close", headers=ORIGIN).status_code == 409
    assert leader.get("/api/v1/supervision").json["total"] == 1
    kept = rows(db, "SELECT op FROM entity_history WHERE entity = 'supervision' AND entity_id = %s",
                str(entry["supervision_id"]))  # fmt: skip
    assert [k["op"] for k in kept] == ["new", "change", "change", "change", "change"]
    assert leader.get("/api/v1/supervision?state=x").status_code == 422


@pytest.mark.usefixtures("people", "tables")
def test_a_case_raised_to_an_incident_keeps_its_lineage(sign_in: SignIn, token: Any, db: Database) -> None:
    duty = sign_in("duty")
    case = opened(duty, report(duty, token("events:write"), "f1")["event_id"])
    url = f"/api/v1/cases/{case['case_id']}/incident"
    assert duty.post(url, json={"level": 5}, headers=ORIGIN).status_code == 422
    answer = duty.post(url, json={"level": 3, "text": "路面塌陷，有人受伤"}, headers=ORIGIN)
    assert answer.status_code == 201, answer.text
    made = answer.json
    incident = rows(db, "SELECT *, ST_X(geom) AS lon FROM cases WHERE case_id = %s", made["incident_id"])[0]
    origin = rows(db, "SELECT * FROM cases WHERE case_id = %s", case["case_id"])[0]
    assert (incident["flow"], incident["stage"], incident["incident_level"], incident["level_state"]) == (
        "incident", "received", 3, "initial")  # fmt: skip
    assert (incident["raised_from"], origin["raised_to"]) == (origin["case_id"], incident["case_id"])
    assert incident["lon"] == pytest.approx(LON)
    assert origin["closed_at"] is None, "the case goes on"
    assert {"raised"} == {
        s["step"] for s in rows(db, "SELECT step FROM case_step WHERE case_id = %s", made["incident_id"])
    }
    detail = duty.get(f"/api/v1/detail/case:{made['incident_id']}").json
    assert f"case:{origin['case_id']}" in {f.get("sel") for f in detail["fields"]}
    detail = duty.get(f"/api/v1/detail/case:{origin['case_id']}").json
    assert f"case:{incident['case_id']}" in {f.get("sel") for f in detail["fields"]}
    assert duty.post(url, json={"level": 3}, headers=ORIGIN).status_code == 409
    assert sign_in("bureau").post(url, json={"level": 3}, headers=ORIGIN).status_code == 403


# ------------------------------------------------------------ ratings


@pytest.mark.usefixtures("people", "tables")
def test_a_bad_rating_reopens_and_is_followed_to_its_repair(sign_in: SignIn, token: Any, db: Database) -> None:
    duty, bureau = sign_in("duty"), sign_in("bureau")
    case = opened(duty, report(duty, token("events:write"), "h1", source="12345")["event_id"], "hotline")["case_id"]

    def done() -> None:
        assert take(bureau, case, "finish", result="已补").json["stage"] == "callback"

    assert take(bureau, case, "sign").json["stage"] == "signed"
    take(bureau, case, "begin")
    done()
    wrong = take(duty, case, "close", satisfaction=1, tags=["没有"])
    assert wrong.status_code == 422
    assert wrong.json["reasons"][0]["code"] == "unknown_tag"
    bad = take(duty, case, "close", satisfaction=1, resolved="no", tags=["超时", "extra_material"])
    assert (bad.status_code, bad.json["stage"]) == (200, "handling"), bad.text
    row = rows(db, "SELECT * FROM cases WHERE case_id = %s", case)[0]
    assert (row["repair"], row["closed_at"], row["on_time"]) == (True, None, None)
    steps = rows(db, "SELECT step, actor_name FROM case_step WHERE case_id = %s ORDER BY version", case)
    assert [(s["step"], s["actor_name"]) for s in steps][-2:] == [("close", "李嘉欣"), ("reopen", "差评整改")]
    now = duty.get("/api/v1/ratings").json
    assert (now["bad"], now["repaired"], now["rate"]) == (1, 0, 0)
    assert {(r["zh"], r["share"]) for r in now["reasons"]} == {("超时", 50), ("额外材料", 50)}
    done()
    assert take(duty, case, "rework", reason="还是没修", satisfaction=2, tags="late").json["stage"] == "handling"
    done()
    assert take(duty, case, "close", satisfaction=4, resolved=True).json["stage"] == "closed"
    after = duty.get("/api/v1/ratings").json
    assert (after["bad"], after["repaired"], after["rate"]) == (2, 2, 100)
    assert sum(r["share"] for r in after["reasons"]) == pytest.approx(100)
    assert take(duty, case, "rate", satisfaction=2, resolved=False).json["stage"] == "handling", "said later"
    assert duty.get("/api/v1/ratings").json["repaired"] == 2
    assert duty.get("/api/v1/ratings?since=x").status_code == 422


@pytest.mark.usefixtures("people", "tables")
def test_a_bad_rating_of_a_city_case(sign_in: SignIn, token: Any, db: Database) -> None:
    duty, chief = sign_in("duty"), sign_in("chief")
    case = opened(duty, report(duty, token("events:write"), "u1")["event_id"], "urban")["case_id"]
    take(duty, case, "dispatch", department=BUREAU)
    for step, given in (("sign", {}), ("finish", {"result": "已补"}), ("close", {})):
        assert take(chief, case, step, **given).status_code == 200, step
    assert take(chief, case, "rate", satisfaction=2, tags=["unresolved"]).json["stage"] == "handling"
    assert rows(db, "SELECT repaired_at FROM case_rating WHERE case_id = %s", case)[0]["repaired_at"] is None
    take(chief, case, "finish", result="重新修补")
    take(chief, case, "close")
    assert rows(db, "SELECT repaired_at FROM case_rating WHERE case_id = %s", case)[0]["repaired_at"] is not None


# ------------------------------------------------------------ on the desk


@pytest.mark.usefixtures("people", "tables")
def test_the_page_and_the_panel_show_it(sign_in: SignIn, token: Any, db: Database) -> None:
    duty, leader, write = sign_in("duty"), sign_in("leader"), token("events:write")
    case = opened(duty, report(duty, write, "p1")["event_id"])["case_id"]
    report(duty, write, "p2", source="video-ai", suspected=True, title="路面破损")
    waiting = opened(duty, report(duty, write, "w", title="无人认领", category=None, lon=111.19, lat=21.69)["event_id"])
    take(leader, case, "supervise", text="限期修复", until="2026-10-01", owner=BUREAU)
    page = leader.get("/desk/supervision")
    assert page.status_code == 200
    text = page.get_data(as_text=True)
    for said in ("限期修复", "已超期", BUREAU, "人工池", "无人认领", "位置不在任何网格"):
        assert said in text, said
    assert f"case:{waiting['case_id']}" in text.replace("%3A", ":")
    panel = duty.get(f"/desk/events?sel=case:{case}").get_data(as_text=True)
    assert "疑似重复" in panel
    assert "路面破损" in panel
    assert f"/api/v1/cases/{case}/merge" in panel
    english = leader.get("/desk/supervision?lang=en").get_data(as_text=True)
    assert "Manual pool" in english
    assert "screens.sv" not in english + text


@pytest.mark.usefixtures("people", "tables")
def test_the_rate_as_an_indicator(sign_in: SignIn, token: Any, db: Database, clock: FixedClock) -> None:
    duty, chief = sign_in("duty"), sign_in("chief")
    case = opened(duty, report(duty, token("events:write"), "u1")["event_id"], "urban")["case_id"]
    take(duty, case, "dispatch", department=BUREAU)
    for step, given in (("sign", {}), ("finish", {"result": "已补"}), ("close", {}), ("rate", {"satisfaction": 1})):
        assert take(chief, case, step, **given).status_code == 200, step
    audience = Audience("all", None, 2)
    ask = Ask(clock.now(), ZoneInfo("Asia/Shanghai"), [audience])
    with db.store.scoped(SYSTEM) as conn:
        found = repair_rate(conn, ask, {})
    assert {(r.numerator, r.denominator, r.value) for r in found.values()} == {(0, 1, 0)}
    assert len(found) >= 4, "village, town, county and city"
    take(chief, case, "finish", result="再补")
    take(chief, case, "close")
    with db.store.scoped(SYSTEM) as conn:
        assert {r.value for r in repair_rate(conn, ask, {}).values()} == {100}
        later = Ask(clock.now() + dt.timedelta(days=40), ask.tz, [audience])
        assert repair_rate(conn, later, {}) == {}


# ------------------------------------------------------------ seams


@pytest.mark.usefixtures("people", "tables")
def test_of_two_officers_of_one_name_the_one_of_the_place_is_told(
    sign_in: SignIn, token: Any, accounts: Accounts, db: Database
) -> None:
    near, far = Grant(False, (small.NEAR,), None, 1), Grant(False, (small.FAR,), None, 1)
    with db.owner() as conn:
        conn.execute("DELETE FROM account WHERE login = 'grid1'")
    for login, grant in (("chen-near", near), ("chen-far", far)):
        add_user(accounts, login, PASSWORD, ["grid"], grant, name="陈网格", own_password=True)
    duty, write = sign_in("duty"), token("events:write")
    case = opened(duty, report(duty, write, "p1")["event_id"])["case_id"]
    told = rows(db, "SELECT to_ref FROM notice WHERE about = %s AND to_kind = 'account'", f"case:{case}")
    assert [n["to_ref"] for n in told] == ["chen-near"]
    assert [n["about"] for n in sign_in("chen-near").get("/api/v1/notices").json["notices"]] == [f"case:{case}"]
    assert sign_in("chen-far").get("/api/v1/notices").json["notices"] == []
    add_user(accounts, "chen-two", PASSWORD, ["grid"], near, name="陈网格", own_password=True)
    other = opened(duty, report(duty, write, "p2", lon=111.155, title="另一处路面坑洼")["event_id"])["case_id"]
    told = rows(db, "SELECT to_ref FROM notice WHERE about = %s AND to_kind = 'account'", f"case:{other}")
    assert sorted(n["to_ref"] for n in told) == ["chen-near", "chen-two"], "two of one name at one place: both"


@pytest.mark.usefixtures("people", "tables")
def test_what_is_verified_joins_its_case(sign_in: SignIn, token: Any, db: Database) -> None:
    duty, write = sign_in("duty"), token("events:write")
    case = opened(duty, report(duty, write, "p1")["event_id"])["case_id"]
    suspected = report(duty, write, "ai-7", source="video-ai", suspected=True)
    assert suspected["case_id"] is None
    url = f"/api/v1/events/{suspected['event_id']}/confirm"
    answer = duty.post(url, json={"reason": ""}, headers=ORIGIN)
    assert answer.status_code == 200, answer.text
    row = rows(db, "SELECT case_id FROM event WHERE event_id = %s", suspected["event_id"])[0]
    assert row["case_id"] == case
    assert f"case:{case}" in found(duty, "ai-7")
    joined = duty.get(f"/api/v1/cases/{case}/duplicates").json["joined"]
    assert [(j["number"], j["by"]) for j in joined] == [("ai-7", "自动归并")]


@pytest.mark.usefixtures("people", "tables")
def test_whose_turn_it_is_is_told(sign_in: SignIn, token: Any, accounts: Accounts, db: Database) -> None:
    """A request to who decides, the answer and work that comes back to who has it, a returned case to the duty."""
    add_user(accounts, "boss", PASSWORD, ["chief"], Grant(True, (), None, 1), name="何值班长", own_password=True)
    duty, roads, boss = sign_in("duty"), sign_in("grid1"), sign_in("boss")
    case = opened(duty, report(duty, token("events:write"), "p1")["event_id"])["case_id"]
    take(roads, case, "sign")
    assert take(roads, case, "ask_extension", reason="等料", amount=1, unit="work_days").status_code == 200
    assert [n["kind"] for n in boss.get("/api/v1/notices").json["notices"]] == ["case.asked"]
    assert take(boss, case, "deny_extension", reason="不急").status_code == 200
    assert take(roads, case, "finish", result="已补").status_code == 200
    assert take(duty, case, "rework", reason="仍不平").status_code == 200
    assert take(roads, case, "return", reason="非本辖区").status_code == 200
    told = rows(
        db, "SELECT kind, to_kind, to_ref, title FROM notice WHERE about = %s ORDER BY notice_id", f"case:{case}"
    )
    assert [(n["kind"], n["to_ref"], n["title"].split("：")[0]) for n in told if n["kind"] not in _DISPATCHED] == [
        ("case.asked", "chief", "申请延期"),
        ("case.answered", ROADS, "不同意延期"),
        ("case.answered", "grid1", "不同意延期"),
        ("case.returned", ROADS, "返工"),
        ("case.returned", "grid1", "返工"),
        ("case.returned", "officer", "退回"),
    ]


_DISPATCHED = ("case.assigned", "case.notified")


def test_headings_with_their_units_and_one_reason_for_a_missing_column(
    db: Database, settings: Settings, clock: FixedClock, world: World
) -> None:
    good = "类别,距离（米）,时间（小时）,合并阈值,提示阈值\n,50,72,0.75,0.5\n"
    assert put(db, settings, clock, "duplicates", good)["rows"] == 1
    with pytest.raises(Invalid) as missing:
        put(db, settings, clock, "duplicates", "类别,小时,确定,疑似\n,72,0.75,0.5\n0110,72,0.75,0.5\n")
    assert [(r.field, r.code) for r in missing.value.reasons] == [("距离", "missing_column")]
    towns = "编码,名称,层级,上级\nA,某局,乡镇级,\nB,某站,乡级,无此局\nC,某所,所级,A\n"
    with pytest.raises(Invalid) as parent:
        put(db, settings, clock, "departments", towns)
    assert [(r.field, r.value) for r in parent.value.reasons] == [("上级", "无此局"), ("层级", "所级")]


@pytest.mark.usefixtures("people", "tables")
def test_the_surviving_case_shows_both_cases_pictures(sign_in: SignIn, token: Any) -> None:
    """Of the case itself and of its reports; taken apart, each has its own again."""
    duty, write = sign_in("duty"), token("events:write")
    reported = [report(duty, write, "A-1", source="12345"), report(duty, write, "B-1", lon=111.155, title="路坏了")]
    one, two = (opened(duty, r["event_id"])["case_id"] for r in reported)
    own = {one: sent(duty, picture(size=(8, 8)), case_id=one), two: sent(duty, picture(size=(9, 9)), case_id=two)}
    theirs = sent(duty, picture(size=(10, 10)), event_id=reported[1]["event_id"])

    def shown(case_id: int) -> list[int]:
        history = duty.get(f"/api/v1/detail/case:{case_id}").json["history"]
        return sorted(p["id"] for h in history for p in h.get("pictures", ()))

    assert (shown(one), shown(two)) == ([own[one]], sorted([own[two], theirs]))
    url = f"/api/v1/cases/{one}"
    assert duty.post(f"{url}/merge", json={"case_id": two}, headers=ORIGIN).status_code == 200
    assert shown(one) == sorted([own[one], own[two], theirs]), "each once"
    assert duty.get(f"/api/v1/attachments/{own[two]}").status_code == 200
    assert duty.post(f"{url}/unmerge", json={"case_id": two}, headers=ORIGIN).status_code == 200
    assert (shown(one), shown(two)) == ([own[one]], sorted([own[two], theirs]))
