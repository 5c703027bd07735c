"""`<data_dir>/run.json`: what runs and where it listens. Written by the supervisor, read by `status` and `doctor`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psutil

NAME = "run.json"


def write(root: Path, content: dict[str, Any]) -> None:
    path = root / NAME
    tmp = path.with_suffix(".new")
    tmp.write_text(json.dumps(content, ensure_ascii=False, indent=1))
    os.replace(tmp, path)


def read(root: Path) -> dict[str, Any]:
    """Empty when nothing was ever started; `running` says whether the supervisor of the record is alive."""
    try:
        content: dict[str, Any] = json.loads((root / NAME).read_text())
    except (OSError, ValueError):
        return {}
    content["running"] = is_alive(content.get("pid"), content.get("pid_created"))
    return content


def is_alive(pid: int | None, created: float | None = None) -> bool:
    """A pid is believed only together with the time its process was made: numbers come round again."""
    if not pid:
        return False
    try:
        process = psutil.Process(pid)
        same = created is None or abs(process.create_time() - created) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
