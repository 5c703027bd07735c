"""Accounts, sessions, tokens, walls, audit: rows only. Secrets arrive here as hashes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.store.pool import Conn

Row = dict[str, Any]


def audit(
    conn: Conn,
    *,
    actor: str,
    action: str,
    object_: str = "",
    address: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    conn.execute(
        "INSERT INTO audit (actor, action, object, address, detail) VALUES (%s, %s, %s, %s, %s)",
        (actor, action, object_, address, Jsonb(dict(detail or {}))),
    )


# ------------------------------------------------------------ regions of a grant


def expand_regions(conn: Conn, codes: Sequence[str]) -> frozenset[int]:
    """Every region inside the granted ones, by the closure, never by a code's prefix."""
    rows = conn.execute(
        "SELECT DISTINCT c.descendant_id AS id FROM region_closure c JOIN region r ON r.region_id = c.ancestor_id"
        " WHERE r.code = ANY (%s)",
        (list(codes),),
    ).fetchall()
    return frozenset(r["id"] for r in rows)


def missing_regions(conn: Conn, codes: Sequence[str]) -> list[str]:
    rows = conn.execute("SELECT code FROM region WHERE code = ANY (%s)", (list(codes),)).fetchall()
    known = {r["code"] for r in rows}
    return [c for c in codes if c not in known]


# ------------------------------------------------------------ accounts


def account_by_login(conn: Conn, login: str, *, lock: bool = False) -> Row | None:
    if lock:
        return conn.execute("SELECT * FROM account WHERE login = %s FOR UPDATE", (login,)).fetchone()
    return conn.execute("SELECT * FROM account WHERE login = %s", (login,)).fetchone()


def list_accounts(conn: Conn) -> list[Row]:
    return conn.execute(
        "SELECT account_id, login, name, roles, whole, region_codes, departments, sensitivity, disabled, locked_until,"
        " must_change, origin, updated_at FROM account ORDER BY login"
    ).fetchall()


def roles(conn: Conn) -> dict[str, Row]:
    return {r["role_key"]: r for r in conn.execute("SELECT * FROM role ORDER BY role_key").fetchall()}


def put_account(conn: Conn, account: Mapping[str, Any]) -> int:
    """Insert. Raises psycopg.errors.UniqueViolation for a login that exists."""
    row = conn.execute(
        "INSERT INTO account (login, name, password_hash, must_change, roles, whole, region_codes, departments,"
        " sensitivity, password_set_at, origin, updated_at) VALUES (%(login)s, %(name)s, %(password_hash)s,"
        " %(must_change)s, %(roles)s, %(whole)s, %(region_codes)s, %(departments)s, %(sensitivity)s,"
        " %(password_set_at)s, %(origin)s, %(now)s) RETURNING account_id",
        account,
    ).fetchone()
    return int(row["account_id"]) if row else 0


def locked_accounts(conn: Conn, logins: Sequence[str]) -> dict[str, Row]:
    """Those of `logins` that exist, by login, held until the transaction ends."""
    found = conn.execute("SELECT * FROM account WHERE login = ANY (%s) ORDER BY login FOR UPDATE", (list(logins),))
    return {r["login"]: r for r in found.fetchall()}


def enabled_admins(conn: Conn) -> set[str]:
    found = conn.execute("SELECT login FROM account WHERE 'admin' = ANY (roles) AND NOT disabled").fetchall()
    return {r["login"] for r in found}


def change_account(conn: Conn, account_id: int, changes: Mapping[str, Any], now: dt.datetime) -> None:
    """`changes`: columns of what is granted: name, roles, whole, region_codes, departments, sensitivity."""
    pairs = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(c), sql.Placeholder(c)) for c in changes)
    query = sql.SQL("UPDATE account SET {}, updated_at = %(now)s WHERE account_id = %(id)s").format(pairs)
    conn.execute(query, {**changes, "now": now, "id": account_id})


def put_phone(conn: Conn, login: str, sealed: bytes | None, key_id: str | None) -> None:
    conn.execute("UPDATE account SET phone_sealed = %s, phone_key = %s WHERE login = %s", (sealed, key_id, login))


def phone_of(conn: Conn, login: str) -> Row | None:
    """`phone_sealed` and `phone_key` of an account in use that has a number."""
    return conn.execute(
        "SELECT phone_sealed, phone_key FROM account WHERE login = %s AND NOT disabled AND phone_sealed IS NOT NULL",
        (login,),
    ).fetchone()


def set_attempts(conn: Conn, account_id: int, failed: int, locked_until: dt.datetime | None) -> None:
    conn.execute(
        "UPDATE account SET failed = %s, locked_until = %s WHERE account_id = %s", (failed, locked_until, account_id)
    )


