"""Deliveries: made once a notice and channel, leased to one sender at a time, and what became of each. System scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from ioc.store.pool import Conn

Row = Mapping[str, Any]
# Commits may become visible this much after the time they carry: steps are looked at again for so long.
OVERLAP = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One to be made. `notice_id` None: `payload` has the values; scope fields are those of what it tells of."""

    key: str
    channel: str
    due_at: dt.datetime
    notice_id: int | None = None
    lane: str = ""
    payload: Mapping[str, str] = field(default_factory=dict[str, str])
    masked: str = ""
    state: str = "waiting"
    urgent: bool = False
    region_id: int | None = None
    private_to: str | None = None
    sensitivity: int = 0


_PUT = """
INSERT INTO delivery (key, channel, notice_id, lane, payload, masked, state, urgent, due_at, created_at, updated_at,
                      region_id, private_to, sensitivity, recorded_at)
VALUES (%(key)s, %(channel)s, %(notice_id)s, %(lane)s, %(payload)s, %(masked)s, %(state)s, %(urgent)s, %(due_at)s,
        %(now)s, %(now)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(now)s)
ON CONFLICT (key) DO NOTHING
RETURNING delivery_id
"""


def put(conn: Conn, delivery: Delivery, now: dt.datetime) -> int | None:
    """Its id; None where the key has been written before."""
    values = {name: getattr(delivery, name) for name in Delivery.__slots__}
    row = conn.execute(_PUT, {**values, "payload": Jsonb(dict(delivery.payload)), "now": now}).fetchone()
    return None if row is None else int(row["delivery_id"])


_UNROUTED = """
SELECT n.*, (EXISTS (SELECT FROM warning w WHERE n.about = 'warning:' || w.warning_id AND w.exercise)
  OR ioc_of_exercise(n.about)) AS exercise
FROM notice n WHERE n.routed_at IS NULL ORDER BY n.notice_id LIMIT %(limit)s FOR UPDATE OF n SKIP LOCKED
"""


def unrouted(conn: Conn, limit: int) -> Sequence[Row]:
    """Notices nobody has looked at yet, locked; `exercise` where they speak of an exercise."""
    return conn.execute(_UNROUTED, {"limit": limit}).fetchall()


def routed(conn: Conn, notice_ids: Sequence[int], now: dt.datetime) -> None:
    conn.execute("UPDATE notice SET routed_at = %s WHERE notice_id = ANY (%s)", (now, list(notice_ids)))


_STEPS = """
SELECT s.case_id, s.version, s.step, s.stage_after, s.actor, s.actor_name, s.at, s.given, s.recorded_at, c.number,
       c.department, c.officer, c.source, c.source_id, c.sources, c.region_id, c.private_to, c.sensitivity
FROM case_step s JOIN cases c USING (case_id)
WHERE s.recorded_at >= %(since)s AND s.step = ANY (%(steps)s) AND s.origin = 'real' AND c.origin = 'real'
  AND NOT c.exercise AND (c.source = ANY (%(sources)s)
       OR EXISTS (SELECT FROM jsonb_array_elements(c.sources) o WHERE o->>'source' = ANY (%(sources)s)))
ORDER BY s.recorded_at, s.case_id, s.version LIMIT %(limit)s
"""
STEPS_LIMIT = 2000


def steps_since(conn: Conn, since: dt.datetime, steps: Sequence[str], sources: Sequence[str]) -> Sequence[Row]:
    """Steps of real cases that came from one of `sources`, recorded since then, oldest first; at most STEPS_LIMIT."""
    values = {"since": since, "steps": list(steps), "sources": list(sources), "limit": STEPS_LIMIT}
    return conn.execute(_STEPS, values).fetchall()


