"""The demo's video platform: which cameras it has, references of some of them, and the small server that plays them.

The server runs in a thread of `ingest` while a demo is loaded and ffmpeg is there. It listens on loopback; where, and
with which password, stands in a file that only this installation can read. `connect` is what `web` asks through: the
same interface as a real WVP.
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg
import structlog

from data_sources._demo_video.loops import Loops, available, scene
from data_sources._demo_video.server import USER, DemoPlatform, folder_of, serve
from data_sources._wvp.client import WvpClient, WvpFault
from data_sources._wvp.play import WvpVideo
from ioc.intake.context import SourceContext
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.video import identity
from ioc.video.platform import Channel, Command, Stream

log = structlog.get_logger(__name__)
KEY = "demo"
FILE = "demo-video.json"
Conn = psycopg.Connection[Any]

_PLATFORMS = """
INSERT INTO video_platform (source, platform_id, name, edition, interval_s, confirmed_at, origin)
SELECT 'demo', d.source, max(s.title), '2022', 86400, %(at)s, 'demo'
FROM device d JOIN source s ON s.source_key = d.source
WHERE d.origin = 'demo' AND d.class = 'camera' GROUP BY d.source
ON CONFLICT DO NOTHING
"""
_NODES = """
INSERT INTO video_node (source, platform_id, gb_id, kind, name, status, status_at, device_id, info, region_id,
  private_to, sensitivity, origin, recorded_at, updated_at)
SELECT 'demo', d.source, d.national_id, 'device', d.name, CASE WHEN d.status IN ('online', 'offline', 'fault')
  THEN d.status ELSE '' END, d.status_at, d.device_id,
  CASE WHEN d.attributes ? 'ptz' THEN jsonb_build_object('ptz', d.attributes ->> 'ptz') ELSE '{}' END,
  d.region_id, d.private_to, d.sensitivity, 'demo', %(at)s, %(at)s
FROM device d WHERE d.origin = 'demo' AND d.class = 'camera' AND d.national_id IS NOT NULL
ON CONFLICT DO NOTHING
"""
# High points, and the cameras nearest to an incident: those that are looked at first.
_LOOKED_AT = """
SELECT d.device_id, d.national_id, d.region_id, d.private_to, d.sensitivity FROM device d
WHERE d.origin = 'demo' AND d.kind = 'eagle_eye' AND d.national_id IS NOT NULL
UNION
SELECT n.* FROM cases c CROSS JOIN LATERAL (
  SELECT d.device_id, d.national_id, d.region_id, d.private_to, d.sensitivity FROM device d
  WHERE d.class = 'camera' AND d.origin = 'demo' AND d.national_id IS NOT NULL
  ORDER BY d.geom <-> c.geom LIMIT 12) n
WHERE c.origin = 'demo' AND c.flow = 'incident' AND c.closed_at IS NULL AND c.geom IS NOT NULL
"""
_REFERENCE = """
INSERT INTO video_reference (device_id, light, version, picture, grey, actor, actor_name, taken_at, region_id,
  private_to, sensitivity, origin, recorded_at)
VALUES (%(device_id)s, 'day', 1, %(picture)s, %(grey)s, 'demo', '演示', %(at)s, %(region_id)s, %(private_to)s,
  %(sensitivity)s, 'demo', %(at)s) ON CONFLICT DO NOTHING
"""
_GROUP = """
INSERT INTO video_group (account_id, name, shared, on_wall, device_ids, panes, dwell_s, created_at, updated_at, origin)
SELECT 0, '高空鹰眼', true, true, ids[1:16], 4, 20, %(at)s, %(at)s, 'demo'
FROM (SELECT array_agg(device_id ORDER BY device_id) AS ids FROM device
      WHERE origin = 'demo' AND kind = 'eagle_eye' AND status = 'online' AND coalesce(private_to, '') = '') e
WHERE cardinality(ids) > 0
"""


def write(conn: Conn, at: Any) -> int:
    """Channels of every demo camera, references of those that are looked at first, one group. Returns the channels."""
    given = {"at": at}
    conn.execute(_PLATFORMS, given)
    made = conn.execute(_NODES, given).rowcount
    found = conn.execute(_LOOKED_AT).fetchall()
    for device_id, national_id, region_id, private_to, sensitivity in found[:80]:
        out = io.BytesIO()
        scene(national_id).save(out, "JPEG", quality=85)
        values = {"device_id": device_id, "region_id": region_id, "private_to": private_to, "sensitivity": sensitivity,
                  "picture": identity.reference_jpeg(out.getvalue()),
                  "grey": identity.read(out.getvalue()).packed()}  # fmt: skip
        conn.execute(_REFERENCE, {**values, **given})
    conn.execute(_GROUP, given)
    return made


# ---------------------------------------------------------------- the server, in ingest


class Playing:
    """The platform of a running demo. `close` ends it."""

    def __init__(self, context: SourceContext) -> None:
        self._store = context.store
        self._path = context.settings.root / FILE
        self._server = None
        if not available():
            log.warning("ffmpeg is missing: the demo's cameras have no picture")
            return
        platform = DemoPlatform(Loops(folder_of(context.settings.root)), self._online)
        self._server = serve(platform)
        new = self._path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps({"url": platform.url, "password": platform.password}))
        os.replace(new, self._path)

    def close(self) -> None:
        if self._server is not None:
            self._path.unlink(missing_ok=True)
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _online(self, _platform: str, channel: str) -> bool:
        with self._store.scoped(SYSTEM) as conn:
            row = conn.execute(
                "SELECT status FROM device WHERE national_id = %s AND origin = 'demo' LIMIT 1", (channel,)
            ).fetchone()
        return row is not None and row["status"] == "online"


# ---------------------------------------------------------------- asking it, in web


class DemoVideo:
    """The demo's platform, wherever it listens now: ingest may have been started anew."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._stamp, self._now = 0, None

    def _wvp(self) -> WvpVideo:
        try:
            stamp = self._path.stat().st_mtime_ns
            with self._lock:
                if self._now is None or stamp != self._stamp:
                    told = json.loads(self._path.read_text())
                    host = str(told["url"]).removeprefix("http://")
                    client = WvpClient(told["url"], USER, told["password"], "", httpx.Client(trust_env=False))
                    self._now, self._stamp = WvpVideo(client, frozenset({host})), stamp
                return self._now
        except (OSError, ValueError, KeyError):
            raise WvpFault("演示视频平台未运行", "the demo's video platform is not running") from None

    @property
    def hosts(self) -> frozenset[str]:
        return self._wvp().hosts

    def play(self, channel: Channel) -> Stream:
        return self._wvp().play(channel)

    def stop(self, channel: Channel) -> None:
        self._wvp().stop(channel)

    def streams(self) -> Mapping[Channel, str]:
        return self._wvp().streams()

    def ptz(self, channel: Channel, command: Command, speed: float) -> None:
        self._wvp().ptz(channel, command, speed)

    def snapshot(self, channel: Channel) -> bytes:
        return self._wvp().snapshot(channel)


def connect(settings: Settings) -> DemoVideo | None:
    """None until a demo plays its cameras here."""
    path = settings.root / FILE
    return DemoVideo(path) if path.exists() else None
