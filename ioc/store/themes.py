"""What the themes of emergency command list (`ioc.command.themes`), and what belongs to the place of a row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import shapely
from psycopg import sql

from ioc.command.theming import Look
from ioc.store import detail_parts, eyes
from ioc.store.detail_parts import Asked, masked
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
MOST = 20  # rows that are shown and joined with cameras and people
READ = 500  # rows that are read and counted
EYES, EYES_M = 2, 1000.0
PEOPLE = 3
FIRE_DAYS, HEALTH_DAYS = 7, 30
# Forest fire by GB/T 35561, 森林防火 of the grid categories, or what a camera's algorithm says (fire_smoke).
FIRE = sql.SQL(
    "((e.category_scheme = 'gbt35561' AND e.category_code LIKE '11F%%')"
    " OR (e.category_scheme = 'gbt30428' AND e.category_code LIKE '2103%%')"
    " OR e.attributes ->> 'algorithm' = 'fire_smoke')"
)


def seconds(value: float) -> dt.timedelta:
    return dt.timedelta(seconds=value)


def origin(rows: Sequence[Row]) -> str:
    return "demo" if any(r["origin"] == "demo" for r in rows) else "real"


def _inside(look: Look, alias: str) -> tuple[sql.Composable, dict[str, Any]]:
    """The asker's scope, and the regions the page speaks of."""
    seen, params = visible(look.scope, alias)
    if look.region_ids is None:
        return seen, params
    drilled = sql.SQL("{} AND {} = ANY (%(drill)s::int[])").format(seen, sql.Identifier(alias, "region_id"))
    return drilled, {**params, "drill": list(look.region_ids)}


# ---------------------------------------------------------------- rows

_STATIONS = """
SELECT d.device_id, d.name, d.region_id, d.origin, ST_X(d.geom) AS lon, ST_Y(d.geom) AS lat, s.unit, s.interval_s,
       s.limit_high AS mark, l.value, l.observed_at
FROM device d JOIN datastream s ON s.device_id = d.device_id AND s.property IN ('water_level', 'water_depth')
LEFT JOIN latest l ON l.datastream_id = s.datastream_id AND l.quality < 2
WHERE d.class = 'sensor' AND d.kind IN ('water_level', 'water_logging') AND d.status <> 'disabled' AND {inside}
ORDER BY (l.value - s.limit_high) DESC NULLS LAST, l.observed_at NULLS FIRST, d.device_id LIMIT %(read)s
"""


def water_stations(conn: Conn, look: Look) -> Sequence[Row]:
    """Water levels and depths, those furthest above their mark first."""
    inside, params = _inside(look, "d")
    return conn.execute(sql.SQL(_STATIONS).format(inside=inside), {**params, "read": READ}).fetchall()


_TARGETS = """
SELECT t.target_id, t.kind, t.name, t.level, t.region_id, t.origin, t.inspected_on, t.hazards_open, t.material,
       t.updated_at, ST_X(t.spot) AS lon, ST_Y(t.spot) AS lat, k.zh, k.en, k.attributes ->> 'icon' AS icon
FROM target t LEFT JOIN dictionary_now k ON k.dict = 'target_kind' AND k.code = t.kind
WHERE t.removed_at IS NULL AND t.kind = ANY (%(kinds)s) AND {inside}
ORDER BY t.level NULLS LAST, t.name, t.target_id LIMIT 5000
"""


def targets_of(conn: Conn, look: Look, kinds: Sequence[str]) -> Sequence[Row]:
    if not look.scope.can("resource.view"):
        return ()
    inside, params = _inside(look, "t")
    return conn.execute(sql.SQL(_TARGETS).format(inside=inside), {**params, "kinds": list(kinds)}).fetchall()


_EVENTS = """
SELECT e.event_id, e.title, e.occurred_at, e.suspected, e.status, e.address, e.region_id, e.origin, c.case_id,
       ST_X(e.geom) AS lon, ST_Y(e.geom) AS lat
FROM event e LEFT JOIN cases c ON c.case_id = e.case_id
WHERE e.status <> 'void' AND e.occurred_at > %(since)s AND e.occurred_at <= %(now)s AND {of} AND {inside}
ORDER BY e.suspected DESC, e.occurred_at DESC, e.event_id DESC LIMIT %(read)s
"""


