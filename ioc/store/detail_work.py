"""Detail of an event and of a case: fields, sources, the stages of its own flow, history, what belongs to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from psycopg import sql

from ioc.command import telling
from ioc.flows import flows, stage_index, step_title
from ioc.store import case_steps, chain_links, detail_callers, detail_terms
from ioc.store import detail_parts as parts
from ioc.store import detail_pictures as pictures
from ioc.store.detail_parts import Asked, Part, Row, both, field, iso
from ioc.store.where import visible
from ioc.store.worklist import case_record, event_record


def event(asked: Asked, name: str) -> Part:
    row = parts.one_row(
        asked,
        "SELECT e.*, ST_X(e.geom) AS lon, ST_Y(e.geom) AS lat FROM event e WHERE e.event_id = %(id)s AND {seen}",
        "e",
        name,
    )
    record = event_record(asked.conn, row["event_id"])
    device = row["device_id"]
    sources = [
        {
            "title": {"zh": record["source_text"], "en": record["source_text"]},
            "text": row["source_id"],
            "at": iso(row["occurred_at"]),
        }
    ]
    fields = [
        *_what(asked, row),
        field("occurred", row["occurred_at"]),
        field("received", row["received_at"]),
        *parts.place_field(row),
        *parts.attributes(row, asked.scope),
    ]
    if row["case_id"] and asked.scope.can("case.view"):
        fields.append(field("case", f"#{row['case_id']}", sel=f"case:{row['case_id']}"))
    links = [] if device is None else _device_link(asked, device)
    return {
        **parts.common(asked, row, row["title"]),
        **_work(asked, record, row, fields, sources),
        "links": links,
        "history": pictures.with_event(
            asked,
            row["event_id"],
            chain_links.marked(
                asked.conn,
                parts.history(_versions(asked, "event", row["event_id"]), asked.conn),
                row["event_id"],
                "event_history",
            ),
        ),
        "callers": detail_callers.of_event(row),
        "unclaimed": row["case_id"] is None and row["status"] == "open",
    }


def _what(asked: Asked, row: Mapping[str, Any]) -> list[Part]:
    """What both a report and a case say first."""
    return [
        field("category", parts.category(asked.conn, row["category_scheme"], row["category_code"])),
        field("description", row["description"]),
        field("address", row["address"]),
    ]


def case(asked: Asked, name: str) -> Part:
    row = parts.one_row(
        asked,
        "SELECT c.*, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat FROM cases c WHERE c.case_id = %(id)s AND {seen}",
        "c",
        name,
    )
    record = case_record(asked.conn, row["case_id"])
    fields = [
        *_what(asked, row),
        field("department", row["department"]),
        field("officer", parts.masked(row["officer"], asked.scope)),
        field("co_department", row["co_department"]),
        *_kin(row),
        field("response", row["response"]),
        field("level_by", row["level_by"]),
        field("opened", row["opened_at"]),
        field("responded", row["responded_at"]),
        field("due_total", row["total_due_at"]),
        *detail_terms.fields(row),
        field("closed", row["closed_at"]),
        field("satisfaction", row["satisfaction"]),
        *parts.place_field(row),
        *parts.attributes(row, asked.scope),
    ]
    sources = [
        {
            "title": parts.source_of(asked.conn, s.get("source", ""), None, None)["title"],
            "text": " ".join(str(s[k]) for k in ("source_id", "text") if s.get(k) and s[k] != s.get("source")),
            "at": s.get("at"),
        }
        for s in row["sources"] or ()
    ]
    steps = _steps(asked, row)
    done = {s["version"] for s in steps}
    # What a step has done is told by the step: not once more as a changed row, nor as a stage that was entered.
    changes = parts.history(_versions(asked, "case", row["case_id"]), asked.conn, told=done)
    everything = [*_stages(row, {(s["at"], s["stage"]) for s in steps}), *steps, *changes]
    everything = pictures.with_case(asked, row["case_id"], everything)
    everything = chain_links.marked(asked.conn, everything, row["case_id"], "case_history")
    history = sorted(everything, key=lambda h: (str(h["at"]), h.get("version", 0)), reverse=True)
    return {
        **parts.common(asked, row, row["title"]),
        **_work(asked, record, row, fields, sources),
        "links": _case_events(asked, row["case_id"]),
        "callers": detail_callers.of_case(asked.conn, asked.scope, row["case_id"]),
        "history": history,
    }


def _kin(row: Row) -> list[Part]:
    """The records it was merged into, raised to or raised from, and whether it is being put right."""
    found = [(n, row[n]) for n in ("merged_into", "raised_to", "raised_from") if row[n]]
    kin = [field(name, f"#{case_id}", sel=f"case:{case_id}") for name, case_id in found]
    return [*kin, field("repair", "✓")] if row["repair"] else kin


def _work(asked: Asked, record: Mapping[str, Any], row: Row, fields: list[Part], sources: list[Part]) -> Part:
    return {
        "number": record["number"],
        "record": record,
        "level": record["level"],
        "provisional": record["provisional"],
        "urgency": record["urgency"],
        "icon": record["icon"],
        "place": record["place"],
        "fields": fields,
        "sources": sources,
        "officers": parts.officers_at(asked, row["lon"], row["lat"]),
        "cameras": parts.cameras_near(asked, row["lon"], row["lat"]),
    }


def _stages(row: Row, told: Collection[tuple[str, str]]) -> list[Part]:
    """Stages of the case's own flow, as entered, but for those (when, stage) that are told of elsewhere."""
    flow = flows().get(row["flow"])
    out: list[Part] = []
    for step in row["stages"] or ():
        stage = str(step.get("stage", ""))
        word = parts.text(flow.stages[stage_index(flow, stage)][1]) if flow else {"zh": stage, "en": stage}
        at = step.get("entered_at")
        if at and (at, stage) not in told:
            out.append({"at": at, "actor": str(step.get("by") or ""), "text": both("detail.h_stage", stage=word)})
    return out


