"""Device models in the store: every version is kept, the newest counts."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from ioc.store.pool import Conn

_LOCK = 4_930_301


class NewModel(NamedTuple):
    """`key` is the folded name."""

    key: str
    name: str
    maker: str
    kind: str
    definition: Mapping[str, Any]


def newest(conn: Conn) -> int:
    """The id of the newest version of any model: another number means that there is something to read anew."""
    row = conn.execute("SELECT version_id FROM device_model ORDER BY version_id DESC LIMIT 1").fetchone()
    return int(row["version_id"]) if row else 0


def current(conn: Conn) -> Sequence[Mapping[str, Any]]:
    """The newest version of each model."""
    return conn.execute(
        "SELECT DISTINCT ON (key) key, version, name, maker, kind, definition, recorded_at, actor FROM device_model"
        " ORDER BY key, version DESC"
    ).fetchall()


def save(conn: Conn, models: Sequence[NewModel], actor: str, now: dt.datetime, origin: str = "real") -> tuple[int, int]:
    """(new models, changed ones). One that is as it was makes no version."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))  # version ids then rise in the order of commits
    known = {r["key"]: r for r in conn.execute(
        "SELECT DISTINCT ON (key) key, version, digest FROM device_model ORDER BY key, version DESC"
    ).fetchall()}  # fmt: skip
    added = changed = 0
    for m in models:
        text = json.dumps(m.definition, sort_keys=True, ensure_ascii=False)
        digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        before = known.get(m.key)
        if before is not None and before["digest"] == digest:
            continue
        version = before["version"] + 1 if before else 1
        conn.execute(
            "INSERT INTO device_model (key, version, name, maker, kind, definition, digest, actor, origin, recorded_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (m.key, version, m.name, m.maker, m.kind, Jsonb(dict(m.definition)), digest, actor, origin, now),
        )
        added, changed = added + (before is None), changed + (before is not None)
    return added, changed
