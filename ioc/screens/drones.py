"""Drones in the detail panel: the playback of a flight, and the key that makes a photo point a report.

assets/drones.js fetches the track and moves the time; it knows no rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.i18n import t
from ioc.screens.elements import Component, html
from ioc.screens.state import View

Part = Mapping[str, Any]


def playback(detail: Part, view: View) -> Component | None:
    found: Part | None = detail.get("playback")
    if not found:
        return None
    words = {f"data-{w}": t(f"screens.drone.{w}", view.lang) for w in ("play", "pause", "time", "failed")}
    own = {"data-flight": str(found["flight_id"]), "data-zone": str(view.zone)}
    box = html.Div([], className="dplay", **own, **words)
    return html.Section([html.H3(t("screens.drone.playback", view.lang)), box], className="sec2")


def to_event(detail: Part, lang: str) -> Component | None:
    """The foot of a photo point's panel; None where it is a report already, or the asker may not make one."""
    found: Part | None = detail.get("photo_event")
    if not found:
        return None
    label = [t("screens.drone.to_event", lang), html.Span("E", className="kbd")]
    button = html.Button(label, className="btn l p", **{
        "data-drone-photo": str(found["photo_id"]), "data-key": "e", "data-failed": t("screens.drone.failed", lang),
    })  # fmt: skip
    said = html.Span("", className="sfault", role="alert", hidden=True)
    return html.Div([button, said], className="dsteps", role="group")
