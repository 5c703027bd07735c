"""One row of one query with the least ceremony: a statement prepared once a connection, parameters as text, bytes back.

For tiles only, where psycopg's own way costs a third of the whole answer. Waiting happens inside libpq, with the
interpreter lock released. The server infers each parameter's type, so every use of one must settle its type by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors, pq

_NAMED = re.compile(rb"%\(([a-z_]+)\)s")
_prepared: WeakKeyDictionary[psycopg.Connection[Any], dict[bytes, bytes]] = WeakKeyDictionary()


def first_row(conn: psycopg.Connection[Any], query: bytes, params: Mapping[str, Any]) -> tuple[bytes | None, ...]:
    """Columns of the first row as the binary protocol gives them; () when there is none.

    `query` has psycopg's named places. Raises what psycopg raises for an error of the server.
    """
    text, names = positional(query)
    values: list[Any] = [encoded(params[name]) for name in names]
    if conn.prepare_threshold is None:  # a transaction pooler stands between: nothing can stay prepared
        result = conn.pgconn.exec_params(text, values, result_format=pq.Format.BINARY)
    else:
        result = conn.pgconn.exec_prepared(_statement(conn, text), values, result_format=pq.Format.BINARY)
    _check(conn, result)
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


def encoded(value: Any) -> bytes | None:
    """A parameter in PostgreSQL's text format. Raises TypeError for what tiles do not use."""
    if value is None:
        return None
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


def _statement(conn: psycopg.Connection[Any], text: bytes) -> bytes:
    known = _prepared.setdefault(conn, {})
    name = known.get(text)
    if name is None:
        name = b"ioc_direct_%d" % len(known)
        _check(conn, conn.pgconn.prepare(name, text))
        known[text] = name
    return name


def _check(conn: psycopg.Connection[Any], result: pq.abc.PGresult) -> None:
    if result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        return
    if conn.pgconn.status == pq.ConnStatus.BAD:  # the server went away meanwhile
        words = conn.pgconn.get_error_message()
        conn.close()
        raise psycopg.OperationalError(words)
    raise errors.error_from_result(result)
