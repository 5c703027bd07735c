"""Load generators on bare asyncio streams: SSE clients that behave like EventSource, and keep-alive GETs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

RETRY_S = 0.5  # an EventSource waits `retry`; half a second keeps the measurement about the server
SSE_GENERATOR = "asyncio streams, one process, EventSource semantics (Last-Event-ID on reconnect)"
GET_GENERATOR = "asyncio streams, one process, one keep-alive connection per screen, one GET a second each"


async def _open(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, limit=2**20)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return reader, writer, target


@dataclass
class SseClient:
    """One open screen. `on_change(data, at)` gets the text of each `change` and the monotonic time it arrived."""

    url: str
    token: str
    on_change: Callable[[str, float], None]
    last_id: str = ""
    connects: int = 0
    resyncs: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            # the server went away: come back like a browser does
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, EOFError, ValueError):
                await self._follow()
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        reader, writer, target = await _open(self.url)
        try:
            head = f"GET {target} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n"
            head += f"Authorization: Bearer {self.token}\r\n"
            if self.last_id:
                head += f"Last-Event-ID: {self.last_id}\r\n"
            writer.write((head + "\r\n").encode())
            await writer.drain()
            status = await reader.readline()
            if b" 200" not in status:
                raise EOFError(status.decode(errors="replace"))
            while (await reader.readline()) not in (b"\r\n", b""):
                pass
            self.connects += 1
            await self._events(reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _events(self, reader: asyncio.StreamReader) -> None:
        """Lines of the stream. Chunk sizes of the transfer encoding are lines of their own and match no field."""
        name, number, data = "", "", ""
        while True:
            raw = await reader.readline()
            if not raw:
                raise EOFError
            line = raw.rstrip(b"\r\n")
            if line.startswith(b"event: "):
                name = line[7:].decode()
            elif line.startswith(b"id: "):
                number = line[4:].decode()
            elif line.startswith(b"data: "):
                data = line[6:].decode()
                self._take(name, number, data, time.monotonic())
                name, number = "", ""

    def _take(self, name: str, number: str, data: str, at: float) -> None:
        if number:
            self.last_id = number
        if name == "hello":
            self.ready.set()
        elif name == "resync":
            self.resyncs += 1
        elif name == "change":
            self.on_change(data, at)


@dataclass
class Getter:
    """One screen that asks `url` once a second on one connection. Latencies in milliseconds."""

    url: str
    token: str
    latencies: list[float] = field(default_factory=list[float])
    failures: int = 0

    async def run(self, seconds: float, first_delay: float) -> None:
        await asyncio.sleep(first_delay)
        reader, writer, target = await _open(self.url)
        head = f"GET {target} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode()
        end = time.monotonic() + seconds - first_delay
        try:
            while time.monotonic() < end:
                begun = time.monotonic()
                writer.write(head)
                await writer.drain()
                good = await _read_answer(reader)
                self.latencies.append((time.monotonic() - begun) * 1000)
                self.failures += not good
                await asyncio.sleep(max(0.0, begun + 1.0 - time.monotonic()))
        finally:
            writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> bool:
    status = await reader.readline()
    length, chunked = 0, False
    while (line := await reader.readline()) not in (b"\r\n", b""):
        key, _, value = line.decode("latin-1").partition(":")
        if key.lower() == "content-length":
            length = int(value)
        elif key.lower() == "transfer-encoding":
            chunked = "chunked" in value
    if chunked:
        while size := int((await reader.readline()).strip() or b"0", 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    elif length:
        await reader.readexactly(length)
    return b" 200" in status


async def screens(url: str, token: str, count: int, seconds: float) -> tuple[list[float], int]:
    """`count` screens asking for `seconds`, spread over their second. Latencies (ms) and failed answers."""
    found = [Getter(url, token) for _ in range(count)]
    await asyncio.gather(*(g.run(seconds, i / max(count, 1)) for i, g in enumerate(found)))
    return [v for g in found for v in g.latencies], sum(g.failures for g in found)
