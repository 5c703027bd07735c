"""The store as it was known at a moment: the same queries, over `ioc_past` (migrations 168 to 170).

A `Past` has connections of its own, so that somebody who plays a month back takes none from the screens that are live.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from ioc.errors import IocError
from ioc.moment import asked
from ioc.scope import Scope
from ioc.store.pool import Conn, Plan, Session, Store

CONNECTIONS = 4
SEARCH_PATH = "ioc_past,public"
_ENTER = sql.SQL("SET TRANSACTION READ ONLY; SELECT set_config('ioc.as_of', {at}, true)")
_ENTER_POOLED = sql.SQL("SET TRANSACTION READ ONLY; SET LOCAL search_path = ioc_past, public;"
                        " SELECT set_config('ioc.as_of', {at}, true)")  # fmt: skip


class Past:
    """Thread-safe; one a process. `at(moment)` gives the store of that moment; it costs nothing to make."""

    def __init__(self, live: Store, size: int = CONNECTIONS) -> None:
        self.live = live
        self._pool = live.like(size, SEARCH_PATH)

    def at(self, moment: dt.datetime) -> AsOf:
        return AsOf(self.live, self._pool, moment)

    def close(self) -> None:
        self._pool.close()


class AsOf(Store):
    """A `Store` of one moment. It only reads: the server refuses to write in its transactions."""

    def __init__(self, live: Store, pool: Store, moment: dt.datetime) -> None:
        self.dsn, self.size = pool.dsn, pool.size
        self.moment = moment
        self._live, self._behind = live, pool
        text = sql.Literal(moment.astimezone(dt.UTC).isoformat())
        self._enter = (_ENTER_POOLED if pool.pooled else _ENTER).format(at=text)

    @property
    def home(self) -> Store:
        return self._live

    @contextmanager
    def scoped(self, scope: Scope) -> Generator[Conn]:
        with self._behind.scoped(scope) as conn:
            conn.execute(self._enter)
            if isinstance(conn, Session):
                conn.as_of = self.moment
            try:
                yield conn
            finally:
                if isinstance(conn, Session):
                    conn.as_of = None

    @contextmanager
    def reading(self, scope: Scope, plan: Plan = "custom") -> Generator[Conn]:
        """As `scoped`: the moment is the transaction's."""
        with self.scoped(scope) as conn:
            yield conn

    @contextmanager
    def dedicated(self, scope: Scope | None = None) -> Generator[Conn]:
        raise IocError("回溯中没有专用连接", "the past has no connection of its own", {"at": self.moment.isoformat()})
        yield  # pragma: no cover

    def at_hand(self, scope: Scope, plan: Plan) -> Session | None:
        return None

    def close(self) -> None:
        """Nothing of its own is open."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Since when what a table held is on record. `lost`: it held rows before, of which nothing is."""

    table: str
    since: dt.datetime
    lost: bool


def kept(conn: psycopg.Connection[Any]) -> list[Kept]:
    """Every table whose versions are kept."""
    rows = conn.execute("SELECT name, since, lost FROM ioc_was.tracked ORDER BY name").fetchall()
    return [Kept(r["name"], r["since"], r["lost"]) for r in rows]


class AskedStore(Store):
    """The store behind the API: that of the moment the request in hand asks for, else the live one."""

    def __init__(self, live: Store, past: Past) -> None:
        self.dsn, self.size = live.dsn, live.size
        self._live, self._past = live, past

    @property
    def home(self) -> Store:
        return self._live

    @property
    def _now(self) -> Store:
        moment = asked()
        return self._live if moment is None else self._past.at(moment)

    @contextmanager
    def scoped(self, scope: Scope) -> Generator[Conn]:
        with self._now.scoped(scope) as conn:
            yield conn

    @contextmanager
    def reading(self, scope: Scope, plan: Plan = "custom") -> Generator[Conn]:
        with self._now.reading(scope, plan) as conn:
            yield conn

    @contextmanager
    def dedicated(self, scope: Scope | None = None) -> Generator[Conn]:
        with self._live.dedicated(scope) as conn:
            yield conn

    def at_hand(self, scope: Scope, plan: Plan) -> Session | None:
        return self._live.at_hand(scope, plan) if asked() is None else None

    def put_back(self, conn: Session) -> None:
        self._live.put_back(conn)

    @property
    def wanted(self) -> bool:
        return self._live.wanted

    def close(self) -> None:
        self._live.close()


FORGET = "SELECT set_config('ioc.forget', 'on', true)"  # in a transaction: what it deletes is not kept as a version


def drop_demo(conn: psycopg.Connection[Any]) -> None:
    """Versions of demo rows, by the owner. The rows themselves are the caller's to delete, under `FORGET`."""
    for name in _versioned(conn):
        conn.execute(sql.SQL("DELETE FROM ioc_was.{} WHERE origin = 'demo'").format(sql.Identifier(name)))


def prune(owner: psycopg.Connection[Any], before: dt.datetime, most: int = 20, batch: int = 5000) -> int:
    """Versions that were superseded before `before` go, in batches. Returns how many. The owner's connection."""
    gone = 0
    for name in _versioned(owner, with_origin=False):
        statement = sql.SQL(
            "DELETE FROM ioc_was.{0} WHERE ctid = ANY("
            "ARRAY(SELECT ctid FROM ioc_was.{0} WHERE upper(known) < %s LIMIT %s))"
        ).format(sql.Identifier(name))
        for _ in range(most):
            count = owner.execute(statement, (before, batch)).rowcount
            gone += count
            if count < batch:
                break
    return gone


def _versioned(conn: psycopg.Connection[Any], *, with_origin: bool = True) -> list[str]:
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute(
            "SELECT t.name FROM ioc_was.tracked t WHERE NOT %s OR EXISTS (SELECT FROM pg_attribute a"
            " WHERE a.attrelid = format('ioc_was.%%I', t.name)::regclass AND a.attname = 'origin') ORDER BY t.name",
            (with_origin,),
        ).fetchall()
    return [str(r[0]) for r in rows]
