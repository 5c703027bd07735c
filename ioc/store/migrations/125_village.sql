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

SELECT ioc_protect('village_figure');
