"""Accounts from a file: taken row by row, passwords given out once, changed and disabled by the next file, audited."""

from __future__ import annotations

import csv
import io
import stat
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from psycopg import sql

from ioc.accounts import phones
from ioc.accounts.base import Accounts, Grant
from ioc.accounts.passwords import verify_password
from ioc.accounts.rules import password_faults
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.errors import Conflict, Invalid
from ioc.intake.accounts import import_accounts
from ioc.ops.config_import import import_table
from ioc.outbound import worker
from ioc.outbound.config import Outbound
from ioc.scope import SYSTEM
from ioc.settings import Settings
from tests.conftest import Database
from tests.store import world as town

pytestmark = pytest.mark.store
HEAD = "账号,姓名,角色,区划代码,部门,密级,电话,停用\n"
FILE = HEAD + (
    "wg001,陈大文,网格员,331101100201,,,13812345678,\n"
    "wg002,李小明,grid,331101100;331101100201,,,,\n"
    "zj01,王一,部门、值班员,全市,住建局;城管局,1,,\n"
    "boss,赵二,领导,全市,,2,,停用\n"
    ",没有账号,网格员,331101100201,,,,\n"
    "a b,坏账号,网格员,331101100201,,,,\n"
    "wg003,孙四,河长,331101100201,,,13700002222,\n"
    "wg004,周五,网格员,999999999999,,,,\n"
    "wg005,吴六,网格员,,,,,\n"
    "wg006,郑七,网格员,331101100201,,9,,\n"
    "wg007,冯八,网格员,331101100201,,,不详,\n"
    "wg008,褚九,网格员,331101100201,,,,也许\n"
    "wg001,陈大文,网格员,331101100201,,,13812345678,\n"
    "wg002,另一人,网格员,331101100201,,,,\n"
)


@pytest.fixture(autouse=True)
def regions(db: Database) -> None:
    with db.owner() as conn:
        town.build(conn)


