"""The map over HTTP: native tiles, base map, configuration, regions, search, identify, devices."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import flask
import httpx
import pytest
from psycopg.types.json import Jsonb
from starlette.testclient import TestClient

from ioc.accounts.base import Grant
from ioc.store.base_features import BaseMap
from ioc.store.regions import Regions
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import SignIn
from tests.http.world import SECRET, World
from tests.mvt import decode

pytestmark = pytest.mark.http
Token = Callable[..., dict[str, str]]


@pytest.fixture
def native(application: Any) -> Iterator[TestClient]:
    """The ASGI side, without its background tasks."""
    client = TestClient(application)
    yield client
    client.close()


def tile_of(z: int, lon: float, lat: float) -> str:
    n = 1 << z
    y = int((0.5 - math.log(math.tan(math.radians(45 + lat / 2))) / (2 * math.pi)) * n)
    return f"{z}/{int((lon + 180) / 360 * n)}/{y}"


def place(db: Database, device_id: int) -> tuple[float, float]:
    with db.owner() as conn:
        row = conn.execute(
            "SELECT ST_X(geom) AS x, ST_Y(geom) AS y FROM device WHERE device_id = %s", (device_id,)
        ).fetchone()
    assert row
    return row["x"], row["y"]


def near_path(db: Database, world: World, z: int = 14, side: str = "near") -> str:
    ids = world.near if side == "near" else world.far
    return f"/tiles/camera/{tile_of(z, *place(db, ids['camera']))}.mvt"


def test_a_tile_is_answered_natively_with_tag_and_without_a_second_body(
    native: TestClient, db: Database, world: World, token: Token
) -> None:
    ask = token("read")
    first = native.get(near_path(db, world), headers=ask)
    assert first.status_code == 200
    assert first.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert first.headers["cache-control"] == "private, no-cache"
    assert [f.props["id"] for f in decode(first.content)["points"]] == [world.near["camera"]]
    again = native.get(near_path(db, world), headers={**ask, "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = native.head(near_path(db, world), headers=ask)
    assert (head.status_code, head.content) == (200, b"")
    assert native.get("/tiles/camera/14/1/1.mvt", headers=ask).status_code == 204
    assert native.post(near_path(db, world), headers=ask).status_code == 405


def test_a_large_tile_is_packed_for_those_who_unpack(
    native: TestClient, db: Database, world: World, token: Token
) -> None:
    lon, lat = place(db, world.near["camera"])
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO device (source, external_id, kind, class, name, geom, h3_10, region_id)"
            " SELECT 'many', i::text, 'camera', 'camera', '点位' || i, ST_SetSRID(ST_MakePoint(%s, %s), 4326), 1, %s"
            " FROM generate_series(1, 300) i",
            (lon, lat, world.regions[small.NEAR_TOWN]),
        )
    path = near_path(db, world)
    with native.stream("GET", path, headers={**token("read"), "Accept-Encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        body = gzip.decompress(b"".join(packed.iter_raw()))
    plain = native.get(path, headers={**token("read"), "Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert body == plain.content
    assert len(decode(body)["points"]) == 301


def test_native_tiles_know_who_asks(native: TestClient, db: Database, world: World, token: Token) -> None:
    far = near_path(db, world, side="far")
    assert native.get(far).status_code == 401
    assert native.get(far, headers={"Authorization": "Bearer ioc_nonsense"}).status_code == 401
    assert native.get(far, headers={"Cookie": 'ioc_session=x; bad"=;;'}).status_code == 401
    town = token("read", grant=Grant(region_codes=(small.NEAR_TOWN,), sensitivity=1))
    assert native.get(far, headers=token("read")).status_code == 200
    for z in (5, 9, 12, 14, 16):
        for layer in ("camera", "sensor", "event", "case", "resource", "grid_cell", "region", "heat"):
            lon, lat = place(db, world.far["camera"])
            answer = native.get(f"/tiles/{layer}/{tile_of(z, lon, lat)}.mvt", headers=town)
            assert answer.status_code in (200, 204)
            assert SECRET.encode() not in answer.content
    assert native.get(f"{far}?region={small.FAR}", headers=town).status_code == 404
    writer = token("events:write")
    assert native.get(far, headers=writer).status_code == 403


@pytest.mark.parametrize(
    "path", ["nothing/9/1/1.mvt", "camera/3/9/9.mvt", "camera/40/1/1.mvt", "thematic-x/9/1/1.mvt", "thematic/9/1/1.mvt"]
)
def test_what_does_not_exist_is_not_found_on_both_ways(
    native: TestClient, server: flask.Flask, world: World, token: Token, path: str
) -> None:
    assert native.get(f"/tiles/{path}", headers=token("read")).status_code == 404
    assert server.test_client().get(f"/tiles/{path}", headers=token("read")).status_code == 404


def test_both_ways_give_the_same_tile(
    native: TestClient, server: flask.Flask, db: Database, world: World, token: Token
) -> None:
    for z in (6, 10, 13, 15, 16):
        path = near_path(db, world, z)
        ask = {**token("read"), "Accept-Encoding": "identity"}
        assert native.get(path, headers=ask).content == server.test_client().get(path, headers=ask).data


def test_the_session_of_a_person_opens_native_tiles(
    native: TestClient, server: flask.Flask, sign_in: SignIn, db: Database, world: World
) -> None:
    cookie = sign_in("chief").get_cookie("ioc_session")
    assert cookie
    answer = native.get(near_path(db, world), headers={"Cookie": f"other=1; ioc_session={cookie.value}"})
    assert answer.status_code == 200


def test_a_change_in_the_feed_makes_a_tile_anew(
    application: Any, native: TestClient, db: Database, world: World, token: Token
) -> None:
    ask, path = token("read"), near_path(db, world)
    before = native.get(path, headers=ask)
    with db.owner() as conn:
        conn.execute("UPDATE device SET status = 'fault' WHERE device_id = %s", (world.near["camera"],))
    assert native.get(path, headers=ask).headers["etag"] == before.headers["etag"], "kept until the feed says so"
    application.state.deps.versions.heard("device", 99, {})
    after = native.get(path, headers=ask)
    assert after.headers["etag"] != before.headers["etag"]
    assert decode(after.content)["points"][0].props["s"] == "fault"


# ---------------------------------------------------------------- configuration and base map


def test_the_configuration_names_nothing_outside_and_holds_no_code(
    server: flask.Flask, world: World, sign_in: SignIn
) -> None:
    client = sign_in("chief")
    for surface, theme in (("desk", "dark"), ("desk", "light"), ("wall", "led")):
        answer = client.get(f"/api/v1/map/config?surface={surface}&theme={theme}&lang=en")
        assert answer.status_code == 200
        text = answer.text
        assert "http" not in text
        assert "@@=" not in text, "no expression that a browser would evaluate"
        config = json.loads(text)
        ids = [s["id"] for s in config["spec"]["layers"]]
        assert len(set(ids)) == len(ids)
        shown = {layer["key"] for layer in config["layers"]}
        assert {s["ioc"]["layer"] for s in config["spec"]["layers"]} <= shown
        assert config["style"]["version"] == 8
        assert "glyphs" not in config["style"]
    same = client.get("/api/v1/map/config?surface=desk")
    known = {"If-None-Match": same.headers["ETag"]}
    assert client.get("/api/v1/map/config?surface=desk", headers=known).status_code == 304


def test_the_panel_counts_what_the_asker_sees(server: flask.Flask, world: World, sign_in: SignIn) -> None:
    def count(login: str, region: str = "") -> dict[str, Any]:
        layers = sign_in(login).get(f"/api/v1/map/config?region={region}").json["layers"]
        return {layer["key"]: layer["count"] for layer in layers}

    assert count("chief")["camera"] == 2 * count("town")["camera"] == 2
    assert count("chief", small.NEAR)["camera"] == 1
    assert sign_in("town").get(f"/api/v1/map/config?region={small.FAR}").status_code == 404


def around(db: Database, world: World, z: int) -> str:
    """The base tile round a device of the near town."""
    return f"/basemap/{tile_of(z, *place(db, world.near['camera']))}.mvt"


def base_kinds(body: bytes) -> set[str]:
    return {f.props.get("role") or f.props["kind"] for f in decode(body).get("base", [])}


def test_the_base_map_is_tiles_with_a_tag(server: flask.Flask, db: Database, world: World, sign_in: SignIn) -> None:
    client = sign_in("town")
    answer = client.get(around(db, world, 8))
    assert answer.mimetype == "application/vnd.mapbox-vector-tile"
    assert {"land", "county", "town"} <= base_kinds(answer.data)
    assert "village" not in base_kinds(answer.data)
    assert "village" in base_kinds(client.get(around(db, world, 12)).data)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    known = {"If-None-Match": answer.headers["ETag"]}
    assert client.get(around(db, world, 8), headers=known).status_code == 304
    versioned = client.get(around(db, world, 8) + "?v=1")
    assert "max-age=86400" in versioned.headers["Cache-Control"]
    assert client.get("/basemap/8/3/3.mvt").status_code == 204
    assert client.get("/basemap/3/9/9.mvt").status_code == 404


def test_the_base_map_is_drawn_as_finely_as_its_zoom_can_show(db: Database, world: World) -> None:
    """A coast of 40,000 points; streets, and what the city's own layer says is for close views, from z 12."""
    with db.owner() as conn:
        for role, shape, attributes in (
            ("land", "ST_Buffer(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), 0.2, 10000)", {}),
            ("road", "ST_MakeLine(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s - 0.1), 4326), "
             "ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s + 0.1), 4326))", {"min_zoom": 12}),
        ):  # fmt: skip
            row = conn.execute(
                "INSERT INTO thematic_layer (key, title, theme, geometry, base_role) "
                "VALUES (%(role)s, '', 'base', 'polygon', %(role)s) RETURNING layer_id",
                {"role": role},
            ).fetchone()
            assert row
            lon, lat = place(db, world.near["camera"])
            conn.execute(
                "INSERT INTO thematic_feature (layer_id, external_id, name, geom, attributes)"
                f" VALUES (%(layer)s, '1', '', {shape}, %(attributes)s)",
                {"layer": row["layer_id"], "lon": lon, "lat": lat, "attributes": Jsonb(attributes)},
            )
    base = BaseMap(db.store)

    def tile(z: int) -> dict[str, int]:
        body = base.tile(*map(int, tile_of(z, lon, lat).split("/")))
        found: dict[str, int] = {}
        for f in decode(body)["base"]:
            role = str(f.props.get("role"))
            found[role] = found.get(role, 0) + sum(map(len, f.parts))
        return found

    far, near = tile(8), tile(12)
    assert 20 < far["land"] < 300
    assert not {"road", "street"} & set(far)
    assert near["street"] >= 2
    assert base.tile(14, 0, 0) == b""


