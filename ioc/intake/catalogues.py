"""Receiving a catalogue of GB/T 28181, packet by packet, in any order. What arrives is stored at once.

A platform answers one query (SN) in several packets; SumNum says how many entries there are. A round is complete when
so many have come; one whose packets stay away is named incomplete, and what came of it is kept. The same packet again
changes nothing. An SN a device uses anew begins a new round.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ioc.clock import Clock
from ioc.errors import Forbidden, Invalid, Reason
from ioc.intake import gb_catalogue, video_channels, video_config
from ioc.intake.gb_catalogue import Packet
from ioc.intake.private_net import without_addresses
from ioc.intake.reasons import Refuse, reason
from ioc.intake.video_channels import Outcome, Teller
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Store, device_state, disk, sources, video_nodes
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.retry import retried

SOURCE_KEY = "gb28181"
INTERVAL_S = 86_400  # a platform that pushes no more for three days has told nothing of now


@dataclass(frozen=True, slots=True)
class CatalogueResult:
    """What became of a packet. `round`: open, complete, incomplete; `notify` where states came unasked."""

    platform: str
    sn: str
    state: str
    round: str
    expected: int
    arrived: int
    outcome: Outcome

    def as_dict(self) -> dict[str, Any]:
        o = self.outcome
        counts = {n: getattr(o, n) for n in ("nodes", "stored", "updated", "states", "unplaced", "civil_elsewhere")}
        own = {n: getattr(self, n) for n in ("platform", "sn", "state", "round", "expected", "arrived")}
        rejects = [{"item": r.item, "reasons": [x.as_dict() for x in r.reasons]} for r in o.rejected[:50]]
        return {**own, **counts, "rejected": len(o.rejected), "rejects": rejects}


def submit_catalogue(
    store: Store,
    scope: Scope,
    data: bytes,
    clock: Clock,
    *,
    settings: Settings,
    source: str = SOURCE_KEY,
    origin: str = "real",
    item: str = "",
) -> CatalogueResult:
    """Read and store one packet. `item` names it among the rejects.

    Raises Invalid for what is no catalogue (kept as a reject without its content, which may hold passwords), Forbidden
    for one who does not see the whole centre, ConfigError, StoreUnavailable, DiskBudget.
    """
    if not scope.whole:
        raise Forbidden("目录只能由全中心范围的令牌报送", "a catalogue needs a token of the whole centre")
    config = video_config.load(settings)
    now = clock.now()
    try:
        packet = gb_catalogue.read(data, config.editions(), config.edition(""))
    except Refuse as e:
        _reject(store, source, item, [e.of("catalogue", "")], origin, now)
        raise Invalid(reasons=[e.of("catalogue", "")]) from None
    by = Teller(source, packet.platform, config.interval_s(packet.platform, INTERVAL_S), origin, scope.actor, now)

    def attempt() -> CatalogueResult:
        with store.scoped(SYSTEM) as conn:
            disk.read(conn).require("event")
            video_nodes.take_turn(conn, source, packet.platform)
            return _receive(conn, packet, config, settings, by)

    return retried(attempt)


def _receive(
    conn: Conn, packet: Packet, config: video_config.VideoConfig, settings: Settings, by: Teller
) -> CatalogueResult:
    ensure(conn, by.source, SOURCE_KEY, by.interval_s, by.origin)
    known = None if packet.notify else video_nodes.latest_round(conn, by.source, packet.platform, packet.sn)
    if known is not None and packet.digest in known["digests"] and _running(known, settings, by.now):
        _heard(conn, by, sources.Arrival(received=1, duplicates=1, as_of=by.now))
        got = len(known["keys"]) + known["doubles"]
        return CatalogueResult(
            packet.platform, packet.sn, "unchanged", known["state"], known["sum_num"], got, Outcome()
        )
    out = video_channels.write(conn, packet.items, config, settings, by)
    out.rejected += [Rejected(r.key, r.reasons, json.dumps(r.record, ensure_ascii=False)) for r in packet.refused]
    store_rejects(conn, by.source, out.rejected, by.now, origin=by.origin)
    told = {"name": "", "edition": config.edition(packet.platform), "interval_s": by.interval_s, "origin": by.origin}
    video_nodes.confirm(conn, by.source, packet.platform, told, by.now)
    _heard(conn, by, sources.Arrival(1, 1, 0, len(out.rejected), by.now))
    if packet.notify:
        return CatalogueResult(packet.platform, packet.sn, "stored", "notify", packet.sum_num, len(packet.keys), out)
    state, got = _round(conn, packet, known, settings, by, out)
    return CatalogueResult(packet.platform, packet.sn, "stored", state, packet.sum_num, got, out)


def _running(row: video_nodes.Row, settings: Settings, now: dt.datetime) -> bool:
    """Whether a packet with the round's SN still belongs to it, and is not a device that has begun to count anew."""
    return now - row["last_at"] <= dt.timedelta(seconds=settings.video_packet_wait_s) or row["state"] == "incomplete"


