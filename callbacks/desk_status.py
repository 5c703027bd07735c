"""The desk's status line: how many sources are in order and which are not."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(Output("sta-src", "children"), Input("st-live", "data"), prevent_initial_call=True)
    def status(_bump: Any) -> Any:
        return refresh.sources(services, current_scope(), current_page())[1]
