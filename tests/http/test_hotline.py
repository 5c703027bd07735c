"""12345 orders from the fixtures: masked at rest and by role, idempotent, updated, found by both numbers."""

from __future__ import annotations

import concurrent.futures
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import psycopg
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.tokens import create_token
from ioc.accounts.users import add_user
from ioc.cases.work import Actor, Cases
from ioc.clock import FixedClock
from ioc.errors import ConfigError, Invalid
from ioc.intake import hotline_order as orders
from ioc.intake.fields import TimeRules
from ioc.intake.hotline import Hotline
from ioc.intake.hotline_order import Mapped
from ioc.intake.vocabulary import Vocabulary
from ioc.ops.hotline import import_hotline, run_import, with_columns
from ioc.outbound.config import load
from ioc.outbound.worker import Lane, Planner
from ioc.scope import SYSTEM
from ioc.sealing import Sealer
from ioc.settings import Settings
from ioc.store import search
from ioc.store.regions import Regions
from tests.conftest import NOW, Database
from tests.far_end import far_end
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, Running, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures/hotline"
PLAIN = ("张三丰", "13812345678", "138-1234-5678", "13900001111", "440102199001011234", "13700001234", "赵六",
         "0662-3412345", "13600002222")  # fmt: skip
Push = Callable[..., Any]
BACK = """
[[channel]]
key = "back"
kind = "http"
title = "12345 回传"
plain = true
[channel.request]
url = "{url}/feedback"
body = {{orderNo = "${{source_id}}", ourNo = "${{number}}", node = "${{say}}", text = "${{result}}"}}
[[writeback]]
source = "gz12345"
channel = "back"
steps = {{sign = "签收", finish = "办理结果"}}
"""


@pytest.fixture
def batch(settings: Settings) -> list[dict[str, Any]]:
    settings.root.mkdir(parents=True, exist_ok=True)
    (settings.root / "hotline.toml").write_bytes((FIXTURES / "hotline.toml").read_bytes())
    found: list[dict[str, Any]] = json.loads((FIXTURES / "orders.json").read_text("utf-8"))
    return found


@pytest.fixture
def push(server: flask.Flask, token: Any, world: World) -> Push:
    headers = token("events:write", source="gz12345")

    def go(orders: Any, **more: Any) -> Any:
        body = json.dumps(orders)  # escapes: half a surrogate pair is valid JSON
        return server.test_client().post(
            "/api/v1/hotline", data=body, headers=headers, content_type="application/json", **more
        )

    return go


def rows(db: Database, query: Any, *values: Any) -> list[dict[str, Any]]:
    with db.owner() as conn:
        return conn.execute(query, values).fetchall()  # pyright: ignore


def everything(db: Database) -> str:
    """Every table as text: what a thief of the database could read."""
    with db.owner() as conn:
        names = [r["n"] for r in conn.execute(
            "SELECT relname AS n FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition").fetchall()]  # fmt: skip
        tables = [conn.execute(psycopg.sql.SQL("SELECT t::text FROM {} t").format(psycopg.sql.Identifier(n))).fetchall()
                  for n in names]  # fmt: skip
    return str(tables)


def test_a_batch_of_a_platform_with_names_of_its_own(push: Push, batch: Any, db: Database, world: World) -> None:
    answer = push({"orders": batch})
    assert answer.status_code == 200, answer.text
    found = answer.json
    assert (found["accepted"], found["rejected"]) == (3, 1)
    states = [(r["number"], r["state"], bool(r["case_id"])) for r in found["results"]]
    assert states == [("GZ20261003001", "created", True), ("GZ20261003002", "created", True),
                      ("GZ20261003003", "created", True), ("", "rejected", False)]  # fmt: skip
    codes = {(r["field"], r["code"]) for r in found["results"][3]["reasons"]}
    assert codes == {("number", "missing_field"), ("accepted_at", "bad_time"), ("kind", "unknown_category"),
                     ("urgency", "unknown_urgency")}  # fmt: skip
    first, secret, nowhere = rows(db, "SELECT *, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM event"
                                      " WHERE source = 'gz12345' ORDER BY source_id")  # fmt: skip
    assert (first["urgency"], first["crs_orig"], first["category_code"]) == ("urgent", "GCJ-02", "complaint")
    assert first["lon"] == pytest.approx(111.1551 - 0.0051, abs=5e-4)
    assert first["region_id"] == world.regions[small.NEAR_VILLAGE]
    assert (secret["sensitivity"], first["sensitivity"]) == (2, 0)
    assert nowhere["region_id"] == world.regions[small.CITY]
    assert nowhere["attributes"]["位置"] == "未提供"
    case = rows(db, "SELECT * FROM cases WHERE source_id = 'GZ20261003001'")[0]
    assert (case["flow"], case["stage"], case["number"]) == ("hotline", "accepted", found["results"][0]["case_number"])
    assert case["total_due_at"].isoformat() == "2026-10-10T10:00:00+00:00"
    assert case["attributes"]["诉求类型"] == "投诉"
    assert rows(db, "SELECT sensitivity FROM cases WHERE source_id = 'GZ20261003002'") == [{"sensitivity": 2}]


