-- Which link of the chain a row of history stands in, for the timeline of a case. The application reads no more of it.
CREATE INDEX IF NOT EXISTS chain_row ON chain (table_name, row_key) WHERE kind = 'row';
CREATE OR REPLACE FUNCTION ioc_chain_links(named text, keys jsonb[])
RETURNS TABLE (row_key jsonb, seq bigint, linked_at timestamptz) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT c.row_key, max(c.seq), max(c.linked_at) FROM chain c
  WHERE c.kind = 'row' AND c.table_name = named AND c.row_key = ANY (keys) GROUP BY c.row_key
$$;
REVOKE ALL ON FUNCTION ioc_chain_links(text, jsonb[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc_chain_links(text, jsonb[]) TO ioc_app;
