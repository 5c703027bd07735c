"""Deadline tables and calendars as cities write them: encodings, spreadsheets, and every row that cannot be taken."""

from __future__ import annotations

import datetime as dt
import io
import re
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.cases.calendar import Calendar
from ioc.cases.calendar_file import MAKEUP, parse_month_days, parse_weekdays, read_calendar
from ioc.cases.cells import Parsed, RowReason, parse_date
from ioc.cases.deadline_file import category_finder, read_deadlines
from ioc.cases.deadlines import Deadline, DeadlineTable, conflicts, sample_reasons
from ioc.cases.samples import DAYS, DEADLINES, HOURS, MARKETS, sample_sheet
from ioc.cases.sheets import MOST_BYTES, MOST_ROWS, read_sheet
from ioc.cases.worktime import due, worked
from ioc.dictionaries import shipped
from ioc.errors import Invalid
from ioc.flows import flows

CHINA = ZoneInfo("Asia/Shanghai")
CATEGORY = category_finder(shipped())
HEAD = "# 文号：某府办〔2026〕3号\n# 日期：2026年3月1日\n"
COLUMNS = "流程,大类,小类,环节,时限,单位\n"


def deadlines(text: str | bytes, name: str = "时限.csv") -> Parsed[DeadlineTable]:
    content = text if isinstance(text, bytes) else text.encode()
    return read_deadlines(read_sheet(name, content), flows(), CATEGORY)


def found(reasons: tuple[RowReason, ...]) -> list[tuple[int, str, str]]:
    assert all(r.reason.zh and r.reason.en for r in reasons)
    return [(r.row, r.reason.field, r.reason.code) for r in reasons]


def table(text: str | bytes, name: str = "时限.csv") -> DeadlineTable:
    parsed = deadlines(text, name)
    assert parsed.reasons == ()
    assert parsed.value is not None
    return parsed.value


# ---------------------------------------------------------------- which row wins


def test_the_longest_category_wins_and_stage_and_total_are_two_clocks() -> None:
    rows = table(
        HEAD + COLUMNS + "城管案件,,,,7,工作日\n城管案件,市容环境,,总时限,5,工作日\n"
        "城管案件,市容环境,暴露垃圾,,1,工作日\nurban,,,处置,4,工作时\n城管案件,01,02,处置,2,工作时\n"
    )
    got = {c: rows.find("urban", c).text.zh for c in ("0102", "0103", "0401", "")}
    assert got == {"0102": "1 工作日", "0103": "5 工作日", "0401": "7 工作日", "": "7 工作日"}
    assert rows.find("urban", "0102", "handling").text.en == "2 working hours"
    assert rows.find("urban", "0102", "verified") is None  # the total does not stand in for a stage
    assert rows.find("grid", "0102") is None
    assert {s: d.category for s, d in rows.stages("urban", "0102").items()} == {"handling": "0102"}
    assert rows.find("urban", "0102").document == "某府办〔2026〕3号"
    assert rows.find("urban", "0102").issued == dt.date(2026, 3, 1)
    assert not rows.sample


codes = st.text("0123", max_size=4)


@given(st.dictionaries(st.tuples(codes, st.sampled_from(("", "handling"))), st.integers(1, 9), max_size=12), codes)
def test_find_is_the_first_hit_of_ever_shorter_prefixes(rows: dict[tuple[str, str], int], code: str) -> None:
    made = DeadlineTable(tuple(Deadline("urban", n, "work_days", c, s) for (c, s), n in rows.items()))
    for stage in ("", "handling"):
        shorter = (code[:n] for n in range(len(code), -1, -1))
        expected = next((rows[prefix, stage] for prefix in shorter if (prefix, stage) in rows), None)
        hit = made.find("urban", code, stage)
        assert (hit and hit.amount) == expected


