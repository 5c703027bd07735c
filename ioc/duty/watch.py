"""The loop that tells of handovers nobody confirmed: once each, whatever was restarted meanwhile."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Sequence

from ioc.duty.rules import Handover
from ioc.store import duty, notices
from ioc.store.pool import Conn

log = logging.getLogger("ioc.duty")
EVERY_S = 20.0


def tell_missing(conn: Conn, region_id: int, handovers: Sequence[Handover], now: dt.datetime) -> int:
    """A notice to the chiefs for each handover that is missing, and a feed record where it is new. The key of the
    notice makes it once; one that was over before the centre looked (a long outage) is told all the same."""
    told = 0
    for h in handovers:
        if h.state(now) != "missing":
            continue
        made = notices.put(conn, _notice(region_id, h), now)
        if made is not None:
            duty.tell(conn, region_id, h.going.origin, h.going.ends_at)
            told += 1
    return told


def _notice(region_id: int, h: Handover) -> notices.Notice:
    names = ["、".join(e.person for e in s.signers) for s in (h.going, h.coming)]
    return notices.Notice(
        key=f"handover:{region_id}:{h.going.ends_at.isoformat()}:missing",
        kind="handover.missing",
        to_kind="role",
        to_ref="chief",
        title=f"交接班未完成：{h.going.day} {h.going.name} → {h.coming.name}",
        title_en=f"Handover missing: {h.going.day} {h.going.name} → {h.coming.name}",
        body=f"交班 {names[0]}，接班 {names[1]}",
        body_en=f"going: {names[0]}; coming: {names[1]}",
        about=f"duty:{region_id}",
        priority="high",
        region_id=region_id,
        origin=h.going.origin,
    )


def run(watch: Callable[[], int], stop: threading.Event, every_s: float = EVERY_S) -> None:
    """Until `stop`. `watch` is one turn (`ioc.duty.desk.DutyDesk.watch`)."""
    while not stop.is_set():
        told = watch()
        if told:
            log.info("duty: %d handovers were not confirmed in time", told)
        stop.wait(every_s)
