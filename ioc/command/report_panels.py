"""What panels say in a report, as sentences with the moment of their numbers. Pure, over a panel's `data`.

A panel may give its own sentences (`data["report"]`: texts, or {zh, as_of, source}); for those that do not, one
function here reads the numbers they show. A panel nobody reads here says nothing, and is never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, Any]
Line = Mapping[str, Any]
METHODS = {"dasymetric": "按建筑居住面积推算", "areal": "按面积推算"}


def lines(key: str, data: Data) -> list[Line]:
    """{zh, as_of?, source?} of a panel's data."""
    own: Any = data.get("report")
    if own:
        listed: list[Any] = list(own) if isinstance(own, list | tuple) else [own]  # pyright: ignore[reportUnknownArgumentType]
        return [one if isinstance(one, Mapping) else {"zh": str(one)} for one in listed]
    read = _READ.get(key)
    return read(data) if read else []


def _people(data: Data) -> list[Line]:
    """Residents by ring, and inside the drawn area; groups as the panel tells them (fewer than 5 are not told)."""
    areas: list[Mapping[str, Any]] = list(data.get("areas") or ())
    if not areas:
        return []
    told = "、".join(f"{_where(a)} {a['total']:,} 人" + ("（部分有数据）" if a.get("partial") else "") for a in areas)
    out: list[Line] = [{"zh": f"常住人口（{METHODS.get(str(data.get('method')), '推算')}）：{told}"}]
    near = next((a for a in areas if a.get("radius_m") == 1000), areas[0])
    names: Mapping[str, Any] = data.get("groups") or {}
    groups = "、".join(f"{(names.get(g['group']) or {}).get('zh', g['group'])} {g['shown']} 人"
                      for g in near.get("groups") or () if g.get("count") is not None)  # fmt: skip
    if groups:
        out.append({"zh": f"{_where(near)}重点人群：{groups}"})
    return out


def _buildings(data: Data) -> list[Line]:
    areas: list[Mapping[str, Any]] = list(data.get("areas") or ())
    told = [f"{_where(a)} {a['buildings']:,} 栋" for a in areas if a.get("buildings")]
    return [{"zh": f"建筑：{'、'.join(told)}"}] if told else []


def _weather(data: Data) -> list[Line]:
    """Each value with its own station and minute."""
    titles: Mapping[str, Any] = data.get("titles") or {}
    out: list[Line] = []
    for name, value in (data.get("values") or {}).items():
        word = (titles.get(name) or {}).get("zh", name)
        force = f"（{value['force_zh']}）" if value.get("force_zh") else ""
        out.append({"zh": f"{word} {value['value']:g} {value['unit']}{force}", "as_of": value["observed_at"],
                    "source": value["station"]})  # fmt: skip
    return out


def _where(area: Mapping[str, Any]) -> str:
    radius = area.get("radius_m")
    if radius is None:
        return "划定范围内"
    return f"{radius / 1000:g} km 内" if radius >= 1000 else f"{radius:g} m 内"


_READ: Mapping[str, Callable[[Data], list[Line]]] = {"people": _people, "buildings": _buildings, "weather": _weather}
