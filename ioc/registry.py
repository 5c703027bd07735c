"""Discovery: import every module of a package, take its declaration, validate, freeze. No list to edit elsewhere."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ioc.declare import AlarmRule, Dataset, Flow, Indicator, Layer, Pack, Panel, Source, Theme
from ioc.errors import DeclarationError

_NAMES: dict[str, tuple[type, str]] = {
    "LAYER": (Layer, "key"),
    "INDICATOR": (Indicator, "code"),
    "SOURCE": (Source, "key"),
    "FLOW": (Flow, "key"),
    "ALARM_RULE": (AlarmRule, "key"),
    "PACK": (Pack, "key"),
    "DATASET": (Dataset, "key"),
    "PANEL": (Panel, "key"),
    "THEME": (Theme, "key"),
}


def discover(package: str, name: str) -> Mapping[str, object]:
    """All declarations called `name` (or `name` + "S", a tuple) in the modules of `package`, in `order` then key.

    Raises DeclarationError naming the file for: no declaration, wrong type, duplicate key.
    """
    kind, key_field = _NAMES[name]
    found: dict[str, object] = {}
    where: dict[str, str] = {}
    root = importlib.import_module(package)
    for info in sorted(pkgutil.iter_modules(root.__path__), key=lambda i: i.name):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package}.{info.name}")
        file = getattr(module, "__file__", None) or info.name
        for item in _declared(module, name, file):
            if not isinstance(item, kind):
                what = kind.__name__
                raise DeclarationError(f"{file}: {name} 不是 {what}", f"{file}: {name} is not a {what}")
            key = str(getattr(item, key_field))
            if key in found:
                both = f"{where[key]}, {file}"
                raise DeclarationError(f"重复的 {name} {key}：{both}", f"duplicate {name} {key}: {both}")
            found[key], where[key] = item, file
    ordered = sorted(found.items(), key=lambda kv: (getattr(kv[1], "order", 0), kv[0]))
    return MappingProxyType(dict(ordered))


def _declared(module: object, name: str, file: str) -> Iterator[object]:
    one, many = getattr(module, name, None), getattr(module, name + "S", None)
    if one is None and many is None:
        raise DeclarationError(f"{file}: 缺少 {name}", f"{file}: no {name} declared")
    if one is not None:
        yield one
    yield from many or ()


@dataclass(frozen=True)
class Registry:
    """Everything declared, handed by `app.py` to whoever iterates it."""

    layers: Mapping[str, Layer] = field(default_factory=lambda: MappingProxyType({}))
    indicators: Mapping[str, Indicator] = field(default_factory=lambda: MappingProxyType({}))
    sources: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    flows: Mapping[str, Flow] = field(default_factory=lambda: MappingProxyType({}))
    alarm_rules: Mapping[str, AlarmRule] = field(default_factory=lambda: MappingProxyType({}))
    packs: Mapping[str, Pack] = field(default_factory=lambda: MappingProxyType({}))
