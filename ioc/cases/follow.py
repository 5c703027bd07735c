"""What follows of a step: notices to who must know, 督办 entries, ratings. One call from `ioc.cases.work`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ioc.cases import ratings as rating_rules
from ioc.cases.dispatch import to_notify
from ioc.cases.stepping import Act, Done, Row
from ioc.errors import Invalid, Reason
from ioc.store import dictionaries, dispatch, notices, ratings, supervision
from ioc.store.notices import Notice, Priority, ToKind
from ioc.store.pool import Conn

PRIORITY: Mapping[str, Priority] = {"critical": "urgent", "urgent": "high", "routine": "medium"}


def after_step(done: Done, act: Act, *, notify_role: str = "") -> Row:
    """Everything that follows, in the step's transaction. Returns the case after it: a bad rating sends it back."""
    if "department" in done.taken.step.needs:
        tell_assigned(done, notify_role)
    if done.key == "urge":
        _tell_holder(done, "case.urge", "催办", "Urged", str(done.given.get("text", "")))
    _tell_turned(done)
    if done.key in ("supervise", "instruct"):
        _supervise(done)
    if done.given.get("satisfaction") is not None and "satisfaction" in done.taken.step.needs:
        return _rated(done, act)
    if done.after["closed_at"] and not done.before["closed_at"] and not done.after["ended"]:
        return _put_right(done)
    return done.after


# ------------------------------------------------------------ notices


def about(case: Row) -> dict[str, Any]:
    """Where a notice about a case belongs."""
    return {
        "about": f"case:{case['case_id']}",
        "priority": PRIORITY.get(case["urgency"], "medium"),
        **{n: case[n] for n in ("region_id", "private_to", "sensitivity", "origin")},
    }


def tell_person(conn: Conn, notice: Notice, now: dt.datetime) -> None:
    """A notice to somebody by name: to the account of that name at the place of the notice, by name where there is
    none. A city has many of one name: those of another place are not told; two of one place both are."""
    logins = dispatch.logins_of(conn, notice.to_ref, notice.region_id)
    if not logins:
        notices.put(conn, notice, now)
    for n, login in enumerate(logins):
        key = notice.key if n == 0 else f"{notice.key}:{login}"
        notices.put(conn, replace(notice, key=key, to_kind="account", to_ref=login), now)


def tell_assigned(done: Done, notify_role: str = "") -> None:
    """The department that has it now, the one beside it, and the officers of the place: each once a step."""
    case = done.after
    for part, name in (("department", case["department"]), ("co_department", case["co_department"])):
        if name:
            _tell(done, part, "department", str(name), "case.assigned", "派单", "Assigned")
    for officer in officers_of(done.conn, case, notify_role):
        _tell(done, f"officer:{officer}", "person", officer, "case.notified", "属地事件", "In your grid")


def officers_of(conn: Conn, case: Row, role: str) -> list[str]:
    """Names of the officers of the case's cell, and the one it was given to; each once."""
    cell = next(iter(dispatch.cells(conn, [case["grid_cell_id"]])), None) if case["grid_cell_id"] else None
    found = [str(o["name"]).strip() for o in to_notify(cell["officers"] or (), role)] if cell else []
    own = str(case["officer"] or "").strip()
    return list(dict.fromkeys([*([own] if own else []), *found]))


def _tell(done: Done, part: str, to_kind: ToKind, to: str, kind: str, zh: str, en: str, *, body: str = "") -> None:
    case = done.after
    line = " · ".join(p for p in (str(case["number"]), body or str(case["address"])) if p)
    notice = Notice(
        f"case:{case['case_id']}:{done.key}:{case['version']}:{part}", kind, to_kind, to,
        f"{zh}：{case['title']}", f"{en}: {case['title']}", line, line, **about(case),
    )  # fmt: skip
    if to_kind == "person":
        tell_person(done.conn, notice, done.now)
    else:
        notices.put(done.conn, notice, done.now)


def _tell_holder(done: Done, kind: str, zh: str, en: str, body: str) -> None:
    """Who has the case: its department and its officer; the duty officers where nobody has it yet."""
    case = done.after
    if case["department"]:
        _tell(done, "department", "department", str(case["department"]), kind, zh, en, body=body)
    if case["officer"]:
        _tell(done, "officer", "person", str(case["officer"]), kind, zh, en, body=body)
    if not case["department"] and not case["officer"]:
        _tell(done, "duty", "role", "officer", kind, zh, en, body=body)


