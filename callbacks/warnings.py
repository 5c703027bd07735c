"""The strip of official warnings; on an embed asked for by the clock, for it hears no feed."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("warn-strip", "children"),
        Input("st-live", "data"),
        Input("st-region", "data"),
        prevent_initial_call=True,
    )
    def strip(_bump: Any, region: str | None) -> Any:
        return refresh.warnings(services, current_scope(), current_page(), region or "")

    @app.callback(Output("em-warn", "children"), Input("em-warn-poll", "n_intervals"), prevent_initial_call=True)
    def line(_turn: Any) -> Any:
        return refresh.warning_line(services, current_scope(), current_page())
