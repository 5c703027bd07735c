"""What can be done with all rows that are picked."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output

from ioc.screens import refresh
from ioc.screens.asker import current_page, current_scope, current_who
from ioc.services import Services


def register(app: dash.Dash, services: Services) -> None:
    @app.callback(Output("many", "children"), Input("st-many", "data"), prevent_initial_call=True)
    def bar(asked: dict[str, Any] | None) -> Any:
        who = current_who()
        keys = [str(k) for k in (asked or {}).get("keys") or ()]
        return refresh.many(services, current_scope(), current_page(), keys, who.name if who else "")
