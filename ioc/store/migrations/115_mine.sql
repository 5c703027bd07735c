-- What an officer has in hand, by name and by department; numbers of reports taken at the desk (接报登记).
CREATE INDEX IF NOT EXISTS cases_officer ON cases (officer) WHERE closed_at IS NULL AND officer <> '';
CREATE INDEX IF NOT EXISTS cases_department ON cases (department) WHERE closed_at IS NULL AND department <> '';
CREATE INDEX IF NOT EXISTS cases_cell ON cases (grid_cell_id) WHERE closed_at IS NULL AND grid_cell_id IS NOT NULL;
CREATE SEQUENCE IF NOT EXISTS report_number;
