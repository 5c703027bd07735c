-- Idempotency-Key: a request that is sent again answers what the first one was answered, and does nothing twice. The row
-- is written in the transaction of the work itself. Refused requests leave none: they may be put right and sent again.
CREATE TABLE IF NOT EXISTS request_key (
  actor       text NOT NULL,
  key         text NOT NULL,
  what        text NOT NULL,                     -- method and path
  body_hash   text NOT NULL,                     -- SHA-256 of the body: the same key with another body is refused
  answer      jsonb NOT NULL,
  created_at  timestamptz NOT NULL,
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (actor, key)
);
CREATE INDEX IF NOT EXISTS request_key_at ON request_key (created_at);

-- An answer is the asker's own: the application reads it under the system's scope, by actor and key.
SELECT ioc_protect('request_key', 'system');
