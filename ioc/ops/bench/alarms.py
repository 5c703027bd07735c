"""8,333 observations a second through every alarm rule, beside their plain insertion; and a flood with one gas alarm.

500,000 sensors at one value a minute are 8,333 observations a second. Batches come on time whatever became of the last;
a decision is as old as the time from when its batch was due to when alarms and values are committed. Floor: the same
batch into the observation table and nothing else, in the same run. A cluster of its own, without the other workers.
"""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import numpy as np
import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from ioc.alarm_rules import alarm_rules
from ioc.clock import SystemClock
from ioc.intake.alarm_timer import SLICE, AlarmTimer
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading
from ioc.ops.bench import Figure, Job, median, percentile
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, alarm_read, observations, sources
from ioc.store.cluster import PrivateCluster
from ioc.store.keeper import ensure_partitions
from ioc.store.migrate import migrate
from ioc.store.observations import Point

RATE, SECONDS, BATCH_S = 8333, 60.0, 0.25
DECISION_S, FIRST_S = 1.0, 2.0
FLOOD = 20_000
BEYOND = 0.002  # share of values beyond a limit: a bad day, not a flood
# kind, property, a value that is in order, one that is beyond
KINDS: tuple[tuple[str, str, float, float], ...] = (
    ("water_level", "water_level", 3.0, 7.0), ("rain", "rain_1h", 5.0, 80.0), ("gas", "gas_lel", 2.0, 60.0),
    ("smoke", "smoke", 0.5, 12.0), ("manhole", "manhole_tilt", 1.0, 40.0), ("manhole", "manhole_level", 0.3, 3.0),
    ("parking", "parking_free", 80.0, 0.0), ("hydrant", "hydrant_pressure", 0.4, 0.05),
    ("electrical_fire", "leak_current", 40.0, 500.0), ("pipe", "pipe_pressure", 0.4, 0.1),
    ("water_logging", "water_depth", 0.0, 0.5), ("fence", "fence_alarm", 0.0, 1.0),
)  # fmt: skip


def run(job: Job) -> list[Figure]:
    seconds = 3.0 if job.quick else float(job.options.get("seconds", SECONDS))
    rate = int(job.options.get("rate", 2000 if job.quick else RATE))
    devices = int(job.options.get("devices", min(rate * 60, max(int(rate * seconds), rate))))
    job.generator = f"in the measuring process: one batch every {BATCH_S:g} s, due on time"
    with _centre() as (store, owner, settings):
        names = _devices(owner, devices)
        figures = _rate(job, store, settings, names, rate, seconds)
        figures += _flood(store, owner, settings, 300 if job.quick else int(job.options.get("flood", FLOOD)))
    job.say(f"{len(alarm_rules())} rules, {devices} sensors, {seconds:g} s")
    return figures


@contextmanager
def _centre() -> Generator[tuple[Store, psycopg.Connection[DictRow], Settings]]:
    root = Path(tempfile.mkdtemp(prefix="ioc-bench-"))
    root.chmod(0o755)  # the database's own user must be able to enter
    server = PrivateCluster(root)
    try:
        server.start()
        with psycopg.connect(server.dsn(database="postgres"), autocommit=True) as conn:
            conn.execute("CREATE DATABASE bench")
        dsn = server.dsn("ioc", "bench")
        migrate(dsn)
        with psycopg.Connection[DictRow].connect(dsn, autocommit=True, row_factory=dict_row) as owner:
            ensure_partitions(owner, SystemClock().now())
            store = Store(server.dsn("ioc_app", "bench"), size=4)
            try:
                yield store, owner, Settings(data_dir=root / "data", mqtt_url="none")
            finally:
                store.close()
    finally:
        server.stop()
        shutil.rmtree(root, ignore_errors=True)


