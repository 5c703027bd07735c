"""Wall enrolment: a code on the wall, confirmed on the desk; the wall's credential renews itself and never signs in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import psycopg

from ioc.accounts.base import SYSTEM, Accounts, Conn, Grant, rows
from ioc.accounts.rules import ENROLMENT_LIFE, clean_code, fingerprint, hash_secret, new_code, new_secret
from ioc.accounts.users import region_faults
from ioc.errors import Conflict, Invalid, NotFound, Reason, TooMany
from ioc.store import outbox

# More open codes than a city has walls: somebody is asking for codes in a loop.
OPEN_CODES_MAX = 500
# A confirmed wall that never came back for its credential is forgotten after a day.
PICK_UP_WITHIN = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an unenrolled wall shows. `secret` stays in its cookie; `credential` is set once, when it was confirmed."""

    secret: str
    code: str
    fingerprint: str
    expires_at: dt.datetime
    width: int
    height: int
    credential: str = ""


def enrol(accounts: Accounts, secret: str, width: int, height: int) -> Enrolment:
    """The running enrolment of this browser, a renewed one when its code has run out, or its credential."""
    now = accounts.now()
    secret = secret or new_secret()
    with accounts.store.scoped(SYSTEM) as conn:
        row = rows.enrolment_by_secret(conn, hash_secret(secret))
        if row is not None and row["wall_id"] is not None:
            credential = _hand_over(accounts, conn, row)
            if credential:
                return _shown(secret, row, credential)
            secret, row = new_secret(), None
        if row is not None and row["expires_at"] > now:
            if (width, height) != (row["width"], row["height"]) and width:
                conn.execute(
                    "UPDATE wall_enrolment SET width = %s, height = %s WHERE code = %s", (width, height, row["code"])
                )
            return _shown(secret, row)
        return _shown(secret, _new_code(conn, secret, width, height, now))


def _shown(secret: str, row: rows.Row, credential: str = "") -> Enrolment:
    return Enrolment(
        secret, row["code"], row["fingerprint"], row["expires_at"], row["width"], row["height"], credential
    )


def _new_code(conn: Conn, secret: str, width: int, height: int, now: dt.datetime) -> rows.Row:
    rows.sweep_enrolments(conn, now - PICK_UP_WITHIN)
    if rows.enrolments_open(conn, now) >= OPEN_CODES_MAX:
        raise TooMany("登记码过多，请稍后", "too many open codes")
    hashed = hash_secret(secret)
    for _ in range(8):
        row = {
            "code": new_code(),
            "secret_hash": hashed,
            "fingerprint": fingerprint(hashed),
            "width": width,
            "height": height,
            "created_at": now,
            "expires_at": now + ENROLMENT_LIFE,
        }
        try:
            with conn.transaction():
                rows.put_enrolment(conn, row)
        except psycopg.errors.UniqueViolation:
            continue
        return row
    raise TooMany("登记码过多，请稍后", "too many open codes")


def _hand_over(accounts: Accounts, conn: Conn, row: rows.Row) -> str:
    credential = new_secret()
    done = rows.hand_over_credential(conn, row["code"], row["wall_id"], hash_secret(credential), accounts.now())
    return credential if done else ""


def waiting(accounts: Accounts, code: str) -> dict[str, object]:
    """What the desk compares before it confirms. Raises NotFound for a code that is unknown, used or run out."""
    with accounts.store.scoped(SYSTEM) as conn:
        row = _open(accounts, conn, code)
    return {k: row[k] for k in ("code", "fingerprint", "width", "height", "expires_at")}


def _open(accounts: Accounts, conn: Conn, code: str, *, lock: bool = False) -> rows.Row:
    row = rows.enrolment_by_code(conn, clean_code(code), lock=lock)
    if row is None or row["expires_at"] <= accounts.now():
        raise NotFound("登记码不对或已过期", "the code is wrong or has expired")
    if row["wall_id"] is not None:
        raise Conflict("登记码已用过", "the code has been used")
    return row


def confirm(accounts: Accounts, code: str, name: str, grant: Grant, by: str) -> int:
    """Register the wall that shows `code`. It fetches its credential itself. Raises Invalid, NotFound, Conflict."""
    now = accounts.now()
    with accounts.store.scoped(SYSTEM) as conn:
        faults = region_faults(conn, grant)
        if not name.strip():
            faults.append(Reason("name", "missing", "缺少名称", "a name is needed"))
        if faults:
            raise Invalid(reasons=faults)
        row = _open(accounts, conn, code, lock=True)
        wall = {
            "name": name.strip()[:80],
            "fingerprint": row["fingerprint"],
            "width": row["width"],
            "height": row["height"],
            "confirmed_by": by,
            "now": now,
            **grant.columns(),
        }
        wall_id = rows.confirm_wall(conn, row["code"], wall)
        rows.audit(conn, actor=by, action="wall.confirm", object_=str(wall_id), detail={"name": wall["name"]})
        outbox.put(
            conn,
            topic="wall",
            op="new",
            entity_id=str(wall_id),
            permission="wall.confirm",
            payload={"wall_id": wall_id, "name": wall["name"], "state": "confirmed"},
        )
        outbox.wake(conn)
    return wall_id


def revoke(accounts: Accounts, wall_id: int, by: str) -> None:
    with accounts.store.scoped(SYSTEM) as conn:
        if not rows.revoke_wall(conn, wall_id, accounts.now()):
            raise NotFound(f"大屏 {wall_id}", f"wall {wall_id}")
        rows.audit(conn, actor=by, action="wall.revoke", object_=str(wall_id))
