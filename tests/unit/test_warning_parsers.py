"""CAP 1.2 and warning JSON to a message or to reasons; nothing else ever comes out of the parsers."""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ioc.dictionaries import shipped
from ioc.errors import Invalid
from ioc.intake import cap, warning_json, xml_guard
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import Refuse
from ioc.intake.warning_message import Faults, Message, circle, colours_named, decide_colour, headline_colour, polygon
from ioc.intake.warnings import shape_of
from ioc.store.warnings import finest
from tests.conftest import NOW

FOLDER = Path(__file__).parents[1] / "fixtures/warnings"
XML = (FOLDER / "typhoon.xml").read_text("utf-8")
JSON: dict[str, Any] = json.loads((FOLDER / "rainstorm.json").read_text("utf-8"))
RULES = TimeRules(NOW, ZoneInfo("Asia/Shanghai"), past=dt.timedelta(days=1095))
TYPES = shipped()["warning_type"]


def of_xml(text: str | bytes) -> Message:
    return cap.parse(text.encode() if isinstance(text, str) else text, RULES, TYPES)


def of_json(**changes: Any) -> Message:
    body = {k: v for k, v in {**JSON, **changes}.items() if v is not ...}
    return warning_json.parse(json.dumps(body).encode(), RULES, TYPES)


def codes(make: Callable[[], Message]) -> set[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        make()
    assert caught.value.reasons
    assert all(r.zh and r.en for r in caught.value.reasons)
    return {(r.field, r.code) for r in caught.value.reasons}


def changed(old: str, new: str, count: int = -1) -> str:
    assert old in XML
    return XML.replace(old, new, count)


def test_a_cap_alert_is_read_chinese_first_with_english_kept() -> None:
    message = of_xml(XML)
    found = message.content
    assert found is not None
    assert (message.identifier, message.msg_type, message.exercise) == ("33110041600000_20261003141500", "alert", False)
    assert message.sent_at == dt.datetime(2026, 10, 3, 6, 15, tzinfo=dt.UTC)
    assert (found.kind, found.kind_en, found.event_code, found.colour) == ("台风", "Typhoon", "11B01", "yellow")
    assert found.headline_en == "Typhoon yellow warning for Beixi"
    assert (found.sender_name, found.area) == ("山水市气象台", "北溪县")
    assert found.polygons == (((120.0, 28.0), (120.4, 28.0), (120.4, 28.4), (120.0, 28.4), (120.0, 28.0)),)
    assert found.codes == ("331101",)
    assert found.event_onset_at == dt.datetime(2026, 10, 3, 12, 0, tzinfo=dt.UTC)
    assert len(message.kept["info"]) == 2, "every language is kept"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<status>Actual", "<status>Test", ("status", "not_actual")),
        ("<status>Actual", "<status>System", ("status", "not_actual")),
        ("<status>Actual", "<status>Draft", ("status", "not_actual")),
        ("<status>Actual", "<status>Real", ("status", "bad_choice")),
        ("<scope>Public", "<scope>Private", ("scope", "not_public")),
        ("<sent>2026-10-03T14:15:00+08:00", "<sent>2026-10-03T14:15:00", ("sent", "naive_time")),
        ("<sent>2026-10-03T14:15:00+08:00", "<sent>2026-10-03 14:15", ("sent", "bad_time")),
        ("<sent>2026-10-03T14:15:00+08:00", "<sent>2026-13-03T14:15:00+08:00", ("sent", "bad_time")),
        ("<sent>2026-10-03T14:15:00+08:00", "<sent>0001-01-01T00:00:00+14:00", ("sent", "bad_time")),
        ("<sent>2026-10-03T14:15:00+08:00", "<sent>2026-10-03T15:15:00+08:00", ("sent", "future_time")),
        ("<sent>2026-10-03T14:15:00+08:00", "<sent>2019-10-03T15:15:00+08:00", ("sent", "too_old")),
        ("<onset>2026-10-03T20", "<onset>2026-10-03T10", ("info[1].onset", "time_order")),
        ("<expires>2026-10-04", "<expires>2026-10-02", ("info[1].expires", "time_order")),
        ("331100-qxj", "331100, qxj", ("sender", "bad_identifier")),
        (" 28.00,120.00</polygon>", "</polygon>", ("info[1].area[0].polygon[0]", "open_polygon")),
        (" 28.40,120.40 28.40,120.00", "", ("info[1].area[0].polygon[0]", "few_points")),
        ("28.00,120.40 28.40,120.40", "120.40,28.00 28.40,120.40", ("info[1].area[0].polygon[0]", "swapped_lonlat")),
        ("28.00,120.40 28.40,120.40", "28.00,190 28.40,120.40", ("info[1].area[0].polygon[0]", "out_of_range")),
        ("28.00,120.40 28.40,120.40", "28.40,120.40 28.00,120.40", ("info[1].area[0].polygon[0]", "invalid_geometry")),
        ("28.00,120.40 28.40,120.40", "28.00;120.40 28.40,120.40", ("info[1].area[0].polygon[0]", "bad_shape")),
        ("<msgType>Alert", "<msgType>Cancel", ("references", "missing_references")),
        ("<msgType>Alert", "<msgType>Update", ("references", "missing_references")),
        ("<msgType>Alert", "<msgType>Alarm", ("msgType", "bad_choice")),
        ("cap:1.2", "cap:1.1", ("body", "not_cap")),
        ("<areaDesc>北溪县</areaDesc>", "", ("info[1].area[0].areaDesc", "missing_field")),
        ("<category>Met", "<category>Sky", ("info[1].category", "bad_choice")),
    ],
)
def test_every_fault_has_its_reason(old: str, new: str, reason: tuple[str, str]) -> None:
    assert reason in codes(lambda: of_xml(changed(old, new)))


