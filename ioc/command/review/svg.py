"""A map of an after-action report as SVG, drawn on the server. Pure: the same layers give the same bytes.

Coordinates come as GeoJSON in degrees (EPSG:4490) and are drawn in the centre's metre grid (CGCS2000 3-degree
Gauss-Kruger), one scale both ways, grid north up. Only presentation attributes are used: a PDF is made of it too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from ioc import geo
from ioc.basemap import COLOURS

Json = Mapping[str, Any]
WIDTH, HEIGHT = 960.0, 600.0
FONT = "'Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC',sans-serif"
C = COLOURS["light"]
INK, INK2, RED, BLUE, PAPER = "#161C22", "#55626E", "#C4242B", "#1B5FA8", "#FFFFFF"
# Incident levels as on every screen: shape, hue (light theme of design section 6), and hue of what stands on it.
LEVELS: dict[int, tuple[str, str, str]] = {
    1: ("#D6281C", "#FFFFFF", "#FDE9E7"),
    2: ("#EE7B0E", "#1C0E02", "#FDEEDD"),
    3: ("#F0BF00", "#191402", "#FCF4D2"),
    4: ("#1F6FD1", "#FFFFFF", "#E3EFFC"),
}
_SHAPES: list[str] = json.loads(resources.files("ioc.ui").joinpath("sprite.json").read_text("utf-8"))["shapes"]
_ROMAN = {"Ⅰ": 1, "Ⅱ": 2, "Ⅲ": 3, "Ⅳ": 4}
HOT = {"hot", "danger", "cordon", "closure"}
# widths of lines of the base map in pixels by role, under everything else
_LINES = {"river": (C["river"], 2.4), "highway": (C["hwy"], 3.4), "road": (C["road"], 1.8), "rail": (C["line"], 1.0)}
_AREAS = {"sea": C["sea"], "water": C["water"], "land": C["land"]}
_MAIN = frozenset({"motorway", "trunk", "primary", "expressway", "national", "provincial"})


@dataclass(frozen=True, slots=True)
class Frame:
    """What a map shows: the middle in metres of the grid `srid`, and how many metres one pixel is."""

    x: float
    y: float
    metres_px: float
    srid: int

    def place(self, lon: float, lat: float) -> tuple[float, float]:
        """Pixel of a place, from the upper left corner."""
        return self.line([(lon, lat)])[0]

    def line(self, coordinates: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
        if not coordinates:
            return []
        lon = np.array([c[0] for c in coordinates], dtype=np.float64)
        lat = np.array([c[1] for c in coordinates], dtype=np.float64)
        x, y = geo.to_metres(lon, lat, self.srid)
        px = (x - self.x) / self.metres_px + WIDTH / 2
        py = HEIGHT / 2 - (y - self.y) / self.metres_px
        return [(round(float(a), 1), round(float(b), 1)) for a, b in zip(px, py, strict=True)]

    def holds(self, lon: float, lat: float) -> bool:
        x, y = self.place(lon, lat)
        return 0 <= x <= WIDTH and 0 <= y <= HEIGHT

    def box(self) -> tuple[float, float, float, float]:
        """West, south, east, north in metres of the grid."""
        w, h = WIDTH / 2 * self.metres_px, HEIGHT / 2 * self.metres_px
        return self.x - w, self.y - h, self.x + w, self.y + h

    def as_json(self) -> dict[str, Any]:
        return {"x": self.x, "y": self.y, "metres_px": self.metres_px, "srid": self.srid}


def framed(
    points: Iterable[tuple[float, float]], srid: int, least_m: float = 1200.0, most_m: float = 24_000.0
) -> Frame:
    """A frame round `points` (lon, lat; the first is the incident) with a margin; at least `least_m` wide, at most
    `most_m`: then the incident stays in the middle. Raises ValueError without a point."""
    listed = list(points)
    if not listed:
        raise ValueError("no place to draw a map of")
    x, y = geo.to_metres(np.array([p[0] for p in listed]), np.array([p[1] for p in listed]), srid)
    wide, high = float(x.max() - x.min()), float(y.max() - y.min())
    metres = max(wide / (WIDTH * 0.78), high / (HEIGHT * 0.7), least_m / WIDTH)
    if metres * WIDTH > most_m:
        return Frame(round(float(x[0]), 1), round(float(y[0]), 1), round(most_m / WIDTH, 4), srid)
    mid = round(float(x.max() + x.min()) / 2, 1), round(float(y.max() + y.min()) / 2, 1)
    return Frame(*mid, round(metres, 4), srid)


def scale_bar(metres_px: float) -> tuple[int, float]:
    """(metres, pixels) of the longest bar of 1, 2 or 5 times a power of ten that is no longer than 170 pixels."""
    room = metres_px * 170
    power = 10 ** math.floor(math.log10(room))
    metres = next(n * power for n in (5, 2, 1) if n * power <= room)
    return round(metres), round(metres / metres_px, 1)


@dataclass
class _Sheet:
    """SVG in the making, and the boxes labels have taken."""

    frame: Frame
    parts: list[str]
    taken: list[tuple[float, float, float, float]]

    def add(self, text: str) -> None:
        self.parts.append(text)

    def path(self, geometry: Json | None, **style: Any) -> None:
        d = _path(self.frame, geometry)
        if d:
            self.add(f'<path d="{d}"{_attrs(style)}/>')

    def label(self, x: float, y: float, text: str, size: float = 13, colour: str = INK, *, bold: bool = False,
              must: bool = False, gap: float = 11) -> None:  # fmt: skip
        """Beside its place, on the first side that is free; left out where none is, unless it `must` be there."""
        wide = width_of(text, size)
        sides = [(x + gap, y + size * 0.36), (x - gap - wide, y + size * 0.36), (x - wide / 2, y - gap),
                 (x - wide / 2, y + gap + size)]  # fmt: skip
        for left, base in sides:
            box = (left - 2, base - size, left + wide + 2, base + 3)
            inside = box[0] >= 4 and box[2] <= WIDTH - 4 and box[1] >= 4 and box[3] <= HEIGHT - 4
            if inside and not any(_over(box, other) for other in self.taken):
                break
        else:
            if not must:
                return
            left, base = sides[0]
            box = (left - 2, base - size, left + wide + 2, base + 3)
        self.taken.append(box)
        self.add(text_at(left, base, text, size, colour, bold=bold))


def text_at(
    x: float, y: float, text: str, size: float, colour: str = INK, *, bold: bool = False, halo: bool = True
) -> str:
    # a halo as a second text below: WeasyPrint knows no paint-order
    attrs = f'x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" font-family="{FONT}"' + (
        ' font-weight="700"' if bold else ""
    )
    said = escape(text, quote=False)
    below = (
        f'<text {attrs} fill="none" stroke="{PAPER}" stroke-width="3" stroke-linejoin="round">{said}</text>'
        if halo
        else ""
    )
    return f'{below}<text {attrs} fill="{colour}">{said}</text>'


def width_of(text: str, size: float) -> float:
    """About: a Chinese character is as wide as high, others a little more than half."""
    return sum(size if ord(c) > 0x2E7F else size * 0.56 for c in text)


def _over(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _attrs(style: Json) -> str:
    return "".join(f' {k.replace("_", "-")}="{escape(str(v))}"' for k, v in style.items() if v is not None)


def _path(frame: Frame, geometry: Json | None) -> str:
    """Lines and rings of a GeoJSON geometry; points are nothing here."""
    if not geometry:
        return ""
    kind, coordinates = geometry.get("type"), geometry.get("coordinates") or ()
    match kind:
        case "GeometryCollection":
            return "".join(_path(frame, g) for g in geometry.get("geometries") or ())
        case "LineString":
            return _moves(frame.line(coordinates), "")
        case "MultiLineString":
            return "".join(_moves(frame.line(c), "") for c in coordinates)
        case "Polygon":
            return "".join(_moves(frame.line(c), "Z") for c in coordinates)
        case "MultiPolygon":
            return "".join(_moves(frame.line(ring), "Z") for part in coordinates for ring in part)
        case _:
            return ""


def _moves(points: Sequence[tuple[float, float]], end: str) -> str:
    kept = [p for n, p in enumerate(points) if n == 0 or p != points[n - 1]]
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in kept) + end if len(kept) > 1 else ""


# ---------------------------------------------------------------- the map


def drawn(frame: Frame, base: Json, layers: Json, words: Json) -> str:
    """One map. `base`: {areas, lines, roads, borders, names}; `layers`: what was known at the moment: {incident, area,
    warnings, closures, marks, forces}; `words`: {time, why, note, stamps, north, label}, in the reader's language."""
    sheet = _Sheet(frame, [], [(0, 0, 330, 46), (WIDTH - 56, 0, WIDTH, 66), (0, HEIGHT - 40, 250, HEIGHT)])
    _ground(sheet, base)
    if at := layers.get("incident"):  # nothing is written over where it happened
        x, y = frame.place(at["lon"], at["lat"])
        sheet.taken.append((x - 19, y - 19, x + 21 + width_of(at["title"], 14), y + 19))
    for warning in layers.get("warnings") or ():
        tone = {"red": "#C4242B", "orange": "#C96A12", "yellow": "#A98600", "blue": BLUE}.get(warning["colour"], INK2)
        sheet.path(warning["geometry"], fill=tone, fill_opacity="0.06", stroke=tone, stroke_width="1.4",
                   stroke_dasharray="8 4")  # fmt: skip
    sheet.path(
        layers.get("area"), fill=RED, fill_opacity="0.08", stroke=RED, stroke_width="1.6", stroke_dasharray="5 3"
    )
    for closure in layers.get("closures") or ():
        sheet.path(closure["geometry"], fill="none", stroke=PAPER, stroke_width="7")
        sheet.path(closure["geometry"], fill="none", stroke=RED, stroke_width="4", stroke_dasharray="3 4")
    _marks(sheet, layers.get("marks") or ())
    _incident(sheet, layers.get("incident"))
    _forces(sheet, layers.get("forces") or ())
    _names(sheet, base)
    _stamps(sheet, words.get("stamps") or ())
    _margin(sheet, words)
    size = f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}" width="{WIDTH:g}" height="{HEIGHT:g}"'
    clip = f'<clipPath id="f"><rect width="{WIDTH:g}" height="{HEIGHT:g}"/></clipPath>'
    label = escape(str(words.get("label") or ""))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}"><defs>{clip}</defs>'
            f'<g clip-path="url(#f)">{"".join(sheet.parts)}</g></svg>')  # fmt: skip