def test_nobody_is_named_at_rest(push: Push, batch: Any, db: Database) -> None:
    answer = push(batch)
    assert answer.status_code == 200
    stored = everything(db)
    for word in PLAIN:
        assert word not in stored, word
        assert word not in answer.text, word
    event = rows(db, "SELECT * FROM event WHERE source_id = 'GZ20261003001'")[0]
    assert event["title"] == "建设路有坑，138****5678 请回电"
    assert "张**" in event["description"]
    assert "440102**********34" in event["description"]
    assert event["attributes"]["诉求人"] == "张**"
    assert event["attributes"]["联系电话"] == "138****5678"
    assert "男" not in stored, "a field nobody declared is not kept"


def test_the_same_again_changes_nothing(push: Push, batch: Any, db: Database) -> None:
    first, again = push(batch).json["results"], push(batch).json["results"]
    assert [r["state"] for r in again] == ["unchanged"] * 3 + ["rejected"]
    assert [r["case_id"] for r in again] == [r["case_id"] for r in first]
    assert rows(db, "SELECT count(*) AS n FROM cases WHERE source = 'gz12345'") == [{"n": 3}]
    assert rows(db, "SELECT count(*) AS n FROM case_step") == [{"n": 0}]
    assert {r["version"] for r in rows(db, "SELECT version FROM cases WHERE source = 'gz12345'")} == {2}


def test_updates_are_told_in_the_timeline_and_to_who_has_the_case(
    push: Push, batch: Any, db: Database, clock: FixedClock
) -> None:
    order = batch[0]
    case = push([order]).json["results"][0]["case_id"]
    cases = Cases(db.store, clock)
    cases.take(
        Actor(SYSTEM), case, "forward", {"department": "市城管局"}, cases.offered(Actor(SYSTEM), case)["version"]
    )
    clock.advance(60)
    order["order"] |= {"backTimes": 1, "repeat": "1", "secret": "是"}
    assert push([order]).json["results"][0]["state"] == "updated"
    words = "12345 工单 GZ20261003001：退单次数 0 → 1；重复 否 → 是；保密 否 → 是"
    step = rows(db, "SELECT * FROM case_step WHERE step = 'note'")
    assert [(s["given"], s["actor_name"]) for s in step] == [({"text": words}, "12345")]
    (notice,) = rows(db, "SELECT * FROM notice WHERE kind = 'case.changed'")
    assert (notice["to_ref"], notice["body"], notice["sensitivity"]) == ("市城管局", words, 2)
    assert rows(db, "SELECT sensitivity FROM cases WHERE case_id = %s", case) == [{"sensitivity": 2}]
    order["order"] |= {"state": "已撤单", "secret": "0"}
    assert push([order]).json["results"][0]["state"] == "updated"
    assert rows(db, "SELECT status, sensitivity FROM event WHERE source_id = 'GZ20261003001'") == [
        {"status": "void", "sensitivity": 0}]  # fmt: skip
    assert rows(db, "SELECT priority FROM notice WHERE kind = 'case.changed' ORDER BY notice_id DESC LIMIT 1") == [
        {"priority": "high"}
    ]
    assert push([order]).json["results"][0]["state"] == "unchanged"
    assert len(rows(db, "SELECT 1 FROM case_step WHERE step = 'note'")) == 2


def test_both_numbers_find_the_case(push: Push, batch: Any, db: Database) -> None:
    made = push(batch[:1]).json["results"][0]
    for number in ("GZ20261003001", made["case_number"]):
        with db.store.reading(SYSTEM) as conn:
            found = search.search(conn, Regions.of(db.store), SYSTEM, number)
        keys = [i["key"] for g in found for i in g["items"]]
        assert f"case:{made['case_id']}" in keys, number


def test_the_same_order_at_once_is_one_case(push: Push, batch: Any, db: Database) -> None:
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        found = [a.json["results"][0] for a in pool.map(push, [batch[:1]] * 6)]
    assert sorted(r["state"] for r in found) == ["created"] + ["unchanged"] * 5
    assert len({r["case_id"] for r in found}) == 1
    assert rows(db, "SELECT count(*) AS n FROM cases WHERE source = 'gz12345'") == [{"n": 1}]


