"""The demo city: `ioc demo load`, `ioc demo drop`, and the simulator that feeds the same intake as real sources."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping

from psycopg.types.json import Jsonb

from data_sources._demo.drop import drop_rows
from data_sources._demo.indexes import put_back
from data_sources._demo.load import LoadReport, announce, load
from data_sources._demo.play import STORIES, fire_of
from data_sources._demo.sim import run
from data_sources._demo.video import connect as connect_video
from data_sources._demo.work import connect
from data_sources._demo_video.server import folder_of
from ioc.accounts.base import Accounts
from ioc.accounts.users import forget_demo_users
from ioc.clock import Clock
from ioc.declare import Pack, Source
from ioc.errors import ConfigError
from ioc.i18n import Text
from ioc.settings import Settings
from ioc.store.database import Dsns, open_store

__all__ = ["SOURCE", "LoadReport", "drop", "load", "play", "set_rate"]

SOURCE = Source(
    key="demo",
    title=Text("演示模拟器", "Demo simulator"),
    interval=dt.timedelta(minutes=5),
    owner=Text("演示", "Demo"),
    run=run,
    video=connect_video,
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


def play(dsns: Dsns, packs: Mapping[str, Pack], story: str, clock: Clock) -> bool:
    """Begin a story the running simulator tells (`ioc demo play`). False: no demo is loaded. Raises ConfigError."""
    if story not in STORIES:
        raise ConfigError(f"没有这个情景: {story}", f"no such story: {story} ({', '.join(STORIES)})")
    with connect(dsns.owner) as conn:
        row = conn.execute("SELECT value->>'key' FROM setting WHERE key = 'demo'").fetchone()
        pack = packs.get(str(row[0])) if row else None
        if pack is not None and fire_of(pack.demo.get("highlights")) is None:
            raise ConfigError(f"演示地方 {pack.key} 没有火情的地点", f"the place {pack.key} has no fire to tell of")
        changed = conn.execute(
            "UPDATE setting SET value = value || %s WHERE key = 'demo'",
            (Jsonb({"play": {"story": story, "at": clock.now().isoformat()}}),),
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
    shutil.rmtree(folder_of(settings.root), ignore_errors=True)
    return sum(gone.values())
