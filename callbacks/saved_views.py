"""Chips of the saved views, when one was saved, changed, shared or thrown away."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(Output("views", "children"), Input("st-views", "data"), prevent_initial_call=True)
    def views(_n: Any) -> Any:
        return refresh.views(services, current_scope(), current_page())
