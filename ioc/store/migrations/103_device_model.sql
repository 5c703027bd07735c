-- Device models: how a maker's properties and units become ours. Configuration, not of a place; every version is kept.
CREATE TABLE IF NOT EXISTS device_model (
  version_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key         text NOT NULL,                     -- folded name: how devices are matched to it
  version     int NOT NULL,
  name        text NOT NULL,
  maker       text NOT NULL DEFAULT '',
  kind        text NOT NULL,                     -- dictionary 'device_kind'
  definition  jsonb NOT NULL,
  digest      text NOT NULL,                     -- of the definition: the same again is no new version
  actor       text NOT NULL,
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (key, version)
);

-- What a device or its gateway last said of itself (fault, offline), apart from what a person or a file says of it.
CREATE TABLE IF NOT EXISTS device_told (
  device_id   bigint PRIMARY KEY,
  status      text NOT NULL CHECK (status IN ('online', 'offline', 'fault')),
  observed_at timestamptz NOT NULL,
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  updated_at  timestamptz NOT NULL
);
SELECT ioc_protect('device_told', '((SELECT ioc_whole()) AND (SELECT ioc_all_departments()) AND (SELECT ioc_sensitivity()) >= 2)
    OR EXISTS (SELECT FROM device d WHERE d.device_id = device_told.device_id)');
