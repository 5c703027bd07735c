"""通讯录: who commands, who is on duty from the place up to the city, which offices to call. Numbers by right."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.command.asking import Ask, Found
from ioc.declare import Panel
from ioc.duty.rules import DUTIES, masked
from ioc.errors import NotFound
from ioc.i18n import Text
from ioc.scope import INTERNAL
from ioc.store import contacts, duty
from ioc.store.locate import locate
from ioc.store.pool import Conn

PANEL = Panel(key="contacts", title=Text("通讯录", "Contacts"), helped_by=("rosters",), order=70)
RIGHT = "duty.phone"
ROLES: Mapping[str, tuple[str, str]] = {
    "chief_commander": ("总指挥", "Chief commander"),
    "field_commander": ("现场指挥官", "Field commander"),
    "post": ("指挥岗位", "Post"),
    "leader": ("带班领导", "Leader on duty"),
    "chief": ("值班长", "Chief of watch"),
    "officer": ("值班员", "Officer of watch"),
    "grid": ("网格值班", "Grid officer on duty"),
    "cell": ("网格员", "Grid officer"),
    "department": ("责任单位", "Department"),
}
_POSTS = {"chief": "chief_commander", "field": "field_commander"}
# Where an incident has no posts of its own: what its record may carry.
_ATTRIBUTES = {"chief_commander": ("总指挥", "chief_commander"), "field_commander": ("现场指挥官", "field_commander")}
Row = Mapping[str, Any]


def find(conn: Conn, ask: Ask) -> Found:
    """`data.groups`: commanders, duty (one a region, finest first), grid officers, departments; with their people.

    `phone` is masked and `tel` missing without the right `duty.phone`. `ask_phone` names an account whose sealed number
    is opened on request (`POST /api/v1/command/contacts/phone`).
    """
    whole = ask.scope.can(RIGHT)
    case = contacts.place_of(conn, ask.scope, ask.case_id) if ask.case_id is not None else None
    if ask.case_id is not None and case is None:
        raise NotFound(f"突发事件 {ask.case_id}", f"incident {ask.case_id}")
    region = case["region_id"] if case else locate(conn, ask.lon, ask.lat, 0.0).region_id
    groups = [_commanders(conn, ask, case, whole), *_duty(conn, ask, region, whole), _officers(conn, ask),
              _departments(conn, case, ask)]  # fmt: skip
    shown = [g for g in groups if g["people"]]
    roster = contacts.newest_roster(conn)
    notes: list[Text] = []
    if not whole:
        notes.append(Text("电话已隐去，查看须有权限 duty.phone", "numbers are masked: they need the right duty.phone"))
    origin = "demo" if any(p.get("origin") == "demo" for g in shown for p in g["people"]) else "real"
    return Found(
        {"groups": shown, "may_call": whole},
        empty=not shown,
        as_of=roster["published_at"] if roster else None,
        source=str(roster["file_name"]) if roster else "",
        interval=dt.timedelta(days=31),
        notes=tuple(notes),
        origin=origin,
    )


def _commanders(conn: Conn, ask: Ask, case: Row | None, whole: bool) -> dict[str, Any]:
    people: list[dict[str, Any]] = []
    if case is not None:
        for p in contacts.posts(conn, case["case_id"], ask.now):
            role = _POSTS.get(str(p["role"]), "post")
            title = {"zh": p["title"], "en": p["title"]} if role == "post" and p["title"] else None
            person = _person(ask, role, p["person"], p["phone"], whole, p["login"], department=p["department"])
            people.append(person | ({"role": {"code": "post", **title}} if title else {}) | {"origin": case["origin"]})
        named = {p["role"]["code"] for p in people}
        for role, keys in _ATTRIBUTES.items():
            name = next((str(case["attributes"][k]) for k in keys if case["attributes"].get(k)), "")
            if name and role not in named:
                people.append(_person(ask, role, name, "", whole) | {"origin": case["origin"]})
    return {"key": "commanders", "zh": "现场指挥", "en": "Command", "people": people}


def _duty(conn: Conn, ask: Ask, region_id: int | None, whole: bool) -> list[dict[str, Any]]:
    """Who is on duty now: the village's, the town's (its leaders), the county's, the city's."""
    out: list[dict[str, Any]] = []
    for region in contacts.regions_up(conn, region_id):
        entries = duty.entries(conn, ask.scope, region["region_id"], ask.now, ask.now + dt.timedelta(microseconds=1))
        ordered = sorted(entries, key=lambda e: DUTIES.index(e.duty))
        people = [
            _person(ask, e.duty, e.person, e.phone, whole, e.login)
            | {"shift": e.shift, "until": e.ends_at.isoformat(), "origin": e.origin}
            for e in ordered
        ]
        name = {"zh": f"{region['name']}值班", "en": f"{region['name_en'] or region['name']}: on duty"}
        out.append({"key": f"duty:{region['code']}", "level": region["kind"], **name, "people": people})
    return out


def _officers(conn: Conn, ask: Ask) -> dict[str, Any]:
    """Officers of the grid cells at the place; their numbers are stored masked."""
    zh, en = ROLES["cell"]
    people: list[dict[str, Any]] = []
    for cell in contacts.officers_at(conn, ask.scope, ask.lon, ask.lat) if ask.scope.can("grid.view") else ():
        people += [
            {"role": {"code": "cell", "zh": zh, "en": en}, "person": _name(ask, str(p["name"])), "tel": None,
             "department": str(cell["name"] or cell["code"]), "phone": str(p.get("phone_masked") or ""),
             "origin": cell["origin"]}
            for p in cell["officers"] or () if p.get("name")
        ]  # fmt: skip
    return {"key": "cells", "zh": "网格员", "en": "Grid officers", "people": people}


def _departments(conn: Conn, case: Row | None, ask: Ask) -> dict[str, Any]:
    """Offices, not persons: their numbers are public."""
    names = [str(n) for n in ((case["department"], case["co_department"]) if case else ()) if n]
    rows: Sequence[Row] = contacts.departments(conn, names) if names else ()
    zh, en = ROLES["department"]
    people = [
        {"role": {"code": "department", "zh": zh, "en": en}, "person": _name(ask, str(r["contact"])),
         "department": r["name"], "phone": r["phone"], "tel": _tel(str(r["phone"])), "origin": r["origin"]}
        for r in rows
    ]  # fmt: skip
    return {"key": "departments", "zh": "责任单位", "en": "Departments", "people": people}


def _person(
    ask: Ask, role: str, name: str, phone: str, whole: bool, login: str = "", department: str = ""
) -> dict[str, Any]:
    zh, en = ROLES[role]
    out: dict[str, Any] = {
        "role": {"code": role, "zh": zh, "en": en}, "person": _name(ask, name), "department": department,
        "phone": phone if whole else masked(phone), "tel": _tel(phone) if whole else None,
    }  # fmt: skip
    if whole and login and not phone:
        out["ask_phone"] = login
    return out


def _name(ask: Ask, name: str) -> str:
    return name if ask.scope.sensitivity >= INTERNAL or not name else name[0] + "**"


def _tel(phone: str) -> str | None:
    """`tel:` of RFC 3966: digits with an optional +; None for a masked or empty number."""
    digits = "".join(c for c in phone if c.isdigit())
    if not digits or "*" in phone:
        return None
    return f"tel:{'+' if phone.strip().startswith('+') else ''}{digits}"
