"""Positions of vehicles and teams by MQTT (北斗/GPS): `ioc/v1/positions/{external_id}`, acknowledged after the commit.

The listener is that of telemetry (`mqtt.py`) with a persistent session of its own: a killed worker loses nothing, and
what comes again is a duplicate.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import queue
from dataclasses import dataclass, field

import psycopg
import structlog

from data_sources.mqtt import BATCH_MESSAGES, BATCH_WAIT_S, RAW_PART, RETRY_S, Listener, Message, tell_news
from ioc.declare import Source
from ioc.errors import DiskBudget, SourceFault, StoreUnavailable
from ioc.i18n import Text
from ioc.intake.context import SourceContext
from ioc.intake.positions import Position, PositionIntake, entries
from ioc.intake.readings import decode
from ioc.intake.reasons import Refuse, reason
from ioc.store.rejects import Rejected

log = structlog.get_logger(__name__)
OWN = "ioc/v1/positions/"


@dataclass
class Batch:
    messages: list[Message] = field(default_factory=list[Message])
    positions: list[Position] = field(default_factory=list[Position])
    refused: list[Rejected] = field(default_factory=list[Rejected])


def read(message: Message) -> tuple[list[Position], list[Rejected]]:
    """Positions of a message, and what of it is not of an agreed form. Never raises for what somebody published."""
    item, raw = message.topic[:500], message.payload[:RAW_PART].decode("utf-8", "replace")
    resource = message.topic.removeprefix(OWN)
    if not message.topic.startswith(OWN) or not resource or len(resource) > 200:
        return [], [Rejected(item, [reason("topic", "bad_topic", message.topic)], raw)]
    good: list[Position] = []
    refused: list[Rejected] = []
    try:
        for part in entries(resource, decode(message.payload)):
            if isinstance(part, Position):
                good.append(part)
            else:
                refused.append(Rejected(item, [part], raw))
    except Refuse as e:
        return [], [Rejected(item, [e.of("payload", raw[:200])], raw)]
    return good, refused


def run(context: SourceContext) -> None:
    """Collect, store, acknowledge, until `stop`. What is in hand at the end stays with the broker."""
    intake = PositionIntake(context.store, context.settings, context.clock, context.key)
    listener = Listener(context.settings, (f"{OWN}#",), (), "positions")
    listener.start()
    try:
        while not context.stop.is_set():
            tell_news(context, listener)
            batch = collect(context, listener.inbox)
            if not batch.messages:
                with contextlib.suppress(StoreUnavailable):
                    intake.flush()
            elif store(context, intake, batch):
                listener.acknowledge(batch.messages)
    finally:
        listener.stop()


def collect(context: SourceContext, inbox: queue.SimpleQueue[Message]) -> Batch:
    """Messages until there are enough, or the first has waited long enough."""
    batch = Batch()
    until: float | None = None
    while len(batch.messages) < BATCH_MESSAGES:
        now = context.clock.monotonic()
        wait = 0.2 if until is None else max(0.0, until - now)
        try:
            message = inbox.get(timeout=wait) if wait > 0 else inbox.get_nowait()
        except queue.Empty:
            break
        until = until if until is not None else now + BATCH_WAIT_S
        good, refused = read(message)
        batch.messages.append(message)
        batch.positions += good
        batch.refused += refused
    return batch


def store(context: SourceContext, intake: PositionIntake, batch: Batch) -> bool:
    """Store the batch; waits for a database that is away. False: told to stop before it was stored."""
    pause, longest = RETRY_S
    told = False
    while not context.stop.is_set():
        try:
            _divide(intake, batch.positions, batch.refused)
            return True
        except (StoreUnavailable, DiskBudget) as e:
            if not told:
                log.warning("source waits", source=context.key, error=str(e))
                with contextlib.suppress(StoreUnavailable):
                    context.failed(e.code, e.message("zh"), e.message("en"))
            told = True
            context.stop.wait(pause)
            pause = min(pause * 2, longest)
    return False


def _divide(intake: PositionIntake, part: list[Position], refused: list[Rejected]) -> None:
    """Should the database refuse a batch for its data, find the position at fault and refuse that one alone."""
    try:
        intake.submit(part, refused)
    except (psycopg.DataError, psycopg.IntegrityError, UnicodeEncodeError) as e:
        if len(part) > 1:
            middle = len(part) // 2
            _divide(intake, part[:middle], refused)
            _divide(intake, part[middle:], [])
        elif part:
            log.error("position refused by the database", resource=part[0].resource, error=str(e))
            why = [reason("payload", "not_storable", e)]
            intake.submit([], [*refused, Rejected(part[0].resource, why, part[0].raw())])
        else:
            raise SourceFault("拒收记录无法保存", "a reject cannot be stored") from e


SOURCE = Source(
    key="positions",
    title=Text("车辆队伍定位", "Positions of vehicles and teams"),
    interval=dt.timedelta(minutes=5),
    owner=Text("应急指挥", "Emergency command"),
    run=run,
    enabled=lambda settings: settings.mqtt_url != "none",
    docs=f"{OWN}{{external_id}}",
)
