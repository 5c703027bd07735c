-- Turn restrictions (OpenStreetMap): twins of stretches in one direction between nodes of their own, so that pgRouting needs no
-- rules beside the graph. Who is bound by one arrives at a copy of the junction: the plain node | n << 40. `ioc.command.roads.turns`.
ALTER TABLE road_edge
  ADD COLUMN IF NOT EXISTS turn boolean NOT NULL DEFAULT false,      -- a twin: never shown, chosen or laid onto
  ADD COLUMN IF NOT EXISTS bound_c smallint NOT NULL DEFAULT 0,      -- vehicles (bits) whose journeys along it take a twin
  ADD COLUMN IF NOT EXISTS bound_r smallint NOT NULL DEFAULT 0;      -- and against it
ALTER TABLE road_edge_past
  ADD COLUMN IF NOT EXISTS turn boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS bound_c smallint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS bound_r smallint NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS road_edge_turn ON road_edge (source) WHERE turn;
