"""Reports to the level above (首报, 续报, 终报): drafted, edited, approved, sent by the outbound channels, proven."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc import geo
from ioc.cases.work import Actor
from ioc.command import answer as panels_answer
from ioc.command import book, life, record, report_panels, report_text, reporting, tell
from ioc.command.asking import Ask, PanelState
from ioc.command.book import Doing, open_only
from ioc.command.ordering import task_json
from ioc.command.panels import panels
from ioc.command.record import iso, moment
from ioc.command.report_text import Basis, Fact
from ioc.command.reporting import Sent
from ioc.command.work import Incidents
from ioc.errors import Conflict, Forbidden, Invalid, NotFound, Reason
from ioc.scope import SYSTEM, Scope
from ioc.store import command_rows, inbox, told
from ioc.store.locate import metre_srid
from ioc.store.request_keys import RequestKey

Row = Mapping[str, Any]
Recipients = Sequence[Mapping[str, str]]


@dataclass
class Reports:
    """`centre`: gives the name reports are signed with."""

    incidents: Incidents
    centre: Callable[[], str] = str

    # ------------------------------------------------------------ writing

    def draft(self, actor: Actor, case_id: int, kind: str, once: RequestKey | None = None) -> dict[str, Any]:
        """A draft with the text of the facts as they are now. Raises Forbidden, NotFound, Conflict."""
        actor.scope.require(life.REPORT)
        around = self._around(actor.scope, case_id)

        def work(doing: Doing) -> dict[str, Any]:
            open_only(doing)
            sent, waiting = _sent(doing), [r["kind"] for r in doing.parts.reports if r["state"] in _WAITING]
            reporting.drafted(kind, "written", sent, waiting)
            made = report_text.draft(kind, self._basis(doing, kind, around), doing.now, doing.zone)
            row = self._insert(doing, kind, "written", made.title, made.text, [f.as_dict() for f in made.facts], {})
            book.step(doing, "report", {"report_id": row["report_id"], "kind": kind})
            return {"report": self._say(doing, row, "new")}

        return self.incidents.change(actor, case_id, work, once)

    def phone(
        self, actor: Actor, case_id: int, to: str, text: str, at: dt.datetime | None, once: RequestKey | None = None
    ) -> dict[str, Any]:
        """A report made by telephone: to whom, what was said, when. It is sent by being said."""
        actor.scope.require(life.REPORT)

        def work(doing: Doing) -> dict[str, Any]:
            open_only(doing)
            when = at or doing.now
            opened = moment(doing.case["opened_at"]) or doing.now
            if when > doing.now or when < opened:
                zh, en = "应在接报之后、现在之前", "must lie between its opening and now"
                raise Invalid(reasons=[Reason("at", "bad_time", zh, en, iso(when) or "")])
            kind = "follow" if _sent(doing) else "first"
            reporting.drafted(kind, "phone", _sent(doing), ())
            title = f"关于“{doing.case['title']}”的电话{reporting.KINDS[kind].zh}"
            done = {"state": "sent", "recipients": [{"kind": "person", "ref": to}], "sent_by": doing.who[1],
                    "sent_at": when}  # fmt: skip
            row = self._insert(doing, kind, "phone", title, text, [], done)
            said = {"report_id": row["report_id"], "kind": kind, "text": f"向{to}：{text}"[:2000],
                    "happened_at": iso(when)}  # fmt: skip
            book.step(doing, "phone_report", said)
            return {"report": self._say(doing, row, "new")}

        return self.incidents.change(actor, case_id, work, once)

    def edit(
        self, actor: Actor, case_id: int, report_id: int, text: str, recipients: Recipients | None, version: int
    ) -> dict[str, Any]:
        """Another text of a draft; every version stays. Raises Forbidden, NotFound, Conflict."""
        actor.scope.require(life.REPORT)

        def work(doing: Doing) -> dict[str, Any]:
            open_only(doing)
            row = _one(doing, report_id, version)
            if row["state"] != "draft":
                raise Conflict("只有草稿可以修改", "only a draft can be edited")
            changes: dict[str, Any] = {"text": text, "returned": ""}
            if recipients is not None:
                changes["recipients"] = _listed(recipients)
            after = command_rows.change(doing.conn, "report", report_id, changes, doing.who[0], doing.now)
            book.step(doing, "report_edit", {"report_id": report_id, "kind": row["kind"]})
            return {"report": self._say(doing, after, "change")}

        return self.incidents.change(actor, case_id, work)

    def step(
        self, actor: Actor, case_id: int, report_id: int, key: str, given: Mapping[str, Any], version: int | None,
        once: RequestKey | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """送审, 批准, 退回, 报送, 作废. Raises Forbidden, NotFound, Conflict, Invalid."""
        if key not in reporting.STEPS:
            raise NotFound(f"步骤 {key}", f"step {key}")
        title, _, _, right = reporting.STEPS[key]
        if not actor.scope.can(right):
            raise Forbidden(f"{title.zh}需要权限 {right}", f"{key} needs the right {right}")

        def work(doing: Doing) -> dict[str, Any]:
            open_only(doing)
            row = _one(doing, report_id, version)
            state = reporting.stepped(row["state"], key)
            changes = {"state": state, **_marks(doing, row, key, given)}
            after = command_rows.change(doing.conn, "report", report_id, changes, doing.who[0], doing.now)
            said: dict[str, Any] = {"report_id": report_id, "kind": row["kind"]}
            if given.get("reason"):
                said["text"] = str(given["reason"])[:2000]
            if key == "send":
                said["to"] = [r["ref"] for r in after["recipients"]]
                _send(doing, after)
            book.step(doing, f"report_{key}", said)
            _tell(doing, after, key, str(given.get("reason") or ""))
            return {"report": self._say(doing, after, "change")}

        return self.incidents.change(actor, case_id, work, once)

    # ------------------------------------------------------------ reading

    def listed(self, scope: Scope, case_id: int, at: dt.datetime | None = None) -> dict[str, Any]:
        """Reports of an incident, newest first, with the proof of those that were sent. Raises NotFound."""
        now = self.incidents.clock.now()
        with self.incidents.store.reading(scope) as conn:
            parts = self.incidents.parts(conn, scope, case_id, at)
        rows = list(reversed(parts.reports))
        with self.incidents.store.reading(SYSTEM) as conn:
            proofs = {
                r["report_id"]: inbox.about(conn, f"report:{r['report_id']}") for r in rows if r["state"] == "sent"
            }
        state = record.life_of(parts.case, parts.incident, parts.tasks, parts.reports)
        term = reporting.term_of(parts.terms, state.confirmed or state.proposed or None)
        return {
            "total": len(rows),
            "reports": [report_json(r, scope, proofs.get(r["report_id"]) if at is None else None) for r in rows],
            "due": record.due_json(record.owed_of(parts, state), at or now),
            "term": term.as_dict() if term else None,
        }

    # ------------------------------------------------------------ parts

    def _insert(
        self, doing: Doing, kind: str, how: str, title: str, text: str, facts: list[dict[str, Any]],
        more: Mapping[str, Any],
    ) -> Row:  # fmt: skip
        owed = record.owed_of(doing.parts, doing.life)
        state = doing.life
        term = reporting.term_of(doing.parts.terms, state.confirmed or state.proposed or None)
        values = {
            "case_id": doing.case_id, "kind": kind, "how": how, "seq": len(doing.parts.reports) + 1, "title": title,
            "text": text, "facts": facts or [], "recipients": [dict(r) for r in term.recipients] if term else [],
            "due_at": owed.at if owed else None, "drafted_by": doing.who[1], "drafted_at": doing.now,
            "origin": doing.case["origin"], **more,
        }  # fmt: skip
        return command_rows.insert(doing.conn, "report", values, doing.who[0], doing.now)

    def _basis(self, doing: Doing, kind: str, around: Sequence[Fact]) -> Basis:
        sent = [r for r in doing.parts.reports if r["state"] == "sent" and r["how"] == "written"]
        last = max((moment(r["sent_at"]) or doing.now for r in sent), default=None) if kind != "final" else None
        rows = doing.conn.execute(
            "SELECT version, step, stage_after, actor_name, at, given FROM case_step WHERE case_id = %s"
            " AND (%s::timestamptz IS NULL OR at > %s) ORDER BY version LIMIT 500",
            (doing.case_id, last, last),
        ).fetchall()
        entries = [e for e in (book.entry(r, doing.case_id) for r in rows)
                   if e["matters"] and not e["step"].startswith("report")]  # fmt: skip
        tasks = [task_json(t, doing.now, SYSTEM, mine=False, commands=False) for t in doing.parts.tasks]
        number = sum(r["kind"] == "follow" for r in sent) + 1
        whole = Scope(doing.actor.scope.actor, frozenset())
        shown = record.header(doing.parts, whole, doing.now)
        return Basis(shown, entries, around, tasks, self.centre(), doing.who[1], number)

    def _around(self, scope: Scope, case_id: int) -> list[Fact]:
        """What the panels say of the place, each asked by itself and before the incident is locked."""
        with self.incidents.store.reading(scope) as conn:
            parts = self.incidents.parts(conn, scope, case_id)
            lon, lat = parts.case.get("lon"), parts.case.get("lat")
            if lon is None or lat is None:
                return []
            srid = metre_srid(conn, lon) or geo.metre_srid(lon)
        ask = Ask(scope, lon, lat, self.incidents.clock.now(), srid, case_id=case_id)
        out: list[Fact] = []
        for key, panel in panels().items():
            out += panel_facts(panels_answer.answer(self.incidents.store, key, ask), panel.title.zh)
        return out

    def _say(self, doing: Doing, row: Row, op: str) -> dict[str, Any]:
        shown = report_json(row, Scope("feed"), None)
        book.say(doing, "report", row["report_id"], {k: v for k, v in shown.items() if k not in ("may", "facts")}, op)
        return report_json(row, doing.actor.scope, None)


_WAITING = ("draft", "submitted", "approved")


def panel_facts(state: PanelState, title: str) -> list[Fact]:
    """A panel's sentences for a report, each with its moment and source. What it lacks is said."""
    if state.state == "missing":
        return [Fact(state.key, "", lacking=title)]
    if state.state == "error":
        return [Fact(state.key, "", lacking=f"{title}（查询失败）")]
    out: list[Fact] = []
    for one in report_panels.lines(state.key, state.data):
        at = moment(one.get("as_of")) or state.as_of
        out.append(Fact(state.key, str(one.get("zh") or ""), at, str(one.get("source") or state.source)))
    return [f for f in out if f.text]


