"""Official warnings: CAP 1.2 or JSON by `POST /api/v1/warnings`, as files in a folder, and from polled addresses."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Generator
from pathlib import Path

import httpx

from data_sources._cap.folder import Folder
from data_sources._cap.poll import TIMEOUT_S, Poller
from ioc import __version__
from ioc.declare import Source
from ioc.errors import SourceFault
from ioc.i18n import Text
from ioc.intake.context import SourceContext
from ioc.intake.warnings import WarningResult, connect, submit_warning
from ioc.scope import SYSTEM
from ioc.store import sources
from ioc.store.rejects import Rejected, store_rejects

LOOK_EVERY_S = 2.0
TELL_EVERY_S = 30.0  # a sign of life of the folder


class Watch:
    """The folder and the addresses of one installation; `turn` looks at those that are due."""

    def __init__(self, context: SourceContext, client: httpx.Client) -> None:
        self._context = context
        settings = context.settings
        folder = settings.cap_folder
        self._folder = Folder(settings.root / Path(folder).expanduser(), self._submit) if folder else None
        self._pollers = [
            Poller(url, settings.cap_poll_s, self._submit, self._refuse, client, context.clock)
            for url in settings.cap_url.split()
        ]
        self._faults: dict[str, SourceFault] = {}
        self._told = float("-inf")
        self._connected = False

    @property
    def idle(self) -> bool:
        """Nothing to look at: warnings come by POST only."""
        return self._folder is None and not self._pollers

    def turn(self) -> int:
        """Warnings and files taken in. Tells of the source's health: one door that fails is the source's fault."""
        taken, asked, before = 0, False, set(self._faults)
        if self._folder is not None:
            with self._noting("folder"):
                taken += self._folder.turn()
        now_s = self._context.clock.monotonic()
        for poller in self._pollers:
            if poller.due <= now_s:
                asked = True
                with self._noting(poller.url):
                    taken += poller.turn(now_s)
        if asked or set(self._faults) != before or now_s - self._told >= TELL_EVERY_S:
            self._told = now_s
            self._tell()
        return taken

    @contextlib.contextmanager
    def _noting(self, door: str) -> Generator[None]:
        try:
            yield
        except SourceFault as e:
            self._faults[door] = e
        else:
            self._faults.pop(door, None)

    def _tell(self) -> None:
        fault = next(iter(self._faults.values()), None)
        if fault is None:
            if not self._connected:  # not before: 当前无生效预警 must not be said of an issuer nobody has reached yet
                with self._context.store.scoped(SYSTEM) as conn:
                    connect(conn, self._context.key, self._context.key)
                self._connected = True
            self._context.seen()
        else:
            self._context.failed(fault.code, fault.message("zh"), fault.message("en"))

    def _submit(self, data: bytes, form: str, item: str) -> WarningResult:
        c = self._context
        return submit_warning(
            c.store, SYSTEM, data, c.clock, form=form, settings=c.settings, source=c.key, channel=c.key, item=item
        )

    def _refuse(self, refused: Rejected) -> None:
        c = self._context
        with c.store.scoped(SYSTEM) as conn:
            store_rejects(conn, c.key, [refused], c.clock.now())
            sources.arrived(conn, c.key, sources.Arrival(received=1, rejected=1), c.clock.now())


def run(context: SourceContext) -> None:
    """Look until `stop`. With neither folder nor address there is nothing to look for."""
    agent = {"User-Agent": f"ioc/{__version__}", "Accept": "application/atom+xml, application/cap+xml, */*;q=0.1"}
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, headers=agent) as client:
        watch = Watch(context, client)
        if watch.idle:
            context.stop.wait()
            return
        while not context.stop.is_set():
            watch.turn()
            context.stop.wait(LOOK_EVERY_S)


SOURCE = Source(
    key="cap",
    title=Text("预警信息", "Official warnings"),
    interval=dt.timedelta(days=1),
    owner=Text("气象与应急部门", "Meteorological and emergency services"),
    run=run,
    heartbeat=True,
    docs="POST /api/v1/warnings, IOC_CAP_FOLDER, IOC_CAP_URL",
)
