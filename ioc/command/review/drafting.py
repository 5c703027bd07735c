"""The review of an incident that has just ended, in the transaction of the act that ends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.command.book import Doing
from ioc.store import command_rows, reviews


def draft(doing: Doing) -> None:
    """The review of an incident that has just ended. In the act's transaction; false alarms and merged have none."""
    if reviews.read(doing.conn, doing.case_id) is None:
        insert(doing, "")


def insert(doing: Doing, by: str) -> Mapping[str, Any]:
    values = {"case_id": doing.case_id, "drafted_at": doing.now, "drafted_by": by, "origin": doing.case["origin"]}
    return command_rows.insert(doing.conn, "review", values, doing.who[0], doing.now)
