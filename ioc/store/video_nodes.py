"""Trees of video platforms, the rounds their catalogues come in, and how fresh their states are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.scope import Scope
from ioc.store import device_state
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
INTERVALS = device_state.SILENT_INTERVALS


def take_turn(conn: Conn, source: str, platform: str) -> None:
    """Packets of one platform are written one after the other."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 9900))", (f"{source}\n{platform}",))


def confirm(conn: Conn, source: str, platform: str, values: Row, now: dt.datetime) -> None:
    """The platform has told its states. `values`: name, edition, interval_s, origin."""
    conn.execute(
        """
        INSERT INTO video_platform AS p (source, platform_id, name, edition, interval_s, confirmed_at, origin)
        VALUES (%(source)s, %(platform)s, %(name)s, %(edition)s, %(interval_s)s, %(now)s, %(origin)s)
        ON CONFLICT (source, platform_id) DO UPDATE
        SET name = coalesce(nullif(excluded.name, ''), p.name), edition = excluded.edition,
            interval_s = excluded.interval_s, confirmed_at = excluded.confirmed_at, stale = false
        """,
        {**values, "source": source, "platform": platform, "now": now},
    )


# ---------------------------------------------------------------- rounds


def latest_round(conn: Conn, source: str, platform: str, sn: str) -> Row | None:
    return conn.execute(
        "SELECT * FROM video_round WHERE source = %s AND platform_id = %s AND sn = %s ORDER BY round_id DESC LIMIT 1"
        " FOR UPDATE",
        (source, platform, sn),
    ).fetchone()


def save_round(conn: Conn, row: Row, now: dt.datetime) -> None:
    """A new round, or the new state of the one with `round_id`."""
    if row.get("round_id") is None:
        conn.execute(
            """
            INSERT INTO video_round (source, platform_id, sn, sum_num, keys, doubles, digests, state, first_at, last_at,
                                     origin)
            VALUES (%(source)s, %(platform_id)s, %(sn)s, %(sum_num)s, %(keys)s, %(doubles)s, %(digests)s, %(state)s,
                    %(now)s, %(now)s, %(origin)s)
            """,
            {**row, "now": now},
        )
        return
    conn.execute(
        "UPDATE video_round SET keys = %(keys)s, doubles = %(doubles)s, digests = %(digests)s, state = %(state)s,"
        " last_at = %(now)s WHERE round_id = %(round_id)s",
        {**row, "now": now},
    )


def overdue_rounds(conn: Conn, before: dt.datetime) -> Sequence[Row]:
    """Rounds whose last packet came before `before`; called incomplete from now on."""
    return conn.execute(
        """
        UPDATE video_round r SET state = 'incomplete'
        WHERE round_id IN (SELECT round_id FROM video_round WHERE state = 'open' AND last_at < %s
                           ORDER BY round_id LIMIT 100 FOR UPDATE SKIP LOCKED)
        RETURNING source, platform_id, sn, sum_num, cardinality(keys) + doubles AS got, first_at, last_at, origin
        """,
        (before,),
    ).fetchall()


# ---------------------------------------------------------------- nodes

