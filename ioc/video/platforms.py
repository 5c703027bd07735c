"""The platforms of a centre as its web processes use them: found through the sources, asked no more than needed.

The mapping of channels to streams is read anew at most every `MAPPING_S`; whoever looks meanwhile gets the answer that
is there, with its age. One request reads it for all panes of the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ioc.declare import Source
from ioc.errors import NotFound, SourceFault, StoreUnavailable
from ioc.settings import Settings
from ioc.video.judge import Mapped
from ioc.video.platform import Channel, Stream, VideoPlatform, guarded

MAPPING_S = 2.0
MAPPING_OLD_S = 8.0  # older: the mapping is not known any more
PLAYS_AT_ONCE = 8  # a platform that does not answer must not hold every thread of the process
ADDRESSES_S = 120.0


@dataclass
class _Known:
    platform: VideoPlatform
    lock: threading.Lock = field(default_factory=threading.Lock)
    mapping: Mapping[Channel, str] = field(default_factory=dict[Channel, str])
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    asked_at: float = float("-inf")
    good_at: float = float("-inf")
    fault: SourceFault | None = None


class Platforms:
    """Of one process. Thread-safe."""

    def __init__(
        self, sources: Mapping[str, Source], settings: Settings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = {key: s.video for key, s in sources.items() if s.video is not None}
        self._settings, self._monotonic = settings, monotonic
        self._known: dict[str, _Known] = {}
        self._streams: dict[tuple[str, Channel], tuple[float, Stream]] = {}
        self._lock = threading.Lock()
        self._plays = threading.BoundedSemaphore(PLAYS_AT_ONCE)

    @property
    def sources(self) -> list[str]:
        """Keys of sources whose platform can be asked."""
        return [key for key in self._make if self._find(key) is not None]

    def of(self, source: str) -> VideoPlatform:
        """Raises NotFound."""
        found = self._find(source)
        if found is None:
            raise NotFound("视频平台未接入", "no video platform is connected")
        return found.platform

    def play(self, source: str, channel: Channel) -> Stream:
        """The channel's stream, every address checked. Raises NotFound, SourceFault, StoreUnavailable when busy."""
        platform = self.of(source)
        if not self._plays.acquire(timeout=2):
            raise StoreUnavailable("视频平台忙，请稍后", "the video platform is busy, try again")
        try:
            stream = platform.play(channel)
        finally:
            self._plays.release()
        for url in stream.addresses.values():
            guarded(url, platform.hosts)
        with self._lock:
            now = self._monotonic()
            self._streams = {k: v for k, v in self._streams.items() if now - v[0] < ADDRESSES_S}
            self._streams[(source, channel)] = (now, stream)
        known = self._find(source)
        if known is not None:
            known.asked_at = float("-inf")  # the mapping has a new line
        return stream

    def address(self, source: str, channel: Channel, stream: str) -> Stream:
        """The addresses of a stream that a view was opened for, asked again when this process does not know them."""
        with self._lock:
            kept = self._streams.get((source, channel))
        if kept is not None and kept[1].stream == stream:
            return kept[1]
        return self.play(source, channel)

    def forget(self, source: str, channel: Channel) -> None:
        with self._lock:
            self._streams.pop((source, channel), None)

    def mapped(self, source: str, channel: Channel, stream: str) -> Mapped:
        """Whether the platform still says that `stream` is the channel's, and no other channel's."""
        known = self._find(source)
        if known is None:
            return "unknown"
        self._refresh(known)
        if self._monotonic() - known.good_at > MAPPING_OLD_S:
            return "unknown"
        now = known.mapping.get(channel)
        if now is None:
            return "gone"
        if now != stream:
            return "changed"
        return "same" if known.counts.get(stream) == 1 else "ambiguous"

    # ------------------------------------------------------------ parts

    def _find(self, source: str) -> _Known | None:
        with self._lock:
            known = self._known.get(source)
            if known is None and source in self._make:
                platform = self._make[source](self._settings)
                if platform is not None:
                    known = self._known[source] = _Known(platform)
            return known

    def _refresh(self, known: _Known) -> None:
        """One asker at a time; the others go on with what is there."""
        if self._monotonic() - known.asked_at < MAPPING_S or not known.lock.acquire(blocking=False):
            return
        try:
            known.asked_at = self._monotonic()
            mapping = dict(known.platform.streams())
            counts: dict[str, int] = {}
            for stream in mapping.values():
                counts[stream] = counts.get(stream, 0) + 1
            known.mapping, known.counts, known.fault = mapping, counts, None
            known.good_at = self._monotonic()
        except SourceFault as fault:
            known.fault = fault
        finally:
            known.lock.release()
