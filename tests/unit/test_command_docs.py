"""The examples of docs/command-data.md are read as the page says."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

from ioc.command.plan_file import Known, read_file, read_plans
from ioc.command.samples import plans_sheet
from ioc.dictionaries import shipped
from ioc.intake.columns import recognise
from ioc.intake.event_input import Reader
from ioc.intake.fields import TimeRules
from ioc.intake.kinds import Context
from ioc.intake.kinds.targets import COLUMNS, check
from ioc.intake.readers import open_file
from ioc.intake.vocabulary import Vocabulary
from tests.conftest import NOW

PAGE = Path(__file__).resolve().parents[2] / "docs/command-data.md"
KNOWN = Known(
    lambda w: getattr(shipped()["category.gbt35561"].find(w), "code", ""),
    lambda w: w,
    lambda w: getattr(shipped()["resource_kind"].find(w), "code", ""),
)


def blocks() -> list[str]:
    return re.findall(r"```csv\n(.*?)```", PAGE.read_text("utf-8"), re.S)


def test_the_targets_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(next(b for b in blocks() if "重大危险源" in b), "utf-8")
    file = open_file(path)
    found = recognise(file.columns, COLUMNS, {})
    assert [c for c in file.columns if c not in found] == []
    rules = TimeRules(NOW, ZoneInfo("Asia/Shanghai"))
    context = Context(Vocabulary(), rules, "s", "real", "t", "EPSG:4490", frozenset(found.values()))
    (batch,) = list(file.batches())
    assert not batch.short
    rows = []
    for record in batch.records:
        reader = Reader({f: record.get(c) for c, f in found.items()})
        rows.append(check(reader, context, {}))
        assert reader.reasons == []
    assert [(r["kind"], r["level"], r["headcount"], r["stock_t"], r["health"]) for r in rows if r] == [
        ("school", None, 1200, None, None), ("major_hazard", 2, None, 500, None), ("bridge", None, None, None, 72.5),
    ]  # fmt: skip
    assert rows[0] is not None
    assert rows[0]["occupied"]["hours"] == [[450, 700], [840, 1050]]


def test_the_plans_of_the_page_and_those_shipped() -> None:
    read = read_plans(read_file("p.csv", next(b for b in blocks() if "预案编码" in b).encode()), KNOWN)
    assert read.reasons == ()
    assert read.value is not None
    assert [(p.code, sorted(p.levels), p.places, p.sample) for p in read.value] == [
        ("HZ-01", [3, 4], ("441704101000",), False)
    ]
    shown = read_plans(plans_sheet(), KNOWN)
    assert shown.reasons == ()
    assert shown.value is not None
    assert [(p.code, p.class_, p.sample) for p in shown.value] == [
        ("示例-火灾", 2, True), ("示例-台风", 1, True), ("示例-危化", 2, True),
    ]  # fmt: skip
