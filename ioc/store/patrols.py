"""Rows of patrols, their tracks, findings and plans. Every read goes by the asker's scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.patrols.coverage import PERIOD
from ioc.patrols.track import GOOD, Point, Track
from ioc.scope import Scope
from ioc.store import outbox
from ioc.store.history import record_entity
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
# A position this near to a cell's border (about 30 m, what a phone is wrong by between houses) counts as inside.
NEAR_DEG = 0.0003
LAYERS = ("patrol_coverage", "patrol_track")
_COLUMNS = sql.SQL(
    "p.patrol_id, p.account, p.person, p.grid_cell_id, p.kind, p.begun_at, p.ended_at, p.received_at, p.distance_m,"
    " p.points, p.jumps, p.inside, p.findings, p.visits, p.note, p.version,"
    " p.region_id, p.private_to, p.sensitivity, p.origin,"
    " g.code AS grid_code, g.name AS grid_name, r.name AS region_name"
)
_FROM = sql.SQL(
    " FROM patrol p LEFT JOIN grid_cell g ON g.grid_cell_id = p.grid_cell_id"
    " LEFT JOIN region r ON r.region_id = p.region_id"
)


_MINE = """
SELECT g.grid_cell_id, g.code, g.name, g.kind, coalesce(k.zh, g.kind) AS kind_zh, coalesce(k.en, g.kind) AS kind_en,
       %(name)s <> '' AND g.officers @> %(person)s AS mine,
       ST_X(p.at) AS lon, ST_Y(p.at) AS lat,
       CASE WHEN %(lon)s::float8 IS NULL THEN NULL ELSE
         round(ST_Distance(g.geom::geography, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)::geography))
       END AS away_m
FROM grid_cell g CROSS JOIN LATERAL (SELECT ST_PointOnSurface(g.geom) AS at) p
LEFT JOIN dictionary_now k ON k.dict = 'grid_kind' AND k.code = g.kind
WHERE {seen} AND (%(name)s <> '' AND g.officers @> %(person)s OR g.grid_cell_id IN (
  SELECT n.grid_cell_id FROM grid_cell n WHERE {near_seen} ORDER BY
    n.geom <-> ST_SetSRID(ST_MakePoint(coalesce(%(lon)s::float8, 0), coalesce(%(lat)s::float8, 0)), 4326),
    n.grid_cell_id LIMIT %(limit)s))
ORDER BY mine DESC, away_m NULLS LAST, g.code, g.grid_cell_id LIMIT %(limit)s
"""


def cells_to_walk(
    conn: Conn, scope: Scope, name: str, place: tuple[float, float] | None, limit: int = 60
) -> Sequence[Row]:
    """Grid cells an officer may walk: the officer's own first, then the nearest to `place` (lon, lat) in the scope."""
    seen, params = visible(scope, "g")
    near_seen, more = visible(scope, "n")
    lon, lat = place or (None, None)
    values = {"name": name, "person": Jsonb([{"name": name}]), "lon": lon, "lat": lat, "limit": limit}
    query = sql.SQL(_MINE).format(seen=seen, near_seen=near_seen)
    return conn.execute(query, {**params, **more, **values}).fetchall()


def cells_named(conn: Conn, scope: Scope, cell_id: int | None, code: str) -> Sequence[Row]:
    """Grid cells by id, or by their own code (several authorities may use one code); as the scope sees them."""
    seen, params = visible(scope, "g")
    query = sql.SQL(
        "SELECT g.grid_cell_id, g.code, g.name, g.region_id, g.private_to, g.sensitivity, g.origin FROM grid_cell g"
        " WHERE (g.grid_cell_id = %(id)s OR (%(id)s::bigint IS NULL AND g.code = %(code)s)) AND {} LIMIT 5"
    ).format(seen)
    return conn.execute(query, {**params, "id": cell_id, "code": code}).fetchall()


def start(conn: Conn, values: Mapping[str, Any], now: dt.datetime) -> int | None:
    """Id of the new patrol; None where this account has used the key before."""
    row = conn.execute(
        "INSERT INTO patrol (once, account, person, grid_cell_id, kind, begun_at, received_at, note, region_id,"
        " private_to, sensitivity, origin, updated_at) VALUES (%(once)s, %(account)s, %(person)s, %(grid_cell_id)s,"
        " %(kind)s, %(begun_at)s, %(now)s, %(note)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s,"
        " %(now)s) ON CONFLICT (account, once) DO NOTHING RETURNING patrol_id",
        {**values, "now": now},
    ).fetchone()
    return None if row is None else int(row["patrol_id"])


