"""Which moments of an incident the map sequence shows, and why. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.command.life import ROMAN
from ioc.i18n import Text

Row = Mapping[str, Any]
MOST = 12  # pictures of one report: what a reader turns over; bookmarks go last and are left out first
NEAR = dt.timedelta(seconds=30)  # two moments closer than this are one picture


@dataclass(frozen=True, slots=True)
class Moment:
    """`rank`: the smaller, the surer it is shown."""

    at: dt.datetime
    why: Text
    rank: int = 1


def chosen(
    opened: dt.datetime, ended: dt.datetime, steps: Iterable[Row], peak: dt.datetime | None,
    marks: Iterable[tuple[dt.datetime, str]] = (),
) -> list[Moment]:  # fmt: skip
    """Start, response, each change of a level, the peak of orders, bookmarks, the end; in their order, at most `MOST`.

    `steps`: {step, at, given} of the chain. `marks`: bookmarks (moment, note); those outside the incident are left out.
    The end is the second before it, while its forces still stand where they worked.
    """
    found = [Moment(opened, Text("接报", "Received"), 0), *_levels(steps)]
    if peak is not None:
        found.append(Moment(peak, Text("在办指令最多", "Most orders open"), 1))
    last = max(opened, ended - dt.timedelta(seconds=1))
    found.append(Moment(last, Text("终止前", "Before the end"), 0))
    found += [Moment(at, Text(f"书签：{note}" if note else "书签", f"Bookmark: {note}" if note else "Bookmark"), 2)
              for at, note in marks if opened <= at <= ended]  # fmt: skip
    # the end is told to the second: what was decided in that second is part of it
    inside = (m for m in found if opened <= m.at and m.at.replace(microsecond=0) <= ended)
    merged = _merged(sorted(inside, key=lambda m: (m.at, m.rank)))
    kept = sorted(merged, key=lambda m: (m.rank, m.at))[:MOST]
    return sorted(kept, key=lambda m: m.at)


def _levels(steps: Iterable[Row]) -> list[Moment]:
    out: list[Moment] = []
    level: Any = None
    for s in steps:
        given = s["given"] or {}
        if s["step"] == "confirm_level" and given.get("level") != level:
            level = given.get("level")
            roman = ROMAN.get(int(level or 0), "")
            out.append(Moment(s["at"], Text(f"确认 {roman} 级", f"Level {roman} confirmed")))
        elif s["step"] == "approve_response":
            out.append(Moment(s["at"], _response(given)))
        elif s["step"] == "no_response":
            out.append(Moment(s["at"], Text("不启动响应", "No response")))
    return out


def _response(given: Row) -> Text:
    roman = ROMAN.get(int(given.get("response_level") or 0), "")
    zh, en = {
        "start": ("启动{} 级响应", "Response {}"), "raise": ("提升至 {} 级响应", "Response raised to {}"),
        "lower": ("下调至 {} 级响应", "Response lowered to {}"), "end": ("终止响应", "Response ended"),
    }[str(given.get("action") or "start")]  # fmt: skip
    return Text(zh.format(f" {roman}" if zh.startswith("启动") else roman), en.format(roman))


def _merged(moments: Sequence[Moment]) -> list[Moment]:
    """Moments within `NEAR` of the first of them are one picture, the last of them, with every reason."""
    out: list[Moment] = []
    begun: dt.datetime | None = None
    for m in moments:
        if out and begun is not None and m.at - begun <= NEAR:
            before = out[-1]
            why = Text(f"{before.why.zh}、{m.why.zh}", f"{before.why.en}, {m.why.en}")
            out[-1] = Moment(m.at, why, min(before.rank, m.rank))
        else:
            begun = m.at
            out.append(m)
    return out
