"""ThingsBoard: what its gateways and rule chains publish to our broker, in order, acknowledged only after the commit.

Topics of the gateway API (`v1/gateway/connect`, `disconnect`, `telemetry`, `attributes`) and of the device API with the
device's name in the place of `me` (`v1/devices/{name}/telemetry`, `attributes`), which is what a rule chain's MQTT node
writes. Messages keep their order: a device that disconnects and speaks again afterwards is online.
"""

from __future__ import annotations

import datetime as dt
import queue
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import psycopg
import structlog

from data_sources import mqtt
from data_sources.mqtt import Batch, Listener, Message
from ioc.declare import Source
from ioc.errors import DiskBudget, Reason, StoreUnavailable
from ioc.i18n import Text
from ioc.intake.context import SourceContext
from ioc.intake.model_file import key
from ioc.intake.modelled import load
from ioc.intake.observations import ObservationIntake
from ioc.intake.provisional import describe, register
from ioc.intake.readings import decode, from_gateway
from ioc.intake.reasons import Refuse, reason
from ioc.intake.vocabulary import Vocabulary
from ioc.scope import SYSTEM
from ioc.store import device_state, dictionaries, observations, sources
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.retry import retried

log = structlog.get_logger(__name__)

TOPICS = (
    "v1/gateway/telemetry",
    "v1/gateway/attributes",
    "v1/gateway/connect",
    "v1/gateway/disconnect",
    "v1/devices/+/telemetry",
    "v1/devices/+/attributes",
)
_DEVICE = re.compile(r"v1/devices/([^/]+)/(telemetry|attributes)")
NAME_MAX = 200


@dataclass(frozen=True, slots=True)
class Word:
    """What is not telemetry: connect, disconnect, or attributes of one device."""

    what: str
    device: str
    given: Mapping[str, Any]
    raw: str


Step = Batch | Word


def steps(messages: list[Message], received_at: dt.datetime) -> list[Step]:
    """Messages in order: telemetry that stands together as one batch, everything else a step of its own."""
    out: list[Step] = []
    for message in messages:
        for part in read(message, received_at):
            if isinstance(part, Word):
                out.append(part)
                continue
            if not out or isinstance(out[-1], Word):
                out.append(Batch())
            batch = cast("Batch", out[-1])
            batch.readings += part.readings
            batch.refused += part.refused
    return out


def read(message: Message, received_at: dt.datetime) -> list[Step]:
    """Never raises for what somebody published: what is of no agreed form is a reject."""
    raw = message.payload[: mqtt.RAW_PART].decode("utf-8", "replace")
    try:
        body = decode(message.payload)
        topic = message.topic
        if found := _DEVICE.fullmatch(topic):
            if found[1] == "me":
                return [_refused(topic, raw, reason("topic", "nameless_device", topic))]
            topic, body = f"v1/gateway/{found[2]}", {found[1]: body}
        if topic == "v1/gateway/telemetry":
            return [_telemetry(topic, body, raw, received_at)]
        if topic == "v1/gateway/attributes":
            return _attributes(topic, body, raw)
        if topic in ("v1/gateway/connect", "v1/gateway/disconnect"):
            return [_link(topic, body, raw)]
        return [_refused(topic, raw, reason("topic", "bad_topic", topic))]
    except Refuse as e:
        return [_refused(message.topic, raw, e.of("payload", raw[:200]))]


def _refused(topic: str, raw: str, *reasons: Reason) -> Batch:
    return Batch(refused=[Rejected(topic[:500], list(reasons), raw)])


def _telemetry(topic: str, body: Any, raw: str, received_at: dt.datetime) -> Batch:
    out = Batch()
    for part in from_gateway(body, received_at):
        if isinstance(part, Reason):
            out.refused.append(Rejected(topic, [part], raw))
        else:
            out.readings.append(part)
    return out


def _attributes(topic: str, body: Any, raw: str) -> list[Step]:
    if not isinstance(body, dict):
        return [_refused(topic, raw, reason("payload", "bad_object", body))]
    out: list[Step] = []
    for name, given in cast("dict[str, Any]", body).items():
        if isinstance(given, dict) and 0 < len(name) <= NAME_MAX and "\x00" not in name:
            out.append(Word("attributes", name, cast("dict[str, Any]", given), raw))
        else:
            out.append(_refused(topic, raw, reason(name[:100] or "device", "bad_object", given)))
    return out


def _link(topic: str, body: Any, raw: str) -> Step:
    given = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    name = given.get("device")
    if not isinstance(name, str) or not name.strip() or len(name) > NAME_MAX or "\x00" in name:
        return _refused(topic, raw, reason("device", "bad_text" if name else "missing_field", name))
    return Word(topic.rpartition("/")[2], name, given, raw)


# ---------------------------------------------------------------- storing


