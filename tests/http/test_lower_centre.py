"""A county's centre read by a city's: two stores, two applications, a link that breaks, a feed that begins anew."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import httpx
import pytest

from data_sources import lower_centre
from data_sources._lower.config import Centre, read
from data_sources.lower_centre import Reader
from ioc.accounts.base import Accounts, Grant
from ioc.accounts.tokens import create_token
from ioc.clock import FixedClock
from ioc.errors import ConfigError, SourceFault
from ioc.feed.sequencer import number_pending
from ioc.intake.context import SourceContext
from ioc.registry import Registry, discover
from ioc.scope import SYSTEM
from ioc.services_live import LiveServices
from ioc.settings import Settings
from ioc.store import sources
from ioc.store.cluster import PrivateCluster
from ioc.store.database import dsns
from ioc.web import create_web
from tests.conftest import Database, clone, drop
from tests.http.conftest import Running
from tests.http.world import CITY, NEAR, NEAR_TOWN, NEAR_VILLAGE, SECRET, World
from tests.store.test_mqtt import wait
from tests.store.test_observations import rows

pytestmark = pytest.mark.http
Token = Callable[..., dict[str, str]]


class Link(httpx.HTTPTransport):
    """The network between the two, which can be cut."""

    cut = False
    asked = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.cut:
            raise httpx.ConnectError("cut", request=request)
        return super().handle_request(request)


@dataclass
class City:
    db: Database
    clock: FixedClock
    link: Link
    centre: Centre
    settings: Settings

    def reader(self, **other: Any) -> Reader:
        centre = Centre(**{**{n: getattr(self.centre, n) for n in Centre.__slots__}, **other})
        context = SourceContext("lower_centre", self.settings, Registry(), self.db.store, self.clock, threading.Event())
        return Reader(context, centre, httpx.Client(transport=self.link))

    def records(self) -> dict[str, Any]:
        return {r["key"]: r for r in rows(self.db, "SELECT * FROM lower_record ORDER BY key")}


@pytest.fixture
def city(
    cluster: PrivateCluster, accounts: Accounts, running: Running, clock: FixedClock, tmp_path: Path
) -> Iterator[City]:
    """The city of another database, which knows the near county and reads its centre with a token for it."""
    database = clone(cluster)
    with database.owner() as conn:
        for code, name, kind, parent in ((CITY, "上级市", "city", None), (NEAR, "近县", "county", CITY)):
            conn.execute(
                "INSERT INTO region (code, name, kind, parent_id) VALUES (%s, %s, %s,"
                " (SELECT region_id FROM region WHERE code = %s))",
                (code, name, kind, parent),
            )
        conn.execute("SELECT ioc_rebuild_region_closure()")
    token = create_token(accounts, "city", ["read"], Grant(region_codes=(NEAR,), sensitivity=1))
    centre = Centre("near", "近县指挥中心", running.url, token, NEAR)
    settings = Settings(data_dir=tmp_path / "city", database_url=database.dsn_app, mqtt_url="none")
    yield City(database, clock, Link(), centre, settings)
    drop(cluster, database)


def number(db: Database, clock: FixedClock) -> None:
    with db.owner() as conn:
        while number_pending(conn, clock.now()):
            pass


@pytest.fixture
def report(server: flask.Flask, token: Token, db: Database, clock: FixedClock) -> Callable[..., int]:
    """A report at the county, numbered in its feed. Returns its id."""
    write = token("events:write", grant=Grant(whole=True, sensitivity=2))

    def go(source_id: str, **extra: Any) -> int:
        body = {
            "source": "app", "source_id": source_id, "title": "积水", "urgency": "urgent", "lon": 111.15, "lat": 21.65,
            "crs": "EPSG:4490", "occurred_at": clock.now().isoformat(), **extra,
        }  # fmt: skip
        answer = server.test_client().post("/api/v1/events", json=body, headers=write)
        assert answer.status_code in (200, 201), answer.text
        number(db, clock)
        return int(answer.get_json()["event_id"])

    return go


Report = Callable[..., int]


def heard(running: Running, db: Database) -> None:
    """The county's web process has heard what is in its feed (its lists say so)."""
    last = rows(db, "SELECT last_no FROM feed_state")[0]["last_no"]
    wait(lambda: running.application.state.deps.versions.last_no >= last, 10, "heard")
    wait(lambda: running.application.state.deps.versions.epoch != "", 10, "feed ready")


