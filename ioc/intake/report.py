"""The balance of one imported file: read = stored + updated + unchanged + rejected."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ioc.intake.rows import Prepared
from ioc.store.merge import Merged
from ioc.store.rejects import Rejected

SHOWN = 50  # rejects a report carries; all of them are stored


@dataclass
class ImportReport:
    """The balance of a file. `reasons` counts (field, code); `shown` holds the first rejects."""

    kind: str
    source: str
    file: str
    crs: str
    dry_run: bool
    batch_id: int | None = None
    read: int = 0
    stored: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    outside: int = 0
    relocated: int = 0
    seconds: float = 0.0
    note: str = ""
    columns: dict[str, str] = field(default_factory=dict[str, str])
    extra: list[str] = field(default_factory=list[str])
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    shown: list[Rejected] = field(default_factory=list[Rejected])

    @property
    def balanced(self) -> bool:
        return self.read == self.stored + self.updated + self.unchanged + self.rejected

    def counts(self) -> dict[str, int]:
        return {n: getattr(self, n) for n in ("read", "stored", "updated", "unchanged", "rejected")}

    def add(self, prepared: Prepared, merged: Merged) -> None:
        written = len(prepared.rows)
        self.read += written + prepared.same + len(prepared.rejected)
        self.stored += merged.stored
        self.updated += merged.updated
        self.unchanged += written - merged.changed + prepared.same
        self.rejected += len(prepared.rejected)
        self.outside += prepared.outside
        for r in prepared.rejected:
            self.reasons.update((x.field, x.code) for x in r.reasons)
        self.shown += prepared.rejected[: max(0, SHOWN - len(self.shown))]

    def as_dict(self) -> dict[str, Any]:
        return {
            **{
                n: getattr(self, n) for n in ("kind", "source", "file", "crs", "dry_run", "batch_id", "outside", "note")
            },
            **self.counts(),
            "relocated": self.relocated,
            "seconds": round(self.seconds, 2),
            "columns": self.columns,
            "extra_columns": self.extra,
            "reasons": [{"field": f, "code": c, "count": n} for (f, c), n in self.reasons.most_common()],
            "rejects": [{"row": r.item, "reasons": [x.as_dict() for x in r.reasons]} for r in self.shown],
        }