def gather(context: SourceContext, inbox: queue.SimpleQueue[Message]) -> list[Message]:
    """Messages until there are enough, or the first has waited long enough."""
    out: list[Message] = []
    until: float | None = None
    while len(out) < mqtt.BATCH_MESSAGES:
        now = context.clock.monotonic()
        wait = 0.2 if until is None else max(0.0, until - now)
        try:
            out.append(inbox.get(timeout=wait) if wait > 0 else inbox.get_nowait())
        except queue.Empty:
            break
        until = until if until is not None else now + mqtt.BATCH_WAIT_S
    return out


def run(context: SourceContext) -> None:
    """Collect, store in order, acknowledge, until `stop`. What is in hand at the end stays with the broker."""
    intake = ObservationIntake(context.store, context.settings, context.clock, context.key)
    listener = Listener(context.settings, TOPICS, (), "tb")
    listener.start()
    try:
        while not context.stop.is_set():
            mqtt.tell_news(context, listener)
            messages = gather(context, listener.inbox)
            if messages and all(_store(context, intake, s) for s in steps(messages, context.clock.now())):
                listener.acknowledge(messages)
    finally:
        listener.stop()


def _store(context: SourceContext, intake: ObservationIntake, step: Step) -> bool:
    """False: told to stop before it was stored."""
    if isinstance(step, Batch):
        return mqtt.store(context, intake, step)
    return _patiently(context, lambda: apply(context, step))


def _patiently(context: SourceContext, work: Callable[[], None]) -> bool:
    pause, longest = mqtt.RETRY_S
    while not context.stop.is_set():
        try:
            work()
            return True
        except (StoreUnavailable, DiskBudget) as e:
            log.warning("source waits", source=context.key, error=str(e))
            context.stop.wait(pause)
            pause = min(pause * 2, longest)
    return False


def apply(context: SourceContext, word: Word) -> None:
    """One word in one transaction: what became of it is counted with the source, a refusal kept with its reasons."""
    now = context.clock.now()

    def once() -> None:
        with context.store.scoped(SYSTEM) as conn:
            reasons = _apply(conn, context, word, now)
            if reasons:
                store_rejects(conn, context.key, [Rejected(word.device, reasons, word.raw)], now)
            sources.arrived(conn, context.key, sources.Arrival(received=1, rejected=int(bool(reasons))), now)

    try:
        retried(once)
    except psycopg.DataError as e:  # a message that can never be stored must not come again for ever
        log.error("message refused by the database", device=word.device, error=str(e))
        refused = Rejected(word.device, [reason("payload", "not_storable", e)], word.raw)
        with context.store.scoped(SYSTEM) as conn:
            store_rejects(conn, context.key, [refused], now)
            sources.arrived(conn, context.key, sources.Arrival(received=1, rejected=1), now)


def _apply(conn: Conn, context: SourceContext, word: Word, now: dt.datetime) -> list[Reason]:
    found = {r["device_id"]: r["source"] for r in observations.find_devices(conn, [word.device])}
    own = [d for d, s in found.items() if s == context.key] if len(found) > 1 else list(found)
    if len(found) > 1 and len(own) != 1:
        return [reason("device", "ambiguous_device", word.device, sources=", ".join(sorted(found.values())))]
    if word.what == "connect":
        return [] if own else _register(conn, context, word, now)
    if not own:
        return [reason("device", "unknown_device", word.device)]
    if word.what == "disconnect":
        device_state.refresh(conn, [], {}, now, {own[0]: ("offline", now)})
        return []
    settings = context.settings
    return describe(conn, own[0], word.given, settings.thingsboard_crs, settings.area_buffer_m, context.key, now)


def _register(conn: Conn, context: SourceContext, word: Word, now: dt.datetime) -> list[Reason]:
    """By the device profile that comes with `connect`, which must be the name of a model."""
    settings = context.settings
    if not settings.thingsboard_area:
        return [reason("device", "unknown_device", word.device)]
    words = Vocabulary(dictionaries.current(conn, now.astimezone(settings.tz).date()))
    profile = word.given.get("type")
    model = load(conn, words).get(key(profile)) if isinstance(profile, str) else None
    if model is None:
        return [reason("device", "unknown_device", word.device), reason("type", "unknown_model", profile)]
    kind = words.find("device_kind", model.kind)
    fault = register(conn, context.key, word.device, model, kind, settings.thingsboard_area, now)
    return [fault] if fault is not None else []


SOURCE = Source(
    key="thingsboard",
    title=Text("ThingsBoard 物联平台", "ThingsBoard"),
    interval=dt.timedelta(minutes=5),
    owner=Text("运营指挥中心", "Operations centre"),
    run=run,
    enabled=lambda settings: settings.mqtt_url != "none",
    docs="v1/gateway/telemetry, attributes, connect, disconnect; v1/devices/{name}/telemetry, attributes",
)
