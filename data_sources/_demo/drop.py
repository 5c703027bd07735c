"""`ioc demo drop`: afterwards no row, number or tag of the demo is left. Real rows stay, without links into it."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ioc.store import chained, past
from ioc.store.retry import retried

Conn = psycopg.Connection[Any]
# Rows that are reached only through another table, and those others point at, go in this order; the rest in any.
_FIRST = ("outbox", "feed", "event_history", "case_history", "entity_history", "device_state_log", "indicator_value",
          "indicator_history", "thematic_feature", "patrol_finding", "patrol_track", "patrol", "event", "cases",
          "device")  # fmt: skip
_LAST = ("grid_cell", "region")
# Links without a foreign key (the tables can be sharded), by column.
_OWN_LINKS = (
    ("event", "device_id"),
    ("event", "case_id"),
    ("device", "gateway_id"),
    ("cases", "grid_cell_id"),
    ("checklist", "plan_id"),
    ("road_closure", "case_id"),
)


_TRIES = 5  # a running centre writes meanwhile, in orders of its own


def drop_rows(conn: Conn) -> dict[str, int]:
    """Remove every demo row in one transaction. Returns how many by table (tables without any are left out).

    Where the writers of a running centre and this one wait for each other, PostgreSQL ends this one whole: once more.
    """
    return retried(lambda: _drop(conn), _TRIES)


def _drop(conn: Conn) -> dict[str, int]:
    gone: dict[str, int] = {}
    with conn.transaction():
        conn.execute("SET LOCAL lock_timeout = '60s'")
        conn.execute(past.FORGET)
        observations = _drop_observations(conn)
        if observations:
            gone["observation"] = observations
        _unlink(conn)
        for table in _tables(conn):
            n = conn.execute(sql.SQL("DELETE FROM {} WHERE origin = 'demo'").format(sql.Identifier(table))).rowcount
            if n:
                gone[table] = n
        past.drop_demo(conn)
        chained.dropped(conn, gone)
        conn.execute("DELETE FROM setting WHERE key IN ('pack', 'demo')")
        if gone:
            # what was counted over demo rows is no number of this centre
            conn.execute("DELETE FROM indicator_value")
            conn.execute("DELETE FROM indicator_run")
            conn.execute("SELECT ioc_rebuild_region_closure()")
    return gone


def _tables(conn: Conn) -> list[str]:
    """Every table with an `origin`, partitioned ones by their parent, in an order the foreign keys allow."""
    rows = conn.execute(
        """
        SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND a.attname = 'origin' AND NOT a.attisdropped
          AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        """
    ).fetchall()
    found = {r[0] for r in rows}
    middle = sorted(found - set(_FIRST) - set(_LAST))
    return [t for t in (*_FIRST, *middle, *_LAST) if t in found]


def _drop_observations(conn: Conn) -> int:
    """Values of demo datastreams. A store without real ones is emptied at once."""
    demo = conn.execute("SELECT count(*) FROM datastream WHERE origin = 'demo'").fetchone()
    if not demo or not demo[0]:
        return 0
    real = conn.execute("SELECT EXISTS (SELECT FROM datastream WHERE origin <> 'demo')").fetchone()
    if real == (False,):
        row = conn.execute("SELECT count(*) FROM latest").fetchone()
        conn.execute("TRUNCATE observation, latest")
        return int(row[0]) if row else 0
    query = "DELETE FROM {} WHERE datastream_id IN (SELECT datastream_id FROM datastream WHERE origin = 'demo')"
    conn.execute(sql.SQL(query).format(sql.Identifier("latest")))
    return conn.execute(sql.SQL(query).format(sql.Identifier("observation"))).rowcount


def _unlink(conn: Conn) -> None:
    """Real rows let go of demo regions, cells, devices, events and cases before those disappear."""
    referring = conn.execute(
        """
        SELECT k.conrelid::regclass::text, a.attname FROM pg_constraint k
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
        WHERE k.contype = 'f' AND k.confrelid = 'region'::regclass AND k.confdeltype <> 'c' AND k.conparentid = 0
        """
    ).fetchall()
    demo_region = sql.SQL("(SELECT region_id FROM region WHERE origin = 'demo')")
    links: list[tuple[str, str, sql.Composable]] = [(t, c, demo_region) for t, c in referring]
    by_id = {"device_id": "device", "case_id": "cases", "gateway_id": "device", "grid_cell_id": "grid_cell",
             "plan_id": "plan"}  # fmt: skip
    for table, column in _OWN_LINKS:
        target = by_id[column]
        key = "device_id" if target == "device" else column
        ids = sql.SQL("(SELECT {} FROM {} WHERE origin = 'demo')").format(sql.Identifier(key), sql.Identifier(target))
        links.append((table, column, ids))
    # a datastream carries its device's region without a foreign key
    links.append(("datastream", "region_id", demo_region))
    for table, column, ids in links:
        conn.execute(
            sql.SQL("UPDATE {0} SET {1} = NULL WHERE origin <> 'demo' AND {1} IN {2}").format(
                sql.Identifier(table), sql.Identifier(column), ids
            )
        )
    conn.execute(
        "UPDATE resource SET case_id = NULL, status = 'available' WHERE origin <> 'demo'"
        " AND case_id IN (SELECT case_id FROM cases WHERE origin = 'demo')"
    )
    _unlink_arrays(conn)


def _unlink_arrays(conn: Conn) -> None:
    conn.execute("DELETE FROM road_closure_edge WHERE edge_id IN (SELECT edge_id FROM road_edge WHERE origin = 'demo')")
    conn.execute(
        """
        UPDATE event SET grid_cell_ids = ARRAY (
          SELECT c FROM unnest(grid_cell_ids) c
          WHERE c NOT IN (SELECT grid_cell_id FROM grid_cell WHERE origin = 'demo'))
        WHERE origin <> 'demo' AND grid_cell_ids && ARRAY (SELECT grid_cell_id FROM grid_cell WHERE origin = 'demo')
        """
    )
    conn.execute(
        """
        UPDATE video_group SET device_ids = ARRAY (
          SELECT d FROM unnest(device_ids) WITH ORDINALITY AS u (d, n)
          WHERE d NOT IN (SELECT device_id FROM device WHERE origin = 'demo') ORDER BY n)
        WHERE device_ids && ARRAY (SELECT device_id FROM device WHERE origin = 'demo')
        """
    )
    conn.execute(
        """
        UPDATE warning SET region_ids = ARRAY (
          SELECT r FROM unnest(region_ids) r WHERE r NOT IN (SELECT region_id FROM region WHERE origin = 'demo'))
        WHERE origin <> 'demo' AND region_ids && ARRAY (SELECT region_id FROM region WHERE origin = 'demo')
        """
    )
