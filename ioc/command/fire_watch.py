"""A new fire point reaches its ranger (EMG-17): the wardens of the nearest region, else the officers of its grid cell.

A turn of `ioc ingest`. Each point is told once (`notice.key`); where nobody is on record the desk hears that. Points of
an exercise source are none: exercises are incidents, never reports.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from ioc.cases.follow import tell_person
from ioc.clock import Clock
from ioc.scope import SYSTEM
from ioc.store import Store, notices, themes
from ioc.store.notices import Notice
from ioc.store.pool import Conn
from ioc.store.retry import retried

EVERY_S = 5.0
KIND = "fire.point"
LATEST = dt.timedelta(hours=24)  # older reports, of an import, are history


def turn(store: Store, clock: Clock) -> int:
    """How many points were told of."""
    now = clock.now()
    with store.reading(SYSTEM) as conn:
        ids = themes.untold_fires(conn, now - LATEST, now, KIND)
    return sum(retried(lambda e=event_id: _tell(store, e, now)) for event_id in ids)


def worker(store: Store, clock: Clock) -> Callable[[], object]:
    return lambda: turn(store, clock)


def _tell(store: Store, event_id: int, now: dt.datetime) -> int:
    with store.scoped(SYSTEM) as conn:
        row = themes.fire_point(conn, event_id)
        if row is None:
            return 0
        people = themes.wardens(conn, row["region_id"], row["lon"], row["lat"])
        for n, person in enumerate(people):
            _say(conn, row, n, person, now)
        if not people:
            _say(conn, row, 0, None, now)
        return 1


def _say(conn: Conn, row: Mapping[str, Any], n: int, person: Mapping[str, Any] | None, now: dt.datetime) -> None:
    doubt_zh, doubt_en = ("疑似", "Suspected ") if row["suspected"] else ("", "")
    place = row["address"] or row["region"] or f"{row['lon']:.5f}, {row['lat']:.5f}"
    zh, en = f"{doubt_zh}火点：{place}", f"{doubt_en}fire point: {place}"
    if person is None:
        zh, en = f"{zh}（此处未登记护林员与网格员）", f"{en} (no ranger or grid officer on record here)"
    to = ("role", "officer") if person is None else ("account", person["login"]) if person["login"] else (
        "person", person["name"])  # fmt: skip
    notice = Notice(
        f"event:{row['event_id']}:fire:{n}", KIND, to[0], to[1], zh[:300], en[:300], row["title"], row["title"],
        f"event:{row['event_id']}", "urgent", person["phone"] if person else "", row["region_id"], row["private_to"],
        row["sensitivity"], row["origin"],
    )  # fmt: skip
    if to[0] == "person":
        tell_person(conn, notice, now)
    else:
        notices.put(conn, notice, now)
