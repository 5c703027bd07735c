"""Patrols of the last days, their plans, and the figures of villages. Invented, seeded, all of them `demo`."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_sources._demo import text
from data_sources._demo.copying import Conn, copy_lines, next_id
from data_sources._demo.grids import Written
from ioc.patrols.track import GOOD, Point, merged

DAYS, TRACK_DAYS = 10, 2
# Share of planned patrols that are walked: the map shows what is behind.
KEPT = 0.82
_STEP_S = 60
_PATROL = ("patrol_id", "once", "account", "person", "grid_cell_id", "kind", "begun_at", "ended_at", "received_at",
           "distance_m", "points", "jumps", "inside", "findings", "region_id", "origin", "updated_at")  # fmt: skip
_TRACK = ("patrol_id", "begun_at", "at_ms", "lon", "lat", "accuracy_m", "flag", "geom", "region_id", "origin")
_SERVICES = (("城乡居民医保参保登记", 0.06), ("城乡居民养老待遇认证", 0.04), ("高龄津贴申报", 0.012),
             ("居住证登记", 0.02), ("就业失业登记", 0.008), ("农村危房改造申请", 0.0015))  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Walk:
    """One patrol; `event` is what was found on it."""

    cell: int  # index into the cells
    kind: str
    begun: dt.datetime
    ended: dt.datetime
    event: Mapping[str, Any] | None = None


def write(conn: Conn, grid: Written, report: str, seed: int, at: dt.datetime) -> dict[str, int]:
    """Plans, patrols with tracks and findings, figures. `report`: source of the grid officers' reports."""
    rng = np.random.default_rng([seed, 771])
    general = [i for i, c in enumerate(grid.cells) if c.kind == "general"]
    about = _cells(conn, grid)
    plans = {i: (int(rng.integers(2, 5)), 1) for i in general if grid.first_id + i in about}
    walks = [*_found(conn, grid, report, rng, at), *_planned(plans, rng, at)]
    counts = {"patrol_plan": _write_plans(conn, grid, plans, about, at)}
    counts |= _write_walks(conn, grid, walks, about, rng, at)
    counts["village_figure"] = _write_figures(conn, rng, at)
    return counts


def _cells(conn: Conn, grid: Written) -> dict[int, tuple[str, int]]:
    """Officer and region by id."""
    rows = conn.execute(
        "SELECT grid_cell_id, coalesce(officers->0->>'name', '网格员'), region_id FROM grid_cell"
        " WHERE grid_cell_id >= %s AND kind = 'general'",
        (grid.first_id,),
    ).fetchall()
    return {r[0]: (r[1], r[2]) for r in rows}


def _found(conn: Conn, grid: Written, report: str, rng: np.random.Generator, at: dt.datetime) -> Iterator[_Walk]:
    """A patrol round each report of a grid officer."""
    rows = conn.execute(
        "SELECT event_id, occurred_at, ST_X(geom), ST_Y(geom), title, urgency, category_scheme, category_code,"
        " grid_cell_ids FROM event WHERE origin = 'demo' AND source = %s AND geom IS NOT NULL"
        " AND occurred_at > %s AND occurred_at < %s ORDER BY event_id",
        (report, at - dt.timedelta(days=DAYS), at - dt.timedelta(hours=1)),
    ).fetchall()
    for row in rows:
        cell = next((i - grid.first_id for i in row[8] if grid.cells[i - grid.first_id].kind == "general"), None)
        if cell is None:
            continue
        names = ("event_id", "at", "lon", "lat", "title", "urgency", "scheme", "code")
        before, after = (dt.timedelta(minutes=int(m)) for m in rng.integers(10, 30, 2))
        yield _Walk(cell, "inspect", row[1] - before, row[1] + after, dict(zip(names, row[:8], strict=True)))


def _planned(plans: Mapping[int, tuple[int, int]], rng: np.random.Generator, at: dt.datetime) -> Iterator[_Walk]:
    for cell, (inspect, visit) in plans.items():
        for kind, times in (("inspect", inspect), ("visit", visit)):
            for day in range(DAYS):
                if rng.random() > times / 7 * KEPT:
                    continue
                begun = at - dt.timedelta(days=day + 1) + dt.timedelta(minutes=int(rng.integers(0, 1440)))
                ended = begun + dt.timedelta(minutes=int(rng.integers(20, 70)))
                if ended < at:
                    yield _Walk(cell, kind, begun, ended)


def _write_plans(
    conn: Conn, grid: Written, plans: Mapping[int, tuple[int, int]], about: Mapping[int, tuple[str, int]],
    at: dt.datetime,
) -> int:  # fmt: skip
    columns = ("grid_cell_id", "kind", "times_a_week", "source", "region_id", "origin", "updated_at")
    return copy_lines(
        conn,
        "patrol_plan",
        columns,
        (
            text.line((grid.first_id + i, kind, times, "demo", about[grid.first_id + i][1], "demo", at))
            for i, pair in plans.items()
            for kind, times in zip(("inspect", "visit"), pair, strict=True)
        ),
    )