_DEVICE: LiteralString = """
INSERT INTO device (source, external_id, kind, class, name, status, geom, h3_10, region_id, interval_s, attributes,
                    gateway_id, origin)
SELECT 'bench', %(prefix)s || i, (%(kinds)s::text[])[1 + i %% %(n)s], 'sensor', %(prefix)s || i, 'online',
       ST_SetSRID(ST_MakePoint(112 + (i %% 1000) * 0.0005, 21.5 + (i / 1000) * 0.0005), 4326), 622236750694711295,
       %(region)s, 60, '{"警戒水位": 5.0, "保证水位": 6.0, "历史最高水位": 8.0, "高程基准": "珠基"}',
       %(gateway)s, 'demo'
FROM generate_series(%(first)s::int, %(last)s::int) i
"""
_STREAM: LiteralString = """
INSERT INTO datastream (device_id, property, unit, interval_s, region_id, origin)
SELECT d.device_id, (%(properties)s::text[])[1 + substr(d.external_id, length(%(prefix)s) + 1)::int %% %(n)s], '', 60,
       d.region_id, 'demo'
FROM device d WHERE d.external_id LIKE %(prefix)s || '%%' AND d.class = 'sensor'
"""


def _devices(owner: psycopg.Connection[DictRow], count: int) -> list[str]:
    row = owner.execute(
        "INSERT INTO region (code, name, kind) VALUES ('449900100000', '测试镇', 'town') RETURNING region_id"
    ).fetchone()
    owner.execute("SELECT ioc_rebuild_region_closure()")
    values = {"prefix": "b", "kinds": [k[0] for k in KINDS], "properties": [k[1] for k in KINDS], "n": len(KINDS),
              "region": row and row["region_id"], "gateway": None, "first": 0, "last": count - 1}  # fmt: skip
    owner.execute(_DEVICE, values)
    owner.execute(_STREAM, values)
    for table in ("device", "datastream"):
        owner.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
    return [f"b{i}" for i in range(count)]


# ---------------------------------------------------------------- the rate


def _rate(job: Job, store: Store, settings: Settings, names: list[str], rate: int, seconds: float) -> list[Figure]:
    clock, size = SystemClock(), int(rate * BATCH_S)
    with store.scoped(SYSTEM) as conn:
        sources.ensure(conn, "bench", kind="mqtt", title="bench", classes=["sensor"], interval_s=60)
        ids = [r["datastream_id"] for r in conn.execute("SELECT datastream_id FROM datastream ORDER BY device_id")]
    intake, rng = ObservationIntake(store, settings, clock, "bench"), np.random.default_rng(5)
    decisions: list[float] = []
    busy: list[float] = []
    floor: list[float] = []
    at, begun, stored = 0, time.monotonic(), 0
    for n in range(int(seconds / BATCH_S)):
        due = begun + n * BATCH_S + sum(floor)  # the floor's own time is nobody's delay
        pause = due - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        chosen = [(at + i) % len(names) for i in range(size)]
        at += size
        now = clock.now()
        bad = rng.random(size) < BEYOND
        readings = [Reading(names[i], KINDS[i % len(KINDS)][1], KINDS[i % len(KINDS)][2 + int(b)], now)
                    for i, b in zip(chosen, bad.tolist(), strict=True)]  # fmt: skip
        start = time.monotonic()
        stored += intake.submit(readings).stored
        done = time.monotonic()
        busy.append(done - start)
        decisions.append(done - due)
        if n % 4 == 3:
            floor.append(_plain(store, [ids[i] for i in chosen], now - dt.timedelta(days=1)))
    with store.reading(SYSTEM) as conn:
        counts = alarm_read.counts(conn, SYSTEM, None, clock.now())
    job.say(f"{stored} observations stored, {counts['total']} alarms open")
    return [
        Figure("decision p95", percentile(decisions, 0.95), "s", limit=DECISION_S, samples=tuple(decisions[:240])),
        Figure("decision p50", percentile(decisions, 0.5), "s"),
        Figure("a batch through all rules", median(busy) * 1000, "ms", median(floor) * 1000, "plain insertion"),
        Figure("observations a second it could take", size / median(busy), "1/s", limit=float(rate), better="high"),
        Figure("alarms raised", counts["total"], "", limit=1, better="high"),
    ]


