"""Who may see a feed row, and how it is written."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ioc.feed.messages import FeedRow, Position, change, in_region, permitted, trimmed
from ioc.feed.versions import FeedVersions
from ioc.scope import SYSTEM, Scope

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
ROW = FeedRow(7, NOW, "case", "new", "1", 4, None, 0, "case.view", "real", {"key": "case:1", "title": "积水"})
TOWN = Scope("town", frozenset({"case.view", "indicator.view"}), region_ids=frozenset({3, 4}), sensitivity=0)


def test_scope_of_a_row() -> None:
    assert permitted(TOWN, ROW)
    assert permitted(SYSTEM, ROW)
    assert not permitted(TOWN, replace(ROW, region_id=5))
    assert not permitted(TOWN, replace(ROW, region_id=None)), "what lies in no region is the whole centre's"
    assert not permitted(TOWN, replace(ROW, sensitivity=1))
    assert not permitted(TOWN, replace(ROW, private_to="police"))
    assert not permitted(TOWN, replace(ROW, permission="event.view"))
    assert not permitted(replace(TOWN, permissions=frozenset()), ROW)


def test_messages_of_the_whole_centre() -> None:
    row = replace(
        ROW,
        topic="indicator",
        region_id=None,
        permission="indicator.view",
        payload={"codes": ["a"], "region_ids": [4, 9]},
    )
    assert permitted(TOWN, row)
    assert trimmed(TOWN, row) == {"codes": ["a"], "region_ids": [4]}
    assert trimmed(TOWN, replace(row, payload={"codes": ["a"], "region_ids": [9]})) is None
    assert trimmed(SYSTEM, row) is row.payload
    assert trimmed(TOWN, replace(row, payload={"codes": ["a"]})) == {"codes": ["a"]}
    assert not permitted(TOWN, replace(row, private_to="police"))


def test_drill_down() -> None:
    assert in_region(None, ROW)
    assert in_region(frozenset({4}), ROW)
    assert not in_region(frozenset({5}), ROW)
    assert not in_region(frozenset({4}), replace(ROW, region_id=None))
    assert in_region(frozenset({5}), replace(ROW, topic="source"))


@given(st.text(alphabet="abcdef0123456789-", min_size=1), st.integers(min_value=0))
def test_positions_round_trip(epoch: str, number: int) -> None:
    assert Position.parse(str(Position(epoch, number))) == Position(epoch, number)


def test_bad_positions() -> None:
    assert [Position.parse(t) for t in ("", "-", "-5", "abc", "abc-", "abc-x", "5")] == [None] * 7


@given(st.dictionaries(st.text(), st.text()))
def test_a_message_is_one_event_whatever_is_in_it(payload: dict[str, str]) -> None:
    text = change("e", ROW, payload).decode()
    lines = text.removesuffix("\n\n").split("\n")
    assert [line.split(": ")[0] for line in lines] == ["event", "id", "data"]
    assert json.loads(lines[2].removeprefix("data: "))["record"] == payload


def test_versions_follow_their_topics() -> None:
    versions = FeedVersions()
    versions.restart("e1", 100)
    before = versions.of("case", "event")
    versions.heard("device", 101, {})
    assert versions.of("case", "event") == before == "e1-100"
    assert versions.of("device") == "e1-101"
    versions.heard("case", 102, {})
    assert versions.of("case", "event") == "e1-102"
    assert versions.of("device") == "e1-101"
    versions.heard("reload", 103, {"layers": ["camera", "region"]})
    assert (versions["device"], versions["region"], versions["camera"], versions["case"]) == (103, 103, 103, 102)
    versions.heard("reload", 104, {})
    assert versions["case"] == versions["anything"] == 104
    assert versions.last_no == 104
    versions.restart("e2", 5)
    assert versions.of("case") == "e2-5"
