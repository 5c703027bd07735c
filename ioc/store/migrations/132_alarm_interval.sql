-- How often the value of an alarm should come: a screen says of an old one that it is old.
DROP VIEW IF EXISTS alarm_row;
CREATE VIEW alarm_row WITH (security_invoker = true) AS
SELECT a.*, d.name AS device_name, d.kind AS device_kind, d.class AS device_class, d.gateway_id, d.address,
       d.status AS device_status, ST_X(d.geom) AS lon, ST_Y(d.geom) AS lat, s.property, s.unit,
       coalesce(s.interval_s, d.interval_s) AS interval_s,
       l.value AS now_value, l.observed_at AS now_at, l.quality AS now_quality, r.code AS region_code,
       r.name AS region_name, c.ids AS region_ids, c.place,
       g.name AS gateway_name
FROM alarm a
LEFT JOIN device d ON d.device_id = a.device_id
LEFT JOIN datastream s ON s.datastream_id = a.datastream_id
LEFT JOIN latest l ON l.datastream_id = a.datastream_id
LEFT JOIN region r ON r.region_id = a.region_id
LEFT JOIN LATERAL (
  SELECT array_agg(x.ancestor_id ORDER BY x.depth DESC) AS ids,
         string_agg(y.name, '' ORDER BY x.depth DESC) FILTER (WHERE y.kind IN ('town', 'village')) AS place
  FROM region_closure x JOIN region y ON y.region_id = x.ancestor_id WHERE x.descendant_id = a.region_id) c ON true
LEFT JOIN device g ON g.device_id = d.gateway_id;
