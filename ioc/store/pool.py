"""Scoped units of work on PostgreSQL: no query runs without an asker, and row-level security stands behind each."""

from __future__ import annotations

import datetime as dt
import select
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

from ioc.errors import ConfigError, DiskBudget, StoreUnavailable
from ioc.scope import Scope

APP_ROLE = "ioc_app"
PLANS = {
    "custom": b"SET plan_cache_mode = force_custom_plan",
    "generic": b"SET plan_cache_mode = force_generic_plan",
}
# jit costs more than it saves on short queries; a generic plan for a bounding box is up to 5.8 times slower.
SESSION_OPTIONS = "-c jit=off -c plan_cache_mode=force_custom_plan -c timezone=UTC"

Conn: TypeAlias = psycopg.Connection[DictRow]
# How prepared statements are planned: for their values each time, or once for all values.
Plan: TypeAlias = Literal["custom", "generic"]
Key: TypeAlias = tuple[bool, frozenset[int], frozenset[str] | None, int]


def scope_settings(scope: Scope) -> dict[str, str]:
    """The four settings the row-level policies read, for one scope."""
    departments = scope.departments
    listed = "*" if departments is None else "{" + ",".join(_quoted(d) for d in sorted(departments)) + "}"
    return {
        "ioc.whole": "on" if scope.whole else "",
        "ioc.regions": "" if scope.whole else "{" + ",".join(map(str, sorted(scope.region_ids))) + "}",
        "ioc.departments": listed,
        # an empty scope sees nothing, also of what lies in no region
        "ioc.sensitivity": str(scope.sensitivity if scope.whole or scope.region_ids else -1),
    }


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def scope_key(scope: Scope) -> Key:
    return scope.whole, frozenset() if scope.whole else scope.region_ids, scope.departments, scope.sensitivity


class Session(psycopg.Connection[DictRow]):
    """A connection that remembers whose scope it carries. None: unknown, so it is set before the next use."""

    scope_key: Key | None = None
    plan: Plan = "custom"
    as_of: dt.datetime | None = None  # inside a transaction of the past: its moment (ioc/store/past.py)


class Store:
    """Thread-safe pool of app-role connections. Connections open on demand, so a restarted server is met at once.

    `transaction_pooler`: a PgBouncer in transaction mode stands between; then everything is set inside the transaction
    and nothing is prepared. `statement_timeout_s` 0 means none.
    """

    def __init__(
        self,
        dsn: str,
        size: int = 16,
        *,
        transaction_pooler: bool = False,
        statement_timeout_s: float = 0,
        wait_s: float = 10.0,
    ) -> None:
        self.dsn = app_conninfo(dsn, transaction_pooler, statement_timeout_s)
        self.size = size
        self._wait_s = wait_s
        self._pooler = transaction_pooler
        self._prepares: int | None = None if transaction_pooler else 5
        self._slots = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Session] = []
        self._closed = False
        self._queue = 0  # threads that wait for a connection

    @property
    def home(self) -> Store:
        """The store of the present: itself, but for the past."""
        return self

    @property
    def pooled(self) -> bool:
        return self._pooler

    def like(self, size: int, search_path: str) -> Store:
        """Another pool to the same server, whose names are looked up along `search_path` first."""
        found = Store(self.dsn, size, transaction_pooler=self._pooler, wait_s=self._wait_s)
        if not self._pooler:
            parts: dict[str, Any] = conninfo_to_dict(found.dsn)
            parts["options"] = f"{parts['options']} -c search_path={search_path}"
            found.dsn = make_conninfo("", **parts)
        found._prepares = None  # it works in transactions, where a statement that a rollback took cannot be made good
        return found

    @contextmanager
    def scoped(self, scope: Scope) -> Generator[Conn]:
        """One transaction under `scope`: commits on success, rolls back on any error."""
        with self._checkout(scope) as conn, conn.transaction():
            if self._pooler:
                _enter(conn, scope, local=True)
            yield conn

    @contextmanager
    def reading(self, scope: Scope, plan: Plan = "custom") -> Generator[Conn]:
        """Single reads under `scope` without the round trips of BEGIN and COMMIT; every statement stands alone.

        `plan` "generic" is for statements that have one best plan for all values, where planning is most of the cost.
        """
        if self._pooler:
            with self.scoped(scope) as conn:
                yield conn
            return
        with self._checkout(scope, plan) as conn:
            yield conn

    @contextmanager
    def dedicated(self, scope: Scope | None = None) -> Generator[Conn]:
        """A connection outside the pool, in autocommit: for LISTEN and advisory locks. No scope: it sees nothing."""
        with border():
            conn = self._connect()
        try:
            with border(conn):
                if scope is not None:
                    _enter(conn, scope, local=False)
                yield conn
        finally:
            conn.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for conn in idle:
            conn.close()

    @contextmanager
    def _checkout(self, scope: Scope, plan: Plan = "custom") -> Generator[Session]:
        self._wait_for_slot()
        try:
            key = scope_key(scope)
            with border():
                conn = self._take(key, plan) or self._connect()
            try:
                with border(conn):
                    if conn.scope_key != key and not self._pooler:
                        conn.scope_key = None
                        _enter(conn, scope, local=False)
                        conn.scope_key = key
                    if conn.plan != plan:
                        conn.execute(PLANS[plan])
                        conn.plan = plan
                    yield conn
            finally:
                self._give(conn)
        finally:
            self._slots.release()

    def _wait_for_slot(self) -> None:
        if self._slots.acquire(blocking=False):
            return
        with self._lock:
            self._queue += 1
        try:
            if not self._slots.acquire(timeout=self._wait_s):
                raise StoreUnavailable("数据库连接已用尽", "all database connections are busy")
        finally:
            with self._lock:
                self._queue -= 1

    # ------------------------------------------------------------ for the event loop, which may not wait

    @property
    def wanted(self) -> bool:
        """Do threads wait for a connection?"""
        return self._queue > 0

    def at_hand(self, scope: Scope, plan: Plan) -> Session | None:
        """An idle connection at once, or None. Scope and plan are the taker's to set; it goes back with `put_back`."""
        if self._pooler or not self._slots.acquire(blocking=False):
            return None
        conn = self._pop(scope_key(scope), plan)
        if conn is not None and not _silent(conn):  # something is wrong with it: for a thread to find out
            self._give(conn)
            conn = None
        if conn is None:
            self._slots.release()
        return conn

    def put_back(self, conn: Session) -> None:
        self._give(conn)
        self._slots.release()

    # ------------------------------------------------------------ the idle ones

    def _take(self, key: Key, plan: Plan) -> Session | None:
        """An idle connection, one that already carries scope and plan if there is one; dead ones are thrown away."""
        while True:
            conn = self._pop(key, plan)
            if conn is None or _alive(conn):
                return conn
            conn.close()

    def _pop(self, key: Key, plan: Plan) -> Session | None:
        with self._lock:
            if not self._idle:
                return None
            at = max(range(len(self._idle)), key=lambda i: self._fit(self._idle[i], key, plan, i))
            return self._idle.pop(at)

    @staticmethod
    def _fit(conn: Session, key: Key, plan: Plan, at: int) -> tuple[bool, bool, int]:
        """The more settings it carries already, the better; then the one used last."""
        return conn.scope_key == key, conn.plan == plan, at

    def _give(self, conn: Session) -> None:
        if conn.closed or conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            conn.close()
            return
        with self._lock:
            if not self._closed:
                self._idle.append(conn)
                return
        conn.close()

    def _connect(self) -> Session:
        conn = Session.connect(
            self.dsn,
            autocommit=True,
            row_factory=dict_row,
            prepare_threshold=self._prepares,
        )
        if not self._pooler and conn.info.user != APP_ROLE:
            try:
                conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(APP_ROLE)))
            except psycopg.Error as e:
                conn.close()
                raise ConfigError(
                    f"用户 {conn.info.user} 不是 {APP_ROLE} 的成员", f"{conn.info.user} is not a member of {APP_ROLE}"
                ) from e
        return conn


