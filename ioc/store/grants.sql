-- Rights of the two database roles. Runs after every migration run, so that a new table is never forgotten.
-- Partitions get none of their own: row-level security stands on the parent, and a partition that could be read
-- by name would go round it.
DO $$
DECLARE
  t record;
  append_only CONSTANT text[] := ARRAY['event_history', 'case_history', 'case_step', 'case_escalation', 'entity_history',
                                       'device_state_log', 'source_log', 'audit', 'schema_migration',
                                       'terms_publication', 'deadline_row', 'calendar_hours', 'calendar_day',
                                       'calendar_market', 'delivery_try', 'device_model', 'standard_edition',
                                       'detection_review', 'alarm_journal', 'duty_roster', 'duty_entry',
                                       'duty_handover', 'command_history', 'report_terms', 'resource_position',
                                       'plan', 'road_edge_past', 'video_reference', 'video_state',
                                       'review_seal', 'simulation', 'warning_check'];
  secret CONSTANT text[] := ARRAY['account', 'session', 'token', 'wall', 'wall_enrolment', 'caller'];
  -- written by triggers and the linker, as the owner
  owners CONSTANT text[] := ARRAY['chain', 'chain_pending', 'chain_head', 'chain_cut', 'chain_shape', 'chain_table'];
BEGIN
  FOR t IN
    SELECT c.relname AS name, c.relkind AS kind, c.relispartition AS part
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND pg_has_role(current_user, c.relowner, 'USAGE')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  LOOP
    IF t.part THEN
      EXECUTE format('REVOKE ALL ON TABLE %I FROM ioc_app, ioc_readonly', t.name);
    ELSIF t.kind = 'S' THEN
      EXECUTE format('GRANT USAGE ON SEQUENCE %I TO ioc_app', t.name);
    ELSIF t.name = ANY (owners) THEN
      EXECUTE format('REVOKE ALL ON TABLE %I FROM ioc_app', t.name);
      EXECUTE format('GRANT SELECT ON TABLE %I TO ioc_readonly', t.name);
    ELSE
      EXECUTE format('GRANT SELECT, INSERT ON TABLE %I TO ioc_app', t.name);
      IF t.name = ANY (append_only) THEN
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON TABLE %I FROM ioc_app', t.name);
      ELSE
        EXECUTE format('GRANT UPDATE, DELETE ON TABLE %I TO ioc_app', t.name);
      END IF;
      IF t.name = ANY (secret) THEN
        EXECUTE format('REVOKE ALL ON TABLE %I FROM ioc_readonly', t.name);
      ELSE
        EXECUTE format('GRANT SELECT ON TABLE %I TO ioc_readonly', t.name);
      END IF;
    END IF;
  END LOOP;
  EXECUTE 'GRANT USAGE ON SCHEMA public TO ioc_app, ioc_readonly';
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO ioc_app', current_database());
  EXECUTE 'REVOKE INSERT ON TABLE schema_migration FROM ioc_app';
END $$;
