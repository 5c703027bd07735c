"""The audit log, looked through by person, object, action and time (SEC-07). Rows only; who may ask is the caller's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from ioc.store.pool import Conn

LIMIT_MAX = 500
_LIST = """
SELECT a.audit_id, a.recorded_at, a.actor, coalesce(c.name, '') AS name, a.action, a.object, a.address, a.detail
FROM audit a LEFT JOIN account c ON c.login = regexp_replace(a.actor, '^account:', '')
WHERE {where} ORDER BY a.audit_id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """`who`: a login, or a person's name; `object_`: its beginning (`case:12`); `action`: one, or a group (`caller`).
    `before`: rows older than this number, for the next page. Empty: any.
    """

    who: str = ""
    object_: str = ""
    action: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    before: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """What was asked for, as the log itself keeps it."""
        times = {"since": self.since, "until": self.until}
        found = {"who": self.who, "object": self.object_, "action": self.action}
        found |= {name: at.isoformat() for name, at in times.items() if at}
        return {k: v for k, v in found.items() if v}


def search(conn: Conn, asked: Asked, limit: int = 100) -> list[dict[str, Any]]:
    """Newest first. Under the system's scope: the log is the whole centre's."""
    given: list[tuple[LiteralString, Any, str]] = [
        ("a.actor = ANY (%(who)s)", asked.who and _logins(conn, asked.who), "who"),
        ("a.object LIKE %(object)s", asked.object_ and _like(asked.object_) + "%", "object"),
        ("(a.action = %(action)s OR a.action LIKE %(action_of)s)", asked.action, "action"),
        ("a.recorded_at >= %(since)s", asked.since, "since"),
        ("a.recorded_at <= %(until)s", asked.until, "until"),
        ("a.audit_id < %(before)s", asked.before, "before"),
    ]
    parts = [sql.SQL(text) for text, value, _ in given if value]
    values: Mapping[str, Any] = {name: value for _, value, name in given if value}
    query = sql.SQL(_LIST).format(where=sql.SQL(" AND ").join(parts) if parts else sql.SQL("TRUE"))
    return conn.execute(
        query, {**values, "action_of": _like(asked.action) + ".%", "limit": min(max(1, limit), LIMIT_MAX)}
    ).fetchall()


def _logins(conn: Conn, who: str) -> list[str]:
    """The login itself, and those of everybody of that name; each as it was signed in and as an actor of a scope."""
    rows = conn.execute("SELECT login FROM account WHERE name = %s", (who,)).fetchall()
    logins = [who, *(r["login"] for r in rows)]
    return [*logins, *(f"account:{login}" for login in logins)]


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
