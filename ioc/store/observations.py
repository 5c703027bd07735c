"""Observations: a batch of values into its partitions, the newest of each datastream into `latest`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg.rows import tuple_row

from ioc.store import arrays
from ioc.store.pool import Conn

GOOD, SUSPECT, BAD, MISSING = 0, 1, 2, 3


class Point(NamedTuple):
    """One value of one datastream. `value` None only with quality MISSING (缺测): never 0."""

    datastream_id: int
    observed_at: dt.datetime
    value: float | None
    quality: int


@dataclass
class Written:
    """What became of a batch. `existing` holds the stored value of every point that was there before."""

    stored: int = 0
    inserted: set[tuple[int, dt.datetime]] = field(default_factory=set[tuple[int, dt.datetime]])
    existing: dict[tuple[int, dt.datetime], tuple[float | None, int]] = field(
        default_factory=dict[tuple[int, dt.datetime], tuple[float | None, int]]
    )
    gone: set[int] = field(default_factory=set[int])  # datastreams that do not exist any more


_DEVICES = """
SELECT device_id, source, external_id AS id, attributes ->> 'model' AS model
FROM device WHERE external_id = ANY (%(ids)s::text[])
UNION
SELECT device_id, source, national_id, attributes ->> 'model' FROM device WHERE national_id = ANY (%(ids)s::text[])
"""


def find_devices(conn: Conn, external_ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """Devices by external id in any source, or by their national id. `model`: the name of their device model."""
    return conn.execute(_DEVICES, {"ids": arrays.texts(external_ids)}).fetchall()


def find_datastreams(conn: Conn, device_ids: Iterable[int]) -> list[tuple[int, int, str]]:
    """(datastream, device, property) of devices."""
    ids = arrays.ints(sorted(set(device_ids)))
    with conn.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(
            "SELECT datastream_id, device_id, property FROM datastream WHERE device_id = ANY (%s::bigint[])", (ids,)
        ).fetchall()


class NewStream(NamedTuple):
    """A property seen for the first time on a device, with the dictionary's unit and default limits."""

    device_id: int
    property: str
    unit: str
    limit_high: float | None
    limit_low: float | None
    limit_note: str


def create_datastreams(conn: Conn, streams: Iterable[NewStream]) -> None:
    """Scope, interval and origin are the device's. Safe beside other writers: the first one wins."""
    ordered = sorted(set(streams), key=lambda s: (s.device_id, s.property))
    columns = [list(c) for c in zip(*ordered, strict=True)]
    conn.execute(
        """
        INSERT INTO datastream (device_id, property, unit, interval_s, limit_high, limit_low, limit_note, region_id,
                                private_to, sensitivity, origin)
        SELECT n.device_id, n.property, n.unit, d.interval_s, n.high, n.low, n.note, d.region_id, d.private_to,
               d.sensitivity, d.origin
        FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::float8[], %s::float8[], %s::text[])
             AS n(device_id, property, unit, high, low, note)
        JOIN device d USING (device_id)
        ORDER BY n.device_id, n.property
        ON CONFLICT (device_id, property) DO NOTHING
        """,
        columns,
    )


_INSERT = """
WITH new AS (
  INSERT INTO observation (datastream_id, observed_at, received_at, value, quality)
  SELECT p.id, p.at, %(received)s, p.value, p.quality
  FROM unnest(%(ids)s::bigint[], %(times)s::timestamptz[], %(values)s::float8[], %(qualities)s::smallint[])
       AS p(id, at, value, quality)
  WHERE EXISTS (SELECT FROM datastream s WHERE s.datastream_id = p.id)
  ON CONFLICT DO NOTHING
  RETURNING datastream_id, observed_at)
SELECT count(*) AS n, CASE WHEN count(*) < %(count)s THEN array_agg(datastream_id) END AS ids,
       CASE WHEN count(*) < %(count)s THEN array_agg(observed_at) END AS times
FROM new
"""