def report_json(row: Row, scope: Scope, proof: Sequence[Row] | None) -> dict[str, Any]:
    """A report as lists give it. `proof`: notices it was sent as, with their deliveries."""
    kind, state = reporting.KINDS[row["kind"]], reporting.STATES[row["state"]]
    key = f"report:{row['report_id']}"
    return {
        "key": key, "report_id": row["report_id"], "case": f"case:{row['case_id']}", "kind": row["kind"],
        "zh": kind.zh, "en": kind.en, "how": row["how"], "seq": row["seq"], "state": row["state"],
        "state_text": {"zh": state.zh, "en": state.en}, "title": row["title"], "text": row["text"],
        "facts": row["facts"], "recipients": row["recipients"], "due_at": iso(row["due_at"]),
        "late": _late(row), "version": row["version"], "returned": row["returned"],
        **{n: row[n] for n in ("drafted_by", "submitted_by", "approved_by", "sent_by")},
        **{n: iso(row[n]) for n in ("drafted_at", "submitted_at", "approved_at", "sent_at")},
        "delivery": told.summary(key, proof) if proof else None, "origin": row["origin"],
        "may": [{"step": k, "zh": t.zh, "en": t.en} for k, (t, at, _, right) in reporting.STEPS.items()
                if row["state"] in at and scope.can(right)],
    }  # fmt: skip


