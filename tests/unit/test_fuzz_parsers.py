"""Every parser of outside input under wild input: a value or reasons, nothing else raised, nothing that hangs."""

from __future__ import annotations

import datetime as dt
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import flask
import httpx
import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from data_sources._lower.client import Api
from data_sources._lower.config import Centre
from data_sources._wvp.client import WvpClient, WvpFault
from ioc.alarm_rules import alarm_rules
from ioc.alarms import params
from ioc.api import deliveries
from ioc.attachments.pictures import prepare
from ioc.cases import calendar_file, dispatch_file
from ioc.cases.cells import Parsed
from ioc.cases.deadline_file import category_finder, read_deadlines
from ioc.cases.samples import sample_sheet
from ioc.cases.sheets import read_sheet
from ioc.dictionaries import shipped
from ioc.duty.roster_file import read_rosters
from ioc.errors import ConfigError, Invalid, IocError, Reason, SourceFault, TooLarge
from ioc.flows import flows
from ioc.intake import accounts, cap, gb_catalogue, hotline_order, warning_json
from ioc.intake.detection_input import DetectionDraft, check_detection
from ioc.intake.event_input import EventDraft, Reader, check_event
from ioc.intake.fields import TimeRules
from ioc.intake.hotline_order import Mapped, Order
from ioc.intake.model_file import read_models
from ioc.intake.pictures import clean
from ioc.intake.readers import open_file
from ioc.intake.reasons import Refuse
from ioc.intake.standard_file import read_edition
from ioc.intake.video_config import load as load_video
from ioc.intake.vocabulary import Vocabulary
from ioc.outbound import config as outbound
from ioc.patrols.track import Point
from ioc.patrols.work import _point
from ioc.settings import Settings
from tests.conftest import NOW
from tests.fuzz import QUICK, TEXTS, VALUES, WILD, changed, mutated, nested
from tests.unit.test_warning_parsers import TYPES

ROOT = Path(__file__).resolve().parents[1]
ZONE = ZoneInfo("Asia/Shanghai")
RULES = TimeRules(NOW, ZONE, past=dt.timedelta(days=1095))
WORDS = Vocabulary(shipped())
SAMPLES = Path(dispatch_file.__file__).parent / "samples"
HOURS = calendar_file.read_hours(sample_sheet("calendar_hours.csv")).value
assert HOURS is not None
KNOWN = dispatch_file.Known(flows(), category_finder(shipped()), lambda w: "441702000000" if w == "441702" else None)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def said(reasons: Any) -> None:
    """A refusal names a field, and says why in both languages."""
    found = list(reasons)
    assert found
    for r in found:
        assert isinstance(r, Reason)
        assert r.field
        assert r.zh
        assert r.en


def told(fault: IocError | Refuse) -> None:
    """A fault is two sentences."""
    zh, en = (fault.message("zh"), fault.message("en")) if isinstance(fault, IocError) else bilingual(fault)
    assert zh
    assert en


def bilingual(fault: Refuse) -> tuple[str, str]:
    reason = fault.of("field", "")
    return reason.zh, reason.en


def refused_or(work: Callable[[], Any]) -> Any:
    """What `work` gives; None where it says why not."""
    try:
        return work()
    except Invalid as e:
        told(e)
        return None


# ---------------------------------------------------------------- tables of configuration


WORD = TEXTS | st.text(max_size=8)


def workbook(text: bytes) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in text.decode("utf-8-sig").splitlines():
        sheet.append(line.split(","))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


TABLES: dict[str, Callable[[Any], Parsed[Any]]] = {
    "departments.csv": lambda s: dispatch_file.read_departments(s, KNOWN),
    "dispatch.csv": lambda s: dispatch_file.read_dispatch(s, KNOWN),
    "duplicates.csv": lambda s: dispatch_file.read_duplicates(s, KNOWN),
    "escalation.csv": lambda s: dispatch_file.read_escalation(s, KNOWN, ("chief", "officer")),
    "calendar_days.csv": lambda s: calendar_file.read_days(s, HOURS[0]),
    "calendar_hours.csv": calendar_file.read_hours,
    "calendar_markets.csv": calendar_file.read_markets,
    "deadlines_urban.csv": lambda s: read_deadlines(s, flows(), category_finder(shipped())),
    "rosters.csv": lambda s: read_rosters(s, ZONE, lambda c: (1, "real") if c == "" else None, {"he"}.__contains__),
}
ROSTER = (
    "日期,班次,开始,结束,岗位,姓名,账号,电话,区划\n2026-10-03,早班,08:00,20:00,值班长,何敏仪,he,138 0000 0932,\n"
    "2026-10-03,夜班,20:00,08:00,值班员,许家豪,,,\n"
).encode()


