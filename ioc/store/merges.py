"""Candidates for "the same thing", and moving reports between cases. The caller's transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.scope import Scope
from ioc.store import outbox
from ioc.store.pool import Conn
from ioc.store.where import visible
from ioc.store.worklist import event_record

Row = Mapping[str, Any]
CANDIDATES = 50
_M_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What is looked for: a report as it stands or is being typed. `text`: its title, compared by trigrams.

    `case_id`, `event_id`: itself, not to be found.
    """

    lon: float | None
    lat: float | None
    at: dt.datetime
    scheme: str
    category: str
    text: str
    address: str = ""
    origin: str | None = None
    case_id: int = 0
    event_id: int = 0


# similarity() is pg_trgm's: 0-1, of trigrams of characters. Titles and addresses are compared each with its own kind.
_LIKE = "greatest(similarity({0}.title, %(text)s), similarity({0}.title || {0}.address, %(text)s || %(address)s))"
_AWAY = "ST_Distance({0}.geom::geography, ST_Point(%(lon)s, %(lat)s, 4326)::geography)"
_CASES = """
SELECT c.case_id, c.number, c.title, c.flow, c.stage, c.category_scheme, c.category_code, c.address, c.department,
       c.private_to, c.sensitivity, c.origin, c.opened_at, c.sources, {away} AS distance_m, {like} AS text
FROM cases c
WHERE c.closed_at IS NULL AND c.ended = '' AND c.flow <> 'incident' AND c.case_id <> %(case_id)s
  AND (%(origin)s::text IS NULL OR c.origin = %(origin)s) AND {seen}
  AND {near}
ORDER BY distance_m NULLS LAST, c.case_id LIMIT %(limit)s
"""
_EVENTS = """
SELECT e.event_id, e.source, e.source_id, e.title, e.category_scheme, e.category_code, e.address, e.suspected,
       e.private_to, e.sensitivity, e.origin, e.occurred_at, {away} AS distance_m, {like} AS text
FROM event e
WHERE e.status = 'open' AND e.case_id IS NULL AND e.event_id <> %(event_id)s
  AND (%(origin)s::text IS NULL OR e.origin = %(origin)s) AND {seen}
  AND {near}
ORDER BY distance_m NULLS LAST, e.event_id LIMIT %(limit)s
"""
# A report without a place is looked for by its words alone.
_NEAR = (
    "{0}.geom && ST_Expand(ST_Point(%(lon)s, %(lat)s, 4326), %(reach_x)s, %(reach_y)s)"
    " AND {1} BETWEEN %(since)s AND %(until)s"
)
_WORDS = "{1} BETWEEN %(since)s AND %(until)s AND {0}.title %% %(text)s"


def cases_near(conn: Conn, scope: Scope, probe: Probe, reach_m: float, hours: float) -> Sequence[Row]:
    """Open cases within reach, nearest first, with `distance_m` (None without a place) and `text` likeness."""
    return _candidates(conn, scope, probe, reach_m, hours, _CASES, "c", "c.opened_at")


def events_near(conn: Conn, scope: Scope, probe: Probe, reach_m: float, hours: float) -> Sequence[Row]:
    """Open reports that are part of no case."""
    return _candidates(conn, scope, probe, reach_m, hours, _EVENTS, "e", "e.occurred_at")


