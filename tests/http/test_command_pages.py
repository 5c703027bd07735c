"""The command pages over the real services: who may open them, what a form offers, what a stranger is told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.world import World

pytestmark = pytest.mark.http


@pytest.fixture
def people(accounts: Accounts) -> None:
    for login, role, grant in (
        ("duty", "officer", Grant(whole=True, sensitivity=1)),
        ("fartown", "officer", Grant(region_codes=(small.FAR_TOWN,), sensitivity=1)),
        ("looker", "leader", Grant(whole=True, sensitivity=1)),
    ):
        add_user(accounts, login, PASSWORD, [role], grant, name=login, own_password=True)


def opened(client: Any, **more: Any) -> int:
    body = {"title": "化工园异味", "class": 2, "place": {"lon": 111.15, "lat": 21.65, "crs": "EPSG:4490"}, "level": 3,
            "reason": "多人报告"} | more  # fmt: skip
    answer = client.post("/api/v1/incidents", json=body, headers=ORIGIN)
    assert answer.status_code == 201, answer.get_json()
    return int(answer.get_json()["incident_id"])


@pytest.mark.usefixtures("people")
def test_the_workspace_is_for_who_sees_the_incident(sign_in: SignIn, world: World, db: Database) -> None:
    duty = sign_in("duty")
    case_id = opened(duty)
    page = duty.get(f"/desk/command/{case_id}").get_data(as_text=True)
    assert "化工园异味" in page
    assert "初判" in page
    for panel in ("people", "targets", "forces", "medical", "plan", "eyes"):
        assert f'id="cp-{panel}"' in page, panel
    assert "取消关联" not in re.sub('data-setup="[^"]*"', "", page), "nothing is linked: there is nothing to take apart"
    for login, path in (("fartown", case_id), ("duty", 999_999), ("duty", "x")):
        said = sign_in(login).get(f"/desk/command/{path}").get_data(as_text=True)
        assert 'class="none2"' in said, (login, path)
        assert "化工园异味" not in said


@pytest.mark.usefixtures("people")
def test_the_list_and_what_it_offers(sign_in: SignIn, world: World) -> None:
    duty = sign_in("duty")
    case_id, drill = opened(duty), opened(duty, title="桌面推演", exercise=True)
    page = duty.get("/desk/command").get_data(as_text=True)
    assert re.search(rf'href="/desk/command/{case_id}[?"]', page)
    assert re.search(rf'href="/desk/command/{drill}[?"]', page)
    assert "演练" in page
    assert "data-raise-hand" in page, "the form of a new incident"
    assert "data-raise-hand" not in sign_in("looker").get("/desk/command").get_data(as_text=True)
    assert "化工园异味" not in sign_in("fartown").get("/desk/command").get_data(as_text=True)