def test_a_changed_region_changes_the_base_maps_version(db: Database, world: World) -> None:
    at = [0.0]
    base = BaseMap(db.store, ticks=lambda: at[0])
    z, x, y = map(int, tile_of(6, *place(db, world.near["camera"])).split("/"))
    before, body = base.version(), base.tile(z, x, y)
    with db.owner() as conn:
        conn.execute("UPDATE region SET name = '新名', updated_at = updated_at + interval '1 s' WHERE kind = 'county'")
    assert base.version() == before, "not looked at again so soon"
    at[0] = 60
    assert base.version() != before
    assert base.tile(z, x, y) != body


# ---------------------------------------------------------------- regions, search, identify, devices


def test_regions_speak_of_the_askers_top(server: flask.Flask, world: World, sign_in: SignIn, db: Database) -> None:
    chief, town = sign_in("chief"), sign_in("town")
    with db.owner() as conn:
        notes = {"notes": [{"zh": "口径不同", "en": "other definition"}], "credits": ["someone"]}
        conn.execute("INSERT INTO setting (key, value) VALUES ('demo', %s)", (Jsonb(notes),))
    found = chief.get("/api/v1/regions").json
    assert (found["notes"], found["credits"]) == (["口径不同"], ["someone"])
    assert town.get("/api/v1/regions").json["notes"] == [], "nothing of a place above the asker's"
    assert [r["code"] for r in found["breadcrumb"]] == [small.CITY]
    assert {r["code"] for r in found["children"]} == {small.NEAR, small.FAR, small.ZONE}
    assert [r["code"] for r in town.get("/api/v1/regions").json["breadcrumb"]] == [small.NEAR_TOWN]
    shape = chief.get(f"/api/v1/regions/{small.NEAR}/geometry")
    assert shape.json["geometry"]["type"] in ("MultiPolygon", "Polygon")
    assert town.get(f"/api/v1/regions/{small.FAR}/geometry").status_code == 404
    assert chief.get(f"/api/v1/regions/{small.NEAR}/geometry?tolerance=9").status_code == 422
    assert Regions.of(db.store).tree().roots[0].code == small.CITY