def sample(name: str) -> bytes:
    return ROSTER if name == "rosters.csv" else (SAMPLES / name).read_bytes()


def whole_or_reasons(name: str, file: str, content: bytes) -> None:
    parsed = refused_or(lambda: TABLES[name](read_sheet(file, content)))
    if parsed is not None:
        assert (parsed.value is None) == bool(parsed.reasons)
        if parsed.reasons:
            said(r.reason for r in parsed.reasons)


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_of_configuration(name: str) -> None:
    whole_or_reasons(name, name, sample(name))

    @QUICK
    @given(mutated(sample(name)))
    def ask(content: bytes) -> None:
        whole_or_reasons(name, "t.csv", content)

    ask()


@pytest.mark.parametrize("name", list(TABLES))
def test_any_words_in_the_cells_of_a_table(name: str) -> None:
    lines = [line.split(",") for line in sample(name).decode("utf-8-sig").splitlines()]

    @QUICK
    @given(st.lists(st.tuples(st.integers(0, len(lines) - 1), st.integers(0, 9), WORD), max_size=6))
    def ask(edits: list[tuple[int, int, str]]) -> None:
        cells = [list(line) for line in lines]
        for row, column, word in edits:
            if column < len(cells[row]):
                cells[row][column] = word
        content = "\n".join(",".join(f'"{c}"' if "\n" in c else c.replace('"', "") for c in line) for line in cells)
        whole_or_reasons(name, "t.csv", content.encode("utf-8", "replace"))

    ask()


EXCEL = workbook(sample("departments.csv"))


@QUICK
@given(mutated(EXCEL))
def test_a_workbook(content: bytes) -> None:
    whole_or_reasons("departments.csv", "t.xlsx", content)


# ---------------------------------------------------------------- files that are read in batches


GEOJSON = json.dumps(
    {"type": "FeatureCollection", "crs": {"properties": {"name": "EPSG:4490"}},
     "features": [{"type": "Feature", "properties": {"编号": "a", "名称": "b"},
                   "geometry": {"type": "Point", "coordinates": [111.9, 21.8]}}] * 3},
    ensure_ascii=False,
).encode()  # fmt: skip
ORDERS = (ROOT / "fixtures/hotline/orders.csv").read_bytes()


@pytest.mark.parametrize(
    ("ending", "content"), [("csv", ORDERS), ("csv", ORDERS.decode("gb18030").encode()),
                            ("xlsx", EXCEL), ("geojson", GEOJSON), ("csv", "a,b\n1,2\n".encode("utf-16"))],
)  # fmt: skip
def test_a_file_of_rows(folder: Path, ending: str, content: bytes) -> None:
    path = folder / f"t.{ending}"

    @QUICK
    @given(mutated(content))
    @example(b"")
    @example(b'{"type": "FeatureCollection", "features": 5}')
    @example(b'{"features": [1]}')
    @example(b'{"type": "Feature", "properties": 7}')
    def ask(data: bytes) -> None:
        path.write_bytes(data)

        def read() -> None:
            file = open_file(path)
            for rows in file.batches(2):
                assert len(rows.numbers) == len(rows.records)

        refused_or(read)

    ask()


MODELS = json.dumps(
    {"models": [{"model": "WL-200", "kind": "water_level", "maker": "x", "interval_s": 300,
                 "properties": [{"from": "level", "to": "water_level", "unit": "cm", "scale": 1}]}]}
).encode()  # fmt: skip
AQI = json.dumps(
    {"key": "hj633-2026", "document": "HJ 633", "valid_from": "2026-01-01", "issued": "2025-12-01",
     "iaqi": [0, 50, 100, 150, 200, 300, 400, 500], "hourly": {"pm25": [0, 35, 75]}, "daily": {"pm25": [0, 35, 75]}}
).encode()  # fmt: skip
MODEL_SHEET = "型号,类型,厂家,原字段,观测项,单位\nWL-200,水位站,x,level,水位,cm\n".encode()


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("m.json", MODELS, lambda p: read_models(p, WORDS)),
        ("m.csv", MODEL_SHEET, lambda p: read_models(p, WORDS)),
        *[("s.json", AQI, partial(read_edition, kind)) for kind in ("aqi", "water", "noise")],
    ],
)  # fmt: skip
def test_a_file_of_models_or_standards(folder: Path, name: str, content: bytes, read: Callable[[Path], Any]) -> None:
    path = folder / name

    @QUICK
    @given(mutated(content) | changed(json.loads(content) if name.endswith("json") else "").map(dumped))
    def ask(data: bytes) -> None:
        path.write_bytes(data)
        refused_or(lambda: read(path))

    ask()


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()