def app_conninfo(dsn: str, transaction_pooler: bool = False, statement_timeout_s: float = 0) -> str:
    """`dsn` with the app's session settings. A transaction pooler refuses start-up options: the database has them."""
    parts: dict[str, Any] = conninfo_to_dict(dsn)
    parts.setdefault("connect_timeout", "5")
    parts.setdefault("application_name", "ioc")
    if not transaction_pooler:
        limit = f" -c statement_timeout={int(statement_timeout_s * 1000)}" if statement_timeout_s else ""
        parts["options"] = f"{parts.get('options') or ''} {SESSION_OPTIONS}{limit}".strip()
    return make_conninfo("", **parts)


def _enter(conn: psycopg.Connection[Any], scope: Scope, *, local: bool) -> None:
    """Sets all four settings in one round trip. Not inside a transaction unless `local`: a rollback would undo it."""
    if local:
        conn.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(APP_ROLE)))
    values = scope_settings(scope)
    conn.execute(
        "SELECT set_config('ioc.whole', %(ioc.whole)s, %(local)s),"
        " set_config('ioc.regions', %(ioc.regions)s, %(local)s),"
        " set_config('ioc.departments', %(ioc.departments)s, %(local)s),"
        " set_config('ioc.sensitivity', %(ioc.sensitivity)s, %(local)s)",
        {**values, "local": local},
    )


def _silent(conn: Session) -> bool:
    """Without a round trip: the socket of a dead server is readable (end of file), that of an idle session is not."""
    if conn.closed:
        return False
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    return not poll.poll(0)


def _alive(conn: Session) -> bool:
    if _silent(conn):
        return True
    if conn.closed:
        return False
    try:
        conn.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


@contextmanager
def border(conn: psycopg.Connection[Any] | None = None) -> Generator[None]:
    """A server that is away, starting, full or too slow becomes an error of ours. Deadlocks pass as they are."""
    try:
        yield
    except psycopg.errors.DiskFull as e:
        raise DiskBudget("数据库磁盘已满", "the database's disk is full") from e
    except psycopg.errors.QueryCanceled as e:
        raise StoreUnavailable("查询超时", "a query took too long") from e
    except (psycopg.OperationalError, psycopg.InterfaceError) as e:
        away = conn is None or conn.closed or conn.broken or (e.sqlstate or "")[:2] in ("08", "53", "57")
        if not away:
            raise
        raise StoreUnavailable(str(e).strip().splitlines()[0] if str(e).strip() else "", "") from e
