"""圩日: whether a market is held on a day, by the newest published list (own before sample)."""

from __future__ import annotations

import datetime as dt

from ioc.cases.calendar import Market
from ioc.store.pool import Conn

_NEWEST = """
SELECT m.name, m.every, m.since, m.days FROM calendar_market m WHERE m.publication_id = (
  SELECT p.publication_id FROM terms_publication p WHERE p.part = 'markets'
  ORDER BY (p.origin = 'real') DESC, p.publication_id DESC LIMIT 1)
"""


def on(conn: Conn, day: dt.date) -> bool:
    """Whether any market of the centre is held on a local date. No list published: no."""
    found = conn.execute("SELECT to_regclass('public.calendar_market') IS NOT NULL AS there").fetchone()
    if not found or not found["there"]:
        return False
    rows = conn.execute(_NEWEST).fetchall()
    markets = (Market(r["name"], r["every"], r["since"], frozenset(r["days"])) for r in rows)
    return any(m.falls_on(day) for m in markets)
