"""预案: the plans that fit by class, type, level and place, the first one as a checklist, and how it stands."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.command import checklist
from ioc.command.asking import Ask, Found
from ioc.command.plans import CLASSES, ROMAN, About, Match, Plan, class_of, match, working_level
from ioc.declare import Panel
from ioc.errors import NotFound
from ioc.i18n import Text
from ioc.store import plans
from ioc.store.detail_parts import SHANGHAI, word
from ioc.store.locate import locate
from ioc.store.pool import Conn

PANEL = Panel(key="plan", title=Text("预案", "Plan"), datasets=("plans",), order=60)
MOST = 8
_LEVELS = {"Ⅰ": 1, "Ⅱ": 2, "Ⅲ": 3, "Ⅳ": 4}


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """What is known of the incident: levels None where nobody decided them."""

    about: About
    initial: int | None
    response: int | None
    row: Mapping[str, Any] | None


def find(conn: Conn, ask: Ask) -> Found:
    """`data`: `incident` (what was matched by), `matches` most specific first with why, `plan` (the first
    one's steps at the level to work at) and `checklists` in use with the state of every step."""
    known = _known(conn, ask)
    found = match(plans.known_at(conn, ask.now), known.about)
    lists = checklist.listed(conn, ask.case_id, ask.now) if ask.case_id is not None else []
    first = found[0] if found else None
    notes: list[Text] = []
    if first is not None and not first.certain:
        notes.append(Text("事件类型未定，按类别和地点列出", "the type is not known yet: listed by class and place"))
    if first is not None and known.response is None and not lists:
        notes.append(Text("尚未批准响应级别，清单为预览", "no response level approved: the checklist is a preview"))
    data: dict[str, Any] = {
        "case_id": ask.case_id,
        "incident": _incident_json(known),
        "total": len(found),
        "matches": [_match_json(conn, m, known) for m in found[:MOST]],
        "plan": _shown(conn, first.plan, known) if first is not None else None,
        "checklists": lists,
    }
    shown = [m.plan for m in found[:MOST]]
    return Found(data, empty=not found and not lists, notes=tuple(notes), origin=_origin(shown))


def _known(conn: Conn, ask: Ask) -> Known:
    """Of the incident asked for; without one, only the place and the day."""
    day = ask.now.astimezone(SHANGHAI).date()
    if ask.case_id is None:
        place = locate(conn, ask.lon, ask.lat, 0.0)
        return Known(About(day, places=plans.places_of(conn, place.region_id)), None, None, None)
    row = plans.incident(conn, ask.scope, ask.case_id)
    if row is None:
        raise NotFound(f"突发事件 {ask.case_id}", f"incident {ask.case_id}")
    response = row["response"] or response_in(str(row["response_text"]))
    class_ = row["class_"] or class_of(row["type_"])
    about = About(day, class_, row["type_"], plans.places_of(conn, row["region_id"]), response or row["level"])
    return Known(about, row["level"], response, row)


def response_in(text: str) -> int | None:
    """The level in the words of the case (Ⅲ 级响应); None for no response."""
    found = re.search(r"[ⅠⅡⅢⅣ]", text)
    return _LEVELS[found[0]] if found else None


def _incident_json(known: Known) -> dict[str, Any]:
    a = known.about
    class_ = CLASSES.get(a.class_ or 0)
    return {
        "class": {"code": a.class_, "zh": class_[0], "en": class_[1]} if class_ else None,
        "type": a.type_ or None, "initial_level": known.initial, "response_level": known.response,
        "places": list(a.places), "day": a.day.isoformat(),
    }  # fmt: skip


def _match_json(conn: Conn, m: Match, known: Known) -> dict[str, Any]:
    p = m.plan
    return {
        "plan_id": p.plan_id, "code": p.code, "version": p.version, "title": p.title, "document": p.document,
        "issuer": p.issuer, "valid_from": p.valid_from.isoformat(),
        "valid_to": p.valid_to.isoformat() if p.valid_to else None, "certain": m.certain, "sample": p.sample,
        "why": {"place": m.place or None, "type": {"code": m.type_, **word(conn, "category.gbt35561", m.type_)}
                if m.type_ else None, "class": p.class_},
        "levels": [{"level": n, "roman": ROMAN[n], "actions": len(lv.actions)} for n, lv in sorted(p.levels.items())],
        "level": working_level(p, known.response, known.initial),
    }  # fmt: skip


def _shown(conn: Conn, plan: Plan, known: Known) -> dict[str, Any] | None:
    """The steps at the level to work at, and which kinds of resources they need."""
    n = working_level(plan, known.response, known.initial)
    if n is None:
        return None
    level = plan.levels[n]
    needs = [{"kind": k, "amount": a, **word(conn, "resource_kind", k)} for k, a in level.resources]
    return {"plan_id": plan.plan_id, "code": plan.code, "version": plan.version, "title": plan.title, "level": n,
            "roman": ROMAN[n], "actions": [a.as_dict() for a in level.actions], "resources": needs}  # fmt: skip


def _origin(shown: Sequence[Plan]) -> str:
    return "demo" if any(p.origin == "demo" for p in shown) else "real"
