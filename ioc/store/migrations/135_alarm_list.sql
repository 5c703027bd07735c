-- The list in its order without sorting what stands: a desk works through twenty thousand in pages.
CREATE INDEX IF NOT EXISTS alarm_list ON alarm (
  array_position(ARRAY['urgent', 'high', 'medium', 'low'], priority),
  array_position(ARRAY['unack', 'rtn_unack', 'acked', 'normal'], state),
  raised_at DESC, alarm_id DESC) WHERE ended_at IS NULL AND hold = '';
