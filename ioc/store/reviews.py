"""After-action reports in the store: what is sealed, who was told, earlier incidents. Their rows: `command_rows`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import sql

from ioc.scope import Scope
from ioc.store import command_rows
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
EARLIER_MOST = 500  # of one class: enough for a median, and a bound on the work


def read(conn: Conn, case_id: int, *, lock: bool = False) -> Row | None:
    """The review of an incident; None before it was drafted."""
    if lock:
        return conn.execute("SELECT * FROM incident_review WHERE case_id = %s FOR UPDATE", (case_id,)).fetchone()
    return conn.execute("SELECT * FROM incident_review WHERE case_id = %s", (case_id,)).fetchone()


def lessons(conn: Conn, case_id: int) -> list[dict[str, Any]]:
    """Lessons that stand, oldest first, with what became of the 督办 they were made into."""
    return list(conn.execute(
        "SELECT l.*, s.state AS supervised, s.answer, s.answered_by, s.answered_at FROM review_lesson l"
        " LEFT JOIN supervision s USING (supervision_id) WHERE l.case_id = %s AND l.state <> 'void'"
        " ORDER BY l.lesson_id", (case_id,),
    ).fetchall())  # fmt: skip


def open_lessons(conn: Conn, scope: Scope, limit: int = 500) -> Sequence[Row]:
    """Lessons with an owner of every incident the scope sees that are not done, those due first."""
    seen, params = visible(scope, "c")
    query = sql.SQL(
        "SELECT l.*, s.state AS supervised, s.answer, s.answered_by, s.answered_at, c.number, c.title"
        " FROM review_lesson l JOIN cases c USING (case_id) JOIN incident_review r USING (case_id)"
        " LEFT JOIN supervision s USING (supervision_id)"
        " WHERE l.state = 'open' AND coalesce(s.state, '') <> 'closed' AND {}"
        " ORDER BY (l.due_on IS NULL), l.due_on, l.lesson_id LIMIT %(limit)s"
    ).format(seen)
    return conn.execute(query, {**params, "limit": limit}).fetchall()


def lesson(conn: Conn, case_id: int, lesson_id: int) -> Row | None:
    """One, locked."""
    return conn.execute(
        "SELECT * FROM review_lesson WHERE case_id = %s AND lesson_id = %s FOR UPDATE", (case_id, lesson_id)
    ).fetchone()


def seal(conn: Conn, case_id: int, body: str, digest: str, actor: str, origin: str, now: dt.datetime) -> int:
    """Keeps a report as it is. `body`: canonical JSON, `digest`: its SM3 in hexadecimal."""
    row = conn.execute(
        "INSERT INTO review_seal (case_id, body, digest, actor, origin, recorded_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) RETURNING seal_id", (case_id, body, digest, actor, origin, now),
    ).fetchone()  # fmt: skip
    if row is None:
        raise LookupError("review_seal")
    return int(row["seal_id"])


def sealed(conn: Conn, seal_id: int) -> Row | None:
    return conn.execute("SELECT * FROM review_seal WHERE seal_id = %s", (seal_id,)).fetchone()


def states(conn: Conn, ids: Sequence[int]) -> dict[int, str]:
    """State of the review of each incident that has one."""
    rows = conn.execute("SELECT case_id, state FROM incident_review WHERE case_id = ANY (%s)", (list(ids),))
    return {int(r["case_id"]): str(r["state"]) for r in rows}


# ------------------------------------------------------------ what a report is made of


def steps(conn: Conn, case_id: int) -> list[Row]:
    """The chain of an incident, oldest first: version, step, stage_after, actor_name, at, recorded_at, given."""
    return list(conn.execute(
        "SELECT version, step, stage_after, actor_name, at, recorded_at, given FROM case_step WHERE case_id = %s"
        " ORDER BY version", (case_id,),
    ).fetchall())  # fmt: skip


_NOTICES: LiteralString = """
SELECT n.notice_id, n.kind, n.to_kind, n.to_ref, n.title, n.about, n.created_at, n.read_at, d.submitted_at,
       d.delivered_at, d.state
FROM notice n CROSS JOIN LATERAL (
  SELECT min(x.submitted_at) AS submitted_at, min(x.delivered_at) AS delivered_at,
         CASE WHEN bool_or(x.state = 'dead') AND NOT bool_or(x.state IN ('submitted', 'delivered', 'read')) THEN 'dead'
              ELSE '' END AS state
  FROM delivery x WHERE x.notice_id = n.notice_id) d
