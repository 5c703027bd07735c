"""`/desk/command/ID`: the command workspace; `/desk/command`: incidents, those under way first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ioc.command import life
from ioc.command.asking import RADIUS_M, RINGS_M
from ioc.command.panels import panels
from ioc.command.themes import themes
from ioc.declare import Panel
from ioc.i18n import catalogue, t
from ioc.screens import fmt, parts
from ioc.screens import panels as shared
from ioc.screens.command import filters, forms, head, log, shell, themed, tools
from ioc.screens.desk import frame
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon, level_mark, level_text
from ioc.screens.model import Model
from ioc.screens.state import PageState, View
from ioc.ui import ConnStrip, Keys

PATH = "/desk/command"
REFUTE = "detection.review"
# Where panels stand; one nobody has placed goes below the others on the right.
LEFT = ("people", "targets", "weather", "plan", "contacts", "buildings")
BELOW = ("eyes",)
SHOWN = frozenset({"closure"})


# ---------------------------------------------------------------- workspace


def workspace(model: Model) -> Component:
    """The whole page, or why there is none."""
    incident = model.incident
    if not incident:
        said = model.faults.get("incident") or t("cmd.none", model.lang)
        if model.page.past:
            said = t("cmd.none_then", model.lang)
        back = html.A(t("cmd.back", model.lang), href=model.page.href(PATH), className="btn", **{"data-keep": "1"})
        none = html.Div([html.B(said), back], className="none2", **{"data-absent": "1"})
        return frame(model, "command", html.Div(none, className="main"))
    level, initial = head.level_of(incident)
    strip = html.Div(
        shared.warning_strip(model.warnings, model.view),
        id="warn-strip",
        className="wstrip",
        role="status",
        **{"data-scrolls": "1", "aria-label": t("screens.warn.label", model.lang)},
    )
    body = [
        html.Header(head.head(incident, model.view), id="cmd-head", className="chd"),
        strip,
        html.Aside([shell.section(p, model.lang) for p in _placed(LEFT)], className="lft",
                   **{"data-scrolls": "1", "aria-label": t("cmd.around", model.lang)}),
        _map(model),
        html.Section([shell.section(p, model.lang) for p in _placed(BELOW)], className="ccams"),
        _right(model),
    ]  # fmt: skip
    tail = [ConnStrip(id="conn", variant="strip"), Keys(id="keys", page="desk-command")]
    tone = f"l{level}{' pv' if initial else ''}" if level else ""
    setup = json.dumps(_setup(model, incident), ensure_ascii=False)
    return html.Main([*parts.boot(model), *body, *tail], className=f"cmd {tone}".strip(), id="cmd",
                     **{"data-setup": setup})  # fmt: skip


def _placed(keys: Sequence[str]) -> list[Panel]:
    known = panels()
    return [known[k] for k in keys if k in known]


def _rest() -> list[Panel]:
    return [p for k, p in panels().items() if k not in (*LEFT, *BELOW)]


def _map(model: Model) -> Component:
    return parts.map_box(_quiet(model), _over(model), "desk")


def _quiet(model: Model) -> Model:
    """Only what belongs to incidents is shown at first: the city's 50,000 points are a choice in the layer panel."""
    layers = [{**e, "visible": e.get("key") in SHOWN} for e in model.map_config.get("layers") or ()]
    return replace(model, map_config={**model.map_config, "layers": layers} if model.map_config else {})


def _over(model: Model) -> list[Any]:
    """Tools, marks and what is measured; the flag is that of marks the commanders draw."""
    return [
        tools.what_if(model.lang),
        tools.tools(model),
        html.Details(
            [html.Summary([icon("layers"), t("cmd.layers", model.lang)]), parts.layer_panel(_quiet(model))],
            className="clay",
        ),
        html.Div(id="cmd-marks", className="cmarks"),
        html.Div(id="cmd-measure", className="cmeas", role="status"),
        html.Div(icon("flag"), id="cmd-flag", hidden=True),
    ]


TABS = ("log", "task", "reports", "notice")


def _right(model: Model) -> Component:
    lang = model.lang
    tabs = [
        html.Button(t(f"cmd.{k}", lang), type="button", className="on" if k == "log" else "",
                    **{"data-cmd-tab": k, **tools.pressed(k == "log")})
        for k in TABS
    ]  # fmt: skip
    key = {"data-cmd-key": "1", **tools.pressed(False)}
    tabs.append(html.Button(t("cmd.log.key", lang), type="button", className="ckey", **key))
    bodies = [
        html.Div(children, id=f"cmd-{k}", className="cbody", hidden=k != "log", **{"data-scrolls": "1"})
        for k, children in zip(TABS, tab_bodies(model.incident, model.command, model.view), strict=True)
    ]
    timeline = html.Section([html.Div(tabs, className="ctabs"), *bodies], className="s clog")
    rest = html.Div([shell.section(p, lang) for p in _rest()], className="crest", **{"data-scrolls": "1"})
    acts = html.Div(actions(model.incident, model.command, lang), id="cmd-act", className="act")
    return html.Aside([rest, timeline, acts], className="rgt")


