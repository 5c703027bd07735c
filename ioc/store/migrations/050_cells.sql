-- H3 arithmetic without an extension: the parent of a cell is bit arithmetic on the 64-bit index (h3geo.org, "H3 index
-- bit layout": resolution in bits 52-55, then three bits a digit, 7 = unused).
CREATE OR REPLACE FUNCTION ioc_h3_parent(cell bigint, res int) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (cell & ~(15::bigint << 52)) | (res::bigint << 52) | ((1::bigint << (3 * (15 - res))) - 1) $$;

-- Every class is listed at every zoom with its cells in place order; counters of one region read by region.
CREATE INDEX IF NOT EXISTS device_cell_region ON device_cell (res, region_id, class);
