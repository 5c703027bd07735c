"""Cameras and their online state from a WVP-PRO, polled over its REST interface."""

from __future__ import annotations

import datetime as dt

import httpx

from data_sources._wvp.client import TIMEOUT_S, WvpClient
from data_sources._wvp.play import connect
from data_sources._wvp.poll import Poller
from ioc import __version__
from ioc.declare import Source
from ioc.i18n import Text
from ioc.intake.context import SourceContext
from ioc.settings import Settings

LOOK_EVERY_S = 1.0


def poller(context: SourceContext, client: httpx.Client) -> Poller:
    s = context.settings
    return Poller(context, WvpClient(s.wvp_url, s.wvp_user, s.wvp_password, s.wvp_api_key, client))


def run(context: SourceContext) -> None:
    """Poll until `stop`."""
    agent = {"User-Agent": f"ioc/{__version__}", "Accept": "application/json"}
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, headers=agent) as client:
        asked = poller(context, client)
        while not context.stop.is_set():
            if asked.due <= context.clock.monotonic():
                asked.turn()
            context.stop.wait(LOOK_EVERY_S)


def enabled(settings: Settings) -> bool:
    return bool(settings.wvp_url)


SOURCE = Source(
    key="wvp",
    title=Text("视频平台（WVP）", "Video platform (WVP)"),
    interval=dt.timedelta(seconds=60),
    owner=Text("视频平台", "Video platform"),
    run=run,
    enabled=enabled,
    video=connect,
    docs="IOC_WVP_URL, IOC_WVP_USER, IOC_WVP_PASSWORD or IOC_WVP_API_KEY, IOC_WVP_POLL_S",
)