def by_key(conn: Conn, account: str, once: str) -> Row | None:
    query = sql.SQL("SELECT {} {} WHERE p.account = %s AND p.once = %s").format(_COLUMNS, _FROM)
    return conn.execute(query, (account, once)).fetchone()


def one(conn: Conn, scope: Scope, patrol_id: int, *, lock: bool = False) -> Row | None:
    """The patrol as the scope sees it. `lock`: until the transaction ends."""
    seen, params = visible(scope, "p")
    tail = sql.SQL(" FOR UPDATE OF p" if lock else "")
    query = sql.SQL("SELECT {} {} WHERE p.patrol_id = %(id)s AND {}{}").format(_COLUMNS, _FROM, seen, tail)
    return conn.execute(query, {**params, "id": patrol_id}).fetchone()


def listed(conn: Conn, scope: Scope, asked: Mapping[str, Any], limit: int, after: int = 0) -> Sequence[Row]:
    """Newest first. `asked`: region_ids, grid_cell_id, kind, account, open, since, until; None: any."""
    seen, params = visible(scope, "p")
    query = sql.SQL(
        "SELECT {} {} WHERE {} AND (%(region_ids)s::int[] IS NULL OR p.region_id = ANY (%(region_ids)s::int[]))"
        " AND (%(grid_cell_id)s::bigint IS NULL OR p.grid_cell_id = %(grid_cell_id)s)"
        " AND (%(kind)s::text IS NULL OR p.kind = %(kind)s)"
        " AND (%(account)s::text IS NULL OR p.account = %(account)s)"
        " AND (%(open)s::boolean IS NULL OR (p.ended_at IS NULL) = %(open)s)"
        " AND (%(since)s::timestamptz IS NULL OR p.begun_at >= %(since)s)"
        " AND (%(until)s::timestamptz IS NULL OR p.begun_at < %(until)s)"
        " AND (%(after)s = 0 OR (p.begun_at, p.patrol_id) <"
        " (SELECT a.begun_at, a.patrol_id FROM patrol a WHERE a.patrol_id = %(after)s))"
        " ORDER BY p.begun_at DESC, p.patrol_id DESC LIMIT %(limit)s"
    ).format(_COLUMNS, _FROM, seen)
    names = ("region_ids", "grid_cell_id", "kind", "account", "open", "since", "until")
    given = {name: asked.get(name) for name in names}
    return conn.execute(query, {**params, **given, "limit": limit, "after": after}).fetchall()


# ------------------------------------------------------------ tracks


def points(conn: Conn, patrol_id: int) -> list[Point]:
    """Every point kept of a patrol, by time; flags are made anew whenever points come."""
    row = conn.execute("SELECT at_ms, lon, lat, accuracy_m FROM patrol_track WHERE patrol_id = %s", (patrol_id,))
    found = row.fetchone()
    if found is None:
        return []
    columns = (found["at_ms"], found["lon"], found["lat"], found["accuracy_m"])
    return [Point(*values) for values in zip(*columns, strict=True)]


def track(conn: Conn, scope: Scope, patrol_id: int) -> Row | None:
    seen, params = visible(scope, "t")
    query = sql.SQL(
        "SELECT t.at_ms, t.lon, t.lat, t.accuracy_m, t.flag FROM patrol_track t WHERE t.patrol_id = %(id)s AND {}"
    ).format(seen)
    return conn.execute(query, {**params, "id": patrol_id}).fetchone()


