"""Centres of the level below as the data page shows them, with name, link and age. Never part of our own numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.freshness import freshness
from ioc.scope import Scope
from ioc.store import lower
from ioc.store.pool import Conn

ROWS = 300
HEARD = dt.timedelta(minutes=1)  # a centre gives a sign of life in that time


def _centres(conn: Conn, now: dt.datetime, open_: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "key": r["key"],
            "title": r["title"],
            "region": r["region"],
            "open": open_.get(r["key"], 0),
            "state": "error" if r["error_code"] else freshness(r["last_seen_at"], HEARD, now),
            "as_of": None if r["last_seen_at"] is None else r["last_seen_at"].isoformat(),
            "interval_s": HEARD.total_seconds(),
            "error": {"zh": r["error_zh"], "en": r["error_en"]} if r["error_code"] else None,
            "since": None if r["error_since"] is None else r["error_since"].isoformat(),
        }
        for r in lower.centres(conn)
    ]


def _rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "centre": r["centre"],
            "link": r["link"],
            "key": r["key"],
            "record": r["record"],
            "origin": r["origin"],
            "received_at": r["received_at"].isoformat(),
        }
        for r in rows
    ]


def _kinds(scope: Scope) -> list[str]:
    return [k for k in ("case", "event") if scope.can("case.view") and scope.can(f"{k}.view")]


def _numbers(conn: Conn, scope: Scope) -> list[dict[str, Any]]:
    return [
        {
            "centre": r["centre"],
            "region": r["region"],
            "code": r["code"],
            "indicator": r["record"],
            "as_of": None if r["as_of"] is None else r["as_of"].isoformat(),
        }
        for r in lower.indicators(conn, scope, centre="", region="")
    ]


def page(conn: Conn, scope: Scope, region_ids: Sequence[int] | None, now: dt.datetime) -> dict[str, Any]:
    """{centres, numbers, rows, more}. Rights: source.view for the centres, case.view and indicator.view beside it.

    `open` of a centre counts all of its records, not only those in `rows`, which are the newest of all centres.
    """
    kinds = _kinds(scope)
    found = lower.latest(conn, scope, kinds, region_ids, ROWS + 1)
    open_ = lower.open_counts(conn, scope, kinds, region_ids)
    return {
        "centres": _centres(conn, now, open_) if scope.can("source.view") else [],
        "numbers": _numbers(conn, scope) if scope.can("indicator.view") else [],
        "rows": _rows(found[:ROWS]),
        "more": len(found) > ROWS,
    }
