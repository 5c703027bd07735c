"""The 督办 list and the manual pool, when an entry or a case has changed or another region is chosen."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output, State

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope, current_who
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("sv-side", "children"),
        Output("sv-list", "children"),
        Output("sv-n", "children"),
        Output("sv-pool", "children"),
        Input("st-list", "data"),
        State("st-region", "data"),
        prevent_initial_call=True,
    )
    def listed(_n: Any, region: str | None) -> Any:
        return refresh.supervision(services, current_scope(), current_page(), current_who(), region or "")