def tab_bodies(incident: Mapping[str, Any], found: Mapping[str, Any], view: View) -> tuple[list[Any], ...]:
    """Bodies of the tabs in their order. `found`: what `Services.command` tells."""
    case_id, may = int(incident["case_id"]), found.get("may") or ()
    return (
        log.entries(found.get("timeline") or (), view),
        log.orders(found.get("tasks") or (), view),
        log.reports(found.get("reports") or (), case_id, view, "report" in may),
        log.notices(found.get("notices") or (), case_id, view, "command" in may),
    )


def actions(incident: Mapping[str, Any], found: Mapping[str, Any], lang: str) -> list[Any]:
    """The foot: an order, the meeting, the acts that are possible now, a line for the log."""
    may: Sequence[str] = found.get("may") or ()
    offered = {str(a["act"]): a for a in incident.get("may") or ()}
    known: Mapping[str, Any] = found.get("known") or {}
    out: list[Any] = []
    if "command" in may and not incident.get("ended"):
        give = forms.order(int(incident["case_id"]), known, lang)
        out.append(forms.button([icon("msg"), t("cmd.task.give", lang)], give, "btn p"))
    if found.get("review"):
        state = fmt.word(found["review"].get("word"), lang)
        to = f"{PATH}/{incident['case_id']}/review"
        label = [icon("list"), f"{t('aar.open', lang)} · {state}"]
        out.append(html.A(label, href=to, className="btn p", **{"data-keep": "1"}))
    if found.get("meeting") and not incident.get("ended"):
        meet = [icon("phone"), t("cmd.meet", lang)]
        out.append(html.Button(meet, type="button", className="btn", **{"data-cmd": "meet"}))
    # what takes something apart, or needs one of several, is offered where there is one
    idle = {k for k, part in (("unlink", "links"), ("unlink_warning", "warnings")) if not incident.get(part)} | {"log"}
    if found.get("ar"):
        there = {"href": str(found["ar"]), "target": "_blank", "rel": "noopener"}
        out.append(html.A([icon("camera"), t("cmd.ar", lang)], className="btn", **there))
    rest = [a for k, a in offered.items() if k not in idle and all(known.get(n, True) for n in a.get("needs") or ())]
    if rest:
        buttons = forms.acts({**incident, "may": rest}, known, lang)
        summary = html.Summary([t("cmd.acts", lang), icon("down")], className="btn")
        out.append(html.Details([summary, html.Div(buttons)], className="pick up"))
    if "log" in offered:
        out += forms.acts({**incident, "may": [offered["log"]]}, known, lang)
    return out


def _setup(model: Model, incident: Mapping[str, Any]) -> dict[str, Any]:
    """What the page's script needs: the place, the panels to ask for, its words."""
    words = {k.removeprefix("cmd."): w(model.lang) for k, w in catalogue().items() if k.startswith("cmd.")}
    aids = {k.removeprefix("aid."): w(model.lang) for k, w in catalogue().items() if k.startswith("aid.")}
    level, _ = head.level_of(incident)
    return {
        "case": incident["case_id"], "lon": incident.get("lon"), "lat": incident.get("lat"), "lang": model.lang,
        "level": level, "version": incident.get("version"), "area": incident.get("area"), "words": words, "aid": aids,
        "panels": list(panels()), "radius": RADIUS_M, "rings": RINGS_M, "meeting": model.command.get("meeting") or "",
        "zone": model.view.zone.key, "formWords": forms.words(model.lang), "who": _who(model),
        "mayDraw": model.who is not None and model.who.can(life.COMMAND),
        "mayClose": model.who is not None and model.who.can(tools.CLOSE), "ended": bool(incident.get("ended")),
    }  # fmt: skip


def _who(model: Model) -> str:
    """Whose words wait in this browser while the line is cut."""
    return model.who.login if model.who is not None else ""


# ---------------------------------------------------------------- list


