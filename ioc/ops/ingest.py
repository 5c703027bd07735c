"""The `ingest` process: sources, sequencer, KPI worker and partition keeper, each in a thread that is kept alive."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from ioc.audit import linker
from ioc.cases import recompute
from ioc.clock import Clock
from ioc.duty import watch as duty_watch
from ioc.duty.desk import DutyDesk
from ioc.feed import sequencer
from ioc.intake import worker
from ioc.kpi import grids
from ioc.kpi import worker as kpi
from ioc.ops import keeper_loop
from ioc.ops.heartbeat import Heartbeat
from ioc.ops.workers import Work, run_all
from ioc.outbound import worker as outbound
from ioc.registry import Registry
from ioc.settings import Settings
from ioc.store.database import dsns, open_store


def run(settings: Settings, registry: Registry, clock: Clock) -> None:
    """Until SIGTERM or SIGINT. Sources are told to stop and finish what they have in hand."""
    stop = threading.Event()

    def asked(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
    store = open_store(settings)
    owner = dsns(settings).owner
    work: dict[str, Work] = {
        "sequencer": lambda s: sequencer.run(owner, clock, s),
        "chain": lambda s: linker.run(owner, settings.audit_key, clock, s),
        "keeper": lambda s: keeper_loop.run(settings, clock, s),
        "kpi": lambda s: kpi.run(store, registry, clock, settings, s),
        "grids": lambda s: grids.run(store, clock, s),
        "deadlines": lambda s: recompute.run(store, clock, settings.tz, s),
        "duty": lambda s: duty_watch.run(DutyDesk(store, clock).watch, s),
        "outbound": lambda s: outbound.run(settings, store, clock, s),
        "sources": lambda s: worker.run_ingest(settings, registry, store, clock, s),
    }
    try:
        run_all(work, stop, beat=Heartbeat(settings.root, "ingest").beat)
    finally:
        store.close()
