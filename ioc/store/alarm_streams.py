"""What judging values needs of the store: datastreams with their devices, settings, delays that run, and histories."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString

from psycopg.rows import tuple_row

from ioc.alarms.bind import Override, Stream
from ioc.alarms.phase import NORMAL, Phase
from ioc.store import arrays
from ioc.store.pool import Conn

Key = tuple[str, int]  # rule, datastream
Before = dict[int, tuple[dt.datetime, float | None]]  # newest value of datastreams


def version(conn: Conn) -> int:
    """Changes with settings, and with what rules read of devices."""
    row = conn.execute("SELECT version FROM alarm_config").fetchone()
    return int(row["version"]) if row else 0


def bump(conn: Conn) -> None:
    """Whoever changes what rules rest on says so; evaluators drop what they remember."""
    conn.execute("UPDATE alarm_config SET version = version + 1")


def overrides(conn: Conn) -> list[Override]:
    rows = conn.execute("SELECT rule_key, target, ref, params, valid_from, valid_to FROM alarm_rule_setting").fetchall()
    return [Override(**r) for r in rows]


_STREAMS = """
SELECT s.datastream_id, s.device_id, d.kind, s.property, d.interval_s, s.limit_high, s.limit_low, d.region_id,
       CASE WHEN %(all)s OR s.property = ANY (%(with_attributes)s) THEN d.attributes END AS attributes,
       CASE WHEN s.property = ANY (%(with_siblings)s) THEN (
         SELECT jsonb_object_agg(o.property, l.value) FROM datastream o JOIN latest l USING (datastream_id)
         WHERE o.device_id = s.device_id AND o.property = ANY (%(siblings)s)) END AS own
