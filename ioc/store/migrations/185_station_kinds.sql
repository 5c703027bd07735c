-- Stations are asked for kind by kind: of sixty nearest, all may be gauges of water, and the wind mast the sixty-first.
DROP INDEX IF EXISTS device_stations;
CREATE INDEX IF NOT EXISTS device_station_kinds ON device USING gist (kind, geom_m)
  WHERE class = 'sensor' AND kind IN ('weather', 'rain', 'water_level', 'water_logging');
