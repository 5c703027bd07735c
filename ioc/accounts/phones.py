"""Telephone numbers of accounts: sealed at rest, opened only to send to them or to compare."""

from __future__ import annotations

from ioc.accounts.base import Conn, rows
from ioc.sealing import Ring, ring
from ioc.settings import Settings
from ioc.store import sealed


def account_ring(settings: Settings) -> Ring:
    return ring(settings, "account")


def put_phone(conn: Conn, keys: Ring, login: str, phone: str) -> None:
    """In the caller's transaction; "" takes the number away. Raises ConfigError."""
    if not phone:
        rows.put_phone(conn, login, None, None)
        return
    sealed.hold(conn)
    sealer = keys.newest()
    rows.put_phone(conn, login, sealer.seal({"phone": phone}, login), sealer.key_id)


def phone_of(conn: Conn, keys: Ring, login: str) -> str:
    """ "" for who has none or is disabled. Raises ConfigError for a number that does not open."""
    sealed.hold(conn)  # its key stays until it has been opened
    row = rows.phone_of(conn, login)
    return keys.open(bytes(row["phone_sealed"]), login, row["phone_key"])["phone"] if row else ""
