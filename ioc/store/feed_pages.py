"""The feed in pages, for readers that ask instead of listening: gapless, or told that they must begin anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from psycopg.rows import dict_row

from ioc.store.pool import Conn


class FeedPage(NamedTuple):
    """`rows` run without a gap up to `until`; `resync` says why they cannot."""

    epoch: str
    last_no: int
    until: int
    resync: Literal["", "epoch", "gap"]
    rows: Sequence[dict[str, Any]]


def page(conn: Conn, after: tuple[str, int] | None, limit: int) -> FeedPage:
    """Up to `limit` rows after a place (epoch, number); None: no rows, only where the feed ends.

    The end is read first and nothing beyond it is given: a number that is not there yet is never passed by.
    """
    state = conn.execute("SELECT epoch, last_no FROM feed_state").fetchone()
    assert state is not None
    epoch, last = str(state["epoch"]), int(state["last_no"])
    if after is None:
        return FeedPage(epoch, last, last, "", ())
    if after[0] != epoch or after[1] > last:
        return FeedPage(epoch, last, last, "epoch", ())
    with conn.cursor(row_factory=dict_row) as cur:
        rows = cur.execute(
            """
            SELECT f.feed_no, f.recorded_at, f.topic, f.op, f.entity_id, f.region_id, f.private_to, f.sensitivity,
                   f.permission, f.origin, f.payload, r.code AS region
            FROM feed f LEFT JOIN region r USING (region_id)
            WHERE f.feed_no > %(after)s AND f.feed_no <= %(last)s ORDER BY f.feed_no LIMIT %(limit)s
            """,
            {"after": after[1], "last": last, "limit": limit},
        ).fetchall()
    # the first must follow at once: what lay between has passed its retention
    if after[1] < last and (not rows or rows[0]["feed_no"] != after[1] + 1):
        return FeedPage(epoch, last, last, "gap", ())
    return FeedPage(epoch, last, rows[-1]["feed_no"] if rows else after[1], "", rows)
