"""What a file is and whether it is that alone; what is left of a picture after it was written anew."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from ioc.attachments import content
from ioc.attachments.pictures import LONGEST, SMALL, prepare
from ioc.errors import Invalid


def picture(kind: str = "JPEG", size: tuple[int, int] = (80, 40), mode: str = "RGB", **more: Any) -> bytes:
    image = Image.new(mode, size, (200, 30, 30, 128)[: len(mode)])
    image.paste((20, 20, 220, 255)[: len(mode)], (0, 0, size[0] // 4, size[1]))  # blue at the left
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


WHERE = b"+21.8600+111.9800/"
MP4 = (
    box(b"ftyp", b"isom\0\0\0\1isommp42")
    + box(b"moov", box(b"mvhd", bytes(20)) + box(b"udta", box(b"\xa9xyz", WHERE)) + box(b"trak", box(b"meta", WHERE)))
    + box(b"mdat", b"film")
)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def code(data: bytes) -> str:
    with pytest.raises(Invalid) as fault:
        prepare(data)
    reason = fault.value.reasons[0]
    assert reason.field == "file"
    assert reason.zh != reason.en
    return reason.code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_but_the_pixels_is_kept(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRETPHONE"
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    exif.get_ifd(0x8825).update({1: "N", 2: (21.0, 51.0, 36.0)})
    more: dict[str, Any] = {"exif": exif}
    if kind == "JPEG":
        more |= {"comment": b"SECRETWORD", "quality": 95}
    elif kind == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", "SECRETWORD")
        more |= {"pnginfo": texts}
    else:
        more |= {"xmp": b"SECRETWORD", "lossless": True}
    data = picture(kind, **more) + b"SECRETTAIL"
    assert b"SECRETPHONE" in data
    kept = prepare(data)
    assert kept.small is not None
    for found in (kept.data, kept.small):
        assert b"SECRET" not in found
        shown = Image.open(io.BytesIO(found))
        assert len(shown.getexif()) == 0
        assert not set(shown.info) & {"exif", "xmp", "comment", "icc_profile", "XML:com.adobe.xmp"}
    assert (kept.width, kept.height) == (40, 80), "turned upright"
    top: Any = Image.open(io.BytesIO(kept.data)).convert("RGB").getpixel((20, 4))
    assert top[2] > 150 > top[0], "what was at the left is at the top"
    assert kept.media_type == f"image/{kind.lower()}"


def test_large_pictures_are_made_smaller_and_transparent_ones_stay() -> None:
    kept = prepare(picture("JPEG", (5000, 1000)))
    assert (kept.width, kept.height) == (LONGEST, 819)
    small = Image.open(io.BytesIO(kept.small or b""))
    assert max(small.size) == SMALL
    clear = prepare(picture("PNG", (30, 20), "RGBA"))
    assert Image.open(io.BytesIO(clear.data)).mode == "RGBA"
    assert Image.open(io.BytesIO(clear.small or b"")).format == "JPEG"


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is very large and is only its first bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("a.txt", "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty"),
        (b"hello", "bad_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "bad_type"),
        (b"GIF89a" + bytes(20), "bad_type"),
        (b"MZ" + bytes(200), "bad_type"),
        (box(b"ftyp", b"heic\0\0\0\0mif1heic"), "heic"),
        (box(b"ftyp", b"avif\0\0\0\0"), "heic"),
        (box(b"ftyp", b"zzzz\0\0\0\0"), "bad_type"),
        (bomb(60_000, 60_000), "too_many_pixels"),
        (bomb(40_000, 10), "too_many_pixels"),
        (picture("JPEG")[:200], "broken_picture"),
        (picture("PNG")[:60], "broken_picture"),
        (b"\xff\xd8\xff" + bytes(500), "broken_picture"),
        (picture("JPEG") + b"<script>alert(1)</script>", "polyglot"),
        (picture("PNG", pnginfo=None) + b"<!DOCTYPE html ><p>", "polyglot"),
        (picture("JPEG") + archive(), "polyglot"),
        (picture("JPEG", comment=b"%PDF-1.4"), "polyglot"),
        (PDF + archive(), "polyglot"),
        (PDF[:-7], "polyglot"),
        (PDF + b"x" * 4000, "polyglot"),
        (PDF.replace(b"/Type", b"/OpenAction<</S/JavaScript>>/Type"), "active"),
        (MP4 + b"PK", "broken_video"),
        (MP4[:-2], "broken_video"),
        (box(b"ftyp", b"isom\0\0\0\1") + box(b"evil", b"x") + box(b"moov") + box(b"mdat"), "broken_video"),
        (box(b"ftyp", b"isom\0\0\0\1"), "broken_video"),
    ],
)
def test_what_is_not_taken_is_told_why(data: bytes, expected: str) -> None:
    assert code(data) == expected


def test_documents_and_videos_are_kept_without_the_place_they_were_taken() -> None:
    assert prepare(PDF) == content.Prepared(PDF, content.PDF)
    kept = prepare(MP4)
    assert kept.media_type == content.MP4
    assert WHERE in MP4
    assert WHERE not in kept.data
    assert len(kept.data) == len(MP4), "places of samples in the file stay right"
    assert kept.data.endswith(b"film")
    assert prepare(kept.data).data == kept.data


@settings(max_examples=300, deadline=None)
@given(
    head=st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBP", b"%PDF-1.7",
                          b"\0\0\0\x18ftypisom", picture("JPEG")[:80], picture("PNG")[:50], picture("WEBP")[:40],
                          MP4[:60]]),
    tail=st.binary(max_size=400),
)  # fmt: skip
def test_any_bytes_are_kept_or_refused(head: bytes, tail: bytes) -> None:
    try:
        kept = prepare(head + tail)
    except Invalid as fault:
        assert fault.reasons[0].code  # noqa: PT017 - either way is right
    else:
        assert kept.media_type in content.EXTENSION
