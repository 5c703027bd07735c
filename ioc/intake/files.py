"""Importing a department's file: read = stored + updated + unchanged + rejected, every reject with row, field, reason.

Rows go through in batches, each one short transaction: rows, history, rejects, the balance so far and one feed record.
A file that is stopped in the middle keeps its good batches; bringing it again changes nothing it has already stored.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ioc.clock import Clock
from ioc.errors import Invalid, IocError
from ioc.intake import fields, geometry
from ioc.intake.area import Area
from ioc.intake.columns import recognise
from ioc.intake.edition import Brought, close_edition
from ioc.intake.fields import TimeRules
from ioc.intake.kinds import Context, Kind, LayerOptions, Values
from ioc.intake.kinds.devices import KIND as DEVICES
from ioc.intake.kinds.places import GRIDS_KIND, REGIONS_KIND
from ioc.intake.kinds.stations import KIND as STATIONS_KIND
from ioc.intake.kinds.targets import TARGETS_KIND
from ioc.intake.kinds.things import LAYER_KIND, RESOURCES_KIND, begin_layer, check_options
from ioc.intake.kinds.work import CASES_KIND, EVENTS_KIND
from ioc.intake.readers import BATCH, Reader, Rows, open_file
from ioc.intake.reasons import Refuse, reason
from ioc.intake.report import ImportReport
from ioc.intake.rows import Prepared, prepare, refusal
from ioc.intake.seen import SeenKeys
from ioc.intake.vocabulary import Vocabulary
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, dictionaries, disk, gridding, imports, sources
from ioc.store.area import regions, relocate, settle_metres
from ioc.store.cells import CellDelta, apply_cell_deltas, delta_of, rebuild_device_cells
from ioc.store.device_state import FEW, reload_layers
from ioc.store.imports import announce
from ioc.store.locate import metre_srid
from ioc.store.merge import Merged, merge, stage
from ioc.store.pool import Conn
from ioc.store.rejects import store_rejects

KINDS: Mapping[str, Kind] = {
    k.key: k
    for k in (
        DEVICES,
        STATIONS_KIND,
        REGIONS_KIND,
        GRIDS_KIND,
        RESOURCES_KIND,
        EVENTS_KIND,
        CASES_KIND,
        LAYER_KIND,
        TARGETS_KIND,
    )
}
INTERVAL_S = 31 * 86_400
Progress = Callable[[int, int | None], None]


class _DryRun(Exception):
    """Ends a batch's transaction without a trace."""


def import_file(
    store: Store,
    registry: Registry,
    kind: str,
    path: Path | str,
    crs: str,
    *,
    settings: Settings,
    clock: Clock,
    actor: str,
    mapping: Mapping[str, str] | None = None,
    dry_run: bool = False,
    source: str = "files",
    origin: str = "real",
    layer: LayerOptions | None = None,
    sheet: str = "",
    file_layer: str = "",
    progress: Progress | None = None,
    batch_rows: int = BATCH,
    as_of: dt.date | None = None,
    whole: bool = False,
) -> ImportReport:
    """Bring `path` in. `crs` is the declared system; `mapping` field -> column; `progress` gets (rows, total or None).

    Of a kind that is a dataset of emergency command (`Kind.edition`) the file becomes an edition: `as_of` is the day it
    speaks of (default: today), and with `whole` what is not in it is no longer there.

    Raises Invalid for what concerns the whole file (unknown kind or system, a system of its own that disagrees,
    columns not found), StoreUnavailable, DiskBudget. What concerns one row is a reject.
    """
    job = _Job(store, settings, clock, actor, dry_run, _kind(kind), Path(path), _crs(crs), source, origin, as_of, whole)
    return job.run(mapping or {}, layer or LayerOptions(), sheet, file_layer, progress, batch_rows)


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise Invalid(reasons=[reason("kind", "bad_choice", name, choices=", ".join(KINDS))])
    return KINDS[name]


def _crs(declared: str) -> str:
    try:
        return fields.crs(declared)
    except Refuse as e:
        raise Invalid(reasons=[e.of("crs", declared)]) from None


