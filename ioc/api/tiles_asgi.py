"""Tiles natively in ASGI. A tile takes a millisecond or two to make; the way through WSGI costs as much again.

The same service, rights and answers as `ioc.api.tiles` (which a pure WSGI deployment keeps); gates that concern writes
are not needed here. What is in memory, and tiles of devices, are answered by the event loop itself; whatever may have
to wait (an asker, regions or a layer to be looked up, a connection to be opened) goes to a thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from ioc.accounts import embed
from ioc.accounts.credentials import Presented
from ioc.accounts.identity import Identity
from ioc.api import Deps
from ioc.api._kept import Kept
from ioc.api._past_tiles import PastTiles
from ioc.api._tiles import MIME, TileService
from ioc.errors import IocError, NotFound, NotSignedIn
from ioc.store.loop import LoopReader
from ioc.store.past import Past

log = logging.getLogger("ioc.web")

PREFIX, PATH = "/tiles/", "/tiles/{layer}/{z:int}/{x:int}/{y:int}.mvt"
_ADDRESS = re.compile(r"/tiles/([^/]+)/(\d{1,3})/(\d{1,9})/(\d{1,9})\.mvt")
# Packing more than this takes a millisecond or more, which open streams would feel.
PACK_HERE = 1 << 16
_SAFETY = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Accept-Encoding, Cookie"),
)
Headers = Sequence[tuple[bytes, bytes]]
Heads = Mapping[bytes, bytes]
# (route, method, status, seconds)
Observe = Callable[[str, str, int, float], None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request, read from the ASGI scope."""

    layer: str
    z: int
    x: int
    y: int
    region: str
    v: str
    by: str
    t: str
    given: Presented
    known: str
    packed: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Headers
    body: bytes


class Tiles:
    """The endpoint: an ASGI application."""

    def __init__(self, deps: Deps, observe: Observe | None = None, past: Past | None = None) -> None:
        self._credentials = deps.credentials
        self._service = TileService(deps.store, deps.registry, deps.clock, deps.versions)
        self._past = None if past is None else PastTiles(past, deps)
        # More than connections: while some wait for the database, others read requests and pack answers.
        self._threads = ThreadPoolExecutor(deps.settings.pool_size + 4, thread_name_prefix="tiles")
        self._reader = LoopReader(deps.store)
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        if scope["method"] not in ("GET", "HEAD"):
            answer = _Answer(405, ((b"allow", b"GET, HEAD"),), b"")
        else:
            answer = await self._answer(scope)
        headers = [*answer.headers, *_SAFETY, (b"content-length", str(len(answer.body)).encode())]
        if answer.status in (204, 304):  # neither may have a length of a body it does not have
            headers.pop()
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})
        if self._observe is not None:
            self._observe(PATH, scope["method"], answer.status, time.perf_counter() - began)

    async def _answer(self, scope: Scope) -> _Answer:
        try:
            a = _read(scope)
            tile = await self._soon(a)
            if tile is None:
                tile = await asyncio.get_running_loop().run_in_executor(self._threads, self._tile, a)
            if a.packed and len(tile.body) > PACK_HERE:
                await asyncio.get_running_loop().run_in_executor(self._threads, tile.packed)
            return _found(tile, a)
        except IocError as e:
            if e.severity in ("error", "critical"):
                log.error("%s: %s", scope["path"], e)
            return _failed(e)
        except Exception:  # a fault in one tile is an answer, not the end of the connection
            log.exception("%s failed", scope["path"])
            return _failed(IocError())

    async def _soon(self, a: _Asked) -> Kept | None:
        identity = None if a.by or a.t else self._credentials.at_hand(a.given)
        if identity is None:
            return None
        asker = _known(identity).scope
        return await self._service.soon(self._reader, asker, a.layer, a.z, a.x, a.y, a.region, a.v)

    def _tile(self, a: _Asked) -> Kept:
        asker = _known(self._credentials.identify(a.given)).scope
        if a.t and self._past is not None and (at := self._past.moment(a.t)) is not None:
            return self._past.get(asker, a.layer, a.z, a.x, a.y, a.region, at)
        return self._service.get(asker, a.layer, a.z, a.x, a.y, a.region, a.v, a.by)


def _known(identity: Identity) -> Identity:
    if identity.kind == "nobody":
        raise NotSignedIn()
    return identity


def _failed(error: IocError) -> _Answer:
    body = json.dumps(error.as_dict(), ensure_ascii=False).encode()
    return _Answer(error.status, ((b"content-type", b"application/json"),), body)


def _found(tile: Kept, asked: _Asked) -> _Answer:
    # weak, because the packed and the plain body share it
    tag = (b"etag", f'W/"{tile.etag}"'.encode())
    if tile.etag in asked.known:
        return _Answer(304, (tag,), b"")
    if not tile.body:
        return _Answer(204, (tag,), b"")
    headers = ((b"content-type", MIME.encode()), tag)
    if asked.packed and tile.worth_packing():
        return _Answer(200, (*headers, (b"content-encoding", b"gzip")), tile.packed())
    return _Answer(200, headers, tile.body)


def _read(scope: Scope) -> _Asked:
    heads: Heads = dict(scope["headers"])
    path = _ADDRESS.fullmatch(scope["path"])
    if path is None:
        raise NotFound(scope["path"], scope["path"])
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return _Asked(
        layer=path[1],
        z=int(path[2]),
        x=int(path[3]),
        y=int(path[4]),
        region=query.get("region", [""])[0],
        v=query.get("v", [""])[0],
        by=query.get("by", [""])[0],
        t=query.get("t", [""])[0].replace(" ", "+"),
        given=Presented(
            cookies=_cookies(_text(heads, b"cookie")),
            authorization=_text(heads, b"authorization"),
            embed_token=query.get("token", [""])[0]
            or embed.from_referrer(_text(heads, b"referer"), _text(heads, b"host")),
            path=scope["path"],
        ),
        known=_text(heads, b"if-none-match"),
        packed=b"gzip" in heads.get(b"accept-encoding", b""),
    )


def _text(heads: Heads, name: bytes) -> str:
    return heads.get(name, b"").decode("latin-1")


def _cookies(text: str) -> dict[str, str]:
    """By name. Ours are plain words: nothing of RFC 6265's quoting is needed."""
    pairs = (part.strip().partition("=") for part in text.split(";"))
    return {name: value for name, sign, value in pairs if sign}
