"""Incidents in the store: read and locked with their case, listed, with what they are linked to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store import case_steps, command_rows
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
FLOW = "incident"
# Class by the first two digits of GB/T 35561: 11 natural, 12 accident, 13 public health, 14 social security.
CLASS_OF_CODE = {"11": 1, "12": 2, "13": 3, "14": 4}


def adopted(case: Row) -> dict[str, Any]:
    """The row of an incident that has none yet: imported, the demo's, or raised before there was such a row."""
    code = str(case["category_code"] or "") if case["category_scheme"] == "gbt35561" else ""
    level = case["incident_level"]
    said = {"level": level, "by": case["level_by"], "actor": "", "at": None, "reason": ""} if level else None
    confirmed = case["level_state"] == "confirmed"
    over = case["closed_at"] is not None
    return {
        "case_id": case["case_id"],
        "class": CLASS_OF_CODE.get(code[:2]),
        "exercise": case["exercise"],
        "origin_kind": "case",
        "origin_ref": f"case:{case['raised_from']}" if case["raised_from"] else "",
        "place_given": {},
        "geometry": None,
        "proposed": None if confirmed else said,
        "confirmed": said if confirmed else None,
        "response": None,
        "response_asked": None,
        "responded_at": None,
        "on_scene": None,
        "end_how": "ended" if over else "",
        "end_reason": "",
        "version": 1,  # as the row that `lock` makes of it
        "origin": case["origin"],
    }


def read(conn: Conn, scope: Scope, case_id: int) -> tuple[Row, Row] | None:
    """Case and incident as `scope` sees them; None for what is no incident, or lies outside."""
    case = case_steps.read(conn, scope, case_id, lock=False)
    if case is None or case["flow"] != FLOW:
        return None
    return case, command_rows.read(conn, "incident", case_id) or adopted(case)


def lock(conn: Conn, scope: Scope, case_id: int, now: dt.datetime) -> tuple[Row, Row] | None:
    """The same, locked until the transaction ends; the row of an incident that has none is made."""
    case = case_steps.read(conn, scope, case_id, lock=True)
    if case is None or case["flow"] != FLOW:
        return None
    row = command_rows.read(conn, "incident", case_id, lock=True)
    if row is None:
        values = {k: v for k, v in adopted(case).items() if k not in ("version", "geometry")}
        row = command_rows.insert(conn, "incident", values, "system", now)
    return case, row


