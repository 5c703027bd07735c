"""The list of alarms as it was filtered, floods as one row each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ioc.alarm_rules import alarm_rules
from ioc.alarms.life import STATES
from ioc.alarms.params import PRIORITIES
from ioc.alarms.record import PRIORITIES as PRIORITY_WORDS
from ioc.errors import Invalid, Reason
from ioc.exports.base import Ask, Listing, Place, Row, moment, nature
from ioc.store import alarm_read

COLUMNS = ("priority", "state", "title", "rule", "value", "limit", "unit", "device", "place", "region", "first",
           "raised", "acked", "acked_by", "cleared", "ended", "hold", "count", "nature")  # fmt: skip
VIEWS = ("", "shelved", "out_of_service", "suppressed", "chattering", "stale", "ended")


def alarms(place: Place, ask: Ask, limit: int) -> Listing:
    """`view`: one tab of the list; `priority`, `state`, `rule` as the list has them. Raises Invalid."""
    asked, filters = _asked(ask)
    with place.store.scoped(ask.scope) as conn:
        found, _total = alarm_read.listed(conn, ask.scope, asked, ask.now, limit)
    return Listing(
        total=len(found),
        demo=any(r["origin"] == "demo" for r in found),
        filters=filters,
        columns=[ask.word(f"export.a.{c}") for c in COLUMNS],
        rows=lambda: _rows(found, ask),
    )


def _asked(ask: Ask) -> tuple[alarm_read.Filter, list[tuple[str, str]]]:
    reasons: list[Reason] = []

    def words(name: str, known: Sequence[str]) -> tuple[str, ...]:
        found = tuple(p for p in ask.query.get(name, "").split(",") if p)[:50]
        if wrong := [p for p in found if p not in known]:
            names = ", ".join(known)
            reasons.append(Reason(name, "bad_choice", f"应为 {names}", f"one of {names}", ",".join(wrong)[:80]))
        return found

    view = (words("view", VIEWS) or ("",))[0]
    states, priorities = words("state", tuple(STATES)), words("priority", tuple(PRIORITIES))
    rules = words("rule", tuple(alarm_rules()))
    if reasons:
        raise Invalid(reasons=reasons)
    filters = [(ask.word("export.f.show"), ask.word(f"export.view.{view or 'now'}"))]
    for name, chosen, said in (
        ("priority", priorities, lambda k: PRIORITY_WORDS[k]),
        ("state", states, lambda k: STATES[k]),
        ("rule", rules, lambda k: alarm_rules()[k].title),
    ):
        if chosen:
            filters.append((ask.word(f"export.a.{name}"), ", ".join(said(k)(ask.lang) for k in chosen)))
    held = view if view in ("shelved", "out_of_service", "suppressed") else ""
    only: Any = view if view in ("chattering", "stale") else ""
    return alarm_read.Filter(states=states, priorities=priorities, rules=rules, region_ids=ask.region_ids, hold=held,
                             only=only, ended=view == "ended"), filters  # fmt: skip


def _rows(found: Sequence[Mapping[str, Any]], ask: Ask) -> Iterator[Row]:
    for r in found:
        device: Mapping[str, Any] = r.get("device") or {}
        hold: Mapping[str, Any] | None = r.get("hold")
        flood = r["type"] == "alarm_group"
        yield (
            ask.text(r["priority_text"]),
            ask.text(r["state_text"]) if not flood else ask.text(STATES[r["state"]]),
            ask.text(r["title"]),
            ask.text(r["rule"]) if not flood else "",
            r.get("value"),
            r.get("limit"),
            str(r.get("unit") or ""),
            str(device.get("name") or r.get("gateway") or ""),
            str(r["place"]),
            str(r.get("region_code") or ""),
            moment(r["first_at"]),
            moment(r["raised_at"]),
            moment(r.get("acked_at")),
            str(r.get("acked_by") or ""),
            moment(r.get("cleared_at")),
            moment(r.get("ended_at") or r.get("closed_at")),
            f"{ask.text(hold)} {hold.get('reason') or ''}".strip() if hold else "",
            r.get("count"),
            nature(r["origin"], ask),
        )
