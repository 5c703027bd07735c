"""Signing in and out, and changing one's password."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ioc.accounts.base import SYSTEM, Accounts, Conn, rows
from ioc.accounts.passwords import hash_password, needs_rehash, spend_the_same_time, verify_password
from ioc.accounts.rules import Attempts, hash_secret, new_secret, password_faults
from ioc.errors import BadPassword, Invalid, Locked, NotSignedIn, Reason


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`secret` goes into the cookie and is stored nowhere."""

    secret: str
    login: str
    must_change: bool
    expires_at: dt.datetime


def sign_in(accounts: Accounts, login: str, password: str, *, address: str = "", agent: str = "") -> SignedIn:
    """A new session. Raises BadPassword with the tries left, Locked with the time it ends."""
    now, login = accounts.now(), login.strip()
    with accounts.store.scoped(SYSTEM) as conn:
        account = rows.account_by_login(conn, login)
    if account is None or account["disabled"]:
        attempts = accounts.unknown.get(login)
        _refuse_locked(accounts, attempts)
        spend_the_same_time(password)
        attempts = _fail(accounts, attempts)
        accounts.unknown.put(login, attempts)
        with accounts.store.scoped(SYSTEM) as conn:
            rows.audit(conn, actor=login[:64], action="sign_in.refused", address=address)
        raise _wrong(accounts, attempts)
    _refuse_locked(accounts, Attempts(account["failed"], account["locked_until"]))
    # Verified outside any transaction: argon2 takes tens of milliseconds and must not hold a row meanwhile.
    right = verify_password(account["password_hash"], password)
    secret = new_secret()
    with accounts.store.scoped(SYSTEM) as conn:
        locked_row = rows.account_by_login(conn, login, lock=True) or account
        attempts = Attempts(locked_row["failed"], locked_row["locked_until"])
        if attempts.locked(now):
            right = False
        elif right:
            _begin(accounts, conn, locked_row, secret, password, address, agent)
        else:
            attempts = _fail(accounts, attempts)
            rows.set_attempts(conn, account["account_id"], attempts.failed, attempts.locked_until)
            rows.audit(conn, actor=login, action="sign_in.refused", address=address, detail={"failed": attempts.failed})
    if not right:
        raise _wrong(accounts, attempts)
    return SignedIn(secret, login, account["must_change"], now + dt.timedelta(hours=accounts.settings.session_hours))


def _begin(
    accounts: Accounts, conn: Conn, account: rows.Row, secret: str, password: str, address: str, agent: str
) -> None:
    now = accounts.now()
    rows.set_attempts(conn, account["account_id"], 0, None)
    if needs_rehash(account["password_hash"]):
        rows.set_hash(conn, account["account_id"], hash_password(password))
    rows.sweep_sessions(conn, now)
    session = {
        "hash": hash_secret(secret),
        "account_id": account["account_id"],
        "now": now,
        "expires_at": now + dt.timedelta(hours=accounts.settings.session_hours),
        "address": address,
        "agent": agent[:200],
    }
    rows.add_session(conn, session)
    rows.audit(conn, actor=account["login"], action="sign_in", address=address)


def _fail(accounts: Accounts, attempts: Attempts) -> Attempts:
    s = accounts.settings
    return attempts.after_failure(accounts.now(), s.lockout_failures, dt.timedelta(minutes=s.lockout_minutes))


def _refuse_locked(accounts: Accounts, attempts: Attempts) -> None:
    if attempts.locked(accounts.now()):
        raise _wrong(accounts, attempts)


def _wrong(accounts: Accounts, attempts: Attempts) -> BadPassword | Locked:
    s = accounts.settings
    if attempts.locked_until is not None and attempts.locked(accounts.now()):
        local = attempts.locked_until.astimezone(s.tz)
        return Locked(
            f"{local:%H:%M} 自动解锁",
            f"unlocks at {local:%H:%M}",
            {"until": attempts.locked_until.isoformat(), "minutes": s.lockout_minutes, "limit": s.lockout_failures},
        )
    left = attempts.remaining(s.lockout_failures)
    return BadPassword(
        f"还可试 {left} 次",
        f"{left} tries left",
        {"remaining": left, "limit": s.lockout_failures, "minutes": s.lockout_minutes},
    )


def sign_out(accounts: Accounts, secret: str, actor: str) -> None:
    with accounts.store.scoped(SYSTEM) as conn:
        rows.end_session(conn, hash_secret(secret))
        rows.audit(conn, actor=actor, action="sign_out")


def change_password(accounts: Accounts, login: str, old: str, new: str, keep_session: str = "") -> None:
    """By the holder. Ends every other session of the account. Raises Invalid with every reason."""
    now = accounts.now()
    with accounts.store.scoped(SYSTEM) as conn:
        account = rows.account_by_login(conn, login)
    if account is None:
        raise NotSignedIn()
    faults = password_faults(new, login)
    if not verify_password(account["password_hash"], old):
        faults.insert(0, Reason("old", "wrong", "原口令不对", "the old password is wrong"))
    elif old == new:
        faults.append(Reason("password", "unchanged", "与原口令相同", "same as the old one"))
    if faults:
        raise Invalid(reasons=faults)
    fresh = hash_password(new)
    with accounts.store.scoped(SYSTEM) as conn:
        rows.set_password(conn, account["account_id"], fresh, now, by_holder=True)
        rows.end_sessions(conn, account["account_id"], but=keep_session)
        rows.audit(conn, actor=login, action="password.change")
