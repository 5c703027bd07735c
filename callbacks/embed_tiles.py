"""The tiles of an embed, asked for again from time to time."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(
        Output("em-tiles", "children"),
        Output("em-asof", "children"),
        Input("em-poll", "n_intervals"),
        prevent_initial_call=True,
    )
    def tiles(_turn: Any) -> Any:
        return refresh.embedded(services, current_scope(), current_page())
