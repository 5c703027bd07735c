"""Pictures of detections: kind read from the content, what a camera wrote beside it taken off, kept by digest.

The seam is `Kept`: a digest names the file under `<data_dir>/detections`, outside of what the web server hands out by
itself. Who may see a picture is asked of the row that names it, never of the file.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ioc.intake.reasons import Refuse

MAX_BYTES = 4 * 1024 * 1024
FOLDER = "detections"
# Signatures at the beginning of a file: ITU-T T.81, PNG (ISO/IEC 15948), WebP container (RFC 9649).
_JPEG, _PNG, _RIFF, _WEBP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"WEBP"
_PNG_DROPPED = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"})
_WEBP_DROPPED = frozenset({b"EXIF", b"XMP "})


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture in the folder: SHA-256 of the cleaned bytes, and its media type."""

    digest: str
    media: str


def clean(data: bytes) -> tuple[bytes, str]:
    """The picture without metadata, and its media type. Raises Refuse (`too_large`, `not_a_picture`)."""
    if len(data) > MAX_BYTES:
        raise Refuse("picture_size", limit=MAX_BYTES // 1024)
    try:
        if data.startswith(_JPEG):
            return b"".join(_jpeg(data)), "image/jpeg"
        if data.startswith(_PNG):
            return b"".join(_png(data)), "image/png"
        if data.startswith(_RIFF) and data[8:12] == _WEBP:
            return _webp(data), "image/webp"
    except (IndexError, ValueError):
        pass
    raise Refuse("not_a_picture")


def _jpeg(data: bytes) -> Iterator[bytes]:
    """Segments up to the scan without APP1-APP15 (EXIF, XMP, maker's notes) and comments; the scan as it is."""
    yield data[:2]
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("marker")
        kind = data[at + 1]
        if kind == 0xFF:  # a fill byte
            at += 1
            continue
        if kind == 0xDA:
            yield data[at:]
            return
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if size < 2 or at + 2 + size > len(data):
            raise ValueError("segment")
        # APP14 says how colours are stored; without it some pictures turn green
        if not (0xE1 <= kind <= 0xEF and kind != 0xEE) and kind != 0xFE:
            yield data[at : at + 2 + size]
        at += 2 + size


def _png(data: bytes) -> Iterator[bytes]:
    yield _PNG
    at, ended = len(_PNG), False
    while at < len(data) and not ended:
        size = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        end = at + 12 + size
        if end > len(data):
            raise ValueError("chunk")
        if kind not in _PNG_DROPPED:
            yield data[at:end]
        at, ended = end, kind == b"IEND"
    if not ended:
        raise ValueError("no end")


def _webp(data: bytes) -> bytes:
    size = int.from_bytes(data[4:8], "little")
    if size + 8 > len(data):
        raise ValueError("size")
    parts, at = [_WEBP], 12
    while at < size + 8:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        if end > size + 8 or not kind:
            raise ValueError("chunk")
        if kind == b"VP8X":  # its flags must not promise what is gone
            flags = bytes([data[at + 8] & ~0x0C])
            parts.append(data[at : at + 8] + flags + data[at + 9 : end])
        elif kind not in _WEBP_DROPPED:
            parts.append(data[at:end])
        at = end
    body = b"".join(parts)
    return _RIFF + len(body).to_bytes(4, "little") + body


def path_of(root: Path, digest: str) -> Path:
    """Where a digest's file lies. Raises ValueError for what is no digest of ours."""
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ValueError(digest)
    return root / FOLDER / digest[:2] / digest


def keep(root: Path, data: bytes) -> Kept:
    """Clean and store; the same picture again is the same file. Raises Refuse, OSError."""
    body, media = clean(data)
    digest = hashlib.sha256(body).hexdigest()
    path = path_of(root, digest)
    if path.exists():
        os.utime(path)  # still wanted: the sweep of what nobody names leaves young files alone
        return Kept(digest, media)
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Kept(digest, media)


def files(root: Path, older_than: float) -> Iterator[Path]:
    """Kept files not touched since `older_than` (epoch seconds), and what a killed process left half-written."""
    for folder in sorted(p for p in (root / FOLDER).glob("??") if p.is_dir()):
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.stat().st_mtime < older_than:
                yield path


def sweep(paths: Collection[Path], wanted: Collection[str]) -> int:
    """Remove those of `paths` whose digest nothing names. Returns how many."""
    gone = [p for p in paths if p.name not in wanted]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)
