"""A few cameras on a platform that plays real H.264 (ffmpeg), for tests and `ioc bench video`'s own test."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import psycopg

from data_sources._demo_video.loops import Loops, scene
from data_sources._demo_video.server import USER, DemoPlatform, serve
from ioc.video import identity
from tests.conftest import NOW

PLATFORM = "44170200002000000001"


def gb(n: int) -> str:
    return f"4417020108132600{n:04d}"


def fill(conn: psycopg.Connection[Any], region: int, count: int, references: range, *, secret: int = 0) -> list[int]:
    """Cameras 1..count with channels; `references`: those with an approved picture; `secret`: a masked one."""
    conn.execute(
        "INSERT INTO video_platform (source, platform_id, name, confirmed_at) VALUES ('wvp', %s, '平台', %s)",
        (PLATFORM, NOW),
    )
    ids: list[int] = []
    for n in range(1, count + 1):
        lon, lat = 111.15 + 0.001 * n, 21.65
        row = conn.execute(
            "INSERT INTO device (source, external_id, national_id, kind, class, name, status, status_at, search, geom,"
            " geom_m, h3_10, region_id, sensitivity, attributes) VALUES ('wvp', %(g)s, %(g)s, 'camera', 'camera',"
            " %(name)s, 'online', %(now)s, lower(%(name)s || ' ' || %(g)s), ST_Point(%(lon)s, %(lat)s, 4326),"
            " ST_Transform(ST_Point(%(lon)s, %(lat)s, 4326), 4546), %(cell)s, %(r)s, %(s)s, '{\"ptz\": \"球机\"}')"
            " RETURNING device_id",
            {"g": gb(n), "name": f"点位{n}", "now": NOW, "lon": lon, "lat": lat,
             "cell": h3.latlng_to_cell(lat, lon, 10),
             "r": region, "s": 2 if n == secret else 0},
        ).fetchone()  # fmt: skip
        assert row is not None
        ids.append(row["device_id"])
        conn.execute(
            "INSERT INTO video_node (source, platform_id, gb_id, kind, name, status, device_id, info, region_id,"
            " updated_at)"
            " VALUES ('wvp', %s, %s, 'device', %s, 'online', %s, '{\"ptz\": \"球机\"}', %s, %s)",
            (PLATFORM, gb(n), f"点位{n}", ids[-1], region, NOW),
        )
        if n in references:
            out = io.BytesIO()
            scene(gb(n)).save(out, "JPEG")
            conn.execute(
                "INSERT INTO video_reference (device_id, light, version, picture, grey, actor, taken_at, region_id)"
                " VALUES (%s, 'day', 1, %s, %s, 't', %s, %s)",
                (ids[-1], identity.reference_jpeg(out.getvalue()), identity.read(out.getvalue()).packed(), NOW, region),
            )
    return ids


@contextlib.contextmanager
def playing(folder: Path) -> Iterator[DemoPlatform]:
    platform = DemoPlatform(Loops(folder))
    server = serve(platform)
    try:
        yield platform
    finally:
        for run in platform.running.values():
            run.cut = True
        server.shutdown()
        server.server_close()


def told_of(platform: DemoPlatform) -> dict[str, str]:
    """Settings that connect a centre to it."""
    return {"wvp_url": platform.url, "wvp_user": USER, "wvp_password": platform.password}