def _ground(sheet: _Sheet, base: Json) -> None:
    sheet.add(f'<rect width="{WIDTH:g}" height="{HEIGHT:g}" fill="{C["sea"] if base.get("sea") else C["land"]}"/>')
    for role in ("land", "sea", "water"):
        for shape in (a for a in base.get("areas") or () if a["role"] == role):
            sheet.path(shape["geometry"], fill=_AREAS[role], fill_rule="evenodd")
    for role, (colour, width) in _LINES.items():
        for shape in (a for a in base.get("lines") or () if a["role"] == role):
            sheet.path(shape["geometry"], fill="none", stroke=colour, stroke_width=width, stroke_linecap="round")
    for main in (False, True):
        for road in (r for r in base.get("roads") or () if (r["class"] in _MAIN) is main):
            style = (C["hwy"], 3.2) if main else (C["road"], 1.6)
            sheet.path(road["geometry"], fill="none", stroke=style[0], stroke_width=style[1], stroke_linecap="round")
    for border in base.get("borders") or ():
        wide = border["kind"] in ("county", "city", "province")
        sheet.path(border["geometry"], fill="none", stroke=C["line"], stroke_width="1.4" if wide else "0.9",
                   stroke_dasharray="10 3 2 3" if wide else "4 4")  # fmt: skip


