"""Drones (无人机): where they are by the positions they tell, flights and photo points brought in, and their playback.

Positions are those of resources of kind `drone`; flights are lines whose fourth axis is the time (migration 176).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from ioc.freshness import freshness
from ioc.scope import Scope
from ioc.store.history import record_entity
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
MOST = 8
INTERVAL = dt.timedelta(minutes=2)  # a tracker speaks at least that often: what is older is late, then stale
OLD = dt.timedelta(hours=1)  # a drone flies minutes: where it was an hour ago says nothing

_NEAR = """
SELECT r.resource_id, r.name, ST_X(l.geom) AS lon, ST_Y(l.geom) AS lat, l.observed_at, l.heading_deg,
       ST_Transform(l.geom, %(srid)s::int) <-> p.at AS distance_m
FROM (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS deg,
             ST_Transform(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(srid)s::int) AS at) p,
     resource_live l JOIN resource r USING (resource_id)
WHERE r.kind = 'drone' AND l.geom && ST_Expand(p.deg, %(reach)s) AND l.observed_at > %(old)s AND {seen}
  AND ST_Transform(l.geom, %(srid)s::int) <-> p.at <= %(radius)s
ORDER BY distance_m LIMIT %(limit)s
"""


def near(
    conn: Conn, scope: Scope, lon: float, lat: float, srid: int, radius_m: float, now: dt.datetime
) -> Sequence[Mapping[str, Any]]:
    """The nearest first, with the age of each position. Nothing where no positions are taken in."""
    seen, params = visible(scope, "r")
    given = {"lon": lon, "lat": lat, "srid": srid, "radius": radius_m, "old": now - OLD, "limit": MOST,
             "reach": 1.2 * radius_m / 80_000}  # fmt: skip  # degrees, wide enough up to 45 degrees of latitude
    rows = conn.execute(sql.SQL(_NEAR).format(seen=seen), {**params, **given}).fetchall()
    return [
        {"resource_id": r["resource_id"], "name": r["name"], "lon": r["lon"], "lat": r["lat"],
         "distance_m": round(float(r["distance_m"]), 1), "heading_deg": r["heading_deg"],
         "observed_at": r["observed_at"].isoformat(), "age_s": round((now - r["observed_at"]).total_seconds()),
         "state": freshness(r["observed_at"], INTERVAL, now)}
        for r in rows
    ]  # fmt: skip


# ---------------------------------------------------------------- bringing in


def ids_of(conn: Conn, numbers: Sequence[str]) -> dict[str, Row]:
    """Drones of this centre by their number; one that several sources have is none. Under the system's scope."""
    rows = conn.execute(
        "SELECT external_id, min(resource_id) AS resource_id, min(private_to) AS private_to,"
        " min(sensitivity) AS sensitivity FROM resource WHERE kind = 'drone' AND external_id = ANY (%s)"
        " GROUP BY external_id HAVING count(*) = 1",
        (list(numbers),),
    ).fetchall()
    return {str(r["external_id"]): r for r in rows}


