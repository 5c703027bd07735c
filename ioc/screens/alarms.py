"""Alarms on the screens: the bar of every desk page, the list, the editor of rule parameters, the strip of a wall.

The browser's components fetch and follow the alarms themselves; here stand the asker's rights and the choices with
their words, so that no rule about alarms is written twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.alarm_rules import alarm_rules
from ioc.alarms.life import FALSE_CAUSES, SHELF_MAX, SHELF_MINUTES, STATES
from ioc.alarms.params import PRIORITIES as PRIORITY_KEYS
from ioc.alarms.record import ENTRIES, PRIORITIES, both
from ioc.dictionaries import shipped
from ioc.flows import flows
from ioc.i18n import Text, catalogue, t
from ioc.screens import exporting
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.model import Model
from ioc.ui import AlarmBar, AlarmList, AlarmRules, AlarmWall

VIEW = "alarm.view"
RIGHTS = (VIEW, "alarm.ack", "alarm.shelve", "alarm.service", "alarm.rules", "case.accept")
# Words of parameters that are chosen, not written (ioc/alarms/params.py).
_CHOICES: Mapping[str, Mapping[str, Text]] = {
    "priority": {key: PRIORITIES[key] for key in PRIORITY_KEYS},
    "side": {side: catalogue()[f"alarm.side.{side}"] for side in ("high", "low")},
    "mode": {mode: catalogue()[f"alarm.mode.{mode}"] for mode in ("all", "any")},
}
_DUTIES: Mapping[str, Text] = {
    duty: catalogue()[f"alarm.duty.{duty}"] for duty in ("river_chief", "grid_officer", "fire_warden", "gas_keeper")
}


def sees(model: Model) -> bool:
    return model.who is not None and model.who.can(VIEW)


def _pairs(words: Mapping[str, Text]) -> list[tuple[str, dict[str, str]]]:
    return [(key, both(word)) for key, word in words.items()]


def setup(model: Model) -> dict[str, Any]:
    """What the browser needs to offer actions: the asker's rights and name, shelf times, causes, flows of cases."""
    who = model.who
    taken = {key: flow.title for key, flow in flows().items() if flow.steps}
    return {
        "rights": [right for right in RIGHTS if who is not None and who.can(right)],
        "who": who.name if who is not None else "",
        "shelf": list(SHELF_MINUTES),
        "shelfMax": int(SHELF_MAX.total_seconds() // 60),
        "causes": _pairs(FALSE_CAUSES),
        "flows": _pairs(taken),
    }


def bar(model: Model) -> list[Component]:
    """Nothing for who may not see alarms, and none on a centre that has no data yet."""
    if not sees(model) or model.centre.empty:
        return []
    return [AlarmBar(id="alarm-bar", setup=setup(model))]


def wall(model: Model) -> list[Component]:
    return [AlarmWall(id="wall-alarm")] if sees(model) else []


def listed(model: Model) -> Component:
    """The list, and the way to the rules."""
    lang = model.lang
    if not sees(model):
        return html.Section(html.P(t("alarm.noRight", lang), className="sec pad"), className="col que")
    rules = _pairs({rule.key: rule.title for rule in alarm_rules().values()})
    link = html.A(
        [icon("gear"), t("alarm.rules", lang)],
        href=model.page.href("/desk/alarms/rules"),
        className="btn",
        **{"data-keep": "1"},
    )
    acts = html.Span([*exporting.button(model, "alarms"), link], className="g end")
    head = html.Div([html.H2(t("alarm.title", lang)), acts], className="ph2")
    body = AlarmList(id="alarms", rules=rules, states={k: both(w) for k, w in STATES.items()},
                     priorities={k: both(w) for k, w in PRIORITIES.items()}, entries=_pairs(ENTRIES))  # fmt: skip
    keys = ((("J", "K"), "screens.key.move"), (("A",), "alarm.ack"), (("S",), "alarm.shelve"), (("F",), "alarm.false"),
            (("L",), "alarm.case"), (("E",), "alarm.key.unfold"), (("?",), "screens.key.all"))  # fmt: skip
    help_ = html.Div(
        [html.Span([*[html.Span(k, className="kbd") for k in pair], t(word, lang)]) for pair, word in keys],
        className="qf",
    )
    return html.Section([head, body, help_], className="col alw")


def rules(model: Model) -> Component:
    """The editor of rule parameters; without `alarm.rules` it is read only."""
    lang, who = model.lang, model.who
    if who is None or not sees(model):
        return html.Div(html.Section(html.P(t("alarm.noRight", lang), className="sec pad"), className="col"),
                        className="main two")  # fmt: skip
    back = html.A([t("alarm.rules.back", lang)], href=model.page.href("/desk/alarms"), className="btn",
                  **{"data-keep": "1"})  # fmt: skip
    draw = html.A([t("fence.open", lang)], href=model.page.href("/desk/fences"), className="btn", **{"data-keep": "1"})
    said = html.Span(t("alarm.rules.side", lang))
    head = html.Div([html.H2(t("alarm.rules", lang)), said, draw, back], className="ph2")
    body = AlarmRules(
        id="alarm-rules",
        choices={name: _pairs(words) for name, words in _CHOICES.items()},
        kinds=[(code, {"zh": e.zh, "en": e.en}) for code, e in shipped()["device_kind"].items()],
        regions=[(ref.code, ref.name) for ref in (*model.crumbs, *model.children)],
        mayEdit=who.can("alarm.rules"),
        duties=_pairs(_DUTIES),
    )
    return html.Div(html.Section([head, body], className="col alw"), className="main one")


def actions(detail: Mapping[str, Any], lang: str) -> Component | None:
    """Foot of the detail panel of an alarm: what the asker may do with it now. The browser sends it."""
    words = {"ack": "ack", "shelve": "shelve", "unshelve": "unshelve", "false_alarm": "false",
             "out_of_service": "out", "in_service": "in", "case": "case"}  # fmt: skip
    letters = {"ack": "A", "shelve": "S", "unshelve": "S", "false_alarm": "F", "out_of_service": "O",
               "in_service": "O", "case": "L"}  # fmt: skip
    buttons: list[Any] = []
    for action in detail.get("alarm_actions") or ():
        label = [t(f"alarm.{words[action]}", lang), html.Span(letters[action], className="kbd")]
        kind = "btn l p" if action == "ack" else "btn l"
        buttons.append(html.Button(label, type="button", className=kind,
                                   **{"data-alarm-act": action, "data-alarm-key": str(detail["key"])}))  # fmt: skip
    return html.Div(buttons, className="dsteps", role="group") if buttons else None