def cursor(conn: Conn, name: str, now: dt.datetime) -> dt.datetime:
    """How far was looked; the first time: from now on. Locked until the transaction ends."""
    conn.execute("INSERT INTO outbound_cursor (name, at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (name, now))
    row = conn.execute("SELECT at FROM outbound_cursor WHERE name = %s FOR UPDATE", (name,)).fetchone()
    return row["at"] if row else now


def move_cursor(conn: Conn, name: str, at: dt.datetime) -> None:
    conn.execute("UPDATE outbound_cursor SET at = greatest(at, %s) WHERE name = %s", (at, name))


# ---------------------------------------------------------------- sending

_CLAIM = """
UPDATE delivery SET state = 'sending', tries = tries + 1, lease_by = %(who)s, lease_until = %(until)s,
  updated_at = %(now)s
WHERE delivery_id = (
  SELECT d.delivery_id FROM delivery d
  WHERE d.channel = %(channel)s
    AND ((d.state = 'waiting' AND d.due_at <= %(now)s) OR (d.state = 'sending' AND d.lease_until <= %(now)s))
    AND (d.lane = '' OR NOT EXISTS (
      SELECT FROM delivery e WHERE e.channel = d.channel AND e.lane = d.lane AND e.delivery_id < d.delivery_id
        AND e.state IN ('waiting', 'sending')))
  ORDER BY d.urgent DESC, d.due_at, d.delivery_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *
"""


def claim(conn: Conn, channel: str, who: str, now: dt.datetime, lease_s: float) -> Row | None:
    """The next one due, leased to `who`. One whose holder died is due again when its lease ends, with its old key."""
    until = now + dt.timedelta(seconds=lease_s)
    return conn.execute(_CLAIM, {"channel": channel, "who": who, "now": now, "until": until}).fetchone()


def notice_of(conn: Conn, notice_id: int) -> Row | None:
    return conn.execute("SELECT * FROM notice WHERE notice_id = %s", (notice_id,)).fetchone()


_SETTLE = """
UPDATE delivery SET state = %(state)s, due_at = coalesce(%(due_at)s, due_at), far_id = coalesce(%(far_id)s, far_id),
  submitted_at = CASE WHEN %(state)s = 'submitted' THEN %(now)s ELSE submitted_at END, poll_at = %(poll_at)s,
  error = %(zh)s, error_en = %(en)s, lease_by = '', lease_until = NULL, updated_at = %(now)s
WHERE delivery_id = %(id)s AND state = 'sending' AND lease_by = %(who)s
RETURNING *
"""


def settle(
    conn: Conn,
    delivery_id: int,
    who: str,
    now: dt.datetime,
    *,
    state: str,
    due_at: dt.datetime | None = None,
    far_id: str = "",
    poll_at: dt.datetime | None = None,
    zh: str = "",
    en: str = "",
) -> Row | None:
    """What became of a try. None: the lease was over and somebody else has it, whose record counts."""
    values = {"id": delivery_id, "who": who, "now": now, "state": state, "due_at": due_at, "far_id": far_id or None}
    return conn.execute(_SETTLE, {**values, "poll_at": poll_at, "zh": zh[:500], "en": en[:500]}).fetchone()


def tried(conn: Conn, delivery_id: int, what: str, detail: str, now: dt.datetime, actor: str = "") -> None:
    conn.execute(
        "INSERT INTO delivery_try (delivery_id, at, what, actor, detail, origin, recorded_at)"
        " SELECT delivery_id, %s, %s, %s, %s, origin, %s FROM delivery WHERE delivery_id = %s",
        (now, what, actor, detail[:500], now, delivery_id),
    )


# ---------------------------------------------------------------- receipts


def take_turn(conn: Conn, channel: str, far_id: str) -> None:
    """Receipts and records of one message take turns: neither misses the other."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 93))", (f"{channel}\n{far_id}",))


def keep_receipt(
    conn: Conn, channel: str, far_id: str, state: str, detail: str, at: dt.datetime, now: dt.datetime
) -> bool:
    """False: it had come before."""
    found = conn.execute(
        "INSERT INTO delivery_receipt (channel, far_id, state, detail, at, received_at) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING 1",
        (channel, far_id, state, detail[:500], at, now),
    ).fetchone()
    return found is not None


def receipts(conn: Conn, channel: str, far_id: str) -> Sequence[Row]:
    return conn.execute(
        "SELECT * FROM delivery_receipt WHERE channel = %s AND far_id = %s ORDER BY at", (channel, far_id)
    ).fetchall()


def of_far_id(conn: Conn, channel: str, far_id: str) -> Sequence[Row]:
    """Locked. Several where a far end gives one id to a whole batch."""
    return conn.execute(
        "SELECT * FROM delivery WHERE channel = %s AND far_id = %s ORDER BY delivery_id FOR UPDATE", (channel, far_id)
    ).fetchall()


def of_key(conn: Conn, channel: str, key: str) -> Row | None:
    return conn.execute("SELECT * FROM delivery WHERE channel = %s AND key = %s FOR UPDATE", (channel, key)).fetchone()


def told(conn: Conn, row: Row, state: str, detail: str, at: dt.datetime, now: dt.datetime) -> None:
    """A far end's word on a delivery. What it read was read by the addressee: the inbox knows it too."""
    conn.execute(
        "UPDATE delivery SET state = %(state)s, updated_at = %(now)s,"
        " submitted_at = coalesce(submitted_at, %(now)s),"
        " poll_at = CASE WHEN %(state)s IN ('read', 'dead') THEN NULL ELSE poll_at END,"
        " delivered_at = CASE WHEN %(state)s IN ('delivered', 'read') THEN coalesce(delivered_at, %(at)s)"
        "  ELSE delivered_at END,"
        " read_at = CASE WHEN %(state)s = 'read' THEN coalesce(read_at, %(at)s) ELSE read_at END,"
        " error = CASE WHEN %(state)s = 'dead' THEN %(zh)s ELSE '' END,"
        " error_en = CASE WHEN %(state)s = 'dead' THEN %(en)s ELSE '' END WHERE delivery_id = %(id)s",
        {"id": row["delivery_id"], "state": state, "now": now, "at": at,
         "zh": f"对方回执：未送达 {detail}"[:500], "en": f"receipt: not delivered {detail}"[:500]},
    )  # fmt: skip
    tried(conn, row["delivery_id"], state, detail, now)
    if state == "read" and row["notice_id"] is not None:
        conn.execute(
            "UPDATE notice SET read_at = %s, read_by = %s WHERE notice_id = %s AND read_at IS NULL",
            (at, f"channel:{row['channel']}", row["notice_id"]),
        )


_POLL = """
UPDATE delivery SET poll_at = %(next)s WHERE delivery_id IN (
  SELECT delivery_id FROM delivery WHERE channel = %(channel)s AND poll_at <= %(now)s AND far_id <> ''
  ORDER BY poll_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *
"""


def claim_poll(conn: Conn, channel: str, now: dt.datetime, every_s: float) -> Row | None:
    """The next one whose state is asked for; it is due again after `every_s`, whatever comes of this."""
    return conn.execute(_POLL, {"channel": channel, "now": now, "next": now + dt.timedelta(seconds=every_s)}).fetchone()


def stop_poll(conn: Conn, delivery_id: int) -> None:
    conn.execute("UPDATE delivery SET poll_at = NULL WHERE delivery_id = %s", (delivery_id,))


# ---------------------------------------------------------------- circuits


def circuit(conn: Conn, channel: str) -> Row | None:
    return conn.execute("SELECT * FROM outbound_channel WHERE channel = %s", (channel,)).fetchone()


def keep_circuit(conn: Conn, channel: str, failures: int, open_until: dt.datetime | None, now: dt.datetime) -> None:
    conn.execute(
        "INSERT INTO outbound_channel (channel, failures, open_until, updated_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (channel) DO UPDATE SET failures = excluded.failures, open_until = excluded.open_until,"
        " updated_at = excluded.updated_at",
        (channel, failures, open_until, now),
    )


def only(conn: Conn, keys: Sequence[str], now: dt.datetime) -> None:
    """Sources of channels that are not declared any more are off; those that are again are on."""
    conn.execute(
        "UPDATE source SET enabled = source_key = ANY (%(keys)s), updated_at = %(now)s,"
        " state = CASE WHEN source_key = ANY (%(keys)s) THEN 'never' ELSE 'off' END"
        " WHERE kind = 'outbound' AND enabled <> (source_key = ANY (%(keys)s))",
        {"keys": list(keys), "now": now},
    )


# ---------------------------------------------------------------- dead letters

_LIST = """
SELECT d.delivery_id, d.key, d.channel, d.notice_id, d.masked, d.state, d.tries, d.due_at, d.far_id, d.error,
       d.error_en, d.created_at, d.updated_at, d.payload->>'source_id' AS source_id, d.payload->>'step' AS step,
       n.kind, n.title, n.to_kind, n.to_ref, n.about
FROM delivery d LEFT JOIN notice n USING (notice_id)
WHERE d.state = ANY (%(states)s) AND (%(channel)s = '' OR d.channel = %(channel)s)
ORDER BY d.updated_at DESC, d.delivery_id DESC LIMIT %(limit)s
"""


def listed(conn: Conn, states: Sequence[str], channel: str, limit: int) -> Sequence[Row]:
    """Newest first, with what they tell of; no address, no body."""
    return conn.execute(_LIST, {"states": list(states), "channel": channel, "limit": limit}).fetchall()


def dead_of(conn: Conn, channel: str, limit: int = 10_000) -> list[int]:
    """Ids of a channel's dead letters, oldest first."""
    rows = conn.execute(
        "SELECT delivery_id FROM delivery WHERE channel = %s AND state IN ('dead', 'no_address') AND origin = 'real'"
        " ORDER BY updated_at, delivery_id LIMIT %s",
        (channel, limit),
    ).fetchall()
    return [int(r["delivery_id"]) for r in rows]


def resend(conn: Conn, delivery_ids: Sequence[int], actor: str, now: dt.datetime) -> list[int]:
    """Dead ones wait again from their first try, with their old key: what did arrive after all is not doubled."""
    rows = conn.execute(
        "UPDATE delivery SET state = 'waiting', tries = 0, due_at = %(now)s, error = '', error_en = '', far_id = '',"
        " poll_at = NULL, updated_at = %(now)s"
        " WHERE delivery_id = ANY (%(ids)s) AND state IN ('dead', 'no_address') AND origin = 'real'"
        " RETURNING delivery_id",
        {"ids": list(delivery_ids), "now": now},
    ).fetchall()
    done = [int(r["delivery_id"]) for r in rows]
    for delivery_id in done:
        tried(conn, delivery_id, "resent", "", now, actor)
    return done
