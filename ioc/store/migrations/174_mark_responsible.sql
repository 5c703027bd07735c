-- Who answers for a sector or a checkpoint: a name, a post or a department, as the commander wrote it.
ALTER TABLE incident_mark ADD COLUMN IF NOT EXISTS responsible text NOT NULL DEFAULT '';
