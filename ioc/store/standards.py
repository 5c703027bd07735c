"""Editions of tables that judge readings: what is shipped and what the centre has imported, newest version each."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from ioc import aqi, standards
from ioc.store.pool import Conn

_LOCK = 4_930_302


def editions(conn: Conn, kind: str) -> list[Mapping[str, Any]]:
    """All editions of a kind; an imported one takes the place of a shipped one of the same key."""
    rows = conn.execute(
        "SELECT DISTINCT ON (key) key, valid_from, valid_to, document, issued, body FROM standard_edition"
        " WHERE kind = %s ORDER BY key, version DESC",
        (kind,),
    ).fetchall()
    first = aqi.shipped() if kind == "aqi" else standards.shipped(kind)
    found: dict[str, Mapping[str, Any]] = {e["key"]: e for e in first}
    for r in rows:
        dates = {"valid_from": r["valid_from"].isoformat(), "valid_to": r["valid_to"] and r["valid_to"].isoformat()}
        found[r["key"]] = {**r["body"], **dates, "key": r["key"], "document": r["document"],
                           "issued": r["issued"].isoformat()}  # fmt: skip
    return list(found.values())


def aqi_tables(conn: Conn) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """In the shape `ioc.aqi` takes."""
    return {"editions": editions(conn, "aqi")}


def save(conn: Conn, kind: str, edition: Mapping[str, Any], actor: str, now: dt.datetime) -> str:
    """stored, updated or unchanged. `edition` has been checked (`ioc.intake.standard_file`)."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    head = ("key", "valid_from", "valid_to", "document", "issued")
    body = {k: v for k, v in edition.items() if k not in head}
    text = json.dumps(edition, sort_keys=True, ensure_ascii=False)
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    before = conn.execute(
        "SELECT version, digest FROM standard_edition WHERE kind = %s AND key = %s ORDER BY version DESC LIMIT 1",
        (kind, edition["key"]),
    ).fetchone()
    if before is not None and before["digest"] == digest:
        return "unchanged"
    conn.execute(
        "INSERT INTO standard_edition (kind, key, version, valid_from, valid_to, document, issued, body, digest, actor,"
        " recorded_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (kind, edition["key"], before["version"] + 1 if before else 1, edition["valid_from"], edition.get("valid_to"),
         edition["document"], edition["issued"], Jsonb(body), digest, actor, now),
    )  # fmt: skip
    return "updated" if before else "stored"