def test_what_is_done_goes_back_to_the_platform(
    push: Push, batch: Any, db: Database, settings: Settings, clock: FixedClock
) -> None:
    """Order in, case worked on, 签收 and 办理结果 out: nobody types twice."""
    with far_end() as far:
        (settings.root / "outbound.toml").write_text(BACK.format(url=far.url), "utf-8")
        outbound = load(settings)
        planner = Planner(db.store, outbound, clock, settings.tz)
        planner.turn()
        clock.advance(1)
        made = push(batch[:1]).json["results"][0]
        cases = Cases(db.store, clock)
        for step, given_ in (("forward", {"department": "市城管局"}), ("sign", {}), ("begin", {}),
                             ("finish", {"result": "已修补"})):  # fmt: skip
            clock.advance(60)
            version = cases.offered(Actor(SYSTEM), made["case_id"])["version"]
            cases.take(Actor(SYSTEM), made["case_id"], step, given_, version)
        planner.turn()
        lane = Lane(db.store, outbound, outbound.channels["back"], clock)
        lane.register()
        while lane.turn():
            pass
        sent = [g.json for g in far.got]
    number = made["case_number"]
    assert sent == [
        {"orderNo": "GZ20261003001", "ourNo": number, "node": "签收", "text": ""},
        {"orderNo": "GZ20261003001", "ourNo": number, "node": "办理结果", "text": "已修补"},
    ]


def test_the_documented_client(running: Running, accounts: Accounts, db: Database) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/hotline.md").read_text("utf-8")
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    made = create_token(accounts, "12345", ["events:write"], source="hotline")
    good = {"工单编号": "D1", "受理时间": "2026-10-03 14:05", "标题": "路灯不亮", "诉求类型": "投诉"}
    refused = names["push"](running.url, made, [good, {"工单编号": "D2"}])
    assert [(o["工单编号"], r[0]["code"]) for o, r in refused] == [("D2", "missing_field")]
    assert rows(db, "SELECT source FROM event WHERE source_id = 'D1'") == [{"source": "hotline"}]


@pytest.fixture
def people(accounts: Accounts) -> None:
    far = Grant(region_codes=(small.FAR_TOWN,), sensitivity=2)
    add_user(accounts, "fartown", PASSWORD, ["officer"], far, own_password=True)
    add_user(accounts, "bureau", PASSWORD, ["department"], Grant(True, (), None, 2), own_password=True)


def look(client: FlaskClient, record: str, purpose: str = "回访核实") -> Any:
    return client.post(f"/api/v1/callers/{record}", json={"purpose": purpose}, headers=ORIGIN)


@pytest.mark.usefixtures("people")
def test_plain_text_only_by_right_place_and_purpose(
    push: Push, batch: Any, db: Database, sign_in: SignIn, server: flask.Flask, token: Any
) -> None:
    first, secret = push(batch).json["results"][:2]
    town, chief, bureau = sign_in("town"), sign_in("chief"), sign_in("bureau")
    answer = look(town, f"case:{first['case_id']}")
    assert answer.status_code == 200, answer.text
    (caller,) = answer.json["callers"]
    assert (caller["caller"], caller["phone"]) == ("张三丰", "138-1234-5678")
    assert "440102199001011234" in caller["content"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert look(sign_in("fartown"), f"case:{first['case_id']}").status_code == 404
    assert look(town, f"event:{secret['event_id']}").status_code == 404, "confidential, and the town's level is 1"
    assert look(chief, f"event:{secret['event_id']}").json["callers"][0]["phone"] == "0662-3412345"
    assert look(bureau, f"case:{first['case_id']}").status_code == 403
    assert look(town, f"case:{first['case_id']}", "").status_code == 422
    for wrong in ("case:x", "device:1", "case:99999999999999999999", "case:"):
        assert look(chief, wrong).status_code == 404
    by_token = {"headers": token("read"), "json": {"purpose": "x1"}}
    assert server.test_client().post(f"/api/v1/callers/case:{first['case_id']}", **by_token).status_code == 403
    audited = rows(db, "SELECT actor, object, detail FROM audit WHERE action = 'caller.view' ORDER BY audit_id")
    assert [(a["actor"], a["object"]) for a in audited] == [
        ("town", f"case:{first['case_id']}"), ("chief", f"event:{secret['event_id']}")]  # fmt: skip
    assert audited[0]["detail"] == {"purpose": "回访核实", "numbers": ["GZ20261003001"]}
    shown = chief.get(f"/api/v1/detail/case:{first['case_id']}").text
    assert not any(word in shown for word in PLAIN)


def test_only_a_token_bound_to_a_source_delivers(
    server: flask.Flask, token: Any, sign_in: SignIn, batch: Any, world: World, db: Database
) -> None:
    client = server.test_client()
    assert client.post("/api/v1/hotline", json=batch).status_code == 401
    assert client.post("/api/v1/hotline", json=batch, headers=token("events:write")).status_code == 403
    assert client.post("/api/v1/hotline", json=batch, headers=token("read", source="x")).status_code == 403
    assert sign_in("chief").post("/api/v1/hotline", json=batch, headers=ORIGIN).status_code == 403
    near = Grant(region_codes=(small.FAR_TOWN,), sensitivity=0)
    found = client.post("/api/v1/hotline", json=batch[:1], headers=token("events:write", grant=near, source="far")).json
    assert [r["code"] for r in found["results"][0]["reasons"]] == ["out_of_scope"]
    assert rows(db, "SELECT 1 FROM caller") == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"[" * 100_000, 422), (b"{}", 422), (b'{"orders": {}}', 422), (b"[1]", 422), (b"[]", 200),
     (b"[" + b",".join([b"{}"] * 501) + b"]", 413), (b" " * 5_000_000, 413), (b"\xff", 422)],
)  # fmt: skip
def test_bodies_of_any_shape(server: flask.Flask, token: Any, world: World, body: bytes, status: int) -> None:
    head = token("events:write", source="s")
    answer = server.test_client().post("/api/v1/hotline", data=body, headers=head, content_type="application/json")
    assert answer.status_code == status


