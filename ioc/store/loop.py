"""Single reads from the event loop, over the same connections that threads use.

A tile takes the server a third of a millisecond; the way to a thread and back, with the interpreter's lock handed over
at each step, costs more than that. Here libpq's socket is watched by the loop itself. What may wait (opening a
connection, a slot that a thread holds) is not done here: the answer is then None, and the caller asks from a thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

from ioc.scope import Scope
from ioc.store import direct
from ioc.store.pool import PLANS, Plan, Session, Store, border, scope_key, scope_settings

_ENTER = (
    b"SELECT set_config('ioc.whole', $1, false), set_config('ioc.regions', $2, false),"
    b" set_config('ioc.departments', $3, false), set_config('ioc.sensitivity', $4, false)"
)


class LoopReader:
    """One a process, used from one event loop only.

    Askers that find every connection taken wait for those this reader holds, in order; a thread that waits goes first.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held = 0
        self._waiting: deque[asyncio.Future[Session | None]] = deque()

    async def first_row(self, scope: Scope, plan: Plan, query: bytes, params: Mapping[str, Any]) -> direct.Row | None:
        """Columns of the first row under `scope`, () when there is none; None: ask from a thread.

        Raises StoreUnavailable, and what psycopg raises for an error of the server.
        """
        conn = self._store.at_hand(scope, plan)
        if conn is not None:
            self._held += 1
        elif self._held:
            turn: asyncio.Future[Session | None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            conn = await self._turn(turn)
        if conn is None:
            return None
        try:
            with border(conn):
                await _settle(conn, scope, plan)
                return await direct.first_row_soon(conn, query, params)
        finally:
            self._pass_on(conn)

    async def _turn(self, turn: asyncio.Future[Session | None]) -> Session | None:
        try:
            return await turn
        except asyncio.CancelledError:
            conn = turn.result() if turn.done() and not turn.cancelled() else None
            if conn is not None:  # handed over at the moment the asker left
                self._pass_on(conn)
            raise

    def _pass_on(self, conn: Session) -> None:
        """To whoever waits here, unless a thread waits as well or the connection is not fit to be used."""
        usable = not conn.closed and conn.pgconn.transaction_status == direct.IDLE
        while usable and self._waiting and not self._store.wanted:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(conn)
                return
        self._held -= 1
        self._store.put_back(conn)
        # Nobody here would wake those that wait if this was the last one held.
        while self._waiting and (self._held == 0 or not usable):
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)


async def _settle(conn: Session, scope: Scope, plan: Plan) -> None:
    """Whose scope and which way of planning the connection carries, set where they differ."""
    key = scope_key(scope)
    if conn.scope_key != key:
        conn.scope_key = None
        await direct.run_soon(conn, _ENTER, [value.encode() for value in scope_settings(scope).values()])
        conn.scope_key = key
    if conn.plan != plan:
        await direct.run_soon(conn, PLANS[plan])
        conn.plan = plan
