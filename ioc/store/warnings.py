"""Official warnings: one row per (source, identifier), its history, every message, and one feed record per change.

Messages of one source take turns (an advisory lock), so that an update and the warning it refers to find each other in
whatever order they come.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg.types.json import Jsonb

from ioc.store import outbox
from ioc.store.pool import Conn

State = Literal["created", "updated", "unchanged"]
_LOCK = 4_930_110
PERMISSION = "map.view"


@dataclass(frozen=True, slots=True)
class Stored:
    """A message that is known already."""

    sender: str
    msg_type: str
    exercise: bool
    digest: str
    sent_at: dt.datetime
    warning_id: int | None


@dataclass(frozen=True, slots=True)
class Referred:
    """What became of one reference: `ended` the row it ended, `late` when no such warning is known (yet)."""

    identifier: str
    outcome: Literal["ended", "already_ended", "late", "not_yours"]


def take_turn(conn: Conn, source: str) -> None:
    conn.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, source))


def message(conn: Conn, source: str, identifier: str) -> Stored | None:
    row = conn.execute(
        "SELECT sender, msg_type, exercise, digest, sent_at, warning_id FROM warning_message"
        " WHERE source = %s AND identifier = %s",
        (source, identifier),
    ).fetchone()
    return None if row is None else Stored(**row)


_KEEP = """
INSERT INTO warning_message AS m (source, identifier, sender, sent_at, msg_type, exercise, refs, digest, trusted,
  warning_id, actor, channel, origin, content, received_at, updated_at)
VALUES (%(source)s, %(identifier)s, %(sender)s, %(sent_at)s, %(msg_type)s, %(exercise)s, %(refs)s, %(digest)s,
  %(trusted)s, %(warning_id)s, %(actor)s, %(channel)s, %(origin)s, %(content)s, %(now)s, %(now)s)
ON CONFLICT (source, identifier) DO UPDATE SET sent_at = excluded.sent_at, refs = excluded.refs,
  digest = excluded.digest, trusted = excluded.trusted, warning_id = coalesce(excluded.warning_id, m.warning_id),
  actor = excluded.actor, channel = excluded.channel, content = excluded.content, updated_at = excluded.updated_at
"""


def keep_message(conn: Conn, values: Mapping[str, Any], now: dt.datetime) -> None:
    """The message as accepted. `values`: the columns of `_KEEP`."""
    conn.execute(_KEEP, {**values, "content": Jsonb(values["content"]), "now": now})


_UPSERT = """
INSERT INTO warning AS w (source, source_id, kind, kind_en, colour, area, note, sender, region_ids, geom, onset_at,
  expires_at, status, origin, recorded_at, updated_at, sender_id, event_code, severity, urgency, certainty, headline,
  headline_en, note_en, instruction, exercise, sent_at, event_onset_at, ended_at, replaced_by, attributes, begun_at)
VALUES (%(source)s, %(source_id)s, %(kind)s, %(kind_en)s, %(colour)s, %(area)s, %(note)s, %(sender)s, %(region_ids)s,
  ST_Multi(ST_SetSRID(ST_GeomFromWKB(%(wkb)s), 4326)), %(onset_at)s, %(expires_at)s, %(status)s, %(origin)s,
  %(now)s, %(now)s,
  %(sender_id)s, %(event_code)s, %(severity)s, %(urgency)s, %(certainty)s, %(headline)s, %(headline_en)s, %(note_en)s,
  %(instruction)s, %(exercise)s, %(sent_at)s, %(event_onset_at)s, %(ended_at)s, %(replaced_by)s, %(attributes)s,
  CASE WHEN %(onset_at)s::timestamptz <= %(now)s THEN %(onset_at)s::timestamptz END)
ON CONFLICT (source, source_id) DO UPDATE SET
  kind = excluded.kind, kind_en = excluded.kind_en, colour = excluded.colour, area = excluded.area,
  note = excluded.note, sender = excluded.sender, region_ids = excluded.region_ids, geom = excluded.geom,
  onset_at = excluded.onset_at, expires_at = excluded.expires_at, sender_id = excluded.sender_id,
  event_code = excluded.event_code, severity = excluded.severity, urgency = excluded.urgency,
  certainty = excluded.certainty, headline = excluded.headline, headline_en = excluded.headline_en,
  note_en = excluded.note_en, instruction = excluded.instruction, exercise = excluded.exercise,
  sent_at = excluded.sent_at, event_onset_at = excluded.event_onset_at, attributes = excluded.attributes,
  begun_at = excluded.begun_at,
  status = CASE WHEN w.status IN ('replaced', 'cancelled') THEN w.status ELSE excluded.status END,
  ended_at = CASE WHEN w.status IN ('replaced', 'cancelled') THEN w.ended_at ELSE excluded.ended_at END,
  version = w.version + 1, updated_at = excluded.updated_at
