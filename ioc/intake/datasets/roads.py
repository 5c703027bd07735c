"""`ioc import roads FILE`: a road network as a GeoPackage, Shapefile, GeoJSON ... or an OpenStreetMap extract.

The file is read whole, its topology built and checked, and the source's edges replaced in one transaction: whoever asks
meanwhile gets the old network, and a fault leaves it as it was.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import shapely

from ioc.command.roads.build import Built, build
from ioc.command.roads.ways import Speeds, overrides
from ioc.dictionaries import Dictionary
from ioc.errors import Invalid
from ioc.intake import fields, geometry
from ioc.intake.columns import recognise
from ioc.intake.datasets import Given, _road_osm
from ioc.intake.datasets._road_fields import COLUMNS
from ioc.intake.datasets._road_lines import Lines, take_rows
from ioc.intake.readers import open_file
from ioc.intake.reasons import Refuse, reason
from ioc.intake.report import SHOWN, ImportReport
from ioc.intake.stewards import book
from ioc.scope import SYSTEM
from ioc.store import Store, dictionaries, disk, editions, roads
from ioc.store.editions import Edition
from ioc.store.locate import metre_srid
from ioc.store.pool import Conn

KIND = "roads"
OSM_CRS = "EPSG:4326"


class _DryRun(Exception):
    """Ends the transaction without a trace."""


@dataclass(frozen=True)
class _Centre:
    """What of the store the reading needs."""

    srid: int
    area: Any
    box: tuple[float, ...] | None
    tables: Mapping[str, Dictionary]


def bring_in(store: Store, given: Given) -> ImportReport:
    """Raises Invalid for what concerns the whole file (no lines, no system, an unreadable file)."""
    began = given.clock.monotonic()
    osm = given.file.suffix.lower() in _road_osm.ENDINGS
    crs = _crs(given, osm)
    report = ImportReport(KIND, given.source, given.file.name, crs, given.dry_run)
    speeds_file = given.settings.root / given.settings.road_speeds_file
    more = overrides(speeds_file)
    lines, as_of, tables = (_osm if osm else _rows)(store, given, crs, report)
    report.read, report.outside, report.rejected = lines.read, lines.outside, len(lines.rejected)
    report.stored = len(lines.ways)
    report.shown = lines.rejected[:SHOWN]
    for r in lines.rejected:
        report.reasons.update((x.field, x.code) for x in r.reasons)
    if not lines.ways:
        raise Invalid(
            f"{given.file.name} 中没有可用的道路（拒绝 {report.rejected}，范围外 {report.outside}）",
            f"no usable road in {given.file.name} ({report.rejected} refused, {report.outside} outside)",
            reasons=[x for r in lines.rejected[:20] for x in r.reasons],
        )
    speeds = Speeds.of(tables, more)
    built = build(
        lines.ways, lines.shapes, np.array(lines.way_of), lines.refs or None, speeds, given.settings.road_snap_m,
        lines.turns,
    )  # fmt: skip
    given.progress(lines.read, None)
    _write(store, given, report, lines, built, as_of, bool(more))
    report.seconds = given.clock.monotonic() - began
    return report


def _crs(given: Given, osm: bool) -> str:
    if osm and not given.crs:
        return OSM_CRS
    try:
        crs = fields.crs(given.crs)
    except Refuse as e:
        raise Invalid(reasons=[e.of("crs", given.crs)]) from None
    if osm and crs != OSM_CRS:
        raise Invalid(reasons=[reason("crs", "crs_disagrees", crs, crs=OSM_CRS)])
    return crs


# ------------------------------------------------------------ reading


def _rows(
    store: Store, given: Given, crs: str, report: ImportReport
) -> tuple[Lines, dt.datetime, Mapping[str, Dictionary]]:
    file = open_file(given.file, sheet=given.sheet, layer=given.file_layer)
    geometry.require_crs(file.crs, crs, given.file.name)
    found = recognise(file.columns, COLUMNS, given.mapping)
    report.columns = {v: k for k, v in found.items()}
    report.extra = [c for c in file.columns if c and c not in found]
    batches = file.batches()
    first = next(batches, None)
    if first is None or first.geometries is None:
        raise Invalid(reasons=[reason("geometry", "missing_geometry")])
    firsts = (g for g in first.geometries if g is not None and not isinstance(g, str) and not g.is_empty)
    x, y = next((shapely.get_coordinates(g)[0].tolist()[:2] for g in firsts), (None, None))
    lon = None if x is None or y is None else geometry.to_lon(x, y, crs)
    here = _centre(store, given, lon)
    lines = Lines(here.srid, here.area)
    take_rows(lines, chain((first,), batches), found, crs, here.tables, lambda n: given.progress(n, file.total))
    return lines, _day(given, given.clock.now()), here.tables


def _osm(
    store: Store, given: Given, crs: str, report: ImportReport
) -> tuple[Lines, dt.datetime, Mapping[str, Dictionary]]:
    lon, stamp = _road_osm.header(given.file)
    here = _centre(store, given, lon)
    lines = Lines(here.srid, here.area)
    _road_osm.take(lines, given.file, here.tables, here.box, lambda n: given.progress(n, None))
    try:
        made = dt.datetime.fromisoformat(stamp)
    except ValueError:
        made = given.clock.now()
    return lines, _day(given, made), here.tables


def _day(given: Given, otherwise: dt.datetime) -> dt.datetime:
    if given.as_of is None:
        return otherwise
    return dt.datetime.combine(given.as_of, dt.time(), tzinfo=given.settings.tz).astimezone(dt.UTC)


def _centre(store: Store, given: Given, lon: float | None) -> _Centre:
    found: _Centre | None = None
    try:
        with store.scoped(SYSTEM) as conn:
            disk.read(conn).require("event")
            srid = metre_srid(conn, lon)
            if srid is None:
                raise Invalid("坐标不在中国范围内", "the coordinates are not in China", reasons=[
                    reason("geometry", "crs_mismatch", lon, crs=given.crs)])  # fmt: skip
            area, box = roads.outline(conn, srid, given.settings.road_buffer_m)
            day = given.clock.now().astimezone(given.settings.tz).date()
            found = _Centre(srid, area, box, dictionaries.current(conn, day))
            if given.dry_run:
                raise _DryRun
    except _DryRun:
        pass
    assert found is not None
    return found


# ------------------------------------------------------------ writing


def _write(
    store: Store, given: Given, report: ImportReport, lines: Lines, built: Built, as_of: dt.datetime, own_speeds: bool
) -> None:  # fmt: skip
    now = given.clock.now()
    try:
        with store.scoped(SYSTEM) as conn:
            put(conn, given, report, lines, built, as_of, own_speeds, now)
            if given.dry_run:
                raise _DryRun
    except _DryRun:
        report.batch_id = None


def put(
    conn: Conn, given: Given, report: ImportReport, lines: Lines, built: Built, as_of: dt.datetime, own_speeds: bool,
    now: dt.datetime,
) -> None:  # fmt: skip
    """The network, its edition and its batch, in the caller's transaction."""
    roads.lock(conn)
    others = roads.others(conn, given.source)
    joined = built.joined(others, roads.first_free_node(conn), given.settings.road_stub_m, given.settings.road_snap_m)
    detail = {
        **joined.detail, "crs": report.crs, "snap_m": given.settings.road_snap_m, "ways": len(lines.ways),
        "near_m": given.settings.road_near_m, "outside": lines.outside, "own_speeds": own_speeds,
        "ignored": dict(lines.ignored.most_common(20)), "topology": "shared nodes" if lines.refs else "coordinates",
    }  # fmt: skip
    detail["turns"] = dict(Counter(built.turns.told) + lines.unturned)
    report.note = note(detail)
    if given.origin == "real":  # a demo is no delivery of anybody's
        book(conn, report, lines.rejected, given.actor, given.origin, now)
        conn.execute("UPDATE import_batch SET crs = %s WHERE batch_id = %s", (report.crs, report.batch_id))
    names = sorted({*others.sources, given.source})
    edition = editions.publish(
        conn,
        Edition(
            KIND, ", ".join(names), as_of, len(joined) + len(others.ids), report.rejected, report.file, report.batch_id,
            detail, "demo" if given.origin == "demo" else "real",
        ),
        given.actor,
        now,
    )  # fmt: skip
    originals = (
        (w.external_id, report.crs, wkb, raw) for w, (wkb, raw) in zip(lines.ways, lines.originals, strict=True)
    )
    network = roads.Network(
        given.source, lines.srid, joined.top_mps, detail, given.origin, joined.rows(lines.srid), originals, len(joined)
    )
    roads.replace(conn, network, edition, now)
    roads.opened(conn, given.source)
    roads.settle(conn, others, joined.component_of_others, joined.main_of_others)


