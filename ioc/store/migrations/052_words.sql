-- The code tables as they stand: one row a code, the newest that has not ended. For words and icons beside a code.
CREATE OR REPLACE VIEW dictionary_now AS
SELECT DISTINCT ON (dict, code) dict, code, zh, coalesce(nullif(en, ''), zh) AS en, attributes
FROM dictionary WHERE valid_to IS NULL
ORDER BY dict, code, valid_from DESC;
GRANT SELECT ON dictionary_now TO ioc_app, ioc_readonly;
