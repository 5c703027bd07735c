"""The records behind a tile, a page at a time (assets/desk.js opens the dialog and asks)."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output, State, no_update

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("rec-body", "children"), Input("st-rec", "data"), State("st-region", "data"), prevent_initial_call=True
    )
    def records(ask: dict[str, Any] | None, region: str | None) -> Any:
        if not ask:
            return no_update
        return refresh.tile_records(services, current_scope(), current_page(), region or "", ask)
