"""Taking in a file, giving it back to who may see it, binding it to a case in the transaction of a step."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ioc.attachments.content import PICTURES
from ioc.attachments.files import Files
from ioc.attachments.pictures import prepare
from ioc.audit.canonical import sm3
from ioc.clock import Clock
from ioc.errors import Conflict, DiskBudget, Forbidden, Invalid, NotFound, Reason, TooMany
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Conn, Store, attachments, case_steps, disk, drones, outbox
from ioc.store.accounts import audit
from ioc.store.worklist import case_record, event_record

log = logging.getLogger("ioc.attachments")
ONCE_MAX = 200
HOUR = dt.timedelta(hours=1)
# Fields of a step that are attachments; those of proof must be pictures.
FIELDS: Mapping[str, bool] = {"photo_before": True, "photo_after": True, "photos": False}
MOST_A_STEP = 30
# Who reports, or works on cases.
SENDING = frozenset(
    {"event.write", *(f"case.{w}" for w in ("accept", "dispatch", "handle", "verify", "close", "approve", "supervise",
                                            "instruct"))}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """One upload: its bytes, what it belongs to (nothing yet, a case or a report), and the client's key for it."""

    data: bytes
    case_id: int | None = None
    event_id: int | None = None
    once: str = ""
    address: str = ""
    source: str = ""  # what a token is bound to


@dataclass(frozen=True, slots=True)
class Kept:
    """A file to be answered with."""

    path: Path
    sm3: str
    media_type: str
    attachment_id: int


@dataclass(frozen=True)
class Attachments:
    store: Store
    settings: Settings
    clock: Clock

    @property
    def files(self) -> Files:
        return Files(self.settings.attachments)

    def add(self, scope: Scope, name: str, sent: Sent) -> dict[str, Any]:
        """Check, keep and record. The same key again gives the same answer and keeps nothing twice.

        Raises Forbidden, NotFound (the case or report is outside the scope), Invalid, TooMany, DiskBudget, Conflict
        where the key was used for another file.
        """
        if not any(scope.can(right) for right in SENDING):
            raise Forbidden("需要上报或办理的权限", "needs a right to report or to work on cases")
        _check(sent)
        now, given = self.clock.now(), sm3(sent.data).hex()
        with self.store.scoped(SYSTEM) as conn:
            about = _about(conn, scope, sent)
            before = attachments.by_key(conn, scope.actor, sent.once) if sent.once else None
            if before is not None:
                return _again(before, given)
            self._room(conn, scope.actor, len(sent.data), now)
        prepared = prepare(sent.data)
        try:
            digest = self.files.keep(prepared)
        except OSError as e:
            raise DiskBudget(f"附件无法写入：{e.strerror}", f"the file cannot be written: {e.strerror}") from e
        values = {
            "sm3": digest, "given_sm3": given, "media_type": prepared.media_type, "bytes": len(prepared.data),
            "width": prepared.width, "height": prepared.height, "uploader": scope.actor, "uploader_name": name,
            "once": sent.once or None, "case_id": sent.case_id, "event_id": sent.event_id,
            "bound_at": now if about else None, "origin": about["origin"] if about else "real",
        }  # fmt: skip
        with self.store.scoped(SYSTEM) as conn:
            made = attachments.add(conn, values, now)
            if made is None:  # the same upload at the same time
                return _again(_found(attachments.by_key(conn, scope.actor, sent.once)), given)
            facts = {"sm3": digest, "case": sent.case_id, "event": sent.event_id}
            audit(conn, actor=scope.actor, action="attachment.add", object_=str(made), address=sent.address,
                  detail=facts)  # fmt: skip
            if about:
                _tell(conn, sent, about)
        return _told({**values, "attachment_id": made})

    def find(self, scope: Scope, attachment_id: int, *, small: bool = False) -> Kept:
        """The file, where its case or report is seen; before it is bound, by its uploader. Raises NotFound."""
        with self.store.scoped(SYSTEM) as conn:
            row = attachments.read(conn, attachment_id)
            if row is None or not _seen(conn, scope, row):
                raise NotFound(f"附件 {attachment_id}", f"attachment {attachment_id}")
        path = self.files.path(row["sm3"], small=small)
        if small and row["media_type"] not in PICTURES:
            raise NotFound("没有缩略图", "no small picture of it")
        if not path.exists():
            log.error("attachment %d: its file %s is missing", attachment_id, row["sm3"])
            raise NotFound(f"附件 {attachment_id} 的文件", f"the file of attachment {attachment_id}")
        kind = "image/jpeg" if small else str(row["media_type"])
        return Kept(path, str(row["sm3"]), kind, attachment_id)

    def _room(self, conn: Conn, uploader: str, size: int, now: dt.datetime) -> None:
        if attachments.used(conn, uploader, now - HOUR) >= self.settings.attachments_per_hour:
            raise TooMany(
                f"每小时至多 {self.settings.attachments_per_hour} 个附件",
                f"at most {self.settings.attachments_per_hour} files an hour",
            )
        disk.read(conn).require("event")
        budget = self.settings.attachment_budget_mb
        if budget and attachments.total_bytes(conn) + size > budget * 2**20:
            raise DiskBudget(f"附件已满 {budget} MB", f"attachments fill their {budget} MB")
        free = self.files.free_mb()
        if free - size // 2**20 < self.settings.disk_free_min_mb * disk.LAST_SHARE:
            raise DiskBudget(f"剩余 {free} MB", f"{free} MB free")


# ------------------------------------------------------------ a step's