def _tell_turned(done: Done) -> None:
    """Whose turn it is after a request, its answer, or work that comes back: nobody finds that out by looking."""
    step, title, why = done.taken.step, done.taken.step.title, str(done.given.get("reason") or "")
    if step.asks:
        _tell(done, "approve", "role", "chief", "case.asked", title.zh, title.en, body=why)
    elif step.grants or step.denies:
        _tell_holder(done, "case.answered", title.zh, title.en, why)
    elif step.key in ("rework", "reopen"):
        _tell_holder(done, "case.returned", title.zh, title.en, why)
    elif step.key == "return":
        _tell(done, "duty", "role", "officer", "case.returned", title.zh, title.en, body=why)


# ------------------------------------------------------------ 督办, 批示


def _supervise(done: Done) -> None:
    case, given = done.after, done.given
    owner = str(given.get("owner", "")).strip()
    known = {str(d["name"]) for d in dispatch.departments(done.conn)} | {str(case["department"] or "")}
    department, person = (owner, "") if owner in known else (None, owner)
    if not owner:
        department, person = case["department"], str(case["officer"] or "")
    entry = supervision.Entry(
        case["case_id"], case["version"], "instruct" if done.key == "instruct" else "supervise", str(given["text"]),
        done.actor, done.name, department or None, person, end_of_day(given.get("until"), done.zone), case["origin"],
    )  # fmt: skip
    supervision.make(done.conn, entry, done.now)
    zh, en = ("批示", "Instruction") if done.key == "instruct" else ("督办", "Supervised")
    kind, body = f"case.{done.key}", str(given["text"])
    if department:
        _tell(done, "department", "department", department, kind, zh, en, body=body)
    if person:
        _tell(done, "person", "person", person, kind, zh, en, body=body)
    if not department and not person:
        _tell(done, "duty", "role", "officer", kind, zh, en, body=body)


def end_of_day(date: Any, zone: dt.tzinfo) -> dt.datetime | None:
    """The last moment of a local date (the midnight after it), UTC."""
    if not date:
        return None
    next_day = dt.date.fromisoformat(str(date)) + dt.timedelta(days=1)
    return dt.datetime.combine(next_day, dt.time.min, tzinfo=zone).astimezone(dt.UTC)


# ------------------------------------------------------------ ratings


def _rated(done: Done, act: Act) -> Row:
    """Kept with the step. A bad one sends the case back to work under 整改; a good one puts right what was bad."""
    case, given = done.after, done.given
    rating = int(given["satisfaction"])
    ratings.put(
        done.conn,
        ratings.Rating(
            case["case_id"], case["version"], rating, given.get("resolved"), _tags(done),
            str(given.get("reason") or given.get("text") or ""), done.actor, done.name, case["origin"],
        ),
        done.now,
    )  # fmt: skip
    if not rating_rules.is_bad(rating):
        return _put_right(done) if case["closed_at"] else case
    who = (rating_rules.ACTOR, rating_rules.NAME)
    if case["closed_at"]:
        why = f"差评（{rating} 分）自动重开，整改后重新回访"
        return act(case, "reopen", {"reason": why}, who, {"columns": {"repair": True}})
    return act(case, "note", {"text": f"差评（{rating} 分），退回整改"}, who, {"columns": {"repair": True}})


def _put_right(done: Done) -> Row:
    """Closed and nobody complained: the bad ratings before are repaired. The mark on the case stays as its story."""
    ratings.repaired(done.conn, done.after["case_id"], done.now)
    return done.after


def _tags(done: Done) -> list[str]:
    """Codes of the reasons; a word of the dictionary is taken for its code. Raises Invalid for any other."""
    asked = list(done.given.get("tags") or ())
    if not asked:
        return []
    table = dictionaries.current(done.conn, done.now.astimezone(done.zone).date()).get("rating_reason")
    found = {tag: table.find(tag) if table else None for tag in asked}
    wrong = [tag for tag, entry in found.items() if entry is None]
    if wrong:
        known = "、".join(e.zh for e in table.values()) if table else ""
        zh, en = f"没有这个原因标签，可用：{known}", f"no such reason; known: {known}"
        raise Invalid(reasons=[Reason("tags", "unknown_tag", zh, en, tag) for tag in wrong])
    return list(dict.fromkeys(entry.code for entry in found.values() if entry is not None))