def _steps(asked: Asked, row: Row) -> list[Part]:
    """Steps taken here, with who took them and what they said."""
    flow = flows().get(row["flow"])
    out: list[Part] = []
    for done in case_steps.since(asked.conn, row["case_id"], 0):
        given: Mapping[str, Any] = done["given"]
        said = " ".join(str(given[k]) for k in ("department", "result", "reason", "other", "text") if given.get(k))
        title = step_title(flow, done["step"])
        text = {"zh": f"{title.zh} {said}".strip(), "en": f"{title.en} {said}".strip()}
        if row["flow"] == "incident":
            text = parts.text(telling.told(done["step"], given))
        at, by = done["at"].isoformat(), done["actor_name"]
        out.append({"at": at, "actor": by, "text": text, "version": done["version"], "stage": done["stage_after"],
                    "attachments": [*(given.get("attachments") or ())]})  # fmt: skip
    return out


def _versions(asked: Asked, table: str, entity_id: int) -> list[dict[str, Any]]:
    seen, params = visible(asked.scope, "h")
    query = sql.SQL("SELECT h.* FROM {} h WHERE {} = %(id)s AND {} ORDER BY h.version").format(
        sql.Identifier(f"{table}_history"), sql.Identifier("h", f"{table}_id"), seen
    )
    return asked.conn.execute(query, {**params, "id": entity_id}).fetchall()


def _case_events(asked: Asked, case_id: int) -> list[Part]:
    if not asked.scope.can("event.view"):
        return []
    seen, params = visible(asked.scope, "e")
    query = sql.SQL(
        "SELECT e.event_id, e.title, e.source_id FROM event e"
        " WHERE e.case_id = %(id)s AND {} ORDER BY e.occurred_at LIMIT 12"
    ).format(seen)
    rows = asked.conn.execute(query, {**params, "id": case_id})
    return [{"key": f"event:{r['event_id']}", "icon": "pin", "title": r["title"], "sub": r["source_id"]} for r in rows]


def _device_link(asked: Asked, device_id: int) -> list[Part]:
    if not asked.scope.can("device.view"):
        return []
    seen, params = visible(asked.scope, "d")
    query = sql.SQL("SELECT d.name, d.external_id, d.class FROM device d WHERE d.device_id = %(id)s AND {}").format(
        seen
    )
    rows = asked.conn.execute(query, {**params, "id": device_id})
    return [
        {"key": f"device:{device_id}", "icon": r["class"], "title": r["name"], "sub": r["external_id"]} for r in rows
    ]
