"""The road part of `ioc bench command`: isochrones over HTTP, travel times of forces, a route; beside bare pgRouting.

Floor: pgRouting alone on the same box of the same network, asked by the owner: its search, nothing fetched or drawn.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, LiteralString

import httpx
import numpy as np
import psycopg

from ioc import geo
from ioc.command.roads.travel import Place
from ioc.ops.bench import Figure, Job, city, interleaved, median, percentile, road_city
from ioc.ops.bench.rig import Rig
from ioc.scope import Scope
from ioc.store import Store, travel
from ioc.store.database import open_store

EDGES, QUICK_EDGES = 50_000, 6_000
ISOCHRONE_MS, FORCES_MS = 500.0, 300.0
MINUTES, FORCES, NEAR_DEG = 15, 40, 0.05
ASKS, QUICK_ASKS = 20, 3
VEHICLE = "fire_engine"
_EDGES: LiteralString = (
    "SELECT edge_id AS id, from_node AS source, to_node AS target, c_fire_engine AS cost,"
    " r_fire_engine AS reverse_cost FROM road_edge WHERE geom_m && ST_MakeEnvelope({})"
)
_NODE: LiteralString = (
    "SELECT from_node AS n FROM road_edge WHERE main & 1 <> 0"
    " ORDER BY geom_m <-> ST_SetSRID(ST_MakePoint(%s, %s), %s) LIMIT 1"
)


def fill(rig: Rig, edges: int) -> dict[str, Any]:
    """A network of at least `edges` stretches in the rig's city, by `ioc import roads`. Returns the report."""
    file = road_city.write(Path(rig.root) / "roads.gpkg", edges)
    report: dict[str, Any] = json.loads(rig.command("import", "roads", str(file), "--crs", "EPSG:4490", "--json"))
    file.unlink(missing_ok=True)
    with rig.owner() as conn:
        conn.execute("VACUUM ANALYZE road_edge")
    return report


def fill_asked(job: Job, rig: Rig) -> None:
    """The network `job` asks for, on a rig whose city is loaded (`city.load`)."""
    asked = int(job.options.get("edges", 0)) or (QUICK_EDGES if job.quick else EDGES)
    report = fill(rig, asked)
    rate = _stretches(rig) / max(report["seconds"], 0.01)
    job.say(f"road network of {_stretches(rig):,} stretches, brought in in {report['seconds']:.0f} s, {rate:,.0f}/s")


def _stretches(rig: Rig) -> int:
    with rig.owner() as conn:
        row = conn.execute("SELECT sum(edges)::bigint AS n FROM road_source").fetchone()
    return int(row["n"]) if row else 0


def figures(job: Job, rig: Rig) -> list[Figure]:
    """On a rig whose roads are there (`fill_asked`)."""
    count = _stretches(rig)
    places = _places(QUICK_ASKS if job.quick else ASKS)
    token = rig.token("roads")
    store = open_store(rig.settings)
    try:
        with httpx.Client(base_url=rig.url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            measures: tuple[Callable[[], float], ...] = (
                lambda: _p95([_isochrone(client, p) for p in places]),
                lambda: _p95(_floors(rig, places, MINUTES * 60.0)),
                lambda: _p95([_forces(store, p) for p in places]),
                lambda: _p95(_floors(rig, places, 900.0)),
                lambda: _p95([_route(client, a, b) for a, b in pairwise(places)]),
            )
            got = interleaved(job.rounds, *measures)
    finally:
        store.close()
    iso, iso_floor, forces, forces_floor, route = got
    limits = (None, None) if job.quick else (ISOCHRONE_MS, FORCES_MS)
    bare = "bare pgr_drivingDistance p95"
    return [
        Figure(f"isochrone {MINUTES} min p95", median(iso), "ms", median(iso_floor), bare, limits[0],
               samples=tuple(iso), note=f"{count} stretches, over HTTP"),
        Figure(f"travel times of {FORCES} forces p95", median(forces), "ms", median(forces_floor), bare, limits[1],
               samples=tuple(forces)),
        Figure("route across the city p95", median(route), "ms", samples=tuple(route)),
    ]  # fmt: skip


def _places(count: int) -> list[tuple[float, float]]:
    """Places of chance around towns, the same every time."""
    rng = np.random.default_rng(11)
    out: list[tuple[float, float]] = []
    for town in rng.integers(0, city.COLUMNS * city.ROWS, count).tolist():
        lon, lat = city.town_centre(town)
        dx, dy = rng.normal(0, 0.01, 2).tolist()
        out.append((lon + dx, lat + dy))
    return out


def _p95(samples: Sequence[float]) -> float:
    return percentile(list(samples), 0.95)


def _isochrone(client: httpx.Client, place: tuple[float, float]) -> float:
    body = {"lon": place[0], "lat": place[1], "minutes": [MINUTES], "vehicle": VEHICLE}
    begun = time.perf_counter()
    answer = client.post("/api/v1/command/isochrones", json=body)
    took = (time.perf_counter() - begun) * 1000
    answer.raise_for_status()
    if answer.json()["state"] != "ok":
        raise RuntimeError(answer.text[:300])
    return took


def _route(client: httpx.Client, a: tuple[float, float], b: tuple[float, float]) -> float:
    ends = [{"lon": p[0], "lat": p[1]} for p in (a, b)]
    begun = time.perf_counter()
    answer = client.post("/api/v1/command/route", json={"start": ends[0], "end": ends[1], "vehicle": VEHICLE})
    took = (time.perf_counter() - begun) * 1000
    answer.raise_for_status()
    return took


def _forces(store: Store, place: tuple[float, float]) -> float:
    """Forces scattered round the incident, asked for like the panel does."""
    rng = np.random.default_rng(int(place[0] * 1e6))
    others = [Place(i, place[0] + dx, place[1] + dy) for i, (dx, dy) in enumerate(rng.normal(0, NEAR_DEG, (FORCES, 2)))]
    scope = Scope("bench", frozenset({"case.view"}), True, frozenset(), None, 2)
    begun = time.perf_counter()
    with store.scoped(scope) as conn:
        got = travel.travel_times(
            conn, scope, Place("incident", *place), others, travel.Ask(VEHICLE, dt.datetime.now(dt.UTC))
        )
    took = (time.perf_counter() - begun) * 1000
    if got.state != "ok":
        raise RuntimeError(got.state)
    return took


def _floors(rig: Rig, places: Sequence[tuple[float, float]], seconds: float) -> list[float]:
    with rig.owner() as conn:
        return [_floor(conn, p, seconds) for p in places]


def _floor(conn: psycopg.Connection[Any], place: tuple[float, float], seconds: float) -> float:
    srid = geo.metre_srid(city.WEST + city.WIDTH / 2)
    x, y = (float(v[0]) for v in geo.to_metres(np.array([place[0]]), np.array([place[1]]), srid))
    row = conn.execute(_NODE, (x, y, srid)).fetchone()
    top = conn.execute("SELECT max((top_mps->>'fire_engine')::float8) AS t FROM road_source").fetchone()
    assert row is not None
    assert top is not None
    reach = seconds * float(top["t"])
    edges = _EDGES.format(f"{x - reach}, {y - reach}, {x + reach}, {y + reach}, {srid}")
    begun = time.perf_counter()
    conn.execute(
        "SELECT count(*) FROM pgr_drivingDistance(%s, %s::bigint, %s::float8, true)", (edges, row["n"], seconds)
    )
    return (time.perf_counter() - begun) * 1000
