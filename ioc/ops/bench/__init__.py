"""`ioc bench live|tiles|kpi|screen|import|intake|cases|alarms|command|video|replay`: figures and floors.

A bench is a module here with `run(job: Job) -> list[Figure]`. It starts what it measures itself, in a folder and on
ports of its own, with a bound on time and number, and leaves nothing behind.
"""

from __future__ import annotations

import importlib
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import psutil

from ioc import __version__
from ioc.clock import SystemClock
from ioc.errors import ConfigError
from ioc.ops.composition import Composition
from ioc.settings import Settings

BENCHES: Mapping[str, str] = {
    "live": "ioc.ops.bench.live",
    "tiles": "ioc.ops.bench.tiles",
    "kpi": "ioc.ops.bench.kpi",
    "screen": "ioc.ops.bench.screen",
    "import": "ioc.ops.bench.imports",
    "intake": "ioc.ops.bench.intake",
    "cases": "ioc.ops.bench.cases",
    "alarms": "ioc.ops.bench.alarms",
    "command": "ioc.ops.bench.command",
    "video": "ioc.ops.bench.video",
    "replay": "ioc.ops.bench.replay",
}
ROUNDS = 5


@dataclass(frozen=True)
class Figure:
    """One measured value. `ratio` is value ÷ floor. `limit` with `better` decides `ok`; without a limit it is a fact.

    `of` says what the limit bounds: the value itself or its ratio to the floor.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    floor_name: str = ""
    limit: float | None = None
    better: Literal["low", "high"] = "low"
    of: Literal["value", "ratio"] = "value"
    samples: tuple[float, ...] = ()
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None

    @property
    def ok(self) -> bool | None:
        if self.limit is None:
            return None
        found = self.value if self.of == "value" else self.ratio
        if found is None:
            return None
        return found <= self.limit if self.better == "low" else found >= self.limit

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "ok": self.ok}


@dataclass
class Job:
    """What a bench is given, and where it says what it did. `quick`: small and once, for tests."""

    settings: Settings
    composition: Composition
    quick: bool = False
    rounds: int = ROUNDS
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    generator: str = ""  # the load generator, named
    notes: list[str] = field(default_factory=list[str])

    def say(self, note: str) -> None:
        self.notes.append(note)


def run_bench(
    what: str,
    settings: Settings,
    composition: Composition,
    *,
    quick: bool = False,
    rounds: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run one bench. The answer is JSON-able; `passed` is False when any figure misses its limit."""
    if what not in BENCHES:
        raise ConfigError(f"没有 {what}；可选 {', '.join(BENCHES)}", f"no bench {what}; choose {', '.join(BENCHES)}")
    module = importlib.import_module(BENCHES[what])
    job = Job(settings, composition, quick, 1 if quick else rounds or ROUNDS, options or {})
    clock = SystemClock()
    begun, started = time.monotonic(), clock.now()
    figures: list[Figure] = module.run(job)
    return {
        "bench": what,
        "version": __version__,
        "started_at": started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - begun, 1),
        "quick": quick,
        "rounds": job.rounds,
        "load_generator": job.generator,
        "machine": machine(),
        "figures": [f.as_dict() for f in figures],
        "passed": all(f.ok is not False for f in figures),
        "notes": job.notes,
    }


def machine() -> dict[str, Any]:
    memory = psutil.virtual_memory()
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory.total / 2**30, 1),
        "load_1m": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def interleaved(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Run the measures in turn, `rounds` times, so that a slow minute of the machine meets them all alike."""
    out: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for samples, measure in zip(out, measures, strict=True):
            samples.append(measure())
    return out


def median(samples: Sequence[float]) -> float:
    return statistics.median(samples) if samples else float("nan")


def percentile(samples: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest sample with at least `share` of all at or below it."""
    ordered = sorted(samples)
    if not ordered:
        return float("nan")
    return ordered[max(0, min(len(ordered) - 1, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def text(result: Mapping[str, Any]) -> str:
    """The result for people: one line a figure."""
    lines = [f"{result['bench']}: {'passed' if result['passed'] else 'FAILED'} in {result['seconds']} s"]
    for f in result["figures"]:
        mark = {True: "✓", False: "✗", None: " "}[f["ok"]]
        line = f"  {mark} {f['name']:<34} {f['value']:>12,.2f} {f['unit']}"
        if f["floor"] is not None:
            line += f"   floor {f['floor']:,.2f} ({f['floor_name']}), {f['ratio']:.2f}x"
        if f["limit"] is not None:
            sign = "≤" if f["better"] == "low" else "≥"
            line += f"   {sign} {f['limit']:g}{'x' if f['of'] == 'ratio' else ''}"
        lines.append(line)
    lines += [f"  load generator: {result['load_generator']}", *(f"  {n}" for n in result["notes"])]
    return "\n".join(lines)
