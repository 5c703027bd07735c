"""What can be done with the case in the detail panel: buttons, and the fields their form asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.flows import flows
from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon

Part = Mapping[str, Any]
SHOWN = 3  # beside them the rest waits under one button
# Steps that go on with the case come first; what sends it back or ends it is never the first thing under a finger.
_BACKWARD = frozenset({"return", "rework", "reopen", "refuse", "false_alarm", "ask_void", "grant_void"})
_LONG = frozenset({"reason", "text", "result"})
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "unit": ("work_hours", "work_days", "emergency_hours"),
    "satisfaction": ("5", "4", "3", "2", "1"),
    "resolved": ("yes", "no"),
    # those every centre starts with (ioc/dictionaries/rating_reason.json)
    "tags": ("late", "extra_condition", "extra_material", "unresolved", "attitude", "other"),
}
_PROOF = frozenset({"photo_before", "photo_after"})
# Steps with which something is shown; pictures may be given with them beside what they need.
_SHOWS = frozenset({"finish", "note", "rework", "return", "self_handle"})
_KEYS: Mapping[str, str] = {"accept": "a", "forward": "d", "dispatch": "d", "urge": "u"}


def step_bar(detail: Part, view: Any) -> Component | None:
    """The foot of the panel; None where the asker can do nothing."""
    todo: Part | None = detail.get("todo")
    if not todo:
        return None
    if "warning_id" in todo:
        return html.Div([_judge(todo, view, outcome) for outcome in ("hit", "false", "void")], className="dsteps",
                        role="group")  # fmt: skip
    if "event_id" in todo:
        return html.Div([_take_up(todo, view)], className="dsteps", role="group")
    steps = list(todo.get("steps") or ())
    if not steps:
        return None
    steps.sort(key=rank)
    first = bool(steps[0]["to"]) and steps[0]["key"] not in _BACKWARD
    buttons = [_button(s, todo, view, main=first and i == 0) for i, s in enumerate(steps[:SHOWN])]
    rest = [_button(s, todo, view, main=False) for s in steps[SHOWN:]]
    more = (
        html.Details(
            [html.Summary([t("screens.step.more", view.lang), icon("down")], className="btn"), html.Div(rest)],
            className="pick up",
        )
        if rest
        else None
    )
    return html.Div([*buttons, more] if more else buttons, className="dsteps", role="group")


def rank(step: Part) -> tuple[bool, bool, bool]:
    """What goes on with a case first, what sends it back or ends it last."""
    return step["key"] in _BACKWARD, not step["to"], step["key"] not in _KEYS


def by_itself(step: Part) -> bool:
    """Whether a step is of one case alone: it needs a place or pictures of that very case."""
    return bool(({"place"} | _PROOF) & set(step["needs"]))


def form_of(step: Part, todo: Part, lang: str) -> dict[str, Any]:
    """The form of a step without the case it is taken with."""
    return {
        "step": step["key"],
        "title": fmt.word(step.get("title"), lang),
        "fields": [
            *(_field(name, todo, lang) for name in step["needs"]),
            *({**_field(name, todo, lang), "optional": True} for name in step.get("may") or ()),
        ],
        "words": words(lang),
    }


def _take_up(todo: Part, view: Any) -> Component:
    """A report nobody has taken up: it becomes a case of a flow."""
    lang = view.lang
    choices = [(key, flow.title(lang)) for key, flow in flows().items() if flow.steps]
    form = {
        "event": todo["event_id"],
        "title": t("screens.step.take_up", lang),
        "sub": str(todo.get("number") or ""),
        "fields": [{"name": "flow", "label": t("screens.step.f.flow", lang), "kind": "choice", "choices": choices}],
        "words": words(lang),
    }
    label = [form["title"], html.Span("A", className="kbd")]
    return html.Button(label, className="btn l p", **{"data-step": _packed(form), "data-key": "a"})


def _judge(todo: Part, view: Any, outcome: str) -> Component:
    """What became of a warning (EMG-13): a hit with when it happened, a false alarm, or the word taken back."""
    lang = view.lang
    happened = {"name": "occurred_at", "label": t("detail.warning_happened", lang), "kind": "moment"}
    evidence = {"name": "evidence", "label": t("detail.warning_evidence", lang), "kind": "long", "optional": True}
    form = {
        "post": f"/api/v1/warnings/{todo['warning_id']}/check", "body": {"outcome": outcome},
        "title": t(f"detail.warning_judge_{outcome}", lang), "sub": str(todo.get("number") or ""),
        "fields": [*([happened] if outcome == "hit" else []), evidence], "words": words(lang),
    }  # fmt: skip
    return html.Button(form["title"], className="btn", **{"data-step": _packed(form)})


def words(lang: str) -> dict[str, str]:
    """Words of the form itself."""
    names = ("send", "cancel", "failed", "choose", "upload", "uploading", "needed", "remove",
             "pick", "picking", "degrees")  # fmt: skip
    return {w: t(f"screens.step.{w}", lang) for w in names}


def _packed(form: Part) -> str:
    return json.dumps(form, ensure_ascii=False, separators=(",", ":"))


def _button(step: Part, todo: Part, view: Any, *, main: bool) -> Component:
    lang = view.lang
    more = step["key"] in _SHOWS and not _PROOF & set(step["needs"])
    form = form_of(step, todo, lang)
    title = form["title"]
    form |= {
        "case": todo["case_id"],
        "version": todo["version"],
        "sub": str(todo.get("number") or ""),
        "fields": [*form["fields"], *([_field("photos", todo, lang)] if more else [])],
    }
    key = _KEYS.get(step["key"])
    label: list[Any] = [title, html.Span(key.upper(), className="kbd")] if key else [title]
    return html.Button(
        label,
        className="btn l p" if main else "btn l",
        **{"data-step": _packed(form)},
        **({"data-key": key} if key else {}),
    )


def _field(name: str, todo: Part, lang: str) -> dict[str, Any]:
    field: dict[str, Any] = {"name": name, "label": t(f"screens.step.f.{name}", lang)}
    if name in _CHOICES:
        choices = [(value, t(f"screens.step.{name}.{value}", lang)) for value in _CHOICES[name]]
        return {**field, "kind": "choice", "choices": choices, "number": name == "satisfaction"}
    if name == "department":
        return {**field, "kind": "choice", "choices": _same(todo.get("departments") or ())}
    if name == "region":
        return {**field, "kind": "choice", "choices": [(r["code"], r["name"]) for r in todo.get("regions") or ()]}
    if name == "place":
        return {**field, "kind": "place"}
    if name in _PROOF or name == "photos":
        return {**field, "kind": "files", "needed": name in _PROOF}
    if name == "amount":
        return {**field, "kind": "number"}
    if name in ("review_on", "until"):
        return {**field, "kind": "date"}
    return {**field, "kind": "long" if name in _LONG else "text"}


def _same(values: Sequence[str]) -> list[tuple[str, str]]:
    return [(value, value) for value in values]