RETURNING warning_id
"""


def save(conn: Conn, values: Mapping[str, Any], actor: str, now: dt.datetime) -> Mapping[str, Any]:
    """Insert or change one warning; the row as it is now. `values`: the columns of `_UPSERT`.

    What was cancelled or replaced stays so; what had expired is in force again when its new end lies ahead.
    """
    row = conn.execute(_UPSERT, {**values, "attributes": Jsonb(dict(values["attributes"])), "now": now}).fetchone()
    if row is None:
        raise LookupError(values["source_id"])
    return told(conn, row["warning_id"], actor, now)


def ended_by(
    conn: Conn, source: str, identifier: str, sender: str, exercise: bool
) -> tuple[Literal["replaced", "cancelled"], int | None, dt.datetime] | None:
    """What a message that came earlier than this warning says of it. A cancellation outweighs an update.

    Only messages that speak of a warning of this sender, and of one who may act on what was not there yet.
    """
    row = conn.execute(
        """
        SELECT msg_type, warning_id, received_at FROM warning_message
        WHERE source = %(source)s AND refs && ARRAY[%(id)s, %(full)s] AND trusted AND exercise = %(exercise)s
          AND msg_type IN ('cancel', 'update')
        ORDER BY (msg_type = 'cancel') DESC, sent_at DESC LIMIT 1
        """,
        {"source": source, "id": identifier, "full": f"{sender},{identifier}", "exercise": exercise},
    ).fetchone()
    if row is None:
        return None
    return ("cancelled" if row["msg_type"] == "cancel" else "replaced"), row["warning_id"], row["received_at"]


def find(conn: Conn, source: str, identifier: str, sender: str) -> Mapping[str, Any] | None:
    """The warning a reference means. `sender` "": any."""
    return conn.execute(
        "SELECT warning_id, status, region_ids, exercise FROM warning"
        " WHERE source = %(source)s AND source_id = %(id)s AND (%(sender)s = '' OR sender_id = %(sender)s) FOR UPDATE",
        {"source": source, "id": identifier, "sender": sender},
    ).fetchone()


def end(
    conn: Conn,
    warning_id: int,
    status: Literal["replaced", "cancelled"],
    replaced_by: int | None,
    actor: str,
    now: dt.datetime,
) -> bool:
    """Take a warning in force out of force. False: it was not in force."""
    done = conn.execute(
        "UPDATE warning SET status = %s, replaced_by = %s, ended_at = %s, updated_at = %s, version = version + 1"
        " WHERE warning_id = %s AND status = 'active'",
        (status, replaced_by, now, now, warning_id),
    )
    if done.rowcount != 1:
        return False
    told(conn, warning_id, actor, now)
    return True


def expire(conn: Conn, now: dt.datetime) -> int:
    """Warnings whose end has come go out of force, each once, with history and a feed record. Returns how many."""
    rows = conn.execute(
        """
        UPDATE warning SET status = 'expired', ended_at = expires_at, updated_at = %(now)s, version = version + 1
        WHERE warning_id IN (SELECT warning_id FROM warning WHERE status = 'active' AND expires_at <= %(now)s
                             ORDER BY warning_id FOR UPDATE SKIP LOCKED)
        RETURNING warning_id
        """,
        {"now": now},
    ).fetchall()
    for row in rows:
        told(conn, row["warning_id"], "clock", now)
    return len(rows)


def begin(conn: Conn, now: dt.datetime) -> int:
    """Warnings that were sent ahead and whose time has come, each once, with history and a feed record."""
    rows = conn.execute(
        """
        UPDATE warning SET begun_at = onset_at, updated_at = %(now)s, version = version + 1
        WHERE warning_id IN (SELECT warning_id FROM warning WHERE status = 'active' AND begun_at IS NULL
                               AND onset_at <= %(now)s AND (expires_at IS NULL OR expires_at > %(now)s)
                             ORDER BY warning_id FOR UPDATE SKIP LOCKED)
        RETURNING warning_id
        """,
        {"now": now},
    ).fetchall()
    for row in rows:
        told(conn, row["warning_id"], "clock", now)
    return len(rows)


# ---------------------------------------------------------------- history and feed


def told(conn: Conn, warning_id: int, actor: str, now: dt.datetime) -> Mapping[str, Any]:
    """History and feed record of a row as it is now; the row."""
    row = conn.execute("SELECT * FROM warning WHERE warning_id = %s", (warning_id,)).fetchone()
    if row is None:
        raise LookupError(warning_id)
    first, active = row["version"] == 1, row["status"] == "active"
    conn.execute(
        "INSERT INTO entity_history (entity, entity_id, recorded_at, op, actor, origin, record)"
        " SELECT 'warning', warning_id::text, %(now)s, %(op)s, %(actor)s, origin,"
        " ioc_record(w) FROM warning w WHERE warning_id = %(id)s",
        {"id": warning_id, "now": now, "op": "new" if first else "change", "actor": actor},
    )
    outbox.put(
        conn,
        topic="warning",
        op=("new" if first else "change") if active else "remove",
        entity_id=warning_id,
        permission=PERMISSION,
        origin=row["origin"],
        payload=payload(row, now),
    )
    outbox.wake(conn)
    return row


def payload(row: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    """What screens receive of a warning. `upcoming`: 即将生效; the record comes again when it begins."""

    def iso(value: dt.datetime | None) -> str | None:
        return None if value is None else value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")

    return {
        "key": f"warning:{row['warning_id']}",
        "type": "warning",
        "kind": {"zh": row["kind"], "en": row["kind_en"] or row["kind"]},
        "colour": row["colour"],
        "headline": {"zh": row["headline"], "en": row["headline_en"] or row["headline"]},
        "area": row["area"],
        "sender": row["sender"],
        "status": row["status"],
        "upcoming": row["status"] == "active" and row["onset_at"] > now,
        "exercise": row["exercise"],
        "onset_at": iso(row["onset_at"]),
        "expires_at": iso(row["expires_at"]),
        "region_ids": list(row["region_ids"]),
        "version": row["version"],
        "origin": row["origin"],
    }


# ---------------------------------------------------------------- regions


def regions_of_codes(conn: Conn, codes: Sequence[str]) -> dict[str, int]:
    """Region of each code of 6 or 12 digits; codes that mean no region of ours are left out.

    The code of a province or prefecture above the centre (440000) means the centre's root: such a region is not in the
    store, and GB/T 2260 codes of those levels do nest by their digits.
    """
    full = {code: code if len(code) == 12 else code + "000000" for code in codes}
    rows = conn.execute(
        "SELECT code, region_id, parent_id FROM region WHERE code = ANY (%s) OR parent_id IS NULL",
        (list(full.values()),),
    ).fetchall()
    by_code = {str(r["code"]): int(r["region_id"]) for r in rows}
    roots = [str(r["code"]) for r in rows if r["parent_id"] is None]
    out: dict[str, int] = {}
    for code, long in full.items():
        above = next((root for root in roots if _above(long, root)), None)
        found = by_code.get(long) or (by_code[above] if above else None)
        if found is not None:
            out[code] = found
    return out


def _above(code: str, root: str) -> bool:
    """Is `code` the province, prefecture or county of `root`?"""
    for digits in (2, 4, 6):
        if code[digits:].strip("0") == "":
            return root != code and root.startswith(code[:digits])
    return False


def regions_of_shape(conn: Conn, wkb: bytes) -> list[int]:
    """The fewest regions a shape concerns: a whole one instead of its parts, the finest ones where it lies across."""
    rows = conn.execute(
        """
        SELECT r.region_id, r.parent_id, r.kind, ST_Covers(a.g, r.geom) AS whole,
               (SELECT count(*) FROM region c WHERE c.parent_id = r.region_id AND c.kind <> 'zone' AND c.geom IS NULL)
               AS unknown
        FROM region r, (SELECT ST_SetSRID(ST_GeomFromWKB(%(wkb)s), 4326) AS g) a
        WHERE r.geom && a.g AND ST_Intersects(r.geom, a.g) AND NOT ST_Touches(r.geom, a.g)
        """,
        {"wkb": wkb},
    ).fetchall()
    return finest([(r["region_id"], r["parent_id"], r["kind"], r["whole"], r["unknown"] > 0) for r in rows])


Touched = tuple[
    int, int | None, str, bool, bool
]  # region_id, parent_id, kind, covered whole, has parts of no known shape


def finest(touched: Sequence[Touched]) -> list[int]:
    """Of the regions a shape touches, those that tell where it is. A region with parts nobody has drawn stands whole:
    a warning is rather shown to one too many than to one too few. Zones count only where nothing else is touched."""
    levels = [t for t in touched if t[2] != "zone"] or list(touched)
    inside = {t[0] for t in levels}
    below: dict[int | None, list[Touched]] = {}
    for t in levels:
        below.setdefault(t[1] if t[1] in inside else None, []).append(t)
    out: list[int] = []
    todo = list(below.get(None, ()))
    while todo:
        region_id, _, _, whole, unknown = todo.pop()
        parts = below.get(region_id, [])
        if whole or unknown or not parts:
            out.append(region_id)
        else:
            todo += parts
    return sorted(out)


def any_region(conn: Conn) -> bool:
    row = conn.execute("SELECT EXISTS (SELECT FROM region) AS yes").fetchone()
    return bool(row and row["yes"])
