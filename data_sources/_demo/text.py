"""Invented people and the text form of COPY."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

_SURNAMES = "陈林黄张李王吴刘蔡杨许郑谢郭洪曾邱廖赖周叶苏庄江吕何罗高潘简朱钟游彭詹胡施沈余卢梁冯邓谭关莫麦区"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华健文辉建国志海燕玉兰嘉欣俊宏少珍永光晓东家豪美玲"


def name(rng: np.random.Generator) -> str:
    given = "".join(_GIVEN[i] for i in rng.integers(0, len(_GIVEN), int(rng.integers(1, 3))))
    return _SURNAMES[int(rng.integers(0, len(_SURNAMES)))] + given


def phone(rng: np.random.Generator) -> str:
    """A masked mobile number: only its shape is shown."""
    return f"1{rng.choice([3, 5, 7, 8])}{int(rng.integers(0, 10))}****{int(rng.integers(0, 10_000)):04d}"


def field(value: Any) -> str:
    """One value of COPY's text format. Lists become arrays, dictionaries JSON."""
    if value is None:
        return "\\N"
    if value is True or value is False:
        return "t" if value else "f"
    if isinstance(value, dict):
        return _escape(json.dumps(value, ensure_ascii=False))
    return _escape(str(value))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


class Json(str):
    """A value as JSON text, for `line` and for `%s::jsonb`."""

    __slots__ = ()

    def __new__(cls, value: Any) -> Json:
        return super().__new__(cls, json.dumps(value, ensure_ascii=False))


def array(values: Iterable[object]) -> str:
    """A PostgreSQL array of plain words or numbers."""
    return "{" + ",".join(f'"{v}"' if isinstance(v, str) else str(v) for v in values) + "}"


def line(values: Sequence[Any]) -> str:
    return "\t".join(field(v) for v in values)
