"""A frame of the past at random moments of the last 30 days: the list and counts of a desk, and a map of the city.

Floor: the same frame of the present, by the same services and queries. Sizes are the product's unless told otherwise:
2,000,000 devices of which one in a hundred changes its state a day, 1,000,000 cases of a year, each with a version.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg

from ioc.clock import SystemClock
from ioc.declare import Layer
from ioc.ops.bench import Figure, Job, city, interleaved, median, percentile
from ioc.ops.bench.rig import Rig
from ioc.scope import SYSTEM
from ioc.services_live import LiveServices
from ioc.services_past import PastServices
from ioc.store import Store, tiles
from ioc.store.database import open_store
from ioc.store.past import Past

DEVICES, CASES, QUICK = 2_000_000, 1_000_000, (2000, 4000)
DAYS, P95_MS, ASKS = 30, 300.0, 40
LAYERS = ("camera", "sensor", "case")
ZOOM = 9

# Cases of a year, two days each; what was open on the last day is open still.
_CASES: LiteralString = """
WITH made AS (
  INSERT INTO cases (number, source, source_id, flow, stage, title, urgency, geom, h3_10, region_id, opened_at, due_at,
                     closed_at, search, origin, recorded_at, updated_at, known_at)
  SELECT 'R' || i, 'bench', i::text, 'grid', CASE WHEN o THEN 'handling' ELSE 'closed' END, '测量办件 ' || i,
         (ARRAY['routine', 'routine', 'urgent', 'critical'])[1 + (i * 7919) %% 4],
         ST_SetSRID(ST_MakePoint(%(west)s + %(width)s * (((i * 7919) %% 10007) / 10007.0),
                                 %(south)s + %(height)s * (((i * 104729) %% 10009) / 10009.0)), 4326), 0,
         %(town)s + (i * 31) %% 48, at, at + interval '3 days', CASE WHEN NOT o THEN at + interval '2 days' END,
         '测量办件 ' || i, 'demo', at, CASE WHEN o THEN at ELSE at + interval '2 days' END,
         CASE WHEN o THEN at ELSE at + interval '2 days' END
  FROM (SELECT i, at, at + interval '2 days' > %(now)s AS o
        FROM (SELECT i, %(now)s::timestamptz - interval '365 days' * ((%(all)s - i) / %(all)s::float8) AS at
              FROM generate_series(%(low)s::bigint, %(high)s::bigint) i) y) x
  RETURNING *
)
INSERT INTO ioc_was.cases (case_id, number, source, source_id, flow, stage, title, urgency, geom, h3_10, region_id,
                           opened_at, due_at, search, origin, recorded_at, updated_at, queue_rank, queue_due, queue_new,
                           clock_stopped, hold, ended, asked, attributes, sources, stages, version, sensitivity,
                           address, level_state, level_by, response, officer, due_label, category_scheme, category_code,
                           known)
SELECT case_id, number, source, source_id, flow, 'handling', title, urgency, geom, h3_10, region_id, opened_at, due_at,
       search, origin, recorded_at, recorded_at, queue_rank, queue_due, queue_new, false, '', '', '', attributes,
       sources, stages, 1, sensitivity, address, level_state, level_by, response, officer, due_label, '', '',
       tstzrange(opened_at, closed_at)
FROM made WHERE closed_at IS NOT NULL
"""
# States of devices, and what they made of the counts of their cells.
_STATES: LiteralString = """
INSERT INTO ioc_was.device (device_id, source, external_id, kind, class, name, status, exceeded, status_at, geom,
                            geom_m, h3_10, region_id, sensitivity, interval_s, search, attributes, origin, address,
                            recorded_at, updated_at, known)
SELECT d.device_id, d.source, d.external_id, d.kind, d.class, d.name, 'offline', d.exceeded, at, d.geom, d.geom_m,
       d.h3_10, d.region_id, 0, d.interval_s, d.search, '{}', d.origin, '', d.recorded_at, at,
       tstzrange(at, at + interval '3 hours')
FROM (SELECT i, %(now)s::timestamptz - interval '30 days' * random() AS at
      FROM generate_series(1, %(flips)s::int) i) x
JOIN device d ON d.device_id = 1 + (x.i::bigint * 7919) %% %(devices)s
"""
# Twice as many versions of a cell's counts as its devices changed state (gone, back), at most so many of one row: the
# writers make one with every change. Each row changes at moments of its own, and stands since its last.
_MOST_VERSIONS = 60
_CELLS: LiteralString = """
WITH v AS (
  SELECT c.*, interval '30 days' / n AS span,
         %(now)s::timestamptz - interval '30 days' * ((c.cell %% 1009 + length(c.kind)) %% 1009 / 1009.0 / n) AS last
  FROM (SELECT *, least(round(total * 0.02 * %(days)s), %(most)s)::int AS n FROM device_cell WHERE res <= 7) c
  WHERE n > 0),
