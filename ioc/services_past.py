"""What screens may ask for, as it was known at a moment: the live services over the past (`ioc.store.past`).

The queries are those of the present, word for word. What has no record of its past is left out here, never answered
from the present; `UNRECORDED` says what that is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ioc.cache import ScopedCache
from ioc.clock import FixedClock
from ioc.i18n import Text
from ioc.registry import Registry
from ioc.scope import Scope
from ioc.services import TileState
from ioc.services_live import LiveServices
from ioc.settings import Settings
from ioc.store.past import AsOf

UNRECORDED: Mapping[str, Text] = {
    "told": Text("通知送达与已读", "Who was told, and who had read it"),
    "outbound": Text("对外推送队列", "Queues of what is sent outside"),
    "lower": Text("下级中心", "Centres of the level below"),
    "patrol": Text("巡查轨迹与覆盖", "Tracks and coverage of patrols"),
    "region": Text("区划边界、字典与规则（按现行）", "Boundaries, code tables and rules (as they are now)"),
}
NO_NUMBER = Text("当时尚未算出", "not computed by then")
# What of a record's detail is for acting on it, or is not on record.
_NOW_ONLY = ("todo", "like", "told", "may_call", "raise", "photo_event")


class PastServices(LiveServices):
    """`Services` of one moment. Cheap to make; nothing is cached beyond it."""

    def __init__(self, settings: Settings, past: AsOf, registry: Registry) -> None:
        super().__init__(settings, past, registry, FixedClock(past.moment))

    def use_cache(self, cache: ScopedCache, version: Callable[[], str]) -> None:
        """Not for the past: its values do not age, and its keys would be many."""

    def detail(self, scope: Scope, key: str, officer: str = "") -> Mapping[str, Any]:
        found = self.seen(scope, key)
        return {**{k: v for k, v in found.items() if k not in _NOW_ONLY}, "may_call": False}

    def tiles(self, scope: Scope, region: str) -> Sequence[TileState]:
        """What was still to be computed then is no bones of a page that loads: it says that there was no number."""
        return [replace(tile, state="unknown", note=tile.note or NO_NUMBER) if tile.state == "loading" else tile
                for tile in super().tiles(scope, region)]  # fmt: skip

    def saved_views(self, scope: Scope) -> Sequence[Mapping[str, Any]]:
        return []  # nobody looks back to see how a list was filtered

    def handover(self, scope: Scope, login: str, region: str) -> Mapping[str, Any] | None:
        return None

    def outbound(self, scope: Scope) -> Mapping[str, Any]:
        return {}

    def lower(self, scope: Scope, region: str) -> Mapping[str, Any]:
        return {"centres": [], "numbers": [], "rows": []}

    def moment(self) -> dt.datetime:
        return self.now()
