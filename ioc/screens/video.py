"""The desk's camera wall: cameras to choose from, panes, groups. frontend/src/video fills the places drawn here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ioc.i18n import t
from ioc.screens import parts
from ioc.screens.desk import frame
from ioc.screens.elements import Component, html
from ioc.screens.model import Model

RIGHT = "video.view"


def video(model: Model) -> Component:
    """The page. What the asker may do beside looking stands in data attributes; the server asks again for each act."""
    lang, who = model.lang, model.who
    if who is None or not who.can(RIGHT):
        body: Any = html.P(t("video.no_right", lang), className="sec pad")
        return frame(model, "video", html.Div(html.Section(body, className="col"), className="main two"))
    # The map draws by the same graphics that decode pictures: it is there when somebody wants to choose by place.
    mapped = model.page.args.get("map") == "1"
    other = model.page.href(model.page.path, map="" if mapped else "1")
    switch = html.A(t("video.map_off" if mapped else "video.map_on", lang), href=other, className="btn s")
    head = html.Div([html.H2(t("video.title", lang)), switch], className="ph2")
    picking = html.Div([], className="vpick")
    place = [html.Div(parts.map_box(_cameras(model), (), "desk"), className="vmap")] if mapped else []
    left = html.Section(
        [head, picking, *place, html.Div([], className="vset")], className=f"col l vleft{' mapped' if mapped else ''}"
    )
    right = html.Section([], className="col vmain")
    rights = {
        f"data-{name}": "1"
        for name, right in (("ptz", "video.ptz"), ("reference", "video.reference"), ("trace", "video.trace"),
                            ("share", "desk.share"))
        if who.can(right)
    }  # fmt: skip
    return frame(model, "video", html.Div([left, right], className="main vw", **{"data-video-desk": "1", **rights}))


def _cameras(model: Model) -> Model:
    """The map to choose by: cameras alone."""
    layers = [{**e, "visible": e.get("key") == "camera"} for e in model.map_config.get("layers") or ()]
    return replace(model, map_config={**model.map_config, "layers": layers} if model.map_config else {})


def camera_row(ids: list[int], *, surface: str, case_id: int | None = None, notes: str = "{}", name: str = "") -> Any:
    """A row of live tiles for any page, e.g. the command page. `notes`: JSON of texts by device id (distances)."""
    more = {"data-case": str(case_id)} if case_id else {}
    return html.Div(
        **({"id": name} if name else {}),
        className="cams",
        **{"data-cameras": ",".join(map(str, ids)), "data-surface": surface, "data-notes": notes, **more},
    )
