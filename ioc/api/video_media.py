"""`/video/<view>/<token>/...`: media of an open view, passed on from the platform's media server. Native ASGI.

The browser speaks to this origin only (the CSP stays as it is), and never learns where the media server is. A request
needs the address's signature, its end not passed, the credential the view was opened with, and the view still open; a
stream that runs is cut when its view ends. Only addresses the platform gave and `guarded` let pass are asked for; no
redirect is followed; of a playlist only entries beside or below it.
"""

from __future__ import annotations

import asyncio
import logging
import posixpath
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ioc.accounts.credentials import Credentials, Presented
from ioc.accounts.identity import Identity
from ioc.errors import IocError, NotFound, NotSignedIn, SourceFault, TooMany
from ioc.video import address
from ioc.video.platform import Channel, Kind, guarded
from ioc.video.views import Views

log = logging.getLogger("ioc.video")
STREAMS_MAX = 400
PLAYLIST_MAX = 256 * 1024
CHECK_S = 5.0
TIMEOUT = httpx.Timeout(5.0, read=15.0, pool=5.0)
LIMITS = httpx.Limits(max_connections=STREAMS_MAX + 100, max_keepalive_connections=20)
_LIVE: dict[str, tuple[Kind, str]] = {"live.flv": ("flv", "video/x-flv"), "live.ts": ("ts", "video/mp2t")}
# Players keep a list as long as the greatest of these numbers, and walk through it at every playlist: hls.js 1.7 held
# the page for 4.4 s a playlist at 180 million, which a packager that counts from the epoch reaches.
_RUN = re.compile(r"^#EXT-X-DISCONTINUITY-SEQUENCE:\s*(\d{1,20})$")
RUNS_MAX = 4096
_NAME = re.compile(r"^[\w\-./%~+=,@]+$")
HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


