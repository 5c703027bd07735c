"""现场气象: warnings that hold here with what they were before, wind as an arrow, temperature, rain, water; every value
with its station, distance and age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command.bodies import _rows
from ioc.screens.elements import html
from ioc.screens.marks import FLAGS, icon, warning_flag
from ioc.screens.state import View
from ioc.ui import Svg

Part = Mapping[str, Any]
_ARROW = (
    '<circle r="28" fill="none" stroke="var(--line-2)"/>'
    '<path d="M0-28v5M28 0h-5M0 28v-5M-28 0h5" stroke="var(--ink-4)"/>'
    '<g transform="rotate({to})"><path d="M0 20V-14M-6-7L0-15 6-7" fill="none" stroke="var(--ink-1)"'
    ' stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/></g>'
)


def body(data: Part, view: View) -> Sequence[Any]:
    values: Mapping[str, Part] = data.get("values") or {}
    water: Sequence[Part] = data.get("water") or ()
    titles: Mapping[str, Any] = data.get("titles") or {}
    lang = view.lang
    warned = _warnings(data.get("warnings") or (), view)
    if not values and not water:
        none = html.P(t("cmd.weather.none", lang), className="cnone")
        return warned if warned and "values" not in data else [*warned, none]
    mast = _mast(values)
    head = [*warned, *([_wind(mast, titles, lang)] if mast else [])]
    rows = [_row(fmt.word(titles.get(k) or k, lang), v, view) for k, v in values.items() if k not in mast]
    rows += [_row(fmt.word(titles.get(w["property"]) or w["property"], lang), w, view) for w in water[:2]]
    return [*head, html.Ul(rows, className="clist2 wx3")]


def _mast(values: Mapping[str, Part]) -> Mapping[str, Part]:
    """What the station that tells both halves of the wind tells, by property; nothing where none does."""
    speed, direction = values.get("wind_speed"), values.get("wind_direction")
    if not speed or not direction or speed["station_id"] != direction["station_id"]:
        return {}
    return {k: v for k, v in values.items() if k in _OF_MAST and v["station_id"] == speed["station_id"]}


def _warnings(warnings: Sequence[Part], view: View) -> list[Any]:
    """Nothing, or a list of them: in force, to come, cancelled; 升级 and 降级 with the colours of before."""
    lang = view.lang
    rows: list[Any] = []
    for w in warnings:
        colour = str(w["colour"])
        name = f"{fmt.word(w, lang)} {t(f'screens.warning.{colour}', lang)}" if colour in FLAGS else fmt.word(w, lang)
        before = [t(f"screens.warning.{b['colour']}", lang) for b in w.get("before") or () if b["colour"] in FLAGS]
        change = t(f"cmd.warned.{w['change']}", lang, before=fmt.listed(before[:3], lang)) if before else ""
        at = fmt.when(w.get("ended_at") if w["state"] in _OVER else w.get("onset_at"))
        state = t(f"cmd.warned.{w['state']}", lang, at=fmt.moment(at, view) if at else "")
        flags = [html.Span(t("cmd.exercise", lang), className="cex")] if w.get("exercise") else []
        told = " · ".join(p for p in (state, change, str(w.get("sender") or "")) if p)
        flag = warning_flag(colour, lang) if colour in FLAGS else icon("warn")
        rows.append(html.Li([flag, html.Div([html.B(name), *flags, html.P(told, className="ellip", title=told)])],
                            className="over" if w["state"] in _OVER else ""))  # fmt: skip
    return [html.Ul(rows, className="cwarned")] if rows else []


_OVER = frozenset({"cancelled", "replaced", "expired"})


_OF_MAST = ("wind_speed", "wind_direction", "temperature", "humidity")


def _wind(mast: Mapping[str, Part], titles: Mapping[str, Any], lang: str) -> Any:
    """The wind as an arrow to where it blows and in words, beside it the air; below whose word it is and how old."""
    speed, direction = mast["wind_speed"], mast["wind_direction"]
    named, to = fmt.word(_both(direction, "from"), lang), fmt.word(_both(direction, "to"), lang)
    said = f"{named} {fmt.word(_both(speed, 'force'), lang)}"
    arrow = Svg(viewBox="-31 -31 62 62", inner=_ARROW.format(to=f"{direction['to_deg']:g}"), className="cwind",
                label=f"{said}, {to}")  # fmt: skip
    more = [(_value(v), fmt.word(titles.get(k) or k, lang)) for k in _OF_MAST[2:] if (v := mast.get(k))]
    air = html.Div([html.B(" ".join(v for v, _ in more), className="num"), html.Span(" · ".join(n for _, n in more))])
    wind = html.Div([html.B(said), html.Span(f"{_value(speed)} · {to}", className="num")])
    oldest = max(float(v.get("age_s") or 0) for v in mast.values())
    whose = f"{speed['station']} {_rows.metres(speed.get('distance_m'))} · {fmt.age(oldest, lang)}"
    stale = not all(v.get("fresh", True) for v in mast.values())
    return html.Div([arrow, wind, *([air] if more else []), html.Em(whose, className="num")],
                    className=f"cwx{' stale' if stale else ''}")  # fmt: skip


def _both(value: Part, name: str) -> Mapping[str, str]:
    return {"zh": value[f"{name}_zh"], "en": value[f"{name}_en"]}


def _value(value: Part) -> str:
    return f"{fmt.plain(float(value['value']))} {value.get('unit') or ''}".strip()


def _row(name: str, value: Part, view: View) -> Any:
    stale = not value.get("fresh", True)
    said = " ".join(p for p in (str(value.get(f"from_{view.lang}") or ""), _value(value)) if p)
    where = f"{value.get('station') or ''} {_rows.metres(value.get('distance_m'))}"
    age = fmt.age(float(value.get("age_s") or 0), view.lang)
    told = html.Em(f"{where} · {age}", className="ellip", title=where)
    return html.Li([html.Span(name), told, html.B(said, className="num")], className="stale" if stale else "")
