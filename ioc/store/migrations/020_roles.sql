-- Roles as data (ROL-*): an administrator may add more; these are the ones every centre starts with.
INSERT INTO role (role_key, title, title_en, permissions) VALUES
  ('leader', '领导', 'Leader', ARRAY['map.view', 'device.view', 'event.view', 'case.view', 'indicator.view', 'source.view',
   'resource.view', 'grid.view']),
  ('chief', '值班长', 'Shift chief', ARRAY['map.view', 'device.view', 'event.view', 'case.view', 'indicator.view', 'source.view',
   'reject.view', 'resource.view', 'grid.view', 'event.write', 'wall.confirm', 'embed.sign']),
  ('officer', '值班员', 'Duty officer', ARRAY['map.view', 'device.view', 'event.view', 'case.view', 'indicator.view',
   'source.view', 'resource.view', 'grid.view', 'event.write']),
  ('grid', '网格员', 'Grid officer', ARRAY['map.view', 'device.view', 'event.view', 'case.view', 'indicator.view',
   'grid.view', 'event.write']),
  ('department', '部门', 'Department', ARRAY['map.view', 'device.view', 'event.view', 'case.view', 'indicator.view',
   'source.view', 'resource.view', 'grid.view', 'import.run']),
  ('admin', '管理员', 'Administrator', ARRAY['map.view', 'device.view', 'event.view', 'case.view', 'indicator.view',
   'source.view', 'reject.view', 'resource.view', 'grid.view', 'event.write', 'import.run', 'account.admin', 'wall.confirm',
   'embed.sign'])
ON CONFLICT (role_key) DO NOTHING;

-- Secrets of a session or a wall are looked up by hash at every request.
CREATE INDEX IF NOT EXISTS session_account ON session (account_id);
CREATE INDEX IF NOT EXISTS session_expiry ON session (expires_at);
CREATE INDEX IF NOT EXISTS wall_previous ON wall (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX IF NOT EXISTS audit_actor ON audit (actor, recorded_at DESC);
ALTER TABLE wall ALTER COLUMN credential_hash DROP NOT NULL;  -- confirmed, but not yet fetched by the wall
