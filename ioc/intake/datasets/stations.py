"""`ioc import stations FILE`: weather and water stations, as devices with datastreams (`ioc.intake.kinds.stations`)."""

from __future__ import annotations

from ioc.intake.datasets import Given
from ioc.intake.datasets._areas import day
from ioc.intake.files import import_file
from ioc.intake.report import ImportReport
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.store import Store, editions, stations
from ioc.store.editions import Edition

DATASET = "stations"


def bring_in(store: Store, given: Given) -> ImportReport:
    """Raises Invalid for what concerns the whole file (unknown system, columns not found); a row is a reject."""
    report = import_file(
        store, Registry(), DATASET, given.file, given.crs, settings=given.settings, clock=given.clock,
        actor=given.actor, mapping=given.mapping, dry_run=given.dry_run, source=given.source, origin=given.origin,
        sheet=given.sheet, file_layer=given.file_layer, progress=given.progress,
    )  # fmt: skip
    if given.dry_run:
        return report
    now = given.clock.now()
    with store.scoped(SYSTEM) as conn:
        count = stations.count(conn)
        if count:
            editions.publish(
                conn,
                Edition(
                    DATASET, given.source, day(given) or now, count, report.rejected, report.file, report.batch_id,
                    {}, "demo" if given.origin == "demo" else "real",
                ),
                given.actor,
                now,
            )  # fmt: skip
    return report
