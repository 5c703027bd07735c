"""Centres of the screenshot suite: seeded, at a fixed clock, each loaded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from data_sources import demo
from ioc.accounts.base import Grant
from ioc.clock import FixedClock
from ioc.registry import Registry
from ioc.settings import Settings
from ioc.store.cluster import PrivateCluster
from ioc.store.database import Dsns
from tests.conftest import NOW, Database, clone, drop
from tests.product import Product, running
from tests.render.reference import reference_browser

PACKS = {"city": "yangjiang", "town": "yuntan", "empty": ""}
LOGIN = "zhibanzhang-render"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with reference_browser() as b:
        yield b


@pytest.fixture(scope="session")
def centre(cluster: PrivateCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Product]]:
    """The running product of a centre by key; loaded and computed on first use."""
    with ExitStack() as stack:
        made: dict[str, Product] = {}

        def get(key: str) -> Product:
            if key not in made:
                made[key] = stack.enter_context(_started(cluster, key, tmp_path_factory.mktemp(f"render-{key}")))
            return made[key]

        yield get


class _started:
    """One centre: database, demo rows, web, one KPI cycle."""

    def __init__(self, cluster: PrivateCluster, key: str, folder: Path) -> None:
        self.cluster, self.key, self.folder = cluster, key, folder
        self.stack = ExitStack()

    def __enter__(self) -> Product:
        database = clone(self.cluster)
        self.stack.callback(drop, self.cluster, database)
        clock = FixedClock(NOW)
        product = self.stack.enter_context(
            running(database, clock, self.folder, before=lambda s, r: self._load(database, s, r, clock))
        )
        product.user(LOGIN, ("chief",), Grant(whole=True, sensitivity=2))
        product.worker.cycle()
        return product

    def _load(self, database: Database, settings: Settings, registry: Registry, clock: FixedClock) -> None:
        if PACKS[self.key]:
            dsns = Dsns(owner=database.dsn_owner, app=database.dsn_app, readonly=database.dsn_readonly)
            demo.load(settings, dsns, registry, clock, pack=PACKS[self.key], size="small")

    def __exit__(self, *exc: object) -> None:
        self.stack.close()
