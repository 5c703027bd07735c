"""The record of an after-action report, made of rows. Pure: rows in, JSON out, the same for both languages.

Words are {zh, en}; times ISO 8601 UTC. Telephone numbers are in no part of it: free texts are masked too.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ioc.command import life, orders, reporting, telling
from ioc.command.record import iso, moment
from ioc.command.reporting import Sent, Term
from ioc.command.review import figures
from ioc.i18n import Text
from ioc.records import text_json

Row = Mapping[str, Any]
SCHEMA = 1
# Mobile numbers of mainland China: 11 digits from 13 to 19.
_MOBILE = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)")
OWN_STEPS = re.compile(r"^(review|lesson)(_|$)")  # of the review itself: not part of what it tells
SHOWN_EARLIER = 5
NEVER = ("no_address", "dead")  # addressees nothing came to: no address is known, or every try failed
OF_TYPE_LEAST = 3  # incidents of the same type, for a median of their own; with fewer those of the class are taken


def masked(text: object) -> str:
    """Free text with telephone numbers told as 138****5678."""
    return _MOBILE.sub(r"\1****\2", str(text or ""))


@dataclass(frozen=True)
class Facts:
    """Rows a report is made of. `header`: the record of docs/command.md; `steps`: the chain, oldest first."""

    header: Row
    steps: Sequence[Row]
    tasks: Sequence[Row]
    checklists: Sequence[Row]
    reports: Sequence[Row]
    area_notices: Sequence[Row]
    notices: Sequence[Row]
    term_at: Callable[[dt.datetime], Term | None]
    earlier: Sequence[Row] = ()
    earlier_steps: Mapping[int, Sequence[Row]] = field(default_factory=dict[int, Sequence[Row]])


def report(facts: Facts, review: Row, lessons: Sequence[Row], maps: Row | None, now: dt.datetime) -> dict[str, Any]:
    """Everything a reader is shown, but for who may see which earlier incident."""
    head = facts.header
    opened, ended = _span(head, now)
    told = [s for s in facts.steps if not OWN_STEPS.match(s["step"]) and s["step"] != "review"]
    entered = review.get("times") or {}
    spans = times(opened, ended, head, told, facts.tasks, entered)
    return {
        "schema": SCHEMA, "case_id": head["case_id"], "made_at": iso(now),
        **{n: head[n] for n in ("number", "title", "exercise", "origin", "class", "type", "place", "address", "lon",
                                "lat", "opened_at", "closed_at", "ended", "stages")},
        "description": masked(head.get("description")),
        "level": head["level"], "responses": responses(told),
        "posts": [{n: p[n] for n in ("title", "person", "department", "from_at", "to_at")} for p in head["posts"]],
        "times": spans,
        "compare": compared(head, spans, facts.earlier, facts.earlier_steps),
        "plans": [plan(c, ended) for c in facts.checklists],
        "reports": reports(facts, opened, ended),
        "orders": [order(t, ended) for t in facts.tasks], "order_sums": order_sums(facts.tasks, ended),
        "notices": [*map(area_notice, facts.area_notices), *direct(facts)],
        "affected": affected(facts.reports), "on_scene": on_scene(told),
        "losses": {k: dict(v) for k, v in (review.get("losses") or {}).items()},
        "lessons": [lesson(r) for r in lessons], "conclusion": masked(review.get("conclusion")),
        "timeline": timeline(facts.steps, ended),
        "maps": maps,
    }  # fmt: skip


def _span(head: Row, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    return moment(head["opened_at"]) or now, moment(head["closed_at"]) or now


# ---------------------------------------------------------------- times


def times(
    opened: dt.datetime, ended: dt.datetime, head: Row, steps: Sequence[Row], tasks: Sequence[Row], entered: Row
) -> list[dict[str, Any]]:
    """Each span with its moment, its formula and where the moment is from: the record, or somebody who entered it."""
    found = {
        "response": moment(head.get("responded_at")),
        "order": figures.first(moment(t["issued_at"]) for t in tasks),
        "scene": figures.first_on_scene(steps),
        "control": figures.under_control(steps),
        "end": ended,
    }
    out: list[dict[str, Any]] = []
    for span in figures.SPANS:
        said = entered.get(span.key) if span.key in figures.ENTERED else None
        at = moment(said["at"]) if said else found[span.key]
        basis = "entered" if said else "record" if at else "none"
        out.append({
            "key": span.key, **text_json(span.title), "formula": text_json(span.formula), "at": iso(at),
            "seconds": figures.seconds(opened, at), "basis": basis, "source": (said or {}).get("source", ""),
            "by": (said or {}).get("by", ""),
        })  # fmt: skip
    return out


def compared(
    head: Row, spans: Sequence[Row], earlier: Sequence[Row], steps: Mapping[int, Sequence[Row]]
) -> dict[str, Any]:
    """Medians of earlier incidents of the same type, or where those are few of the class, and the last of them."""
    code = (head.get("type") or {}).get("code")
    same = [e for e in earlier if code and e["category_code"] == code]
    by_type = len(same) >= OF_TYPE_LEAST
    taken = same if by_type else list(earlier)
    measured = [(e, _earlier_spans(e, steps.get(int(e["case_id"]), ()))) for e in taken]
    basis = head.get("type") if by_type else head.get("class")
    return {
        "by": "type" if by_type else "class", "count": len(taken),
        "basis": {"zh": (basis or {}).get("zh", ""), "en": (basis or {}).get("en", "")},
        "medians": {s["key"]: figures.median(m[s["key"]] for _, m in measured) for s in spans},
        "known": {s["key"]: sum(m[s["key"]] is not None for _, m in measured) for s in spans},
        "rows": [{"case_id": e["case_id"], "number": e["number"], "title": e["title"], "opened_at": iso(e["opened_at"]),
                  "seconds": m} for e, m in measured[:SHOWN_EARLIER]],
    }  # fmt: skip


def _earlier_spans(row: Row, steps: Sequence[Row]) -> dict[str, int | None]:
    opened, entered = row["opened_at"], row["times"] or {}

    def of(key: str, recorded: dt.datetime | None) -> int | None:
        return figures.seconds(opened, moment(entered[key]["at"]) if key in entered else recorded)

    return {
        "response": of("response", row["responded_at"]), "order": of("order", row["ordered_at"]),
        "scene": of("scene", figures.first_on_scene(steps)), "control": of("control", figures.under_control(steps)),
        "end": of("end", row["closed_at"]),
    }  # fmt: skip


def responses(steps: Sequence[Row]) -> list[dict[str, Any]]:
    """Acts on levels and the response, in their order."""
    shown = ("propose_level", "confirm_level", "reject_level", "ask_response", "approve_response", "deny_response",
             "no_response")  # fmt: skip
    out: list[dict[str, Any]] = []
    for s in steps:
        if s["step"] in shown or (s["step"] == "assess" and s["given"].get("level")):
            line = telling.line(s["step"], s["given"])
            out.append({"at": iso(s["at"]), "by": s["actor_name"], **text_json(line),
                        "text": masked(telling.said(s["given"])), "self": bool(s["given"].get("self"))})  # fmt: skip
    return out


# ---------------------------------------------------------------- plan, reports, orders


def plan(checklist: Row, ended: dt.datetime) -> dict[str, Any]:
    """A checklist against its steps: owner, until when, done when and how late; what was added or left out and why."""
    steps = [_plan_step(s, ended) for s in checklist["steps"]]
    return {
        **{n: checklist[n] for n in ("title", "roman", "version", "code", "chosen_by")},
        "started_at": iso(checklist["started_at"]), "ended_at": iso(checklist.get("ended_at")), "steps": steps,
        "sums": {n: sum(s["outcome"] == n for s in steps) for n in ("done", "late", "open", "skipped")},
        "added": sum(s["added"] for s in steps),
        "deviations": sum(s["outcome"] in ("late", "open", "skipped") or s["added"] for s in steps),
    }  # fmt: skip


def _plan_step(s: Row, ended: dt.datetime) -> dict[str, Any]:
    due, done = moment(s["due_at"]), moment(s["done_at"])
    late = figures.late_by(due, done, s["state"], ended)
    outcome = {"skipped": "skipped", "todo": "open"}.get(str(s["state"]), "late" if late else "done")
    return {
        **{n: s[n] for n in ("position", "what", "department", "role", "deadline_min", "added")},
        "by": s["done_by"], "due_at": iso(due), "done_at": iso(done), "outcome": outcome, "late_s": late,
        "reason": masked(s["reason"]),
    }  # fmt: skip


def reports(facts: Facts, opened: dt.datetime, ended: dt.datetime) -> dict[str, Any]:
    """首报, 续报, 终报 against their terms, and the proof of each that was sent."""
    gone = [r for r in facts.reports if r["state"] == "sent" and moment(r["sent_at"])]
    sent = [Sent(r["kind"], r["how"], moment(r["sent_at"]) or opened) for r in gone]
    terms = figures.kept(facts.term_at, opened, ended, sent)
    documents = sorted(gone, key=lambda r: (moment(r["sent_at"]) or opened, r["seq"]))
    told = {r["report_id"]: _told(facts.notices, f"report:{r['report_id']}") for r in gone}
    by_sent = [t for t in terms if t.sent is not None]
    return {
        "terms": [{"kind": t.kind, **text_json(reporting.KINDS[t.kind]), "how": t.how, "due_at": iso(t.due),
                   "sent_at": iso(t.sent), "late_s": t.late_s, "confidence": t.confidence} for t in terms],
        "documents": [{"seq": r["seq"], "kind": r["kind"], **text_json(reporting.KINDS[r["kind"]]), "how": r["how"],
                       "title": masked(r["title"]), "sent_at": iso(r["sent_at"]), "sent_by": r["sent_by"],
                       "approved_by": r["approved_by"], "told": told[r["report_id"]],
                       "to": [str(x.get("ref") or "") for x in r["recipients"] or ()]} for r in documents],
        "late": sum(bool(t.late_s) for t in by_sent), "missing": len(terms) - len(by_sent),
    }  # fmt: skip


def order(task: Row, ended: dt.datetime) -> dict[str, Any]:
    due, done = moment(task["due_at"]), moment(task["done_at"])
    return {
        "number": task["number"], "what": masked(task["what"]), "detail": masked(task["detail"]), "to": task["to_name"],
        "department": task["to_department"], "by": task["issued_name"], "plan": bool(task["plan_ref"]),
        **{n: iso(task[n]) for n in ("issued_at", "signed_at", "begun_at", "done_at", "due_at")},
        "state": task["state"], **text_json(orders.STATES[task["state"]]),
        "late_s": figures.late_by(due, done, task["state"], ended),
        "result": masked(task["result"]), "reason": masked(task["reason"]),
    }  # fmt: skip


def order_sums(tasks: Sequence[Row], ended: dt.datetime) -> dict[str, Any]:
    made = [order(t, ended) for t in tasks]
    signed = [figures.seconds(a, moment(t["signed_at"])) for t in tasks if (a := moment(t["issued_at"]))]
    return {
        "given": len(made), "signed": sum(t["signed_at"] is not None for t in made),
        **{s: sum(t["state"] == s for t in made) for s in ("done", "unable", "withdrawn")},
        "late": sum(bool(t["late_s"]) for t in made), "sign_median_s": figures.median(signed),
    }  # fmt: skip


# ---------------------------------------------------------------- who was told


def area_notice(notice: Row) -> dict[str, Any]:
    """A notice to an area with everybody it went to."""
    return {
        "kind": "area", "title": masked(notice["title"]), "at": notice["at"], "by": notice["by"],
        "area": [v["name"] for v in notice["villages"]][:60], "empty": [e["name"] for e in notice["empty"]][:60],
        **{n: notice[n] for n in ("total", "submitted", "delivered", "read")},
        "people": [{"name": p["name"], "duty": "、".join(p["duties"]), "place": "、".join(p["places"]),
                    "state": p["state"], **{n: p.get(n) for n in ("submitted_at", "delivered_at", "read_at")}}
                   for p in notice["people"]],  # who has no address has no time of submission either
        "unread": [p["name"] for p in notice["people"] if p["state"] not in ("read", *NEVER)],
        "unreached": [p["name"] for p in notice["people"] if p["state"] in NEVER],
    }  # fmt: skip


def direct(facts: Facts) -> list[dict[str, Any]]:
    """Notices of orders to those who were ordered, one entry an order."""
    out: list[dict[str, Any]] = []
    for task in facts.tasks:
        ordered = {task["to_department"], task["to_name"], *(task["to_logins"] or ())} - {""}
        people = [p for p in _told(facts.notices, f"task:{task['task_id']}") if p["name"] in ordered]
        if people:
            states = [p["state"] for p in people]
            out.append({
                "kind": "order", "title": masked(task["what"]), "at": iso(task["issued_at"]), "by": task["issued_name"],
                "area": [], "empty": [], "total": len(people), "read": states.count("read"),
                "delivered": sum(s in ("delivered", "read") for s in states),
                "submitted": sum(s in ("submitted", "delivered", "read") for s in states),
                "people": people, "unread": [p["name"] for p in people if p["state"] != "read"],
            })  # fmt: skip
    return out


_ORDER = ("dead", "submitted", "delivered", "read")  # from the weakest to the strongest word


def _told(notices: Iterable[Row], about: str) -> list[dict[str, Any]]:
    """One line an addressee: when the first of what was sent to them was submitted, delivered, read. What went to
    an inbox only is submitted by that; a later word about the same record (withdrawn, late) is none of its own."""
    people: dict[str, dict[str, Any]] = {}
    for n in notices:
        if n["about"] != about:
            continue
        state = "read" if n["read_at"] else "delivered" if n["delivered_at"] else n["state"] or "submitted"
        line = {"name": n["to_ref"], "duty": "", "place": "", "state": state, "delivered_at": iso(n["delivered_at"]),
                "submitted_at": iso(n["submitted_at"] or n["created_at"]), "read_at": iso(n["read_at"])}  # fmt: skip
        before = people.setdefault(str(n["to_ref"]), line)
        for name in ("submitted_at", "delivered_at", "read_at"):
            before[name] = min((v for v in (before[name], line[name]) if v), default=None)
        before["state"] = max(before["state"], state, key=_ORDER.index)
    return list(people.values())


# ---------------------------------------------------------------- affected, lessons, timeline


def affected(reports_: Sequence[Row]) -> list[dict[str, Any]]:
    """What was known of people and targets, as each report that was sent told it, with the day of its numbers."""
    out: list[dict[str, Any]] = []
    for r in reports_:
        facts = [f for f in r["facts"] or () if f.get("source")]
        if r["state"] == "sent" and facts:
            kind = reporting.KINDS[r["kind"]]
            told = [{"text": masked(f.get("text")), "as_of": f.get("as_of"), "source": f.get("source")} for f in facts]
            out.append({"at": iso(r["sent_at"]), **text_json(kind), "facts": told})
    return sorted(out, key=lambda a: str(a["at"]))


def on_scene(steps: Sequence[Row]) -> list[dict[str, Any]]:
    return [{"at": iso(s["at"]), "people": s["given"].get("people"), "by": s["actor_name"]}
            for s in steps if s["step"] == "on_scene"]  # fmt: skip


def lesson(row: Row) -> dict[str, Any]:
    due = row["due_on"]
    return {"lesson_id": row["lesson_id"], "text": masked(row["text"]), "department": row["department"],
            "person": row["person"], "due_on": due.isoformat() if isinstance(due, dt.date) else due}  # fmt: skip


def after(at: dt.datetime, ended: dt.datetime) -> bool:
    """The end of a header is told to the second: what was done in that second belongs to it."""
    return at.replace(microsecond=0) > ended


def timeline(steps: Sequence[Row], ended: dt.datetime) -> list[dict[str, Any]]:
    """The chain as it was told, corrections beside what they correct; what came after the end only corrects."""
    corrected = {
        int(s["given"]["refers"]): s["version"] for s in steps if s["step"] == "correct" and s["given"].get("refers")
    }
    out: list[dict[str, Any]] = []
    for s in steps:
        if OWN_STEPS.match(s["step"]) or s["step"] == "review" or (after(s["at"], ended) and s["step"] != "correct"):
            continue
        line = telling.line(s["step"], s["given"])
        out.append({
            "no": s["version"], "step": s["step"], "at": iso(s["at"]),
            "happened_at": s["given"].get("happened_at") or s["given"].get("done_at"), "by": s["actor_name"],
            "zh": masked(line.zh), "en": masked(line.en), "text": masked(telling.said(s["given"])),
            "matters": telling.matters(s["step"], s["given"]), "corrected_by": corrected.get(s["version"]),
            "refers": s["given"].get("refers"),
        })  # fmt: skip
    return out


def level_words(level: Any) -> Text:
    """Ⅰ 级 of a header's level; 未定级 without one."""
    value = (level or {}).get("value")
    roman = life.ROMAN.get(int(value), "") if value else ""
    return Text(f"{roman} 级", f"Level {roman}") if roman else Text("未定级", "no level")
