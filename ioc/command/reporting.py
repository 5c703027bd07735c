"""信息报告: when the next report is owed, which may be drafted, and the table both follow from. Pure.

Figures are configuration (`ioc import reporting FILE`); the product's own carry how far they are known: only 30 min by
telephone and 2 h in writing for 重大 and 特别重大 are attested (S, a neighbouring city's plan), the others are U.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ioc.cases.sheets import Sheet, plain
from ioc.errors import Conflict, Reason
from ioc.i18n import Text

Kind = Literal["first", "follow", "final"]
KINDS: Mapping[str, Text] = {
    "first": Text("首报", "First report"),
    "follow": Text("续报", "Follow-up report"),
    "final": Text("终报", "Final report"),
}
STATES: Mapping[str, Text] = {
    "draft": Text("草稿", "Draft"),
    "submitted": Text("待审批", "Awaiting approval"),
    "approved": Text("已批准", "Approved"),
    "sent": Text("已报送", "Sent"),
    "void": Text("已作废", "Void"),
}
LEVELS: Mapping[str, int | None] = {
    **{w: n for n, words in enumerate(("1 Ⅰ I 一 一级 特别重大", "2 Ⅱ II 二 二级 重大", "3 Ⅲ III 三 三级 较大",
                                       "4 Ⅳ IV 四 四级 一般"), 1) for w in words.split()},
    "": None, "未定级": None,
}  # fmt: skip
CONFIDENCE = ("V", "S", "M", "U")
MOST_MIN = 60 * 24 * 30
COLUMNS: Mapping[str, str] = {
    "level": "级别", "phone_min": "首报电话分钟", "first_min": "首报书面分钟", "first_confidence": "首报置信度",
    "follow_min": "续报间隔分钟", "follow_confidence": "续报置信度", "recipients": "报送对象", "document": "依据",
}  # fmt: skip
TO_KINDS = ("department", "role", "person", "account")


@dataclass(frozen=True, slots=True)
class Term:
    """Minutes from 接报 (first) and from the report before (follow); None: none is owed. `level` None: not assessed.

    `recipients`: {kind, ref} the form begins with.
    """

    level: int | None
    phone_min: int | None
    first_min: int | None
    first_confidence: str
    follow_min: int | None
    follow_confidence: str
    recipients: tuple[Mapping[str, str], ...] = ()
    document: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "recipients": [dict(r) for r in self.recipients]}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Term:
        told: dict[str, Any] = {**row, "recipients": tuple(row.get("recipients") or ())}
        return cls(**told)


@dataclass(frozen=True, slots=True)
class Sent:
    kind: str
    how: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Owed:
    """The next report. `how`: by telephone or in writing; `confidence`: of its figure."""

    kind: Kind
    how: Literal["phone", "written"]
    at: dt.datetime
    confidence: str
    document: str


def term_of(table: Iterable[Term], level: int | None) -> Term | None:
    """The row of a level; of none yet the one without a level."""
    rows = list(table)
    return next((t for t in rows if t.level == level), None) or next((t for t in rows if t.level is None), None)


def owed(term: Term | None, opened_at: dt.datetime, sent: Sequence[Sent], *, over: bool) -> Owed | None:
    """The next report and until when. None: nothing is owed (over, 终报 sent, or no figure)."""
    written = [s for s in sent if s.how == "written"]
    if over or term is None or any(s.kind == "final" for s in written):
        return None
    if not written:
        if term.phone_min is not None and not sent:
            at = opened_at + dt.timedelta(minutes=term.phone_min)
            return Owed("first", "phone", at, term.first_confidence, term.document)
        if term.first_min is None:
            return None
        at = opened_at + dt.timedelta(minutes=term.first_min)
        return Owed("first", "written", at, term.first_confidence, term.document)
    if term.follow_min is None:
        return None
    at = max(s.at for s in sent) + dt.timedelta(minutes=term.follow_min)
    return Owed("follow", "written", at, term.follow_confidence, term.document)


def drafted(kind: str, how: str, sent: Sequence[Sent], waiting: Sequence[str]) -> None:
    """Whether a report of this kind may be begun. `waiting`: kinds of those not yet sent. Raises Conflict."""
    written = [s for s in sent if s.how == "written"]
    if any(s.kind == "final" for s in written):
        raise Conflict("终报已报送", "the final report has been sent")
    if how == "phone":
        return
    if kind in waiting:
        raise Conflict(f"已有{KINDS[kind].zh}在拟", f"a {kind} report is being written already")
    if kind == "first" and written:
        raise Conflict("首报已报送，请拟续报", "the first report has been sent: write a follow-up")
    if kind == "follow" and not written:
        raise Conflict("尚未报送首报", "no first report has been sent")


# state, step -> state after
STEPS: Mapping[str, tuple[Text, tuple[str, ...], str, str]] = {
    "submit": (Text("送审", "Submit"), ("draft",), "submitted", "incident.report"),
    "approve": (Text("批准", "Approve"), ("submitted",), "approved", "incident.approve"),
    "return": (Text("退回修改", "Return"), ("submitted", "approved"), "draft", "incident.approve"),
    "send": (Text("报送", "Send"), ("approved",), "sent", "incident.report"),
    "void": (Text("作废", "Void"), ("draft", "submitted", "approved"), "void", "incident.report"),
}


def stepped(state: str, step: str) -> str:
    """The state after a step. Raises Conflict."""
    title, at, to, _ = STEPS[step]
    if state not in at:
        zh, en = STATES[state].zh, STATES[state].en
        raise Conflict(f"报告{zh}，不能{title.zh}", f"the report is {en.lower()}: no {step}")
    return to


# ---------------------------------------------------------------- the table


def read_terms(sheet: Sheet) -> tuple[list[Term], list[tuple[int, list[Reason]]]]:
    """Rows of a table file, and what was wrong with the others by their number. One row a level."""
    terms: list[Term] = []
    faults: list[tuple[int, list[Reason]]] = []
    for number, row in sheet.rows:
        reasons: list[Reason] = []
        term = _term(row, reasons)
        if not reasons and any(t.level == term.level for t in terms):
            reasons.append(Reason("level", "twice", "同一级别重复", "the level is there twice", row.get("级别", "")))
        if reasons:
            faults.append((number, reasons))
        else:
            terms.append(term)
    return terms, faults


def _term(row: Mapping[str, str], reasons: list[Reason]) -> Term:
    cells = {key: plain(row.get(name, "")) for key, name in COLUMNS.items()}
    raw = row.get("级别", "").strip()
    if raw not in LEVELS and cells["level"] not in LEVELS:
        reasons.append(Reason("level", "bad_level", "级别应为 1–4 或空", "a level is 1-4 or empty", raw[:20]))
    minutes = {n: _minutes(n, cells[n], reasons) for n in ("phone_min", "first_min", "follow_min")}
    sure = {n: cells[n].upper() or "U" for n in ("first_confidence", "follow_confidence")}
    for name, word in sure.items():
        if word not in CONFIDENCE:
            zh, en = "置信度应为 V、S、M 或 U", "confidence is V, S, M or U"
            reasons.append(Reason(name, "bad_choice", zh, en, word[:20]))
    level = LEVELS.get(raw, LEVELS.get(cells["level"]))
    return Term(
        level, minutes["phone_min"], minutes["first_min"], sure["first_confidence"], minutes["follow_min"],
        sure["follow_confidence"], _recipients(cells["recipients"], reasons), row.get("依据", "").strip()[:200],
    )  # fmt: skip


def _minutes(name: str, text: str, reasons: list[Reason]) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_MIN):
        reasons.append(Reason(name, "bad_number", "应为分钟数", "must be a number of minutes", text[:20]))
        return None
    return int(text)


def _recipients(text: str, reasons: list[Reason]) -> tuple[Mapping[str, str], ...]:
    """`市政府总值班室; role:leader`: a department unless said otherwise."""
    out: list[Mapping[str, str]] = []
    for part in filter(None, (p.strip() for p in text.replace("；", ";").split(";"))):
        kind, colon, ref = part.partition(":")
        kind, ref = (kind, ref.strip()) if colon else ("department", part)
        if kind not in TO_KINDS or not ref:
            zh, en = "报送对象应如 市政府总值班室；role:leader", "recipients look like NAME; role:leader"
            reasons.append(Reason("recipients", "bad_choice", zh, en, part[:40]))
            continue
        out.append({"kind": kind, "ref": ref})
    return tuple(out)
