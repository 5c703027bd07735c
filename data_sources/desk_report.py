"""接报登记: what somebody reports by telephone, taken down at the desk. Called by hand, so it has no loop."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Source
from ioc.i18n import Text

SOURCE = Source(
    key="desk_report",
    title=Text("接报登记", "Taken at the desk"),
    interval=dt.timedelta(days=1),
    owner=Text("运营指挥中心", "Operations centre"),
    docs="POST /api/v1/reports",
)