def test_first_reading_then_changes_each_once(
    city: City, running: Running, report: Report, db: Database, world: World
) -> None:
    report("a")
    heard(running, db)
    reader = city.reader()
    assert reader.turn() == 4, "event, case and incident of the near side, and the report"
    first = city.records()
    assert SECRET not in json.dumps([r["record"] for r in first.values()], ensure_ascii=False)
    assert {r["origin"] for r in first.values()} == {"real"}
    assert all(r["sensitivity"] == 1 for r in first.values())
    regions = {r["code"]: r["region_id"] for r in rows(city.db, "SELECT code, region_id FROM region")}
    assert {r["region_id"] for r in first.values()} == {regions[NEAR]}, "a village we do not know stands for its county"
    assert reader.turn() == 0
    made = report("b")
    report("far", lon=111.65)
    assert reader.turn() == 1
    assert city.records()[f"event:{made}"]["record"]["title"] == "积水"
    report("b", status="closed")
    assert reader.turn() == 1
    assert city.records()[f"event:{made}"]["closed"] is True
    assert len(city.records()) == 5


def test_a_broken_link_is_shown_and_what_was_missed_comes_once(
    city: City, running: Running, report: Report, db: Database, clock: FixedClock
) -> None:
    heard(running, db)
    reader = city.reader()
    reader.turn()
    before = set(city.records())
    city.link.cut = True
    missed = {f"event:{report(f'm{n}')}" for n in range(7)}
    with pytest.raises(SourceFault) as caught:
        reader.turn()
    lower_centre._failed(reader._context, reader._centre, caught.value)
    (state,) = rows(city.db, "SELECT state, error_zh FROM source WHERE source_key = 'lower:near'")
    assert state["state"] == "error"
    assert "无法连接" in state["error_zh"]
    assert set(city.records()) == before
    city.link.cut = False
    assert reader.turn() == 7
    assert set(city.records()) == before | missed
    assert rows(city.db, "SELECT state FROM source WHERE source_key = 'lower:near'") == [{"state": "live"}]


