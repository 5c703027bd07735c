"""Water classes, noise limits and editions by date."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc import aqi
from ioc.errors import Invalid
from ioc.intake.standard_file import read_edition
from ioc.standards import in_force, noise_limit, noise_zone, shipped, water_body, water_class

WATER, NOISE = shipped("water")[0], shipped("noise")[0]
DAY = dt.date(2026, 10, 3)


@pytest.mark.parametrize(
    ("values", "name", "worst"),
    [
        ({"do": 8, "codmn": 1.5, "nh3n": 0.1}, "Ⅰ类", ()),
        ({"do": 8, "codmn": 5.9, "nh3n": 0.4}, "Ⅲ类", ("codmn",)),
        ({"do": 4.9, "codmn": 10, "nh3n": 0.4}, "Ⅳ类", ("do", "codmn")),
        ({"do": 1.9}, "劣Ⅴ类", ("do",)),
        ({"ph": 9.2, "do": 8}, "劣Ⅴ类", ("ph",)),
        ({"tp": 0.2}, "Ⅲ类", ("tp",)),
    ],
)
def test_the_single_worst_factor_decides(values: dict[str, float], name: str, worst: tuple[str, ...]) -> None:
    found = water_class(values, WATER, "river", "Ⅲ类")
    assert found is not None
    assert (found.name.zh, found.worst) == (name, worst)
    assert found.meets == (found.rank <= 2)


def test_lakes_have_their_own_phosphorus_and_nothing_is_guessed() -> None:
    values = {"tp": 0.06, "do": 8.0}
    assert [water_class(values, WATER, b).rank for b in ("river", "lake")] == [1, 3]  # type: ignore[union-attr]
    open_ = water_class(values, WATER, "")
    assert open_ is not None
    assert (open_.rank, open_.left_out) == (0, ("tp",))
    assert water_class(values, WATER, "sea") is None, "sea water is another standard"
    assert water_class({"do": None}, WATER, "river") is None
    partly = water_class({"do": 8.0, "codmn": None}, WATER, "river")
    assert partly is not None
    assert partly.missing == ("codmn",)
    assert [water_body({"水体类型": w}) for w in ("水库", "近岸海域", "河流", "?")] == ["lake", "sea", "river", ""]


@given(st.dictionaries(st.sampled_from(sorted(WATER["limits"])), st.floats(0, 50), min_size=1))
def test_a_class_is_never_better_than_any_factor_alone(values: dict[str, float]) -> None:
    whole = water_class(values, WATER, "river")
    assert whole is not None
    alone = [water_class({k: v}, WATER, "river") for k, v in values.items()]
    assert whole.rank == max(a.rank for a in alone if a is not None)


@pytest.mark.parametrize(
    ("zone", "hour", "minute", "limit"),
    [("1", 6, 0, 55), ("1", 5, 59, 45), ("4a", 21, 59, 70), ("4a", 22, 0, 55), ("0", 0, 0, 40), ("4b", 12, 0, 70)],
)
def test_noise_limits_by_zone_and_time_of_day(zone: str, hour: int, minute: int, limit: float) -> None:
    found = noise_limit(zone, dt.datetime(2026, 10, 3, hour, minute), NOISE)
    assert found is not None
    assert found.limit == limit


def test_a_zone_is_what_the_station_says_or_nothing() -> None:
    words = {"2": "2", "2类": "2", "4A类区": "4a", "3 类声环境功能区": "3", 2.0: "2", "居住区": "", "9": "", "": ""}
    assert {w: noise_zone({"声环境功能区": w}, NOISE) for w in words} == words
    assert noise_zone({"noise_class": "4b"}, NOISE) == "4b"
    assert noise_zone({}, NOISE) == ""
    assert noise_limit("", dt.datetime(2026, 10, 3), NOISE) is None


def test_editions_by_date() -> None:
    old, new = (
        {"key": "a", "valid_from": "2000-01-01", "valid_to": "2026-01-01"},
        {"key": "b", "valid_from": "2026-03-01"},
    )
    days = {dt.date(1999, 1, 1): None, dt.date(2025, 12, 31): "a", dt.date(2026, 1, 1): None, dt.date(2026, 3, 1): "b"}
    assert {d: (in_force([old, new], d) or {}).get("key") for d in days} == days


def aqi_file() -> dict[str, Any]:
    first = aqi.shipped()[0]
    return {
        "key": "HJ633-2026", "valid_from": "2026-03-01", "document": "公告 2026 年第 1 号", "issued": "2026-02-01",
        "iaqi": first["iaqi"], "hourly": first["hourly"], "daily": first["daily"],
    }  # fmt: skip


def read(tmp_path: Path, kind: str, body: Any) -> Any:
    file = tmp_path / "t.json"
    file.write_text(json.dumps(body), "utf-8")
    return read_edition(kind, file)


def test_an_aqi_edition_takes_over_on_its_day(tmp_path: Path) -> None:
    edition = read(tmp_path, "aqi", aqi_file())
    tables = {"editions": [*[e for e in aqi.shipped() if e["key"] != "HJ633-2026"], edition]}
    assert aqi.edition_on(DAY, tables)[0]["key"] == "HJ633-2026"
    assert aqi.edition_on(DAY, tables)[1] is False
    assert aqi.edition_on(dt.date(2026, 2, 28), tables)[0]["key"] == "HJ633-2012"
    ended = {"editions": [{**edition, "valid_to": "2026-10-03"}]}
    assert aqi.edition_on(DAY, ended)[1] is True, "out of force: it stands in, and says so"


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"document": ""}, {"missing_field"}),
        ({"issued": "last year"}, {"bad_time"}),
        ({"valid_to": "2026-02-01"}, {"time_order"}),
        ({"iaqi": [0, 50]}, {"wrong_count", "bad_choice"}),
        ({"hourly": {**aqi.shipped()[0]["hourly"], "pm25": [0, 50, 40]}}, {"not_rising"}),
        ({"daily": {"pm25": [5, 60]}}, {"missing_field", "bad_choice"}),
        ({"daily": {**aqi.shipped()[0]["daily"], "lead": [0, 1]}}, {"unknown_key"}),
    ],
)
def test_an_edition_with_faults_is_refused_whole(tmp_path: Path, change: dict[str, Any], codes: set[str]) -> None:
    with pytest.raises(Invalid) as caught:
        read(tmp_path, "aqi", {**aqi_file(), **change})
    assert {r.code for r in caught.value.reasons} == codes


def test_water_and_noise_editions_are_read(tmp_path: Path) -> None:
    head = {"key": "X-2030", "valid_from": "2030-01-01", "document": "d", "issued": "2029-12-01"}
    water = read(tmp_path, "water", {**head, "limits": WATER["limits"]})
    assert water_class({"do": 8, "codmn": 5}, water, "river").rank == 2  # type: ignore[union-attr]
    noise = read(tmp_path, "noise", {**head, "limits": {"2": [58, 48]}, "day": ["07:00", "22:00"]})
    assert noise_limit("2", dt.datetime(2030, 1, 1, 6, 30), noise).limit == 48  # type: ignore[union-attr]
    with pytest.raises(Invalid) as caught:
        read(tmp_path, "noise", {**head, "limits": {"2": [48, 58], "9": [1, 1]}, "day": ["22:00", "06:00"]})
    assert {r.code for r in caught.value.reasons} == {"bad_table", "unknown_key", "bad_time"}