def listed(model: Model) -> Component:
    """Incidents as cards beside the map, with the way to open a new one."""
    lang = model.lang
    may = model.who is not None and model.who.can(life.OPEN_)
    new = [
        forms.button([icon("plus"), t("cmd.new", lang)], forms.opening(model.command.get("known") or {}, lang), "btn p")
    ]
    title = html.Div([html.H2(t("cmd.title", lang)), *(new if may else [])], className="ph2")
    refutes = model.who is not None and model.who.can(REFUTE)
    rows = html.Div(rows_of(model.command, model.page, model.view, refutes), id="cmd-list", className="clist",
                    **{"data-scrolls": "1"})  # fmt: skip
    words = {k.removeprefix("cmd."): w(lang) for k, w in catalogue().items() if k.startswith("cmd.")}
    setup = json.dumps(
        {"lang": lang, "words": words, "list": True, "zone": model.view.zone.key, "who": _who(model)},
        ensure_ascii=False,
    )
    left = html.Section([title, *parts.fault(model, "command"), rows], className="col que", id="cmd",
                        **{"data-setup": setup})  # fmt: skip
    quiet = _quiet(model)
    on = (model.command.get("theme") or {}).get("layers") or ("case",)
    listed_layers = [{**e, "visible": e.get("key") in on} for e in quiet.map_config.get("layers") or ()]
    quiet = replace(quiet, map_config={**quiet.map_config, "layers": listed_layers} if quiet.map_config else {})
    box = parts.map_box(quiet, [parts.layer_panel(quiet)], "desk")
    return frame(model, "command", html.Div([left, box], className="main evs cml"))


def rows_of(found: Mapping[str, Any], at: PageState, view: View, refutes: bool = False) -> list[Any]:
    """Themes, the chosen one's rows, and cards of the incidents the address asks for under the chips that choose them.

    `found`: {incidents, themes, theme} of the services. `refutes`: the asker may close a false alarm.
    """
    lang, chosen = view.lang, filters.asked(at)
    theme = found.get("theme")
    known = themes().get(str((theme or {}).get("key")))
    incidents: Sequence[Mapping[str, Any]] = [i for i in found.get("incidents") or () if known is None or known.has(i)]
    shown = [i for i in incidents if chosen.fits(i)]
    groups = (
        ("open", [i for i in shown if not i.get("ended")]),
        ("ended", [i for i in shown if i.get("ended")]),
    )
    out: list[Any] = [
        *themed.chips(found, at, lang), *themed.section(theme, at, view, refutes),
        *filters.bar(incidents, chosen, at, view),
    ]  # fmt: skip
    for key, rows in groups:
        if not rows and key == "ended":
            continue
        out.append(html.H3([t(f"cmd.list.{key}", lang), html.Span(fmt.number(len(rows)), className="num")]))
        if not rows and len(shown) < len(found.get("incidents") or ()):
            out.append(html.Div(html.B(t("cmd.filter.none", lang)), className="cnone"))
        elif not rows:
            said = [html.B(t("cmd.list.none", lang)), html.P(t("cmd.list.none_why", lang))]
            out.append(html.Div(said, className="cnone"))
        out += [_card(row, view) for row in rows]
    return out


def _card(incident: Mapping[str, Any], view: View) -> Component:
    lang = view.lang
    level, initial = head.level_of(incident)
    mark = level_mark(level or 0, lang, initial)
    stage = next((fmt.word(s, lang) for s in incident.get("stages") or () if s.get("state") == "now"), "")
    opened = fmt.when(incident.get("opened_at"))
    words = [level_text(level or 0, lang, initial), stage, str(incident.get("place") or "")]
    flags = [html.Span(t("cmd.exercise", lang), className="cex")] if incident.get("exercise") else []
    if incident.get("origin") == "demo":
        flags.append(html.Span(t("screens.demo", lang), className="demo"))
    line = [html.Span(" · ".join(w for w in words if w), className="ellip"), *flags]
    tasks: Mapping[str, Any] = incident.get("tasks") or {}
    foot = " · ".join(p for p in (
        str(incident.get("number") or ""), fmt.moment(opened, view) if opened else "",
        t("cmd.list.tasks", lang, n=tasks.get("open") or 0) if tasks else "",
    ) if p)  # fmt: skip
    card = html.A(
        [html.H4([mark, html.Span(str(incident.get("title") or ""), className="ellip")]), html.P(line),
         html.P(foot, className="mut num")],
        href=f"{PATH}/{incident['case_id']}", className=f"ccard{' over' if incident.get('ended') else ''}",
        **{"data-keep": "1"},
    )  # fmt: skip
    return html.Div([card, _report(incident, lang)], className="cwith") if _reviewed(incident) else card


def _reviewed(incident: Mapping[str, Any]) -> bool:
    return bool(incident.get("ended")) and not incident.get("merged_into")


def _report(incident: Mapping[str, Any], lang: str) -> Component:
    """The way to the after-action report, with its state."""
    state = t(f"aar.st.{incident.get('review') or 'draft'}", lang)
    return html.A([icon("list"), t("aar.nav", lang), html.Em(state)], href=f"{PATH}/{incident['case_id']}/review",
                  className="btn crev", **{"data-keep": "1"})  # fmt: skip
