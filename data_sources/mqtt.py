"""MQTT telemetry on our own topic, acknowledged only after the commit. ThingsBoard's topics: `thingsboard.py`.

The broker keeps what we have not acknowledged (persistent session, QoS 1), so a killed worker loses nothing; what it
had stored but not yet acknowledged comes again and is recognised as a duplicate. The receive maximum of MQTT 5 is the
back-pressure: the broker sends no more than that many messages ahead of our acknowledgements.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import queue
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
import psycopg
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ioc.declare import Source
from ioc.errors import DiskBudget, Reason, SourceFault, StoreUnavailable
from ioc.i18n import Text
from ioc.intake.context import SourceContext
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading, decode, from_device, from_gateway
from ioc.intake.reasons import Refuse, reason
from ioc.settings import Settings
from ioc.store.rejects import Rejected

log = structlog.get_logger(__name__)

OWN = "ioc/v1/observations/"
GATEWAY = "v1/gateway/telemetry"
AHEAD = 4000  # messages the broker may send ahead of our acknowledgements
BATCH_MESSAGES = 1000
BATCH_READINGS = 4000
BATCH_WAIT_S = 0.05  # how long the first message of a batch waits for company
RETRY_S = (0.2, 2.0)
RAW_PART = 4000


@dataclass(frozen=True, slots=True)
class Message:
    """One message in hand. `session` tells which connection it came by: an acknowledgement is only good there."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    session: int


@dataclass
class Batch:
    messages: list[Message] = field(default_factory=list[Message])
    readings: list[Reading] = field(default_factory=list[Reading])
    refused: list[Rejected] = field(default_factory=list[Rejected])


def read(message: Message, received_at: dt.datetime) -> tuple[list[Reading], list[Rejected]]:
    """Readings of a message, and what of it is not of an agreed form. Never raises for what somebody published."""
    item, raw = message.topic[:500], message.payload[:RAW_PART].decode("utf-8", "replace")
    try:
        body = decode(message.payload)
        if message.topic == GATEWAY:
            parts = from_gateway(body, received_at)
        elif message.topic.startswith(OWN) and len(message.topic) > len(OWN):
            parts = from_device(message.topic.removeprefix(OWN), body)
        else:
            return [], [Rejected(item, [reason("topic", "bad_topic", message.topic)], raw)]
        readings: list[Reading] = []
        refused: list[Rejected] = []
        for part in parts:
            if isinstance(part, Reason):
                refused.append(Rejected(item, [part], raw))
            else:
                readings.append(part)
        return readings, refused
    except Refuse as e:
        return [], [Rejected(item, [e.of("payload", raw[:200])], raw)]


