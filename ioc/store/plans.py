"""Versions of emergency plans, what is known of an incident that calls for one, and its checklists."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from ioc.command.plans import Plan, levels_of
from ioc.scope import Scope
from ioc.store.history import record_entity
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
_LOCK = 4_930_160
_KEPT = 5000
_read: dict[tuple[Any, ...], Plan] = {}


def digest(plan: Plan) -> str:
    """Of everything a plan says, so that the same version with other words is noticed."""
    said = [plan.code, plan.version, plan.title, plan.class_, plan.types, plan.places, plan.document, plan.issuer,
            plan.valid_from.isoformat(), plan.valid_to and plan.valid_to.isoformat(), plan.levels_json()]  # fmt: skip
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def kept(conn: Conn) -> dict[tuple[str, str], str]:
    """(code, version) -> digest of every version there is; writers wait for each other from here on."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    return {(r["code"], r["version"]): r["digest"] for r in conn.execute("SELECT code, version, digest FROM plan")}


def add(conn: Conn, plan: Plan, actor: str, now: dt.datetime, batch_id: int | None = None) -> int:
    """A new version. Under the system's scope. Returns its id."""
    row = conn.execute(
        """
        INSERT INTO plan (code, version, title, class, types, places, document, issuer, valid_from, valid_to, levels,
                          digest, sample, actor, batch_id, origin, recorded_at)
        VALUES (%(code)s, %(version)s, %(title)s, %(class)s, %(types)s, %(places)s, %(document)s, %(issuer)s,
                %(valid_from)s, %(valid_to)s, %(levels)s, %(digest)s, %(sample)s, %(actor)s, %(batch)s, %(origin)s,
                %(now)s)
        RETURNING plan_id
        """,
        {
            "code": plan.code, "version": plan.version, "title": plan.title, "class": plan.class_,
            "types": list(plan.types), "places": list(plan.places), "document": plan.document, "issuer": plan.issuer,
            "valid_from": plan.valid_from, "valid_to": plan.valid_to, "levels": Jsonb(plan.levels_json()),
            "digest": digest(plan), "sample": plan.sample, "actor": actor, "batch": batch_id,
            "origin": "demo" if plan.sample else plan.origin, "now": now,
        },
    ).fetchone()  # fmt: skip
    assert row is not None
    return int(row["plan_id"])


def known_at(conn: Conn, at: dt.datetime) -> list[Plan]:
    """Every version that was here at `at`.

    A version is never changed: what was read once is kept by its digest, so that only new ones are read and built.
    """
    with conn.cursor(row_factory=tuple_row) as cur:
        keys = cur.execute(
            "SELECT plan_id, digest, origin, sample FROM plan WHERE recorded_at <= %s ORDER BY plan_id", (at,)
        ).fetchall()
    absent = [k[0] for k in keys if k not in _read]
    built: dict[tuple[Any, ...], Plan] = {}
    if absent:
        for r in conn.execute("SELECT * FROM plan WHERE plan_id = ANY (%s)", (absent,)).fetchall():
            built[r["plan_id"], r["digest"], r["origin"], r["sample"]] = plan_of(r)
        if len(_read) + len(built) > _KEPT:
            _read.clear()
        _read.update(built)
    found = (built.get(k) or _read.get(k) for k in keys)
    return [plan for plan in found if plan is not None]


def one(conn: Conn, plan_id: int) -> Plan | None:
    row = conn.execute("SELECT * FROM plan WHERE plan_id = %s", (plan_id,)).fetchone()
    return plan_of(row) if row else None


def plan_of(r: Row) -> Plan:
    return Plan(
        r["code"], r["version"], r["title"], r["valid_from"], levels_of(r["levels"]), r["class"], tuple(r["types"]),
        tuple(r["places"]), r["document"], r["issuer"], r["valid_to"], r["plan_id"], r["sample"], r["origin"],
    )  # fmt: skip


# ------------------------------------------------------------ incidents


def incident(conn: Conn, scope: Scope, case_id: int) -> Row | None:
    """What a plan is chosen by: case_id, title, type_ (GB/T 35561), class_, level, response, region_id.

    Class and response level come from the incident's own row where there is one.
    """
    seen, params = visible(scope, "c")
    query = sql.SQL(
        "SELECT c.case_id, c.number, c.title, c.stage, c.region_id, c.response AS response_text,"
        " coalesce((i.confirmed->>'level')::int, (i.proposed->>'level')::int, c.incident_level) AS level,"
        " CASE WHEN c.category_scheme = 'gbt35561' THEN c.category_code ELSE '' END AS type_,"
        " i.class AS class_, (i.response->>'level')::int AS response"
        " FROM cases c LEFT JOIN incident i USING (case_id) WHERE c.case_id = %(id)s AND {}"
    ).format(seen)
    return conn.execute(query, {**params, "id": case_id}).fetchone()