FROM datastream s JOIN device d ON d.device_id = s.device_id
WHERE s.datastream_id = ANY (%(ids)s::bigint[])
"""


def streams(
    conn: Conn,
    ids: Iterable[int],
    siblings: Sequence[str] = (),
    with_siblings: Sequence[str] = (),
    with_attributes: Sequence[str] | None = None,
) -> dict[int, Stream]:
    """Datastreams as rules see them. `siblings`: properties whose newest value may be a limit of `with_siblings`.

    `with_attributes`: the properties whose rules read the device's attributes (None: all). A file's columns are many,
    and most rules know their limit without them.
    """
    values = {"ids": arrays.ints(sorted(set(ids))), "siblings": list(siblings), "with_siblings": list(with_siblings),
              "all": with_attributes is None, "with_attributes": list(with_attributes or ())}  # fmt: skip
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_STREAMS, values).fetchall()
    above = _ancestors(conn, {r[7] for r in rows if r[7] is not None})
    return {r[0]: _stream(r, above.get(r[7], ())) for r in rows}


def _ancestors(conn: Conn, region_ids: Iterable[int]) -> dict[int | None, tuple[int, ...]]:
    """Each region with those above it, from itself upward. Of a thousand devices the regions are few."""
    rows = conn.execute(
        "SELECT descendant_id AS id, array_agg(ancestor_id ORDER BY depth) AS ids FROM region_closure"
        " WHERE descendant_id = ANY (%s) GROUP BY 1",
        (sorted(set(region_ids)),),
    )
    return {r["id"]: tuple(r["ids"]) for r in rows}


def _stream(r: Sequence[Any], region_ids: tuple[int, ...]) -> Stream:
    stream, device, kind, name, interval_s, high, low, _, attributes, own = r
    limits = {"limit_high": high, "limit_low": low, **(own or {})}
    return Stream(stream, device, kind, name, float(interval_s), region_ids, attributes or {}, limits)


def lock_latest(conn: Conn, ids: Iterable[int]) -> Before:
    """The newest value of datastreams, locked: whoever judges one of them next waits. New ones are taken by number."""
    wanted = sorted(set(ids))
    found = _latest(conn, wanted)
    missing = [i for i in wanted if i not in found]
    if missing:  # nothing to lock yet: two first batches of one datastream still take turns
        conn.execute(
            "SELECT pg_advisory_xact_lock(4930186, hashint8(i)) FROM unnest(%s::bigint[]) i", (arrays.ints(missing),)
        )
        found |= _latest(conn, missing)
    return found


def _latest(conn: Conn, ids: Sequence[int]) -> Before:
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(
            "SELECT datastream_id, observed_at, value FROM latest WHERE datastream_id = ANY (%s::bigint[])"
            " ORDER BY datastream_id FOR NO KEY UPDATE",
            (arrays.ints(ids),),
        ).fetchall()
    return {stream: (at, value) for stream, at, value in rows}


# ---------------------------------------------------------------- delays that run


def phases(conn: Conn, ids: Iterable[int]) -> dict[Key, Phase]:
    """What is not simply normal on these datastreams."""
    rows = conn.execute(
        "SELECT rule_key, datastream_id, phase, since, value FROM alarm_state WHERE datastream_id = ANY (%s::bigint[])",
        (arrays.ints(sorted(set(ids))),),
    ).fetchall()
    return {(r["rule_key"], r["datastream_id"]): Phase(r["phase"], r["since"], r["value"]) for r in rows}


def put_phases(conn: Conn, changed: Mapping[Key, tuple[Phase, dt.datetime | None]]) -> None:
    """Phases with the time at which their delay ends. Normal ones are forgotten."""
    normal = [k for k, (p, _) in changed.items() if p.name == NORMAL.name]
    if normal:
        conn.execute(
            "DELETE FROM alarm_state a USING unnest(%s::text[], %s::bigint[]) AS k(rule, stream)"
            " WHERE a.rule_key = k.rule AND a.datastream_id = k.stream",
            ([k[0] for k in normal], [k[1] for k in normal]),
        )
    rest = sorted(((k, v) for k, v in changed.items() if v[0].name != NORMAL.name), key=lambda r: (r[0][1], r[0][0]))
    if rest:
        conn.execute(
            """
            INSERT INTO alarm_state AS a (rule_key, datastream_id, phase, since, value, due_at, origin)
            SELECT n.rule, n.stream, n.phase, n.since, n.value, n.due, coalesce(s.origin, 'real')
            FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::timestamptz[], %s::float8[], %s::timestamptz[])
                 AS n(rule, stream, phase, since, value, due)
            LEFT JOIN datastream s ON s.datastream_id = n.stream
            ON CONFLICT (datastream_id, rule_key) DO UPDATE
            SET phase = excluded.phase, since = excluded.since, value = excluded.value, due_at = excluded.due_at
            """,
            (
                [k[0] for k, _ in rest],
                [k[1] for k, _ in rest],
                [p.name for _, (p, _) in rest],
                [p.since for _, (p, _) in rest],
                [p.value for _, (p, _) in rest],
                [due for _, (_, due) in rest],
            ),
        )


def standing(conn: Conn, rules: Iterable[str], limit: int = 100_000) -> list[Key]:
    """Every rule and datastream that is not simply normal."""
    rows = conn.execute(
        "SELECT rule_key, datastream_id FROM alarm_state WHERE rule_key = ANY (%s) ORDER BY 2, 1 LIMIT %s",
        (sorted(rules), limit),
    ).fetchall()
    return [(r["rule_key"], r["datastream_id"]) for r in rows]


def due_streams(conn: Conn, now: dt.datetime, limit: int) -> list[int]:
    """Datastreams on which a delay has ended by itself."""
    rows = conn.execute(
        "SELECT DISTINCT datastream_id FROM (SELECT datastream_id FROM alarm_state WHERE due_at <= %s"
        " ORDER BY due_at LIMIT %s) d ORDER BY 1",
        (now, limit),
    ).fetchall()
    return [r["datastream_id"] for r in rows]


def device_phases(conn: Conn, device_ids: Iterable[int], rules: Iterable[str]) -> dict[int, set[str]]:
    """Rules whose condition stands (raised, not yet cleared) on devices."""
    rows = conn.execute(
        "SELECT s.device_id, a.rule_key FROM datastream s JOIN alarm_state a USING (datastream_id)"
        " WHERE s.device_id = ANY (%s) AND a.rule_key = ANY (%s) AND a.phase IN ('active', 'clearing')",
        (sorted(set(device_ids)), sorted(set(rules))),
    ).fetchall()
    out: dict[int, set[str]] = {}
    for r in rows:
        out.setdefault(r["device_id"], set()).add(r["rule_key"])
    return out


def anchors(conn: Conn, device_ids: Iterable[int], properties: Iterable[str]) -> dict[tuple[int, str], int]:
    """(device, property) -> datastream."""
    rows = conn.execute(
        "SELECT device_id, property, datastream_id FROM datastream WHERE device_id = ANY (%s) AND property = ANY (%s)",
        (sorted(set(device_ids)), sorted(set(properties))),
    ).fetchall()
    return {(r["device_id"], r["property"]): r["datastream_id"] for r in rows}


# ---------------------------------------------------------------- histories


def histories(
    conn: Conn, ids: Iterable[int], since: dt.datetime, until: dt.datetime
) -> dict[int, list[tuple[dt.datetime, float]]]:
    """Values that were measured (neither bad nor missing), oldest first."""
    rows = conn.execute(
        "SELECT datastream_id, observed_at, value FROM observation WHERE datastream_id = ANY (%s)"
        " AND observed_at >= %s AND observed_at <= %s AND quality < 2 ORDER BY observed_at",
        (sorted(set(ids)), since, until),
    ).fetchall()
    out: dict[int, list[tuple[dt.datetime, float]]] = {}
    for r in rows:
        out.setdefault(r["datastream_id"], []).append((r["observed_at"], r["value"]))
    return out


def longitudes(
    conn: Conn, device_ids: Iterable[int], times: Iterable[dt.datetime]
) -> dict[tuple[int, dt.datetime], float]:
    """The longitude a moving device reported at these times."""
    rows = conn.execute(
        "SELECT s.device_id, o.observed_at, o.value FROM datastream s JOIN observation o USING (datastream_id)"
        " WHERE s.device_id = ANY (%s) AND s.property = 'position_lon' AND o.observed_at = ANY (%s) AND o.quality < 2",
        (sorted(set(device_ids)), sorted(set(times))),
    ).fetchall()
    return {(r["device_id"], r["observed_at"]): r["value"] for r in rows}


_FENCES: Mapping[str, LiteralString] = {
    "fence": "SELECT ST_AsBinary(geom) AS wkb FROM fence WHERE fence_id::text = %(name)s AND deleted_at IS NULL",
    "region": "SELECT ST_AsBinary(geom) AS wkb FROM region WHERE code = %(name)s AND geom IS NOT NULL",
    "grid": "SELECT ST_AsBinary(geom) AS wkb FROM grid_cell WHERE code = %(name)s LIMIT 1",
    "layer": "SELECT ST_AsBinary(f.geom) AS wkb FROM thematic_feature f JOIN thematic_layer l USING (layer_id)"
    " WHERE l.key = %(layer)s AND f.external_id = %(name)s AND GeometryType(f.geom) IN ('POLYGON', 'MULTIPOLYGON')",
}


def fence(conn: Conn, ref: str) -> bytes | None:
    """The area `fence:ID`, `region:CODE`, `grid:CODE` or `layer:KEY/ID` names, as WKB in degrees; None: none."""
    sort, _, name = ref.partition(":")
    if sort not in _FENCES:
        return None
    layer, _, feature = name.partition("/")
    row = conn.execute(_FENCES[sort], {"name": feature if sort == "layer" else name, "layer": layer}).fetchone()
    return None if row is None else bytes(row["wkb"])
