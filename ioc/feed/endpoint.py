"""`GET /live`: the event stream of one screen. Native ASGI; everything that may block runs in a thread."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ioc.accounts.credentials import Credentials, Presented
from ioc.accounts.identity import Identity
from ioc.errors import IocError, NotSignedIn, StoreUnavailable
from ioc.feed.hub import Client, Hub
from ioc.feed.messages import Position
from ioc.scope import Scope
from ioc.store import Store
from ioc.store.regions import Regions

log = logging.getLogger("ioc.feed")

WATCH_S = 15.0  # how soon a stream ends after its asker was signed out, revoked or given another scope
STREAMS_MAX = 5000
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx must not hold messages back
    "Content-Type": "text/event-stream; charset=utf-8",
}


@dataclass
class Live:
    """The endpoint and the watch over its open streams."""

    hub: Hub
    store: Store
    credentials: Credentials
    _open: dict[Client, Identity] = field(default_factory=dict[Client, Identity])

    async def handle(self, request: Request) -> Response:
        try:
            if len(self._open) >= STREAMS_MAX:
                raise StoreUnavailable("推送连接已满", "too many open streams")
            identity, region, ids = await asyncio.to_thread(self._admit, request)
        except IocError as e:
            return JSONResponse(e.as_dict(), e.status)
        last = request.headers.get("last-event-id") or request.query_params.get("last", "")
        client, group = await self.hub.subscribe(identity.scope, region, ids, Position.parse(last))
        self._open[client] = identity

        async def chunks():
            try:
                async for chunk in self.hub.stream(client, group):
                    yield chunk
            finally:
                # Also when the browser went away before the first byte.
                self.hub.leave(client, group)
                self._open.pop(client, None)

        return StreamingResponse(chunks(), headers=_HEADERS, media_type="text/event-stream")

    def _admit(self, request: Request) -> tuple[Identity, str, frozenset[int] | None]:
        given = Presented(
            cookies=request.cookies,
            authorization=request.headers.get("authorization", ""),
            embed_token="",
            path=request.url.path,
        )
        identity = self.credentials.identify(given)
        if identity.kind == "nobody":
            raise NotSignedIn()
        region = request.query_params.get("region", "")
        return identity, region, self._ids(identity.scope, region)

    def _ids(self, scope: Scope, region: str) -> frozenset[int] | None:
        ids = Regions.of(self.store).ids(scope, region)
        return None if ids is None else frozenset(ids)

    async def watch(self) -> None:
        """Until cancelled: end the streams whose credential no longer holds."""
        while True:
            await asyncio.sleep(WATCH_S)
            ended = await asyncio.to_thread(self._ended, dict(self._open))
            for client in ended:
                client.restart(self.hub.at, "signed_out")
                client.close("signed_out")

    def _ended(self, streams: dict[Client, Identity]) -> list[Client]:
        try:
            held = {i.secret_hash: self.credentials.still(i) for i in set(streams.values())}
        except StoreUnavailable:
            return []  # the database is away: nobody was signed out by that
        return [c for c, i in streams.items() if not held[i.secret_hash]]