def _round(
    conn: Conn, packet: Packet, known: video_nodes.Row | None, settings: Settings, by: Teller, out: Outcome
) -> tuple[str, int]:
    """State of the packet's round, and how many of its entries have come."""
    same = (
        known is not None
        and known["state"] != "complete"
        and known["sum_num"] == packet.sum_num
        and _running(known, settings, by.now)
    )
    old: dict[str, Any] = dict(known) if known is not None and same else {"round_id": None, "keys": [], "digests": [],
                                                                        "doubles": 0}  # fmt: skip
    keys = sorted({*old["keys"], *packet.keys})
    doubles = old["doubles"] + packet.doubles
    complete = len(keys) + doubles >= packet.sum_num
    row = {
        **old,
        "source": by.source,
        "platform_id": packet.platform,
        "sn": packet.sn,
        "sum_num": packet.sum_num,
        "keys": keys,
        "doubles": doubles,
        "digests": [*old["digests"], packet.digest],
        "state": "complete" if complete else "open",
        "origin": by.origin,
    }
    video_nodes.save_round(conn, row, by.now)
    if complete and keys:
        lost = video_nodes.mark_missing(conn, by.source, packet.platform, now=by.now, keys=keys)
        if lost:
            out.states += device_state.report(conn, dict.fromkeys(lost, ("unknown", by.now)), by.now)
    return "complete" if complete else "open", len(keys) + doubles


def sweep(store: Store, settings: Settings, now: dt.datetime) -> int:
    """Rounds whose packets stay away are named, and states nobody has told for long are unknown. Returns the rounds."""
    with store.scoped(SYSTEM) as conn:
        late = video_nodes.overdue_rounds(conn, now - dt.timedelta(seconds=settings.video_packet_wait_s))
        for row in late:
            why = reason("SumNum", "catalogue_incomplete", row["sn"], want=row["sum_num"], got=row["got"])
            named = Rejected(f"{row['platform_id']} SN {row['sn']}", [why])
            store_rejects(conn, row["source"], [named], now, origin=row["origin"])
        video_nodes.age(conn, [SOURCE_KEY], now)
    return len(late)


def ensure(conn: Conn, source: str, kind: str, interval_s: int, origin: str) -> None:
    sources.ensure(conn, source, kind=kind, title=source, classes=["camera"], interval_s=interval_s, origin=origin)


def _heard(conn: Conn, by: Teller, arrival: sources.Arrival) -> None:
    for key in dict.fromkeys((by.source, SOURCE_KEY)):
        sources.arrived(conn, key, arrival, by.now)


def _reject(store: Store, source: str, item: str, reasons: Sequence[Reason], origin: str, now: dt.datetime) -> None:
    with store.scoped(SYSTEM) as conn:
        store_rejects(conn, source, [Rejected(without_addresses(item), reasons)], now, origin=origin)
        for key in dict.fromkeys((source, SOURCE_KEY)):
            sources.arrived(conn, key, sources.Arrival(received=1, rejected=1), now)
