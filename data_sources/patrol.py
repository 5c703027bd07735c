"""Patrols and visits (巡查走访) from phones: `POST /api/v1/patrols`. Called from outside, so it has no loop."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Source
from ioc.i18n import Text

SOURCE = Source(
    key="patrol",
    title=Text("巡查走访", "Patrols and visits"),
    interval=dt.timedelta(days=1),
    owner=Text("综治中心", "Grid governance"),
    docs="docs/patrol.md",
)
