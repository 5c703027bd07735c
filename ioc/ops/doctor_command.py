"""`ioc doctor`: which data of emergency command is here, how old it is, and which panels it serves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ioc.command.datasets import datasets
from ioc.command.panels import panels
from ioc.declare import Dataset, Panel
from ioc.i18n import Text
from ioc.store.editions import Edition


@dataclass(frozen=True, slots=True)
class Said:
    """One dataset in both languages; `advice` where it is missing or due for renewal."""

    zh: str
    en: str
    advice: Text | None = None


def said(have: Mapping[str, Edition], now: dt.datetime) -> list[Said]:
    """Every declared dataset, in its order."""
    return [_line(d, have.get(d.key), served(d.key), now) for d in datasets().values()]


def served(dataset: str) -> Sequence[Panel]:
    """The panels that need `dataset`, or are better with it."""
    return [p for p in panels().values() if dataset in (*p.datasets, *p.helped_by)]


def _line(dataset: Dataset, edition: Edition | None, serves: Sequence[Panel], now: dt.datetime) -> Said:
    to = f"（用于 {'、'.join(p.title.zh for p in serves)}）" if serves else ""
    to_en = f" (for {', '.join(p.title.en for p in serves)})" if serves else ""
    if edition is None:
        return Said(f"{dataset.title.zh} 未导入{to}", f"{dataset.title.en} missing{to_en}", dataset.advice)
    age = now - edition.as_of
    zh = f"{dataset.title.zh} {edition.rows} 条 {edition.as_of:%Y-%m-%d} {edition.source}{to}"
    en = f"{dataset.title.en} {edition.rows} rows of {edition.as_of:%Y-%m-%d}, {age.days} days old{to_en}"
    if age > dataset.interval:
        return Said(f"{zh}，已过更新期", f"{en}, due for renewal", dataset.advice)
    return Said(zh, en)
