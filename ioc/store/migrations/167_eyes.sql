-- Which cameras see a place (EMG-08). Two small indexes beside the 2,000,000 devices: cameras by place, and those of which
-- direction, angle of view and range are all known. A camera without one of the three has no view cone, none is guessed.
CREATE OR REPLACE FUNCTION ioc_view_range(attributes jsonb) RETURNS real LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN attributes ->> 'view_range_m' ~ '^[0-9]{1,5}(\.[0-9]{1,3})?$'
              THEN nullif(least((attributes ->> 'view_range_m')::real, 20000), 0) END
$$;
CREATE INDEX IF NOT EXISTS device_eyes ON device USING gist (geom_m) WHERE class = 'camera';
CREATE INDEX IF NOT EXISTS device_cones ON device USING gist (geom_m)
WHERE class = 'camera' AND azimuth_deg IS NOT NULL AND fov_deg IS NOT NULL AND ioc_view_range(attributes) IS NOT NULL;

-- Whether a place `dx`, `dy` metres east and north of a camera lies in its view: no further than its range, and no more
-- than half its angle off its direction. Azimuths are degrees clockwise from north (GB/T 28181 DirectionType likewise).
CREATE OR REPLACE FUNCTION ioc_in_view(dx float8, dy float8, azimuth real, fov real, range_m real) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT sqrt(dx * dx + dy * dy) <= range_m
    AND (dx * dx + dy * dy < 1
         OR abs(mod((degrees(atan2(dx, dy)) - azimuth + 900)::numeric, 360) - 180) <= fov / 2)
$$;
