"""Groups of cameras for the panes and their patrol: own, shared by who has desk.share, one of them on the walls."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.accounts.identity import Identity
from ioc.clock import Clock
from ioc.errors import Conflict, Forbidden, Invalid, NotFound, Reason
from ioc.scope import SYSTEM, Scope
from ioc.store import Store
from ioc.store import video_groups as rows

SHARE = "desk.share"
NAME_MAX, MOST_CAMERAS = 40, 256


@dataclass(frozen=True, slots=True)
class Wish:
    """What a group is to be."""

    name: str
    device_ids: Sequence[int]
    panes: int
    dwell_s: int
    shared: bool = False
    on_wall: bool = False


@dataclass(frozen=True)
class Groups:
    store: Store
    clock: Clock

    def listed(self, who: Identity) -> list[dict[str, Any]]:
        with self.store.scoped(SYSTEM) as conn:
            return [_told(r, who.scope.account_id) for r in rows.listed(conn, who.scope.account_id)]

    def on_wall(self) -> dict[str, Any] | None:
        with self.store.scoped(SYSTEM) as conn:
            row = rows.on_wall(conn)
        return None if row is None else _told(row, None)

    def add(self, who: Identity, wish: Wish) -> dict[str, Any]:
        """Raises Invalid, Forbidden."""
        account, values = _account(who.scope), _values(who.scope, wish)
        with self.store.scoped(SYSTEM) as conn:
            return _told(rows.add(conn, account, values, who.scope.actor, self.clock.now()), account)

    def change(self, who: Identity, group_id: int, version: int, wish: Wish) -> dict[str, Any]:
        """Raises NotFound, Forbidden for somebody else's, Conflict when it has changed meanwhile."""
        values = _values(who.scope, wish)
        with self.store.scoped(SYSTEM) as conn:
            _refuse(who.scope, rows.locked(conn, group_id), group_id, version)
            changed = rows.change(conn, group_id, values, who.scope.actor, self.clock.now())
            return _told(changed, who.scope.account_id)

    def remove(self, who: Identity, group_id: int, version: int) -> None:
        with self.store.scoped(SYSTEM) as conn:
            _refuse(who.scope, rows.locked(conn, group_id), group_id, version)
            rows.remove(conn, group_id, who.scope.actor, self.clock.now())


def _values(scope: Scope, wish: Wish) -> dict[str, Any]:
    reasons: list[Reason] = []
    name = unicodedata.normalize("NFC", wish.name).strip()
    if not 1 <= len(name) <= NAME_MAX or any(unicodedata.category(c) == "Cc" for c in name):
        zh, en = f"名称为 1 至 {NAME_MAX} 个字", f"a name of 1 to {NAME_MAX} characters"
        reasons.append(Reason("name", "bad_name", zh, en, name[:60]))
    ids = list(dict.fromkeys(wish.device_ids))
    if not 1 <= len(ids) <= MOST_CAMERAS:
        zh, en = f"1 至 {MOST_CAMERAS} 个点位", f"1 to {MOST_CAMERAS} cameras"
        reasons.append(Reason("device_ids", "bad_count", zh, en, str(len(ids))))
    if reasons:
        raise Invalid(reasons=reasons)
    if wish.shared or wish.on_wall:
        scope.require(SHARE)
    return {"name": name, "shared": wish.shared or wish.on_wall, "on_wall": wish.on_wall, "device_ids": ids,
            "panes": wish.panes, "dwell_s": wish.dwell_s}  # fmt: skip


def _account(scope: Scope) -> int:
    if scope.account_id is None:
        raise Forbidden("需要账号登录", "needs a signed-in person")
    return scope.account_id


def _refuse(scope: Scope, row: Mapping[str, Any] | None, group_id: int, version: int) -> None:
    _account(scope)
    if row is None or not (row["shared"] or row["account_id"] == scope.account_id):
        raise NotFound(f"分组 {group_id}", f"group {group_id}")
    if row["shared"]:
        scope.require(SHARE)
    if row["version"] != version:
        raise Conflict("分组已被更改，请刷新", "the group has changed meanwhile", {"version": row["version"]})


def _told(row: Mapping[str, Any], account: int | None) -> dict[str, Any]:
    keep = ("group_id", "name", "shared", "on_wall", "device_ids", "panes", "dwell_s", "version")
    return {**{k: row[k] for k in keep}, "mine": row["account_id"] == account}
