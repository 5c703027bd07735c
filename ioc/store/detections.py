"""Detections of AI video analysis and the decisions on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.scope import Scope
from ioc.store import outbox
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
STATES = ("review", "suspected", "confirmed", "refuted")

_COLUMNS: tuple[LiteralString, ...] = (
    "source", "source_id", "algorithm", "confidence", "threshold", "state", "device_id", "camera", "national_id",
    "occurred_at", "picture", "picture_type", "boxes", "event_id", "report", "digest", "region_id",
    "private_to", "sensitivity", "origin",
)  # fmt: skip
_JSON = frozenset({"boxes", "report"})
_CAMERA = """
SELECT d.device_id, d.source, d.external_id, d.national_id, d.name, d.address, d.region_id, d.private_to,
       d.sensitivity, ST_X(d.geom) AS lon, ST_Y(d.geom) AS lat
FROM device d WHERE d.device_id = %(number)s OR d.external_id = %(ref)s OR d.national_id = %(ref)s
ORDER BY d.device_id LIMIT 3
"""


def take_turn(conn: Conn, source: str, source_id: str) -> None:
    """Deliveries of one detection come one after the other, also the first two of it."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 9800))", (f"{source}\n{source_id}",))


def find(conn: Conn, source: str, source_id: str) -> Row | None:
    return conn.execute(
        "SELECT * FROM detection WHERE source = %s AND source_id = %s FOR UPDATE", (source, source_id)
    ).fetchone()


def cameras(conn: Conn, ref: str, scope: Scope) -> Sequence[Row]:
    """Devices a camera's name may mean, among those the asker sees: a national or external id, else our own number."""
    number = int(ref) if ref.isascii() and ref.isdigit() and len(ref) < 19 else None
    rows = conn.execute(_CAMERA, {"number": number, "ref": ref}).fetchall()
    named = [r for r in rows if ref in (r["external_id"], r["national_id"])]
    return [r for r in named or rows if scope.sees(r["region_id"], r["private_to"], r["sensitivity"])]


def insert(conn: Conn, values: Row, now: dt.datetime) -> Row:
    names = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
    marks = sql.SQL(", ").join(map(sql.Placeholder, _COLUMNS))
    query = sql.SQL(
        "INSERT INTO detection ({}, geom, received_at, updated_at) VALUES ({},"
        " ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(now)s, %(now)s) RETURNING *"
    ).format(names, marks)
    return _one(conn, query, {**_adapted(values), "now": now})


def change(conn: Conn, detection_id: int, values: Row, now: dt.datetime) -> Row:
    """New values as the next version; `lon` and `lat` among them move it."""
    given = [c for c in _COLUMNS if c in values]
    sets: list[sql.Composable] = [sql.SQL("{} = {}").format(sql.Identifier(c), sql.Placeholder(c)) for c in given]
    if "lon" in values:
        sets.append(sql.SQL("geom = ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)"))
    query = sql.SQL(
        "UPDATE detection SET {}, version = version + 1, updated_at = %(now)s WHERE detection_id = %(id)s RETURNING *"
    ).format(sql.SQL(", ").join(sets))
    return _one(conn, query, {**_adapted(values), "now": now, "id": detection_id})


def _one(conn: Conn, query: sql.Composed, values: Mapping[str, Any]) -> Row:
    row = conn.execute(query, values).fetchone()
    if row is None:
        raise LookupError("detection")
    return row


def _adapted(values: Row) -> dict[str, Any]:
    return {k: Jsonb(v) if k in _JSON else v for k, v in values.items()}


def tell(conn: Conn, row: Row, op: str) -> None:
    """The feed record: the review list of every desk in scope."""
    outbox.put(
        conn,
        topic="detection",
        op="new" if op == "new" else "change",
        entity_id=row["detection_id"],
        region_id=row["region_id"],
        private_to=row["private_to"],
        sensitivity=row["sensitivity"],
        permission="event.view",
        origin=row["origin"],
        payload={
            "key": f"detection:{row['detection_id']}",
            "type": "detection",
            "id": row["detection_id"],
            "state": row["state"],
            "algorithm": row["algorithm"],
            "version": row["version"],
        },
    )
    outbox.wake(conn)


# ---------------------------------------------------------------- reading

