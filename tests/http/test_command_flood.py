"""A water level over HTTP: everything says that it is a 推演; what cannot be asked is refused by its field."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from ioc.clock import FixedClock
from ioc.intake import datasets
from ioc.intake.datasets import Given
from ioc.settings import Settings
from tests.conftest import Database
from tests.http.conftest import ORIGIN, SignIn

pytestmark = pytest.mark.http
PLACE = {"lon": 111.9515, "lat": 21.8505}


def test_a_flood_is_a_what_if(
    sign_in: SignIn, db: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    chief = sign_in("chief")

    def ask(**more: Any) -> Any:
        return chief.post("/api/v1/command/flood", json=PLACE | more, headers=ORIGIN)

    nothing = ask(rise_m=1)
    assert (nothing.status_code, nothing.get_json()["reasons"][0]["code"]) == (422, "no_terrain")
    grid = tmp_path / "grid.asc"
    head = ["ncols 3", "nrows 3", "xllcorner 111.95", "yllcorner 21.849", "cellsize 0.001", "NODATA_value -9999"]
    grid.write_text("\n".join([*head, "5 5 5", "5 2 5", "5 5 5"]), "ascii")
    given = Given(grid, settings, clock, "t", "EPSG:4490", dt.date(2026, 1, 1), datum="1985国家高程基准")
    datasets.bring_in(db.store, "terrain", given)
    got = ask(rise_m=1.5).get_json()
    assert (got["what_if"], got["label"]["zh"], got["level_m"]) == (True, "推演", 3.5)
    assert [c["class"] for c in got["classes"]] == [3]
    assert got["classes"][0]["geometry"]["type"] == "MultiPolygon"
    assert {p["what_if"] for p in got["panels"].values()} == {True}
    assert got["panels"]["people"]["state"] == "missing"
    again = ask(rise_m=1.5).get_json()
    assert again["params"] == got["params"]
    assert again["classes"] == got["classes"]
    for body, field in (
        ({}, "rise_m"), ({"rise_m": 1, "level_m": 1}, "rise_m"), ({"rise_m": 0}, "rise_m"), ({"rise_m": 1e9}, "rise_m"),
        ({"rise_m": 1, "reach_m": 1e6}, "reach_m"), ({"rise_m": 1, "more": 1}, "more"),
    ):  # fmt: skip
        answer = ask(**body)
        assert answer.status_code == 422, body
        assert [r["field"] for r in answer.get_json()["reasons"]] == [field]
