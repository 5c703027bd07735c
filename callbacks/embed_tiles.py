"""The tiles of an embed, when their values have changed."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(Output("em-tiles", "children"), Input("st-kpi", "data"), prevent_initial_call=True)
    def tiles(_bump: Any) -> Any:
        page = current_page()
        return refresh.kpi(services, current_scope(), page, page.region)[0]
