"""Reports of machines natively in ASGI: `POST /api/v1/events` with a bearer token.

Rules and answers are those of `ioc.api.events`, which keeps serving people (cookies, and the gate against other sites).
What makes it fast: no way through WSGI, and all reports that wait are written in one transaction.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from starlette.types import Receive, Scope, Send

from ioc.accounts.credentials import Presented
from ioc.accounts.identity import Identity
from ioc.api import Deps, _json, _once
from ioc.api.auth import WRITES_BURST, WRITES_PER_S
from ioc.api.errors import told
from ioc.api.events import MAX_BODY
from ioc.api.limits import Buckets
from ioc.errors import Invalid, IocError, NotSignedIn, TooLarge, TooMany
from ioc.intake.events import EventResult, Outcome, Report, refuse_unread, submit_events
from ioc.intake.reasons import reason

log = logging.getLogger("ioc.web")

PATH = "/api/v1/events"
# A transaction of this many takes about a tenth of a second; those who come meanwhile are the next.
BATCH = 100
_HEADERS = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
Observe = Callable[[str, str, int, float], None]


def taken(scope: Scope) -> bool:
    """Whether a request is one for this door."""
    if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
        return False
    return any(name == b"authorization" and value[:7].lower() == b"bearer " for name, value in scope["headers"])


class Reports:
    """The endpoint: an ASGI application."""

    def __init__(self, deps: Deps, observe: Observe | None = None) -> None:
        self._deps, self._observe = deps, observe
        self._writes = Buckets(WRITES_PER_S, WRITES_BURST, deps.clock, shared=deps.shared, name="write")
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="reports")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="report-writer")
        self._waiting: list[tuple[Report, asyncio.Future[Outcome]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        status, body = await self._answer(scope, receive)
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers: list[tuple[bytes, bytes]] = [*_HEADERS, (b"content-length", str(len(data)).encode())]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})
        if self._observe is not None:
            self._observe(PATH, "POST", status, time.perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Mapping[str, Any]]:
        try:
            identity = await self._who(dict(scope["headers"]))
            identity.scope.require("event.write")
            await self._within_rate(identity)
            data = await _body(scope, receive)
            actor, key = identity.scope.actor, dict(scope["headers"]).get(b"idempotency-key", b"").decode("latin-1")
            once = _once.of(key, actor, f"POST {PATH}", data)
            payload = await self._read(identity, data)
            report = Report(payload, identity.scope, actor, only_source=identity.source, once=once)
            outcome = await self._written(report)
            if not isinstance(outcome, EventResult):
                raise outcome
            return (201 if outcome.state == "created" else 200), outcome.as_dict()
        except IocError as e:
            if e.severity in ("error", "critical"):
                log.error("POST %s: %s", PATH, e)
            return e.status, told(e)
        except Exception:  # a fault in one report is an answer, not the end of the connection
            log.exception("POST %s failed", PATH)
            return IocError().status, IocError().as_dict()

    async def _who(self, heads: Mapping[bytes, bytes]) -> Identity:
        given = Presented(cookies={}, authorization=heads[b"authorization"].decode("latin-1"), path=PATH)
        identity = self._deps.credentials.at_hand(given)
        if identity is None:
            loop = asyncio.get_running_loop()
            identity = await loop.run_in_executor(self._threads, self._deps.credentials.identify, given)
        if identity.kind == "nobody":
            raise NotSignedIn()
        return identity

    async def _within_rate(self, identity: Identity) -> None:
        if self._deps.shared is None:
            allowed = self._writes.take(identity.secret_hash)
        else:  # asks a server
            loop = asyncio.get_running_loop()
            allowed = await loop.run_in_executor(self._threads, self._writes.take, identity.secret_hash)
        if not allowed:
            raise TooMany()

    async def _read(self, identity: Identity, data: bytes) -> dict[str, Any]:
        try:
            return _object(data)
        except Invalid as fault:
            d = self._deps
            given = (d.store, data, fault, d.clock, identity.source)
            await asyncio.get_running_loop().run_in_executor(self._threads, refuse_unread, *given)
            raise

    async def _written(self, report: Report) -> Outcome:
        """With all that wait at that moment, in one transaction. A report that comes alone is written at once."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((report, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await future  # an asker that leaves does not take the report back: it may be written already

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            try:
                found = await loop.run_in_executor(self._writer, self._submit, [r for r, _ in batch])
            except IocError as fault:
                _fail(batch, fault)
                continue
            except Exception:  # a fault in one batch must not end the next
                log.exception("reports")
                _fail(batch, IocError())
                continue
            for (_, future), outcome in zip(batch, found, strict=True):
                if not future.done():
                    future.set_result(outcome)

    def _submit(self, reports: Sequence[Report]) -> list[Outcome]:
        return submit_events(self._deps.store, reports, self._deps.clock, self._deps.settings)


def _fail(batch: Sequence[tuple[Report, asyncio.Future[Outcome]]], fault: IocError) -> None:
    """Everyone whose report was in the batch is told: none of it is stored."""
    for _, future in batch:
        if not future.done():
            future.set_exception(fault)


async def _body(scope: Scope, receive: Receive) -> bytes:
    too_large = TooLarge(f"上限 {MAX_BODY // 1024} KB", f"limit {MAX_BODY // 1024} KB")
    length = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
    if length.isdigit() and int(length) > MAX_BODY:
        raise too_large
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid(reasons=[reason("body", "bad_json", "")])
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise too_large
        parts.append(chunk)
        if not message.get("more_body"):
            return b"".join(parts)


def _object(data: bytes) -> dict[str, Any]:
    try:
        body = _json.loads(data)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        code = "bad_json" if body is None else "bad_object"
        raise Invalid(reasons=[reason("body", code, data[:200].decode(errors="replace"))])
    return cast("dict[str, Any]", body)
