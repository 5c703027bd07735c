"""CAP 1.2 (OASIS, 1 July 2010): bytes to a `Message`, or every reason against them. Pure.

Beyond the schema: times carry an offset and lie in order, polygons are closed and latitude comes first, a colour fits
its type, an update, a cancellation or a receipt says what it refers to, and only public actual warnings and exercises
pass.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from ioc.dictionaries import Dictionary, Entry
from ioc.errors import Invalid
from ioc.intake import warning_message as wm
from ioc.intake import xml_guard
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import Refuse, reason
from ioc.intake.warning_message import Content, Faults, Message, MsgType, Reference
from ioc.intake.xml_guard import Node

SPACE = "urn:oasis:names:tc:emergency:cap:1.2"
STATUSES = ("Actual", "Exercise", "System", "Test", "Draft")
MSG_TYPES = ("Alert", "Update", "Cancel", "Ack", "Error")
SCOPES = ("Public", "Restricted", "Private")
CATEGORIES = (
    *("Geo", "Met", "Safety", "Security", "Rescue", "Fire"),
    *("Health", "Env", "Transport", "Infra", "CBRNE", "Other"),
)
_TIME = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?$")
# valueName of a parameter that tells the colour or the level it stands for
_COLOUR_NAME = re.compile(r"colou?r|颜色|级别|等级|alert_?level|awareness_level", re.I)


@dataclass(slots=True)
class _Info:
    """One `info` block, read."""

    language: str
    entry: Entry | None
    code: str
    kind: str
    colour: str
    severity: str
    urgency: str
    certainty: str
    words: dict[str, str]
    times: tuple[dt.datetime | None, dt.datetime | None, dt.datetime | None]
    areas: list[str] = field(default_factory=list[str])
    polygons: list[tuple[wm.Point, ...]] = field(default_factory=list[tuple[wm.Point, ...]])
    circles: list[wm.Circle] = field(default_factory=list[wm.Circle])
    codes: list[str] = field(default_factory=list[str])

    @property
    def chinese(self) -> bool:
        return self.language.startswith("zh")


def parse(data: bytes, rules: TimeRules, types: Dictionary) -> Message:
    """The message in a CAP 1.2 document. Raises Invalid with every reason, and nothing else, whatever `data` is."""
    try:
        root = xml_guard.read(data)
    except Refuse as e:
        raise Invalid(reasons=[e.of("body", data[:200].decode("utf-8", "replace"))]) from None
    return of_node(root, rules, types)


def of_node(root: Node, rules: TimeRules, types: Dictionary) -> Message:
    """The message of an `alert` element, wherever it stood (an Atom entry may hold one). Raises Invalid."""
    if (root.space, root.name) != (SPACE, "alert"):
        raise Invalid(reasons=[reason("body", "not_cap", f"{{{root.space}}}{root.name}")])
    faults = Faults()
    message = _message(root, rules, types, faults)
    if faults.reasons or message is None:
        raise Invalid(reasons=faults.reasons)
    return message


def _message(root: Node, rules: TimeRules, types: Dictionary, faults: Faults) -> Message | None:
    identifier = faults.required("identifier", root.word("identifier"), wm.identifier)
    sender = faults.required("sender", root.word("sender"), wm.identifier)
    sent = faults.required("sent", root.word("sent"), lambda v: moment(v, rules, bounded=True))
    status = faults.required("status", root.word("status"), wm.choice(STATUSES))
    msg_type = faults.required("msgType", root.word("msgType"), wm.choice(MSG_TYPES))
    scope = faults.required("scope", root.word("scope"), wm.choice(SCOPES))
    if status not in (None, "Actual", "Exercise"):
        faults.add("status", "not_actual", status, status=status)
    if scope not in (None, "Public"):
        faults.add("scope", "not_public", scope, scope=scope)
    references = _references(root.word("references"), identifier, msg_type, faults)
    infos = [_info(n, f"info[{i}]", sent, rules, types, faults) for i, n in enumerate(root.all("info"))]
    warns = msg_type in ("Alert", "Update")
    if warns and not infos:
        faults.add("info", "missing_info")
    content = _content(infos, sent, faults) if warns and infos and sent is not None else None
    if identifier is None or sender is None or sent is None or msg_type is None:
        return None
    kind = cast(MsgType, msg_type.lower())
    kept = xml_guard.describe(root)
    return Message(identifier, sender, sent, kind, status == "Exercise", references, content, kept)


def moment(value: str, rules: TimeRules, *, bounded: bool = False) -> dt.datetime:
    """A CAP dateTime as aware UTC. `bounded`: also neither in the future nor older than what is kept."""
    found = _TIME.match(wm.text(40)(value))
    if not found:
        raise Refuse("bad_time")
    if found[1] is None:
        raise Refuse("naive_time")
    try:
        out = dt.datetime.fromisoformat(value.strip()).astimezone(dt.UTC)
        if bounded and out > rules.now + rules.future:
            raise Refuse("future_time", minutes=f"{rules.future.total_seconds() / 60:g}")
        if bounded and rules.past is not None and out < rules.now - rules.past:
            raise Refuse("too_old", days=rules.past.days)
    except (ValueError, OverflowError):
        raise Refuse("bad_time") from None
    return out


def _references(value: str, own: str | None, msg_type: str | None, faults: Faults) -> tuple[Reference, ...]:
    """`sender,identifier,sent` triples, parted by spaces. Their times are kept when they can be read."""
    found: dict[str, Reference] = {}
    for triple in value.split():
        parts = triple.split(",")
        if len(parts) != 3 or not parts[0] or not parts[1]:
            faults.add("references", "bad_references", triple)
            continue
        at = _TIME.match(parts[2])
        try:
            when = dt.datetime.fromisoformat(parts[2]).astimezone(dt.UTC) if at and at[1] else None
        except (ValueError, OverflowError):
            when = None
        if when is None:
            faults.add("references", "bad_references", triple)
            continue
        found[parts[1]] = Reference(parts[1], parts[0], when)
    if own in found:
        faults.add("references", "self_reference", own)
    if msg_type not in (None, "Alert") and not value.strip():
        faults.add("references", "missing_references")
    return tuple(found.values())


# ---------------------------------------------------------------- info


def _info(node: Node, at: str, sent: dt.datetime | None, rules: TimeRules, types: Dictionary, faults: Faults) -> _Info:
    event = faults.required(f"{at}.event", node.word("event"), wm.text(200)) or ""
    severity = faults.required(f"{at}.severity", node.word("severity"), wm.choice(wm.SEVERITIES)) or ""
    urgency = faults.required(f"{at}.urgency", node.word("urgency"), wm.choice(wm.URGENCIES)) or ""
    certainty = faults.required(f"{at}.certainty", node.word("certainty"), wm.choice(wm.CERTAINTIES)) or ""
    categories = node.all("category")
    if not categories:
        faults.add(f"{at}.category", "missing_field")
    for category in categories:
        faults.parsed(f"{at}.category", category.text, wm.choice(CATEGORIES))
    words = {
        name: faults.parsed(f"{at}.{name}", node.word(name), wm.text(limit)) or ""
        for name, limit in (("headline", 500), ("description", 8000), ("instruction", 8000), ("senderName", 200))
    }
    codes = [c.word("value") for c in node.all("eventCode")]
    entry, code = wm.find_type(types, codes, [event, words["headline"]])
    before = len(faults.reasons)
    colour = wm.decide_colour(faults, f"{at}.severity", _colours(node, codes), words["headline"], severity)
    if severity and not (len(faults.reasons) > before):
        wm.check_colour(faults, f"{at}.severity", entry, entry.zh if entry else event, colour)
    language = (node.word("language") or "").lower()
    if not language:  # CAP's default is en-US; an issuer who leaves it out writes his own language
        language = "en-us" if f"{event}{words['headline']}".isascii() else "zh-cn"
    out = _Info(language, entry, code, event, colour, severity, urgency, certainty, words,
                _times(node, at, sent, rules, faults))  # fmt: skip
    for i, area in enumerate(node.all("area")):
        _area(area, f"{at}.area[{i}]", out, faults)
    if sum(map(len, out.polygons)) > wm.MAX_POINTS:
        faults.add(f"{at}.area", "many_points", limit=wm.MAX_POINTS)
    if len(out.codes) > wm.MAX_CODES:
        faults.add(f"{at}.area", "too_long", len(out.codes), limit=wm.MAX_CODES)
    return out


def _colours(node: Node, codes: Sequence[str]) -> list[str]:
    """Colours that parameters and event codes name outright."""
    said = [c for code in codes for c in wm.colours_named(code)]
    for parameter in node.all("parameter"):
        if _COLOUR_NAME.search(parameter.word("valueName")):
            said += wm.colours_named(parameter.word("value"))
    return said


def _times(
    node: Node, at: str, sent: dt.datetime | None, rules: TimeRules, faults: Faults
) -> tuple[dt.datetime | None, dt.datetime | None, dt.datetime | None]:
    def one(name: str) -> dt.datetime | None:
        word = node.word(name)
        return faults.parsed(f"{at}.{name}", word, lambda v: moment(v, rules)) if word else None

    effective, onset, expires = one("effective"), one("onset"), one("expires")
    wm.in_order(
        faults, [("sent", sent), (f"{at}.effective", effective), (f"{at}.onset", onset), (f"{at}.expires", expires)]
    )
    return effective, onset, expires


def _area(node: Node, at: str, out: _Info, faults: Faults) -> None:
    words = faults.required(f"{at}.areaDesc", node.word("areaDesc"), wm.text(2000))
    if words:
        out.areas.append(words)
    for i, shape in enumerate(node.all("polygon")):
        points = faults.required(f"{at}.polygon[{i}]", shape.text, wm.polygon)
        if points is not None:
            out.polygons.append(points)
    for i, shape in enumerate(node.all("circle")):
        disc = faults.required(f"{at}.circle[{i}]", shape.text, wm.circle)
        if disc is not None:
            out.circles.append(disc)
    for code in node.all("geocode"):
        out.codes += wm.region_codes(code.word("value"))


def _content(infos: Sequence[_Info], sent: dt.datetime, faults: Faults) -> Content:
    """Chinese first, English beside it. Several infos of one language may part the area, never kind or colour."""
    first = next((i for i in infos if i.chinese), infos[0])
    mine = [i for i in infos if i.language == first.language]
    english = next((i for i in infos if i.language.startswith("en")), None)
    if len({(i.code or i.kind, i.colour) for i in mine}) > 1:
        faults.add("info", "mixed_infos")
    placed = mine if any(i.polygons or i.circles or i.codes for i in mine) else list(infos)
    kind = first.entry.zh if first.entry else first.kind
    kind_en = english.kind if english else (first.entry.en if first.entry else "")
    effective, onset, _ = first.times
    ends = [i.times[2] for i in mine]
    open_end = any(e is None for e in ends)
    return Content(
        kind=kind,
        kind_en=kind_en,
        event_code=first.code,
        colour=first.colour,
        severity=first.severity,
        urgency=first.urgency,
        certainty=first.certainty,
        headline=first.words["headline"],
        headline_en=english.words["headline"] if english else "",
        description=first.words["description"],
        description_en=english.words["description"] if english else "",
        instruction=first.words["instruction"],
        sender_name=first.words["senderName"],
        area="、".join(dict.fromkeys(a for i in mine for a in i.areas)),
        polygons=tuple(dict.fromkeys(p for i in placed for p in i.polygons)),
        circles=tuple(dict.fromkeys(c for i in placed for c in i.circles)),
        codes=tuple(dict.fromkeys(c for i in placed for c in i.codes)),
        effective_at=effective or sent,
        event_onset_at=onset,
        expires_at=None if open_end else max(e for e in ends if e is not None),
    )