def of_origin(conn: Conn, origin_ref: str, exercise: bool) -> Row | None:
    """The incident that was opened from a record; real ones and exercises apart."""
    return conn.execute(
        "SELECT i.case_id, c.number FROM incident i JOIN cases c USING (case_id)"
        " WHERE i.origin_ref = %s AND i.exercise = %s",
        (origin_ref, exercise),
    ).fetchone()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter of the list. Empty tuples: all. `exercise` None: both."""

    state: str = "open"  # open, ended, all
    classes: tuple[int, ...] = ()
    levels: tuple[int, ...] = ()
    exercise: bool | None = None
    region_ids: tuple[int, ...] | None = None
    origin_ref: str = ""
    limit: int = 100


_LIST = """
SELECT c.case_id, count(*) OVER () AS total FROM cases c LEFT JOIN incident i USING (case_id)
WHERE c.flow = 'incident' AND {seen} AND {wanted}
ORDER BY (c.closed_at IS NOT NULL), coalesce(c.incident_level, 5), c.opened_at DESC, c.case_id DESC LIMIT %(limit)s
"""
# The class of an incident without a row of its own follows from its category (`adopted`).
_CLASS = (
    "coalesce(i.class, CASE WHEN c.category_scheme = 'gbt35561' AND left(c.category_code, 2) IN ('11','12','13','14')"
    " THEN left(c.category_code, 2)::int - 10 END) = ANY (%(classes)s::int[])"
)


def listed(conn: Conn, scope: Scope, wanted: Wanted) -> tuple[list[int], int]:
    """Ids in the order of a screen (open, by level, newest), and how many there are."""
    seen, params = visible(scope, "c")
    parts: list[sql.Composable] = [sql.SQL("true")]
    if wanted.state != "all":
        parts.append(sql.SQL("c.closed_at IS NULL" if wanted.state == "open" else "c.closed_at IS NOT NULL"))
    if wanted.classes:
        parts.append(sql.SQL(_CLASS))
    if wanted.levels:
        parts.append(sql.SQL("c.incident_level = ANY (%(levels)s::int[])"))
    if wanted.exercise is not None:
        parts.append(sql.SQL("c.exercise = %(exercise)s"))
    if wanted.region_ids is not None:
        parts.append(sql.SQL("c.region_id = ANY (%(drill)s::int[])"))
    if wanted.origin_ref:
        parts.append(sql.SQL("i.origin_ref = %(origin_ref)s"))
    values = {
        "classes": list(wanted.classes), "levels": list(wanted.levels), "exercise": wanted.exercise,
        "drill": list(wanted.region_ids or ()), "origin_ref": wanted.origin_ref, "limit": wanted.limit,
    }  # fmt: skip
    query = sql.SQL(_LIST).format(seen=seen, wanted=sql.SQL(" AND ").join(parts))
    rows = conn.execute(query, {**params, **values}).fetchall()
    return [int(r["case_id"]) for r in rows], int(rows[0]["total"]) if rows else 0


def cases_of(conn: Conn, ids: Sequence[int]) -> dict[int, Row]:
    """Cases with lon and lat; the caller has asked who sees them."""
    rows = conn.execute(
        "SELECT c.*, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat FROM cases c WHERE c.case_id = ANY (%s)", (list(ids),)
    )
    return {int(r["case_id"]): r for r in rows}


def names_of(conn: Conn, scope: Scope, ids: Sequence[int]) -> dict[int, Row]:
    """Number and title of linked incidents, those `scope` sees."""
    seen, params = visible(scope, "c")
    query = sql.SQL("SELECT c.case_id, c.number, c.title FROM cases c WHERE c.case_id = ANY (%(ids)s) AND {}").format(
        seen
    )
    return {int(r["case_id"]): r for r in conn.execute(query, {**params, "ids": list(ids)})}


def warnings_of(conn: Conn, ids: Sequence[int]) -> dict[int, Row]:
    """Official warnings as they stand, by the id that was linked: one that was replaced (upgraded) by its newest."""
    rows = conn.execute(
        """
        WITH RECURSIVE w AS (
          SELECT warning_id AS linked, warning_id, replaced_by, 0 AS n FROM warning WHERE warning_id = ANY (%s)
          UNION ALL
          SELECT w.linked, x.warning_id, x.replaced_by, w.n + 1 FROM w JOIN warning x ON x.warning_id = w.replaced_by
          WHERE w.n < 50
        )
        SELECT DISTINCT ON (w.linked) w.linked, x.warning_id, x.kind, x.kind_en, x.colour, x.area, x.status, x.onset_at
        FROM w JOIN warning x USING (warning_id) ORDER BY w.linked, w.n DESC
        """,
        (list(ids),),
    )
    return {int(r["linked"]): r for r in rows}


def warnings_known(conn: Conn, ids: Sequence[int], at: dt.datetime) -> dict[int, Row]:
    """The same as they were known at a moment, each followed to the one that had replaced it by then."""
    out: dict[int, Row] = {}
    for linked in ids:
        found: Row | None = None
        follow: int | None = linked
        for _ in range(50):
            row = conn.execute(
                "SELECT record FROM entity_history WHERE entity = 'warning' AND entity_id = %s AND recorded_at <= %s"
                " ORDER BY history_id DESC LIMIT 1",
                (str(follow), at),
            ).fetchone()
            if row is None:
                break
            found = row["record"]
            follow = row["record"].get("replaced_by")
            if follow is None:
                break
        if found is not None:
            out[linked] = found
    return out


def path_of(conn: Conn, region_ids: Sequence[int]) -> dict[int, Any]:
    """Steps of the region path of each, root first (`ioc.records.place_words`)."""
    rows = conn.execute(
        "SELECT r AS region_id, p.steps FROM unnest(%s::int[]) r CROSS JOIN LATERAL ioc_region_path(r) p",
        (sorted(set(region_ids)),),
    )
    return {int(r["region_id"]): r["steps"] for r in rows}


def type_words(conn: Conn, scheme: str, codes: Sequence[str]) -> dict[str, Row]:
    rows = conn.execute(
        "SELECT DISTINCT ON (code) code, zh, en, confidence FROM dictionary WHERE dict = %s AND code = ANY (%s)"
        " ORDER BY code, valid_from DESC",
        (f"category.{scheme}", list(codes)),
    )
    return {str(r["code"]): r for r in rows}


def types(conn: Conn) -> list[Row]:
    """Every type of GB/T 35561 in force, with how far its code is known."""
    return list(
        conn.execute(
            "SELECT DISTINCT ON (code) code, zh, en, standard, edition, confidence FROM dictionary"
            " WHERE dict = 'category.gbt35561' ORDER BY code, valid_from DESC"
        ).fetchall()
    )


def terms(conn: Conn, at: dt.datetime | None = None) -> Row | None:
    """The edition of report terms in force (or that was), real before demo."""
    return conn.execute(
        "SELECT * FROM report_terms WHERE %(at)s::timestamptz IS NULL OR recorded_at <= %(at)s"
        " ORDER BY (origin = 'real') DESC, edition_id DESC LIMIT 1",
        {"at": at},
    ).fetchone()


def area_warning(conn: Conn, scope: Scope, warning_id: int) -> Row | None:
    """A warning the asker may see, with its shape or that of its regions, and a point inside it."""
    return conn.execute(
        """
        WITH w AS (
          SELECT w.*, coalesce(w.geom, (SELECT ST_Union(r.geom) FROM region r WHERE r.region_id = ANY (w.region_ids)))
                 AS shape
          FROM warning w WHERE w.warning_id = %(id)s AND (%(whole)s OR w.region_ids = '{}' OR w.region_ids && ARRAY(
            SELECT u.ancestor_id FROM region_closure u WHERE u.descendant_id = ANY (%(regions)s::int[])))
        ), p AS (
          SELECT w.*, ST_Intersection(w.shape, coalesce((
                   SELECT ST_Union(r.geom) FROM region r
                   WHERE r.parent_id IS NULL AND r.kind <> 'zone' AND r.geom IS NOT NULL), w.shape)) AS ours
          FROM w
        )
        SELECT warning_id, kind, colour, area, note, exercise, origin, status, onset_at, event_code,
               ST_AsGeoJSON(ST_CollectionExtract(ST_MakeValid(ours), 3), 7)::jsonb AS geometry,
               ST_X(ST_PointOnSurface(ours)) AS lon, ST_Y(ST_PointOnSurface(ours)) AS lat
        FROM p
        """,
        {"id": warning_id, "whole": scope.whole, "regions": sorted(scope.region_ids)},
    ).fetchone()
