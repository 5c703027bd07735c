"""The head of a command workspace: what, where, how bad and who said so, how far, how long, what is due next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.elements import Component, html
from ioc.screens.marks import ROMAN, icon, level_mark, level_text
from ioc.screens.state import View

Incident = Mapping[str, Any]


def head(incident: Incident, view: View) -> list[Any]:
    """Children of the header; `incident` is the header record of docs/command.md."""
    return [_title(incident, view), _stages(incident, view), _times(incident, view)]


def level_of(incident: Incident) -> tuple[int | None, bool]:
    """(level, 初判): the confirmed one, else the proposed one."""
    level: Mapping[str, Any] = incident.get("level") or {}
    value = level.get("value")
    if value is None:
        value = (level.get("proposed") or {}).get("level")
    return (int(value) if value else None), level.get("state") != "confirmed"


def _title(incident: Incident, view: View) -> Component:
    lang = view.lang
    level, initial = level_of(incident)
    mark = level_mark(level or 0, lang, initial)
    back = html.A(icon("chev"), href="/desk/command", className="cback", title=t("cmd.back", lang),
                  **{"data-keep": "1", "aria-label": t("cmd.back", lang)})  # fmt: skip
    facts = [_level(incident, view), _response(incident, view)]
    flags = [html.Span(t("cmd.exercise", lang), className="cex")] if incident.get("exercise") else []
    if incident.get("origin") == "demo":
        flags.append(html.Span(t("screens.demo", lang), className="demo"))
    name = html.H1([html.Span(str(incident.get("title") or ""), className="ellip"), *[f for f in facts if f]])
    place = " · ".join(str(p) for p in (incident.get("place"), incident.get("number")) if p)
    return html.Div(
        [back, mark, html.Div([name, html.P([html.Span(place, className="ellip"), *flags])], className="tx")],
        className="ti",
    )


def _level(incident: Incident, view: View) -> Component | None:
    level, initial = level_of(incident)
    if not level:
        return html.Small(html.B(level_text(0, view.lang)))
    said: Mapping[str, Any] = incident.get("level") or {}
    by = said if not initial else (said.get("proposed") or said)
    word = t("cmd.level.initial" if initial else "cmd.level.confirmed", view.lang)
    return html.Small([html.B(level_text(level, view.lang, False)), f" {word} ", _who(by, view)])


def _response(incident: Incident, view: View) -> Component | None:
    found: Mapping[str, Any] | None = incident.get("response")
    asked: Mapping[str, Any] | None = incident.get("response_asked")
    lang = view.lang
    if found and found.get("level"):
        name = t("cmd.response.level", lang, scope=str(found.get("scope") or ""), n=ROMAN[int(found["level"])])
        who = _who({"by": found.get("approved_by"), "at": found.get("approved_at")}, view)
        pending = [html.Span(_asked_for(asked, lang), className="dash")] if asked else []
        return html.Small([t("cmd.response", lang), " ", html.B(name), f" {t('cmd.approved', lang)} ", who, *pending])
    if asked:
        return html.Small([t("cmd.response", lang), " ", t("cmd.response.asked", lang), " ", _who(asked, view)],
                          className="dash")  # fmt: skip
    return None


def _asked_for(asked: Mapping[str, Any], lang: str) -> str:
    """What waits for its approval while a response is in force: another level, or its end."""
    level = int(asked.get("level") or 0)
    what = t("cmd.level.n", lang, n=ROMAN[level]) if level else t("cmd.level.end", lang)
    return f"{t('cmd.response.asked', lang)} {what}"


def _who(said: Mapping[str, Any], view: View) -> str:
    at = fmt.when(said.get("at"))
    return " ".join(p for p in (str(said.get("by") or ""), fmt.moment(at, view) if at else "") if p)


def _stages(incident: Incident, view: View) -> Component:
    stages: Sequence[Mapping[str, Any]] = incident.get("stages") or ()
    names = {"done": "dn", "now": "cur", "ahead": "", "skipped": "sk"}
    parts: list[Any] = []
    for stage in stages:
        at = fmt.when(stage.get("at"))
        when = html.U(fmt.moment(at, view), className="num") if at and stage.get("state") != "ahead" else None
        words = [fmt.word(stage, view.lang), *([when] if when else [])]
        parts.append(html.I(html.Em(words), className=names.get(str(stage.get("state")), "")))
    now = next((fmt.word(s, view.lang) for s in stages if s.get("state") == "now"), "")
    label = t("screens.stage.current", view.lang, flow=t("cmd.flow", view.lang), stage=now)
    return html.Div(parts, className="steps", role="img", **{"aria-label": label})


def _times(incident: Incident, view: View) -> Component:
    lang = view.lang
    opened, ended = fmt.when(incident.get("opened_at")), incident.get("ended")
    boxes: list[Any] = []
    if opened is not None:
        stop = fmt.when((ended or {}).get("at")) if ended else None
        ticking = {"data-since": fmt.iso(opened)} if stop is None else {}
        boxes.append(_time(hms(((stop or view.now) - opened).total_seconds()), t("cmd.elapsed", lang), ticking))
    due: Mapping[str, Any] | None = incident.get("report_due")
    at = fmt.when((due or {}).get("at"))
    if due and at is not None and not ended:
        late = at < view.now
        words = t("cmd.due", lang, what=fmt.word(due.get("label"), lang), at=fmt.moment(at, view))
        seconds = (at - view.now).total_seconds()
        boxes.append(_time(hms(abs(seconds)), words, {"data-until": fmt.iso(at)}, "over" if late else ""))
    boxes.append(_time(fmt.clock(view.now, view), fmt.day(view)[5:], {"data-clock": "1"}))
    return html.Div(boxes, className="tm")


def _time(value: str, word: str, attrs: Mapping[str, Any], class_name: str = "") -> Component:
    return html.Div([html.B(value, className=f"num {class_name}".strip(), **attrs), html.Span(word)])


def hms(seconds: float) -> str:
    """`25:47`, from an hour on `1:04:12`; hours run on past a day."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes:02d}:{secs:02d}"
