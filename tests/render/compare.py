"""Compare a screenshot with its golden; leave actual, expected and difference side by side when they differ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pixelmatch.contrib.PIL import pixelmatch

THRESHOLD = 0.1  # per-pixel colour distance of pixelmatch
LIMIT = 100  # pixels; one of a hundred points missing changes hundreds


@dataclass(frozen=True, slots=True)
class Comparison:
    """`pixels` that differ; -1 when the sizes do or there is no golden. `report` is the side-by-side picture."""

    pixels: int
    report: Path | None
    why: str = ""

    @property
    def same(self) -> bool:
        return 0 <= self.pixels <= LIMIT


def compare(name: str, actual: Path, golden: Path, out: Path) -> Comparison:
    if not golden.exists():
        return Comparison(-1, None, f"no golden {golden.name}: run scripts/bless {name}")
    a, e = Image.open(actual).convert("RGBA"), Image.open(golden).convert("RGBA")
    if a.size != e.size:
        return Comparison(-1, side_by_side(name, a, e, e.copy(), out), f"size {a.size}, expected {e.size}")
    diff = Image.new("RGBA", a.size)
    count = int(pixelmatch(a, e, diff, threshold=THRESHOLD))
    if count <= LIMIT:
        return Comparison(count, None)
    return Comparison(count, side_by_side(name, a, e, diff, out), f"{count} pixels differ, at most {LIMIT} may")


def side_by_side(name: str, actual: Image.Image, expected: Image.Image, diff: Image.Image, out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    width = max(actual.width, expected.width)
    height = max(actual.height, expected.height)
    sheet = Image.new("RGB", (width * 3 + 20, height), (255, 0, 255))
    for i, picture in enumerate((actual, expected, diff)):
        sheet.paste(picture, (i * (width + 10), 0))
    path = out / f"{name}.actual-expected-diff.png"
    sheet.save(path)
    return path
