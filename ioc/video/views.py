"""Looking at cameras: opening a view, proving its picture look by look, lifting a cover, ending it. All audited."""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.accounts.identity import Identity
from ioc.clock import Clock
from ioc.errors import Conflict, Invalid, IocError, NotFound, Reason, TooMany
from ioc.fold import fold
from ioc.scope import SENSITIVE, SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Conn, Store
from ioc.store import video_views as rows
from ioc.store.accounts import audit
from ioc.store.notices import Notice, put
from ioc.store.regions import Regions
from ioc.video import address, identity
from ioc.video.judge import LIFTABLE, WORDS, Seen, Verdict, judge
from ioc.video.platform import KINDS, Channel, Stream
from ioc.video.platforms import Platforms

log = logging.getLogger("ioc.video")
LOOK_S = 2  # how often a pane shows the server what it shows the viewer
SILENT = dt.timedelta(seconds=30)
SETTLING = dt.timedelta(seconds=4)
MOST_OPEN = 40  # of one asker: a wall of 16 panes, a command row, and what a reload has not ended yet
PURPOSE_MIN, PURPOSE_MAX = 4, 200


@dataclass(frozen=True, slots=True)
class Look:
    """What a pane says of itself. `frames`: pictures decoded since its player began; `idle_ms`: since the last one."""

    frames: int
    idle_ms: float
    picture: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """The page a view belongs to: the key of its one connection, and which kind it wants there ("": the quickest)."""

    key: str = ""
    kind: str = ""

    def chosen(self, stream: Stream) -> str:
        if self.kind == "hls":
            return ""
        offered = [k for k in ("flv", "ts") if k in stream.addresses]
        return self.kind if self.kind in offered else next(iter(offered), "")


