-- The chain of history (SEC-07, SEC-12): every row of a chained table (ioc/store/chained.py) is linked by its SM3 digest to
-- the link before it, in commit-visible order. Writers only leave the row's key here, in their own transaction; one linker
-- does the rest, so that nobody waits for anybody.
CREATE TABLE IF NOT EXISTS chain (
  seq        bigint PRIMARY KEY,                 -- gapless
  linked_at  timestamptz NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('row', 'lost', 'drop', 'broken')),  -- lost: gone before it was linked
  table_name text NOT NULL,
  row_key    jsonb NOT NULL,                     -- values of the key in order; for a drop how many rows, by table
  row_at     timestamptz,                        -- by which retention takes the row
  demo       boolean NOT NULL,
  shape      int,                                -- which columns are in the digest
  digest     bytea,                              -- SM3 of the row's canonical form
  prev       bytea NOT NULL,                     -- link of seq - 1
  link       bytea NOT NULL                      -- SM3 of prev and everything above but seq
);
CREATE INDEX IF NOT EXISTS chain_beside_rows ON chain (seq) WHERE kind <> 'row';

CREATE TABLE IF NOT EXISTS chain_pending (
  pending_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  kind        text NOT NULL DEFAULT 'row' CHECK (kind IN ('row', 'drop')),
  table_name  text NOT NULL DEFAULT '',
  row_key     jsonb NOT NULL,
  demo        boolean NOT NULL DEFAULT false
);

-- The newest link, signed with a key that is not in the database: a chain made anew, or cut short at its end, is seen.
CREATE TABLE IF NOT EXISTS chain_head (
  one  boolean PRIMARY KEY DEFAULT true CHECK (one),
  seq  bigint NOT NULL,
  link bytea NOT NULL,
  mac  bytea NOT NULL
);
-- What retention took: rows of each table older than `kept`, and the chain up to `seq`. Signed like the head.
CREATE TABLE IF NOT EXISTS chain_cut (
  cut_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  cut_at timestamptz NOT NULL,
  seq    bigint NOT NULL,                        -- the last link that went; 0: none yet
  link   bytea NOT NULL,
  kept   jsonb NOT NULL,                         -- table -> epoch seconds
  mac    bytea NOT NULL
);
-- A column that is added later must not change what was said of older rows.
CREATE TABLE IF NOT EXISTS chain_shape (
  shape      int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  table_name text NOT NULL,
  columns    text[] NOT NULL,
  UNIQUE (table_name, columns)
);
CREATE TABLE IF NOT EXISTS chain_table (
  table_name text PRIMARY KEY,                   -- whose rows from before the chain have been taken in
  adopted_at timestamptz NOT NULL DEFAULT now()
);

-- After every INSERT into a chained table by the product: as the application role, or where ioc.chained says so (the demo's
-- loader is the owner). What anybody else puts in as the owner is in no link, and found by `ioc audit verify`.
-- A time in a key is written as JSON, in UTC whatever the writer's zone.
-- Arguments: the column that tells demo rows ('' without one), then the columns of the key.
CREATE OR REPLACE FUNCTION ioc_chain_put() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  keys text;
  demo text := CASE WHEN TG_ARGV[0] = '' THEN 'false' ELSE format('%I = ''demo''', TG_ARGV[0]) END;
BEGIN
  IF session_user <> 'ioc_app' AND current_setting('role', true) IS DISTINCT FROM 'ioc_app'
     AND coalesce(current_setting('ioc.chained', true), '') <> 'on' THEN
    RETURN NULL;
  END IF;
  SELECT string_agg(quote_ident(k), ', ' ORDER BY n) INTO keys
  FROM unnest(TG_ARGV) WITH ORDINALITY AS a (k, n) WHERE n > 1;
  EXECUTE format('INSERT INTO chain_pending (table_name, row_key, demo) SELECT %L, jsonb_build_array(%s), %s FROM added',
                 TG_TABLE_NAME, keys, demo);
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION ioc_chain_put() FROM PUBLIC;
