"""Composition root: the only file that imports everything.

`create_app` makes the web application, `main` is the `ioc` command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ioc.cli import build_cli
from ioc.clock import Clock, SystemClock
from ioc.ops.composition import Composition
from ioc.registry import Registry, discover
from ioc.settings import Settings, load_settings


def create_registry() -> Registry:
    """Everything declared in the folders of declarations. Raises DeclarationError naming the file at fault."""
    found: dict[str, Any] = {
        "layers": discover("layers", "LAYER"),
        "indicators": discover("ioc.indicators", "INDICATOR"),
        "sources": discover("data_sources", "SOURCE"),
        "flows": discover("ioc.flows", "FLOW"),
        "alarm_rules": discover("ioc.alarm_rules", "ALARM_RULE"),
        "packs": discover("packs", "PACK"),
    }
    return Registry(**found)


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Any:
    """The ASGI application: pages, API, tiles and `/live`."""
    from callbacks import register_callbacks
    from ioc.services_live import LiveServices
    from ioc.store.database import open_store
    from ioc.web import create_web

    settings = settings or load_settings()
    clock = clock or SystemClock()
    registry = create_registry()
    store = open_store(settings, statement_timeout_s=20)
    services = LiveServices(settings, store, registry, clock)
    return create_web(settings, services, registry, store, clock, register_callbacks)


def _demo() -> Any:
    from data_sources import demo

    return demo


main = build_cli(Composition(create_registry, create_app, _demo, "app", Path(__file__).resolve().parent))

if __name__ == "__main__":
    main(prog_name="ioc")
