"""Sixteen panes of H.264, 704 x 576 at 15 frames a second, on one page: is the page alive, and does it stay so.

Beside it in the same run the floor: a page of as many bare `<video>` elements that play files of the same pictures, by
no script. The longest task is that of the page (`longtask` entries; none of 50 ms or more: 0), the busy share that of
its main thread (CDP `Performance`, TaskDuration).

Eight hours are accelerated: one cycle ends every view from outside, as a platform that restarts does, and tells the
panes that the network is back, so that they do not wait out their back-off; it ends when all panes show a picture. A
cycle stands for five minutes of a wall whose platform is bad, 96 for eight hours. Before the first measure and after
the last the heap is collected: what still lives then (heap, nodes, listeners, source buffers) has leaked.

The browser is `IOC_CHROMIUM`, else /usr/bin/chromium, without a graphics card: it decodes and draws on the cores the
servers run on. Options: `seconds` of watching, `cycles`, `minutes` at most for all of them.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from ioc.errors import ConfigError
from ioc.ops.bench import Figure, Job
from ioc.ops.bench.rig import Rig
from ioc.ops.bench.screen import LOGIN, PASSWORD, browser_path, signed_in
from ioc.store.database import dsns

PANES, TASK_MS, HEAP_RATIO = 16, 200.0, 1.5
NODES_RATIO = 1.2
DEMO = ("--size", "small", "--cameras", "200")  # the page is measured, not the city
START_S, BACK_S, SETTLE_S = 300.0, 60.0, 10.0
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZE = {"width": 1600, "height": 900}
_WATCH = """
window.iocLong = [];
new PerformanceObserver((l) => l.getEntries().forEach((e) => window.iocLong.push(e.duration)))
  .observe({entryTypes: ['longtask']});
