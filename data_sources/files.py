"""Files of departments: `ioc import KIND FILE --crs ...`. Called by hand or by a timer, so it has no loop."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Source
from ioc.i18n import Text

SOURCE = Source(
    key="files",
    title=Text("文件导入", "File imports"),
    interval=dt.timedelta(days=31),  # departments deliver by the month (DAT-07)
    owner=Text("运营指挥中心", "Operations centre"),
    docs="ioc import devices|regions|grids|resources|events|cases|layer FILE --crs EPSG:4490",
)
