"""A WVP on loopback that answers as the real one is documented to: sign-in by md5, tokens that end, pages, faults."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PASSWORD = "Wvp-Pass-1"


@dataclass
class FakeWvp:
    """`devices`: rows as WVP lists them; `channels`: by device. `faults`: path ending -> what goes wrong there."""

    devices: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    channels: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    faults: dict[str, str] = field(default_factory=dict[str, str])
    wrapped: bool = True  # {"code": 0, "data": ...} as from 2.6 on
    tokens: set[str] = field(default_factory=set[str])
    sign_ins: int = 0
    asked: list[str] = field(default_factory=list[str])
    url: str = ""

    def expire(self) -> None:
        self.tokens.clear()

    def answer(self, path: str, query: dict[str, str], token: str) -> tuple[int, Any]:
        self.asked.append(path)
        fault = next((f for end, f in self.faults.items() if path.endswith(end)), "")
        if fault == "500":
            return 500, {"code": 500, "msg": "系统异常"}
        if fault == "429":
            return 429, {}
        if fault == "html":
            return 200, "<html>login</html>"
        if path == "/api/user/login":
            self.sign_ins += 1
            if query.get("password") != hashlib.md5(PASSWORD.encode()).hexdigest() or query.get("username") != "ioc":
                return 200, {"code": 100, "msg": "用户名或密码错误"}
            made = f"token-{self.sign_ins}"
            self.tokens.add(made)
            return 200, {"code": 0, "msg": "成功", "data": {"username": "ioc", "accessToken": made}}
        if token not in self.tokens:
            return 401, {"code": 401, "msg": "请登录后重新请求"}
        rows = self.devices if path.endswith("/query/devices") else self.channels.get(path.split("/")[-2], [])
        page, count = int(query["page"]), int(query["count"])
        found = rows[(page - 1) * count : page * count]
        if fault == "short":
            found = found[:1] if page == 1 else []
        data = {"total": len(rows), "pageNum": page, "pageSize": count, "list": found}
        if fault == "shape":
            data = {"records": found}
        return 200, {"code": 0, "msg": "成功", "data": data} if self.wrapped else data


@contextlib.contextmanager
def serving(fake: FakeWvp) -> Iterator[FakeWvp]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(parts.query).items()}
            status, body = fake.answer(parts.path, query, self.headers.get("access-token", ""))
            data = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status == 429:
                self.send_header("Retry-After", "900")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
