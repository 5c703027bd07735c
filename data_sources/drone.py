"""无人机巡查: photo points of drones made reports at the desk. Called by hand, so it has no loop.

Positions come by `positions.py`, flights and photos by `ioc import drones`.
"""

from __future__ import annotations

import datetime as dt

from ioc.declare import Source
from ioc.i18n import Text

SOURCE = Source(
    key="drone",
    title=Text("无人机巡查", "Drone patrol"),
    interval=dt.timedelta(days=1),
    owner=Text("应急管理局", "Emergency management"),
    docs="docs/drones.md",
)
