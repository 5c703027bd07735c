"""`ioc import population FILE`: polygons with counts, or a table keyed by region code or grid-cell number.

A layer is (source, level): grid cells of one source, villages of another. Units of one layer never overlap (what
does is refused), so that nobody is counted twice. Which layer answers is decided there (`ioc.command.people`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import shapely

from ioc.command.disclosure import safe
from ioc.command.people import LEVELS
from ioc.dictionaries import Dictionary
from ioc.errors import Invalid
from ioc.fold import fold
from ioc.intake import fields
from ioc.intake.datasets import Given
from ioc.intake.datasets._areas import (
    Ground,
    Opened,
    Row,
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
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import Refuse, reason
from ioc.intake.report import ImportReport
from ioc.intake.stewards import book
from ioc.settings import Settings
from ioc.store import Store, dictionaries, editions, epochs, population
from ioc.store.editions import Edition
from ioc.store.pool import Conn

DATASET = "population"
COLUMNS: Mapping[str, str] = {
    "code": "编号|网格编码|网格编号|区划代码|行政区划代码|格网编号|代码|编码|code|cellid|id|fid|gid",
    "name": "名称|网格名称|区划名称|村名|name",
    "level": "层级|级别|level",
    "total": "人口|总人口|人口数|常住人口|人数|合计|population|pop|total|poptotal",
    "as_of": "数据日期|统计日期|截止日期|日期|时间|asof|date",
    "method": "方法|来源说明|口径|method",
    "private_to": "共享范围|仅限部门|private_to",
    "sensitivity": "敏感级别|敏感等级|密级|sensitivity",
    "wkt": "wkt|geometry|geom|几何|边界|坐标串|范围",
}
MOST = 100_000_000  # people of one unit
_LEVEL_WORDS = {
    "grid": "网格|公里网格|格网|grid|gridcell|cell",
    "block": "普查小区|普查区|block|censusblock",
    "village": "村|社区|村社区|行政村|village",
    "town": "镇|街道|镇街|乡镇|town",
    "county": "县|区|县区|county",
    "city": "市|全市|city",
    "building": "楼栋|楼|building",
}
_SAME = ("name", "keyed_by", "total", "groups", "method", "as_of", "private_to", "sensitivity")


def bring_in(store: Store, given: Given) -> ImportReport:
    """Raises Invalid for what concerns the whole file: no day, no declared system for shapes, columns not found."""
    began, now = given.clock.monotonic(), given.clock.now()
    key = secret_key(given.settings)
    with unit_of_work(store, given.dry_run) as conn:
        words = dictionaries.current(conn, now.astimezone(given.settings.tz).date()).get("population_group")
        groups = words or Dictionary([])
        opened = open_given(given, DATASET, {**COLUMNS, **group_columns(groups)}, ("code", "total"))
        if given.as_of is None and "as_of" not in opened.found.values():
            raise Invalid(reasons=[reason("as_of", "missing_field")])
        ground: list[Ground] = []
        job = _Check(given, opened, groups, key, now)
        epochs.stage(conn, population.KEPT, _staged(conn, job, ground))
        same, settled = 0, epochs.Settled(0, 0, 0, 0)
        if ground:
            epochs.shape(conn, ground[0].srid)
            same = _refuse_doubles(conn, opened)
            for number, other in population.overlapping(conn, given.whole).items():
                refuse(opened, number, [reason("geometry", "overlaps", "", other=other)])
            if given.whole and opened.rejected:
                raise Invalid(
                    "有被拒绝的行：整份导入会把它们当作不再存在，未导入",
                    "rows were refused, and a whole file would end them: nothing was taken",
                    reasons=[r for x in opened.rejected[:50] for r in x.reasons],
                )
            settled = epochs.settle(conn, population.KEPT, origin=given.origin, now=now, whole=given.whole)
        balance(opened, settled, same)
        if not given.dry_run:
            book(conn, opened.report, opened.rejected, given.actor, given.origin, now)
            publish(conn, given.actor, opened.report, now, given.origin)
    opened.report.seconds = given.clock.monotonic() - began
    return opened.report


def publish(conn: Conn, actor: str, report: ImportReport, now: dt.datetime, origin: str) -> None:
    """The edition: all layers there are now, of the day of the oldest of them. None while there is none."""
    layers = population.in_force(conn)
    if not layers:
        return
    detail = [
        {"source": x["source"], "level": x["level"], "units": x["units"], "people": round(x["people"]),
         "as_of": x["oldest"].isoformat()} for x in layers
    ]  # fmt: skip
    edition = Edition(
        DATASET, report.source, min(x["oldest"] for x in layers), sum(int(x["units"]) for x in layers),
        report.rejected, report.file, report.batch_id, {"layers": detail}, "demo" if origin == "demo" else "real",
    )  # fmt: skip
    editions.publish(conn, edition, actor, now)


def secret_key(settings: Settings) -> bytes:
    """The key of the rounding (`ioc.command.disclosure`): of the installation's secret, for this purpose alone."""
    return hmac.new(settings.secret, b"population", hashlib.sha256).digest()


