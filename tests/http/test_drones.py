"""Drones from files to screen: flights, photo points with pictures, one press to a report, all of it as known then."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from data_sources._demo import drop
from ioc.clock import FixedClock
from ioc.intake import datasets
from ioc.intake.datasets import Given
from ioc.intake.files import import_file
from ioc.intake.positions import Position, PositionIntake
from ioc.ops import doctor_command
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import drones, editions
from tests.conftest import Database
from tests.http.conftest import ORIGIN, SignIn
from tests.http.world import World
from tests.mvt import decode
from tests.store.replay_world import known_since
from tests.unit.test_drone_tracks import GPS, picture

pytestmark = pytest.mark.http
NEAR_LON, NEAR_LAT = 111.75 - 0.6, 21.65  # inside the near village; the far one is at 111.65
LOOK = itertools.count(1)  # nothing is answered from what an earlier look left behind
RESOURCES = """编号,名称,类型,经度,纬度,状态
U1,巡查一号,无人机,111.15,21.65,可用
"""


def flown(lon: float, began: dt.datetime, n: int = 6) -> list[tuple[dt.datetime, float, float]]:
    return [(began + dt.timedelta(seconds=20 * i), lon + i * 0.0004, NEAR_LAT + i * 0.0002) for i in range(n)]


def delivery(folder: Path, began: dt.datetime) -> Path:
    """A table of positions and photos, a GPX of the far side, and two pictures: one named, one alone with its EXIF."""
    folder.mkdir()
    rows = ["架次,无人机编号,时间,经度,纬度,高度,照片,发现问题"]
    rows += [f"A1,U1,{at.isoformat()},{x},{y},80,," for at, x, y in flown(NEAR_LON, began)]
    rows.append(
        f"A1,U1,{(began + dt.timedelta(seconds=50)).isoformat()},{NEAR_LON + 0.001},{NEAR_LAT},80,P1.JPG,河道堆物"
    )
    rows.append(f"A1,U1,{began.isoformat()},0,0,80,,")
    rows.append(f"A1,U1,{(began + dt.timedelta(seconds=70)).isoformat()},{NEAR_LON},{NEAR_LAT},80,../../out.jpg,外面的")
    (folder / "a.csv").write_text("\n".join(rows) + "\n", "utf-8")
    far = "".join(f'<trkpt lon="{x}" lat="{y}"><time>{at.isoformat()}</time></trkpt>'
                  for at, x, y in flown(111.65, began))  # fmt: skip
    (folder / "b.gpx").write_text(
        f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><name>远方秘密</name><trkseg>{far}</trkseg></trk></gpx>'
    )
    (folder / "P1.JPG").write_bytes(picture())
    taken = (began + dt.timedelta(seconds=30)).astimezone(dt.timezone(dt.timedelta(hours=8)))
    own = {0x9003: f"{taken:%Y:%m:%d %H:%M:%S}", 0x9011: "+08:00"}
    gps = {**GPS, 2: (21.0, 39.0, 0.0), 4: (111.0, 9.0, 0.0)}
    (folder / "DJI_1.JPG").write_bytes(picture(gps=gps, own=own))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return folder


def bring(db: Database, settings: Settings, clock: FixedClock, path: Path, **more: Any) -> dict[str, Any]:
    given = Given(path, settings, clock, "t", "EPSG:4326", source="巡查队", **more)
    return datasets.bring_in(db.store, "drones", given).as_dict()


def tile(client: Any, layer: str, name: str, t: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/tiles/{layer}/12/3312/1795.mvt", query_string={"t": t} if t else {"v": str(next(LOOK))})
    assert answer.status_code in (200, 204), answer.text
    return [f.props for f in decode(answer.data).get(name, [])] if answer.data else []


def test_from_the_card_to_the_report(
    sign_in: SignIn, db: Database, settings: Settings, clock: FixedClock, world: World, tmp_path: Path
) -> None:
    now = clock.now()
    known_since(db, now - dt.timedelta(hours=6))
    (tmp_path / "r.csv").write_text(RESOURCES, "utf-8")
    import_file(db.store, Registry(), "resources", tmp_path / "r.csv", "EPSG:4326", settings=settings, clock=clock,
                actor="t", source="应急局")  # fmt: skip
    (tmp_path / "out.jpg").write_bytes(picture())
    folder = delivery(tmp_path / "card", now - dt.timedelta(hours=3))
    dry = bring(db, settings, clock, folder, dry_run=True)
    assert (dry["stored"], dry["rejected"]) == (15, 2)
    with db.store.scoped(SYSTEM) as conn:
        assert drones.counts(conn)["flights"] == 0, "a dry run leaves nothing"
    done = bring(db, settings, clock, folder)
    assert done["read"] == done["stored"] + done["updated"] + done["unchanged"] + done["rejected"] == 17
    assert {(r["field"], r["code"]) for r in done["reasons"]} >= {("lon", "no_fix")}
    assert "1 张照片的文件不在" in done["note"], "a picture outside the delivered folder is not taken"
    again = bring(db, settings, clock, folder)
    assert (again["stored"], again["updated"], again["unchanged"]) == (0, 0, 15), "the same card twice is one"
    with db.store.scoped(SYSTEM) as conn:
        have = editions.in_force(conn)["drones"]
        files = conn.execute("SELECT count(*) AS n FROM attachment").fetchone()
    assert (have.rows, have.detail) == (5, {"flights": 2, "photos": 3})
    assert files == {"n": 2}
    assert any("无人机航迹与照片" in said.zh for said in doctor_command.said({"drones": have}, now)), (
        "ioc doctor names it"
    )
    chief, town = sign_in("chief"), sign_in("town")
    seen = of_the_flight(chief, town, now)
    becomes_a_report(chief, town, db, seen, clock, world)
    live_and_stale(chief, db, settings, clock)
    with db.owner() as conn:
        conn.execute("UPDATE drone_flight SET origin = 'demo'")
    with psycopg.connect(db.dsn_owner, autocommit=True) as plain:
        gone = drop.drop_rows(plain)
        assert gone["drone_flight"] == 2, "demo rows go with the demo"


def of_the_flight(chief: Any, town: Any, now: dt.datetime) -> dict[str, Any]:
    """Map, playback and picture, and that the far side is not told."""
    assert {f["name"] for f in tile(chief, "drone_track", "lines")} == {"A1"}
    photos = tile(chief, "drone_photo", "points")
    assert {(p["name"], p.get("ex", 0)) for p in photos} >= {("河道堆物", 0), ("外面的", 0)}
    by_name = {p["name"]: p["id"] for p in photos}
    flights: dict[str, Any] = {}
    for i in range(1, 5):
        got = chief.get(f"/api/v1/drones/flights/{i}")
        if got.status_code == 200:
            flights[got.get_json()["external_id"]] = got.get_json()
    one, far = flights["A1"], flights["远方秘密"]
    assert [round(p[3]) for p in one["track"]] == [
        round(at.timestamp()) for at, _, _ in flown(0, now - dt.timedelta(hours=3))
    ]
    assert one["drone_name"] == "巡查一号"
    assert [p["external_id"].split("@")[0] for p in one["photos"]] == ["DJI_1.JPG", "P1.JPG", "../../out.jpg"]
    until = (now - dt.timedelta(hours=3) + dt.timedelta(seconds=41)).isoformat()
    part = chief.get(f"/api/v1/drones/flights/{one['flight_id']}", query_string={"until": until}).get_json()
    assert len(part["track"]) == 3
    assert town.get(f"/api/v1/drones/flights/{far['flight_id']}").status_code == 404
    assert town.get(f"/api/v1/drones/flights/{one['flight_id']}").status_code == 200
    photo = chief.get(f"/api/v1/drones/photos/{by_name['河道堆物']}").get_json()
    for client in (chief, town):
        answer = client.get(f"/api/v1/attachments/{photo['attachment_id']}?size=small")
        assert (answer.status_code, answer.data[:3]) == (200, b"\xff\xd8\xff")
    detail = town.get(f"/api/v1/detail/drone_photo:{photo['photo_id']}").get_json()
    assert detail["history"][0]["pictures"][0]["id"] == photo["attachment_id"]
    assert detail["photo_event"] == {"photo_id": photo["photo_id"]}
    assert town.get(f"/api/v1/detail/drone_track:{far['flight_id']}").status_code == 404
    whole = chief.get(f"/api/v1/detail/drone_track:{one['flight_id']}").get_json()
    assert whole["playback"]["flight_id"] == one["flight_id"]
    assert [link["title"] for link in whole["links"]][1] == "河道堆物"
    return photo


def becomes_a_report(
    chief: Any, town: Any, db: Database, photo: dict[str, Any], clock: FixedClock, world: World
) -> None:
    url = f"/api/v1/drones/photos/{photo['photo_id']}/event"
    before = clock.now()
    clock.advance(300)
    assert town.post(url, json={"urgency": "nonsense"}, headers=ORIGIN).status_code == 422
    made = town.post(url, json={}, headers=ORIGIN)
    assert (made.status_code, made.get_json()["state"]) == (201, "created")
    event_id = made.get_json()["event_id"]
    twice = chief.post(url, json={"title": "再来一次"}, headers=ORIGIN)
    assert (twice.status_code, twice.get_json()) == (200, {"event_id": event_id, "state": "known"})
    with db.store.scoped(SYSTEM) as conn:
        rows = conn.execute(
            "SELECT title, source, origin, occurred_at, region_id FROM event WHERE source = 'drone'"
        ).fetchall()
    assert [(r["title"], r["origin"], r["occurred_at"].isoformat()) for r in rows] == [
        ("河道堆物", "real", photo["taken_at"])
    ]
    told = town.get(f"/api/v1/detail/event:{event_id}").get_json()
    assert [p["id"] for h in told["history"] for p in h.get("pictures", ())] == [photo["attachment_id"]]
    after = chief.get(f"/api/v1/detail/drone_photo:{photo['photo_id']}").get_json()
    assert "photo_event" not in after
    assert f"event:{event_id}" in json.dumps(after)
    assert 1 in {p.get("ex") for p in tile(chief, "drone_photo", "points")}
    # as it was known: after the import a photo without a report, before it nothing at all
    t = before.isoformat().replace("+00:00", "Z")
    assert {p.get("ex", 0) for p in tile(chief, "drone_photo", "points", t)} == {0}
    assert {f["name"] for f in tile(chief, "drone_track", "lines", t)} == {"A1"}
    then = chief.get(f"/api/v1/drones/photos/{photo['photo_id']}?t={t}").get_json()
    assert then["event_id"] is None
    assert "photo_event" not in chief.get(f"/api/v1/detail/drone_photo:{photo['photo_id']}?t={t}").get_json()
    early = (before - dt.timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    assert tile(chief, "drone_track", "lines", early) == [], "the flight was over, but nobody had brought it in"
    assert chief.post(f"{url}?t={t}", json={}, headers=ORIGIN).status_code == 423


def live_and_stale(chief: Any, db: Database, settings: Settings, clock: FixedClock) -> None:
    """Positions by the way of vehicles; what is old does not look live, and replay shows where it was then."""
    intake = PositionIntake(db.store, settings, clock, "positions")
    for at, lon, lat in flown(NEAR_LON, clock.now() - dt.timedelta(minutes=2)):
        intake.submit([Position("U1", {"ts": at.isoformat(), "lon": lon, "lat": lat})])
    body = {"lon": NEAR_LON, "lat": NEAR_LAT}

    def flying() -> dict[str, Any]:
        answer = chief.post("/api/v1/command/panels/eyes", json=body, headers=ORIGIN).get_json()
        return answer["data"]["drones"][0]

    assert (flying()["name"], flying()["state"]) == ("巡查一号", "live")
    assert [m["s"] != "offline" for m in tile(chief, "drone", "points")] == [True]
    assert len(tile(chief, "drone_trace", "lines")) == 1
    flew = clock.now()
    clock.advance(1800)
    assert flying()["state"] in ("stale", "lost")
    assert [m["s"] for m in tile(chief, "drone", "points")] == ["offline"]
    t = flew.isoformat().replace("+00:00", "Z")
    assert [m["s"] != "offline" for m in tile(chief, "drone", "points", t)] == [True]
    earlier = (flew - dt.timedelta(minutes=10)).isoformat().replace("+00:00", "Z")
    assert tile(chief, "drone_trace", "lines", earlier) == [], "it had not flown yet"