def _write_walks(
    conn: Conn, grid: Written, walks: list[_Walk], about: Mapping[int, tuple[str, int]], rng: np.random.Generator,
    at: dt.datetime,
) -> dict[str, int]:  # fmt: skip
    first = next_id(conn, "patrol", "patrol_id")
    rows: list[str] = []
    tracks: list[str] = []
    findings: list[tuple[int, _Walk, int]] = []
    for patrol_id, w in enumerate(walks, first):
        person, region = about[grid.first_id + w.cell]
        minutes = (w.ended - w.begun).total_seconds() / 60
        distance, points = minutes * float(rng.uniform(30, 60)), round(minutes)
        if at - w.begun < dt.timedelta(days=TRACK_DAYS):
            distance, points, line = _track(grid, w, patrol_id, region, rng)
            tracks.append(line)
        if w.event is not None:
            findings.append((patrol_id, w, region))
        rows.append(
            text.line(
                (patrol_id, f"demo-{patrol_id}", f"grid-{grid.first_id + w.cell}", person, grid.first_id + w.cell,
                 w.kind, w.begun, w.ended, w.ended, round(distance, 1), points, 0, points, int(w.event is not None),
                 region, "demo", w.ended)
            )
        )  # fmt: skip
    copy_lines(conn, "patrol", _PATROL, rows)
    copy_lines(conn, "patrol_track", _TRACK, tracks)
    for patrol_id, w, region in findings:
        assert w.event is not None
        conn.execute(
            "INSERT INTO patrol_finding (patrol_id, once, found_at, geom, title, urgency, category_scheme,"
            " category_code, digest, event_id, region_id, origin) VALUES (%s, 'demo', %s,"
            " ST_SetSRID(ST_MakePoint(%s, %s), 4326), %s, %s, %s, %s, '', %s, %s, 'demo')",
            (patrol_id, *(w.event[k] for k in ("at", "lon", "lat", "title", "urgency", "scheme", "code", "event_id")),
             region),
        )  # fmt: skip
    conn.execute("SELECT setval(pg_get_serial_sequence('patrol', 'patrol_id'), greatest((SELECT max(patrol_id) FROM"
                 " patrol), 1))")  # fmt: skip
    return {"patrol": len(rows), "patrol_track": len(tracks), "patrol_finding": len(findings)}


def _track(grid: Written, w: _Walk, patrol_id: int, region: int, rng: np.random.Generator) -> tuple[float, int, str]:
    """(metres, points, line of patrol_track): a stroll round the middle of the cell, by what was found."""
    shape = grid.cells[w.cell].shape
    middle = shape.representative_point()
    x, y = (middle.x, middle.y) if w.event is None else (w.event["lon"], w.event["lat"])
    n = max(2, int((w.ended - w.begun).total_seconds() // _STEP_S))
    # about a kilometre and a half round, less in a small cell
    radius = min(0.0022, 0.3 * math.sqrt(shape.area))
    begin, wobble = float(rng.uniform(0, 2 * math.pi)), rng.normal(0, radius / 40, (n, 2))
    angle = begin + np.linspace(0, 2 * math.pi, n)
    lon = x + radius * (np.cos(angle) - math.cos(begin)) + wobble[:, 0]
    lat = y + 0.8 * radius * (np.sin(angle) - math.sin(begin)) + wobble[:, 1]
    at = [round((w.begun.timestamp() + k * _STEP_S) * 1000) for k in range(n)]
    track = merged([], [Point(t, float(a), float(b), 8.0) for t, a, b in zip(at, lon, lat, strict=True)])
    p = track.points
    wkt = "SRID=4326;LINESTRING(" + ",".join(f"{q.lon:.7f} {q.lat:.7f}" for q in p) + ")"
    flags = track.flags
    assert flags.count(GOOD) == n
    line = text.line(
        (patrol_id, w.begun, text.array(q.at_ms for q in p), text.array(q.lon for q in p),
         text.array(q.lat for q in p), text.array(q.accuracy_m for q in p), text.array(flags), wkt, region, "demo")
    )  # fmt: skip
    return track.distance_m, n, line


def _write_figures(conn: Conn, rng: np.random.Generator, at: dt.datetime) -> int:
    """People and registrations of every demo village, as of the last day of the month before."""
    day = at.date().replace(day=1) - dt.timedelta(days=1)
    rows = conn.execute(
        "SELECT region_id, population FROM region WHERE kind = 'village' AND origin = 'demo' ORDER BY region_id"
    ).fetchall()

    def lines() -> Iterator[str]:
        for region, population in rows:
            people = population or round(float(rng.lognormal(7.6, 0.5)))
            share = rng.uniform(0.85, 1.15, 8)
            found = {
                "households": people / float(rng.uniform(2.9, 3.7)), "residents": people,
                "registered": people * 1.12 * share[0],
                "elderly": people * 0.17 * share[1], "children": people * 0.16 * share[2],
                "disabled": people * 0.013 * share[3], "low_income": people * 0.009 * share[4],
                "left_behind": people * 0.002 * share[5],
            }  # fmt: skip
            for item, value in found.items():
                yield text.line((region, "people", item, day, round(value), "demo", "demo", at))
            for item, part in _SERVICES:
                value = round(people * part * float(rng.uniform(0.6, 1.4)))
                yield text.line((region, "service", item, day, value, "demo", "demo", at))

    columns = ("region_id", "section", "item", "as_of", "value", "source", "origin", "updated_at")
    return copy_lines(conn, "village_figure", columns, lines())
