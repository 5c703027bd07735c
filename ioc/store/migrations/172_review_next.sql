-- After-action reports that wait for somebody (待我处理): few, whatever has been closed in years.
CREATE INDEX IF NOT EXISTS incident_review_open ON incident_review (case_id) WHERE state <> 'closed';
