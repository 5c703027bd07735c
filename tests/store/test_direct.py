"""The short way to the server: the same answers and errors as the ordinary one."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from ioc.errors import StoreUnavailable
from ioc.scope import SYSTEM
from ioc.store import Store, direct
from tests.conftest import Database

pytestmark = pytest.mark.store


def test_parameters_arrive_as_they_are(db: Database) -> None:
    query = (
        b"SELECT convert_to(%(text)s::text, 'UTF8'), (%(n)s::int + %(n)s::int)::int8, %(x)s::float8 = 0.1::float8,"
        b" convert_to(array_to_string(%(words)s::text[], '|'), 'UTF8'), %(none)s::int, cardinality(%(ids)s::int[])"
    )
    words = ['a"b', "c\\d", "逗,号", "{}", ""]
    params = {"text": "a'b\\ 陽", "n": 21, "x": 0.1, "words": words, "none": None, "ids": [1, 2, 3]}
    with db.store.reading(SYSTEM) as conn:
        for _ in range(3):
            row = direct.first_row(conn, query, params)
            assert row[0] == "a'b\\ 陽".encode()
            assert int.from_bytes(row[1] or b"", "big") == 42
            assert row[2] == b"\x01"
            assert (row[3] or b"").decode().split("|") == words
            assert row[4] is None
            assert int.from_bytes(row[5] or b"", "big") == 3
        assert direct.first_row(conn, b"SELECT 1 WHERE %(no)s::boolean", {"no": False}) == ()


def test_an_error_is_psycopgs_and_the_connection_lives_on(db: Database) -> None:
    with db.store.reading(SYSTEM) as conn:
        with pytest.raises(psycopg.errors.DivisionByZero):
            direct.first_row(conn, b"SELECT 1 / %(n)s::int", {"n": 0})
        with pytest.raises(psycopg.errors.UndefinedTable):
            direct.first_row(conn, b"SELECT * FROM nothing", {})
        assert conn.execute("SELECT 1 AS n").fetchone() == {"n": 1}
    with pytest.raises(TypeError):
        direct.encoded(object())


def test_statements_that_were_thrown_away_are_prepared_again(db: Database) -> None:
    """psycopg sends DEALLOCATE ALL after a rollback: a rolled back write must not spoil the tiles after it."""
    store, query = Store(db.dsn_app, size=1), b"SELECT %(n)s::int8"
    with store.reading(SYSTEM) as conn:
        assert direct.first_row(conn, query, {"n": 1}) == ((1).to_bytes(8, "big"),)
    with pytest.raises(ZeroDivisionError), store.scoped(SYSTEM) as conn:
        for _ in range(8):  # past the threshold from which psycopg prepares
            conn.execute("SELECT %s::int", (1,))
        raise ZeroDivisionError
    with store.reading(SYSTEM) as conn:
        conn.execute("SELECT 1")
        left = conn.execute("SELECT count(*) AS n FROM pg_prepared_statements WHERE name LIKE 'ioc_direct%'").fetchone()
        assert left == {"n": 0}, "the test makes them go"
        assert direct.first_row(conn, query, {"n": 2}) == ((2).to_bytes(8, "big"),)
        assert asyncio.run(direct.first_row_soon(conn, query, {"n": 3})) == ((3).to_bytes(8, "big"),)
        conn.execute("DEALLOCATE ALL")
        assert asyncio.run(direct.first_row_soon(conn, query, {"n": 4})) == ((4).to_bytes(8, "big"),)
        with pytest.raises(psycopg.errors.InvalidSqlStatementName), conn.transaction():
            conn.execute("DEALLOCATE ALL")
            direct.first_row(conn, query, {"n": 5})
    store.close()


def test_a_server_that_goes_away_is_the_stores_fault(db: Database) -> None:
    store = Store(db.dsn_app, size=1)
    with pytest.raises(StoreUnavailable), store.reading(SYSTEM) as conn:
        with db.owner() as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
        direct.first_row(conn, b"SELECT 1", {})
    with store.reading(SYSTEM) as conn:
        assert direct.first_row(conn, b"SELECT 'x'::bytea", {}) == (b"x",)
    store.close()


def test_without_prepared_statements_it_works_too(db: Database) -> None:
    with psycopg.connect(db.dsn_app, autocommit=True, prepare_threshold=None) as conn:
        assert direct.first_row(conn, b"SELECT %(n)s::int8", {"n": 7}) == ((7).to_bytes(8, "big"),)
        row = conn.execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'ioc_direct%'").fetchone()
        assert row == (0,)
