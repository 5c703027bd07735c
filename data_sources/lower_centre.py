"""Centres of the level below (county to city): their open cases, reports and numbers, read only, by their own API.

Each centre is read by its feed (`GET /api/v1/feed`) from the place that was written with the last page; after a broken
link it goes on there. A feed that began anew (restored database) or has aged out is read from its lists again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Sequence
from pathlib import Path

import httpx
import structlog

from data_sources._lower.client import TIMEOUT_S, Api
from data_sources._lower.config import Centre, read
from ioc import __version__
from ioc.declare import Source
from ioc.errors import IocError, SourceFault, StoreUnavailable
from ioc.i18n import Text
from ioc.intake.context import SourceContext
from ioc.scope import SYSTEM
from ioc.store import lower, sources
from ioc.store.lower import Place, Record
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.retry import retried

log = structlog.get_logger(__name__)

LONGEST_S = 300.0  # between two tries of a centre that does not answer
PAGES_A_TURN = 200
TELL_EVERY_S = 30.0
INTERVAL_S = 60  # of the sign of life: three without one are a broken link


class Reader:
    """One centre. `turn` reads everything that is there and returns how many records it took."""

    def __init__(self, context: SourceContext, centre: Centre, client: httpx.Client) -> None:
        self._context, self._centre = context, centre
        self._api = Api(centre, client, context.clock.monotonic)
        self._numbers_due = float("-inf")
        self.failures = 0

    def turn(self) -> int:
        """Raises SourceFault when the centre gives no usable answer; what was taken until then stays taken."""
        c, taken = self._centre, 0
        with self._context.store.scoped(SYSTEM) as conn:
            sources.ensure(conn, c.source, kind=SOURCE.key, title=c.title, classes=["lower"], interval_s=INTERVAL_S,
                           heartbeat=True)  # fmt: skip
            place = lower.ensure(conn, c.key, c.title, c.url, c.region, self._context.clock.now())
        if not place[0]:
            taken += self._everything(place)
        for _ in range(PAGES_A_TURN):
            with self._context.store.scoped(SYSTEM) as conn:
                place = lower.place(conn, c.key)
            answer = self._api.page(place)
            if answer.resync:
                taken += self._everything(place)
                continue
            taken += self._take(place, answer.until, answer.rows, answer.refused, whole=False)
            if answer.reload:
                with self._context.store.scoped(SYSTEM) as conn:
                    place = lower.place(conn, c.key)
                taken += self._everything(place)
            if answer.numbers:
                self._numbers_due = min(self._numbers_due, self._context.clock.monotonic() + c.poll_s)
            if not answer.more or self._context.stop.is_set():
                break
        self._numbers()
        return taken

    def _everything(self, place: Place) -> int:
        until, rows, refused = self._api.everything()
        return self._take(place, until, rows, refused, whole=True)

    def _take(
        self, asked: Place, until: Place, rows: Sequence[Record], refused: Sequence[Rejected], *, whole: bool
    ) -> int:
        """Rows, rejects, place and health in one transaction. 0 when another process has read on meanwhile."""
        now, c = self._context.clock.now(), self._centre

        def once() -> int:
            with self._context.store.scoped(SYSTEM) as conn:
                take = lower.take_all if whole else lower.take_page
                if not take(conn, c.key, asked, until, rows, now):
                    return 0
                store_rejects(conn, c.source, refused, now)
                counts = sources.Arrival(len(rows) + len(refused), len(rows), 0, len(refused), now if rows else None)
                sources.arrived(conn, c.source, counts, now)
                return len(rows)

        return retried(once)

    def _numbers(self) -> None:
        now_s = self._context.clock.monotonic()
        if now_s < self._numbers_due:
            return
        c = self._centre
        for region in self._api.regions():
            found = self._api.indicators(region)
            with self._context.store.scoped(SYSTEM) as conn:
                lower.put_indicators(conn, c.key, region, found, c.sensitivity, self._context.clock.now())
        self._numbers_due = now_s + c.indicators_s


def follow(context: SourceContext, centre: Centre, client: httpx.Client) -> None:
    """Read one centre until `stop`; one that does not answer is asked later each time, and its link shown as broken."""
    reader = Reader(context, centre, client)
    while not context.stop.is_set():
        pause = centre.poll_s
        try:
            reader.turn()
            reader.failures = 0
        except StoreUnavailable:
            pause = 1.0  # not the centre's fault
        except SourceFault as e:
            reader.failures += 1
            pause = min(centre.poll_s * 2**reader.failures, LONGEST_S)
            _failed(context, centre, e)
        except Exception as e:
            # one centre must not end the others: told with it, logged whole, tried again
            log.exception("lower centre failed", source=centre.source)
            pause = LONGEST_S
            _failed(context, centre, SourceFault(f"程序出错：{type(e).__name__}", f"failed: {type(e).__name__}"))
        context.stop.wait(pause)


def _failed(context: SourceContext, centre: Centre, fault: IocError) -> None:
    with contextlib.suppress(StoreUnavailable), context.store.scoped(SYSTEM) as conn:
        sources.failed(conn, centre.source, fault.code, fault.message("zh"), fault.message("en"), context.clock.now())


def run(context: SourceContext) -> None:
    """A thread for each centre, so that one which hangs keeps no other waiting."""
    centres = read(context.settings.root / Path(context.settings.lower_centres).expanduser())
    agent = {"User-Agent": f"ioc/{__version__}"}
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, headers=agent) as client:
        threads = [
            threading.Thread(target=follow, args=(context, c, client), name=c.source, daemon=True) for c in centres
        ]
        for thread in threads:
            thread.start()
        while True:
            with contextlib.suppress(StoreUnavailable):
                context.seen()
            if context.stop.wait(TELL_EVERY_S):
                break
        for thread in threads:
            thread.join(TIMEOUT_S)


SOURCE = Source(
    key="lower_centre",
    title=Text("下级指挥中心", "Centres of the level below"),
    interval=dt.timedelta(minutes=1),
    owner=Text("运营指挥中心", "Operations centre"),
    run=run,
    enabled=lambda settings: bool(settings.lower_centres),
    heartbeat=True,
    docs="IOC_LOWER_CENTRES",
)