def _names(sheet: _Sheet, base: Json) -> None:
    for name in base.get("names") or ():
        x, y = sheet.frame.place(name["lon"], name["lat"])
        if 0 <= x <= WIDTH and 0 <= y <= HEIGHT:
            sheet.label(x, y, name["name"], 12, C["label"], gap=0)


def _marks(sheet: _Sheet, marks: Iterable[Json]) -> None:
    for mark in marks:
        geometry: Json = mark["geometry"]
        hot = mark["kind"] in HOT
        tone = RED if hot else BLUE
        said = mark["label"] or mark["word"]
        if geometry["type"] == "Point":
            x, y = sheet.frame.place(*geometry["coordinates"][:2])
            sheet.add(f'<path d="M{x:g} {y - 8:g}L{x + 8:g} {y:g}L{x:g} {y + 8:g}L{x - 8:g} {y:g}Z" fill="{PAPER}"'
                      f' stroke="{tone}" stroke-width="2.2"/>')  # fmt: skip
        else:
            area = geometry["type"] in ("Polygon", "MultiPolygon")
            sheet.path(geometry, fill=tone if area else "none", fill_opacity="0.1" if area else None, stroke=tone,
                       stroke_width="2", stroke_dasharray=None if hot else "7 4")  # fmt: skip
            x, y = top(sheet.frame, geometry)
        sheet.label(x, y, said, 13, tone, bold=True, gap=11 if geometry["type"] == "Point" else 3)