def test_all_faults_are_told_at_once() -> None:
    bad = changed("<status>Actual", "<status>Test").replace("<sender>331100-qxj", "<sender>").replace("T20:", "T25:")
    assert codes(lambda: of_xml(bad)) == {
        ("status", "not_actual"),
        ("sender", "missing_field"),
        ("info[1].onset", "bad_time"),
    }


def test_an_alert_needs_info_and_a_receipt_does_not() -> None:
    bare = re.sub(r"<info>.*</info>", "", XML, flags=re.S)
    assert codes(lambda: of_xml(bare)) == {("info", "missing_info")}
    refs = "<references>331100-qxj,A1,2026-10-03T12:00:00+08:00</references></alert>"
    for kind in ("Cancel", "Ack", "Error"):
        message = of_xml(bare.replace("<msgType>Alert", f"<msgType>{kind}").replace("</alert>", refs))
        assert (message.msg_type, message.content) == (kind.lower(), None)
        assert [(r.sender, r.identifier) for r in message.references] == [("331100-qxj", "A1")]
    for wrong in ("A1", "a,b", "a,b,yesterday", "a,b,2026-10-03T12:00:00", ",,"):
        text = bare.replace("<msgType>Alert", "<msgType>Cancel").replace(
            "</alert>", f"<references>{wrong}</references></alert>"
        )
        assert codes(lambda text=text: of_xml(text)) == {("references", "bad_references")}


def test_an_exercise_is_kept_and_marked() -> None:
    assert of_xml(changed("<status>Actual", "<status>Exercise")).exercise


@pytest.mark.parametrize(
    ("severity", "colour"), [("Extreme", "red"), ("Severe", "orange"), ("Moderate", "yellow"), ("Minor", "blue")]
)
def test_colour_follows_from_severity(severity: str, colour: str) -> None:
    text = changed("黄色", "").replace(" yellow", "").replace("<severity>Moderate", f"<severity>{severity}")
    found = of_xml(text).content
    assert found is not None
    assert found.colour == colour