def test_search_and_identify_answer_with_items(
    server: flask.Flask, world: World, sign_in: SignIn, db: Database
) -> None:
    chief, town = sign_in("chief"), sign_in("town")
    groups = chief.get("/api/v1/search?q=水位").json["groups"]
    devices = next(g["items"] for g in groups if g["type"] == "device")
    assert len(devices) == 2
    assert len(next(g["items"] for g in town.get("/api/v1/search?q=水位").json["groups"] if g["type"] == "device")) == 1
    assert any(g["type"] == "indicator" for g in chief.get("/api/v1/search?q=AQI").json["groups"])
    lon, lat = place(db, world.near["camera"])
    items = chief.get(f"/api/v1/identify?lon={lon}&lat={lat}&z=17&layers=camera,region,grid_cell,what").json["items"]
    assert items[0]["key"] == f"device:{world.near['camera']}"
    assert items[-1]["layer"] == "region"
    for bad in ("lon=a&lat=1", "lon=1", "lon=1&lat=91", "lon=nan&lat=1", "lon=1&lat=1&z=99"):
        assert chief.get(f"/api/v1/identify?{bad}").status_code == 422
    assert chief.get("/api/v1/search?q=a&limit=0").status_code == 422


def test_a_device_its_curves_and_its_detail(server: flask.Flask, world: World, sign_in: SignIn) -> None:
    chief, town = sign_in("chief"), sign_in("town")
    mine, other = world.near["sensor"], world.far["sensor"]
    found = chief.get(f"/api/v1/devices/{mine}").json
    assert found["device_id"] == mine
    assert [s["property"] for s in found["datastreams"]] == ["water_level"]
    assert chief.get(f"/api/v1/devices/{mine}/observations?hours=2").json["series"][0]["property"] == "water_level"
    assert chief.get(f"/api/v1/devices/{mine}/observations?property=noise").status_code == 404
    assert chief.get(f"/api/v1/devices/{mine}/observations?hours=-1").status_code == 422
    assert chief.get(f"/api/v1/detail/device:{mine}").json["type"] == "device"
    for path in (
        f"devices/{other}",
        f"devices/{other}/observations",
        f"detail/device:{other}",
        f"detail/region:{small.FAR}",
    ):
        assert town.get(f"/api/v1/{path}").status_code == 404


