"""Far ends on loopback: an HTTP server that answers as it is told and keeps what it got, and a small mail server."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Got:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def _well(got: Got) -> Answer:
    return 200, {}, b"{}"


@dataclass
class FarEnd:
    """`answer` decides; ConnectionAbortedError there drops the connection without a word."""

    url: str = ""
    answer: Callable[[Got], Answer] = _well
    got: list[Got] = field(default_factory=list[Got])


@contextlib.contextmanager
def far_end() -> Iterator[FarEnd]:
    end = FarEnd()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            got = Got(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            end.got.append(got)
            try:
                status, headers, data = end.answer(got)
            except ConnectionAbortedError:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _take

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    end.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield end
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class MailBox:
    port: int = 0
    refuse: str = ""  # answer to RCPT, "" for yes
    got: list[bytes] = field(default_factory=list[bytes])


@contextlib.contextmanager
def mail_server() -> Iterator[MailBox]:
    """RFC 5321 as far as one message needs it."""
    box = MailBox()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def handle(self) -> None:
            self.say("220 test")
            while line := self.rfile.readline():
                word = line[:4].upper().strip()
                if word == b"RCPT" and box.refuse:
                    self.say(box.refuse)
                elif word == b"DATA":
                    self.say("354 go on")
                    data = b""
                    while (part := self.rfile.readline()) not in (b".\r\n", b""):
                        data += part
                    box.got.append(data)
                    self.say("250 ok")
                elif word == b"QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 test")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