def test_a_table_joined_from_two_files_shows_its_conflicts() -> None:
    one = Deadline("urban", 3, "work_days", "01")
    assert not list(conflicts([one, replace(one, stage="handling")]))
    assert [(d, r.code) for d, r in conflicts([one, replace(one, amount=4)])] == [
        (replace(one, amount=4), "set_twice"),
    ]
    longer = replace(one, category="0102", stage="handling", amount=9)
    assert [(d, r.code) for d, r in conflicts([one, longer])] == [(longer, "longer_than_total")]


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_encoding_and_delimiter_reads_the_same(encoding: str, delimiter: str) -> None:
    text = HEAD + COLUMNS + "网格事件,市容环境,其他,处置,4,工作时\r\n12345工单,咨询,,,2,工作日\r\n"
    rows = table(text.replace(",", delimiter).encode(encoding)).rows
    assert [(r.flow, r.category, r.stage, r.amount, r.unit) for r in rows] == [
        ("grid", "0199", "handling", 4, "work_hours"),
        ("hotline", "consult", "", 2, "work_days"),
    ]


def test_a_spreadsheet_that_ate_the_leading_zero_is_understood() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for cells in (
        ("流程", "类别代码", "环节", "时限", "单位", "文号", "日期", "备注"),
        ("数字城管案件", 102, "处置", 4.0, "工作时", "某办〔2026〕1号", dt.datetime(2026, 3, 1), None),
        ("城管案件", "04", None, "２", "紧急工作时", "某办〔2026〕1号", "20260301", "全角数字"),
        (None,) * 8,
    ):
        sheet.append(cells)
    content = io.BytesIO()
    book.save(content)
    parsed = deadlines(content.getvalue(), "时限.xlsx")
    assert found(parsed.reasons) == [(2, "流程", "bad_choice")]
    sheet["A2"] = "城管案件"
    content = io.BytesIO()
    book.save(content)
    rows = table(content.getvalue(), "时限.XLSX").rows
    assert [(r.category, r.amount, r.unit, r.issued) for r in rows] == [
        ("0102", 4, "work_hours", dt.date(2026, 3, 1)),
        ("04", 2, "emergency_hours", dt.date(2026, 3, 1)),
    ]


