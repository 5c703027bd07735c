"""MQTT with a real mosquitto and a worker that is killed: what the broker accepted is stored, each value once."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from psycopg import sql

from data_sources import mqtt
from ioc.intake.reasons import CODES
from ioc.ops import broker as own_broker
from ioc.scope import SYSTEM
from ioc.store import sources
from ioc.store.keeper import ensure_partitions
from tests.conftest import Database, public_folder
from tests.store.test_observations import add_device, codes, rows

pytestmark = pytest.mark.store
ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent


@dataclass
class Broker:
    root: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        conf = own_broker.write_configuration(self.root, self.port)
        self.process = subprocess.Popen([own_broker.binary(), "-c", str(conf)], stderr=subprocess.DEVNULL)
        wait(lambda: own_broker.listens(self.port), 10, "broker")

    def saved(self) -> None:
        """The broker saves after each turn of its loop, a moment after the acknowledgement: wait for that moment."""
        file, seen, since = self.root / "mqtt" / "mosquitto.db", 0, time.monotonic()
        while time.monotonic() - since < 1:
            now = file.stat().st_mtime_ns
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.05)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


@dataclass
class World:
    db: Database
    broker: Broker
    tmp: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def worker(self, fault: str = "none") -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "tests.store.mqtt_worker",
            self.db.dsn_app,
            self.broker.url,
            str(self.tmp),
            fault,
        ]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        self.workers.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        return process

    def stored(self) -> int:
        return int(rows(self.db, "SELECT count(*) AS n FROM observation")[0]["n"])

    def subscribed(self) -> None:
        """The worker's session exists in the broker, so that what is published is kept for it."""
        wait(
            lambda: rows(self.db, "SELECT last_seen_at FROM source")[0]["last_seen_at"] is not None,
            20,
            "worker connected",
        )


