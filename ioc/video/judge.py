"""What a pane may say of its picture, from what is known at one moment. Pure: no SQL, no HTTP, time is given.

Three proofs (VID-01): the platform's channel id, the mapping of channels to streams as the platform tells it anew every
few seconds, and the likeness of the picture on the screen to a reference. `verified` needs all three. A picture that
may be another camera's, or that stands still, is covered at once; a person may lift the cover of a picture that only
looks unlike its reference (a fire does) or stands still, never that of one which is certainly another's.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from ioc.i18n import Text
from ioc.video.identity import SAME

State = Literal["verified", "unverified", "lost"]
Mapped = Literal["same", "changed", "gone", "ambiguous", "unknown"]
# Found and told within 10 s: a look comes every 2 s, the mapping is no older than that.
NO_FRAME = dt.timedelta(seconds=5)
FROZEN = dt.timedelta(seconds=6)
TURNED_FOR = dt.timedelta(minutes=10)

WORDS: dict[str, Text] = {
    "starting": Text("正在连接", "Connecting"),
    "verified": Text("已核验", "Verified"),
    "no_reference": Text("无基准图", "No reference picture"),
    "mismatch": Text("画面与基准不符", "Picture unlike its reference"),
    "blank": Text("画面无内容", "Blank picture"),
    "turned": Text("云台已转动", "Camera was turned"),
    "changed": Text("平台已更换流", "The platform changed the stream"),
    "ambiguous": Text("平台流映射重复", "Two channels on one stream"),
    "platform": Text("平台未确认流映射", "Mapping not confirmed by the platform"),
    "gone": Text("平台已停止推流", "The platform stopped the stream"),
    "no_frames": Text("没有新画面", "No new picture"),
    "frozen": Text("画面静止不变", "Picture stands still"),
    "unseen": Text("尚未取得画面", "No picture yet"),
}
# Of these a person may lift the cover; audited. A fire is unlike the reference, an empty yard at night stands still.
LIFTABLE = frozenset({"mismatch", "frozen"})


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a pane. `similarity` None: no reference, or no picture with this look."""

    now: dt.datetime
    mapped: Mapped
    frame_at: dt.datetime | None
    same_since: dt.datetime | None
    picture: bool
    blank: bool = False
    has_reference: bool = False
    similarity: float | None = None
    moved_at: dt.datetime | None = None
    lifted_code: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`cover`: hide the picture. `restart`: ask the platform for the stream again. `code` is a key of `WORDS`."""

    state: State
    code: str
    cover: bool = False
    restart: bool = False

    @property
    def liftable(self) -> bool:
        return self.cover and self.code in LIFTABLE


def judge(s: Seen) -> Verdict:
    """The worst that is known counts."""
    if s.mapped == "gone":
        return Verdict("lost", "gone", cover=True, restart=True)
    if s.mapped == "changed":
        return Verdict("unverified", "changed", cover=True, restart=True)
    if s.mapped == "ambiguous":
        return Verdict("unverified", "ambiguous", cover=True)
    if s.frame_at is None:
        return Verdict("unverified", "unseen", cover=True)
    if s.now - s.frame_at > NO_FRAME:
        return Verdict("lost", "no_frames", cover=True)
    if s.same_since is not None and s.now - s.same_since > FROZEN:
        return Verdict("lost", "frozen", cover=s.lifted_code != "frozen")
    if not s.picture:
        return Verdict("unverified", "unseen", cover=True)
    return _likeness(s)


def _likeness(s: Seen) -> Verdict:
    if s.blank:
        return Verdict("unverified", "blank")
    if not s.has_reference or s.similarity is None:
        return Verdict("unverified", "no_reference")
    if s.similarity >= SAME:
        return Verdict("verified", "verified") if s.mapped == "same" else Verdict("unverified", "platform")
    if s.moved_at is not None and s.now - s.moved_at < TURNED_FOR and s.mapped == "same":
        return Verdict("unverified", "turned")
    return Verdict("unverified", "mismatch", cover=s.lifted_code != "mismatch")
