"""Times, terms and comparison of an after-action report. Pure: moments in, seconds out, each with its formula named.

Which five spans are told is our choice (no standard names them); the first is that of EMG-19 and of the indicator
`incident_response`: 接报 to 启动响应. Nothing is guessed: a moment nobody recorded has no span.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.command import reporting
from ioc.command.reporting import Sent, Term
from ioc.i18n import Text

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A response time: from 接报 to a moment. `formula`: where that moment is taken from."""

    key: str
    title: Text
    formula: Text


SPANS: Sequence[Span] = (
    Span("response", Text("接报→响应", "Received to response"),
         Text("首次批准启动响应（或决定不启动）时刻 − 接报时刻",
              "first response approved (or decided against) − received")),
    Span("order", Text("接报→首道指令", "Received to first order"),
         Text("最早一道任务的下达时刻 − 接报时刻", "first order given − received")),
    Span("scene", Text("接报→首批到场", "Received to first on scene"),
         Text("最早一次“到场”状态或现场人数大于 0 的报告时刻 − 接报时刻；人工填报优先",
              "first force on scene, or first report of people there − received; what was entered goes first")),
    Span("control", Text("接报→受控", "Received to under control"),
         Text("首次批准下调或终止响应时刻 − 接报时刻；人工填报优先",
              "first lowering or end of the response approved − received; what was entered goes first")),
    Span("end", Text("接报→终止", "Received to end"), Text("终止时刻 − 接报时刻", "ended − received")),
)  # fmt: skip
# Moments that may be entered, because the first force or the end of danger is often known from elsewhere.
ENTERED = ("scene", "control")


def seconds(start: dt.datetime, end: dt.datetime | None) -> int | None:
    """Seconds from `start` to `end`, 0 where it was there before the call; None where nobody recorded it."""
    return None if end is None else max(0, round((end - start).total_seconds()))


def first(moments: Iterable[dt.datetime | None]) -> dt.datetime | None:
    """The earliest of those that are known."""
    return min((m for m in moments if m is not None), default=None)


def first_on_scene(steps: Iterable[Row]) -> dt.datetime | None:
    """Of the steps of a chain ({step, at, given}): a force told to be there, or people reported on scene."""
    return first(
        s["at"] for s in steps
        if (s["step"] == "force" and s["given"].get("to") == "on_scene" and not s["given"].get("left"))
        or (s["step"] == "on_scene" and int(s["given"].get("people") or 0) > 0)
    )  # fmt: skip


def under_control(steps: Iterable[Row]) -> dt.datetime | None:
    """The response was lowered or ended for the first time."""
    return first(
        s["at"] for s in steps if s["step"] == "approve_response" and s["given"].get("action") in ("lower", "end")
    )


def median(values: Iterable[int | None]) -> int | None:
    """Of those that are known; None without one. Of an even number the mean of the middle two."""
    known = [v for v in values if v is not None]
    return round(statistics.median(known)) if known else None


# ---------------------------------------------------------------- reports against their terms


@dataclass(frozen=True, slots=True)
class Kept:
    """One report against its term. `sent` None: owed when the incident ended, and never sent. `late_s` 0: kept; None:
    no term was in force for it."""

    kind: str
    how: str
    due: dt.datetime | None
    sent: dt.datetime | None
    late_s: int | None
    confidence: str = ""


def kept(
    term_at: Callable[[dt.datetime], Term | None], opened: dt.datetime, ended: dt.datetime, sent: Sequence[Sent]
) -> list[Kept]:
    """Each report that was sent against what was owed just before it, and what was still owed past its time at the end.

    `term_at`: the row of terms in force at a moment, by the level known then.
    """
    out: list[Kept] = []
    before: list[Sent] = []
    for one in sorted(sent, key=lambda s: s.at):
        owed = reporting.owed(term_at(one.at), opened, before, over=False)
        due = owed.at if owed else None
        # a first report that was written at once needs no telephone call before it
        if owed and owed.how == "phone" and one.how == "written":
            term = term_at(one.at)
            due = opened + dt.timedelta(minutes=term.first_min) if term and term.first_min is not None else None
        late = None if due is None else max(0, round((one.at - due).total_seconds()))
        out.append(Kept(one.kind, one.how, due, one.at, late, owed.confidence if owed and due else ""))
        before.append(one)
    owed = reporting.owed(term_at(ended), opened, before, over=False)
    if owed and owed.at < ended:
        out.append(Kept(owed.kind, owed.how, owed.at, None, round((ended - owed.at).total_seconds()), owed.confidence))
    return out


# ---------------------------------------------------------------- orders


def late_by(due: dt.datetime | None, done: dt.datetime | None, state: str, ended: dt.datetime) -> int | None:
    """Seconds an order, or a step of a plan, was past its time; 0: in time; None: it had none, or was given back."""
    if due is None or state in ("unable", "withdrawn", "skipped"):
        return None
    return max(0, round(((done or ended) - due).total_seconds()))


def busiest(spans: Iterable[tuple[dt.datetime, dt.datetime | None]]) -> dt.datetime | None:
    """When most orders were open at once, the first such moment; None without an order."""
    turns: list[tuple[dt.datetime, int]] = []
    for begin, end in spans:
        turns.append((begin, 1))
        if end is not None:
            turns.append((max(begin, end), -1))
    best, now, at = 0, 0, None
    # what ends at a moment is not open at it any more
    for moment, way in sorted(turns, key=lambda t: (t[0], t[1])):
        now += way
        if now > best:
            best, at = now, moment
    return at


# ---------------------------------------------------------------- losses


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss that is entered. `unit`: of its whole number, or of 万元 with two decimals."""

    key: str
    title: Text
    unit: Text
    decimals: int = 0


_PEOPLE = Text("人", "people")
LOSSES: Mapping[str, Loss] = {
    loss.key: loss
    for loss in (
        Loss("deaths", Text("死亡", "Deaths"), _PEOPLE),
        Loss("missing", Text("失踪", "Missing"), _PEOPLE),
        Loss("injured", Text("受伤", "Injured"), _PEOPLE),
        Loss("moved", Text("转移安置", "Moved to safety"), _PEOPLE),
        Loss("houses", Text("房屋受损", "Buildings damaged"), Text("间", "rooms")),
        Loss("property", Text("直接经济损失", "Direct economic loss"), Text("万元", "10,000 yuan"), 2),
    )
}
