"""Reports of officers from their own page (`/m`). Called from outside, so it has no loop."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Source
from ioc.i18n import Text

SOURCE = Source(
    key="officer",
    title=Text("网格员上报", "Officers' reports"),
    interval=dt.timedelta(days=1),
    owner=Text("运营指挥中心", "Operations centre"),
    docs="/m, POST /api/v1/events",
)
