-- Questions of emergency command beside 2,000,000 devices, by indexes of just what they look for.
-- Cameras whose view may cover a place, by how far they see: a street camera is not looked for 20 km away.
DROP INDEX IF EXISTS device_cones;
CREATE INDEX IF NOT EXISTS device_cones_street ON device USING gist (geom_m)
WHERE class = 'camera' AND azimuth_deg IS NOT NULL AND fov_deg IS NOT NULL AND ioc_view_range(attributes) <= 300;
CREATE INDEX IF NOT EXISTS device_cones_high ON device USING gist (geom_m)
WHERE class = 'camera' AND azimuth_deg IS NOT NULL AND fov_deg IS NOT NULL AND ioc_view_range(attributes) > 300
  AND ioc_view_range(attributes) <= 3000;
CREATE INDEX IF NOT EXISTS device_cones_far ON device USING gist (geom_m)
WHERE class = 'camera' AND azimuth_deg IS NOT NULL AND fov_deg IS NOT NULL AND ioc_view_range(attributes) > 3000;
-- Stations of weather and water, nearest first (ioc/store/stations.py names the same kinds).
CREATE INDEX IF NOT EXISTS device_stations ON device USING gist (geom_m)
WHERE class = 'sensor' AND kind = ANY ('{weather,rain,water_level,water_logging}');
