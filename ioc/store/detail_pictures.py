"""Attachments in the history of a case or report: with the step they were given with, else at the time they came."""

from __future__ import annotations

from typing import Any

from ioc.scope import INTERNAL
from ioc.store import attachments
from ioc.store.detail_parts import Asked, Part, Row, both, iso, masked


def with_case(asked: Asked, case_id: int, history: list[Part]) -> list[Part]:
    """`history` with `pictures` at the steps they belong to, and an entry for each of the others."""
    rows = attachments.of_case(asked.conn, asked.scope, case_id)
    found = {str(r["attachment_id"]): _part(asked, r) for r in rows}
    out: list[Part] = []
    told: set[str] = set()
    for entry in history:
        ids = [i for i in entry.get("attachments") or () if i in found]
        told.update(ids)
        out.append({**entry, "pictures": [found[i] for i in ids]} if ids else entry)
    return [*out, *_entries([p for i, p in found.items() if i not in told])]


def with_event(asked: Asked, event_id: int, history: list[Part]) -> list[Part]:
    rows = attachments.of_event(asked.conn, asked.scope, event_id)
    entries = _entries([_part(asked, r) for r in rows])
    return sorted([*history, *entries], key=lambda h: str(h["at"]), reverse=True) if entries else history


def _part(asked: Asked, row: Row) -> dict[str, Any]:
    """Who reported without a name stays without one, also for who may see names (EVT-07)."""
    by = "" if row["anonymous"] else masked(row["uploader_name"] or "", asked.scope)
    if not by and not row["anonymous"] and asked.scope.sensitivity >= INTERNAL:
        by = row["uploader"]
    return {
        "id": row["attachment_id"],
        "media_type": row["media_type"],
        "width": row["width"],
        "height": row["height"],
        "at": iso(row["uploaded_at"]),
        "by": both("detail.anonymous") if row["anonymous"] else by,
    }


def _entries(found: list[dict[str, Any]]) -> list[Part]:
    """Those that came together (the same person, the same minute) are one entry."""
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for picture in found:
        grouped.setdefault((str(picture["by"]), str(picture["at"])[:16]), []).append(picture)
    return [
        {"at": g[0]["at"], "actor": g[0]["by"], "text": both("detail.h_attachment", n=len(g)), "pictures": g}
        for g in grouped.values()
    ]
