"""The demo city: `ioc demo load`, `ioc demo drop`, and the simulator that feeds the same intake as real sources."""

from __future__ import annotations

import shutil

from data_sources._demo.drop import drop_rows
from data_sources._demo.load import LoadReport, announce, load
from data_sources._demo.work import connect
from ioc.accounts.base import Accounts
from ioc.accounts.users import forget_demo_users
from ioc.clock import Clock
from ioc.settings import Settings
from ioc.store.database import Dsns, open_store

__all__ = ["LoadReport", "drop", "load"]


def drop(settings: Settings, dsns: Dsns, clock: Clock) -> int:
    """Remove every demo row, account, number and file. Returns the rows removed. Real rows stay."""
    with connect(dsns.owner) as conn:
        gone = drop_rows(conn)
        announce(conn, "dropped")
    store = open_store(settings)
    try:
        forget_demo_users(Accounts(store, settings, clock))
    finally:
        store.close()
    shutil.rmtree(settings.root / "packs", ignore_errors=True)
    return sum(gone.values())
