"""`ioc import accounts FILE`: who may sign in, hundreds at once: account, name, roles, place, departments, telephone.

Row by row: what is wrong with one is a reject, the others are taken. Accounts that exist become as the file says, in
the columns it has; nobody is removed, but may be disabled by a column. A new account gets a password of its own, to be
changed at the first sign-in. They are written once, into a file for its owner alone; the store has their hashes only.
"""

from __future__ import annotations

import contextlib
import csv
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from ioc.accounts import phones
from ioc.accounts.base import SYSTEM, Conn
from ioc.accounts.base import rows as store_rows
from ioc.accounts.passwords import hash_password
from ioc.accounts.rules import make_password
from ioc.accounts.users import good_login
from ioc.clock import Clock
from ioc.errors import Conflict, Invalid
from ioc.fold import fold
from ioc.intake import fields
from ioc.intake.columns import recognise
from ioc.intake.event_input import Reader
from ioc.intake.readers import open_file
from ioc.intake.reasons import Refuse, reason
from ioc.intake.report import SHOWN, ImportReport
from ioc.intake.stewards import book
from ioc.sealing import Ring
from ioc.settings import Settings
from ioc.store import Store
from ioc.store.rejects import Rejected

KIND = "accounts"
COLUMNS: Mapping[str, str] = {
    "login": "账号|登录名|用户名|登录账号|login|account|username",
    "name": "姓名|人员姓名|名称|name",
    "roles": "角色|岗位|role|roles",
    "regions": "区划代码|管辖区划|区划|管辖范围|行政区划代码|所属区划|region|regions",
    "departments": "部门|所属部门|责任部门|department|departments",
    "sensitivity": "密级|敏感级别|敏感等级|sensitivity",
    "phone": "电话|联系电话|手机|手机号|手机号码|联系方式|phone|tel|mobile",
    "disabled": "停用|是否停用|禁用|账号状态|状态|disabled|status",
    "reset": "重置密码|重新发放密码|reset|reset_password",
}
WHOLE = frozenset(map(fold, ("全市", "全部", "全域", "全中心", "whole", "all", "*")))
OFF = frozenset(map(fold, ("停用", "禁用", "离职", "离岗", "是", "1", "true", "yes", "y", "disabled")))
ON = frozenset(map(fold, ("启用", "在用", "正常", "在职", "在岗", "否", "0", "false", "no", "n", "enabled")))
GRANTED = ("name", "roles", "whole", "region_codes", "departments", "sensitivity")
_PHONE = re.compile(r"\+?\d{3,20}")
_SPLIT = str.maketrans(dict.fromkeys("，、;；|/", ","))


class _DryRun(Exception):
    """Ends the transaction without a trace."""


@dataclass(frozen=True)
class _Known:
    """What the words of a file may name. `regions`: code or unambiguous name -> code."""

    roles: Mapping[str, str]
    regions: Mapping[str, str]
    departments: frozenset[str]
    demo: frozenset[str]


@dataclass(frozen=True, slots=True)
class Row:
    """One person. `disabled` None: as it is. What the file has no column for is in no comparison."""

    login: str
    name: str
    roles: tuple[str, ...]
    whole: bool
    region_codes: tuple[str, ...]
    departments: tuple[str, ...] | None
    sensitivity: int
    phone: str
    disabled: bool | None
    reset: bool

    def granted(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "roles": list(self.roles),
            "whole": self.whole,
            "region_codes": list(self.region_codes),
            "departments": None if self.departments is None else list(self.departments),
            "sensitivity": self.sensitivity,
        }


@dataclass
class _Work:
    """The rows to take, with the passwords made for them (plain only here and in the file)."""

    rows: Sequence[tuple[int, Row]]
    columns: frozenset[str]
    passwords: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    hashes: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    dry_run: bool = False

    def hash_of(self, login: str) -> str:
        """Raises Conflict for an account that was there when the passwords were made, and is gone."""
        if login not in self.hashes and not self.dry_run:
            raise _meanwhile(login)
        return self.hashes.get(login, "")


def _meanwhile(login: str) -> Conflict:
    return Conflict(f"账号 {login} 刚被他人改动，请再导入一次", f"{login} was changed meanwhile: import once more")