ROLES = {"grid": "grid", "网格员": "grid"}
ACCOUNTS = accounts._Known(ROLES, {"441702": "441702000000"}, frozenset(), frozenset({"d"}))


@QUICK
@given(st.dictionaries(st.sampled_from(list(accounts.COLUMNS)), VALUES | st.dates() | st.datetimes()))
def test_a_row_of_people(record: dict[str, Any]) -> None:
    reader = Reader(record)
    row = accounts._row(reader, ACCOUNTS)
    if row is None:
        said(reader.reasons)
    else:
        json.dumps(asdict(row), ensure_ascii=False).encode()


# ---------------------------------------------------------------- what systems send


TYPHOON = (ROOT / "fixtures/warnings/typhoon.xml").read_bytes()
RAINSTORM = (ROOT / "fixtures/warnings/rainstorm.json").read_bytes()


@QUICK
@given(mutated(TYPHOON))
def test_a_cap_alert(data: bytes) -> None:
    refused_or(lambda: cap.parse(data, RULES, TYPES))


@QUICK
@given(mutated(RAINSTORM) | changed(json.loads(RAINSTORM)).map(dumped))
def test_a_warning_as_json(data: bytes) -> None:
    refused_or(lambda: warning_json.parse(data, RULES, TYPES))


CATALOGUE = """<?xml version="1.0" encoding="GB2312"?>
<Response><CmdType>Catalog</CmdType><SN>7</SN><DeviceID>44170200002000000001</DeviceID><SumNum>1</SumNum>
<DeviceList Num="1"><Item><DeviceID>44170200001320000001</DeviceID><Name>东门路口</Name><Manufacturer>h</Manufacturer>
<Model>m</Model><Owner>o</Owner><CivilCode>441702</CivilCode><Address>a</Address><Parental>0</Parental>
<ParentID>44170200002000000001</ParentID><RegisterWay>1</RegisterWay><Secrecy>0</Secrecy><Status>ON</Status>
<Longitude>111.98</Longitude><Latitude>21.86</Latitude></Item></DeviceList></Response>""".encode("gb18030")


@QUICK
@given(mutated(CATALOGUE))
def test_a_catalogue(data: bytes) -> None:
    try:
        gb_catalogue.read(data)
    except Refuse as e:
        told(e)


ORDER = json.loads((ROOT / "fixtures/hotline/orders.json").read_text("utf-8"))
ORDER = (ORDER["orders"] if isinstance(ORDER, dict) else ORDER)[0]
EVENT = {
    "source": "a", "source_id": "1", "title": "积水", "urgency": "urgent", "lon": 111.9, "lat": 21.8,
    "crs": "EPSG:4490", "occurred_at": "2026-10-03T14:30:00+08:00", "attributes": {},
    "category": {"scheme": "gbt30428", "code": "0406"},
}  # fmt: skip
DETECTION = {
    "id": "AI-1", "algorithm": "坑洼", "confidence": 0.9, "camera": "c", "occurred_at": "2026-10-03T14:30:00+08:00",
    "lon": 111.9, "lat": 21.8, "crs": "EPSG:4490", "boxes": [[0.1, 0.1, 0.2, 0.2]], "picture": "aGVsbG8=",
}  # fmt: skip


@QUICK
@given(changed(ORDER))
def test_an_order(record: Any) -> None:
    if isinstance(record, dict):
        found = hotline_order.check(record, Mapped(), WORDS, RULES, "s", "1")
        assert isinstance(found, Order) or said(found) is None
        json.loads(hotline_order.redacted(record, Mapped()))


@QUICK
@given(changed(EVENT))
def test_a_report(record: Any) -> None:
    if isinstance(record, dict):
        found = check_event(record, WORDS, RULES)
        assert isinstance(found, EventDraft) or said(found) is None


@QUICK
@given(changed(DETECTION))
def test_a_detection(record: Any) -> None:
    if isinstance(record, dict):
        found = check_detection(record, WORDS, RULES)
        assert isinstance(found, DetectionDraft) or said(found) is None


POINT = {"at": "2026-10-03T06:00:00Z", "lon": 111.9, "lat": 21.8, "accuracy_m": 8}


