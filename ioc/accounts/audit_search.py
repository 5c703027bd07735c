"""Looking through the audit log (SEC-07): who may, and that it is itself written there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from ioc.errors import Forbidden, Invalid
from ioc.intake.fields import moment
from ioc.intake.reasons import reason
from ioc.scope import SYSTEM, Scope
from ioc.store import Store, accounts, audit_log
from ioc.store.audit_log import LIMIT_MAX, Asked

RIGHT = "audit.view"
__all__ = ["LIMIT_MAX", "RIGHT", "asked_of", "look"]


def asked_of(given: Callable[[str], str], tz: ZoneInfo) -> Asked:
    """From query parameters. Raises Invalid for what is no time or number."""
    before = given("before")
    if before and not (before.isascii() and before.isdigit() and len(before) <= 18):
        raise Invalid(reasons=[reason("before", "bad_number", before[:40])])

    def word(name: str) -> str:
        return given(name)[:200].replace("\x00", "")

    return Asked(
        word("who"),
        word("object"),
        word("action"),
        moment("since", given("since"), tz),
        moment("until", given("until"), tz),
        int(before) if before else None,
    )


def look(store: Store, scope: Scope, asked: Asked, limit: int) -> Mapping[str, Any]:
    """{rows, next}. Raises Forbidden without the right, or for who sees only a part of the centre."""
    scope.require(RIGHT)
    if not scope.whole:
        raise Forbidden("审计日志涉及全部区域，需全域范围", "the log tells of every place: needs the whole centre")
    with store.scoped(SYSTEM) as conn:
        rows = audit_log.search(conn, asked, limit)
        if asked.before is None:  # the pages of one search are one look
            accounts.audit(conn, actor=scope.actor, action="audit.look", detail=asked.as_dict())
    return {"rows": rows, "next": rows[-1]["audit_id"] if len(rows) == limit else None}