window.iocBuffers = [];
const add = MediaSource.prototype.addSourceBuffer;
MediaSource.prototype.addSourceBuffer = function (kind) {
  const made = add.call(this, kind);
  window.iocBuffers.push(new WeakRef(made));
  return made;
};
"""
_FRAMES = """() => [...document.querySelectorAll('video')]
  .reduce((n, v) => n + v.getVideoPlaybackQuality().totalVideoFrames, 0)"""
_SHOWN = "() => [...document.querySelectorAll('.cam')].filter((c) => !c.classList.contains('covered')).length"
_BUFFERS = "() => window.iocBuffers.filter((r) => r.deref()).length"
_BARE = "<!doctype html><body style='margin:0;display:grid;grid-template-columns:repeat({wide},1fr)'>{videos}</body>"


@dataclass(frozen=True)
class Watched:
    """A page that played for a while. `busy` is the share of the time its main thread worked."""

    longest_ms: float
    busy: float
    frames_s: float


@dataclass(frozen=True)
class Alive:
    """What a page holds after its heap was collected."""

    heap_mb: float
    nodes: float
    listeners: float
    buffers: int


def run(job: Job) -> list[Figure]:
    job.generator = "Chromium through playwright; loops made by ffmpeg, sent live by the demo's platform"
    seconds = float(job.options.get("seconds", 8 if job.quick else 60))
    cycles = int(job.options.get("cycles", 2 if job.quick else 96))
    minutes = float(job.options.get("minutes", 20))
    panes = 4 if job.quick else PANES
    with contextlib.ExitStack() as stack:
        rig = stack.enter_context(Rig(job.composition))
        rig.command("demo", "load", *DEMO)
        rig.user(LOGIN, PASSWORD)
        browser = stack.enter_context(_browser())
        ids = _cameras(rig, panes)
        context = browser.new_context(viewport=SIZE, storage_state=signed_in(browser, rig.url))  # type: ignore[arg-type]
        page = context.new_page()
        page.add_init_script(_WATCH)
        cdp = context.new_cdp_session(page)
        cams = ",".join(map(str, ids))
        with _bare(
            rig.root, panes, wait=lambda: _open(page, f"{rig.url}/desk/video?cams={cams}&panes={panes}", panes)
        ) as bare:
            time.sleep(SETTLE_S)
            mine = _watch(page, cdp, seconds)
            page.goto("about:blank")
            floor = _floor(browser, bare, seconds)
        _open(page, f"{rig.url}/desk/video?cams={cams}&panes={panes}", panes)
        time.sleep(SETTLE_S)
        before = _alive(page, cdp)
        done, back = _cycles(rig, page, panes, cycles, minutes)
        after = _alive(page, cdp)
        elements = int(page.evaluate("document.querySelectorAll('video').length"))
        views = _open_views(rig)
        context.close()
    job.say(f"{panes} panes; {done} of {cycles} cycles; heap {before.heap_mb:.1f} to {after.heap_mb:.1f} MB")
    bare_name = f"{panes} bare <video> elements"
    return [
        Figure("longest page task", mine.longest_ms, "ms", max(floor.longest_ms, 50.0), bare_name, TASK_MS,
               note=f"{seconds:g} s; a task shorter than 50 ms is none"),
        Figure("main thread busy", 100 * mine.busy, "%", 100 * floor.busy, bare_name),
        Figure("pictures decoded", mine.frames_s, "/s", floor.frames_s, bare_name, note=f"{15 * panes} are sent"),
        Figure("cycles done", done, "", limit=cycles, better="high", note="every view ended, every pane back"),
        Figure("panes back after cycles", back, "panes", limit=panes, better="high"),
        Figure("picture elements left", elements, "elements", limit=panes),
        Figure("source buffers alive", after.buffers, "", before.buffers, "before the cycles", limit=panes),
        Figure("views open", views, "", limit=panes),
        Figure("heap after cycles", after.heap_mb, "MB", before.heap_mb, "before the cycles", HEAP_RATIO, of="ratio"),
        Figure("nodes after cycles", after.nodes, "", before.nodes, "before the cycles", NODES_RATIO, of="ratio"),
        Figure("listeners after cycles", after.listeners, "", before.listeners, "before the cycles", NODES_RATIO,
               of="ratio"),
    ]  # fmt: skip


# ---------------------------------------------------------------- watching


def _open(page: Page, url: str, panes: int) -> None:
    """Raises ConfigError when not all panes show a picture in time."""
    page.goto(url, wait_until="domcontentloaded")
    shown = _until(page, panes, START_S)
    if shown < panes:
        codes = page.evaluate("() => [...document.querySelectorAll('.cam')].map((c) => c.dataset.code).join(' ')")
        raise ConfigError(f"只有 {shown} 路出图：{codes}", f"only {shown} panes show a picture: {codes}")


def _watch(page: Page, cdp: CDPSession, seconds: float) -> Watched:
    cdp.send("Performance.enable")
    page.evaluate("() => { window.iocLong.length = 0; }")
    frames, busy, begun = float(page.evaluate(_FRAMES)), _metric(cdp, "TaskDuration"), time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - begun
    rate = (float(page.evaluate(_FRAMES)) - frames) / passed
    worked = (_metric(cdp, "TaskDuration") - busy) / passed
    return Watched(float(page.evaluate("() => Math.max(0, ...window.iocLong)")), worked, rate)


def _floor(browser: Browser, url: str, seconds: float) -> Watched:
    context = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        page.add_init_script(_WATCH)
        page.goto(url)
        time.sleep(SETTLE_S)
        return _watch(page, context.new_cdp_session(page), seconds)
    finally:
        context.close()


def _alive(page: Page, cdp: CDPSession) -> Alive:
    cdp.send("Performance.enable")
    for _ in range(3):  # what a finaliser lets go is collected by the next round
        cdp.send("HeapProfiler.collectGarbage")
        time.sleep(0.5)
    names = ("Nodes", "JSEventListeners")
    nodes, listeners = (_metric(cdp, name) for name in names)
    heap = float(cdp.send("Runtime.getHeapUsage")["usedSize"]) / 2**20
    return Alive(heap, nodes, listeners, int(page.evaluate(_BUFFERS)))


def _metric(cdp: CDPSession, name: str) -> float:
    found = {m["name"]: float(m["value"]) for m in cdp.send("Performance.getMetrics")["metrics"]}
    return found.get(name, 0.0)


def _cycles(rig: Rig, page: Page, panes: int, cycles: int, minutes: float) -> tuple[int, int]:
    """How many cycles came to an end, and how many panes showed a picture then."""
    end, back = time.monotonic() + 60 * minutes, panes
    for n in range(cycles):
        _end_all(rig)
        _covered(page, panes)
        back = _until(page, panes, BACK_S, hurry=True)
        if back < panes or time.monotonic() > end:
            return n + (back >= panes), back
    return cycles, back


def _covered(page: Page, panes: int) -> None:
    """Until some pane has seen that its view has ended, at most `BACK_S`."""
    end = time.monotonic() + BACK_S
    while int(page.evaluate(_SHOWN)) >= panes and time.monotonic() < end:
        time.sleep(0.1)


def _until(page: Page, panes: int, seconds: float, *, hurry: bool = False) -> int:
    """How many panes show a picture, once all do or the time is over. `hurry`: no pane waits out its back-off."""
    end = time.monotonic() + seconds
    shown: Any = 0
    while time.monotonic() < end:
        shown = page.evaluate(_SHOWN)
        if shown >= panes:
            break
        if hurry:
            page.evaluate("() => window.dispatchEvent(new Event('online'))")
        time.sleep(0.5)
    return int(shown)


# ---------------------------------------------------------------- parts


@contextlib.contextmanager
def _browser() -> Generator[Browser]:
    path = browser_path()
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=ARGS)
        try:
            yield browser
        finally:
            browser.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def _bare(root: Path, panes: int, wait: Any) -> Generator[str]:
    """A page of bare pictures: the loops the demo has made by the time `wait` returns, as MP4, without a script."""
    wait()
    folder = root / "bare"
    folder.mkdir()
    loops = sorted((root / "demo-video").glob("*/loop.flv"), key=lambda f: f.stat().st_mtime)[-panes:]
    for n, loop in enumerate(loops):
        command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-i", str(loop), "-c", "copy",
                   "-movflags", "+faststart", str(folder / f"{n}.mp4")]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    videos = "".join(f"<video src={n}.mp4 autoplay muted loop style='width:100%'></video>" for n in range(len(loops)))
    (folder / "index.html").write_text(_BARE.format(wide=round(panes**0.5), videos=videos))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def _cameras(rig: Rig, wanted: int) -> list[int]:
    with rig.owner() as conn:
        rows = conn.execute(
            "SELECT d.device_id FROM device d LEFT JOIN video_reference r USING (device_id) WHERE d.class = 'camera'"
            " AND d.status = 'online' AND d.private_to IS NULL AND d.national_id IS NOT NULL"
            " GROUP BY 1 ORDER BY count(r.reference_id) DESC, 1 LIMIT %s",
            (wanted,),
        ).fetchall()
    if len(rows) < wanted:
        raise ConfigError("演示点位不足", "the demo has too few cameras")
    return [int(r["device_id"]) for r in rows]


def _open_views(rig: Rig) -> int:
    with rig.owner() as conn:
        row = conn.execute("SELECT count(*) AS n FROM video_view WHERE ended_at IS NULL").fetchone()
    return int(row["n"]) if row else 0


def _end_all(rig: Rig) -> None:
    with psycopg.connect(dsns(rig.settings).owner, autocommit=True) as conn:
        conn.execute("UPDATE video_view SET ended_at = now(), ended_why = 'cut' WHERE ended_at IS NULL")