class Listener:
    """The connection: puts messages into `inbox` and acknowledges what has been stored.

    `topics` are subscribed, `left` are no longer: the session outlives the program that opened it. `name` tells the
    sessions of one installation apart.
    """

    def __init__(
        self, settings: Settings, topics: Sequence[str] = (f"{OWN}#",), left: Sequence[str] = (GATEWAY,), name: str = ""
    ) -> None:
        self.inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.news: queue.SimpleQueue[str] = queue.SimpleQueue()  # "connected", or what went wrong
        self.session = 0
        prefix = f"$share/{settings.mqtt_group}/" if settings.mqtt_group else ""
        self._topics, self._left = [prefix + t for t in topics], [prefix + t for t in left]
        self._url = urlsplit(broker_url(settings))
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id(settings, name), protocol=mqtt.MQTTv5, manual_ack=True
        )
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._arrived
        self._client.on_connect_fail = self._failed
        self._client.reconnect_delay_set(1, 3)
        if self._url.username:
            self._client.username_pw_set(unquote(self._url.username), unquote(self._url.password or ""))
        if self._url.scheme == "mqtts":
            self._client.tls_set(cert_reqs=ssl.CERT_REQUIRED)

    def start(self) -> None:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 0xFFFFFFFF  # never: the queue waits for us
        properties.ReceiveMaximum = AHEAD
        port = self._url.port or (8883 if self._url.scheme == "mqtts" else 1883)
        host = self._url.hostname or "127.0.0.1"
        self._client.connect_async(host, port, keepalive=30, clean_start=False, properties=properties)
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """After the commit. What came by an earlier connection will come again and be a duplicate."""
        for m in messages:
            if m.qos and m.session == self.session:
                self._client.ack(m.mid, m.qos)

    # paho calls these in its own thread

    def _connected(
        self, client: mqtt.Client, data: Any, flags: Any, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self.news.put(str(code))
            return
        self.session += 1
        options = SubscribeOptions(qos=1)
        client.subscribe([(topic, options) for topic in self._topics])
        if self._left:
            client.unsubscribe(self._left)
        self.news.put("connected")

    def _disconnected(
        self, client: mqtt.Client, data: Any, flags: Any, code: ReasonCode, properties: Properties | None
    ) -> None:
        self.session += 1  # nothing that came before may be acknowledged by number any more
        if code.is_failure:
            self.news.put(str(code))

    def _failed(self, client: mqtt.Client, data: Any) -> None:
        self.news.put("connection refused")

    def _arrived(self, client: mqtt.Client, data: Any, m: mqtt.MQTTMessage) -> None:
        try:
            topic = m.topic
        except UnicodeDecodeError:
            topic = "?"
        self.inbox.put(Message(topic, bytes(m.payload), m.mid, m.qos, self.session))


def broker_url(settings: Settings) -> str:
    return settings.mqtt_url or f"mqtt://127.0.0.1:{settings.mqtt_port}"


def client_id(settings: Settings, name: str = "") -> str:
    """The same at every start of this installation's worker, another for every other: the session hangs on it."""
    place = f"{socket.gethostname()}|{settings.root}"
    return f"ioc-{hashlib.blake2b(place.encode(), digest_size=8).hexdigest()}{name and '-'}{name}"


def run(context: SourceContext) -> None:
    """Collect, store, acknowledge, until `stop`. What is in hand at the end stays with the broker."""
    intake = ObservationIntake(context.store, context.settings, context.clock, context.key)
    listener = Listener(context.settings)
    listener.start()
    try:
        while not context.stop.is_set():
            tell_news(context, listener)
            batch = collect(context, listener.inbox)
            if batch.messages and store(context, intake, batch):
                listener.acknowledge(batch.messages)
    finally:
        listener.stop()


def collect(context: SourceContext, inbox: queue.SimpleQueue[Message]) -> Batch:
    """Messages until there are enough, or the first has waited long enough."""
    batch = Batch()
    until: float | None = None
    while len(batch.messages) < BATCH_MESSAGES and len(batch.readings) < BATCH_READINGS:
        now = context.clock.monotonic()
        wait = 0.2 if until is None else max(0.0, until - now)
        try:
            message = inbox.get(timeout=wait) if wait > 0 else inbox.get_nowait()
        except queue.Empty:
            break
        until = until if until is not None else now + BATCH_WAIT_S
        readings, refused = read(message, context.clock.now())
        batch.messages.append(message)
        batch.readings += readings
        batch.refused += refused
    return batch


def store(context: SourceContext, intake: ObservationIntake, batch: Batch) -> bool:
    """Store the batch; waits for a database that is away. False: told to stop before it was stored."""
    pause, longest = RETRY_S
    told = False
    while not context.stop.is_set():
        try:
            _submit(intake, batch)
            if told:
                log.info("source stores again", source=context.key)
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


def _submit(intake: ObservationIntake, batch: Batch) -> None:
    """In parts of a bounded size: one gateway message may hold a day of values."""
    refused: Sequence[Rejected] = batch.refused
    parts = [batch.readings[i : i + BATCH_READINGS] for i in range(0, len(batch.readings), BATCH_READINGS)] or [[]]
    for part in parts:
        _divide(intake, part, refused)
        refused = ()


def _divide(intake: ObservationIntake, part: Sequence[Reading], refused: Sequence[Rejected]) -> None:
    """Should the database refuse a batch for its data, find the reading at fault and refuse that one alone."""
    try:
        intake.submit(part, refused)
    except (psycopg.DataError, psycopg.IntegrityError, UnicodeEncodeError) as e:
        if len(part) > 1:
            middle = len(part) // 2
            _divide(intake, part[:middle], refused)
            _divide(intake, part[middle:], ())
        elif part:
            log.error("reading refused by the database", device=part[0].device, error=str(e))
            intake.submit(
                (), [*refused, Rejected(part[0].device, [reason("payload", "not_storable", e)], part[0].raw())]
            )
        else:
            raise SourceFault("拒收记录无法保存", "a reject cannot be stored") from e


def tell_news(context: SourceContext, listener: Listener) -> None:
    """Tell of the connection's ups and downs."""
    last = None
    while not listener.news.empty():
        last = listener.news.get()
    # the database being away is told by whoever stores; the connection's state follows with the next change
    with contextlib.suppress(StoreUnavailable):
        if last == "connected":
            context.seen()
        elif last is not None:
            words = f"与 MQTT 服务器的连接中断：{last}", f"no connection to the MQTT broker: {last}"
            context.failed("mqtt_disconnected", *words)


SOURCE = Source(
    key="mqtt",
    title=Text("物联感知 MQTT", "IoT telemetry (MQTT)"),
    interval=dt.timedelta(minutes=5),
    owner=Text("运营指挥中心", "Operations centre"),
    run=run,
    enabled=lambda settings: settings.mqtt_url != "none",
    docs=f"{OWN}{{external_id}}",
)
