"""Row-level security fails closed, the explicit predicate says the same, and no scope outlives its unit of work."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ioc.errors import StoreUnavailable
from ioc.scope import NOBODY, SYSTEM, Scope
from ioc.store import Store
from ioc.store.pool import Plan
from ioc.store.where import visible
from tests.conftest import NOW, Database

pytestmark = pytest.mark.store

POLICY_TABLES = (
    "SELECT c.relname, c.relforcerowsecurity AS forced FROM pg_class c"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity ORDER BY 1"
)


@pytest.fixture
def filled(db: Database) -> Database:
    """Two towns, and in every table with a policy one row for each (and one that is restricted, where that exists)."""
    with db.owner() as conn, conn.transaction():
        conn.execute(
            "INSERT INTO region (region_id, code, name, kind) VALUES (1, '1', 'A', 'town'), (2, '2', 'B', 'town')"
        )
        for i, (region, private, level) in enumerate(
            [(1, None, 0), (2, None, 0), (1, "police", 0), (1, None, 2)], start=1
        ):
            values: dict[str, Any] = {"i": i, "r": region, "p": private, "s": level, "t": NOW, "k": f"k{i}"}
            for statement in ROWS:
                conn.execute(statement, values)
    return db


ROWS = (
    "INSERT INTO population_unit (source, level, code, keyed_by, total, as_of, digest, geom, geom_m, area_m2,"
    " region_id, private_to, sensitivity) VALUES ('s', 'area', %(k)s, 'shape', 1, %(t)s, 'd',"
    " ST_Multi(ST_MakeEnvelope(112, 21, 112.1, 21.1, 4326)), ST_Multi(ST_MakeEnvelope(0, 0, 1, 1, 4546)), 1,"
    " %(r)s, %(p)s, %(s)s)",
    "INSERT INTO building (source, code, as_of, digest, geom, geom_m, area_m2, region_id, private_to, sensitivity)"
    " VALUES ('s', %(k)s, %(t)s, 'd', ST_Multi(ST_MakeEnvelope(112, 21, 112.1, 21.1, 4326)),"
    " ST_Multi(ST_MakeEnvelope(0, 0, 1, 1, 4546)), 1, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO terrain (terrain_id, source, name, crs, datum, width, height, x0, y0, dx, dy, block, valid, digest,"
    " as_of, bounds) VALUES (%(i)s, %(k)s, 'n', 'EPSG:4490', 'd', 1, 1, 112, 22, 1, 1, 1, 1, 'd', %(t)s,"
    " ST_MakeEnvelope(112, 21, 113, 22, 4326))",
    "INSERT INTO terrain_block (terrain_id, row, col, data) VALUES (%(i)s, 0, 0, '')",
    "INSERT INTO video_view (view_id, device_id, actor, credential, surface, node_source, platform_id, channel_id,"
    " stream, started_at, seen_at, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, %(i)s, 'a', 'h', 'desk', 's', 'p', 'c', 'x', %(t)s, %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO video_reference (device_id, light, version, picture, grey, actor, taken_at, region_id, private_to,"
    " sensitivity) VALUES (%(i)s, 'day', 1, 'p', 'g', 'a', %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO video_state (device_id, view_id, state, code, at, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, %(i)s, 'lost', 'gone', %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO video_ptz (device_id, actor, taken_at, until) VALUES (%(i)s, 'a', %(t)s, %(t)s)",
    "INSERT INTO video_group (account_id, name, device_ids, panes, dwell_s, created_at, updated_at)"
    " VALUES (%(i)s, %(k)s, ARRAY[%(i)s::bigint], 4, 20, %(t)s, %(t)s)",
    "INSERT INTO warning_check (source, external_id, outcome, region_ids, actor, recorded_at)"
    " VALUES ('s', %(k)s, 'miss', ARRAY[%(r)s::int], 'a', %(t)s)",
    "INSERT INTO dataset_edition (dataset, source, as_of, rows, actor) VALUES (%(k)s, 's', %(t)s, 1, 'a')",
    *(
        f"INSERT INTO {table} (edge_id, source, edition_id, external_id, part, from_node, to_node, class, length_m,"
        " component, main, c_fire_engine, r_fire_engine, c_ambulance, r_ambulance, c_car, r_car, c_foot, r_foot, geom,"
        f" geom_m{more}) VALUES (%(i)s, 's', 0, 'w', 0, 1, 2, '', 1, 0, 15, 1, 1, 1, 1, 1, 1, 1, 1,"
        " ST_SetSRID(ST_MakeLine(ST_MakePoint(112, 21.8), ST_MakePoint(112.1, 21.8)), 4326),"
        f" ST_MakeLine(ST_MakePoint(0, 0), ST_MakePoint(1, 0)){value})"
        for table, more, value in (("road_edge", "", ""), ("road_edge_past", ", replaced_at", ", %(t)s"))
    ),
    "INSERT INTO road_way (source, external_id, edition_id, crs_orig, wkb_orig) VALUES ('s', %(k)s, 0, 'c', '')",
    "INSERT INTO road_source (source, edition_id, edges, top_mps, recorded_at) VALUES (%(k)s, 0, 1, '{}', %(t)s)",
    "INSERT INTO road_closure (closure_id, kind, geom, reason, vehicles, valid_from, actor, recorded_at, updated_at,"
    " region_id, private_to, sensitivity) VALUES (%(i)s, 'line', ST_SetSRID(ST_MakeLine(ST_MakePoint(112, 21.8),"
    " ST_MakePoint(112.1, 21.8)), 4326), 'r', '{car}', %(t)s, 'a', %(t)s, %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO road_closure_edge (closure_id, edge_id) VALUES (%(i)s, %(i)s)",
    "INSERT INTO device (device_id, source, external_id, kind, class, name, geom, h3_10, region_id, private_to,"
    " sensitivity) VALUES (%(i)s, 's', %(k)s, 'camera', 'camera', 'n', ST_SetSRID(ST_MakePoint(112 + 0.01 * %(i)s,"
    " 21.8), 4326), 1, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO datastream (datastream_id, device_id, property, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, %(i)s, 'x', %(r)s, %(p)s, %(s)s)",
    "INSERT INTO observation (datastream_id, observed_at, value) VALUES (%(i)s, %(t)s, 1)",
    "INSERT INTO latest (datastream_id, observed_at, received_at, value) VALUES (%(i)s, %(t)s, %(t)s, 1)",
    "INSERT INTO device_state_log (device_id, recorded_at, observed_at, status, exceeded)"
    " VALUES (%(i)s, %(t)s, %(t)s, 'online', false)",
    "INSERT INTO device_told (device_id, status, observed_at, updated_at) VALUES (%(i)s, 'online', %(t)s, %(t)s)",
    "INSERT INTO device_cell (res, cell, class, kind, region_id, private_to, sensitivity, total, center)"
    " VALUES (7, %(i)s, 'camera', 'camera', %(r)s, coalesce(%(p)s, ''), %(s)s, 1,"
    " ST_SetSRID(ST_MakePoint(112, 21.8), 4326))",
    "INSERT INTO event (event_id, source, source_id, title, occurred_at, received_at, region_id, private_to,"
    " sensitivity) VALUES (%(i)s, 's', %(k)s, 't', %(t)s, %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO event_history (event_id, version, op, actor, region_id, private_to, sensitivity, record)"
    " VALUES (%(i)s, 1, 'new', 'a', %(r)s, %(p)s, %(s)s, '{}')",
    "INSERT INTO cases (case_id, number, source, source_id, flow, stage, title, opened_at, region_id,"
    " private_to, sensitivity) VALUES (%(i)s, %(k)s, 's', %(k)s, 'grid', 'x', 't', %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO case_history (case_id, version, op, actor, region_id, private_to, sensitivity, record)"
    " VALUES (%(i)s, 1, 'new', 'a', %(r)s, %(p)s, %(s)s, '{}')",
    "INSERT INTO case_step (case_id, version, step, stage_before, stage_after, actor, at)"
    " VALUES (%(i)s, 2, 'urge', 'x', 'x', 'a', %(t)s)",
    "INSERT INTO supervision (case_id, case_version, kind, what, by_actor, made_at, updated_at)"
    " VALUES (%(i)s, 2, 'supervise', 'w', 'a', %(t)s, %(t)s)",
    "INSERT INTO case_merge (case_id, kind, other_id, how, by_actor, at)"
    " VALUES (%(i)s, 'event', %(i)s, 'auto', 'a', %(t)s)",
    "INSERT INTO case_escalation (case_id, stage, entered_at, level, rule, due_at, to_kind, to_ref, at)"
    " VALUES (%(i)s, 'x', %(t)s, 1, '1/1', %(t)s, 'role', 'chief', %(t)s)",
    "INSERT INTO incident (case_id, updated_at) VALUES (%(i)s, %(t)s)",
    "INSERT INTO incident_post (case_id, role, person, from_at, updated_at) VALUES (%(i)s, 'chief', 'p', %(t)s, %(t)s)",
    "INSERT INTO incident_link (case_id, kind, other_id, at, updated_at) VALUES (%(i)s, 'warning', 1, %(t)s, %(t)s)",
    "INSERT INTO incident_report (case_id, kind, how, seq, title, text, drafted_by, drafted_at, updated_at)"
    " VALUES (%(i)s, 'first', 'written', 1, 't', 't', 'a', %(t)s, %(t)s)",
    "INSERT INTO task (case_id, number, what, to_kind, to_ref, to_name, issued_by, issued_name, issued_at, updated_at)"
    " VALUES (%(i)s, 1, 'w', 'department', 'd', 'd', 'a', 'a', %(t)s, %(t)s)",
    "INSERT INTO incident_mark (case_id, kind, geom, actor, updated_at)"
    " VALUES (%(i)s, 'note', ST_SetSRID(ST_MakePoint(112, 21.8), 4326), 'a', %(t)s)",
    "INSERT INTO incident_review (case_id, drafted_at, updated_at) VALUES (%(i)s, %(t)s, %(t)s)",
    "INSERT INTO review_lesson (case_id, text, updated_at) VALUES (%(i)s, 't', %(t)s)",
    "INSERT INTO review_seal (case_id, body, digest, actor, recorded_at) VALUES (%(i)s, '{}', 'd', 'a', %(t)s)",
    "INSERT INTO command_history (entity, entity_id, version, case_id, recorded_at, op, actor, record)"
    " VALUES ('incident', %(i)s, 1, %(i)s, %(t)s, 'new', 'a', '{}')",
    "INSERT INTO report_terms (rows, file_name, digest, actor) VALUES ('[]', 'f', %(k)s, 'a')",
    "INSERT INTO area_notice (area_notice_id, title, body, priority, area, by_actor, at, updated_at, region_id,"
    " private_to, sensitivity) VALUES (%(i)s, 't', 'b', 'high', ST_Multi(ST_MakeEnvelope(112, 21, 112.1, 21.1, 4326)),"
    " 'a', %(t)s, %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO area_notice_person (area_notice_id, who, name) VALUES (%(i)s, %(k)s, 'n')",
    "INSERT INTO case_rating (case_id, version, rating, by_actor, at) VALUES (%(i)s, 2, 1, 'a', %(t)s)",
    "INSERT INTO attachment (sm3, media_type, bytes, uploader, uploaded_at, case_id)"
    " VALUES (%(k)s, 'image/jpeg', 1, 'a', %(t)s, %(i)s)",
    "INSERT INTO detection (detection_id, source, source_id, algorithm, confidence, threshold, state, occurred_at,"
    " received_at, updated_at, digest, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, 's', %(k)s, 'fight', 0.5, 0.8, 'review', %(t)s, %(t)s, %(t)s, 'd', %(r)s, %(p)s, %(s)s)",
    "INSERT INTO video_node (source, platform_id, gb_id, kind, updated_at, region_id, private_to, sensitivity)"
    " VALUES ('s', 'p', %(k)s, 'device', %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO detection_review (detection_id, decision, state_before, actor, at, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, 'refuted', 'review', 'a', %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO grid_cell (grid_cell_id, source, code, kind, name, geom, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, 's', %(k)s, 'general', 'n', ST_Multi(ST_MakeEnvelope(112, 21, 112.1, 21.1, 4326)),"
    " %(r)s, %(p)s, %(s)s)",
    "INSERT INTO resource (resource_id, source, external_id, kind, name, geom, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, 's', %(k)s, 'team', 'n', ST_SetSRID(ST_MakePoint(112, 21.8), 4326), %(r)s, %(p)s, %(s)s)",
    "INSERT INTO target (target_id, source, external_id, kind, name, geom, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, 's', %(k)s, 'school', 'n', ST_SetSRID(ST_MakePoint(112, 21.8), 4326), %(r)s, %(p)s, %(s)s)",
    "INSERT INTO simulation (lon, lat, seed, runs, params, inputs, result, by_actor, region_id, private_to,"
    " sensitivity, updated_at) VALUES (112, 21.8, 1, 100, '{}', '{}', '{}', %(k)s, %(r)s, %(p)s, %(s)s, %(t)s)",
    "INSERT INTO drone_flight (source, external_id, begun_at, ended_at, geom, points, distance_m, digest, region_id,"
    " private_to, sensitivity, updated_at) VALUES ('s', %(k)s, %(t)s, %(t)s,"
    " 'SRID=4326;LINESTRING ZM(112 21.8 0 1, 112.1 21.8 0 2)', 2, 1, 'd', %(r)s, %(p)s, %(s)s, %(t)s)",
    "INSERT INTO drone_photo (source, external_id, taken_at, geom, digest, region_id, private_to, sensitivity,"
    " updated_at) VALUES ('s', %(k)s, %(t)s, 'SRID=4326;POINT(112 21.8)', 'd', %(r)s, %(p)s, %(s)s, %(t)s)",
    "INSERT INTO resource_live (resource_id, observed_at, received_at, geom, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, %(t)s, %(t)s, ST_SetSRID(ST_MakePoint(112, 21.8), 4326), %(r)s, %(p)s, %(s)s)",
    "INSERT INTO resource_position (resource_id, observed_at, recorded_at, lon, lat, region_id, private_to,"
    " sensitivity) VALUES (%(i)s, %(t)s, %(t)s, 112, 21.8, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO resource_capacity (resource_id, what, observed_at, figures, reported_by, received_at, region_id,"
    " private_to, sensitivity) VALUES (%(i)s, 'beds', %(t)s, '{}', 'a', %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO plan (plan_id, code, version, title, valid_from, levels, digest, actor)"
    " VALUES (%(i)s, %(k)s, '1', 't', '2026-01-01', '{}', 'd', 'a')",
    "INSERT INTO checklist (checklist_id, case_id, plan_id, plan_code, plan_version, title, level, started_at,"
    " chosen_by) VALUES (%(i)s, %(i)s, %(i)s, 'p', '1', 't', 3, %(t)s, 'a')",
    "INSERT INTO checklist_step (checklist_id, case_id, position, what) VALUES (%(i)s, %(i)s, 1, 'w')",
    "INSERT INTO thematic_layer (layer_id, key, title, theme, geometry, private_to, sensitivity)"
    " VALUES (%(i)s, %(k)s, 't', 't', 'point', %(p)s, %(s)s)",
    "INSERT INTO thematic_feature (layer_id, external_id, geom, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, %(k)s, ST_SetSRID(ST_MakePoint(112, 21.8), 4326), %(r)s, %(p)s, %(s)s)",
    "INSERT INTO lower_record (centre_key, key, kind, version, closed, record, region_id, private_to, sensitivity,"
    " received_at) VALUES ('c', %(k)s, 'event', 1, false, '{}', %(r)s, %(p)s, %(s)s, %(t)s)",
    "INSERT INTO lower_indicator (centre_key, region_code, code, record, region_id, private_to, sensitivity,"
    " received_at) VALUES ('c', '1', %(k)s, '{}', %(r)s, %(p)s, %(s)s, %(t)s)",
    "INSERT INTO patrol (patrol_id, once, account, person, grid_cell_id, kind, begun_at, received_at, updated_at,"
    " region_id, private_to, sensitivity) VALUES (%(i)s, %(k)s, 'a', 'n', %(i)s, 'inspect', %(t)s, %(t)s, %(t)s, %(r)s,"
    " %(p)s, %(s)s)",
    "INSERT INTO patrol_track (patrol_id, begun_at, at_ms, lon, lat, accuracy_m, flag, region_id, private_to,"
    " sensitivity) VALUES (%(i)s, %(t)s, '{}', '{}', '{}', '{}', '{}', %(r)s, %(p)s, %(s)s)",
    "INSERT INTO patrol_finding (patrol_id, once, found_at, geom, title, urgency, digest, event_id, region_id,"
    " private_to, sensitivity) VALUES (%(i)s, %(k)s, %(t)s, ST_SetSRID(ST_MakePoint(112, 21.8), 4326), 't', 'routine',"
    " 'd', %(i)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO patrol_visit (patrol_id, once, visited_at, kind, name, outcome, digest, region_id, private_to,"
    " sensitivity) VALUES (%(i)s, %(k)s, %(t)s, 'household', 'n', 'met', 'd', %(r)s, %(p)s, %(s)s)",
    "INSERT INTO fence (fence_id, name, geom, rule_key, target, actor, updated_at, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, 'f', ST_MakeEnvelope(112, 21, 112.1, 21.1, 4326), 'geofence', '', 'a', %(t)s, %(r)s, %(p)s,"
    " %(s)s)",
    "INSERT INTO grid_count (grid_cell_id, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, %(r)s, coalesce(%(p)s, ''), %(s)s)",
    "INSERT INTO grid_fact (grid_cell_id, kind, area_km2, made_from, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, 'general', 1, %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO patrol_plan (grid_cell_id, kind, times_a_week, source, updated_at, region_id, private_to, sensitivity)"
    " VALUES (%(i)s, 'inspect', 2, 's', %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO village_figure (region_id, section, item, as_of, value, source, updated_at, private_to, sensitivity)"
    " VALUES (%(r)s, 'people', %(k)s, '2026-09-30', 9, 's', %(t)s, %(p)s, %(s)s)",
    "INSERT INTO duty_entry (roster_id, day, shift, starts_at, ends_at, duty, person, region_id, private_to,"
    " sensitivity) VALUES (1, '2026-10-03', 'd', %(t)s, %(t)s::timestamptz + interval '8 h', 'chief', 'p', %(r)s,"
    " %(p)s, %(s)s)",
    "INSERT INTO duty_handover (region_id, ends_at, version, shift, starts_at, act, login, at, private_to, sensitivity)"
    " VALUES (%(r)s, %(t)s, %(i)s, 'd', %(t)s, 'give', 'a', %(t)s, %(p)s, %(s)s)",
    "INSERT INTO saved_view (account_id, name, region_id, created_at, updated_at)"
    " VALUES (%(i)s, 'v', %(r)s, %(t)s, %(t)s)",
    "INSERT INTO replay_mark (account_id, at) VALUES (%(i)s, %(t)s)",
    "INSERT INTO saved_view_default (account_id, view_id, set_at) VALUES (%(i)s, %(i)s, %(t)s)",
    "INSERT INTO notice (key, kind, to_kind, to_ref, title, created_at, region_id, private_to, sensitivity)"
    " VALUES (%(k)s, 'k', 'role', 'chief', 't', %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO request_key (actor, key, what, body_hash, answer, created_at)"
    " VALUES ('a', %(k)s, 'POST /x', 'h', '{}', %(t)s)",
    "INSERT INTO caller (source, source_id, event_id, sealed, key_id, updated_at, region_id, private_to)"
    " VALUES ('s', %(k)s, %(i)s, 'x', 'k', %(t)s, %(r)s, %(p)s)",
    "INSERT INTO delivery (delivery_id, key, channel, state, due_at, created_at, updated_at, region_id, private_to,"
    " sensitivity) VALUES (%(i)s, %(k)s, 'sms', 'waiting', %(t)s, %(t)s, %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO delivery_try (delivery_id, at, what) VALUES (%(i)s, %(t)s, 'retry')",
    "INSERT INTO delivery_receipt (channel, far_id, state, at, received_at)"
    " VALUES ('sms', %(k)s, 'read', %(t)s, %(t)s)",
    "INSERT INTO warning (warning_id, source, source_id, kind, colour, area, sender, region_ids, onset_at)"
    " VALUES (%(i)s, 's', %(k)s, 'k', 'red', 'a', 's', ARRAY[%(r)s::int], %(t)s)",
    "INSERT INTO warning_message (source, identifier, sender, sent_at, msg_type, digest, actor, content, received_at,"
    " updated_at) VALUES ('s', %(k)s, 's', %(t)s, 'alert', 'd', 'a', '{}', %(t)s, %(t)s)",
    "INSERT INTO alarm (alarm_id, rule_key, datastream_id, device_id, category, priority, state, first_at, raised_at,"
    " received_at, group_id, region_id, private_to, sensitivity) VALUES (%(i)s, 'r', %(i)s, %(i)s, 'c', 'low', 'unack',"
    " %(t)s, %(t)s, %(t)s, %(i)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO alarm_journal (alarm_id, rule_key, datastream_id, device_id, entry, at, region_id, private_to,"
    " sensitivity) VALUES (%(i)s, 'r', %(i)s, %(i)s, 'raise', %(t)s, %(r)s, %(p)s, %(s)s)",
    "INSERT INTO alarm_state (rule_key, datastream_id, phase, since) VALUES ('r', %(i)s, 'active', %(t)s)",
    "INSERT INTO alarm_hold (rule_key, datastream_id, hold, by_login, set_at)"
    " VALUES ('r', %(i)s, 'shelved', 'a', %(t)s)",
    "INSERT INTO alarm_group (group_id, key, kind, first_at, last_at) VALUES (%(i)s, %(k)s, 'class', %(t)s, %(t)s)",
    "INSERT INTO steward (external_id, duty, name, region_id, private_to, sensitivity)"
    " VALUES (%(k)s, 'river_chief', 'n', %(r)s, %(p)s, %(s)s)",
    "INSERT INTO indicator_value (code, region_id, computed_at, state) VALUES (%(k)s, %(r)s, %(t)s, 'ok')",
    "INSERT INTO indicator_history (code, region_id, computed_at, state) VALUES (%(k)s, %(r)s, %(t)s, 'ok')",
)

TOWN_A = Scope("a", whole=False, region_ids=frozenset({1}), departments=frozenset())
CITY = Scope("c", whole=True, departments=None, sensitivity=0)
POLICE_A = Scope("p", region_ids=frozenset({1}), departments=frozenset({"police"}), sensitivity=2)


def _tables(db: Database) -> list[str]:
    with db.owner() as conn:
        rows = conn.execute(POLICY_TABLES).fetchall()
    assert all(r["forced"] for r in rows)
    return [r["relname"] for r in rows]


def _count(store: Store, scope: Scope, table: str) -> int:
    with store.scoped(scope) as conn:
        row = conn.execute(sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier(table))).fetchone()
    assert row is not None
    return int(row["n"])


def test_every_table_with_a_policy_fails_closed(filled: Database) -> None:
    tables = _tables(filled)
    assert {"device", "observation", "latest", "event", "cases", "grid_cell", "resource", "device_state_log"} <= set(
        tables
    )
    with psycopg.connect(filled.dsn_app, autocommit=True) as unscoped:
        for table in tables:
            statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            assert unscoped.execute(statement).fetchone() == (0,), table
            assert _count(filled.store, NOBODY, table) == 0, table
            assert _count(filled.store, SYSTEM, table) == 4, f"{table}: the test has no row of it"


def test_regions_departments_and_sensitivity_narrow(filled: Database) -> None:
    placeless = {"thematic_layer"}
    regional = {"indicator_value", "indicator_history", "warning", "warning_check"}
    # their addressee's, asked for by the system alone
    addressed = {"notice", "request_key", "caller", "delivery", "delivery_try", "delivery_receipt",
                 "warning_message", "saved_view", "saved_view_default", "replay_mark",
                 "area_notice_person", "video_view", "video_ptz", "video_group"}  # fmt: skip
    everybodys = {"plan", "dataset_edition", "report_terms", "terrain", "terrain_block", "road_edge", "road_edge_past",
                  "road_way", "road_source", "road_closure", "road_closure_edge"}  # fmt: skip
    for table in _tables(filled):
        if table in placeless:
            assert _count(filled.store, TOWN_A, table) == 2, table
        elif table in everybodys:
            assert [_count(filled.store, who, table) for who in (TOWN_A, CITY, POLICE_A)] == [4, 4, 4], table
        elif table in addressed:
            assert [_count(filled.store, who, table) for who in (TOWN_A, CITY, POLICE_A)] == [0, 0, 0], table
        elif table in regional:
            assert _count(filled.store, TOWN_A, table) == 3, table
        else:
            assert _count(filled.store, TOWN_A, table) == 1, table
            assert _count(filled.store, CITY, table) == 3, table
            assert _count(filled.store, POLICE_A, table) == 3, table


def test_rows_outside_the_scope_cannot_be_written(filled: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), filled.store.scoped(TOWN_A) as conn:
        conn.execute(
            next(r for r in ROWS if r.startswith("INSERT INTO event (")),
            {"i": 9, "r": 2, "p": None, "s": 0, "t": NOW, "k": "k9"},
        )
    with filled.store.scoped(TOWN_A) as conn:
        assert conn.execute("UPDATE event SET title = 'x' WHERE region_id = 2").rowcount == 0


def test_a_warning_holds_in_the_regions_below_and_only_the_system_writes_it(filled: Database) -> None:
    with filled.owner() as conn, conn.transaction():
        conn.execute("INSERT INTO region (region_id, code, name, kind) VALUES (7, '7', 'C', 'county')")
        conn.execute("INSERT INTO region_closure (ancestor_id, descendant_id, depth) VALUES (7, 1, 1), (1, 1, 0)")
        conn.execute("UPDATE warning SET region_ids = ARRAY[7] WHERE warning_id = 2")
        conn.execute("UPDATE warning SET region_ids = '{}' WHERE warning_id = 3")
        conn.execute("UPDATE warning SET region_ids = ARRAY[2] WHERE warning_id = 4")
    seen = {}
    for name, scope in {"town": TOWN_A, "city": CITY, "nobody": NOBODY}.items():
        with filled.store.scoped(scope) as conn:
            seen[name] = [r["warning_id"] for r in conn.execute("SELECT warning_id FROM warning ORDER BY 1")]
    assert seen == {"town": [1, 2, 3], "city": [1, 2, 3, 4], "nobody": []}
    for scope in (TOWN_A, CITY):
        with filled.store.scoped(scope) as conn:
            assert conn.execute("UPDATE warning SET kind = 'x'").rowcount == 0
            assert conn.execute("DELETE FROM warning").rowcount == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege), filled.store.scoped(TOWN_A) as conn:
        conn.execute(next(r for r in ROWS if r.startswith("INSERT INTO warning (")),
                     {"i": 9, "r": 1, "p": None, "s": 0, "t": NOW, "k": "k9"})  # fmt: skip


def test_visible_says_what_the_policy_says(filled: Database) -> None:
    for scope in (NOBODY, SYSTEM, TOWN_A, CITY, POLICE_A, replace(POLICE_A, sensitivity=0), CITY.narrowed({2})):
        where, params = visible(scope, "d")
        statement = sql.SQL("SELECT array_agg(d.device_id ORDER BY 1) AS ids FROM device d")
        with filled.owner() as owner:
            explicit = owner.execute(sql.SQL("{} WHERE {}").format(statement, where), params).fetchone()
        with filled.store.scoped(scope) as conn:
            policy = conn.execute(statement).fetchone()
        assert explicit == policy


def test_a_scope_never_outlives_its_unit(filled: Database) -> None:
    store = Store(filled.dsn_app, size=1)
    try:
        assert _count(store, SYSTEM, "device") == 4
        assert _count(store, TOWN_A, "device") == 1
        with pytest.raises(ZeroDivisionError), store.scoped(SYSTEM) as conn:
            conn.execute("SELECT 1")
            raise ZeroDivisionError
        assert _count(store, TOWN_A, "device") == 1
        assert _count(store, NOBODY, "device") == 0
        with store.reading(CITY) as conn:
            assert conn.execute("SELECT count(*) AS n FROM device").fetchone() == {"n": 2 + 1}
        with store.dedicated() as conn:
            assert conn.execute("SELECT count(*) AS n FROM device").fetchone() == {"n": 0}
    finally:
        store.close()


def test_behind_a_transaction_pooler_the_scope_ends_with_the_transaction(filled: Database) -> None:
    store = Store(filled.dsn_owner, size=1, transaction_pooler=True)
    try:
        with store.scoped(TOWN_A) as conn:
            assert conn.execute("SELECT count(*) AS n, current_user::text AS u FROM device").fetchone() == {
                "n": 1,
                "u": "ioc_app",
            }
            pid = conn.info.backend_pid
        with store._checkout(NOBODY) as conn:  # the same session, after the unit
            assert conn.info.backend_pid == pid
            row = conn.execute("SELECT current_setting('ioc.regions', true) AS r").fetchone()
        assert row is not None
        assert not row["r"]
    finally:
        store.close()


def test_a_superuser_dsn_acts_as_the_app(filled: Database) -> None:
    store = Store(filled.dsn_owner, size=1)
    try:
        assert _count(store, NOBODY, "device") == 0
        assert _count(store, TOWN_A, "device") == 1
    finally:
        store.close()


def test_the_pool_commits_rolls_back_and_heals(filled: Database) -> None:
    store = filled.store
    with store.scoped(SYSTEM) as conn:
        conn.execute("UPDATE device SET name = 'kept' WHERE device_id = 1")
    with pytest.raises(psycopg.errors.DivisionByZero), store.scoped(SYSTEM) as conn:
        conn.execute("UPDATE device SET name = 'lost' WHERE device_id = 1")
        conn.execute("SELECT 1/0")
    with filled.owner() as owner:
        owner.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'ioc_app'")
    with store.scoped(SYSTEM) as conn:
        row = conn.execute("SELECT name, current_setting('jit') AS jit FROM device WHERE device_id = 1").fetchone()
    assert row == {"name": "kept", "jit": "off"}


def test_a_reading_says_how_its_statements_are_planned(filled: Database) -> None:
    store = Store(filled.dsn_app, size=1)
    try:
        plans: tuple[Plan, ...] = ("generic", "custom", "generic")
        for plan in plans:
            with store.reading(SYSTEM, plan) as conn:
                row = conn.execute("SELECT current_setting('plan_cache_mode') AS mode").fetchone()
            assert row == {"mode": f"force_{plan}_plan"}
        with store.scoped(SYSTEM) as conn:  # whoever does not ask gets plans for its own values
            row = conn.execute("SELECT current_setting('plan_cache_mode') AS mode").fetchone()
        assert row == {"mode": "force_custom_plan"}
    finally:
        store.close()


def test_losing_the_server_inside_a_unit_is_our_error(filled: Database) -> None:
    with pytest.raises(StoreUnavailable), filled.store.scoped(SYSTEM) as conn, filled.owner() as owner:
        owner.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
        conn.execute("SELECT 1")
    away = Store("host=/nonexistent dbname=x", size=1)
    with pytest.raises(StoreUnavailable), away.scoped(SYSTEM):
        pass


def test_a_busy_pool_waits_then_says_so(filled: Database) -> None:
    store = Store(filled.dsn_app, size=1, wait_s=0.2)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with store.scoped(SYSTEM):
            entered.set()
            leave.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert entered.wait(5)
        with pytest.raises(StoreUnavailable), store.scoped(SYSTEM):
            pass
    finally:
        leave.set()
        thread.join()
    assert _count(store, SYSTEM, "device") == 4
    store.close()


@pytest.mark.parametrize("scope", [SYSTEM, CITY, TOWN_A], ids=["system", "city", "town"])
def test_a_bounding_box_uses_the_spatial_index_under_every_scope(db: Database, scope: Scope) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO region (region_id, code, name, kind)"
            " SELECT g, g::text, 'R', 'town' FROM generate_series(1, 50) g"
        )
        conn.execute(
            "INSERT INTO device (source, external_id, kind, class, name, geom, h3_10, region_id)"
            " SELECT 's', g::text, 'camera', 'camera', 'n',"
            " ST_SetSRID(ST_MakePoint(111 + (g %% 200) * 0.005, 21 + (g / 200) * 0.005), 4326), 1, 1 + g %% 3"
            " FROM generate_series(1, 40000) g",
            (),
        )
        conn.execute("ANALYZE device")
    where, params = visible(scope, "d")
    query = sql.SQL(
        "EXPLAIN (FORMAT TEXT) SELECT d.device_id FROM device d"
        " WHERE d.geom && ST_MakeEnvelope(111.1, 21.1, 111.12, 21.12, 4326) AND {}"
    ).format(where)
    with db.store.scoped(scope) as conn:
        plan = "\n".join(r["QUERY PLAN"] for r in conn.execute(query, params))
    assert "device_geom" in plan, plan
