"""The desk's load of alarms: how many were raised in ten minutes for each operator, and the day's peak."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ioc.declare import Reading
from ioc.i18n import Text
from ioc.store.kpi_rollup import Answer, Ask, Audience
from ioc.store.pool import Conn

WINDOW = dt.timedelta(minutes=10)  # of ISA-18.2 and EEMUA 191
SLOTS = 144  # of ten minutes in a day

_RAISED = """
SELECT width_bucket(extract(epoch FROM %(now)s - j.recorded_at), 0, 86400, 144) AS slot,
       count(DISTINCT CASE WHEN a.group_id IS NOT NULL AND a.priority IN ('medium', 'low') THEN -a.group_id
                           ELSE a.alarm_id END)::int AS n,
       bool_or(j.origin = 'demo') AS demo
FROM alarm_journal j JOIN alarm a USING (alarm_id)
WHERE j.entry IN ('raise', 'realarm') AND j.recorded_at > %(now)s - interval '1 day' AND j.recorded_at <= %(now)s
  AND a.hold = '' AND j.sensitivity <= %(sensitivity)s
  AND (%(all)s OR coalesce(j.private_to, '') = '' OR j.private_to = ANY (%(departments)s))
GROUP BY 1
"""
_OPERATORS = """
SELECT count(DISTINCT s.account_id)::int AS n FROM session s JOIN account a USING (account_id)
WHERE s.seen_at > %(now)s - interval '10 min' AND s.expires_at > %(now)s AND NOT a.disabled
  AND EXISTS (SELECT FROM role r WHERE r.role_key = ANY (a.roles) AND 'alarm.ack' = ANY (r.permissions))
"""


def alarm_load(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Alarms of the last ten minutes ÷ people signed in who may acknowledge (one at least); the note is the day's peak.

    Of the centre as a whole, kept at the root regions; a flood counts once in each ten minutes. Series: each hour's
    mean of ten minutes, for one operator.
    """
    row = conn.execute(_OPERATORS, {"now": ask.now}).fetchone()
    operators = max(1, row["n"] if row else 0)
    top = conn.execute("SELECT region_id FROM region WHERE parent_id IS NULL AND kind <> 'zone'").fetchall()
    out: Answer = {}
    for audience in ask.audiences:
        reading = _reading(conn, ask, audience, operators)
        out |= {(r["region_id"], audience.key): reading for r in top}
    return out


def _reading(conn: Conn, ask: Ask, audience: Audience, operators: int) -> Reading:
    values = {
        "now": ask.now,
        "sensitivity": audience.sensitivity,
        "all": audience.departments is None,
        "departments": list(audience.departments or ()),
    }
    rows = conn.execute(_RAISED, values).fetchall()
    slots = {r["slot"]: r["n"] for r in rows}
    raised, peak = slots.get(1, 0), max(slots.values(), default=0)
    hours = [sum(slots.get(1 + 6 * h + i, 0) for i in range(6)) / 6 / operators for h in range(24)]
    return Reading(
        raised / operators,
        float(raised),
        None,
        as_of=ask.now,
        state="ok" if raised else "empty",
        origin="demo" if any(r["demo"] for r in rows) else "real",
        note=Text(f"峰值 {peak} · {operators} 人在席", f"peak {peak} · {operators} on duty"),
        series=tuple(reversed(hours)),
    )
