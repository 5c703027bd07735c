"""`ioc import buildings FILE`: footprints with floors or height, use, name. Polygons with a declared system."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from ioc.errors import Invalid
from ioc.intake import fields
from ioc.intake.datasets import Given
from ioc.intake.datasets._areas import (
    Ground,
    Opened,
    Values,
    balance,
    batches,
    day,
    digest,
    open_given,
    refuse,
    taken,
    to_degrees,
    unit_of_work,
)
from ioc.intake.event_input import Reader
from ioc.intake.reasons import reason
from ioc.intake.report import ImportReport
from ioc.intake.stewards import book
from ioc.intake.vocabulary import Vocabulary
from ioc.store import Store, buildings, dictionaries, editions, epochs
from ioc.store.device_state import reload_layers
from ioc.store.editions import Edition
from ioc.store.pool import Conn

DATASET = "buildings"
COLUMNS: Mapping[str, str] = {
    "code": "编号|建筑编号|楼栋编号|楼栋编码|建筑物编号|代码|编码|code|id|osm_id|fid|gid|objectid",
    "name": "名称|建筑名称|楼栋名称|name",
    "use": "用途|建筑用途|使用性质|类型|类别|use|usage|building|type",
    "floors": "层数|地上层数|楼层|楼层数|floors|levels|building:levels|floor|floornum",
    "height_m": "高度|建筑高度|楼高|height|height_m|heightm",
    "dwellings": "户数|住户数|套数|dwellings|households",
    "address": "地址|详细地址|address|addr",
    "as_of": "数据日期|测绘日期|日期|asof|date",
    "private_to": "共享范围|仅限部门|private_to",
    "sensitivity": "敏感级别|敏感等级|密级|sensitivity",
    "wkt": "wkt|geometry|geom|几何|边界|坐标串|范围",
}
# Where a file has floors and no height: a storey of dwellings is 2.8 m or more, mostly 3 (GB 50096-2011, 5.5.1).
FLOOR_M = 3.0
HIGHEST_M, MOST_FLOORS = 1000.0, 200
_SAME = ("name", "use", "floors", "height_m", "height_from", "dwellings", "address", "as_of", "private_to",
         "sensitivity")  # fmt: skip


def bring_in(store: Store, given: Given) -> ImportReport:
    """Raises Invalid for what concerns the whole file: no day, no declared system, no column of numbers."""
    began, now = given.clock.monotonic(), given.clock.now()
    with unit_of_work(store, given.dry_run) as conn:
        words = Vocabulary(dictionaries.current(conn, now.astimezone(given.settings.tz).date()))
        opened = open_given(given, DATASET, COLUMNS, ("code",))
        if given.as_of is None and "as_of" not in opened.found.values():
            raise Invalid(reasons=[reason("as_of", "missing_field")])
        ground: list[Ground] = []
        epochs.stage(conn, buildings.KEPT, _staged(conn, given, opened, words, ground, now))
        same, settled = 0, epochs.Settled(0, 0, 0, 0)
        if ground:
            epochs.shape(conn, ground[0].srid)
            differing, same = epochs.doubles(conn, buildings.KEPT)
            for number in differing:
                refuse(opened, number, [reason("code", "duplicate_key")])
            settled = epochs.settle(conn, buildings.KEPT, origin=given.origin, now=now,
                                    whole=given.whole and not opened.rejected)  # fmt: skip
        if given.whole and opened.rejected:
            opened.report.note = "有被拒绝的行，缺席者仍在 / rows were refused: nothing was ended for being absent"
        balance(opened, settled, same)
        if not given.dry_run:
            book(conn, opened.report, opened.rejected, given.actor, given.origin, now)
            publish(conn, given.actor, opened.report, now, given.origin)
            changed = settled.stored + settled.updated + settled.retired
            if changed:
                reload_layers(conn, ("building",), "import", changed, given.origin)
                conn.execute("NOTIFY ioc_outbox")
    opened.report.seconds = given.clock.monotonic() - began
    return opened.report


def publish(conn: Conn, actor: str, report: ImportReport, now: dt.datetime, origin: str) -> None:
    have = buildings.in_force(conn)
    if not have["buildings"]:
        return
    detail = {"with_height": have["high"]}
    edition = Edition(
        DATASET, report.source, have["oldest"], int(have["buildings"]), report.rejected, report.file, report.batch_id,
        detail, "demo" if origin == "demo" else "real",
    )  # fmt: skip
    editions.publish(conn, edition, actor, now)


def _staged(
    conn: Conn, given: Given, opened: Opened, words: Vocabulary, ground: list[Ground], now: dt.datetime
) -> Iterator[list[Values]]:
    rules = fields.TimeRules(now, given.settings.tz, dt.timedelta(days=1), None)
    own = day(given)
    for rows in batches(opened, given.progress):
        for row in rows:
            row.values = check(row.reader, words, given.source, rules, own)
        to_degrees(rows, opened.crs or "EPSG:4490")
        good = [r for r in rows if not r.reader.reasons and r.values is not None]
        if good and not ground:
            ground.append(Ground.of(conn, good[0].shape, given.settings.area_buffer_m))
        if good:
            ground[0].place(good)
        out = taken(opened, rows)
        for values in out:
            values["digest"] = digest(values, _SAME)
        yield out


def check(r: Reader, words: Vocabulary, source: str, rules: fields.TimeRules, own: dt.datetime | None) -> Values | None:
    """Fields of one record to columns. A height that is only known by its floors says so."""
    floors = r.optional("floors", _floors, None)
    height = r.optional("height_m", _height, None)
    as_of = r.optional("as_of", lambda v: fields.time(v, rules), own)
    if as_of is None and not any(x.field == "as_of" for x in r.reasons):
        r.refuse("as_of", "missing_field")
    from_floors = height is None and floors is not None
    values: Values = {
        "source": source,
        "code": r.required("code", lambda v: fields.text(v, 100)),
        "name": r.optional("name", lambda v: fields.text(v, 200), ""),
        "use": r.optional("use", lambda v: words.find("building_use", fields.text(v, 100)).code, ""),
        "floors": floors,
        "height_m": floors * FLOOR_M if from_floors and floors is not None else height,
        "height_from": "floors" if from_floors else "given" if height is not None else "",
        "dwellings": r.optional("dwellings", _dwellings, None),
        "address": r.optional("address", lambda v: fields.text(v, 500), ""),
        "as_of": as_of,
        "private_to": r.optional("private_to", _department, None),
        "sensitivity": r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), 0),
    }
    return None if r.reasons else values


def _floors(value: Any) -> int | None:
    return fields.integer(value, 1, MOST_FLOORS)


def _height(value: Any) -> float | None:
    return fields.number(value, 0.5, HIGHEST_M)


def _dwellings(value: Any) -> int | None:
    return fields.integer(value, 0, 100_000)


def _department(value: Any) -> str | None:
    return fields.text(value, 100)