def test_many_at_once_each_see_their_own(running: Any, db: Database, world: World, token: Token) -> None:
    """Two towns' officers over one server, so many at once that connections change hands."""
    paths = {side: near_path(db, world, side=side) for side in ("near", "far")}
    grants = {"near": Grant(region_codes=(small.NEAR_TOWN,), sensitivity=1), "all": Grant(whole=True, sensitivity=1)}
    asks = {who: token("read", grant=grant) for who, grant in grants.items()}
    ids = {side: {getattr(world, side)["camera"]} for side in paths}

    async def go() -> None:
        # 400 wait for a hundred connections: how long is not what is asked here
        async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:

            async def one(n: int) -> None:
                who, side = ("near", "all")[n % 2], ("near", "far")[n // 2 % 2]
                answer = await client.get(f"{paths[side]}?v={n // 8}", headers=asks[who])
                seen = {f.props["id"] for f in decode(answer.content).get("points", [])}
                assert seen == (ids[side] if who == "all" or side == "near" else set()), (who, side)

            await asyncio.gather(*(one(n) for n in range(400)))

    asyncio.run(go())


def test_tiles_are_served_by_the_real_server(running: Any, db: Database, world: World, token: Token) -> None:
    with httpx.Client(base_url=running.url, headers=token("read")) as client:
        answers = [client.get(near_path(db, world, z)) for z in (9, 12, 14, 16) for _ in range(3)]
    assert {a.status_code for a in answers} == {200}