@pytest.mark.parametrize(
    "change",
    [
        {"title": "a\u0000b"}, {"number": "a\u0000"}, {"number": {"a": 1}},
        {"phone": {"x": [1]}},
        {"content": 7}, {"lon": "x", "lat": 1}, {"lon": 1e308, "lat": 1e308, "crs": "GCJ-02"}, {"region": "乱"},
        {"returns": -1}, {"due_at": "9999-99-99"}, {"title": "长" * 201}, {"confidential": "也许"},
        {"crs": 5, "lon": 1},
        {"caller": "a\u0000", "phone": "\u0000"}, {"satisfaction": "很好"}, {"status": [1]}, {"kind": {}},
    ],
)  # fmt: skip
def test_orders_of_any_shape_are_taken_or_refused(push: Push, db: Database, change: dict[str, Any]) -> None:
    order = {"number": "N1", "accepted_at": "2026-10-03 10:00", "title": "t", "region": small.NEAR_VILLAGE}
    good = order | {"number": "N2"}
    answer = push([order | change, good])
    assert answer.status_code == 200, answer.text
    first, second = answer.json["results"]
    assert second["state"] == "created"
    assert (first["state"] == "rejected") == bool(first["reasons"])
    kept = rows(db, "SELECT 1 FROM reject")
    assert len(kept) == (first["state"] == "rejected")


# ---------------------------------------------------------------- files


def test_a_file_with_its_balance(db: Database, world: World, settings: Settings, clock: FixedClock) -> None:
    hotline = Hotline(db.store, settings, clock, with_columns(Mapped(), {}, "EPSG:4490"))
    dry = import_hotline(hotline, FIXTURES / "orders.csv", "cli:t", dry_run=True)
    assert (dry["read"], dry["stored"], dry["rejected"]) == (4, 2, 2)
    assert rows(db, "SELECT 1 FROM event WHERE source = 'hotline' AND source_id LIKE 'A-%%'") == []
    done = import_hotline(hotline, FIXTURES / "orders.csv", "cli:t")
    assert {k: done[k] for k in ("read", "stored", "updated", "unchanged", "rejected")} == {
        "read": 4, "stored": 2, "updated": 0, "unchanged": 0, "rejected": 2}  # fmt: skip
    assert [(r["row"], r["reasons"][0]["code"]) for r in done["rejects"]] == [
        (4, "unknown_category"), (5, "swapped_lonlat")]  # fmt: skip
    one, two = rows(db, "SELECT * FROM event WHERE source_id LIKE 'A-%%' ORDER BY source_id")
    assert (one["urgency"], one["attributes"]["承办单位"], one["case_id"] is None) == ("urgent", "市城管局", False)
    assert (two["status"], two["case_id"], two["region_id"]) == ("closed", None, world.regions[small.NEAR_TOWN])
    assert two["attributes"] | {"满意度": 4, "退单次数": 1, "重复": True, "是否解决": "是"} == two["attributes"]
    assert two["attributes"]["办理结果"] == "已答复 136****2222"
    assert "13600002222" not in everything(db)
    again = import_hotline(hotline, FIXTURES / "orders.csv", "cli:t")
    assert (again["unchanged"], again["rejected"]) == (2, 2)
    batches = rows(db, "SELECT kind, read, stored, rejected, state FROM import_batch ORDER BY batch_id")
    assert batches[0] == {"kind": "hotline", "read": 4, "stored": 2, "rejected": 2, "state": "done"}


