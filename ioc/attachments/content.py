"""What a file is, by its first bytes, and whether it is that alone. Pure.

Magic numbers: JPEG (ITU-T T.81 SOI), PNG (ISO/IEC 15948), WebP (RIFF), PDF (ISO 32000-1, 7.5.2), MP4 and HEIC (the
brands of ISO/IEC 14496-12 and 23008-12).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Generator
from dataclasses import dataclass

from ioc.errors import Invalid, Reason

JPEG, PNG, WEBP, PDF, MP4 = "image/jpeg", "image/png", "image/webp", "application/pdf", "video/mp4"
PICTURES = frozenset({JPEG, PNG, WEBP})
EXTENSION = {JPEG: "jpg", PNG: "png", WEBP: "webp", PDF: "pdf", MP4: "mp4"}

_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
_MP4 = (b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"3gp4",
        b"3gp5", b"3gp6", b"dash", b"qt  ")  # fmt: skip
# A picture is written anew, so nothing hidden in it is kept; one that carries a page or a program was made to deceive.
_ALIEN = re.compile(rb"<(?:html|script|svg|!doctype html|\?php|iframe)[\s>/]", re.I)
_ACTIVE = re.compile(rb"/(?:JavaScript|JS|Launch|EmbeddedFile|OpenAction|RichMedia|XFA|AA)\b")
_PDF_TAIL = 2048
_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"moof", b"mfra", b"sidx", b"styp",
                    b"meta", b"udta", b"pdin", b"prft", b"emsg", b"ssix"})  # fmt: skip
# Who, where and with what it was taken stands in these (©xyz, com.apple.quicktime.location ...).
_TELLING = frozenset({b"udta", b"meta", b"uuid"})
_INSIDE = frozenset({b"moov", b"trak", b"mdia", b"moof", b"traf"})
_DEEP = 6


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is kept: the bytes, what they are, size in pixels (pictures only) and a small JPEG of it."""

    data: bytes
    media_type: str
    width: int | None = None
    height: int | None = None
    small: bytes | None = None


def refused(code: str, zh: str, en: str, value: str = "") -> Invalid:
    return Invalid(reasons=[Reason("file", code, zh, en, value)])


def media_type(data: bytes) -> str:
    """One of the five types. Raises Invalid naming what it is instead, where that is known."""
    if not data:
        raise refused("empty", "文件是空的", "the file is empty")
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data.startswith(b"%PDF-"):
        return PDF
    if data[4:8] == b"ftyp":
        return _brand(data[8:12])
    raise refused("bad_type", "只收 JPEG、PNG、WebP 图片、PDF 和 MP4", "only JPEG, PNG, WebP, PDF and MP4 are taken",
                  data[:8].hex())  # fmt: skip


def _brand(brand: bytes) -> str:
    if brand in _HEIF:
        raise refused(
            "heic",
            "HEIC/AVIF 照片无法处理：请在手机相机设置中选“兼容性最佳”（JPEG）后再拍",
            "HEIC and AVIF pictures are not taken: set the camera to Most Compatible (JPEG)",
            brand.decode("latin-1"),
        )
    if brand in _MP4:
        return MP4
    raise refused("bad_type", "不认识的视频格式，只收 MP4", "an unknown kind of video: only MP4 is taken",
                  brand.decode("latin-1"))  # fmt: skip


def check_picture(data: bytes) -> None:
    """Raises Invalid for a picture that is a page, a script, a document or an archive as well."""
    if _ALIEN.search(data) or b"%PDF-" in data[:1024] or _is_archive(data):
        raise refused("polyglot", "文件同时是另一种文件", "the file is something else as well")


def check_pdf(data: bytes) -> None:
    """Raises Invalid for a document that acts, carries files, or goes on after its end."""
    end = data.rfind(b"%%EOF")
    if end < 0 or len(data) - end > _PDF_TAIL or _is_archive(data):
        raise refused("polyglot", "PDF 不完整，或后面还有别的内容", "the PDF is cut short, or more follows it")
    found = _ACTIVE.search(data)
    if found:
        raise refused("active", "PDF 含有脚本、动作或内嵌文件", "the PDF has scripts, actions or files inside",
                      found[0].decode("latin-1"))  # fmt: skip


def _is_archive(data: bytes) -> bool:
    """A zip's end record at the very end (APPNOTE 4.3.16), whatever comes before."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    return at >= 0 and at + 22 + int.from_bytes(data[at + 20 : at + 22], "little") == len(data)


# ------------------------------------------------------------ MP4


def clean_mp4(data: bytes) -> bytes:
    """The same video with every box that tells who, where and with what made empty. Sizes and places stay.

    Raises Invalid for what is not boxes from the first byte to the last, or has no film in it.
    """
    out = bytearray(data)
    kinds: list[bytes] = []
    for kind, start, _, _ in _boxes(data, 0, len(data)):
        if kind not in _BOXES:
            raise _broken(f"{kind!r} at {start}")
        kinds.append(kind)
    if b"moov" not in kinds or b"mdat" not in kinds:
        raise _broken("moov, mdat")
    _blank(out, 0, len(out), 0)
    return bytes(out)


def _blank(data: bytearray, start: int, end: int, depth: int) -> None:
    for kind, at, body, stop in list(_boxes(data, start, end)):
        if kind in _TELLING:
            data[at + 4 : at + 8] = b"free"
            data[body:stop] = bytes(stop - body)
        elif kind in _INSIDE and depth < _DEEP:
            _blank(data, body, stop, depth + 1)


def _boxes(data: bytes | bytearray, start: int, end: int) -> Generator[tuple[bytes, int, int, int]]:
    """Boxes between two places: kind, where it begins, where its content begins, where it ends."""
    at = start
    while at < end:
        if end - at < 8:
            raise _broken(f"{end - at} bytes left over")
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and end - at >= 16:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            raise _broken(f"{kind!r} at {at}")
        yield kind, at, at + head, at + size
        at += size


def _broken(value: str) -> Invalid:
    return refused("broken_video", "MP4 已损坏或后面还有别的内容", "the MP4 is broken, or more follows it", value)