def save_track(conn: Conn, patrol: Row, found: Track, now: dt.datetime) -> None:
    """The whole track in place of what was kept, and what the record says of it."""
    good = [(p.lon, p.lat) for p in found.good]
    line = f"LINESTRING({','.join(f'{x!r} {y!r}' for x, y in good)})" if len(good) > 1 else None
    values = {
        "id": patrol["patrol_id"], "begun": patrol["begun_at"], "at": [p.at_ms for p in found.points],
        "lon": [p.lon for p in found.points], "lat": [p.lat for p in found.points],
        "accuracy": [p.accuracy_m for p in found.points], "flag": list(found.flags), "line": line,
        "distance": found.distance_m, "jumps": found.jumps, "now": now,
        **{name: patrol[name] for name in ("region_id", "private_to", "sensitivity", "origin")},
    }  # fmt: skip
    conn.execute(
        """
        INSERT INTO patrol_track AS t (patrol_id, begun_at, at_ms, lon, lat, accuracy_m, flag, geom, region_id,
                                       private_to, sensitivity, origin)
        VALUES (%(id)s, %(begun)s, %(at)s, %(lon)s, %(lat)s, %(accuracy)s, %(flag)s, ST_GeomFromText(%(line)s, 4326),
                %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s)
        ON CONFLICT (patrol_id) DO UPDATE SET at_ms = excluded.at_ms, lon = excluded.lon, lat = excluded.lat,
          accuracy_m = excluded.accuracy_m, flag = excluded.flag, geom = excluded.geom
        """,
        values,
    )
    conn.execute(
        "UPDATE patrol SET distance_m = %(distance)s, points = cardinality(%(at)s::bigint[]), jumps = %(jumps)s,"
        " updated_at = %(now)s WHERE patrol_id = %(id)s",
        values,
    )


def count_inside(conn: Conn, patrol_id: int) -> None:
    """How many good points, findings and visits lie in the patrol's cell: one that never came near covers none."""
    conn.execute(
        """
        UPDATE patrol p SET inside = coalesce((
            SELECT count(*) FROM patrol_track t, unnest(t.lon, t.lat, t.flag) AS u (lon, lat, flag)
            WHERE t.patrol_id = p.patrol_id AND u.flag = %(good)s
              AND ST_DWithin(g.geom, ST_SetSRID(ST_MakePoint(u.lon, u.lat), 4326), %(near)s)), 0)
          + (SELECT count(*) FROM patrol_finding f
             WHERE f.patrol_id = p.patrol_id AND ST_DWithin(g.geom, f.geom, %(near)s))
          + (SELECT count(*) FROM patrol_visit v
             WHERE v.patrol_id = p.patrol_id AND ST_DWithin(g.geom, v.geom, %(near)s))
        FROM grid_cell g WHERE g.grid_cell_id = p.grid_cell_id AND p.patrol_id = %(id)s
        """,
        {"id": patrol_id, "good": GOOD, "near": NEAR_DEG},
    )


# ------------------------------------------------------------ findings, end


def finding_by_key(conn: Conn, patrol_id: int, once: str) -> Row | None:
    return conn.execute(
        "SELECT finding_id, event_id, digest FROM patrol_finding WHERE patrol_id = %s AND once = %s", (patrol_id, once)
    ).fetchone()


def add_finding(conn: Conn, patrol: Row, values: Mapping[str, Any], now: dt.datetime) -> int:
    """Under the lock of its patrol."""
    place = {name: patrol[name] for name in ("patrol_id", "region_id", "private_to", "sensitivity", "origin")}
    row = conn.execute(
        "INSERT INTO patrol_finding (patrol_id, once, found_at, geom, title, description, urgency, category_scheme,"
        " category_code, attachment_ids, digest, event_id, region_id, private_to, sensitivity, origin)"
        " VALUES (%(patrol_id)s, %(once)s, %(found_at)s, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(title)s,"
        " %(description)s, %(urgency)s, %(scheme)s, %(code)s, %(attachments)s, %(digest)s, %(event_id)s,"
        " %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s) RETURNING finding_id",
        {**place, **values},
    ).fetchone()
    conn.execute(
        "UPDATE patrol SET findings = findings + 1, updated_at = %s WHERE patrol_id = %s", (now, patrol["patrol_id"])
    )
    assert row is not None
    return int(row["finding_id"])


def findings(conn: Conn, scope: Scope, patrol_id: int) -> Sequence[Row]:
    """Oldest first; each with the report it became."""
    seen, params = visible(scope, "f")
    query = sql.SQL(
        "SELECT f.finding_id, f.found_at, ST_X(f.geom) AS lon, ST_Y(f.geom) AS lat, f.title, f.description, f.urgency,"
        " f.category_scheme, f.category_code, f.attachment_ids, f.event_id FROM patrol_finding f"
        " WHERE f.patrol_id = %(id)s AND {} ORDER BY f.found_at, f.finding_id"
    ).format(seen)
    return conn.execute(query, {**params, "id": patrol_id}).fetchall()


