"""The life of an order (任务): 下达, 签收, 执行, 完成 or 无法执行; 撤回 by who commands. Pure.

A phone without a network sends its receipts later and in their order; what was done is never refused for being sent
twice (`Idempotency-Key`), and a receipt that would go back is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from ioc.errors import Conflict, NotFound
from ioc.i18n import Text

STATES: Mapping[str, Text] = {
    "issued": Text("已下达", "Issued"),
    "signed": Text("已签收", "Signed for"),
    "working": Text("执行中", "Under way"),
    "done": Text("已完成", "Done"),
    "unable": Text("无法执行", "Cannot be done"),
    "withdrawn": Text("已撤回", "Withdrawn"),
}
OPEN = ("issued", "signed", "working")


@dataclass(frozen=True, slots=True)
class Receipt:
    """`to` "": the state stays. `mine`: by who was ordered (or for them by who commands); else by who commands."""

    key: str
    title: Text
    at: tuple[str, ...]
    to: str
    mine: bool = True
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


RECEIPTS: Mapping[str, Receipt] = {
    r.key: r
    for r in (
        Receipt("sign", Text("签收", "Sign for"), ("issued",), "signed", may=("text",)),
        Receipt("start", Text("开始执行", "Start"), ("issued", "signed"), "working", may=("text", "photos")),
        Receipt("done", Text("完成", "Done"), ("signed", "working"), "done", may=("text", "photos", "people")),
        Receipt("unable", Text("无法执行", "Cannot be done"), OPEN, "unable", needs=("reason",), may=("photos",)),
        Receipt("note", Text("反馈", "Feedback"), OPEN, "", may=("text", "photos", "people")),
        Receipt("withdraw", Text("撤回", "Withdraw"), OPEN, "withdrawn", mine=False, needs=("reason",)),
    )
}


def receipt_of(key: str) -> Receipt:
    """Raises NotFound."""
    found = RECEIPTS.get(key)
    if found is None:
        raise NotFound(f"回执 {key}", f"receipt {key}")
    return found


def after(state: str, receipt: Receipt) -> str:
    """The state after it. Raises Conflict where the order is past it."""
    if state not in receipt.at:
        zh, en = STATES[state].zh, STATES[state].en
        raise Conflict(f"任务{zh}，不能{receipt.title.zh}", f"the order is {en.lower()}: no {receipt.key}")
    return receipt.to or state


def choices(state: str, *, mine: bool, commands: bool) -> list[Receipt]:
    """What the asker may say to an order now."""
    return [r for r in RECEIPTS.values() if state in r.at and (commands or (mine and r.mine))]


def late(state: str, due_at: dt.datetime | None, done_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Not done by its time: still open after it, or done later than it. What was given back is not late."""
    if due_at is None or state in ("unable", "withdrawn"):
        return False
    return (done_at or now) > due_at
