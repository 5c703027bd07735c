"""Reports over HTTP: `POST /api/v1/events` with a bearer token. Called from outside, so it has no loop."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Source
from ioc.i18n import Text

SOURCE = Source(
    key="rest",
    title=Text("事件上报接口", "Event reports (REST)"),
    interval=dt.timedelta(days=1),
    owner=Text("运营指挥中心", "Operations centre"),
    docs="POST /api/v1/events",
)