def test_pages_are_taken_in_order_without_a_gap(
    city: City, running: Running, report: Report, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_sources._lower.client.PAGE", 2)
    heard(running, db)
    reader = city.reader()
    reader.turn()
    ids = [report(f"p{n}") for n in range(9)]
    report("p0", title="积水加深")
    assert reader.turn() >= 9
    found = city.records()
    assert all(f"event:{i}" in found for i in ids)
    assert found[f"event:{ids[0]}"]["record"]["title"] == "积水加深"
    place = rows(city.db, "SELECT epoch, feed_no FROM lower_centre")[0]
    assert place == {"epoch": running.application.state.deps.versions.epoch, "feed_no": feed_end(db)}


def feed_end(db: Database) -> int:
    return int(rows(db, "SELECT last_no FROM feed_state")[0]["last_no"])


def test_two_readers_of_one_place_double_nothing(city: City, running: Running, report: Report, db: Database) -> None:
    heard(running, db)
    city.reader().turn()
    report("x")
    readers, results = [city.reader() for _ in range(4)], list[int]()
    threads = [threading.Thread(target=lambda r=r: results.append(r.turn())) for r in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(results) == 1
    assert rows(city.db, "SELECT stored FROM source WHERE source_key = 'lower:near'") == [{"stored": 4}]


def test_a_feed_that_began_anew_is_read_whole(
    city: City, running: Running, report: Report, db: Database, clock: FixedClock
) -> None:
    heard(running, db)
    gone = f"event:{report('gone')}"
    heard(running, db)
    reader = city.reader()
    reader.turn()
    assert gone in city.records()
    with db.owner() as conn:  # what a restored backup looks like: another epoch, rows taken back
        conn.execute("DELETE FROM event WHERE source_id = 'gone'")
        conn.execute("UPDATE feed_state SET epoch = 'restored'")
    wait(lambda: running.application.state.deps.versions.epoch == "restored", 20, "the county noticed")
    reader.turn()
    assert gone not in city.records()
    assert len(city.records()) == 3
    assert rows(city.db, "SELECT epoch FROM lower_centre") == [{"epoch": "restored"}]


def test_a_feed_that_aged_out_is_read_whole(
    city: City, running: Running, report: Report, db: Database, clock: FixedClock
) -> None:
    heard(running, db)
    reader = city.reader()
    reader.turn()
    late = [f"event:{report(f'l{n}')}" for n in range(3)]
    with db.owner() as conn:
        conn.execute("DELETE FROM feed WHERE feed_no < (SELECT max(feed_no) FROM feed)")
    heard(running, db)
    reader.turn()
    assert set(late) <= set(city.records())


def test_a_bulk_change_is_read_from_the_lists(
    city: City, running: Running, db: Database, clock: FixedClock, world: World
) -> None:
    heard(running, db)
    reader = city.reader()
    reader.turn()
    with db.owner() as conn:
        conn.execute("UPDATE event SET status = 'void', version = 2 WHERE event_id = %s", (world.near["event"],))
        conn.execute(
            "INSERT INTO outbox (topic, op, entity_id, permission, payload)"
            " VALUES ('reload', 'change', 'import', 'map.view', '{\"layers\": [\"events\"]}')"
        )
    number(db, clock)
    heard(running, db)
    reader.turn()
    assert f"event:{world.near['event']}" not in city.records()


def test_demo_stays_demo_and_hidden_stays_hidden(
    city: City, running: Running, report: Report, db: Database, clock: FixedClock
) -> None:
    heard(running, db)
    reader = city.reader()
    reader.turn()
    secret = report("s", title="机密事项", sensitivity=2)
    shown = report("d", title="演示积水")
    with db.owner() as conn:
        conn.execute("UPDATE event SET origin = 'demo', version = version + 1 WHERE event_id = %s", (shown,))
        conn.execute(
            "INSERT INTO outbox (topic, op, entity_id, region_id, permission, origin, payload)"
            " SELECT topic, 'change', entity_id, region_id, permission, 'demo',"
            " payload || jsonb_build_object('origin', 'demo', 'version', 2) FROM feed"
            " WHERE topic = 'event' AND entity_id = %s",
            (str(shown),),
        )
    number(db, clock)
    reader.turn()
    found = city.records()
    assert f"event:{secret}" not in found, "the token's level is internal"
    assert found[f"event:{shown}"]["origin"] == "demo"
    assert found[f"event:{shown}"]["record"]["origin"] == "demo"


def test_the_city_shows_name_age_and_link(
    city: City, running: Running, db: Database, clock: FixedClock, cluster: PrivateCluster
) -> None:
    heard(running, db)
    city.reader().turn()
    clock.advance(90)
    found: Any = {"indicators": discover("ioc.indicators", "INDICATOR")}
    registry = Registry(**found)
    settings = city.settings.model_copy(update={"database_owner_url": city.db.dsn_owner})
    assert dsns(settings).app
    app = create_web(settings, LiveServices(settings, city.db.store, registry, clock), registry, city.db.store, clock)
    accounts = Accounts(city.db.store, settings, clock)
    client = app.state.server.test_client()

    def get(path: str, grant: Grant) -> Any:
        made = create_token(accounts, "t", ["read"], grant)
        answer = client.get(path, headers={"Authorization": f"Bearer {made}"})
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    whole = Grant(whole=True, sensitivity=1)
    (centre,) = get("/api/v1/lower", whole)["centres"]
    assert (centre["title"], centre["state"], centre["age_s"], centre["freshness"]) == (
        "近县指挥中心",
        "live",
        90,
        "late",
    )
    listed = get("/api/v1/lower/records", whole)["rows"]
    assert len(listed) == 3
    assert {(r["centre"]["title"], r["age_s"]) for r in listed} == {("近县指挥中心", 90)}
    page = get("/api/v1/lower/records?limit=2", whole)
    rest = get(f"/api/v1/lower/records?limit=2&after={page['next']}", whole)
    assert [r["key"] for r in (*page["rows"], *rest["rows"])] == [r["key"] for r in listed]
    assert get("/api/v1/lower/records", Grant(whole=True, sensitivity=0))["rows"] == []
    numbers = get("/api/v1/lower/indicators", whole)["rows"]
    assert {n["region"] for n in numbers} == {NEAR, NEAR_TOWN}
    assert {n["code"] for n in numbers} >= {"open_cases", "aqi"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(401), "令牌"),
        (httpx.Response(500), "500"),
        (httpx.Response(302, headers={"Location": "http://elsewhere.example/"}), "302"),
        (httpx.Response(200, text="<html>"), "约定"),
        (httpx.Response(200, json=[1]), "约定"),
        (httpx.Response(200, json={"rows": 3, "next": "x"}), "约定"),
    ],
)
def test_no_usable_answer_is_a_fault_with_a_reason(city: City, answer: httpx.Response, said: str) -> None:
    reader = city.reader()
    reader._api._client = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(SourceFault) as caught:
        reader.turn()
    assert said in caught.value.message("zh")


