"""One batch of a file: from rows as delivered to rows as stored, and every refused row with its reasons."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import h3.api.basic_int as h3
import numpy as np
import shapely

from ioc import geo
from ioc.errors import Reason
from ioc.fold import fold_many
from ioc.intake import fields, geometry
from ioc.intake.area import Area
from ioc.intake.event_input import Reader
from ioc.intake.fields import blank
from ioc.intake.kinds import Context, Kind, Values
from ioc.intake.readers import Rows
from ioc.intake.reasons import reason
from ioc.intake.seen import SeenKeys
from ioc.store.rejects import Rejected

_PLAIN = frozenset({str, int, float, bytes, bool, type(None)})


@dataclass
class Prepared:
    """`rows` may be written. `same` counts rows that repeat an earlier one of the file word for word."""

    rows: list[Values] = field(default_factory=list[Values])
    raws: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list[tuple[int, Mapping[str, Any]]])
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    same: int = 0
    outside: int = 0  # stored, in no region but within the buffer


@dataclass
class _Row:
    number: int
    record: Mapping[str, Any]
    values: Values | None
    reasons: list[Reason]
    shape: Any = None
    xy: tuple[float, float] | None = None


def prepare(
    batch: Rows, kind: Kind, found: Mapping[str, str], context: Context, area: Area, seen: SeenKeys
) -> Prepared:
    """`found`: column -> field."""
    records = [_split(r, found) for r in batch.records]
    if kind.survey is not None:
        kind.survey([r for r, _ in records], context)
    rows: list[_Row] = []
    for i, ((given, extra), number) in enumerate(zip(records, batch.numbers, strict=True)):
        reader = Reader({**given, "row": number})
        if number in batch.short:
            reader.refuse("row", "short_row")
        values = kind.check(reader, context, extra)
        shape = None if batch.geometries is None else batch.geometries[i]
        rows.append(_Row(number, batch.records[i], values, reader.reasons, shape))
    _read_places(rows, [r for r, _ in records], kind, context)
    out = Prepared()
    _convert(rows, kind, context)
    _locate(rows, kind, context, area, out)
    _take(rows, kind, seen, out)
    return out


def _split(record: Mapping[str, Any], found: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    given: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for column, value in record.items():
        name = found.get(column)
        if name is not None:
            given[name] = value
        elif not blank(value) and column:
            extra[column] = value if isinstance(value, str | int | float | bool | list | dict) else str(value)
    return given, extra


# ------------------------------------------------------------ places


def _read_places(rows: Sequence[_Row], given: Sequence[Mapping[str, Any]], kind: Kind, context: Context) -> None:
    """Coordinates or geometry of each row, checked as delivered."""
    for row, fields_ in zip(rows, given, strict=True):
        if row.shape is None and not blank(fields_.get("wkt")):
            row.shape = _from_wkt(str(fields_["wkt"]))
    if kind.place in ("point", "optional_point"):
        for row, fields_ in zip(rows, given, strict=True):
            _point(row, fields_, context.crs, optional=kind.place == "optional_point")
        return
    if kind.place == "mixed" or (kind.place == "any" and context.geometry == "point"):
        for row, fields_ in zip(rows, given, strict=True):
            if row.shape is None:
                _point(row, fields_, context.crs, optional=False)
                row.shape = None if row.xy is None else shapely.Point(row.xy)
    want = {"any": [context.geometry], "mixed": ["point", "line", "polygon"]}.get(kind.place, ["polygon"])
    checked = [r for r in rows if r.shape is not None or kind.place != "optional_polygon"]
    checked = [r for r in checked if not any(f.field in ("lon", "lat") for f in r.reasons)]
    for row, fault in zip(checked, geometry.faults([r.shape for r in checked], want, context.crs), strict=True):
        if fault is not None:
            row.reasons.append(fault)


def _from_wkt(text: str) -> Any:
    try:
        return shapely.from_geojson(text) if text.lstrip().startswith("{") else shapely.from_wkt(text)
    except shapely.errors.GEOSException:
        return "bad"


def _point(row: _Row, given: Mapping[str, Any], crs: str, *, optional: bool) -> None:
    if row.shape is not None:
        fault = geometry.faults([row.shape], ["point"], crs)[0]
        row.xy = None if fault is not None else geometry.single_point(row.shape)
        if fault is not None or row.xy is None:
            wrong = reason("geometry", "wrong_geometry", "", got="MultiPoint", want="point")
            row.reasons.append(fault or wrong)
        return
    if optional and blank(given.get("lon")) and blank(given.get("lat")):
        return
    reader = Reader(given)
    x, y = reader.required("lon", fields.number), reader.required("lat", fields.number)
    row.reasons += reader.reasons
    if x is None or y is None:
        return
    wrong = fields.coordinates_fit(x, y, crs)
    if wrong:
        where = "lon" if wrong != "out_of_range" else "lat"
        row.reasons.append(reason(where, wrong, f"{x}, {y}", crs=crs, low=-90, high=90))
    else:
        row.xy = (x, y)


def _convert(rows: Sequence[_Row], kind: Kind, context: Context) -> None:
    """Delivered coordinates to stored ones, for the whole batch at once."""
    shaped = kind.place not in ("point", "optional_point")
    good = [r for r in rows if r.values is not None and not r.reasons]
    if shaped:
        with_shape = [r for r in good if r.shape is not None]
        if with_shape:
            shapes = np.array([r.shape for r in with_shape], dtype=object)
            for row, shape in zip(with_shape, geometry.transform(shapes, context.crs), strict=True):
                row.shape = shape
        return
    with_xy = [r for r in good if r.xy is not None]
    if not with_xy:
        return
    x, y = np.array([r.xy for r in with_xy], dtype=np.float64).T
    lon, lat = geo.to_wgs84(x, y, context.crs)
    cells = [h3.latlng_to_cell(b, a, 10) for a, b in zip(lon.tolist(), lat.tolist(), strict=True)]
    for row, a, b, cell in zip(with_xy, lon.tolist(), lat.tolist(), cells, strict=True):
        values = cast(Values, row.values)
        assert row.xy is not None
        values |= {"lon": a, "lat": b, "h3_10": cell, "x_orig": row.xy[0], "y_orig": row.xy[1], "crs_orig": context.crs}


def _locate(rows: Sequence[_Row], kind: Kind, context: Context, area: Area, out: Prepared) -> None:
    """Region, metres and the limits of the area. Regions themselves make the area and are not measured by it."""
    for row in rows:
        if row.values is not None:
            row.values.setdefault("region_id", None)
    if kind.key == "regions":
        return
    good = [r for r in rows if r.values is not None and not r.reasons and _spot(r) is not None]
    if not good:
        return
    lon, lat = np.array([_spot(r) for r in good], dtype=np.float64).T
    regions = area.locate(lon, lat)
    nowhere = np.nonzero(regions == 0)[0]
    if len(nowhere) and not area.empty:
        for i, near in zip(nowhere.tolist(), area.within_buffer(lon[nowhere], lat[nowhere]).tolist(), strict=True):
            if near:
                out.outside += 1
            else:
                row = good[i]
                at = f"{row.xy[0]}, {row.xy[1]}" if row.xy else f"{lon[i]:.6f}, {lat[i]:.6f}"
                where = "lon" if row.xy else "geometry"
                row.reasons.append(reason(where, "out_of_area", at, buffer=f"{area.buffer_m:g}"))
    xm, ym = geo.to_metres(lon, lat, area.srid) if area.srid else (np.full(len(lon), np.nan),) * 2
    finite = np.isfinite(xm) & np.isfinite(ym)
    for i, row in enumerate(good):
        values = cast(Values, row.values)
        values["region_id"] = int(regions[i]) or None
        values["x_m"], values["y_m"] = (float(xm[i]), float(ym[i])) if finite[i] else (None, None)


def _spot(row: _Row) -> tuple[float, float] | None:
    """The one place a row is located by: its point, or a point inside its shape."""
    values = cast(Values, row.values)
    if "lon" in values:
        return values["lon"], values["lat"]
    if row.shape is None or isinstance(row.shape, str):
        return None
    inside = shapely.point_on_surface(row.shape)
    return float(inside.x), float(inside.y)


# ------------------------------------------------------------ keys


def _take(rows: Sequence[_Row], kind: Kind, seen: SeenKeys, out: Prepared) -> None:
    """Accepted rows once each; the same key with other data is refused, the same row again only counted."""
    good = [r for r in rows if r.values is not None and not r.reasons]
    for row in good:
        values = cast(Values, row.values)
        if kind.target.shape != "point":
            values["wkb"] = None if row.shape is None else shapely.to_wkb(row.shape)
        else:
            for name in ("lon", "lat", "x_m", "y_m", "h3_10", "x_orig", "y_orig", "crs_orig"):
                values.setdefault(name, None)
    keys = [tuple(cast(Values, r.values)[k] for k in kind.target.key) for r in good]
    states = seen.check(keys, [_content(cast(Values, r.values)) for r in good])
    kept: list[_Row] = []
    for row, key, state in zip(good, keys, states, strict=True):
        if state == "new":
            kept.append(row)
        elif state == "same":
            out.same += 1
        else:
            row.reasons.append(reason(kind.id_field, "duplicate_key", key[-1]))
    words = fold_many([str(cast(Values, r.values).get("search", "")) for r in kept])
    for row, word in zip(kept, words, strict=True):
        values = cast(Values, row.values)
        values["search"] = word
        out.rows.append(values)
        out.raws.append((row.number, row.record))
    out.rejected += [refusal(r.number, r.record, r.reasons) for r in rows if r.reasons]


def _content(values: Values) -> tuple[object, ...]:
    """What makes two rows of a key the same. Unhashable columns (lists, attributes) count by their spelling."""
    return tuple([v if v.__class__ in _PLAIN else repr(v) for v in values.values()])


def refusal(number: int, record: Mapping[str, Any], reasons: Sequence[Reason]) -> Rejected:
    raw = json.dumps(record, ensure_ascii=False, default=str)
    return Rejected(str(number), reasons, raw)
