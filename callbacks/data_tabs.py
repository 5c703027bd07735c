"""The tabs 外发 and 下级中心 of the data page, drawn again every few seconds while one is open."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output, State

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(Output("tab-outbound", "children"), Input("tab-tick", "n_intervals"), prevent_initial_call=True)
    def outbound(_n: Any) -> Any:
        return refresh.outbound(services, current_scope(), current_page())

    @app.callback(
        Output("tab-lower", "children"),
        Input("tab-tick", "n_intervals"),
        State("st-region", "data"),
        prevent_initial_call=True,
    )
    def lower(_n: Any, region: str | None) -> Any:
        return refresh.lower(services, current_scope(), current_page(), region or "")
