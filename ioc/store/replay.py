"""What the replay bar asks of the store: how much happened when, the next change, and what was corrected later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import sql

from ioc.scope import Scope
from ioc.store import replay_entries, replay_warnings
from ioc.store.pool import Conn
from ioc.store.where import visible
from ioc.store.worklist import region_predicate

Row = Mapping[str, Any]
LISTED = 200  # corrections told one by one; the number counts all
LATE = dt.timedelta(days=1)
STEPS_MOST = 400

_DENSITY = """
SELECT width_bucket(extract(epoch FROM e.occurred_at)::float8, %(lo)s, %(hi)s, %(bars)s) AS bar, count(*)::int AS n
FROM event e
WHERE e.occurred_at >= %(since)s AND e.occurred_at < %(until)s AND e.status <> 'void' AND {seen} AND {inside}
GROUP BY 1
"""


def density(
    conn: Conn, scope: Scope, region_ids: Sequence[int] | None, since: dt.datetime, until: dt.datetime, bars: int
) -> list[int]:
    """Events that happened in each of `bars` equal parts of the period."""
    if not scope.can("event.view"):
        return [0] * bars
    seen, params = visible(scope, "e")
    inside, drill = region_predicate(region_ids, "e")
    given = {"since": since, "until": until, "lo": since.timestamp(), "hi": until.timestamp(), "bars": bars}
    out = [0] * bars
    for row in conn.execute(sql.SQL(_DENSITY).format(seen=seen, inside=inside), {**params, **drill, **given}):
        out[min(max(row["bar"], 1), bars) - 1] += row["n"]
    return out


# Where a change is on record, with the right it is seen by. Each has an index of its time.
_CHANGES: tuple[tuple[str, str], ...] = (
    ("case_history", "case.view"), ("event_history", "event.view"), ("alarm_journal", "alarm.view"),
)  # fmt: skip


def step(
    conn: Conn, scope: Scope, region_ids: Sequence[int] | None, at: dt.datetime, *, forward: bool
) -> dt.datetime | None:
    """When the next change after `at` became known, or the last one before it. None: there is none."""
    found: list[dt.datetime] = []
    for table, right in _CHANGES:
        if not scope.can(right):
            continue
        seen, params = visible(scope, "h")
        inside, drill = region_predicate(region_ids, "h")
        query = sql.SQL(
            "SELECT h.recorded_at AS at FROM {table} h WHERE h.recorded_at {sign} %(at)s AND {seen} AND {inside}"
            " ORDER BY h.recorded_at {order} LIMIT 1"
        ).format(
            table=sql.Identifier(table), seen=seen, inside=inside,
            sign=sql.SQL(">" if forward else "<"), order=sql.SQL("ASC" if forward else "DESC"),
        )  # fmt: skip
        row = conn.execute(query, {**params, **drill, "at": at}).fetchone()
        if row is not None:
            found.append(row["at"])
    return (min if forward else max)(found, default=None)


def step_of_case(conn: Conn, case_id: int, at: dt.datetime, *, forward: bool) -> dt.datetime | None:
    """As `step`, of one case alone: what was done on it next, or before. Who sees it is the policy of its steps."""
    query = sql.SQL(
        "SELECT recorded_at AS at FROM case_step WHERE case_id = %(case)s AND recorded_at {sign} %(at)s"
        " ORDER BY recorded_at {order} LIMIT 1"
    ).format(sign=sql.SQL(">" if forward else "<"), order=sql.SQL("ASC" if forward else "DESC"))
    row = conn.execute(query, {"case": case_id, "at": at}).fetchone()
    return row["at"] if row else None


def steps_of_case(conn: Conn, case_id: int, since: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """When something was done on a case within a period, at most `STEPS_MOST` moments, the first ones."""
    rows = conn.execute(
        "SELECT recorded_at AS at FROM case_step WHERE case_id = %s AND recorded_at >= %s AND recorded_at < %s"
        " ORDER BY recorded_at LIMIT %s",
        (case_id, since, until, STEPS_MOST),
    )
    return [r["at"] for r in rows]


# What a correction is about: what was said of the thing, not how work on it went on. `responded_at` only where it lies
# before the moment: who arrives later corrects nothing.
_FIELDS: Mapping[str, tuple[LiteralString, ...]] = {
    "case": (
        "title", "description", "category_code", "urgency", "incident_level", "level_state", "address", "region_id",
        "opened_at",
    ),
    "event": (
        "title", "description", "category_code", "urgency", "incident_level", "suspected", "address", "region_id",
        "occurred_at",
    ),
}  # fmt: skip
_SHOWN: Mapping[str, tuple[str, str, str, LiteralString]] = {
    "case": ("case.view", "cases", "case_id", "w.closed_at IS NULL"),
    "event": ("event.view", "event", "event_id", "w.status = 'open' AND w.case_id IS NULL"),
}


def corrections(
    conn: Conn, scope: Scope, region_ids: Sequence[int] | None, at: dt.datetime
) -> tuple[list[dict[str, Any]], int, int]:
    """(corrected records of what stood open at the moment, how many there are, reports that came in only afterwards).

    `conn` is one of the past (`ioc.store.past`) at `at`.
    """
    rows: list[dict[str, Any]] = []
    total = 0
    for kind, (right, _, key, _) in _SHOWN.items():
        if scope.can(right):
            found = conn.execute(*_corrected(kind, scope, region_ids, at)).fetchall()
            total += found[0]["total"] if found else 0
            rows += [_told(kind, key, r) for r in found]
    if scope.can("case.view"):
        entries = replay_entries.corrected(conn, scope, region_ids, at, LISTED)
        total += len(entries)
        rows += entries
    if scope.can("map.view"):
        warned = replay_warnings.corrected(conn, region_ids, at)
        total += len(warned)
        rows += warned[:LISTED]
    return rows, total, _late(conn, scope, region_ids, at)


def _corrected(
    kind: str, scope: Scope, region_ids: Sequence[int] | None, at: dt.datetime
) -> tuple[sql.Composed, dict[str, Any]]:
    _, table, key, standing = _SHOWN[kind]
    seen_w, params = visible(scope, "w")
    seen_n, more = visible(scope, "n")
    inside, drill = region_predicate(region_ids, "w")
    names = [sql.Identifier(n) for n in _FIELDS[kind]]
    before = [sql.SQL("w.{}").format(n) for n in names] + [sql.SQL("ST_AsText(w.geom, 5)")]
    after = [sql.SQL("n.{}").format(n) for n in names] + [sql.SQL("ST_AsText(n.geom, 5)")]
    if kind == "case":
        before.append(sql.SQL("w.responded_at"))
        after.append(sql.SQL("CASE WHEN n.responded_at <= %(at)s THEN n.responded_at ELSE w.responded_at END"))
    else:
        before.append(sql.SQL("false"))
        after.append(sql.SQL("n.status = 'void'"))
    comma = sql.SQL(", ")
    query = sql.SQL(
        "SELECT w.{key}, w.title, coalesce(n.known_at, n.updated_at) AS at, count(*) OVER ()::int AS total,"
        " jsonb_build_array({before}) AS was, jsonb_build_array({after}) AS now"
        " FROM ioc_past.{table} w JOIN public.{table} n USING ({key})"
        " WHERE coalesce(n.known_at, n.updated_at) > %(at)s AND {standing} AND {seen_w} AND {seen_n} AND {inside}"
        " AND ({before}) IS DISTINCT FROM ({after}) ORDER BY 3, 1 LIMIT %(most)s"
    ).format(
        key=sql.Identifier(key), table=sql.Identifier(table), before=comma.join(before), after=comma.join(after),
        standing=sql.SQL(standing), seen_w=seen_w, seen_n=seen_n, inside=inside,
    )  # fmt: skip
    return query, {**params, **more, **drill, "at": at, "most": LISTED}


def _told(kind: str, key: str, row: Row) -> dict[str, Any]:
    names = (*_FIELDS[kind], "place", "responded_at" if kind == "case" else "void")
    changes = [
        {"field": n, "was": a, "now": b} for n, a, b in zip(names, row["was"], row["now"], strict=True) if a != b
    ]
    return {"key": f"{kind}:{row[key]}", "title": row["title"], "at": row["at"], "changes": changes}


def _late(conn: Conn, scope: Scope, region_ids: Sequence[int] | None, at: dt.datetime) -> int:
    """Reports of the day before the moment that nobody had at the moment."""
    if not scope.can("event.view"):
        return 0
    seen, params = visible(scope, "n")
    inside, drill = region_predicate(region_ids, "n")
    query = sql.SQL(
        "SELECT count(*)::int AS n FROM public.event n WHERE n.occurred_at <= %(at)s AND n.occurred_at > %(since)s"
        " AND n.received_at > %(at)s AND n.status <> 'void' AND {seen} AND {inside}"
    ).format(seen=seen, inside=inside)
    row = conn.execute(query, {**params, **drill, "at": at, "since": at - LATE}).fetchone()
    return int(row["n"]) if row else 0


MARKS_MAX = 100  # a person; the oldest moments leave first


def marks(conn: Conn, account_id: int) -> list[dict[str, Any]]:
    """A person's bookmarks by their moments. Under the system's scope, as all three: a mark is its maker's alone."""
    rows = conn.execute(
        "SELECT mark_id, at, note FROM replay_mark WHERE account_id = %s ORDER BY at, mark_id", (account_id,)
    )
    return list(rows)


def mark(conn: Conn, account_id: int, at: dt.datetime, note: str, now: dt.datetime) -> int:
    """The bookmark's id; one a moment, with the note given last."""
    row = conn.execute(
        "INSERT INTO replay_mark (account_id, at, note, recorded_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (account_id, at) DO UPDATE SET note = excluded.note RETURNING mark_id",
        (account_id, at, note, now),
    ).fetchone()
    conn.execute(
        "DELETE FROM replay_mark WHERE account_id = %(who)s AND mark_id NOT IN (SELECT mark_id FROM replay_mark"
        " WHERE account_id = %(who)s ORDER BY recorded_at DESC, mark_id DESC LIMIT %(most)s)",
        {"who": account_id, "most": MARKS_MAX},
    )
    return int(row["mark_id"]) if row else 0


def unmark(conn: Conn, account_id: int, mark_id: int) -> bool:
    done = conn.execute("DELETE FROM replay_mark WHERE account_id = %s AND mark_id = %s", (account_id, mark_id))
    return done.rowcount == 1
