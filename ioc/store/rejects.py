"""Refused records: kept with every reason, counted, never dropped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from ioc.errors import Reason
from ioc.store.pool import Conn

RAW_LIMIT = 8000  # characters kept of what was delivered


@dataclass(frozen=True, slots=True)
class Rejected:
    """One refused record. `item` is a row number, a topic or an external id; `raw` what was delivered."""

    item: str
    reasons: Sequence[Reason]
    raw: str = ""


def store_rejects(
    conn: Conn,
    source: str,
    rejected: Sequence[Rejected],
    now: dt.datetime,
    *,
    batch_id: int | None = None,
    origin: str = "real",
) -> int:
    if not rejected:
        return 0
    rows = [
        (
            now,
            source,
            batch_id,
            _storable(r.item[:500]),
            _storable(r.raw[:RAW_LIMIT]),
            Jsonb([{k: _storable(v) for k, v in reason.as_dict().items()} for reason in r.reasons]),
            origin,
        )
        for r in rejected
    ]
    with conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO reject (recorded_at, source, batch_id, item, raw, reasons, origin)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            rows,
        )
    return len(rows)


def _storable(text: str) -> str:
    """What is wrong may be just that: NUL, or half a surrogate pair, which no table takes."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
