"""The table of sources on the data page."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(Output("src-table", "children"), Input("st-live", "data"), prevent_initial_call=True)
    def table(_bump: Any) -> Any:
        return refresh.source_table(services, current_scope(), current_page())
