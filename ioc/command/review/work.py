"""The life of a review: drafted when the incident ends, filled in, submitted (sealed), approved (closed), or returned.

Whoever writes reports fills it in; whoever approves them closes it. What was submitted is what is approved: the
record of the report is sealed at that moment, and its SM3 stands in the closing step of the incident's chain. Each
lesson with an owner becomes a 督办 when the review is closed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ioc.audit.canonical import sm3
from ioc.cases.follow import end_of_day
from ioc.cases.work import Actor
from ioc.command import book, life, tell
from ioc.command.book import Doing
from ioc.command.record import iso
from ioc.command.review import given as forms
from ioc.command.review.building import Builder, sealing
from ioc.command.review.drafting import insert
from ioc.command.work import Incidents
from ioc.errors import Conflict, Forbidden, NotFound
from ioc.i18n import Text
from ioc.records import text_json
from ioc.scope import Scope
from ioc.store import command_rows, incidents, reviews, supervision
from ioc.store.notices import ToKind
from ioc.store.past import Past
from ioc.store.request_keys import RequestKey
from ioc.store.supervision import Entry

Row = Mapping[str, Any]
Given = Mapping[str, Any]
STATES: Mapping[str, Text] = {
    "draft": Text("草稿", "Draft"),
    "submitted": Text("待审批", "Awaiting approval"),
    "closed": Text("已办结", "Closed"),
}  # fmt: skip
# step -> what it is called, in which state, which right
STEPS: Mapping[str, tuple[Text, str, str]] = {
    "submit": (Text("送审", "Submit"), "draft", life.REPORT),
    "return": (Text("退回修改", "Return"), "submitted", life.APPROVE),
    "close": (Text("批准办结", "Approve and close"), "submitted", life.APPROVE),
}


@dataclass
class Reviews:
    incidents: Incidents
    past: Past | None = None

    # ------------------------------------------------------------ reading

    def state(self, scope: Scope, case_id: int) -> dict[str, Any]:
        """The review without its report: state, what was entered, lessons as they stand, what the asker may do.

        Raises NotFound, Conflict for an incident that has not ended, or was merged into another.
        """
        store = self.incidents.store
        with store.reading(scope) as conn:
            found = incidents.read(conn, scope, case_id)
            if found is None:
                raise NotFound(f"突发事件 {case_id}", f"incident {case_id}")
            _reviewable(*found)
            row = reviews.read(conn, case_id)
            return _told(row, found[0], reviews.lessons(conn, case_id), scope)

    def report(self, scope: Scope, case_id: int, login: str = "") -> dict[str, Any]:
        """The report: as sealed once it was submitted, until then of the data as they are. Earlier incidents the asker
        does not see are counted and not named. Raises NotFound, Conflict."""
        state = self.state(scope, case_id)
        if state["seal_id"] is None:
            body, _ = Builder(self.incidents, self.past).body(scope, case_id, login)
        else:
            with self.incidents.store.reading(scope) as conn:
                found = reviews.sealed(conn, int(state["seal_id"]))
            if found is None or digest_of(found["body"]) != found["digest"] or found["digest"] != state["digest"]:
                raise Conflict("复盘报告与封存摘要不符", "the report is not what was sealed", {"case_id": case_id})
            body = json.loads(found["body"])
        return {"review": state, "report": self._named(scope, body)}

    def _named(self, scope: Scope, body: dict[str, Any]) -> dict[str, Any]:
        rows: list[Row] = body["compare"]["rows"]
        with self.incidents.store.reading(scope) as conn:
            seen = incidents.names_of(conn, scope, [int(r["case_id"]) for r in rows]) if rows else {}
        kept = [r for r in rows if int(r["case_id"]) in seen]
        return {**body, "compare": {**body["compare"], "rows": kept, "hidden": len(rows) - len(kept)}}

    def open_lessons(self, scope: Scope) -> dict[str, Any]:
        """Lessons that are not done, of every incident the asker sees; those due first."""
        with self.incidents.store.reading(scope) as conn:
            rows = reviews.open_lessons(conn, scope)
        told = [{**lesson_json(r), **{n: r[n] for n in ("case_id", "number", "title")}} for r in rows]
        return {"total": len(told), "lessons": told}

    # ------------------------------------------------------------ writing

    def edit(
        self, actor: Actor, case_id: int, given: Given, version: int, once: RequestKey | None = None
    ) -> dict[str, Any]:
        """Conclusion, losses, moments entered by hand; what is not named stays, what is null is unknown again.

        Raises NotFound, Forbidden, Conflict (no draft any more, or somebody was first), Invalid.
        """
        actor.scope.require(life.REPORT)

        def work(doing: Doing) -> dict[str, Any]:
            row = _draft_row(doing, version)
            changes, said = forms.edited(row, given, doing.case, doing.who[1], doing.now)
            command_rows.change(doing.conn, "review", row["review_id"], changes, doing.who[0], doing.now)
            book.step(doing, "review_edit", said)
            return self._answer(doing)

        return self.incidents.change(actor, case_id, work, once)

    def lesson(
        self,
        actor: Actor,
        case_id: int,
        lesson_id: int | None,
        given: Given,
        version: int,
        once: RequestKey | None = None,
    ) -> dict[str, Any]:
        """A lesson added, changed, or (`given` {"remove": true}) taken back, of a draft. Raises as `edit`."""
        actor.scope.require(life.REPORT)

        def work(doing: Doing) -> dict[str, Any]:
            row = _draft_row(doing, version)
            before = None if lesson_id is None else _lesson(doing, lesson_id)
            if given.get("remove"):
                command_rows.change(
                    doing.conn, "lesson", lesson_id or 0, {"state": "void"}, doing.who[0], doing.now, "remove"
                )
                key, said = "lesson_remove", {"text": str((before or {}).get("text", ""))}
            else:
                values = forms.lesson(given, before)
                if before is None:
                    own = {"case_id": case_id, "origin": doing.case["origin"]}
                    command_rows.insert(doing.conn, "lesson", {**own, **values}, doing.who[0], doing.now)
                else:
                    command_rows.change(doing.conn, "lesson", before["lesson_id"], values, doing.who[0], doing.now)
                key = "lesson" if before is None else "lesson_change"
                said = {
                    "text": values["text"],
                    "other": " ".join(p for p in (values["department"], values["person"]) if p),
                }
            command_rows.change(doing.conn, "review", row["review_id"], {}, doing.who[0], doing.now)
            book.step(doing, key, said)
            return self._answer(doing)

        return self.incidents.change(actor, case_id, work, once)

    def lesson_done(
        self, actor: Actor, case_id: int, lesson_id: int, result: str, once: RequestKey | None = None
    ) -> dict[str, Any]:
        """A lesson of a closed review is put right; its 督办 is answered with the same words.

        Raises NotFound, Forbidden (not its owner's, nor who writes reports), Conflict.
        """

        def work(doing: Doing) -> dict[str, Any]:
            row, review = _lesson(doing, lesson_id), reviews.read(doing.conn, case_id)
            mine = row["department"] and actor.scope.departments and row["department"] in actor.scope.departments
            if not (actor.scope.can(life.REPORT) or (mine and actor.scope.can(life.LOG))):
                raise Forbidden("只能由整改责任部门或值班人员办结", "only by its owner, or who writes reports")
            if review is None or review["state"] != "closed":
                raise Conflict("复盘尚未办结", "the review is not closed yet")
            if row["state"] == "done":
                raise Conflict("已整改完成", "is done already")
            changes = {"state": "done", "result": result, "done_by": doing.who[1], "done_at": doing.now}
            command_rows.change(doing.conn, "lesson", lesson_id, changes, doing.who[0], doing.now)
            entry = supervision.read(doing.conn, actor.scope, row["supervision_id"]) if row["supervision_id"] else None
            if entry is not None and entry["state"] == "open":
                supervision.answer(doing.conn, entry, result, doing.who[0], doing.who[1], doing.now)
            book.step(doing, "lesson_done", {"text": result, "other": str(row["text"])[:200], "lesson_id": lesson_id})
            return self._answer(doing)

        return self.incidents.change(actor, case_id, work, once)

    def step(
        self, actor: Actor, case_id: int, key: str, version: int, reason: str = "", once: RequestKey | None = None
    ) -> dict[str, Any]:
        """送审, 退回, 批准办结. Raises NotFound, Forbidden, Conflict, Invalid."""
        _, at, right = STEPS[key]
        actor.scope.require(right)
        made = self._made(actor, case_id, at) if key == "submit" else None

        def work(doing: Doing) -> dict[str, Any]:
            row = _row(doing, version)
            if row["state"] != at:
                zh, en = STATES[row["state"]].zh, STATES[row["state"]].en
                raise Conflict(f"复盘{zh}，不能{STEPS[key][0].zh}", f"the review is {en.lower()}: no {key}")
            _DO[key](doing, row, reason, made)
            return self._answer(doing)

        return self.incidents.change(actor, case_id, work, once)

    def _made(self, actor: Actor, case_id: int, at: str) -> tuple[dict[str, Any], int]:
        """The report to be sealed, read before the incident is locked: it takes longer than others should wait."""
        with self.incidents.store.reading(actor.scope) as conn:
            found = incidents.read(conn, actor.scope, case_id)
            if found is None:
                raise NotFound(f"突发事件 {case_id}", f"incident {case_id}")
            _reviewable(*found)
        login = actor.scope.actor.rpartition(":")[2]
        return Builder(self.incidents, self.past).body(sealing(actor.scope, found[0]), case_id, login)

    def _answer(self, doing: Doing) -> dict[str, Any]:
        row = reviews.read(doing.conn, doing.case_id)
        return {"review": _told(row, doing.case, reviews.lessons(doing.conn, doing.case_id), doing.actor.scope)}


# ---------------------------------------------------------------- steps


def _submit(doing: Doing, row: Row, _reason: str, made: Any) -> None:
    body, told = made
    if int(doing.case["version"]) != told:
        raise Conflict("刚有新的记录，请刷新后再送审", "something was recorded meanwhile: look again, then submit")
    text = canonical(body)
    digest = digest_of(text)
    seal_id = reviews.seal(doing.conn, doing.case_id, text, digest, doing.who[0], str(doing.case["origin"]), doing.now)
    changes = {"state": "submitted", "submitted_by": doing.who[1], "submitted_at": doing.now, "returned": "",
               "seal_id": seal_id, "digest": digest}  # fmt: skip
    command_rows.change(doing.conn, "review", row["review_id"], changes, doing.who[0], doing.now)
    no = book.step(doing, "review_submit", {"digest": digest})
    words = f"复盘报告待审批：{doing.case['title']}", f"A review waits for approval: {doing.case['title']}"
    for role in ("chief", "leader"):
        tell.put(doing.conn, doing.case, f"review_submit:{no}:{role}", "incident.review", ("role", role), words,
                 str(doing.case["number"]), doing.now, priority="medium")  # fmt: skip


def _return(doing: Doing, row: Row, reason: str, _made: Any) -> None:
    forms.reason(reason)
    changes = {"state": "draft", "returned": reason, "seal_id": None, "digest": ""}
    command_rows.change(doing.conn, "review", row["review_id"], changes, doing.who[0], doing.now)
    book.step(doing, "review_return", {"text": reason})


def _close(doing: Doing, row: Row, reason: str, _made: Any) -> None:
    """复盘办结: what was sealed is what is closed; each lesson with an owner is followed up from here on."""
    found = reviews.sealed(doing.conn, int(row["seal_id"] or 0))
    if found is None or digest_of(found["body"]) != row["digest"]:
        raise Conflict("复盘报告与封存摘要不符", "the report is not what was sealed")
    for lesson in reviews.lessons(doing.conn, doing.case_id):
        if lesson["department"] or lesson["person"]:
            _followed(doing, lesson)
    changes = {"state": "closed", "closed_by": doing.who[1], "closed_at": doing.now}
    command_rows.change(doing.conn, "review", row["review_id"], changes, doing.who[0], doing.now)
    same = row["submitted_by"] == doing.who[1]
    book.step(doing, "review_close", {"text": reason, "digest": row["digest"], "self": same})


def _followed(doing: Doing, lesson: Row) -> None:
    until = end_of_day(lesson["due_on"].isoformat(), doing.zone) if lesson["due_on"] else None
    owner = " ".join(p for p in (lesson["department"], lesson["person"]) if p)
    no = book.step(doing, "lesson_follow", {"text": lesson["text"], "other": owner, "lesson_id": lesson["lesson_id"]})
    entry = Entry(doing.case_id, no, "supervise", f"整改：{lesson['text']}"[:2000], *doing.who,
                  lesson["department"] or None, lesson["person"], until, str(doing.case["origin"]))  # fmt: skip
    made = supervision.make(doing.conn, entry, doing.now)
    command_rows.change(doing.conn, "lesson", lesson["lesson_id"], {"supervision_id": made}, doing.who[0], doing.now)
    words = f"整改任务：{lesson['text']}", f"To be put right: {lesson['text']}"
    owners: tuple[tuple[ToKind, str], ...] = (("department", lesson["department"]), ("person", lesson["person"]))
    for kind, ref in owners:
        if ref:
            tell.put(doing.conn, doing.case, f"lesson:{lesson['lesson_id']}:{kind}", "incident.lesson", (kind, ref),
                     words, str(doing.case["title"]), doing.now, priority="medium")  # fmt: skip


_DO: Mapping[str, Callable[[Doing, Row, str, Any], None]] = {"submit": _submit, "return": _return, "close": _close}


# ---------------------------------------------------------------- parts


def canonical(body: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no spaces: the same report is the same text."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(text: str) -> str:
    """SM3 (GB/T 32905) of a sealed report, hexadecimal."""
    return sm3(text.encode("utf-8")).hex()


def _reviewable(case: Row, incident: Row) -> None:
    """Raises Conflict."""
    if case["closed_at"] is None:
        raise Conflict("突发事件尚未终止，不能复盘", "the incident has not ended: no review yet")
    if case["merged_into"] is not None or incident["end_how"] == "merged":
        raise Conflict("已并入其他事件，在该事件复盘", "merged into another: the review is there",
                       {"merged_into": case["merged_into"]})  # fmt: skip


def _row(doing: Doing, version: int) -> Row:
    """The review, made where there is none yet (`version` 0). Raises Conflict where somebody was first."""
    _reviewable(doing.case, doing.incident)
    row = reviews.read(doing.conn, doing.case_id, lock=True)
    if (row["version"] if row else 0) != version:
        last = reviews.history(doing.conn, doing.case_id)
        by = str(last[-1]["actor"]) if last else ""
        raise Conflict("复盘刚被他人更改，请刷新", "somebody has just changed the review", {"by": by})
    return row or insert(doing, doing.who[1])


def _draft_row(doing: Doing, version: int) -> Row:
    row = _row(doing, version)
    if row["state"] != "draft":
        zh, en = STATES[row["state"]].zh, STATES[row["state"]].en
        raise Conflict(f"复盘{zh}，不能修改", f"the review is {en.lower()}: it is not changed any more")
    return row


def _lesson(doing: Doing, lesson_id: int) -> Row:
    row = reviews.lesson(doing.conn, doing.case_id, lesson_id)
    if row is None or row["state"] == "void":
        raise NotFound(f"经验教训 {lesson_id}", f"lesson {lesson_id}")
    return row


def _told(row: Row | None, case: Row, lessons: list[dict[str, Any]], scope: Scope) -> dict[str, Any]:
    state = str(row["state"]) if row else "draft"
    may = [{"step": k, **text_json(v[0])} for k, v in STEPS.items() if v[1] == state and scope.can(v[2])]
    told: dict[str, Any] = {
        n: (row or {}).get(n) for n in ("drafted_by", "submitted_by", "closed_by", "returned", "seal_id")
    }
    return {
        "key": f"review:{case['case_id']}", "case_id": case["case_id"], "state": state,
        "word": text_json(STATES[state]),
        "version": row["version"] if row else 0, "conclusion": (row or {}).get("conclusion", ""),
        "losses": (row or {}).get("losses") or {}, "times": (row or {}).get("times") or {}, **told,
        **{n: iso((row or {}).get(n)) for n in ("drafted_at", "submitted_at", "closed_at")},
        "digest": (row or {}).get("digest", ""), "lessons": [lesson_json(r) for r in lessons], "may": may,
        "edit": state == "draft" and scope.can(life.REPORT),
    }  # fmt: skip


def lesson_json(row: Row) -> dict[str, Any]:
    """A lesson as it stands: done by its own word, or because its 督办 was closed."""
    supervised = row.get("supervised") or ""
    done = row["state"] == "done" or supervised == "closed"
    due: Any = row["due_on"]
    return {
        "lesson_id": row["lesson_id"], "text": row["text"], "department": row["department"], "person": row["person"],
        "due_on": due.isoformat() if isinstance(due, dt.date) else due, "state": "done" if done else "open",
        "result": row["result"] or row.get("answer") or "", "done_by": row["done_by"] or row.get("answered_by") or "",
        "done_at": iso(row["done_at"] or row.get("answered_at")), "supervised": supervised,
        "supervision_id": row["supervision_id"],
    }  # fmt: skip