_LIST = """
SELECT x.detection_id, x.source, x.source_id, x.algorithm, coalesce(n.zh, x.algorithm) AS algorithm_zh,
       coalesce(n.en, x.algorithm) AS algorithm_en, x.confidence, x.threshold, x.state, x.device_id, x.camera,
       x.national_id, d.name AS camera_name, x.occurred_at, x.received_at, x.updated_at, x.picture <> '' AS has_picture,
       x.boxes, x.event_id, e.case_id, x.version, ST_X(x.geom) AS lon, ST_Y(x.geom) AS lat, r.code AS region,
       r.name AS region_name, x.report ->> 'title' AS title, x.report ->> 'description' AS description,
       x.report ->> 'address' AS address, x.report -> 'attributes' ->> 'picture_url' AS picture_url, x.origin,
       x.sensitivity, v.decision, v.reason, v.actor_name, v.at AS reviewed_at
FROM detection x
LEFT JOIN dictionary_now n ON n.dict = 'detection_type' AND n.code = x.algorithm
LEFT JOIN device d ON d.device_id = x.device_id
LEFT JOIN event e ON e.event_id = x.event_id
LEFT JOIN region r ON r.region_id = x.region_id
LEFT JOIN LATERAL (SELECT w.decision, w.reason, w.actor_name, w.at FROM detection_review w
                   WHERE w.detection_id = x.detection_id ORDER BY w.review_id DESC LIMIT 1) v ON true
WHERE {where} ORDER BY {order} LIMIT %(limit)s
"""
# The review list begins with what has waited longest; everything else with the newest.
_OLDEST = sql.SQL("x.occurred_at, x.detection_id")
_NEWEST = sql.SQL("x.occurred_at DESC, x.detection_id DESC")


def _conditions(scope: Scope, asked: Mapping[str, Any]) -> tuple[sql.Composable, dict[str, Any]]:
    seen, params = visible(scope, "x")
    parts: list[sql.Composable] = [seen]
    pairs = {
        "state": sql.SQL("x.state = %(state)s"),
        "algorithm": sql.SQL("x.algorithm = %(algorithm)s"),
        "region_ids": sql.SQL("x.region_id = ANY (%(region_ids)s::int[])"),
        "since": sql.SQL("x.occurred_at >= %(since)s"),
        "until": sql.SQL("x.occurred_at < %(until)s"),
    }
    for name, condition in pairs.items():
        if asked.get(name) is not None:
            parts.append(condition)
            params[name] = asked[name]
    return sql.SQL(" AND ").join(parts), params


def listed(conn: Conn, scope: Scope, asked: Mapping[str, Any], limit: int, after: int = 0) -> Sequence[Row]:
    """Detections the scope sees. `asked`: state, algorithm, region_ids, since, until; None or absent: any."""
    where, params = _conditions(scope, asked)
    oldest = asked.get("state") == "review"
    if after:
        sign = sql.SQL(">" if oldest else "<")
        where = sql.SQL(
            "{} AND (x.occurred_at, x.detection_id) {} (SELECT a.occurred_at, a.detection_id FROM detection a"
            " WHERE a.detection_id = %(after)s)"
        ).format(where, sign)
        params["after"] = after
    query = sql.SQL(_LIST).format(where=where, order=_OLDEST if oldest else _NEWEST)
    return conn.execute(query, {**params, "limit": limit}).fetchall()


def counted(conn: Conn, scope: Scope, asked: Mapping[str, Any]) -> dict[str, int]:
    """How many in each state."""
    where, params = _conditions(scope, {k: v for k, v in asked.items() if k != "state"})
    query = sql.SQL("SELECT x.state, count(*)::int AS n FROM detection x WHERE {} GROUP BY 1").format(where)
    found = {r["state"]: r["n"] for r in conn.execute(query, params)}
    return {s: found.get(s, 0) for s in STATES}


def one(conn: Conn, scope: Scope, detection_id: int, *, lock: bool = False) -> Row | None:
    """A detection's row, as far as the scope sees it. `lock` in its own statement, before what depends on it."""
    seen, params = visible(scope, "x")
    query = sql.SQL("SELECT x.* FROM detection x WHERE x.detection_id = %(id)s AND {} {}").format(
        seen, sql.SQL("FOR UPDATE" if lock else "")
    )
    return conn.execute(query, {**params, "id": detection_id}).fetchone()