def test_colour_that_is_named_wins_and_contradictions_are_refused() -> None:
    white = "<parameter><valueName>预警级别</valueName><value>白色</value></parameter><area>"
    text = changed("黄色", "").replace(" yellow", "").replace("<area>", white).replace("Moderate", "Minor")
    found = of_xml(text).content
    assert found is not None
    assert found.colour == "white"
    twice = changed("<area>", white)
    assert ("info[1].severity", "conflicting_colour") in codes(lambda: of_xml(twice))
    nothing = changed("黄色", "").replace(" yellow", "").replace("Moderate", "Unknown")
    assert ("info[1].severity", "unknown_severity") in codes(lambda: of_xml(nothing))


def test_a_type_has_its_own_colours() -> None:
    assert codes(lambda: of_json(color="蓝色", headline="暴雨蓝色预警")) == {("color", "colour_of_kind")}
    assert codes(lambda: of_json(color="白", headline=..., eventType="11B06")) == {("color", "colour_of_kind")}
    assert of_json(color="白色", headline=..., eventType="11B01").content.colour == "white"  # pyright: ignore
    assert of_json(color="蓝色", headline=..., eventType="11B09").content.colour == "blue"  # pyright: ignore


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("橙色", ["orange"]),
        ("Red", ["red"]),
        ("2; yellow; Moderate", ["yellow"]),
        ("Ⅱ级", ["orange"]),
        ("四级", ["blue"]),
        ("红/橙", ["red", "orange"]),
        ("白云区", []),
        ("黄埔区", []),
        ("hundred", []),
        ("紅色預警", ["red"]),
    ],
)
def test_words_for_colours(words: str, named: list[str]) -> None:
    assert colours_named(words) == named


def test_a_headline_that_tells_of_a_change_means_the_new_colour() -> None:
    assert headline_colour("将暴雨橙色预警信号升级为红色") == ["red"]
    assert headline_colour("Red tide watch") == []
    assert headline_colour("Heat: orange alert") == ["orange"]
    faults = Faults()
    assert decide_colour(faults, "f", [], "由黄色变更为橙色预警", "Moderate") == "orange"
    assert not faults.reasons


def test_json_speaks_several_dialects() -> None:
    found = of_json()
    body = found.content
    assert body is not None
    assert found.sent_at == dt.datetime(2026, 10, 3, 6, 20, tzinfo=dt.UTC), "no offset: the centre's zone"
    assert (body.kind, body.event_code, body.colour, body.severity) == ("暴雨", "11B03", "orange", "Severe")
    assert (body.area, body.codes) == ("古埠镇", ("331101100000",))
    qweather = {"id": "10123", "sender": "市气象台", "pubTime": "2026-10-03T14:00+08:00", "title": "雷雨大风黄色预警",
                "type": "1003", "typeName": "暴雨", "severityColor": "Yellow", "severity": "Moderate", "text": "大雨",
                "areaCode": 331101, "msgType": "发布"}  # fmt: skip
    other = warning_json.parse(json.dumps([qweather]).encode(), RULES, TYPES)
    assert other.content is not None
    assert (other.content.kind, other.content.colour, other.content.codes) == ("暴雨", "yellow", ("331101",))
    unknown = of_json(eventType="11C01", event="地震", headline=...)
    assert unknown.content is not None
    assert (unknown.content.kind, unknown.content.event_code) == ("地震", "11C01"), "a code the table lacks is kept"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"identifier": ...}, ("identifier", "missing_field")),
        ({"sendTime": "soon"}, ("sendTime", "bad_time")),
        ({"msgType": ...}, ("msgType", "missing_field")),
        ({"msgType": "Cancel"}, ("references", "missing_references")),
        ({"msgType": "更新", "references": "33110141600000_20261003142000"}, ("references", "self_reference")),
        ({"color": "purple"}, ("color", "bad_choice")),
        ({"areaCode": ["12"]}, ("areaCode", "bad_code")),
        ({"endTime": "2026-10-03 14:00:00"}, ("endTime", "time_order")),
        ({"status": "Test"}, ("status", "not_actual")),
        ({"headline": "\ud800"}, ("headline", "bad_text")),
        ({"headline": "a\x00b"}, ("headline", "bad_text")),
        ({"headline": "x" * 501}, ("headline", "too_long")),
        ({"polygon": [[1, 2]]}, ("polygon", "bad_text")),
        ({"eventType": ..., "headline": ...}, ("event", "missing_field")),
    ],
)
def test_json_faults(changes: dict[str, Any], reason: tuple[str, str]) -> None:
    assert reason in codes(lambda: of_json(**changes))


