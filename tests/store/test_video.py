"""Catalogues and a WVP down to the rows they leave: rounds, tree, states with time, datums, secrets, faults, age."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from psycopg import sql

from data_sources import gb28181, wvp
from data_sources._wvp.poll import Poller
from ioc.clock import FixedClock
from ioc.errors import Forbidden, Invalid
from ioc.geo import to_wgs84
from ioc.intake.catalogues import CatalogueResult, submit_catalogue, sweep
from ioc.intake.context import SourceContext
from ioc.registry import Registry
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import sources
from tests.conftest import Database
from tests.fake_wvp import PASSWORD, FakeWvp, serving
from tests.http import world as small
from tests.http.world import World
from tests.store.test_observations import rows
from tests.unit.test_gb28181 import CAMERA, PLATFORM, item, packet

pytestmark = pytest.mark.store
FIXTURE = Path(__file__).parents[1] / "fixtures/video/wvp-2.7.json"
GROUP, ORGANISATION = "44170200002150000001", "44170200002160000001"
Send = Callable[..., CatalogueResult]
WHOLE = sql.SQL("SELECT t::text AS x FROM {} t")


@pytest.fixture
def city(db: Database, clock: FixedClock) -> World:
    with db.owner() as conn:
        found = small.build(conn, clock.now())
        conn.execute("DELETE FROM device")
        conn.execute("DELETE FROM device_cell")
    with db.store.scoped(SYSTEM) as conn:
        sources.register(conn, [(gb28181.SOURCE, True), (wvp.SOURCE, True)], clock.now())
    return found


@pytest.fixture
def send(db: Database, settings: Settings, clock: FixedClock, city: World) -> Send:
    def go(text: str | bytes, encoding: str = "gb18030") -> CatalogueResult:
        data = text if isinstance(text, bytes) else text.encode(encoding)
        return submit_catalogue(db.store, SYSTEM, data, clock, settings=settings)

    return go


def cameras(*numbers: int, **more: Any) -> str:
    return "".join(item(f"4417020108132600{n:04d}", name=f"点位{n}", **more) for n in numbers)


def stored(db: Database) -> dict[str, str]:
    return {r["external_id"]: r["status"] for r in rows(db, "SELECT external_id, status FROM device")}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_packets_in_any_order_make_one_complete_catalogue(send: Send, db: Database, order: tuple[int, ...]) -> None:
    parts = [packet(cameras(1, 2), 7, 5), packet(cameras(3), 7, 5), packet(cameras(4, 5, status="OFF"), 7, 5)]
    states = [send(parts[i]).round for i in order]
    assert states == ["open", "open", "complete"]
    assert len(stored(db)) == 5
    assert sorted(stored(db).values()) == ["offline"] * 2 + ["online"] * 3
    assert rows(db, "SELECT state, cardinality(keys) AS n FROM video_round") == [{"state": "complete", "n": 5}]


def test_a_missing_packet_is_named_after_a_time_and_nothing_is_lost(
    send: Send, db: Database, settings: Settings, clock: FixedClock
) -> None:
    send(packet(cameras(1, 2), 7, 5))
    assert send(packet(cameras(1, 2), 7, 5)).state == "unchanged", "the same packet again"
    clock.advance(settings.video_packet_wait_s - 1)
    assert sweep(db.store, settings, clock.now()) == 0
    clock.advance(2)
    assert sweep(db.store, settings, clock.now()) == 1
    assert sweep(db.store, settings, clock.now()) == 0
    (named,) = rows(db, "SELECT item, reasons FROM reject")
    assert named["item"] == f"{PLATFORM} SN 7"
    assert named["reasons"][0]["code"] == "catalogue_incomplete"
    assert "应有 5 项，收到 2 项" in named["reasons"][0]["zh"]
    assert len(stored(db)) == 2
    late = send(packet(cameras(3, 4, 5), 7, 5))
    assert (late.round, late.arrived) == ("complete", 5)
    assert len(stored(db)) == 5


def test_an_sn_used_anew_is_a_new_round_and_what_left_is_unknown(send: Send, db: Database, clock: FixedClock) -> None:
    send(packet(cameras(1, 2, 3), 1, 3))
    clock.advance(3600)
    again = send(packet(cameras(1, 2), 1, 2))
    assert (again.round, again.outcome.states) == ("complete", 1)
    assert stored(db)["44170201081326000003"] == "unknown"
    (gone,) = rows(db, "SELECT gb_id FROM video_node WHERE missing_since IS NOT NULL")
    assert gone["gb_id"] == "44170201081326000003"
    assert rows(db, "SELECT count(*) AS n FROM video_round") == [{"n": 2}]
    clock.advance(3600)
    assert send(packet(cameras(1, 2, 3), 1, 3)).round == "complete"
    assert stored(db)["44170201081326000003"] == "online"
    assert rows(db, "SELECT count(*) AS n FROM video_node WHERE missing_since IS NOT NULL") == [{"n": 0}]


def test_an_incomplete_catalogue_calls_nothing_gone(send: Send, db: Database, clock: FixedClock) -> None:
    send(packet(cameras(1, 2, 3), 1, 3))
    clock.advance(600)
    assert send(packet(cameras(1), 2, 3)).round == "open"
    assert set(stored(db).values()) == {"online"}


def test_states_carry_their_time_and_a_log(send: Send, db: Database, clock: FixedClock) -> None:
    send(packet(cameras(1), 1, 1))
    since = clock.now()
    clock.advance(60)
    send(packet(cameras(1), 2, 1))
    assert rows(db, "SELECT status, status_at FROM device") == [{"status": "online", "status_at": since}]
    clock.advance(60)
    off = f"<Item><DeviceID>{CAMERA}</DeviceID><Event>OFF</Event></Item>"
    assert send(packet(off, 3, 1, root="Notify")).round == "notify"
    assert rows(db, "SELECT status, status_at FROM device") == [{"status": "offline", "status_at": clock.now()}]
    log = [r["status"] for r in rows(db, "SELECT status FROM device_state_log ORDER BY recorded_at")]
    assert log == ["online", "offline"]
    assert rows(db, "SELECT sum(total)::int AS n, sum(offline)::int AS off FROM device_cell WHERE res = 5") == [
        {"n": 1, "off": 1}
    ]
    assert rows(db, "SELECT name, status FROM video_node") == [{"name": "点位1", "status": "offline"}]
    clock.advance(3 * 86_400 + 60)
    sweep(db.store, Settings(), clock.now())
    assert stored(db) == {CAMERA: "unknown"}, "told nothing for three days"
    assert rows(db, "SELECT stale FROM video_platform") == [{"stale": True}]


def test_the_tree_is_kept_and_only_what_has_a_place_is_a_device(send: Send, db: Database) -> None:
    def node(gb_id: str, name: str, parent: str, more: str = "") -> str:
        return (
            f"<Item><DeviceID>{gb_id}</DeviceID><Name>{name}</Name><ParentID>{parent}</ParentID>"
            f"<BusinessGroupID>{GROUP}</BusinessGroupID>{more}</Item>"
        )

    tree = (
        "<Item><DeviceID>441702</DeviceID><Name>江城区</Name></Item>"
        + node(GROUP, "城管", PLATFORM)
        + node(ORGANISATION, "城南中队", GROUP)
        + node("44170201081326000008", "未定位", ORGANISATION, "<Status>ON</Status>")
        + cameras(1)
    )
    found = send(packet(tree, 1, 5))
    assert (found.round, found.outcome.unplaced) == ("complete", 1)
    kinds = {r["gb_id"]: (r["kind"], r["parent_id"]) for r in rows(db, "SELECT gb_id, kind, parent_id FROM video_node")}
    assert kinds == {
        "441702": ("region", ""),
        GROUP: ("group", PLATFORM),
        ORGANISATION: ("organisation", GROUP),
        "44170201081326000008": ("device", ORGANISATION),
        CAMERA: ("device", PLATFORM),
    }
    assert list(stored(db)) == [CAMERA]


def test_datum_sharing_and_secrecy_by_platform_and_range(
    send: Send, db: Database, settings: Settings, city: World
) -> None:
    settings.root.mkdir(parents=True, exist_ok=True)
    second = "44170201081326000002"
    (settings.root / "video.json").write_text(
        json.dumps(
            {
                "platforms": {
                    PLATFORM: {
                        "crs": "GCJ-02", "private_to": "公安局",
                        "ranges": [{"from": second, "to": second, "crs": "EPSG:4326"}],
                    }
                }
            }
        )
    )  # fmt: skip
    secret = item("44170201081326000003").replace("<Secrecy>0", "<Secrecy>1")
    send(packet(cameras(1, 2) + secret, 1, 3))
    import numpy as np

    lon, lat = to_wgs84(np.array([111.15]), np.array([21.65]), "GCJ-02")
    found = {
        r["external_id"]: r
        for r in rows(db, "SELECT *, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM device ORDER BY external_id")
    }
    assert (found[CAMERA]["lon"], found[CAMERA]["lat"]) == pytest.approx((float(lon[0]), float(lat[0])))
    assert (found[CAMERA]["crs_orig"], found[CAMERA]["x_orig"]) == ("GCJ-02", 111.15)
    assert (found[second]["lon"], found[second]["lat"]) == (111.15, 21.65)
    assert {r["private_to"] for r in found.values()} == {"公安局"}
    assert [r["sensitivity"] for r in found.values()] == [0, 0, 2]
    other = Scope("o", frozenset({"*"}), whole=True, departments=frozenset({"城管局"}), sensitivity=2)
    with db.store.scoped(other) as conn:
        assert conn.execute("SELECT count(*) AS n FROM device").fetchone() == {"n": 0}
        assert conn.execute("SELECT count(*) AS n FROM video_node").fetchone() == {"n": 0}


def test_nothing_that_opens_a_device_is_kept_anywhere(send: Send, db: Database) -> None:
    bad = item("00170201081326000001") + item("44170201081326000009").replace("111.15", "10.0")
    send(packet(cameras(1) + bad, 1, 3))
    with pytest.raises(Invalid):
        send(b"<Response><Password>hunter2</Password><IPAddress>10.20.30.40</IPAddress>")
    with db.owner() as conn:
        tables = [r["t"] for r in conn.execute(
            "SELECT c.relname AS t FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
            " AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        )]  # fmt: skip
        for table in tables:
            for (text,) in ((r["x"],) for r in conn.execute(WHOLE.format(sql.Identifier(table)))):
                assert "hunter2" not in text, table
                assert "10.20.30.40" not in text, table
    codes = sorted(r["reasons"][0]["code"] for r in rows(db, "SELECT reasons FROM reject"))
    assert codes == ["id_centre", "out_of_area", "xml_bad"]


def test_a_camera_another_source_has_is_not_there_twice(send: Send, db: Database, city: World) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO device (source, external_id, national_id, kind, class, name, geom, h3_10, region_id)"
            " VALUES ('files', 'X1', %s, 'camera', 'camera', '台账', ST_Point(111.15, 21.65, 4326), 1, %s)",
            (CAMERA, city.regions[small.NEAR_VILLAGE]),
        )
    send(packet(cameras(1, 2), 1, 2))
    assert stored(db) == {"X1": "online", "44170201081326000002": "online"}
    linked = {
        r["gb_id"]: r["linked"] for r in rows(db, "SELECT gb_id, device_id IS NOT NULL AS linked FROM video_node")
    }
    assert linked[CAMERA]


def test_a_place_outside_its_civil_code_is_said(send: Send, db: Database, city: World) -> None:
    fits = item("44170201081326000001").replace("441702<", "990100<")
    elsewhere = item("44170201081326000002").replace("441702<", "990200<")
    found = send(packet(fits + elsewhere + cameras(3), 1, 3))
    assert found.outcome.civil_elsewhere == 1
    assert [r["civil_check"] for r in rows(db, "SELECT civil_check FROM video_node ORDER BY gb_id")] == [
        "fits", "elsewhere", "unknown",
    ]  # fmt: skip


def test_a_direction_is_coarse_and_makes_no_cone(send: Send, db: Database) -> None:
    send(packet(cameras(1, more="<Info><DirectionType>8</DirectionType></Info>"), 1, 1))
    (row,) = rows(db, "SELECT azimuth_deg, fov_deg, attributes FROM device")
    assert (row["azimuth_deg"], row["fov_deg"], row["attributes"]["azimuth_coarse"]) == (315, None, True)


def test_only_the_whole_centre_may_deliver(db: Database, settings: Settings, clock: FixedClock, city: World) -> None:
    part = Scope("p", frozenset({"event.write"}), region_ids=frozenset({1}))
    with pytest.raises(Forbidden):
        submit_catalogue(db.store, part, packet(cameras(1)).encode(), clock, settings=settings)


def test_a_folder_takes_catalogues(db: Database, settings: Settings, clock: FixedClock, city: World) -> None:
    own = settings.model_copy(update={"gb28181_folder": "drop"})
    watch = gb28181.Watch(SourceContext("gb28181", own, Registry(), db.store, clock, threading.Event()))
    watch.turn()
    drop = settings.root / "drop"
    (drop / "a.xml").write_bytes(packet(cameras(1), encoding="UTF-8").encode("gbk"))
    (drop / "b.xml").write_bytes(b"<broken")
    assert [watch.turn(), watch.turn()] == [0, 2]
    assert (drop / "done/a.xml").exists()
    assert "xml_bad" in (drop / "rejected/b.xml.reason").read_text()
    assert len(stored(db)) == 1


# ---------------------------------------------------------------- WVP


@pytest.fixture
def far() -> Iterator[FakeWvp]:
    body = json.loads(FIXTURE.read_text("utf-8"))
    with serving(FakeWvp(body["devices"], body["channels"])) as fake:
        yield fake


@pytest.fixture
def poll(db: Database, settings: Settings, clock: FixedClock, city: World, far: FakeWvp) -> Iterator[Poller]:
    values = {"wvp_url": far.url, "wvp_user": "ioc", "wvp_password": PASSWORD, "wvp_poll_s": 60}
    context = SourceContext("wvp", settings.model_copy(update=values), Registry(), db.store, clock, threading.Event())
    with httpx.Client(timeout=5) as client:
        yield wvp.poller(context, client)


def health(db: Database) -> tuple[str, str]:
    (row,) = rows(db, "SELECT state, error_en FROM source WHERE source_key = 'wvp'")
    return row["state"], row["error_en"]


def test_channels_and_their_states_are_polled(poll: Poller, far: FakeWvp, db: Database, clock: FixedClock) -> None:
    assert poll.turn() == 2
    assert stored(db) == {
        "44170201081326000001": "online",
        "44170201081326000002": "offline",
        "44170201081326000004": "offline",  # its recorder is away
    }
    datum = {r["external_id"]: r["crs_orig"] for r in rows(db, "SELECT external_id, crs_orig FROM device")}
    assert datum["44170201081326000004"] == "GCJ-02"
    assert health(db)[0] == "live"
    assert rows(db, "SELECT DISTINCT confirmed_at FROM video_platform") == [{"confirmed_at": clock.now()}]
    with db.owner() as conn:
        for table in ("device", "video_node", "video_platform", "source", "reject", "entity_history", "outbox"):
            text = "".join(r["x"] for r in conn.execute(WHOLE.format(sql.Identifier(table))))
            assert not any(w in text for w in ("hunter2", "10.1.2", "10.9.9", PASSWORD)), table
    far.channels["44170200002000000001"][1]["status"] = "ON"
    clock.advance(60)
    poll.turn()
    assert stored(db)["44170201081326000002"] == "online"
    assert far.sign_ins == 1


def test_pages_are_all_read_and_half_a_list_is_no_list(
    poll: Poller, far: FakeWvp, db: Database, clock: FixedClock
) -> None:
    sample = far.channels["44170200002000000001"][0]
    far.channels["44170200002000000001"] = [
        {**sample, "deviceId": f"4417020108132601{n:04d}", "longitude": 111.1 + n / 10_000} for n in range(450)
    ]
    poll.turn()
    assert len(stored(db)) == 451
    far.faults["44170200002000000001/channels"] = "short"
    clock.advance(60)
    assert poll.turn() == 0
    state, said = health(db)
    assert state == "error"
    assert "1 of 450" in said
    assert set(stored(db).values()) == {"online", "offline"}, "what was not listed is not called gone"


def test_a_token_that_ended_is_renewed(poll: Poller, far: FakeWvp, db: Database, clock: FixedClock) -> None:
    poll.turn()
    far.expire()
    clock.advance(60)
    assert poll.turn() == 2
    assert (far.sign_ins, health(db)[0]) == (2, "live")


@pytest.mark.parametrize(
    ("path", "fault", "said"),
    [("/devices", "500", "answered 500"), ("/devices", "html", "no page"), ("/devices", "shape", "no page"),
     ("/login", "500", "answered 500"), ("/channels", "shape", "no page")],
)  # fmt: skip
def test_failures_are_the_sources_state_with_back_off(
    poll: Poller, far: FakeWvp, db: Database, clock: FixedClock, path: str, fault: str, said: str
) -> None:
    far.faults[path] = fault
    waits: list[float] = []
    for _ in range(4):
        poll.turn()
        waits.append(poll.due - clock.monotonic())
        assert said in health(db)[1]
    assert waits == [120, 240, 480, 600]
    far.faults.clear()
    clock.advance(600)
    assert poll.turn() == 2
    assert (health(db)[0], poll.failures) == ("live", 0)


def test_a_wrong_password_and_a_server_that_asks_to_wait(
    poll: Poller, far: FakeWvp, db: Database, clock: FixedClock
) -> None:
    far.faults["/devices"] = "429"
    poll.turn()
    assert poll.due - clock.monotonic() == 900
    far.faults.clear()
    poll._client._password, poll._client._token = "wrong", ""
    poll.turn()
    assert "refused with code 100" in health(db)[1]


def test_an_older_shape_is_understood(poll: Poller, far: FakeWvp, db: Database) -> None:
    far.wrapped = False
    for device, listed in far.channels.items():
        for row in listed:
            row |= {"channelId": row["deviceId"], "deviceId": device, "status": int(row["status"] == "ON")}
    for row in far.devices:
        row["online"] = int(row.pop("onLine"))
    assert poll.turn() == 2
    assert stored(db)["44170201081326000001"] == "online"
    assert stored(db)["44170201081326000004"] == "offline"


def test_when_it_is_away_for_long_nothing_is_called_online(
    poll: Poller, far: FakeWvp, db: Database, clock: FixedClock
) -> None:
    poll.turn()
    far.faults["/devices"] = "500"
    clock.advance(170)
    poll.turn()
    assert stored(db)["44170201081326000001"] == "online"
    clock.advance(20)
    poll.turn()
    assert set(stored(db).values()) == {"unknown"}
    assert health(db)[0] == "error"
    far.faults.clear()
    clock.advance(600)
    poll.turn()
    assert stored(db)["44170201081326000001"] == "online"
    assert rows(db, "SELECT DISTINCT stale FROM video_platform") == [{"stale": False}]


def test_one_device_that_fails_keeps_no_other_waiting(poll: Poller, far: FakeWvp, db: Database) -> None:
    far.faults["44170200002000000001/channels"] = "500"
    far.devices.append({"deviceId": "12", "name": "不是国标"})
    poll.turn()
    assert list(stored(db)) == ["44170201081326000004"]
    assert "44170200002000000001" in health(db)[1]
    assert [r["reasons"][0]["code"] for r in rows(db, "SELECT reasons FROM reject")] == ["id_length"]
