"""`/api/v1/patrols` and `/api/v1/villages` over HTTP: what a phone sends, who may look, what it leaves elsewhere."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from data_sources import patrol
from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.intake.tables import import_table
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import sources
from ioc.store.detail import detail
from ioc.store.keeper import prune
from ioc.store.regions import Regions
from tests.conftest import NOW, Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import SECRET, World
from tests.store.test_observations import rows

pytestmark = pytest.mark.http
BEGUN = NOW - dt.timedelta(hours=2)
ENDED = NOW - dt.timedelta(hours=1)


@pytest.fixture
def people(accounts: Accounts) -> Accounts:
    """Two grid officers and a head of the near county, and one grid officer of the far."""
    near, far = Grant(region_codes=(small.NEAR,)), Grant(region_codes=(small.FAR,))
    add_user(accounts, "anna", PASSWORD, ["grid"], near, name="安娜", own_password=True)
    add_user(accounts, "bert", PASSWORD, ["grid"], near, name="伯特", own_password=True)
    add_user(
        accounts, "head", PASSWORD, ["leader"], Grant(region_codes=(small.NEAR,), sensitivity=1), own_password=True
    )
    add_user(accounts, "farther", PASSWORD, ["grid"], far, name="远人", own_password=True)
    return accounts


@pytest.fixture
def anna(people: Accounts, sign_in: SignIn) -> FlaskClient:
    return sign_in("anna")


def keyed(once: str) -> dict[str, str]:
    return {**ORIGIN, "Idempotency-Key": once}


def start(client: FlaskClient, world: World, once: str = "p1", **more: Any) -> Any:
    body = {"kind": "inspect", "begun_at": BEGUN.isoformat(), "grid_cell_id": world.near["grid"], **more}
    return client.post("/api/v1/patrols", json=body, headers=keyed(once))


def points(n: int = 11, lon: float = 111.15, lat: float = 21.65) -> list[dict[str, Any]]:
    return [
        {"at": (BEGUN + dt.timedelta(minutes=k)).isoformat(), "lon": lon, "lat": lat + k * 0.0002, "accuracy_m": 6}
        for k in range(n)
    ]


def send(client: FlaskClient, patrol_id: int, batch: list[Any], **more: Any) -> Any:
    return client.post(f"/api/v1/patrols/{patrol_id}/track", json={"points": batch, **more}, headers=ORIGIN)


def end(client: FlaskClient, patrol_id: int, at: dt.datetime = ENDED) -> Any:
    return client.post(f"/api/v1/patrols/{patrol_id}/end", json={"ended_at": at.isoformat()}, headers=ORIGIN)


def test_started_twice_is_one_and_another_with_its_key_is_refused(
    anna: FlaskClient, world: World, db: Database
) -> None:
    first, again = start(anna, world), start(anna, world)
    assert (first.status_code, again.status_code) == (201, 200), first.get_json()
    assert first.get_json()["patrol_id"] == again.get_json()["patrol_id"]
    assert start(anna, world, kind="visit").status_code == 409
    assert rows(db, "SELECT count(*) AS n FROM patrol") == [{"n": 1}]
    assert start(anna, world, once="").status_code == 422
    assert start(anna, world, once="p2", grid_cell_id=world.far["grid"]).status_code == 422
    assert start(anna, world, once="p3", grid_cell_id=None, grid_code="近1").status_code == 201
    late = (NOW - dt.timedelta(days=40)).isoformat()
    assert start(anna, world, once="p4", begun_at=late).get_json()["reasons"][0]["code"] == "too_old"


def test_points_late_twice_and_impossible(anna: FlaskClient, world: World, db: Database) -> None:
    number = start(anna, world).get_json()["patrol_id"]
    batch = points()
    first = send(anna, number, batch[6:]).get_json()
    assert (first["stored"], first["jumps"]) == (5, 0), first
    wild = {"at": (BEGUN + dt.timedelta(minutes=3, seconds=10)).isoformat(), "lon": 112.4, "lat": 22.9}
    mixed = send(anna, number, [*batch, wild, {"at": "x", "lon": 1, "lat": None}, 7]).get_json()
    assert (mixed["stored"], mixed["duplicates"], mixed["rejected"], mixed["jumps"]) == (7, 5, 2, 1), mixed
    assert {r["field"] for r in mixed["reasons"]} == {"points.12.at", "points.12.lat", "points.13", "points.12.lon"} - {
        "points.12.lon"
    }
    assert mixed["distance_m"] == pytest.approx(10 * 0.0002 * 111_195, rel=1e-3)
    assert rows(db, "SELECT count(*) AS n FROM reject WHERE source = 'patrol'") == [{"n": 2}]
    (kept,) = rows(db, "SELECT cardinality(at_ms) AS n, ST_NPoints(geom) AS good FROM patrol_track")
    assert kept == {"n": 12, "good": 11}
    done = end(anna, number).get_json()
    assert (done["points"], done["jumps"], done["inside"]) == (12, 1, 11), done
    assert end(anna, number).status_code == 200
    assert end(anna, number, NOW).status_code == 409
    late = {"at": ENDED.isoformat(), "lon": 111.15, "lat": 21.652, "accuracy_m": 6}
    assert send(anna, number, [late]).get_json()["points"] == 13
    after = {**late, "at": NOW.isoformat()}
    assert send(anna, number, [after]).get_json()["reasons"][0]["code"] == "not_on_patrol"


def test_gcj_points_are_stored_as_wgs(anna: FlaskClient, world: World, db: Database) -> None:
    number = start(anna, world).get_json()["patrol_id"]
    assert send(anna, number, points(2), crs="GCJ-02").get_json()["stored"] == 2
    (kept,) = rows(db, "SELECT lon[1] AS lon FROM patrol_track")
    assert 0.003 < 111.15 - kept["lon"] < 0.008
    assert send(anna, number, points(2), crs="nonsense").status_code == 422


def test_a_finding_is_one_report_with_its_photo(
    anna: FlaskClient, people: Accounts, world: World, db: Database, sign_in: SignIn
) -> None:
    number = start(anna, world).get_json()["patrol_id"]
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO attachment (attachment_id, sm3, media_type, bytes, uploader, uploaded_at) VALUES"
            " (7, 'x', 'image/jpeg', 1, 'account:anna', %(t)s), (8, 'y', 'image/jpeg', 1, 'account:bert', %(t)s)",
            {"t": NOW},
        )
    body = {"title": "井盖破损", "urgency": "urgent", "occurred_at": ENDED.isoformat(), "lon": 111.151, "lat": 21.651,
            "category": {"scheme": "gbt30428", "code": "0101"}, "photos": [7]}  # fmt: skip
    path = f"/api/v1/patrols/{number}/findings"
    theirs = anna.post(path, json={**body, "photos": [8]}, headers=keyed("f0"))
    assert theirs.get_json()["reasons"][0]["code"] == "unknown_attachment"
    first, again = (anna.post(path, json=body, headers=keyed("f1")) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200), first.get_json()
    assert first.get_json() == again.get_json()
    assert anna.post(path, json={**body, "title": "别的"}, headers=keyed("f1")).status_code == 409
    (event,) = rows(db, "SELECT * FROM event WHERE source = 'patrol'")
    assert (event["title"], event["urgency"], event["region_id"]) == ("井盖破损", "urgent",
                                                                      world.regions[small.NEAR_VILLAGE])  # fmt: skip
    assert event["attributes"]["patrol"] == f"巡查 {number}"
    assert rows(db, "SELECT event_id FROM attachment WHERE attachment_id = 7") == [{"event_id": event["event_id"]}]
    away = anna.post(path, json={**body, "photos": [], "lon": 111.65}, headers=keyed("f2"))
    assert away.get_json()["reasons"][0]["code"] == "out_of_scope"
    found = anna.get(f"/api/v1/patrols/{number}").get_json()["found"]
    assert [f["event_id"] for f in found] == [event["event_id"]]
    # another's patrol: not to be added to, and for the far side not there
    assert sign_in("bert").post(path, json=body, headers=keyed("f3")).status_code == 403
    assert sign_in("farther").post(path, json=body, headers=keyed("f3")).status_code == 404


def test_a_track_is_its_person_s_and_each_look_by_another_is_audited(
    anna: FlaskClient, world: World, db: Database, sign_in: SignIn
) -> None:
    number = start(anna, world).get_json()["patrol_id"]
    send(anna, number, points())
    path = f"/api/v1/patrols/{number}/track"
    own = anna.get(path)
    assert own.status_code == 200
    assert (len(own.get_json()["track"]), own.headers["Cache-Control"]) == (11, "private, no-store")
    looks = "SELECT actor, object, detail FROM audit WHERE action = 'patrol.look' ORDER BY audit_id"
    assert rows(db, looks) == []
    assert sign_in("bert").get(path).status_code == 403
    assert sign_in("town").get(path).status_code == 403
    assert sign_in("farther").get(path).status_code == 404
    for login in ("head", "chief", "head"):
        assert sign_in(login).get(path).status_code == 200
    assert [(r["actor"], r["object"], r["detail"]["of"]) for r in rows(db, looks)] == [
        (f"account:{login}", f"patrol:{number}", "account:anna") for login in ("head", "chief", "head")
    ]
    # the record without the track is for whoever sees the cell; the name is masked below the internal level
    assert sign_in("bert").get(f"/api/v1/patrols/{number}").get_json()["person"] == "安**"
    assert sign_in("head").get(f"/api/v1/patrols/{number}").get_json()["person"] == "安娜"


def test_the_layer_of_tracks_needs_the_right_and_is_audited(
    anna: FlaskClient, world: World, db: Database, sign_in: SignIn
) -> None:
    number = start(anna, world).get_json()["patrol_id"]
    send(anna, number, points())
    end(anna, number)
    n = 2**14
    x = int((111.15 + 180) / 360 * n)
    y = int((1 - math.asinh(math.tan(math.radians(21.651))) / math.pi) / 2 * n)
    tile = f"/tiles/{{}}/14/{x}/{y}.mvt"
    assert anna.get(tile.format("patrol_track")).status_code == 403
    head = sign_in("head")
    assert len(head.get(tile.format("patrol_track")).data) > 30
    head.get(tile.format("patrol_track"))
    assert rows(db, "SELECT count(*) AS n FROM audit WHERE object = 'layer:patrol_track'") == [{"n": 1}]
    assert b"patrol" not in head.get(tile.format("patrol_track")).data
    assert len(anna.get(tile.format("patrol_coverage")).data) > 30
    far = sign_in("farther").get(tile.format("patrol_coverage"))
    assert far.status_code in (200, 204)
    assert not far.data


def test_coverage_counts_what_came_into_the_cell(
    anna: FlaskClient, world: World, db: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    file = tmp_path / "plans.csv"
    file.write_text("网格编号,类型,每周次数\n近1,巡查,2\n近1,走访,1\n没有,巡查,1\n近1,跑步,1\n", "utf-8")
    report = import_table(db.store, "patrol-plans", file, settings=settings, clock=clock, actor="t")
    assert report.counts() == {"read": 4, "stored": 2, "updated": 0, "unchanged": 0, "rejected": 2}
    again = import_table(db.store, "patrol-plans", file, settings=settings, clock=clock, actor="t")
    assert (again.unchanged, again.stored, again.balanced) == (2, 0, True)
    file.write_text("网格编号,每周次数\n近1,3\n", "utf-8")
    changed = import_table(db.store, "patrol-plans", file, settings=settings, clock=clock, actor="t")
    assert (changed.updated, changed.stored) == (1, 0)
    file.write_text("网格编号,每周次数\n近1,2\n", "utf-8")
    import_table(db.store, "patrol-plans", file, settings=settings, clock=clock, actor="t")
    told = "SELECT op, record ->> 'times' AS times FROM entity_history WHERE entity = 'patrol_plan' AND"
    assert [
        (r["op"], float(r["times"])) for r in rows(db, f"{told} right(entity_id, 8) = '/inspect' ORDER BY history_id")
    ] == [
        ("new", 2),
        ("change", 3),
        ("change", 2),
    ]
    near, away = (start(anna, world, once=k).get_json()["patrol_id"] for k in "ab")
    send(anna, near, points())
    send(anna, away, points(lon=111.25))
    ask = "/api/v1/patrols/coverage"
    (cell,) = anna.get(ask).get_json()["cells"]
    assert (cell["days_since"], cell["share"], cell["overdue"]) == (None, 0.0, True)
    end(anna, near)
    end(anna, away)
    body = anna.get(ask).get_json()
    (cell,) = body["cells"]
    assert (cell["done"], cell["missed"], cell["days_since"], cell["overdue"]) == (1, 1, 0, False)
    assert (cell["share"], body["share"]) == (0.3333, 0.3333)
    assert anna.get(ask + "?kind=inspect").get_json()["share"] == 0.5
    assert anna.get(ask + "?kind=run").status_code == 422
    with db.store.scoped(SYSTEM) as conn:
        panel = detail(conn, Regions.of(db.store), SYSTEM, f"grid:{world.near['grid']}", NOW)
        shown = detail(conn, Regions.of(db.store), SYSTEM, f"patrol:{near}", NOW)
    assert {link["key"] for link in panel["links"]} == {f"patrol:{near}", f"patrol:{away}"}
    said = {f["label"]["zh"]: f["value"] for f in panel["fields"]}
    assert (said["近 7 天巡查"]["zh"], said["未到网格"]) == ("1 次，计划 3 次", 1)
    assert (shown["title"]["zh"], shown["number"]) == ("巡查 · 近网格", f"#{near}")
    assert "111." not in str(shown)  # where the person was is not in the record


def test_lists_show_what_the_scope_sees(anna: FlaskClient, world: World, sign_in: SignIn) -> None:
    start(anna, world)
    start(anna, world, once="p2", kind="visit")
    assert anna.get("/api/v1/patrols?mine=1").get_json()["count"] == 2
    assert anna.get("/api/v1/patrols?kind=visit&open=1").get_json()["count"] == 1
    assert anna.get(f"/api/v1/patrols?region={small.NEAR_TOWN}&limit=1").get_json()["count"] == 1
    bert = sign_in("bert")
    assert bert.get("/api/v1/patrols?mine=1").get_json()["count"] == 0
    assert [p["mine"] for p in bert.get("/api/v1/patrols").get_json()["patrols"]] == [False, False]
    assert sign_in("farther").get("/api/v1/patrols").get_json()["count"] == 0


def test_tracks_go_before_their_patrols(anna: FlaskClient, world: World, db: Database, settings: Settings) -> None:
    number = start(anna, world).get_json()["patrol_id"]
    send(anna, number, points())
    with db.owner() as conn:
        prune(conn, NOW + dt.timedelta(days=settings.retention_track_days + 1), settings)
    assert rows(db, "SELECT count(*) AS n FROM patrol_track") == [{"n": 0}]
    assert rows(db, "SELECT points FROM patrol") == [{"points": 11}]


def test_the_source_is_declared(db: Database) -> None:
    with db.store.scoped(SYSTEM) as conn:
        sources.register(conn, [(patrol.SOURCE, True)], NOW)
    assert rows(db, "SELECT title FROM source WHERE source_key = 'patrol'") == [{"title": "巡查走访"}]


# ---------------------------------------------------------------- villages


def figures(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "figures.csv"
    file.write_text(text, "utf-8")
    return file


def test_figures_are_imported_summed_and_small_ones_withheld(
    db: Database, world: World, people: Accounts, settings: Settings, clock: FixedClock, tmp_path: Path,
    sign_in: SignIn,
) -> None:  # fmt: skip
    wide = "区划代码,统计日期,户数,常住人口,残疾人\n"
    wide += f"{small.NEAR_VILLAGE},2026-08-31,410,1500,3\n{small.FAR_VILLAGE},2026-08-31,99,300,9\n"
    wide += f"{small.NEAR_TOWN},2026-08-31,1,1,1\n{small.NEAR_VILLAGE},昨天,1,1,1\n"
    report = import_table(db.store, "village-figures", figures(tmp_path, wide), settings=settings, clock=clock,
                          actor="t")  # fmt: skip
    assert (report.rejected, report.stored, report.balanced) == (2, 6, True)
    long = "村名,日期,类别,项目,数值\n近村,2026-09-30,人员,户数,412\n近村,2026-09-30,登记,居住证登记,7\n"
    import_table(db.store, "village-figures", figures(tmp_path, long), settings=settings, clock=clock, actor="t")
    head = sign_in("head")
    page = head.get(f"/api/v1/villages/{small.NEAR_VILLAGE}").get_json()
    people_card = {r["item"]: r for r in page["cards"]["people"]["rows"]}
    assert people_card["households"]["value"] == 412  # the newest
    assert (people_card["disabled"]["value"], people_card["disabled"]["withheld"]) == (None, True)
    assert page["cards"]["people"]["as_of"] == "2026-09-30"
    assert [r["value"] for r in page["cards"]["services"]["rows"]] == [7]
    shown = head.get(f"/api/v1/villages/{small.NEAR_VILLAGE}?list=people:disabled").get_json()["list"]
    assert [r["value"] for r in shown["rows"]] == ["<5"]
    # the county has one village: its small count is no sum of several
    county = head.get(f"/api/v1/villages/{small.NEAR}").get_json()
    assert {r["item"]: r["value"] for r in county["cards"]["people"]["rows"]}["disabled"] is None
    city = sign_in("chief").get(f"/api/v1/villages/{small.CITY}").get_json()
    said = {r["item"]: (r["value"], r["withheld"]) for r in city["cards"]["people"]["rows"]}
    assert (said["residents"], said["disabled"]) == ((1800, False), (None, True))
    assert {r["name"] for r in city["compare"]["rows"]} >= {"近县", f"{SECRET}县"}


def test_cards_lists_and_comparison_keep_to_the_scope(world: World, people: Accounts, sign_in: SignIn) -> None:
    head = sign_in("head")
    answer = head.get(f"/api/v1/villages/{small.NEAR_TOWN}?list=devices:camera")
    page = answer.get_json()
    facilities = page["cards"]["facilities"]
    assert (facilities["total"], facilities["online"], facilities["resource_total"]) == (2, 1, 1)
    assert page["cards"]["people"]["state"] == "unconnected"
    assert [r["name"] for r in page["list"]["rows"]] == ["近摄像机"]
    assert [(r["name"], r["devices"], r["events"], r["open_cases"]) for r in page["compare"]["rows"]] == [
        ("近村", 2, 1, 2)
    ]
    assert SECRET not in answer.get_data(as_text=True)
    assert head.get(f"/api/v1/villages/{small.FAR_VILLAGE}").status_code == 404
    for name in (
        "resources:",
        "cases:open",
        "cases:grid",
        "events:verified",
        "events:suspected",
        "services:x",
        "people:",
    ):
        listed = head.get(f"/api/v1/villages/{small.NEAR_VILLAGE}?list={name}").get_json()["list"]
        assert listed["total"] == len(listed["rows"]), name
        assert SECRET not in str(listed), name
    assert head.get(f"/api/v1/villages/{small.NEAR_VILLAGE}?list=secrets:x").get_json()["list"] is None


def test_playback_gives_the_states_as_they_were_recorded(
    world: World, people: Accounts, sign_in: SignIn, db: Database
) -> None:
    event = world.near["event"]
    with db.owner() as conn:
        for version, minutes, status in ((1, 10, "open"), (2, 4, "closed")):
            conn.execute(
                "INSERT INTO event_history (event_id, version, recorded_at, op, actor, region_id, record)"
                " VALUES (%s, %s, %s, 'change', 'a', %s, jsonb_build_object('status', %s::text, 'urgency', 'urgent'))",
                (event, version, NOW - dt.timedelta(minutes=minutes), world.regions[small.NEAR_VILLAGE], status),
            )
        conn.execute("UPDATE event SET status = 'closed' WHERE event_id = %s", (event,))
    head = sign_in("head")
    answer = head.get(f"/api/v1/villages/{small.NEAR_VILLAGE}/playback")
    body = answer.get_json()
    assert SECRET not in answer.get_data(as_text=True)
    (found,) = [t for t in body["things"] if t["key"] == f"event:{event}"]
    ms = round(NOW.timestamp() * 1000)
    assert [(s["at"] - ms, s["state"]) for s in found["steps"]] == [(-600_000, "open"), (-240_000, "closed")]
    assert {ms - 600_000, ms - 240_000} <= set(body["moments"])
    assert {t["key"].split(":")[0] for t in body["things"]} == {"case", "event"}
    assert head.get(f"/api/v1/villages/{small.NEAR_VILLAGE}/playback?since=2020-01-01").status_code == 422
    assert head.get(f"/api/v1/villages/{small.FAR_VILLAGE}/playback").status_code == 404


def test_the_page_says_what_is_not_connected_and_links_every_number(
    server: flask.Flask, world: World, people: Accounts, sign_in: SignIn
) -> None:
    page = sign_in("head").get(f"/desk/village?region={small.NEAR_VILLAGE}").get_data(as_text=True)
    for word in ("设施档案", "人员统计", "登记服务", "事件回放", "未接入", "ioc import village-figures", "横向对比"):
        assert word in page, word
    for name in ("devices:camera", "resources:hospital", "events:verified", "cases:open"):
        assert f"list={name}" in page, name
    listed = sign_in("head").get(f"/desk/village?region={small.NEAR_VILLAGE}&list=devices:").get_data(as_text=True)
    assert "近摄像机" in listed
    assert SECRET not in page + listed


def visit(client: FlaskClient, patrol_id: int, once: str = "v1", **more: Any) -> Any:
    body = {"kind": "household", "name": "5 栋 302 陈小明", "person": "陈小明", "outcome": "met",
            "note": "陈小明血压正常，电话 13800135678", "visited_at": (BEGUN + dt.timedelta(minutes=5)).isoformat(),
            "lon": 111.15, "lat": 21.65, **more}  # fmt: skip
    return client.post(f"/api/v1/patrols/{patrol_id}/visits", json=body, headers=keyed(once))


def test_a_visit_is_registered_once_and_names_nobody(
    anna: FlaskClient, sign_in: SignIn, world: World, db: Database
) -> None:
    number = start(anna, world, kind="visit").get_json()["patrol_id"]
    first, again = visit(anna, number), visit(anna, number)
    assert (first.status_code, again.status_code) == (201, 200), first.get_json()
    assert first.get_json() == again.get_json()
    assert visit(anna, number, outcome="absent").status_code == 409, "the key stands for something else"
    assert visit(anna, number, once="").status_code == 422
    assert visit(anna, number, once="v2", kind="facility", lon=None, lat=None).status_code == 201
    late = (BEGUN + dt.timedelta(hours=30)).isoformat()
    assert visit(anna, number, once="v3", visited_at=late).get_json()["reasons"][0]["field"] == "visited_at"
    assert visit(anna, number, once="v3", name="  ").get_json()["reasons"][0]["field"] == "name"
    assert visit(anna, number, once="v3", lat=None).get_json()["reasons"][0]["field"] == "lat"
    (kept, other) = rows(db, "SELECT name, person, note, ST_X(geom) AS lon FROM patrol_visit ORDER BY visit_id")
    assert (kept["name"], kept["person"], kept["lon"]) == ("5 栋 302 陈**", "陈**", 111.15)
    assert kept["note"] == "陈**血压正常，电话 138****5678"
    assert other["lon"] is None
    assert end(anna, number).get_json()["visits"] == 2
    own = anna.get(f"/api/v1/patrols/{number}").get_json()
    assert [v["name"] for v in own["visited"]] == ["5 栋 302 陈**"] * 2
    assert own["inside"] == 1, "a visit in the cell is a presence in it"
    assert sign_in("bert").get(f"/api/v1/patrols/{number}").get_json()["visited"] == [], "who was at home is not his"
    assert len(sign_in("head").get(f"/api/v1/patrols/{number}").get_json()["visited"]) == 2
    assert visit(sign_in("bert"), number, once="v9").status_code == 403
    assert visit(sign_in("farther"), number, once="v9").status_code == 404


def test_the_cells_an_officer_may_walk_are_the_officers_own_first(
    anna: FlaskClient, sign_in: SignIn, world: World, db: Database
) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO grid_cell (grid_cell_id, source, code, kind, name, geom, region_id, officers)"
            " SELECT 900 + n, 's', 'c' || n, 'general', 'n' || n,"
            " ST_Multi(ST_MakeEnvelope(111.15 + n * 0.01, 21.65, 111.155 + n * 0.01, 21.66, 4326)), g.region_id,"
            " CASE WHEN n = 3 THEN '[{\"name\": \"安娜\"}]'::jsonb ELSE '[]' END"
            " FROM generate_series(1, 3) n, grid_cell g WHERE g.grid_cell_id = %s",
            (world.near["grid"],),
        )
    found = anna.get("/api/v1/my/cells?lon=111.165&lat=21.655").get_json()["cells"]
    assert [(c["code"], c["mine"]) for c in found][:2] == [("c3", True), ("c1", False)]
    assert found[1]["away_m"] == 0
    assert world.far["grid"] not in {c["grid_cell_id"] for c in found}
    assert next(c["code"] for c in anna.get("/api/v1/my/cells").get_json()["cells"]) == "c3"
    assert anna.get("/api/v1/my/cells?lon=x&lat=1").status_code == 422
