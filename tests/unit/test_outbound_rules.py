"""Back-off, circuits, states, quiet hours, templates, signatures, and a configuration that says its faults."""

from __future__ import annotations

import datetime as dt
import json
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.errors import ConfigError
from ioc.outbound import plan, rules, template
from ioc.outbound.config import Channel, load
from ioc.outbound.send import sign, verify
from ioc.settings import Settings

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
TZ = ZoneInfo("Asia/Shanghai")
TIMES = st.times(timezones=st.none()).map(lambda t: t.replace(microsecond=0))


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_backoff_grows_to_half_an_hour_and_no_further(tries: int, share: float) -> None:
    wait = rules.backoff_s(tries, share)
    full = min(1800.0, 10.0 * 2.0 ** min(tries - 1, 20))
    assert full / 2 <= wait <= full


@given(st.lists(st.booleans(), max_size=40))
def test_a_circuit_opens_after_five_failures_in_a_row_and_closes_with_one_success(answers: list[bool]) -> None:
    circuit, now, row = rules.Circuit(), NOW, 0
    for well in answers:
        now = max(now, circuit.open_until or now)  # it is asked again only when its rest is over
        circuit = circuit.after(well, now)
        row = 0 if well else row + 1
        assert circuit.resting(now) == (row >= 5)
        assert circuit.open_until is None or 30 <= (circuit.open_until - now).total_seconds() <= 600


@given(st.lists(st.sampled_from(["delivered", "read", "dead"]), max_size=12))
def test_no_receipt_takes_back_a_better_one(told: list[Any]) -> None:
    state: Any = "submitted"
    for word in told:
        after = rules.advance(state, word)
        if after is not None:
            state = after
    best = "read" if "read" in told else "delivered" if "delivered" in told else "dead" if told else "submitted"
    assert state == best
    assert rules.advance("no_address", "read") is None


@given(st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2027, 1, 1)), TIMES, TIMES)
def test_quiet_hours_end_outside_themselves_and_soon(at: dt.datetime, start: dt.time, end: dt.time) -> None:
    now = at.replace(tzinfo=dt.UTC)
    until = rules.quiet_until(now, TZ, start, end)
    assert dt.timedelta(0) <= until - now <= dt.timedelta(days=1)
    assert rules.quiet_until(until, TZ, start, end) == until
    if until != now:
        assert until.astimezone(TZ).time() == end


def test_quiet_hours_over_midnight() -> None:
    night = dt.datetime(2026, 10, 3, 23, 30, tzinfo=TZ)
    until = rules.quiet_until(night, TZ, dt.time(22), dt.time(7))
    assert until.astimezone(TZ) == dt.datetime(2026, 10, 4, 7, 0, tzinfo=TZ)
    assert rules.quiet_until(until - dt.timedelta(hours=1), TZ, dt.time(22), dt.time(7)) == until
    assert rules.quiet_until(until, TZ, dt.time(22), dt.time(7)) == until


@given(st.text(), st.text())
def test_no_value_leaves_its_place_in_a_body(title: str, body: str) -> None:
    shape = {"text": {"content": "${title}：${body}"}, "n": 3, "list": ["${title}"], "x": None}
    filled = json.loads(json.dumps(template.fill(shape, {"title": title, "body": body})))
    assert filled == {"text": {"content": f"{title}：{body}"}, "n": 3, "list": [title], "x": None}


def test_finding_in_answers() -> None:
    body = {"data": [{"id": 7}], "ok": True}
    assert template.word(template.find(body, "data.0.id")) == "7"
    assert template.find(body, "data.1.id") is None
    assert template.find(body, "ok.x") is None
    assert template.word(template.find(body, "ok")) == "true"


def test_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification's libraries (standard-webhooks 1.0)."""
    secret, when = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "1614265330"
    body = b'{"test": 2432232314}'
    signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", when, body) == signature
    told = ("msg_p5jXN8AQM9LWM0D4loKWxJek", when, body)
    assert verify(secret, *told, f"v1,other {signature}", 1614265330.0 + 299)
    assert not verify(secret, *told, signature, 1614265330.0 + 301)
    assert not verify(secret, *told[:2], body + b" ", signature, 1614265330.0)
    assert not verify(secret, "", when, body, signature, 1614265330.0)
    assert not verify(secret, told[0], "x", body, signature, 1614265330.0)


