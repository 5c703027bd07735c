"""Interactions of the pages: one a file, each with `register(app, services)`; a few lines round pure functions.

All of them read the asker and the page from the request and the state from `services`, never from anywhere else.
"""

from __future__ import annotations

import importlib
import pkgutil

import dash

from ioc.services import Services


def register_callbacks(app: dash.Dash, services: Services) -> None:
    """Register every module of this package; nobody edits a list."""
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda i: i.name):
        importlib.import_module(f"{__name__}.{info.name}").register(app, services)
