"""12345 work orders: `POST /api/v1/hotline` with a token bound to the source, and `ioc import hotline FILE`."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Source
from ioc.i18n import Text

SOURCE = Source(
    key="hotline",
    title=Text("12345 热线工单", "12345 work orders"),
    interval=dt.timedelta(days=1),
    owner=Text("政务服务和数据管理部门", "Government services and data administration"),
    docs="POST /api/v1/hotline, ioc import hotline FILE --crs GCJ-02",
)
