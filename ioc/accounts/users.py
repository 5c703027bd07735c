"""Making and keeping accounts: `ioc user add`, the demo users, disabling, and who has taken the server into use."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from ioc.accounts.base import SYSTEM, Accounts, Conn, Grant, rows
from ioc.accounts.passwords import hash_password
from ioc.accounts.rules import make_password, password_faults
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.scope import INTERNAL, PUBLIC, SENSITIVE

DEMO_FILE = "demo-users.json"


@dataclass(frozen=True, slots=True)
class DemoUser:
    """A demo account as the first start prints it and the sign-in page lists it."""

    login: str
    name: str
    role: str
    role_title: str
    regions: tuple[str, ...]
    password: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "login": self.login,
            "name": self.name,
            "role": self.role,
            "role_title": self.role_title,
            "regions": list(self.regions),
            "password": self.password,
        }


def add_user(
    accounts: Accounts,
    login: str,
    password: str,
    roles: Sequence[str],
    grant: Grant,
    *,
    name: str = "",
    by: str = "cli",
    own_password: bool = False,
    origin: str = "real",
) -> int:
    """Make an account. `own_password`: typed by its holder (the command line), so it need not be changed at sign-in.

    Raises Invalid with every reason, Conflict for a login that exists.
    """
    with accounts.store.scoped(SYSTEM) as conn:
        _check(conn, login, password, roles, grant)
        account = {
            "login": login,
            "name": name or login,
            "password_hash": hash_password(password),
            "must_change": not own_password and origin == "real",
            "roles": list(roles),
            "password_set_at": accounts.now() if own_password else None,
            "origin": origin,
            "now": accounts.now(),
            **grant.columns(),
        }
        try:
            account_id = rows.put_account(conn, account)
        except psycopg.errors.UniqueViolation as e:
            raise Conflict(f"账号 {login} 已存在", f"login {login} exists") from e
        rows.audit(conn, actor=by, action="account.add", object_=login, detail={"roles": list(roles)})
    return account_id


def _check(conn: Conn, login: str, password: str, roles: Sequence[str], grant: Grant) -> None:
    faults = password_faults(password, login)
    if not good_login(login):
        faults.append(
            Reason("login", "bad_login", "2 至 64 个字母、数字或 - _ .", "2 to 64 of letters, digits, - _ .", login)
        )
    known = rows.roles(conn)
    if not roles:
        faults.append(Reason("roles", "missing", "至少一个角色", "at least one role"))
    faults += [
        Reason("roles", "unknown_role", f"没有角色 {r}", f"no role {r}; known: {', '.join(known)}", r)
        for r in roles
        if r not in known
    ]
    faults += region_faults(conn, grant)
    if faults:
        raise Invalid(reasons=faults)


def good_login(login: str) -> bool:
    return 2 <= len(login) <= 64 and login.replace("-", "").replace("_", "").replace(".", "").isalnum()


def region_faults(conn: Conn, grant: Grant) -> list[Reason]:
    faults = [
        Reason("regions", "unknown_region", f"没有区划 {c}", f"no region {c}", c)
        for c in rows.missing_regions(conn, grant.region_codes)
    ]
    if not grant.whole and not grant.region_codes:
        faults.append(Reason("regions", "missing", "未指定管辖范围", "no region granted"))
    return faults


def set_enabled(accounts: Accounts, login: str, enabled: bool, by: str) -> None:
    """Disabling also ends the account's sessions; enabling also unlocks it."""
    with accounts.store.scoped(SYSTEM) as conn:
        if not rows.set_disabled(conn, login, not enabled, accounts.now()):
            raise NotFound(f"账号 {login}", f"login {login}")
        rows.audit(conn, actor=by, action="account.enable" if enabled else "account.disable", object_=login)


def taken_into_use(accounts: Accounts) -> bool:
    """True once an administrator has set a password of their own: only then may the server leave loopback."""
    with accounts.store.scoped(SYSTEM) as conn:
        return rows.admin_owns_password(conn)


