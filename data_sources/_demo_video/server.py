"""A video platform on loopback that speaks WVP's interface and sends its pictures itself, live, from loops.

`/api/...` as `data_sources._wvp.play` asks it, and media by HTTP-FLV, HTTP-TS (remuxed by ffmpeg) and HLS. A stream
runs from `play` until `stop`, or until nobody has fetched it for a while. Tests put faults into it: two streams
swapped, one cut, one standing still, the mapping changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import secrets
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from data_sources._demo_video.loops import FLV_HEAD, SEGMENT_S, Loop, Loops, flv_tag, scene
from ioc.errors import SourceFault

USER = "ioc"
IDLE_S = 60.0
WINDOW = 3  # segments in a playlist
BEHIND_S = 1.2


@dataclass
class Running:
    """A stream: whose channel it is, which camera's picture it carries, when it was last fetched."""

    stream: str
    device: str
    channel: str
    camera: str
    still: bool = False
    cut: bool = False
    used_at: float = 0.0
    since: int = field(default_factory=lambda: int(time.time() / SEGMENT_S) - WINDOW)  # its first HLS segment


@dataclass
class DemoPlatform:
    """The platform. `online(device, channel)` says whether a camera pushes at all."""

    loops: Loops
    online: Callable[[str, str], bool] = lambda device, channel: True
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    url: str = ""
    running: dict[tuple[str, str], Running] = field(default_factory=dict[tuple[str, str], Running])
    mapping: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])  # told instead
    moves: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    plays: int = 0
    refuse: set[str] = field(default_factory=set[str])  # channels that cannot be played now
    tokens: set[str] = field(default_factory=set[str])
    lock: threading.Lock = field(default_factory=threading.Lock)

    # ------------------------------------------------------------ faults, for tests

    def swap(self, one: str, other: str) -> None:
        """The pictures of two channels' streams change places; what the platform tells stays as it was."""
        a, b = self._of(one), self._of(other)
        a.camera, b.camera = b.camera, a.camera

    def freeze(self, channel: str, still: bool = True) -> None:
        self._of(channel).still = still

    def cut(self, channel: str) -> None:
        """The camera is gone: its stream ends and cannot be played again until `mend`."""
        self.refuse.add(channel)
        for key in [k for k in self.running if k[1] == channel]:
            self.running.pop(key).cut = True

    def mend(self, channel: str) -> None:
        self.refuse.discard(channel)

    def _of(self, channel: str) -> Running:
        return next(r for r in self.running.values() if r.channel == channel)

    # ------------------------------------------------------------ the interface

    def answer(self, path: str, query: dict[str, str], token: str) -> tuple[int, Any]:
        """Status and body of a call of the REST interface; bytes are a JPEG."""
        if path == "/api/user/login":
            return self._sign_in(query)
        parts = [unquote(p) for p in path.split("/")[2:]]
        if parts[:3] == ["device", "query", "snap"] and len(parts) == 5:
            return 200, self._picture(parts[3], parts[4])
        if token not in self.tokens:
            return 401, {"code": 401, "msg": "请登录后重新请求"}
        self._idle()
        if parts[:2] == ["play", "start"] and len(parts) == 4:
            return self._play(parts[2], parts[3])
        if parts[:2] == ["play", "stop"] and len(parts) == 4:
            with self.lock:
                gone = self.running.pop((parts[2], parts[3]), None)
            if gone is not None:
                gone.cut = True
            return 200, _good({"deviceId": parts[2], "channelId": parts[3]})
        if parts == ["play", "ssrc"]:
            with self.lock:
                rows = [
                    {"deviceId": d, "channelId": c, "ssrc": "0", "streamId": self.mapping.get((d, c), r.stream)}
                    for (d, c), r in self.running.items()
                ]
            return 200, _good({"data": rows, "count": len(rows)})
        if parts[:2] == ["front-end", "ptz"] and len(parts) == 4:
            self.moves.append((parts[3], query.get("command", "")))
            return 200, _good(None)
        return 404, {"code": 404, "msg": "没有此接口"}

    def _sign_in(self, query: dict[str, str]) -> tuple[int, Any]:
        digest = hashlib.md5(self.password.encode(), usedforsecurity=False).hexdigest()
        if query.get("username") != USER or query.get("password") != digest:
            return 200, {"code": 100, "msg": "用户名或密码错误"}
        made = secrets.token_urlsafe(16)
        self.tokens.add(made)
        return 200, _good({"username": USER, "accessToken": made})

    def _play(self, device: str, channel: str) -> tuple[int, Any]:
        if channel in self.refuse or not self.online(device, channel):
            return 200, {"code": 100, "msg": "收流超时"}
        with self.lock:
            self.plays += 1
            run = self.running.get((device, channel))
            if run is None:
                run = Running(f"{device}_{channel}", device, channel, channel)
                self.running[(device, channel)] = run
            run.used_at = time.monotonic()
        base = f"{self.url}/rtp/{run.stream}"
        return 200, _good({"app": "rtp", "stream": run.stream, "flv": f"{base}.live.flv", "ts": f"{base}.live.ts",
                           "hls": f"{base}/hls.m3u8", "mediaServerId": "demo"})  # fmt: skip

    def _picture(self, _device: str, channel: str) -> bytes:
        out = io.BytesIO()
        scene(channel).save(out, "JPEG", quality=80)
        return out.getvalue()

    def _idle(self) -> None:
        """What nobody has fetched for a while is stopped, as WVP does with `stream-on-demand`."""
        old = time.monotonic() - IDLE_S
        with self.lock:
            for key in [k for k, r in self.running.items() if r.used_at < old]:
                self.running.pop(key).cut = True

    # ------------------------------------------------------------ media

    def stream(self, name: str) -> Running | None:
        with self.lock:
            return next((r for r in self.running.values() if r.stream == name and not r.cut), None)

    def loop(self, run: Running) -> Loop:
        return self.loops.get(run.camera, still=run.still)

    def send_flv(self, run: Running, write: Callable[[bytes], object]) -> None:
        """Pictures as time goes on, until the stream is cut or `write` fails. Another loop begins at a key frame.

        Whoever cannot keep up misses pictures, as of a camera: what is sent is never older than `BEHIND_S`.
        """
        loop = self.loop(run)
        write(FLV_HEAD + b"".join(flv_tag(t.kind, 0, t.data) for t in loop.setup))
        epoch, at = _newest(loop)  # a picture at once
        sent_ms = 0
        while not run.cut:
            tag = loop.tags[at]
            if tag.key:
                wanted = self.loop(run)
                if time.time() - (epoch + tag.at_ms) / 1000 > BEHIND_S:
                    epoch, at = _newest(wanted)
                if wanted is not loop:
                    loop = wanted
                    write(b"".join(flv_tag(t.kind, sent_ms, t.data) for t in loop.setup))
                tag = loop.tags[at]
            delay = (epoch + tag.at_ms) / 1000 - time.time()
            if delay > 0:
                time.sleep(min(delay, 1.0))
            write(flv_tag(tag.kind, sent_ms, tag.data))
            run.used_at = time.monotonic()
            at += 1
            following = loop.tags[at].at_ms if at < len(loop.tags) else loop.length_ms
            sent_ms += following - tag.at_ms
            if at == len(loop.tags):
                at, epoch = 0, epoch + loop.length_ms

    def send_ts(self, run: Running, write: Callable[[bytes], object]) -> None:
        """The same as MPEG-TS: ffmpeg remuxes the FLV, nothing is encoded."""
        command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-fflags", "nobuffer", "-probesize", "32768",
                   "-analyzeduration", "300000", "-f", "flv", "-i", "pipe:0", "-c", "copy", "-f",
                   "mpegts", "-flush_packets", "1", "pipe:1"]  # fmt: skip
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018
        feed = process.stdin

        def pump() -> None:
            with contextlib.suppress(OSError, ValueError):
                self.send_flv(run, lambda data: (feed.write(data), feed.flush()))
            with contextlib.suppress(OSError, ValueError):
                feed.close()

        threading.Thread(target=pump, daemon=True).start()
        try:
            while data := process.stdout.read1(65536):  # pyright: ignore[reportAttributeAccessIssue]
                write(data)
        finally:
            process.kill()
            process.wait(5)

    def playlist(self, run: Running) -> bytes:
        """A live window over the loop's segments; their numbers follow from the time, so nothing has to run.

        They are counted from the stream's beginning, as media servers do: players keep lists by these numbers.
        """
        run.used_at = time.monotonic()
        count = self.loop(run).length_ms // 1000 // SEGMENT_S
        newest = int(time.time() / SEGMENT_S) - 1
        first = newest - WINDOW + 1
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT_S}",
                 f"#EXT-X-MEDIA-SEQUENCE:{first - run.since}",
                 f"#EXT-X-DISCONTINUITY-SEQUENCE:{(first - 1) // count - (run.since - 1) // count}"]  # fmt: skip
        for n in range(first, newest + 1):
            if n % count == 0:
                lines.append("#EXT-X-DISCONTINUITY")
            lines += [f"#EXTINF:{SEGMENT_S:.3f},", f"{n}.ts"]
        return ("\n".join(lines) + "\n").encode()

    def segment(self, run: Running, number: int) -> bytes:
        loop = self.loop(run)
        count = loop.length_ms // 1000 // SEGMENT_S
        return (loop.folder / f"{number % count}.ts").read_bytes()


