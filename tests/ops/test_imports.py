"""The import command: what it prints adds up, JSON stays JSON, whole-file faults are sentences."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ioc.clock import FixedClock
from ioc.errors import Invalid
from ioc.ops.imports import layer_options, mapping_of, run_import
from ioc.registry import Registry, discover
from ioc.settings import Settings
from tests.conftest import NOW, Database

pytestmark = pytest.mark.store
ROOT = Path(__file__).resolve().parents[2]


def _ioc(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": "/usr/bin:/bin",
        "IOC_DATABASE_URL": settings.database_url,
        "IOC_DATABASE_OWNER_URL": settings.database_owner_url,
        "IOC_DATA_DIR": str(settings.data_dir),
    }
    return subprocess.run(
        [sys.executable, "-m", "app", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "点位.csv"
    path.write_text("设备编号,名称,类型,经度,纬度\nC1,a,camera,111.985,21.86\nC2,b,camera,bad,21.86\n", "utf-8")
    return path


def test_the_answer_adds_up(settings: Settings, db: Database, file: Path) -> None:
    done = _ioc(settings, "import", "devices", str(file), "--crs", "EPSG:4490", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["read"], answer["stored"], answer["rejected"]) == (2, 1, 1)
    with db.owner() as conn:
        assert conn.execute("SELECT count(*) AS n FROM device").fetchone() == {"n": 1}
        assert conn.execute("SELECT count(*) AS n FROM reject").fetchone() == {"n": 1}
    again = _ioc(settings, "import", "devices", str(file), "--crs", "EPSG:4490")
    assert "未变 unchanged 1" in again.stdout


def test_a_large_import_ends_with_a_checkpoint(
    settings: Settings, db: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def redo() -> object:
        with db.owner() as conn:
            return (conn.execute("SELECT redo_lsn FROM pg_control_checkpoint()").fetchone() or {})["redo_lsn"]

    registry = Registry(sources=discover("data_sources", "SOURCE"))
    given = (settings, registry, FixedClock(NOW), "devices", file, "EPSG:4490", [])
    before = redo()
    run_import(*given, True, {}, True)
    assert redo() == before, "a dry run writes nothing"
    monkeypatch.setattr("ioc.ops.imports.WORTH_ROWS", 1)
    run_import(*given, False, {}, True)
    assert redo() != before


def test_a_file_that_cannot_be_taken_is_a_sentence(settings: Settings, file: Path) -> None:
    done = _ioc(settings, "import", "devices", str(file), "--crs", "Mars")
    assert done.returncode == 1
    assert "crs: " in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_column_pairs_and_layer_names() -> None:
    assert mapping_of(["name=点位名称", "kind = 类型"]) == {"name": "点位名称", "kind": "类型"}
    with pytest.raises(Invalid):
        mapping_of(["name"])
    options = layer_options(Path("/x/地下管廊.gpkg"), {"style": '{"width": 2}', "sensitivity": 1})
    assert (options.title, options.sensitivity, options.style) == ("地下管廊", 1, {"width": 2})
    assert options.key.startswith("layer-")
    assert layer_options(Path("/x/Water Mains.shp"), {}).key == "water-mains"
    with pytest.raises(Invalid):
        layer_options(Path("/x/a.shp"), {"style": "[1]"})


HEAD = "# 文号：某府办〔2026〕3号\n# 日期：2026-03-01\n"


def test_tables_are_taken_whole_and_need_no_system_of_coordinates(
    settings: Settings, db: Database, tmp_path: Path
) -> None:
    hours, table = tmp_path / "作息.csv", tmp_path / "时限.csv"
    hours.write_text(HEAD + "星期,上班,下班\n周一至周五,08:30,17:30\n", "utf-8")
    table.write_text(HEAD + "流程,环节,时限,单位\n网格事件,,7,工作日\n网格事件,处置,4,小时\n", "utf-8")
    done = _ioc(settings, "import", "calendar", str(hours), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stored"] == 1
    refused = _ioc(settings, "import", "deadlines", str(table), "--json")
    assert refused.returncode == 1, "a script must see that nothing was published"
    answer = json.loads(refused.stdout)
    assert (answer["read"], answer["stored"], answer["rejected"]) == (2, 0, 2)
    assert answer["rejects"][0]["reasons"][0]["code"] == "bad_unit"
    table.write_text(table.read_text("utf-8").replace("小时", "工作时"), "utf-8")
    taken = _ioc(settings, "import", "deadlines", str(table))
    assert (taken.returncode, "已发布 grid" in taken.stdout) == (0, True)
    again = _ioc(settings, "import", "deadlines", str(table))
    assert (again.returncode, "未变 unchanged 2" in again.stdout) == (0, True)
    with db.owner() as conn:
        assert conn.execute("SELECT count(*) AS n FROM deadline_row").fetchone() == {"n": 2}


def test_what_has_places_still_has_to_say_in_which_system(settings: Settings, file: Path) -> None:
    done = _ioc(settings, "import", "devices", str(file))
    assert done.returncode == 1
    assert "crs: " in done.stderr
