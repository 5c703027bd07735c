"""Case flows as data: one file per flow, discovered. Stages and waiting words come from an item's own flow only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import cast

from ioc.declare import Flow
from ioc.flows._steps import BESIDE
from ioc.i18n import Text
from ioc.registry import discover


@cache
def flows() -> Mapping[str, Flow]:
    """Every flow by key: grid, hotline, urban, incident, and event for a report that is not a case yet."""
    return cast("Mapping[str, Flow]", discover("ioc.flows", "FLOW"))


def step_title(flow: Flow | None, key: str) -> Text:
    """Title of a step of the flow, or of what is done beside every flow; the key where neither knows it."""
    own = next((s.title for s in flow.steps if s.key == key), None) if flow else None
    return own or BESIDE.get(key) or Text(key, key)


def stage_index(flow: Flow, stage: str) -> int:
    """Position (from 0) of a stage given by its key or, as departments deliver it, its Chinese word; 0: unknown."""
    for index, (key, word) in enumerate(flow.stages):
        if stage in (key, word.zh):
            return index
    return 0