_NODE = """
INSERT INTO video_node AS n (source, platform_id, gb_id, parent_id, group_id, kind, name, status, status_at, civil_code,
                             civil_check, device_id, info, region_id, private_to, sensitivity, origin, updated_at)
SELECT %(source)s, %(platform)s, x.gb_id, x.parent_id, x.group_id, x.kind, x.name, x.status,
       CASE WHEN x.status <> '' THEN %(now)s::timestamptz END, x.civil_code, x.civil_check, x.device_id, x.info,
       x.region_id, x.private_to, x.sensitivity, %(origin)s, %(now)s
FROM jsonb_to_recordset(%(rows)s) AS x (gb_id text, parent_id text, group_id text, kind text, name text, status text,
       civil_code text, civil_check text, device_id bigint, info jsonb, region_id int, private_to text,
       sensitivity smallint)
ORDER BY x.gb_id
ON CONFLICT (source, platform_id, gb_id) DO UPDATE
SET parent_id = excluded.parent_id, group_id = excluded.group_id, kind = excluded.kind, name = excluded.name,
    status = CASE WHEN excluded.status <> '' THEN excluded.status ELSE n.status END,
    status_at = CASE WHEN excluded.status NOT IN ('', n.status) THEN excluded.status_at ELSE n.status_at END,
    civil_code = excluded.civil_code, civil_check = excluded.civil_check,
    device_id = coalesce(excluded.device_id, n.device_id), missing_since = NULL, info = excluded.info,
    region_id = excluded.region_id, private_to = excluded.private_to, sensitivity = excluded.sensitivity,
    updated_at = excluded.updated_at
WHERE (n.parent_id, n.group_id, n.kind, n.name, n.civil_code, n.civil_check, n.info, n.region_id, n.private_to,
       n.sensitivity) IS DISTINCT FROM
      (excluded.parent_id, excluded.group_id, excluded.kind, excluded.name, excluded.civil_code, excluded.civil_check,
       excluded.info, excluded.region_id, excluded.private_to, excluded.sensitivity)
   OR excluded.status NOT IN ('', n.status) OR n.missing_since IS NOT NULL
   OR excluded.device_id IS DISTINCT FROM n.device_id AND excluded.device_id IS NOT NULL
"""


def save_nodes(conn: Conn, source: str, platform: str, rows: Sequence[Row], origin: str, now: dt.datetime) -> int:
    """Returns how many are new or have changed."""
    if not rows:
        return 0
    values = {"source": source, "platform": platform, "rows": Jsonb(list(rows)), "origin": origin, "now": now}
    return conn.execute(_NODE, values).rowcount


def set_states(conn: Conn, source: str, platform: str, states: Mapping[str, str], now: dt.datetime) -> None:
    """States told alone, of nodes that are known."""
    conn.execute(
        """
        UPDATE video_node n SET status = x.status, status_at = %(now)s, updated_at = %(now)s
        FROM unnest(%(ids)s::text[], %(states)s::text[]) AS x (gb_id, status)
        WHERE n.source = %(source)s AND n.platform_id = %(platform)s AND n.gb_id = x.gb_id AND n.status <> x.status
        """,
        {"source": source, "platform": platform, "ids": list(states), "states": list(states.values()), "now": now},
    )


def mark_missing(
    conn: Conn, source: str, platform: str, *, now: dt.datetime, keys: Sequence[str] = (), gone: Sequence[str] = ()
) -> list[int]:
    """Nodes a complete catalogue (`keys`) came without, or that were taken out (`gone`). Returns their devices."""
    rows = conn.execute(
        """
        UPDATE video_node SET missing_since = %(now)s, status = '', status_at = NULL, updated_at = %(now)s
        WHERE source = %(source)s AND platform_id = %(platform)s AND missing_since IS NULL
          AND (gb_id = ANY (%(gone)s::text[])
               OR cardinality(%(keys)s::text[]) > 0 AND NOT gb_id = ANY (%(keys)s::text[]))
        RETURNING device_id
        """,
        {"source": source, "platform": platform, "now": now, "keys": list(keys), "gone": list(gone)},
    ).fetchall()
    return [r["device_id"] for r in rows if r["device_id"] is not None]


def devices_of(conn: Conn, source: str, ids: Sequence[str]) -> dict[str, Row]:
    """Devices by 20-digit id: the source's own, else one another source already has under this national id."""
    rows = conn.execute(
        """
        SELECT DISTINCT ON (gb_id) * FROM (
          SELECT external_id AS gb_id, 0 AS rank, device_id, source, region_id, private_to, sensitivity FROM device
          WHERE source = %(source)s AND external_id = ANY (%(ids)s)
          UNION ALL
          SELECT national_id, 1, device_id, source, region_id, private_to, sensitivity FROM device
          WHERE national_id = ANY (%(ids)s) AND source <> %(source)s) x
        ORDER BY gb_id, rank, device_id
        """,
        {"source": source, "ids": list(ids)},
    ).fetchall()
    return {r["gb_id"]: r for r in rows}


