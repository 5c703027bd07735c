"""What goes: files nobody has bound, files past their retention, files no row speaks of. The keeper's, as the owner."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import psycopg

from ioc.attachments.files import Files
from ioc.settings import Settings
from ioc.store import attachments

UNBOUND = dt.timedelta(days=3)  # a step may wait that long for a network after its pictures were sent
YOUNG = dt.timedelta(days=1)  # younger files may be on their way to their row
_MARK = "swept"
_BATCH = 500


def sweep(conn: psycopg.Connection[Any], now: dt.datetime, settings: Settings) -> int:
    """Returns how many rows and stray files went. Looks through all files once a day."""
    files = Files(settings.attachments)
    old = now - dt.timedelta(days=settings.retention_history_days)
    expired = attachments.expire(conn, now - UNBOUND, old)
    gone = len(expired)
    _forget(conn, files, sorted(set(expired)), now)
    mark = files.folder / _MARK
    if files.folder.exists() and (not mark.exists() or mark.stat().st_mtime < (now - YOUNG).timestamp()):
        strays = files.older_than((now - YOUNG).timestamp())
        while batch := list(itertools.islice(strays, _BATCH)):
            gone += _forget(conn, files, batch, now)
        mark.touch()
    return gone


def _forget(conn: psycopg.Connection[Any], files: Files, digests: list[str], now: dt.datetime) -> int:
    needed = attachments.spoken_of(conn, digests) if digests else set[str]()
    return sum(files.forget(d, (now - YOUNG).timestamp()) for d in digests if d not in needed)
