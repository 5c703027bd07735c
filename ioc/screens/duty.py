"""Who is on duty, on every head; and the drawer in which one shift hands over to the next."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon, urgency_mark
from ioc.screens.state import View

Part = Mapping[str, Any]
DUTIES = ("leader", "chief", "officer", "grid")
LISTED = 12
HEAD_NAMES = 2


def _at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _time(text: str, view: View) -> str:
    return f"{view.local(_at(text)):%H:%M}"


def _names(people: Sequence[Part], duty: str) -> list[str]:
    return [str(p["person"]) for p in people if p["duty"] == duty]


def _several(names: Sequence[str], lang: str) -> str:
    return fmt.listed(names[:HEAD_NAMES], lang) + ("…" if len(names) > HEAD_NAMES else "")


def head(duty: Part, view: View, *, wall: bool = False) -> list[Any]:
    """`早班 08:00–20:00 · 值班长 何敏仪 · 值班员 李嘉欣`; on the wall the leader and the chief."""
    lang = view.lang
    if not duty:
        return []
    on: Sequence[Part] = duty["on"]
    words: list[Any] = []
    if shift := duty["shift"]:
        words.append(f"{shift['name']} {_time(shift['starts_at'], view)}–{_time(shift['ends_at'], view)}")
    for key in ("leader", "chief") if wall else ("chief", "officer"):
        if names := _names(on, key):
            words.append(
                html.Span([html.Span(t(f"duty.{key}", lang), className="k"), " ", html.B(_several(names, lang))])
            )
    if not words and wall:
        return []
    out: list[Any] = [html.Span(w, className="w") for w in words] or [html.Span(t("duty.none", lang))]
    handover = duty.get("handover")
    if handover and handover["state"] == "missing" and not wall:
        out.append(html.Span(t("duty.state.missing", lang), className="dev"))
    return out


def head_attrs(duty: Part) -> dict[str, str]:
    """When it must be asked for again: by the clock alone, without anybody having done anything."""
    return {"data-until": str(duty.get("changes_at") or "")} if duty else {}


def button(duty: Part, view: View) -> list[Any]:
    """The duty line of the desk's head; pressed, it opens the drawer."""
    if not duty:
        return []
    label = t("duty.open", view.lang)
    line = html.Span(head(duty, view), id="duty", className="dutyl", **head_attrs(duty))
    return [html.Button([icon("users"), line], className="dutyb", title=label, **{"data-duty": "1"})]


def menu_item(duty: Part, lang: str) -> list[Any]:
    """The same door in the user's menu, where a phone's head has no room for the line."""
    if not duty:
        return []
    door = html.Button([icon("users"), t("duty.open", lang)], type="button", **{"data-duty": "1"})
    return [html.Li(door, className="theme")]


def drawer(view: View) -> Component:
    return html.Dialog(
        html.Div(id="duty-body", className="dub"), id="duty-box", className="duty", open=False,
        **{"aria-label": t("duty.title", view.lang)},
    )  # fmt: skip


# ---------------------------------------------------------------- inside


def body(duty: Part, handover: Part | None, view: View) -> list[Any]:
    """What the drawer shows."""
    lang = view.lang
    close = html.Button(icon("x"), className="x", title=t("duty.close", lang), **{"data-duty-close": "1"})
    region = duty.get("region") or {}
    top = html.Header([html.H2(t("duty.title", lang)), html.Span(str(region.get("name") or "")), close])
    if not duty or (not duty["on"] and not duty["next"]):
        return [top, html.P(t("duty.none_why", lang), className="none")]
    parts: list[Any] = [*_on(duty, view)]
    if handover:
        parts += _handover(handover, view)
    parts += _recent(duty.get("recent") or (), view)
    foot = _acts(handover, view) if handover else []
    return [top, html.Div(parts, className="scroll", **{"data-scrolls": "1"}), *foot]