def visit_by_key(conn: Conn, patrol_id: int, once: str) -> Row | None:
    return conn.execute(
        "SELECT visit_id, digest FROM patrol_visit WHERE patrol_id = %s AND once = %s", (patrol_id, once)
    ).fetchone()


def add_visit(conn: Conn, patrol: Row, values: Mapping[str, Any], now: dt.datetime) -> int:
    """Under the lock of its patrol. `values`: the columns; lon and lat None where no place is known."""
    place = {name: patrol[name] for name in ("patrol_id", "region_id", "private_to", "sensitivity", "origin")}
    row = conn.execute(
        "INSERT INTO patrol_visit (patrol_id, once, visited_at, kind, name, person, outcome, note, geom, digest,"
        " region_id, private_to, sensitivity, origin) VALUES (%(patrol_id)s, %(once)s, %(visited_at)s, %(kind)s,"
        " %(name)s, %(person)s, %(outcome)s, %(note)s,"
        " ST_SetSRID(ST_MakePoint(%(lon)s::float8, %(lat)s::float8), 4326), %(digest)s, %(region_id)s,"
        " %(private_to)s, %(sensitivity)s, %(origin)s) RETURNING visit_id",
        {**place, **values},
    ).fetchone()
    conn.execute(
        "UPDATE patrol SET visits = visits + 1, updated_at = %s WHERE patrol_id = %s", (now, patrol["patrol_id"])
    )
    assert row is not None
    return int(row["visit_id"])


def visits(conn: Conn, scope: Scope, patrol_id: int) -> Sequence[Row]:
    """Oldest first. A household is a place where somebody lives: asked for like the finding of one."""
    seen, params = visible(scope, "v")
    query = sql.SQL(
        "SELECT v.visit_id, v.visited_at, v.kind, v.name, v.person, v.outcome, v.note, ST_X(v.geom) AS lon,"
        " ST_Y(v.geom) AS lat FROM patrol_visit v WHERE v.patrol_id = %(id)s AND {} ORDER BY v.visited_at, v.visit_id"
    ).format(seen)
    return conn.execute(query, {**params, "id": patrol_id}).fetchall()


def bind_attachments(conn: Conn, ids: Sequence[int], event_id: int, origin: str, now: dt.datetime) -> None:
    conn.execute(
        "UPDATE attachment SET event_id = %s, origin = %s, bound_at = %s WHERE attachment_id = ANY (%s)"
        " AND event_id IS NULL AND case_id IS NULL",
        (event_id, origin, now, list(ids)),
    )


def end(conn: Conn, patrol_id: int, ended_at: dt.datetime, note: str, now: dt.datetime) -> None:
    conn.execute(
        "UPDATE patrol SET ended_at = %s, note = CASE WHEN %s = '' THEN note ELSE %s END, updated_at = %s"
        " WHERE patrol_id = %s",
        (ended_at, note, note, now, patrol_id),
    )


def note_change(conn: Conn, patrol_id: int, op: Literal["new", "change"], actor: str) -> None:
    """Version, history, and one feed record for the layers that show it. The track is not part of the history."""
    if op == "change":
        conn.execute("UPDATE patrol SET version = version + 1 WHERE patrol_id = %s", (patrol_id,))
    row = conn.execute("SELECT to_jsonb(p) AS record FROM patrol p WHERE p.patrol_id = %s", (patrol_id,)).fetchone()
    assert row is not None
    record = row["record"]
    record_entity(conn, "patrol", patrol_id, op, actor, record["origin"], record)
    outbox.put(conn, topic="reload", op="change", entity_id="patrol", region_id=record["region_id"],
               private_to=record["private_to"], sensitivity=record["sensitivity"], permission="grid.view",
               origin=record["origin"], payload={"layers": list(LAYERS), "reason": "patrol"})  # fmt: skip
    outbox.wake(conn)


# ------------------------------------------------------------ coverage


