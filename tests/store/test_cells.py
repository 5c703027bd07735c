"""Aggregates: deltas and rebuild agree with the rows, whatever order changes come in."""

from __future__ import annotations

import datetime as dt
import threading

import h3.api.basic_int as h3
import numpy as np
import pytest

from ioc.geo import h3_parent
from ioc.scope import SYSTEM
from ioc.store.cells import RESOLUTIONS, CellDelta, apply_cell_deltas, delta_of, device_counts, rebuild_device_cells
from tests.conftest import Database
from tests.store import map_world as world

pytestmark = pytest.mark.store
NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)

_ALL = (
    "SELECT res, cell, class, kind, region_id, private_to, sensitivity, origin, total, offline, exceeded,"
    " ST_AsText(center, 9) AS at FROM device_cell WHERE total <> 0 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"
)


def test_the_parent_in_sql_in_numpy_and_in_h3_is_the_same(db: Database) -> None:
    rng = np.random.default_rng(1)
    places = zip(rng.uniform(-80, 80, 200).tolist(), rng.uniform(-180, 180, 200).tolist(), strict=True)
    cells = [h3.latlng_to_cell(lat, lon, 10) for lat, lon in places]
    for res in RESOLUTIONS:
        want = [h3.cell_to_parent(c, res) for c in cells]
        assert h3_parent(np.array(cells, dtype=np.int64), res).tolist() == want
        with db.owner() as conn:
            rows = conn.execute(
                "SELECT ioc_h3_parent(c, %s) AS p FROM unnest(%s::bigint[]) WITH ORDINALITY AS u(c, n) ORDER BY n",
                (res, cells),
            ).fetchall()
        assert [r["p"] for r in rows] == want


def test_deltas_one_by_one_and_a_rebuild_give_the_same_aggregates(db: Database) -> None:
    with db.owner() as conn:
        world.build(conn, NOW)
        rebuilt = conn.execute(_ALL).fetchall()
        conn.execute("DELETE FROM device_cell")
        rows = conn.execute("SELECT * FROM device").fetchall()
    with db.store.scoped(SYSTEM) as conn:
        for part in (rows[:150], rows[150:]):
            apply_cell_deltas(conn, [delta_of(r) for r in part])
    with db.owner() as conn:
        assert conn.execute(_ALL).fetchall() == rebuilt
        assert {r["res"] for r in rebuilt} == set(RESOLUTIONS)
    for res in RESOLUTIONS:
        assert sum(r["total"] for r in rebuilt if r["res"] == res) == len(rows)


def test_a_change_of_state_moves_the_counts_and_back(db: Database) -> None:
    with db.owner() as conn:
        world.build(conn, NOW)
        row = conn.execute("SELECT * FROM device WHERE device_id = 1").fetchone()
        assert row
    with db.store.scoped(SYSTEM) as conn:
        before = device_counts(conn, SYSTEM, None)["camera"]
        off = {**row, "status": "fault"}
        apply_cell_deltas(conn, [delta_of(row, -1), delta_of(off)])
        after = device_counts(conn, SYSTEM, None)["camera"]
        assert (after.total, after.offline) == (before.total, before.offline + 1)
        assert apply_cell_deltas(conn, [delta_of(off, -1), delta_of(off)]) == 0
        apply_cell_deltas(conn, [delta_of(off, -1), delta_of(row)])
        assert device_counts(conn, SYSTEM, None)["camera"] == before


def test_counts_follow_scope_and_region(db: Database) -> None:
    with db.owner() as conn:
        world.build(conn, NOW)
        rows = conn.execute("SELECT * FROM device").fetchall()
    town = world.town_scope(4)
    mine = [r for r in rows if r["region_id"] == 4 and r["private_to"] is None and r["sensitivity"] <= 1]
    with db.store.scoped(town) as conn:
        counts = device_counts(conn, town, None)
        assert counts["camera"].total == sum(r["class"] == "camera" for r in mine)
        assert device_counts(conn, town, [5]) == {}
    everyone = world.city_scope()
    with db.store.scoped(everyone) as conn:
        assert sum(c.total for c in device_counts(conn, everyone, None).values()) == len(rows)
        inside = device_counts(conn, everyone, [1, 2, 3, 4, 5, 6, 7])
        assert sum(c.total for c in inside.values()) == len(rows) - 1, "the buoy lies in no region"


def test_writers_of_the_same_cells_do_not_deadlock(db: Database) -> None:
    cells = [h3.latlng_to_cell(21.8 + i / 50, 111.5, 10) for i in range(40)]
    errors: list[Exception] = []

    def work(order: int) -> None:
        try:
            for _ in range(6):
                listed = cells if order else cells[::-1]
                with db.store.scoped(SYSTEM) as conn:
                    deltas = [CellDelta(c, "camera", "camera", 4, None, 0, "real", 1, 0, 0) for c in listed]
                    apply_cell_deltas(conn, deltas)
        except Exception as e:  # noqa: BLE001 - whatever it is, the test reports it
            errors.append(e)

    with db.owner() as conn:
        conn.execute("INSERT INTO region (region_id, code, name, kind) VALUES (4, '4', '甲', 'town')")
    threads = [threading.Thread(target=work, args=(i % 2,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    with db.store.scoped(SYSTEM) as conn:
        assert device_counts(conn, SYSTEM, None)["camera"].total == 4 * 6 * 40
        assert rebuild_device_cells(conn) == 0
