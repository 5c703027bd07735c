"""District table, day trend and hotline topics of the wider walls."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("wall-dist", "children"),
        Output("wall-trend", "children"),
        Output("wall-hot", "children"),
        Input("st-kpi", "data"),
        Input("st-region", "data"),
        prevent_initial_call=True,
    )
    def panels(_bump: Any, region: str | None) -> Any:
        return refresh.wall_side(services, current_scope(), current_page(), region or "")
