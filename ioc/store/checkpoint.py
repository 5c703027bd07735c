"""A checkpoint after bulk work, so that a crash soon afterwards does not replay all of it before anybody is let in."""

from __future__ import annotations

import logging

import psycopg

log = logging.getLogger("ioc.store")
# Fewer rows make too little log to be worth it: 20,000 devices are about 40 MB, replayed in a third of a second.
WORTH_ROWS = 20_000


def checkpoint(owner_dsn: str) -> bool:
    """By the owner, outside a transaction. False in a database whose owner may not (superuser or pg_checkpoint):

    there the administrators decide when to write, and nothing is lost without it.
    """
    with psycopg.connect(owner_dsn, autocommit=True) as conn:
        try:
            conn.execute("CHECKPOINT")
        except psycopg.errors.InsufficientPrivilege as e:
            log.info("no checkpoint after bulk work: %s", str(e).strip())
            return False
    return True
