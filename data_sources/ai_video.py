"""AI video analysis: detections by `POST /api/v1/detections`. Its loop only sweeps pictures that nothing names."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Source
from ioc.i18n import Text
from ioc.intake import pictures
from ioc.intake.context import SourceContext
from ioc.scope import SYSTEM
from ioc.store import detections

SWEEP_EVERY_S = 3600.0
# A picture is stored before the row that names it; a day is longer than any delivery takes.
YOUNG = dt.timedelta(days=1)
BATCH = 1000


def sweep(context: SourceContext) -> int:
    """Remove pictures of detections that were refused, or that retention has deleted. Returns how many."""
    old = list(pictures.files(context.settings.root, (context.clock.now() - YOUNG).timestamp()))
    gone = 0
    for start in range(0, len(old), BATCH):
        part = old[start : start + BATCH]
        with context.store.scoped(SYSTEM) as conn:
            wanted = detections.pictures_wanted(conn, [p.name for p in part])
        gone += pictures.sweep(part, wanted)
    return gone


def run(context: SourceContext) -> None:
    """Until `stop`."""
    while not context.stop.is_set():
        sweep(context)
        context.stop.wait(SWEEP_EVERY_S)


SOURCE = Source(
    key="ai_video",
    title=Text("视频 AI 检测", "AI video detections"),
    interval=dt.timedelta(days=1),
    owner=Text("视频平台", "Video platform"),
    run=run,
    docs="POST /api/v1/detections",
)