def bind(
    conn: Conn, actor: Scope, case: Mapping[str, Any], given: Mapping[str, Any], now: dt.datetime
) -> dict[str, Any]:
    """The attachments of a step become the case's, in the step's transaction (under the system's scope).

    Returns what the step records of them beside their ids, {"attachments": {id: SM3 of the file}}, or {}.
    Raises Invalid for what is not there, not the actor's to use, or no picture where proof is asked for.
    """
    asked = {name: _ids(name, given[name]) for name in FIELDS if given.get(name)}
    ids = sorted({i for found in asked.values() for i in found})
    if not ids:
        return {}
    if len(ids) > MOST_A_STEP:
        name = next(iter(asked))
        raise Invalid(reasons=[Reason(name, "too_many", f"至多 {MOST_A_STEP} 个", f"at most {MOST_A_STEP}")])
    rows = attachments.locked(conn, ids)
    reasons = [
        reason
        for name, found in asked.items()
        for i in found
        if (reason := _fault(conn, actor, case, name, i, rows.get(i))) is not None
    ]
    if reasons:
        raise Invalid(reasons=reasons)
    attachments.bind(conn, ids, int(case["case_id"]), str(case["origin"]), now)
    return {"attachments": {str(i): str(rows[i]["sm3"]) for i in ids}}


def _ids(name: str, values: Sequence[Any]) -> list[int]:
    texts = [str(v) for v in values]
    bad = [v for v in texts if not (v.isascii() and v.isdigit() and len(v) <= 18)]
    if bad:
        raise Invalid(
            reasons=[Reason(name, "unknown_attachment", "没有这个附件", "no such attachment", v) for v in bad]
        )
    return [int(v) for v in texts]


def _fault(
    conn: Conn, actor: Scope, case: Mapping[str, Any], name: str, attachment_id: int, row: Mapping[str, Any] | None
) -> Reason | None:
    if row is None or not _usable(conn, actor, case, row):
        return Reason(name, "unknown_attachment", "没有这个附件", "no such attachment", str(attachment_id))
    if FIELDS[name] and row["media_type"] not in PICTURES:
        return Reason(name, "no_picture", "应为照片", "must be a picture", str(row["media_type"]))
    return None


def _usable(conn: Conn, actor: Scope, case: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """The actor's own and free, or of this case, or of one of its reports."""
    if row["case_id"] is not None:
        return row["case_id"] == case["case_id"]
    if row["event_id"] is not None:
        event = case_steps.read_event(conn, SYSTEM, row["event_id"])
        return event is not None and event["case_id"] == case["case_id"]
    return row["uploader"] == actor.actor


# ------------------------------------------------------------ parts


def _check(sent: Sent) -> None:
    reasons: list[Reason] = []
    if sent.case_id is not None and sent.event_id is not None:
        reasons.append(
            Reason("event_id", "one_of", "case_id 与 event_id 只能给一个", "give case_id or event_id, not both")
        )
    if len(sent.once) > ONCE_MAX or not sent.once.isprintable():
        reasons.append(
            Reason("Idempotency-Key", "too_long", f"至多 {ONCE_MAX} 个字符", f"at most {ONCE_MAX} characters")
        )
    if reasons:
        raise Invalid(reasons=reasons)


def _about(conn: Conn, scope: Scope, sent: Sent) -> Mapping[str, Any] | None:
    """The case or report it is for, where the asker may add to it."""
    if sent.case_id is not None:
        row = case_steps.read(conn, scope, sent.case_id, lock=False) if scope.can("case.view") else None
        if row is None:
            raise NotFound(f"办件 {sent.case_id}", f"case {sent.case_id}")
        return row
    if sent.event_id is None:
        return None
    row = case_steps.read_event(conn, scope, sent.event_id)
    if row is None or (sent.source and row["source"] != sent.source):
        raise NotFound(f"事件 {sent.event_id}", f"event {sent.event_id}")
    return row


def _seen(conn: Conn, scope: Scope, row: Mapping[str, Any]) -> bool:
    if scope.can("resource.view") and drones.picture_seen(conn, scope, int(row["attachment_id"])):
        return True
    if row["case_id"] is None and row["event_id"] is None:
        return bool(row["uploader"] == scope.actor)
    case_id, event_id = row["case_id"], row["event_id"]
    if case_id is not None and scope.can("case.view") and case_steps.read(conn, scope, case_id, lock=False):
        return True
    return event_id is not None and scope.can("event.view") and attachments.event_seen(conn, scope, event_id)


def _again(row: Mapping[str, Any], given: str) -> dict[str, Any]:
    if row["given_sm3"] != given:
        raise Conflict("同一个 Idempotency-Key 已用于另一个文件", "this Idempotency-Key was used for another file")
    return _told(row)


def _found(row: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if row is None:
        raise Conflict("附件正在写入，请重试", "the file is being written: try again")
    return row


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("attachment_id", "sm3", "media_type", "bytes", "width", "height")}


def _tell(conn: Conn, sent: Sent, about: Mapping[str, Any]) -> None:
    """Open details are drawn again. A report that is part of a case is told of with the case."""
    case_id = sent.case_id or about["case_id"]
    kind, entity = ("case", case_id) if case_id else ("event", about["event_id"])
    outbox.put(
        conn,
        topic=kind,
        op="change",
        entity_id=entity,
        region_id=about["region_id"],
        private_to=about["private_to"],
        sensitivity=about["sensitivity"],
        permission=f"{kind}.view",
        origin=about["origin"],
        payload=case_record(conn, entity) if kind == "case" else event_record(conn, entity),
    )
    outbox.wake(conn)
