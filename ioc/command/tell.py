"""Notices to people about an incident: who must decide, who was appointed, who is ordered. In the act's transaction.

Of an exercise every notice carries 【演练】 and stays inside: the outbound planner sends none that is so marked
(`ioc.outbound.plan.real`), nor any that speaks of an exercise's record.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ioc.cases.follow import PRIORITY, tell_person
from ioc.command.book import SEEN, Doing
from ioc.command.life import ROMAN
from ioc.store import case_steps, notices
from ioc.store.notices import Notice, Priority, ToKind
from ioc.store.pool import Conn

Row = Mapping[str, Any]
MARK, MARK_EN = "【演练】", "[EXERCISE] "


def marked(exercise: bool, zh: str, en: str) -> tuple[str, str]:
    """Titles of an exercise say so in both languages, once."""
    if not exercise:
        return zh, en
    return (zh if MARK in zh else f"{MARK}{zh}", en if MARK_EN in en else f"{MARK_EN}{en}")


def put(
    conn: Conn, case: Row, part: str, kind: str, to: tuple[ToKind, str], words: tuple[str, str], body: str,
    now: dt.datetime, *, priority: Priority | None = None, about: str = "", phone: str = "", anywhere: bool = False,
) -> None:  # fmt: skip
    """One notice about an incident; `part` makes its key. To a person: to the accounts of that name at the place.

    `anywhere`: a department that is ordered hears of it in whatever region its people are.
    """
    zh, en = marked(bool(case["exercise"]), *words)
    where: dict[str, Any] = {n: case[n] for n in SEEN}
    if anywhere:
        where |= {"region_id": None, "private_to": None, "sensitivity": 0}
    level: Priority = priority or ("urgent" if case["flow"] == "incident" else PRIORITY.get(case["urgency"], "medium"))
    notice = Notice(f"case:{case['case_id']}:{part}", kind, to[0], to[1], zh[:300], en[:300], body, body,
                    about or f"case:{case['case_id']}", level, phone, **where)  # fmt: skip
    if to[0] == "person":
        tell_person(conn, notice, now)
    else:
        notices.put(conn, notice, now)


def after_act(doing: Doing, key: str, given: Mapping[str, Any]) -> None:
    case, version = doing.case, doing.case["version"]
    title = case["title"]

    def say(part: str, to: tuple[ToKind, str], zh: str, en: str, body: str = "") -> None:
        line = " · ".join(p for p in (str(case["number"]), body) if p)
        put(doing.conn, case, f"{key}:{version}:{part}", f"incident.{key}", to, (f"{zh}：{title}", f"{en}: {title}"),
            line, doing.now)  # fmt: skip

    match key:
        case "assess" | "propose_level":
            level = ROMAN.get(int(given.get("level") or 0), "")
            if level:
                zh, en = f"初判 {level} 级，待确认", f"Level {level} proposed"
                say("chief", ("role", "chief"), zh, en, str(given.get("reason") or given.get("text") or ""))
        case "ask_response":
            for role in ("chief", "leader"):
                say(role, ("role", role), "响应待批准", "A response waits for approval", str(given["reason"]))
        case "confirm_level" | "approve_response" | "deny_response" | "no_response" | "end" | "cancel":
            words = {"confirm_level": ("级别已确认", "Level confirmed"), "approve_response": ("响应已批准", "Response"),
                     "deny_response": ("响应未批准", "Response denied"), "no_response": ("不启动响应", "No response"),
                     "end": ("已终止", "Ended"), "cancel": ("已撤销", "Cancelled")}[key]  # fmt: skip
            say("officer", ("role", "officer"), *words, str(given.get("reason") or given.get("text") or ""))
        case "appoint":
            role = {"chief": "总指挥", "field": "现场指挥官"}.get(given["role"], str(given.get("title", "")))
            to: tuple[ToKind, str] = ("account", given["login"]) if given.get("login") else ("person", given["person"])
            say("person", to, f"任命为{role}", f"Appointed {role}", str(given.get("department", "")))
        case "instruct" | "supervise":
            zh, en = ("批示", "Instruction") if key == "instruct" else ("督办", "Supervised")
            department, person = owner(doing, str(given.get("owner", "")).strip())
            if department:
                say("department", ("department", department), zh, en, str(given["text"]))
            if person:
                say("person", ("person", person), zh, en, str(given["text"]))
            if not department and not person:
                say("duty", ("role", "officer"), zh, en, str(given["text"]))
        case _:
            pass


def owner(doing: Doing, said: str) -> tuple[str, str]:
    """(department, person) of who has to answer; without a word who commands."""
    if not said:
        return str(doing.case["department"] or ""), str(doing.case["officer"] or "")
    known = {*case_steps.departments(doing.conn), str(doing.case["department"] or "")}
    return (said, "") if said in known else ("", said)


def task(doing: Doing, row: Row, what: str, zh: str, en: str, body: str = "") -> None:
    """Who is ordered hears of it, each account once."""
    text = f"{zh}：{row['what']}", f"{en}: {row['what']}"
    due = f"时限 {row['due_at'].astimezone(doing.zone):%m-%d %H:%M}" if row["due_at"] else ""
    line = " · ".join(p for p in (str(doing.case["title"]), body or str(row["address"]), due) if p)
    about, kind = f"task:{row['task_id']}", "incident.task"
    part = f"task:{row['task_id']}:{what}:{row['version']}"
    for login in row["to_logins"]:
        put(doing.conn, doing.case, f"{part}:{login}", kind, ("account", login), text, line, doing.now, about=about)
    if row["to_department"] and row["to_kind"] in ("department", "resource"):
        to: tuple[ToKind, str] = ("department", row["to_department"])
        put(doing.conn, doing.case, f"{part}:department", kind, to, text, line, doing.now, about=about, anywhere=True)
    if not row["to_logins"] and row["to_kind"] == "person":
        notice_to: tuple[ToKind, str] = ("person", row["to_name"])
        put(doing.conn, doing.case, f"{part}:person", kind, notice_to, text, line, doing.now, about=about,
            phone=str(row["to_phone"]))  # fmt: skip


def task_withdrawn(doing: Doing, row: Row) -> None:
    task(doing, {**row, "version": row["version"] + 1}, "withdraw", "任务撤回", "Order withdrawn")