def top(frame: Frame, geometry: Json) -> tuple[float, float]:
    """The middle of the upper side of the box of a geometry, in pixels, where that is still on the map."""
    points = frame.line(flat(geometry))
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    x, y = (min(xs) + max(xs)) / 2, min(ys) + 12
    return min(max(x, 40.0), WIDTH - 40), min(max(y, 70.0), HEIGHT - 60)


def flat(geometry: Json | None) -> list[tuple[float, float]]:
    """Every place of a GeoJSON geometry."""
    if not geometry:
        return []
    if geometry.get("type") == "GeometryCollection":
        return [p for g in geometry.get("geometries") or () for p in flat(g)]
    out: list[tuple[float, float]] = []
    stack: list[Any] = [geometry.get("coordinates") or []]
    while stack:
        part = stack.pop()
        if part and isinstance(part[0], int | float):
            out.append((float(part[0]), float(part[1])))
        else:
            stack.extend(reversed(part))
    return out


def _incident(sheet: _Sheet, incident: Json | None) -> None:
    if not incident:
        return
    x, y = sheet.frame.place(incident["lon"], incident["lat"])
    level = _ROMAN.get(str(incident.get("roman")), 0)
    sheet.add(
        f'<circle cx="{x:g}" cy="{y:g}" r="20" fill="{PAPER}" fill-opacity="0.75"/>'
        f'<g transform="translate({x - 16:g} {y - 16:g}) scale(1.3333)">'
        f"{level_sign(level, bool(incident.get('initial')))}</g>"
    )
    sheet.taken = [box for box in sheet.taken if box[0] != x - 19]
    sheet.taken.append((x - 17, y - 17, x + 17, y + 17))
    sheet.label(x, y, incident["title"], 14, INK, bold=True, must=True, gap=21)


def level_sign(level: int, initial: bool) -> str:
    """The mark of an incident in a box of 24 by 24: dashed while nobody has confirmed the level; 0: not said yet."""
    if level not in LEVELS:
        return f'<circle cx="12" cy="12" r="8" fill="{INK}"/>'
    hue, over, pale = LEVELS[level]
    edge = f' stroke="{hue if level in (1, 4) else INK2}" stroke-width="2" stroke-dasharray="4 2.5"' if initial else (
        f' stroke="{INK}" stroke-width="1"' if level in (2, 3) else "")  # fmt: skip
    roman = next(r for r, n in _ROMAN.items() if n == level)
    drop = 17.5 if level == 1 else 16.2  # the triangle's middle lies lower
    return (f'<path d="{_SHAPES[level - 1]}" fill="{pale if initial else hue}"{edge}/>'
            f'<text x="12" y="{drop:g}" font-size="11.5" font-weight="700" text-anchor="middle" font-family="{FONT}"'
            f' fill="{INK if initial else over}">{roman}</text>')  # fmt: skip


