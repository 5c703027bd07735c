"""`ioc import targets FILE`: sensitive targets (敏感目标). Points, lines and polygons, `--crs` declared; a CSV or Excel
table gives lon and lat, or `wkt`. With `--whole` the file is the register of its source: what it lacks is taken off.
"""

from __future__ import annotations

from ioc.intake.datasets import Given
from ioc.intake.files import import_file
from ioc.intake.report import ImportReport
from ioc.registry import Registry
from ioc.store import Store


def bring_in(store: Store, given: Given) -> ImportReport:
    """Raises Invalid for what concerns the whole file, StoreUnavailable, DiskBudget. Bad rows are rejects."""
    return import_file(
        store,
        Registry(),
        "targets",
        given.file,
        given.crs,
        settings=given.settings,
        clock=given.clock,
        actor=given.actor,
        mapping=given.mapping,
        dry_run=given.dry_run,
        source=given.source,
        origin=given.origin,
        sheet=given.sheet,
        file_layer=given.file_layer,
        progress=given.progress,
        as_of=given.as_of,
        whole=given.whole,
    )
