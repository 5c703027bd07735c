"""Late cases told to somebody above, by the centre's rules: a turn of `ioc ingest`, once a level."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from ioc.cases import escalation as rules
from ioc.cases.follow import about
from ioc.clock import Clock
from ioc.scope import SYSTEM
from ioc.store import Store, dispatch, escalations, notices
from ioc.store.notices import Notice
from ioc.store.pool import Conn
from ioc.store.retry import retried

# A stage is over by hours or parts of days: half a minute later is soon enough.
EVERY_S = 30.0


def turn(store: Store, clock: Clock) -> int:
    """Looks at every late case once, in short transactions. Returns how many levels were reached for the first time."""
    now = clock.now()
    told, after = 0, None
    while True:
        done, after = retried(lambda at=after: _slice(store, now, at))
        told += done
        if after is None:
            return told


def worker(store: Store, clock: Clock) -> Callable[[], object]:
    return lambda: turn(store, clock)


def _slice(
    store: Store, now: dt.datetime, after: tuple[dt.datetime, int] | None
) -> tuple[int, tuple[dt.datetime, int] | None]:
    """(levels told, where the next slice begins or None at the end)."""
    with store.scoped(SYSTEM) as conn:
        version, table = dispatch.escalation(conn)
        if not table:
            return 0, None
        rows = escalations.late(conn, now, after)
        told = sum(_one(conn, row, version, table, now) for row in rows)
    full = len(rows) == escalations.SLICE
    return told, (rows[-1]["due_at"], rows[-1]["case_id"]) if full else None


def _one(conn: Conn, row: escalations.Row, version: int, table: list[rules.Rule], now: dt.datetime) -> int:
    case = rules.Late(
        row["flow"], row["category_code"], row["stage"], row["entered_at"], row["due_at"], frozenset(row["done"])
    )
    told = 0
    for rule in rules.reached(table, case, now):
        to = _addressee(rule, row)
        if escalations.mark(conn, row, rule.level, f"{version}/{rule.rule_no}", to, now):
            notices.put(conn, _notice(row, rule, to, now), now)
            told += 1
    return told


def _addressee(rule: rules.Rule, row: escalations.Row) -> tuple[Any, str]:
    """The rule's own, or the department that has the case; the shift chief where nobody has it."""
    if rule.to_kind == "department" and not rule.to_ref:
        return ("department", str(row["department"])) if row["department"] else ("role", "chief")
    return rule.to_kind, rule.to_ref


def _notice(row: escalations.Row, rule: rules.Rule, to: tuple[Any, str], now: dt.datetime) -> Notice:
    hours = (now - row["due_at"]).total_seconds() / 3600
    zh = f"{row['number']} · 环节超时 {hours:.1f} 小时 · 第 {rule.level} 级"
    en = f"{row['number']} · {hours:.1f} h over its term · level {rule.level}"
    entered = row["entered_at"].astimezone(dt.UTC).isoformat(timespec="seconds")
    told: dict[str, Any] = {**about(row), "priority": "high"}
    return Notice(
        f"case:{row['case_id']}:escalate:{row['stage']}:{entered}:{rule.level}", "case.escalated", to[0], to[1],
        f"超时升级：{row['title']}", f"Escalated: {row['title']}", zh, en, **told,
    )  # fmt: skip
