"""Forms of the command pages: what an act, an order, a report or a new incident asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.command import marks
from ioc.i18n import t
from ioc.screens import fmt, steps
from ioc.screens.elements import Component, html
from ioc.screens.marks import ROMAN, icon

Part = Mapping[str, Any]
words = steps.words
Choices = Sequence[tuple[str, str]]
_LONG = frozenset({"text", "reason", "detail", "body", "no_report_reason"})
_MOMENT = frozenset({"until", "from_at", "to_at", "happened_at", "due_at"})
_FLAG = frozenset({"mark", "withdraw_open", "exercise"})
_WHOLE = frozenset({"people", "refers"})
ZONE_3 = 4534  # CGCS2000 / 3-degree Gauss-Kruger CM 75E; the next ones are 3 degrees further east each (EPSG)
_LEVEL = frozenset({"level", "response_level", "class"})


def acts(incident: Part, known: Mapping[str, Any], lang: str) -> list[Component]:
    """A button for each act the asker may do now; `known`: choices by field name beside those that are fixed."""
    url = f"/api/v1/incidents/{incident['case_id']}/acts"
    out: list[Component] = []
    for act in incident.get("may") or ():
        title = fmt.word(act, lang)
        form = {
            "post": url, "under": "given", "queue": True, "title": title, "sub": str(incident.get("number") or ""),
            "body": {"act": act["act"], "version": incident.get("version")},
            "fields": fields(act.get("needs") or (), act.get("may") or (), known, lang), "words": words(lang),
        }  # fmt: skip
        out.append(button(title, form))
    return out


def button(title: Any, form: Part, class_name: str = "btn") -> Component:
    return html.Button(title, type="button", className=class_name, **{"data-step": packed(form)})


def packed(form: Part) -> str:
    return json.dumps(form, ensure_ascii=False, separators=(",", ":"))


def fields(needs: Sequence[str], may: Sequence[str], known: Mapping[str, Any], lang: str) -> list[dict[str, Any]]:
    """Fields of a form in their order, the optional ones marked."""
    return [
        *(field(n, known, lang) for n in needs),
        *({**field(n, known, lang), "optional": True} for n in may if n not in needs),
    ]


def field(name: str, known: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """{name, label, kind, choices?}; `number`: sent as a number."""
    found: dict[str, Any] = {"name": name, "label": t(f"cmd.f.{name}", lang)}
    if name in known:
        return {
            **found,
            "kind": "choice",
            "choices": [(value, fmt.word(said, lang)) for value, said in known[name]],
            "number": name in ("incident", "warning", "post"),
        }
    if name in _LEVEL:
        return {**found, "kind": "choice", "choices": _levels(name, lang), "number": True}
    if name in _FLAG:
        return {**found, "kind": "choice", "choices": [("yes", t("screens.yes", lang)), ("no", t("screens.no", lang))]}
    if name == "role":
        roles = [(r, t(f"cmd.role.{r}", lang)) for r in ("chief", "field", "other")]
        return {**found, "kind": "choice", "choices": roles}
    if name in ("place", "area"):
        return {**found, "kind": name}
    if name == "photos":
        return {**found, "kind": "files", "needed": False}
    kind = "long" if name in _LONG else "moment" if name in _MOMENT else "number" if name in _WHOLE else "text"
    return {**found, "kind": kind}


def _levels(name: str, lang: str) -> Choices:
    if name == "class":
        return [(str(n), t(f"cmd.class.{n}", lang)) for n in (1, 2, 3, 4)]
    if name == "level":
        return [(str(n), t(f"screens.level.{n}", lang)) for n in (1, 2, 3, 4)]
    return [(str(n), t("cmd.level.n", lang, n=ROMAN[n])) for n in (1, 2, 3, 4)] + [("0", t("cmd.level.end", lang))]


def order(case_id: int, known: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """下达指令: what, to whom, by when, where; a step of the plan goes with it where it carries one out."""
    minutes = [(str(m), t("cmd.iso.min", lang, n=m)) for m in (5, 10, 15, 30, 60, 120)]
    due = {"name": "due_min", "label": t("cmd.f.due_at", lang), "kind": "choice", "choices": minutes, "number": True,
           "optional": True}  # fmt: skip
    to = {
        "name": "to",
        "label": t("cmd.f.to", lang),
        "kind": "choice",
        "choices": [(v, fmt.word(said, lang)) for v, said in known.get("to") or ()],
    }
    what, detail, address = (field(n, {}, lang) for n in ("what", "detail", "address"))
    where = {"name": "where", "label": t("cmd.f.where", lang), "kind": "where", "optional": True}
    return {
        "post": f"/api/v1/incidents/{case_id}/tasks", "queue": True, "title": t("cmd.task.give", lang), "sub": "",
        "body": {}, "pair": {"to": ("kind", "ref")}, "words": words(lang),
        "fields": [what, to, due, where, {**address, "optional": True}, {**detail, "optional": True}],
    }  # fmt: skip


def opening(known: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """新建突发事件 by hand; the place on the map or in degrees."""
    names = fields(("title", "class", "place"), ("level", "reason", "address", "text", "exercise"), known, lang)
    return {
        "incident": True, "title": t("cmd.new", lang), "sub": "", "body": {"origin": {"kind": "hand"}},
        "fields": [{**f, "wide": wide(lang)} if f["name"] == "place" else f for f in names],
        "rename": {"text": "description"}, "flags": ["exercise"], "words": words(lang),
    }  # fmt: skip


def raised(kind: str, ref: int, number: str, placed: bool, lang: str) -> dict[str, Any]:
    """开立突发事件 from a record: sent as it stands with Enter; what is written replaces what the record says."""
    names = fields(() if placed else ("place",), ("title", "class", "level", "reason", "exercise"), {}, lang)
    return {
        "incident": True, "title": t("aid.raise", lang), "sub": number, "body": {"origin": {"kind": kind, "id": ref}},
        "fields": [{**f, "wide": wide(lang)} if f["name"] == "place" else f for f in names],
        "flags": ["exercise"], "words": words(lang), "ready": placed,
    }  # fmt: skip


def wide(lang: str) -> dict[str, Any]:
    """What a place may be given in: a point of the map, a name that is found, coordinates of any declared system."""
    named = [("EPSG:4490", "CGCS2000"), ("EPSG:4326", "WGS 84"), ("GCJ-02", t("aid.crs.gcj", lang)),
             ("BD-09", t("aid.crs.bd", lang))]  # fmt: skip
    zones = [(f"EPSG:{ZONE_3 + n}", t("aid.crs.zone", lang, n=75 + 3 * n)) for n in range(21)]
    words_ = {w: t(f"aid.place.{w}", lang) for w in ("find", "crs", "nothing", "bad")}
    return {"crs": named, "zones": zones, "words": words_}


def drawn(case_id: int, rights: Sequence[str], lang: str) -> list[Component]:
    """What can be made of what was drawn: a mark all commanders see, a closure, the incident's area, a notice.

    `geometry`: the name under which the page's script puts the drawing; `shapes`: kinds of drawing it is offered for.
    """
    every, area = ["Point", "LineString", "Polygon"], ["Polygon"]
    kinds = [(k, word(lang)) for k, word in marks.KINDS.items()]
    mark = {
        "post": f"/api/v1/incidents/{case_id}/marks", "title": t("cmd.mark", lang), "body": {}, "geometry": "geometry",
        "fields": fields(("kind",), ("label", "responsible"), {"kind": kinds}, lang),
    }  # fmt: skip
    closure = {
        "post": "/api/v1/command/closures", "title": t("cmd.close", lang), "body": {"case_id": case_id},
        "geometry": "shape", "fields": fields(("reason",), (), {}, lang),
    }  # fmt: skip
    whole = {
        "post": f"/api/v1/incidents/{case_id}/acts", "title": t("cmd.area", lang), "under": "given", "geometry": "area",
        "body": {"act": "set_area"}, "versioned": True, "fields": fields((), ("reason",), {}, lang),
    }  # fmt: skip
    told = {
        "post": "/api/v1/area-notices", "title": t("cmd.notice.send", lang), "body": {"case_id": case_id},
        "geometry": "area", "fields": fields(("title", "body"), (), {}, lang),
    }  # fmt: skip
    offered = [("command", mark, every, "flag"), ("close", closure, every[1:], "x"), ("command", whole, area, "target"),
               ("command", told, area, "msg")]  # fmt: skip
    return [
        html.Button(
            [icon(glyph), form["title"]], type="button", hidden=True,
            **{"data-step": packed({**form, "queue": True, "sub": "", "words": words(lang)}),
               "data-shapes": " ".join(shapes)},
        )
        for right, form, shapes, glyph in offered if right in rights
    ]  # fmt: skip
