"""Which centres are read: a JSON file beside the settings, because it holds their tokens."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from ioc.errors import ConfigError

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
MAX_CENTRES = 200


@dataclass(frozen=True, slots=True)
class Centre:
    """`region`: its root here, for what lies in no region we know. `sensitivity`: of what it gives, at least."""

    key: str
    title: str
    url: str
    token: str
    region: str
    sensitivity: int = 1
    poll_s: float = 5.0
    indicators_s: float = 60.0

    @property
    def source(self) -> str:
        return f"lower:{self.key}"


def read(path: Path) -> list[Centre]:
    """Raises ConfigError with everything that is wrong. A token stands there or in a file of its own (`token_file`)."""
    try:
        body = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as e:
        raise ConfigError(f"无法读取 {path.name}：{e}", f"cannot read {path.name}: {e}") from e
    listed = cast("dict[str, Any]", body).get("centres") if isinstance(body, dict) else None
    if not isinstance(listed, list) or len(cast("list[Any]", listed)) > MAX_CENTRES:
        raise ConfigError(f"{path.name}：centres 应为列表", f"{path.name}: centres must be a list")
    faults: list[str] = []
    centres = [_centre(item, f"centres[{i}]", path, faults) for i, item in enumerate(cast("list[Any]", listed))]
    keys = [c.key for c in centres]
    faults += [f"{k}: 重复 / double" for k in sorted({k for k in keys if keys.count(k) > 1})]
    if faults:
        said = "；".join(faults)
        raise ConfigError(f"{path.name}：{said}", f"{path.name}: {said}")
    return centres


def _centre(item: Any, at: str, path: Path, faults: list[str]) -> Centre:
    given = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
    words = {n: str(given.get(n) or "").strip() for n in ("key", "title", "url", "token", "token_file", "region")}
    if words["token_file"]:
        try:
            words["token"] = (path.parent / words["token_file"]).read_text("utf-8").strip()
        except OSError as e:
            faults.append(f"{at}.token_file: {e.strerror}")
    for name in ("key", "title", "url", "token", "region"):
        if not words[name]:
            faults.append(f"{at}.{name}: 必填 / required")
    if words["key"] and not _KEY.fullmatch(words["key"]):
        faults.append(f"{at}.key: [a-z0-9_-]")
    if words["url"] and (urlsplit(words["url"]).scheme not in ("http", "https") or not urlsplit(words["url"]).hostname):
        faults.append(f"{at}.url: http(s)://...")
    if not words["token"].isascii() or any(c.isspace() for c in words["token"]):
        faults.append(f"{at}.token: 格式不符 / malformed")
    level = _number(given, "sensitivity", 1, 0, 2, at, faults)
    poll = _number(given, "poll_s", 5, 1, 3600, at, faults)
    every = _number(given, "indicators_s", 60, 5, 86_400, at, faults)
    url = words["url"].rstrip("/")
    return Centre(words["key"], words["title"], url, words["token"], words["region"], int(level), poll, every)


def _number(
    given: dict[str, Any], name: str, usual: float, low: float, high: float, at: str, faults: list[str]
) -> float:
    value = given.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        faults.append(f"{at}.{name}: {low:g} … {high:g}")
        return usual
    return float(value)
