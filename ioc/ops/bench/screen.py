"""Cold `/wall` and `/desk` in Chromium with 70,000 devices, beside a plain Dash page with the same points.

Bytes are those sent over the wire (Network.loadingFinished, encodedDataLength). "Numbers" is the first time a KPI
number stands on the page; "ready" is `data-ready="true"` (every panel and a drawn map); for the plain page the moment
its plot is drawn. Each load is a browser context of its own: no cache, no service worker.

The browser is `IOC_CHROMIUM`, else /usr/bin/chromium. Options: `minutes` of the heap watch, `rate` of events.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psycopg
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from ioc.errors import ConfigError
from ioc.ops.bench import Figure, Job, interleaved, median, scroll
from ioc.ops.bench.live import Writer
from ioc.ops.bench.rig import Rig, free_port
from ioc.ops.supervisor import http_status
from ioc.store.database import dsns

READY_RATIO, BYTES_RATIO = 1.0, 0.25
TIMEOUT_MS = 120_000
ARGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking"]
SIZES = {"wall": (1920, 1080), "desk": (1600, 900), "floor": (1600, 900)}
LOGIN, PASSWORD = "benchchief", "Bench-screen-7391"  # of a centre that lives for minutes
QUICK = ("--cameras", "1500", "--sensors", "600")

_NUMBERS = r"""() => [...document.querySelectorAll('[data-tile][data-state="ok"]')]
  .some(e => /\d/.test(e.textContent) && e.getClientRects().length > 0)"""
_READY = "() => document.body && document.body.dataset.ready === 'true'"
_FLOOR_NUMBERS = r"() => /\d/.test(document.querySelector('#n7')?.textContent || '')"
_FLOOR_READY = (
    "() => document.querySelector('.js-plotly-plot .gl-canvas-context') !== null && window.iocPlotted === true"
)
_WATCH_PLOT = """
const watch = setInterval(() => {
  const plot = document.querySelector('.js-plotly-plot');
  if (!plot || !plot.on) return;
  clearInterval(watch);
  const drawn = () => requestAnimationFrame(() => requestAnimationFrame(() => { window.iocPlotted = true; }));
  if (plot.querySelector('.gl-canvas-context')) drawn(); else plot.on('plotly_afterplot', drawn);
}, 10);
"""


@dataclass
class Load:
    """One cold load. Times in seconds from the navigation."""

    numbers_s: float = 0.0
    ready_s: float = 0.0
    sent_bytes: float = 0.0
    requests: int = 0
    external: list[str] = field(default_factory=list[str])
    heap_mb: float = 0.0


def run(job: Job) -> list[Figure]:
    job.generator = "Chromium through playwright, one cold context a load; events by INSERT at the given rate"
    minutes = float(job.options.get("minutes", 0.05 if job.quick else 10.0))
    with contextlib.ExitStack() as stack:
        rig, browser = stack.enter_context(Rig(job.composition)), stack.enter_context(open_browser())
        rig.command("demo", "load", *(QUICK if job.quick else ()))
        floor_url = stack.enter_context(_floor(rig))
        devices = _devices(rig)
        rig.user(LOGIN, PASSWORD)
        state = signed_in(browser, rig.url)
        loads: dict[str, list[Load]] = {"wall": [], "desk": [], "floor": []}
        urls = {"wall": f"{rig.url}/wall", "desk": f"{rig.url}/desk", "floor": floor_url}

        def cold(what: str) -> float:
            loads[what].append(_load(browser, urls[what], what, state))
            return loads[what][-1].ready_s

        if not job.quick:  # the servers have answered once before anything is counted; the browsers stay cold
            for what in loads:
                _load(browser, urls[what], what, state)
        interleaved(job.rounds, *(lambda w=w: cold(w) for w in loads))
        heap = _heap(browser, rig, state, minutes, float(job.options.get("rate", 20.0)))
        with contextlib.closing(_context(browser, "desk", state)) as context:
            scrolled = scroll.figures(context, rig)
    job.say(f"{devices:,} devices; heap watched {minutes:g} min")
    return [*_figures(loads), *heap, *scrolled]


def _figures(loads: dict[str, list[Load]]) -> list[Figure]:
    def of(what: str, name: str) -> tuple[float, ...]:
        return tuple(float(getattr(x, name)) for x in loads[what])

    plain = "plain Dash page"
    out: list[Figure] = []
    for what in ("wall", "desk"):
        external = sorted({u for x in loads[what] for u in x.external})
        ready, sent = of(what, "ready_s"), of(what, "sent_bytes")
        numbers = of(what, "numbers_s")
        floor_ready, floor_sent = median(of("floor", "ready_s")), median(of("floor", "sent_bytes")) / 1e6
        out += [
            Figure(f"/{what} numbers", median(numbers), "s", median(of("floor", "numbers_s")), plain, samples=numbers),
            Figure(f"/{what} ready", median(ready), "s", floor_ready, plain, READY_RATIO, of="ratio", samples=ready),
            Figure(f"/{what} sent", median(sent) / 1e6, "MB", floor_sent, plain, BYTES_RATIO, of="ratio"),
            Figure(f"/{what} requests", median(of(what, "requests")), "", median(of("floor", "requests")), plain),
            Figure(f"/{what} external requests", len(external), "", limit=0, note=" ".join(external)),
            Figure(f"/{what} heap at ready", median(of(what, "heap_mb")), "MB", median(of("floor", "heap_mb")), plain),
        ]
    return out


# ---------------------------------------------------------------- parts


@contextlib.contextmanager
def _floor(rig: Rig) -> Generator[str]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "ioc.ops.bench.floor_page", dsns(rig.settings).owner, str(port)],
        cwd=rig.composition.home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(200):
            if http_status(url) == 200:
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def browser_path() -> str:
    """Raises ConfigError where there is no browser."""
    path = os.environ.get("IOC_CHROMIUM", "/usr/bin/chromium")
    if not os.access(path, os.X_OK):
        raise ConfigError(f"没有浏览器 {path}（IOC_CHROMIUM）", f"no browser at {path} (IOC_CHROMIUM)")
    return path


@contextlib.contextmanager
def open_browser() -> Generator[Browser]:
    path = browser_path()
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=ARGS)
        try:
            yield browser
        finally:
            browser.close()


def _devices(rig: Rig) -> int:
    with rig.owner() as conn:
        row = conn.execute("SELECT count(*) AS n FROM device").fetchone()
    return int(row["n"]) if row else 0


def signed_in(browser: Browser, url: str) -> Any:
    """Cookies of a signed-in person; the measured loads start with them and nothing else."""
    context = browser.new_context()
    try:
        answer = context.request.post(
            f"{url}/api/v1/auth/sign-in", data={"login": LOGIN, "password": PASSWORD}, headers={"Origin": url}
        )
        if not answer.ok:
            raise ConfigError(f"登录失败 {answer.status} {answer.text()[:200]}", f"sign-in failed {answer.status}")
        return context.storage_state()
    finally:
        context.close()


def _context(browser: Browser, what: str, state: Any) -> BrowserContext:
    width, height = SIZES[what]
    return browser.new_context(
        viewport={"width": width, "height": height}, storage_state=None if what == "floor" else state, locale="zh-CN"
    )


def _load(browser: Browser, url: str, what: str, state: Any) -> Load:
    context = _context(browser, what, state)
    out = Load()
    try:
        page = context.new_page()
        cdp = _measure_wire(context, page, out, urlsplit(url).netloc)
        if what == "floor":
            page.add_init_script(_WATCH_PLOT)
        begun = time.monotonic()
        page.goto(url, wait_until="commit", timeout=TIMEOUT_MS)
        page.wait_for_function(_FLOOR_NUMBERS if what == "floor" else _NUMBERS, timeout=TIMEOUT_MS, polling=20)
        out.numbers_s = time.monotonic() - begun
        page.wait_for_function(_FLOOR_READY if what == "floor" else _READY, timeout=TIMEOUT_MS, polling=20)
        out.ready_s = time.monotonic() - begun
        out.heap_mb = _heap_mb(cdp)
        page.wait_for_timeout(300)  # what is still on the wire belongs to the load
    finally:
        context.close()
    return out


def _measure_wire(context: BrowserContext, page: Page, out: Load, own: str) -> CDPSession:
    cdp = context.new_cdp_session(page)

    def sent(event: dict[str, Any]) -> None:
        out.sent_bytes += float(event.get("encodedDataLength", 0))

    def asked(event: dict[str, Any]) -> None:
        url = str(event.get("request", {}).get("url", ""))
        if not url.startswith(("http://", "https://")):
            return
        out.requests += 1
        if urlsplit(url).netloc != own:
            out.external.append(url)

    cdp.on("Network.loadingFinished", sent)
    cdp.on("Network.requestWillBeSent", asked)
    cdp.send("Network.enable")
    cdp.send("Performance.enable")
    return cdp


def _heap_mb(cdp: CDPSession) -> float:
    """Used JavaScript heap after a collection."""
    cdp.send("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in cdp.send("Performance.getMetrics")["metrics"]}
    return float(metrics["JSHeapUsedSize"]) / 2**20


def _heap(browser: Browser, rig: Rig, state: Any, minutes: float, rate: float) -> list[Figure]:
    """Heap of an open `/desk` before and after `minutes` of events at `rate`."""
    context = _context(browser, "desk", state)
    stop = threading.Event()
    writing = threading.Thread(target=_write, args=(rig, rate, stop), daemon=True)
    try:
        page = context.new_page()
        cdp = _measure_wire(context, page, Load(), urlsplit(rig.url).netloc)
        page.goto(f"{rig.url}/desk", wait_until="commit", timeout=TIMEOUT_MS)
        page.wait_for_function(_READY, timeout=TIMEOUT_MS, polling=100)
        before = _heap_mb(cdp)
        writing.start()
        page.wait_for_timeout(minutes * 60_000)
        after = _heap_mb(cdp)
    finally:
        stop.set()
        context.close()
    return [
        Figure(f"/desk heap after {minutes:g} min", after, "MB", before, "heap at ready", note=f"{rate:g} events/s")
    ]


def _write(rig: Rig, rate: float, stop: threading.Event) -> None:
    with rig.owner() as conn:
        towns = [r["region_id"] for r in conn.execute("SELECT region_id FROM region WHERE kind = 'town'")]
    writer = Writer(dsns(rig.settings).owner, towns)
    try:
        while not stop.wait(1.0 / rate):
            writer.one()
    except psycopg.Error:
        return  # the centre has been stopped
    finally:
        writer.close()
