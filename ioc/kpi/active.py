"""Which indicators this centre has: the product's own, and those its place pack declares."""

from __future__ import annotations

from ioc.declare import Indicator
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store


def active_indicators(registry: Registry, pack: str) -> tuple[Indicator, ...]:
    """By `order`, then code. A pack's indicator replaces one of the product's with the same code."""
    found = dict(registry.indicators)
    if pack in registry.packs:
        found |= {i.code: i for i in registry.packs[pack].indicators}
    return tuple(sorted(found.values(), key=lambda i: (i.order, i.code)))


def recorded_pack(store: Store, settings: Settings) -> str:
    """Key of the pack in use: from the settings, else the one recorded when it was loaded, else none."""
    if settings.pack:
        return settings.pack
    with store.scoped(SYSTEM) as conn:
        row = conn.execute("SELECT value FROM setting WHERE key = 'pack'").fetchone()
    value = row["value"] if row else ""
    return str(value.get("key", "") if isinstance(value, dict) else value)
