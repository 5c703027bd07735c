"""Telemetry over HTTP: `POST /api/v1/observations` with a bearer token. Called from outside, so it has no loop."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Source
from ioc.i18n import Text

SOURCE = Source(
    key="telemetry",
    title=Text("物联感知接口", "Telemetry (REST)"),
    interval=dt.timedelta(minutes=5),
    owner=Text("运营指挥中心", "Operations centre"),
    docs="POST /api/v1/observations",
)
