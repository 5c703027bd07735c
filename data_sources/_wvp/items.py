"""A channel of WVP as an item of a catalogue. Pure. Its password, address and port are not read (SEC-15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ioc.intake.gb_catalogue import DIRECTIONS, PTZ, Item, Status
from ioc.intake.gb_id import Edition, decode, is_region
from ioc.intake.private_net import without_addresses
from ioc.intake.reasons import Refuse

Json = Mapping[str, Any]
_KEPT = {"manufacturer": "maker", "model": "model", "block": "block", "certNum": "cert", "resolution": "resolution"}
_ROOM = {"1": "室外", "2": "室内"}


def id_of(channel: Json) -> str:
    """`channelId` of versions before 2.7, whose `deviceId` is the device's; else `deviceId`."""
    return _text(channel.get("channelId") or channel.get("deviceId"), 60)


def online(value: Any) -> bool | None:
    """ON/OFF of 2.7, true/false and 1/0 of versions before. None: not told."""
    if isinstance(value, bool):
        return value
    return {"ON": True, "1": True, "TRUE": True, "OFF": False, "0": False, "FALSE": False}.get(_text(value, 10).upper())


def device_online(device: Json) -> bool | None:
    """`onLine` of a device, `online` in versions before 2.6."""
    return online(device["onLine"] if "onLine" in device else device.get("online"))


def crs_of(device: Json) -> Literal["", "GCJ-02", "EPSG:4326"]:
    word = _text(device.get("geoCoordSys"), 20).upper().replace("-", "")
    return "GCJ-02" if word == "GCJ02" else "EPSG:4326" if word == "WGS84" else ""


def to_item(channel: Json, device: Json, edition: Edition) -> Item:
    """Raises Refuse for an id that is none. A channel of a device that is away is away, whatever its last word was."""
    gb_id = id_of(channel)
    gb = None if is_region(gb_id) else decode(gb_id, edition)
    on, above = online(channel.get("status")), device_online(device)
    status: Status = "" if on is None else "online" if on and above is not False else "offline"
    info: dict[str, Any] = {n: _clean(channel.get(k), 100) for k, n in _KEPT.items() if _text(channel.get(k), 100)}
    info |= {k: v for k, v in (("ptz", PTZ.get(_text(channel.get("ptzType"), 4))),
                               ("room", _ROOM.get(_text(channel.get("roomType"), 4)))) if v}  # fmt: skip
    azimuth = DIRECTIONS.get(_text(channel.get("directionType"), 4))
    if azimuth is not None:
        info["azimuth_coarse"] = True
    if gb is not None and gb.reserved:
        info["reserved"] = list(gb.reserved)
    return Item(
        gb_id=gb_id,
        gb=gb,
        name=_clean(channel.get("name"), 200),
        parent=_text(channel.get("parentId"), 200).split("/")[-1][:20] or _text(device.get("deviceId"), 20),
        group=_text(channel.get("businessGroupId"), 20),
        civil_code=_text(channel.get("civilCode"), 20),
        address=_clean(channel.get("address"), 500),
        status=status,
        secret=_text(channel.get("secrecy"), 4) == "1",
        lon=_text(channel.get("longitude"), 40),
        lat=_text(channel.get("latitude"), 40),
        azimuth=azimuth,
        crs=crs_of(device),
        info=info,
    )


def check_platform(device: Json, edition: Edition) -> str:
    """The id of a device that has channels. Raises Refuse."""
    text = _text(device.get("deviceId"), 60)
    if not text:
        raise Refuse("missing_field")
    return decode(text, edition).text


def _text(value: Any, limit: int) -> str:
    return str(value).strip()[:limit] if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _clean(value: Any, limit: int) -> str:
    return without_addresses(_text(value, limit))
