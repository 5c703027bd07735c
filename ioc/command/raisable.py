"""Which records an incident can be opened from, as their detail panels tell them. Pure; the server asks again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS = ("case", "event", "alarm", "warning")
FLOW = "incident"


def origin(found: Mapping[str, Any]) -> tuple[str, int] | None:
    """(kind, id) of the record of a detail panel; None for what no incident is opened from."""
    kind, _, name = str(found.get("key") or "").partition(":")
    if kind not in KINDS or not name.isascii() or not name.isdigit() or len(name) > 18:
        return None
    return kind, int(name)


def itself(found: Mapping[str, Any]) -> bool:
    """Whether the record is an incident already."""
    return (found.get("record") or {}).get("flow") == FLOW


def offered(found: Mapping[str, Any]) -> bool:
    """Whether an incident can still come of it: a case that goes on, a report nobody has taken up, an alarm, a warning
    in force or announced. What the server would refuse is not offered."""
    key = origin(found)
    if key is None or itself(found):
        return False
    record: Mapping[str, Any] = found.get("record") or {}
    if key[0] == "case":
        return not record.get("closed") and not record.get("ended")
    if key[0] == "event":
        return bool(found.get("unclaimed"))
    if key[0] == "warning":
        return bool(found.get("in_force"))
    return True
