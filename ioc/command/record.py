"""The header record of an incident, made of its rows: everything the command screen shows of it, without a rule there.

Rows may be those of the store or those of history (JSON, times as text): a screen that is replayed is made by the same
function as the one that is live.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ioc.command import life, orders, reporting
from ioc.command.life import Life
from ioc.command.reporting import Owed, Sent, Term
from ioc.flows import flows
from ioc.i18n import Text
from ioc.records import place_words, text_json
from ioc.scope import Scope

Row = Mapping[str, Any]
CLASSES: Mapping[int, Text] = {
    1: Text("自然灾害", "Natural disaster"),
    2: Text("事故灾难", "Accident"),
    3: Text("公共卫生", "Public health"),
    4: Text("社会安全", "Social security"),
}
ROLES: Mapping[str, Text] = {"chief": Text("总指挥", "Commander"), "field": Text("现场指挥官", "Field commander")}
COLOURS = {"red": "红", "orange": "橙", "yellow": "黄", "blue": "蓝", "white": "白"}


@dataclass(frozen=True)
class Parts:
    """Rows of one incident."""

    case: Row
    incident: Row
    posts: Sequence[Row] = ()
    links: Sequence[Row] = ()
    tasks: Sequence[Row] = ()
    reports: Sequence[Row] = ()
    others: Mapping[int, Row] = field(default_factory=dict[int, Row])  # linked incidents the asker sees
    warnings: Mapping[int, Row] = field(default_factory=dict[int, Row])
    path: Any = ()
    type: Row | None = None
    terms: Sequence[Term] = ()


def moment(value: Any) -> dt.datetime | None:
    """A time of a row or of its history."""
    if value in (None, ""):
        return None
    return value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))


def iso(value: Any) -> str | None:
    at = moment(value)
    return None if at is None else at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def stage_of(case: Row) -> str:
    """The stage's key; imported incidents may name it by its Chinese word."""
    stages = flows()["incident"].stages
    return next((key for key, word in stages if case["stage"] in (key, word.zh)), stages[0][0])


def life_of(case: Row, incident: Row, tasks: Iterable[Row], reports: Iterable[Row]) -> Life:
    """What the rules need of the rows."""
    sent = [r for r in reports if r["state"] == "sent" and r["how"] == "written"]
    asked = incident["response_asked"] or {}
    over = case["closed_at"] is not None or bool(case["ended"])
    return Life(
        stage="ended" if over else stage_of(case),
        ended=str(incident["end_how"] or ("ended" if over else "")),
        proposed=int((incident["proposed"] or {}).get("level") or 0),
        confirmed=int((incident["confirmed"] or {}).get("level") or 0),
        response=int((incident["response"] or {}).get("level") or 0),
        asked=asked.get("action", ""),
        asked_level=int(asked.get("level") or 0),
        reports=len(sent),
        final_sent=any(r["kind"] == "final" for r in sent),
        open_tasks=sum(t["state"] in orders.OPEN for t in tasks),
    )


def owed_of(parts: Parts, now: Life) -> Owed | None:
    """The next report of the incident, by the level in force (proposed until one is confirmed)."""
    gone = [r for r in parts.reports if r["state"] == "sent"]
    sent = [Sent(r["kind"], r["how"], at) for r in gone if (at := moment(r["sent_at"]))]
    term = reporting.term_of(parts.terms, now.confirmed or now.proposed or None)
    opened = moment(parts.case["opened_at"])
    return None if opened is None else reporting.owed(term, opened, sent, over=now.over)


def header(parts: Parts, scope: Scope, now: dt.datetime) -> dict[str, Any]:
    """The record of docs/command.md. `scope`: what the asker may do and see of telephone numbers."""
    case, incident = parts.case, parts.incident
    state = life_of(case, incident, parts.tasks, parts.reports)
    place, short = place_words(parts.path or (), str(case["address"] or ""))
    opened = moment(case["opened_at"]) or now
    closed = moment(case["closed_at"])
    return {
        "key": f"incident:{case['case_id']}", "case": f"case:{case['case_id']}", "case_id": case["case_id"],
        "number": case["number"], "title": case["title"], "description": case["description"],
        "version": incident["version"], "case_version": case["version"], "exercise": bool(case.get("exercise")),
        "origin": case["origin"], "opened_at": iso(opened), "closed_at": iso(closed),
        "elapsed_s": max(0, round(((closed or now) - opened).total_seconds())),
        "class": _class(incident), "type": _type(case, parts.type), "urgency": case["urgency"],
        "place": place, "place_short": short, "address": case["address"],
        "lon": case.get("lon"), "lat": case.get("lat"), "region_id": case["region_id"],
        "place_given": incident["place_given"] or None, "area": incident["geometry"],
        "source": {"kind": incident["origin_kind"], "ref": incident["origin_ref"],
                   "text": str((case["sources"] or [{}])[0].get("text") or "")},
        "stage": state.stage, "stages": _stages(case, incident, state),
        "ended": {"how": state.ended, "reason": incident["end_reason"], "at": iso(closed)} if state.over else None,
        "level": _level(incident), "response": _response(incident["response"]),
        "response_asked": _response(incident["response_asked"]), "responded_at": iso(incident["responded_at"]),
        "response_s": _seconds(opened, moment(incident["responded_at"])),
        "warnings": _warnings(parts), "posts": posts(parts.posts, scope, now),
        "report_due": due_json(owed_of(parts, state), now), "tasks": _tasks(parts.tasks, now),
        "reports_sent": state.reports, "people_on_scene": incident["on_scene"], "links": _links(parts),
        "merged_into": case["merged_into"], "as_of": iso(now),
        "may": [{"act": a.key, "zh": a.title.zh, "en": a.title.en, "needs": list(a.needs), "may": list(a.may)}
                for a in life.choices(state, scope)],
    }  # fmt: skip


