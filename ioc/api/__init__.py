"""The HTTP API: thin Flask blueprints over use-cases. Each module with `register(server, deps)` is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Any

import flask

from ioc.accounts.base import Accounts
from ioc.accounts.credentials import Credentials
from ioc.clock import Clock
from ioc.feed.versions import FeedVersions
from ioc.registry import Registry
from ioc.services import Services
from ioc.settings import Settings
from ioc.shared import Shared
from ioc.store import Store
from ioc.store.past import Past

__all__ = ["Deps", "register_all"]


@dataclass(frozen=True)
class Deps:
    """What every blueprint may use. `versions` changes with the data, for ETags and cache keys."""

    settings: Settings
    store: Store
    registry: Registry
    clock: Clock
    services: Services
    cache: Any
    accounts: Accounts
    credentials: Credentials
    versions: FeedVersions
    shared: Shared | None = None
    # Of the web process: `store`, `services` and `clock` are then those of the moment a request asks for.
    live_clock: Clock | None = None
    past: Past | None = None


def register_all(server: flask.Flask, deps: Deps) -> list[str]:
    """Register every module of this package that can be. Returns their names; nobody edits a list."""
    done: list[str] = []
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda i: i.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        register = getattr(module, "register", None)
        if register is not None:
            register(server, deps)
            done.append(info.name)
    return done