# ------------------------------------------------------------ demo users

_DEMO: tuple[tuple[str, str, str, int, bool], ...] = (
    # login, name, role, sensitivity, whole centre
    ("guanli", "系统管理员", "admin", SENSITIVE, True),
    ("lingdao", "市领导", "leader", INTERNAL, True),
    ("zhibanzhang", "何敏仪", "chief", SENSITIVE, True),
    ("zhiban", "李嘉欣", "officer", INTERNAL, True),
    ("bumen", "住建部门", "department", INTERNAL, True),
    ("wangge", "网格员", "grid", PUBLIC, False),
)


def make_demo_users(accounts: Accounts, town_code: str, department: str = "", officer: str = "") -> list[DemoUser]:
    """Demo accounts with random passwords, written to `<data_dir>/demo-users.json` (owner only). Idempotent.

    `town_code`: the region the grid officer is given, and `officer` the name, which is what grid cells and cases call
    this person; `department`: the one of the department account. Users that
    exist already keep their passwords, which are read back from the file.
    """
    known = {u.login: u for u in demo_users(accounts)}
    made: list[DemoUser] = []
    with accounts.store.scoped(SYSTEM) as conn:
        titles = {k: r["title"] for k, r in rows.roles(conn).items()}
        exist = {a["login"] for a in rows.list_accounts(conn)}
    for login, name, role, sensitivity, whole in _DEMO:
        if login in exist:
            made += [known[login]] if login in known else []
            continue
        departments = (department,) if role == "department" and department else ()
        grant = Grant(whole, () if whole else (town_code,), departments if role == "department" else None, sensitivity)
        password = make_password()
        name = (officer if role == "grid" else department if role == "department" else "") or name
        add_user(accounts, login, password, [role], grant, name=name, by="demo", origin="demo")
        made.append(DemoUser(login, name, role, titles.get(role, role), grant.region_codes, password))
    _write(accounts, made)
    return made


def demo_users(accounts: Accounts) -> list[DemoUser]:
    """The demo accounts still in the store, with the passwords they were made with. [] after `ioc demo drop`."""
    path = _file(accounts)
    if not path.exists():
        return []
    listed: list[Mapping[str, Any]] = json.loads(path.read_text("utf-8"))
    with accounts.store.scoped(SYSTEM) as conn:
        live = {a["login"] for a in rows.list_accounts(conn) if a["origin"] == "demo" and not a["disabled"]}
    return [
        DemoUser(u["login"], u["name"], u["role"], u["role_title"], tuple(u["regions"]), u["password"])
        for u in listed
        if u["login"] in live
    ]


def forget_demo_users(accounts: Accounts) -> int:
    """Remove the demo accounts with their sessions and the password file. Returns how many there were."""
    with accounts.store.scoped(SYSTEM) as conn:
        gone = conn.execute("DELETE FROM account WHERE origin = 'demo'").rowcount
    _file(accounts).unlink(missing_ok=True)
    return gone


def sign_in_hints(accounts: Accounts) -> list[dict[str, Any]]:
    """Demo users for the sign-in page: login, role and scope. The passwords are printed at the first start only."""
    with accounts.store.scoped(SYSTEM) as conn:
        names = {r["code"]: r["name"] for r in conn.execute("SELECT code, name FROM region WHERE kind <> 'village'")}
        top = conn.execute("SELECT name FROM region WHERE parent_id IS NULL AND kind <> 'zone' LIMIT 1").fetchone()
    out: list[dict[str, Any]] = []
    for user in demo_users(accounts):
        item = user.as_dict()
        item["scope"] = "、".join(names.get(c, c) for c in user.regions) or (top["name"] if top else "")
        del item["password"]
        out.append(item)
    return out


def _file(accounts: Accounts) -> Path:
    return accounts.settings.root / DEMO_FILE


def _write(accounts: Accounts, users: Sequence[DemoUser]) -> None:
    path = _file(accounts)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as f:
        json.dump([u.as_dict() for u in users], f, ensure_ascii=False, indent=1)