def _late(row: Row) -> bool:
    due, sent = moment(row["due_at"]), moment(row["sent_at"])
    return due is not None and sent is not None and sent > due


def _sent(doing: Doing) -> list[Sent]:
    return [Sent(r["kind"], r["how"], moment(r["sent_at"]) or doing.now) for r in doing.parts.reports
            if r["state"] == "sent"]  # fmt: skip


def _one(doing: Doing, report_id: int, version: int | None) -> Row:
    row = command_rows.read(doing.conn, "report", report_id, lock=True)
    if row is None or row["case_id"] != doing.case_id:
        raise NotFound(f"报告 {report_id}", f"report {report_id}")
    if version is not None and version != row["version"]:
        raise Conflict("报告已被修改，请刷新", "the report has changed meanwhile", {"version": row["version"]})
    return row


def _listed(given: Recipients) -> list[dict[str, str]]:
    out: dict[tuple[str, str], dict[str, str]] = {}
    for one in given:
        out.setdefault((one["kind"], one["ref"]), {"kind": one["kind"], "ref": one["ref"]})
    return list(out.values())


def _marks(doing: Doing, row: Row, key: str, given: Mapping[str, Any]) -> dict[str, Any]:
    who, now = doing.who[1], doing.now
    match key:
        case "submit":
            return {"submitted_by": who, "submitted_at": now, "returned": ""}
        case "approve":
            return {"approved_by": who, "approved_at": now}
        case "return" | "void":
            if not given.get("reason"):
                raise Invalid(reasons=[Reason("reason", "missing", "必填", "is required")])
            return {"returned": str(given["reason"])[:2000]}
        case _:
            recipients = _listed(given.get("recipients") or row["recipients"])
            if not recipients:
                raise Invalid(reasons=[Reason("recipients", "missing", "须有报送对象", "to whom?")])
            return {"sent_by": who, "sent_at": now, "recipients": recipients}


def _send(doing: Doing, row: Row) -> None:
    """One notice an addressee; the outbound channels carry it on and prove where it came."""
    for to in row["recipients"]:
        part = f"report:{row['report_id']}:{to['kind']}:{to['ref']}"
        kind: Any = to["kind"]
        tell.put(doing.conn, doing.case, part, "incident.report", (kind, to["ref"]), (row["title"], row["title"]),
                 row["text"], doing.now, about=f"report:{row['report_id']}")  # fmt: skip


def _tell(doing: Doing, row: Row, key: str, why: str) -> None:
    """Who has to approve, and who wrote what came back."""
    part = f"report:{row['report_id']}:{key}:{row['version']}"
    if key == "submit":
        words = f"报告待审批：{row['title']}", f"A report waits for approval: {row['title']}"
        tell.put(doing.conn, doing.case, part, "incident.report_asked", ("role", "chief"), words, "", doing.now)
    elif key in ("return", "approve"):
        zh = "报告被退回" if key == "return" else "报告已批准，请报送"
        en = "A report was returned" if key == "return" else "A report was approved: send it"
        words = f"{zh}：{row['title']}", f"{en}: {row['title']}"
        tell.put(doing.conn, doing.case, part, "incident.report_answered", ("person", row["drafted_by"]), words, why,
                 doing.now)  # fmt: skip
