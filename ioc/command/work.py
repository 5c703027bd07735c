"""The use-cases of incidents: opening, acts, lists, the header record now or as it was known, the timeline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from psycopg import sql

from ioc.cases.work import Actor
from ioc.clock import Clock
from ioc.command import acts, book, gather, opening, record
from ioc.command.book import Doing
from ioc.command.opening import Wish
from ioc.errors import NotFound
from ioc.scope import SYSTEM, Scope
from ioc.store import Conn, Store, case_steps, command_rows, incidents, request_keys
from ioc.store.incidents import Wanted
from ioc.store.request_keys import RequestKey
from ioc.store.retry import retried
from ioc.store.worklist import case_record

UTC = ZoneInfo("UTC")
Value = TypeVar("Value", bound=Mapping[str, Any])


@dataclass
class Incidents:
    """Of one store. `area_buffer_m`: how far outside the centre's area a place may lie."""

    store: Store
    clock: Clock
    area_buffer_m: float = 2000.0
    zone: ZoneInfo = UTC

    # ------------------------------------------------------------ writing

    def open(self, actor: Actor, wish: Wish, once: RequestKey | None = None) -> dict[str, Any]:
        """A new incident. Raises Forbidden, NotFound, Invalid, Conflict (opened before: its context names it)."""
        actor.scope.require("incident.open")
        return self.opened(actor, wish, once)

    def opened(self, actor: Actor, wish: Wish, once: RequestKey | None = None) -> dict[str, Any]:
        """`open` for a door that has asked for a right of its own."""

        def work(conn: Conn, now: dt.datetime) -> tuple[dict[str, Any], str]:
            doing = opening.opened(conn, actor, wish, now, self.zone, self.area_buffer_m)
            told = {"incident_id": doing.case_id, "number": doing.case["number"],
                    "record": case_record(conn, doing.case_id), "incident": book.header(doing)}  # fmt: skip
            return told, str(doing.case["origin"])

        return self._once(once, work)

    def act(
        self,
        actor: Actor,
        case_id: int,
        key: str,
        given: Mapping[str, Any],
        version: int | None,
        once: RequestKey | None = None,
    ) -> dict[str, Any]:
        """One act. `version`: of the incident as the actor saw it; acts that only add (a log, a shift) need none.

        Raises NotFound (also outside the scope), Forbidden, Conflict, Invalid.
        """
        return self.change(
            actor, case_id, lambda d: {"no": acts.perform(d, key, given, version, self.area_buffer_m)}, once
        )

    def change(
        self, actor: Actor, case_id: int, work: Callable[[Doing], Mapping[str, Any]], once: RequestKey | None = None
    ) -> dict[str, Any]:
        """`work` with the incident locked, in one transaction; its answer with the header record after it."""

        def inside(conn: Conn, now: dt.datetime) -> tuple[dict[str, Any], str]:
            doing = book.begin(conn, actor, case_id, now, self.zone)
            answer = work(doing)
            return {**answer, "incident": book.header(doing)}, str(doing.case["origin"])

        return self._once(once, inside)

    def _once(
        self, once: RequestKey | None, work: Callable[[Conn, dt.datetime], tuple[dict[str, Any], str]]
    ) -> dict[str, Any]:
        """One transaction, done again where it met another; the same request again gets the first answer."""

        def turn() -> dict[str, Any]:
            now = self.clock.now()
            # under the system's scope, because what follows may lie outside the actor's; predicates are the actor's own
            with self.store.scoped(SYSTEM) as conn:
                if (before := request_keys.claim(conn, once, now)) is not None:
                    return dict(before)
                answer, origin = work(conn, now)
                request_keys.keep(conn, once, answer, origin)
                return answer

        return retried(turn, 5)

    # ------------------------------------------------------------ reading

    def listed(self, scope: Scope, wanted: Wanted) -> dict[str, Any]:
        """Header records in the order of a screen, and how many there are."""
        now = self.clock.now()
        with self.store.reading(scope) as conn:
            ids, total = incidents.listed(conn, scope, wanted)
            rows = {int(r["case_id"]): r for r in case_steps.read_many(conn, scope, ids)}
            own = {i: rows[i] for i in ids if i in rows}
            pairs = [(r, command_rows.read(conn, "incident", i) or incidents.adopted(r)) for i, r in own.items()]
            told = [record.header(p, scope, now) for p in gather.many(conn, scope, pairs)]
        return {"total": total, "incidents": told}

    def one(self, scope: Scope, case_id: int, at: dt.datetime | None = None) -> dict[str, Any]:
        """The header record; with `at` as it was known then. Raises NotFound, also outside the scope."""
        with self.store.reading(scope) as conn:
            parts = self.parts(conn, scope, case_id, at)
        return record.header(parts, scope, at or self.clock.now())

    def parts(self, conn: Conn, scope: Scope, case_id: int, at: dt.datetime | None = None) -> record.Parts:
        """Raises NotFound."""
        found = incidents.read(conn, scope, case_id)
        parts: record.Parts | None = None
        if found is not None:
            parts = gather.one(conn, scope, *found) if at is None else gather.known_at(conn, scope, case_id, at)
        if parts is None:
            raise NotFound(f"突发事件 {case_id}", f"incident {case_id}")
        return parts

    def timeline(
        self,
        scope: Scope,
        case_id: int,
        *,
        since: int = 0,
        before: int | None = None,
        key: bool = False,
        at: dt.datetime | None = None,
        limit: int = 200,
    ) -> dict[str, Any]:
        """Entries newest first; after `since` oldest first, so that a screen that was away catches up.

        `key`: 关键 only. `at`: those that were known then. Raises NotFound.
        """
        with self.store.reading(scope) as conn:
            if incidents.read(conn, scope, case_id) is None:
                raise NotFound(f"突发事件 {case_id}", f"incident {case_id}")
            corrected = self._corrected(conn, case_id, at)
            rows: list[dict[str, Any]] = []
            last, more = (since if since else before), True
            while more and len(rows) < limit:
                page = _page(conn, case_id, bool(since), last, at, limit)
                more = len(page) == limit
                last = page[-1]["version"] if page else last
                rows += [e for e in (book.entry(r, case_id) for r in page) if e["matters"] or not key]
            told = book.marked(conn, case_id, rows[:limit])
        entries = [{**e, "corrected_by": corrected.get(e["no"])} for e in told]
        beyond = more or len(rows) > limit
        return {"entries": entries, "next": entries[-1]["no"] if beyond and entries else None}

    @staticmethod
    def _corrected(conn: Conn, case_id: int, at: dt.datetime | None) -> dict[int, int]:
        rows = conn.execute(
            "SELECT (given->>'refers')::int AS refers, max(version) AS version FROM case_step"
            " WHERE case_id = %(id)s AND step = 'correct' AND (%(at)s::timestamptz IS NULL OR recorded_at <= %(at)s)"
            " GROUP BY 1",
            {"id": case_id, "at": at},
        )
        return {r["refers"]: r["version"] for r in rows}


def _page(
    conn: Conn, case_id: int, forward: bool, last: int | None, at: dt.datetime | None, limit: int
) -> list[dict[str, Any]]:
    way = "version > %(last)s" if forward else "(%(last)s::int IS NULL OR version < %(last)s)"
    query = sql.SQL(
        "SELECT version, step, stage_after, actor_name, at, given FROM case_step WHERE case_id = %(id)s AND {}"
        " AND (%(at)s::timestamptz IS NULL OR recorded_at <= %(at)s) ORDER BY version {} LIMIT %(limit)s"
    ).format(sql.SQL(way), sql.SQL("" if forward else "DESC"))
    return conn.execute(query, {"id": case_id, "last": last, "at": at, "limit": limit}).fetchall()
