"""The list of incidents by class and level (EMG-01): four classes by four levels, each with its count and its colour.

The choice stands in the address (`class=`, `level=`; 0: not said yet), so that it can be shared and survives a reload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command import head
from ioc.screens.elements import Component, html
from ioc.screens.marks import level_mark
from ioc.screens.state import PageState, View

CLASSES = LEVELS = (1, 2, 3, 4)
Incident = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """None: all. 0: those without one."""

    class_: int | None = None
    level: int | None = None

    def fits(self, incident: Incident) -> bool:
        return self.class_ in (None, class_of(incident)) and self.level in (None, level_of(incident))


def class_of(incident: Incident) -> int:
    """1 natural, 2 accident, 3 public health, 4 social security; 0 while nobody has said."""
    return int((incident.get("class") or {}).get("code") or 0)


def level_of(incident: Incident) -> int:
    """The confirmed level, else the initial one; 0 while there is none."""
    return head.level_of(incident)[0] or 0


def asked(page: PageState) -> Filter:
    """What the address asks for; what it cannot mean is left out."""

    def one(name: str) -> int | None:
        text = page.args.get(name, "")
        return int(text) if text in ("0", "1", "2", "3", "4") else None

    return Filter(one("class"), one("level"))


def bar(incidents: Sequence[Incident], chosen: Filter, page: PageState, view: View) -> list[Any]:
    """Chips of the classes and of the levels; a count is of what pressing it would show."""
    if not incidents:
        return []
    by_level = [i for i in incidents if Filter(level=chosen.level).fits(i)]
    by_class = [i for i in incidents if Filter(class_=chosen.class_).fits(i)]
    classes = [_chip("class", n, chosen.class_, sum(class_of(i) == n for i in by_level), page, view)
               for n in _offered(CLASSES, chosen.class_, [class_of(i) for i in incidents])]  # fmt: skip
    levels = [_chip("level", n, chosen.level, sum(level_of(i) == n for i in by_class), page, view)
              for n in _offered(LEVELS, chosen.level, [level_of(i) for i in incidents])]  # fmt: skip
    return [_group("class", classes, view.lang), _group("level", levels, view.lang)]


def _offered(usual: Sequence[int], chosen: int | None, present: Sequence[int]) -> list[int]:
    """All that there can be, and "not said" where one is so."""
    return [*usual, *([0] if 0 in present or chosen == 0 else [])]


def _group(name: str, chips: Sequence[Component], lang: str) -> Component:
    label = t(f"cmd.filter.{name}", lang)
    return html.Div(
        [html.Span(label, className="mut"), *chips], className="cflt", role="group", **{"aria-label": label}
    )


def _chip(name: str, n: int, chosen: int | None, count: int, page: PageState, view: View) -> Component:
    lang, on = view.lang, chosen == n
    if name == "class":
        word = [t(f"cmd.class.{n}" if n else "cmd.filter.unclassed", lang)]
    elif n:
        word = [level_mark(n, lang)]  # says its name to a reader; four stand in one line
    else:
        word = [level_mark(0, lang), t("screens.level.0", lang)]
    kept = {k: v for k, v in page.args.items() if k in ("class", "level", "theme")}
    href = page.href(page.path, **{**kept, name: "" if on else str(n)})
    here: dict[str, Any] = {"aria-current": "true"} if on else {}
    if name == "level" and n:
        here["title"] = t(f"screens.level.{n}", lang)
    tone = f" ll{n}" if name == "level" and n else ""
    return html.A([*word, html.Span(fmt.number(count), className="num")], href=href,
                  className=f"chip{tone}{' on' if on else ''}", **here)  # fmt: skip
