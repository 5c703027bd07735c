"""The silence sweep: sensors with no arrival for three of their intervals are offline, and so is a gateway whose every
device is silent. Walks the devices in slices, so that two million of them cost no more at once than a few thousand.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from ioc.scope import SYSTEM
from ioc.store import Store, device_state
from ioc.store.pool import Conn

SLICE = 20_000  # devices looked at in one transaction
GRACE_S = 60.0  # after a start nothing is called silent: what queued while we were away comes in first

_SILENT = """
WITH slice AS MATERIALIZED (
  SELECT device_id, interval_s FROM device
  WHERE status = 'online' AND class = 'sensor' AND device_id > %(after)s ORDER BY device_id LIMIT %(slice)s
)
SELECT s.device_id,
       NOT EXISTS (SELECT FROM datastream t JOIN latest l USING (datastream_id)
                   WHERE t.device_id = s.device_id
                     AND l.received_at >= %(now)s - %(intervals)s * make_interval(secs => s.interval_s))
       AND EXISTS (SELECT FROM datastream t JOIN latest l USING (datastream_id)
                   WHERE t.device_id = s.device_id) AS silent
FROM slice s ORDER BY s.device_id
"""

_GATEWAYS = """
SELECT g.device_id, g.status, bool_or(d.status = 'online') AS alive FROM device g
JOIN device d ON d.gateway_id = g.device_id AND d.class = 'sensor'
WHERE g.class = 'gateway' AND g.status IN ('online', 'offline', 'unknown')
  AND EXISTS (SELECT FROM datastream t JOIN latest l USING (datastream_id) WHERE t.device_id = d.device_id)
GROUP BY g.device_id, g.status
"""


@dataclass
class Sweep:
    """One walker a process. `turn` looks at one slice; a full round is many turns."""

    store: Store
    started: dt.datetime
    _after: int = field(default=0)

    def turn(self, now: dt.datetime) -> int:
        """Returns the number of devices that changed."""
        if (now - self.started).total_seconds() < GRACE_S:
            return 0
        with self.store.scoped(SYSTEM) as conn:
            rows = conn.execute(
                _SILENT,
                {"after": self._after, "slice": SLICE, "now": now, "intervals": device_state.SILENT_INTERVALS},
            ).fetchall()
            self._after = rows[-1]["device_id"] if len(rows) == SLICE else 0
            silent = [r["device_id"] for r in rows if r["silent"]]
            changed = device_state.set_status(conn, silent, "offline", now, only_from="online") if silent else 0
            return changed + (_gateways(conn, now) if self._after == 0 else 0)


def _gateways(conn: Conn, now: dt.datetime) -> int:
    """A gateway is as alive as what stands behind it, as far as that speaks at all."""
    rows = conn.execute(_GATEWAYS).fetchall()
    dead = [r["device_id"] for r in rows if not r["alive"] and r["status"] == "online"]
    changed = _to(conn, dead, "offline", "online", now)
    for was in ("offline", "unknown"):
        alive = [r["device_id"] for r in rows if r["alive"] and r["status"] == was]
        changed += _to(conn, alive, "online", was, now)
    return changed


def _to(conn: Conn, ids: Sequence[int], status: str, only_from: str, now: dt.datetime) -> int:
    return device_state.set_status(conn, ids, status, now, only_from=only_from) if ids else 0