def import_accounts(
    store: Store,
    path: Path,
    *,
    settings: Settings,
    clock: Clock,
    actor: str,
    mapping: Mapping[str, str] | None = None,
    dry_run: bool = False,
    source: str = "files",
    sheet: str = "",
    passwords: Path | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> ImportReport:
    """`passwords`: the file to be written, by default in the data folder; it must not exist.

    Raises Invalid for what concerns the whole file, Conflict where an account was made by somebody else meanwhile or
    the file of passwords exists, StoreUnavailable. What concerns a row is a reject.
    """
    began, now = clock.monotonic(), clock.now()
    file = open_file(path, sheet=sheet)
    found = recognise(file.columns, COLUMNS, mapping or {})
    lacking = [n for n in ("login", "name", "roles", "regions") if n not in found.values()]
    if lacking:
        raise Invalid(reasons=[reason(n, "missing_field") for n in lacking])
    target = passwords or settings.root / f"passwords-{now.astimezone(settings.tz):%Y%m%d-%H%M%S}.csv"
    if target.exists() and not dry_run:
        raise Conflict(f"文件 {target.name} 已存在", f"the file {target.name} exists")
    report = ImportReport(KIND, source, path.name, "", dry_run)
    report.columns = {v: k for k, v in found.items()}
    report.extra = [c for c in file.columns if c and c not in found]
    with store.reading(SYSTEM) as conn:
        known = _known(conn)
    rows, rejected = _read(file, found, known, report)
    work = _Work(rows, frozenset(found.values()), dry_run=dry_run)
    with store.reading(SYSTEM) as conn:
        there = {a["login"] for a in store_rows.list_accounts(conn)}
    _make_passwords(work, [r.login for _, r in rows if r.login not in there or r.reset], progress)
    written: Path | None = None
    try:
        with contextlib.suppress(_DryRun), store.scoped(SYSTEM) as conn:
            rejected += _apply(conn, work, phones.account_ring(settings), report, actor, now)
            report.rejected = len(rejected)
            report.shown = sorted(rejected, key=lambda r: int(r.item))[:SHOWN]
            for r in rejected:
                report.reasons.update((x.field, x.code) for x in r.reasons)
            _note(report, work, known, target)
            if dry_run:
                raise _DryRun
            book(conn, report, rejected, actor, "real", now)
            if work.passwords:  # before the commit: an account whose password nobody has is worse than a file too many
                written = target
                _write(target, work)
    except BaseException:
        if written is not None:
            written.unlink(missing_ok=True)
        raise
    report.seconds = clock.monotonic() - began
    return report


# ------------------------------------------------------------ reading


def _known(conn: Conn) -> _Known:
    roles: dict[str, str] = {}
    for key, role in store_rows.roles(conn).items():
        roles |= {fold(w): key for w in (key, role["title"], role["title_en"]) if w}
    named: dict[str, list[str]] = {}
    codes: dict[str, str] = {}
    for r in conn.execute("SELECT code, name FROM region").fetchall():
        codes[r["code"]] = r["code"]
        named.setdefault(r["name"], []).append(r["code"])
    names = {name: found[0] for name, found in named.items() if len(found) == 1}
    departments = frozenset(r["name"] for r in conn.execute("SELECT name FROM department").fetchall())
    demo = frozenset(r["login"] for r in conn.execute("SELECT login FROM account WHERE origin = 'demo'").fetchall())
    return _Known(roles, {**names, **codes}, departments, demo)


def _read(
    file: Any, found: Mapping[str, str], known: _Known, report: ImportReport
) -> tuple[list[tuple[int, Row]], list[Rejected]]:
    rows: dict[str, tuple[int, Row]] = {}
    rejected: list[Rejected] = []
    for batch in file.batches():
        for record, number in zip(batch.records, batch.numbers, strict=True):
            report.read += 1
            reader = Reader({f: record.get(c) for c, f in found.items()})
            row = _row(reader, known)
            if row is not None and row.login in rows:
                if rows[row.login][1] == row:
                    report.unchanged += 1
                    continue
                reader.refuse("login", "duplicate_key", row.login)
            if reader.reasons or row is None:
                rejected.append(Rejected(str(number), reader.reasons, _plain(record, found)))
            else:
                rows[row.login] = (number, row)
    return list(rows.values()), rejected


def _row(r: Reader, known: _Known) -> Row | None:
    def many(value: Any) -> list[str]:
        words = fields.text(value, 2000).translate(_SPLIT).split(",")
        return list(dict.fromkeys(w.strip() for w in words if w.strip()))

    def roles(value: Any) -> tuple[str, ...]:
        words = many(value)
        if not words or any(fold(w) not in known.roles for w in words):
            raise Refuse("bad_choice", choices="、".join(sorted(set(known.roles.values()))))
        return tuple(dict.fromkeys(known.roles[fold(w)] for w in words))

    def regions(value: Any) -> tuple[str, ...]:
        words = many(value)
        if any(fold(w) in WHOLE for w in words):
            return ()
        codes = [known.regions.get(w) or known.regions.get(w.ljust(12, "0"), "") for w in words]
        if not codes or not all(codes):
            raise Refuse("unknown_region")
        return tuple(dict.fromkeys(codes))

    login, name = r.required("login", _login(known)), r.required("name", lambda v: fields.text(v, 100))
    held, places = r.required("roles", roles), r.required("regions", regions)
    sensitivity = r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), 0)
    departments = r.optional("departments", lambda v: tuple(many(v)) or None, None)
    phone, disabled = r.optional("phone", _phone, ""), r.optional("disabled", _disabled, None)
    reset = r.optional("reset", fields.flag, False)
    if r.reasons or login is None or name is None or held is None or places is None:
        return None
    return Row(login, name, held, not places, places, departments, sensitivity, phone, disabled, reset)


