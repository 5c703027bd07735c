"""Alarm rules as data: one file a rule, discovered. Shipped values are configuration, edited per installation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import cast

from ioc.declare import AlarmRule
from ioc.registry import discover


@cache
def alarm_rules() -> Mapping[str, AlarmRule]:
    """Every rule by key, in the order they are listed."""
    return cast("Mapping[str, AlarmRule]", discover("ioc.alarm_rules", "ALARM_RULE"))
