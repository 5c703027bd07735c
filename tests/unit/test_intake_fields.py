"""Fields, times, coordinates, keys and readings: properties that hold for whatever is delivered."""

from __future__ import annotations

import datetime as dt
import math
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ioc import geo
from ioc.dictionaries import CONFIDENCE, shipped
from ioc.errors import Invalid, Reason
from ioc.intake import fields
from ioc.intake.columns import CASES, DEVICES, EVENTS, GRIDS, LAYER, REGIONS, RESOURCES, recognise
from ioc.intake.fields import TimeRules, moment
from ioc.intake.readings import Checked, Reading, check, decode, from_device, from_gateway
from ioc.intake.reasons import CODES, Refuse, reason
from ioc.intake.seen import SeenKeys
from ioc.intake.vocabulary import Vocabulary

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
RULES = TimeRules(NOW, ZoneInfo("Asia/Shanghai"), past=dt.timedelta(days=90))
moments = st.datetimes(NOW.replace(tzinfo=None) - dt.timedelta(days=89), NOW.replace(tzinfo=None)).map(
    lambda d: d.replace(tzinfo=dt.UTC)
)
junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(moments, st.integers(-12, 14))
def test_the_same_moment_in_every_spelling(at: dt.datetime, hours: int) -> None:
    zone = dt.timezone(dt.timedelta(hours=hours))
    assert fields.time(at.isoformat(), RULES) == at
    assert fields.time(at.astimezone(zone).isoformat(), RULES) == at
    assert fields.time(at, RULES) == at
    local = at.astimezone(RULES.tz)
    assert fields.time(local.replace(tzinfo=None).isoformat(sep=" "), RULES) == at
    whole = at.replace(microsecond=0)
    seen = local.replace(microsecond=0)
    assert fields.time(seen.strftime("%Y/%m/%d %H:%M:%S"), RULES) == whole
    assert fields.time(seen.strftime("%Y年%m月%d日 %H时%M分%S秒"), RULES) == whole
    millis = at.replace(microsecond=at.microsecond // 1000 * 1000)
    epoch = round(millis.timestamp() * 1000)
    assert fields.time(epoch, RULES) == fields.time(str(epoch), RULES) == millis


@given(st.integers(601, 10**9))
def test_beyond_the_tolerance_is_the_future(seconds: int) -> None:
    with pytest.raises(Refuse, match="future_time"):
        fields.time((NOW + dt.timedelta(seconds=seconds)), RULES)
    assert fields.time(NOW + dt.timedelta(seconds=600), RULES) > NOW


@given(junk)
def test_parsers_refuse_or_return_and_never_fail(value: object) -> None:
    for parse in (
        lambda v: fields.time(v, RULES),
        fields.number,
        fields.text,
        fields.flag,
        fields.level,
        fields.crs,
        lambda v: fields.integer(v, 0, 10),
    ):
        refused = None
        try:
            parse(value)
        except Refuse as e:
            refused = e.of("f", value).code
        assert refused is None or refused in CODES


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_numbers_read_back(value: float) -> None:
    assert fields.number(str(value)) == float(str(value))
    assert fields.number(value) == value


@pytest.mark.parametrize(("text", "value"), [("１２.５", 12.5), ("1,234,567.5", 1234567.5), (" -3e2 ", -300.0)])
def test_numbers_as_people_write_them(text: str, value: float) -> None:
    assert fields.number(text) == value


@pytest.mark.parametrize("text", ["1_000", "0x10", "nan", "12m", "1,23", "", "∞", True, None, [1]])
def test_what_is_no_number(text: object) -> None:
    with pytest.raises(Refuse):
        fields.number(text)


# ---------------------------------------------------------------- coordinates

_PI, _A, _EE = math.pi, 6378245.0, 0.00669342162296594323


def gcj_offset(lon: float, lat: float) -> tuple[float, float]:
    """An independent scalar implementation of the published offset, term by term."""
    x, y = lon - 105.0, lat - 35.0
    s = math.sqrt(abs(x))
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * s
    d_lat += (20.0 * math.sin(6.0 * x * _PI) + 20.0 * math.sin(2.0 * x * _PI)) * 2.0 / 3.0
    d_lat += (20.0 * math.sin(y * _PI) + 40.0 * math.sin(y / 3.0 * _PI)) * 2.0 / 3.0
    d_lat += (160.0 * math.sin(y / 12.0 * _PI) + 320.0 * math.sin(y * _PI / 30.0)) * 2.0 / 3.0
    d_lon = 300.0 + x + 2.0 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * s
    d_lon += (20.0 * math.sin(6.0 * x * _PI) + 20.0 * math.sin(2.0 * x * _PI)) * 2.0 / 3.0
    d_lon += (20.0 * math.sin(x * _PI) + 40.0 * math.sin(x / 3.0 * _PI)) * 2.0 / 3.0
    d_lon += (150.0 * math.sin(x / 12.0 * _PI) + 300.0 * math.sin(x / 30.0 * _PI)) * 2.0 / 3.0
    r = math.radians(lat)
    m = 1 - _EE * math.sin(r) ** 2
    return (
        d_lon * 180.0 / (_A / math.sqrt(m) * math.cos(r) * _PI),
        d_lat * 180.0 / (_A * (1 - _EE) / (m * math.sqrt(m)) * _PI),
    )


places = st.tuples(st.floats(74, 135), st.floats(4, 53))


@given(places)
def test_offset_systems_against_the_scalar_oracle_and_back(place: tuple[float, float]) -> None:
    lon, lat = place
    dx, dy = gcj_offset(lon, lat)
    x, y = geo.wgs_to_gcj(np.array([lon]), np.array([lat]))
    assert abs(x[0] - lon - dx) < 1e-12
    assert abs(y[0] - lat - dy) < 1e-12
    for system, (u, v) in {"GCJ-02": (x, y), "BD-09": geo.gcj_to_bd(x, y)}.items():
        back = geo.to_wgs84(u, v, system)
        assert abs(back[0][0] - lon) * 111_320 < 1e-3, system
        assert abs(back[1][0] - lat) * 111_320 < 1e-3, system


@given(places)
def test_projected_systems_return(place: tuple[float, float]) -> None:
    lon, lat = place
    srid = geo.metre_srid(lon)
    x, y = geo.to_metres(np.array([lon]), np.array([lat]), srid)
    back = geo.to_wgs84(x, y, f"EPSG:{srid}")
    assert abs(back[0][0] - lon) < 1e-8
    assert abs(back[1][0] - lat) < 1e-8


@given(places)
def test_swapped_and_foreign_coordinates_are_named(place: tuple[float, float]) -> None:
    lon, lat = place
    assert fields.coordinates_fit(lon, lat, "EPSG:4490") == ""
    assert fields.coordinates_fit(lon, lat, "EPSG:4546") == "crs_mismatch"
    x, y = geo.to_metres(np.array([lon]), np.array([lat]), geo.metre_srid(lon))
    assert fields.coordinates_fit(float(x[0]), float(y[0]), "GCJ-02") == "crs_mismatch"
    assert fields.coordinates_fit(float(x[0]), float(y[0]), "EPSG:4546") == ""
    assume(lat < 53 and not (73 <= lat <= 136))
    assert fields.coordinates_fit(lat, lon, "GCJ-02") == "swapped_lonlat"


# ---------------------------------------------------------------- keys

pairs = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), max_size=60)


