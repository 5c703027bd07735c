-- The audit log by person and by object (SEC-07).
CREATE INDEX IF NOT EXISTS audit_actor ON audit (actor, audit_id DESC);
CREATE INDEX IF NOT EXISTS audit_object ON audit (object text_pattern_ops, audit_id DESC) WHERE object <> '';
CREATE INDEX IF NOT EXISTS audit_at ON audit (recorded_at);
-- Who may look through it; an administrator may give it otherwise.
UPDATE role SET permissions = permissions || ARRAY['audit.view']
WHERE role_key IN ('chief', 'admin') AND NOT permissions @> ARRAY['audit.view'];