def _forces(sheet: _Sheet, forces: Sequence[Json]) -> None:
    """A square each: filled on scene, half on the way, empty when ordered; small where it is another's."""
    for force in sorted(forces, key=lambda f: (bool(f["ours"]), str(f["name"]))):
        x, y = sheet.frame.place(force["lon"], force["lat"])
        if not (0 <= x <= WIDTH and 0 <= y <= HEIGHT):
            continue
        if not force["ours"]:
            sheet.add(f'<rect x="{x - 4:g}" y="{y - 4:g}" width="8" height="8" fill="{PAPER}" stroke="{INK2}"/>')
            continue
        fill = BLUE if force["status"] == "on_scene" else PAPER
        sheet.add(f'<rect x="{x - 7:g}" y="{y - 7:g}" width="14" height="14" fill="{fill}"'
                  f' stroke="{BLUE}" stroke-width="2.2"/>')  # fmt: skip
        if force["status"] == "en_route":
            sheet.add(f'<rect x="{x - 7:g}" y="{y:g}" width="14" height="7" fill="{BLUE}"/>')
        sheet.taken.append((x - 8, y - 8, x + 8, y + 8))
    for force in sorted(forces, key=lambda f: str(f["name"])):
        x, y = sheet.frame.place(force["lon"], force["lat"])
        if force["ours"] and 0 <= x <= WIDTH and 0 <= y <= HEIGHT:
            sheet.label(x, y, force["name"], 12, INK)


def _stamps(sheet: _Sheet, stamps: Sequence[str]) -> None:
    """演示数据, 演练: across the whole map, so that no cutting takes them off."""
    said = " · ".join(stamps)
    if not said:
        return
    for n, (x, y) in enumerate(((0.27, 0.34), (0.72, 0.5), (0.3, 0.78))):
        at = f"{x * WIDTH:g} {y * HEIGHT:g}"
        sheet.add(f'<text transform="translate({at}) rotate(-22)" font-size="{54 if n else 48}" font-weight="700"'
                  f' text-anchor="middle" font-family="{FONT}" fill="{RED}" fill-opacity="0.13">'
                  f'{escape(said)}</text>')  # fmt: skip


def _margin(sheet: _Sheet, words: Json) -> None:
    metres, pixels = scale_bar(sheet.frame.metres_px)
    said = f"{metres} m" if metres < 1000 else f"{metres / 1000:g} km"
    y = HEIGHT - 16
    wide = max(width_of(str(words.get("time") or ""), 17), width_of(str(words.get("why") or ""), 13)) + 24
    sheet.add(f'<rect x="0" y="0" width="{wide:.0f}" height="48" fill="{PAPER}" fill-opacity="0.9"/>')
    sheet.add(text_at(12, 21, str(words.get("time") or ""), 17, bold=True, halo=False))
    sheet.add(text_at(12, 40, str(words.get("why") or ""), 13, INK2, halo=False))
    sheet.add(f'<path d="M16 {y - 7:g}V{y:g}H{16 + pixels:g}V{y - 7:g}" fill="none" stroke="{PAPER}" stroke-width="5"/>'
              f'<path d="M16 {y - 7:g}V{y:g}H{16 + pixels:g}V{y - 7:g}" fill="none" stroke="{INK}"'
              ' stroke-width="2"/>')  # fmt: skip
    sheet.add(text_at(22 + pixels, y + 1, said, 13, bold=True))
    x = WIDTH - 28
    sheet.add(
        f'<path d="M{x:g} 12L{x + 9:g} 40L{x:g} 33L{x - 9:g} 40Z" fill="{INK}" stroke="{PAPER}" stroke-width="1.5"/>'
    )
    sheet.add(text_at(x - 5, 56, str(words.get("north") or "N"), 14, bold=True))
    note = str(words.get("note") or "")
    sheet.add(text_at(WIDTH - 10 - width_of(note, 11), HEIGHT - 10, note, 11, INK2))
    sheet.add(f'<rect x="0.5" y="0.5" width="{WIDTH - 1:g}" height="{HEIGHT - 1:g}" fill="none" stroke="{C["line"]}"/>')
