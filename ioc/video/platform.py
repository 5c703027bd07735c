"""What the centre asks of a video platform. A source that speaks to one offers it: `Source.video(settings)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urlsplit

from ioc.errors import SourceFault

Kind = Literal["flv", "ts", "hls"]
KINDS: tuple[Kind, ...] = ("flv", "ts", "hls")
Command = Literal[
    "left", "right", "up", "down", "upleft", "upright", "downleft", "downright", "zoomin", "zoomout", "stop"
]


@dataclass(frozen=True, slots=True)
class Channel:
    """A camera as its platform knows it: the device that holds the channel, and the channel's own id."""

    platform: str
    channel: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A running stream: the platform's id of it, and its addresses by kind. Addresses never leave the server."""

    stream: str
    addresses: Mapping[Kind, str]


class VideoPlatform(Protocol):
    """One platform. Everything raises SourceFault, and answers or fails within its own time limit."""

    @property
    def hosts(self) -> frozenset[str]:
        """Hosts media may be fetched from: `host`, or `host:port` for that port alone."""
        ...

    def play(self, channel: Channel) -> Stream:
        """Start the channel's stream, or tell of the one that runs."""
        ...

    def stop(self, channel: Channel) -> None: ...

    def streams(self) -> Mapping[Channel, str]:
        """Which stream belongs to which channel now, as the platform says."""
        ...

    def ptz(self, channel: Channel, command: Command, speed: float) -> None:
        """Begin to move (`stop`: end it). `speed` 0 to 1."""
        ...

    def snapshot(self, channel: Channel) -> bytes:
        """A JPEG the platform has of the channel."""
        ...


def guarded(url: str, hosts: frozenset[str]) -> str:
    """`url`, when the server may fetch it: http or https, an allowed host, no user in it. Raises SourceFault.

    The platform tells us where its media is. Without this a wrong or hostile answer would make the server ask any host
    of the inner network (SSRF).
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise SourceFault("流地址有误", "a stream address that is none") from None
    known = {host, f"{host}:{port}"} & hosts
    if parts.scheme not in ("http", "https") or not known or parts.username or parts.password:
        raise SourceFault(
            "流地址不在允许的主机内（IOC_VIDEO_MEDIA_HOSTS）",
            "a stream address outside the allowed hosts (IOC_VIDEO_MEDIA_HOSTS)",
        )
    return url
