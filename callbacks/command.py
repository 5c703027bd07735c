"""The command workspace: every panel by itself as it is answered, and head, timeline and orders as they change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dash
from dash import Input, Output

from ioc.command.panels import panels
from ioc.screens import refresh_command as refresh
from ioc.screens.asker import current_page, current_scope
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    for key in panels():
        app.callback(Output(f"cp-{key}", "children"), Output(f"cp-{key}", "data-n"), Input("st-ask", "data"),
                     prevent_initial_call=True)(_panel(services, key))  # fmt: skip

    @app.callback(
        [Output(f"cmd-{part}", "children") for part in ("head", "log", "task", "reports", "notice", "act")],
        Input("st-cmd", "data"), prevent_initial_call=True,
    )  # fmt: skip
    def beside(_n: Any) -> Any:
        return refresh.beside(services, current_scope(), current_page())

    @app.callback(Output("cmd-list", "children"), Input("st-live", "data"), prevent_initial_call=True)
    def listed(_n: Any) -> Any:
        return refresh.listed(services, current_scope(), current_page())


def _panel(services: Services, key: str) -> Callable[[dict[str, Any] | None], Any]:
    def panel(asked: dict[str, Any] | None) -> Any:
        only = (asked or {}).get("only")
        if not asked or (only and key not in only):
            return dash.no_update, dash.no_update
        return refresh.panel(services, current_scope(), current_page(), key, asked), str(asked.get("n"))

    return panel
