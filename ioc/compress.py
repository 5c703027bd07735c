"""Compressing answers: brotli or gzip, quickly for data, once and as small as possible for what never changes."""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import queue
import threading
from pathlib import Path

import brotli
import flask
from werkzeug.wrappers import Response

log = logging.getLogger("ioc.web")

MIN_BYTES = 600  # below, the header costs what the body saves
QUICK, BEST = 4, 11
IMMUTABLE_S = 31_536_000
_TYPES = (
    "text/",
    "application/json",
    "application/javascript",
    "application/geo+json",
    "application/vnd.mapbox-vector-tile",
    "application/x-protobuf",
    "application/manifest+json",
    "image/svg+xml",
)


class Compressor:
    """After-request hook. What is immutable is kept compressed in memory and on disk, at the best level once idle."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, bytes] = {}
        self._todo: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._lock = threading.Lock()

    def __call__(self, response: Response) -> Response:
        if not _worth_it(response):
            return response
        response.vary.add("Accept-Encoding")
        encoding = _choice()
        if not encoding:
            return response
        response.direct_passthrough = False
        data = response.get_data()
        if len(data) < MIN_BYTES:
            return response
        response.set_data(self._packed(data, encoding, immutable=_immutable(response)))
        response.headers["Content-Encoding"] = encoding
        response.headers.pop("Accept-Ranges", None)
        tag, weak = response.get_etag()
        if tag and not weak:
            response.set_etag(tag, weak=True)
        return response

    def _packed(self, data: bytes, encoding: str, *, immutable: bool) -> bytes:
        if not immutable:
            return _pack(data, encoding, QUICK)
        key = f"{hashlib.blake2b(data, digest_size=16).hexdigest()}.{encoding}"
        found = self._kept.get(key) or self._stored(key)
        if found is None:
            found = self._kept[key] = _pack(data, encoding, QUICK)
            self._improve_later(key, data)
        return found

    def _stored(self, key: str) -> bytes | None:
        path = self._folder / key
        if not path.exists():
            return None
        found = self._kept[key] = path.read_bytes()
        return found

    def _improve_later(self, key: str, data: bytes) -> None:
        self._todo.put((key, data))
        with self._lock:
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._improve, name="compress", daemon=True)
                self._worker.start()

    def _improve(self) -> None:
        # Linux schedules threads one by one: this one must not be felt by those who serve.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        while True:
            try:
                key, data = self._todo.get(timeout=30)
            except queue.Empty:
                return
            packed = self._kept[key] = _pack(data, key.rpartition(".")[2], BEST)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                part = self._folder / f"{key}.{os.getpid()}.part"
                part.write_bytes(packed)
                part.replace(self._folder / key)
            except OSError as e:
                log.warning("compressed files cannot be kept in %s: %s", self._folder, e)


def _pack(data: bytes, encoding: str, level: int) -> bytes:
    if encoding == "br":
        return brotli.compress(data, quality=level)
    return gzip.compress(data, compresslevel=9 if level == BEST else 5, mtime=0)


def _choice() -> str:
    accepted = flask.request.accept_encodings
    return "br" if accepted["br"] > 0 else "gzip" if accepted["gzip"] > 0 else ""


def _worth_it(response: Response) -> bool:
    return (
        response.status_code in (200, 201)
        and flask.request.method != "HEAD"
        and "Content-Encoding" not in response.headers
        and "Content-Range" not in response.headers
        and (response.mimetype or "").startswith(_TYPES)
        and response.mimetype != "text/event-stream"
    )


def _immutable(response: Response) -> bool:
    return (response.cache_control.max_age or 0) >= IMMUTABLE_S
