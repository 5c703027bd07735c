"""Orders from the desk to the phone and back, reports to the level above, notices to an area and who has read them."""

from __future__ import annotations

import datetime as dt
from typing import Any, LiteralString

import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.command import watch
from ioc.intake.datasets import Given, bring_in
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import deliveries
from ioc.store.deliveries import Delivery
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http
BUREAU = "消防救援支队"
PLACE = {"lon": 111.15, "lat": 21.65, "crs": "EPSG:4490"}
AREA = {"type": "Polygon", "coordinates": [[[111.14, 21.64], [111.16, 21.64], [111.16, 21.66], [111.14, 21.66],
                                            [111.14, 21.64]]]}  # fmt: skip


@pytest.fixture
def people(accounts: Accounts) -> None:
    whole = Grant(whole=True, sensitivity=1)
    for login, role, grant, name in (
        ("duty", "officer", whole, "何敏仪"),
        ("leader", "leader", whole, "陈志强"),
        ("fire", "department", Grant(region_codes=(small.FAR_TOWN,), departments=(BUREAU,), sensitivity=0), "林志明"),
        ("walker", "grid", Grant(region_codes=(small.NEAR_TOWN,), sensitivity=0), "黄国栋"),
        ("other", "grid", Grant(region_codes=(small.NEAR_TOWN,), sensitivity=0), "别人"),
    ):
        add_user(accounts, login, PASSWORD, [role], grant, name=name, own_password=True)


def rows(db: Database, query: LiteralString, *values: Any) -> list[dict[str, Any]]:
    with db.owner() as conn:
        return conn.execute(query, values).fetchall()


