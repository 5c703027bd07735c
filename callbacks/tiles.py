"""KPI tiles are drawn again when an indicator has a new value, the region changes, or somebody asks to try again."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("kpi-list", "children"),
        Output("kpi-sum", "children"),
        Input("st-kpi", "data"),
        Input("st-region", "data"),
        Input("st-retry", "data"),
        prevent_initial_call=True,
    )
    def tiles(_bump: Any, region: str | None, _retry: Any) -> Any:
        return refresh.kpi(services, current_scope(), current_page(), region or "")
