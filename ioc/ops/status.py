"""What `ioc status` says: processes, sources with state and age, counts, feed lag, addresses."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from ioc.clock import Clock
from ioc.ops import audit, runfile
from ioc.settings import Settings
from ioc.store import disk
from ioc.store.cluster import PrivateCluster
from ioc.store.database import dsns

_COUNTS = """
SELECT (SELECT count(*) FROM device) AS devices,
       (SELECT count(*) FROM device WHERE class = 'camera') AS cameras,
       (SELECT count(*) FROM device WHERE class = 'sensor') AS sensors,
       (SELECT count(*) FROM event) AS events,
       (SELECT count(*) FROM cases) AS cases,
       (SELECT count(*) FROM reject) AS rejects,
       (SELECT count(*) FROM region) AS regions,
       (SELECT count(*) FROM grid_cell) AS grid_cells,
       (SELECT count(*) FROM resource) AS resources
"""
# Counting is exact up to here; beyond, the planner's figure is near enough and does not read the whole table.
_EXACT_UP_TO = 20_000_000
_ESTIMATE = """
SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint AS n
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'observation'::regclass
"""
_FEED = """
SELECT s.epoch, s.last_no, s.beat_at, (SELECT count(*) FROM outbox) AS waiting,
       (SELECT min(recorded_at) FROM outbox) AS oldest
FROM feed_state s
"""


def status(settings: Settings, clock: Clock) -> dict[str, Any]:
    """Starts nothing. Without a database: `database` says why and the rest is what the supervisor recorded."""
    run = runfile.read(settings.root)
    running = bool(run.get("running"))
    result: dict[str, Any] = {
        "running": running,
        "url": run.get("url", ""),
        "mqtt": run.get("mqtt", {}),
        "started_at": run.get("started_at"),
        "supervisor": {"pid": run.get("pid"), "state": "up" if running else "down"},
        "processes": _processes(run, running),
        "database": {"state": "up", "error": ""},
        "sources": [],
        "counts": {},
        "feed": {},
        "chain": {},
    }
    if not settings.database_url and not PrivateCluster(settings.root).ready():
        result["database"] = {"state": "down", "error": "not running"}
        return result
    try:
        owner = dsns(settings).owner
        with psycopg.Connection[DictRow].connect(owner, connect_timeout=3, row_factory=dict_row) as conn:
            result |= read_store(conn, clock.now())
    except psycopg.Error as e:
        result["database"] = {"state": "down", "error": str(e).strip()}
    return result


def feed_runs(settings: Settings, clock: Clock) -> bool:
    """Cheap: for health checks."""
    try:
        owner = dsns(settings).owner
        with psycopg.Connection[DictRow].connect(owner, connect_timeout=3, row_factory=dict_row) as conn:
            return feed(conn, clock.now())["state"] == "up"
    except psycopg.Error:
        return False


def _processes(run: dict[str, Any], running: bool) -> dict[str, Any]:
    """A record of a supervisor that is gone says nothing about its children: they died with it."""
    recorded: dict[str, Any] = run.get("processes", {})
    if running:
        return recorded
    return {name: {**p, "pid": None, "state": "down"} for name, p in recorded.items()}


def read_store(conn: psycopg.Connection[DictRow], now: dt.datetime) -> dict[str, Any]:
    """The part that lies in the database."""
    return {
        "counts": {**(conn.execute(_COUNTS).fetchone() or {}), "observations": _observations(conn)},
        "sources": [_source(row, now) for row in conn.execute("SELECT * FROM source ORDER BY source_key")],
        "feed": feed(conn, now),
        "chain": audit.state(conn, now),
        "disk": {
            "level": (state := disk.read(conn)).level,
            "used_mb": state.used_mb,
            "free_mb": state.free_mb,
        },
    }


def _observations(conn: psycopg.Connection[DictRow]) -> int:
    estimate = conn.execute(_ESTIMATE).fetchone()
    if estimate and estimate["n"] > _EXACT_UP_TO:
        return int(estimate["n"])
    row = conn.execute("SELECT count(*) AS n FROM observation").fetchone()
    return int(row["n"]) if row else 0


def feed(conn: psycopg.Connection[DictRow], now: dt.datetime) -> dict[str, Any]:
    """Lag: age of the oldest record without a number; with none waiting, 0 while the sequencer beats."""
    row = conn.execute(_FEED).fetchone()
    if row is None:
        return {"state": "down", "lag_ms": None}
    oldest, beat = row["oldest"], row["beat_at"]
    silent_s = (now - beat).total_seconds() if beat else None
    lag = max(0.0, (now - oldest).total_seconds()) * 1000 if oldest else 0.0
    return {
        "state": "up" if silent_s is not None and silent_s < 10 else "down",
        "epoch": row["epoch"],
        "last_no": row["last_no"],
        "waiting": row["waiting"],
        "lag_ms": round(lag),
        "beat_age_s": None if silent_s is None else round(silent_s, 1),
    }


def _source(row: DictRow, now: dt.datetime) -> dict[str, Any]:
    seen = row["last_seen_at"] if row["heartbeat"] else row["last_data_at"]
    return {
        "key": row["source_key"],
        "title": row["title"],
        "title_en": row["title_en"],
        "state": row["state"],
        "age_s": round((now - seen).total_seconds(), 1) if seen else None,
        "interval_s": row["interval_s"],
        "received": row["received"],
        "stored": row["stored"],
        "duplicates": row["duplicates"],
        "rejected": row["rejected"],
        "error": {"code": row["error_code"], "zh": row["error_zh"], "en": row["error_en"]}
        if row["error_code"]
        else None,
        "origin": row["origin"],
    }
