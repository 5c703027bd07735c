"""Who was told about a record, by which way, and who has read it (EMG-11): 送达率, 阅读率, 未读名单."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.scope import Scope
from ioc.store import inbox
from ioc.store.pool import Conn

Row = Mapping[str, Any]
# From the weakest to the strongest word; an addressee's state is the strongest of all its channels.
STATES = ("waiting", "no_address", "dead", "submitted", "delivered", "read")


def about(conn: Conn, scope: Scope, record: str) -> dict[str, Any] | None:
    """What `scope` may know of the notices about `record`; None: no such record for it. Under the system's scope."""
    seen = inbox.record_seen(conn, scope, record)
    rows = inbox.about(conn, record) if seen is not False else []
    if seen is None:  # a kind without places of its own: its notices say where
        rows = [r for r in rows if scope.sees(r["region_id"], r["private_to"], r["sensitivity"])]
    return None if seen is False or (seen is None and not rows) else summary(record, rows)


def summary(record: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Rates over addressees, each once: one told twice has read when all of it is read."""
    people: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        people.setdefault((row["to_kind"], row["to_ref"]), []).append(row)
    states = {who: min((_state(r) for r in told), key=STATES.index) for who, told in people.items()}
    total, read = len(people), sum(s == "read" for s in states.values())
    delivered = sum(s in ("delivered", "read") for s in states.values())
    return {
        "about": record,
        "total": total,
        "delivered": delivered,
        "read": read,
        "delivered_rate": delivered / total if total else None,
        "read_rate": read / total if total else None,
        "addressees": [_addressee(who, told, states[who]) for who, told in people.items()],
        "unread": [who[1] for who, state in states.items() if state != "read"],
    }


def notice(row: Row) -> dict[str, Any]:
    """A notice as programs and screens get it."""
    return {
        "notice_id": row["notice_id"],
        "kind": row["kind"],
        "title": {"zh": row["title"], "en": row["title_en"] or row["title"]},
        "body": {"zh": row["body"], "en": row["body_en"] or row["body"]},
        "about": row["about"],
        "priority": row["priority"],
        "created_at": _iso(row["created_at"]),
        "read_at": _iso(row["read_at"]),
    }


def _iso(value: dt.datetime | None) -> str | None:
    return None if value is None else value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _state(row: Row) -> str:
    if row["read_at"] is not None:
        return "read"
    found = [d["state"].replace("sending", "waiting") for d in row["deliveries"]]
    return max(found, key=STATES.index, default="waiting")


def _addressee(who: tuple[str, str], told: Sequence[Row], state: str) -> dict[str, Any]:
    return {
        "to_kind": who[0],
        "to": who[1],
        "state": state,
        "notices": [
            {**notice(r), "read_by": r["read_by"], "state": _state(r), "channels": r["deliveries"]} for r in told
        ],
    }
