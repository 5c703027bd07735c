"""现场视频: the best four cameras as live tiles, those whose view covers the place first; all of them on the map."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command.bodies import _rows
from ioc.screens.elements import html
from ioc.screens.marks import icon
from ioc.screens.state import View

SHOWN = 12


def body(data: Mapping[str, Any], view: View) -> Sequence[Any]:
    cameras: Sequence[Mapping[str, Any]] = data.get("cameras") or ()
    flying = _drones(data.get("drones") or (), view)
    if not cameras:
        return flying or [html.P(t("cmd.eyes.none", view.lang), className="cnone")]
    best = data.get("best") or [c["device_id"] for c in cameras if c.get("playable")][:4]
    notes = {str(c["device_id"]): _rows.metres(c.get("distance_m")) for c in cameras}
    row = html.Div(
        className="cams camrow",
        **{"data-cameras": ",".join(map(str, best)), "data-notes": json.dumps(notes), "data-surface": "command",
           "data-case": str(data.get("case_id") or "")},
    )  # fmt: skip
    marks = [
        html.I(icon("camera"), **_rows.mark(c, "camera", notes[str(c["device_id"])], _state(c)), hidden=True)
        for c in cameras[:SHOWN]
    ]
    return [row, *flying, *marks]


def _drones(drones: Sequence[Mapping[str, Any]], view: View) -> list[Any]:
    """Nothing, or a table of them."""
    if not drones:
        return []
    heads = [t(f"cmd.eyes.{k}", view.lang) for k in ("drone", "away", "age")]
    return [_rows.table(heads, [_drone(d, view) for d in drones], ("", "76px", "76px"))]


def _drone(drone: Mapping[str, Any], view: View) -> Any:
    """With the age of its position; one that is late or stale is hollow and never looks live."""
    late = drone.get("state") != "live"
    age, away = fmt.age(float(drone.get("age_s") or 0), view.lang), _rows.metres(drone.get("distance_m"))
    return html.Tr(
        [_rows.named(drone, "drone"), html.Td(away, className="r num"),
         html.Td(html.B(age, className="dev") if late else age, className="r num m")],
        **_rows.mark(drone, "drone", f"{away} · {age}", "round off quiet" if late else "round on quiet"),
    )  # fmt: skip


def _state(camera: Mapping[str, Any]) -> str:
    """Bright where it covers the place, hollow where it is away."""
    if camera.get("status") != "online":
        return "round off quiet"
    return "round on quiet" if camera.get("covers") else "round quiet"
