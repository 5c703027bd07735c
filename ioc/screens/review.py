"""The desk's review list: detections that wait for a person's word, with their picture. Keyboard: C, R, J, K."""

from __future__ import annotations

from typing import Any

from ioc.i18n import t
from ioc.screens.desk import frame
from ioc.screens.elements import Component, html
from ioc.screens.model import Model

RIGHT = "detection.review"
_WORDS = ("none", "confirm", "refute", "reason", "next", "no_picture", "failed", "stale", "algorithm", "confidence",
          "camera", "when", "where", "source")  # fmt: skip


def review(model: Model) -> Component:
    """The frame and the words; assets/review.js fetches the rows, whose texts the server has made."""
    lang, who = model.lang, model.who
    if who is None or not who.can(RIGHT):
        body: Any = html.P(t("review.no_right", lang), className="sec pad")
        return frame(model, "review", html.Div(html.Section(body, className="col"), className="main two"))
    tabs = html.Div(
        [
            html.Button([t(f"review.{word}", lang), " ", html.I("", className="num")], type="button",
                        className="on" if word == "waiting" else "", **{"data-review-state": state})
            for word, state in (("waiting", "review"), ("suspected", "suspected"))
        ],
        className="tabs",
        role="toolbar",
    )  # fmt: skip
    head = html.Div([html.H2(t("review.title", lang)), html.Span(t("review.side", lang))], className="ph2")
    rows = html.Ol([], className="rvl scroll", role="listbox", tabIndex="0",
                   **{"aria-label": t("review.title", lang), "data-scrolls": "1"})  # fmt: skip
    keys = (("J", "K"), "key_move"), (("C",), "confirm"), (("R",), "refute"), (("Enter",), "key_send")
    help_ = html.Div(
        [html.Span([*[html.Span(k, className="kbd") for k in pair], t(f"review.{word}", lang)]) for pair, word in keys],
        className="qf",
    )
    left = html.Section([head, tabs, rows, help_], className="col que")
    right = html.Section([], className="col rvd", **{"aria-live": "polite"})
    words = {f"data-w-{w.replace('_', '-')}": t(f"review.{w}", lang) for w in _WORDS}
    more = {"data-review": "1", "data-zone": model.view.zone.key, "data-region": model.region, **words}
    return frame(model, "review", html.Div([left, right], className="main rv", **more))