def note(d: Mapping[str, Any]) -> str:
    """What the check found, in a line of each language."""
    return (
        f"{d['edges']} 段、{d['nodes']} 个路口、{d['length_km']} km；连通分量 {d['components']}，主网占里程"
        f" {d['main_share']:.1%}；断头短线 {d['stubs']}，单行陷阱 {d['traps']}，无等级 {d['classless']}，"
        f"重叠 {d['overlaps']}，范围外 {d['outside']}{turned(d, 'zh')}\n"
        f"{d['edges']} stretches, {d['nodes']} junctions, {d['length_km']} km; {d['components']} components,"
        f" {d['main_share']:.1%} of the length on the main one; {d['stubs']} short dead ends, {d['traps']} one-way"
        f" traps,"
        f" {d['classless']} without a class, {d['overlaps']} overlaps, {d['outside']} outside the centre"
        f"{turned(d, 'en')}"
    )


# Why a restriction is not applied: of some hours only, over a stretch instead of a node, of ways that do not end at its
# node, of vehicles nobody is sent with. Those of ways beyond the centre are in the detail alone (`outside`).
_NOT = {
    "conditional": ("分时", "of some hours"), "via_way": ("经路段", "over a way"), "unclear": ("不明确", "unclear"),
    "other": ("其他车辆", "of other vehicles"),
}  # fmt: skip


def turned(detail: Mapping[str, Any], lang: str) -> str:
    """How many turn restrictions hold, and how many do not and why; "" where the file has none."""
    counts: Mapping[str, int] = detail.get("turns") or {}
    if not counts:
        return ""
    n, zh = counts.get("applied", 0), lang == "zh"
    left = [f"{w[0 if zh else 1]} {counts[k]}" for k, w in _NOT.items() if counts.get(k)]
    if zh:
        return f"；转弯限制已采用 {n}" + (f"，未采用：{'、'.join(left)}" if left else "")
    return f"; {n} turn restrictions hold" + (f", not applied: {', '.join(left)}" if left else "")