@dataclass
class Media:
    """The endpoint. `views` is that of the API (ioc.api.video_wall)."""

    views: Views
    credentials: Credentials
    _client: httpx.AsyncClient | None = None
    _open: int = field(default=0)

    async def handle(self, request: Request) -> Response:
        try:
            view_id, token = int(request.path_params["view_id"]), str(request.path_params["token"])
            path = str(request.path_params["path"])
            row = await asyncio.to_thread(self._admit, request, view_id, token)
            if path in _LIVE:
                kind, media_type = _LIVE[path]
                return await self._live(view_id, await self.url(row, kind), media_type)
            if path.startswith("hls/"):
                return await self._hls(await self.url(row, "hls"), path.removeprefix("hls/"), request.url.query)
            raise NotFound(path, path)
        except IocError as e:
            return JSONResponse(e.as_dict(), e.status, headers={"Cache-Control": "no-store"})

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    # ------------------------------------------------------------ admission

    def _admit(self, request: Request, view_id: int, token: str) -> Any:
        """The open view. Raises NotSignedIn, NotFound: an address says nothing to who may not use it."""
        who = self.asker(request)
        now = self.views.clock.now().timestamp()
        if not address.good(self.views.settings.secret, view_id, token, who.secret_hash, now):
            raise NotFound("地址已失效", "the address is no longer good")
        return self.views.mine(who, view_id)

    def asker(self, request: Request) -> Identity:
        """A person or a wall with the right. Raises NotSignedIn, Forbidden."""
        given = Presented(cookies=request.cookies, authorization="", embed_token="", path=request.url.path)
        who: Identity = self.credentials.identify(given)
        if who.kind not in ("session", "wall"):
            raise NotSignedIn()
        who.scope.require("video.view")
        return who

    async def url(self, row: Any, kind: Kind) -> str:
        """The media server's address of a view's stream, checked. Raises NotFound, SourceFault."""
        channel = Channel(row["platform_id"], row["channel_id"])
        platforms = self.views.platforms
        stream = await asyncio.to_thread(platforms.address, row["node_source"], channel, row["stream"])
        if stream.stream != row["stream"]:
            raise NotFound("平台已更换流", "the platform changed the stream")
        url = stream.addresses.get(kind)
        if url is None:
            raise NotFound(f"平台没有 {kind} 流", f"the platform has no {kind} stream")
        return guarded(url, platforms.of(row["node_source"]).hosts)

    # ------------------------------------------------------------ passing on

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT, limits=LIMITS, follow_redirects=False, trust_env=False)
        return self._client

    async def _live(self, view_id: int, url: str, media_type: str) -> Response:
        if self._open >= STREAMS_MAX:
            raise TooMany("转发的视频流已满", "too many streams are passed on")
        answer = await self.ask(url)
        self._open += 1

        async def chunks() -> AsyncGenerator[bytes]:
            watch = asyncio.create_task(self._until_ended(view_id))
            parts = answer.aiter_raw()
            try:
                while True:
                    part = asyncio.ensure_future(anext(parts, None))
                    await asyncio.wait({part, watch}, return_when=asyncio.FIRST_COMPLETED)
                    if not part.done():
                        part.cancel()
                        return
                    data = part.result()
                    if data is None:
                        return
                    yield data
            except httpx.HTTPError as e:
                log.info("stream of view %d ended: %s", view_id, type(e).__name__)
            finally:
                self._open -= 1
                watch.cancel()
                await answer.aclose()

        return StreamingResponse(chunks(), headers=HEADERS, media_type=media_type)

    async def _until_ended(self, view_id: int) -> None:
        while await asyncio.to_thread(self.views.is_open, view_id):
            await asyncio.sleep(CHECK_S)

    async def _hls(self, playlist: str, name: str, query: str) -> Response:
        url = inside(playlist, name, query)
        answer = await self.ask(url)
        try:
            if name != "index.m3u8" and not name.endswith(".m3u8"):
                body = await _read(answer, 16 * 1024 * 1024)
                return Response(body, headers=HEADERS, media_type="video/mp2t")
            text = (await _read(answer, PLAYLIST_MAX)).decode("utf-8", "replace")
            body = relative(text, url, playlist).encode()
            return Response(body, headers=HEADERS, media_type="application/vnd.apple.mpegurl")
        finally:
            await answer.aclose()

    async def ask(self, url: str) -> httpx.Response:
        """The media server's answer, its body still to be read. Raises SourceFault."""
        client = self._http()
        try:
            answer = await client.send(client.build_request("GET", url), stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise SourceFault(f"媒体服务器（{type(e).__name__}）", f"media server ({type(e).__name__})") from e
        if answer.status_code != 200:
            await answer.aclose()
            raise SourceFault(f"媒体服务器应答 {answer.status_code}", f"media server answered {answer.status_code}")
        return answer


async def _read(answer: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    try:
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > limit:
                raise SourceFault("媒体服务器应答过大", "too long an answer of the media server")
    except httpx.HTTPError as e:
        raise SourceFault(f"媒体服务器（{type(e).__name__}）", f"media server ({type(e).__name__})") from e
    return bytes(body)


def inside(playlist: str, name: str, query: str = "") -> str:
    """The address of an entry of `playlist`: beside or below it, on its host. Raises NotFound. `index.m3u8` is it."""
    if name == "index.m3u8":
        return playlist
    parts = urlsplit(playlist)
    folder = posixpath.dirname(parts.path)
    decoded = unquote(name)
    path = posixpath.normpath(posixpath.join(folder, decoded))
    root = folder.rstrip("/") + "/"
    if not _NAME.match(name) or "\\" in decoded or decoded.startswith("/") or not path.startswith(root):
        raise NotFound("播放列表外的地址", "an address outside the playlist")
    return urlunsplit((parts.scheme, parts.netloc, quote(path, safe="/~+=,@:"), query, ""))


def relative(text: str, url: str, playlist: str) -> str:
    """A playlist with entries beside or below `playlist` only, relative to `url`, where it is from."""
    root = urlsplit(playlist)
    folder = posixpath.dirname(root.path).rstrip("/") + "/"
    here = posixpath.dirname(urlsplit(url).path).rstrip("/") + "/"
    out: list[str] = []
    for line in text.splitlines():
        entry = line.strip()
        if not entry or entry.startswith("#"):
            run = _RUN.match(entry)
            if run:
                entry = f"#EXT-X-DISCONTINUITY-SEQUENCE:{int(run[1]) % RUNS_MAX}"
            if "URI=" not in entry:  # keys and maps from elsewhere are not passed on
                out.append(entry)
            continue
        parts = urlsplit(entry)
        if parts.netloc and (parts.scheme, parts.netloc) != (root.scheme, root.netloc):
            continue
        path = parts.path if parts.path.startswith("/") else here + parts.path
        if posixpath.normpath(path).startswith(folder):
            tail = f"?{parts.query}" if parts.query else ""
            out.append(posixpath.relpath(path, here) + tail)
    return "\n".join(out) + "\n"
