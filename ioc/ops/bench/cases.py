"""The queue with a million cases in the store: first page and pages behind it, for a city, a county and a town.

Floor: the same number of rows by the plainest query there is, open cases in the order of their deadlines by index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, LiteralString

import psycopg

from ioc.ops.bench import Figure, Job, city, interleaved, median, percentile
from ioc.ops.bench.rig import Rig
from ioc.scope import Scope
from ioc.store import Store
from ioc.store.database import open_store
from ioc.store.worklist import worklist

CASES, OPEN, QUICK_CASES = 1_000_000, 50_000, 5_000
P95_MS, PAGE, ASKS = 300.0, 200, 30
RIGHTS = frozenset({"case.view", "event.view"})

# Cases of two years over all towns; those of the last days are open, with deadlines before and after now.
_FILL: LiteralString = """
INSERT INTO cases (number, source, source_id, flow, stage, title, category_scheme, category_code, urgency, geom, h3_10,
                   region_id, department, opened_at, due_at, total_due_at, closed_at, on_time, search, origin)
SELECT 'B' || i, 'bench', i::text, (ARRAY['grid', 'hotline', 'urban'])[1 + i %% 3],
       CASE WHEN o THEN 'handling' ELSE 'closed' END, '测量办件 ' || i, 'gbt30428', '0505',
       (ARRAY['routine', 'routine', 'routine', 'urgent', 'critical'])[1 + (i * 7919) %% 5],
       ST_SetSRID(ST_MakePoint(%(west)s + %(width)s * (((i * 7919) %% 10007) / 10007.0),
                               %(south)s + %(height)s * (((i * 104729) %% 10009) / 10009.0)), 4326), 0,
       %(town)s + (i * 31) %% 48, '第' || i %% 40 || '局', at, CASE WHEN o THEN at + interval '3 days' END,
       at + interval '7 days', CASE WHEN o THEN NULL ELSE at + interval '2 days' END,
       CASE WHEN o THEN NULL ELSE true END, '测量办件 ' || i, 'demo'
FROM (SELECT i, i > %(closed)s AS o,
             %(now)s::timestamptz - interval '6 days' * ((%(all)s - i) / %(open)s::float8) AS at
      FROM generate_series(%(low)s::bigint, %(high)s::bigint) i) x
"""
_FLOOR: LiteralString = """
SELECT * FROM cases WHERE closed_at IS NULL ORDER BY due_at LIMIT %s
"""


def run(job: Job) -> list[Figure]:
    job.generator = "one connection that asks again as soon as it is answered"
    total = QUICK_CASES if job.quick else int(job.options.get("cases", CASES))
    open_ = min(total // 2, int(job.options.get("open", OPEN)))
    with Rig(job.composition) as rig:
        with rig.owner() as conn:
            city.load(conn, 2000)
            loaded_s = _fill(conn, total, open_)
        store = open_store(rig.settings)
        try:
            figures = _measure(job, store)
        finally:
            store.close()
    job.say(f"{total} cases, {open_} of them open, loaded in {loaded_s:.0f} s; pages of {PAGE}")
    return figures


def _measure(job: Job, store: Store) -> list[Figure]:
    with store.reading(_scope(None)) as conn:
        rows = conn.execute("SELECT descendant_id AS id FROM region_closure WHERE ancestor_id = %s",
                            (city.FIRST_COUNTY,)).fetchall()  # fmt: skip
    asked: Sequence[tuple[str, Scope]] = (
        ("city", _scope(None)),
        ("county", _scope(frozenset(r["id"] for r in rows))),
        ("town", _scope(frozenset({city.FIRST_TOWN}))),
    )
    asks = 5 if job.quick else ASKS
    measures: list[Callable[[], float]] = [lambda: _floor(store, asks)]
    names: list[str] = []
    for name, scope in asked:
        after = _deep(store, scope)
        names += [f"queue of a {name} p95", f"the {name}'s page 20 p95"]
        measures += [lambda s=scope: _p95(store, s, "", asks), lambda s=scope, a=after: _p95(store, s, a, asks)]
    floor, *found = interleaved(job.rounds, *measures)
    return [
        Figure(name, median(samples), "ms", median(floor), "bare query p95", P95_MS, samples=tuple(samples))
        for name, samples in zip(names, found, strict=True)
    ]


def _scope(regions: frozenset[int] | None) -> Scope:
    return Scope("bench", RIGHTS, regions is None, regions or frozenset(), None, 2)


def _deep(store: Store, scope: Scope) -> str:
    """The cursor of the twentieth page, or of the last there is."""
    after = ""
    with store.reading(scope) as conn:
        for _ in range(19):
            page = worklist(conn, scope, None, PAGE, after)
            if page.next is None:
                break
            after = page.next
    return after


def _p95(store: Store, scope: Scope, after: str, asks: int) -> float:
    took: list[float] = []
    for _ in range(asks):
        begun = time.perf_counter()
        with store.reading(scope) as conn:
            worklist(conn, scope, None, PAGE, after)
        took.append((time.perf_counter() - begun) * 1000)
    return percentile(took, 0.95)


def _floor(store: Store, asks: int) -> float:
    took: list[float] = []
    for _ in range(asks):
        begun = time.perf_counter()
        with store.reading(_scope(None)) as conn:
            conn.execute(_FLOOR, (PAGE,)).fetchall()
        took.append((time.perf_counter() - begun) * 1000)
    return percentile(took, 0.95)


def _fill(conn: psycopg.Connection[Any], total: int, open_: int) -> float:
    begun, step = time.monotonic(), 100_000
    now = conn.execute("SELECT now() AS at").fetchone()
    assert now is not None
    for low in range(1, total + 1, step):
        conn.execute(_FILL, {
            "low": low, "high": min(total, low + step - 1), "closed": total - open_, "all": total, "open": open_,
            "town": city.FIRST_TOWN, "now": now["at"], "west": city.WEST, "south": city.SOUTH, "width": city.WIDTH,
            "height": city.HEIGHT,
        })  # fmt: skip
    conn.execute("VACUUM ANALYZE cases")
    return time.monotonic() - begun
