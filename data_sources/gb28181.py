"""Catalogues of GB/T 28181: `POST /api/v1/video/catalogue`, or files in a folder. Its loop names what is missing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from data_sources._cap.folder import Folder
from ioc.declare import Source
from ioc.errors import ConfigError, SourceFault
from ioc.i18n import Text
from ioc.intake.catalogues import INTERVAL_S, CatalogueResult, submit_catalogue, sweep
from ioc.intake.context import SourceContext
from ioc.intake.gb_catalogue import MAX_BYTES
from ioc.scope import SYSTEM

LOOK_EVERY_S = 2.0
FORMS = {".xml": "xml"}


class Watch:
    """The folder and the rounds of one installation; `turn` looks at both."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        folder = context.settings.gb28181_folder
        path = context.settings.root / Path(folder).expanduser()
        self._folder = Folder(path, self._submit, FORMS, MAX_BYTES) if folder else None
        self._fault = ""

    def turn(self) -> int:
        """Files taken in. A folder or a configuration that cannot be used is the source's fault, told once."""
        c = self._context
        taken = 0
        try:
            taken = self._folder.turn() if self._folder is not None else 0
        except (SourceFault, ConfigError) as e:
            if self._fault != e.code:
                c.failed(e.code, e.message("zh"), e.message("en"))
            self._fault = e.code
        else:
            if self._fault:
                c.seen()
            self._fault = ""
        sweep(c.store, c.settings, c.clock.now())
        return taken

    def _submit(self, data: bytes, form: str, item: str) -> CatalogueResult:
        c = self._context
        return submit_catalogue(c.store, SYSTEM, data, c.clock, settings=c.settings, source=c.key, item=item)


def run(context: SourceContext) -> None:
    """Until `stop`."""
    watch = Watch(context)
    while not context.stop.is_set():
        watch.turn()
        context.stop.wait(LOOK_EVERY_S)


SOURCE = Source(
    key="gb28181",
    title=Text("视频目录", "Video catalogues (GB/T 28181)"),
    interval=dt.timedelta(seconds=INTERVAL_S),
    owner=Text("公安视频专网", "Public video network"),
    run=run,
    docs="POST /api/v1/video/catalogue, IOC_GB28181_FOLDER",
)