def shown(conn: Conn, scope: Scope, detection_id: int) -> Row | None:
    """One detection as it is listed."""
    seen, params = visible(scope, "x")
    where = sql.SQL("{} AND x.detection_id = %(id)s").format(seen)
    query = sql.SQL(_LIST).format(where=where, order=_NEWEST)
    return conn.execute(query, {**params, "id": detection_id, "limit": 1}).fetchone()


def reviews(conn: Conn, detection_id: int) -> Sequence[Row]:
    return conn.execute(
        "SELECT decision, state_before, reason, actor_name, at FROM detection_review WHERE detection_id = %s"
        " ORDER BY review_id",
        (detection_id,),
    ).fetchall()


def add_review(conn: Conn, values: Row) -> None:
    """`values`: detection_id, event_id, decision, state_before, reason, actor, actor_name, at, and the row's scope."""
    conn.execute(
        """
        INSERT INTO detection_review (detection_id, event_id, decision, state_before, reason, actor, actor_name, at,
                                      region_id, private_to, sensitivity, origin)
        VALUES (%(detection_id)s, %(event_id)s, %(decision)s, %(state_before)s, %(reason)s, %(actor)s, %(actor_name)s,
                %(at)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s)
        """,
        dict(values),
    )


_FIGURES = """
SELECT {key} AS key, {words} count(*)::int AS total, count(*) FILTER (WHERE x.state = 'review')::int AS review,
       count(*) FILTER (WHERE x.state = 'suspected')::int AS suspected,
       count(*) FILTER (WHERE x.state = 'confirmed')::int AS confirmed,
       count(*) FILTER (WHERE x.state = 'refuted')::int AS refuted,
       100.0 * count(*) FILTER (WHERE x.state = 'refuted')
         / nullif(count(*) FILTER (WHERE x.state IN ('confirmed', 'refuted')), 0) AS refuted_rate
FROM detection x {join} WHERE {where} GROUP BY {group} ORDER BY count(*) FILTER (WHERE x.state = 'refuted') DESC,
  total DESC, 1 LIMIT 500
"""


def figures(conn: Conn, scope: Scope, asked: Mapping[str, Any]) -> dict[str, Sequence[Row]]:
    """Counts by algorithm and by camera. `refuted_rate`: refuted / (confirmed + refuted), percent; None: no review."""
    where, params = _conditions(scope, asked)
    by_algorithm = sql.SQL(_FIGURES).format(
        key=sql.SQL("x.algorithm"),
        words=sql.SQL("coalesce(n.zh, x.algorithm) AS zh, coalesce(n.en, x.algorithm) AS en,"),
        join=sql.SQL("LEFT JOIN dictionary_now n ON n.dict = 'detection_type' AND n.code = x.algorithm"),
        where=where,
        group=sql.SQL("x.algorithm, n.zh, n.en"),
    )
    by_camera = sql.SQL(_FIGURES).format(
        key=sql.SQL("coalesce(x.national_id, nullif(x.camera, ''), '-')"),
        words=sql.SQL("x.device_id, d.name,"),
        join=sql.SQL("LEFT JOIN device d ON d.device_id = x.device_id"),
        where=where,
        group=sql.SQL("1, x.device_id, d.name"),
    )
    return {
        "algorithms": conn.execute(by_algorithm, params).fetchall(),
        "cameras": conn.execute(by_camera, params).fetchall(),
    }


def pictures_wanted(conn: Conn, digests: Sequence[str]) -> set[str]:
    rows = conn.execute("SELECT DISTINCT picture FROM detection WHERE picture = ANY (%s)", (list(digests),))
    return {r["picture"] for r in rows}


# ---------------------------------------------------------------- types


def configure(conn: Conn, code: str, zh: str, en: str, attributes: Row, on: dt.date) -> None:
    """The installation's own row of a detection type, valid from `on`. What is shipped stays beside it."""
    conn.execute(
        """
        INSERT INTO dictionary (dict, code, zh, en, standard, edition, confidence, valid_from, attributes)
        VALUES ('detection_type', %(code)s, %(zh)s, %(en)s, '', '', 'U', %(on)s, %(attributes)s)
        ON CONFLICT (dict, code, valid_from) DO UPDATE
        SET zh = excluded.zh, en = excluded.en, attributes = excluded.attributes
        """,
        {"code": code, "zh": zh, "en": en, "on": on, "attributes": Jsonb(dict(attributes))},
    )