def fire_points(conn: Conn, look: Look) -> Sequence[Row]:
    """Those that wait for a word first, then the newest; false alarms are void and not here."""
    return _events(conn, look, FIRE, FIRE_DAYS)


def health_reports(conn: Conn, look: Look) -> Sequence[Row]:
    of = sql.SQL("e.category_scheme = 'gbt35561' AND e.category_code LIKE '13%%'")
    return _events(conn, look, of, HEALTH_DAYS)


def _events(conn: Conn, look: Look, of: sql.Composable, days: int) -> Sequence[Row]:
    inside, params = _inside(look, "e")
    values = {**params, "since": look.now - dt.timedelta(days=days), "now": look.now, "read": READ}
    return conn.execute(sql.SQL(_EVENTS).format(of=of, inside=inside), values).fetchall()


_HOSPITALS = """
SELECT r.resource_id, r.name, r.region_id, r.origin, ST_X(r.geom) AS lon, ST_Y(r.geom) AS lat, c.observed_at,
       (SELECT sum(value::numeric)::int FROM jsonb_each_text(c.figures -> 'free')) AS free,
       (SELECT sum(value::numeric)::int FROM jsonb_each_text(c.figures -> 'total')) AS beds,
       (c.figures ->> 'doctors')::int AS doctors, (c.figures ->> 'ambulances')::int AS ambulances
FROM resource r LEFT JOIN resource_capacity c ON c.resource_id = r.resource_id AND c.what = 'beds'
WHERE r.kind = 'hospital' AND r.status <> 'off' AND {inside}
ORDER BY free NULLS LAST, r.name, r.resource_id LIMIT %(read)s
"""


def hospitals(conn: Conn, look: Look) -> Sequence[Row]:
    inside, params = _inside(look, "r")
    return conn.execute(sql.SQL(_HOSPITALS).format(inside=inside), {**params, "read": READ}).fetchall()


def inside_ring(conn: Conn, look: Look, lon: float, lat: float, metres: float) -> dict[str, Any]:
    """`area` (degrees), and how many towns, villages and targets a ring touches."""
    found = conn.execute(
        "SELECT ST_AsBinary(ST_Buffer(ST_SetSRID(ST_MakePoint(%s, %s), 4326)::geography, %s, 32)::geometry) AS g",
        (lon, lat, metres),
    ).fetchone()
    assert found is not None
    values = {"ring": bytes(found["g"])}
    regions = conn.execute(
        "SELECT count(*) FILTER (WHERE kind = 'town') AS towns, count(*) FILTER (WHERE kind = 'village') AS villages"
        " FROM region r WHERE r.geom && ST_GeomFromWKB(%(ring)s, 4326)"
        " AND ST_Intersects(r.geom, ST_GeomFromWKB(%(ring)s, 4326))",
        values,
    ).fetchone()
    seen, params = visible(look.scope, "t")
    near = sql.SQL(
        "SELECT count(*) AS n FROM target t WHERE t.removed_at IS NULL AND t.geom && ST_GeomFromWKB(%(ring)s, 4326)"
        " AND ST_Intersects(t.geom, ST_GeomFromWKB(%(ring)s, 4326)) AND {}"
    ).format(seen)
    targets = conn.execute(near, {**params, **values}).fetchone()
    assert regions is not None
    assert targets is not None
    return {"area": shapely.from_wkb(values["ring"]), **regions, "targets": targets["n"]}


# ---------------------------------------------------------------- what belongs to the place of a row


def joined(conn: Conn, look: Look, row: dict[str, Any], duties: Sequence[str]) -> dict[str, Any]:
    """The row with the cameras that see it (else the nearest within 1 km) and the people who answer for its place."""
    lon, lat = row["lon"], row["lat"]
    if lon is None or lat is None:
        return {**row, "cameras": [], "people": []}
    return {**row, "cameras": _cameras(conn, look, lon, lat), "people": people_at(conn, look, row, duties)}


def _cameras(conn: Conn, look: Look, lon: float, lat: float) -> list[dict[str, Any]]:
    if not look.scope.can("device.view"):
        return []
    found = list(eyes.covering(conn, look.scope, lon, lat, look.srid, EYES))
    if len(found) < EYES:
        known = {r["device_id"] for r in found}
        near = eyes.nearest(conn, look.scope, lon, lat, look.srid, EYES_M, EYES)
        found += [r for r in near if r["device_id"] not in known][: EYES - len(found)]
    return [{"key": f"device:{r['device_id']}", "name": r["name"], "status": r["status"], "covers": r["covers"],
             "distance_m": round(r["distance_m"])} for r in found]  # fmt: skip