_FLIGHT = """
INSERT INTO drone_flight AS f (source, external_id, drone, resource_id, name, begun_at, ended_at, geom, has_altitude,
  points, distance_m, digest, region_id, private_to, sensitivity, origin, updated_at)
VALUES (%(source)s, %(external_id)s, %(drone)s, %(resource_id)s, %(name)s, %(begun_at)s, %(ended_at)s,
  ST_GeomFromText(%(wkt)s, 4326), %(has_altitude)s, %(points)s, %(distance_m)s, %(digest)s, %(region_id)s,
  %(private_to)s, %(sensitivity)s, %(origin)s, %(now)s)
ON CONFLICT (source, external_id) DO UPDATE SET (drone, resource_id, name, begun_at, ended_at, geom, has_altitude,
  points, distance_m, digest, region_id, private_to, sensitivity, updated_at) = (excluded.drone, excluded.resource_id,
  excluded.name, excluded.begun_at, excluded.ended_at, excluded.geom, excluded.has_altitude, excluded.points,
  excluded.distance_m, excluded.digest, excluded.region_id, excluded.private_to, excluded.sensitivity,
  excluded.updated_at)
WHERE f.digest <> excluded.digest
RETURNING flight_id, (xmax = 0) AS new
"""
_PHOTO = """
INSERT INTO drone_photo AS p (source, external_id, flight_id, drone, taken_at, geom, altitude_m, heading_deg, note,
  attachment_id, digest, region_id, private_to, sensitivity, origin, updated_at)
VALUES (%(source)s, %(external_id)s, %(flight_id)s, %(drone)s, %(taken_at)s,
  ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(altitude_m)s, %(heading_deg)s, %(note)s, %(attachment_id)s,
  %(digest)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s, %(now)s)
ON CONFLICT (source, external_id) DO UPDATE SET (flight_id, drone, taken_at, geom, altitude_m, heading_deg, note,
  attachment_id, digest, region_id, private_to, sensitivity, updated_at) = (coalesce(excluded.flight_id, p.flight_id),
  excluded.drone, excluded.taken_at, excluded.geom, excluded.altitude_m, excluded.heading_deg, excluded.note,
  coalesce(excluded.attachment_id, p.attachment_id), excluded.digest, excluded.region_id, excluded.private_to,
  excluded.sensitivity, excluded.updated_at)
WHERE p.digest <> excluded.digest
RETURNING photo_id, (xmax = 0) AS new
"""


def put_flight(conn: Conn, values: Mapping[str, Any], actor: str) -> tuple[int, str]:
    """(id, `new`, `change` or `same`) of a flight by (source, external_id), with its history."""
    row = conn.execute(_FLIGHT, values).fetchone()
    if row is None:
        return _id(conn, "SELECT flight_id FROM drone_flight WHERE source = %s AND external_id = %s", values), "same"
    told = {k: str(v) if isinstance(v, dt.datetime) else v for k, v in values.items() if k not in ("wkt", "now")}
    record_entity(conn, "drone_flight", row["flight_id"], "new" if row["new"] else "change", actor, values["origin"],
                  told)  # fmt: skip
    return int(row["flight_id"]), "new" if row["new"] else "change"


def put_photo(conn: Conn, values: Mapping[str, Any], actor: str) -> tuple[int, str]:
    """As `put_flight`. A picture and a report that are there already stay."""
    row = conn.execute(_PHOTO, values).fetchone()
    if row is None:
        return _id(conn, "SELECT photo_id FROM drone_photo WHERE source = %s AND external_id = %s", values), "same"
    told = {k: str(v) if isinstance(v, dt.datetime) else v for k, v in values.items() if k != "now"}
    record_entity(conn, "drone_photo", row["photo_id"], "new" if row["new"] else "change", actor, values["origin"],
                  told)  # fmt: skip
    return int(row["photo_id"]), "new" if row["new"] else "change"


def _id(conn: Conn, query: Any, values: Mapping[str, Any]) -> int:
    row = conn.execute(query, (values["source"], values["external_id"])).fetchone()
    assert row is not None
    return int(next(iter(row.values())))


def counts(conn: Conn) -> dict[str, Any]:
    """{flights, photos, newest, demo} of all there is. Under the system's scope."""
    row = conn.execute(
        "SELECT (SELECT count(*) FROM drone_flight) AS flights, (SELECT count(*) FROM drone_photo) AS photos,"
        " greatest((SELECT max(ended_at) FROM drone_flight), (SELECT max(taken_at) FROM drone_photo)) AS newest"
    ).fetchone()
    assert row is not None
    return dict(row)


# ---------------------------------------------------------------- reading


