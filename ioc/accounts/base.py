"""What every use-case of accounts needs: the store, the settings and the clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from ioc.accounts.unknown import UnknownLogins
from ioc.clock import Clock
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Conn, Store
from ioc.store import accounts as rows

__all__ = ["SYSTEM", "Accounts", "Conn", "Grant", "rows"]


@dataclass(frozen=True)
class Accounts:
    store: Store
    settings: Settings
    clock: Clock
    unknown: UnknownLogins = field(default_factory=UnknownLogins)

    def now(self) -> dt.datetime:
        return self.clock.now()

    @property
    def idle(self) -> dt.timedelta:
        return dt.timedelta(minutes=self.settings.session_idle_minutes)


@dataclass(frozen=True, slots=True)
class Grant:
    """What an account, token or wall is given: `whole`, or the named regions with all below them."""

    whole: bool = False
    region_codes: tuple[str, ...] = ()
    departments: tuple[str, ...] | None = None
    sensitivity: int = 0

    def columns(self) -> dict[str, object]:
        return {
            "whole": self.whole,
            "region_codes": list(self.region_codes),
            "departments": None if self.departments is None else list(self.departments),
            "sensitivity": self.sensitivity,
        }
