"""The demo city: `ioc demo load`, `ioc demo drop`, and the simulator that feeds the same intake as real sources."""

from __future__ import annotations

import datetime as dt
import shutil

from data_sources._demo.drop import drop_rows
from data_sources._demo.indexes import put_back
from data_sources._demo.load import LoadReport, announce, load
from data_sources._demo.sim import run
from data_sources._demo.work import connect
from ioc.accounts.base import Accounts
from ioc.accounts.users import forget_demo_users
from ioc.clock import Clock
from ioc.declare import Source
from ioc.i18n import Text
from ioc.settings import Settings
from ioc.store.database import Dsns, open_store

__all__ = ["SOURCE", "LoadReport", "drop", "load", "set_rate"]

SOURCE = Source(
    key="demo",
    title=Text("演示模拟器", "Demo simulator"),
    interval=dt.timedelta(minutes=5),
    owner=Text("演示", "Demo"),
    run=run,
    docs="ioc demo load [--pack KEY] [--seed N] [--rate EVENTS_PER_SECOND]",
)


def set_rate(dsns: Dsns, per_second: float) -> bool:
    """Reports a second of the running simulator, for load tests; 0: the rhythm of the day. False: no demo is loaded."""
    with connect(dsns.owner) as conn:
        changed = conn.execute(
            "UPDATE setting SET value = jsonb_set(value, '{rate}', to_jsonb(%s::float8)) WHERE key = 'demo'",
            (per_second,),
        )
        return changed.rowcount > 0


def drop(settings: Settings, dsns: Dsns, clock: Clock) -> int:
    """Remove every demo row, account, number and file. Returns the rows removed. Real rows stay."""
    with connect(dsns.owner) as conn:
        put_back(dsns.owner, conn)
        gone = drop_rows(conn)
        announce(conn, "dropped")
    store = open_store(settings)
    try:
        forget_demo_users(Accounts(store, settings, clock))
    finally:
        store.close()
    shutil.rmtree(settings.root / "packs", ignore_errors=True)
    return sum(gone.values())