def due_json(owed: Owed | None, now: dt.datetime) -> dict[str, Any] | None:
    if owed is None:
        return None
    label = reporting.KINDS[owed.kind]
    return {"kind": owed.kind, "how": owed.how, "at": iso(owed.at), "label": text_json(label),
            "overdue": owed.at < now, "confidence": owed.confidence, "document": owed.document}  # fmt: skip


def posts(rows: Sequence[Row], scope: Scope, now: dt.datetime) -> list[dict[str, Any]]:
    """Who commands and who did; `now`: on at this moment."""
    out: list[dict[str, Any]] = []
    for row in rows:
        title = ROLES.get(row["role"])
        start, end = moment(row["from_at"]), moment(row["to_at"])
        word = {"zh": title.zh, "en": title.en} if title else {"zh": row["title"], "en": row["title"]}
        out.append({
            "post_id": row["post_id"], "role": row["role"], "title": word, "person": row["person"],
            "department": row["department"], "login": row["login"],
            "phone": number(str(row.get("phone") or ""), scope), "from_at": iso(start), "to_at": iso(end),
            "now": start is not None and start <= now and (end is None or now < end),
        })  # fmt: skip
    return out


def number(phone: str, scope: Scope) -> str:
    """Whole for who must be able to call; 138****5678 for others."""
    if not phone or scope.can("duty.phone"):
        return phone
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 7 else "*" * len(phone)


def current(rows: Iterable[Row], role: str, now: dt.datetime) -> Row | None:
    """Who has the role at this moment."""
    found = [r for r in rows if r["role"] == role and (moment(r["from_at"]) or now) <= now
             and (moment(r["to_at"]) is None or now < (moment(r["to_at"]) or now))]  # fmt: skip
    return found[-1] if found else None


# ------------------------------------------------------------ parts


def _class(incident: Row) -> dict[str, Any] | None:
    code = incident["class"]
    return None if code is None else {"code": code, **text_json(CLASSES[int(code)])}


def _type(case: Row, known: Row | None) -> dict[str, Any] | None:
    code = case["category_code"]
    if not code:
        return None
    words = {"zh": known["zh"], "en": known["en"]} if known else {"zh": code, "en": code}
    return {
        "scheme": case["category_scheme"],
        "code": code,
        **words,
        "confidence": known["confidence"] if known else "U",
    }


def _stages(case: Row, incident: Row, state: Life) -> list[dict[str, Any]]:
    entered = {str(s.get("stage")): s for s in case["stages"] or ()}
    out: list[dict[str, Any]] = []
    reached = life.STAGES.index(state.stage)
    for n, (key, word) in enumerate(flows()["incident"].stages):
        found = entered.get(key) or entered.get(word.zh)
        passed = n < reached and found is None and key == "response"
        how = "now" if n == reached else "skipped" if passed else "done" if n < reached else "ahead"
        out.append({"key": key, **text_json(word), "state": how, "at": iso((found or {}).get("entered_at")),
                    "by": (found or {}).get("by", "")})  # fmt: skip
    return out


def _level(incident: Row) -> dict[str, Any] | None:
    proposed, confirmed = incident["proposed"], incident["confirmed"]
    said = confirmed or proposed
    if not said:
        return None
    waits = proposed if confirmed and proposed else None
    return {**_said(said), "state": "confirmed" if confirmed else "initial",
            "proposed": _said(waits or proposed) if proposed else None}  # fmt: skip


def _said(level: Row) -> dict[str, Any]:
    value = int(level["level"])
    return {"value": value, "roman": life.ROMAN[value], "by": level.get("by", ""), "at": iso(level.get("at")),
            "reason": level.get("reason", "")}  # fmt: skip


def _response(row: Row | None) -> dict[str, Any] | None:
    if not row:
        return None
    level = int(row.get("level") or 0)
    return {**row, "level": level, "roman": life.ROMAN.get(level, "")}


def _seconds(start: dt.datetime, end: dt.datetime | None) -> int | None:
    return None if end is None else round((end - start).total_seconds())


def _warnings(parts: Parts) -> list[dict[str, Any]]:
    ids = [link["other_id"] for link in parts.links if link["kind"] == "warning" and link["undone_at"] is None]
    found = [(i, parts.warnings[i]) for i in ids if i in parts.warnings]
    return [{"key": f"warning:{w['warning_id']}", "linked": f"warning:{i}",
             "kind": {"zh": w["kind"], "en": w["kind_en"] or w["kind"]}, "colour": w["colour"],
             "colour_zh": COLOURS.get(w["colour"], w["colour"]), "area": w["area"], "status": w["status"],
             "onset_at": iso(w["onset_at"])} for i, w in found]  # fmt: skip


def _links(parts: Parts) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for link in parts.links:
        other = parts.others.get(int(link["other_id"]))
        if link["kind"] == "warning" or link["undone_at"] is not None or other is None:
            continue
        out.append({"kind": link["kind"], "case_id": other["case_id"], "number": other["number"],
                    "title": other["title"], "reason": link["reason"], "at": iso(link["at"])})  # fmt: skip
    return out


def _tasks(rows: Sequence[Row], now: dt.datetime) -> dict[str, int]:
    out = dict.fromkeys(orders.STATES, 0)
    late = 0
    for row in rows:
        out[row["state"]] += 1
        late += orders.late(row["state"], moment(row["due_at"]), moment(row["done_at"]), now)
    return {**out, "open": sum(out[s] for s in orders.OPEN), "late": late, "total": len(rows)}
