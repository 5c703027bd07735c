"""Pictures of cameras that are none: a short H.264 loop a camera, 704 x 576 at 15 frames a second, made once by ffmpeg.

Which scene it is follows from the camera's number: horizon, buildings, road and colours are drawn from it, so that
every camera shows another place and always the same one. Cars cross it, and the sensor is noisy. No text is in the
picture. To make a loop takes about a second of one core; afterwards it is a file, and sending it costs next to nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ioc.errors import SourceFault

WIDE, HIGH, RATE, SECONDS = 704, 576, 15, 10
SEGMENT_S = 2
MOST_KEPT = 96  # loops on disk, of about 700 KB each; the ones not used for longest go
MAKE_S = 60.0
STILL = "still"


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of an FLV file (Adobe FLV 10.1, annex E.4.1): type, time in ms, payload, whether a key frame begins."""

    kind: int
    at_ms: int
    data: bytes
    key: bool
    setup: bool  # sequence header or metadata: sent first, before any picture


@dataclass(frozen=True)
class Loop:
    """A loop in memory: what begins a stream, its pictures, and the folder of its HLS segments."""

    setup: tuple[Tag, ...]
    tags: tuple[Tag, ...]
    length_ms: int
    folder: Path


class Loops:
    """The loops under `folder`, made when they are asked for. Thread-safe; one is made at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._kept: dict[str, Loop] = {}

    def get(self, camera: str, *, still: bool = False) -> Loop:
        """The loop of a camera; `still`: its picture standing still, as of a hung encoder. Raises SourceFault."""
        name = hashlib.blake2b(camera.encode(), digest_size=10).hexdigest() + (f"-{STILL}" if still else "")
        found = self._kept.get(name)
        if found is not None:
            return found
        with self._lock:
            if name not in self._kept:
                folder = self._folder / name
                if not (folder / "loop.flv").exists():
                    self._make(camera, folder, still)
                os.utime(folder)
                self._kept[name] = read_flv(folder)
                self._tidy(name)
            return self._kept[name]

    def _make(self, camera: str, folder: Path, still: bool) -> None:
        work = folder.with_name(folder.name + ".new")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        scene(camera).save(work / "scene.png")
        filters = "format=yuv420p" if still else _motion(camera)
        cars = [] if still else ["-f", "lavfi", "-i", f"color=c=0xd8d8d0:s=64x26:r={RATE}",
                                 "-f", "lavfi", "-i", f"color=c=0x902820:s=44x20:r={RATE}"]  # fmt: skip
        command = [
            "ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-threads", "1", "-loop", "1",
            "-framerate", str(RATE), "-i", str(work / "scene.png"), *cars, "-filter_complex", filters,
            "-t", str(SECONDS), "-r", str(RATE), "-an", "-c:v", "libx264", "-preset", "ultrafast", "-tune",
            "zerolatency", "-profile:v", "baseline", "-threads", "1", "-g", str(RATE), "-keyint_min", str(RATE),
            "-sc_threshold", "0", "-b:v", "450k", "-maxrate", "600k", "-bufsize", "600k", "-map_metadata", "-1",
            str(work / "loop.flv"),
        ]  # fmt: skip
        _run(command)
        cut = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-i", str(work / "loop.flv"), "-c",
               "copy", "-f", "hls", "-hls_time", str(SEGMENT_S), "-hls_list_size", "0", "-hls_segment_filename",
               str(work / "%d.ts"), str(work / "loop.m3u8")]  # fmt: skip
        _run(cut)
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)

    def _tidy(self, keep: str) -> None:
        folders = sorted((f for f in self._folder.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime)
        for old in folders[:-MOST_KEPT]:
            if old.name != keep:
                self._kept.pop(old.name, None)
                shutil.rmtree(old, ignore_errors=True)


def available() -> bool:
    """Whether loops can be made here."""
    return shutil.which("ffmpeg") is not None


def scene(camera: str) -> Image.Image:
    """A place drawn from the camera's number: sky, a row of buildings with windows, a road with its marks, trees."""
    seed = int.from_bytes(hashlib.blake2b(camera.encode(), digest_size=8).digest(), "big")
    rng = np.random.default_rng(seed)
    hue = int(rng.integers(0, 256))
    picture = Image.new("HSV", (WIDE, HIGH), (hue, 40, 150))
    draw = ImageDraw.Draw(picture)
    horizon = int(rng.integers(170, 330))
    draw.rectangle((0, horizon, WIDE, HIGH), fill=((hue + 90) % 256, 60, 85))
    x = -20
    while x < WIDE:
        wide, high = int(rng.integers(40, 140)), int(rng.integers(50, 190))
        shade = int(rng.integers(55, 170))
        draw.rectangle((x, horizon - high, x + wide, horizon), fill=((hue + int(rng.integers(0, 90))) % 256, 70, shade))
        step = int(rng.integers(14, 30))
        for wx in range(x + 6, x + wide - 8, step):
            for wy in range(horizon - high + 8, horizon - 12, step):
                if rng.random() < 0.7:
                    draw.rectangle((wx, wy, wx + step // 2, wy + step // 2), fill=(40, 60, int(rng.integers(60, 250))))
        x += wide + int(rng.integers(0, 30))
    middle, far = int(rng.integers(120, WIDE - 120)), int(rng.integers(20, 70))
    near = (int(rng.integers(-200, 200)), int(rng.integers(500, 900)))
    draw.polygon(((middle - far, horizon), (middle + far, horizon), (near[1], HIGH), (near[0], HIGH)), fill=(0, 0, 60))
    for k in range(6):
        a, b = (k + 0.15) / 6, (k + 0.6) / 6
        foot = (near[0] + near[1]) / 2
        at = [(middle + (foot - middle) * f * f, horizon + (HIGH - horizon) * f * f) for f in (a, b)]
        draw.line([at[0], at[1]], fill=(0, 0, 230), width=2 + 2 * k)
    for _ in range(int(rng.integers(4, 12))):
        tx, ty, r = int(rng.integers(0, WIDE)), int(rng.integers(horizon, HIGH)), int(rng.integers(14, 50))
        draw.ellipse((tx - r, ty - 2 * r, tx + r, ty), fill=(90, 160, int(rng.integers(40, 120))))
    return picture.convert("RGB")


def _motion(camera: str) -> str:
    """Two cars that cross in whole turns of the loop, and noise."""
    seed = int.from_bytes(hashlib.blake2b(camera.encode(), digest_size=4, salt=b"cars").digest(), "big")
    y, turns = 380 + seed % 120, 1 + seed % 2
    span = WIDE + 80
    first = f"overlay=x='mod(t*{span * turns / SECONDS},{span})-70':y={y}:shortest=1"
    second = f"overlay=x='{WIDE}-mod(t*{span / SECONDS}+{seed % span},{span})':y={min(y + 50, 540)}:shortest=1"
    return f"[0][1]{first}[a];[a][2]{second},noise=alls=9:allf=t,format=yuv420p"


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=MAKE_S)
    except FileNotFoundError:
        raise SourceFault("缺少 ffmpeg（apt install ffmpeg）", "ffmpeg is missing (apt install ffmpeg)") from None
    except subprocess.TimeoutExpired:
        raise SourceFault("ffmpeg 超时", "ffmpeg took too long") from None
    except subprocess.CalledProcessError as e:
        said = bytes(e.stderr or b"").decode("utf-8", "replace").strip()[-200:]
        raise SourceFault(f"ffmpeg：{said}", f"ffmpeg: {said}") from None


def read_flv(folder: Path) -> Loop:
    """The tags of `loop.flv`. Raises SourceFault for a file that is none."""
    data = (folder / "loop.flv").read_bytes()
    if data[:3] != b"FLV":
        raise SourceFault("不是 FLV 文件", "is no FLV file")
    setup: list[Tag] = []
    tags: list[Tag] = []
    at = int.from_bytes(data[5:9], "big") + 4
    while at + 11 <= len(data):
        kind, size = data[at] & 0x1F, int.from_bytes(data[at + 1 : at + 4], "big")
        time_ms = int.from_bytes(data[at + 4 : at + 7], "big") | data[at + 7] << 24
        body = data[at + 11 : at + 11 + size]
        at += 11 + size + 4
        if kind == 9 and len(body) > 1:
            if body[1] == 0:
                setup.append(Tag(kind, 0, body, True, True))
            elif body[1] == 1:
                tags.append(Tag(kind, time_ms, body, body[0] >> 4 == 1, False))
    return Loop(tuple(setup), tuple(tags), SECONDS * 1000, folder)


def flv_tag(kind: int, at_ms: int, data: bytes) -> bytes:
    """A tag with the size of itself behind it, as an FLV stream has it."""
    head = bytes((kind,)) + len(data).to_bytes(3, "big") + (at_ms & 0xFFFFFF).to_bytes(3, "big")
    head += bytes((at_ms >> 24 & 0xFF,)) + b"\0\0\0"
    return head + data + (len(data) + 11).to_bytes(4, "big")


FLV_HEAD = b"FLV\x01\x01\x00\x00\x00\x09\x00\x00\x00\x00"  # version 1, video only
