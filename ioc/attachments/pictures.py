"""Pictures are decoded and written anew: upright, in sRGB, without EXIF, GPS, XMP, comments and what follows."""

from __future__ import annotations

import io
import struct
import threading
from typing import Any, Final

from PIL import Image, ImageCms, ImageOps

from ioc.attachments.content import (
    JPEG,
    MP4,
    PDF,
    PICTURES,
    PNG,
    Prepared,
    check_pdf,
    check_picture,
    clean_mp4,
    media_type,
    refused,
)
from ioc.errors import Invalid

# 64 million pixels: the largest common phone camera. What cannot be decoded smaller (PNG, WebP) takes 4 bytes a pixel.
PIXELS_JPEG, PIXELS_OTHER = 64_000_000, 32_000_000
LONGEST, SMALL = 4096, 320  # edges kept, in pixels
SIDE_MAX = 30_000
QUALITY, QUALITY_SMALL = 88, 78
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_FAULTS = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, OverflowError,
           ZeroDivisionError)  # fmt: skip
_two_at_once = threading.BoundedSemaphore(2)  # a decoded picture takes up to 256 MB


def prepare(data: bytes) -> Prepared:
    """What is kept of a file. Raises Invalid with the reason for what is not taken."""
    kind = media_type(data)
    if kind == PDF:
        check_pdf(data)
        return Prepared(data, PDF)
    if kind == MP4:
        return Prepared(clean_mp4(data), MP4)
    assert kind in PICTURES
    check_picture(data)
    with _two_at_once:
        try:
            return _anew(data, kind)
        except Image.DecompressionBombError as e:  # so large that it is not even opened
            raise _too_many(str(e), _most(kind)) from e
        except _FAULTS as e:
            raise refused(
                "broken_picture", "图片已损坏，无法读取", "the picture is broken and cannot be read", str(e)[:120]
            ) from e


def _anew(data: bytes, kind: str) -> Prepared:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
        _refuse_large(*opened.size, kind)
        if kind == JPEG:
            opened.draft("RGB", (LONGEST, LONGEST))  # decoded smaller where it is larger than what is kept
        opened.load()
        picture = _upright(opened)
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    small = _flat(picture)
    small.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
    shown = _flat(picture) if kind == JPEG else picture
    return Prepared(
        _written(shown, kind, QUALITY), kind, shown.width, shown.height, _written(small, JPEG, QUALITY_SMALL)
    )


def _refuse_large(width: int, height: int, kind: str) -> None:
    most = _most(kind)
    if width * height > most or max(width, height) > SIDE_MAX:
        raise _too_many(f"{width}x{height}", most)


def _most(kind: str) -> int:
    return PIXELS_JPEG if kind == JPEG else PIXELS_OTHER


def _too_many(found: str, most: int) -> Invalid:
    zh, en = f"图片像素过多，上限 {most // 1_000_000} 百万", f"too many pixels: at most {most // 1_000_000} million"
    return refused("too_many_pixels", zh, en, found[:120])


def _upright(opened: Image.Image) -> Image.Image:
    """Turned as its EXIF says, in sRGB, and nothing beside the pixels."""
    turned = ImageOps.exif_transpose(opened)
    profile: Any = turned.info.get("icc_profile")
    alpha = turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info
    picture = turned.convert("RGBA" if alpha else "RGB")
    if profile and turned.mode in ("RGB", "RGBA"):
        picture = _srgb(picture, bytes(profile))
    picture.info.clear()
    return picture


def _srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    try:
        found = ImageCms.profileToProfile(
            picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        )
    except (ImageCms.PyCMSError, OSError):
        return picture  # a profile nobody can read changes no colour
    return found if found is not None else picture


def _flat(picture: Image.Image) -> Image.Image:
    """On white where it is transparent."""
    if picture.mode != "RGBA":
        return picture.copy()
    ground = Image.new("RGB", picture.size, (255, 255, 255))
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _written(picture: Image.Image, kind: str, quality: int) -> bytes:
    out = io.BytesIO()
    picture.info.clear()
    if kind == PNG:
        picture.save(out, "PNG", optimize=False)
    elif kind == JPEG:
        picture.save(out, "JPEG", quality=quality, progressive=True)
    else:
        picture.save(out, "WEBP", quality=quality)
    return out.getvalue()
