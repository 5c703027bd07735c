"""Partition keeper: partitions by UTC day made ahead, dropped by retention. Runs as the owner."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from ioc.settings import Settings
from ioc.store import past

# Partitioned table -> column it is partitioned by (always by UTC day).
PARTITIONED: Mapping[str, str] = {
    "observation": "observed_at",
    "device_state_log": "recorded_at",
    "reject": "recorded_at",
    "feed": "numbered_at",
    "resource_position": "recorded_at",
}
# Everything else that grows: what goes when it is older than the retention named beside it.
_OLD: tuple[tuple[str, sql.Composable, str], ...] = (
    ("outbox", sql.SQL("recorded_at < %(before)s"), "retention_feed_days"),
    ("session", sql.SQL("expires_at < %(before)s"), "retention_feed_days"),
    ("wall_enrolment", sql.SQL("expires_at < %(before)s"), "retention_feed_days"),
    ("indicator_history", sql.SQL("computed_at < %(before)s"), "retention_observation_days"),
    ("import_batch", sql.SQL("started_at < %(before)s"), "retention_reject_days"),
    ("source_log", sql.SQL("recorded_at < %(before)s"), "retention_history_days"),
    ("audit", sql.SQL("recorded_at < %(before)s"), "retention_history_days"),
    ("entity_history", sql.SQL("recorded_at < %(before)s"), "retention_history_days"),
    ("event_history", sql.SQL("recorded_at < %(before)s"), "retention_history_days"),
    ("case_history", sql.SQL("recorded_at < %(before)s"), "retention_history_days"),
    ("case_step", sql.SQL("recorded_at < %(before)s"), "retention_history_days"),
    ("case_merge", sql.SQL("at < %(before)s"), "retention_history_days"),
    ("case_escalation", sql.SQL("at < %(before)s"), "retention_history_days"),
    ("case_rating", sql.SQL("at < %(before)s"), "retention_history_days"),
    ("supervision", sql.SQL("made_at < %(before)s"), "retention_history_days"),
    ("event", sql.SQL("occurred_at < %(before)s AND status <> 'open'"), "retention_history_days"),
    ("cases", sql.SQL("closed_at < %(before)s"), "retention_history_days"),
    ("warning", sql.SQL("updated_at < %(before)s AND status <> 'active'"), "retention_history_days"),
    ("duty_entry", sql.SQL("ends_at < %(before)s"), "retention_history_days"),
    ("duty_handover", sql.SQL("at < %(before)s"), "retention_history_days"),
    (
        "duty_roster",
        sql.SQL(
            "published_at < %(before)s AND NOT EXISTS (SELECT FROM duty_entry e"
            " WHERE e.roster_id = duty_roster.roster_id)"
        ),
        "retention_history_days",
    ),
    ("target", sql.SQL("removed_at < %(before)s"), "retention_history_days"),
    (
        "checklist",
        sql.SQL("NOT EXISTS (SELECT FROM cases c WHERE c.case_id = checklist.case_id) AND recorded_at < %(before)s"),
        "retention_reject_days",
    ),
    ("fence", sql.SQL("deleted_at < %(before)s"), "retention_history_days"),
    ("population_unit", sql.SQL("retired_at < %(before)s"), "retention_history_days"),
    ("building", sql.SQL("retired_at < %(before)s"), "retention_history_days"),
    ("terrain", sql.SQL("retired_at < %(before)s"), "retention_history_days"),
    ("road_closure", sql.SQL("coalesce(ended_at, valid_to) < %(before)s"), "retention_history_days"),
    ("road_edge_past", sql.SQL("replaced_at < %(before)s"), "retention_history_days"),
    ("replay_mark", sql.SQL("at < %(before)s"), "retention_history_days"),
    ("saved_view", sql.SQL("deleted_at < %(before)s"), "retention_history_days"),
    ("notice", sql.SQL("created_at < %(before)s"), "retention_history_days"),
    ("delivery", sql.SQL("updated_at < %(before)s"), "retention_history_days"),
    ("delivery_try", sql.SQL("at < %(before)s"), "retention_history_days"),
    ("patrol_track", sql.SQL("begun_at < %(before)s"), "retention_track_days"),
    ("simulation", sql.SQL("updated_at < %(before)s"), "retention_history_days"),
    ("drone_flight", sql.SQL("ended_at < %(before)s"), "retention_history_days"),
    ("drone_photo", sql.SQL("taken_at < %(before)s"), "retention_history_days"),
    ("patrol", sql.SQL("begun_at < %(before)s"), "retention_history_days"),
    (
        "village_figure",  # the newest of an item stays, however old
        sql.SQL(
            "updated_at < %(before)s AND EXISTS (SELECT FROM village_figure n"
            " WHERE (n.region_id, n.section, n.item) = (village_figure.region_id, village_figure.section,"
            " village_figure.item) AND n.as_of > village_figure.as_of)"
        ),
        "retention_history_days",
    ),
    ("caller", sql.SQL("updated_at < %(before)s"), "retention_history_days"),
    ("delivery_receipt", sql.SQL("received_at < %(before)s"), "retention_reject_days"),
    ("lower_record", sql.SQL("received_at < %(before)s AND closed"), "retention_history_days"),
    ("detection", sql.SQL("occurred_at < %(before)s AND state <> 'review'"), "retention_history_days"),
    ("video_view", sql.SQL("ended_at < %(before)s"), "retention_history_days"),
    ("video_state", sql.SQL("recorded_at < %(before)s"), "retention_history_days"),
    ("video_group", sql.SQL("deleted_at < %(before)s"), "retention_history_days"),
    ("video_round", sql.SQL("last_at < %(before)s"), "retention_feed_days"),
    ("detection_review", sql.SQL("at < %(before)s"), "retention_history_days"),
    ("alarm_journal", sql.SQL("recorded_at < %(before)s"), "retention_history_days"),
    ("alarm", sql.SQL("ended_at < %(before)s"), "retention_history_days"),
    ("alarm_group", sql.SQL("closed_at < %(before)s"), "retention_history_days"),
    ("alarm_hold", sql.SQL("until < %(before)s"), "retention_feed_days"),
    ("warning_message", sql.SQL("updated_at < %(before)s"), "retention_history_days"),
    *(
        (
            table,
            sql.SQL("updated_at < %(before)s AND NOT EXISTS (SELECT FROM cases c WHERE c.case_id = {}.case_id)").format(
                sql.Identifier(table)
            ),
            "retention_history_days",
        )
        for table in (
            "incident",
            "incident_post",
            "incident_link",
            "incident_report",
            "task",
            "incident_mark",
            "incident_review",
            "review_lesson",
        )
    ),
    (
        "review_seal",
        sql.SQL("recorded_at < %(before)s AND NOT EXISTS (SELECT FROM cases c WHERE c.case_id = review_seal.case_id)"),
        "retention_history_days",
    ),
    ("command_history", sql.SQL("recorded_at < %(before)s"), "retention_history_days"),
    ("area_notice", sql.SQL("at < %(before)s"), "retention_history_days"),
    ("request_key", sql.SQL("created_at < %(before)s"), "retention_reject_days"),
)
_BATCH = 5000
_LOCK = 4_930_102
Partition = tuple[str, dt.date]


def ensure_partitions(
    owner_conn: psycopg.Connection[Any], now: dt.datetime, days_back: int = 2, days_ahead: int = 7
) -> list[str]:
    """Makes the missing day partitions of every partitioned table around `now`. Returns the names made. Idempotent."""
    first = now.astimezone(dt.UTC).date() - dt.timedelta(days=days_back)
    wanted = [first + dt.timedelta(days=i) for i in range(days_back + days_ahead + 1)]
    made: list[str] = []
    with owner_conn.transaction():
        owner_conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        have = partitions(owner_conn)
        for table in PARTITIONED:
            for day in wanted:
                name = f"{table}_{day:%Y%m%d}"
                if name not in have:
                    _make(owner_conn, table, name, day)
                    made.append(name)
    return made


def _make(conn: psycopg.Connection[Any], table: str, name: str, day: dt.date) -> None:
    """Made apart, then attached: that does not wait for writers of the parent, nor stop them."""
    start = dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)
    part, parent = sql.Identifier(name), sql.Identifier(table)
    conn.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)").format(part, parent))
    conn.execute(sql.SQL("REVOKE ALL ON TABLE {} FROM ioc_app, ioc_readonly").format(part))
    conn.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            parent, part, sql.Literal(start.isoformat()), sql.Literal((start + dt.timedelta(days=1)).isoformat())
        )
    )


def partitions(conn: psycopg.Connection[Any]) -> dict[str, Partition]:
    """Existing day partitions: name -> (table, UTC day)."""
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute(
            "SELECT c.relname, p.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = ANY(%s) AND c.relispartition",
            (list(PARTITIONED),),
        ).fetchall()
    return {name: (table, dt.datetime.strptime(name[-8:], "%Y%m%d").date()) for name, table in rows}


def retention_days(settings: Settings) -> dict[str, int]:
    """Days each partitioned table is kept."""
    return {
        "observation": settings.retention_observation_days,
        "device_state_log": settings.retention_history_days,
        "reject": settings.retention_reject_days,
        "feed": settings.retention_feed_days,
        "resource_position": settings.retention_track_days,
    }


def drop_expired(owner_conn: psycopg.Connection[Any], now: dt.datetime, settings: Settings) -> list[str]:
    """Drops partitions that lie wholly before their retention. Gives way to readers: what is in use goes next time."""
    keep = retention_days(settings)
    today = now.astimezone(dt.UTC).date()
    dropped: list[str] = []
    for name, (table, day) in sorted(partitions(owner_conn).items()):
        if day >= today - dt.timedelta(days=keep[table]):
            continue
        try:
            with owner_conn.transaction():
                owner_conn.execute("SET LOCAL lock_timeout = '2s'")
                owner_conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        except psycopg.errors.LockNotAvailable:
            continue
        dropped.append(name)
    return dropped


def prune(owner_conn: psycopg.Connection[Any], now: dt.datetime, settings: Settings, most: int = 20) -> int:
    """Deletes what is past its retention in the other tables, in batches of 5000, at most `most` a table and turn."""
    gone = 0
    for table, condition, setting in _OLD:
        before = now - dt.timedelta(days=int(getattr(settings, setting)))
        statement = sql.SQL("DELETE FROM {0} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {0} WHERE {1} LIMIT {2}))").format(
            sql.Identifier(table), condition, sql.Literal(_BATCH)
        )
        for _ in range(most):
            with owner_conn.transaction():
                owner_conn.execute(past.FORGET)
                count = owner_conn.execute(statement, {"before": before}).rowcount
            gone += count
            if count < _BATCH:
                break
    return gone + past.prune(owner_conn, now - dt.timedelta(days=settings.retention_history_days), most)
