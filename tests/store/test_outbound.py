"""Outbound against real servers on loopback: at least once, one key, one holder, and no channel waits for another."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import email
import email.policy
import hashlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ioc.cases.work import Actor, Cases
from ioc.clock import FixedClock, SystemClock
from ioc.outbound import worker
from ioc.outbound.config import Outbound, load
from ioc.outbound.send import verify
from ioc.outbound.worker import Lane, Planner, receive
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import deliveries, notices
from tests.conftest import NOW, Database
from tests.far_end import Answer, FarEnd, Got, MailBox, far_end, mail_server
from tests.store import world as small

pytestmark = pytest.mark.store

CHANNELS = """
[[channel]]
key = "hook"
kind = "webhook"
title = "联动平台"
plain = true
timeout_s = 0.5
request = {{url = "{url}/hook"}}
secret = "env:HOOK"
most_tries = 4
[[channel]]
key = "sms"
kind = "http"
title = "短信"
plain = true
address = "phone"
secrets = {{pass = "env:SMS"}}
answer = {{id = "data.msgId", code = "code", ok = ["0"], retry = ["BUSY"]}}
computed = {{sum = {{hash = "md5", of = "${{address}}${{secret.pass}}"}}}}
[channel.request]
url = "{url}/sms?to=${{address}}"
body = {{mobile = "${{address}}", text = "${{title}}", sign = "${{computed.sum}}"}}
[channel.status]
url = "{url}/state?id=${{far_id}}"
method = "GET"
state = "state"
delivered = ["DELIVRD"]
failed = ["UNDELIV"]
[[channel]]
key = "mail"
kind = "email"
title = "邮件"
address = "email"
host = "127.0.0.1"
port = {port}
tls = "none"
plain = true
sender = "ioc@centre.example"
[[channel]]
key = "back"
kind = "http"
title = "12345 回传"
plain = true
answer = {{relogin = ["40014"], code = "errcode", ok = ["0"]}}
login = {{url = "{url}/token", method = "GET", token = "access_token", expires = "expires_in"}}
[channel.request]
url = "{url}/back?access_token=${{token}}"
body = {{no = "${{source_id}}", s = "${{say}}", r = "${{result}}"}}
[[writeback]]
source = "hotline"
channel = "back"
steps = {{sign = "已签收", finish = "已办理"}}
[[contact]]
kind = "account"
ref = "grid1"
addresses = {{phone = "13800000001", email = "grid1@centre.example"}}
"""
ROUTE = '[[route]]\nchannel = "{0}"\n'


@pytest.fixture
def far() -> Iterator[FarEnd]:
    with far_end() as found:
        yield found


@pytest.fixture
def box() -> Iterator[MailBox]:
    with mail_server() as found:
        yield found


class Rig:
    """One installation: its file, a planner and a lane a channel. Chance is fixed at its mean."""

    def __init__(self, db: Database, settings: Settings, clock: FixedClock, far: FarEnd, box: MailBox) -> None:
        self.db, self.settings, self.clock, self.far, self.box = db, settings, clock, far, box
        settings.root.mkdir(parents=True, exist_ok=True)
        (settings.root / "ioc.env").write_text("HOOK=geheim\nSMS=wort\n", "utf-8")

    def outbound(self, *routes: str) -> Outbound:
        text = CHANNELS.format(url=self.far.url, port=self.box.port) + "".join(ROUTE.format(r) for r in routes)
        (self.settings.root / "outbound.toml").write_text(text, "utf-8")
        return load(self.settings)

    def planner(self, *routes: str) -> Planner:
        return Planner(self.db.store, self.outbound(*routes), self.clock, self.settings.tz)

    def lane(self, key: str) -> Lane:
        outbound = self.outbound()
        lane = Lane(self.db.store, outbound, outbound.channels[key], self.clock, chance=lambda: 1.0)
        lane.register()
        return lane

    def tell(self, key: str = "k1", **more: Any) -> None:
        values: dict[str, Any] = {
            "kind": "case.assigned",
            "to_kind": "account",
            "to_ref": "grid1",
            "title": "派遣：井盖缺失",
        }
        with self.db.store.scoped(SYSTEM) as conn:
            notices.put(conn, notices.Notice(key, **{**values, **more}), self.clock.now())

    def rows(self, query: str = "SELECT * FROM delivery ORDER BY delivery_id") -> list[dict[str, Any]]:
        with self.db.owner() as conn:
            return conn.execute(query).fetchall()  # pyright: ignore


@pytest.fixture
def rig(db: Database, settings: Settings, clock: FixedClock, far: FarEnd, box: MailBox) -> Rig:
    return Rig(db, settings, clock, far, box)


def test_a_webhook_is_signed_and_sent_once(rig: Rig) -> None:
    rig.tell()
    planner = rig.planner("hook")
    assert (planner.turn(), planner.turn()) == (1, 0)
    lane = rig.lane("hook")
    assert (lane.turn(), lane.turn()) == (True, False)
    (got,) = rig.far.got
    (row,) = rig.rows()
    assert (row["state"], row["tries"]) == ("submitted", 1)
    head = got.headers
    assert (head["webhook-id"], head["idempotency-key"]) == (row["key"], row["key"])
    assert verify("geheim", head["webhook-id"], head["webhook-timestamp"], got.body, head["webhook-signature"],
                  NOW.timestamp())  # fmt: skip
    assert (got.json["title"], got.json["to"], got.json["key"]) == ("派遣：井盖缺失", "grid1", row["key"])
    assert "geheim" not in got.body.decode()


def test_who_dies_between_sending_and_recording_sends_again_under_the_same_key(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.tell()
    rig.planner("hook").turn()
    first = rig.lane("hook")

    def killed(row: Any, out: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(first, "_record", killed)
    with pytest.raises(SystemExit):
        first.turn()
    second = rig.lane("hook")
    assert not second.turn(), "the lease still holds"
    rig.clock.advance(3600)
    assert second.turn()
    keys = [g.headers["idempotency-key"] for g in rig.far.got]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert [(r["state"], r["tries"]) for r in rig.rows()] == [("submitted", 2)]


CHILD = """
import datetime as dt, sys
from ioc.clock import FixedClock
from ioc.outbound.config import load
from ioc.outbound.worker import Lane
from ioc.settings import Settings
from ioc.store import Store
outbound = load(Settings(data_dir=sys.argv[1]))
clock = FixedClock(dt.datetime.fromisoformat(sys.argv[3]))
Lane(Store(sys.argv[2], size=2), outbound, outbound.channels["hook"], clock).turn()
"""


def test_a_process_that_is_killed_while_the_far_end_has_it(rig: Rig) -> None:
    """SIGKILL after the far end has taken the message, before anything is recorded."""
    rig.tell()
    rig.planner("hook").turn()
    arguments = [str(rig.settings.root), rig.db.dsn_app, rig.clock.now().isoformat()]
    child: list[subprocess.Popen[bytes]] = []
    started = threading.Event()

    def kill(got: Got) -> Answer:
        assert started.wait(30)
        child[0].kill()
        child[0].wait(30)
        raise ConnectionAbortedError

    rig.far.answer = kill
    child.append(subprocess.Popen([sys.executable, "-c", CHILD, *arguments], cwd=Path(__file__).parents[2]))
    started.set()
    assert child[0].wait(60) == -signal.SIGKILL
    assert [(r["state"], r["tries"]) for r in rig.rows()] == [("sending", 1)]
    rig.far.answer = lambda got: (200, {}, b"")
    lane = rig.lane("hook")
    assert not lane.turn()
    rig.clock.advance(3600)
    assert lane.turn()
    assert [(r["state"], r["tries"]) for r in rig.rows()] == [("submitted", 2)]
    assert len(rig.far.got) == 2
    assert len({g.headers["webhook-id"] for g in rig.far.got}) == 1


def test_a_late_record_of_a_lost_lease_changes_nothing(rig: Rig) -> None:
    rig.tell()
    rig.planner("hook").turn()
    with rig.db.store.scoped(SYSTEM) as conn:
        row = deliveries.claim(conn, "hook", "one", rig.clock.now(), 10)
        assert row is not None
        assert deliveries.claim(conn, "hook", "two", rig.clock.now(), 10) is None
        later = rig.clock.now() + dt.timedelta(seconds=11)
        assert deliveries.claim(conn, "hook", "two", later, 10) is not None
        assert deliveries.settle(conn, row["delivery_id"], "one", later, state="dead") is None
        assert deliveries.settle(conn, row["delivery_id"], "two", later, state="submitted") is not None
    assert rig.rows()[0]["state"] == "submitted"


def test_many_holders_send_each_once(rig: Rig) -> None:
    for i in range(30):
        rig.tell(f"k{i}")
    assert rig.planner("hook").turn() == 30
    lanes = [rig.lane("hook") for _ in range(6)]

    def work(lane: Lane) -> int:
        done = 0
        while lane.turn():
            done += 1
        return done

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, lanes)) == 30
    assert len({g.headers["idempotency-key"] for g in rig.far.got}) == 30 == len(rig.far.got)


def test_two_planners_at_once_make_each_delivery_once(rig: Rig) -> None:
    for i in range(40):
        rig.tell(f"k{i}")
    planners = [rig.planner("hook", "sms") for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda p: p.turn(), planners))
    made += [p.turn() for p in planners]
    assert sum(made) == 80 == len(rig.rows())


def _status(code: int, **headers: str) -> Any:
    return lambda got: (code, headers, b"oops")


def test_500s_back_off_and_end_as_a_dead_letter_that_can_be_sent_again(rig: Rig) -> None:
    rig.tell()
    rig.planner("hook").turn()
    rig.far.answer = _status(503)
    lane = rig.lane("hook")
    waits: list[float] = []
    for _ in range(4):
        assert lane.turn()
        (row,) = rig.rows()
        waits.append((row["due_at"] - rig.clock.now()).total_seconds())
        assert not lane.turn(), "not before it is due"
        rig.clock.advance(waits[-1] + 1)
    assert waits[:3] == [10, 20, 40]
    assert (row["state"], row["error_en"]) == ("dead", "answered 503")
    with rig.db.store.scoped(SYSTEM) as conn:
        assert len(deliveries.listed(conn, ["dead"], "", 10)) == 1
        assert deliveries.resend(conn, [row["delivery_id"]], "chief", rig.clock.now()) == [row["delivery_id"]]
        assert deliveries.resend(conn, [row["delivery_id"]], "chief", rig.clock.now()) == []
    rig.far.answer = lambda got: (200, {}, b"")
    assert lane.turn()
    assert rig.rows()[0]["state"] == "submitted"
    assert len({g.headers["webhook-id"] for g in rig.far.got}) == 1
    tries = [t["what"] for t in rig.rows("SELECT * FROM delivery_try ORDER BY at, recorded_at")]
    assert tries == ["retry", "retry", "retry", "dead", "resent", "submitted"]


@pytest.mark.parametrize(("status", "state"), [(400, "dead"), (410, "dead"), (302, "waiting"), (429, "waiting")])
def test_what_is_refused_for_good_and_what_is_not(rig: Rig, status: int, state: str) -> None:
    rig.tell()
    rig.planner("hook").turn()
    rig.far.answer = _status(status, Location=f"{rig.far.url}/elsewhere", **{"Retry-After": "900"})
    rig.lane("hook").turn()
    (row,) = rig.rows()
    assert row["state"] == state
    assert [g.path for g in rig.far.got] == ["/hook"], "a redirect is not followed"
    if state == "waiting":
        assert (row["due_at"] - rig.clock.now()).total_seconds() == 900


def test_a_far_end_that_hangs_is_given_up_in_time(rig: Rig) -> None:
    rig.tell()
    rig.planner("hook").turn()
    gone = threading.Event()

    def hang(got: Got) -> Answer:
        gone.wait(20)
        return 200, {}, b""

    rig.far.answer = hang
    began = time.monotonic()
    rig.lane("hook").turn()
    gone.set()
    assert time.monotonic() - began < 10
    (row,) = rig.rows()
    assert (row["state"], row["error_en"]) == ("waiting", "127.0.0.1 cannot be reached (ReadTimeout)")


def test_five_failures_rest_the_channel_and_its_source_says_so(rig: Rig) -> None:
    for i in range(8):
        rig.tell(f"k{i}")
    rig.planner("hook").turn()
    rig.far.answer = _status(500)
    lane = rig.lane("hook")
    assert [lane.turn() for _ in range(7)] == [True] * 5 + [False] * 2
    assert len(rig.far.got) == 5
    (source,) = rig.rows("SELECT * FROM source WHERE source_key = 'out-hook'")
    assert (source["state"], source["error_en"], source["title"]) == ("error", "answered 500", "联动平台")
    rig.clock.advance(31)
    rig.far.answer = lambda got: (200, {}, b"")
    while lane.turn():
        pass
    rig.clock.advance(60)
    while lane.turn():
        pass
    assert {r["state"] for r in rig.rows()} == {"submitted"}
    (source,) = rig.rows("SELECT * FROM source WHERE source_key = 'out-hook'")
    assert (source["state"], source["error_code"], source["stored"]) == ("live", "", 8)


def test_a_gateway_as_declared_with_its_state_asked_for(rig: Rig) -> None:
    rig.tell(title='引号 " 与 & 号')
    rig.planner("sms").turn()
    rig.far.answer = lambda got: (200, {}, b'{"code": 0, "data": {"msgId": 991}}')
    lane = rig.lane("sms")
    assert lane.turn()
    (got,) = rig.far.got
    assert got.path == "/sms?to=13800000001"
    assert got.json == {
        "mobile": "13800000001",
        "text": '引号 " 与 & 号',
        "sign": hashlib.md5(b"13800000001wort").hexdigest(),
    }
    (row,) = rig.rows()
    assert (row["state"], row["far_id"], row["masked"]) == ("submitted", "991", "138****0001")
    assert not lane.turn(), "not asked before its time"
    rig.clock.advance(61)
    rig.far.answer = lambda got: (200, {}, b'{"state": "ACCEPTD"}')
    assert lane.turn()
    assert rig.far.got[-1].path == "/state?id=991"
    assert rig.rows()[0]["state"] == "submitted"
    rig.clock.advance(61)
    rig.far.answer = lambda got: (200, {}, b'{"state": "DELIVRD"}')
    assert lane.turn()
    (row,) = rig.rows()
    assert (row["state"], row["delivered_at"], row["poll_at"]) == ("delivered", rig.clock.now(), None)


def test_nothing_of_a_secret_or_an_address_is_stored(rig: Rig) -> None:
    rig.tell()
    rig.planner("sms").turn()
    rig.far.answer = lambda got: (200, {}, b'{"code": "E1"}')
    rig.lane("sms").turn()
    rig.far.answer = _status(500)
    text = json.dumps(
        [rig.rows(), rig.rows("SELECT * FROM delivery_try"), rig.rows("SELECT * FROM source")], default=str
    )
    assert "13800000001" not in text
    assert "wort" not in text
    assert rig.rows()[0]["error_en"] == "answer code E1"


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (b'{"code": "BUSY"}', "waiting"),
        (b"not json", "waiting"),
        (b'{"code": 7}', "dead"),
        (b"[" * 5000, "waiting"),
        (b'{"code": "\\u0000\\ud800"}', "dead"),
    ],
)
def test_a_200_that_is_no_yes(rig: Rig, body: bytes, state: str) -> None:
    rig.tell()
    rig.planner("sms").turn()
    rig.far.answer = lambda got: (200, {}, body)
    rig.lane("sms").turn()
    assert rig.rows()[0]["state"] == state


def test_without_an_address_nothing_is_sent_and_it_is_seen(rig: Rig) -> None:
    rig.tell(to_ref="nobody")
    rig.tell("k2", to_kind="person", to_ref="老王", phone="13900000009")
    rig.planner("sms").turn()
    states = [(r["state"], r["masked"]) for r in rig.rows()]
    assert states == [("no_address", ""), ("waiting", "139****0009")]


def test_demo_and_exercise_are_never_sent(rig: Rig) -> None:
    rig.tell(origin="demo")
    rig.tell("k2", title="【演练】暴雨橙色预警")
    with rig.db.owner() as conn:
        conn.execute(
            "INSERT INTO warning (warning_id, source, source_id, kind, colour, area, sender, onset_at, exercise)"
            " VALUES (9, 's', 'w', '暴雨', 'orange', '全市', 's', now(), true)"
        )
    rig.tell("k3", about="warning:9")
    planner = rig.planner("hook", "sms")
    assert planner.turn() == 0
    assert {n["routed_at"] for n in rig.rows("SELECT * FROM notice")} == {rig.clock.now()}
    assert rig.rows() == []


def test_e_mail(rig: Rig) -> None:
    rig.tell(body="请于 2 小时内处置", title="派遣\r\nBcc: x@y.z")
    rig.planner("mail").turn()
    lane = rig.lane("mail")
    assert lane.turn()
    (raw,) = rig.box.got
    message: Any = email.message_from_bytes(raw, policy=email.policy.default)
    assert (message["To"], message["From"]) == ("grid1@centre.example", "ioc@centre.example")
    assert (message["Subject"], message["Bcc"]) == ("派遣 Bcc: x@y.z", None)
    assert "请于 2 小时内处置" in message.get_content()
    assert rig.rows()[0]["far_id"] == message["Message-ID"]


@pytest.mark.parametrize(("answer", "state"), [("550 no such user", "dead"), ("451 busy", "waiting")])
def test_e_mail_refused(rig: Rig, answer: str, state: str) -> None:
    rig.box.refuse = answer
    rig.tell()
    rig.planner("mail").turn()
    rig.lane("mail").turn()
    assert rig.rows()[0]["state"] == state


def test_a_mail_server_without_tls_gets_nothing_where_tls_is_asked_for(rig: Rig) -> None:
    rig.tell()
    rig.planner("mail").turn()
    path = rig.settings.root / "outbound.toml"
    text = path.read_text("utf-8").replace('tls = "none"', 'tls = "starttls"')
    path.write_text(text, "utf-8")
    outbound = load(rig.settings)
    lane = Lane(rig.db.store, outbound, outbound.channels["mail"], rig.clock)
    lane.register()
    lane.turn()
    assert rig.rows()[0]["state"] == "waiting"
    assert rig.box.got == []


# ---------------------------------------------------------------- receipts


def _sent(rig: Rig, far_id: str = "991") -> None:
    rig.tell()
    rig.planner("sms").turn()
    rig.far.answer = lambda got: (200, {}, json.dumps({"code": 0, "data": {"msgId": far_id}}).encode())
    rig.lane("sms").turn()


def _receipt(rig: Rig, state: str, far_id: str = "991") -> bool:
    with rig.db.store.scoped(SYSTEM) as conn:
        return receive(conn, "sms", far_id, "", state, "", rig.clock.now(), rig.clock.now())


def test_receipts_move_a_delivery_and_the_inbox_forward_only(rig: Rig) -> None:
    _sent(rig)
    assert _receipt(rig, "read")
    assert _receipt(rig, "delivered")
    assert _receipt(rig, "dead")
    (row,) = rig.rows()
    assert (row["state"], row["read_at"], row["delivered_at"]) == ("read", rig.clock.now(), rig.clock.now())
    (notice,) = rig.rows("SELECT * FROM notice")
    assert (notice["read_at"], notice["read_by"]) == (rig.clock.now(), "channel:sms")


def test_a_receipt_before_our_record_is_not_lost(rig: Rig) -> None:
    assert not _receipt(rig, "delivered")
    _sent(rig)
    assert rig.rows()[0]["state"] == "delivered"


def test_a_receipt_that_says_undelivered_makes_a_dead_letter(rig: Rig) -> None:
    _sent(rig)
    assert _receipt(rig, "dead")
    assert (rig.rows()[0]["state"], rig.rows()[0]["poll_at"]) == ("dead", None)


# ---------------------------------------------------------------- steps go back


@pytest.fixture
def case(rig: Rig) -> int:
    with rig.db.owner() as conn:
        regions = small.build(conn)
        row = conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, region_id, department,"
            " sources)"
            " VALUES ('N1', 'hotline', 'GZ-1', 'hotline', 'forwarded', '路灯不亮', now(), %s, '城管局',"
            ' \'[{"source": "hotline", "source_id": "GZ-1"}, {"source": "hotline", "source_id": "GZ-2"},'
            ' {"source": "grid-app", "source_id": "A9"}]\') RETURNING case_id',
            (regions["331101100201"],),
        ).fetchone()
    assert row
    return int(row["case_id"])


def _step(rig: Rig, case: int, key: str, **given: Any) -> None:
    cases = Cases(rig.db.store, rig.clock)
    version = cases.offered(Actor(SYSTEM, "李嘉欣"), case)["version"]
    cases.take(Actor(SYSTEM, "李嘉欣"), case, key, given, version)


def _token(got: Got) -> Answer:
    if got.path == "/token":
        return 200, {}, b'{"access_token": "T1", "expires_in": 7200}'
    return 200, {}, b'{"errcode": 0}'


def test_steps_go_back_to_every_number_a_case_has_in_order(rig: Rig, case: int) -> None:
    planner = rig.planner()
    _step(rig, case, "urge", text="早于首次运行")
    assert planner.turn() == 0
    rig.clock.advance(1)
    _step(rig, case, "sign")
    rig.clock.advance(1)
    _step(rig, case, "begin")
    _step(rig, case, "finish", result="已更换灯泡")
    rig.clock.advance(1)
    assert planner.turn() == 4
    assert planner.turn() == 0
    lane = rig.lane("back")
    rig.far.answer = _status(500)
    for _ in range(2):
        assert lane.turn()
    assert not lane.turn(), "办理 waits until 签收 is there"
    rig.clock.advance(60)
    rig.far.answer = _token
    while lane.turn():
        pass
    sent = [(g.json["no"], g.json["s"], g.json["r"]) for g in rig.far.got if g.path == "/back?access_token=T1"]
    assert sorted(sent, key=lambda s: s[0]) == [
        ("GZ-1", "已签收", ""),
        ("GZ-1", "已办理", "已更换灯泡"),
        ("GZ-2", "已签收", ""),
        ("GZ-2", "已办理", "已更换灯泡"),
    ]


def test_a_token_that_is_over_is_fetched_again(rig: Rig, case: int) -> None:
    planner = rig.planner()
    planner.turn()
    rig.clock.advance(1)
    _step(rig, case, "sign")
    planner.turn()
    tokens = iter(["old", "new"])

    def answer(got: Got) -> Answer:
        if got.path == "/token":
            return 200, {}, json.dumps({"access_token": next(tokens)}).encode()
        return 200, {}, b'{"errcode": 40014}' if "old" in got.path else b'{"errcode": 0}'

    rig.far.answer = answer
    assert rig.lane("back").turn()
    assert [g.path for g in rig.far.got] == ["/token", "/back?access_token=old", "/token", "/back?access_token=new"]
    assert rig.rows()[0]["state"] == "submitted"


def test_steps_of_demo_cases_stay_here(rig: Rig, case: int) -> None:
    with rig.db.owner() as conn:
        conn.execute("UPDATE cases SET origin = 'demo'")
    planner = rig.planner()
    planner.turn()
    rig.clock.advance(1)
    _step(rig, case, "sign")
    assert planner.turn() == 0


# ---------------------------------------------------------------- the worker's threads


def test_one_dead_far_end_does_not_hold_the_others(rig: Rig, tmp_path: Path) -> None:
    """The whole worker: the webhook hangs, the gateway answers; then the file changes under it."""
    clock = SystemClock()
    gone = threading.Event()

    def answer(got: Got) -> Answer:
        if got.path == "/hook":
            gone.wait(60)
        return 200, {}, b'{"code": 0, "data": {"msgId": 1}}'

    rig.far.answer = answer
    rig.outbound("hook", "sms")
    path = rig.settings.root / "outbound.toml"
    path.write_text(path.read_text("utf-8").replace("timeout_s = 0.5", "timeout_s = 60"), "utf-8")
    with rig.db.store.scoped(SYSTEM) as conn:
        notices.put(conn, notices.Notice("a", "case.assigned", "account", "grid1", "派遣"), clock.now())
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(rig.settings, rig.db.store, clock, stop), daemon=True)
    thread.start()
    try:
        _until(lambda: any(r["channel"] == "sms" and r["state"] == "submitted" for r in rig.rows()))
        assert [r["state"] for r in rig.rows() if r["channel"] == "hook"] in (["waiting"], ["sending"])
    finally:
        gone.set()
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def _until(well: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not well():
        assert time.monotonic() < deadline
        time.sleep(0.05)