def _login(known: _Known) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        login = fields.text(value, 64)
        if not good_login(login):
            raise Refuse("bad_login")
        if login in known.demo:
            raise Refuse("demo_account")
        return login

    return parse


def _phone(value: Any) -> str:
    word = fields.text(value, 40).replace(" ", "").replace("-", "")
    if not _PHONE.fullmatch(word):
        raise Refuse("bad_phone")
    return word


def _disabled(value: Any) -> bool:
    word = fold(str(value).strip().removesuffix(".0"))
    if word in OFF or word in ON:
        return word in OFF
    raise Refuse("bad_choice", choices="停用、启用")


def _plain(record: Mapping[str, Any], found: Mapping[str, str]) -> str:
    """A refused row as it is kept: telephone numbers masked wherever they stand."""
    told = {f: str(record.get(c, "")) for c, f in found.items() if f != "phone"}
    return fields.mask_phone("; ".join(f"{k}={v}" for k, v in told.items()))


# ------------------------------------------------------------ writing


def _make_passwords(work: _Work, logins: Sequence[str], progress: Callable[[int, int | None], None]) -> None:
    """Hashed before the transaction, which must be short: argon2 takes its time by design."""
    if work.dry_run:
        work.passwords = dict.fromkeys(logins, "")
        return
    work.passwords = {login: _password(login) for login in logins}
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        for n, (login, made) in enumerate(zip(logins, pool.map(hash_password, work.passwords.values()), strict=True)):
            work.hashes[login] = made
            progress(n + 1, len(logins))


def _password(login: str) -> str:
    while True:
        word = make_password()
        if login.lower() not in word.lower():
            return word


def _apply(conn: Conn, work: _Work, keys: Ring, report: ImportReport, actor: str, now: Any) -> list[Rejected]:
    there = store_rows.locked_accounts(conn, [r.login for _, r in work.rows])
    kept = _last_admins(conn, work, there)
    rejected: list[Rejected] = []
    for number, row in work.rows:
        if row.login in there and not row.reset:
            work.passwords.pop(row.login, None)  # somebody made the account a moment ago
        if row.login in kept:
            work.passwords.pop(row.login, None)
            rejected.append(Rejected(str(number), [reason("roles", "last_admin", row.login)], f"login={row.login}"))
        elif row.login not in there:
            _add(conn, work, row, keys, actor, now)
            report.stored += 1
        elif _change(conn, work, row, there[row.login], keys, actor, now):
            report.updated += 1
        else:
            report.unchanged += 1
    return rejected


