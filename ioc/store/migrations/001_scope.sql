-- Extensions, database roles, and the functions that read the asker's scope from the session.
-- Idempotent: every migration may be run again on a database that already has it.
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ioc_app') THEN CREATE ROLE ioc_app LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ioc_readonly') THEN CREATE ROLE ioc_readonly LOGIN; END IF;
END $$;

-- The four settings are set by ioc.store for every unit of work. Unset means: sees nothing.
CREATE OR REPLACE FUNCTION ioc_whole() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(current_setting('ioc.whole', true), '') = 'on' $$;
CREATE OR REPLACE FUNCTION ioc_regions() RETURNS int[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(nullif(current_setting('ioc.regions', true), ''), '{}')::int[] $$;
CREATE OR REPLACE FUNCTION ioc_all_departments() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(current_setting('ioc.departments', true), '') = '*' $$;
CREATE OR REPLACE FUNCTION ioc_departments() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN coalesce(current_setting('ioc.departments', true), '') IN ('', '*') THEN '{}'::text[]
               ELSE current_setting('ioc.departments', true)::text[] END $$;
CREATE OR REPLACE FUNCTION ioc_sensitivity() RETURNS smallint LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(nullif(current_setting('ioc.sensitivity', true), ''), '-1')::smallint $$;

-- Row-level security otherwise keeps the planner from using the GiST index, because `&&` is not marked leakproof.
-- It compares two boxes and can raise nothing that tells of a row. Needs a superuser: elsewhere `ioc doctor` asks for it.
DO $$
BEGIN
  ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'geometry_overlaps is not leakproof: map queries under row-level security will be slow';
END $$;