@dataclass
class _Job:
    store: Store
    settings: Settings
    clock: Clock
    actor: str
    dry_run: bool
    kind: Kind
    path: Path
    crs: str
    source: str
    origin: str
    as_of: dt.date | None = None
    whole: bool = False

    def run(
        self,
        mapping: Mapping[str, str],
        layer: LayerOptions,
        sheet: str,
        file_layer: str,
        progress: Progress | None,
        batch_rows: int,
    ) -> ImportReport:
        began = self.clock.monotonic()
        file = open_file(self.path, sheet=sheet, layer=file_layer)
        geometry.require_crs(file.crs, self.crs, self.path.name)
        context, found, batches = self._begin(file, mapping, layer, batch_rows)
        report = ImportReport(self.kind.key, self.source, self.path.name, self.crs, self.dry_run, note=file.note)
        report.columns = {v: k for k, v in found.items()}
        report.extra = [c for c in file.columns if c and c not in found]
        # the lock says, as long as this process lives, that unfinished batches are being worked on
        with self.store.dedicated() as alive:
            imports.hold(alive)
            self._open_batch(report)
            try:
                bulk = self._batches(batches, context, found, report, file, progress, batch_rows)
                self._finish(context, report, bulk, progress)
            except BaseException as e:
                self._fail(report, e)
                raise
        report.seconds = self.clock.monotonic() - began
        return report

    # ------------------------------------------------------------ begin

    def _begin(
        self, file: Reader, mapping: Mapping[str, str], layer: LayerOptions, batch_rows: int
    ) -> tuple[Context, dict[str, str], Iterator[Rows]]:
        found = recognise(file.columns, self.kind.fields, mapping)
        batches = file.batches(batch_rows)
        first = next(batches, None)
        shaped = first is not None and first.geometries is not None
        self._require_columns(found, file.columns, shaped)
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            disk.read(conn).require("event")
            words = Vocabulary(dictionaries.current(conn, now.astimezone(self.settings.tz).date()))
            codes = {r["code"] for r in conn.execute("SELECT code FROM region").fetchall()}
        past = dt.timedelta(days=self.settings.retention_history_days)
        future = dt.timedelta(seconds=self.settings.future_tolerance_s)
        rules = TimeRules(now, self.settings.tz, future, past)
        context = Context(words, rules, self.source, self.origin, self.actor, self.crs, frozenset(found.values()))
        context.layer, context.codes = layer, codes
        if self.kind is LAYER_KIND:
            check_options(layer)
            context.geometry = _first_family(first)
        return context, found, iter(()) if first is None else chain((first,), batches)

    def _require_columns(self, found: Mapping[str, str], columns: Sequence[str], shaped: bool) -> None:
        """A column nobody can do without must be there at all, or every row would be refused for the same reason."""
        have = set(found.values())
        lacking = [n for n in self.kind.required if n not in have]
        if self.kind.place in ("point", "mixed") and not shaped and "wkt" not in have:
            lacking += [n for n in ("lon", "lat") if n not in have]
        if lacking:
            listed = "、".join(c for c in columns if c)
            raise Invalid(
                f"没有识别出列 {'、'.join(lacking)}；文件的列：{listed}；可用 --map 字段=列名 指定",
                f"columns not recognised: {', '.join(lacking)}; the file has: {listed}; use --map field=COLUMN",
                reasons=[reason(n, "missing_field") for n in lacking],
            )

    def _open_batch(self, report: ImportReport) -> None:
        if self.dry_run:
            return
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            sources.ensure(
                conn,
                self.source,
                kind="files",
                title=self.source,
                classes=self.kind.classes,
                interval_s=INTERVAL_S,
                origin=self.origin,
            )
            names = {"kind": self.kind.key, "source": self.source, "file_name": self.path.name, "crs": self.crs}
            report.batch_id = imports.begin(conn, **names, actor=self.actor, now=now)

    # ------------------------------------------------------------ batches

    def _batches(
        self,
        batches: Iterator[Rows],
        context: Context,
        found: Mapping[str, str],
        report: ImportReport,
        file: Reader,
        progress: Progress | None,
        batch_rows: int,
    ) -> bool:
        """Returns whether the file was bulk: then aggregates are rebuilt at the end instead of with every batch."""
        seen, area, bulk = SeenKeys(), None, False
        for batch in batches:
            if area is None:
                area = self._area(batch, found, context)
            prepared = prepare(batch, self.kind, found, context, area, seen)
            bulk = bulk or len(batch.records) >= batch_rows
            self._write(prepared, context, area, report, bulk)
            if progress is not None:
                progress(report.read, file.total)
        return bulk

    def _area(self, batch: Rows, found: Mapping[str, str], context: Context) -> Area:
        known, srid = [], None
        with contextlib.suppress(_DryRun), self.store.scoped(SYSTEM) as conn:
            known = regions(conn) if self.kind is not REGIONS_KIND else []
            srid = metre_srid(conn, _first_lon(batch, found, self.crs))
            if self.dry_run:
                raise _DryRun
        return Area(known, srid, self.settings.area_buffer_m)

    def _write(self, prepared: Prepared, context: Context, area: Area, report: ImportReport, bulk: bool) -> None:
        now = self.clock.now()
        columns = self.kind.columns(context)
        with contextlib.suppress(_DryRun), self.store.scoped(SYSTEM) as conn:
            if self.kind is LAYER_KIND and not context.layer_id:
                begin_layer(conn, context)
                _set_layer(prepared.rows, context.layer_id)
            self._refuse_more(conn, prepared, context)
            merged = Merged()
            if prepared.rows:
                stage(conn, self.kind.target, columns, prepared.rows)
                merged = merge(
                    conn,
                    self.kind.target,
                    columns,
                    srid=area.srid,
                    actor=self.actor,
                    origin=self.origin,
                    now=now,
                    batch=report.batch_id or 0,
                )
                if self.kind.after is not None:
                    self.kind.after(conn, context)
            report.add(prepared, merged)
            if self.dry_run:
                context.layer_id = 0
                raise _DryRun
            if self.kind.target is DEVICES.target and merged.changed and not bulk:
                apply_cell_deltas(conn, changed_cells(conn))
            store_rejects(conn, self.source, prepared.rejected, now, batch_id=report.batch_id, origin=self.origin)
            imports.progress(conn, report.batch_id or 0, report.counts())
            if merged.changed:
                self._tell(conn, merged, context, bulk)

    def _refuse_more(self, conn: Conn, prepared: Prepared, context: Context) -> None:
        """Rows that what is in the store speaks against."""
        if self.kind.before is None:
            return
        against = self.kind.before(conn, prepared.rows, context)
        if not against:
            return
        prepared.rejected += [refusal(*prepared.raws[i], [why]) for i, why in sorted(against.items())]
        prepared.rows = [row for i, row in enumerate(prepared.rows) if i not in against]
        prepared.raws = [raw for i, raw in enumerate(prepared.raws) if i not in against]

    def _tell(self, conn: Conn, merged: Merged, context: Context, bulk: bool) -> None:
        if self.kind.topic and merged.changed <= FEW:
            announce(conn, self.kind.topic)
        elif not bulk and self.kind is not REGIONS_KIND:
            reload_layers(conn, self.kind.layers(context), "import", merged.changed, self.origin)
            conn.execute("NOTIFY ioc_outbox")

    # ------------------------------------------------------------ end

    def _finish(self, context: Context, report: ImportReport, bulk: bool, progress: Progress | None) -> None:
        if self.dry_run:
            return
        if context.touched is not None:
            alive = (lambda _rows: progress(report.read, None)) if progress is not None else (lambda _rows: None)
            report.relocated = gridding.reassign(self.store, context.touched, alive)
        changed = report.stored + report.updated
        if self.kind is REGIONS_KIND and changed:
            report.relocated = self._relocate()
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            if self.kind.target is DEVICES.target and bulk and changed:
                rebuild_device_cells(conn)
            if self.kind.finish is not None and context.layer_id:
                self.kind.finish(conn, context)
            if self.kind.edition:
                changed += self._edition(conn, context, report, now)
            if changed and (bulk or self.kind is REGIONS_KIND or self.whole):
                layers = self.kind.layers(context)
                if self.kind is REGIONS_KIND:
                    layers = ("region", "camera", "sensor", "grid_cell", "resource", "event", "case")
                reload_layers(conn, layers, "import", changed, self.origin)
                conn.execute("NOTIFY ioc_outbox")
            arrival = sources.Arrival(report.read, changed, report.unchanged, report.rejected, now)
            for key in dict.fromkeys((self.source, "files")):
                sources.arrived(conn, key, arrival, now)
            imports.finish(conn, report.batch_id or 0, "done", report.note, now)

    def _edition(self, conn: Conn, context: Context, report: ImportReport, now: dt.datetime) -> int:
        """Returns how many were taken off, because the whole register came without them."""
        given = Brought(self.kind.edition, self.source, self.origin, self.as_of, self.settings.tz, self.actor)
        return close_edition(conn, given, report, context.keys if self.whole else None, now)

    def _relocate(self) -> int:
        with self.store.scoped(SYSTEM) as conn:
            srid, moved = settle_metres(conn)
            area = Area(regions(conn), srid, self.settings.area_buffer_m)
        return relocate(self.store, area.locate, srid, metres=moved, progress=lambda table: None)

    def _fail(self, report: ImportReport, error: BaseException) -> None:
        """The batch is closed as failed; if even that fails, the next start of the intake closes it."""
        if self.dry_run or report.batch_id is None:
            return
        with contextlib.suppress(IocError), self.store.scoped(SYSTEM) as conn:
            if self.kind.target is DEVICES.target:
                rebuild_device_cells(conn)
            if self.kind is GRIDS_KIND:
                gridding.reassign_all(conn)
            imports.finish(conn, report.batch_id, "failed", f"{type(error).__name__}: {error}", self.clock.now())


