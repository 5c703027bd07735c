"""Facts of the whole centre: which pack it was made from, and whether any demo row is left."""

from __future__ import annotations

from dataclasses import dataclass

from ioc.store.pool import Conn


@dataclass(frozen=True, slots=True)
class Facts:
    pack: str
    demo: bool


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
    row = conn.execute("SELECT value #>> '{}' AS pack FROM setting WHERE key = 'pack'").fetchone()
    demo = conn.execute(_DEMO).fetchone()
    return Facts(pack=(row["pack"] or "") if row else "", demo=bool(demo and demo["yes"]))
