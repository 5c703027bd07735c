"""The text of a report from the incident's facts: official Chinese, each number with the moment it is of. Pure.

The order follows the practice of 信息报告: 基本情况, 类别与级别, 响应与指挥, 处置与力量, 影响, 进展, 下一步. Only what
is known is said; what a panel lacks is named as lacking, never left out or guessed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ioc.command.record import moment
from ioc.command.reporting import KINDS

Record = Mapping[str, Any]
NUMBERS = "一二三四五六七"


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence with what it rests on. `as_of` None: it is a fact of the incident's own record."""

    key: str
    text: str
    as_of: dt.datetime | None = None
    source: str = ""
    lacking: str = ""  # what is not there, in place of a sentence

    def as_dict(self) -> dict[str, Any]:
        return {"key": self.key, "text": self.text, "as_of": self.as_of.isoformat() if self.as_of else None,
                "source": self.source}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Basis:
    """What a report is made of: the header record, entries since the report before, panels' sentences."""

    incident: Record
    entries: Sequence[Record] = ()  # 关键 ones, oldest first
    panels: Sequence[Fact] = ()
    tasks: Sequence[Record] = ()
    centre: str = ""
    author: str = ""
    number: int = 1
    lessons: Sequence[str] = field(default_factory=tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Draft:
    title: str
    text: str
    facts: tuple[Fact, ...]


def draft(kind: str, basis: Basis, now: dt.datetime, zone: dt.tzinfo) -> Draft:
    """The report of a kind (first, follow, final) as it stands at `now`; times in the centre's zone."""
    said = _Words(zone)
    i = basis.incident
    facts = [
        *_what(i, said), *_level(i, said), *_command(i, said), *_forces(basis, said), *_panels(basis, said),
        *_course(kind, basis, said), *_next(kind, basis, said),
    ]  # fmt: skip
    seq = f"（第 {basis.number} 次）" if kind == "follow" else ""
    title = f"关于“{i['title']}”的{KINDS[kind].zh}{seq}"
    heads = {"what": "基本情况", "level": "类别与级别", "command": "响应与指挥", "forces": "处置与力量",
             "around": "影响与周边", "course": "事件进展", "next": "下一步工作"}  # fmt: skip
    paragraphs = [title, f"（截至 {said.full(now)}）"]
    told = {key: [f.text for f in facts if f.key.split(".")[0] == key] for key in heads}
    for number, (key, own) in enumerate((k, v) for k, v in told.items() if v):
        paragraphs += [f"{NUMBERS[number]}、{heads[key]}", *own]
    paragraphs.append(f"报送单位：{basis.centre or '—'}　拟稿：{basis.author or '—'}　时间：{said.full(now)}")
    return Draft(title, "\n".join(paragraphs), tuple(facts))


@dataclass(frozen=True, slots=True)
class _Words:
    zone: dt.tzinfo

    def full(self, at: Any) -> str:
        found = moment(at)
        return found.astimezone(self.zone).strftime("%Y年%m月%d日 %H:%M") if found else "—"

    def short(self, at: Any) -> str:
        found = moment(at)
        return found.astimezone(self.zone).strftime("%m月%d日 %H:%M") if found else "—"

    def clock(self, at: Any) -> str:
        found = moment(at)
        return found.astimezone(self.zone).strftime("%H:%M") if found else "—"


def _what(i: Record, said: _Words) -> list[Fact]:
    where = str(i["place"] or i["address"] or "")
    at = f"（CGCS2000 经度 {i['lon']:.5f}，纬度 {i['lat']:.5f}）" if i.get("lon") is not None else ""
    out = [Fact("what.place", f"{said.full(i['opened_at'])}，接报{where}{at}发生{i['title']}。")]
    if i["description"]:
        out.append(Fact("what.said", str(i["description"]).strip()))
    return out


def _level(i: Record, said: _Words) -> list[Fact]:
    parts: list[str] = []
    if i["class"]:
        parts.append(f"事件类别：{i['class']['zh']}" + (f"（{i['type']['zh']}）" if i["type"] else ""))
    level = i["level"]
    if level and level["state"] == "confirmed":
        parts.append(f"事件级别：{level['roman']} 级，{level['by']} {said.clock(level['at'])} 确认")
    elif level:
        parts.append(f"事件级别：初判 {level['roman']} 级（{level['by']} {said.clock(level['at'])}），待确认")
    else:
        parts.append("事件级别：待研判")
    parts += [f"生效预警：{w['kind']['zh']}{w['colour_zh']}色预警（{w['area']}）" for w in i["warnings"]
              if w["status"] == "active"]  # fmt: skip
    return [Fact("level.said", "；".join(parts) + "。")]


def _command(i: Record, said: _Words) -> list[Fact]:
    out: list[Fact] = []
    response = i["response"]
    if response:
        document = f"，依据{response['document']}" if response.get("document") else ""
        text = (f"{response.get('scope') or ''}{response['roman']} 级响应：{response['requested_by']} 申请，"
                f"{response['approved_by']} {said.clock(response['approved_at'])} 批准{document}。")  # fmt: skip
        out.append(Fact("command.response", text))
    elif i["stage"] in ("handling", "ended") and i["responded_at"]:
        out.append(Fact("command.response", "未在响应中。"))
    people = [f"{p['title']['zh']} {p['person']}" + (f"（{p['department']}）" if p["department"] else "")
              for p in i["posts"] if p["now"]]  # fmt: skip
    if people:
        out.append(Fact("command.people", "；".join(people) + "。"))
    return out


def _forces(basis: Basis, said: _Words) -> list[Fact]:
    i, out = basis.incident, list[Fact]()
    n = i["tasks"]
    if n["total"]:
        late = f"，超时 {n['late']} 项" if n["late"] else ""
        text = (f"已下达任务 {n['total']} 项：完成 {n['done']} 项，执行中 {n['working']} 项，待签收 {n['issued']} 项，"
                f"无法执行 {n['unable']} 项{late}。")  # fmt: skip
        out.append(Fact("forces.tasks", text))
    done = [
        f"{t['to']['name']}{t['what']}（{said.clock(t['done_at'])} 完成）" for t in basis.tasks if t["state"] == "done"
    ]
    if done:
        out.append(Fact("forces.done", "；".join(done[:10]) + "。"))
    if i["people_on_scene"] is not None:
        out.append(Fact("forces.people", f"现场力量 {i['people_on_scene']} 人。"))
    return out


def _panels(basis: Basis, said: _Words) -> list[Fact]:
    """Each panel's sentence with the day or minute its numbers are of, and whose they are."""
    out: list[Fact] = []
    for fact in basis.panels:
        if fact.lacking:
            continue
        whose = "，".join(p for p in (f"截至 {said.short(fact.as_of)}" if fact.as_of else "", fact.source) if p)
        text = f"{fact.text.rstrip('。')}" + (f"（{whose}）" if whose else "") + "。"
        out.append(Fact(f"around.{fact.key}", text, fact.as_of, fact.source))
    lacking = "、".join(f.lacking for f in basis.panels if f.lacking)
    return [*out, Fact("around.lacking", f"未列（数据未接入或查询失败）：{lacking}。")] if lacking else out


def _course(kind: str, basis: Basis, said: _Words) -> list[Fact]:
    if kind == "first" and not basis.entries:
        return []
    lines = [
        f"{said.clock(e['happened_at'] or e['at'])} {e['by']} {e['zh']}" + (f"：{e['text']}" if e["text"] else "")
        for e in basis.entries
    ]
    return [Fact("course.lines", "\n".join(lines))] if lines else [Fact("course.none", "较上次报告无新进展。")]


def _next(kind: str, basis: Basis, said: _Words) -> list[Fact]:
    i = basis.incident
    if kind == "final":
        return [Fact("next.final", "处置工作已结束，转入善后与复盘。")]
    open_ = [f"{t['to']['name']}：{t['what']}" + (f"（{said.clock(t['due_at'])} 前）" if t["due_at"] else "")
             for t in basis.tasks if t["open"]]  # fmt: skip
    if open_:
        return [Fact("next.tasks", "；".join(open_[:10]) + "。")]
    return [Fact("next.said", "待研判后部署。" if i["stage"] == "received" else "继续处置，后续情况续报。")]
