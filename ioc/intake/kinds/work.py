"""Events and cases from files: the same checks as reports over HTTP, and the stages of each case's own flow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ioc.declare import Flow
from ioc.errors import Reason
from ioc.flows import flows
from ioc.intake import fields
from ioc.intake.columns import CASES, EVENTS
from ioc.intake.event_input import Reader, check_event, choice
from ioc.intake.kinds import Context, Kind, Values
from ioc.intake.reasons import Refuse, reason
from ioc.store.gridding import assign_written
from ioc.store.merge import Target
from ioc.store.pool import Conn

FAR = dt.timedelta(days=3650)  # deadlines lie ahead
_PLACE = {"h3_10": "bigint", "region_id": "int"}
EVENT = Target(
    table="event",
    id="event_id",
    key=("source", "source_id"),
    columns={
        "source": "text",
        "source_id": "text",
        "title": "text",
        "description": "text",
        "category_scheme": "text",
        "category_code": "text",
        "urgency": "text",
        "incident_level": "smallint",
        "status": "text",
        "suspected": "boolean",
        "x_orig": "float8",
        "y_orig": "float8",
        "crs_orig": "text",
        "address": "text",
        "occurred_at": "timestamptz",
        "received_at": "timestamptz",
        "private_to": "text",
        "sensitivity": "smallint",
        "search": "text",
        "attributes": "jsonb",
        **_PLACE,
    },
    versions="event_history",
    keeps={
        "received_at": "t.received_at",
        # what a person has found holds against the file that says it again
        "suspected": "CASE WHEN t.reviewed = '' THEN excluded.suspected ELSE t.suspected END",
        "status": "CASE WHEN t.reviewed = 'refuted' THEN t.status ELSE excluded.status END",
    },
)
CASE = Target(
    table="cases",
    id="case_id",
    key=("source", "source_id"),
    columns={
        "source": "text",
        "source_id": "text",
        "number": "text",
        "flow": "text",
        "stage": "text",
        "title": "text",
        "description": "text",
        "category_scheme": "text",
        "category_code": "text",
        "urgency": "text",
        "incident_level": "smallint",
        "level_state": "text",
        "address": "text",
        "department": "text",
        "officer": "text",
        "opened_at": "timestamptz",
        "responded_at": "timestamptz",
        "due_at": "timestamptz",
        "total_due_at": "timestamptz",
        "closed_at": "timestamptz",
        "on_time": "boolean",
        "satisfaction": "smallint",
        "stages": "jsonb",
        "sources": "jsonb",
        "sensitivity": "smallint",
        "search": "text",
        "attributes": "jsonb",
        **_PLACE,
    },
    versions="case_history",
)


def check_event_row(r: Reader, context: Context, extra: dict[str, Any]) -> Values | None:
    payload = {k: v for k, v in r.record.items() if k not in ("category_code", "category_scheme", "region", "row")}
    payload |= {"source": context.source, "attributes": extra, "category": _category(r, context)}
    draft = check_event(payload, context.words, context.rules, default_urgency="routine", placed=True)
    if isinstance(draft, list):
        r.reasons += draft
        return None
    if r.reasons:
        return None
    names = ("source", "source_id", "title", "description", "category_scheme", "category_code", "urgency")
    more = ("incident_level", "suspected", "address", "occurred_at", "private_to", "sensitivity", "attributes")
    out: Values = {n: getattr(draft, n) for n in (*names, *more)}
    given = r.optional("region", lambda v: fields.text(v, 50), "")
    out["attributes"] = {**out["attributes"], **({"region_given": given} if given else {})}
    out |= {"status": draft.status or "open", "received_at": context.rules.now}
    out["search"] = " ".join(p for p in (draft.title, draft.source_id, draft.address) if p)
    return out


def _category(r: Reader, context: Context) -> dict[str, str] | None:
    """A code with its table, or a word that one of the tables knows. An unknown word is kept in words, not refused:
    departments have classes of their own."""
    word = r.optional("category_code", lambda v: fields.text(v, 100), "")
    scheme = r.optional("category_scheme", lambda v: fields.text(v, 50), "")
    if not word:
        return None
    if scheme:
        return {"scheme": scheme, "code": word}
    found, code = context.words.any_category(word)
    return {"scheme": found, "code": code} if found else None


def event_columns(context: Context) -> Sequence[str]:
    always = ("source", "source_id", "title", "urgency", "occurred_at", "received_at", "x_orig", "y_orig", "crs_orig")
    optional = ("description", "incident_level", "status", "suspected", "address", "sensitivity")
    given = [n for n in optional if n in context.present]
    department = ["private_to"] if "department" in context.present else []
    category = ["category_scheme", "category_code"] if "category_code" in context.present else []
    return (*always, "h3_10", "region_id", "search", "attributes", *given, *department, *category)


def after_events(conn: Conn, context: Context) -> None:
    assign_written(conn, "event")


def after_cases(conn: Conn, context: Context) -> None:
    assign_written(conn, "cases")


def check_case(r: Reader, context: Context, extra: dict[str, Any]) -> Values | None:
    text, time = fields.text, lambda v: fields.time(v, context.rules)
    later = replace(context.rules, future=FAR)
    number = r.required("number", lambda v: text(v, 100))
    title = r.required("title", lambda v: text(v, 200))
    opened = r.required("opened_at", time)
    word = r.optional("flow", choice(context.words, "flow", "unknown_flow"), "" if r.record.get("flow") else "grid")
    flow = flows()[word or "grid"]
    closed = r.optional("closed_at", lambda v: _at(time(v)), None)
    first = flow.closed if closed else flow.stages[0][0]
    # without a flow nobody can say whether the stage is one of it
    stage = r.optional("stage", lambda v: _stage(flow, text(v, 50)), first) if word else first
    total = r.optional("total_due_at", lambda v: _at(fields.time(v, later)), None)
    if closed and opened and closed < opened:
        r.refuse("closed_at", "time_order", other="opened_at")
    out: Values = {
        "source": context.source,
        "source_id": number,
        "number": number,
        "flow": flow.key,
        "stage": stage,
        "title": title,
        "description": r.optional("description", lambda v: text(v, 4000), ""),
        "urgency": r.optional("urgency", choice(context.words, "urgency", "unknown_urgency"), "routine"),
        "incident_level": r.optional("incident_level", _level, None),
        "address": r.optional("address", lambda v: text(v, 500), ""),
        "department": r.optional("department", _text, None),
        "officer": r.optional("officer", lambda v: text(v, 100), ""),
        "opened_at": opened,
        "responded_at": r.optional("responded_at", lambda v: _at(time(v)), None),
        "due_at": r.optional("due_at", lambda v: _at(fields.time(v, later)), None),
        "total_due_at": total,
        "closed_at": closed if closed or stage != flow.closed else opened,
        "on_time": None if not (closed and total) else closed <= total,
        "satisfaction": r.optional("satisfaction", _satisfaction, None),
        "sensitivity": r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), 0),
    }
    category = _category(r, context)
    if category and not context.words.tables.get(f"category.{category['scheme']}"):
        r.refuse("category_scheme", "unknown_scheme", category["scheme"], known="gbt30428, gbt35561, 12345")
    if r.reasons or opened is None:
        return None
    out |= {"category_scheme": "", "category_code": ""}
    if category:
        out |= {"category_scheme": category["scheme"], "category_code": category["code"]}
    out["level_state"] = "initial" if out["incident_level"] else ""
    out["stages"] = [{"stage": stage, "entered_at": (closed or opened).isoformat()}]
    out["sources"] = [{"source": context.source, "source_id": number, "at": opened.isoformat()}]
    given = r.optional("region", lambda v: text(v, 50), "")
    out["attributes"] = {**extra, **({"region_given": given} if given else {})}
    out["search"] = " ".join(p for p in (title or "", number or "", out["address"]) if p)
    return out


def _at(value: dt.datetime) -> dt.datetime | None:
    return value


def _text(value: Any) -> str | None:
    return fields.text(value, 100)


def _level(value: Any) -> int | None:
    return fields.level(value)


def _satisfaction(value: Any) -> int | None:
    words = {"非常满意": 5, "满意": 4, "基本满意": 3, "一般": 3, "不满意": 2, "非常不满意": 1}
    word = fields.text(value, 20)
    return words[word] if word in words else fields.integer(value, 1, 5)


def _stage(flow: Flow, word: str) -> str:
    """Key of a stage by key or by either word; 已办结 and 办结中 are said of 办结 too."""
    for key, title in flow.stages:
        if word in (key, title.zh, title.en, f"已{title.zh}", f"{title.zh}中", f"待{title.zh}"):
            return key
    raise Refuse("unknown_stage", flow=flow.title.zh)


def case_columns(context: Context) -> Sequence[str]:
    always = ("source", "source_id", "number", "flow", "stage", "title", "urgency", "opened_at", "closed_at", "on_time")
    optional = ("description", "incident_level", "address", "department", "officer", "responded_at", "due_at")
    more = ("total_due_at", "satisfaction", "sensitivity")
    given = [n for n in (*optional, *more) if n in context.present]
    category = ["category_scheme", "category_code"] if "category_code" in context.present else []
    level = ["level_state"] if "incident_level" in context.present else []
    return (*always, "stages", "sources", "h3_10", "region_id", "search", "attributes", *given, *category, *level)


def numbers_taken(conn: Conn, rows: Sequence[Values], context: Context) -> Mapping[int, Reason]:
    found = conn.execute(
        "SELECT number, source FROM cases WHERE number = ANY (%s) AND source <> %s",
        ([r["number"] for r in rows], context.source),
    ).fetchall()
    owner = {f["number"]: f["source"] for f in found}
    return {
        i: reason("number", "duplicate_number", r["number"], source=owner[r["number"]])
        for i, r in enumerate(rows)
        if r["number"] in owner
    }


EVENTS_KIND = Kind(
    key="events",
    fields=EVENTS,
    place="optional_point",
    target=EVENT,
    required=("source_id", "title", "occurred_at"),
    check=check_event_row,
    columns=event_columns,
    layers=lambda context: ("event", "heat"),
    classes=("event",),
    id_field="source_id",
    after=after_events,
    topic="event",
)
CASES_KIND = Kind(
    key="cases",
    fields=CASES,
    place="optional_point",
    target=CASE,
    required=("number", "title", "opened_at"),
    check=check_case,
    columns=case_columns,
    layers=lambda context: ("case",),
    classes=("case",),
    id_field="number",
    before=numbers_taken,
    after=after_cases,
    topic="case",
)