stands AS (
  UPDATE device_cell c SET known_at = v.last FROM v
  WHERE (c.res, c.cell, c.class, c.kind, c.region_id, c.private_to, c.sensitivity, c.origin)
      = (v.res, v.cell, v.class, v.kind, v.region_id, v.private_to, v.sensitivity, v.origin))
INSERT INTO ioc_was.device_cell (res, cell, class, kind, region_id, private_to, sensitivity, origin, total, offline,
                                 exceeded, center, known)
SELECT res, cell, class, kind, region_id, private_to, sensitivity, origin, total, least(total, offline + i %% 3),
       exceeded, center, tstzrange(CASE WHEN i = n THEN %(began)s ELSE last - i * span END, last - (i - 1) * span)
FROM v CROSS JOIN LATERAL generate_series(1, n) i
ORDER BY last - (i - 1) * span
"""


def run(job: Job) -> list[Figure]:
    job.generator = "one desk that asks for frame after frame"
    devices, cases = QUICK if job.quick else (DEVICES, CASES)
    devices, cases = int(job.options.get("devices", devices)), int(job.options.get("cases", cases))
    with Rig(job.composition) as rig:
        with rig.owner() as conn:
            city.load(conn, devices, known_at=long_ago(SystemClock().now()))
        return figures(job, rig, devices, cases)


def figures(job: Job, rig: Rig, devices: int, cases: int) -> list[Figure]:
    """On a rig whose city is loaded, its devices known for long."""
    began, now = time.perf_counter(), SystemClock().now()
    with rig.owner() as conn:
        fill(conn, now, devices, cases)
    job.say(f"{devices:,} devices' and {cases:,} cases' past made in {time.perf_counter() - began:.0f} s;"
            f" {DAYS} days back")  # fmt: skip
    store = open_store(rig.settings)
    past = Past(store)
    try:
        return _measure(job, rig, store, past, now)
    finally:
        past.close()
        store.close()


def long_ago(now: dt.datetime) -> dt.datetime:
    """Since when everything that has not changed has been known."""
    return now - dt.timedelta(days=400)


def fill(conn: psycopg.Connection[Any], now: dt.datetime, devices: int, cases: int) -> None:
    """Cases and versions. Devices are there, and have been known for longer than is looked back."""
    place = {
        "west": city.WEST,
        "south": city.SOUTH,
        "width": city.WIDTH,
        "height": city.HEIGHT,
        "town": city.FIRST_TOWN,
    }
    began = long_ago(now)
    with conn.transaction():  # the centre is running: who sweeps its devices waits
        conn.execute("LOCK TABLE device_cell IN SHARE ROW EXCLUSIVE MODE")
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute("UPDATE device_cell SET known_at = %s", (began,))
        conn.execute(_CELLS, {"now": now, "days": DAYS, "most": _MOST_VERSIONS, "began": began})
    for low in range(1, cases + 1, 100_000):
        span = {"low": low, "high": min(cases, low + 99_999), "all": cases, "now": now}
        conn.execute(_CASES, {**place, **span})
    conn.execute(_STATES, {"now": now, "flips": max(10, devices * DAYS // 100), "devices": devices})
    conn.execute("VACUUM ANALYZE cases, device, device_cell, ioc_was.cases, ioc_was.device, ioc_was.device_cell")


def _measure(job: Job, rig: Rig, store: Store, past: Past, now: dt.datetime) -> list[Figure]:
    layers = [rig.composition.registry().layers[k] for k in LAYERS]
    rnd = random.Random(7)  # noqa: S311 - one seed, one list of moments
    asks = 5 if job.quick else ASKS
    live = LiveServices(rig.settings, store, rig.composition.registry(), SystemClock())

    def at_random() -> float:
        found: list[float] = []
        for _ in range(asks):
            moment = now - dt.timedelta(seconds=rnd.uniform(60, DAYS * 86_400))
            services = PastServices(rig.settings, past.at(moment), rig.composition.registry())
            found.append(_timed(lambda s=services, m=moment: frame(s, past.at(m), layers, m)))
        return percentile(found, 0.95)

    def present() -> float:
        return percentile([_timed(lambda: frame(live, store, layers, now)) for _ in range(asks)], 0.95)

    floor, then = interleaved(job.rounds, present, at_random)
    limit = None if job.quick else P95_MS
    return [
        Figure(
            "replay frame at a random T p95", median(then), "ms", median(floor), "the same frame of the present", limit,
            samples=tuple(then),
        )
    ]  # fmt: skip


def frame(services: LiveServices, store: Store, layers: list[Layer], at: dt.datetime) -> int:
    """What a desk asks for anew when it goes to another moment. Returns how much it got."""
    got = services.work_page(SYSTEM, "", 200).total + services.counts(SYSTEM, "").open
    n = 1 << ZOOM
    x = int((city.WEST + city.WIDTH / 2 + 180) / 360 * n)
    for layer in layers:
        for dx in (0, 1):
            with store.reading(SYSTEM) as conn:
                got += len(tiles.render(conn, tiles.TileQuery(SYSTEM, layer, ZOOM, x + dx, 224, at)))
    return got


def _timed(do: Callable[[], Any]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000
