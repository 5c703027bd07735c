"""What may be done with an alarm, held against the rules of its life: what is offered is what is allowed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ioc.alarms import life
from ioc.alarms.params import PRIORITIES
from ioc.errors import IocError
from ioc.screens import alarms
from ioc.screens.html import to_html

AT = dt.datetime(2026, 10, 3, 6, 32, tzinfo=dt.UTC)


def _works(action: str, alarm: life.Alarm) -> bool:
    calls: dict[str, Any] = {
        "ack": lambda: life.acknowledged(alarm, "李嘉欣", AT),
        "shelve": lambda: life.shelved(alarm, 15, "检修", AT),
        "false_alarm": lambda: life.false(alarm, "sensor", AT),
    }
    try:
        calls[action]()
    except IocError:
        return False
    return True


@given(
    st.sampled_from(["unack", "acked", "rtn_unack"]), st.sampled_from(["", "shelved", "suppressed", "out_of_service"]),
    st.sampled_from(PRIORITIES), st.booleans(),
)  # fmt: skip
def test_what_is_offered_is_what_the_state_allows(state: Any, hold: Any, priority: str, ended: bool) -> None:
    alarm = life.Alarm(state, priority, AT, hold, ended_at=AT if ended else None)
    may = life.possible(state, hold, priority, ended, in_case=False)
    for action in ("ack", "shelve", "false_alarm"):
        assert (action in may) == _works(action, alarm), action
    assert ("unshelve" in may) == (hold == "shelved" and not ended)
    assert not (priority == "urgent" and "shelve" in may)
    assert ("case" in life.possible(state, hold, priority, ended, in_case=True)) is False


def test_the_foot_of_the_panel_names_the_alarm_and_its_keys() -> None:
    foot = alarms.actions({"key": "alarm:12", "alarm_actions": ["ack", "shelve"]}, "zh")
    assert foot is not None
    html = to_html(foot)
    for part in ('data-alarm-act="ack"', 'data-alarm-key="alarm:12"', "确认", ">S<"):
        assert part in html
    assert alarms.actions({"key": "alarm:12", "alarm_actions": []}, "zh") is None
