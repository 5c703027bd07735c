"""Words on screen: Chinese first, English on switch. One JSON file per room in `ioc/words/`, discovered, never listed.

A file maps a key to `{"zh": ..., "en": ...}`; keys are `room.name`. Declarations (layers, indicators ...) carry their
own `Text`. A missing key is an error in tests and shows the key itself at run time, so that it is seen, not hidden.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from ioc.errors import DeclarationError

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Text:
    """A word in both languages."""

    zh: str
    en: str

    def __call__(self, lang: str) -> str:
        return self.en if lang == "en" else self.zh


@cache
def catalogue() -> dict[str, Text]:
    """Every word of `ioc/words/*.json`. Raises DeclarationError for a duplicate key or a missing language."""
    out: dict[str, Text] = {}
    for entry in sorted(resources.files("ioc").joinpath("words").iterdir(), key=lambda p: p.name):
        if not entry.name.endswith(".json"):
            continue
        for key, pair in json.loads(entry.read_text("utf-8")).items():
            if key in out:
                raise DeclarationError(f"{entry.name}: 重复的键 {key}", f"{entry.name}: duplicate key {key}")
            if not pair.get("zh") or not pair.get("en"):
                raise DeclarationError(f"{entry.name}: {key} 缺少语言", f"{entry.name}: {key} lacks a language")
            out[key] = Text(pair["zh"], pair["en"])
    return out


def t(key: str, lang: str = "zh", /, **values: object) -> str:
    """The word for `key`, with `{name}` places filled from `values`."""
    word = catalogue().get(key)
    text = word(lang) if word else key
    return text.format(**values) if values else text


def as_lang(value: str | None) -> Lang:
    return "en" if value == "en" else "zh"