def civil_checks(conn: Conn, pairs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """(12-digit code, region a device lies in) -> fits, elsewhere, or unknown where there is no such region here."""
    if not pairs:
        return {}
    rows = conn.execute(
        """
        SELECT x.code, x.region_id, r.region_id IS NOT NULL AS known, c.ancestor_id IS NOT NULL AS inside
        FROM unnest(%s::text[], %s::int[]) AS x (code, region_id)
        LEFT JOIN region r ON r.code = x.code
        LEFT JOIN region_closure c ON c.ancestor_id = r.region_id AND c.descendant_id = x.region_id
        """,
        ([p[0] for p in pairs], [p[1] for p in pairs]),
    ).fetchall()
    return {
        (r["code"], r["region_id"]): "fits" if r["inside"] else "elsewhere" if r["known"] else "unknown" for r in rows
    }


# ---------------------------------------------------------------- age


def age(conn: Conn, kind: Sequence[str], now: dt.datetime) -> int:
    """Platforms (of sources of these kinds) that have told nothing for three intervals: their devices' states are not
    known any more. Returns the devices."""
    rows = conn.execute(
        """
        UPDATE video_platform p SET stale = true
        FROM source s
        WHERE s.source_key = p.source AND s.kind = ANY (%(kind)s) AND NOT p.stale
          AND p.confirmed_at < %(now)s - %(n)s * make_interval(secs => p.interval_s)
        RETURNING p.source, p.platform_id
        """,
        {"kind": list(kind), "now": now, "n": INTERVALS},
    ).fetchall()
    changed = 0
    for row in rows:
        found = conn.execute(
            "SELECT device_id FROM video_node WHERE source = %s AND platform_id = %s AND device_id IS NOT NULL",
            (row["source"], row["platform_id"]),
        ).fetchall()
        states = {r["device_id"]: ("unknown", now) for r in found}
        changed += device_state.report(conn, states, now) if states else 0
    return changed


_LIST = """
SELECT n.source, n.platform_id, n.gb_id, n.parent_id, n.group_id, n.kind, n.name, n.status, n.status_at,
       p.confirmed_at, p.stale, n.civil_code, n.civil_check, n.device_id, n.missing_since, n.info, r.code AS region,
       (SELECT count(*)::int FROM video_node c WHERE c.source = n.source AND c.platform_id = n.platform_id
          AND c.parent_id = n.gb_id) AS children
FROM video_node n
JOIN video_platform p USING (source, platform_id)
LEFT JOIN region r ON r.region_id = n.region_id
WHERE {where} ORDER BY n.source, n.platform_id, n.gb_id LIMIT %(limit)s
"""


def listed(conn: Conn, scope: Scope, asked: Mapping[str, Any], limit: int) -> Sequence[Row]:
    """Nodes the scope sees. `asked`: source, platform, parent, placed (bool), missing (bool), after (gb_id)."""
    seen, params = visible(scope, "n")
    parts: list[sql.Composable] = [seen]
    pairs = {
        "source": sql.SQL("n.source = %(source)s"),
        "platform": sql.SQL("n.platform_id = %(platform)s"),
        "parent": sql.SQL("n.parent_id = %(parent)s"),
        "placed": sql.SQL("n.kind = 'device' AND (n.device_id IS NOT NULL) = %(placed)s"),
        "missing": sql.SQL("(n.missing_since IS NOT NULL) = %(missing)s"),
        "after": sql.SQL("n.gb_id > %(after)s"),
    }
    for name, part in pairs.items():
        if asked.get(name) is not None:
            parts.append(part)
            params[name] = asked[name]
    query = sql.SQL(_LIST).format(where=sql.SQL(" AND ").join(parts))
    return conn.execute(query, {**params, "limit": limit}).fetchall()
