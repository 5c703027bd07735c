"""WVP-PRO as a video platform: play, stop, PTZ, snapshots, and which stream is whose.

As of WVP-GB28181-PRO 2.7 (its `PlayController`, `PtzController` and `DeviceQuery`; older spellings are tried after):

    GET  /api/play/start/{deviceId}/{channelId}      the stream's id and addresses; the same again while it runs
    GET  /api/play/stop/{deviceId}/{channelId}
    GET  /api/play/ssrc                              every session: deviceId, channelId, streamId: the mapping
    GET  /api/front-end/ptz/{deviceId}/{channelId}   command, horizonSpeed and verticalSpeed 0-255, zoomSpeed 0-15
    POST /api/ptz/control/{deviceId}/{channelId}     the same, before 2.7.3
    GET  /api/device/query/snap/{deviceId}/{channelId}   JPEG taken when the stream was last started
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote, urlsplit

import httpx

from data_sources._wvp.client import TIMEOUT_S, WvpClient, WvpFault
from ioc import __version__
from ioc.settings import Settings
from ioc.video.platform import KINDS, Channel, Command, Kind, Stream

# WVP itself waits up to 18 s for a camera to push; a pane retries, so a thread is not held that long.
PLAY_S, MAPPING_S, CONTROL_S = 12.0, 3.0, 4.0


class WvpVideo:
    """One WVP. `hosts`: where its media servers may be."""

    def __init__(self, client: WvpClient, hosts: frozenset[str]) -> None:
        self._client, self.hosts = client, hosts
        self._old_ptz = False

    def play(self, channel: Channel) -> Stream:
        path = f"/api/play/start/{_of(channel)}"
        data = self._client.get(path, timeout_s=PLAY_S)
        found = cast("Mapping[str, Any]", data) if isinstance(data, dict) else {}
        addresses: dict[Kind, str] = {}
        for kind in KINDS:
            url = found.get(kind) or found.get(f"https_{kind}")
            if isinstance(url, dict):  # versions before 2.6 wrap an address: {"url": ...}
                url = cast("Mapping[str, Any]", url).get("url")
            if isinstance(url, str) and url:
                addresses[kind] = url
        stream = found.get("stream")
        if not isinstance(stream, str) or not stream or not addresses:
            raise WvpFault(f"点播应答中没有流地址：{path}", f"no stream in the answer: {path}")
        return Stream(stream, addresses)

    def stop(self, channel: Channel) -> None:
        self._client.get(f"/api/play/stop/{_of(channel)}", timeout_s=CONTROL_S)

    def streams(self) -> Mapping[Channel, str]:
        data = self._client.get("/api/play/ssrc", timeout_s=MAPPING_S)
        # {"data": [...], "count": n}, inside the usual answer or by itself
        rows = cast("Mapping[str, Any]", data).get("data") if isinstance(data, dict) else data
        if not isinstance(rows, list):
            raise WvpFault("流映射应答不是列表：/api/play/ssrc", "the mapping is no list: /api/play/ssrc")
        out: dict[Channel, str] = {}
        for row in cast("list[Any]", rows):
            item = cast("Mapping[str, Any]", row) if isinstance(row, dict) else {}
            device, channel, stream = (item.get(k) for k in ("deviceId", "channelId", "streamId"))
            if isinstance(device, str) and isinstance(channel, str) and isinstance(stream, str):
                out[Channel(device, channel)] = stream
        return out

    def ptz(self, channel: Channel, command: Command, speed: float) -> None:
        turn = 0 if command == "stop" else max(1, round(255 * speed))
        params = {"command": command, "horizonSpeed": turn, "verticalSpeed": turn,
                  "zoomSpeed": 0 if command == "stop" else max(1, round(15 * speed))}  # fmt: skip
        if not self._old_ptz:
            try:
                self._client.get(f"/api/front-end/ptz/{_of(channel)}", params, timeout_s=CONTROL_S)
                return
            except WvpFault as fault:
                if fault.answered not in (404, 405):
                    raise
                self._old_ptz = True
        self._client.post(f"/api/ptz/control/{_of(channel)}", params, timeout_s=CONTROL_S)

    def snapshot(self, channel: Channel) -> bytes:
        return self._client.picture(f"/api/device/query/snap/{_of(channel)}", timeout_s=CONTROL_S)


def connect(settings: Settings) -> WvpVideo | None:
    """The WVP of the settings; None: none is set."""
    if not settings.wvp_url:
        return None
    hosts = frozenset(settings.video_media_hosts.split()) or frozenset({urlsplit(settings.wvp_url).hostname or ""})
    agent = {"User-Agent": f"ioc/{__version__}", "Accept": "application/json"}
    http = httpx.Client(timeout=httpx.Timeout(TIMEOUT_S, connect=3.0), follow_redirects=False, headers=agent)
    return WvpVideo(
        WvpClient(settings.wvp_url, settings.wvp_user, settings.wvp_password, settings.wvp_api_key, http), hosts
    )


def _of(channel: Channel) -> str:
    return f"{quote(channel.platform, safe='')}/{quote(channel.channel, safe='')}"