def flight(conn: Conn, scope: Scope, flight_id: int) -> Row | None:
    """With its photos' ids; no geometry."""
    seen, params = visible(scope, "f")
    query = sql.SQL(
        "SELECT f.flight_id, f.source, f.external_id, f.drone, f.resource_id, f.name, f.begun_at, f.ended_at, f.points,"
        " f.distance_m, f.has_altitude, f.region_id, f.origin, f.updated_at, r.name AS drone_name,"
        " ST_X(ST_StartPoint(f.geom)) AS lon, ST_Y(ST_StartPoint(f.geom)) AS lat, ST_ZMax(f.geom) AS highest_m"
        " FROM drone_flight f LEFT JOIN resource r USING (resource_id) WHERE f.flight_id = %(id)s AND {}"
    ).format(seen)
    return conn.execute(query, {**params, "id": flight_id}).fetchone()


def track(conn: Conn, scope: Scope, flight_id: int, until: dt.datetime | None = None) -> list[list[float]] | None:
    """[lon, lat, altitude, epoch seconds] of each position, up to `until`. None: no such flight for the asker."""
    seen, params = visible(scope, "f")
    query = sql.SQL(
        "SELECT ST_X(d.geom) AS x, ST_Y(d.geom) AS y, ST_Z(d.geom) AS z, ST_M(d.geom) AS m FROM drone_flight f,"
        " LATERAL ST_DumpPoints(f.geom) d WHERE f.flight_id = %(id)s AND {} ORDER BY m"
    ).format(seen)
    rows = conn.execute(query, {**params, "id": flight_id}).fetchall()
    last = None if until is None else until.timestamp()
    return [[r["x"], r["y"], r["z"], r["m"]] for r in rows if last is None or r["m"] <= last] if rows else None


_PHOTO_COLUMNS = sql.SQL(
    "p.photo_id, p.source, p.external_id, p.flight_id, p.drone, p.taken_at, p.altitude_m, p.heading_deg, p.note,"
    " p.attachment_id, p.event_id, p.region_id, p.private_to, p.sensitivity, p.origin, p.updated_at,"
    " ST_X(p.geom) AS lon, ST_Y(p.geom) AS lat"
)


def photo(conn: Conn, scope: Scope, photo_id: int, *, lock: bool = False) -> Row | None:
    seen, params = visible(scope, "p")
    query = sql.SQL("SELECT {} FROM drone_photo p WHERE p.photo_id = %(id)s AND {}{}").format(
        _PHOTO_COLUMNS, seen, sql.SQL(" FOR UPDATE" if lock else "")
    )
    return conn.execute(query, {**params, "id": photo_id}).fetchone()


def photos(conn: Conn, scope: Scope, flight_id: int, limit: int = 500) -> list[Row]:
    """Of a flight, by time."""
    seen, params = visible(scope, "p")
    query = sql.SQL(
        "SELECT {} FROM drone_photo p WHERE p.flight_id = %(id)s AND {} ORDER BY p.taken_at, p.photo_id LIMIT %(most)s"
    ).format(_PHOTO_COLUMNS, seen)
    return list(conn.execute(query, {**params, "id": flight_id, "most": limit}).fetchall())


def picture_seen(conn: Conn, scope: Scope, attachment_id: int) -> bool:
    """Whether a photo point the asker sees has this picture."""
    seen, params = visible(scope, "p")
    query = sql.SQL("SELECT 1 FROM drone_photo p WHERE p.attachment_id = %(id)s AND {}").format(seen)
    return conn.execute(query, {**params, "id": attachment_id}).fetchone() is not None


def becomes(conn: Conn, row: Row, event_id: int, actor: str, now: dt.datetime) -> None:
    """A photo point is a report from now on, and its picture is the report's too."""
    conn.execute(
        "UPDATE drone_photo SET event_id = %s, updated_at = %s WHERE photo_id = %s", (event_id, now, row["photo_id"])
    )
    if row["attachment_id"] is not None:
        conn.execute(
            "UPDATE attachment SET event_id = %s, bound_at = coalesce(bound_at, %s) WHERE attachment_id = %s"
            " AND event_id IS NULL",
            (event_id, now, row["attachment_id"]),
        )
    told = {"photo": row["external_id"], "event_id": event_id}
    record_entity(conn, "drone_photo", row["photo_id"], "change", actor, str(row["origin"]), told)
