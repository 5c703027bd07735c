"""Facts of the whole centre: which pack it was made from, whether any demo row is left, what to know of its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ioc.i18n import Text
from ioc.store.pool import Conn


@dataclass(frozen=True, slots=True)
class Facts:
    """`notes`: where published figures and the data differ; `credits`: whose data the geography was made from."""

    pack: str
    demo: bool
    notes: tuple[Text, ...] = ()
    credits: tuple[str, ...] = ()


# One row is enough, so each table is asked for its first demo row only; the small ones come first.
_DEMO = """
SELECT EXISTS (SELECT FROM region WHERE origin = 'demo') OR EXISTS (SELECT FROM source WHERE origin = 'demo')
    OR EXISTS (SELECT FROM warning WHERE origin = 'demo') OR EXISTS (SELECT FROM thematic_layer WHERE origin = 'demo')
    OR EXISTS (SELECT FROM resource WHERE origin = 'demo') OR EXISTS (SELECT FROM grid_cell WHERE origin = 'demo')
    OR EXISTS (SELECT FROM device_cell WHERE origin = 'demo') OR EXISTS (SELECT FROM cases WHERE origin = 'demo')
    OR EXISTS (SELECT FROM event WHERE origin = 'demo') AS yes
"""


def facts(conn: Conn) -> Facts:
    """Needs a scope that sees everything (SYSTEM)."""
    rows = conn.execute("SELECT key, value FROM setting WHERE key IN ('pack', 'demo')").fetchall()
    setting: Mapping[str, Any] = {r["key"]: r["value"] for r in rows}
    loaded: Mapping[str, Any] = setting.get("demo") or {}
    demo = conn.execute(_DEMO).fetchone()
    return Facts(
        pack=str(setting.get("pack") or ""),
        demo=bool(demo and demo["yes"]),
        notes=tuple(Text(n["zh"], n["en"]) for n in loaded.get("notes", ())),
        credits=tuple(loaded.get("credits", ())),
    )
