"""须通知的村居: villages and grid cells the area meets, who answers for each, and where nobody is named (EMG-11)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from ioc import geo
from ioc.command.asking import RINGS_M, Ask, Found
from ioc.command.panels.people import rings
from ioc.declare import Panel
from ioc.i18n import Text
from ioc.store import area_notices as rows
from ioc.store.pool import Conn

PANEL = Panel(
    key="villages",
    title=Text("须通知的村居", "Villages to notify"),
    helped_by=("grids", "stewards"),
    order=54,
)
RENEWED = dt.timedelta(days=365)
RING = 1  # of RINGS_M: what is meant while no area is asked about
MOST = 200


def find(conn: Conn, ask: Ask) -> Found:
    """`data`: `villages` with their heads, how many grid cells and people, `empty`: places nobody is named for.

    Of the area asked about, else of the circle of `radius_m`. Inside the asker's regions.
    """
    area = ask.area if ask.area is not None else _circle(ask)
    text = json.dumps(shapely.geometry.mapping(area))
    cells = rows.cells(conn, ask.scope, text)
    villages = rows.villages(conn, ask.scope, text, sorted({c["region_id"] for c in cells if c["region_id"]}))
    heads = rows.heads(conn, ask.scope, [v["region_id"] for v in villages], ())
    told = [_village(v, heads, cells) for v in villages]
    names = {(str(h["name"]), h["phone"]) for h in heads}
    names |= {(n, c["region_id"]) for c in cells for n in _officers(c)}
    data = {
        "radius_m": None if ask.area is not None else RINGS_M[RING],
        "total": len(villages), "cells": len(cells), "people": len(names), "villages": told[:MOST],
        "empty": sum(not v["named"] for v in told) + sum(not _officers(c) for c in cells),
    }  # fmt: skip
    # of the cells: the outlines of villages are those of the centre itself
    as_of = max((c["updated_at"] for c in cells), default=None)
    source = "、".join(sorted({str(c["source"]) for c in cells})[:3])
    origin = "demo" if any(c["origin"] == "demo" for c in cells) else "real"
    return Found(data, not villages and not cells, as_of, source, RENEWED, origin=origin)


def _circle(ask: Ask) -> Any:
    ring = rings(ask)[RING]
    crs = f"EPSG:{ask.srid}"
    return shapely.transform(ring, lambda xy: np.column_stack(geo.to_wgs84(xy[:, 0], xy[:, 1], crs)))


def _officers(cell: Mapping[str, Any]) -> list[str]:
    return [str(o["name"]).strip() for o in cell["officers"] or () if str(o.get("name") or "").strip()]


def _village(row: Mapping[str, Any], heads: Sequence[Any], cells: Sequence[Any]) -> dict[str, Any]:
    own = list(dict.fromkeys(str(h["name"]) for h in heads if h["region_id"] == row["region_id"]))
    officers = list(dict.fromkeys(n for c in cells if c["region_id"] == row["region_id"] for n in _officers(c)))
    return {
        "code": row["code"],
        "name": row["name"],
        "heads": own,
        "officers": officers,
        "named": bool(own or officers),
    }
