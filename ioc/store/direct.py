"""One row of one query with the least ceremony: a statement prepared once a connection, parameters as text, bytes back.

For tiles only, where psycopg's own way costs a third of the whole answer. `first_row` waits inside libpq, with the
interpreter lock released; `first_row_soon` waits on the event loop, which spares the way to a thread and back. The
server infers each parameter's type, so every use of one must settle its type by itself.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors, pq

Row: TypeAlias = tuple[bytes | None, ...]

IDLE = pq.TransactionStatus.IDLE
_NAMED = re.compile(rb"%\(([a-z_]+)\)s")
_numbers = itertools.count()
_prepared: WeakKeyDictionary[psycopg.Connection[Any], dict[bytes, bytes]] = WeakKeyDictionary()


def first_row(conn: psycopg.Connection[Any], query: bytes, params: Mapping[str, Any]) -> Row:
    """Columns of the first row as the binary protocol gives them; () when there is none.

    `query` has psycopg's named places. Raises what psycopg raises for an error of the server.
    """
    text, values = _sent(query, params)
    if conn.prepare_threshold is None:  # a transaction pooler stands between: nothing can stay prepared
        result = conn.pgconn.exec_params(text, values, result_format=pq.Format.BINARY)
        _check(conn, result)
        return _row(result)
    try:
        return _prepared_row(conn, text, values)
    except errors.InvalidSqlStatementName:
        _forget(conn)
        return _prepared_row(conn, text, values)


def _prepared_row(conn: psycopg.Connection[Any], text: bytes, values: list[Any]) -> Row:
    known = _prepared.setdefault(conn, {})
    if text not in known:
        name = _name()
        _check(conn, conn.pgconn.prepare(name, text))
        known[text] = name
    result = conn.pgconn.exec_prepared(known[text], values, result_format=pq.Format.BINARY)
    _check(conn, result)
    return _row(result)


def _forget(conn: psycopg.Connection[Any]) -> None:
    """psycopg sends DEALLOCATE ALL after a rollback: what was prepared here is gone with its own. Inside a
    transaction, which the missing statement has ended, nothing can be made good."""
    if conn.pgconn.transaction_status != IDLE:
        raise  # what is being handled
    _prepared.pop(conn, None)


async def first_row_soon(conn: psycopg.Connection[Any], query: bytes, params: Mapping[str, Any]) -> Row:
    """`first_row` on the running loop. When it is cancelled the connection is left in the middle of a query."""
    text, values = _sent(query, params)
    try:
        return await _prepared_row_soon(conn, text, values)
    except errors.InvalidSqlStatementName:
        _forget(conn)
        return await _prepared_row_soon(conn, text, values)


async def _prepared_row_soon(conn: psycopg.Connection[Any], text: bytes, values: list[Any]) -> Row:
    pg, known = conn.pgconn, _prepared.setdefault(conn, {})
    if text not in known:
        name = _name()
        await _answer(conn, lambda: pg.send_prepare(name, text))
        known[text] = name
    name = known[text]
    return _row(await _answer(conn, lambda: pg.send_query_prepared(name, values, result_format=pq.Format.BINARY)))


async def run_soon(conn: psycopg.Connection[Any], text: bytes, values: Sequence[bytes | None] = ()) -> None:
    """A statement ($1 ...) without an answer, on the running loop. Nothing is prepared."""
    await _answer(conn, lambda: conn.pgconn.send_query_params(text, list(values)))


async def _answer(conn: psycopg.Connection[Any], send: Callable[[], None]) -> pq.abc.PGresult:
    """Sends, waits on the socket, reads the one result. Raises what psycopg raises for an error of the server."""
    pg = conn.pgconn
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(work: Callable[[], bool]) -> None:
        try:
            if work() and not done.done():
                done.set_result(None)
        except psycopg.Error as e:
            if not done.done():
                done.set_exception(e)

    def readable() -> bool:
        pg.consume_input()
        return not pg.is_busy()

    def writable() -> bool:
        if pg.flush() == 0:
            loop.remove_writer(socket)
        return False

    try:
        send()
        socket = pg.socket
        unsent = pg.flush() != 0
    except psycopg.Error:
        conn.close()
        raise
    loop.add_reader(socket, settle, readable)
    if unsent:
        loop.add_writer(socket, settle, writable)
    try:
        await done
    except psycopg.Error:
        conn.close()
        raise
    finally:
        loop.remove_reader(socket)
        if unsent:
            loop.remove_writer(socket)
    result = pg.get_result()
    while pg.get_result() is not None:
        pass
    if result is None:
        conn.close()
        raise psycopg.OperationalError("no answer of the server")
    _check(conn, result)
    return result


def _sent(query: bytes, params: Mapping[str, Any]) -> tuple[bytes, list[Any]]:
    text, names = positional(query)
    return text, [encoded(params[name]) for name in names]


def _row(result: pq.abc.PGresult) -> Row:
    if result.ntuples == 0:
        return ()
    return tuple(result.get_value(0, i) for i in range(result.nfields))


@lru_cache(maxsize=512)
def positional(query: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Named places as $1, $2 ..., and the names in that order."""
    names: dict[bytes, int] = {}

    def place(match: re.Match[bytes]) -> bytes:
        return b"$%d" % names.setdefault(match[1], len(names) + 1)

    text = _NAMED.sub(place, query)
    return text, tuple(name.decode() for name in names)


class Written(list[Any]):
    """A list that is sent many times: its text is made once, so it must not change."""

    def __init__(self, items: Sequence[Any]) -> None:
        super().__init__(items)
        self.text = encoded(list(items))


def encoded(value: Any) -> bytes | None:
    """A parameter in PostgreSQL's text format. Raises TypeError for what tiles do not use."""
    if value is None:
        return None
    if isinstance(value, Written):
        return value.text
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int | float):
        return repr(value).encode()
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list | tuple):
        items: Sequence[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return ("{" + ",".join(_element(i) for i in items) + "}").encode()
    raise TypeError(f"{type(value).__name__} as a parameter of a tile")


def _element(value: Any) -> str:
    if isinstance(value, int | float):
        return repr(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _name() -> bytes:
    """Never one that was given before: a statement prepared since the rollback that took the others is still there."""
    return b"ioc_direct_%d" % next(_numbers)


def _check(conn: psycopg.Connection[Any], result: pq.abc.PGresult) -> None:
    if result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        return
    if conn.pgconn.status == pq.ConnStatus.BAD:  # the server went away meanwhile
        words = conn.pgconn.get_error_message()
        conn.close()
        raise psycopg.OperationalError(words)
    raise errors.error_from_result(result)
