"""A centre's own tables: versions, refusals, samples; escalation once a level; the cell of a flow's kind."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import threading
from importlib import resources
from typing import Any

import pytest
from psycopg import sql

from ioc.cases import escalating
from ioc.clock import FixedClock
from ioc.errors import Invalid
from ioc.ops.config_import import import_table
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import case_steps, dispatch, escalations, gridding, merges
from tests.conftest import NOW, Database
from tests.store import world

pytestmark = pytest.mark.store
LEVELS = "级别,超时比例,超时小时,通知\n1,0,,责任部门\n2,50,,值班长\n3,,24,领导\n"


@pytest.fixture
def put(db: Database, settings: Settings, clock: FixedClock) -> Any:
    def go(kind: Any, text: str, dry_run: bool = False) -> dict[str, Any]:
        return import_table(db.store, settings, clock, kind, f"{kind}.csv", text.encode("gb18030"), "test", dry_run)

    return go


def count(db: Database, query: Any) -> int:
    with db.owner() as conn:
        row = conn.execute(query).fetchone()
    assert row
    return int(row["n"])


# ------------------------------------------------------------ tables


def test_the_newest_version_counts_and_the_same_file_is_none(db: Database, put: Any) -> None:
    with db.store.reading(SYSTEM) as conn:
        assert dispatch.departments(conn) == []
        assert case_steps.departments(conn) == []
    first = "编码,名称,层级\nA,甲局,市级\nB,乙局,市级\n"
    assert (put("departments", first)["version"], put("departments", first)["state"]) == (1, "unchanged")
    assert put("departments", "编码,名称,层级\nA,甲局,市级\nC,丙局,县级\n")["version"] == 2
    with db.store.reading(SYSTEM) as conn:
        assert case_steps.departments(conn) == ["甲局", "丙局"], "forms offer those of the table"
    assert count(db, "SELECT count(*) AS n FROM department") == 4, "versions stay"
    assert put("dispatch", "类别,责任部门\n,丙局\n", dry_run=True)["state"] == "dry_run"
    assert count(db, "SELECT count(*) AS n FROM dispatch_rule") == 0
    assert put("dispatch", "类别,责任部门\n道路破损,丙局\n")["version"] == 1
    with db.store.reading(SYSTEM) as conn:
        rules = dispatch.rules(conn)
        assert [(r.category, r.department) for r in rules.rows] == [("0110", "丙局")]
        assert rules.name(rules.rows[0]) == "1/1"


def test_a_table_is_refused_whole_with_every_reason_kept(db: Database, put: Any) -> None:
    put("departments", "编码,名称,层级\nA,甲局,市级\n")
    with pytest.raises(Invalid) as refused:
        put("dispatch", "类别,责任部门\n,甲局\n无此类,乙局\n")
    assert {(r["row"], r["field"], r["code"]) for r in refused.value.context["rows"]} == {
        (3, "类别", "unknown_category"), (3, "责任部门", "unknown_department")}  # fmt: skip
    assert count(db, "SELECT count(*) AS n FROM dispatch_rule") == 0
    assert count(db, "SELECT count(*) AS n FROM reject WHERE source = 'import:dispatch'") == 1
    for kind in ("departments", "dispatch", "duplicates", "escalation"):
        for text in ("", "x\n", "编码\n", "\x00"):
            with pytest.raises(Invalid):
                put(kind, text)


def test_a_sample_is_for_the_demo_only(db: Database, put: Any) -> None:
    sample = "# 示例：换成本地的\n编码,名称,层级\nA,甲局,市级\n"
    with pytest.raises(Invalid, match="sample"):
        put("departments", sample)
    with db.owner() as conn:
        conn.execute("INSERT INTO setting (key, value) VALUES ('demo', '{}') ON CONFLICT DO NOTHING")
        conn.execute("INSERT INTO region (region_id, code, name, kind, origin) VALUES (1, '1', 'A', 'city', 'demo')")
    assert put("departments", sample)["version"] == 1
    assert count(db, "SELECT count(*) AS n FROM department WHERE origin = 'demo'") == 1
    assert put("departments", "编码,名称,层级\nA,甲局,市级\n")["version"] == 2
    with db.owner() as conn:  # what a drop of the demo does
        conn.execute("DELETE FROM department WHERE origin = 'demo'")
        conn.execute("DELETE FROM dispatch_version WHERE origin = 'demo'")
    with db.store.reading(SYSTEM) as conn:
        assert [d["name"] for d in dispatch.departments(conn)] == ["甲局"]


# ------------------------------------------------------------ escalation


def late_case(db: Database, number: str, over: dt.timedelta, department: str | None = "甲局", **more: Any) -> int:
    """A case that came into its stage four hours before its term ended, and is `over` it."""
    due = NOW - over
    values = {"n": number, "due": due, "entered": (due - dt.timedelta(hours=4)).isoformat(), "d": department,
              "stopped": False, "closed": None, **more}  # fmt: skip
    with db.owner() as conn:
        row = conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, due_at, department, stages,"
            " clock_stopped, closed_at) VALUES (%(n)s, 's', %(n)s, 'grid', 'handling', 't', %(due)s, %(due)s, %(d)s,"
            " jsonb_build_array(jsonb_build_object('stage', 'handling', 'entered_at', %(entered)s::text)),"
            " %(stopped)s, %(closed)s) RETURNING case_id",
            values,
        ).fetchone()
    assert row
    return int(row["case_id"])


def told(db: Database) -> list[tuple[str, str, str]]:
    with db.owner() as conn:
        rows = conn.execute("SELECT about, to_kind, to_ref FROM notice ORDER BY notice_id").fetchall()
    return [(r["about"], r["to_kind"], r["to_ref"]) for r in rows]


def test_each_level_once_also_after_a_restart(db: Database, put: Any, clock: FixedClock) -> None:
    late_case(db, "early", -dt.timedelta(minutes=1))
    late_case(db, "stopped", dt.timedelta(hours=9), stopped=True)
    late_case(db, "closed", dt.timedelta(hours=9), closed=NOW)
    case = f"case:{late_case(db, 'late', dt.timedelta(minutes=30))}"
    assert escalating.turn(db.store, clock) == 0, "no rules, nothing is told"
    put("escalation", LEVELS)
    clock.advance(-120)
    assert escalating.turn(db.store, clock) == 1
    assert told(db) == [(case, "department", "甲局")]
    assert escalating.turn(db.store, clock) == 0
    clock.advance(3600 * 2)
    # another process, and one that was restarted: what was told is in the store
    counts = [0, 0, 0]
    threads = [
        threading.Thread(target=lambda i=i: counts.__setitem__(i, escalating.turn(db.store, clock))) for i in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    later = [t for t in told(db) if t[0] == case]
    assert later == [(case, "department", "甲局"), (case, "role", "chief")]
    assert sum(counts) == len(told(db)) - 1
    clock.advance(86400)
    escalating.turn(db.store, clock)
    assert [t for t in told(db) if t[0] == case][2:] == [(case, "role", "leader")]
    assert escalating.turn(db.store, clock) == 0


def test_a_new_stage_begins_anew_and_nobody_s_case_goes_to_the_chief(db: Database, put: Any, clock: FixedClock) -> None:
    put("escalation", LEVELS)
    case = late_case(db, "late", dt.timedelta(minutes=30), None)
    assert escalating.turn(db.store, clock) == 1
    assert told(db) == [(f"case:{case}", "role", "chief")]
    with db.owner() as conn:
        entered = (NOW - dt.timedelta(hours=1)).isoformat()
        conn.execute(
            "UPDATE cases SET stage = 'verified', stages = stages || jsonb_build_array(jsonb_build_object('stage',"
            " 'verified', 'entered_at', %s::text)) WHERE case_id = %s",
            (entered, case),
        )
    assert escalating.turn(db.store, clock) == 2, "over half of the one hour it was given"
    assert count(db, "SELECT count(*) AS n FROM case_escalation") == 3


def test_more_late_cases_than_one_slice(
    db: Database, put: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ioc.store.escalations.SLICE", 3)
    put("escalation", LEVELS)
    for i in range(8):
        late_case(db, f"n{i}", dt.timedelta(minutes=10 + i // 2))
    assert escalating.turn(db.store, clock) == 8
    assert escalating.turn(db.store, clock) == 0


# ------------------------------------------------------------ cells


def test_the_cell_of_a_case_is_of_the_kind_its_flow_asks_for(db: Database) -> None:
    with db.owner() as conn:
        world.build(conn)
        cells = {r["code"]: r["grid_cell_id"] for r in conn.execute("SELECT code, grid_cell_id FROM grid_cell")}
        for flow in ("grid", "urban"):  # on the edge the two general cells share, inside the unit cell
            conn.execute(
                "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, geom) VALUES"
                " (%(f)s, 's', %(f)s, %(f)s, 'x', 't', now(), ST_Point(120.05, 28.1, 4326))",
                {"f": flow},
            )
    gridding.reassign(db.store, (119.0, 27.0, 121.0, 29.0))
    with db.owner() as conn:
        found = {r["flow"]: r["grid_cell_id"] for r in conn.execute("SELECT flow, grid_cell_id FROM cases")}
    assert found == {"grid": cells["33110110020101"], "urban": cells["33110110000001"]}


@pytest.mark.parametrize("kind", ["departments", "dispatch", "duplicates", "escalation"])
def test_the_shipped_samples_are_good_tables_for_a_demo(db: Database, put: Any, kind: str) -> None:
    folder = resources.files("ioc.cases.samples")
    with db.owner() as conn:
        conn.execute("INSERT INTO region (region_id, code, name, kind, origin) VALUES (1, '1', 'A', 'city', 'demo')")
        conn.execute("INSERT INTO setting (key, value) VALUES ('demo', '{}') ON CONFLICT DO NOTHING")
    for needed in dict.fromkeys(("departments", kind)):
        assert put(needed, folder.joinpath(f"{needed}.csv").read_text("utf-8"))["state"] == "stored"
    assert count(db, "SELECT count(*) AS n FROM dispatch_version WHERE sample AND origin = 'demo'") >= 1


def test_the_command(settings: Settings, tmp_path: Any) -> None:
    """`ioc import departments FILE`: no CRS is asked for; a refused file ends with its reasons."""
    env = {**os.environ, "IOC_DATABASE_URL": settings.database_url, "IOC_MQTT_URL": "none",
           "IOC_DATABASE_OWNER_URL": settings.database_owner_url, "IOC_DATA_DIR": str(tmp_path / "data")}  # fmt: skip
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("编码,名称,层级\nA,甲局,市级\n", "utf-8")
    bad.write_text("编码,名称,层级\nA,甲局,省级\n", "utf-8")

    def run(file: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app", "import", "departments", str(file), "--json"]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)

    done = run(good)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == 1
    refused = run(bad)
    assert refused.returncode != 0
    assert "层级" in refused.stdout + refused.stderr


def test_hot_questions_are_asked_of_indexes(db: Database) -> None:
    """A thousand reports a second ask for cases near them; the pool and late cases are asked for all day."""
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, closed_at, due_at, geom)"
            " SELECT 'n' || i, 's', 'n' || i, 'grid', 'x', 't', %(t)s,"
            " CASE WHEN i %% 10 > 0 THEN %(t)s::timestamptz END,"
            " %(t)s::timestamptz + i * interval '1 min',"
            " ST_Point(120 + (i %% 200) * 0.01, 28 + (i / 200) * 0.01, 4326)"
            " FROM generate_series(1, 20000) i",
            {"t": NOW},
        )
        conn.execute(
            "INSERT INTO event (source, source_id, title, occurred_at, received_at, geom)"
            " SELECT 's', 'e' || i, 't', %(t)s, %(t)s, ST_Point(120.005 + i * 0.001, 28.5, 4326)"
            " FROM generate_series(1, 1000) i",
            {"t": NOW},
        )
        conn.execute("ANALYZE cases, event")
    span = {
        "ids": list(range(1, 101)),
        "reach_x": 0.001,
        "reach_y": 0.0005,
        "span": dt.timedelta(hours=144),
        "limit": 50,
    }
    with db.store.scoped(SYSTEM) as conn:
        late = {"now": NOW, "after_due": NOW - dt.timedelta(days=1), "after_id": 0, "limit": 100}
        for query, params, index in (
            (merges._NEAR_MANY, span, "cases_geom"),
            ("SELECT 1 FROM cases c WHERE c.pool <> '' AND c.closed_at IS NULL ORDER BY opened_at LIMIT 9", {},
             "cases_pool"),
            (escalations._LATE, late, "cases_open"),
        ):  # fmt: skip
            rows = conn.execute(sql.SQL("EXPLAIN {}").format(sql.SQL(query)), params).fetchall()
            plan = "\n".join(str(next(iter(r.values()))) for r in rows)
            assert index in plan, plan
            assert "Seq Scan on cases" not in plan, plan