def _last_admins(conn: Conn, work: _Work, there: Mapping[str, Any]) -> set[str]:
    """Rows after which nobody could administer any more, though somebody can now."""
    now = store_rows.enabled_admins(conn)
    after = set(now)
    for _, row in work.rows:
        off = row.disabled if row.disabled is not None else there.get(row.login, {}).get("disabled", False)
        after.discard(row.login)
        if "admin" in row.roles and not off:
            after.add(row.login)
    return now & {r.login for _, r in work.rows} if now and not after else set()


def _add(conn: Conn, work: _Work, row: Row, keys: Ring, actor: str, now: Any) -> None:
    account = {
        "login": row.login,
        "password_hash": work.hash_of(row.login),
        "must_change": True,
        "password_set_at": None,
        "origin": "real",
        "now": now,
        **row.granted(),
    }
    try:
        store_rows.put_account(conn, account)
    except psycopg.errors.UniqueViolation as e:
        raise _meanwhile(row.login) from e
    if row.phone:
        phones.put_phone(conn, keys, row.login, row.phone)
    if row.disabled:
        store_rows.set_disabled(conn, row.login, True, now)
    detail = {**row.granted(), "disabled": bool(row.disabled), "by_file": True}
    store_rows.audit(conn, actor=actor, action="account.add", object_=row.login, detail=detail)


def _change(conn: Conn, work: _Work, row: Row, was: Mapping[str, Any], keys: Ring, actor: str, now: Any) -> bool:
    """Whether anything of the account was other than the file says."""
    columns = {"regions": ("whole", "region_codes")}
    compared = {c for f in work.columns for c in columns.get(f, (f,))} & set(GRANTED)
    changes = {k: v for k, v in row.granted().items() if k in compared and v != was[k]}
    if changes:
        store_rows.change_account(conn, was["account_id"], changes, now)
        detail = {"from": {k: was[k] for k in changes}, "to": changes}
        store_rows.audit(conn, actor=actor, action="account.change", object_=row.login, detail=detail)
    changed = bool(changes)
    if "phone" in work.columns and row.phone != _number(keys, was):
        phones.put_phone(conn, keys, row.login, row.phone)
        store_rows.audit(conn, actor=actor, action="account.phone", object_=row.login)
        changed = True
    if row.disabled is not None and row.disabled != was["disabled"]:
        store_rows.set_disabled(conn, row.login, row.disabled, now)
        action = "account.disable" if row.disabled else "account.enable"
        store_rows.audit(conn, actor=actor, action=action, object_=row.login)
        changed = True
    if row.reset:
        store_rows.set_password(conn, was["account_id"], work.hash_of(row.login), now, by_holder=False)
        store_rows.end_sessions(conn, was["account_id"])
        store_rows.audit(conn, actor=actor, action="account.reset_password", object_=row.login)
        changed = True
    return changed


def _number(keys: Ring, was: Mapping[str, Any]) -> str:
    if was["phone_sealed"] is None:
        return ""
    return keys.open(bytes(was["phone_sealed"]), was["login"], was["phone_key"])["phone"]


def _note(report: ImportReport, work: _Work, known: _Known, target: Path) -> None:
    said: list[str] = []
    if work.passwords:
        n = len(work.passwords)
        said.append(
            f"初始密码 {n} 个 / {n} initial passwords"
            if report.dry_run
            else f"初始密码 {n} 个，只在此文件中，发放后删除 / {n} initial passwords, in this file only: {target}"
        )
    named = {d for _, r in work.rows for d in r.departments or ()}
    if known.departments and named - known.departments:
        names = "、".join(sorted(named - known.departments))
        said.append(f"! 部门表中没有，收不到派单 / not in the department table, gets no cases: {names}")
    report.note = "\n".join(said)


def _write(path: Path, work: _Work) -> None:
    """For Excel: UTF-8 with its mark. Names cannot become formulas."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as e:
        raise Conflict(f"文件 {path.name} 已存在", f"the file {path.name} exists") from e
    with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as f:
        out = csv.writer(f)
        out.writerow(["账号 login", "姓名 name", "初始密码 password"])
        for _, row in work.rows:
            if row.login in work.passwords:
                out.writerow([*(f"'{w}" if w[0] in "=+-@" else w for w in (row.login, row.name)),
                              work.passwords[row.login]])  # fmt: skip
        f.flush()
        os.fsync(f.fileno())
