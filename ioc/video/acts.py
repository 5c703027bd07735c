"""What is done with a camera beside looking: moving it, approving its reference, a snapshot, the search link.

Each needs its right and leaves an audit record with who, which camera and what.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from ioc.accounts.identity import Identity
from ioc.attachments.work import Attachments, Sent
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.scope import SYSTEM
from ioc.store import case_steps
from ioc.store import video_views as rows
from ioc.store.accounts import audit
from ioc.video import identity
from ioc.video.platform import Channel, Command
from ioc.video.views import PURPOSE_MAX, PURPOSE_MIN, Views

LOCK = dt.timedelta(seconds=20)  # after the last movement; short, so that a closed browser frees the camera
PRESET_MAX = 40
TRACE_RIGHT = "video.trace"


@dataclass(frozen=True)
class Acts:
    views: Views
    attachments: Attachments

    # ------------------------------------------------------------ PTZ

    def ptz(self, who: Identity, device_id: int, command: Command, speed: float, remote: str) -> dict[str, Any]:
        """Move a camera. The first to move it has it until 20 s after their last movement. Raises Conflict naming who.

        The lock is taken before the platform is asked: two people never move one camera against each other.
        """
        v = self.views
        camera = v.camera(who.scope, device_id)
        if camera["channel_id"] is None:
            raise NotFound("该点位没有视频平台通道", "the camera has no channel on a video platform")
        now = v.clock.now()
        values = {"device_id": device_id, "actor": who.scope.actor, "actor_name": who.name, "now": now,
                  "until": now + LOCK, "origin": camera["origin"]}  # fmt: skip
        with v.store.scoped(SYSTEM) as conn:
            taken = rows.take_ptz(conn, values)
            holder = rows.ptz(conn, device_id)
            facts = {"command": command, "speed": speed, "refused": not taken}
            audit(conn, actor=who.scope.actor, action="video.ptz", object_=f"device:{device_id}", address=remote,
                  detail=facts)  # fmt: skip
        if not taken:
            name = holder["actor_name"] if holder else ""
            raise Conflict(f"{name} 正在控制该云台", f"{name} is moving this camera", {"holder": name})
        channel = Channel(str(camera["platform_id"]), str(camera["channel_id"]))
        v.platforms.of(str(camera["node_source"])).ptz(channel, command, speed)
        return {"device_id": device_id, "until": (now + LOCK).isoformat()}

    def release(self, who: Identity, device_id: int, remote: str) -> None:
        """Let the camera go before the time."""
        v = self.views
        with v.store.scoped(SYSTEM) as conn:
            rows.release_ptz(conn, device_id, who.scope.actor, v.clock.now())
            audit(conn, actor=who.scope.actor, action="video.ptz", object_=f"device:{device_id}", address=remote,
                  detail={"command": "release"})  # fmt: skip

    # ------------------------------------------------------------ references

    def approve(
        self, who: Identity, view_id: int, light: Literal["day", "night"], preset: str, picture: bytes, remote: str
    ) -> dict[str, Any]:
        """The picture on the officer's screen becomes the camera's reference, as a new version. Raises Invalid."""
        read = identity.read(picture)
        if read.blank:
            zh, en = "画面无内容，不能作为基准", "a blank picture proves nothing"
            raise Invalid(reasons=[Reason("picture", "blank", zh, en)])
        view = self.views.mine(who, view_id)
        return self._reference(who, view, light, preset, identity.reference_jpeg(picture), read.packed(), remote)

    def withdraw(self, who: Identity, device_id: int, light: Literal["day", "night"], preset: str, remote: str) -> None:
        """The reference in force is none any more; its versions stay. Raises NotFound."""
        camera = self.views.camera(who.scope, device_id)
        with self.views.store.scoped(SYSTEM) as conn:
            known = [(r["light"], r["preset"]) for r in rows.references(conn, device_id)]
        if (light, preset) not in known:
            raise NotFound("没有该基准图", "there is no such reference")
        self._reference(who, camera, light, preset, None, None, remote)

    def references(self, who: Identity, device_id: int) -> list[dict[str, Any]]:
        camera = self.views.camera(who.scope, device_id)
        with self.views.store.scoped(SYSTEM) as conn:
            found = rows.references(conn, int(camera["device_id"]))
        return [
            {
                "reference_id": r["reference_id"], "light": r["light"], "preset": r["preset"], "version": r["version"],
                "by": r["actor_name"], "at": r["taken_at"].isoformat(),
                "picture": f"/api/v1/video/references/{r['reference_id']}",
            }
            for r in found
        ]  # fmt: skip

    def _reference(
        self, who: Identity, about: rows.Row, light: str, preset: str, jpeg: bytes | None, grey: bytes | None,
        remote: str,
    ) -> dict[str, Any]:  # fmt: skip
        now = self.views.clock.now()
        values = {
            **{k: about[k] for k in ("device_id", "region_id", "private_to", "sensitivity", "origin")},
            "light": light, "preset": preset.strip()[:PRESET_MAX], "picture": jpeg, "grey": grey,
            "actor": who.scope.actor, "actor_name": who.name, "now": now,
        }  # fmt: skip
        with self.views.store.scoped(SYSTEM) as conn:
            made = rows.add_reference(conn, values)
            facts = {"light": light, "preset": preset, "version": made["version"], "withdrawn": grey is None}
            audit(conn, actor=who.scope.actor, action="video.reference", object_=f"device:{about['device_id']}",
                  address=remote, detail=facts)  # fmt: skip
        return {"reference_id": made["reference_id"], "version": made["version"], "light": light}

    # ------------------------------------------------------------ snapshot

    def snapshot(self, who: Identity, view_id: int, case_id: int | None, picture: bytes, remote: str) -> dict[str, Any]:
        """A picture of a view as an attachment: of the case when one is given, else the viewer's own.

        `picture` is what the pane showed; empty: the platform's own snapshot is fetched. Raises as `Attachments.add`.
        """
        v = self.views
        view = v.mine(who, view_id)
        channel = Channel(view["platform_id"], view["channel_id"])
        data = picture or v.platforms.of(view["node_source"]).snapshot(channel)
        kept = self.attachments.add(who.scope, who.name, Sent(data, case_id, address=remote))
        facts = {"view": view_id, "case": case_id, "attachment": kept["attachment_id"], "state": view["state"],
                 "code": view["code"], "sm3": kept["sm3"]}  # fmt: skip
        with v.store.scoped(SYSTEM) as conn:
            audit(conn, actor=who.scope.actor, action="video.snapshot", object_=f"device:{view['device_id']}",
                  address=remote, detail=facts)  # fmt: skip
        return {**kept, "state": view["state"], "code": view["code"]}

    # ------------------------------------------------------------ ways into other systems

    def ar(self, who: Identity, device_id: int, remote: str) -> dict[str, Any]:
        """The way to a high point's labelled view in the AR client of its platform (VID-04).

        Raises NotFound for a camera that is no high point, and where no such client is set.
        """
        v = self.views
        camera = v.camera(who.scope, device_id)
        if "ar" not in v.links(camera):
            raise NotFound("该点位没有 AR 入口（IOC_VIDEO_AR_URL）", "the camera has no AR view (IOC_VIDEO_AR_URL)")
        number = _number(camera)
        with v.store.scoped(SYSTEM) as conn:
            audit(conn, actor=who.scope.actor, action="video.ar", object_=f"device:{device_id}", address=remote,
                  detail={"camera": number})  # fmt: skip
        return {"url": v.settings.video_ar_url.replace("{camera}", quote(number, safe=""))}

    def trace(self, who: Identity, device_id: int, case_id: int, purpose: str, remote: str) -> dict[str, Any]:
        """The way into the search system of another department (VID-08), for a case and a purpose that are registered.

        No feature, face or result of a search is stored or passes through here. Raises NotFound where none is set.
        """
        v = self.views
        camera = v.camera(who.scope, device_id)
        purpose = purpose.strip()
        if not PURPOSE_MIN <= len(purpose) <= PURPOSE_MAX:
            zh, en = "请填写用途（4 至 200 字）", "say what for (4 to 200 characters)"
            raise Invalid(reasons=[Reason("purpose", "missing", zh, en)])
        with v.store.scoped(who.scope) as conn:
            if case_steps.read(conn, who.scope, case_id, lock=False) is None:
                raise NotFound(f"办件 {case_id}", f"case {case_id}")
        pattern = v.settings.video_trace_url
        if not pattern:
            raise NotFound("检索系统未接入（IOC_VIDEO_TRACE_URL）", "no search system is set (IOC_VIDEO_TRACE_URL)")
        channel = _number(camera)
        with v.store.scoped(SYSTEM) as conn:
            audit(conn, actor=who.scope.actor, action="video.trace", object_=f"device:{device_id}", address=remote,
                  detail={"case": case_id, "purpose": purpose, "camera": channel})  # fmt: skip
        return {"url": pattern.replace("{camera}", quote(channel, safe=""))}


def _number(camera: rows.Row) -> str:
    """What other systems know the camera by."""
    return str(camera["national_id"] or camera["channel_id"] or "")
