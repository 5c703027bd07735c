-- Stewards leave: the row stays with its history, and is told of nothing from then on.
ALTER TABLE steward ADD COLUMN IF NOT EXISTS ended_at timestamptz;
ALTER TABLE steward ADD COLUMN IF NOT EXISTS ended_by text NOT NULL DEFAULT '';
ALTER TABLE steward ADD COLUMN IF NOT EXISTS ended_reason text NOT NULL DEFAULT '';
