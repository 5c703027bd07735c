"""The camera wall over HTTP: rights and scope, masked cameras, verdicts look by look, audit, PTZ by one."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import ImageDraw
from starlette.testclient import TestClient

from callbacks import register_callbacks
from data_sources import wvp
from data_sources._demo import video as demo_video
from data_sources._demo_video.loops import scene
from ioc.accounts.base import Accounts
from ioc.clock import FixedClock
from ioc.errors import SourceFault
from ioc.intake.context import SourceContext
from ioc.registry import Registry
from ioc.services_live import LiveServices
from ioc.settings import Settings
from ioc.video.platform import Channel, Stream, guarded
from ioc.web import create_web
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN, PASSWORD
from tests.http.world import World
from tests.video_city import PLATFORM, fill, gb

pytestmark = pytest.mark.http


@dataclass
class FakePlatform:
    """A platform of which the test says everything."""

    hosts: frozenset[str] = frozenset({"media.local"})
    mapping: dict[Channel, str] = field(default_factory=dict[Channel, str])
    down: bool = False
    calls: list[str] = field(default_factory=list[str])
    media: str = "http://media.local/rtp"

    def play(self, channel: Channel) -> Stream:
        if self.down:
            raise SourceFault("收流超时", "no stream came")
        self.mapping[channel] = f"s-{channel.channel}"
        return Stream(self.mapping[channel], {"flv": f"{self.media}/{channel.channel}.live.flv"})

    def stop(self, channel: Channel) -> None:
        self.calls.append(f"stop {channel.channel}")
        self.mapping.pop(channel, None)

    def streams(self) -> Mapping[Channel, str]:
        if self.down:
            raise SourceFault("无应答", "no answer")
        return dict(self.mapping)

    def ptz(self, channel: Channel, command: str, speed: float) -> None:
        self.calls.append(f"{command} {channel.channel}")

    def snapshot(self, channel: Channel) -> bytes:
        return shot(channel.channel)


def shot(camera: str, car: int | None = None) -> bytes:
    """What a pane shows of a camera; with a car somewhere in it."""
    out, picture = io.BytesIO(), scene(camera).resize((176, 144))
    if car is not None:
        ImageDraw.Draw(picture).rectangle((car, 90, car + 20, 100), fill=(250, 250, 250))
    picture.save(out, "JPEG")
    return out.getvalue()


@dataclass
class Room:
    """Cameras 1 (with a reference), 2 (none) and 3 (masked) of the near town."""

    platform: FakePlatform
    ids: list[int]
    app: Any
    clock: FixedClock
    db: Database

    def client(self, login: str) -> FlaskClient:
        client = self.app.state.server.test_client()
        body = {"login": login, "password": PASSWORD}
        assert client.post("/api/v1/auth/sign-in", json=body, headers=ORIGIN).status_code == 200
        return client

    def audit(self, action: str) -> list[dict[str, Any]]:
        with self.db.owner() as conn:
            query = "SELECT actor, object, detail FROM audit WHERE action = %s ORDER BY audit_id"
            return list(conn.execute(query, (action,)))


@pytest.fixture
def room(
    accounts: Accounts, settings: Settings, db: Database, clock: FixedClock, world: World, monkeypatch: Any
) -> Room:
    platform = FakePlatform()
    with db.owner() as conn:
        ids = fill(conn, world.regions[small.NEAR_VILLAGE], 3, range(1, 2), secret=3)
    source = wvp.SOURCE
    changed = type(source)(**{n: getattr(source, n) for n in source.__slots__} | {"video": lambda _s: platform})
    registry = Registry(sources={"wvp": changed})
    links = {"video_trace_url": "https://search.police.local/t?c={camera}", "video_ar_url": "https://ar.local/{camera}"}
    settings = settings.model_copy(update=links)
    services = LiveServices(settings, db.store, registry, clock)
    app = create_web(settings, services, registry, db.store, clock, register_callbacks)
    return Room(platform, ids, app, clock, db)


Look = Callable[..., dict[str, Any]]


def test_a_view_from_beginning_to_end(room: Room) -> None:
    chief, (one, two, masked) = room.client("chief"), room.ids
    town = room.client("town")

    def begin(client: FlaskClient, device: int, status: int = 201, **more: Any) -> dict[str, Any]:
        answer = client.post("/api/v1/video/views", json={"device_id": device, **more}, headers=ORIGIN)
        assert answer.status_code == status, answer.get_json()
        return answer.get_json()

    frames = iter(range(10, 10_000, 10))

    def look(view: dict[str, Any], picture: bytes, status: int = 200, **more: Any) -> dict[str, Any]:
        query = {"frames": next(frames), "idle_ms": 40, **more}
        url = f"/api/v1/video/views/{view['view_id']}/look"
        answer = chief.post(url, query_string=query, data=picture, headers=ORIGIN, content_type="image/jpeg")
        assert answer.status_code == status, answer.get_json()
        return answer.get_json()

    def live() -> bytes:
        """Camera 1 with its traffic."""
        return shot(gb(1), next(frames) % 150)

    def verdict(told: dict[str, Any]) -> tuple[str, str, bool]:
        return told["state"], told["code"], told["cover"]

    listed = chief.get("/api/v1/video/cameras?q=点位").get_json()["cameras"]
    assert [c["device_id"] for c in listed] == room.ids
    assert [c["device_id"] for c in town.get("/api/v1/video/cameras").get_json()["cameras"] if c["playable"]] == [
        one,
        two,
    ]
    begin(town, masked, 404)  # outside the scope's sensitivity: not there
    assert begin(chief, masked, 422)["reasons"][0]["code"] == "masked"
    begin(chief, masked, purpose="核实现场火情")
    (unmasked,) = room.audit("video.unmask")
    assert unmasked["detail"]["purpose"] == "核实现场火情"

    view = begin(chief, one)
    assert verdict(view) == ("unverified", "starting", True)
    assert verdict(look(view, shot(gb(1)))) == ("verified", "verified", False)
    assert verdict(look(view, shot(gb(2)))) == ("unverified", "mismatch", True)
    lifted = chief.post(f"/api/v1/video/views/{view['view_id']}/lift", headers=ORIGIN)
    assert lifted.status_code == 200
    assert verdict(look(view, shot(gb(2)))) == ("unverified", "mismatch", False)
    assert verdict(look(view, shot(gb(1)))) == ("verified", "verified", False)
    assert verdict(look(view, shot(gb(2)))) == ("unverified", "mismatch", True), "lifted once is not lifted for ever"
    assert [r["detail"]["code"] for r in room.audit("video.unmask")[1:]] == ["mismatch"]
    again = chief.post(f"/api/v1/video/views/{view['view_id']}/lift", headers=ORIGIN)
    assert again.status_code == 200

    room.clock.advance(3)
    assert verdict(look(view, shot(gb(1)))) == ("verified", "verified", False)
    room.clock.advance(3)
    look(view, shot(gb(1)))
    room.clock.advance(4)
    assert verdict(look(view, shot(gb(1)))) == ("lost", "frozen", True), "pictures come, but the picture is one"
    assert verdict(look(view, live(), idle_ms=7000)) == ("lost", "no_frames", True)
    channel = Channel(PLATFORM, gb(1))
    room.clock.advance(3)
    room.platform.mapping[channel] = "s-other"
    changed = look(view, live())
    assert (verdict(changed), changed["restart"]) == (("unverified", "changed", True), True)
    room.clock.advance(3)
    room.platform.mapping |= {channel: view_stream(1), Channel(PLATFORM, "x"): view_stream(1)}
    assert verdict(look(view, live()))[1] == "ambiguous"
    room.clock.advance(3)
    room.platform.mapping = {channel: view_stream(1)}
    room.platform.down = True
    assert verdict(look(view, live()))[1] == "ambiguous", "the last answer of the platform holds for a moment"
    room.clock.advance(9)
    assert verdict(look(view, live())) == ("unverified", "platform", False)
    begin(chief, two, 502)
    room.platform.down = False
    room.clock.advance(3)
    assert verdict(look(view, live())) == ("verified", "verified", False)
    look(view, b"no picture", status=422)
    assert town.post(f"/api/v1/video/views/{view['view_id']}/look", headers=ORIGIN).status_code == 404, "not theirs"
    with room.db.owner() as conn:
        rows = conn.execute("SELECT code FROM video_state WHERE device_id = %s ORDER BY state_id", (one,)).fetchall()
    codes = [r["code"] for r in rows]
    assert codes[:3] == ["verified", "mismatch", "verified"]
    assert {"frozen", "no_frames", "changed", "ambiguous", "platform"} <= set(codes)
    found = chief.get(f"/api/v1/video/states?ids={one}").get_json()["states"]
    assert [s["code"] for s in found] == ["verified"]

    media = view["base"] + "/live.flv"
    with TestClient(room.app) as outside:
        assert outside.get(media).status_code == 401, "an address alone opens nothing"
    ended = chief.post(f"/api/v1/video/views/{view['view_id']}/end", headers=ORIGIN)
    assert ended.status_code == 200
    assert f"stop {gb(1)}" in room.platform.calls
    (from_to,) = room.audit("video.view.end")
    assert from_to["actor"] == "account:chief"
    assert from_to["detail"]["seconds"] == 31.0
    look(view, shot(gb(1)), status=404)
    room.clock.advance(31)
    begin(chief, two)
    assert [r["detail"]["why"] for r in room.audit("video.view.end")] == ["closed", "silent"], "a silent pane is ended"
    room.platform.media = "http://169.254.169.254/rtp"
    assert "IOC_VIDEO_MEDIA_HOSTS" in begin(chief, one, 502)["en"]


def view_stream(n: int) -> str:
    return f"s-{gb(n)}"


def test_moving_references_groups_and_the_search_link(room: Room, settings: Settings) -> None:
    chief, (one, two, _) = room.client("chief"), room.ids
    officer = room.client("town")

    def post(client: FlaskClient, path: str, status: int = 200, data: Any = None, **body: Any) -> dict[str, Any]:
        given: dict[str, Any] = {"data": data, "content_type": "image/jpeg"} if data is not None else {"json": body}
        answer = client.post(f"/api/v1/video/{path}", headers=ORIGIN, **given)
        assert answer.status_code == status, answer.get_json()
        return answer.get_json()

    # one person at a time
    post(officer, f"cameras/{one}/ptz", command="left", speed=0.5)
    refused = post(chief, f"cameras/{one}/ptz", 409, command="right")
    assert "town" in refused["en"]
    assert room.platform.calls == [f"left {gb(1)}"], "what is refused never reaches the camera"
    room.clock.advance(21)
    post(chief, f"cameras/{one}/ptz", command="right")
    post(chief, f"cameras/{one}/ptz", command="stop")
    post(chief, f"cameras/{one}/ptz/release")
    post(officer, f"cameras/{one}/ptz", command="up")
    assert [r["detail"].get("refused") for r in room.audit("video.ptz")] == [False, True, False, False, None, False]
    post(officer, f"cameras/{one}/ptz", 422, command="jump")

    # references: versions, and their withdrawal
    view = post(chief, "views", 201, device_id=two)["view_id"]
    post(officer, f"views/{view}/reference", 403, data=shot(gb(2)))
    assert post(chief, f"views/{view}/reference?light=day", 201, data=shot(gb(2)))["version"] == 1
    assert post(chief, f"views/{view}/reference?light=day", 201, data=shot(gb(2)))["version"] == 2
    (kept,) = chief.get(f"/api/v1/video/cameras/{two}/references").get_json()["references"]
    assert (kept["version"], kept["light"]) == (2, "day")
    assert chief.get(kept["picture"]).data.startswith(b"\xff\xd8")
    gone = chief.delete(f"/api/v1/video/cameras/{two}/references?light=day", headers=ORIGIN)
    assert gone.status_code == 200
    assert chief.get(f"/api/v1/video/cameras/{two}/references").get_json()["references"] == []
    assert len(room.audit("video.reference")) == 3

    # a snapshot, and the platform's own
    with room.db.owner() as conn:
        case = conn.execute("SELECT case_id FROM cases WHERE flow = 'grid' ORDER BY case_id LIMIT 1").fetchone()
    assert case is not None
    post(chief, f"views/{view}/snapshot?case_id={case['case_id']}", 201, data=shot(gb(2)))
    post(chief, f"views/{view}/snapshot", 201, data=b"")
    assert [r["detail"]["case"] for r in room.audit("video.snapshot")] == [case["case_id"], None]
    with room.db.owner() as conn:
        bound = conn.execute("SELECT count(*) AS n FROM attachment WHERE case_id = %s", (case["case_id"],)).fetchone()
    assert bound == {"n": 1}

    # groups
    group = post(chief, "groups", 201, name="南片", device_ids=[one, two, one], panes=4, dwell_s=10, on_wall=True)
    assert (group["device_ids"], group["shared"]) == ([one, two], True)
    post(officer, "groups", 403, name="x", device_ids=[one], shared=True)
    assert [g["name"] for g in officer.get("/api/v1/video/groups").get_json()["groups"]] == ["南片"]
    assert officer.get("/api/v1/video/wall").get_json()["group"]["group_id"] == group["group_id"]
    url = f"/api/v1/video/groups/{group['group_id']}"
    body = {"name": "南片二", "device_ids": [two], "panes": 1, "dwell_s": 30, "version": 1}
    assert officer.put(url, json=body, headers=ORIGIN).status_code == 403
    assert chief.put(url, json=body, headers=ORIGIN).get_json()["version"] == 2
    assert chief.put(url, json=body, headers=ORIGIN).status_code == 409
    assert chief.delete(f"{url}?version=2", headers=ORIGIN).status_code == 200

    # the search link: a role of its own, nothing without a case and a purpose
    post(chief, "trace", 403, device_id=one, case_id=1, purpose="查找走失老人")
    with room.db.owner() as conn:
        conn.execute("UPDATE role SET permissions = permissions || ARRAY['video.trace'] WHERE role_key = 'chief'")
    searcher = room.client("chief")
    room.app.state.deps.credentials.forget()
    post(searcher, "trace", 422, device_id=one, case_id=case["case_id"], purpose=" ")
    post(searcher, "trace", 404, device_id=one, case_id=999_999, purpose="查找走失老人")
    assert room.audit("video.trace") == [], "nothing without a case and a purpose"
    found = post(searcher, "trace", device_id=one, case_id=case["case_id"], purpose="查找走失老人")
    assert found == {"url": f"https://search.police.local/t?c={gb(1)}"}
    (searched,) = room.audit("video.trace")
    assert searched["object"] == f"device:{one}"
    assert (searched["detail"]["case"], searched["detail"]["purpose"]) == (case["case_id"], "查找走失老人")

    # the AR view is a high point's alone
    assert post(chief, "views", 201, device_id=one)["camera"]["links"] == ["trace"]
    post(chief, f"cameras/{one}/ar", 404)
    with room.db.owner() as conn:
        conn.execute("UPDATE device SET kind = 'eagle_eye' WHERE device_id = %s", (one,))
    assert post(chief, "views", 201, device_id=one)["camera"]["links"] == ["ar", "trace"]
    assert post(chief, f"cameras/{one}/ar") == {"url": f"https://ar.local/{gb(1)}"}
    assert [r["object"] for r in room.audit("video.ar")] == [f"device:{one}"]


def test_the_demo_plays_through_the_same_interface(db: Database, settings: Settings, clock: FixedClock) -> None:
    """Its platform speaks WVP on loopback, says of a camera what the demo says, and is gone with the demo."""
    with db.owner() as conn:
        world = small.build(conn, clock.now())
        fill(conn, world.regions[small.NEAR_VILLAGE], 2, range(0))
        conn.execute("UPDATE device SET origin = 'demo' WHERE national_id IS NOT NULL")
        conn.execute("UPDATE device SET status = 'offline' WHERE national_id = %s", (gb(2),))
    settings.root.mkdir(parents=True, exist_ok=True)
    assert demo_video.connect(settings) is None
    context = SourceContext("demo", settings, Registry(), db.store, clock, threading.Event())
    playing = demo_video.Playing(context)
    try:
        platform = demo_video.connect(settings)
        assert platform is not None
        one, dark = Channel("demo.video.1", gb(1)), Channel("demo.video.1", gb(2))
        stream = platform.play(one)
        assert all(guarded(url, platform.hosts) for url in stream.addresses.values())
        assert platform.streams() == {one: stream.stream}
        with pytest.raises(SourceFault):
            platform.play(dark)
        platform.ptz(one, "left", 0.5)
        assert platform.snapshot(one).startswith(b"\xff\xd8")
        platform.stop(one)
        assert platform.streams() == {}
        assert (settings.root / demo_video.FILE).stat().st_mode & 0o077 == 0, "its password is nobody else's"
    finally:
        playing.close()
    assert demo_video.connect(settings) is None
