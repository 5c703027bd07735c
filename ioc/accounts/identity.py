"""The asker of one request: how they came in, and what they may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ioc.accounts.rules import VIEWS, WALL_VIEWS
from ioc.scope import Scope

Kind = Literal["session", "token", "wall", "embed", "nobody"]


@dataclass(frozen=True, slots=True)
class Identity:
    """`secret_hash` names the credential (its hash) so that long streams can ask again whether it still holds."""

    kind: Kind
    scope: Scope
    name: str = ""
    login: str = ""
    roles: tuple[str, ...] = ()
    must_change: bool = False
    secret_hash: str = ""
    source: str = ""  # a token bound to one source may write for that source only
    panel: str = ""  # embeds only
    region: str = ""  # embeds only: the region they were signed for
    wall_id: int | None = None

    @property
    def cookie(self) -> bool:
        """Came in by a cookie the browser sends by itself: writes need the CSRF check."""
        return self.kind in ("session", "wall")


NOBODY_ID = Identity("nobody", Scope("nobody"))


def viewer_scope(
    actor: str, whole: bool, region_ids: Iterable[int], sensitivity: int, permissions: frozenset[str] = VIEWS
) -> Scope:
    """What a wall or an embed may see: views only, and nothing that is private to a department. Walls see cameras."""
    return Scope(
        actor=actor,
        permissions=permissions & WALL_VIEWS,
        whole=whole,
        region_ids=frozenset(region_ids),
        departments=frozenset(),
        sensitivity=sensitivity,
    )
