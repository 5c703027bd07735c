"""The wall's incidents: the worst in the work panel, the worst three in a panel of their own on wider walls."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("wall-lead", "children"),
        Output("wall-leads", "children"),
        Output("p-ev", "className"),
        Input("st-live", "data"),
        Input("st-region", "data"),
        prevent_initial_call=True,
    )
    def leads(_bump: Any, region: str | None) -> Any:
        return refresh.wall_leads(services, current_scope(), current_page(), region or "")
