"""Receipts of far ends, and dead letters."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

import flask
from pydantic import BaseModel, ConfigDict, Field

from ioc.api import Deps, _body, _json, _read
from ioc.api.auth import own_key, require
from ioc.api.openapi import doc
from ioc.clock import parse_time
from ioc.errors import Forbidden, Invalid, NotFound, Reason, TooLarge
from ioc.intake.reasons import reason
from ioc.outbound import template
from ioc.outbound.config import Channel, Outbound, Receipt, load
from ioc.outbound.send import verify
from ioc.outbound.worker import receive
from ioc.scope import SYSTEM
from ioc.store import accounts, deliveries
from ioc.store.retry import retried

MAX_BODY, MAX_ITEMS = 256 * 1024, 1000
STATES = ("waiting", "sending", "submitted", "delivered", "read", "dead", "no_address")
LIST: dict[str, Any] = {
    "type": "object",
    "required": ["deliveries"],
    "properties": {"deliveries": {"type": "array", "items": {"type": "object"}}},
}
COUNTS: dict[str, Any] = {
    "type": "object",
    "required": ["known", "unknown", "ignored"],
    "properties": {
        "known": {"type": "integer"},
        "unknown": {"type": "integer", "description": "kept: the message they speak of may not be recorded yet"},
        "ignored": {"type": "integer", "description": "states nothing is declared for, or without an id"},
    },
}


class ResendIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    delivery_ids: list[int] = Field(default=[], max_length=1000)
    channel: str = Field(default="", max_length=40)  # every dead letter of it


def register(server: flask.Flask, deps: Deps) -> None:
    @server.post("/api/v1/receipts/<channel>")
    @own_key
    @doc(
        "A far end's receipts (已送达, 已读, not delivered), as the channel declares them; signed, or with its token",
        body={"type": "object"},
        returns=COUNTS,
        statuses={403: "No channel of this name takes receipts, or the wrong key", 413: "Body too large",
                  422: "Not readable"},
        consumes=("application/json", "application/x-www-form-urlencoded"),
        tag="receipts",
    )  # fmt: skip
    def receipts_taken(channel: str) -> flask.Response:
        outbound = load(deps.settings)
        found = outbound.channels.get(channel)
        receipt, raw = _authenticated(outbound, found, deps.clock.now().timestamp())
        return flask.jsonify(retried(lambda: _take(deps, channel, receipt, _items(receipt, raw))))

    @server.get("/api/v1/deliveries")
    @doc(
        "Deliveries, last changed first; dead letters unless another state is asked for",
        query={"state": f"one of {', '.join(STATES)}; default dead and no_address", "channel": "key of a channel",
               "limit": "1-1000, default 100"},
        returns=LIST,
        permission="notify.manage",
    )  # fmt: skip
    def deliveries_listed() -> flask.Response:
        require("notify.manage")
        state = _read.text("state")
        if state and state not in STATES:
            raise Invalid(reasons=[reason("state", "bad_choice", state, choices=", ".join(STATES))])
        wanted = [state] if state else ["dead", "no_address"]
        channel, limit = _read.text("channel")[:40].replace("\x00", ""), _read.whole("limit", 1, 1000, 100)
        with deps.store.reading(SYSTEM) as conn:
            rows = deliveries.listed(conn, wanted, channel, limit)
        return flask.jsonify({"deliveries": [_plain(r) for r in rows]})

    @server.get("/api/v1/deliveries/channels")
    @doc("Channels: state, age, what waits, what was sent within a week, what was given up",
         returns={"type": "object"}, permission="notify.manage")  # fmt: skip
    def channels_listed() -> flask.Response:
        scope = require("notify.manage")
        return flask.jsonify({"channels": deps.services.outbound(scope)["channels"]})

    @server.post("/api/v1/deliveries/resend")
    @doc(
        "Dead letters are sent again, under their old idempotency keys: those named, or all of a channel",
        body=ResendIn,
        returns={"type": "object", "properties": {"resent": {"type": "array", "items": {"type": "integer"}}}},
        permission="notify.manage",
    )
    def deliveries_resend() -> flask.Response:
        scope, asked, now = require("notify.manage"), _body.read(ResendIn), deps.clock.now()
        if bool(asked.delivery_ids) == bool(asked.channel):
            raise Invalid(
                reasons=[Reason("delivery_ids", "one_of", "给出编号或通道之一", "give either ids or a channel")]
            )
        ids = [i for i in asked.delivery_ids if 0 < i < 2**63]
        with deps.store.scoped(SYSTEM) as conn:
            if asked.channel:
                ids = deliveries.dead_of(conn, asked.channel)
            done = deliveries.resend(conn, ids, scope.actor, now)
            accounts.audit(conn, actor=scope.actor, action="delivery.resend", detail={"deliveries": done})
        return flask.jsonify({"resent": done})


def _authenticated(outbound: Outbound, channel: Channel | None, now_s: float) -> tuple[Receipt, bytes]:
    """The declaration and the body. One answer for every way to be wrong: nobody learns which channels there are."""
    if (flask.request.content_length or 0) > MAX_BODY:
        raise TooLarge(f"上限 {MAX_BODY // 1024} KB", f"limit {MAX_BODY // 1024} KB")
    raw = flask.request.stream.read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise TooLarge(f"上限 {MAX_BODY // 1024} KB", f"limit {MAX_BODY // 1024} KB")
    receipt = channel.receipt if channel else None
    if receipt is None:
        raise Forbidden("回执密钥不符", "not a valid receipt key")
    secret, headers = outbound.secret(receipt.secret), flask.request.headers
    if receipt.auth == "signature":
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        told, at, given = (headers.get(n, "") for n in names)
        good = verify(secret, told, at, raw, given, now_s)
    else:
        token = headers.get("X-Receipt-Token", "") or flask.request.args.get("token", "")
        good = hmac.compare_digest(token.encode(), secret.encode())
    if not good:
        raise Forbidden("回执密钥不符", "not a valid receipt key")
    return receipt, raw


def _items(receipt: Receipt, raw: bytes) -> list[Mapping[str, Any]]:
    """The receipts of one call: JSON, or a form with one. Raises Invalid."""
    body: Any
    if flask.request.mimetype == "application/x-www-form-urlencoded":
        body = dict(parse_qsl(raw.decode("utf-8", "replace")))
    else:
        try:
            body = _json.loads(raw)
        except ValueError as e:
            raise Invalid(reasons=[reason("body", "bad_json")]) from e
    found = template.find(body, receipt.items)
    listed: list[Any] = cast("list[Any]", found) if isinstance(found, list) else [found]
    if len(listed) > MAX_ITEMS:
        raise TooLarge(f"一次至多 {MAX_ITEMS} 条", f"at most {MAX_ITEMS} at once")
    if not all(isinstance(i, Mapping) for i in listed):
        raise Invalid(reasons=[reason(receipt.items or "body", "bad_object")])
    return listed


def _take(deps: Deps, channel: str, receipt: Receipt, items: list[Mapping[str, Any]]) -> dict[str, int]:
    now = deps.clock.now()
    counts = {"known": 0, "unknown": 0, "ignored": 0}
    named = [(_text(template.find(i, receipt.id)) if receipt.id else "", i) for i in items]
    with deps.store.scoped(SYSTEM) as conn:
        # in one order, so that two calls never wait for each other
        for far_id, item in sorted(named, key=lambda n: n[0]):
            key = _text(template.find(item, receipt.key)) if receipt.key else ""
            meaning = receipt.meaning(template.find(item, receipt.state))
            if meaning is None or not (far_id or key):
                counts["ignored"] += 1
                continue
            detail = _text(template.find(item, receipt.state))
            known = receive(conn, channel, far_id, key, meaning, detail, _at(deps, item, now), now)
            counts["known" if known else "unknown"] += 1
    if counts["unknown"] and not counts["known"] and not any(n for n, _ in named):
        raise NotFound("没有这条消息", "no such message")  # by our key alone nothing can be kept for later
    return counts


def _at(deps: Deps, item: Mapping[str, Any], now: dt.datetime) -> dt.datetime:
    """When it was so, where the receipt says it under the usual name; never later than now."""
    try:
        return min(parse_time(item["at"], deps.settings.tz), now) if item.get("at") else now
    except (ValueError, OverflowError, OSError, TypeError, AttributeError):
        return now


def _text(value: Any) -> str:
    return template.word(value)[:200].replace("\x00", "") if isinstance(value, str | int) else ""


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    def value(v: Any) -> Any:
        return v.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if isinstance(v, dt.datetime) else v

    return {k: value(v) for k, v in row.items()}
