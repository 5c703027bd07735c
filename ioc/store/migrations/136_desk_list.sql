-- 待我处理: open cases by what is next with them, by who has them and by what waits for a decision, each in the order of
-- the queue (073), so that a person's list is a few stretches of these however many cases are open.
CREATE INDEX IF NOT EXISTS cases_next ON cases (flow, stage, queue_rank, queue_due, queue_new, case_id DESC)
  INCLUDE (region_id, sensitivity, private_to) WHERE closed_at IS NULL AND hold = '';
CREATE INDEX IF NOT EXISTS cases_officer_queue ON cases (officer, queue_rank, queue_due, queue_new, case_id DESC)
  WHERE closed_at IS NULL AND officer <> '';
CREATE INDEX IF NOT EXISTS cases_department_queue ON cases (department, queue_rank, queue_due, queue_new, case_id DESC)
  WHERE closed_at IS NULL AND department <> '';
CREATE INDEX IF NOT EXISTS cases_asked ON cases (queue_rank, queue_due, queue_new, case_id DESC)
  WHERE closed_at IS NULL AND asked <> '';
-- The cells a person is named in.
CREATE INDEX IF NOT EXISTS grid_cell_officers ON grid_cell USING gin (officers jsonb_path_ops);
-- They begin with the same columns.
DROP INDEX IF EXISTS cases_officer, cases_department;

-- Taking a whole list out of the house is a right of its own; an administrator may give it otherwise.
UPDATE role SET permissions = permissions || ARRAY['desk.export']
WHERE role_key IN ('leader', 'chief', 'officer', 'admin') AND NOT 'desk.export' = ANY (permissions);
