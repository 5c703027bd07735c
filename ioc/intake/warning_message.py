"""An official warning as it is received, whatever format it came in, and the checks both formats share. Pure.

Severity and colour are the two names of one thing: 红 Extreme, 橙 Severe, 黄 Moderate, 蓝 Minor (12379 practice). A
colour that is named outright wins, because a typhoon's 白 has no severity of its own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

import shapely

from ioc import geo
from ioc.dictionaries import Dictionary, Entry
from ioc.errors import Reason
from ioc.fold import fold
from ioc.intake import fields
from ioc.intake.reasons import Refuse, reason

T = TypeVar("T")
MsgType = Literal["alert", "update", "cancel", "ack", "error"]
Point = tuple[float, float]  # lon, lat
Circle = tuple[float, float, float]  # lon, lat, radius in km

COLOURS = ("red", "orange", "yellow", "blue", "white")
COLOUR_ZH: Mapping[str, str] = dict(zip(COLOURS, ("红色", "橙色", "黄色", "蓝色", "白色"), strict=True))
OF_SEVERITY: Mapping[str, str] = {"extreme": "red", "severe": "orange", "moderate": "yellow", "minor": "blue"}
SEVERITY_OF: Mapping[str, str] = {"red": "Extreme", "orange": "Severe", "yellow": "Moderate", "blue": "Minor"}
SEVERITIES = ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
URGENCIES = ("Immediate", "Expected", "Future", "Past", "Unknown")
CERTAINTIES = ("Observed", "Likely", "Possible", "Unlikely", "Unknown")
USUAL = COLOURS[:4]  # the four of 突发事件应对法; a type with others says so in `warning_type`
MAX_POINTS = 20_000
MIN_POLYGON = 4
MAX_CODES = 2000
MAX_RADIUS_KM = 2000.0
_KM_PER_DEGREE = 110.5
_CHARS = {**dict(zip("红橙黄蓝白", COLOURS, strict=True)), "紅": "red", "黃": "yellow", "藍": "blue"}
_NAMED = re.compile(r"(?<![a-z])(red|orange|yellow|blue|white)(?![a-z])|([红橙黄蓝白紅黃藍])(?=色|$|\s|/|预|預)", re.I)
# 由黄色升级为橙色, 变更为红色: the colour that holds now
_RAISED = re.compile(r"(?:升级|降级|变更|调整|改发|升為|降为|升为)[^。，,;；]{0,12}?([红橙黄蓝白])色")
_TITLED = re.compile(r"\b(red|orange|yellow|blue|white)[ -](?:warning|alert|signal)", re.I)
_RANKS = {
    f"{n}级": colour
    for colour, names in zip(COLOURS, ("一 i", "二 ii", "三 iii", "四 iv"), strict=False)
    for n in names.split()
}
_CODE = re.compile(r"(?<![0-9A-Za-z])(1[1-4][A-G]\d{2})(?![0-9A-Za-z])", re.I)
_REGION = re.compile(r"(?<!\d)(?:\d{6}|\d{12})(?!\d)")
_IDENTIFIER = re.compile(r"^[^\s,<&\x00-\x1f]{1,200}$")


@dataclass(frozen=True, slots=True)
class Reference:
    """One earlier message. `sender` and `sent_at` may be unknown in JSON that names only identifiers."""

    identifier: str
    sender: str = ""
    sent_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What is warned of. `area` in the issuer's words; shapes in degrees, WGS 84; `codes` of 6 or 12 digits."""

    kind: str
    kind_en: str
    event_code: str
    colour: str
    severity: str
    urgency: str
    certainty: str
    headline: str
    headline_en: str
    description: str
    description_en: str
    instruction: str
    sender_name: str
    area: str
    polygons: tuple[tuple[Point, ...], ...]
    circles: tuple[Circle, ...]
    codes: tuple[str, ...]
    effective_at: dt.datetime
    event_onset_at: dt.datetime | None
    expires_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Message:
    """One checked message. `content` is there for alerts and updates. `kept`: all languages, as they came."""

    identifier: str
    sender: str
    sent_at: dt.datetime
    msg_type: MsgType
    exercise: bool
    references: tuple[Reference, ...]
    content: Content | None
    kept: Mapping[str, Any]

    def record(self) -> dict[str, Any]:
        """What is kept of the message: as it came where the format allows, else what was read of it."""
        said = dict(self.kept) or (asdict(self.content) if self.content else {})
        return json.loads(json.dumps(said, ensure_ascii=False, default=str))

    @property
    def digest(self) -> str:
        """Of what the message says, not of how it was written: spaces and attribute order do not make it another."""
        said = json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, default=str)
        return hashlib.sha256(said.encode()).hexdigest()