def set_hash(conn: Conn, account_id: int, password_hash: str) -> None:
    """The same password, hashed with today's parameters."""
    conn.execute("UPDATE account SET password_hash = %s WHERE account_id = %s", (password_hash, account_id))


def set_password(conn: Conn, account_id: int, password_hash: str, now: dt.datetime, *, by_holder: bool) -> None:
    conn.execute(
        "UPDATE account SET password_hash = %(hash)s, must_change = NOT %(own)s, failed = 0, locked_until = NULL,"
        " password_set_at = CASE WHEN %(own)s THEN %(now)s::timestamptz ELSE password_set_at END, updated_at = %(now)s"
        " WHERE account_id = %(id)s",
        {"hash": password_hash, "own": by_holder, "now": now, "id": account_id},
    )


def set_disabled(conn: Conn, login: str, disabled: bool, now: dt.datetime) -> bool:
    """Also ends the account's sessions. False when there is no such account."""
    row = conn.execute(
        "UPDATE account SET disabled = %s, failed = 0, locked_until = NULL, updated_at = %s WHERE login = %s"
        " RETURNING account_id",
        (disabled, now, login),
    ).fetchone()
    if row is not None:
        conn.execute("DELETE FROM session WHERE account_id = %s", (row["account_id"],))
    return row is not None


