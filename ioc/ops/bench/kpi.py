"""Numbers are computed once, however many screens look; and how fast they are read, beside a static file.

One change of the inputs is written while 1, 20 and 200 screens ask once a second; counted is how often the worker
computed each indicator for it. Floor of the answers: a small static file from the same server, same screens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from ioc.errors import ConfigError
from ioc.ops.bench import Figure, Job, city, interleaved, median, percentile
from ioc.ops.bench.clients import GET_GENERATOR, screens
from ioc.ops.bench.rig import Rig

SCREENS = (1, 20, 200)
WINDOW_S, SETTLE_S = 9.0, 6.5  # shorter than any refresh, longer than the shortest time between two computations
DEVICES = 70_000
RATIO = 10.0  # an answer with nine numbers and their series beside a static file


def run(job: Job) -> list[Figure]:
    job.generator = GET_GENERATOR
    counts = (1, 5) if job.quick else SCREENS
    with Rig(job.composition) as rig:
        with rig.owner() as conn:
            city.load(conn, 2000 if job.quick else int(job.options.get("devices", DEVICES)))
            _feed_everything(rig)
        token = rig.token("screens")
        api, static = f"{rig.url}/api/v1/indicators", f"{rig.url}{_static_file(rig)}"
        _wait_computed(rig)
        runs = {n: asyncio.run(_computations(rig, api, token, n)) for n in counts}
        most = counts[-1]
        seconds = 3.0 if job.quick else 8.0
        p99: list[float] = []
        floor99: list[float] = []
        failures = 0

        def ask(url: str, tail: list[float]) -> float:
            nonlocal failures
            found, failed = asyncio.run(screens(url, token, most, seconds))
            failures += failed
            tail.append(percentile(found, 0.99))
            return percentile(found, 0.5)

        p50, floor50 = interleaved(job.rounds, lambda: ask(api, p99), lambda: ask(static, floor99))
    figures = [
        Figure(f"computations a change, {n} screens", max(found.values()), "", limit=1, note=_listed(found))
        for n, found in runs.items()
    ]
    floor = "static file"
    figures += [
        Figure(f"numbers p50, {most} screens", median(p50), "ms", median(floor50), f"{floor} p50", samples=tuple(p50)),
        Figure(f"numbers p99, {most} screens", median(p99), "ms", median(floor99), f"{floor} p99", samples=tuple(p99)),
        Figure("answers that failed", failures, "", limit=0),
    ]
    return figures


def _listed(found: Mapping[str, int]) -> str:
    return ", ".join(f"{k} {v}" for k, v in sorted(found.items()))


def _feed_everything(rig: Rig) -> None:
    """A source of every class, so that every indicator is connected, and one event and case to count."""
    with rig.owner() as conn:
        conn.execute(
            "INSERT INTO source (source_key, title, classes, state, last_seen_at, last_data_at, as_of, origin)"
            " VALUES ('bench', '测量', '{camera,sensor,event,case,aqi}', 'live', now(), now(), now(), 'demo')"
        )
        conn.execute(
            "INSERT INTO event (source, source_id, title, occurred_at, received_at, region_id, origin)"
            " SELECT 'bench', 'kpi', 'e', now(), now(), region_id, 'demo' FROM region WHERE kind = 'town' LIMIT 1"
        )
        conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, region_id, origin)"
            " SELECT 'K1', 'bench', 'kpi', 'grid', 'x', 'c', now() - interval '1 hour', region_id, 'demo'"
            " FROM region WHERE kind = 'town' LIMIT 1"
        )
        _tell(rig)


def _tell(rig: Rig) -> None:
    """What a writer says after a change of every kind."""
    with rig.owner() as conn, conn.transaction():
        for topic in ("event", "case", "device"):
            conn.execute(
                "INSERT INTO outbox (topic, op, entity_id, region_id, origin, payload)"
                " SELECT %s, 'change', '0', region_id, 'demo', '{}' FROM region WHERE kind = 'town' LIMIT 1",
                (topic,),
            )
        conn.execute("NOTIFY ioc_outbox")


def _runs(rig: Rig) -> dict[str, int]:
    with rig.owner() as conn:
        return {r["code"]: r["runs"] for r in conn.execute("SELECT code, runs FROM indicator_run WHERE state = 'ok'")}


def _wait_computed(rig: Rig, timeout_s: float = 90.0) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if {"camera_online", "events_today", "open_cases"} <= _runs(rig).keys():
            return
        time.sleep(0.5)
    raise ConfigError("指标没有算出", "the indicators were not computed")


async def _computations(rig: Rig, url: str, token: str, count: int) -> dict[str, int]:
    """How often each indicator was computed for one change, with `count` screens looking on."""
    watching = asyncio.create_task(screens(url, token, count, 2 * SETTLE_S + WINDOW_S + 2))
    await asyncio.to_thread(_tell, rig)  # everything is computed now, so that no refresh falls into the window
    await asyncio.sleep(SETTLE_S + 1)
    before = await asyncio.to_thread(_runs, rig)
    await asyncio.to_thread(_tell, rig)
    await asyncio.sleep(WINDOW_S)
    after = await asyncio.to_thread(_runs, rig)
    await watching
    touched = ("camera_online", "sensor_online", "events_today", "open_cases", "on_time_rate", "mean_response")
    return {code: after[code] - before[code] for code in touched if code in before and code in after}


def _static_file(rig: Rig) -> str:
    """A stylesheet of the product's own, served by the same process."""
    folder = rig.composition.home / "assets"
    found = sorted(
        (p.stat().st_size, p.name) for p in folder.iterdir() if p.suffix in (".css", ".js", ".svg", ".woff2")
    )
    if not found:
        raise ConfigError("assets 里没有静态文件", "no static file in assets")
    return f"/assets/{found[0][1]}"
