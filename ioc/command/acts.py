"""What each act changes: columns of the incident and of its case, and what is kept with the step.

One function an act, called once the rules (`ioc.command.life`) have let it pass; `perform` is their one door.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ioc.attachments.work import bind
from ioc.cases.follow import end_of_day
from ioc.command import forces, life, placing, tell
from ioc.command import given as forms
from ioc.command.book import Doing, begin, open_only, refuse_stale, step, write
from ioc.command.life import Act
from ioc.command.record import iso, moment
from ioc.command.review import drafting as reviewing
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.store import case_steps, command_rows, incidents
from ioc.store.supervision import Entry
from ioc.store.supervision import make as make_supervision

Given = Mapping[str, Any]
FAST_CLOCK = dt.timedelta(minutes=10)


@dataclass
class Effect:
    """`incident`: its columns; `columns`: of the case; `kept`: with the step, beside what was given."""

    incident: dict[str, Any] = field(default_factory=dict[str, Any])
    columns: dict[str, Any] = field(default_factory=dict[str, Any])
    kept: dict[str, Any] = field(default_factory=dict[str, Any])


def perform(doing: Doing, key: str, given: Given, version: int | None, buffer_m: float) -> int:
    """One act in the caller's transaction. Returns the number of its step.

    Raises NotFound, Forbidden, Conflict (not possible now, or somebody was first), Invalid with every reason.
    """
    act = life.act_of(key)
    life.may(act, doing.actor.scope)
    if act.staled:
        refuse_stale(doing, version)
    against = life.why_not(doing.life, act)
    if against is not None:
        raise Conflict(against.zh, against.en)
    found = forms.checked(act.needs, given, act.may)
    _not_ahead(found, doing.now)
    life.check(doing.life, act, found)
    effect = _EFFECTS.get(key, _nothing)(doing, found, buffer_m)
    _moved(doing, act, found, effect)
    proof = bind(doing.conn, doing.actor.scope, doing.case, found, doing.now) if found.get("photos") else {}
    if effect.incident or act.staled:  # who looked before must look again, also where only the case's row changes
        write(doing, effect.incident or {"on_scene": doing.incident["on_scene"]})
    no = step(doing, key, {**found, **effect.kept, **proof}, effect.columns)
    if key in ("instruct", "supervise"):
        _supervised(doing, key, found)
    if key == "end":
        reviewing.draft(doing)
    tell.after_act(doing, key, found)
    return no


def _not_ahead(found: Given, now: dt.datetime) -> None:
    for name in ("happened_at", "done_at"):
        at = moment(found.get(name))
        if at is not None and at > now + FAST_CLOCK:
            zh, en = "时间在将来", "lies in the future"
            raise Invalid(reasons=[Reason(name, "future_time", zh, en, str(found[name]))])


def _moved(doing: Doing, act: Act, found: Given, effect: Effect) -> None:
    """The next stage, and what ends with the last one."""
    before, after = doing.life, life.after(doing.life, act, found)
    if after.stage == before.stage:
        return
    entered = {"stage": after.stage, "entered_at": doing.now.isoformat(), "by": doing.who[1]}
    effect.columns |= {"stage": after.stage, "stages": [*(doing.case["stages"] or ()), entered]}
    if doing.case["responded_at"] is None:
        effect.columns["responded_at"] = doing.now
    if after.over:
        ended = {"cancelled": "false_alarm", "merged": "merged"}.get(after.ended, "")
        effect.columns |= {"closed_at": doing.now, "ended": ended, "due_at": None, "due_label": "", "asked": ""}
        effect.incident |= {"end_how": after.ended, "end_reason": found["reason"], "proposed": None}
        _close(doing, found)


def _close(doing: Doing, found: Given) -> None:
    """Orders still open are withdrawn with it, shifts end, drafts of reports are void, its forces are free again."""
    who, now = doing.actor.scope.actor, doing.now
    for task in doing.parts.tasks:
        if task["state"] in ("issued", "signed", "working"):
            why = f"随终止撤回：{found['reason']}"[:2000]
            command_rows.change(doing.conn, "task", task["task_id"],
                                {"state": "withdrawn", "done_at": now, "reason": why}, who, now)  # fmt: skip
            tell.task_withdrawn(doing, task)
    for post in doing.parts.posts:
        if post["to_at"] is None or post["to_at"] > now:
            ended = max(now, post["from_at"])
            command_rows.change(doing.conn, "post", post["post_id"], {"to_at": ended}, who, now)
    for report in doing.parts.reports:
        if report["state"] in ("draft", "submitted", "approved"):
            command_rows.change(doing.conn, "report", report["report_id"], {"state": "void"}, who, now)
    forces.release_all(doing.conn, doing.case_id, who, now)


# ------------------------------------------------------------ level and response


def _nothing(_doing: Doing, _given: Given, _buffer_m: float) -> Effect:
    return Effect()


def _said(doing: Doing, level: int, reason: str) -> dict[str, Any]:
    return {"level": level, "by": doing.who[1], "actor": doing.who[0], "at": iso(doing.now), "reason": reason}


def _assess(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    out = _classify(doing, given, _buffer_m) if given.get("class") or given.get("type") else Effect()
    if given.get("level"):
        out.incident["proposed"] = _said(doing, given["level"], given["text"])
    return out


def _propose(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    return Effect({"proposed": _said(doing, given["level"], given["reason"])})


def _confirm(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    proposed = doing.incident["proposed"]
    was = doing.incident["confirmed"]
    said = _said(doing, proposed["level"], given.get("text", ""))
    said["proposed_by"], said["proposed_at"] = proposed["by"], proposed["at"]
    # who proposes and who confirms may be one person at night; the record says so
    kept: dict[str, Any] = {"level": proposed["level"], "self": proposed.get("actor") == doing.who[0]}
    if was:
        kept["was"] = was["level"]
    return Effect({"confirmed": said, "proposed": None}, kept=kept)


def _reject(doing: Doing, _given: Given, _buffer_m: float) -> Effect:
    return Effect({"proposed": None}, kept={"level": doing.incident["proposed"]["level"]})


def _ask_response(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    level = int(given["response_level"])
    action = life.asked_action(doing.life, level)
    scope = given.get("scope") or (doing.incident["response"] or {}).get("scope", "")
    asked = {
        "action": action, "level": level, "scope": scope, "document": given.get("document", ""),
        "reason": given["reason"], "by": doing.who[1], "actor": doing.who[0], "at": iso(doing.now),
    }  # fmt: skip
    return Effect({"response_asked": asked}, kept={"action": action, "scope": scope})


def _approve_response(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    asked = doing.incident["response_asked"]
    approved = {
        "level": asked["level"], "scope": asked["scope"], "reason": asked["reason"],
        "document": given.get("document") or asked["document"],
        "requested_by": asked["by"], "requested_at": asked["at"],
        "approved_by": doing.who[1], "approved_at": iso(doing.now),
    }  # fmt: skip
    changes: dict[str, Any] = {"response": approved if asked["level"] else None, "response_asked": None}
    if doing.incident["responded_at"] is None and asked["level"]:
        changes["responded_at"] = doing.now
    kept = {"response_level": asked["level"], "action": asked["action"], "scope": asked["scope"],
            "document": approved["document"], "self": asked["actor"] == doing.who[0]}  # fmt: skip
    return Effect(changes, kept=kept)


def _deny_response(doing: Doing, _given: Given, _buffer_m: float) -> Effect:
    asked = doing.incident["response_asked"]
    kept = {"response_level": asked["level"], "action": asked["action"], "scope": asked["scope"]}
    return Effect({"response_asked": None}, kept=kept)


def _no_response(doing: Doing, _given: Given, _buffer_m: float) -> Effect:
    return Effect({"responded_at": doing.incident["responded_at"] or doing.now})


# ------------------------------------------------------------ class, place, links


def _classify(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    out = Effect()
    if given.get("type"):
        scheme, code = placing.type_of(doing.conn, given["type"])
        out.columns |= {"category_scheme": scheme, "category_code": code}
    if given.get("class"):
        out.incident["class"] = given["class"]
    return out


def _correct_place(doing: Doing, given: Given, buffer_m: float) -> Effect:
    found = placing.placed(doing.conn, doing.actor.scope, given["place"], buffer_m)
    case_steps.place(doing.conn, doing.case_id, found["lon"], found["lat"], found["x_m"], found["y_m"], found["srid"])
    columns = {n: found[n] for n in ("region_id", "grid_cell_id", "h3_10")}
    if given.get("address"):
        columns["address"] = given["address"]
    was = {"lon": doing.case["lon"], "lat": doing.case["lat"], "region_id": doing.case["region_id"]}
    return Effect({"place_given": dict(given["place"])}, columns, {"was": was})


def _set_area(_doing: Doing, given: Given, _buffer_m: float) -> Effect:
    return Effect({"geometry": json.dumps(given["area"])})


def _merge(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    """This one ends; what it was goes on in the other, which says so."""
    other = _other(doing, given["incident"])
    _link(doing, "merged", other.case_id, given["reason"])
    _link(other, "merged", doing.case_id, given["reason"])
    said = {"other": doing.case["number"], "text": given["reason"]}
    step(other, "merged", said)
    return Effect(columns={"merged_into": other.case_id}, kept={"other": other.case["number"]})


def _link_incident(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    other = _other(doing, given["incident"])
    for one, beside in ((doing, other), (other, doing)):
        _link(one, "incident", beside.case_id, given.get("reason", ""))
    step(other, "link", {"other": doing.case["number"], "text": given.get("reason", "")})
    return Effect(kept={"other": other.case["number"]})


def _unlink_incident(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    other = _other(doing, given["incident"])
    for one, beside in ((doing, other), (other, doing)):
        _unlink(one, "incident", beside.case_id)
    step(other, "unlink", {"other": doing.case["number"], "text": given["reason"]})
    return Effect(kept={"other": other.case["number"]})


def _link_warning(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    """Only official warnings have a colour; an exercise's warning belongs to an exercise."""
    row = incidents.area_warning(doing.conn, doing.actor.scope, given["warning"])
    if row is None:
        raise NotFound(f"预警 {given['warning']}", f"warning {given['warning']}")
    if bool(row["exercise"]) != bool(doing.case["exercise"]) and row["exercise"]:
        raise Conflict("演练预警不能关联真实事件", "an exercise's warning does not belong to a real incident")
    _link(doing, "warning", int(row["warning_id"]), given.get("reason", ""))
    return Effect(kept={"other": f"{row['kind']} {row['area']}".strip(), "colour": row["colour"]})