def _on(duty: Part, view: View) -> list[Any]:
    lang = view.lang
    blocks: list[Any] = []
    found = [(t("duty.on", lang), duty["on"], duty["shift"])]
    if duty["next"]:
        found.append((t("duty.next", lang), duty["next"]["people"], duty["next"]))
    for title, people, shift in found:
        span = f"{shift['name']} {_time(shift['starts_at'], view)}–{_time(shift['ends_at'], view)}" if shift else ""
        rows = [
            html.Div([html.Dt(t(f"duty.{d}", lang)), html.Dd([_person(p) for p in people if p["duty"] == d])])
            for d in DUTIES
            if _names(people, d)
        ]
        empty = [] if rows else [html.P(t("duty.nobody", lang), className="mut")]
        head_ = html.H3([title, html.Span(span, className="num")])
        blocks.append(html.Section([head_, html.Dl(rows), *empty], className="ros"))
    return [html.Div(blocks, className="two")]


def _person(p: Part) -> Component:
    phone = [html.Small(str(p["phone"]), className="num")] if p["phone"] else []
    return html.Span([html.Span(str(p["person"])), *phone], className="pn")


def _state(h: Part, view: View) -> Component:
    word = t(f"duty.state.{h['state']}", view.lang, t=_time(h["opens_at"], view) if "opens_at" in h else "")
    late = f" · {t('duty.late', view.lang)}" if h["late"] else ""
    return html.Span(word + late, className="dev" if h["state"] == "missing" else "st")


def _handover(h: Part, view: View) -> list[Any]:
    lang = view.lang
    head_ = html.H3(
        [t("duty.handover", lang), html.Span(f"{h['going']['day'][5:]} {h['from']} → {h['to']}"), _state(h, view)]
    )
    arrow = html.Span(icon("chev"), className="ar")
    seats = html.Div([_seat("going", h["going"], view), arrow, _seat("coming", h["coming"], view)], className="seats")
    return [html.Section([head_, seats, *_facts(h, view), *_notes(h, view)], className="ho")]


def _kind(warning: Part, lang: str) -> str:
    """Kept records of before know the Chinese word alone."""
    return str((warning.get("kind_en") if lang == "en" else "") or warning["kind"])


def _seat(key: str, seat: Part, view: View) -> Component:
    lang, done = view.lang, seat["confirmed"]
    more = [html.Small(t("duty.others", lang, n=seat["others"] + len(seat["signers"])))] if seat["others"] > 0 else []
    when = seat["ends_at"] if key == "going" else seat["starts_at"]
    said = (
        [icon("check"), t("duty.confirmed", lang, name=done["name"], t=_time(done["at"], view))]
        if done
        else [t("duty.waiting", lang)]
    )
    return html.Div(
        [
            html.Small(f"{t(f'duty.{key}', lang)} {_time(when, view)}"),
            html.B(fmt.listed(seat["signers"], lang) or "—"),
            *more,
            html.P(said, className="ok" if done else "wait"),
        ],
        className=f"seat {key}",
    )


def _facts(h: Part, view: View) -> list[Any]:
    facts: Part = h["facts"]
    if not facts:
        return []
    lang, opened, changed = view.lang, facts["open"], facts["changed"]
    found = {
        "open": opened["open"], "overdue": opened["overdue"], "requests": opened["requests"],
        "opened": changed["opened"], "closed": changed["closed"], "raised": len(changed["raised"]),
    }  # fmt: skip
    if facts["alarms"] is not None:
        found |= {"alarms": facts["alarms"]["n"], "shelved": facts["alarms"]["shelved"]}
    numbers = [
        html.Div([html.Dd(f"{n:,}", className="num"), html.Dt(t(f"duty.n.{k}", lang))], className="z" if not n else "")
        for k, n in found.items()
    ]
    as_of = t("duty.asof", lang, t=_time(facts["at"], view))
    return [
        html.Dl(numbers, className="nums" if len(numbers) % 3 else "nums three"),
        html.H4([t("duty.must", lang), html.Span(as_of)]),
        *_must(facts, view),
        *_raised(changed["raised"], view),
    ]


