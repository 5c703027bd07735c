"""The side of an after-action report again, when something of it has changed."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh_command as refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(Output("aar-side", "children"), Input("st-cmd", "data"), prevent_initial_call=True)
    def beside(_n: Any) -> Any:
        return refresh.aftermath(services, current_scope(), current_page())
