"""ThingsBoard's topics on a real mosquitto: order, several devices and times, registration, duplicates, time away."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion
from psycopg.types.json import Jsonb

from data_sources import thingsboard
from data_sources.mqtt import Batch, Message
from ioc.clock import SystemClock
from ioc.intake.context import SourceContext
from ioc.intake.reasons import CODES
from ioc.intake.worker import keep_running
from ioc.ops import broker as own_broker
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import sources
from ioc.store.keeper import ensure_partitions
from tests.conftest import NOW, Database, public_folder
from tests.store.test_mqtt import Broker, wait
from tests.store.test_observations import add_device, codes, rows
from tests.store.world import build

pytestmark = pytest.mark.store
MODEL: dict[str, Any] = {
    "model": "Gauge A", "kind": "water_level", "interval_s": 120,
    "properties": [{"from": "lvl", "property": "water_level", "unit": "cm"}, {"from": "bat", "property": "battery"}],
}  # fmt: skip


class World:
    """A broker, and the source in a thread of its own that can be stopped and started again."""

    def __init__(self, db: Database, broker: Broker, tmp: Path, **extra: Any) -> None:
        self.db, self.broker = db, broker
        self.settings = Settings(data_dir=tmp, mqtt_url=broker.url, **extra)
        self._stop, self._thread = threading.Event(), threading.Thread()
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()

    def start(self) -> None:
        self._stop = threading.Event()
        clock = SystemClock()
        context = SourceContext("thingsboard", self.settings, Registry(), self.db.store, clock, self._stop)
        self._thread = threading.Thread(target=keep_running, args=(thingsboard.SOURCE, context))
        self._thread.start()
        wait(lambda: rows(self.db, "SELECT 1 FROM source WHERE last_seen_at IS NOT NULL"), 20, "connected")

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(20)

    def send(self, topic: str, body: Any) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.client.publish(topic, payload, qos=1).wait_for_publish(10)

    def stored(self) -> int:
        return int(rows(self.db, "SELECT count(*) AS n FROM observation")[0]["n"])

    def received(self) -> int:
        return int(rows(self.db, "SELECT received FROM source WHERE source_key = 'thingsboard'")[0]["received"])


@pytest.fixture
def world(db: Database, tmp_path: Path) -> Iterator[World]:
    root = public_folder("ioc-tb-")
    broker = Broker(root, own_broker.free_port(8180))
    broker.start()
    clock = SystemClock()
    with db.owner() as conn:
        ensure_partitions(conn, clock.now())
        build(conn)
        conn.execute(
            "INSERT INTO device_model (key, version, name, kind, definition, digest, actor)"
            " VALUES ('gaugea', 1, 'Gauge A', 'water_level', %s, 'd', 't')",
            (Jsonb(MODEL),),
        )
    with db.store.scoped(SYSTEM) as conn:
        sources.register(conn, [(thingsboard.SOURCE, True)], clock.now())
    add_device(db, "d0")
    add_device(db, "d1")
    out = World(db, broker, tmp_path, thingsboard_area="331101100000", thingsboard_crs="EPSG:4490")
    yield out
    out.stop()
    out.client.disconnect()
    out.client.loop_stop()
    broker.stop()
    shutil.rmtree(root, ignore_errors=True)


def test_gateway_and_rule_chain_forms(world: World) -> None:
    world.start()
    now = int(time.time() * 1000)
    two = [{"ts": now - 1000 * i, "values": {"water_level": i, "battery": 80}} for i in range(2)]
    world.send("v1/gateway/telemetry", {"d0": two, "d1": [{"ts": now, "values": {"water_level": 1}}]})
    world.send("v1/devices/d1/telemetry", {"ts": now - 5000, "values": {"water_level": 4}})
    world.send("v1/devices/d1/telemetry", [{"ts": now - 6000, "values": {"water_level": 5}}])
    world.send("v1/devices/d0/telemetry", {"water_level": 7})
    wait(lambda: world.stored() == 8, 20, "all values")
    world.send("v1/gateway/telemetry", {"d0": two})
    wait(lambda: rows(world.db, "SELECT duplicates AS n FROM source")[0]["n"] == 4, 20, "known values")
    assert world.stored() == 8
    for topic, body in (
        ("v1/devices/me/telemetry", {"water_level": 1}),
        ("v1/gateway/telemetry", b"{"),
        ("v1/gateway/connect", {"device": ""}),
        ("v1/gateway/attributes", {"d0": 3}),
        ("v1/gateway/disconnect", [1]),
        ("v1/gateway/telemetry", {"nobody": [{"ts": now, "values": {"water_level": 1}}]}),
    ):
        world.send(topic, body)
    wait(lambda: len(codes(world.db)) >= 6, 20, "rejects")
    assert sorted(set(codes(world.db))) == [
        "bad_json", "bad_object", "missing_field", "nameless_device", "unknown_device",
    ]  # fmt: skip


def test_what_can_never_be_stored_does_not_come_again_for_ever(world: World) -> None:
    world.start()
    now = int(time.time() * 1000)
    for topic, payload in (
        ("v1/gateway/attributes", b'{"d\\u0000": {"a": 1}}'),
        ("v1/gateway/attributes", b'{"d0": {"k\\u0000": "v\\u0000"}}'),
        ("v1/gateway/attributes", b'{"d0": {"\\ud800": "x"}}'),
        ("v1/gateway/disconnect", b'{"device": "\\udfff"}'),
        ("v1/gateway/telemetry", b'{"\\ud800": [{"ts": 1, "values": {"a": 1}}]}'),
        ("v1/devices/d0/telemetry", b'{"\\u0000": "\\u0000"}'),
    ):
        world.send(topic, payload)
    world.send("v1/gateway/telemetry", {"d0": [{"ts": now, "values": {"water_level": 1}}]})
    wait(lambda: world.stored() == 1, 20, "the good one behind them")
    assert codes(world.db).count("bad_encoding") == 3
    world.stop()
    assert rows(world.db, "SELECT state FROM source WHERE source_key = 'thingsboard'") == [{"state": "live"}]


def test_a_device_registers_by_its_model_and_finds_its_place(world: World) -> None:
    world.start()
    now = int(time.time() * 1000)
    world.send("v1/gateway/connect", {"device": "新站 1", "type": "gauge a"})
    world.send("v1/gateway/connect", {"device": "stray", "type": "default"})
    world.send("v1/gateway/telemetry", {"新站 1": [{"ts": now, "values": {"lvl": 320, "bat": 71}}]})
    attributes = {"latitude": 28.1, "longitude": 120.05, "firmware": "2.1", "password": "x", "ip": "10.0.0.1"}
    wait(lambda: world.stored() == 2, 20, "values")
    before = rows(world.db, "SELECT * FROM device WHERE source = 'thingsboard'")
    assert [(r["external_id"], r["kind"], r["interval_s"], r["attributes"]) for r in before] == [
        ("新站 1", "water_level", 120, {"model": "Gauge A", "位置待定": "是"})
    ]
    world.send("v1/gateway/attributes", {"新站 1": attributes})
    wait(lambda: rows(world.db, "SELECT 1 FROM device WHERE attributes ? 'tb.firmware'"), 20, "attributes")
    (row,) = rows(
        world.db,
        "SELECT d.attributes, d.crs_orig, r.code, ST_X(d.geom) AS lon, s.region_id = d.region_id AS same FROM device d"
        " JOIN region r USING (region_id) JOIN datastream s USING (device_id) WHERE d.source = 'thingsboard' LIMIT 1",
    )
    assert row == {
        "attributes": {"model": "Gauge A", "tb.firmware": "2.1", "tb.latitude": 28.1, "tb.longitude": 120.05},
        "crs_orig": "EPSG:4490", "code": "331101100201", "lon": 120.05, "same": True,
    }  # fmt: skip
    values = rows(
        world.db, "SELECT s.property, l.value FROM latest l JOIN datastream s USING (datastream_id) ORDER BY 1"
    )
    assert [(r["property"], r["value"]) for r in values] == [("battery", 71), ("water_level", 3.2)]
    assert "unknown_model" in codes(world.db)
    ops = rows(world.db, "SELECT op FROM entity_history WHERE entity = 'device' ORDER BY history_id")
    assert [r["op"] for r in ops] == ["new", "change"]
    assert rows(world.db, "SELECT sum(total) AS n FROM device_cell WHERE res = 7") == [{"n": 1}]
    world.send("v1/gateway/attributes", {"新站 1": {"latitude": 28.39, "longitude": 120.39}})
    world.send("v1/gateway/attributes", {"新站 1": {"firmware": "2.2"}})
    wait(lambda: rows(world.db, "SELECT 1 FROM device WHERE attributes ->> 'tb.firmware' = '2.2'"), 20, "again")
    assert rows(world.db, "SELECT ST_X(geom) AS lon FROM device WHERE source = 'thingsboard'") == [{"lon": 120.05}]


def test_disconnect_and_speech_keep_their_order(world: World) -> None:
    world.start()
    now = int(time.time() * 1000)

    def status() -> str:
        return str(rows(world.db, "SELECT status FROM device WHERE external_id = 'd0'")[0]["status"])

    world.send("v1/gateway/telemetry", {"d0": [{"ts": now, "values": {"water_level": 1}}]})
    wait(lambda: status() == "online", 20, "online")
    world.send("v1/gateway/disconnect", {"device": "d0"})
    wait(lambda: status() == "offline", 20, "offline")
    # both in one batch, in this order: the last word counts
    world.send("v1/gateway/disconnect", {"device": "d0"})
    world.send("v1/gateway/telemetry", {"d0": [{"ts": now + 1000, "values": {"water_level": 2}}]})
    wait(lambda: world.stored() == 2, 20, "second value")
    wait(lambda: status() == "online", 20, "online again")


def test_what_the_broker_accepted_while_we_were_away_is_stored_once(world: World) -> None:
    world.start()
    world.stop()
    base = int(time.time()) - 3000
    for n in range(300):
        world.send("v1/gateway/telemetry", {"d0": [{"ts": (base + n) * 1000, "values": {"water_level": n / 100}}]})
    assert world.stored() == 0
    world.start()
    wait(lambda: world.stored() == 300, 60, "all of them")
    world.send("v1/gateway/telemetry", {"d0": [{"ts": base * 1000, "values": {"water_level": 0}}]})
    wait(lambda: world.received() >= 301, 20, "the repeat")
    assert world.stored() == 300


ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)
TOPIC = st.sampled_from([*thingsboard.TOPICS, "v1/devices/a b/telemetry", "v1/devices/x/attributes", "v1/other", ""])


@given(TOPIC, st.binary(max_size=40) | ANY.map(lambda v: json.dumps(v).encode()))
def test_nothing_published_breaks_the_reader(topic: str, payload: bytes) -> None:
    for step in thingsboard.steps([Message(topic, payload, 1, 1, 1)], NOW):
        if isinstance(step, Batch):
            assert {r.code for x in step.refused for r in x.reasons} <= CODES
        else:
            assert step.device