def _must(facts: Part, view: View) -> list[Any]:
    lang = view.lang
    cases: Sequence[Part] = facts["cases"]
    rows: list[Any] = [
        html.Li([icon("flag"), html.Span(f"{_kind(w, lang)} {w['area']}", className="ellip")])
        for w in facts["warnings"]
    ]
    for c in cases[:LISTED]:
        due = f"{view.local(_at(c['due_at'])):%m-%d %H:%M}" if c["due_at"] else ""
        word = t("duty.asked", lang) if c["asked"] else due
        rows.append(
            html.Li(
                [
                    urgency_mark(c["urgency"], lang),
                    html.Span(str(c["title"]), className="ellip", title=f"{c['number']} {c['title']}"),
                    html.Em(word, className="dev num" if c["overdue"] else "num"),
                ],
                **{"data-sel": f"case:{c['case_id']}", "data-duty-close": "1"},
                tabIndex=0,
            )
        )
    more = len(cases) - LISTED
    tail = [html.P(t("duty.more", lang, n=more), className="mut")] if more > 0 else []
    return [html.Ul(rows, className="must"), *tail] if rows else [html.P(t("duty.must_none", lang), className="mut")]


def _raised(cases: Sequence[Part], view: View) -> list[Any]:
    if not cases:
        return []
    rows = [html.Li([icon("up"), html.Span(str(c["title"]), className="ellip")]) for c in cases[:LISTED]]
    return [html.H4(t("duty.n.raised", view.lang)), html.Ul(rows, className="must")]


def _notes(h: Part, view: View) -> list[Any]:
    said = [a for a in h["acts"] if a["note"]]
    if not said:
        return []
    rows = [
        html.Li([html.Small(_who(a, view)), html.P(str(a["note"]))], className="back" if a["act"] == "return" else "")
        for a in said
    ]
    return [html.H4(t("duty.notes", view.lang)), html.Ul(rows, className="notes")]


def _who(act: Part, view: View) -> str:
    words = [_time(act["at"], view), str(act["name"])]
    return " ".join([*words, t("duty.sent_back", view.lang)] if act["act"] == "return" else words)


def _recent(found: Sequence[Part], view: View) -> list[Any]:
    if not found:
        return []
    rows = [
        html.Li(
            [
                html.Span(f"{view.local(_at(h['ends_at'])):%m-%d %H:%M}", className="num"),
                html.Span(f"{h['from']} → {h['to']}", className="ellip"),
                _state({**h, "opens_at": h["ends_at"]}, view),
            ]
        )
        for h in found
    ]
    return [html.Section([html.H3(t("duty.recent", view.lang)), html.Ul(rows, className="rec6")])]


def _acts(h: Part, view: View) -> list[Any]:
    may: Sequence[str] = h["may"]
    if not may:
        return []
    buttons = [_act(key, h, view, main=key != "return") for key in may]
    return [html.Footer([html.Span(t("duty.yours", view.lang)), *buttons])]


def _act(key: str, h: Part, view: View, *, main: bool) -> Component:
    lang = view.lang
    field = {"name": "note", "label": t("duty.return_note" if key == "return" else "duty.note", lang), "kind": "long"}
    form = {
        "post": f"/api/v1/duty/handover?region={h['region']['code']}",
        "body": {"act": key, "ends_at": h["ends_at"], "version": h["version"]},
        "title": t(f"duty.{key}", lang),
        "sub": f"{h['from']} → {h['to']}",
        "fields": [field if key == "return" else {**field, "optional": True}],
        "words": {w: t(f"screens.step.{w}", lang) for w in ("send", "cancel", "failed", "choose")},
    }
    packed = json.dumps(form, ensure_ascii=False, separators=(",", ":"))
    return html.Button(t(f"duty.{key}", lang), className="btn l p" if main else "btn l", **{"data-step": packed})
