"""Whether a picture is that of a camera: compared with pictures an officer approved. Pure; numpy and Pillow.

Nothing is read from the picture (no overlay, no OCR): names in pictures are as wrong as the wiring behind them. Two
measures, both of the grey picture at 96 x 72:

- **structure**: the structure term of SSIM (Wang, Bovik, Sheikh, Simoncelli 2004, "Image quality assessment: from error
  visibility to structural similarity"), i.e. the correlation of two windows, over 8 x 8 windows. Only windows in which
  the reference has texture count, and what counts is the share of them that correlate: half a scene behind smoke or a
  lorry leaves the other half as proof, and light that changes as a whole changes no correlation.
- **hash**: the 63 low frequencies of a DCT of the 32 x 32 picture against their median (Zauner 2010, "Implementation
  and benchmarking of perceptual image hash functions"); the share of equal bits.

`SAME` was set between pictures of one scene (from 0.5 on with noise, traffic and half a stop of light; from 0.41 on
with a third of it covered) and of different ones (to 0.31): tests/unit/test_video_rules.py.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ioc.errors import Invalid, Reason

WIDE, HIGH, WINDOW = 96, 72, 8
SAME = 0.40
CORRELATES = 0.5
TEXTURE = 3.0  # standard deviation of grey in a window; below it there is nothing to recognise
STILL = 2.0  # grey values a window may differ on average and still be the same picture, encoded again
BLANK = 4.0  # standard deviation of the whole picture: black, grey, no signal card of one colour
MAX_BYTES, MAX_PIXELS = 512 * 1024, 4_000_000
REFERENCE_WIDTH = 352
Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Picture:
    """A grey picture, 72 rows of 96 values 0 to 255."""

    grey: Grey

    @property
    def blank(self) -> bool:
        return float(self.grey.std()) < BLANK

    def packed(self) -> bytes:
        return self.grey.round().clip(0, 255).astype(np.uint8).tobytes()


def unpacked(data: bytes) -> Picture:
    """What `Picture.packed` made. Raises ValueError."""
    return Picture(np.frombuffer(data, np.uint8).reshape(HIGH, WIDE).astype(np.float32))


def read(data: bytes) -> Picture:
    """A picture from JPEG, PNG or WebP bytes. Raises Invalid."""
    return Picture(np.asarray(_open(data).convert("L").resize((WIDE, HIGH), Image.Resampling.BOX), np.float32))


def reference_jpeg(data: bytes) -> bytes:
    """The picture as it is kept as a reference: a JPEG at most 352 pixels wide, without notes. Raises Invalid."""
    picture = _open(data).convert("RGB")
    if picture.width > REFERENCE_WIDTH:
        high = max(1, round(picture.height * REFERENCE_WIDTH / picture.width))
        picture = picture.resize((REFERENCE_WIDTH, high), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def similarity(shown: Picture, reference: Picture) -> float:
    """0 to 1: three quarters structure, one quarter hash (mapped so that chance is 0)."""
    structure = _structure(shown.grey, reference.grey)
    equal = float(np.mean(_hash(shown.grey) == _hash(reference.grey)))
    return round(0.75 * structure + 0.25 * max(0.0, 2 * equal - 1), 3)


def best(shown: Picture, references: Iterable[Picture]) -> float | None:
    """The likeness to the reference it is most like; None where there is no reference."""
    return max((similarity(shown, r) for r in references), default=None)


def unmoved(shown: Picture, before: Picture) -> bool:
    """Whether nothing has happened between two pictures: no window of them differs by more than coding noise.

    A hung encoder repeats a picture bit by bit, a hung capture card encodes one picture again and again, each time a
    little differently: hence no hash. A car, a leaf, a clock in the corner moves some window well beyond it.
    """
    apart = np.abs(_tiles(shown.grey) - _tiles(before.grey)).mean(axis=1)
    return float(apart.max()) < STILL


# ---------------------------------------------------------------- parts


def _open(data: bytes) -> Image.Image:
    if not 0 < len(data) <= MAX_BYTES:
        raise _bad("图片为空或超过 512 KB", "no picture, or more than 512 KB")
    try:
        picture = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP"))
        if picture.width * picture.height > MAX_PIXELS:
            raise _bad("图片过大", "too many pixels")
        picture.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise _bad("不是图片", "is no picture") from None
    return picture


def _bad(zh: str, en: str) -> Invalid:
    return Invalid(reasons=[Reason("picture", "bad_picture", zh, en)])


def _tiles(grey: Grey) -> Grey:
    """One row a window of 8 x 8."""
    return grey.reshape(HIGH // WINDOW, WINDOW, WIDE // WINDOW, WINDOW).swapaxes(1, 2).reshape(-1, WINDOW * WINDOW)


def _windows(grey: Grey) -> Grey:
    """The same, each less its mean."""
    tiles = _tiles(grey)
    return (tiles - tiles.mean(axis=1, keepdims=True)).astype(np.float32)


def _structure(shown: Grey, reference: Grey) -> float:
    a, b = _windows(shown), _windows(reference)
    known = b.std(axis=1) >= TEXTURE
    if not known.any():
        return 0.0
    a, b = a[known], b[known]
    # C3 of the paper keeps flat windows of the shown picture from correlating by chance
    c3 = 4.5 * WINDOW * WINDOW
    correlation = (a * b).sum(axis=1) / (np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1)) + c3)
    return float(np.mean(correlation >= CORRELATES))


_N = 32
_COS = np.cos(np.pi / _N * (np.arange(_N) + 0.5)[None, :] * np.arange(8)[:, None]).astype(np.float32)


def _hash(grey: Grey) -> NDArray[np.bool_]:
    small = np.asarray(Image.fromarray(grey.astype(np.uint8)).resize((_N, _N), Image.Resampling.BOX), np.float32)
    low = (_COS @ small @ _COS.T).ravel()[1:]
    return low > np.median(low)
