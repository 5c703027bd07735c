"""指挥联络: who commands, who is on duty, whom to call; numbers only for who may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.elements import html
from ioc.screens.marks import icon
from ioc.screens.state import View

SHOWN = 8


def body(data: Mapping[str, Any], view: View) -> Sequence[Any]:
    """The first eight; the others, under the names of their groups, open by a press."""
    groups = [g for g in data.get("groups") or () if g.get("people")]
    people = [p for group in groups for p in group["people"]]
    if not people:
        return [html.P(t("cmd.contacts.none", view.lang), className="cnone")]
    first = html.Ul([_row(p, view) for p in people[:SHOWN]], className="clist2 ccont")
    if len(people) <= SHOWN:
        return [first]
    summary = html.Summary(t("cmd.contacts.all", view.lang, n=len(people)))
    every = [
        part
        for g in groups
        for part in (
            html.H3(fmt.word(g, view.lang)),
            html.Ul([_row(p, view) for p in g["people"]], className="clist2 ccont"),
        )
    ]
    return [first, html.Details([summary, *every], className="cmore")]


def _row(person: Mapping[str, Any], view: View) -> Any:
    name = str(person.get("person") or "—")
    department = str(person.get("department") or person.get("shift") or "")
    line = [html.Em(fmt.word(person.get("role"), view.lang)), html.Span(name),
            html.Em(department, className="ellip", title=department), html.Span([*_call(person, name, view),
            *_order(person, name, view)])]  # fmt: skip
    return html.Li(line)


def _call(person: Mapping[str, Any], name: str, view: View) -> list[Any]:
    """A number to press, its mask, or the way to a sealed one."""
    label = {"aria-label": t("cmd.contacts.call", view.lang, name=name)}
    if person.get("tel"):
        return [html.A(icon("phone"), href=person["tel"], title=str(person.get("phone") or ""), **label)]
    if person.get("ask_phone"):
        title = t("cmd.contacts.sealed", view.lang)
        return [html.Button(icon("phone"), type="button", title=title, **label,
                            **{"data-ask-phone": str(person["ask_phone"])})]  # fmt: skip
    return [html.Em(str(person["phone"]), className="num")] if person.get("phone") else []


def _order(person: Mapping[str, Any], name: str, view: View) -> list[Any]:
    """An order to this person, or to the department where the row is one. A name that is hidden gets none."""
    office = (person.get("role") or {}).get("code") == "department"
    ref = str(person.get("department") or "") if office else str(person.get("person") or "")
    if not ref or "*" in ref:
        return []
    label = t("cmd.task.give", view.lang)
    return [html.Button(icon("msg"), type="button", title=label, className="corder",
                        **{"aria-label": f"{label} {name}", "data-name": ref,
                           "data-order-to": f"{'department' if office else 'person'}|{ref}"})]  # fmt: skip