@pytest.fixture
def bring(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> Any:
    def go(text: str, **more: Any) -> dict[str, Any]:
        path = tmp_path / "人员.csv"
        path.write_text(text, "utf-8")
        clock.advance(1)
        return import_accounts(db.store, path, settings=settings, clock=clock, actor="cli:t", **more).as_dict()

    return go


def accounts(db: Database) -> dict[str, Any]:
    with db.owner() as conn:
        return {r["login"]: r for r in conn.execute("SELECT * FROM account ORDER BY login").fetchall()}


def actions(db: Database) -> list[tuple[str, str]]:
    with db.owner() as conn:
        rows = conn.execute("SELECT action, object FROM audit ORDER BY audit_id").fetchall()
    return [(r["action"], r["object"]) for r in rows]


def handed_out(settings: Settings) -> list[Path]:
    return sorted(settings.root.glob("passwords-*.csv"))


def balance(done: dict[str, Any]) -> list[int]:
    return [done[k] for k in ("read", "stored", "updated", "unchanged", "rejected")]


def test_a_file_of_people(db: Database, settings: Settings, bring: Any) -> None:
    assert balance(bring(FILE, dry_run=True)) == [14, 4, 0, 1, 9]
    assert (accounts(db), handed_out(settings), actions(db)) == ({}, [], [])
    done = bring(FILE)
    assert balance(done) == [14, 4, 0, 1, 9]
    assert {(r["field"], r["code"]) for r in done["reasons"]} == {
        ("login", "missing_field"), ("login", "bad_login"), ("roles", "bad_choice"), ("regions", "unknown_region"),
        ("regions", "missing_field"), ("sensitivity", "out_of_range"), ("phone", "bad_phone"),
        ("disabled", "bad_choice"), ("login", "duplicate_key"),
    }  # fmt: skip
    assert all(r["zh"] and r["en"] for x in done["rejects"] for r in x["reasons"])
    made = accounts(db)
    assert list(made) == ["boss", "wg001", "wg002", "zj01"]
    wg2, zj = made["wg002"], made["zj01"]
    assert (wg2["region_codes"], wg2["whole"], wg2["roles"]) == (["331101100000", "331101100201"], False, ["grid"])
    assert (zj["whole"], zj["roles"], zj["departments"]) == (True, ["department", "officer"], ["住建局", "城管局"])
    assert (made["boss"]["disabled"], made["wg001"]["must_change"], zj["sensitivity"]) == (True, True, 1)
    assert actions(db) == [
        ("account.add", "wg001"), ("account.add", "wg002"), ("account.add", "zj01"), ("account.add", "boss"),
    ]  # fmt: skip


def test_passwords_are_given_out_once_and_kept_by_nobody(db: Database, settings: Settings, bring: Any) -> None:
    done = bring(FILE)
    (path,) = handed_out(settings)
    assert str(path) in done["note"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    assert [r[0] for r in rows[1:]] == ["wg001", "wg002", "zj01", "boss"]
    made = accounts(db)
    assert len({r[2] for r in rows[1:]}) == 4
    with db.owner() as conn:
        dump = str(
            [
                conn.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()
                for table in ("account", "audit", "reject", "import_batch")
            ]
        )
    for login, _, password in rows[1:]:
        assert password_faults(password, login) == []
        assert verify_password(made[login]["password_hash"], password)
        assert password not in dump
    assert "13812345678" not in dump, "a number is sealed"
    assert "13700002222" not in dump, "in the rejects too"


def test_again_changes_nothing_and_what_differs_is_changed(db: Database, settings: Settings, bring: Any) -> None:
    bring(FILE)
    assert balance(bring(FILE)) == [14, 0, 0, 5, 9]
    assert len(handed_out(settings)) == 1, "nobody new, no passwords"
    before = accounts(db)
    changed = HEAD + (
        "wg001,陈大文,网格员,331101100201,,,13999990000,\n"
        "wg002,李小明,网格员,331101100201,,,,停用\n"
        "zj01,王一,部门,全市,住建局,1,,\n"
        "boss,赵二,领导,全市,,2,,启用\n"
    )
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO session (session_hash, account_id, created_at, seen_at, expires_at)"
            " VALUES ('x', %s, now(), now(), now())",
            (before["wg002"]["account_id"],),
        )
    assert balance(bring(changed)) == [4, 0, 4, 0, 0]
    after = accounts(db)
    assert [after[x]["password_hash"] for x in after] == [before[x]["password_hash"] for x in after]
    assert (after["wg002"]["region_codes"], after["wg002"]["disabled"]) == (["331101100201"], True)
    assert (after["zj01"]["roles"], after["boss"]["disabled"]) == (["department"], False)
    with db.owner() as conn:
        assert conn.execute("SELECT count(*) AS n FROM session").fetchone() == {"n": 0}, "disabled: signed out"
    assert actions(db)[4:] == [
        ("account.phone", "wg001"), ("account.change", "wg002"), ("account.disable", "wg002"),
        ("account.change", "zj01"), ("account.enable", "boss"),
    ]  # fmt: skip
    with db.store.reading(SYSTEM) as conn:
        assert phones.phone_of(conn, phones.account_ring(settings), "wg001") == "13999990000"


def test_columns_a_file_does_not_have_stay_as_they_are(db: Database, bring: Any) -> None:
    bring(FILE)
    before = accounts(db)
    assert balance(bring("账号,姓名,角色,区划\nzj01,王一一,部门、值班员,全市\n")) == [1, 0, 1, 0, 0]
    after = accounts(db)
    changed = {k for k in after["zj01"] if after["zj01"][k] != before["zj01"][k]}
    assert changed == {"name", "updated_at"}


def test_a_new_password_for_who_forgot(db: Database, settings: Settings, bring: Any) -> None:
    bring(FILE)
    before = accounts(db)
    reset = "账号,姓名,角色,区划代码,重置密码\nwg001,陈大文,网格员,331101100201,是\n"
    assert balance(bring(reset)) == [1, 0, 1, 0, 0]
    password = handed_out(settings)[-1].read_text("utf-8-sig").splitlines()[1].split(",")[2]
    after = accounts(db)["wg001"]
    assert verify_password(after["password_hash"], password)
    assert (after["must_change"], after["password_hash"] != before["wg001"]["password_hash"]) == (True, True)
    assert actions(db)[-1] == ("account.reset_password", "wg001")


def test_the_last_administrator_stays(db: Database, settings: Settings, clock: FixedClock, bring: Any) -> None:
    people = Accounts(db.store, settings, clock)
    add_user(people, "gl", "Correct-Horse-9", ["admin"], Grant(True, (), None, 2), own_password=True)
    head = "账号,姓名,角色,区划代码,停用\n"
    done = bring(head + "gl,管理员,网格员,全市,\n")
    assert (balance(done), done["reasons"][0]["code"]) == ([1, 0, 0, 0, 1], "last_admin")
    assert bring(head + "gl,管理员,管理员,全市,停用\n")["reasons"][0]["code"] == "last_admin"
    assert balance(bring(head + "gl,管理员,网格员,全市,\nxin,新管理员,管理员,全市,\n")) == [2, 1, 1, 0, 0]
    assert accounts(db)["gl"]["roles"] == ["grid"]


def test_an_account_of_the_demo_is_not_taken_over(
    db: Database, settings: Settings, clock: FixedClock, bring: Any
) -> None:
    people = Accounts(db.store, settings, clock)
    add_user(people, "wangge", "Correct-Horse-9", ["grid"], Grant(True, (), None, 0), origin="demo")
    done = bring("账号,姓名,角色,区划\nwangge,某人,网格员,全市\n")
    assert (done["rejected"], done["reasons"][0]["code"]) == (1, "demo_account")


def test_nothing_is_left_where_the_passwords_cannot_be_written(
    db: Database, settings: Settings, bring: Any, tmp_path: Path
) -> None:
    there = tmp_path / "p.csv"
    there.write_text("other")
    with pytest.raises(Conflict):
        bring(FILE, passwords=there)
    with pytest.raises(OSError, match="directory"):
        bring(FILE, passwords=there / "below.csv")
    assert (accounts(db), there.read_text()) == ({}, "other")


def test_no_file_of_passwords_is_left_where_the_rows_were_not_taken(
    db: Database, settings: Settings, bring: Any
) -> None:
    with db.owner() as conn:
        conn.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'; END $$;"
            " CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON account DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    with pytest.raises(Exception, match="no"):
        bring(FILE)
    assert (accounts(db), handed_out(settings)) == ({}, [])


def test_a_name_is_no_formula(settings: Settings, bring: Any) -> None:
    bring('账号,姓名,角色,区划\nwg9,"=HYPERLINK(""x"")",网格员,全市\n')
    assert "\"'=HYPERLINK" in handed_out(settings)[0].read_text("utf-8-sig")


def test_excel_and_a_file_without_the_columns(
    db: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["登录名", "姓名", "岗位", "区划", "手机"], ["wg1", "陈", "网格员", 331101100201, 13812345678]):
        sheet.append(row)
    path = tmp_path / "人员.xlsx"
    book.save(path)
    more: Any = {"settings": settings, "clock": clock, "actor": "t"}
    assert import_accounts(db.store, path, **more).stored == 1
    assert accounts(db)["wg1"]["region_codes"] == ["331101100201"]
    bad = tmp_path / "x.csv"
    bad.write_text("账号,姓名\na1,b\n", "utf-8")
    with pytest.raises(Invalid) as caught:
        import_accounts(db.store, bad, **more)
    assert {r.field for r in caught.value.reasons} == {"roles", "regions"}


def test_a_department_the_table_lacks_is_said(db: Database, settings: Settings, clock: FixedClock, bring: Any) -> None:
    assert "部门表" not in bring(FILE, dry_run=True)["note"], "there is no table to compare with"
    table = "编码,名称,层级\nA,城管局,市级\n".encode()
    import_table(db.store, settings, clock, "departments", "部门.csv", table, "t", False)
    note = bring(FILE)["note"]
    assert "住建局" in note
    assert "城管局" not in note


def test_a_message_finds_the_number_of_its_account(db: Database, settings: Settings, bring: Any) -> None:
    bring(FILE)
    outbound = Outbound(phones=phones.account_ring(settings))
    with db.store.scoped(SYSTEM) as conn:
        notice = {"to_kind": "account", "to_ref": "wg001", "phone": ""}
        assert worker._with_phone(conn, outbound, notice)["phone"] == "13812345678"
        assert worker._with_phone(conn, outbound, {**notice, "to_ref": "wg002"})["phone"] == ""
        assert worker._with_phone(conn, outbound, {**notice, "to_kind": "role"})["phone"] == ""
