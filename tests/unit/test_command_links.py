"""Links to the meeting and to AR guidance: filled, encoded, hidden where none is configured (MOB-05, EMG-09)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ioc.command.links import opened
from ioc.command.theming import kilometres
from ioc.screens.command import page
from ioc.settings import Settings
from tests.fake_incident import incident

ONE = {"number": "TF 2026/1", "case_id": 7, "lon": 111.98, "lat": 21.86}


@pytest.mark.parametrize(
    ("template", "about", "found"),
    [
        ("", ONE, None),
        ("https://m.example/j", None, "https://m.example/j"),
        ("https://m.example/j?t={number}&c={case_id}", ONE, "https://m.example/j?t=TF%202026%2F1&c=7"),
        ("https://m.example/j?t={number}", None, None),
        ("https://ar.example/{lon},{lat}", ONE, "https://ar.example/111.98,21.86"),
        ("https://ar.example/{lon},{lat}", {**ONE, "lon": None}, None),
        ("https://m.example/{room}", ONE, "https://m.example/{room}"),
    ],
)
def test_templates(template: str, about: dict[str, object] | None, found: str | None) -> None:
    assert opened(template, about) == found


@given(st.text(max_size=40))
def test_nothing_of_a_number_escapes_into_the_address(number: str) -> None:
    link = opened("https://m.example/j?t={number}&x=1", {"number": number})
    assert link is not None
    middle = link.removeprefix("https://m.example/j?t=").removesuffix("&x=1")
    assert not set(middle) & set("&#?/ \"'<>")


def test_buttons_stand_only_where_a_link_is_configured() -> None:
    shown = str(
        page.actions(incident(), {"may": [], "ar": "https://ar.example/1", "meeting": "https://m.example/1"}, "zh")
    )
    assert "https://ar.example/1" in shown
    assert "会商" in shown
    hidden = str(page.actions(incident(), {"may": [], "ar": None, "meeting": None}, "zh"))
    assert "会商" not in hidden
    assert "实景指挥" not in hidden


def test_settings_of_links_and_rings() -> None:
    assert Settings().nuclear_rings_km == ""
    assert kilometres(Settings(nuclear_rings_km="10, 3,5").nuclear_rings_km) == (3.0, 5.0, 10.0)
    for wrong in ("3,x", "0", "3,900"):
        with pytest.raises(ValidationError):
            Settings(nuclear_rings_km=wrong)
    with pytest.raises(ValidationError):
        Settings(ar_url="javascript:alert(1)")
