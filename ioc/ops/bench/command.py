"""Emergency command among a city's devices: each part measures its own on one running centre.

A part is a module with `figures(job, rig) -> list[Figure]`; it fills what it needs beside the devices and regions.
Options: `devices`, `edges`, `incidents`, `cases`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from ioc.clock import SystemClock
from ioc.ops.bench import Figure, Job, city, command_panels, command_roads, replay
from ioc.ops.bench.rig import Rig

DEVICES, QUICK_DEVICES = 2_000_000, 2_000
CASES, QUICK_CASES = 200_000, 2_000  # of a year; their number is `ioc bench replay`'s question


def _replay(job: Job, rig: Rig) -> list[Figure]:
    cases = int(job.options.get("cases", 0)) or (QUICK_CASES if job.quick else CASES)
    return replay.figures(job, rig, _devices(job), cases)


PARTS: tuple[Callable[[Job, Rig], list[Figure]], ...] = (command_panels.figures, command_roads.figures, _replay)


def run(job: Job) -> list[Figure]:
    job.generator = "one workspace at a time, its panels on five connections; else one client, one question at a time"
    out: list[Figure] = []
    with Rig(job.composition) as rig:
        begun = time.monotonic()
        with rig.owner() as conn:
            city.load(conn, _devices(job), cones=True, known_at=replay.long_ago(SystemClock().now()))
        job.say(f"{_devices(job):,} devices loaded in {time.monotonic() - begun:.0f} s")
        command_roads.fill_asked(job, rig)  # forces are sorted by road
        for part in PARTS:
            out += part(job, rig)
            job.say(f"load average after {part.__module__.rsplit('.', 1)[-1]}: {os.getloadavg()[0]:.1f}")
    return out


def _devices(job: Job) -> int:
    return int(job.options.get("devices", 0)) or (QUICK_DEVICES if job.quick else DEVICES)
