"""The audit log by person, object, action and time: who may look, and that looking is written there too (SEC-07)."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import ioc
from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.i18n import t
from ioc.scope import SYSTEM
from ioc.screens.audit import ACTIONS
from ioc.settings import Settings
from ioc.store.accounts import audit
from tests.conftest import NOW, Database
from tests.http import world as small
from tests.http.conftest import PASSWORD, SignIn

pytestmark = pytest.mark.http


@pytest.fixture
def log(db: Database, accounts: Accounts) -> None:
    add_user(
        accounts, "duty", PASSWORD, ["officer"], Grant(whole=True, sensitivity=1), name="李嘉欣", own_password=True
    )
    add_user(accounts, "part", PASSWORD, ["chief"], Grant(region_codes=(small.NEAR_TOWN,)), own_password=True)
    with db.store.scoped(SYSTEM) as conn:
        for n, (actor, action, obj) in enumerate(
            (("duty", "caller.view", "case:12"), ("duty", "caller.view", "case:120"), ("x%y", "export.cases", "queue"),
             ("chief", "caller.view", "event:12"), ("duty", "callers", "case_1"))
        ):  # fmt: skip
            audit(conn, actor=actor, action=action, object_=obj, address=f"10.0.0.{n}", detail={"reason": "回访"})
    with db.owner() as conn:  # the third a month ago
        old = NOW - dt.timedelta(days=30)
        conn.execute("UPDATE audit SET recorded_at = %s WHERE action = 'export.cases'", (old,))


def found(client: Any, **asked: Any) -> list[tuple[str, str, str]]:
    answer = client.get("/api/v1/audit", query_string=asked)
    assert answer.status_code == 200, answer.get_json()
    return [(r["actor"], r["action"], r["object"]) for r in answer.get_json()["rows"]]


@pytest.mark.usefixtures("log")
def test_by_person_object_action_and_time(sign_in: SignIn) -> None:
    chief = sign_in("chief")
    mine = [("duty", "callers", "case_1"), ("duty", "caller.view", "case:120"), ("duty", "caller.view", "case:12")]
    assert found(chief, who="李嘉欣", action="caller") == mine[1:], "a group holds its actions and no namesake"
    assert [r for r in found(chief, who="duty") if r[1] != "sign_in"] == mine
    assert found(chief, object="case:12") == mine[1:]
    assert found(chief, object="case_1") == mine[:1], "_ and % are letters"
    assert found(chief, who="x%y") == [("x%y", "export.cases", "queue")]
    assert found(chief, until=(NOW - dt.timedelta(days=20)).isoformat()) == [("x%y", "export.cases", "queue")]
    assert found(chief, action="export", since=(NOW - dt.timedelta(days=20)).isoformat()) == []
    place = {"until": "2026-11-22 08:00", "action": "export"}
    assert found(chief, **place) == [("x%y", "export.cases", "queue")], "a time as the form writes it"
    rows = chief.get("/api/v1/audit", query_string={"object": "event:12"}).get_json()["rows"]
    assert (rows[0]["address"], rows[0]["detail"]) == ("10.0.0.3", {"reason": "回访"})


@pytest.mark.usefixtures("log")
def test_looking_is_written_and_pages_follow_each_other(sign_in: SignIn) -> None:
    chief = sign_in("chief")
    first = chief.get("/api/v1/audit?limit=2&action=caller").get_json()
    second = chief.get(f"/api/v1/audit?limit=2&action=caller&before={first['next']}").get_json()
    assert [r["object"] for r in (*first["rows"], *second["rows"])] == ["event:12", "case:120", "case:12"]
    assert second["next"] is None
    looks = chief.get("/api/v1/audit?action=audit.look").get_json()["rows"]
    one_look = [("account:chief", {"action": "caller"})]
    assert [(r["actor"], r["detail"]) for r in looks] == one_look, "the pages of one search"


@pytest.mark.usefixtures("log")
def test_who_may_not(sign_in: SignIn) -> None:
    for login, status in (("duty", 403), ("part", 403)):
        client = sign_in(login)
        assert client.get("/api/v1/audit").status_code == status, login
        page = client.get("/desk/data?tab=audit").get_data(as_text=True)
        assert {"duty": "需要权限 audit.view", "part": "需全域范围"}[login] in page
        assert "case:120" not in page


@pytest.mark.usefixtures("log")
def test_what_cannot_be_asked(sign_in: SignIn) -> None:
    chief = sign_in("chief")
    for query, field in (
        ("since=yesterday", "since"),
        ("until=x", "until"),
        ("before=-1", "before"),
        ("limit=0", "limit"),
    ):
        answer = chief.get(f"/api/v1/audit?{query}")
        assert answer.status_code == 422, query
        assert [r["field"] for r in answer.get_json()["reasons"]] == [field]


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page(sign_in: SignIn, lang: str) -> None:
    address = f"/desk/data?tab=audit&who=duty&action=caller.view&lang={lang}"
    page = sign_in("chief").get(address).get_data(as_text=True)
    assert {"zh": "查看来电人", "en": "Caller seen in plain"}[lang] in page
    assert page.count("李嘉欣") == 2
    assert "case:120" in page
    assert "event:12" not in page, "the chief's own look"
    assert "export.cases" not in page
    nothing = sign_in("chief").get(f"/desk/data?tab=audit&who=nobody&lang={lang}").get_data(as_text=True)
    assert {"zh": "没有符合条件的记录", "en": "Nothing found"}[lang] in nothing
    broken = sign_in("chief").get(f"/desk/data?tab=audit&since=never&lang={lang}").get_data(as_text=True)
    assert {"zh": "since 不是有效的时间", "en": "since not a valid time"}[lang] in broken
    assert {"zh": "查询", "en": "Search"}[lang] in broken, "the form stays, to put it right"


def test_it_is_kept_half_a_year_at_least() -> None:
    with pytest.raises(ValidationError):
        Settings(retention_history_days=182)


def test_every_action_has_a_word() -> None:
    """What the product writes into the log stands there in words of both languages."""
    root = Path(ioc.__file__).parent
    written = {a for f in root.rglob("*.py") for a in re.findall(r'action="([a-z_.]+)"', f.read_text("utf-8"))}
    assert len(written) > 20
    assert written <= set(ACTIONS)
    for action in ACTIONS:
        assert t(f"visible.audit.act.{action}", "zh") != t(f"visible.audit.act.{action}", "en")
