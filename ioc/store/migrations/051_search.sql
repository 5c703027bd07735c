-- Search inside names. Trigrams serve three characters and more; Chinese is asked for with one or two, which trigrams
-- cannot answer, so every character of `search` is indexed too (small: a row has some twenty, most of them shared).
CREATE INDEX IF NOT EXISTS device_chars ON device USING gin (string_to_array(search, NULL));
CREATE INDEX IF NOT EXISTS event_chars ON event USING gin (string_to_array(search, NULL));
CREATE INDEX IF NOT EXISTS cases_chars ON cases USING gin (string_to_array(search, NULL));
CREATE INDEX IF NOT EXISTS thematic_feature_search ON thematic_feature USING gin (search gin_trgm_ops);
-- Ids are asked for by their beginning.
CREATE INDEX IF NOT EXISTS device_external_prefix ON device (external_id text_pattern_ops);
CREATE INDEX IF NOT EXISTS device_national_prefix ON device (national_id text_pattern_ops) WHERE national_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS event_source_id ON event (source_id text_pattern_ops);
CREATE INDEX IF NOT EXISTS cases_number ON cases (number text_pattern_ops);

-- As with geometry_overlaps in 001: row-level security keeps the planner from an index whose operator is not marked
-- leakproof. These compare texts and arrays; the only errors they raise are about the pattern, which the asker wrote.
DO $$
BEGIN
  ALTER FUNCTION textlike(text, text) LEAKPROOF;
  ALTER FUNCTION arraycontains(anyarray, anyarray) LEAKPROOF;
  ALTER FUNCTION string_to_array(text, text) LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'text operators are not leakproof: search under row-level security will be slow';
END $$;