def _newest(loop: Loop) -> tuple[int, int]:
    """When the loop's present turn began (epoch ms), and the index of the newest key frame in it."""
    now = time.time() * 1000
    epoch = int(now) // loop.length_ms * loop.length_ms
    return epoch, max(i for i, t in enumerate(loop.tags) if t.key and epoch + t.at_ms <= now)


def _good(data: Any) -> dict[str, Any]:
    return {"code": 0, "msg": "成功", "data": data}


def serve(platform: DemoPlatform, port: int = 0) -> ThreadingHTTPServer:
    """Listens on loopback; `platform.url` says where. The caller shuts it down."""

    class Handler(_Handler):
        owner = platform

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    platform.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, name="demo-video", daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    owner: DemoPlatform
    timeout = 30

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        try:
            if parts.path.startswith("/rtp/"):
                self._media(parts.path.removeprefix("/rtp/"))
                return
            query = {k: v[0] for k, v in parse_qs(parts.query).items()}
            status, body = self.owner.answer(parts.path, query, self.headers.get("access-token", ""))
            if isinstance(body, bytes):
                self._send(status, "image/jpeg", body)
            else:
                self._send(status, "application/json", json.dumps(body, ensure_ascii=False).encode())
        except SourceFault as fault:
            body = {"code": 100, "msg": fault.message("zh")}
            self._send(200, "application/json", json.dumps(body, ensure_ascii=False).encode())
        except OSError:
            pass  # the viewer went away

    def _media(self, name: str) -> None:
        stream, _, rest = name.partition("/")
        for ending, send in ((".live.flv", self.owner.send_flv), (".live.ts", self.owner.send_ts)):
            if stream.endswith(ending):
                run = self.owner.stream(stream.removesuffix(ending))
                if run is None:
                    return self._send(404, "text/plain", b"")
                kind = "video/x-flv" if ending == ".live.flv" else "video/mp2t"
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.end_headers()
                return send(run, self.wfile.write)
        run = self.owner.stream(stream)
        if run is None:
            return self._send(404, "text/plain", b"")
        if rest == "hls.m3u8":
            return self._send(200, "application/vnd.apple.mpegurl", self.owner.playlist(run))
        number = rest.removesuffix(".ts")
        if number.isascii() and number.isdigit():
            return self._send(200, "video/mp2t", self.owner.segment(run, int(number)))
        return self._send(404, "text/plain", b"")

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def folder_of(root: Path) -> Path:
    """Where the demo's loops are kept."""
    return root / "demo-video"
