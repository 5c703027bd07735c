-- Forces: what a resource carries and where it is now, who it is bound to, and what hospitals and shelters have free.
ALTER TABLE resource ADD COLUMN IF NOT EXISTS carried jsonb NOT NULL DEFAULT '[]';    -- [{name, amount, unit}]
ALTER TABLE resource ADD COLUMN IF NOT EXISTS people int CHECK (people >= 0);
ALTER TABLE resource ADD COLUMN IF NOT EXISTS vehicle_class text NOT NULL DEFAULT ''; -- dictionary 'vehicle_class'
ALTER TABLE resource ADD COLUMN IF NOT EXISTS case_id bigint;                         -- the incident it is bound to
ALTER TABLE resource ADD COLUMN IF NOT EXISTS status_at timestamptz;                  -- since when it has its status
ALTER TABLE resource ADD COLUMN IF NOT EXISTS version int NOT NULL DEFAULT 1;         -- counts changes of its status
CREATE INDEX IF NOT EXISTS resource_bound ON resource (case_id) WHERE case_id IS NOT NULL;

-- The newest position of a resource. One that arrives late is kept in the log and changes nothing here.
CREATE TABLE IF NOT EXISTS resource_live (
  resource_id  bigint PRIMARY KEY,
  observed_at  timestamptz NOT NULL,
  received_at  timestamptz NOT NULL,
  geom         geometry(Point, 4326) NOT NULL,
  speed_kmh    real,
  heading_deg  real,
  accuracy_m   real,
  region_id    int,                               -- scope of the resource itself, so that scope needs no join
  private_to   text,
  sensitivity  smallint NOT NULL DEFAULT 0,
  origin       text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo'))
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS resource_live_geom ON resource_live USING gist (geom);
SELECT ioc_protect('resource_live');

-- Every position that was accepted, in the order it became known: what replay at T reads (`recorded_at <= T`).
CREATE TABLE IF NOT EXISTS resource_position (
  resource_id  bigint NOT NULL,
  observed_at  timestamptz NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT now(),
  lon          double precision NOT NULL,
  lat          double precision NOT NULL,
  speed_kmh    real,
  heading_deg  real,
  accuracy_m   real,
  late         boolean NOT NULL DEFAULT false,    -- a newer one was known already
  region_id    int,
  private_to   text,
  sensitivity  smallint NOT NULL DEFAULT 0,
  origin       text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo'))
) PARTITION BY RANGE (recorded_at);
CREATE INDEX IF NOT EXISTS resource_position_of ON resource_position (resource_id, recorded_at DESC);
CREATE INDEX IF NOT EXISTS resource_position_at ON resource_position (resource_id, observed_at);
SELECT ioc_protect('resource_position');

-- Free beds of a hospital, free places of a shelter, as last reported. An older report never replaces a newer one.
CREATE TABLE IF NOT EXISTS resource_capacity (
  resource_id  bigint PRIMARY KEY REFERENCES resource ON DELETE CASCADE,
  what         text NOT NULL CHECK (what IN ('beds', 'places')),
  observed_at  timestamptz NOT NULL,
  version      bigint NOT NULL DEFAULT 0,         -- of the reporting system: decides within one `observed_at`
  figures      jsonb NOT NULL,
  reported_by  text NOT NULL,
  received_at  timestamptz NOT NULL,
  region_id    int,
  private_to   text,
  sensitivity  smallint NOT NULL DEFAULT 0,
  origin       text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo'))
);
SELECT ioc_protect('resource_capacity');

-- Who tells forces where to go may also say what they do.
UPDATE role SET permissions = permissions || ARRAY['resource.write']
WHERE role_key IN ('chief', 'admin') AND NOT 'resource.write' = ANY (permissions);
