"""Feed rows as server-sent events, and who may see them. Pure: the rules of the SQL predicates, for rows in memory."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ioc.scope import Scope

VERSION = 1
# Topics that speak of the centre, not of a place: their rows carry no region and are seen by every scope that has the
# right. Those with `region_ids` in the payload are cut to the asker's own.
PLACELESS = frozenset({"indicator", "source", "reload", "warning", "wall", "notice", "duty", "view"})


@dataclass(frozen=True, slots=True)
class FeedRow:
    feed_no: int
    recorded_at: dt.datetime
    topic: str
    op: str
    entity_id: str
    region_id: int | None
    private_to: str | None
    sensitivity: int
    permission: str
    origin: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the feed, as the SSE id spells it: `{epoch}-{feed_no}`."""

    epoch: str
    no: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.no}"

    @classmethod
    def parse(cls, text: str) -> Position | None:
        epoch, _, number = text.strip().rpartition("-")
        return cls(epoch, int(number)) if epoch and number.isdigit() else None


def permitted(scope: Scope, row: FeedRow) -> bool:
    """Right, sensitivity, share scope and region of the asker."""
    if row.permission and not scope.can(row.permission):
        return False
    if row.topic in PLACELESS:
        private = bool(row.private_to) and scope.departments is not None and row.private_to not in scope.departments
        return row.sensitivity <= scope.sensitivity and not private
    return scope.sees(row.region_id, row.private_to or None, row.sensitivity)


def in_region(region_ids: frozenset[int] | None, row: FeedRow) -> bool:
    """Inside the drill-down (a region with all below it; None: none chosen)?"""
    if region_ids is None or row.topic in PLACELESS:
        return True
    return row.region_id is not None and row.region_id in region_ids


def trimmed(scope: Scope, row: FeedRow) -> Mapping[str, Any] | None:
    """The payload for one scope: `region_ids` of a placeless message cut to its own. None: nothing of it is left."""
    listed = row.payload.get("region_ids") if row.topic in PLACELESS and row.topic != "warning" else None
    if scope.whole or not isinstance(listed, list) or not listed:
        return row.payload
    mine = [r for r in listed if r in scope.region_ids]
    return {**row.payload, "region_ids": mine} if mine else None


def dumps(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def iso(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def change(epoch: str, row: FeedRow, payload: Mapping[str, Any]) -> bytes:
    key = payload.get("key") or f"{row.topic}:{row.entity_id}"
    data = {
        "v": VERSION,
        "no": row.feed_no,
        "topic": row.topic,
        "op": row.op,
        "key": key,
        "region_id": row.region_id,
        "at": iso(row.recorded_at),
        "record": payload,
    }
    return f"event: change\nid: {epoch}-{row.feed_no}\ndata: {dumps(data)}\n\n".encode()


def hello(position: Position, at: Position, now: dt.datetime) -> bytes:
    """`position` is where this client starts (its SSE id); `at` is the feed's end."""
    data = {"v": VERSION, "epoch": at.epoch, "last_no": at.no, "now": iso(now)}
    return f"retry: 1000\nevent: hello\nid: {position}\ndata: {dumps(data)}\n\n".encode()


def beat(at: Position, now: dt.datetime, lag_ms: int | None, store: str) -> bytes:
    """Carries the position too: a screen whose region is quiet must not fall out of the feed's memory."""
    data = {"v": VERSION, "now": iso(now), "last_no": at.no, "lag_ms": lag_ms, "store": store}
    head = f"id: {at}\n" if store == "ok" else ""
    return f"event: beat\n{head}data: {dumps(data)}\n\n".encode()


def resync(at: Position, reason: str) -> bytes:
    """The client must fetch the snapshot again: what follows continues from `at`."""
    return f"event: resync\nid: {at}\ndata: {dumps({'v': VERSION, 'reason': reason, 'last_no': at.no})}\n\n".encode()
