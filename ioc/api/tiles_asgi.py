"""Tiles natively in ASGI. A tile takes a millisecond or two to make; the way through WSGI costs as much again.

The same service, rights and answers as `ioc.api.tiles` (which a pure WSGI deployment keeps); gates that concern writes
are not needed here. Work that may block runs in threads.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ioc.accounts import embed
from ioc.accounts.credentials import Presented
from ioc.api import Deps
from ioc.api._tiles import MIME, TileService
from ioc.errors import IocError, NotSignedIn

log = logging.getLogger("ioc.web")

PATH = "/tiles/{layer}/{z:int}/{x:int}/{y:int}.mvt"
# A smaller body fits one packet anyway.
PACK_FROM, PACK_LEVEL = 1400, 1
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

    def __init__(self, deps: Deps, observe: Observe | None = None) -> None:
        self._credentials = deps.credentials
        self._service = TileService(deps.store, deps.registry, deps.clock, deps.versions)
        # More than connections: while some wait for the database, others read requests and pack answers.
        self._threads = ThreadPoolExecutor(deps.settings.pool_size + 4, thread_name_prefix="tiles")
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        if scope["method"] not in ("GET", "HEAD"):
            answer = _Answer(405, ((b"allow", b"GET, HEAD"),), b"")
        else:
            asked = _read(scope)
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, asked)
        headers = [*answer.headers, *_SAFETY, (b"content-length", str(len(answer.body)).encode())]
        if answer.status in (204, 304):  # neither may have a length of a body it does not have
            headers.pop()
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})
        if self._observe is not None:
            self._observe(PATH, scope["method"], answer.status, time.perf_counter() - began)

    def _answer(self, asked: _Asked) -> _Answer:
        try:
            identity = self._credentials.identify(asked.given)
            if identity.kind == "nobody":
                raise NotSignedIn()
            a = asked
            tile = self._service.get(identity.scope, a.layer, a.z, a.x, a.y, a.region, a.v)
        except IocError as e:
            if e.severity in ("error", "critical"):
                log.error("tile %s/%s/%s/%s: %s", asked.layer, asked.z, asked.x, asked.y, e)
            return _failed(e)
        except Exception:  # a fault in one tile is an answer, not the end of the connection
            log.exception("tile %s/%s/%s/%s failed", asked.layer, asked.z, asked.x, asked.y)
            return _failed(IocError())
        return _found(tile.body, tile.etag, asked)


def _failed(error: IocError) -> _Answer:
    body = json.dumps(error.as_dict(), ensure_ascii=False).encode()
    return _Answer(error.status, ((b"content-type", b"application/json"),), body)


def _found(body: bytes, etag: str, asked: _Asked) -> _Answer:
    # weak, because the packed and the plain body share it
    tag = (b"etag", f'W/"{etag}"'.encode())
    if etag in asked.known:
        return _Answer(304, (tag,), b"")
    if not body:
        return _Answer(204, (tag,), b"")
    headers = [(b"content-type", MIME.encode()), tag]
    if asked.packed and len(body) >= PACK_FROM:
        body = gzip.compress(body, PACK_LEVEL)
        headers.append((b"content-encoding", b"gzip"))
    return _Answer(200, headers, body)


def _read(scope: Scope) -> _Asked:
    heads: Heads = dict(scope["headers"])
    path, query = scope["path_params"], parse_qs(scope["query_string"].decode("latin-1"))
    return _Asked(
        layer=path["layer"],
        z=path["z"],
        x=path["x"],
        y=path["y"],
        region=query.get("region", [""])[0],
        v=query.get("v", [""])[0],
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
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(text).items()}
    except CookieError:
        return {}


def routes(deps: Deps, observe: Observe | None = None) -> list[Route]:
    """For the ASGI composition, before the mount of the WSGI side."""
    return [Route(PATH, endpoint=Tiles(deps, observe))]