def group_columns(groups: Dictionary) -> dict[str, str]:
    """Group -> names of its column: every word of the dictionary of groups."""
    return {code: "|".join(w for w in entry.words() if w) for code, entry in groups.items()}


def _refuse_doubles(conn: Conn, opened: Opened) -> int:
    differing, same = epochs.doubles(conn, population.KEPT)
    for number in differing:
        refuse(opened, number, [reason("code", "duplicate_key")])
    return same


def _staged(conn: Conn, job: _Check, ground: list[Ground]) -> Iterator[list[Values]]:
    """Batches ready for the stage; the centre's ground is settled by the first good shape."""
    given, opened = job.given, job.opened
    for rows in batches(opened, given.progress):
        for row in rows:
            row.values = job.row(row.reader)
        bare = [r for r in rows if r.shape is None and r.values is not None]
        _by_code(conn, bare)
        shaped = [r for r in rows if r not in bare and not r.reader.reasons]
        if shaped:
            to_degrees(shaped, opened.crs)
        good = [r for r in rows if not r.reader.reasons and r.values is not None]
        if good and not ground:
            ground.append(Ground.of(conn, good[0].shape, given.settings.area_buffer_m))
        if good:
            ground[0].place(good)
        out = taken(opened, rows)
        for values in out:
            values["digest"] = digest(values, _SAME)
        yield out


def _by_code(conn: Conn, rows: Sequence[Row]) -> None:
    """Outline, level and who may see it, of the region or grid cell the row names."""
    wanted = {c for r in rows if r.values for c in (r.values["code"], r.values["code"].ljust(12, "0"))}
    known = population.keyed(conn, sorted(wanted)) if wanted else {}
    for row in rows:
        assert row.values is not None
        code = row.values["code"]
        found = known.get(code) or (known.get(code.ljust(12, "0")) if code.isdigit() else None) or []
        if len(found) != 1:
            row.reader.refuse("code", "ambiguous_place" if found else "unknown_place", code, n=len(found))
        elif found[0].wkb is None:
            row.reader.refuse("code", "no_outline", code)
        else:
            one = found[0]
            row.shape = shapely.from_wkb(one.wkb)
            row.values |= {"keyed_by": one.by, "level": one.level, "region_id": one.region_id}
            row.values["name"] = row.values["name"] or one.name
            row.values["private_to"] = row.values["private_to"] or one.private_to
            row.values["sensitivity"] = max(row.values["sensitivity"], one.sensitivity)


class _Check:
    """Fields of one record to columns."""

    def __init__(self, given: Given, opened: Opened, groups: Dictionary, key: bytes, now: dt.datetime) -> None:
        self.given, self.opened, self.key = given, opened, key
        self.groups = [g for g in groups if g in opened.found.values()]
        self.rules = TimeRules(now, given.settings.tz, dt.timedelta(days=1), None)
        self.day = day(given)

    def row(self, r: Reader) -> Values | None:
        code = r.required("code", lambda v: fields.text(v, 100))
        total = r.required("total", lambda v: fields.number(v, 0, MOST))
        found = {g: r.optional(g, lambda v: fields.number(v, 0, MOST), None) for g in self.groups}
        groups = {g: n for g, n in found.items() if n is not None}
        if total is not None:
            for group, n in groups.items():
                if n > total:
                    r.refuse(group, "above_total", n, total=f"{total:g}")
        as_of = r.optional("as_of", lambda v: fields.time(v, self.rules), self.day)
        if as_of is None and not any(x.field == "as_of" for x in r.reasons):
            r.refuse("as_of", "missing_field")
        level = r.optional("level", _level, "area")
        values: Values = {
            "source": self.given.source,
            "level": level,
            "code": code,
            "name": r.optional("name", lambda v: fields.text(v, 200), ""),
            "keyed_by": "shape",
            "total": total,
            "groups": groups,
            "method": r.optional("method", lambda v: fields.text(v, 200), ""),
            "as_of": as_of,
            "private_to": r.optional("private_to", _department, None),
            "sensitivity": r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), 0),
        }
        if r.reasons:
            return None
        # by source and code, not level: the same unit is rounded the same way whatever its level is called
        values["shown"] = safe(groups, self.key, f"{self.given.source}\x1f{code}")
        return values


def _department(value: Any) -> str | None:
    return fields.text(value, 100)


def _level(value: Any) -> str:
    word = fields.text(value, 40)
    plain = fold(word).replace(" ", "").replace("_", "")
    for key, words in _LEVEL_WORDS.items():
        if plain == key or plain in map(fold, words.split("|")):
            return key
    if plain in LEVELS:
        return plain
    if not word:
        raise Refuse("bad_text")
    return word