@QUICK
@given(changed(POINT), st.sampled_from(["EPSG:4490", "GCJ-02", "BD-09", "EPSG:4546"]))
def test_a_point_of_a_track(item: Any, system: str) -> None:
    patrol = {"begun_at": NOW - dt.timedelta(hours=2), "ended_at": None}
    found = _point(item, 0, system, RULES, patrol)
    assert isinstance(found, Point) or said(found) is None


@pytest.mark.parametrize("rule", alarm_rules().values(), ids=list(alarm_rules()))
def test_parameters_of_a_rule(rule: Any) -> None:
    names = [*params.known(rule), "other", ""]

    @QUICK
    @given(st.dictionaries(st.sampled_from(names) | TEXTS, WILD, max_size=4))
    def ask(given_: dict[str, Any]) -> None:
        out, reasons = params.check(rule, given_)
        if reasons:
            said(reasons)
        assert set(out) <= set(names)
        json.dumps(out, allow_nan=False).encode()

    ask()


# ---------------------------------------------------------------- pictures


def picture(form: str) -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "somebody"
    Image.new("RGB", (24, 16), (200, 30, 30)).save(out, form, exif=exif)
    return out.getvalue()


PICTURES = [picture(form) for form in ("JPEG", "PNG", "WEBP")]
PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
MP4 = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + b"\0\0\0\x10moov\0\0\0\x08mvhd" + b"\0\0\0\x0cmdatfilm"


@QUICK
@given(mutated(*PICTURES, PDF, MP4))
def test_an_attachment(data: bytes) -> None:
    kept = refused_or(lambda: prepare(data))
    assert kept is None or b"somebody" not in kept.data


@QUICK
@given(mutated(*PICTURES))
def test_a_picture_of_a_detection(data: bytes) -> None:
    try:
        body, media = clean(data)
    except Refuse as e:
        told(e)
    else:
        assert media.startswith("image/")
        assert body


# ---------------------------------------------------------------- other systems' answers


FEED = {
    "v": 1, "epoch": "e", "last_no": 9, "next": "e-9", "more": False, "resync": "", "now": "2026-10-03T06:00:00Z",
    "rows": [{"no": 9, "topic": "case", "op": "change", "key": "case:1", "region": "441702", "sensitivity": 0,
              "private_to": None, "origin": "real", "at": "2026-10-03T06:00:00Z",
              "record": {"key": "case:1", "version": 2, "closed": False, "origin": "real", "title": "t"}},
             {"no": 8, "topic": "reload", "record": {"layers": ["events"]}}],
}  # fmt: skip
ROW: dict[str, Any] = FEED["rows"][0]  # type: ignore[index, assignment]
LISTS = {"feed": {"epoch": "e", "last_no": 9}, "next": None, "rows": [FEED["rows"][0]["record"]]}  # type: ignore[index]
TREE = {"breadcrumb": [{"code": "441700000000"}], "children": [{"code": "441702000000"}]}
FIGURES = {"indicators": [{"code": "online", "value": 97.5, "as_of": "2026-10-03T06:00:00Z", "origin": "real"}]}
CENTRE = Centre("near", "近县", "http://near.example", "t", "441702000000")
READS: dict[str, tuple[Any, Callable[[Api], Any]]] = {
    "feed": (FEED, lambda api: api.page(("e", 1))),
    "lists": (LISTS, lambda api: api.everything()),
    "regions": (TREE, lambda api: api.regions()),
    "indicators": (FIGURES, lambda api: api.indicators("441702000000")),
}