def _first_family(first: Rows | None) -> str:
    """A layer's geometry: of its first feature; a table without shapes is points."""
    if first is None or first.geometries is None:
        return "point"
    kinds = (geometry.family(g) for g in first.geometries if g is not None and not isinstance(g, str))
    return next((k for k in kinds if k), "point")


def _set_layer(rows: Sequence[Values], layer_id: int) -> None:
    for row in rows:
        row["layer_id"] = layer_id


def _first_lon(batch: Rows, found: Mapping[str, str], crs: str) -> float | None:
    """A longitude to choose the metre grid by, for a centre that has no regions yet."""
    name = next((c for c, f in found.items() if f == "lon"), "")
    for i, record in enumerate(batch.records[:100]):
        shape = None if batch.geometries is None else batch.geometries[i]
        try:
            if shape is not None and not isinstance(shape, str):
                x, y = shape.centroid.x, shape.centroid.y
            else:
                x, y = fields.number(record.get(name)), fields.number(record.get(_lat(found)))
        except Refuse:
            continue
        if not fields.coordinates_fit(x, y, crs):
            return geometry.to_lon(x, y, crs)
    return None


def _lat(found: Mapping[str, str]) -> str:
    return next((c for c, f in found.items() if f == "lat"), "")


_ROWS = """
SELECT h3_10, class, kind, region_id, private_to, sensitivity, origin, status, exceeded, -1 AS sign FROM before b
JOIN done d ON d.id = b.device_id
UNION ALL
SELECT h3_10, class, kind, region_id, private_to, sensitivity, origin, status, exceeded, 1 FROM device t
JOIN done d ON d.id = t.device_id
"""


def changed_cells(conn: Conn) -> list[CellDelta]:
    """What a merge of devices (its `before` and `done` at hand) changes in the aggregates."""
    return [delta_of(row, row["sign"]) for row in conn.execute(_ROWS).fetchall()]