def admin_owns_password(conn: Conn) -> bool:
    """Has any administrator set a password of their own? Until then the server answers on loopback only."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM account WHERE 'admin' = ANY (roles) AND password_set_at IS NOT NULL"
        " AND NOT disabled) AS yes"
    ).fetchone()
    return bool(row and row["yes"])


# ------------------------------------------------------------ sessions


def add_session(conn: Conn, session: Mapping[str, Any]) -> None:
    conn.execute(
        "INSERT INTO session (session_hash, account_id, created_at, seen_at, expires_at, address, agent)"
        " VALUES (%(hash)s, %(account_id)s, %(now)s, %(now)s, %(expires_at)s, %(address)s, %(agent)s)",
        session,
    )


def session_by_hash(conn: Conn, session_hash: str) -> Row | None:
    return conn.execute(
        "SELECT s.seen_at, s.expires_at, a.*,"
        " (SELECT coalesce(array_agg(DISTINCT p), '{}') FROM role r, unnest(r.permissions) p"
        " WHERE r.role_key = ANY (a.roles)) AS permissions"
        " FROM session s JOIN account a USING (account_id) WHERE s.session_hash = %s AND NOT a.disabled",
        (session_hash,),
    ).fetchone()


def touch_session(conn: Conn, session_hash: str, now: dt.datetime) -> None:
    conn.execute("UPDATE session SET seen_at = %s WHERE session_hash = %s", (now, session_hash))


def end_session(conn: Conn, session_hash: str) -> None:
    conn.execute("DELETE FROM session WHERE session_hash = %s", (session_hash,))


def end_sessions(conn: Conn, account_id: int, but: str = "") -> None:
    conn.execute("DELETE FROM session WHERE account_id = %s AND session_hash <> %s", (account_id, but))


def sweep_sessions(conn: Conn, now: dt.datetime) -> int:
    return conn.execute("DELETE FROM session WHERE expires_at < %s", (now,)).rowcount


# ------------------------------------------------------------ API tokens


def add_token(conn: Conn, token: Mapping[str, Any]) -> int:
    row = conn.execute(
        "INSERT INTO token (name, token_hash, actions, whole, region_codes, departments, sensitivity, source,"
        " created_by, expires_at) VALUES (%(name)s, %(hash)s, %(actions)s, %(whole)s, %(region_codes)s,"
        " %(departments)s, %(sensitivity)s, %(source)s, %(created_by)s, %(expires_at)s) RETURNING token_id",
        token,
    ).fetchone()
    return int(row["token_id"]) if row else 0


def token_by_hash(conn: Conn, token_hash: str, now: dt.datetime) -> Row | None:
    return conn.execute(
        "SELECT * FROM token WHERE token_hash = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %s)",
        (token_hash, now),
    ).fetchone()


def touch_token(conn: Conn, token_id: int, now: dt.datetime) -> None:
    conn.execute("UPDATE token SET used_at = %s WHERE token_id = %s", (now, token_id))


def list_tokens(conn: Conn) -> list[Row]:
    return conn.execute(
        "SELECT token_id, name, actions, whole, region_codes, source, created_by, expires_at, revoked_at, used_at"
        " FROM token ORDER BY token_id"
    ).fetchall()


def revoke_token(conn: Conn, token_id: int, now: dt.datetime) -> bool:
    return (
        conn.execute(
            "UPDATE token SET revoked_at = %s WHERE token_id = %s AND revoked_at IS NULL", (now, token_id)
        ).rowcount
        == 1
    )


# ------------------------------------------------------------ walls


def enrolment_by_secret(conn: Conn, secret_hash: str) -> Row | None:
    return conn.execute("SELECT * FROM wall_enrolment WHERE secret_hash = %s", (secret_hash,)).fetchone()


def enrolment_by_code(conn: Conn, code: str, *, lock: bool = False) -> Row | None:
    if lock:
        return conn.execute("SELECT * FROM wall_enrolment WHERE code = %s FOR UPDATE", (code,)).fetchone()
    return conn.execute("SELECT * FROM wall_enrolment WHERE code = %s", (code,)).fetchone()


def put_enrolment(conn: Conn, enrolment: Mapping[str, Any]) -> None:
    """One code a browser: a new code replaces its old one."""
    conn.execute("DELETE FROM wall_enrolment WHERE secret_hash = %(secret_hash)s AND wall_id IS NULL", enrolment)
    conn.execute(
        "INSERT INTO wall_enrolment (code, secret_hash, fingerprint, width, height, created_at, expires_at)"
        " VALUES (%(code)s, %(secret_hash)s, %(fingerprint)s, %(width)s, %(height)s, %(created_at)s, %(expires_at)s)",
        enrolment,
    )


def sweep_enrolments(conn: Conn, before: dt.datetime) -> int:
    return conn.execute("DELETE FROM wall_enrolment WHERE expires_at < %s", (before,)).rowcount


def enrolments_open(conn: Conn, now: dt.datetime) -> int:
    row = conn.execute("SELECT count(*)::int AS n FROM wall_enrolment WHERE expires_at > %s", (now,)).fetchone()
    return row["n"] if row else 0


def confirm_wall(conn: Conn, code: str, wall: Mapping[str, Any]) -> int:
    row = conn.execute(
        "INSERT INTO wall (name, fingerprint, renewed_at, width, height, whole, region_codes, sensitivity,"
        " confirmed_by)"
        " VALUES (%(name)s, %(fingerprint)s, %(now)s, %(width)s, %(height)s, %(whole)s, %(region_codes)s,"
        " %(sensitivity)s, %(confirmed_by)s) RETURNING wall_id",
        wall,
    ).fetchone()
    wall_id = int(row["wall_id"]) if row else 0
    conn.execute("UPDATE wall_enrolment SET wall_id = %s WHERE code = %s", (wall_id, code))
    return wall_id


def hand_over_credential(conn: Conn, code: str, wall_id: int, credential_hash: str, now: dt.datetime) -> bool:
    """Give the confirmed wall its first credential, once. False when it already has one or was revoked."""
    done = conn.execute(
        "UPDATE wall SET credential_hash = %s, renewed_at = %s, seen_at = %s"
        " WHERE wall_id = %s AND credential_hash IS NULL AND revoked_at IS NULL",
        (credential_hash, now, now, wall_id),
    ).rowcount
    conn.execute("DELETE FROM wall_enrolment WHERE code = %s", (code,))
    return done == 1


def wall_by_hash(conn: Conn, credential_hash: str) -> Row | None:
    return conn.execute(
        "SELECT * FROM wall WHERE (credential_hash = %(h)s OR previous_hash = %(h)s) AND revoked_at IS NULL",
        {"h": credential_hash},
    ).fetchone()


def renew_wall(conn: Conn, wall_id: int, shown: str, fresh: str, seen_renewal: dt.datetime, now: dt.datetime) -> bool:
    """Replace the current credential, keeping the one just shown valid. False when another request was first."""
    return (
        conn.execute(
            "UPDATE wall SET credential_hash = %s, previous_hash = %s, renewed_at = %s, seen_at = %s"
            " WHERE wall_id = %s AND renewed_at = %s AND revoked_at IS NULL",
            (fresh, shown, now, now, wall_id, seen_renewal),
        ).rowcount
        == 1
    )


def settle_wall(conn: Conn, wall_id: int, now: dt.datetime) -> None:
    """The wall has shown its renewed credential: the previous one ends."""
    conn.execute("UPDATE wall SET previous_hash = NULL, seen_at = %s WHERE wall_id = %s", (now, wall_id))


def touch_wall(conn: Conn, wall_id: int, now: dt.datetime) -> None:
    conn.execute("UPDATE wall SET seen_at = %s WHERE wall_id = %s", (now, wall_id))


def list_walls(conn: Conn) -> list[Row]:
    return conn.execute(
        "SELECT wall_id, name, fingerprint, width, height, whole, region_codes, confirmed_by, seen_at, renewed_at,"
        " recorded_at FROM wall WHERE revoked_at IS NULL ORDER BY wall_id"
    ).fetchall()


def revoke_wall(conn: Conn, wall_id: int, now: dt.datetime) -> bool:
    return (
        conn.execute(
            "UPDATE wall SET revoked_at = %s WHERE wall_id = %s AND revoked_at IS NULL", (now, wall_id)
        ).rowcount
        == 1
    )
