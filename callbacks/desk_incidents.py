"""Incident cards beside the work list."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("side-inc", "children"), Input("st-live", "data"), Input("st-region", "data"), prevent_initial_call=True
    )
    def cards(_bump: Any, region: str | None) -> Any:
        return refresh.cards(services, current_scope(), current_page(), region or "")
