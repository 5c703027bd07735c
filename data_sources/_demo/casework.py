"""Events and cases of the past days: arrival by the hour, progress by elapsed time, most of them on time."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import h3.api.basic_int as h3
import numpy as np

from data_sources._demo import places, text
from data_sources._demo.places import Ground
from data_sources._demo.sources import Systems
from data_sources._demo.stories import (
    FLOWS,
    HOURS,
    INCIDENTS,
    LATE,
    SUSPECTED,
    UNLINKED,
    WAITING,
    WEEKDAY,
    WEEKEND,
    FlowStory,
    Story,
)

HOUR_S = 3600.0


@dataclass
class Work:
    """One report and, unless `flow` is empty, the case made of it. Times are epoch seconds."""

    flow: str
    title: str
    scheme: str
    code: str
    icon: str
    urgency: str
    lon: float
    lat: float
    village: int
    address: str
    source: str
    source_text: str
    department: str
    occurred: float
    opened: float
    number: str = ""
    level: int | None = None
    level_state: str = ""
    level_by: str = ""
    response: str = ""
    officer: str = ""
    stage: str = ""
    stages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    responded: float | None = None
    due: float | None = None
    total_due: float | None = None
    due_label: str = ""
    stopped: bool = False
    closed: float | None = None
    satisfaction: int | None = None
    suspected: bool = False
    h3_10: int = 0
    allow_s: float = 0.0  # from opening to the total deadline

    @property
    def on_time(self) -> bool | None:
        return None if self.closed is None or self.total_due is None else self.closed <= self.total_due


@dataclass(frozen=True)
class Setting:
    """Where and when: everything a generated report draws on."""

    ground: Ground
    systems: Systems
    tz: ZoneInfo
    now: float
    seed: int

    def local(self, epoch: float) -> dt.datetime:
        return dt.datetime.fromtimestamp(epoch, self.tz)


def build_work(s: Setting, days: int, per_day: int, highlights: Path | None) -> list[Work]:
    """All reports of `days` days up to now, oldest first, numbered by day. Same arguments, same list."""
    rng = np.random.default_rng([s.seed, 303])
    times = arrivals(s, days, per_day, rng)
    points, village = scatter_points(s.ground, len(times), rng)
    out = [one(s, FLOWS, t, points[i], int(village[i]), rng) for i, t in enumerate(times)]
    for k in range(max(1, days // 4)):
        at = s.now - (k + 0.6) * 4 * 86400 - rng.random() * 40_000
        if at > s.now - days * 86400:
            v = int(rng.integers(0, len(s.ground.villages)))
            out.append(one(s, (INCIDENTS,), at, s.ground.centres[v], v, rng))
    _leave_waiting(out, waiting(per_day))
    out += featured(s, highlights, rng) if highlights else []
    out.sort(key=lambda w: w.opened)
    number(s, out)
    return out


def waiting(per_day: int) -> int:
    """How many routine reports are in hand but not accepted, at any hour."""
    return max(2, round(WAITING * per_day))


def _leave_waiting(work: Sequence[Work], count: int) -> None:
    """Takes the newest routine reports out of their cases: nobody has accepted them yet."""
    known = {f.key for f in FLOWS}
    fresh = sorted((w for w in work if w.flow in known and w.urgency == "routine"), key=lambda w: w.opened)
    for w in fresh[-count:]:
        w.flow, w.stages, w.closed, w.responded, w.due, w.total_due = "", [], None, None, None, None


def scatter_points(g: Ground, n: int, rng: np.random.Generator) -> tuple[places.Points, places.Ints]:
    """Places of `n` reports in random order: where people live, a little more in the core."""
    weights = 0.65 * g.weights / g.weights.sum() + 0.35 * places.urban(g) / places.urban(g).sum()
    points, village = places.scatter(g, places.share_out(weights, n), rng, 0.6, 0.25)
    order = rng.permutation(n)
    return points[order], village[order]


def arrivals(s: Setting, days: int, per_day: int, rng: np.random.Generator) -> list[float]:
    """Times of reports by the duty room's hours; whole local days back from today, nothing after now."""
    shape = np.array(HOURS, dtype=np.float64) / sum(HOURS)
    today = s.local(s.now).replace(hour=0, minute=0, second=0, microsecond=0)
    out: list[float] = []
    for back in range(days - 1, -1, -1):
        day = today - dt.timedelta(days=back)
        rate = per_day * (WEEKEND if day.weekday() >= 5 else WEEKDAY)
        for hour, n in enumerate(rng.poisson(rate * shape).tolist()):
            begin = (day + dt.timedelta(hours=hour)).timestamp()
            out += (begin + rng.random(n) * HOUR_S).tolist()
    return sorted(t for t in out if t <= s.now - 90)


