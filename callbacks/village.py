"""The village page follows the region, and what happens in it."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("vil-body", "children"), Input("st-region", "data"), Input("st-list", "data"), prevent_initial_call=True
    )
    def cards(region: str | None, _n: Any) -> Any:
        return refresh.village_body(services, current_scope(), current_page(), region or "")