def test_a_workbook_of_too_many_rows_is_refused_and_empty_rows_do_not_count() -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for n in range(MOST_ROWS + 10):
        sheet.append(["流程"] if n % 2 else [None])
    content = io.BytesIO()
    book.save(content)
    half = read_sheet("a.xlsx", content.getvalue())
    assert (half.rows[0][0], len(half.rows)) == (4, MOST_ROWS // 2 + 4)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for _ in range(MOST_ROWS + 1):
        sheet.append(["流程"])
    book.save(content := io.BytesIO())
    with pytest.raises(Invalid) as refused:
        read_sheet("a.xlsx", content.getvalue())
    assert refused.value.reasons[0].code == "too_large"


BAD = [
    ("没有的流程,,,,4,工作时", "流程", "bad_choice"),
    (",,,,4,工作时", "流程", "missing_field"),
    ("城管案件,没有的大类,,,4,工作时", "大类", "unknown_category"),
    ("城管案件,市容环境,没有的小类,,4,工作时", "小类", "unknown_category"),
    ("城管案件,市容环境,店外经营,,4,工作时", "小类", "unknown_category"),  # belongs to 05
    ("城管案件,,,回访,4,工作时", "环节", "unknown_stage"),  # a stage of another flow
    ("城管案件,,,,四,工作时", "时限", "bad_number"),
    ("城管案件,,,,,工作时", "时限", "missing_field"),
    ("城管案件,,,,0,工作时", "时限", "out_of_range"),
    ("城管案件,,,,-1,工作时", "时限", "bad_number"),
    ("城管案件,,,,99999,工作日", "时限", "out_of_range"),
    ("城管案件,,,,1.5,工作日", "时限", "broken_day"),
    ("城管案件,,,,4,", "单位", "bad_unit"),
    ("城管案件,,,,4,小时", "单位", "bad_unit"),  # by night as well?
    ("城管案件,,,,3天,", "时限", "bad_unit"),
    ("城管案件,,,,3工作日,工作时", "时限", "bad_unit"),  # two different words
    ("城管案件,,,,4,工作时,多一格", "file", "short_row"),
]


@pytest.mark.parametrize(("line", "field", "code"), BAD, ids=[f"{b[2]}-{i}" for i, b in enumerate(BAD)])
def test_a_bad_row_is_named_and_the_file_is_not_taken(line: str, field: str, code: str) -> None:
    parsed = deadlines(HEAD + COLUMNS + "城管案件,,,派遣,1,工作时\n" + line + "\n")
    assert found(parsed.reasons) == [(5, field, code)]
    assert parsed.value is None  # nothing half applied
    assert parsed.reasons[0].as_dict().keys() == {"file", "row", "field", "code", "zh", "en", "value"}


def test_all_reasons_of_all_rows_come_at_once_in_the_order_of_the_file() -> None:
    parsed = deadlines(HEAD + COLUMNS + "".join(line + "\n" for line, *_ in BAD[:-1]))
    assert [(f, c) for _, f, c in found(parsed.reasons)] == [(f, c) for _, f, c in BAD[:-1]]
    assert [row for row, *_ in found(parsed.reasons)] == [4 + i for i in range(len(BAD) - 1)]


def test_rows_that_cannot_stand_together() -> None:
    parsed = deadlines(
        HEAD + COLUMNS + "城管案件,,,,3,工作日\n城管案件,,,,4,工作日\n城管案件,市容环境,,处置,9,工作日\n"
    )
    assert found(parsed.reasons) == [(5, "时限", "set_twice"), (6, "时限", "longer_than_total")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (COLUMNS + "城管案件,,,,3,工作日\n", [(2, "文号", "missing_field"), (2, "日期", "missing_field")]),
        ("# 日期：下个月\n# 文号：x\n流程,时限,单位,日期\n城管案件,3,工作日,\n",
         [(0, "日期", "bad_date"), (4, "日期", "missing_field")]),
        (HEAD + "流程,环 节,时限,单位\n城管案件,处置,3,工作日\n", [(0, "环 节", "unknown_column")]),
        (HEAD + "流程,单位\n城管案件,工作日\n", [(0, "时限", "missing_column")]),
        (HEAD + COLUMNS, [(0, "file", "no_rows")]),
        (HEAD + "流程,大类,类别代码,时限,单位\n城管案件,突发事件,0102,3,工作日\n",
         [(4, "类别代码", "category_disagrees")]),
        (HEAD + "流程,类别代码,时限,单位\n城管案件,9999,3,工作日\n", [(4, "类别代码", "unknown_category")]),
    ],
)  # fmt: skip
def test_faults_of_the_form(text: str, expected: list[tuple[int, str, str]]) -> None:
    parsed = deadlines(text)
    assert found(parsed.reasons) == expected
    assert parsed.value is None


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"\xff\xff\xff", "bad_encoding"),
        ("a.csv", b'a,b\n"open', "bad_csv"),
        ("a.xlsx", b"not a workbook", "bad_file"),
        ("a.pdf", b"%PDF", "bad_file"),
        ("a.csv", b" " * (MOST_BYTES + 1), "too_large"),
    ],
)
def test_what_is_no_table_is_refused(name: str, content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_sheet(name, content)
    assert [r.code for r in refused.value.reasons] == [code]


cells = st.sampled_from(
    ("", "城管案件", "网格事件", "市容环境", "暴露垃圾", "其他", "处置",
     "4", "1.5", "工作时", "工作日", "天", "x", '"', "#")
)  # fmt: skip


@given(st.lists(st.lists(cells, max_size=7), max_size=6), st.sampled_from(("utf-8", "gbk")))
def test_whatever_the_cells_say_there_is_a_whole_table_or_a_reason(rows: list[list[str]], encoding: str) -> None:
    content = (HEAD + COLUMNS + "".join(",".join(row) + "\n" for row in rows)).encode(encoding)
    if '"' in "".join(map("".join, rows)):
        content = content.replace(b'"', b'""')  # an empty quoted cell; an open quote is tested above
    parsed = deadlines(content)
    assert (parsed.value is None) == bool(parsed.reasons)
    written = [row for row in rows if any(c not in ("", '"') for c in row) and row[0] != "#"]
    if parsed.value is not None:
        assert len(parsed.value.rows) == len(written)
    else:
        assert all(0 <= r.row <= len(rows) + 3 for r in parsed.reasons)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_sheet_or_refused_with_a_reason(content: bytes) -> None:
    try:
        sheet = read_sheet("a.csv", content)
    except Invalid as error:
        codes = {r.code for r in error.reasons}
    else:
        codes = {r.reason.code for r in read_deadlines(sheet, flows(), CATEGORY).reasons}
    assert codes


# ---------------------------------------------------------------- calendars

DAY_ROWS = "".join(f"2026-{m:02}-{d:02},休,节\n" for m, d in ((1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)))
DAY_FILE = HEAD + "日期,类型,名称\n" + DAY_ROWS + "2026-10-10,班,国庆节\n"
HOUR_FILE = "星期,上班,下班\n周一至周五,8:30,12:00\n周一至周五,14：30,17:30\n"


def calendar(days: str = DAY_FILE, hours: str = HOUR_FILE, markets: str = "") -> Parsed[Calendar]:
    sheets = [read_sheet(n, t.encode("gbk")) for n, t in (("日.csv", days), ("时.csv", hours))]
    return read_calendar("city", *sheets, read_sheet("圩.csv", markets.encode()) if markets else None, zone=CHINA)


def test_a_calendar_is_read_from_its_files() -> None:
    markets = "圩名,间隔天数,起始日,每月日期,上班,下班\n甲,5,2026-01-03,,09:00,11:30\n乙,,,逢3、8,,\n"
    parsed = calendar(markets=markets)
    assert parsed.reasons == ()
    cal = parsed.value
    assert cal is not None
    assert cal.week[0] == ((510, 720), (870, 1050))
    assert (cal.week[5], cal.week[6]) == ((), ())
    assert cal.years == {2026}
    assert cal.document == "某府办〔2026〕3号"
    assert cal.issued == dt.date(2026, 3, 1)
    assert not cal.sample
    assert cal.works(dt.date(2026, 10, 10))
    assert not cal.works(dt.date(2026, 10, 1))
    assert cal.markets_on(dt.date(2026, 1, 8)) == ("甲", "乙")
    assert cal.spans(dt.date(2026, 1, 3)) == ((540, 690),)  # a Saturday with market duty
    start = dt.datetime(2026, 10, 9, 17, 20, tzinfo=CHINA)
    assert due(cal, start, 1, "work_hours").at == dt.datetime(2026, 10, 10, 9, 20, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("days", "hours", "markets", "expected"),
    [
        (DAY_FILE + "2026-10-11,调休,x\n", HOUR_FILE, "", [(11, "类型", "bad_choice")]),  # free or worked?
        (DAY_FILE + "2026-02-30,休,x\n", HOUR_FILE, "", [(11, "日期", "bad_date")]),
        (DAY_FILE + "2026-10-10,休,x\n", HOUR_FILE, "", [(11, "日期", "set_twice")]),
        (DAY_FILE + "2026-10-12,班,x\n", HOUR_FILE, "", [(11, "类型", "works_anyway")]),
        (DAY_FILE + "2027-01-01,休,x\n", HOUR_FILE, "", [(0, "日期", "incomplete_year")]),
        (DAY_FILE.replace("2026-10-03,休,节\n", ""), HOUR_FILE, "", [(0, "日期", "incomplete_year")]),
        (DAY_FILE.removeprefix(HEAD), HOUR_FILE, "", [(0, "文号", "missing_field"), (0, "日期", "missing_field")]),
        (DAY_FILE, HOUR_FILE + "周八,8:30,9:00\n", "", [(4, "星期", "bad_weekday")]),
        (DAY_FILE, HOUR_FILE + "周六,8:30,25:00\n", "", [(4, "下班", "bad_time")]),
        (DAY_FILE, HOUR_FILE + "周六,9:00,8:30\n", "", [(4, "下班", "bad_hours")]),
        (DAY_FILE, HOUR_FILE + "周三,11:00,13:00\n", "", [(4, "下班", "bad_hours")]),
        (DAY_FILE, "星期,上班,下班\n调休上班,8:30,12:00\n", "", [(0, "星期", "no_work")]),
        (DAY_FILE, HOUR_FILE, "圩名,间隔天数,起始日\n甲,5,\n", [(2, "圩名", "bad_market")]),
        (DAY_FILE, HOUR_FILE, "圩名,间隔天数,起始日\n甲,五,2026-01-01\n", [(2, "间隔天数", "bad_number")]),
        (DAY_FILE, HOUR_FILE, "圩名,每月日期\n甲,初三\n", [(2, "每月日期", "bad_days")]),
        (DAY_FILE, HOUR_FILE, "圩名,每月日期\n甲,32\n", [(2, "圩名", "bad_market")]),
        (DAY_FILE, HOUR_FILE, "圩名,每月日期,上班,下班\n甲,3,9:00,\n", [(2, "下班", "missing_field")]),
    ],
)
def test_a_calendar_with_a_fault_is_not_taken(
    days: str, hours: str, markets: str, expected: list[tuple[int, str, str]]
) -> None:
    parsed = calendar(days, hours, markets)
    assert found(parsed.reasons) == expected
    assert parsed.value is None


def test_a_holiday_of_next_years_notice_in_december_makes_no_year_of_its_own() -> None:
    text = DAY_FILE.replace("名称", "名称,年度").replace("节\n", "节,2026\n") + "2025-12-31,休,元旦,2026\n"
    parsed = calendar(text)
    assert parsed.reasons == ()
    assert parsed.value is not None
    assert parsed.value.years == {2026}


@pytest.mark.parametrize(
    ("word", "days"),
    [
        ("周一至周五", (0, 1, 2, 3, 4)),
        ("星期六、星期天", (5, 6)),
        ("1-3", (0, 1, 2)),
        ("礼拜日", (6,)),
        ("调休上班", (MAKEUP,)),
        ("周五至周一", ()),
        ("", ()),
        ("工作日", ()),
    ],
)
def test_weekday_words(word: str, days: tuple[int, ...]) -> None:
    assert parse_weekdays(word) == days


def test_days_of_the_month() -> None:
    assert parse_month_days("3、8、13") == {3, 8, 13}
    assert parse_month_days("逢3、8") == {3, 8, 13, 18, 23, 28}
    assert parse_month_days("逢10") == {10, 20, 30}
    assert parse_month_days("") == frozenset()
    assert parse_month_days("初一") is None


@given(st.dates(dt.date(1900, 1, 1), dt.date(2099, 12, 31)))
def test_dates_in_the_spellings_of_offices(day: dt.date) -> None:
    for word in (
        f"{day}",
        f"{day:%Y/%m/%d}",
        f"{day:%Y%m%d}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year}.{day.month}.{day.day}",
    ):
        assert parse_date(word) == day
    assert parse_date(f"{day.year}-13-01") is None


# ---------------------------------------------------------------- samples


def sample_calendar() -> Calendar:
    parsed = read_calendar("sample", sample_sheet(DAYS), sample_sheet(HOURS), sample_sheet(MARKETS), zone=CHINA)
    assert parsed.reasons == ()
    assert parsed.value is not None
    return parsed.value


def test_the_samples_are_read_and_marked() -> None:
    tables = [read_deadlines(sample_sheet(name), flows(), CATEGORY) for name in DEADLINES]
    assert [t.reasons for t in tables] == [(), ()]
    assert all(t.value and t.value.sample and all(r.sample for r in t.value.rows) for t in tables)
    together = DeadlineTable(tuple(row for t in tables if t.value for row in t.value.rows))
    assert not list(conflicts(together.rows))
    assert together.find("urban", "0102", "handling").text.zh == "4 工作时"
    assert together.find("grid", "0102", "handling").text.zh == "1 工作日"
    assert together.find("hotline", "consult").text.zh == "2 工作日"
    cal = sample_calendar()
    assert cal.sample
    days = [dt.date(2026, 1, 1) + dt.timedelta(n) for n in range(365)]
    plain = replace(cal, markets=())
    # 261 weekdays, 26 of them free, 6 weekend days worked for it
    assert sum(plain.works(d) for d in days) == 261 - sum(d.weekday() < 5 for d in cal.holidays) + len(cal.makeup)
    assert len(cal.makeup) == 6
    year = [dt.datetime(y, 1, 1, tzinfo=CHINA) for y in (2026, 2027)]
    assert worked(plain, *year, "work_hours") == 6.5 * worked(plain, *year, "work_days")


def test_only_a_centre_with_demo_data_takes_samples() -> None:
    rows = DeadlineTable((Deadline("urban", 4, "work_hours", sample=True),))
    own, cal = DeadlineTable((Deadline("urban", 4, "work_hours"),)), sample_calendar()
    assert sample_reasons(rows, cal, demo=True) == ()
    assert sample_reasons(own, replace(cal, sample=False), demo=False) == ()
    refused = sample_reasons(rows, cal, demo=False)
    assert [(r.field, r.code) for r in refused] == [("deadlines", "sample"), ("calendar", "sample")]
    assert [r.code for r in sample_reasons(None, None, demo=True)] == ["not_configured"] * 2
    assert all(r.zh and r.en for r in refused)


def test_a_sample_stays_one_until_every_mark_is_gone() -> None:
    line = "流程,时限,单位,文号\n城管案件,3,工作日,某办〔2026〕1号\n"
    assert not table("# 日期：2026-01-01\n" + line).sample
    assert table("# 日期：2026-01-01\n# 版本：示例甲\n" + line).sample
    assert table("# 日期：2026-01-01\n" + line.replace("某办", "示例")).sample


def test_the_examples_of_the_document_are_taken() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/deadlines.md").read_text("utf-8")
    rows, days = re.findall(r"```text\n(.*?)```", page, re.S)
    read = table(rows)
    assert read.find("urban", "0406", "handling").unit == "emergency_hours"
    parsed = calendar(days + DAY_ROWS.replace("2026-10-01,休,节\n", ""))
    assert parsed.reasons == ()


def test_the_document_works_its_friday_out_right() -> None:
    """Friday 17:20 as docs/deadlines.md tells it."""
    cal, friday = replace(sample_calendar(), markets=()), dt.datetime(2026, 9, 11, 17, 20, tzinfo=CHINA)
    got = [
        due(cal, friday, 1, unit).at.astimezone(CHINA).strftime("%a %H:%M")
        for unit in ("work_hours", "work_days", "emergency_hours")
    ]
    assert got == ["Mon 09:20", "Mon 17:30", "Fri 18:20"]
    before = dt.datetime(2026, 10, 9, 17, 20, tzinfo=CHINA)
    assert {due(cal, before, 1, u).at.astimezone(CHINA).date() for u in ("work_hours", "work_days")} == {
        dt.date(2026, 10, 10)
    }