@dataclass(frozen=True)
class Views:
    store: Store
    settings: Settings
    clock: Clock
    platforms: Platforms

    # ------------------------------------------------------------ cameras

    def cameras(self, scope: Scope, asked: Mapping[str, Any], limit: int = 100) -> list[dict[str, Any]]:
        """`asked`: ids, text, region (code), bbox. Only what the scope sees."""
        given = dict(asked)
        text = fold(str(given.pop("text", "") or "")).strip()
        given["words"] = text.split()[:5]
        region = str(given.pop("region", "") or "")
        ids = Regions.of(self.store).ids(scope, region) if region else None
        if ids is not None:
            given["regions"] = sorted(ids)
        with self.store.scoped(scope) as conn:
            found = rows.cameras(conn, scope, self.platforms.sources, given, limit)
        return [camera_json(r) for r in found]

    def camera(self, scope: Scope, device_id: int) -> rows.Row:
        """Raises NotFound, also for one outside the scope."""
        with self.store.scoped(scope) as conn:
            found = rows.cameras(conn, scope, self.platforms.sources, {"ids": [device_id]}, 1)
        if not found:
            raise NotFound(f"视频点位 {device_id}", f"camera {device_id}")
        return found[0]

    def links(self, camera: rows.Row) -> list[str]:
        """Ways into other systems there are for a camera: ar (a high point's labelled view), trace (search)."""
        ways = {"ar": camera["high_point"] and self.settings.video_ar_url, "trace": self.settings.video_trace_url}
        return [key for key, url in ways.items() if url]

    # ------------------------------------------------------------ a view

    def open(
        self, who: Identity, device_id: int, surface: str, case_id: int | None, purpose: str, remote: str,
        page: Page = Page(),
    ) -> dict[str, Any]:  # fmt: skip
        """Ask the platform for the stream and open a view of it. Raises NotFound, Invalid, TooMany, SourceFault.

        A sensitive camera is masked: it is shown to who says what for, and that is a record of its own (unmask).
        """
        camera = self.camera(who.scope, device_id)
        purpose = purpose.strip()
        masked = int(camera["sensitivity"]) >= SENSITIVE
        if masked and not PURPOSE_MIN <= len(purpose) <= PURPOSE_MAX:
            zh, en = "敏感点位：请填写查看用途（4 至 200 字）", "a sensitive camera: say what for (4 to 200 characters)"
            raise Invalid(reasons=[Reason("purpose", "masked", zh, en)])
        if camera["channel_id"] is None:
            raise NotFound("该点位没有视频平台通道", "the camera has no channel on a video platform")
        self.sweep()
        channel = Channel(str(camera["platform_id"]), str(camera["channel_id"]))
        with self.store.scoped(SYSTEM) as conn:
            if rows.count_open(conn, who.scope.actor) >= MOST_OPEN:
                raise TooMany(f"同时至多 {MOST_OPEN} 路", f"at most {MOST_OPEN} pictures at once")
        stream = self.platforms.play(str(camera["node_source"]), channel)
        now = self.clock.now()
        values = {
            **camera, "actor": who.scope.actor, "actor_name": who.name, "credential": who.secret_hash,
            "surface": surface, "case_id": case_id, "purpose": purpose[:PURPOSE_MAX], "stream": stream.stream,
            "now": now, "mux": page.key, "mux_kind": page.chosen(stream) if page.key else "",
        }  # fmt: skip
        with self.store.scoped(SYSTEM) as conn:
            view_id = rows.open_view(conn, values)
            facts = {"view": view_id, "channel": channel.channel, "surface": surface, "case": case_id}
            audit(conn, actor=who.scope.actor, action="video.view", object_=f"device:{device_id}", address=remote,
                  detail=facts)  # fmt: skip
            if masked:
                audit(conn, actor=who.scope.actor, action="video.unmask", object_=f"device:{device_id}",
                      address=remote, detail={**facts, "purpose": purpose})  # fmt: skip
        kinds = [k for k in KINDS if k in stream.addresses]
        return {
            "view_id": view_id, "camera": {**camera_json(camera), "links": self.links(camera)},
            "look_every_s": LOOK_S, "kinds": kinds,
            "mux_kind": values["mux_kind"],
            "ptz": _lock_json(self.ptz_state(device_id), who.scope.actor, now),
            **self._address(view_id, who.secret_hash), **_told(Verdict("unverified", "starting", cover=True), None),
        }  # fmt: skip

    def look(self, who: Identity, view_id: int, look: Look) -> dict[str, Any]:
        """One look of a pane, and what it may show until the next. Raises NotFound when the view has ended."""
        shown = identity.read(look.picture) if look.picture else None
        with self.store.scoped(SYSTEM) as conn:
            row = self._mine(conn, who, view_id)
        channel = Channel(row["platform_id"], row["channel_id"])
        mapped = self.platforms.mapped(row["node_source"], channel, row["stream"])
        now = self.clock.now()
        if mapped in ("gone", "changed") and now - row["started_at"] < SETTLING:
            mapped = "unknown"  # read before the platform had begun this stream
        with self.store.scoped(SYSTEM) as conn:
            row = self._mine(conn, who, view_id, lock=True)
            references = [identity.unpacked(r["grey"]) for r in rows.references(conn, row["device_id"])]
            lock = rows.ptz(conn, row["device_id"])
            likeness = identity.best(shown, references) if shown is not None else None
            anchor, since = row["anchor"], row["same_since"]
            if shown is not None and (anchor is None or not identity.unmoved(shown, identity.unpacked(anchor))):
                anchor, since = shown.packed(), now
            idle = look.idle_ms if math.isfinite(look.idle_ms) else 0.0
            moved_on = look.frames != row["frames"] and look.frames > 0
            frame_at = now - dt.timedelta(milliseconds=min(max(idle, 0.0), 86_400_000)) if moved_on else row["frame_at"]
            seen = Seen(
                now, mapped, frame_at, since, shown is not None,
                shown is not None and shown.blank, bool(references), likeness, lock["moved_at"] if lock else None,
                row["lifted_code"],
            )  # fmt: skip
            verdict = judge(seen)
            lifted = row["lifted_code"] if verdict.code == row["lifted_code"] else ""
            stream = row["stream"]
            self._record(conn, row, verdict, likeness, now)
            rows.seen(conn, {
                "view_id": view_id, "now": now, "stream": stream, "state": verdict.state, "code": verdict.code,
                "frames": look.frames, "frame_at": frame_at, "anchor": anchor, "same_since": since,
                "lifted_at": row["lifted_at"] if lifted else None, "lifted_code": lifted,
            })  # fmt: skip
        return {
            "view_id": view_id, "similarity": likeness, "ptz": _lock_json(lock, who.scope.actor, now),
            **self._address(view_id, who.secret_hash), **_told(verdict, frame_at),
        }  # fmt: skip

    def lift(self, who: Identity, view_id: int, remote: str) -> dict[str, Any]:
        """Show a picture that is unlike its reference, or stands still, with its mark. Raises NotFound, Conflict."""
        with self.store.scoped(SYSTEM) as conn:
            row = self._mine(conn, who, view_id, lock=True)
            if row["code"] not in LIFTABLE:
                raise Conflict("没有可解除的遮盖", "there is no cover that can be lifted")
            rows.seen(conn, {**row, "now": self.clock.now(), "lifted_at": self.clock.now(), "lifted_code": row["code"]})
            audit(conn, actor=who.scope.actor, action="video.unmask", object_=f"device:{row['device_id']}",
                  address=remote, detail={"view": view_id, "code": row["code"]})  # fmt: skip
        return {"view_id": view_id}

    def end(self, who: Identity, view_id: int, why: str = "closed") -> None:
        """The viewer closed the pane. Ending what has ended is no error."""
        with self.store.scoped(SYSTEM) as conn:
            row = rows.view(conn, view_id, lock=True)
            if row is None or row["actor"] != who.scope.actor:
                return
            ended = rows.end_view(conn, view_id, why, self.clock.now())
            if ended is not None:
                _audit_end(conn, ended)
        self._release([row])

    def sweep(self) -> int:
        """Ends views whose panes fell silent (a closed lid, a lost network). Returns how many."""
        with self.store.scoped(SYSTEM) as conn:
            ended = rows.end_silent(conn, self.clock.now() - SILENT)
            for row in ended:
                _audit_end(conn, row)
        self._release(ended)
        return len(ended)

    def ptz_state(self, device_id: int) -> rows.Row | None:
        with self.store.scoped(SYSTEM) as conn:
            return rows.ptz(conn, device_id)

    def mine(self, who: Identity, view_id: int) -> rows.Row:
        """An open view of the asker's. Raises NotFound."""
        with self.store.scoped(SYSTEM) as conn:
            return self._mine(conn, who, view_id)

    def muxed(self, who: Identity, key: str) -> Sequence[rows.Row] | None:
        """The views of a page's connection; None: the database is away for a moment."""
        try:
            with self.store.scoped(SYSTEM) as conn:
                return rows.muxed(conn, key, who.secret_hash, self.clock.now() - SILENT)
        except IocError:
            return None

    def is_open(self, view_id: int) -> bool:
        """Whether media of the view may go on. Silent views are ended by whoever asks."""
        try:
            with self.store.scoped(SYSTEM) as conn:
                row = rows.view(conn, view_id)
        except IocError:
            return True  # the database is away for a moment: a stream is not cut for that
        return row is not None and self.clock.now() - row["seen_at"] <= SILENT

    # ------------------------------------------------------------ parts

    def _mine(self, conn: Conn, who: Identity, view_id: int, *, lock: bool = False) -> rows.Row:
        row = rows.view(conn, view_id, lock=lock)
        if row is None or row["actor"] != who.scope.actor or row["credential"] != who.secret_hash:
            raise NotFound(f"画面 {view_id} 已结束", f"view {view_id} has ended")
        if not who.scope.sees(row["region_id"], row["private_to"] or None, row["sensitivity"]):
            raise NotFound(f"画面 {view_id} 已结束", f"view {view_id} has ended")
        return row

    def _address(self, view_id: int, credential: str) -> dict[str, Any]:
        until = int(self.clock.now().timestamp()) + address.LIFE_S
        token = address.sign(self.settings.secret, view_id, until, credential)
        return {"base": address.base(view_id, token), "until": until}

    def _record(self, conn: Conn, row: rows.Row, verdict: Verdict, likeness: float | None, now: dt.datetime) -> None:
        """A state that changed goes into the history and to the screens; one that is not the camera's to somebody."""
        if (row["state"], row["code"]) == (verdict.state, verdict.code):
            return
        rows.add_state(conn, row, verdict.state, verdict.code, likeness, now)
        if verdict.code in ("mismatch", "ambiguous", "changed", "frozen"):
            hour = f"{now:%Y%m%d%H}"
            word = WORDS[verdict.code]
            put(conn, Notice(
                f"video:{row['device_id']}:{verdict.code}:{hour}", "video.identity", "role", "chief",
                f"视频点位 {row['device_id']}：{word.zh}", f"Camera {row['device_id']}: {word.en}",
                about=f"device:{row['device_id']}", priority="medium", region_id=row["region_id"],
                private_to=row["private_to"], sensitivity=row["sensitivity"], origin=row["origin"],
            ), now)  # fmt: skip

    def _release(self, ended: Sequence[rows.Row]) -> None:
        """Streams nobody looks at any more are given back to the platform; its refusal is its own affair."""
        for source, platform_id, channel_id in {(r["node_source"], r["platform_id"], r["channel_id"]) for r in ended}:
            with self.store.scoped(SYSTEM) as conn:
                if rows.watched(conn, source, platform_id, channel_id):
                    continue
            channel = Channel(platform_id, channel_id)
            self.platforms.forget(source, channel)
            try:
                self.platforms.of(source).stop(channel)
            except IocError as e:
                log.info("stop of %s refused: %s", channel_id, e)


