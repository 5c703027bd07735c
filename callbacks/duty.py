"""Who is on duty, in the head and in its drawer: after a roster, a confirmation, or by the clock."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output, State

from ioc.screens import refresh
from ioc.screens.asker import current_login, current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("duty", "children"),
        Output("duty", "data-until"),
        Input("st-duty", "data"),
        State("st-region", "data"),
        prevent_initial_call=True,
    )
    def head(_n: Any, region: str | None) -> Any:
        return refresh.duty_head(services, current_scope(), current_page(), region or "")

    @app.callback(
        Output("duty-body", "children"),
        Input("st-duty", "data"),
        State("st-region", "data"),
        prevent_initial_call=True,
    )
    def body(_n: Any, region: str | None) -> Any:
        return refresh.duty_body(services, current_scope(), current_page(), region or "", current_login())