def _unlink_warning(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    _unlink(doing, "warning", given["warning"])
    return Effect(kept={"other": f"warning:{given['warning']}"})


def _other(doing: Doing, case_id: int) -> Doing:
    """Another incident, locked after this one was: who locks in the other order is tried again (`retried`)."""
    if case_id == doing.case_id:
        raise Conflict("不能与自身关联", "that is this incident")
    other = begin(doing.conn, doing.actor, case_id, doing.now, doing.zone)
    open_only(other)
    if bool(other.case["exercise"]) != bool(doing.case["exercise"]):
        raise Conflict("演练与真实事件不能合并或关联", "an exercise and a real incident stay apart")
    return other


def _link(doing: Doing, kind: str, other_id: int, reason: str) -> None:
    standing = [k for k in doing.parts.links if k["undone_at"] is None and k["other_id"] == other_id]
    if any(k["kind"] == kind for k in standing):
        raise Conflict("已关联", "is linked already")
    values = {"case_id": doing.case_id, "kind": kind, "other_id": other_id, "reason": reason, "by_name": doing.who[1],
              "at": doing.now, "origin": doing.case["origin"]}  # fmt: skip
    command_rows.insert(doing.conn, "link", values, doing.who[0], doing.now)


def _unlink(doing: Doing, kind: str, other_id: int) -> None:
    found = [k for k in doing.parts.links
             if k["undone_at"] is None and k["kind"] == kind and k["other_id"] == other_id]  # fmt: skip
    if not found:
        raise Conflict("没有此关联", "is not linked")
    command_rows.change(doing.conn, "link", found[0]["link_id"], {"undone_at": doing.now}, doing.who[0], doing.now)


# ------------------------------------------------------------ people


def _appoint(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    """A shift. Who had the role until then goes when the new one comes."""
    start, end = moment(given.get("from_at")) or doing.now, moment(given.get("to_at"))
    if end is not None and end <= start:
        raise Invalid(
            reasons=[Reason("to_at", "time_order", "早于开始时间", "earlier than its beginning", iso(end) or "")]
        )
    role = given["role"]
    if role == "other" and not given.get("title"):
        raise Invalid(reasons=[Reason("title", "missing", "须写明职责", "say which", "")])
    for post in doing.parts.posts:
        same = post["role"] == role and (role != "other" or post["title"] == given["title"])
        if same and (post["to_at"] is None or post["to_at"] > start) and post["from_at"] <= start:
            command_rows.change(doing.conn, "post", post["post_id"], {"to_at": start}, doing.who[0], doing.now)
    values = {
        "case_id": doing.case_id, "role": role, "from_at": start, "to_at": end, "origin": doing.case["origin"],
        **{n: given.get(n, "") for n in ("title", "person", "login", "department", "phone")},
    }  # fmt: skip
    command_rows.insert(doing.conn, "post", values, doing.who[0], doing.now)
    return Effect(kept={"phone": None})  # the number is in the post alone, not in the chain


def _relieve(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    post = next((p for p in doing.parts.posts if p["post_id"] == given["post"]), None)
    if post is None:
        raise NotFound(f"岗位 {given['post']}", f"post {given['post']}")
    if post["to_at"] is not None and post["to_at"] <= doing.now:
        raise Conflict("已卸任", "is relieved already")
    end = max(doing.now, post["from_at"])
    command_rows.change(doing.conn, "post", post["post_id"], {"to_at": end}, doing.who[0], doing.now)
    return Effect(kept={"person": post["person"]})


def _on_scene(_doing: Doing, given: Given, _buffer_m: float) -> Effect:
    return Effect({"on_scene": given["people"]})


def _log(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    if not given.get("text") and not given.get("photos"):
        raise Invalid(reasons=[Reason("text", "missing", "须有文字或照片", "a text or a picture", "")])
    return Effect()


def _correct(doing: Doing, given: Given, _buffer_m: float) -> Effect:
    found = doing.conn.execute(
        "SELECT 1 FROM case_step WHERE case_id = %s AND version = %s", (doing.case_id, given["refers"])
    ).fetchone()
    if found is None:
        zh, en = "没有这条记录", "no such entry"
        raise Invalid(reasons=[Reason("refers", "unknown_entry", zh, en, str(given["refers"]))])
    return Effect()


def _supervised(doing: Doing, key: str, given: Given) -> None:
    """批示 and 督办 are in the list of what must be answered, with their owner and until when."""
    until = str(given.get("until", ""))
    at = end_of_day(until, doing.zone) if len(until) == 10 else moment(until)
    department, person = tell.owner(doing, str(given.get("owner", "")).strip())
    entry = Entry(doing.case_id, int(doing.case["version"]), "instruct" if key == "instruct" else "supervise",
                  str(given["text"]), *doing.who, department or None, person, at, doing.case["origin"])  # fmt: skip
    make_supervision(doing.conn, entry, doing.now)


_EFFECTS: Mapping[str, Callable[[Doing, Given, float], Effect]] = {
    "assess": _assess, "propose_level": _propose, "confirm_level": _confirm, "reject_level": _reject,
    "ask_response": _ask_response, "approve_response": _approve_response, "deny_response": _deny_response,
    "no_response": _no_response, "classify": _classify, "correct_place": _correct_place, "set_area": _set_area,
    "merge": _merge, "link": _link_incident, "unlink": _unlink_incident, "link_warning": _link_warning,
    "unlink_warning": _unlink_warning, "appoint": _appoint, "relieve": _relieve, "on_scene": _on_scene, "log": _log,
    "correct": _correct, "review": _log,
}  # fmt: skip