def _candidates(
    conn: Conn, scope: Scope, probe: Probe, reach_m: float, hours: float, query: Any, alias: Any, at: Any
) -> Sequence[Row]:
    seen, params = visible(scope, alias)
    placed = probe.lon is not None and probe.lat is not None
    if not placed and not probe.text:
        return []
    span = dt.timedelta(hours=hours)
    params |= {
        "lon": probe.lon,
        "lat": probe.lat,
        # a box that surely holds the circle up to 60 degrees; the score looks at the distance itself
        "reach_x": reach_m / (_M_PER_DEGREE * 0.5),
        "reach_y": reach_m / (_M_PER_DEGREE * 0.99),
        # a case may have been opened some time after the report it stands for
        "since": probe.at - 2 * span,
        "until": probe.at + 2 * span,
        "text": probe.text,
        "address": probe.address,
        "origin": probe.origin,
        "case_id": probe.case_id,
        "event_id": probe.event_id,
        "limit": CANDIDATES,
    }
    composed = sql.SQL(query).format(
        seen=seen,
        away=sql.SQL(_AWAY.format(alias) if placed else "NULL::float8"),  # pyright: ignore[reportArgumentType]
        like=sql.SQL(_LIKE.format(alias)),  # pyright: ignore[reportArgumentType]
        near=sql.SQL((_NEAR if placed else _WORDS).format(alias, at)),  # pyright: ignore[reportArgumentType]
    )
    return conn.execute(composed, params).fetchall()


# By the limit a look-up for each report, by place: no join of all that is open.
# What must be so for a certain likeness, as far as indexes and single columns say it (`joining.alike`, the score).
# The reports by their keys first: by statistics a minute old the planner thinks an index of all open ones is shorter.
# The box is made with them: PostgreSQL 15.20 (15.18 did not) keeps a condition behind row-level security, and so
# without its index, where a function of another row's column stands beside the leakproof `&&`.
_NEAR_MANY = """
WITH e AS MATERIALIZED (
  SELECT *, ST_Expand(geom, %(reach_x)s, %(reach_y)s) AS reach FROM event WHERE event_id = ANY (%(ids)s))
SELECT e.event_id, c.case_id FROM e CROSS JOIN LATERAL (
  SELECT c.case_id FROM cases c
  WHERE c.geom && e.reach
    AND c.closed_at IS NULL AND c.ended = '' AND c.flow <> 'incident' AND c.origin = e.origin
    AND c.sensitivity = e.sensitivity AND coalesce(c.private_to, '') = coalesce(e.private_to, '')
    AND c.opened_at BETWEEN e.occurred_at - %(span)s AND e.occurred_at + %(span)s
    AND (c.category_scheme <> e.category_scheme OR c.category_code = '' OR e.category_code = ''
         OR left(c.category_code, 2) = left(e.category_code, 2))
  LIMIT %(limit)s) c
WHERE NOT e.suspected AND e.status = 'open' AND e.case_id IS NULL
"""


def with_cases_near(conn: Conn, event_ids: Sequence[int], reach_m: float, hours: float) -> list[int]:
    """Those of new events that have an open case of their kind near them, in their order; these cases are locked."""
    values = {
        "ids": list(event_ids),
        "reach_x": reach_m / (_M_PER_DEGREE * 0.5),
        "reach_y": reach_m / (_M_PER_DEGREE * 0.99),
        "span": dt.timedelta(hours=2 * hours),
        "limit": CANDIDATES,
    }
    pairs = conn.execute(_NEAR_MANY, values).fetchall()
    if not pairs:
        return []
    conn.execute(
        "SELECT FROM cases WHERE case_id = ANY (%s) ORDER BY case_id FOR UPDATE", ([p["case_id"] for p in pairs],)
    )
    found = {p["event_id"] for p in pairs}
    return [event_id for event_id in event_ids if event_id in found]


# ------------------------------------------------------------ moving


def lock(conn: Conn, scope: Scope, ids: Sequence[int]) -> dict[int, Row]:
    """Cases `scope` sees, locked in the order of their ids: two who merge the same pair wait, and do not block."""
    seen, params = visible(scope, "c")
    query = sql.SQL(
        "SELECT c.* FROM cases c WHERE c.case_id = ANY (%(ids)s) AND {} ORDER BY c.case_id FOR UPDATE"
    ).format(seen)
    return {r["case_id"]: r for r in conn.execute(query, {**params, "ids": sorted(ids)})}