_STEWARDS = """
SELECT s.duty, s.name, s.phone FROM region_closure c JOIN steward s ON s.region_id = c.ancestor_id
WHERE c.descendant_id = %(region)s AND s.duty = ANY (%(duties)s) AND s.device_id IS NULL AND s.ended_at IS NULL
ORDER BY array_position(%(duties)s, s.duty), c.depth, s.steward_id LIMIT %(most)s
"""


def people_at(conn: Conn, look: Look, row: Row, duties: Sequence[str]) -> list[dict[str, Any]]:
    """Stewards of the nearest region that has one of each duty, and the officers of the grid cells at the place."""
    given = {"region": row["region_id"], "duties": list(duties), "most": 10 * PEOPLE}
    nearest: dict[str, Row] = {}
    for found in conn.execute(_STEWARDS, given):
        nearest.setdefault(found["duty"], found)
    out = [
        {"key": "", "duty": r["duty"], "title": masked(r["name"], look.scope), "sub": r["phone"]}
        for r in nearest.values()
    ]
    asked = Asked(conn, look.scope, look.regions, look.now, look.tz)
    cells = detail_parts.officers_at(asked, row["lon"], row["lat"])
    out += [{"key": p["key"], "duty": "grid", "title": p["title"], "sub": p["sub"]} for p in cells]
    return out[:PEOPLE]


# ---------------------------------------------------------------- who hears of a fire point


def untold_fires(conn: Conn, since: dt.datetime, now: dt.datetime, kind: str) -> list[int]:
    """Fire points that came in between and of which no notice of `kind` was written. Under the system's scope."""
    query = sql.SQL(
        "SELECT e.event_id FROM event e WHERE e.received_at > %(since)s AND e.received_at <= %(now)s"
        " AND e.occurred_at > %(since)s AND e.status <> 'void' AND {} AND NOT EXISTS"
        " (SELECT FROM notice n WHERE n.about = 'event:' || e.event_id AND n.kind = %(kind)s) ORDER BY 1 LIMIT 200"
    ).format(FIRE)
    return [int(r["event_id"]) for r in conn.execute(query, {"since": since, "now": now, "kind": kind})]


def fire_point(conn: Conn, event_id: int) -> Row | None:
    return conn.execute(
        "SELECT e.*, ST_X(e.geom) AS lon, ST_Y(e.geom) AS lat,"
        " (SELECT r.name FROM region r WHERE r.region_id = e.region_id) AS region"
        " FROM event e WHERE e.event_id = %s AND e.status <> 'void'",
        (event_id,),
    ).fetchone()


def wardens(conn: Conn, region_id: int | None, lon: float | None, lat: float | None) -> list[Row]:
    """`{name, login, phone}`: fire wardens of the nearest region that has any, else the officers of the grid cells."""
    rows = conn.execute(
        "SELECT s.name, s.login, s.phone, c.depth FROM region_closure c JOIN steward s ON s.region_id = c.ancestor_id"
        " WHERE c.descendant_id = %s AND s.duty = 'fire_warden' AND s.device_id IS NULL AND s.ended_at IS NULL"
        " ORDER BY c.depth, s.steward_id LIMIT 50",
        (region_id,),
    ).fetchall()
    if rows or lon is None or lat is None:
        return [r for r in rows if r["depth"] == rows[0]["depth"]]
    cells = conn.execute(
        "SELECT g.officers FROM grid_cell g WHERE ST_Covers(g.geom, ST_SetSRID(ST_MakePoint(%s, %s), 4326))"
        " AND g.geom && ST_SetSRID(ST_MakePoint(%s, %s), 4326) ORDER BY g.kind, g.code",
        (lon, lat, lon, lat),
    ).fetchall()
    people: dict[str, Row] = {}
    for person in (p for cell in cells for p in cell["officers"] or ()):
        if person.get("name"):
            of = {"name": person["name"], "login": "", "phone": person.get("phone_masked") or ""}
            people.setdefault(str(person["name"]), of)
    return list(people.values())