@given(st.lists(pairs, max_size=6))
def test_seen_keys_agree_with_a_dictionary(batches: list[list[tuple[int, int]]]) -> None:
    seen, truth = SeenKeys(), dict[int, int]()
    for batch in batches:
        expected = []
        for key, content in batch:
            expected.append("new" if key not in truth else "same" if truth[key] == content else "different")
            truth.setdefault(key, content)
        assert seen.check([k for k, _ in batch], [c for _, c in batch]) == expected


# ---------------------------------------------------------------- readings


@given(junk)
def test_no_payload_breaks_the_reader(body: object) -> None:
    parts = [*from_device("d", body), *from_gateway(body, NOW)]
    assert all(isinstance(p, Reading | Reason) for p in parts)
    readings = [p for p in parts if isinstance(p, Reading)]
    for found in check(readings, Vocabulary(), RULES):
        assert isinstance(found, Checked) or {r.code for r in found} <= CODES


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder(payload: bytes) -> None:
    refused = None
    try:
        decode(payload)
    except Refuse as e:
        refused = e.code
    assert refused in (None, "bad_json", "bad_encoding")


def test_a_gateway_in_gbk_is_read() -> None:
    assert decode('{"名称": "水位"}'.encode("gb18030")) == {"名称": "水位"}


# ---------------------------------------------------------------- words