def wait(check: Callable[[], Any], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@pytest.fixture
def world(db: Database, tmp_path: Path) -> Iterator[World]:
    root = public_folder("ioc-mqtt-")
    broker = Broker(root, own_broker.free_port(8140))
    broker.start()
    with db.owner() as conn:
        ensure_partitions(conn, dt.datetime.now(dt.UTC))
    with db.store.scoped(SYSTEM) as conn:
        sources.register(conn, [(mqtt.SOURCE, True)], dt.datetime.now(dt.UTC))
    for n in range(50):
        add_device(db, f"d{n}")
    out = World(db, broker, tmp_path)
    yield out
    for process in out.workers:
        process.kill()
        process.wait(10)
    broker.stop()
    shutil.rmtree(root, ignore_errors=True)


class Publisher:
    """Publishes with QoS 1 and knows what the broker has accepted."""

    def __init__(self, world: World) -> None:
        self.accepted: set[tuple[str, int]] = set()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.connect("127.0.0.1", world.broker.port)
        self._client.loop_start()
        # whole seconds, recent: each (device, second) is one value
        self.base = int(time.time()) - 3600

    def send(self, first: int, count: int) -> None:
        sent: list[tuple[tuple[str, int], paho.MQTTMessageInfo]] = []
        for n in range(first, first + count):
            device, at = f"d{n % 50}", self.base + n // 50
            body = {"ts": at * 1000, "values": {"water_level": n / 1000}}
            sent.append(((device, at), self._client.publish(f"ioc/v1/observations/{device}", json.dumps(body), qos=1)))
        for key, info in sent:
            info.wait_for_publish(20)
            if info.is_published():
                self.accepted.add(key)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def in_store(db: Database) -> list[tuple[str, int]]:
    found = rows(
        db,
        "SELECT d.external_id AS id, extract(epoch FROM o.observed_at)::bigint AS at FROM observation o"
        " JOIN datastream USING (datastream_id) JOIN device d USING (device_id)",
    )
    return [(r["id"], int(r["at"])) for r in found]


def settled(world: World, publisher: Publisher) -> None:
    wait(lambda: world.stored() >= len(publisher.accepted), 90, "all accepted values stored")
    time.sleep(0.5)
    found = in_store(world.db)
    assert len(found) == len(set(found)), "doubled"
    assert publisher.accepted <= set(found), "lost"


def test_single_and_batched(world: World) -> None:
    world.worker()
    world.subscribed()
    now = int(time.time() * 1000)
    messages: list[tuple[str, Any]] = [
        ("ioc/v1/observations/d0", {"ts": now, "values": {"water_level": 3.2, "battery": 80}}),
        ("ioc/v1/observations/d1", [{"ts": now - 1000 * i, "values": {"water_level": i}} for i in range(5)]),
        ("ioc/v1/observations/d5", {"ts": now, "values": {"水位": "3.5"}}),
    ]
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", world.broker.port)
    client.loop_start()
    for topic, body in messages:
        client.publish(topic, json.dumps(body), qos=1).wait_for_publish(10)
    wait(lambda: world.stored() == 8, 20, "8 values")
    bad = [
        b"{",
        b'{"ts":1}',
        b'{"values":{"water_level":1}}',
        b"[1]",
        b'{"ts":1,"values":3}',
        b"\xff\xfe",
        b"\x00" * 20,
    ]
    for payload in [*bad, json.dumps({"ts": now, "values": {"water_level": float("nan")}}).encode(), b"[" * 100_000]:
        client.publish("ioc/v1/observations/d6", payload, qos=1).wait_for_publish(10)
    client.publish("ioc/v1/observations/", b"{}", qos=1).wait_for_publish(10)
    client.publish("ioc/v1/observations/nobody", json.dumps({"ts": now, "values": {"water_level": 1}}), qos=1)
    client.publish("ioc/v1/observations/d7", json.dumps({"ts": now, "values": {"water_level": 1}}), qos=1)
    wait(lambda: world.stored() == 9, 20, "the good one after the bad ones")
    wait(lambda: len(codes(world.db)) >= 11, 20, "rejects")
    assert set(codes(world.db)) <= CODES
    assert {"bad_json", "missing_field", "bad_object", "bad_topic", "unknown_device", "bad_number"} <= set(
        codes(world.db)
    )
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("fault", ["before_commit:2", "before_ack:2"])
def test_a_killed_worker_loses_and_doubles_nothing(world: World, fault: str) -> None:
    first = world.worker(fault)
    world.subscribed()
    publisher = Publisher(world)
    publisher.send(0, 500)
    wait(lambda: (publisher.send(500, 100), first.poll() is not None)[1], 30, "the worker died")
    publisher.send(600, 1400)  # while nobody is there: more than a broker's usual queue of 1000
    assert len(publisher.accepted) == 2000
    world.worker()
    settled(world, publisher)
    publisher.close()


def test_a_killed_broker_keeps_what_it_accepted_while_the_worker_was_away(world: World) -> None:
    worker = world.worker()
    world.subscribed()
    worker.kill()
    worker.wait(10)
    publisher = Publisher(world)
    publisher.send(0, 1500)
    publisher.close()
    world.broker.saved()
    world.broker.kill()
    world.broker.start()
    world.worker()
    settled(world, publisher)
    assert len(publisher.accepted) == 1500


def test_a_restarted_broker_is_found_again_and_told_once(world: World) -> None:
    world.worker()
    world.subscribed()
    publisher = Publisher(world)
    publisher.send(0, 200)
    publisher.close()
    world.broker.kill()
    wait(lambda: rows(world.db, "SELECT state FROM source")[0]["state"] == "error", 20, "the loss is told")
    world.broker.start()
    again = Publisher(world)
    again.base = publisher.base
    wait(lambda: rows(world.db, "SELECT state FROM source")[0]["state"] != "error", 30, "connected again")
    again.send(200, 200)
    again.accepted |= publisher.accepted
    settled(world, again)
    states = [r["state"] for r in rows(world.db, "SELECT state FROM source_log ORDER BY recorded_at")]
    assert states.count("error") == 1
    again.close()


def test_a_database_that_is_away_stops_acknowledgement_not_the_worker(world: World) -> None:
    world.worker()
    world.subscribed()
    publisher = Publisher(world)
    publisher.send(0, 100)
    wait(lambda: world.stored() == 100, 20, "first hundred")
    with psycopg.connect(world.db.dsn_owner.replace(world.db.name, "postgres"), autocommit=True) as conn:
        gate = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        conn.execute(gate.format(sql.Identifier(world.db.name), False))
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (world.db.name,))
        publisher.send(100, 400)
        time.sleep(1.5)
        conn.execute(gate.format(sql.Identifier(world.db.name), True))
    settled(world, publisher)
    publisher.close()
