-- Where a building is counted: a point inside it, kept, because every panel and estimate asks for it.
ALTER TABLE building ADD COLUMN IF NOT EXISTS spot geometry(Point)
  GENERATED ALWAYS AS (ST_PointOnSurface(geom_m)) STORED;
CREATE INDEX IF NOT EXISTS building_spot ON building USING gist (spot);