def draft(
    s: Setting, flows: Sequence[FlowStory], at: float, point: places.Points, v: int, rng: np.random.Generator
) -> tuple[Work, FlowStory]:
    """One report at a place and time, nothing done about it yet."""
    f = flows[int(rng.choice(len(flows), p=_shares([x.share or 1.0 for x in flows])))]
    story = f.stories[int(rng.choice(len(f.stories), p=_shares([x.weight for x in f.stories])))]
    source, words, _ = f.reporters[int(rng.choice(len(f.reporters), p=_shares([r[2] for r in f.reporters])))]
    urgency = "urgent" if rng.random() < story.urgent else "routine"
    if f.key == "grid" and rng.random() < 0.0012:
        urgency = "critical"
    w = Work(
        f.key, story.title, story.scheme, story.code, story.icon, urgency, float(point[0]), float(point[1]), v,
        f"{int(rng.integers(1, 13))} 号网格", s.systems.report(source), words, department(s, story, v),
        at - rng.exponential(160), at,
    )  # fmt: skip
    w.h3_10 = h3.latlng_to_cell(w.lat, w.lon, 10)
    w.officer = text.name(rng)
    allow(s, w, story)
    if f.key == "incident":
        w.level, w.level_state, w.level_by = 4, "confirmed", "值班长"
    elif rng.random() < UNLINKED:
        w.flow, w.suspected = "", bool(rng.random() < SUSPECTED / UNLINKED)
    return w, f


def allow(s: Setting, w: Work, story: Story) -> None:
    """Sets the allowance and the total deadline of a case opened now."""
    quick = {"urgent": 0.25, "critical": 0.06}.get(w.urgency, 1.0)
    w.allow_s = max(0.5, story.allow_h * quick) * HOUR_S
    end = w.opened + w.allow_s
    w.total_due = _working(s, end) if w.flow == "hotline" and w.allow_s > 72 * HOUR_S else end


def one(
    s: Setting, flows: Sequence[FlowStory], at: float, point: places.Points, v: int, rng: np.random.Generator
) -> Work:
    """A report of the past, with its case carried as far as its age allows."""
    w, f = draft(s, flows, at, point, v, rng)
    if not w.flow:
        end = at + rng.exponential(3 * HOUR_S)
        w.closed, w.total_due = end if end < s.now else None, None
        return w
    _progress(s, w, f, rng)
    return w


def stage_due(w: Work, k: int, stages: int) -> float:
    """When stage `k` should be over: the allowance spread over the stages."""
    return w.opened + ((w.total_due or w.opened) - w.opened) * min(1.0, (k + 1.4) / (stages - 1))


def step(w: Work, f: FlowStory, k: int, at: float) -> None:
    """Enter stage `k`."""
    due = stage_due(w, k, len(f.stages))
    w.stage, w.due = f.stages[k], due
    w.stages.append({"stage": w.stage, "entered_at": _iso(at), "due_at": _iso(due), "by": w.officer if k else "值班员"})


def scatter_one(g: Ground, rng: np.random.Generator) -> tuple[places.Points, int]:
    """One place where people live."""
    v = int(rng.choice(len(g.villages), p=g.weights / g.weights.sum()))
    counts = np.zeros(len(g.villages), dtype=np.int64)
    counts[v] = 1
    return places.scatter(g, counts, rng, 0.6, 0.25)[0][0], v


def _shares(values: Sequence[float]) -> places.Points:
    a = np.asarray(values, dtype=np.float64)
    return a / a.sum()


def department(s: Setting, story: Story, v: int) -> str:
    return s.ground.towns[v] if story.department == "街道办" else f"{s.ground.counties[v]}{story.department}"


def _progress(s: Setting, w: Work, f: FlowStory, rng: np.random.Generator) -> None:
    """Deadlines, answer, stages and end of a case, as known at `now`."""
    share = 1.02 + 0.5 * rng.random() if rng.random() < LATE else 0.22 + 0.74 * rng.beta(2.0, 1.8)
    end = w.opened + w.allow_s * share
    answer = {"routine": 7.4, "urgent": 4.0, "critical": 1.8}[w.urgency] * 60 * rng.gamma(3.0, 1 / 3.0)
    w.responded = w.opened + min(answer, 0.5 * w.allow_s * share)
    marks = np.sort(rng.random(len(f.stages) - 2))
    entered = [w.opened, w.responded, *(w.responded + (end - w.responded) * marks[1:]).tolist(), end]
    for k, at in enumerate(entered):
        if at > s.now:
            break
        step(w, f, k, at)
    if end <= s.now:
        w.closed, w.due = end, w.total_due
        w.satisfaction = int(rng.choice([5, 4, 3, 2], p=[0.72, 0.2, 0.06, 0.02])) if f.key == "hotline" else None
        return
    total = w.total_due or s.now
    w.responded = w.responded if w.responded <= s.now else None
    w.stopped = total - s.now > 20 * HOUR_S
    w.due = total if w.stopped or total <= s.now else max(w.due or 0.0, min(total, s.now + 600.0))


