"""分区与标绘: sectors, checkpoints and everything else the commanders drew, with who answers for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import shapely

from ioc.command import marks
from ioc.command.asking import Ask, Found
from ioc.command.panels.people import in_metres
from ioc.declare import Panel
from ioc.i18n import Text
from ioc.store import command_rows
from ioc.store.pool import Conn

PANEL = Panel(key="sectors", title=Text("分区与卡口", "Sectors and checkpoints"), order=52)
# What divides the ground and who stands at its gates comes before the rest, in this order.
FIRST = ("command_post", "sector", "checkpoint", "cordon", "hot", "warm", "cold", "assembly")
MOST = 200


def find(conn: Conn, ask: Ask) -> Found:
    """`data.items`: mark_id, kind, label, responsible, place, size (m2 or m), `inside` the area asked about."""
    rows = command_rows.of_case(conn, "mark", ask.case_id) if ask.case_id is not None else []
    items = [_item(m, ask) for m in marks.standing(rows)]
    items.sort(key=lambda i: (FIRST.index(i["kind"]) if i["kind"] in FIRST else len(FIRST), i["label"], i["mark_id"]))
    ages = [r["updated_at"] for r in rows]
    data = {"total": len(items), "items": items[:MOST]}
    demo = any(r["origin"] == "demo" for r in rows)
    who = "、".join(sorted({str(i["by"]) for i in items if i["by"]})[:3])  # who drew them
    return Found(
        data, empty=not items, as_of=max(ages) if ages else None, source=who, origin="demo" if demo else "real"
    )


def _item(mark: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    shape = shapely.geometry.shape(mark["geometry"])
    metres = in_metres(shape, ask.srid) if shape.geom_type.endswith("Polygon") else None
    at = shape.representative_point()
    length = None
    if shape.geom_type.endswith("LineString"):
        length = round(float(shapely.length(_line(shape, ask.srid))))
    return {
        **{n: mark[n] for n in ("mark_id", "kind", "zh", "en", "label", "responsible", "by", "at", "version")},
        "lon": round(float(at.x), 6), "lat": round(float(at.y), 6),
        "area_m2": round(float(shapely.area(metres))) if metres is not None else None, "length_m": length,
        "inside": bool(shape.intersects(ask.area)) if ask.area is not None else None,
    }  # fmt: skip


def _line(shape: Any, srid: int) -> Any:
    import numpy as np

    from ioc import geo

    return shapely.transform(shape, lambda xy: np.column_stack(geo.to_metres(xy[:, 0], xy[:, 1], srid)))