def test_a_record_of_another_form_is_a_reject_and_holds_nothing_up(city: City) -> None:
    good = {"key": "event:1", "version": 1, "closed": False, "origin": "real", "region_code": NEAR_VILLAGE}
    listed = [good, {**good, "key": "../x"}, {**good, "key": "event:2", "version": "one"}, 7, {**good, "title": "\x00"}]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/rows"):
            return httpx.Response(200, json={"feed": {"epoch": "e", "last_no": 5}, "rows": listed, "next": None})
        if request.url.path.endswith("/feed"):
            return httpx.Response(200, json={"next": "e-5", "rows": [], "more": False, "resync": ""})
        return httpx.Response(200, json={"breadcrumb": [], "children": []})

    reader = city.reader()
    reader._api._client = httpx.Client(transport=httpx.MockTransport(answer))
    assert reader.turn() == 1
    assert list(city.records()) == ["event:1"]
    assert rows(city.db, "SELECT count(*) AS n FROM reject WHERE source = 'lower:near'") == [{"n": 4}]


def test_the_loop_reads_and_stops(city: City, running: Running, db: Database, tmp_path: Path) -> None:
    heard(running, db)
    folder = tmp_path / "city"
    folder.mkdir(exist_ok=True)
    c = city.centre
    (folder / "t.txt").write_text(c.token)
    body = {"centres": [{"key": "near", "title": c.title, "url": c.url, "token_file": "t.txt", "region": NEAR}]}
    (folder / "lower.json").write_text(json.dumps(body))
    settings = city.settings.model_copy(update={"lower_centres": "lower.json"})
    stop = threading.Event()
    with city.db.store.scoped(SYSTEM) as conn:
        sources.register(conn, [(lower_centre.SOURCE, True)], city.clock.now())
    context = SourceContext("lower_centre", settings, Registry(), city.db.store, city.clock, stop)
    thread = threading.Thread(target=lower_centre.run, args=(context,))
    thread.start()
    wait(lambda: len(city.records()) == 3, 20, "read")
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def test_a_configuration_with_faults_names_them_all(tmp_path: Path) -> None:
    file = tmp_path / "lower.json"
    bad = {"key": "A B", "title": "", "url": "ftp://x", "token": "a b", "region": "", "poll_s": 0}
    file.write_text(json.dumps({"centres": [bad, bad]}))
    with pytest.raises(ConfigError) as caught:
        read(file)
    said = caught.value.message("en")
    for part in ("key:", "title:", "url:", "token:", "region:", "poll_s:", "double"):
        assert part in said


# ---------------------------------------------------------------- the feed endpoint


def test_the_feed_in_pages(server: flask.Flask, token: Token, report: Report, world: World, db: Database) -> None:
    client, whole = server.test_client(), token("read")
    near = token("read", grant=Grant(region_codes=(NEAR_TOWN,), sensitivity=1))
    end = client.get("/api/v1/feed", headers=whole).get_json()
    assert (end["rows"], end["more"], end["resync"]) == ([], False, "")
    for n in range(5):
        report(f"n{n}")
    report("f", lon=111.65)

    def walk(headers: dict[str, str], **query: Any) -> list[dict[str, Any]]:
        out, after, more = list[dict[str, Any]](), end["next"], True
        while more:
            page = client.get("/api/v1/feed", query_string={"after": after, **query}, headers=headers).get_json()
            assert page["resync"] == ""
            out, after, more = [*out, *page["rows"]], page["next"], page["more"]
        return out

    everything = walk(whole, limit=2)
    assert [r["no"] for r in everything] == sorted({r["no"] for r in everything})
    events = walk(whole, limit=3, topics="event")
    assert len(events) == 6
    assert len(walk(whole, topics="event", region=NEAR)) == 5
    mine = walk(near, limit=1, topics="event")
    assert len(mine) == 5
    assert {r["region"] for r in mine} == {NEAR_VILLAGE}
    other = client.get("/api/v1/feed", query_string={"after": "other-1"}, headers=whole).get_json()
    assert (other["resync"], other["rows"]) == ("epoch", [])
    ahead = client.get("/api/v1/feed", query_string={"after": f"{end['epoch']}-999999"}, headers=whole).get_json()
    assert ahead["resync"] == "epoch"
    for bad in ("x", "-5", "e-", "e-1e3", "e-" + "9" * 30, "é-1"):
        assert client.get("/api/v1/feed", query_string={"after": bad}, headers=whole).status_code == 422, bad
    assert client.get("/api/v1/feed").status_code == 401