def _working(s: Setting, due: float) -> float:
    """The end of that working day (17:30), moved on from a weekend."""
    day = s.local(due)
    while day.weekday() >= 5:
        day += dt.timedelta(days=1)
    return day.replace(hour=17, minute=30, second=0, microsecond=0).timestamp()


def _iso(epoch: float) -> str:
    return dt.datetime.fromtimestamp(round(epoch), dt.UTC).isoformat().replace("+00:00", "Z")


def featured(s: Setting, file: Path, rng: np.random.Generator) -> list[Work]:
    """The pack's highlights, open right now: what a visitor looks at first."""
    flows = {f.key: f for f in (*FLOWS, INCIDENTS)}
    return [_highlight(s, flows[h["flow"]], h, rng) for h in json.loads(file.read_text("utf-8"))]


def _highlight(s: Setting, f: FlowStory, h: Mapping[str, Any], rng: np.random.Generator) -> Work:
    v = village_at(s.ground, h["town"], h["lon"], h["lat"])
    opened, due = s.now - h["opened_min"] * 60, s.now + h["due_min"] * 60
    w = Work(
        f.key, h["title"], h["scheme"], h["code"], h.get("icon", ""), h["urgency"], h["lon"], h["lat"], v, h["address"],
        s.systems.report(h["source"]), h["source_text"], h["department"], opened - 70, opened,
        level=h.get("level"), level_state=h.get("level_state", ""), level_by=h.get("level_by", ""),
        response=h.get("response", ""), officer=h.get("officer") or text.name(rng), due=due,
        total_due=max(due, opened + 2 * HOUR_S), due_label=h.get("due_label", ""),
    )  # fmt: skip
    w.h3_10 = h3.latlng_to_cell(w.lat, w.lon, 10)
    pace = (s.now - opened) / (h["stage"] + 1)
    for k, stage in enumerate(f.stages[: h["stage"] + 1]):
        at = opened + k * pace
        w.stage = stage
        w.stages.append(
            {"stage": stage, "entered_at": _iso(at), "due_at": _iso(due), "by": w.officer if k else "值班员"}
        )
    w.responded = opened + min(pace, 150.0) if h["stage"] else None
    return w


def village_at(g: Ground, town: str, lon: float, lat: float) -> int:
    """The village of `town` whose centre is nearest."""
    mine = [i for i, code in enumerate(g.town_codes) if code == town] or list(range(len(g.villages)))
    d = ((g.centres[mine] - (lon, lat)) ** 2).sum(axis=1)
    return mine[int(np.argmin(d))]


def number(s: Setting, work: Sequence[Work]) -> None:
    """Numbers of the day: SJ20261003-0193, GD20261003004512."""
    flows = {f.key: f for f in (*FLOWS, INCIDENTS)}
    count: dict[str, int] = {}
    for w in work:
        f = flows[w.flow or "grid"]
        head = f"{f.prefix}{s.local(w.opened):%Y%m%d}"
        count[head] = count.get(head, 0) + 1
        dash = "" if f.key == "hotline" else "-"
        mark = "E" if not w.flow else ""
        w.number = f"{head}{dash}{mark}{count[head]:0{f.digits}d}"


def case_rows(s: Setting, work: Sequence[Work], region_ids: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(index into `work`, columns) of every case."""
    for i, w in enumerate(work):
        if w.flow:
            yield i, {
                "number": w.number, "source": w.source, "source_id": w.number, "flow": w.flow, "stage": w.stage,
                "title": w.title, "description": "", "category_scheme": w.scheme, "category_code": w.code,
                "urgency": w.urgency, "incident_level": w.level, "level_state": w.level_state, "level_by": w.level_by,
                "response": w.response, "address": w.address, "region_id": region_ids[w.village],
                "department": w.department, "officer": w.officer, "opened_at": w.opened, "responded_at": w.responded,
                "due_at": w.due, "total_due_at": w.total_due, "due_label": w.due_label, "clock_stopped": w.stopped,
                "closed_at": w.closed, "on_time": w.on_time, "satisfaction": w.satisfaction, "stages": w.stages,
                "sources": [{"source": w.source, "source_id": w.number, "text": w.source_text, "at": _iso(w.occurred)}],
                "attributes": {"icon": w.icon} if w.icon else {},
            }  # fmt: skip