def done(answer: Any, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


@pytest.fixture
def case(people: None, sign_in: SignIn) -> int:
    body = {"title": "物流仓库火情", "class": 2, "type": "12A", "level": 3, "reason": "明火", "place": PLACE}
    return int(done(sign_in("duty").post("/api/v1/incidents", json=body, headers=ORIGIN), 201)["incident_id"])


def post(client: FlaskClient, url: str, key: str = "", **body: Any) -> Any:
    headers = {**ORIGIN, **({"Idempotency-Key": key} if key else {})}
    return client.post(url, json=body, headers=headers)


def incident(client: FlaskClient, case_id: int) -> dict[str, Any]:
    return done(client.get(f"/api/v1/incidents/{case_id}"))


def test_an_order_goes_out_and_comes_back(
    case: int, sign_in: SignIn, world: World, db: Database, clock: FixedClock, settings: Settings
) -> None:
    duty, fire, walker, other = (sign_in(n) for n in ("duty", "fire", "walker", "other"))
    url = f"/api/v1/incidents/{case}/tasks"
    order = {"what": "西侧设水枪阵地", "to": {"kind": "department", "ref": BUREAU}, "due_min": 10,
             "where": {"type": "Point", "coordinates": [111.15, 21.65]}, "plan_ref": "fire-3"}  # fmt: skip
    given = done(post(duty, url, "order-key-1", **order), 201)
    task = given["task"]
    assert done(post(duty, url, "order-key-1", **order), 201)["task"]["task_id"] == task["task_id"]
    assert (task["state"], task["late"], task["to"]["name"]) == ("issued", False, BUREAU)
    assert given["incident"]["tasks"] == {"issued": 1, "signed": 0, "working": 0, "done": 0, "unable": 0,
                                          "withdrawn": 0, "open": 1, "late": 0, "total": 1}  # fmt: skip
    for bad in ({"to": {"kind": "account", "ref": "nobody"}}, {"to": {"kind": "resource", "ref": "99999"}},
                {"where": {"type": "Moon"}}, {"due_at": "2020-01-01T00:00:00Z", "due_min": None}):  # fmt: skip
        assert post(duty, url, **{**order, **bad}).status_code == 422, bad
    assert post(fire, url, **order).status_code == 403
    with db.owner() as conn:
        conn.execute("UPDATE resource SET owner_department = %s", (BUREAU,))
    team = {"what": "增援", "to": {"kind": "resource", "ref": str(world.near["resource"])}}
    ordered = done(post(duty, url, **team), 201)["task"]
    assert (ordered["to"]["name"], ordered["to"]["department"]) == ("近医院", BUREAU)
    bound = rows(db, "SELECT status, case_id FROM resource WHERE resource_id = %s", world.near["resource"])[0]
    assert bound == {"status": "bound", "case_id": case}, "who is ordered is bound"
    with db.owner() as conn:
        conn.execute("UPDATE resource SET case_id = %s", (world.far["incident"],))
    assert post(duty, url, **team).status_code == 409, "bound to another incident"
    done(post(duty, f"/api/v1/tasks/{ordered['task_id']}/steps", step="withdraw", given={"reason": "改派"}))
    # who is ordered sees the order and its place, not the incident: it lies outside their regions
    assert fire.get(f"/api/v1/incidents/{case}").status_code == 404
    mine = done(fire.get("/api/v1/my/tasks"))
    assert mine["tasks"][0]["at"] == {"lon": 111.15, "lat": 21.65}, "where the order is to be carried out"
    assert mine["tasks"][0]["incident"]["meeting"] is None, "no meeting where none is configured (MOB-05)"
    assert (mine["total"], mine["tasks"][0]["incident"]["title"]) == (1, "物流仓库火情")
    assert {m["step"] for m in mine["tasks"][0]["may"]} == {"sign", "start", "unable", "note"}
    inbox = fire.get("/api/v1/notices").json["notices"]
    assert any(n["about"] == f"task:{task['task_id']}" for n in inbox)
    assert duty.get(f"/api/v1/detail/task:{task['task_id']}").json["title"] == "物流仓库火情"
    assert fire.get(f"/api/v1/detail/task:{task['task_id']}").status_code == 404
    steps = f"/api/v1/tasks/{task['task_id']}/steps"
    assert post(other, steps, step="sign").status_code == 403, "nobody else's"
    assert post(fire, steps, step="done").status_code == 409, "sign for it first"
    assert post(fire, steps, step="withdraw", given={"reason": "x"}).status_code == 403
    # a phone that was offline: sent later, twice, stored once, with its own time
    clock.advance(300)
    at = (clock.now() - dt.timedelta(seconds=200)).isoformat()
    signed = done(post(fire, steps, "phone-key-1", step="sign", given={"done_at": at}))
    assert done(post(fire, steps, "phone-key-1", step="sign", given={"done_at": at})) == signed
    assert "incident" not in signed, "no more of the incident than the order"
    assert signed["task"]["signed_at"] == at.replace("+00:00", "Z")
    future = (clock.now() + dt.timedelta(hours=1)).isoformat()
    assert post(fire, steps, step="start", given={"done_at": future}).status_code == 422
    assert post(fire, steps, step="start", version=1).status_code == 409
    done(post(fire, steps, step="start"))
    clock.advance(400)
    assert incident(duty, case)["tasks"]["late"] == 1
    assert watch.turn(db.store, clock, settings.tz) >= 1
    assert watch.turn(db.store, clock, settings.tz) == 0, "told once"
    assert rows(db, "SELECT 1 FROM notice WHERE kind = 'incident.task_late' AND to_ref = 'duty'")
    ended = done(post(fire, steps, step="done", given={"text": "已控制", "people": 21}))["task"]
    assert (ended["state"], ended["late"], ended["result"]) == ("done", True, "已控制")
    assert incident(duty, case)["people_on_scene"] == 21
    # to a person: the account of that name there; the desk answers for one without
    second = done(post(duty, url, what="疏散村民", to={"kind": "person", "ref": "黄国栋"}), 201)["task"]
    walk = f"/api/v1/tasks/{second['task_id']}/steps"
    assert done(walker.get("/api/v1/my/tasks"))["total"] == 1
    done(post(walker, walk, step="sign"))
    assert post(walker, walk, step="unable").status_code == 422, "say why"
    gone = done(post(walker, walk, step="unable", given={"reason": "道路中断"}))["task"]
    assert (gone["state"], gone["reason"]) == ("unable", "道路中断")
    assert any(n["about"] == f"task:{second['task_id']}" for n in duty.get("/api/v1/notices").json["notices"])
    third = done(post(duty, url, what="送水", to={"kind": "person", "ref": "村民甲", "phone": "13912345678"}), 201)[
        "task"
    ]
    assert done(post(duty, f"/api/v1/tasks/{third['task_id']}/steps", step="sign"))["task"]["state"] == "signed"
    done(post(duty, f"/api/v1/tasks/{third['task_id']}/steps", step="withdraw", given={"reason": "不需要"}))
    listed = done(duty.get(url))["tasks"]
    assert [t["state"] for t in listed] == ["withdrawn", "unable", "withdrawn", "done"]
    then = (clock.now() - dt.timedelta(seconds=450)).isoformat()
    known = done(duty.get(url, query_string={"at": then}))["tasks"]
    assert [t["state"] for t in known] == ["withdrawn", "issued"], "as it was known then"
    history = str(rows(db, "SELECT record FROM command_history WHERE entity = 'task'"))
    assert "13912345678" not in history
    told = duty.get(f"/api/v1/incidents/{case}/timeline").json["entries"]
    assert {"task", "task_sign", "task_start", "task_done", "task_unable", "task_withdraw"} <= {e["step"] for e in told}
    feed = {r["topic"] for r in rows(db, "SELECT DISTINCT topic FROM outbox")}
    assert {"incident", "timeline", "task", "case", "notice"} <= feed


def test_what_is_open_goes_with_its_end(case: int, sign_in: SignIn, db: Database) -> None:
    duty, chief = sign_in("duty"), sign_in("chief")
    done(post(duty, f"/api/v1/incidents/{case}/tasks", what="警戒", to={"kind": "department", "ref": BUREAU}), 201)
    url, act = f"/api/v1/incidents/{case}", f"/api/v1/incidents/{case}/acts"
    version = incident(duty, case)["version"]
    body = {"act": "cancel", "version": version, "given": {"reason": "误报"}}
    assert chief.post(act, json=body, headers=ORIGIN).status_code == 409
    body["given"] = {"reason": "误报", "withdraw_open": True}
    ended = done(chief.post(act, json=body, headers=ORIGIN))["incident"]
    assert (ended["ended"]["how"], ended["tasks"]["withdrawn"], ended["tasks"]["open"]) == ("cancelled", 1, 0)
    assert rows(db, "SELECT ended FROM cases WHERE case_id = %s", case)[0]["ended"] == "false_alarm"
    assert post(duty, f"{url}/tasks", what="x", to={"kind": "department", "ref": BUREAU}).status_code == 409
    assert post(duty, f"{url}/reports", kind="first").status_code == 409
    assert done(sign_in("fire").get("/api/v1/my/tasks"))["tasks"][0]["state"] == "withdrawn"


def test_reports_are_written_approved_sent_and_proven(
    case: int, sign_in: SignIn, db: Database, clock: FixedClock, settings: Settings
) -> None:
    duty, chief = sign_in("duty"), sign_in("chief")
    url = f"/api/v1/incidents/{case}/reports"
    assert post(duty, url, kind="follow").status_code == 409, "no first report yet"
    assert post(duty, url, how="phone").status_code == 422
    clock.advance(20 * 60)
    done(post(duty, url, how="phone", to="市政府总值班室", text="仓库起火，正在处置"), 201)
    due = incident(duty, case)["report_due"]
    assert (due["kind"], due["how"]) == ("first", "written"), "the telephone does not stand for the writing"
    draft = done(post(duty, url, "draft-key-1", kind="first"), 201)["report"]
    assert draft["state"] == "draft"
    for words in ("物流仓库火情", "事故灾难", "初判 Ⅲ 级", "待确认", "经度 111.15000"):
        assert words in draft["text"], draft["text"]
    assert all(set(f) == {"key", "text", "as_of", "source"} for f in draft["facts"])
    assert post(duty, url, kind="first").status_code == 409, "one at a time"
    one = f"{url}/{draft['report_id']}"
    text = draft["text"] + "\n人工补充。"
    edited = duty.put(one, json={"text": text, "version": draft["version"]}, headers=ORIGIN)
    version = done(edited)["report"]["version"]
    assert duty.put(one, json={"text": "x", "version": draft["version"]}, headers=ORIGIN).status_code == 409
    assert post(duty, f"{one}/steps", step="send").status_code == 409, "not approved"
    done(post(duty, f"{one}/steps", step="submit", version=version))
    assert f"case:{case}" in chief.get("/api/v1/live/mine").json["keys"]
    assert post(duty, f"{one}/steps", step="approve").status_code == 403
    done(post(chief, f"{one}/steps", step="return", reason="补充伤亡"))
    done(post(duty, f"{one}/steps", step="submit"))
    done(post(chief, f"{one}/steps", step="approve"))
    assert post(duty, f"{one}/steps", step="send").status_code == 422, "to whom?"
    to = [{"kind": "department", "ref": "省应急厅"}, {"kind": "role", "ref": "leader"}]
    sent = done(post(duty, f"{one}/steps", "send-key-1", step="send", recipients=to))["report"]
    assert sent["state"] == "sent"
    notices = rows(db, "SELECT notice_id, to_ref, body FROM notice WHERE about = %s ORDER BY notice_id",
                   f"report:{draft['report_id']}")  # fmt: skip
    assert [n["to_ref"] for n in notices] == ["省应急厅", "leader"]
    assert notices[0]["body"].endswith("人工补充。")
    with db.store.scoped(SYSTEM) as conn:  # a channel delivers it
        deliveries.put(
            conn, Delivery("d1", "sms", clock.now(), notices[0]["notice_id"], state="delivered"), clock.now()
        )
    proof = done(duty.get(url))["reports"][0]["delivery"]
    assert (proof["total"], proof["delivered"], proof["read"]) == (2, 1, 0)
    leader = sign_in("leader")
    done(leader.post(f"/api/v1/notices/{notices[1]['notice_id']}/read", headers=ORIGIN))
    assert done(duty.get(url))["reports"][0]["delivery"]["unread"] == ["省应急厅"]
    found = incident(duty, case)
    assert found["report_due"]["kind"] == "follow"
    assert found["report_due"]["at"] == (clock.now() + dt.timedelta(minutes=120)).isoformat().replace("+00:00", "Z")
    row = rows(db, "SELECT due_label, due_at FROM cases WHERE case_id = %s", case)[0]
    assert (row["due_label"], row["due_at"]) == ("续报", clock.now() + dt.timedelta(minutes=120))
    # overdue: told once to who has to write it
    clock.advance(121 * 60)
    assert watch.turn(db.store, clock, settings.tz) >= 1
    assert watch.turn(db.store, clock, settings.tz) == 0
    late = rows(db, "SELECT to_ref FROM notice WHERE kind = 'incident.report_late' AND about = %s ORDER BY to_ref",
                f"case:{case}")  # fmt: skip
    assert [r["to_ref"] for r in late] == ["chief", "officer"]
    duty, chief = sign_in("duty"), sign_in("chief")
    assert incident(duty, case)["report_due"]["overdue"] is True
    # a city's own terms, taken whole; a bad table is refused whole
    bad = settings.root / "bad.csv"
    bad.write_text("级别,首报电话分钟,首报书面分钟,续报间隔分钟\n3,10,20,30\n9,1,2,3\n", "utf-8")
    good = settings.root / "good.csv"
    good.write_text("# 文号：阳府办〔2026〕1号\n级别,首报电话分钟,首报书面分钟,续报间隔分钟,报送对象\n"
                    "Ⅲ,10,20,30,市政府总值班室；role:leader\n,15,60,60,\n", "utf-8")  # fmt: skip
    report = bring_in(db.store, "reporting", Given(bad, settings, clock, "admin"))
    assert (report.stored, report.rejected, report.read) == (0, 2, 2)
    report = bring_in(db.store, "reporting", Given(good, settings, clock, "admin"))
    assert (report.stored, report.balanced) == (2, True)
    assert bring_in(db.store, "reporting", Given(good, settings, clock, "admin")).unchanged == 2
    due_at = rows(db, "SELECT due_at FROM cases WHERE case_id = %s", case)[0]["due_at"]
    assert due_at == clock.now() - dt.timedelta(minutes=121 - 30), "open incidents follow the new terms"
    words = done(duty.get("/api/v1/incidents/vocabulary"))["report_terms"]
    assert (words["own"], words["document"], words["rows"][0]["recipients"][1]["kind"]) == (
        True, "阳府办〔2026〕1号", "role")  # fmt: skip
    final = done(post(duty, url, kind="final"), 201)["report"]
    assert "转入善后" in final["text"]
    for who, step in ((duty, "submit"), (chief, "approve"), (duty, "send")):
        done(post(who, f"{url}/{final['report_id']}/steps", step=step))
    assert incident(duty, case)["report_due"] is None
    assert post(duty, url, kind="follow").status_code == 409


def test_a_notice_to_an_area_knows_who_has_not_read(
    case: int, sign_in: SignIn, world: World, db: Database, clock: FixedClock
) -> None:
    duty, walker = sign_in("duty"), sign_in("walker")
    with db.owner() as conn:
        conn.execute(
            "UPDATE grid_cell SET officers = %s WHERE grid_cell_id = %s",
            ('[{"name": "黄国栋", "role": "网格员"}, {"name": "无号者", "phone": "13700001111"}]', world.near["grid"]),
        )
        conn.execute(
            "INSERT INTO grid_cell (source, code, kind, name, geom, region_id, officers)"
            " SELECT 'files', 'n2', 'special', '专属网格', geom, region_id, '[{\"name\": \"黄国栋\"}]' FROM grid_cell"
            " WHERE grid_cell_id = %s",
            (world.near["grid"],),
        )
        conn.execute(
            "INSERT INTO steward (source, external_id, duty, name, phone, region_id)"
            " VALUES ('files', 'v1', '村支书', '梁书记', '13600002222', %s),"
            " ('files', 'v2', '村支书', '远书记', '', %s)",
            (world.regions[small.NEAR_VILLAGE], world.regions[small.FAR_VILLAGE]),
        )
    body = {"title": "下风向转移", "body": "请组织 500 m 内居民转移", "area": AREA, "case_id": case}
    preview = done(post(duty, "/api/v1/area-notices/preview", **body))
    assert (preview["total"], len(preview["cells"]), [v["name"] for v in preview["villages"]]) == (3, 2, ["近村"])
    assert {p["name"] for p in preview["people"]} == {"黄国栋", "无号者", "梁书记"}
    assert len([p for p in preview["people"] if p["name"] == "黄国栋"]) == 1, "two cells, one person"
    assert rows(db, "SELECT 1 FROM area_notice") == []
    assert post(walker, "/api/v1/area-notices", **body).status_code == 403
    sent = done(post(duty, "/api/v1/area-notices", "area-key-1", **body), 201)["area_notice"]
    assert done(post(duty, "/api/v1/area-notices", "area-key-1", **body), 201)["area_notice"] == sent
    key = sent["area_notice_id"]
    assert (sent["total"], sent["read"], sent["states"]["submitted"]) == (3, 0, 1), "the account's inbox has it"
    assert {p["name"] for p in sent["unread"]} == {"黄国栋", "无号者", "梁书记"}
    notice = next(n for n in walker.get("/api/v1/notices").json["notices"] if n["about"] == f"area_notice:{key}")
    done(walker.post(f"/api/v1/notices/{notice['notice_id']}/read", headers=ORIGIN))
    with db.store.scoped(SYSTEM) as conn:
        own = conn.execute("SELECT notice_id FROM notice WHERE about = %s AND to_ref = '梁书记'",
                           (f"area_notice:{key}",)).fetchone()  # fmt: skip
        assert own
        deliveries.put(conn, Delivery("d2", "sms", clock.now(), own["notice_id"], state="delivered"), clock.now())
    found = done(duty.get(f"/api/v1/area-notices/{key}"))
    assert (found["read"], found["delivered"], found["delivered_rate"]) == (1, 2, pytest.approx(2 / 3))
    assert {p["name"] for p in found["unread"]} == {"无号者", "梁书记"}
    again = done(post(duty, f"/api/v1/area-notices/{key}/remind", "again-key-1"))
    assert again["reminded"] == 2
    assert done(post(duty, f"/api/v1/area-notices/{key}/remind", "again-key-1"))["reminded"] == 2
    told = rows(db, "SELECT to_ref, count(*) AS n FROM notice WHERE about = %s GROUP BY 1 ORDER BY 1",
                f"area_notice:{key}")  # fmt: skip
    assert {t["to_ref"]: t["n"] for t in told} == {"walker": 1, "无号者": 2, "梁书记": 2}, "only the unread again"
    assert done(duty.get(f"/api/v1/area-notices?case={case}"))["area_notices"][0]["reminded"] == 1
    # without an incident: a warning's area; what lies outside the sender's regions is not theirs to tell
    with db.owner() as conn:
        row = conn.execute(
            "INSERT INTO warning (source, source_id, kind, colour, area, sender, region_ids, onset_at, exercise)"
            " VALUES ('cap', 'w1', '台风', 'red', '全市', 's', ARRAY[%s::int], %s, true) RETURNING warning_id",
            (world.regions[small.CITY], world.now),
        ).fetchone()
    assert row
    warned = {"title": "防台风", "body": "加固", "warning_id": row["warning_id"]}
    town = done(post(sign_in("town"), "/api/v1/area-notices/preview", **warned))
    assert {p["name"] for p in town["people"]} == {"黄国栋", "无号者", "梁书记"}
    assert small.SECRET not in str(town)
    drill = done(post(duty, "/api/v1/area-notices", **warned), 201)["area_notice"]
    assert drill["exercise"] is True
    assert drill["title"].startswith("【演练】"), "the warning's exercise is the notice's"
    assert {e["name"] for e in drill["empty"]} >= {f"{small.SECRET}网格"}, "who is named for nobody is said"
    assert drill["total"] == 4
    assert post(duty, "/api/v1/area-notices", title="x", body="y").status_code == 422, "no area"
    assert post(duty, "/api/v1/area-notices", title="", body="y", area=AREA).status_code == 422