def insert(conn: Conn, points: Sequence[Point], received_at: dt.datetime) -> Written:
    """Store what is new. `points` hold each (datastream, time) once. Partitions of late days are made when missing."""
    out = Written()
    if not points:
        return out
    ordered = sorted(points)
    row = conn.execute(_INSERT, {**_columns(ordered), "received": received_at, "count": len(ordered)}).fetchone()
    out.stored = int(row["n"]) if row else 0
    if row and out.stored == len(ordered):  # nearly always: then nothing need be named
        out.inserted = {(p[0], p[1]) for p in ordered}
        return out
    out.inserted = set(zip(row["ids"] or (), row["times"] or (), strict=True)) if row else set()
    _existing(conn, [p for p in ordered if (p.datastream_id, p.observed_at) not in out.inserted], out)
    return out


def _columns(points: Sequence[Point]) -> dict[str, str]:
    ids, times, values, qualities = zip(*points, strict=True)
    return {
        "ids": arrays.ints(ids),
        "times": arrays.times(times),
        "values": arrays.floats(values),
        "qualities": arrays.ints(qualities),
    }


def _existing(conn: Conn, rest: Sequence[Point], out: Written) -> None:
    rows = conn.execute(
        """
        SELECT p.id, p.at, o.value, o.quality, o.datastream_id IS NOT NULL AS there
        FROM unnest(%s::bigint[], %s::timestamptz[]) AS p(id, at)
        LEFT JOIN observation o ON o.datastream_id = p.id AND o.observed_at = p.at
        """,
        ([p.datastream_id for p in rest], [p.observed_at for p in rest]),
    ).fetchall()
    for row in rows:
        if row["there"]:
            out.existing[(row["id"], row["at"])] = (row["value"], row["quality"])
        else:
            out.gone.add(row["id"])


def make_days(conn: Conn, days: Iterable[dt.date]) -> None:
    """Partitions for late data. Locks the table for a moment, so it is asked for only when a day has none."""
    for day in sorted(set(days)):
        conn.execute("SELECT ioc_observation_day(%s)", (day,))


def known_days(conn: Conn) -> set[dt.date]:
    rows = conn.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'observation'::regclass AND c.relname ~ '^observation_[0-9]{8}$'"
    ).fetchall()
    return {dt.date(int(n[-8:-4]), int(n[-4:-2]), int(n[-2:])) for n in (r["relname"] for r in rows)}


_LATEST = """
WITH new AS (
  INSERT INTO latest AS l (datastream_id, observed_at, received_at, value, quality, exceeded)
  SELECT s.datastream_id, p.at, %(received)s, p.value, p.quality,
         coalesce(p.quality < 2 AND (p.value > s.limit_high OR p.value < s.limit_low), false)
  FROM unnest(%(ids)s::bigint[], %(times)s::timestamptz[], %(values)s::float8[], %(qualities)s::smallint[])
       AS p(id, at, value, quality)
  JOIN datastream s ON s.datastream_id = p.id
  ORDER BY s.datastream_id
  ON CONFLICT (datastream_id) DO UPDATE
  SET observed_at = excluded.observed_at, received_at = excluded.received_at, value = excluded.value,
      quality = excluded.quality,
      exceeded = CASE WHEN excluded.quality >= 2 THEN l.exceeded ELSE excluded.exceeded END
  WHERE l.observed_at <= excluded.observed_at
  RETURNING datastream_id, exceeded)
SELECT count(*) AS n, CASE WHEN count(*) < %(count)s THEN array_agg(datastream_id) END AS ids,
       array_agg(datastream_id) FILTER (WHERE exceeded) AS beyond
FROM new
"""


class Moved(NamedTuple):
    """Datastreams that have a newer value now, and those of them whose value is beyond its limit."""

    updated: Sequence[int]
    beyond: Sequence[int]


def set_latest(conn: Conn, newest: Sequence[Point], received_at: dt.datetime) -> Moved:
    """The newest point of each datastream into `latest`, unless a newer one is there.

    Whether a value is beyond its limit is judged by the datastream's limits of this moment. A bad or missing value does
    not end an exceedance: nothing was measured that would say so.
    """
    if not newest:
        return Moved((), ())
    ordered = sorted(newest)
    row = conn.execute(_LATEST, {**_columns(ordered), "received": received_at, "count": len(ordered)}).fetchone()
    if row is None:
        raise LookupError("latest")
    every = row["n"] == len(ordered)
    return Moved([p.datastream_id for p in ordered] if every else row["ids"] or (), row["beyond"] or ())