def test_the_documented_receiver_takes_what_we_sign_and_nothing_else() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/outbound.md").read_text("utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)
    stamp = str(int(time.time()))
    head = {"webhook-id": "notice-1-hook", "webhook-timestamp": stamp}
    for secret in ("geheim", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"):
        head["webhook-signature"] = sign(secret, "notice-1-hook", stamp, b"{}")
        assert names["genuine"](secret, head, b"{}")
        assert not names["genuine"](secret, head, b"{} ")
        assert not names["genuine"](secret, head | {"webhook-timestamp": "1614265330"}, b"{}")


def test_the_documented_configuration_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/outbound.md").read_text("utf-8")
    blocks = [b.split("```")[0] for b in page.split("```toml\n")[1:]]
    found = _load(tmp_path, "\n".join(blocks))
    assert list(found.channels) == ["sms", "messenger", "mail", "hook", "hotline-back"]


@pytest.mark.parametrize(("address", "shown"), [("13812345678", "138****5678"), ("zhang@x.cn", "z***@x.cn"),
                                                ("1234", "****"), ("", "")])  # fmt: skip
def test_addresses_are_masked(address: str, shown: str) -> None:
    assert rules.masked(address) == shown


GOOD = """
contacts = "contacts.csv"
[quiet]
start = 22:00:00
end = 07:00:00
[[channel]]
key = "sms"
kind = "http"
title = "短信"
address = "phone"
request = {url = "https://sms.example/send", body = {to = "${address}", text = "${title}", pass = "${secret.pass}"}}
secrets = {pass = "env:SMS_PASS"}
[[route]]
channel = "sms"
kinds = ["case.*"]
[[contact]]
kind = "department"
ref = "城管局"
addresses = {phone = "0662-1234567"}
"""


def _load(tmp_path: Path, text: str, contacts: str = "kind,ref,phone\naccount,grid1,13800000001\n") -> Any:
    (tmp_path / "outbound.toml").write_text(text, "utf-8")
    (tmp_path / "contacts.csv").write_text(contacts, "utf-8")
    return load(Settings(data_dir=tmp_path))


def test_a_configuration_and_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "ioc.env").write_text("SMS_PASS=geheim\n", "utf-8")
    found = _load(tmp_path, GOOD)
    channel = found.channels["sms"]
    assert found.secret("env:SMS_PASS") == "geheim"
    assert "geheim" not in repr(found)
    assert found.address(channel, "account", "grid1") == "13800000001"
    assert found.address(channel, "department", "城管局") == "0662-1234567"
    assert found.address(channel, "person", "老王", "13900000002") == "13900000002"
    with pytest.raises(ConfigError, match="NICHT"):
        found.secret("env:NICHT")
    with pytest.raises(ConfigError):
        found.secret("file:none")


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("https://sms.example/send", "http://sms.example/send", "plain = true"),
        ("https://sms.example/send", "https://${title}.example/send", "fixed http"),
        ("https://sms.example/send", "https://a@sms.example/", "fixed http"),
        ("${title}", "${nonsense}", "nonsense"),
        ('channel = "sms"\nkinds', 'channel = "other"\nkinds', "no such channel"),
        ("env:SMS_PASS", "hunter2", "secrets.pass"),
        ('kind = "http"', 'kind = "webhook"', "needs a secret"),
        ('kind = "http"', 'kind = "email"', "email needs"),
        ('title = "短信"', 'titel = "短信"', "titel"),
        ("[quiet]", "[quiet", "outbound.toml"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    assert was in GOOD
    with pytest.raises(ConfigError) as e:
        _load(tmp_path, GOOD.replace(was, becomes))
    assert said in str(e.value)
    assert "hunter2" not in str(e.value)


def test_contacts_with_a_bad_row_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="第 2 行"):
        _load(tmp_path, GOOD, "kind,ref,phone\nnobody,x,1\n")


def _notice(**more: Any) -> dict[str, Any]:
    row = {"notice_id": 5, "kind": "case.assigned", "priority": "high", "to_kind": "account", "to_ref": "grid1",
           "phone": "", "title": "派遣", "title_en": "", "origin": "real", "exercise": False, "created_at": NOW,
           "region_id": 3, "private_to": None, "sensitivity": 1}  # fmt: skip
    return row | more


def test_routes_by_kind_priority_and_hour(tmp_path: Path) -> None:
    outbound = _load(tmp_path, GOOD)
    night = dt.datetime(2026, 10, 3, 23, 0, tzinfo=TZ).astimezone(dt.UTC)

    def planned(at: dt.datetime, **more: Any) -> list[Any]:
        return plan.of_notice(outbound, _notice(created_at=at, **more), at, TZ)

    (one,) = planned(NOW)
    assert (one.key, one.state, one.due_at, one.masked, one.region_id) == (
        "notice-5-sms", "waiting", NOW, "138****0001", 3)  # fmt: skip
    assert planned(NOW, kind="alarm.raised") == []
    (held,) = planned(night)
    assert held.due_at.astimezone(TZ) == dt.datetime(2026, 10, 4, 7, tzinfo=TZ)
    (urgent,) = planned(night, priority="urgent")
    assert (urgent.due_at, urgent.urgent) == (night, True)
    (unknown,) = planned(NOW, to_ref="grid2")
    assert unknown.state == "no_address"


@pytest.mark.parametrize("more", [{"origin": "demo"}, {"exercise": True}, {"title": "【演练】派遣"},
                                  {"created_at": NOW - dt.timedelta(hours=2)}])  # fmt: skip
def test_demo_exercise_and_old_notices_stay_here(tmp_path: Path, more: dict[str, Any]) -> None:
    assert plan.of_notice(_load(tmp_path, GOOD), _notice(**more), NOW, TZ) == []


def test_two_routes_by_one_channel_make_one_delivery(tmp_path: Path) -> None:
    twice = GOOD + '[[route]]\nchannel = "sms"\nquiet = false\n'
    night = dt.datetime(2026, 10, 3, 23, 0, tzinfo=TZ).astimezone(dt.UTC)
    (one,) = plan.of_notice(_load(tmp_path, twice), _notice(created_at=night), night, TZ)
    assert one.due_at == night


def test_channel_calls_are_listed() -> None:
    made: dict[str, Any] = {"key": "x", "kind": "http", "title": "x", "request": {"url": "https://a.example/"}}
    assert [c.url for c in Channel(**made).calls()] == ["https://a.example/"]
