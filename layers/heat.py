"""Event heat (事件热力): events of 30 days in H3 cells, r7 and then finer, off from z 14."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Heat, Layer
from ioc.i18n import Text

LAYER = Layer(
    key="heat",
    title=Text("事件热力", "Event heat"),
    theme=Text("事件", "Events"),
    geometry="cell",
    query="heat",
    permission="event.view",
    icon="layers",
    overview=Heat(days=30),
    counts=Heat(days=30),
    order=20,
    interval=dt.timedelta(hours=1),
    hover=("n",),
)