WHERE n.notice_id = ANY (%(ids)s) OR n.about = ANY (%(about)s)
ORDER BY n.created_at, n.notice_id LIMIT 20000
"""


def notices(conn: Conn, about: Sequence[str], ids: Sequence[int] = ()) -> Sequence[Row]:
    """Notices about records (`task:1`, `report:2`) or by their ids, with when each was given to a channel, delivered
    and read. Under the system's scope."""
    return conn.execute(_NOTICES, {"about": list(about), "ids": list(ids)}).fetchall()


_EARLIER: LiteralString = """
SELECT c.case_id, c.number, c.title, c.opened_at, c.closed_at, c.category_code, i.responded_at, r.times,
       (SELECT min(t.issued_at) FROM task t WHERE t.case_id = c.case_id) AS ordered_at
FROM cases c LEFT JOIN incident i USING (case_id) LEFT JOIN incident_review r USING (case_id)
WHERE c.flow = 'incident' AND c.closed_at IS NOT NULL AND c.closed_at <= %(before)s AND c.case_id <> %(id)s
  AND NOT c.exercise AND c.ended = '' AND (%(demo)s OR c.origin = 'real')
  AND coalesce(i.class, CASE WHEN c.category_scheme = 'gbt35561' AND left(c.category_code, 2) IN ('11','12','13','14')
      THEN left(c.category_code, 2)::int - 10 END) = %(class)s AND {seen}
ORDER BY c.closed_at DESC, c.case_id DESC LIMIT %(most)s
"""


def earlier(conn: Conn, scope: Scope, case: Row, cls: int | None, before: dt.datetime) -> list[Row]:
    """Incidents of the same class that ended before a moment, newest first. Exercises, false alarms and what was merged
    are none; demo incidents are compared with the demo's only where the asked one is of it."""
    if cls is None:
        return []
    seen, params = visible(scope, "c")
    given = {"before": before, "id": case["case_id"], "demo": case["origin"] == "demo", "class": cls,
             "most": EARLIER_MOST}  # fmt: skip
    return list(conn.execute(sql.SQL(_EARLIER).format(seen=seen), {**params, **given}).fetchall())


def turning_steps(conn: Conn, ids: Sequence[int]) -> dict[int, list[Row]]:
    """Steps that tell when somebody was on scene, or a response ended, by incident."""
    out: dict[int, list[Row]] = {i: [] for i in ids}
    for row in conn.execute(
        "SELECT case_id, step, at, given FROM case_step WHERE case_id = ANY (%s)"
        " AND step IN ('force', 'on_scene', 'approve_response') ORDER BY case_id, version", (list(ids),),
    ):  # fmt: skip
        out[int(row["case_id"])].append(row)
    return out


def levels(conn: Conn, case_id: int) -> list[tuple[dt.datetime, int | None]]:
    """The level in force (proposed until one is confirmed) from each moment on."""
    rows = conn.execute(
        "SELECT recorded_at, coalesce(record->'confirmed'->>'level', record->'proposed'->>'level')::int AS level"
        " FROM command_history WHERE case_id = %s AND entity = 'incident' ORDER BY version", (case_id,),
    )  # fmt: skip
    return [(r["recorded_at"], r["level"]) for r in rows]


def bookmarks(conn: Conn, login: str, since: dt.datetime, until: dt.datetime) -> list[tuple[dt.datetime, str]]:
    """A person's bookmarks of the replay in a period. Under the system's scope: they are their maker's alone."""
    rows = conn.execute(
        "SELECT m.at, m.note FROM replay_mark m JOIN account a USING (account_id) WHERE a.login = %s"
        " AND m.at BETWEEN %s AND %s ORDER BY m.at", (login, since, until),
    )  # fmt: skip
    return [(r["at"], str(r["note"])) for r in rows]


def history(conn: Conn, case_id: int) -> list[Row]:
    """Versions of the review and of its lessons, oldest first: entity, version, op, actor, recorded_at, record."""
    return list(conn.execute(
        "SELECT entity, entity_id, version, op, actor, recorded_at, record FROM command_history WHERE case_id = %s"
        " AND entity IN ('review', 'lesson') ORDER BY recorded_at, entity, entity_id, version", (case_id,),
    ).fetchall())  # fmt: skip


def tasks_known(conn: Conn, case_id: int, at: dt.datetime) -> list[Row]:
    return command_rows.known_at(conn, "task", case_id, at)
