-- Figures of a village as its authority gives them: people (人员) and registered services (登记). Dated, with their source.
CREATE TABLE IF NOT EXISTS village_figure (
  region_id    int NOT NULL REFERENCES region ON DELETE CASCADE,
  section      text NOT NULL CHECK (section IN ('people', 'service')),
  item         text NOT NULL,                    -- a known key (households ...) or the words of the file
  as_of        date NOT NULL,
  value        bigint NOT NULL CHECK (value >= 0),
  source       text NOT NULL,
  private_to   text,
  sensitivity  smallint NOT NULL DEFAULT 0,
  origin       text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  recorded_at  timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL,
  PRIMARY KEY (region_id, section, item, as_of)
);

DO $$
DECLARE
  tbl text := 'village_figure';
BEGIN
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
END $$;
