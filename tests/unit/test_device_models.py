"""Device models: every fault of a file named with its place, JSON and sheet alike, and translation for any input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.errors import Invalid, Reason
from ioc.intake.model_file import parse, read_models
from ioc.intake.models import DeviceModel, convert, translate
from ioc.intake.readings import Reading
from ioc.intake.reasons import CODES, Refuse
from ioc.intake.vocabulary import Vocabulary

WORDS = Vocabulary()
SHEET = """型号,设备类型,原属性,用途,观测项,单位,倍率,枚举,位,折线,下限,上限,越界,缺测值
JD-9,烟感,smk,,烟感报警,,,正常=0;报警=1,,,,,,
JD-9,烟感,dens,,烟雾浓度,%obs/m,0.1,,,,0,100,存疑,65535
JD-9,烟感,bat,,电量,,,,,3000=0;3600=100,,,,
JD-9,烟感,st,状态,,,,0=正常;1=故障,4,,,,,
JD-9,烟感,fw,忽略,,,,,,,,,,
"""


def faults(model: Any) -> dict[str, str]:
    reasons: list[Reason] = []
    found = parse(model, WORDS, reasons)
    assert (found is None) == bool(reasons)
    return {r.field: r.code for r in reasons}


def rule(**extra: Any) -> dict[str, Any]:
    return {"model": "M", "kind": "water_level", "properties": [{"from": "a", "property": "water_level", **extra}]}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (rule(unit="furlong"), {"model.properties[0].unit": "unknown_unit"}),
        (rule(unit="kPa"), {"model.properties[0].unit": "dimension_mismatch"}),
        (rule(property="colour"), {"model.properties[0].property": "unknown_property"}),
        (rule(scale=0), {"model.properties[0].scale": "out_of_range"}),
        (
            rule(scale="x", offset="y"),
            {"model.properties[0].scale": "bad_number", "model.properties[0].offset": "bad_number"},
        ),
        (rule(map={"a": 1}, bit=2), {"model.properties[0].bit": "one_way_only"}),
        (rule(points=[[1, 2]]), {"model.properties[0].points": "bad_points"}),
        (rule(points=[[2, 2], [1, 3]]), {"model.properties[0].points": "not_rising"}),
        (rule(low=5, high=1), {"model.properties[0].low": "low_above_high"}),
        (rule(outside="drop"), {"model.properties[0].outside": "bad_choice"}),
        (rule(colour="red"), {"model.properties[0].colour": "unknown_key"}),
        (
            {"model": "M", "kind": "x", "properties": []},
            {"model.kind": "unknown_kind", "model.properties": "missing_field"},
        ),
        ({**rule(), "status": {"from": "s", "map": {"1": "on fire"}}}, {"model.status": "bad_choice"}),
        ({**rule(), "interval_s": 0}, {"model.interval_s": "out_of_range"}),
        ([], {"model": "bad_object"}),
        (
            {**rule(), "properties": [{"from": "a", "property": "rain_1h"}, {"from": "b", "property": "rain_1h"}]},
            {"model.properties[1].property": "double"},
        ),
    ],
)  # fmt: skip
def test_every_fault_has_its_place(model: Any, expected: dict[str, str]) -> None:
    found = faults(model)
    assert set(found.values()) == set(expected.values())
    assert all(any(f.startswith(e) for f in found) for e in expected)


def test_a_sheet_says_the_same_as_json(tmp_path: Path) -> None:
    sheet = tmp_path / "m.csv"
    sheet.write_bytes(SHEET.encode("gb18030"))
    ((model, kept),) = read_models(sheet, WORDS)
    again = tmp_path / "m.json"
    again.write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
    assert read_models(again, WORDS) == [(model, kept)]
    assert model.kind == "smoke"
    at = 1_700_000_000_000
    given_ = {"smk": "报警", "dens": 123, "bat": "3300", "st": 16, "fw": "v1"}
    out = translate(model, [Reading("d", k, v, at) for k, v in given_.items()])
    assert {r.property: (r.value, r.quality) for r in out.readings} == {
        "smoke_alarm": (1, None),
        "smoke": (12.3, None),
        "battery": (50, None),
    }
    assert (out.told, out.refused) == ("fault", [])
    out = translate(model, [Reading("d", "dens", 65535, at), Reading("d", "st", 0, at)])
    assert ([(r.value, r.quality) for r in out.readings], out.told) == ([(None, "missing")], "online")
    assert translate(model, [Reading("d", "dens", 2000, at)]).readings[0].quality == "suspect"


def test_faults_of_a_sheet_name_the_row(tmp_path: Path) -> None:
    sheet = tmp_path / "m.csv"
    sheet.write_text("型号,类型,原属性,观测项,单位\nA,水位,x,水位,furlong\nA,雨量,y,雨量,mm\n,水位,z,水位,m\n", "utf-8")
    with pytest.raises(Invalid) as caught:
        read_models(sheet, WORDS)
    assert {(r.field, r.code) for r in caught.value.reasons} == {
        ("行2.unit", "unknown_unit"),
        ("行3.kind", "duplicate_key"),
        ("行4.model", "missing_field"),
    }


def test_one_model_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_text(json.dumps([rule(), {**rule(), "model": " m "}]), "utf-8")
    with pytest.raises(Invalid) as caught:
        read_models(file, WORDS)
    assert [r.code for r in caught.value.reasons] == ["double"]


def test_nested_values_by_path() -> None:
    reasons: list[Reason] = []
    model = parse(
        {"model": "N", "kind": "rain", "properties": [{"from": "data.r1", "property": "rain_1h"}]}, WORDS, reasons
    )
    assert model is not None
    out = translate(model, [Reading("d", "data", {"r1": 4, "x": 1}, 1)])
    assert [(r.property, r.value) for r in out.readings] == [("rain_1h", 4)]
    assert [r.reasons[0].code for r in out.refused] == ["not_in_model"]


ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("model", "kind", "properties", "quality", "status", "interval_s", "from", "property", "unit", "map", "bit",
        "points", "low", "missing", "ignore", "scale")  # fmt: skip
LOOSE = st.recursive(ANY, lambda v: st.dictionaries(st.sampled_from(KEYS), v, max_size=6) | st.lists(v, max_size=3))


@given(LOOSE)
def test_no_definition_breaks_the_parser(body: Any) -> None:
    reasons: list[Reason] = []
    found = parse(body, WORDS, reasons)
    assert (found is None) == bool(reasons)
    assert {r.code for r in reasons} <= CODES


def _smoke() -> DeviceModel:
    reasons: list[Reason] = []
    body = {
        "model": "S", "kind": "smoke",
        "properties": [
            {"from": "a", "property": "smoke", "low": 0, "high": 100, "outside": "bad"},
            {"from": "b", "bit": 3, "property": "smoke_alarm"},
            {"from": "c", "property": "battery", "points": [[0, 0], [10, 100]]},
        ],
        "status": {"from": "s", "map": {"0": "online", "1": "fault"}},
    }  # fmt: skip
    model = parse(body, WORDS, reasons)
    assert model is not None
    return model


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "s", "other"]), ANY, min_size=1))
def test_no_value_breaks_a_translation(values: dict[str, Any]) -> None:
    out = translate(_smoke(), [Reading("d", k, v, 1) for k, v in values.items()])
    used = len(out.readings) + len(out.refused) + (out.told is not None)
    assert used == len(values), "each raw property is one reading, one reject or one word"
    assert all(r.value is None or r.value == r.value for r in out.readings)
    for rule_ in _smoke().rules:
        try:
            value, _ = convert(rule_, values.get(rule_.source))
        except Refuse:
            continue
        assert value is None or rule_.property in ("smoke", "smoke_alarm") or 0 <= value <= 100