def _plain(store: Store, ids: list[int], at: dt.datetime) -> float:
    """Seconds the same number of values takes into the table of observations alone."""
    start = time.monotonic()
    with store.scoped(SYSTEM) as conn:
        observations.insert(conn, [Point(i, at, 1.0, 0) for i in dict.fromkeys(ids)], at)
    return time.monotonic() - start


# ---------------------------------------------------------------- the flood


def _flood(store: Store, owner: psycopg.Connection[DictRow], settings: Settings, count: int) -> list[Figure]:
    """`count` sensors behind three gateways silent at once, while one urgent gas alarm arrives."""
    clock = SystemClock()
    region = owner.execute("SELECT region_id FROM region").fetchone()
    each = count // 3
    for g in range(3):
        gateway = owner.execute(
            "INSERT INTO device (source, external_id, kind, class, name, status, geom, h3_10, region_id, origin)"
            " VALUES ('bench', %s, 'gateway', 'gateway', %s, 'online', ST_SetSRID(ST_MakePoint(112, 21.5), 4326), 1,"
            " %s, 'demo') RETURNING device_id",
            (f"gateway{g}", f"网关{g}", region and region["region_id"]),
        ).fetchone()
        values = {"prefix": f"f{g}-", "kinds": [k[0] for k in KINDS], "properties": [k[1] for k in KINDS],
                  "n": len(KINDS), "region": region and region["region_id"], "first": 0, "last": each - 1,
                  "gateway": gateway and gateway["device_id"]}  # fmt: skip
        owner.execute(_DEVICE, values)
        owner.execute(_STREAM, values)
    silent_since = clock.now() - dt.timedelta(hours=1)
    owner.execute(
        "INSERT INTO latest (datastream_id, observed_at, received_at, value)"
        " SELECT datastream_id, %s, %s, 1 FROM datastream s JOIN device d USING (device_id)"
        " WHERE d.external_id LIKE 'f%%' ON CONFLICT DO NOTHING",
        (silent_since, silent_since),
    )
    owner.execute("UPDATE alarm SET state = 'normal', ended_at = now() WHERE ended_at IS NULL")
    owner.execute("DELETE FROM alarm_state")
    owner.execute("UPDATE latest SET received_at = now() WHERE received_at > %s", (silent_since,))
    owner.execute("VACUUM ANALYZE latest")
    timer = AlarmTimer(store, clock, settings.tz, grace_s=0)
    intake = ObservationIntake(store, settings, clock, "bench")
    start = time.monotonic()
    known = owner.execute("SELECT count(*) AS n FROM device").fetchone()
    for _ in range((known["n"] if known else 0) // SLICE + 2):  # a slice a turn
        timer.turn()
    flooded = time.monotonic() - start
    start = time.monotonic()
    gas = next(i for i, k in enumerate(KINDS) if k[0] == "gas")
    intake.submit([Reading(f"b{gas}", "gas_lel", 60.0, clock.now())])
    with store.reading(SYSTEM) as conn:
        rows, _ = alarm_read.listed(conn, SYSTEM, alarm_read.Filter(), clock.now(), 200)
    first = time.monotonic() - start
    groups = [r for r in rows if r["type"] == "alarm_group" and r["kind"] == "gateway"]
    leads = bool(rows) and rows[0].get("rule", {}).get("key") == "gas_high"
    return [
        Figure("flood: grouped rows", len(groups), "", limit=3, better="high"),
        Figure("flood: alarms in them", sum(r["count"] for r in groups), "", limit=3 * each, better="high"),
        Figure("flood: gas to first row of the list", first if leads else float("inf"), "s", limit=FIRST_S),
        Figure(f"flood: {3 * each} alarms written and grouped", flooded, "s"),
    ]
