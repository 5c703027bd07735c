"""Which deliveries follow from a notice or a step of a case. Pure, over rows and declared routing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ioc.outbound.config import Channel, Outbound, Route
from ioc.outbound.rules import masked, quiet_until
from ioc.store.deliveries import Delivery

Row = Mapping[str, Any]
MARKS = ("【演练】", "[EXERCISE]")


def real(notice: Row) -> bool:
    """No row of a demo and nothing of an exercise leaves the centre."""
    marked = any(m in str(notice[n]) for n in ("title", "title_en") for m in MARKS)
    return notice["origin"] == "real" and not notice.get("exercise") and not marked


def of_notice(outbound: Outbound, notice: Row, now: dt.datetime, tz: dt.tzinfo) -> list[Delivery]:
    """At most one delivery a channel, whatever the number of routes that name it; the earliest route wins."""
    if not real(notice) or now - notice["created_at"] > dt.timedelta(seconds=outbound.file.max_age_s):
        return []
    found: dict[str, Delivery] = {}
    for route in outbound.file.route:
        if not route.takes(notice["kind"], notice["priority"], notice["to_kind"], notice["to_ref"]):
            continue
        delivery = _delivery(outbound, outbound.channels[route.channel], route, notice, now, tz)
        before = found.get(route.channel)
        if before is None or delivery.due_at < before.due_at:
            found[route.channel] = delivery
    return list(found.values())


def _delivery(
    outbound: Outbound, channel: Channel, route: Route, notice: Row, now: dt.datetime, tz: dt.tzinfo
) -> Delivery:
    urgent = notice["priority"] == "urgent"
    due, hours = now, outbound.file.quiet
    if hours is not None and route.quiet and not urgent:
        due = quiet_until(now, tz, hours.start, hours.end)
    address = outbound.address(channel, notice["to_kind"], notice["to_ref"], notice["phone"]) if channel.address else ""
    return Delivery(
        key=f"notice-{notice['notice_id']}-{channel.key}",
        channel=channel.key,
        due_at=due,
        notice_id=notice["notice_id"],
        masked=masked(address),
        state="no_address" if channel.address and not address else "waiting",
        urgent=urgent,
        region_id=notice["region_id"],
        private_to=notice["private_to"],
        sensitivity=notice["sensitivity"],
    )


def notice_values(outbound: Outbound, channel: Channel, notice: Row) -> dict[str, str]:
    """What a channel's templates may ask for. `address` "": nobody has said where to."""
    values = {name: str(notice[name]) for name in ("notice_id", "kind", "title", "title_en", "body", "body_en", "about",
                                                   "priority", "to_kind")}  # fmt: skip
    return {
        **values,
        "to": notice["to_ref"],
        "created_at": notice["created_at"].isoformat(),
        "address": outbound.address(channel, notice["to_kind"], notice["to_ref"], notice["phone"])
        if channel.address
        else "",
    }


def of_step(outbound: Outbound, step: Row, now: dt.datetime) -> Iterator[Delivery]:
    """One delivery a source of the case that a write-back names: a merged case answers every number it has."""
    for back in outbound.file.writeback:
        say = back.steps.get(step["step"])
        if say is None:
            continue
        for source_id in dict.fromkeys(_numbers(step, back.source)):
            yield Delivery(
                key=f"step-{step['case_id']}-{step['version']}-{back.channel}-{source_id}",
                channel=back.channel,
                due_at=now,
                lane=f"case-{step['case_id']}-{source_id}",
                payload=_step_values(step, back.source, source_id, say),
                masked=source_id,
                region_id=step["region_id"],
                private_to=step["private_to"],
                sensitivity=step["sensitivity"],
            )


def _numbers(step: Row, source: str) -> Iterator[str]:
    if step["source"] == source:
        yield str(step["source_id"])
    listed: Sequence[Row] = step["sources"] or ()
    for one in listed:
        if one.get("source") == source and one.get("source_id"):
            yield str(one["source_id"])


def _step_values(step: Row, source: str, source_id: str, say: str) -> dict[str, str]:
    given: Row = step["given"] or {}
    said = {name: str(given[name]) for name in ("result", "reason", "text", "satisfaction") if given.get(name)}
    return {
        **said,
        "source": source,
        "source_id": source_id,
        "number": str(step["number"]),
        "step": step["step"],
        "say": say,
        "stage": step["stage_after"],
        "at": step["at"].isoformat(),
        "actor": step["actor_name"] or "",
        "department": step["department"] or "",
        "officer": step["officer"] or "",
    }
