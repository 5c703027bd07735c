"""A catalogue of GB/T 28181 (MANSCDP, CmdType Catalog): one packet's text to its items. Pure; knows no store.

What is read of an item is named here. Passwords, addresses and ports are not, so nothing can keep them (SEC-15).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ioc.errors import Reason
from ioc.intake import xml_guard
from ioc.intake.gb_id import Edition, GbId, decode, is_region
from ioc.intake.private_net import without_addresses
from ioc.intake.reasons import Refuse, reason
from ioc.intake.xml_guard import Node

MAX_BYTES = 16 * 1024 * 1024
MAX_ELEMENTS = 600_000  # an item has about 30
_BOMS = (b"\xef\xbb\xbf",)
_DECLARED = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
Status = Literal["", "online", "offline", "fault"]
_STATUS: Mapping[str, Status] = {
    "ON": "online", "OK": "online", "ONLINE": "online", "1": "online", "TRUE": "online",
    "OFF": "offline", "OFFLINE": "offline", "VLOST": "offline", "0": "offline", "FALSE": "offline",
    "DEFECT": "fault",
}  # fmt: skip
# DirectionType: the way the camera looks, in eight directions: 东 西 南 北 东南 东北 西南 西北.
DIRECTIONS: Mapping[str, float] = {
    "1": 90.0, "2": 270.0, "3": 180.0, "4": 0.0, "5": 135.0, "6": 45.0, "7": 225.0, "8": 315.0,
}  # fmt: skip
PTZ: Mapping[str, str] = {
    "1": "球机",
    "2": "半球",
    "3": "固定枪机",
    "4": "遥控枪机",
    "5": "遥控半球",
    "6": "多目全景",
    "7": "多目分割",
}
_ROOM = {"1": "室外", "2": "室内"}
# name of the element -> name we keep it under
_KEPT = {
    "Manufacturer": "maker", "Model": "model", "Owner": "owner", "Block": "block", "SafetyWay": "safety_way",
    "RegisterWay": "register_way", "CertNum": "cert", "Certifiable": "certifiable", "EndTime": "cert_end",
    "SecurityLevelCode": "security_level",
}  # fmt: skip
_INFO = {
    "PositionType": "position_type", "UseType": "use_type", "SupplyLightType": "light_type",
    "Resolution": "resolution", "DownloadSpeed": "download_speed", "PhotoelectricImagingType": "imaging_type",
    "CapturePositionType": "capture_position",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One entry. `gb` None: an administrative region. `full` False: only its state was told.

    `status` "": none was told. `gone`: it was taken out of the catalogue.
    """

    gb_id: str
    gb: GbId | None
    name: str = ""
    parent: str = ""
    group: str = ""
    civil_code: str = ""
    address: str = ""
    status: Status = ""
    secret: bool = False
    lon: str = ""
    lat: str = ""
    azimuth: float | None = None
    full: bool = True
    gone: bool = False
    crs: str = ""  # what the platform says of the coordinates, where it says anything
    info: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that is none, by its id or its number in the packet."""

    key: str
    reasons: tuple[Reason, ...]
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. `keys` are of all its entries, refused ones too; `doubles` the same entry again."""

    notify: bool
    platform: str
    sn: str
    sum_num: int
    items: tuple[Item, ...]
    refused: tuple[Refused, ...]
    keys: tuple[str, ...]
    doubles: int
    digest: str


def text_of(data: bytes) -> str:
    """The packet's characters, whatever it declares. Raises Refuse (`bad_encoding`, `xml_limit`).

    Declarations are often wrong both ways. Text that is valid UTF-8 with nothing below U+2000 beside ASCII (hence of
    sequences of three bytes and more, which GBK text does not make by chance) is UTF-8; anything else GB 18030, which
    holds GBK and GB 2312.
    """
    if len(data) > MAX_BYTES:
        raise Refuse("xml_limit", what="bytes", limit=MAX_BYTES)
    body = data.removeprefix(_BOMS[0])
    found = _DECLARED.match(body)
    declared = found[1].decode("ascii").lower() if found else "utf-8"
    if declared not in ("utf-8", "utf8", "us-ascii", "ascii", "gb2312", "gbk", "gb18030", "cp936"):
        raise Refuse("bad_encoding")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    own = declared.startswith(("utf", "us", "ascii"))
    if text and (own or all(ord(c) < 0x80 or ord(c) >= 0x2000 for c in text)):
        return text
    try:
        return body.decode("gb18030")
    except UnicodeDecodeError:
        raise Refuse("bad_encoding") from None


