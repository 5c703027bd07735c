"""What is selected, in the detail panel; drawn again when it changes while it is open."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope, current_who
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("detail", "children"),
        Output("detail", "className"),
        Input("st-sel", "data"),
        prevent_initial_call=True,
    )
    def detail(key: str | None) -> Any:
        who = current_who()
        return refresh.detail(services, current_scope(), current_page(), key or "", who.name if who else "")
