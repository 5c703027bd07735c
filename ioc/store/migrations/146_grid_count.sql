-- What the map colours grid cells by (GRD-02). Counts stand per cell, finest region, department and sensitivity of the
-- counted rows, and are summed under the asker's scope: nobody's number rests on rows they may not see.
CREATE TABLE IF NOT EXISTS grid_count (
  grid_cell_id bigint NOT NULL REFERENCES grid_cell ON DELETE CASCADE,
  region_id    int,                              -- of the counted events and cases, not of the cell
  private_to   text NOT NULL DEFAULT '',
  sensitivity  smallint NOT NULL DEFAULT 0,
  origin       text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  events       int NOT NULL DEFAULT 0,           -- verified, of the last 30 days
  open         int NOT NULL DEFAULT 0,           -- cases of the cell that are not closed
  overdue      int NOT NULL DEFAULT 0            -- of these, past their deadline with the clock running
);
CREATE UNIQUE INDEX IF NOT EXISTS grid_count_key
  ON grid_count (grid_cell_id, (coalesce(region_id, 0)), private_to, sensitivity, origin);

-- What a cell is by itself, computed once a version of it: area, and people as its own import says (NULL: it does not).
CREATE TABLE IF NOT EXISTS grid_fact (
  grid_cell_id bigint PRIMARY KEY REFERENCES grid_cell ON DELETE CASCADE,
  kind         text NOT NULL,
  area_km2     double precision NOT NULL,
  population   bigint,
  region_id    int,
  private_to   text,
  sensitivity  smallint NOT NULL DEFAULT 0,
  origin       text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  made_from    timestamptz NOT NULL              -- grid_cell.updated_at
);

SELECT ioc_protect('grid_count');
SELECT ioc_protect('grid_fact');
