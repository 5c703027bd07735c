"""`/video/mux/<key>`: all running pictures of one page in one answer.

A browser holds six connections to an origin over HTTP/1.1, and a picture that runs holds one for good: the seventh
pane, the page's own calls and the feed would wait for ever. So the panes of a page share one. The page chooses the key;
the answer carries the streams of the open views that were opened under it with the same credential, as they come and
go:

    view id (8 bytes, big-endian), length (4 bytes), that many bytes of the stream; length 0: the stream has ended

The views stand in the database, so any web process can serve it. A viewer that reads too slowly loses pictures of one
pane, which begins anew, not the memory of the server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ioc.accounts.identity import Identity
from ioc.api.video_media import HEADERS, STREAMS_MAX, Media
from ioc.errors import IocError, NotFound, TooMany
from ioc.store.video_views import Row

log = logging.getLogger("ioc.video")
LOOK_S = 0.4
QUEUE_MAX = 4 * 1024 * 1024  # bytes that wait for a slow viewer; about half a minute of four panes
BEAT_S = 5.0


@dataclass
class _Feed:
    """What waits to be sent to one page."""

    parts: list[bytes] = field(default_factory=list[bytes])
    waiting: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, view_id: int, data: bytes) -> bool:
        """False: the viewer is too slow, nothing was added."""
        if self.waiting > QUEUE_MAX and data:
            return False
        self.parts.append(view_id.to_bytes(8, "big") + len(data).to_bytes(4, "big") + data)
        self.waiting += len(data)
        self.ready.set()
        return True

    def take(self) -> bytes:
        data = b"".join(self.parts)
        self.parts.clear()
        self.waiting = 0
        self.ready.clear()
        return data


@dataclass
class Mux:
    """The endpoint. `media` fetches; its limits count here too."""

    media: Media
    _open: int = 0

    async def handle(self, request: Request) -> Response:
        key = str(request.path_params["key"])
        try:
            if not (16 <= len(key) <= 64 and key.isalnum() and key.isascii()):
                raise NotFound(key[:64], key[:64])
            who = await asyncio.to_thread(self.media.asker, request)
            if self._open >= STREAMS_MAX:
                raise TooMany("转发的视频流已满", "too many streams are passed on")
        except IocError as e:
            return JSONResponse(e.as_dict(), e.status, headers={"Cache-Control": "no-store"})
        return StreamingResponse(self._send(who, key), headers=HEADERS, media_type="application/octet-stream")

    async def _send(self, who: Identity, key: str) -> AsyncGenerator[bytes]:
        feed = _Feed()
        running: dict[int, asyncio.Task[None]] = {}
        keeper = asyncio.create_task(self._keep(who, key, feed, running))
        self._open += 1
        try:
            while not keeper.done():
                try:
                    await asyncio.wait_for(feed.ready.wait(), BEAT_S)
                except TimeoutError:
                    yield bytes(12)  # view 0, nothing: the page knows that the connection lives
                    continue
                yield feed.take()
        finally:
            self._open -= 1
            keeper.cancel()
            for task in running.values():
                task.cancel()
            await asyncio.gather(keeper, *running.values(), return_exceptions=True)

    async def _keep(self, who: Identity, key: str, feed: _Feed, running: dict[int, asyncio.Task[None]]) -> None:
        """Streams of views that were opened begin, those of views that have ended are cut."""
        while True:
            rows = await asyncio.to_thread(self.media.views.muxed, who, key)
            if rows is not None:
                wanted = {int(r["view_id"]): r for r in rows}
                for view_id in [v for v in running if v not in wanted]:
                    running.pop(view_id).cancel()
                for view_id, row in wanted.items():
                    if view_id not in running:
                        running[view_id] = asyncio.create_task(self._stream(row, feed))
            await asyncio.sleep(LOOK_S)

    async def _stream(self, row: Row, feed: _Feed) -> None:
        view_id = int(row["view_id"])
        try:
            answer = await self.media.ask(await self.media.url(row, row["mux_kind"]))
            try:
                async for part in answer.aiter_raw():
                    if not feed.put(view_id, part):
                        log.info("view %d: the viewer is too slow", view_id)
                        break
            finally:
                await answer.aclose()
        except (IocError, httpx.HTTPError) as e:
            log.info("view %d: %s", view_id, e)
        feed.put(view_id, b"")