def test_json_that_is_no_warning() -> None:
    for data, code in ((b"", "bad_json"), (b"{", "bad_json"), (b"[]", "bad_object"), (b"3", "bad_object"),
                       (b"[{}, {}]", "one_only"), (b"[" * 100_000, "bad_json"), (b"\xff\xfe{", "bad_json"),
                       (b"1" * 10_000, "bad_json"), (b" " * 1_100_000, "too_long")):  # fmt: skip
        assert codes(lambda data=data: warning_json.parse(data, RULES, TYPES)) == {("body", code)}


# ---------------------------------------------------------------- hostile XML

LAUGHS = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><alert>&b;</alert>"""
EXTERNAL = """<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><alert>&f;</alert>"""
REMOTE = """<!DOCTYPE alert SYSTEM "http://example.invalid/x.dtd"><alert/>"""
PARAMETER = """<!DOCTYPE x [<!ENTITY % p SYSTEM "http://example.invalid/p">%p;]><alert/>"""


def attributes(n: int) -> str:
    return "<a " + " ".join(f"x{i}='1'" for i in range(n)) + "/>"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (LAUGHS, "xml_forbidden"),
        (EXTERNAL, "xml_forbidden"),
        (REMOTE, "xml_forbidden"),
        (PARAMETER, "xml_forbidden"),
        ("<!DOCTYPE alert><alert/>", "xml_forbidden"),
        ("<alert>&undefined;</alert>", "xml_bad"),
        ("<a>" * 30 + "</a>" * 30, "xml_limit"),
        ("<a>" * 100_000, "xml_limit"),
        (f"<a>{'<b/>' * 20_001}</a>", "xml_limit"),
        (attributes(33), "xml_limit"),
        (attributes(60_000), "xml_limit"),
        (f"<a>{'x' * 1_100_000}</a>", "xml_limit"),
        ("", "xml_bad"),
        ("<a>", "xml_bad"),
        ("<a></b>", "xml_bad"),
        ("<a/><a/>", "xml_bad"),
        ("<x:a/>", "xml_bad"),
        ("<a>\x01</a>", "xml_bad"),
        ('<?xml version="1.0" encoding="cp1140"?><a/>', "bad_encoding"),
        ('<?xml version="1.0" encoding="utf-7"?><a/>', "bad_encoding"),
        (b"<a>\xff</a>", "bad_encoding"),
    ],
)
def test_hostile_xml_is_refused_at_once(data: str | bytes, code: str) -> None:
    began = time.perf_counter()
    assert codes(lambda: of_xml(data)) == {("body", code)}
    assert time.perf_counter() - began < 2


def test_gbk_is_read() -> None:
    text = XML.replace('encoding="UTF-8"', 'encoding="GB2312"')
    assert of_xml(text.encode("gb18030")).content == of_xml(XML).content
    assert of_xml(XML.encode("utf-8-sig")).content == of_xml(XML).content
    assert of_xml(XML.replace(' encoding="UTF-8"', "").encode("utf-16")).content == of_xml(XML).content


def only_invalid(make: Callable[[], object]) -> None:
    """Whatever else is raised fails the test by itself."""
    try:
        make()
    except Invalid as e:
        reasons = e.reasons
    else:
        return
    assert reasons
    assert all(r.zh and r.en and r.field for r in reasons)


@settings(max_examples=200, deadline=2000)
@given(st.binary(max_size=400))
@example(b"\x00")
@example(b"\xfe\xff\x00<")
@example(b"\xff\xfe<")
def test_bytes_give_a_message_or_reasons(data: bytes) -> None:
    only_invalid(lambda: of_xml(data))
    only_invalid(lambda: warning_json.parse(data, RULES, TYPES))


TAGS = sorted(set(re.findall(r"<([A-Za-z]+)>", XML)))


@settings(max_examples=300, deadline=2000)
@given(st.sampled_from(TAGS), st.text(max_size=60) | st.sampled_from(["", "NaN", "1e999", "28,120", "9" * 400]))
def test_any_words_in_any_element(tag: str, words: str) -> None:
    from xml.sax.saxutils import escape

    text = re.sub(rf"<{tag}>[^<]*</{tag}>", lambda _: f"<{tag}>{escape(words)}</{tag}>", XML)
    only_invalid(lambda: of_xml(text.encode("utf-8", "surrogatepass")))


@settings(max_examples=200, deadline=2000)
@given(st.integers(0, len(XML) - 1), st.integers(0, 200), st.text(max_size=10))
def test_a_document_cut_anywhere(at: int, length: int, between: str) -> None:
    only_invalid(lambda: of_xml((XML[:at] + between + XML[at + length :]).encode("utf-8", "replace")))


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=2000)
@given(st.dictionaries(st.sampled_from(sorted({n for names in warning_json.NAMES.values() for n in names})), ANY))
def test_any_values_under_any_name(changes: dict[str, Any]) -> None:
    only_invalid(lambda: of_json(**changes))


@given(
    st.floats(-89, 89), st.floats(-180, 180), st.floats(0.01, 2000),
)  # fmt: skip
def test_every_accepted_circle_is_a_valid_shape(lat: float, lon: float, km: float) -> None:
    from ioc.intake.warnings import disc

    try:
        found = circle(f"{lat!r},{lon!r} {km!r}")
    except Refuse:
        return
    shape = disc(found)
    assert shape.is_valid
    assert shape.area > 0


@given(st.lists(st.tuples(st.floats(21, 22), st.floats(111, 112)), min_size=3, max_size=12))
def test_every_accepted_polygon_is_a_valid_shape(points: list[tuple[float, float]]) -> None:
    import shapely

    text = " ".join(f"{lat!r},{lon!r}" for lat, lon in [*points, points[0]])
    try:
        found = polygon(text)
    except Refuse:
        return
    assert shapely.Polygon(found).is_valid
    assert found[0] == found[-1]


def test_shapes_become_one_area() -> None:
    content = of_json(polygon=["21,111 21,112 22,112 22,111 21,111"], circle="21.5,111.5 5").content
    assert content is not None
    area = shape_of(content)
    assert area is not None
    assert area.area == pytest.approx(1.0), "the circle lies inside"


def test_a_whole_region_stands_for_its_parts_and_an_undrawn_part_is_not_forgotten() -> None:
    city, county, town, village = (1, None, "city"), (2, 1, "county"), (3, 2, "town"), (4, 3, "village")
    zone = (9, 1, "zone", False, False)
    assert finest([(*city, False, False), (*county, True, False), (*town, True, False)]) == [2]
    assert finest([(*city, False, False), (*county, False, False), (*town, False, False), (*village, True, False)]) == [
        4
    ]
    assert finest([(*city, False, False), (*county, False, True), (*town, False, False)]) == [2]
    assert finest([zone]) == [9]
    assert finest([(*town, False, False), zone]) == [3]
    assert finest([]) == []


def test_the_limit_is_the_readers_own() -> None:
    node = xml_guard.read(XML.encode())
    assert (node.space, node.name, node.word("status")) == (cap.SPACE, "alert", "Actual")
