"""`/api/v1/notices`: what one must know, reading it, and who has read what about a record (EMG-11)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import flask

from ioc.api import Deps, _read
from ioc.api.auth import current_identity, require, require_session
from ioc.api.openapi import doc
from ioc.errors import NotFound
from ioc.scope import SYSTEM, Scope
from ioc.store import inbox
from ioc.store.inbox import Reader

MAX_LIMIT = 200
_TEXT: dict[str, Any] = {"type": "object", "properties": {"zh": {"type": "string"}, "en": {"type": "string"}}}
NOTICE: dict[str, Any] = {
    "type": "object",
    "required": ["notice_id", "kind", "title", "body", "about", "priority", "created_at", "read_at"],
    "properties": {
        "notice_id": {"type": "integer"},
        "kind": {"type": "string"},
        "title": _TEXT,
        "body": _TEXT,
        "about": {"type": "string", "description": "key of the record: case:12, alarm:5, warning:7"},
        "priority": {"enum": ["urgent", "high", "medium", "low"]},
        "created_at": {"type": "string"},
        "read_at": {"type": ["string", "null"]},
    },
}
LIST: dict[str, Any] = {
    "type": "object",
    "required": ["notices", "unread", "next"],
    "properties": {
        "notices": {"type": "array", "items": NOTICE},
        "unread": {"type": "integer"},
        "next": {"type": ["integer", "null"], "description": "`before` of the next page"},
    },
}
ABOUT: dict[str, Any] = {
    "type": "object",
    "required": ["about", "total", "delivered", "read", "addressees", "unread"],
    "properties": {
        "about": {"type": "string"},
        "total": {"type": "integer"},
        "delivered": {"type": "integer", "description": "已送达 or 已读, by a channel's receipt or in the inbox"},
        "read": {"type": "integer"},
        "delivered_rate": {"type": ["number", "null"]},
        "read_rate": {"type": ["number", "null"]},
        "addressees": {"type": "array", "items": {"type": "object"}},
        "unread": {"type": "array", "items": {"type": "string"}, "description": "未读名单"},
    },
}
# From the weakest to the strongest word; an addressee's state is the strongest of all its channels.
STATES = ("waiting", "no_address", "dead", "submitted", "delivered", "read")


def register(server: flask.Flask, deps: Deps) -> None:
    @server.get("/api/v1/notices")
    @doc(
        "My notices, newest first: to me, to my departments, to my roles",
        query={"unread": "1: only unread ones", "before": "id to go on from", "limit": f"1-{MAX_LIMIT}, default 50"},
        returns=LIST,
    )
    def notices_listed() -> flask.Response:
        reader = _reader()
        limit = _read.whole("limit", 1, MAX_LIMIT, 50)
        before = _read.whole("before", 1, 2**53, 2**53)
        with deps.store.reading(SYSTEM) as conn:
            rows = inbox.mine(conn, reader, unread=_read.text("unread") == "1", before=before, limit=limit)
            unread = inbox.unread_count(conn, reader)
        following = rows[-1]["notice_id"] if len(rows) == limit else None
        return flask.jsonify({"notices": [_notice(r) for r in rows], "unread": unread, "next": following})

    @server.post("/api/v1/notices/<int:notice_id>/read")
    @doc("I have read it; the first reader of a department's or role's notice stands", returns=NOTICE,
         statuses={404: "No notice of mine"})  # fmt: skip
    def notice_read(notice_id: int) -> flask.Response:
        reader = _reader()
        with deps.store.scoped(SYSTEM) as conn:
            row = inbox.read(conn, reader, notice_id, deps.clock.now()) if notice_id < 2**63 else None
            if row is None:
                raise NotFound(f"通知 {notice_id}", f"notice {notice_id}")
            unread = inbox.unread_count(conn, reader)
        return flask.jsonify({**_notice(row), "unread": unread})

    @server.get("/api/v1/notices/about/<record>")
    @doc("Who was told about a record, by which way, and who has not read it", returns=ABOUT,
         statuses={404: "No such record, or not in the asker's scope"}, permission="case.view")  # fmt: skip
    def notices_about(record: str) -> flask.Response:
        scope = require("case.view")
        with deps.store.reading(SYSTEM) as conn:
            seen = inbox.record_seen(conn, scope, record)
            rows = inbox.about(conn, record) if seen is not False else []
        if seen is None:  # a kind without places of its own: its notices say where
            rows = [r for r in rows if _sees(scope, r)]
        if seen is False or (seen is None and not rows):
            raise NotFound(record, record)
        return flask.jsonify(summary(record, rows))


def _reader() -> Reader:
    identity = require_session()
    return Reader(identity.login, current_identity().scope, identity.roles)


def _sees(scope: Scope, row: Mapping[str, Any]) -> bool:
    return scope.sees(row["region_id"], row["private_to"], row["sensitivity"])


def _iso(value: dt.datetime | None) -> str | None:
    return None if value is None else value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _notice(row: Mapping[str, Any]) -> dict[str, Any]:
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


def summary(record: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rates over addressees, each once: one told twice has read when all of it is read (送达率, 阅读率, 未读名单)."""
    people: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
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


def _state(row: Mapping[str, Any]) -> str:
    if row["read_at"] is not None:
        return "read"
    found = [d["state"].replace("sending", "waiting") for d in row["deliveries"]]
    return max(found, key=STATES.index, default="waiting")


def _addressee(who: tuple[str, str], told: Sequence[Mapping[str, Any]], state: str) -> dict[str, Any]:
    return {
        "to_kind": who[0],
        "to": who[1],
        "state": state,
        "notices": [
            {**_notice(r), "read_by": r["read_by"], "state": _state(r), "channels": r["deliveries"]} for r in told
        ],
    }
