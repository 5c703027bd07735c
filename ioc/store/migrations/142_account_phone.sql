-- Telephone of an account's holder, sealed like the callers of 12345 (ioc/sealing.py): for SMS where no contact is declared.
ALTER TABLE account ADD COLUMN IF NOT EXISTS phone_sealed bytea;
ALTER TABLE account ADD COLUMN IF NOT EXISTS phone_key text;    -- which key sealed it
