"""Data versions by topic, so that caches and tiles can key on what they show: the number of the last change they heard.

Written by the hub's task, read by the WSGI threads of the same process; a plain dictionary of ints is enough for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

TOPICS = (
    "case",
    "event",
    "device",
    "source",
    "indicator",
    "warning",
    "alarm",
    "wall",
    "region",
    "grid",
    "resource",
    "layer",
)
# A bulk change names layers of the map; those are what these topics feed.
LAYER_TOPICS: Mapping[str, str] = {
    "camera": "device",
    "sensor": "device",
    "devices": "device",
    "events": "event",
    "heat": "event",
    "cases": "case",
    "regions": "region",
    "grid_cell": "grid",
    "grids": "grid",
    "resources": "resource",
}


class FeedVersions:
    """`of("event", "case")` changes whenever a record of those topics has been numbered, or the feed began anew."""

    def __init__(self) -> None:
        self.epoch = ""
        self.last_no = 0  # the newest record this process has heard
        self._last: dict[str, int] = {}
        self._base = 0

    def restart(self, epoch: str, last_no: int) -> None:
        """First connection, or a new epoch: everything counts as changed at `last_no`."""
        self.epoch, self._base, self.last_no = epoch, last_no, last_no
        self._last = {}

    def heard(self, topic: str, feed_no: int, payload: Mapping[str, Any]) -> None:
        self.last_no = feed_no
        if topic != "reload":
            self._last[topic] = feed_no
            return
        layers = payload.get("layers")
        if not isinstance(layers, list) or not layers:
            self._base = feed_no
            return
        for name in layers:
            self._last[LAYER_TOPICS.get(str(name), str(name))] = feed_no
            self._last[str(name)] = feed_no

    def of(self, *topics: str) -> str:
        """`{epoch}-{feed_no}` of the last change of any of `topics`; no topic: of anything."""
        return f"{self.epoch}-{self.number(*topics)}"

    def number(self, *topics: str) -> int:
        names: Iterable[str] = topics or tuple(self._last)
        return max([self._base, *(self._last.get(name, 0) for name in names)])

    def __getitem__(self, topic: str) -> int:
        return self.number(topic)
