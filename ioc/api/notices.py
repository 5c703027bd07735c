"""`/api/v1/notices`: what one must know, reading it, and who has read what about a record (EMG-11)."""

from __future__ import annotations

from typing import Any

import flask

from ioc.api import Deps, _read
from ioc.api.auth import current_identity, require, require_session
from ioc.api.openapi import doc
from ioc.errors import NotFound
from ioc.scope import SYSTEM
from ioc.store import inbox, notices, told
from ioc.store.inbox import Reader
from ioc.store.told import notice

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
        return flask.jsonify({"notices": [notice(r) for r in rows], "unread": unread, "next": following})

    @server.post("/api/v1/notices/<int:notice_id>/read")
    @doc("I have read it; the first reader of a department's or role's notice stands", returns=NOTICE,
         statuses={404: "No notice of mine"})  # fmt: skip
    def notice_read(notice_id: int) -> flask.Response:
        reader = _reader()
        with deps.store.scoped(SYSTEM) as conn:
            row = inbox.read(conn, reader, notice_id, deps.clock.now()) if notice_id < 2**63 else None
            if row is None:
                raise NotFound(f"通知 {notice_id}", f"notice {notice_id}")
            if row["to_kind"] != "account":  # the others it is addressed to see that somebody has
                notices.stir(conn, row["origin"])
            unread = inbox.unread_count(conn, reader)
        return flask.jsonify({**notice(row), "unread": unread})

    @server.get("/api/v1/notices/about/<record>")
    @doc("Who was told about a record, by which way, and who has not read it", returns=ABOUT,
         statuses={404: "No such record, or not in the asker's scope"}, permission="case.view")  # fmt: skip
    def notices_about(record: str) -> flask.Response:
        scope = require("case.view")
        with deps.store.reading(SYSTEM) as conn:
            found = told.about(conn, scope, record)
        if found is None:
            raise NotFound(record, record)
        return flask.jsonify(found)


def _reader() -> Reader:
    identity = require_session()
    return Reader(identity.login, current_identity().scope, identity.roles)