def read(data: bytes, edition_of: Mapping[str, Edition] | None = None, default: Edition = "2016") -> Packet:
    """Raises Refuse for what is no catalogue (`not_catalogue`, `missing_field`, and those of `xml_guard`).

    `edition_of`: the edition a platform keeps to, by its id.
    """
    root = xml_guard.read_text(text_of(data), MAX_ELEMENTS)
    if root.name not in ("Response", "Notify") or root.word("CmdType").lower() != "catalog":
        raise Refuse("not_catalogue")
    platform = root.word("DeviceID")
    edition = (edition_of or {}).get(platform, default)
    decode(platform, edition)
    listed = root.first("DeviceList")
    entries = listed.all("Item") if listed is not None else []
    total = root.word("SumNum")
    if root.name == "Response" and not (total.isascii() and total.isdigit() and len(total) < 8):
        raise Refuse("not_catalogue")
    items, refused, keys, doubles = _entries(entries, edition)
    return Packet(
        notify=root.name == "Notify",
        platform=platform,
        sn=root.word("SN")[:40],
        sum_num=int(total) if total.isdigit() else len(entries),
        items=tuple(items),
        refused=tuple(refused),
        keys=tuple(keys),
        doubles=doubles,
        digest=hashlib.sha256(data).hexdigest(),
    )


def _entries(entries: list[Node], edition: Edition) -> tuple[list[Item], list[Refused], list[str], int]:
    seen: dict[str, Item | None] = {}
    items: list[Item] = []
    refused: list[Refused] = []
    doubles = 0
    for number, entry in enumerate(entries, 1):
        gb_id = entry.word("DeviceID")
        try:
            item = _item(entry, edition)
        except Refuse as e:
            key = gb_id[:60] or f"#{number}"
            doubles += key in seen
            seen.setdefault(key, None)
            refused.append(Refused(key, (e.of("DeviceID", gb_id),), safe(entry)))
            continue
        if gb_id not in seen:
            seen[gb_id] = item
            items.append(item)
            continue
        doubles += 1
        if seen[gb_id] != item:
            refused.append(Refused(gb_id, (reason("DeviceID", "duplicate_key", gb_id),), safe(entry)))
    return items, refused, list(seen), doubles


def _item(entry: Node, edition: Edition) -> Item:
    gb_id, event = entry.word("DeviceID"), entry.word("Event").upper()
    gb = None if is_region(gb_id) else decode(gb_id, edition)
    told = _STATUS.get(event or entry.word("Status").upper(), "")
    if event in ("DEL", "ON", "OFF", "VLOST", "DEFECT"):
        return Item(gb_id, gb, status=told, full=False, gone=event == "DEL")
    more = entry.first("Info")
    info: dict[str, Any] = {name: _clean(entry.word(tag), 100) for tag, name in _KEPT.items() if entry.word(tag)}
    group = entry.word("BusinessGroupID")
    azimuth = None
    if more is not None:
        info |= {name: _clean(more.word(tag), 100) for tag, name in _INFO.items() if more.word(tag)}
        info |= {
            k: v for k, v in (("ptz", PTZ.get(more.word("PTZType"))), ("room", _ROOM.get(more.word("RoomType")))) if v
        }
        group = group or more.word("BusinessGroupID")
        azimuth = DIRECTIONS.get(more.word("DirectionType"))
    if azimuth is not None:
        info["azimuth_coarse"] = True  # one of eight: good for an arrow, not for a cone
    if gb is not None and gb.reserved:
        info["reserved"] = list(gb.reserved)
    return Item(
        gb_id=gb_id,
        gb=gb,
        name=_clean(entry.word("Name"), 200),
        parent=_parent(entry.word("ParentID")),
        group=group[:20],
        civil_code=entry.word("CivilCode")[:20],
        address=_clean(entry.word("Address"), 500),
        status=told,
        secret=entry.word("Secrecy") == "1",
        lon=entry.word("Longitude")[:40],
        lat=entry.word("Latitude")[:40],
        azimuth=azimuth,
        info=info,
    )


def _parent(text: str) -> str:
    """The nearest of several parents: a device may stand under a group and under a region, joined by `/`."""
    return text.split("/")[-1].strip()[:20]


def _clean(text: str, limit: int) -> str:
    return without_addresses(text)[:limit]


def safe(entry: Node) -> dict[str, Any]:
    """What may be kept of a refused entry: the elements this module reads, without what leads to the device."""
    names = ("DeviceID", "Name", "ParentID", "CivilCode", "Address", "Status", "Event", "Longitude", "Latitude", *_KEPT)
    return {n: _clean(entry.word(n), 200) for n in names if entry.word(n)}
