"""The age of a value: no number is drawn without it. The browser ticks these spans once a second (docs/ui.md)."""

from __future__ import annotations

import datetime as dt

from ioc.freshness import STALE, Freshness, freshness
from ioc.i18n import t
from ioc.screens import draw, fmt
from ioc.screens.elements import Component, html
from ioc.screens.state import View
from ioc.ui import Svg


def fresh_text(state: Freshness, seconds: float, lang: str) -> str:
    """`16 秒前`, `滞后 12 分`, `已断开`. Late (up to three intervals) still says its age; the ring is dashed."""
    if state == "never":
        return t("screens.fresh.never", lang)
    if state == "lost":
        return t("screens.fresh.lost", lang)
    if state == "stale":
        return t("screens.fresh.stale", lang, span=fmt.span(seconds, lang))
    return fmt.age(seconds, lang)


def fresh(as_of: dt.datetime | None, interval: dt.timedelta, source: str, view: View) -> Component:
    """Ring and age. `interval` is the source's own: one that speaks hourly is not late after a minute."""
    state = freshness(as_of, interval, view.now)
    seconds = 0.0 if as_of is None else (view.now - as_of).total_seconds()
    fraction = seconds / max(interval.total_seconds(), 0.001)
    attrs = {
        "data-as-of": fmt.iso(as_of) or "",
        "data-interval-s": f"{interval.total_seconds():g}",
        "data-source": source,
    }
    ring = Svg(className="ring", viewBox="0 0 16 16", inner=draw.ring_inner(state, fraction))
    text = html.Span(fresh_text(state, seconds, view.lang), className="fresh-t")
    return html.Span([ring, text], className=f"fresh {state}", **attrs)


def is_stale(as_of: dt.datetime | None, interval: dt.timedelta, view: View) -> bool:
    return as_of is not None and (view.now - as_of) > interval * STALE
