"""Grid cells that come, move and go after the events: events and cases are put into the cells as they are now."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ioc.clock import FixedClock
from ioc.intake import files
from ioc.intake.files import import_file
from ioc.intake.report import ImportReport
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import gridding, imports
from tests.conftest import NOW, Database
from tests.store import world
from tests.store.test_observations import rows

pytestmark = pytest.mark.store
GRID = ["编码", "网格类型", "边界"]
WEST = "POLYGON((120 28,120.2 28,120.2 28.4,120 28.4,120 28))"
EAST = "POLYGON((120.2 28,120.4 28,120.4 28.4,120.2 28.4,120.2 28))"
WHOLE = "POLYGON((120 28,120.4 28,120.4 28.4,120 28.4,120 28))"


class Centre:
    def __init__(self, db: Database, settings: Settings, clock: FixedClock, folder: Path) -> None:
        self.db, self.settings, self.clock, self.folder = db, settings, clock, folder
        with db.owner() as conn:
            world.build(conn)
            conn.execute("DELETE FROM grid_cell")

    def bring(self, kind: str, lines: Sequence[Sequence[Any]], **more: Any) -> ImportReport:
        path = self.folder / f"{kind}.csv"
        with path.open("w", encoding="utf-8", newline="") as f:
            csv.writer(f).writerows(lines)
        return import_file(
            self.db.store, Registry(), kind, path, "EPSG:4490", settings=self.settings, clock=self.clock, actor="t",
            **more,
        )  # fmt: skip

    def work(self) -> None:
        at = f"{NOW:%Y-%m-%d %H:%M}"
        head = ["编号", "标题", "经度", "纬度"]
        places = {"A": (120.05, 28.1), "B": (120.3, 28.1)}
        self.bring("events", [[*head, "发生时间"], *([k, "x", *p, at] for k, p in places.items())])
        self.bring("cases", [[*head, "受理时间"], *([k, "x", *p, at] for k, p in places.items())])

    def cells(self) -> list[dict[str, Any]]:
        """Codes of the cells of events A and B and cases A and B."""
        return rows(
            self.db,
            "SELECT source_id AS of, ARRAY(SELECT kind || ':' || code FROM grid_cell g"
            " WHERE g.grid_cell_id = ANY (x.ids) ORDER BY kind) AS cells"
            " FROM (SELECT 1 AS n, source_id, grid_cell_ids AS ids FROM event"
            " UNION ALL SELECT 2, source_id, array_remove(ARRAY[grid_cell_id], NULL) FROM cases) x"
            " ORDER BY n, source_id",
        )


@pytest.fixture
def centre(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> Centre:
    return Centre(db, settings, clock, tmp_path)


def held(a: list[str], b: list[str]) -> list[dict[str, Any]]:
    """Events know every kind, a case its first."""
    found = (("A", a), ("B", b), ("A", a[:1]), ("B", b[:1]))
    return [{"of": name, "cells": cells} for name, cells in found]


def test_work_that_comes_after_the_cells_is_in_them(centre: Centre) -> None:
    centre.bring("grids", [GRID, ["W", "综合网格", WEST], ["U", "单元网格", WHOLE]])
    centre.work()
    assert centre.cells() == held(["general:W", "unit:U"], ["unit:U"])


def test_cells_that_come_later_take_what_lies_in_them(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gridding, "SLICE", 1)
    centre.work()
    assert centre.cells() == held([], [])
    seen: list[int] = []
    lines = [GRID, ["W", "综合网格", WEST], ["E", "综合网格", EAST], ["U", "单元网格", WHOLE]]
    report = centre.bring("grids", lines, progress=lambda done, total: seen.append(done))
    assert report.relocated == 4
    assert len(seen) > 4
    assert centre.cells() == held(["general:W", "unit:U"], ["general:E", "unit:U"])
    assert rows(centre.db, "SELECT DISTINCT version FROM event") == [{"version": 1}], "no new version of the event"
    assert centre.bring("grids", lines).relocated == 0


def test_a_cell_that_moves_lets_go(centre: Centre) -> None:
    centre.work()
    centre.bring("grids", [GRID, ["W", "综合网格", WEST]])
    assert centre.bring("grids", [GRID, ["W", "综合网格", EAST]], dry_run=True).relocated == 0
    assert centre.cells() == held(["general:W"], [])
    assert centre.bring("grids", [GRID, ["W", "综合网格", EAST]]).relocated == 4
    assert centre.cells() == held([], ["general:W"])


@pytest.mark.parametrize("how", ["fails", "killed"])
def test_an_import_that_ends_in_the_middle(
    centre: Centre, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    centre.work()

    def stop(*args: object, **more: object) -> None:
        raise RuntimeError("stop")

    monkeypatch.setattr(files.gridding, "reassign", stop)
    if how == "killed":
        monkeypatch.setattr(files._Job, "_fail", lambda *args: None)
    with pytest.raises(RuntimeError):
        centre.bring("grids", [GRID, ["W", "综合网格", WEST]])
    if how == "killed":
        assert centre.cells() == held([], [])
        with centre.db.store.scoped(SYSTEM) as conn:
            assert imports.close_interrupted(conn, clock.now()) == 1
    assert centre.cells() == held(["general:W"], [])