_COVERAGE = sql.SQL(
    """
    SELECT g.grid_cell_id, g.code, g.name, g.kind, r.code AS region_code, r.name AS region_name,
           d.last_at, coalesce(d.done, 0)::int AS done, coalesce(d.missed, 0)::int AS missed,
           coalesce((SELECT sum(pl.times_a_week) FROM patrol_plan pl WHERE pl.grid_cell_id = g.grid_cell_id
                     AND (%(kind)s::text IS NULL OR pl.kind = %(kind)s)), 0)::float8 AS planned
    FROM grid_cell g
    LEFT JOIN region r ON r.region_id = g.region_id
    LEFT JOIN (SELECT p.grid_cell_id, max(p.ended_at) FILTER (WHERE p.inside > 0) AS last_at,
                      count(*) FILTER (WHERE p.inside > 0 AND p.ended_at > %(since)s) AS done,
                      count(*) FILTER (WHERE p.inside = 0 AND p.ended_at > %(since)s) AS missed
               FROM patrol p WHERE p.ended_at <= %(now)s AND (%(kind)s::text IS NULL OR p.kind = %(kind)s)
               GROUP BY p.grid_cell_id) d USING (grid_cell_id)
    WHERE {where} AND (%(ids)s::int[] IS NULL OR g.region_id = ANY (%(ids)s::int[])) AND g.grid_cell_id > %(after)s
      AND (%(cell)s::bigint IS NULL OR g.grid_cell_id = %(cell)s)
      AND (NOT %(walked)s OR d.last_at IS NOT NULL OR EXISTS (
           SELECT FROM patrol_plan pl WHERE pl.grid_cell_id = g.grid_cell_id))
    ORDER BY g.grid_cell_id LIMIT %(limit)s
    """
)


def coverage_rows(
    conn: Conn,
    scope: Scope,
    region_ids: Sequence[int] | None,
    now: dt.datetime,
    *,
    kind: str | None = None,
    cell: int | None = None,
    after: int = 0,
    limit: int = 500,
    walked: bool = False,
) -> Sequence[Row]:
    """A row a cell: when it was last walked, how often in the last `PERIOD`, how often planned; by id.

    A patrol counts when it has ended and came into its cell; `missed` are those that ended without.
    `walked`: only cells with a plan or a patrol.
    """
    seen, params = visible(scope, "g")
    ids = None if region_ids is None else list(region_ids)
    given = {"ids": ids, "now": now, "since": now - PERIOD, "kind": kind, "cell": cell, "after": after, "limit": limit}
    return conn.execute(_COVERAGE.format(where=seen), {**params, **given, "walked": walked}).fetchall()


def save_plans(conn: Conn, rows: Sequence[Mapping[str, Any]], now: dt.datetime, actor: str) -> tuple[int, int]:
    """(stored, updated) of plan rows by cell and kind, with history; equal ones are left alone."""
    stored = updated = 0
    for values in rows:
        found = conn.execute(
            """
            INSERT INTO patrol_plan AS p (grid_cell_id, kind, times_a_week, source, region_id, private_to, sensitivity,
                                          origin, updated_at)
            SELECT g.grid_cell_id, %(kind)s, %(times)s, %(source)s, g.region_id, g.private_to, g.sensitivity,
                   %(origin)s, %(now)s FROM grid_cell g WHERE g.grid_cell_id = %(cell)s
            ON CONFLICT (grid_cell_id, kind) DO UPDATE SET times_a_week = excluded.times_a_week,
              source = excluded.source, origin = excluded.origin, updated_at = excluded.updated_at
              WHERE p.times_a_week IS DISTINCT FROM excluded.times_a_week OR p.origin <> excluded.origin
            RETURNING (xmax = 0) AS created
            """,
            {**values, "now": now},
        ).fetchone()
        if found is not None:
            stored, updated = stored + int(found["created"]), updated + int(not found["created"])
            op = "new" if found["created"] else "change"
            record_entity(
                conn, "patrol_plan", f"{values['cell']}/{values['kind']}", op, actor, values["origin"], values
            )
    if stored or updated:
        outbox.put(conn, topic="reload", op="change", entity_id="patrol", permission="grid.view",
                   payload={"layers": [LAYERS[0]], "reason": "patrol-plans"})  # fmt: skip
        outbox.wake(conn)
    return stored, updated