@pytest.mark.parametrize("name", list(READS))
def test_what_a_lower_centre_answers(name: str) -> None:
    body, read = READS[name]

    @QUICK
    @given(changed(body).map(dumped) | mutated(dumped(body)) | st.binary(max_size=60))
    @example(dumped({"feed": {"epoch": "e", "last_no": 10**30}, "rows": []}))
    @example(dumped({"feed": {"epoch": "e\x00", "last_no": 1}, "rows": []}))
    @example(dumped({"feed": {"epoch": "e", "last_no": True}, "rows": []}))
    @example(dumped({"next": f"e-{10**30}", "rows": []}))
    @example(dumped({"next": "e-1", "rows": [{"topic": "case", "record": {"a": nested(900)}}]}))
    @example(dumped({"next": "e-1", "rows": [{**ROW, "region": "4\x00", "private_to": "a\x00"}]}))
    @example(dumped({"next": "e-1", "rows": [{**ROW, "region": "\ud800", "private_to": "\ud800"}]}))
    @example(dumped({"next": "e-1", "rows": [{**ROW, "key": "\ud800", "record": {}}]}))
    @example(dumped({"indicators": [{**FIGURES["indicators"][0], "value": nested(900)}]}))
    def ask(data: bytes) -> None:
        client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=data)))
        try:
            found = read(Api(CENTRE, client, lambda: 0.0))
        except SourceFault as e:
            told(e)
            return
        place = found.until if name == "feed" else found[0] if name == "lists" else ("e", 0)
        rows = found.rows if name == "feed" else found[1] if name == "lists" else []
        assert 0 <= place[1] < 2**62, "a place the store can keep"
        for row in rows:
            assert 0 <= row.version < 2**31
            assert "\x00" not in row.region + (row.private_to or "")
            (row.region + (row.private_to or "")).encode()

    ask()
    assert read(Api(CENTRE, httpx.Client(transport=httpx.MockTransport(
        lambda _: httpx.Response(200, json=body))), lambda: 0.0))  # fmt: skip


CHANNELS = json.loads((ROOT / "fixtures/video/wvp-2.7.json").read_text("utf-8"))


DEVICES = {"code": 0, "data": {"total": 1, "list": [{"deviceId": "44170200001320000001", "status": "ON"}]}}


@QUICK
@given(changed(DEVICES).map(dumped) | mutated(dumped(CHANNELS)))
def test_what_a_video_platform_answers(data: bytes) -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=data)))
    try:
        rows = list(WvpClient("http://wvp.example", "u", "p", "key", client).devices())
    except WvpFault as e:
        told(e)
    else:
        assert all(isinstance(r, dict) for r in rows)


RECEIPT = outbound.Receipt(secret="env:X", items="data", id="msgId", key="ourId", state="state", delivered=("OK",))
RECEIPTS = {"data": [{"msgId": "1", "ourId": "notice-1-sms", "state": "OK", "at": "2026-10-03 14:30"}]}
APP = flask.Flask("fuzz")


@QUICK
@given(changed(RECEIPTS).map(dumped) | mutated(dumped(RECEIPTS), b"msgId=1&state=OK"), st.booleans())
def test_what_a_far_end_confirms(raw: bytes, form: bool) -> None:
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    with APP.test_request_context("/", method="POST", data=raw, content_type=kind):
        try:
            items = deliveries._items(RECEIPT, raw)
        except (Invalid, TooLarge):
            return
        for item in items:
            RECEIPT.meaning(outbound.template.find(item, RECEIPT.state))
            text = deliveries._text(outbound.template.find(item, "msgId"))
            assert "\x00" not in text
            text.encode()


# ---------------------------------------------------------------- an installation's own files


HOTLINE = (ROOT / "fixtures/hotline/hotline.toml").read_bytes()
OUTBOUND = b"""contacts = "c.csv"
[[channel]]
key = "sms"
kind = "http"
title = "x"
[channel.request]
url = "http://127.0.0.1/"
body = {a = "${title}"}
[[route]]
channel = "sms"
"""
VIDEO = b'{"default": {"crs": "gcj02"}, "platforms": {"44170200002000000001": {"interval_s": 60}}}'
SETTINGS: dict[str, tuple[bytes, Callable[[Settings], Any]]] = {
    "hotline.toml": (HOTLINE, lambda s: hotline_order.load(s.root / "hotline.toml")),
    "outbound.toml": (OUTBOUND, outbound.load),
    "video.json": (VIDEO, load_video),
}


@pytest.mark.parametrize("name", list(SETTINGS))
def test_a_file_of_settings(folder: Path, name: str) -> None:
    content, load = SETTINGS[name]
    settings = Settings(data_dir=folder)
    (folder / "c.csv").write_text("kind,ref,phone\naccount,a,1\n")

    @QUICK
    @given(mutated(content) | st.binary(max_size=80))
    def ask(data: bytes) -> None:
        (folder / name).write_bytes(data)
        try:
            load(settings)
        except ConfigError as e:
            told(e)

    ask()


def test_the_samples_themselves_are_good() -> None:
    """What is mutated above is otherwise accepted: else only the first check would ever be met."""
    assert cap.parse(TYPHOON, RULES, TYPES)
    assert isinstance(check_event(EVENT, WORDS, RULES), EventDraft)
    assert gb_catalogue.read(CATALOGUE)
    assert sample_sheet("departments.csv").rows
    assert prepare(PICTURES[0]).data
