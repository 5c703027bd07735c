"""What of a record's attributes reaches whom: one rule for the list of events, panels and whatever else shows them."""

from __future__ import annotations

import string
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.scope import Scope
from ioc.store.attributes import guarded, masked_number, told
from tests.conftest import Database
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import NEAR_TOWN, World

pytestmark = pytest.mark.http
NAMED: dict[str, Any] = {
    "reporter": "王小明", "phone": "13800135678", "contact_2": "13911112222", "联系电话": "13700001111",
    "caller": {"name": "欧阳明", "phone": "13600002222", "sealed": False}, "password": "geheim", "anonymous": False,
    "people": [{"name": "李四", "mobile": "13500003333"}], "depth_cm": 12, "编号": "A-7",
}  # fmt: skip
SECRETS = ("13800135678", "13911112222", "13700001111", "13600002222", "13500003333", "geheim")


def scope(level: int) -> Scope:
    return Scope("x", frozenset({"event.view"}), sensitivity=level, whole=True)


def test_public_internal_and_sensitive_each_see_their_part() -> None:
    public, internal, sensitive = (told(NAMED, scope(level)) for level in (0, 1, 2))
    assert public["reporter"] == "王**"
    assert internal["reporter"] == sensitive["reporter"] == "王小明"
    assert "phone" not in public
    assert "phone" not in internal
    assert sensitive["phone"] == "13800135678"
    assert internal["caller"] == {"name": "欧阳明", "sealed": False}
    assert internal["people"] == [{"name": "李四"}]
    for seen in (public, internal, sensitive):
        assert (seen["depth_cm"], seen["编号"]) == (12, "A-7")
        assert "password" not in seen
    assert not any(s in str(internal) for s in SECRETS)


def test_a_report_without_a_name_names_nobody_to_anybody() -> None:
    for yes in (True, "true", "1", "yes"):
        for level in (0, 1, 2):
            seen = told({**NAMED, "anonymous": yes, "taken_by": "zhiban"}, scope(level))
            assert set(seen) == {"anonymous", "people", "depth_cm", "编号"}, level
            assert seen["people"] == [{}]


def test_what_is_masked_already_is_told_as_it_is() -> None:
    kept = {"caller": {"name": "陈**", "phone": "138****5678"}, "诉求人": "陈**", "联系电话": "138****5678"}
    assert told(kept, scope(0)) == kept


@given(
    st.dictionaries(st.sampled_from(["phone", "Mobile", "tel_1", "电话", "contact:home", "token", "x"]), st.text()),
    st.integers(0, 1),
)
def test_below_the_sensitive_level_nothing_guarded_passes_unmasked(given_: dict[str, str], level: int) -> None:
    for name, value in told(given_, scope(level)).items():
        assert not guarded(name) or "**" in value
    assert "token" not in told(given_, scope(2))


@given(st.text(alphabet=string.digits + "- ", min_size=1, max_size=20))
def test_a_masked_number_never_is_the_number(number: str) -> None:
    masked = masked_number(number)
    assert "**" in masked
    assert masked_number(masked) == masked
    assert number not in masked


@pytest.fixture
def reported(sign_in: SignIn, world: World, accounts: Accounts) -> FlaskClient:
    """Two reports of the near town; signed in: who may see them, at the public level."""
    add_user(accounts, "public", PASSWORD, ["grid"], Grant(region_codes=(NEAR_TOWN,)), own_password=True)
    town = sign_in("town")
    for number, anonymous in (("n1", False), ("n2", True)):
        body = {
            "source": "app", "source_id": number, "title": f"路面坑洼 {number}", "urgency": "routine",
            "occurred_at": "2026-10-03T12:00:00+08:00", "lon": 111.15, "lat": 21.65, "crs": "EPSG:4326",
            "attributes": {**NAMED, "anonymous": anonymous},
        }  # fmt: skip
        answer = town.post("/api/v1/events", json=body, headers=ORIGIN)
        assert answer.status_code == 201, answer.text
    return sign_in("public")


def test_the_list_and_the_panel_tell_the_same_little(reported: FlaskClient, sign_in: SignIn, db: Database) -> None:
    town, chief = sign_in("town"), sign_in("chief")
    for client, sees in ((reported, False), (town, False), (chief, True)):
        found = {e["source_id"]: e for e in client.get("/api/v1/events").get_json()["events"] if e["source"] == "app"}
        assert "王" not in str(found["n2"]["attributes"])
        assert not any(s in str(found["n2"]["attributes"]) for s in SECRETS)
        assert any(s in str(found["n1"]["attributes"]) for s in SECRETS) is sees
        for event in found.values():
            panel = client.get(f"/api/v1/detail/event:{event['event_id']}").get_data(as_text=True)
            assert any(s in panel for s in SECRETS) is (sees and event["source_id"] == "n1")
            assert "geheim" not in panel
            if event["source_id"] == "n2":
                assert "王小明" not in panel
                assert "欧阳明" not in panel
    with db.owner() as conn:
        sent = conn.execute("SELECT payload::text AS t FROM outbox").fetchall()
    assert not any(s in r["t"] for r in sent for s in SECRETS)


def test_the_number_of_a_caller_that_came_unmasked_is_masked_in_the_panel(
    reported: FlaskClient, sign_in: SignIn
) -> None:
    found = {e["source_id"]: e["event_id"] for e in reported.get("/api/v1/events").get_json()["events"]}
    panel = sign_in("town").get(f"/api/v1/detail/event:{found['n1']}").get_json()
    assert panel["callers"] == [{"name": "欧**", "phone": "136****2222", "sealed": False, "source_id": "n1"}]