class Faults:
    """Collects reasons under a path such as `info[0].area[1].polygon`."""

    def __init__(self) -> None:
        self.reasons: list[Reason] = []

    def add(self, field: str, code: str, value: object = "", /, **values: object) -> None:
        self.reasons.append(reason(field, code, value, **values))

    def parsed(self, field: str, value: Any, parse: Callable[[Any], T]) -> T | None:
        try:
            return parse(value)
        except Refuse as e:
            self.reasons.append(e.of(field, value))
            return None

    def required(self, field: str, value: Any, parse: Callable[[Any], T]) -> T | None:
        if fields.blank(value):
            self.add(field, "missing_field")
            return None
        return self.parsed(field, value, parse)


# ---------------------------------------------------------------- words


def text(limit: int) -> Callable[[Any], str]:
    """Trimmed text the store can keep: no NUL, no half of a surrogate pair."""

    def parse(value: Any) -> str:
        out = fields.text(value, limit)
        try:
            out.encode("utf-8")
        except UnicodeEncodeError:
            raise Refuse("bad_text") from None
        return out

    return parse


def identifier(value: Any) -> str:
    """CAP 1.2, 3.2.1: no spaces, commas or restricted characters."""
    out = text(200)(value)
    if not _IDENTIFIER.match(out):
        raise Refuse("bad_identifier")
    return out


def choice(words: Sequence[str]) -> Callable[[Any], str]:
    known = {w.lower(): w for w in words}

    def parse(value: Any) -> str:
        found = known.get(text(40)(value).lower())
        if found is None:
            raise Refuse("bad_choice", choices=", ".join(words))
        return found

    return parse


def in_order(faults: Faults, times: Sequence[tuple[str, dt.datetime | None]]) -> None:
    """Each time that is given must not lie before the last one given."""
    last: tuple[str, dt.datetime] | None = None
    for name, at in times:
        if at is None:
            continue
        if last is not None and at < last[1]:
            faults.add(name, "time_order", at.isoformat(), other=last[0])
        last = (name, at)


# ---------------------------------------------------------------- type and colour


def colours_named(words: str) -> list[str]:
    """Every colour a text names, in order, once: 橙色, Orange, 二级."""
    rank = _RANKS.get(fold(words).replace(" ", "").removesuffix("预警"))
    if rank:
        return [rank]
    return list(dict.fromkeys(m[1].lower() if m[1] else _CHARS[m[2]] for m in _NAMED.finditer(words)))


def headline_colour(words: str) -> list[str]:
    """The colours of a headline; of one that tells of a change, the colour it changed to.

    English needs the word beside it: a red tide is no red warning.
    """
    if words.isascii():
        return list(dict.fromkeys(m.lower() for m in _TITLED.findall(words)))
    raised = _RAISED.findall(words)
    return [_CHARS[raised[-1]]] if raised else colours_named(words)


def decide_colour(faults: Faults, field: str, named: Iterable[str], headline: str, severity: str) -> str:
    """The colour of a warning, "" after a fault. `named`: colours of parameters and codes; they win over the headline,
    the headline over `severity`. Names that contradict each other are a fault.
    """
    said = list(dict.fromkeys(named))
    titled = headline_colour(headline)
    if len(said) == 1 and len(titled) == 1 and said != titled:
        said += titled
    if len(said) > 1:
        faults.add(field, "conflicting_colour", headline, colours="、".join(COLOUR_ZH[c] for c in said))
        return ""
    if not said and len(titled) == 1:
        said = titled
    found = said[0] if said else OF_SEVERITY.get(severity.lower(), "")
    if not found:
        faults.add(field, "unknown_severity", severity)
    return found