@pytest.mark.usefixtures("world")
def test_the_command_prints_the_balance(settings: Settings, clock: FixedClock, capsys: Any) -> None:
    run_import(settings, clock, FIXTURES / "orders.csv", "EPSG:4490", {"title": "内容"}, False, {"source": "s2"}, False)
    said = capsys.readouterr().out.splitlines()
    assert "读取 read 4 = stored 2 + updated 0 + unchanged 0 + rejected 2" in said
    assert any(line.startswith("  行 row 4: kind: ") for line in said)


def test_columns_and_systems_are_checked(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        with_columns(Mapped(), {"nonsense": "x"}, "EPSG:4490")
    with pytest.raises(Invalid):
        with_columns(Mapped(), {}, "EPSG:1")
    for text in ("x = 1", "[names]\nnothing = 'a'", "source ="):
        (tmp_path / "h.toml").write_text(text, "utf-8")
        with pytest.raises(ConfigError):
            orders.load(tmp_path / "h.toml")
    assert orders.load(tmp_path / "none.toml") == Mapped()


# ---------------------------------------------------------------- rules


RULES = TimeRules(NOW, Settings().tz)
WORDS = Vocabulary()


@given(
    st.text("张三丰欧阳娜李王赵钱孙", min_size=2, max_size=5),
    st.integers(13_000_000_000, 19_999_999_999).map(str),
    st.text(max_size=50),
    st.text(max_size=50),
)
def test_no_name_or_number_stays_in_what_is_told(name: str, phone: str, before: str, after: str) -> None:
    record = {"number": "N", "accepted_at": "2026-10-03 10:00", "caller": name, "phone": phone,
              "title": f"{before}{name}，{phone}{after}", "content": f"{after} {phone} {before} {name}"}  # fmt: skip
    found = orders.check(record, Mapped(), WORDS, RULES, "s", "1")
    text = json.dumps(
        [r.as_dict() for r in found] if isinstance(found, list) else dict(found.event), ensure_ascii=False
    )
    assert phone not in text
    assert name not in text
    assert phone not in orders.redacted(record, Mapped())
    assert name not in orders.redacted(record, Mapped())


def test_text_that_is_no_unicode_is_not_kept_as_such() -> None:
    record = {
        "number": "N",
        "accepted_at": "2026-10-03 10:00",
        "title": "a\ud800",
        "caller": "b\ud800",
        "phone": "\ud800",
    }
    found = orders.check(record, Mapped(), WORDS, RULES, "s", "1")
    assert isinstance(found, orders.Order)
    assert found.event["title"] == "a?"
    orders.redacted(record, Mapped()).encode()


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from([*orders.FIELDS, "x"]), ANY))
def test_any_record_is_an_order_or_reasons(record: dict[str, Any]) -> None:
    found = orders.check(record, Mapped(), WORDS, RULES, "s", "1")
    assert isinstance(found, orders.Order) or (found and all(r.code for r in found))
    json.loads(orders.redacted(record, Mapped()))


@pytest.mark.parametrize(("name", "masked"), [("张三", "张*"), ("欧阳娜娜", "欧***"), ("李", "*"), ("", "")])
def test_names_are_masked(name: str, masked: str) -> None:
    assert orders.mask_name(name) == masked


@given(st.dictionaries(st.text(), st.text()), st.text(st.characters(exclude_categories=("Cs",))))
def test_what_is_sealed_opens_where_it_belongs_only(values: dict[str, str], record: str) -> None:
    sealer = Sealer(b"k" * 32, "caller")
    sealed = sealer.seal(values, record)
    assert sealer.open(sealed, record) == values
    assert sealer.seal(values, record) != sealed, "a nonce of its own"
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    others = (Sealer(b"j" * 32, "caller"), Sealer(b"k" * 32, "x"))
    tries = [(sealer, sealed, record + "x"), (sealer, changed, record), (sealer, b"short", record)]
    for key, what, where in [*tries, *((o, sealed, record) for o in others)]:
        with pytest.raises(ConfigError):
            key.open(what, where)
