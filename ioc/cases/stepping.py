"""How one step of a case leads to the next in the same transaction: what the parts that follow a step may use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ioc.cases.flow import Taken
from ioc.store.pool import Conn

Row = Mapping[str, Any]
# (case locked, key of the step, what is given, (actor, name) it is done as, what is kept beside it) -> the case after
Act = Callable[[Row, str, Mapping[str, Any], tuple[str, str], Mapping[str, Any]], Row]


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was taken. `before`, `after`: rows of the case; `zone`: whose days dates are."""

    conn: Conn
    before: Row
    after: Row
    taken: Taken
    actor: str
    name: str
    now: dt.datetime
    zone: dt.tzinfo

    @property
    def key(self) -> str:
        return self.taken.step.key

    @property
    def given(self) -> Mapping[str, Any]:
        return self.taken.given