def find_type(types: Dictionary, codes: Iterable[str], words: Iterable[str]) -> tuple[Entry | None, str]:
    """The warning type and its code. A code of GB/T 35561 that the table lacks is kept; its name comes from `words`."""
    code = ""
    for given in codes:
        match = _CODE.search(given)
        entry = types.find(match[1].upper() if match else given.strip())
        if entry is not None:
            return entry, entry.code
        code = code or (match[1].upper() if match else "")
    if code:
        return None, code
    for word in words:
        found = types.find(word) or _within(types, word)
        if found is not None:
            return found, found.code
    return None, ""


def _within(types: Dictionary, word: str) -> Entry | None:
    """The longest name inside a text: 雷雨大风 before 大风."""
    folded = fold(word)
    hits = [(len(n), e) for e in types.values() for n in e.words()[1:] if not n.isdigit() and fold(n) in folded]
    return max(hits, key=lambda h: h[0])[1] if hits else None


def check_colour(faults: Faults, field: str, entry: Entry | None, kind: str, colour: str) -> None:
    """A type has its own colours: a typhoon five, a rainstorm three; the others the usual four."""
    known: Sequence[str] = (entry.attributes.get("colours") if entry else None) or USUAL
    if colour and colour not in known:
        names = "、".join(COLOUR_ZH.get(str(c), str(c)) for c in known)
        faults.add(field, "colour_of_kind", colour, kind=kind, colour=COLOUR_ZH[colour], known=names)


# ---------------------------------------------------------------- places


def region_codes(value: str) -> tuple[str, ...]:
    """Region codes of 6 or 12 digits in a text; others (a postal or foreign code) are none of ours."""
    return tuple(dict.fromkeys(_REGION.findall(value)))


def point(lat: Any, lon: Any) -> Point:
    """One position in degrees. Raises Refuse for what cannot be one, and for one that has them the wrong way round."""
    y, x = fields.number(lat), fields.number(lon)
    if geo.looks_swapped(x, y):
        raise Refuse("swapped_lonlat")
    if not (-90 <= y <= 90 and -180 <= x <= 180):
        raise Refuse("out_of_range", low="-90,-180", high="90,180")
    return x, y


def polygon(value: Any) -> tuple[Point, ...]:
    """CAP text `lat,lon lat,lon ...`: closed, at least four pairs, not crossing itself."""
    pairs = text(MAX_POINTS * 60)(value).split()
    if len(pairs) < MIN_POLYGON:
        raise Refuse("few_points", limit=MIN_POLYGON)
    if len(pairs) > MAX_POINTS:
        raise Refuse("many_points", limit=MAX_POINTS)
    points = tuple(_pair(p) for p in pairs)
    if points[0] != points[-1]:
        raise Refuse("open_polygon")
    shape = shapely.Polygon(points)
    if shape.is_empty or not shape.is_valid or shape.area == 0:
        raise Refuse("invalid_geometry", where=shapely.is_valid_reason(shape))
    return points


def _pair(value: str) -> Point:
    lat, comma, lon = value.partition(",")
    if not comma or "," in lon:
        raise Refuse("bad_shape")
    return point(lat, lon)


def circle(value: Any) -> Circle:
    """CAP text `lat,lon radius`, the radius in kilometres."""
    parts = text(200)(value).split()
    if len(parts) != 2:
        raise Refuse("bad_shape")
    lon, lat = _pair(parts[0])
    radius = fields.number(parts[1])
    most = min(MAX_RADIUS_KM, (90 - abs(lat)) * _KM_PER_DEGREE)  # a circle over a pole is no ring on the map
    if not 0 < radius <= most:
        raise Refuse("out_of_range", low="> 0", high=f"{most:g}")
    return lon, lat, radius
