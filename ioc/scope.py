"""What the asker may see. Part of every query, cache key, tile and stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from ioc.errors import Forbidden

# Sensitivity levels, SEC-04: 公开 / 内部 / 敏感.
PUBLIC, INTERNAL, SENSITIVE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Scope:
    """Permissions, regions, departments and the highest sensitivity level of one asker.

    `region_ids` holds every region (all levels) inside the granted ones, already expanded through `region_closure`;
    it is ignored when `whole` is true (the asker may see all of the centre, also what lies in no region).
    `departments` None means all. `share` None means no share-scope limit.
    An empty scope sees nothing: that is what a forgotten scope must do.
    """

    actor: str
    permissions: frozenset[str] = frozenset()
    whole: bool = False
    region_ids: frozenset[int] = frozenset()
    departments: frozenset[str] | None = frozenset()
    sensitivity: int = PUBLIC
    account_id: int | None = None

    def can(self, permission: str) -> bool:
        return permission in self.permissions or "*" in self.permissions

    def require(self, permission: str) -> None:
        if not self.can(permission):
            raise Forbidden(f"需要权限 {permission}", f"needs the right {permission}", {"permission": permission})

    @property
    def class_key(self) -> str:
        """Equal for two askers who see the same rows. Caches and streams are shared by class, never by accident."""
        return _class_key(self)

    def sees(self, region_id: int | None, department: str | None = None, sensitivity: int = PUBLIC) -> bool:
        """The same rule as the SQL predicate and the row-level policy, for records already in memory (the feed)."""
        if sensitivity > self.sensitivity:
            return False
        if self.departments is not None and department is not None and department not in self.departments:
            return False
        return self.whole or (region_id is not None and region_id in self.region_ids)

    def narrowed(self, region_ids: Iterable[int]) -> Scope:
        """The scope of a drill-down: the asker's own, cut to the regions of the chosen one."""
        ids = frozenset(region_ids)
        return replace(self, whole=False, region_ids=ids if self.whole else self.region_ids & ids)


@lru_cache(maxsize=256)
def _class_key(scope: Scope) -> str:
    """Asked for with every tile and message; a scope may hold thousands of regions."""
    parts = [
        "*" if scope.whole else ",".join(map(str, sorted(scope.region_ids))),
        "*" if scope.departments is None else ",".join(sorted(scope.departments)),
        str(scope.sensitivity),
        ",".join(sorted(scope.permissions)),
    ]
    return hashlib.blake2b("|".join(parts).encode(), digest_size=8).hexdigest()


NOBODY = Scope(actor="nobody")
SYSTEM = Scope(actor="system", permissions=frozenset({"*"}), whole=True, departments=None, sensitivity=SENSITIVE)
