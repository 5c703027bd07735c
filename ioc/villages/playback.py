"""What was known of events and cases at a moment: each as its newest version recorded by then. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["open", "closed", "void"]


@dataclass(frozen=True, slots=True)
class Step:
    """From `at_ms` on (epoch milliseconds) the thing was so. `label` zh and en."""

    at_ms: int
    state: State
    urgency: str
    label: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Thing:
    """An event or case with its steps by time. Without a place it is in the list and not on the map."""

    key: str
    title: str
    lon: float | None
    lat: float | None
    steps: tuple[Step, ...]

    def at(self, ms: int) -> Step | None:
        """Newest step at that moment; None before it was known."""
        i = bisect_right([s.at_ms for s in self.steps], ms)
        return self.steps[i - 1] if i else None


def settled(steps: Sequence[Step]) -> tuple[Step, ...]:
    """By time; of several at one moment the last given; without those that change nothing a screen shows."""
    out: list[Step] = []
    for step in sorted(steps, key=lambda s: s.at_ms):
        if out and out[-1].at_ms == step.at_ms:
            out.pop()
        if out and (out[-1].state, out[-1].urgency, out[-1].label) == (step.state, step.urgency, step.label):
            continue
        out.append(step)
    return tuple(out)


def moments(things: Sequence[Thing], since_ms: int, until_ms: int) -> list[int]:
    """When something changed inside the period, rising: what "next step" goes to."""
    return sorted({s.at_ms for t in things for s in t.steps if since_ms <= s.at_ms <= until_ms})


def counts(things: Sequence[Thing], ms: int) -> dict[str, int]:
    """How many are open and closed at a moment; void ones count nowhere."""
    states = [s.state for t in things if (s := t.at(ms)) is not None]
    return {"open": states.count("open"), "closed": states.count("closed")}


def as_json(thing: Thing) -> dict[str, Any]:
    steps = [{"at": s.at_ms, "state": s.state, "urgency": s.urgency, "label": dict(s.label)} for s in thing.steps]
    return {"key": thing.key, "title": thing.title, "lon": thing.lon, "lat": thing.lat, "steps": steps}
