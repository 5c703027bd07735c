-- Marks of the map carry the alarm of their device: one probe a device, of the few that stand and nothing holds.
CREATE INDEX IF NOT EXISTS alarm_standing ON alarm (device_id, priority) WHERE ended_at IS NULL AND hold = '';
