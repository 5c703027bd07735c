"""People (人口): within 500 m, 1, 2, 5 km and inside the drawn area, with the vulnerable as safe counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from ioc import geo
from ioc.command import people
from ioc.command.asking import RINGS_M, Ask, Found
from ioc.command.disclosure import groups_told
from ioc.declare import Panel
from ioc.i18n import Text
from ioc.store import dictionaries, editions, population
from ioc.store.pool import Conn

PANEL = Panel(
    key="people",
    title=Text("人口", "People"),
    datasets=("population",),
    helped_by=("buildings",),
    order=10,
)
# Straight pieces of a quarter circle: the polygon is 0.01 % smaller than the circle it stands for.
_SEGMENTS = 64


def find(conn: Conn, ask: Ask) -> Found:
    areas = rings(ask)
    names: list[dict[str, Any]] = [{"radius_m": r} for r in RINGS_M]
    if ask.area is not None:
        areas.append(in_metres(ask.area, ask.srid))
        names.append({"area": True, "area_m2": round(float(shapely.area(areas[-1])))})
    tables = dictionaries.current(conn, ask.now.date())
    uses = [e.code for e in tables.get("building_use", {}).values() if e.attributes.get("lived_in")]
    built = uses if "buildings" in editions.in_force(conn) else None
    units = population.units(conn, ask.scope, ask.srid, areas, ask.now, built)
    sizes = [float(shapely.area(a)) for a in areas]
    found = people.estimate(units, sizes, sizes.index(max(sizes)))
    if found is None:
        return Found({"areas": [], "layer": None}, empty=True, notes=(_NONE,))
    words = tables.get("population_group", {})
    titles = {g: {"zh": e.zh, "en": e.en} for g, e in words.items()}
    data = {
        "areas": [n | _told(c, list(words)) for n, c in zip(names, found.counts, strict=True)],
        "groups": {g: titles.get(g, {"zh": g, "en": g}) for g in sorted({k for c in found.counts for k in c.groups})},
        "layer": _layer(found),
        "method": "dasymetric" if found.dasymetric else "areal",
    }
    return Found(data, False, found.as_of, found.source, notes=tuple(_notes(found)), origin=found.origin)


def rings(ask: Ask) -> list[Any]:
    """Circles round the place, metres of `ask.srid`."""
    x, y = geo.to_metres(np.array([ask.lon]), np.array([ask.lat]), ask.srid)
    here = shapely.Point(float(x[0]), float(y[0]))
    return [shapely.buffer(here, r, quad_segs=_SEGMENTS) for r in RINGS_M]


def in_metres(area: Any, srid: int) -> Any:
    out = shapely.transform(area, lambda xy: np.column_stack(geo.to_metres(xy[:, 0], xy[:, 1], srid)))
    return mended(out)


def mended(shape: Any) -> Any:
    """A shape whose rings cross or touch after its vertices were moved, with shells and holes as they were meant."""
    return shape if shape.is_valid else shapely.make_valid(shape, method="structure", keep_collapsed=False)


def _told(count: people.Count, order: Sequence[str]) -> dict[str, Any]:
    return {
        "total": round(count.total),
        "groups": groups_told(count.groups, order),
        "covered": round(count.covered, 4),
        "partial": count.covered < people.WHOLE,
    }


def _layer(found: people.Estimate) -> dict[str, Any]:
    zh, en = people.LEVELS.get(found.level.split(":")[0], (found.level, found.level))
    return {
        "source": found.source, "level": found.level, "zh": zh, "en": en, "units": found.units,
        "as_of": found.as_of.isoformat(), "newest": found.newest.isoformat(), "methods": list(found.methods),
        "others": [{"source": s, "level": lv} for s, lv in found.others],
    }  # fmt: skip


_NONE = Text("这里没有人口数据", "no population data reaches here")


def _notes(found: people.Estimate) -> list[Text]:
    layer = _layer(found)
    out = [Text(f"采用 {found.source} 的{layer['zh']}数据", f"by the {layer['en']} of {found.source}")]
    if found.dasymetric:
        zh = f"按建筑居住面积分摊（{found.dasymetric} 个单元有建筑），其余按面积"
        en = f"put by floor area lived in ({found.dasymetric} units with buildings), elsewhere by area"
        out.append(Text(zh, en))
    else:
        out.append(Text("按面积比例分摊", "weighted by share of area"))
    out.append(Text("常住人口，未含日间流动", "residents; not who is there by day"))
    if any(c.groups for c in found.counts):
        out.append(Text("重点人群取 5 的倍数，少于 5 不显示", "groups in steps of 5; fewer than 5 are not told"))
    if any(c.covered < people.WHOLE for c in found.counts):
        out.append(Text("部分范围没有数据，所列为有数据部分", "parts have no data: the numbers are of the rest"))
    return out