def _audit_end(conn: Conn, row: rows.Row) -> None:
    seconds = round((row["ended_at"] - row["started_at"]).total_seconds(), 1)
    facts = {"view": row["view_id"], "from": row["started_at"].isoformat(), "to": row["ended_at"].isoformat(),
             "seconds": seconds, "why": row["ended_why"]}  # fmt: skip
    audit(conn, actor=row["actor"], action="video.view.end", object_=f"device:{row['device_id']}", detail=facts)


def _told(verdict: Verdict, frame_at: dt.datetime | None) -> dict[str, Any]:
    word = WORDS[verdict.code]
    return {
        "state": verdict.state, "code": verdict.code, "zh": word.zh, "en": word.en, "cover": verdict.cover,
        "restart": verdict.restart, "liftable": verdict.liftable,
        "frame_at": frame_at.isoformat() if frame_at else None,
    }  # fmt: skip


def _lock_json(row: rows.Row | None, actor: str, now: dt.datetime) -> dict[str, Any] | None:
    """Who moves the camera now; None: nobody."""
    if row is None or row["until"] <= now:
        return None
    return {"mine": row["actor"] == actor, "name": row["actor_name"], "until": row["until"].isoformat()}


def camera_json(row: rows.Row) -> dict[str, Any]:
    """A camera for pickers and panes. `masked`: a purpose is asked for; `playable`: a platform has its channel."""
    keep = ("device_id", "name", "kind", "status", "national_id", "address", "lon", "lat", "high_point", "region",
            "azimuth_deg", "fov_deg", "range_m", "origin")  # fmt: skip
    at = row["status_at"]
    return {
        **{k: row[k] for k in keep}, "status_at": at.isoformat() if at else None,
        "playable": row["channel_id"] is not None, "masked": int(row["sensitivity"]) >= SENSITIVE,
        "turns": row["ptz"] in TURNS or bool(row["high_point"]),
    }  # fmt: skip


# Words of GB/T 28181 PTZType (ioc.intake.gb_catalogue.PTZ) that can be turned.
TURNS = frozenset({"球机", "遥控枪机", "遥控半球"})
