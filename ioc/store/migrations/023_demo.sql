-- "Is any demo row left?" is asked by every page: answered from indexes that hold demo rows only.
CREATE INDEX IF NOT EXISTS event_demo ON event (event_id) WHERE origin = 'demo';
CREATE INDEX IF NOT EXISTS cases_demo ON cases (case_id) WHERE origin = 'demo';
CREATE INDEX IF NOT EXISTS device_cell_demo ON device_cell (res) WHERE origin = 'demo';
CREATE INDEX IF NOT EXISTS grid_cell_demo ON grid_cell (grid_cell_id) WHERE origin = 'demo';
CREATE INDEX IF NOT EXISTS resource_demo ON resource (resource_id) WHERE origin = 'demo';