def places_of(conn: Conn, region_id: int | None) -> tuple[str, ...]:
    """Codes of a region and of everything above it, finest first; zones after the region they lie beside."""
    rows = conn.execute(
        "SELECT r.code FROM region_closure u JOIN region r ON r.region_id = u.ancestor_id"
        " WHERE u.descendant_id = %s ORDER BY u.depth, r.code",
        (region_id,),
    ).fetchall()
    return tuple(str(r["code"]) for r in rows)


# ------------------------------------------------------------ checklists


def checklists(conn: Conn, case_id: int, *, ended: bool = False) -> Sequence[Row]:
    """Those in use, oldest first; `ended`: also those that were replaced. Row-level security: of a case one sees."""
    query = "SELECT * FROM checklist WHERE case_id = %(id)s AND (ended_at IS NULL OR %(ended)s) ORDER BY checklist_id"
    return conn.execute(query, {"id": case_id, "ended": ended}).fetchall()


def steps(conn: Conn, checklist_ids: Sequence[int]) -> Sequence[Row]:
    return conn.execute(
        "SELECT * FROM checklist_step WHERE checklist_id = ANY (%s) ORDER BY checklist_id, position, step_id",
        (list(checklist_ids),),
    ).fetchall()


def end_checklist(conn: Conn, checklist_id: int, actor: str, now: dt.datetime) -> None:
    row = conn.execute(
        "UPDATE checklist SET ended_at = %s WHERE checklist_id = %s RETURNING to_jsonb(checklist) AS record, origin",
        (now, checklist_id),
    ).fetchone()
    assert row is not None
    record_entity(conn, "checklist", checklist_id, "change", actor, row["origin"], row["record"])


def add_checklist(conn: Conn, values: Mapping[str, Any], actor: str) -> Row:
    row = conn.execute(
        "INSERT INTO checklist (case_id, plan_id, plan_code, plan_version, title, level, started_at, chosen_by,"
        " chosen_name, origin, recorded_at) VALUES (%(case_id)s, %(plan_id)s, %(plan_code)s, %(plan_version)s,"
        " %(title)s, %(level)s, %(started_at)s, %(chosen_by)s, %(chosen_name)s, %(origin)s, %(now)s)"
        " RETURNING *, to_jsonb(checklist) AS record",
        values,
    ).fetchone()
    assert row is not None
    record_entity(conn, "checklist", row["checklist_id"], "new", actor, row["origin"], row["record"])
    return row


def add_step(conn: Conn, values: Mapping[str, Any], actor: str) -> Row:
    row = conn.execute(
        "INSERT INTO checklist_step (checklist_id, case_id, position, what, department, role, trigger, deadline_min,"
        " due_at, receipt, reason, added, origin, recorded_at, updated_at) VALUES (%(checklist_id)s, %(case_id)s,"
        " %(position)s, %(what)s, %(department)s, %(role)s, %(trigger)s, %(deadline_min)s, %(due_at)s, %(receipt)s,"
        " %(reason)s, %(added)s, %(origin)s, %(now)s, %(now)s) RETURNING *, to_jsonb(checklist_step) AS record",
        values,
    ).fetchone()
    assert row is not None
    record_entity(conn, "checklist_step", row["step_id"], "new", actor, row["origin"], row["record"])
    return row


def locked_step(conn: Conn, case_id: int, step_id: int) -> Row | None:
    """The step of a checklist that is in use, until the transaction ends."""
    return conn.execute(
        "SELECT s.*, l.ended_at, l.title AS plan_title FROM checklist_step s JOIN checklist l USING (checklist_id)"
        " WHERE s.case_id = %s AND s.step_id = %s FOR UPDATE OF s",
        (case_id, step_id),
    ).fetchone()


def set_step(conn: Conn, step_id: int, values: Mapping[str, Any], actor: str, now: dt.datetime) -> Row:
    """`values`: state, done_at, done_by, done_name, late, reason, receipt_by. As its next version."""
    row = conn.execute(
        "UPDATE checklist_step SET state = %(state)s, done_at = %(done_at)s, done_by = %(done_by)s,"
        " done_name = %(done_name)s, late = %(late)s, reason = %(reason)s, receipt_by = %(receipt_by)s,"
        " version = version + 1, updated_at = %(now)s WHERE step_id = %(id)s"
        " RETURNING *, to_jsonb(checklist_step) AS record",
        {**values, "id": step_id, "now": now},
    ).fetchone()
    assert row is not None
    record_entity(conn, "checklist_step", step_id, "change", actor, row["origin"], row["record"])
    return row
