"""What was learned later of the warnings of a moment: said otherwise, arrived late, or ended by a message that did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import sql

from ioc.i18n import catalogue
from ioc.store.pool import Conn

Row = Mapping[str, Any]
TRANSIT = dt.timedelta(minutes=1)  # a message that took no longer than that on its way is not late (自拟)
_FIELDS: tuple[LiteralString, ...] = ("kind", "colour", "area", "onset_at", "expires_at")
_HERE = "(%(ids)s::int[] IS NULL OR n.region_ids = '{}' OR n.region_ids && %(ids)s::int[])"

# The warning itself was sent again with other content.
_OTHERWISE = """
SELECT n.warning_id, n.kind, n.colour, coalesce(n.known_at, n.updated_at) AS at, jsonb_build_array({before}) AS was,
       jsonb_build_array({after}) AS now
FROM ioc_past.warning w JOIN public.warning n USING (warning_id)
WHERE w.status = 'active' AND n.version > w.version AND {here} AND ({before}) IS DISTINCT FROM ({after})
"""
# Sent before the moment and in force at it, and nobody had it.
_LATE = """
SELECT n.warning_id, n.kind, n.colour, n.recorded_at AS at, n.sent_at FROM public.warning n
WHERE n.recorded_at > %(at)s AND n.sent_at <= %(at)s AND n.onset_at <= %(at)s
  AND n.recorded_at > n.sent_at + %(transit)s
  AND (n.expires_at IS NULL OR n.expires_at > %(at)s) AND {here}
"""
# Ended by an update or a cancellation that had been sent before the moment and arrived after it.
_ENDED = """
SELECT w.warning_id, w.kind, w.colour, m.received_at AS at, n.status AS now
FROM ioc_past.warning w JOIN public.warning n USING (warning_id)
JOIN public.warning_message m ON m.source = w.source AND m.msg_type IN ('update', 'cancel')
  AND m.refs && ARRAY[w.source_id, w.sender_id || ',' || w.source_id] AND m.sent_at <= %(at)s AND m.received_at > %(at)s
  AND m.received_at > m.sent_at + %(transit)s
WHERE w.status = 'active' AND n.status IN ('replaced', 'cancelled') AND {here}
"""


def corrected(conn: Conn, region_ids: Sequence[int] | None, at: dt.datetime) -> list[dict[str, Any]]:
    """[{key, title, at, changes: [{field, was, now}]}], in the order in which it was learned.

    `conn` is one of the past (`ioc.store.past`) at `at`. Who may see a warning is the policy of its table.
    """
    given = {"at": at, "transit": TRANSIT, "ids": None if region_ids is None else list(region_ids)}
    here = sql.SQL(_HERE)
    before, after = (
        sql.SQL(", ").join([*(sql.Identifier(a, n) for n in _FIELDS), sql.SQL("ST_AsText({}, 5)").format(
            sql.Identifier(a, "geom"))])
        for a in ("w", "n")
    )  # fmt: skip
    otherwise = sql.SQL(_OTHERWISE).format(before=before, after=after, here=here)
    out: list[dict[str, Any]] = []
    for row in conn.execute(otherwise, given):
        names = (*_FIELDS, "place")
        changes = [{"field": f, "was": a, "now": b} for f, a, b in zip(names, row["was"], row["now"], strict=True)
                   if a != b]  # fmt: skip
        out.append(_told(row, changes))
    for row in conn.execute(sql.SQL(_LATE).format(here=here), given):
        out.append(_told(row, [{"field": "sent_at", "was": None, "now": row["sent_at"].isoformat()}]))
    for row in conn.execute(sql.SQL(_ENDED).format(here=here), given):
        out.append(_told(row, [{"field": "status", "was": "active", "now": row["now"]}]))
    return sorted(out, key=lambda r: (r["at"], r["key"]))


def _told(row: Row, changes: list[dict[str, Any]]) -> dict[str, Any]:
    colour = catalogue().get(f"screens.warning.{row['colour']}")
    title = f"{row['kind']}{colour.zh if colour else ''}"
    return {"key": f"warning:{row['warning_id']}", "title": title, "at": row["at"], "changes": changes}
