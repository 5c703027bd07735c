"""Base maps on a port of their own, as a centre configures them: raster tiles drawn with Pillow, and a PMTiles archive.

Every raster tile is a flat colour with its address written on it, so that a picture tells which tiles lie where.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image, ImageDraw

MERCATOR, GEOGRAPHIC = (176, 40, 120), (40, 150, 60)  # colours no token of the product is near
WATER = (13, 26, 36)  # what the product's own style draws `water` with, dark theme


def raster(colour: tuple[int, int, int], text: str) -> bytes:
    image = Image.new("RGB", (256, 256), colour)
    ImageDraw.Draw(image).text((8, 8), text, fill=(255, 255, 255))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


# ---------------------------------------------------------------- PMTiles 3 (the specification, not a library)


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def vector_tile(layer: str) -> bytes:
    """A Mapbox vector tile whose one polygon covers all of it but a border of an eighth."""

    def zigzag(n: int) -> int:
        return n << 1 ^ n >> 31

    a, b = 512, 3584
    ring = [9, zigzag(a), zigzag(a), 26, zigzag(b - a), 0, 0, zigzag(b - a), zigzag(a - b), 0, 15]
    feature = _varint(3 << 3) + _varint(3) + _bytes(4, b"".join(_varint(n) for n in ring))
    body = _varint(15 << 3) + _varint(2) + _bytes(1, layer.encode()) + _bytes(2, feature)
    return _bytes(3, body + _varint(5 << 3) + _varint(4096))


def pmtiles(layer: str = "water", zooms: int = 3) -> bytes:
    """An archive of zooms 0 to `zooms`, every address pointing at the same tile."""
    tile = gzip.compress(vector_tile(layer), mtime=0)
    count = sum(4**z for z in range(zooms + 1))
    # One entry, repeated: tile id 0, run length, length, offset + 1 (columns of varints).
    root = gzip.compress(b"".join(_varint(n) for n in (1, 0, count, len(tile), 1)), mtime=0)
    about = {"vector_layers": [{"id": layer, "fields": {}, "minzoom": 0, "maxzoom": zooms}]}
    meta = gzip.compress(json.dumps(about).encode(), mtime=0)
    at_root, at_meta = 127, 127 + len(root)
    at_tiles = at_meta + len(meta)
    spans = (at_root, len(root), at_meta, len(meta), at_tiles, 0, at_tiles, len(tile))
    counts = (count, 1, 1)
    kinds = (1, 2, 2, 1, 0, zooms)  # clustered, gzip inside, gzip tiles, MVT, zooms
    box = [round(v * 1e7) for v in (-180, -85, 180, 85)]
    head = struct.pack("<7sB8Q3Q6B4iB2i", b"PMTiles", 3, *spans, *counts, *kinds, *box, 0, 0, 0)
    assert len(head) == 127
    return head + root + meta + tile


# ---------------------------------------------------------------- the server


@dataclass
class BaseMaps:
    url: str
    asked: list[str] = field(default_factory=list[str])


@contextmanager
def base_maps() -> Iterator[BaseMaps]:
    """`/w/{z}/{x}/{y}` Mercator rows, `/c/{z}/{x}/{y}` geographic rows, `/city.pmtiles` with ranges."""
    archive = pmtiles()
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            kind = self.path.split("/")[1]
            if kind == "city.pmtiles":
                first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
                part = archive[int(first) : int(last or len(archive)) + 1]
                span = f"bytes {first}-{int(first) + len(part) - 1}/{len(archive)}"
                self.reply(206, "application/octet-stream", part, {"Content-Range": span, "ETag": '"1"'})
            elif kind in ("w", "c"):
                self.reply(200, "image/png", raster(MERCATOR if kind == "w" else GEOGRAPHIC, self.path), {})
            else:
                self.reply(404, "text/plain", b"", {})

        def do_OPTIONS(self) -> None:
            self.reply(204, "text/plain", b"", {"Access-Control-Allow-Headers": "*"})

        def reply(self, status: int, kind: str, body: bytes, more: dict[str, str]) -> None:
            self.send_response(status)
            allowed = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "*"}
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **allowed, **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: what was asked is kept in `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield BaseMaps(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        server.server_close()