def events_of(conn: Conn, case_id: int) -> list[int]:
    rows = conn.execute("SELECT event_id FROM event WHERE case_id = %s ORDER BY event_id", (case_id,))
    return [r["event_id"] for r in rows]


_MOVE = """
WITH changed AS (
  UPDATE event SET case_id = %(to)s, status = CASE WHEN %(open)s THEN 'open' ELSE status END,
         version = version + 1, updated_at = %(now)s
  WHERE event_id = ANY (%(ids)s) AND case_id = %(was)s RETURNING *
)
INSERT INTO event_history (event_id, version, recorded_at, op, actor, region_id, private_to, sensitivity, origin,
                           record)
SELECT event_id, version, %(now)s, 'change', %(actor)s, region_id, private_to, sensitivity, origin,
       ioc_history_record(to_jsonb(c), c.geom)
FROM changed c RETURNING event_id, region_id, private_to, sensitivity, origin
"""


def move_events(
    conn: Conn, ids: Sequence[int], was: int, to: int | None, actor: str, now: dt.datetime, *, reopen: bool = False
) -> list[int]:
    """Events of one case become those of another, or of none (`to` None): then open lists show them again.

    Returns those that moved: what has meanwhile gone elsewhere stays there.
    """
    values = {"ids": list(ids), "was": was, "to": to, "actor": actor, "now": now, "open": reopen or to is None}
    rows = conn.execute(_MOVE, values).fetchall()
    for row in rows if to is None else ():
        outbox.put(
            conn,
            topic="event",
            op="new",
            entity_id=row["event_id"],
            region_id=row["region_id"],
            private_to=row["private_to"],
            sensitivity=row["sensitivity"],
            permission="event.view",
            origin=row["origin"],
            payload=event_record(conn, row["event_id"]),
        )
    return [r["event_id"] for r in rows]


@dataclass(frozen=True, slots=True)
class Joined:
    """One joining, as `case_merge` keeps it."""

    case_id: int
    kind: Literal["event", "case"]
    other_id: int
    how: Literal["auto", "manual"]
    moved: Mapping[str, Any]
    score: float | None = None
    parts: Mapping[str, float] | None = None
    actor: str = ""
    name: str = ""
    origin: str = "real"


def record(conn: Conn, joined: Joined, now: dt.datetime) -> int:
    """Raises psycopg.errors.UniqueViolation where the thing is part of a case already."""
    row = conn.execute(
        "INSERT INTO case_merge (case_id, kind, other_id, how, score, parts, moved, by_actor, by_name, at, origin)"
        " VALUES (%(case_id)s, %(kind)s, %(other_id)s, %(how)s, %(score)s, %(parts)s, %(moved)s, %(actor)s, %(name)s,"
        " %(now)s, %(origin)s) RETURNING merge_id",
        {
            **{n: getattr(joined, n) for n in Joined.__slots__},
            "parts": Jsonb(dict(joined.parts or {})),
            "moved": Jsonb(dict(joined.moved)),
            "now": now,
        },
    ).fetchone()
    return int(row["merge_id"]) if row else 0


def standing(conn: Conn, case_id: int) -> Sequence[Row]:
    """What has been joined to a case and not been taken back, oldest first."""
    return conn.execute(
        "SELECT m.*, c.number, e.source_id FROM case_merge m"
        " LEFT JOIN cases c ON m.kind = 'case' AND c.case_id = m.other_id"
        " LEFT JOIN event e ON m.kind = 'event' AND e.event_id = m.other_id"
        " WHERE m.case_id = %s AND m.undone_at IS NULL ORDER BY m.merge_id",
        (case_id,),
    ).fetchall()


def undo(conn: Conn, merge_id: int, actor: str, now: dt.datetime) -> None:
    conn.execute("UPDATE case_merge SET undone_at = %s, undone_by = %s WHERE merge_id = %s", (now, actor, merge_id))