def test_every_shipped_code_is_whole() -> None:
    tables = shipped()
    assert {"device_kind", "property", "urgency", "resource_kind", "category.gbt30428", "flow"} <= set(tables)
    for table in tables.values():
        for entry in table.values():
            assert entry.zh
            assert entry.en
            assert entry.confidence in CONFIDENCE
            assert table.find(entry.zh) is not None
    for kind in tables["device_kind"].values():
        assert kind.attributes["class"] in ("camera", "sensor", "gateway", "other")
        assert all(p in tables["property"] for p in kind.attributes["properties"]), kind.code


@pytest.mark.parametrize(
    ("table", "word", "code"),
    [
        ("device_kind", "球机", "camera"),
        ("device_kind", "視頻監控", "camera"),
        ("device_kind", "空气质量", "air"),
        ("device_kind", "鹰眼", "eagle_eye"),
        ("property", "PM2.5", "pm25"),
        ("property", "氨氮", "nh3n"),
        ("urgency", "特急", "critical"),
        ("device_status", "正常", "online"),
        ("region_kind", "街道", "town"),
        ("grid_kind", "单元网格", "unit"),
    ],
)
def test_words_of_departments(table: str, word: str, code: str) -> None:
    entry = shipped()[table].find(word)
    assert entry is not None
    assert entry.code == code


def test_columns_are_recognised_by_rank_not_by_order() -> None:
    found = recognise(["序号", "设备名称", "设备编号", "经度(°)", "纬度（度）", "备注"], DEVICES, {})
    assert found == {"设备编号": "external_id", "设备名称": "name", "经度(°)": "lon", "纬度（度）": "lat"}
    assert recognise(["X", "Y", "ID", "TYPE"], DEVICES, {})["X"] == "lon"
    assert recognise(["a", "经度"], DEVICES, {"lon": "a"}) == {"a": "lon"}
    for known in (DEVICES, REGIONS, GRIDS, RESOURCES, EVENTS, CASES, LAYER):
        assert recognise([], known, {}) == {}


def test_phones_are_masked() -> None:
    assert fields.mask_phone("13912345678") == "139****5678"
    assert "3345678" not in fields.mask_phone("0662-3345678")
    assert fields.mask_phone("12345") == "12345"


def test_reasons_speak_both_languages() -> None:
    names = "limit low high minutes days other sources scheme known flow parent choices crs buffer source got want"
    more = "where stored what scope status kind colour colours unit property ours model n total why times points"
    known = dict.fromkeys([*names.split(), *more.split()], "x")
    for code in CODES:
        made = reason("f", code, "v", **known)
        assert made.zh
        assert made.en
        assert "{" not in made.zh + made.en


def test_a_moment_of_a_query_or_a_form() -> None:
    """Local text in the city's time, an offset whose + came as a space, and what is none."""
    tz = ZoneInfo("Asia/Shanghai")
    assert moment("since", "  ", tz) is None
    assert moment("since", None, tz) is None
    for text in ("2026-10-03 08:05", "2026-10-03T08:05:00+08:00", "2026-10-03T08:05:00 08:00", "2026-10-03T00:05:00Z"):
        assert moment("since", text, tz) == dt.datetime(2026, 10, 3, 0, 5, tzinfo=dt.UTC), text
    with pytest.raises(Invalid) as caught:
        moment("since", "yesterday", tz)
    assert [r.field for r in caught.value.reasons] == ["since"]
