-- Row-level security, the backstop behind the scope-aware queries. It fails closed: no scope set, no row.
-- FORCE binds the owner too, and in an outside database the owner is no superuser: `owning` lets it work on its tables.
-- Sub-selects make each setting an InitPlan, read once a query and not once a row. IS TRUE keeps the planner from using an
-- index for a condition that nearly every row meets (it cannot know the setting and guesses a third).
DO $$
DECLARE
  tbl text;
BEGIN
  FOREACH tbl IN ARRAY ARRAY['device', 'datastream', 'event', 'event_history', 'cases', 'case_history', 'grid_cell',
                             'resource', 'thematic_feature', 'device_cell'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tbl);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tbl);
    EXECUTE format('DROP POLICY IF EXISTS scope ON %I', tbl);
    EXECUTE format('CREATE POLICY scope ON %I TO ioc_app USING (
        ((SELECT ioc_whole()) OR region_id = ANY ((SELECT ioc_regions())::int[]))
        AND (sensitivity <= (SELECT ioc_sensitivity())) IS TRUE
        AND (private_to IS NULL OR private_to = '''' OR (SELECT ioc_all_departments())
             OR private_to = ANY ((SELECT ioc_departments())::text[])))', tbl);
    EXECUTE format('DROP POLICY IF EXISTS owning ON %I', tbl);
    EXECUTE format('CREATE POLICY owning ON %I TO CURRENT_USER USING (true)', tbl);
    EXECUTE format('DROP POLICY IF EXISTS reading ON %I', tbl);
    EXECUTE format('CREATE POLICY reading ON %I FOR SELECT TO ioc_readonly USING (true)', tbl);
  END LOOP;
  FOREACH tbl IN ARRAY ARRAY['observation', 'latest'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tbl);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tbl);
    EXECUTE format('DROP POLICY IF EXISTS scope ON %I', tbl);
    EXECUTE format('CREATE POLICY scope ON %I TO ioc_app USING (
        ((SELECT ioc_whole()) AND (SELECT ioc_all_departments()) AND (SELECT ioc_sensitivity()) >= 2)
        OR EXISTS (SELECT FROM datastream d WHERE d.datastream_id = %I.datastream_id))', tbl, tbl);
    EXECUTE format('DROP POLICY IF EXISTS owning ON %I', tbl);
    EXECUTE format('CREATE POLICY owning ON %I TO CURRENT_USER USING (true)', tbl);
    EXECUTE format('DROP POLICY IF EXISTS reading ON %I', tbl);
    EXECUTE format('CREATE POLICY reading ON %I FOR SELECT TO ioc_readonly USING (true)', tbl);
  END LOOP;
  -- The device state log has no region of its own: it is seen where its device is seen.
  ALTER TABLE device_state_log ENABLE ROW LEVEL SECURITY;
  ALTER TABLE device_state_log FORCE ROW LEVEL SECURITY;
  DROP POLICY IF EXISTS scope ON device_state_log;
  CREATE POLICY scope ON device_state_log TO ioc_app USING (
      ((SELECT ioc_whole()) AND (SELECT ioc_all_departments()) AND (SELECT ioc_sensitivity()) >= 2)
      OR EXISTS (SELECT FROM device d WHERE d.device_id = device_state_log.device_id));
  DROP POLICY IF EXISTS owning ON device_state_log;
  CREATE POLICY owning ON device_state_log TO CURRENT_USER USING (true);
  DROP POLICY IF EXISTS reading ON device_state_log;
  CREATE POLICY reading ON device_state_log FOR SELECT TO ioc_readonly USING (true);
END $$;

-- Grants are in grants.sql, which runs after every migration run: a new table gets them too, a partition never does.
