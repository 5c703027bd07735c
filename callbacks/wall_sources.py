"""The wall's source counters and the ages of its sources."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("src-count", "children"),
        Output("src-count2", "children"),
        Output("wall-src", "children"),
        Input("st-live", "data"),
        prevent_initial_call=True,
    )
    def sources(_bump: Any) -> Any:
        page = current_page()
        counter = refresh.sources(services, current_scope(), page)[0]
        return counter, counter, refresh.wall_sources(services, current_scope(), page)
