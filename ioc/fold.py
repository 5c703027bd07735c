"""Folding of names for search: one function for whoever writes a `search` column and whoever asks.

Full-width forms become half-width (NFKC), traditional characters simplified (OpenCC t2s), letters lower case, and runs
of white space one space, so that 廣場、Ｃａｍ and 广场、cam meet.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Protocol

from opencc import OpenCC


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


@cache
def _t2s() -> _Converter:
    return OpenCC("t2s")


def fold(text: str) -> str:
    """`text` as it is matched: simplified, lower case, half-width, single spaces."""
    plain = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    return plain if plain.isascii() else _t2s().convert(_whole(plain))


def _whole(text: str) -> str:
    """Without halves of surrogate pairs, which the converter does not take and no table keeps."""
    return text.encode("utf-8", "replace").decode()


def fold_all(*parts: str | None) -> str:
    """The `search` value of a row: its non-empty parts (name, id, address ...) folded and joined by one space."""
    return fold(" ".join(p for p in parts if p))


def fold_many(texts: Iterable[str]) -> Sequence[str]:
    """`fold` of many texts in one conversion, for bulk loads (the converter's call is dearer than its work)."""
    lines = [" ".join(unicodedata.normalize("NFKC", text).lower().split()) for text in texts]
    if not lines:
        return []
    return _t2s().convert(_whole("\n".join(lines))).split("\n")
