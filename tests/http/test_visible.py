"""What the screens show of outbound, callers, notices and the chain: masked, by right, and told by the feed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.tokens import create_token
from ioc.cases.work import Actor, Cases
from ioc.clock import FixedClock
from ioc.scope import SYSTEM
from ioc.services_live import LiveServices
from ioc.settings import Settings
from ioc.store import deliveries, notices
from ioc.store.deliveries import Delivery
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN
from tests.http.world import World
from tests.store.test_chain import link
from tests.store.test_observations import rows

pytestmark = pytest.mark.http
SignIn = Callable[[str], FlaskClient]
NAME, PHONE = "陈小姐", "13600002222"


@pytest.fixture
def services(server: flask.Flask, application: Any) -> LiveServices:
    return application.state.deps.services


@pytest.fixture
def order(server: flask.Flask, accounts: Accounts, world: World) -> int:
    """A 12345 order; the number of its case."""
    token = create_token(
        accounts, "12345", ["events:write"], Grant(whole=True, sensitivity=2), by="t", source="hotline"
    )
    body = {"工单编号": "H-1", "受理时间": "2026-10-03 14:05", "诉求人": NAME, "联系电话": PHONE, "标题": "路灯不亮",
            "内容": f"{NAME}（{PHONE}）说看不见路", "行政区划码": small.NEAR_TOWN}  # fmt: skip
    answer = server.test_client().post(
        "/api/v1/hotline", json={"orders": [body]}, headers={"Authorization": f"Bearer {token}"}
    )
    (result,) = answer.get_json()["results"]
    assert result["state"] == "created", result
    return int(result["case_id"])


def test_a_caller_is_masked_in_the_panel_and_plain_only_with_a_purpose(
    db: Database, services: LiveServices, sign_in: SignIn, order: int
) -> None:
    panel = services.detail(SYSTEM, f"case:{order}")
    assert panel["callers"] == [{"name": "陈**", "phone": "136****2222", "sealed": True, "source_id": "H-1"}]
    assert panel["may_call"] is True
    chief = sign_in("chief")
    page = chief.get(f"/desk/events?sel=case:{order}").get_data(as_text=True)
    assert "136****2222" in page
    assert PHONE not in page
    assert NAME not in page
    assert "data-caller=" in page
    assert chief.post(f"/api/v1/callers/case:{order}", json={"purpose": ""}, headers=ORIGIN).status_code == 422
    assert rows(db, "SELECT 1 FROM audit WHERE action = 'caller.view'") == []
    answer = chief.post(f"/api/v1/callers/case:{order}", json={"purpose": "回访核实"}, headers=ORIGIN)
    (caller,) = answer.get_json()["callers"]
    assert (caller["caller"], caller["phone"], answer.headers["Cache-Control"]) == (NAME, PHONE, "no-store")
    (said,) = rows(db, "SELECT actor, detail->>'purpose' AS why FROM audit WHERE action = 'caller.view'")
    assert said == {"actor": "chief", "why": "回访核实"}


def test_without_the_right_there_is_no_button(services: LiveServices, order: int) -> None:
    from ioc.screens.state import View
    from ioc.screens.told import callers
    from tests.unit.test_screens_pages import walk

    panel = services.detail(SYSTEM, f"case:{order}")
    view = View("zh", services.now(), dt.UTC)  # type: ignore[arg-type]

    def buttons(detail: Any) -> list[str]:
        return [str(vars(c)["data-caller"]) for c in walk(callers(detail, view)) if "data-caller" in vars(c)]

    assert buttons(panel) == [f"case:{order}"]
    assert buttons({**panel, "may_call": False}) == []
    masked_only = [{**c, "sealed": False} for c in panel["callers"]]
    assert buttons({**panel, "callers": masked_only}) == []
    assert callers({**panel, "callers": []}, view) is None


def test_a_timeline_says_which_link_a_step_is(
    db: Database, settings: Settings, clock: FixedClock, services: LiveServices, order: int
) -> None:
    cases = Cases(db.store, clock, settings.area_buffer_m, settings.tz)
    todo = cases.todo(Actor(SYSTEM, "何敏仪"), order)
    assert todo is not None
    version = todo["version"]
    cases.take(Actor(SYSTEM, "何敏仪"), order, "forward", {"department": "住建局"}, version)
    before = services.detail(SYSTEM, f"case:{order}")["history"]
    assert [e for e in before if "chain" in e] == [], "nothing is linked before the linker came by"
    assert link(db, clock.now()) > 0
    history = services.detail(SYSTEM, f"case:{order}")["history"]
    linked = {r["seq"] for r in rows(db, "SELECT seq FROM chain WHERE table_name IN ('case_step', 'case_history')")}
    marks = [e["chain"]["no"] for e in history if "chain" in e]
    assert marks
    assert set(marks) <= linked
    with db.store.scoped(SYSTEM) as conn, pytest.raises(Exception, match="permission denied"):
        conn.execute("SELECT * FROM chain")


def test_who_was_told_is_in_the_panel_with_rates_and_the_unread(
    db: Database, clock: FixedClock, services: LiveServices, order: int
) -> None:
    with db.store.scoped(SYSTEM) as conn:
        conn.execute("DELETE FROM notice")
        for ref in ("chief", "town"):
            notices.put(conn, notices.Notice(f"n-{ref}", "case.urge", "account", ref, "催办", about=f"case:{order}"),
                        clock.now())  # fmt: skip
        conn.execute("UPDATE notice SET read_at = %s WHERE to_ref = 'town'", (clock.now(),))
    told = services.detail(SYSTEM, f"case:{order}")["told"]
    assert (told["total"], told["read_rate"], told["unread"]) == (2, 0.5, ["chief"])
    assert [a["state"] for a in told["addressees"]] == ["waiting", "read"]


def test_the_feed_says_that_a_notice_came_and_nothing_of_it(db: Database, clock: FixedClock, world: World) -> None:
    notice = notices.Notice("k", "case.urge", "account", "chief", "催办：陈小姐", about="case:1")
    with db.store.scoped(SYSTEM) as conn:
        notices.put(conn, notice, clock.now())
        notices.put(conn, notice, clock.now())
    (fed,) = rows(db, "SELECT payload, entity_id, region_id FROM outbox WHERE topic = 'notice'")
    assert fed == {"payload": {}, "entity_id": "", "region_id": None}


def letters(db: Database, clock: FixedClock) -> list[int]:
    """Three dead letters by two channels, one delivery that waits."""
    out: list[int] = []
    with db.store.scoped(SYSTEM) as conn:
        for key in ("sms", "hook"):
            conn.execute(
                "INSERT INTO source (source_key, kind, title, state, interval_s, last_seen_at, enabled)"
                " VALUES (%s, 'outbound', %s, 'live', 600, %s, true)",
                (f"out-{key}", key.upper(), clock.now()),
            )
        for n, (channel, state) in enumerate(
            [("sms", "dead"), ("sms", "no_address"), ("hook", "dead"), ("hook", "waiting")]
        ):
            number = deliveries.put(conn, Delivery(f"d{n}", channel, due_at=clock.now()), clock.now())
            assert number is not None
            conn.execute("UPDATE delivery SET state = %s, error = '拒收' WHERE delivery_id = %s", (state, number))
            out.append(number)
    return out


def test_channels_and_dead_letters_are_shown_and_resent_one_or_all(
    db: Database, clock: FixedClock, sign_in: SignIn
) -> None:
    made = letters(db, clock)
    chief = sign_in("chief")
    page = chief.get("/desk/data?tab=outbound").get_data(as_text=True)
    assert "未送达的消息" in page
    assert "拒收" in page
    assert page.count("data-resend=") == 3 + 2, "one a letter, one a channel that has some"
    shown = {c["key"]: (c["queue"], c["dead"], c["no_address"])
             for c in chief.get("/api/v1/deliveries/channels").get_json()["channels"]}  # fmt: skip
    assert shown == {"sms": (0, 1, 1), "hook": (1, 1, 0)}

    def resend(body: Any) -> Any:
        return chief.post("/api/v1/deliveries/resend", data=json.dumps(body),
                          headers={**ORIGIN, "Content-Type": "application/json"})  # fmt: skip

    assert resend({"channel": "sms", "delivery_ids": [made[2]]}).status_code == 422
    assert resend({}).status_code == 422
    assert resend({"channel": "sms"}).get_json() == {"resent": made[:2]}
    assert resend({"delivery_ids": [made[2]]}).get_json() == {"resent": [made[2]]}
    left = rows(db, "SELECT DISTINCT state FROM delivery")
    assert left == [{"state": "waiting"}]
    assert len(rows(db, "SELECT 1 FROM audit WHERE action = 'delivery.resend'")) == 2


def test_outbound_is_for_who_manages_notifications(db: Database, clock: FixedClock, sign_in: SignIn) -> None:
    letters(db, clock)
    town = sign_in("town")
    page = town.get("/desk/data?tab=outbound").get_data(as_text=True)
    assert "notify.manage" in page
    assert "拒收" not in page
    assert town.get("/api/v1/deliveries/channels").status_code == 403


def test_lower_centres_stand_apart(db: Database, clock: FixedClock, services: LiveServices, sign_in: SignIn) -> None:
    before = services.counts(SYSTEM, "")
    record = {"title": "县里的井盖", "number": "X-1", "place": "县城", "stage_text": {"zh": "处置", "en": "doing"}}
    with db.store.scoped(SYSTEM) as conn:
        conn.execute(
            "INSERT INTO lower_centre (centre_key, title, url, region_id, updated_at)"
            " SELECT 'x', '阳西县指挥中心', 'https://x', region_id, %s FROM region WHERE code = %s",
            (clock.now(), small.NEAR_TOWN),
        )
        conn.execute(
            "INSERT INTO lower_record (centre_key, key, kind, version, closed, record, region_id, received_at)"
            " SELECT 'x', 'case:9', 'case', 1, false, %s, region_id, %s FROM region WHERE code = %s",
            (json.dumps(record), clock.now(), small.NEAR_TOWN),
        )
    found = services.lower(SYSTEM, "")
    assert [(r["centre"], r["record"]["number"]) for r in found["rows"]] == [("阳西县指挥中心", "X-1")]
    page = sign_in("chief").get("/desk/data?tab=lower").get_data(as_text=True)
    assert page.count("阳西县指挥中心") >= 2, "on the card and on the row"
    assert "县里的井盖" in page
    assert services.counts(SYSTEM, "") == before
    assert all(r["number"] != "X-1" for r in services.worklist(SYSTEM, ""))
