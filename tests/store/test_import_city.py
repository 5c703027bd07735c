"""A centre outside the demo's province, filled from its departments' files only."""

from __future__ import annotations

import numpy as np
import pytest

from ioc import geo
from ioc.clock import FixedClock
from ioc.scope import SYSTEM
from ioc.store.cells import device_counts
from tests.store.test_observations import rows, whole
from tests.worlds import other_city as world
from tests.worlds.other_city import OtherCity, other_city

__all__ = ["other_city"]
pytestmark = pytest.mark.store


def test_every_file_balances_and_nothing_is_refused(other_city: OtherCity) -> None:
    found = {k: (r.read, r.stored, r.updated, r.unchanged, r.rejected) for k, r in other_city.reports.items()}
    assert found == {
        "regions": (18, 18, 0, 0, 0),
        "grids": (24, 24, 0, 0, 0),
        "cameras": (324, 324, 0, 0, 0),
        "sensors": (60, 60, 0, 0, 0),
        "resources": (24, 24, 0, 0, 0),
        "events": (40, 40, 0, 0, 0),
        "cases": (30, 30, 0, 0, 0),
        "layer": (5, 5, 0, 0, 0),
    }
    assert all(r.balanced for r in other_city.reports.values())
    batches = rows(other_city.db, "SELECT kind, state, read, stored FROM import_batch ORDER BY batch_id")
    assert [(b["state"], b["read"]) for b in batches] == [("done", n) for n in (18, 24, 324, 60, 24, 40, 30, 5)]


def test_cameras_land_within_a_metre_of_their_true_place(other_city: OtherCity) -> None:
    found = rows(
        other_city.db,
        "SELECT external_id AS id, ST_X(geom) AS lon, ST_Y(geom) AS lat, ST_X(geom_m) AS x, ST_SRID(geom_m) AS srid,"
        " x_orig, crs_orig FROM device WHERE source = '公安局'",
    )
    assert len(found) == 324
    for row in found:
        lon, lat = other_city.files.true_cameras[row["id"]]
        assert abs(row["lon"] - lon) * 98_000 < 1
        assert abs(row["lat"] - lat) * 111_000 < 1
        assert (row["srid"], row["crs_orig"]) == (4549, "GCJ-02")
        assert abs(row["x_orig"] - lon) > 0.003, "what was delivered is kept"
        x, _ = geo.to_metres(np.array([row["lon"]]), np.array([row["lat"]]), 4549)
        assert abs(x[0] - row["x"]) < 1e-6


def test_rows_lie_in_their_villages_and_counts_agree(other_city: OtherCity) -> None:
    db = other_city.db
    levels = rows(db, "SELECT r.kind, count(*) AS n FROM device d JOIN region r USING (region_id) GROUP BY 1")
    assert levels == [{"kind": "village", "n": 384}]
    with db.store.scoped(SYSTEM) as conn:
        counts = device_counts(conn, SYSTEM, None)
    assert (counts["camera"].total, counts["camera"].offline, counts["sensor"].total) == (324, 11, 60)
    assert rows(db, "SELECT res, sum(total)::int AS n FROM device_cell GROUP BY 1 ORDER BY 1") == [
        {"res": r, "n": 384} for r in range(5, 10)
    ]
    zone = rows(
        db,
        "SELECT count(*) AS n FROM device d JOIN region_closure c ON c.descendant_id = d.region_id"
        " JOIN region z ON z.region_id = c.ancestor_id WHERE z.code = '3311H1'",
    )
    towns = rows(
        db, "SELECT count(*) AS n FROM device d JOIN region r USING (region_id) WHERE r.code ~ '^331124(001|101)'"
    )
    assert zone == towns
    assert towns[0]["n"] > 100


def test_words_of_the_files_are_understood(other_city: OtherCity) -> None:
    db = other_city.db
    kinds = {r["kind"] for r in rows(db, "SELECT DISTINCT kind FROM device")}
    assert kinds == {"camera", "eagle_eye", "water_level", "rain", "air", "noise", "manhole", "smoke"}
    (grid,) = rows(db, "SELECT name, officers, kind FROM grid_cell WHERE code = '33112410120101'")
    assert (grid["name"], grid["kind"]) == ("古市上村第1网格", "general")
    assert grid["officers"] == [{"name": "王甲", "phone_masked": "139****5678", "role": ""}]
    streams = rows(db, "SELECT DISTINCT property, limit_high FROM datastream")
    assert streams == [{"property": "water_level", "limit_high": 3.5}]
    events = rows(db, "SELECT DISTINCT category_scheme, category_code FROM event ORDER BY 2")
    assert [e["category_code"] for e in events] == ["0102", "0406", "0504", "0505"]
    assert rows(db, "SELECT count(*) AS n FROM event WHERE cardinality(grid_cell_ids) = 1") == [{"n": 40}]
    (case,) = rows(db, "SELECT flow, stage, department, satisfaction, on_time FROM cases WHERE number = 'G00004'")
    assert case == {"flow": "hotline", "stage": "closed", "department": "城管局", "satisfaction": 4, "on_time": True}
    (contact,) = rows(db, "SELECT DISTINCT contact FROM resource")
    assert contact["contact"] == "赵六 137****2222"
    (layer,) = rows(db, "SELECT title, geometry, feature_count FROM thematic_layer")
    assert layer == {"title": "供水主管", "geometry": "line", "feature_count": 5}


def test_bringing_the_files_again_changes_nothing(other_city: OtherCity, clock: FixedClock) -> None:
    db = other_city.db
    tables = ("device", "region", "grid_cell", "resource", "event", "cases", "thematic_feature")
    before = whole(db, tables)
    history = rows(db, "SELECT count(*) AS n FROM entity_history")
    clock.advance(3600)
    reports = world.fill(db.store, other_city.settings, clock, other_city.files)
    assert {k: (r.unchanged, r.rejected) for k, r in reports.items()} == {
        k: (r.read, 0) for k, r in other_city.reports.items()
    }
    assert whole(db, tables) == before
    assert int(rows(db, "SELECT count(*) AS n FROM entity_history")[0]["n"]) == int(history[0]["n"]) + 1, (
        "the layer's row"
    )
